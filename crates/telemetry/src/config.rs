//! `config.toml`: reading a key with the line it stands on, and changing one without disturbing the rest.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, DocumentMut, Item, TableLike};

use crate::disk;

/// A file larger than this is not read: it is not a configuration.
const MAX_BYTES: u64 = 1 << 20;

/// A configuration file that was found.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    content: Result<Document<String>, Broken>,
}

/// Why a file could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) line: Option<usize>,
    pub(crate) why: String,
}

/// A scalar and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) value: Scalar,
    /// Counted from 1.
    pub(crate) line: Option<usize>,
}

/// The values that our keys may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    Text(String),
    /// Anything else, as it is written.
    Other(String),
}

impl ConfigFile {
    /// Reads a file; `None` if there is none.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        match read_bounded(path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            read => Some(Self::of(path, read)),
        }
    }

    /// What was read, or why nothing was, as a configuration.
    pub(crate) fn of(path: &Path, read: io::Result<String>) -> Self {
        let content = match read {
            Ok(text) => Document::parse(text.clone()).map_err(|error| Broken {
                line: error.span().map(|span| line_of(&text, &span)),
                why: error.message().to_owned(),
            }),
            Err(error) => Err(Broken { line: None, why: error.to_string() }),
        };
        Self { path: path.to_owned(), content }
    }

    /// Why the file could not be understood, if so.
    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.content.as_ref().err()
    }

    /// Looks up `[table] key`.
    pub(crate) fn get(&self, table: &str, key: &str) -> Option<Found> {
        let document = self.content.as_ref().ok()?;
        let item = document.as_table().get(table)?.as_table_like()?.get(key)?;
        let value = match item {
            Item::Value(toml_edit::Value::Boolean(value)) => Scalar::Bool(*value.value()),
            Item::Value(toml_edit::Value::String(value)) => Scalar::Text(value.value().clone()),
            other => Scalar::Other(other.to_string().trim().to_owned()),
        };
        Some(Found { value, line: item.span().map(|span| line_of(document.raw(), &span)) })
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    decode(disk::read_at_most(path, MAX_BYTES + 1)?)
}

pub(crate) fn decode(bytes: Vec<u8>) -> io::Result<String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
}

/// A configuration file that could not be changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line that is at fault, counted from 1, where there is one.
    pub line: Option<usize>,
    why: String,
    source: Option<io::Error>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot change {}", self.path.display())?;
        if let Some(line) = self.line {
            write!(formatter, ", line {line}")?;
        }
        write!(formatter, ": {}", self.why)
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// Sets `[table] key = value`, keeping comments, order and permissions, by writing a new file and renaming it over
/// the old one. A missing file is created.
pub(crate) fn set_bool(path: &Path, table: &str, key: &str, value: bool) -> Result<(), ConfigError> {
    let failed = |why: &str, source: io::Error| ConfigError {
        path: path.to_owned(),
        line: None,
        why: why.to_owned(),
        source: Some(source),
    };
    let text = match read_bounded(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed("it cannot be read", error)),
    };
    let changed = with_bool(&text, table, key, value).map_err(|broken| ConfigError {
        path: path.to_owned(),
        line: broken.line,
        why: broken.why,
        source: None,
    })?;
    if changed == text {
        return Ok(());
    }
    replace(path, changed.as_bytes()).map_err(|error| failed("it cannot be written", error))
}

pub(crate) fn with_bool(text: &str, table: &str, key: &str, value: bool) -> Result<String, Broken> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| Broken {
        line: error.span().map(|span| line_of(text, &span)),
        why: format!("it is not valid TOML ({}); repair it, then try again", error.message()),
    })?;
    let entry = document.entry(table).or_insert_with(toml_edit::table);
    let Some(entry) = entry.as_table_like_mut() else {
        return Err(Broken { line: None, why: format!("`{table}` is not a table") });
    };
    set_keeping_decoration(entry, key, value);
    Ok(document.to_string())
}

/// A comment behind the old value belongs to the line, not to the value.
fn set_keeping_decoration(table: &mut dyn TableLike, key: &str, value: bool) {
    let mut new = toml_edit::Value::from(value);
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(new),
        None => {
            table.insert(key, Item::Value(new));
        }
    }
}

