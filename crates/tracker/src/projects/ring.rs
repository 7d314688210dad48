//! The keys as a running tracker knows them. Commands change the file beside it; the ring notices.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::file::{KeysFile, LOOK_FOR_FIRST, hashed};
use crate::error::{Error, in_full};
use crate::stamp::Stamp;

/// How long a key that was revoked may still count.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Project(Arc<str>),
    Revoked,
    Nothing,
}

#[derive(Debug)]
struct Held {
    stamp: Stamp,
    looked: Instant,
    by_hash: HashMap<String, Found>,
}

/// The keys of a running tracker. A key that is added counts at once, one that is revoked counts no more a second later.
#[derive(Debug)]
pub(crate) struct KeyRing {
    file: KeysFile,
    held: RwLock<Held>,
}

impl KeyRing {
    /// Reads the keys.
    ///
    /// # Errors
    /// When they can't be read.
    pub(crate) fn open(file: KeysFile) -> Result<Self, Error> {
        let stamp = Stamp::of(file.path());
        let held = Held { stamp, looked: Instant::now(), by_hash: by_hash(&file)? };
        Ok(Self { file, held: RwLock::new(held) })
    }

    /// What a key leads to.
    pub(super) fn find(&self, key: &str) -> Found {
        // Many trackers have no keys, and what senders name is then looked up nowhere.
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (is_empty, looked, known) = (held.by_hash.is_empty(), held.looked, held.stamp);
        drop(held);
        if is_empty && looked.elapsed() < LOOK_FOR_FIRST {
            return Found::Nothing;
        }
        if is_empty && Stamp::of(self.file.path()) == known {
            self.held.write().unwrap_or_else(PoisonError::into_inner).looked = Instant::now();
            return Found::Nothing;
        }
        let hash = hashed(key);
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let found = held.by_hash.get(&hash).cloned().unwrap_or(Found::Nothing);
        let (is_fresh, known) = (held.looked.elapsed() < LOOK_AGAIN, held.stamp);
        drop(held);
        if is_fresh && found != Found::Nothing || Stamp::of(self.file.path()) == known && self.looked(&found) {
            return found;
        }
        self.read_again();
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.by_hash.get(&hash).cloned().unwrap_or(Found::Nothing)
    }

    /// Notes that the file is as it was; always true.
    fn looked(&self, found: &Found) -> bool {
        // Who names an unknown key has no part in how often is looked for known ones.
        if *found != Found::Nothing {
            self.held.write().unwrap_or_else(PoisonError::into_inner).looked = Instant::now();
        }
        true
    }

    /// Takes the file as it is now. Where it can't be read, what was known counts on.
    fn read_again(&self) {
        let stamp = Stamp::of(self.file.path());
        let read = by_hash(&self.file);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.stamp = stamp;
        held.looked = Instant::now();
        match read {
            Ok(by_hash) => held.by_hash = by_hash,
            Err(error) => tracing::error!(error = in_full(&error), "the keys that were known before count on"),
        }
    }
}

fn by_hash(file: &KeysFile) -> Result<HashMap<String, Found>, Error> {
    let state = |key: &super::Key| match &key.revoked {
        Some(_) => Found::Revoked,
        None => Found::Project(Arc::from(key.project.as_str())),
    };
    Ok(file.kept()?.into_iter().map(|kept| (kept.hash, state(&kept.key))).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_key_counts_at_once_and_one_that_is_revoked_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let file = KeysFile::new(path.clone());
        let ring = KeyRing::open(file.clone()).unwrap();
        assert_eq!(ring.find("the-key-of-web"), Found::Nothing);
        let web = file.add("web", None, Some("the-key-of-web")).unwrap();
        assert_eq!(ring.find("the-key-of-web"), Found::Project("web".into()));
        file.revoke(&web.key.id).unwrap();
        // An unknown key is looked for at once, and so is what else has changed.
        assert_eq!(ring.find("another-key"), Found::Nothing);
        assert_eq!(ring.find("the-key-of-web"), Found::Revoked);
        // A file that can't be read changes nothing.
        std::fs::write(&path, "{").unwrap();
        assert_eq!(ring.find("another-key"), Found::Nothing);
        assert_eq!(ring.find("the-key-of-web"), Found::Revoked);
    }
}
