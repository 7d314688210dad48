//! Secrets of a data folder: made once by lot, each in a file that only its owner can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Characters that a secret has at least.
pub(crate) const MIN_CHARS: usize = 16;

/// Reads a secret, and makes one where there is none. Another in the place of one that was damaged would let go what the first one
/// leads to.
///
/// # Errors
/// When the file can't be read or written, or holds a text that is too short.
pub(crate) fn secret(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= MIN_CHARS => return Ok(text.trim().to_owned()),
        Ok(text) if !text.trim().is_empty() => {
            let short = format!(
                "it has fewer than {MIN_CHARS} characters: put back what was in it, or remove the file to have another made"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, short));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let secret = random_hex::<16>()?;
    let temporary = file.with_extension("tmp");
    let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    writeln!(written, "{secret}")?;
    written.sync_all()?;
    fs::rename(&temporary, file)?;
    Ok(secret)
}

/// So many random bytes in hexadecimal.
///
/// # Errors
/// When the system has none.
pub(crate) fn random_hex<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0u8; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Compares secrets in a time that does not tell how much of them is alike.
pub(crate) fn same(given: &str, secret: &str) -> bool {
    given.len() == secret.len() && given.bytes().zip(secret.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let made = secret(&file).unwrap();
        assert_eq!(made.len(), 32);
        assert_eq!(secret(&file).unwrap(), made);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // A file that was cut short stays as it is, and one that is empty is filled.
        fs::write(&file, "abc\n").unwrap();
        assert!(secret(&file).unwrap_err().to_string().contains("fewer than 16"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "abc\n");
        fs::write(&file, "\n").unwrap();
        assert!(![made.as_str(), ""].contains(&secret(&file).unwrap().as_str()));
        assert!(same(&made, &made) && !same(&made, "another"));
    }
}
