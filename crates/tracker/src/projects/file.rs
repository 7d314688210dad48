//! `keys.json`: which keys there are, by their hashes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::is_project_name;
use crate::durable_dir;
use crate::error::Error;
use crate::hash::shake128;
use crate::secret::random_hex;

/// How long a tracker without keys may not know of the first one: whoever adds it waits as long.
pub(super) const LOOK_FOR_FIRST: Duration = Duration::from_millis(5);

/// What keys begin with that the tracker makes, so that they are known for what they are where they lie about.
const PREFIX: &str = "dltk_";
/// Characters that a key has at least, and at most.
const CHARS: std::ops::RangeInclusive<usize> = 8..=200;
/// Characters of a hash that are the id of its key.
const ID_CHARS: usize = 8;

/// A write key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Key {
    /// What it is called in lists, and by `revoke`.
    pub id: String,
    /// Whose events it brings.
    pub project: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was made, ISO 8601.
    pub created: String,
    /// When it was revoked, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<String>,
}

/// A key that was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewKey {
    /// The key itself. It is not kept, and can't be told again.
    pub secret: String,
    /// What is kept of it.
    pub key: Key,
}

/// What became of keys and contracts that were taken from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakenProjects {
    /// Keys that are new here.
    pub new_keys: u64,
    /// Keys that were revoked elsewhere, and are here now.
    pub revoked_keys: u64,
    /// Projects whose contract is another one now, or new.
    pub contracts: Vec<String>,
    /// Keys, by their ids, that are here alone; they stay.
    pub only_keys: Vec<String>,
    /// Projects whose contract is here alone; it stays.
    pub only_contracts: Vec<String>,
}

/// A key as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) hash: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    keys: Vec<Kept>,
}

/// The file with the keys of a data folder.
#[derive(Debug, Clone)]
pub(crate) struct KeysFile(PathBuf);

impl KeysFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// All keys, the oldest first; none where there is no file.
    ///
    /// # Errors
    /// When the file can't be read, or is not what it should be.
    pub(crate) fn read(&self) -> Result<Vec<Key>, Error> {
        Ok(self.kept()?.into_iter().map(|kept| kept.key).collect())
    }

    /// As [`KeysFile::read`], with their hashes.
    pub(crate) fn kept(&self) -> Result<Vec<Kept>, Error> {
        let failed = |source| Error::folder("read the keys in", &self.0, source);
        match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
            Ok(text) => {
                let document: Document = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
                Ok(document.keys)
            }
        }
    }

    /// Adds a key to a project: one that is given, or a new one.
    ///
    /// # Errors
    /// When the name or the key can't be one, the key is there already, or the file can't be written.
    pub(crate) fn add(&self, project: &str, name: Option<&str>, given: Option<&str>) -> Result<NewKey, Error> {
        if !is_project_name(project) {
            return Err(Error::ProjectName { name: project.to_owned() });
        }
        let secret = match given {
            Some(key)
                if !CHARS.contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') =>
            {
                return Err(Error::KeyForm);
            }
            Some(key) => key.to_owned(),
            None => random_hex::<16>().map(|lot| format!("{PREFIX}{lot}")).map_err(Error::Start)?,
        };
        let hash = hashed(&secret);
        self.change(|keys| {
            if let Some(Kept { key, .. }) = keys.iter().find(|kept| kept.hash == hash) {
                return Err(Error::KeyTaken { id: key.id.clone(), project: key.project.clone() });
            }
            let key = Key {
                id: hash[..ID_CHARS].to_owned(),
                project: project.to_owned(),
                name: name.map(str::to_owned),
                created: now(),
                revoked: None,
            };
            keys.push(Kept { key: key.clone(), hash });
            Ok(NewKey { secret, key })
        })
    }

    /// Revokes a key that is named by its id, or by itself. One that is revoked stays as it is.
    ///
    /// # Errors
    /// When there is no such key, or the file can't be written.
    pub(crate) fn revoke(&self, named: &str) -> Result<Key, Error> {
        let hash = hashed(named);
        self.change(|keys| {
            let found = keys.iter_mut().find(|kept| kept.key.id == named || kept.hash == hash);
            let key = &mut found.ok_or(Error::NoKey)?.key;
            key.revoked.get_or_insert_with(now);
            Ok(key.clone())
        })
    }

    /// Adds keys of elsewhere, and revokes those that are revoked there. No key comes back.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub(crate) fn merge(&self, keys: Vec<Kept>, taken: &mut TakenProjects) -> Result<(), Error> {
        self.change(|here| {
            let is_in = |all: &[Kept], kept: &Kept| all.iter().any(|known| known.hash == kept.hash);
            taken.only_keys = here.iter().filter(|kept| !is_in(&keys, kept)).map(|kept| kept.key.id.clone()).collect();
            for kept in keys {
                match here.iter_mut().find(|known| known.hash == kept.hash) {
                    None => {
                        taken.new_keys += 1;
                        here.push(kept);
                    }
                    Some(known) if known.key.revoked.is_none() && kept.key.revoked.is_some() => {
                        taken.revoked_keys += 1;
                        known.key.revoked = kept.key.revoked;
                    }
                    Some(_) => {}
                }
            }
            Ok(())
        })
    }

    /// Changes the file while no other process does.
    fn change<T>(&self, work: impl FnOnce(&mut Vec<Kept>) -> Result<T, Error>) -> Result<T, Error> {
        let path = &self.0;
        let failed = |source| Error::folder("write the keys in", path, source);
        let lock = private(&path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut keys = self.kept()?;
        let done = work(&mut keys)?;
        let temporary = path.with_extension("json.tmp");
        let written = (|| {
            let mut file = private(&temporary)?;
            let mut text = serde_json::to_string_pretty(&Document { keys })?;
            text.push('\n');
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            durable_dir::sync(path.parent().unwrap_or(Path::new(".")))
        })();
        written.map_err(failed)?;
        // Who knows that there is none may not have looked since.
        std::thread::sleep(LOOK_FOR_FIRST);
        Ok(done)
    }
}

