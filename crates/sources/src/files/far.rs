//! From an address (`s3://bucket/path/**/*.csv`, `https://host/file.csv`) to the list of files to read.

use super::format::{EXTENSIONS, Format, kind_of_name, parse_name};
use super::left_out::{DataFile, LeftOut};
use super::levels;
use super::open::Place;
use super::remote::{RemoteFile, store_error};
use super::web_address;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials, Object, Scheme, Store, StoreErrorKind};
use std::path::Path;
use std::sync::Arc;

/// Where a text with a scheme leads.
pub(super) enum Given {
    /// To a folder, file or pattern of this machine.
    Local(std::path::PathBuf),
    /// To a store.
    Far(Address),
}

/// Understands a text with a scheme.
///
/// # Errors
/// If the scheme is not known, or the address is not complete. What is not understood is not quoted: it may hold a password.
pub(super) fn given(text: &str) -> Result<Given> {
    match Address::parse(text) {
        Ok(address) => Ok(match address.local_path() {
            Some(path) => Given::Local(path),
            None => Given::Far(address),
        }),
        Err(error) => {
            let scheme = text.split("://").next().unwrap_or_default();
            let advice = error.advice().map(str::to_owned);
            let told = Error::new(ErrorKind::Config, format!("`{scheme}://…` is no address that can be read"));
            Err(told.hint(advice.unwrap_or_else(|| "write s3://bucket/path or https://host/file.csv".to_owned())))
        }
    }
}

