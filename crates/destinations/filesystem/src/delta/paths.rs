//! Names of files, as the log writes them.

use crate::kept::push_code;

/// The folder of the log, in the folder of its table.
pub(crate) const LOG: &str = "_delta_log";

/// The log's file of a version.
pub(super) fn version_key(version: u64) -> String {
    format!("{LOG}/{version:020}.json")
}

/// The version that a file of the log holds, if it is a version's.
pub(super) fn version_of(name: &str) -> Option<u64> {
    number(name.strip_suffix(".json")?)
}

/// A number as names of the log have it: of twenty digits.
pub(super) fn number(text: &str) -> Option<u64> {
    (text.len() == 20 && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// A key as the log writes it.
pub(super) fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        // What an address may hold; `%` is written as its code, and `=` and `/` part the names of folders.
        match byte {
            _ if byte.is_ascii_alphanumeric() || b"-_./=".contains(&byte) => text.push(char::from(byte)),
            _ => push_code(&mut text, byte),
        }
    }
    text
}

/// The key that the log writes so; `None` where it leads out of the table's folder.
pub(super) fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    let key = String::from_utf8(bytes).ok()?;
    let is_outside = path.starts_with('/') || path.contains("://") || key.split('/').any(|part| part == "..");
    (!is_outside).then_some(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_written_as_others_write_them() {
        let folder = "x=a%2Fb%20c%25%3D%C3%A9%3A%2B/z=__HIVE_DEFAULT_PARTITION__/";
        let path = encoded(folder);
        assert_eq!(path, "x=a%252Fb%2520c%2525%253D%25C3%25A9%253A%252B/z=__HIVE_DEFAULT_PARTITION__/");
        assert_eq!(decoded(&path).unwrap(), folder);
    }

    #[test]
    fn paths_stay_in_the_folder_of_their_table() {
        assert_eq!(decoded("a%20b/c.parquet").as_deref(), Some("a b/c.parquet"));
        for outside in ["s3://b/x.parquet", "/tmp/x.parquet", "../x.parquet", "a/%2E%2E/x.parquet"] {
            assert_eq!(decoded(outside), None, "{outside}");
        }
    }
}
