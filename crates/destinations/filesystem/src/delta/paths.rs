//! Names of files, as the log writes them.

use std::fmt::Write as _;

/// The folder of the log, in the folder of its table.
pub(crate) const LOG: &str = "_delta_log";

/// What stands for a column without a value in the name of a folder.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

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

/// The folder of a partition: `day=2024-01-02/`; empty where a table has none.
pub(super) fn folder(columns: &[String], values: &[Option<String>]) -> String {
    let mut folder = String::new();
    for (column, value) in columns.iter().zip(values) {
        let value = value.as_deref().map_or_else(|| NO_VALUE.to_owned(), escaped);
        folder.push_str(&format!("{}={value}/", escaped(column)));
    }
    folder
}

/// A key as the log writes it.
pub(super) fn encoded(key: &str) -> String {
    let mut text = String::new();
    for byte in key.bytes() {
        // What an address may hold; `%` is written as its code, and `=` and `/` part the names of folders.
        match byte {
            _ if is_plain(byte) || matches!(byte, b'/' | b'=') => text.push(char::from(byte)),
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

/// Whether a file was written by a load: its name begins with the load's id.
pub(crate) fn is_of_load(key: &str, load_id: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.strip_prefix(load_id).is_some_and(|rest| rest.starts_with('.'))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if is_plain(byte) { escaped.push(char::from(byte)) } else { push_code(&mut escaped, byte) }
    }
    escaped
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

fn push_code(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_written_as_others_write_them() {
        let columns = ["x".to_owned(), "z".to_owned()];
        let folder = folder(&columns, &[Some("a/b c%=é:+".to_owned()), None]);
        assert_eq!(folder, "x=a%2Fb%20c%25%3D%C3%A9%3A%2B/z=__HIVE_DEFAULT_PARTITION__/");
        let path = encoded(&folder);
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

    #[test]
    fn files_of_a_load() {
        assert!(is_of_load("users/day=1/1.5.0a.parquet", "1.5"));
        assert!(!is_of_load("users/1.55.0a.parquet", "1.5"));
    }
}
