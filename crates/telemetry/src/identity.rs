//! The random id of a machine, and the secret that keys its hashes. Each is made once, by the first process that needs it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::disk;
use crate::hash::{base64, hex, shake128};
use crate::random::random;

/// The id's file, which Python dlt shares.
pub(crate) const ID_FILE: &str = ".anonymous_id";
const SECRET_FILE: &str = "secret";

/// Ids that are longer, or hold anything but letters, digits, `-` and `_`, are not ids.
const MAX_ID: usize = 64;
/// No id and no secret needs as much.
const MAX_FILE: u64 = 4096;

/// The id and the secret of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) anonymous_id: String,
    secret: [u8; 32],
}

impl Identity {
    /// Reads id and secret. Makes what is missing.
    pub(crate) fn load(data: &Path, telemetry: &Path) -> io::Result<Self> {
        fs::create_dir_all(telemetry)?;
        let anonymous_id = once(&data.join(ID_FILE), valid_id, || hex(&random::<16>()), 0o644)?;
        let secret = once(&telemetry.join(SECRET_FILE), |text| unhex(text).is_some(), || hex(&random::<32>()), 0o600)?;
        let secret = unhex(&secret).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { anonymous_id, secret })
    }

    /// An identity for this process alone, where none can be kept.
    pub(crate) fn ephemeral() -> Self {
        Self { anonymous_id: hex(&random::<16>()), secret: random() }
    }

    /// The hash of a name, keyed with the machine's secret.
    pub(crate) fn keyed_hash(&self, name: &str) -> String {
        base64(&shake128::<15>(&[&self.secret, name.as_bytes()]))
    }

    /// The id of a month. Neither the next one nor the kept one follows from it.
    pub(crate) fn of_month(&self, month: &str) -> String {
        hex(&shake128::<16>(&[&self.secret, self.anonymous_id.as_bytes(), month.as_bytes()]))
    }
}

/// The hash of a name as Python dlt makes it.
pub(crate) fn plain_hash(name: &str) -> String {
    base64(&shake128::<15>(&[name.as_bytes()]))
}

/// The id, if there is one. Makes nothing.
pub(crate) fn peek(data: &Path) -> Option<String> {
    let text = disk::text_at_most(&data.join(ID_FILE), MAX_FILE).ok()?;
    let id = text.trim();
    valid_id(id).then(|| id.to_owned())
}

/// Deletes id and secret. The next event makes new ones.
pub(crate) fn remove(data: &Path, telemetry: &Path) -> io::Result<()> {
    for path in [data.join(ID_FILE), telemetry.join(SECRET_FILE)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn valid_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ID
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Reads a file that is written once. A process that finds none writes a complete one under another name and links it
/// into place, which fails for all but the first; all processes then use that one.
fn once(path: &Path, valid: impl Fn(&str) -> bool, make: impl Fn() -> String, mode: u32) -> io::Result<String> {
    let read = || -> io::Result<Found> {
        match disk::text_at_most(path, MAX_FILE).map(|text| text.trim().to_owned()) {
            Ok(text) if valid(&text) => Ok(Found::Whole(text)),
            Ok(_) => Ok(Found::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = folder.join(format!(".{}.tmp", hex(&random::<8>())));
    for _ in 0..3 {
        match read()? {
            Found::Whole(text) => return Ok(text),
            Found::Nothing => {
                let linked = write_new(&temporary, &make(), mode).and_then(|()| link(&temporary, path));
                let _ = fs::remove_file(&temporary);
                match linked {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => continue,
                }
            }
            Found::Damaged => {}
        }
        // Another program creates the file first and fills it afterwards: it gets a moment to do so.
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(1));
            if let Found::Whole(text) = read()? {
                return Ok(text);
            }
        }
        // Held while the file is replaced: of two processes that find it damaged, one replaces it.
        let _one_at_a_time = lock_folder(folder)?;
        if let Found::Damaged = read()? {
            let replaced = write_new(&temporary, &make(), mode).and_then(|()| fs::rename(&temporary, path));
            let _ = fs::remove_file(&temporary);
            replaced?;
        }
    }
    Err(io::Error::other(format!("{} does not hold still", path.display())))
}

enum Found {
    Whole(String),
    /// Empty, or filled with something else.
    Damaged,
    Nothing,
}

/// A hard link, or, on a file system that has none, a rename.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            fs::rename(from, to)
        }
        other => other,
    }
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)?.write_all(text.as_bytes())
}

fn lock_folder(folder: &Path) -> io::Result<File> {
    let handle = File::open(folder)?;
    for _ in 0..50 {
        match handle.try_lock() {
            Ok(()) => return Ok(handle),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = folder.path().join("telemetry");
        assert_eq!(peek(folder.path()), None);
        let first = Identity::load(folder.path(), &telemetry).unwrap();
        assert_eq!(first.anonymous_id.len(), 32);
        assert_eq!(Identity::load(folder.path(), &telemetry).unwrap(), first);
        assert_eq!(peek(folder.path()), Some(first.anonymous_id.clone()));
        remove(folder.path(), &telemetry).unwrap();
        assert_eq!(peek(folder.path()), None);
        let second = Identity::load(folder.path(), &telemetry).unwrap();
        assert_ne!(second.anonymous_id, first.anonymous_id);
        assert_ne!(second.secret, first.secret);
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "nothing temporary stays behind");
    }

    #[test]
    fn python_dlts_id_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(ID_FILE), "5900737068dbc1906b124d87fc984692").unwrap();
        let identity = Identity::load(folder.path(), &folder.path().join("telemetry")).unwrap();
        assert_eq!(identity.anonymous_id, "5900737068dbc1906b124d87fc984692");
    }

    #[test]
    fn an_empty_or_spoilt_id_is_replaced_by_one_for_all() {
        for spoilt in ["", "  \n", "not an id!", "é"] {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().to_owned();
            fs::write(data.join(ID_FILE), spoilt).unwrap();
            let ids: Vec<_> = (0..8)
                .map(|_| {
                    let data = data.clone();
                    std::thread::spawn(move || Identity::load(&data, &data.join("telemetry")).unwrap())
                })
                .collect::<Vec<_>>()
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect();
            assert!(ids.iter().all(|id| *id == ids[0] && valid_id(&id.anonymous_id)), "{spoilt:?} {ids:?}");
        }
    }

    #[test]
    fn hashes() {
        assert_eq!(plain_hash("chess_pipeline"), "e/2IAxdylTbRo4fF1j56");
        let (one, other) = (Identity::ephemeral(), Identity::ephemeral());
        assert_ne!(one.keyed_hash("chess_pipeline"), plain_hash("chess_pipeline"));
        assert_ne!(one.keyed_hash("chess_pipeline"), other.keyed_hash("chess_pipeline"));
        assert_eq!(one.keyed_hash("chess_pipeline"), one.keyed_hash("chess_pipeline"));
        assert_eq!(one.keyed_hash("chess_pipeline").len(), 20);
    }

    #[test]
    fn each_month_has_its_own_id() {
        let identity = Identity::ephemeral();
        let ids = [identity.of_month("2026-11"), identity.of_month("2026-12"), identity.anonymous_id.clone()];
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        assert_eq!(ids[0], identity.of_month("2026-11"));
        assert_eq!(ids[0].len(), 32);
    }
}