/// Finds the files behind an address, sorted by name.
///
/// # Errors
/// If the store fails, nothing is found, or a file is of no known format.
pub(super) fn expand(
    address: &Address,
    credentials: &Credentials,
    format: Option<Format>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<DataFile>> {
    if address.scheme() == Scheme::Http {
        return web_page(address, credentials, format).map(|file| vec![file]);
    }
    let store_failed = |error| store_error(error, false);
    let (base, pattern) = split(address.path());
    let store = Store::open(&root_of(address), credentials).map_err(store_failed)?;
    let Some(pattern) = pattern else {
        return match head(&store, address.path())? {
            Some(object) => file(&store, object, format).map(|file| vec![file]),
            None => folder(&store, address, format, left_out),
        };
    };
    // A file of that very name is no pattern; in most buckets a `*` is part of no name, and the question is spared.
    if !pattern.contains('*')
        && let Some(object) = head(&store, address.path())?
    {
        return file(&store, object, format).map(|file| vec![file]);
    }
    let invalid =
        |cause| Error::new(ErrorKind::Config, "the pattern is not valid").at(address.to_string(), None).because(cause);
    let matcher = levels::matcher(pattern).map_err(invalid)?;
    let candidates = levels::candidates(&store, base, pattern).map_err(|failure| match failure {
        levels::Failure::Pattern(cause) => invalid(cause),
        levels::Failure::Store(error) => error,
    })?;
    let mut files = Vec::new();
    for object in visible(candidates, base) {
        let below = object.key.get(base.len()..).unwrap_or_default().trim_start_matches('/');
        if matcher.is_match(below) {
            files.push(file(&store, object, format)?);
        }
    }
    if files.is_empty() {
        return Err(Error::new(ErrorKind::Source, "the pattern matches no file")
            .at(address.to_string(), None)
            .hint("`*` stays within a folder, `**/` crosses folders; hidden files are left out"));
    }
    Ok(files)
}

/// The bucket alone: keys are then whole, and so are addresses in messages.
fn root_of(address: &Address) -> Address {
    Address::parse(&address.origin()).unwrap_or_else(|_| address.clone())
}

/// The folders of a path before its first pattern, and the rest, if there is a pattern.
fn split(path: &str) -> (&str, Option<&str>) {
    match path.find(['*', '?', '[', '{']) {
        None => (path, None),
        Some(at) => {
            let cut = path[..at].rfind('/');
            (cut.map_or("", |cut| &path[..cut]), Some(cut.map_or(path, |cut| &path[cut + 1..])))
        }
    }
}

fn head(store: &Store, key: &str) -> Result<Option<Object>> {
    if key.is_empty() {
        return Ok(None);
    }
    match store.head(key) {
        // Without the right to list, some stores answer so of what is not there.
        Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
        found => found.map_err(|error| store_error(error, false)),
    }
}

/// What was found below a folder, sorted; hidden files and the marks that some tools put for folders aside.
fn visible(mut objects: Vec<Object>, below: &str) -> Vec<Object> {
    objects.retain(|object| {
        let name = object.key.get(below.len()..).unwrap_or_default();
        !name.split('/').any(|part| part.starts_with('.')) && !name.is_empty()
    });
    objects.sort_by(|one, other| one.key.cmp(&other.key));
    let is_folder = |at: usize, objects: &[Object]| {
        let key = format!("{}/", objects[at].key);
        // Names with a character below `/` may stand between.
        objects[at].size == 0 && objects[at + 1..].iter().take(1000).any(|other| other.key.starts_with(&key))
    };
    let marks: Vec<bool> = (0..objects.len()).map(|at| is_folder(at, &objects)).collect();
    let mut marks = marks.into_iter();
    objects.retain(|_| !marks.next().unwrap_or_default());
    objects
}

/// Every file below that is of a known format (with a format given: every file).
fn folder(
    store: &Store,
    address: &Address,
    format: Option<Format>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    let (mut others, mut is_there) = (Vec::new(), false);
    let everything = store.list(address.path()).and_then(Iterator::collect);
    for object in visible(everything.map_err(|error| store_error(error, false))?, address.path()) {
        is_there = true;
        let parts = parse_name(Path::new(&object.key));
        if format.is_some() || (parts.format.is_some() && !parts.is_rotated) {
            files.push(file(store, object, format)?);
        } else {
            let kind = kind_of_name(Path::new(&object.key));
            others.push(LeftOut { path: store.address().join(&object.key).to_string().into(), kind });
        }
    }
    if files.is_empty() {
        let what = if is_there { "the folder holds no data files" } else { "there is no such file or folder" };
        return Err(Error::new(ErrorKind::Source, what)
            .at(address.to_string(), None)
            .hint(format!("known are {EXTENSIONS}; hidden files are left out; names of keys are case-sensitive")));
    }
    left_out.append(&mut others);
    Ok(files)
}

fn file(store: &Store, object: Object, format: Option<Format>) -> Result<DataFile> {
    let shown = store.address().join(&object.key).to_string();
    let parts = parse_name(Path::new(&object.key));
    let Some(format) = format.or(parts.format) else {
        return Err(Error::new(ErrorKind::Config, "the file name does not tell the format")
            .at(shown, None)
            .hint(format!("known are {EXTENSIONS}; another name needs the format: `--format jsonl`")));
    };
    let name = object.key.rsplit('/').next().unwrap_or_default().to_owned();
    let remote = RemoteFile::new(store.clone(), object.key.clone(), object, &shown, name);
    Ok(DataFile { place: Place::Remote(Arc::new(remote)), format: Some(format), stem: parts.stem })
}

/// One page of the web. A name that does not tell the format is looked at when it is read.
fn web_page(address: &Address, credentials: &Credentials, format: Option<Format>) -> Result<DataFile> {
    let store = Store::open(address, credentials).map_err(|error| store_error(error, true))?;
    // There are servers that answer HEAD with anything; what is sent when it is asked for counts.
    let object = match store.head("") {
        Ok(Some(object)) => Some(object),
        Err(error) if error.kind() == StoreErrorKind::Unreachable => return Err(store_error(error, true)),
        _ => match store.get("") {
            Ok(reader) => Some(reader.object().clone()),
            Err(error) if error.kind() == StoreErrorKind::NotFound => None,
            Err(error) => return Err(store_error(error, true)),
        },
    };
    let shown = address.to_string();
    let Some(object) = object else {
        let error = Error::new(ErrorKind::Source, "there is no such page (the server answered 404)");
        let has_pattern = shown.contains(['*', '{']);
        let hint = if has_pattern { "a web server cannot list its files: name each" } else { "look at the address" };
        return Err(error.at(shown, None).hint(hint));
    };
    let name = web_address::name_of(address.path());
    let parts = parse_name(Path::new(&name));
    let remote = RemoteFile::new(store, String::new(), object, &shown, name);
    Ok(DataFile { place: Place::Remote(Arc::new(remote)), format: format.or(parts.format), stem: parts.stem })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_begin_below_folders() {
        for (path, base, pattern) in [
            ("a/b.csv", "a/b.csv", None),
            ("a/*.csv", "a", Some("*.csv")),
            ("a/b/**/x?.csv", "a/b", Some("**/x?.csv")),
            ("*.csv", "", Some("*.csv")),
            ("a/2024-[01]*/x.csv", "a", Some("2024-[01]*/x.csv")),
        ] {
            assert_eq!(split(path), (base, pattern), "{path}");
        }
        for (address, root) in [
            ("s3://b/p/*.csv", "s3://b"),
            ("s3a://b", "s3a://b"),
            ("abfss://c@a.dfs.core.windows.net/p", "abfss://c@a.dfs.core.windows.net"),
        ] {
            assert_eq!(root_of(&Address::parse(address).unwrap()).to_string(), root);
        }
    }

    #[test]
    fn what_is_no_address_is_not_quoted() {
        for text in ["ftp://u:s3cret@h/x.csv", "s3://key:s3cret@b/p", "https:///s3cret"] {
            let error = given(text).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
