//! Names of files and folders of tables.

use std::fmt::Write as _;

/// What stands for a column without a value in the name of a folder.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folder of a partition: `day=2024-01-02/`; empty where a table has none.
pub(super) fn folder<'a>(parts: impl Iterator<Item = (&'a str, Option<String>)>) -> String {
    let mut folder = String::new();
    for (column, value) in parts {
        let value = value.map_or_else(|| NO_VALUE.to_owned(), |value| escaped(&value));
        folder.push_str(&format!("{}={value}/", escaped(column)));
    }
    folder
}

/// Whether a file was written by a load: its name begins with the load's id.
pub(crate) fn is_of_load(key: &str, load_id: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.strip_prefix(load_id).is_some_and(|rest| rest.starts_with('.'))
}

/// The id by which a version names itself that takes back what a load did.
pub(crate) fn taken_back(load_id: &str) -> String {
    format!("{load_id}-taken-back")
}

/// A text as part of a name: what would mean something else there is written as its code.
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

/// Writes a byte as its code: `%2F`.
pub(crate) fn push_code(text: &mut String, byte: u8) {
    let _ = write!(text, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_written_as_others_write_them() {
        let folder = folder([("x", Some("a/b c%=é:+".to_owned())), ("z", None)].into_iter());
        assert_eq!(folder, "x=a%2Fb%20c%25%3D%C3%A9%3A%2B/z=__HIVE_DEFAULT_PARTITION__/");
    }

    #[test]
    fn files_of_a_load() {
        assert!(is_of_load("users/day=1/1.5.0a.parquet", "1.5"));
        assert!(!is_of_load("users/1.55.0a.parquet", "1.5"));
        assert!(!is_of_load(&format!("users/{}.0a.avro", taken_back("1.5")), "1.5"));
    }
}