/// A file for its owner alone, emptied.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// The hash of a key. Keys are made by lot, so that a plain hash gives none away.
pub(super) fn hashed(key: &str) -> String {
    shake128(format!("write key\0{key}").as_bytes())
}

fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_kept_as_hashes_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeysFile::new(folder.path().join("keys.json"));
        assert!(file.read().unwrap().is_empty());
        let made = file.add("web", Some("the site"), None).unwrap();
        let given = file.add("app", None, Some("of-old-times")).unwrap();
        assert!(made.secret.starts_with(PREFIX) && made.secret.len() == PREFIX.len() + 32, "{made:?}");
        let text = fs::read_to_string(folder.path().join("keys.json")).unwrap();
        assert!(!text.contains(&made.secret) && !text.contains("of-old-times"), "{text}");
        assert_eq!(file.read().unwrap(), [made.key.clone(), given.key]);
        let mode = fs::metadata(folder.path().join("keys.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // By its id or by itself.
        assert!(file.revoke(&made.key.id).unwrap().revoked.is_some());
        assert!(file.revoke("of-old-times").unwrap().revoked.is_some());
        assert!(matches!(file.revoke("another"), Err(Error::NoKey)));
        assert!(file.read().unwrap().iter().all(|key| key.revoked.is_some()));
    }

    #[test]
    fn what_can_be_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeysFile::new(folder.path().join("keys.json"));
        assert!(matches!(file.add("default", None, None), Err(Error::ProjectName { .. })));
        for key in ["short", "with a space", "with:colon", "schlüssel", &"k".repeat(201)] {
            assert!(matches!(file.add("web", None, Some(key)), Err(Error::KeyForm)), "{key}");
        }
        file.add("web", None, Some("the-same-key")).unwrap();
        assert!(matches!(file.add("app", None, Some("the-same-key")), Err(Error::KeyTaken { .. })));
        fs::write(folder.path().join("keys.json"), "{\"keys\":[{}]}").unwrap();
        assert!(file.read().unwrap_err().to_string().contains("keys.json"));
    }

    #[test]
    fn adding_from_many_sides_loses_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeysFile::new(folder.path().join("keys.json"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..5).for_each(|_| drop(file.add("web", None, None).unwrap())));
            }
        });
        assert_eq!(file.read().unwrap().len(), 40);
    }
}