/// Replaces a file in one step: whoever reads it sees the old or the new content, never a part.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A configuration kept elsewhere and linked in stays linked.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".config.{}.tmp", crate::hash::hex(&crate::random::random::<8>())));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        if let Ok(old) = fs::metadata(&target) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &target)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> ConfigFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        ConfigFile::read(&path).unwrap()
    }

    #[test]
    fn finds_a_key_with_its_line() {
        let file = read("# hello\n\n[runtime]\nlog_level = \"INFO\"\ndlthub_telemetry = false # ours\n");
        let found = file.get("runtime", "dlthub_telemetry").unwrap();
        assert_eq!(found, Found { value: Scalar::Bool(false), line: Some(5) });
        assert_eq!(file.get("runtime", "nothing"), None);
        assert_eq!(file.get("nothing", "dlthub_telemetry"), None);
    }

    #[test]
    fn other_ways_to_write_a_table() {
        for text in [
            "runtime.dlthub_telemetry = false",
            "runtime = { dlthub_telemetry = false }",
            "[runtime]\ndlthub_telemetry=false",
        ] {
            let found = read(text).get("runtime", "dlthub_telemetry").unwrap();
            assert_eq!(found.value, Scalar::Bool(false), "{text}");
        }
        let odd = read("[runtime]\ndlthub_telemetry = [1]").get("runtime", "dlthub_telemetry").unwrap();
        assert_eq!(odd.value, Scalar::Other("[1]".to_owned()));
    }

    #[test]
    fn a_broken_file_says_where() {
        let file = read("[runtime]\nlog_level = \"INFO\"\ndlthub_telemetry = fals\n");
        assert_eq!(file.broken().unwrap().line, Some(3));
        assert_eq!(file.get("runtime", "log_level"), None);
        assert!(ConfigFile::read(Path::new("/nowhere/config.toml")).is_none());
        assert!(ConfigFile::read(Path::new("/")).unwrap().broken().is_some());
    }

    #[test]
    fn writing_keeps_comments_and_order() {
        let text = "# top\n[b]\nx = 1 # one\n\n[runtime]\n# about it\ndlthub_telemetry = true # why\nz = 2\n\n[a]\n";
        let expected = text.replace("= true", "= false");
        assert_eq!(with_bool(text, "runtime", "dlthub_telemetry", false).unwrap(), expected);
        assert_eq!(
            with_bool("", "runtime", "dlthub_telemetry", false).unwrap(),
            "[runtime]\ndlthub_telemetry = false\n"
        );
        let inline = with_bool("runtime = { a = 1 }\n", "runtime", "dlthub_telemetry", false).unwrap();
        assert_eq!(inline, "runtime = { a = 1 , dlthub_telemetry = false }\n");
    }

    #[test]
    fn a_file_that_is_not_toml_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "[runtime\n").unwrap();
        let error = set_bool(&path, "runtime", "dlthub_telemetry", false).unwrap_err();
        assert_eq!(error.line, Some(1));
        assert_eq!(fs::read_to_string(&path).unwrap(), "[runtime\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.toml"), folder.path().join("config.toml"));
        fs::write(&real, "").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        set_bool(&link, "runtime", "dlthub_telemetry", false).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&real).unwrap().contains("dlthub_telemetry = false"));
    }

    proptest::proptest! {
        /// Whatever stands in a file: it is read or refused, never a panic, and a change touches its own line alone.
        #[test]
        fn any_text_is_survived(text in "(\\[[a-z]{0,8}\\]\n|[a-z_]{1,8} ?= ?[a-z0-9\"\\[\\]{}]{0,6}\n|# .{0,9}\n|.{0,9}){0,8}") {
            let file = read(&text);
            let _ = file.get("runtime", "dlthub_telemetry");
            if let Ok(changed) = with_bool(&text, "runtime", "dlthub_telemetry", false) {
                let again = read(&changed);
                proptest::prop_assert_eq!(again.get("runtime", "dlthub_telemetry").unwrap().value, Scalar::Bool(false));
                for comment in text.lines().filter(|line| line.starts_with('#')) {
                    proptest::prop_assert!(changed.contains(comment.trim_end()));
                }
            } else {
                proptest::prop_assert!(file.broken().is_some() || text.contains("runtime"));
            }
        }
    }
}
