//! Which database a person means, and how it is told without secrets.

use dlt_engine::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The file of an SQLite database.
///
/// # Errors
/// [`ErrorKind::Config`] if it is none, such as a database in memory.
pub(crate) fn sqlite_file(uri: &Path) -> Result<PathBuf> {
    let refused = |why: &str| {
        let shown = match uri.to_str().map(|text| (text.contains("://"), public(text))) {
            Some((true, shown)) => shown,
            _ => uri.display().to_string(),
        };
        Err(Error::new(ErrorKind::Config, format!("`{shown}` cannot be an SQLite destination: {why}"))
            .hint("name a file: uri = \"shop.db\", or --to adbc:sqlite:shop.db; other databases need `driver`"))
    };
    let Some(text) = uri.to_str() else { return refused("the path is not UTF-8") };
    // Three slashes before a path in the current folder, as Python dlt takes it.
    let path = match text.strip_prefix("sqlite://") {
        Some(rest) => match rest.strip_prefix('/') {
            Some(path) => path,
            None => return refused("a URL has three slashes before the path"),
        },
        None => text,
    };
    match path {
        ":memory:" => refused("data in memory would be gone with the process that loads it"),
        "" => refused("it names no file"),
        _ if path.starts_with("file:") || path.contains("://") => {
            refused("it is a URL, and the path of a file is needed")
        }
        _ if path.ends_with('/') => refused("it is a folder"),
        _ => std::path::absolute(path).map(|file| in_real_folder(&file).unwrap_or(file)).map_err(|cause| {
            Error::new(ErrorKind::Config, format!("the path {path} cannot be resolved")).because(cause)
        }),
    }
}

/// The path that a URL of SQLite holds; a path as it is.
pub(crate) fn plain_path(uri: &str) -> &str {
    uri.strip_prefix("sqlite:///").unwrap_or(uri)
}

/// The file below the real path of its folder, without links and `..`; `None` where there is no such folder.
fn in_real_folder(file: &Path) -> Option<PathBuf> {
    Some(file.parent()?.canonicalize().ok()?.join(file.file_name()?))
}

/// A connection string without what may be a secret: scheme, user, host, port and path of a URL. Empty for other forms.
pub(crate) fn public(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return String::new() };
    if !is_plain(scheme) {
        return String::new();
    }
    // A password may hold any of the characters that end it.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (user.split(':').next().filter(|user| is_plain(user)).unwrap_or_default(), rest),
        None => ("", rest),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match user {
        "" => format!("{scheme}://{rest}"),
        user => format!("{scheme}://{user}@{rest}"),
    }
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|character| character.is_ascii_alphanumeric() || "._-+".contains(character))
}

/// A connection string of PostgreSQL that does not wait for a host for ever.
pub(crate) fn with_timeout(uri: &str) -> String {
    match uri {
        _ if uri.contains("connect_timeout") => uri.to_owned(),
        _ if !uri.contains("://") => format!("{uri} connect_timeout=30"),
        _ if uri.contains('?') => format!("{uri}&connect_timeout=30"),
        _ => format!("{uri}?connect_timeout=30"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_database_is_a_file() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        for (uri, file) in [
            ("shop.db", here.join("shop.db")),
            ("sqlite:///shop.db", here.join("shop.db")),
            ("sqlite:////nowhere/shop.db", "/nowhere/shop.db".into()),
            ("/nowhere/it's.db", "/nowhere/it's.db".into()),
        ] {
            assert_eq!(sqlite_file(Path::new(uri)).unwrap(), file, "{uri}");
        }
        for (uri, reason) in [
            (":memory:", "gone with the process"),
            ("sqlite:///:memory:", "gone with the process"),
            ("", "names no file"),
            ("sqlite://shop.db", "three slashes"),
            ("file:shop.db?mode=ro", "a URL"),
            ("postgresql://host/db", "a URL"),
            ("data/", "a folder"),
        ] {
            let error = sqlite_file(Path::new(uri)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{uri}: {error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (uri, shown) in [
            ("postgresql://user:hunter2@host:5432/db", "postgresql://user@host:5432/db"),
            ("postgresql://user:hun/t?er@2#x@host/db?sslmode=require", "postgresql://user@host/db"),
            ("postgresql://host/db?user=u&password=hunter2", "postgresql://host/db"),
            ("postgresql://host/db", "postgresql://host/db"),
            ("host=h password=hunter2", ""),
            ("hunter2@host://x", ""),
        ] {
            assert_eq!(public(uri), shown, "{uri}");
        }
        assert!(!public("postgresql://host/db?password=a@hunter2:x").contains("password"));
    }

    #[test]
    fn a_host_is_not_waited_for_for_ever() {
        for (uri, longer) in [
            ("postgresql://h/db", "postgresql://h/db?connect_timeout=30"),
            ("postgresql://h/db?sslmode=require", "postgresql://h/db?sslmode=require&connect_timeout=30"),
            ("postgresql://h/db?connect_timeout=5", "postgresql://h/db?connect_timeout=5"),
            ("host=h", "host=h connect_timeout=30"),
        ] {
            assert_eq!(with_timeout(uri), longer);
        }
    }
}
