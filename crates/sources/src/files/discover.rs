//! From what the person gave (paths, folders, globs, `-`) to the list of files to read.

use super::far::{self, Given};
use super::format::{EXTENSIONS, Format, kind_of_name, parse_name};
pub(crate) use super::left_out::DataFile;
use super::left_out::{Found, LeftOut};
use super::open::{Place, open_file};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use walkdir::WalkDir;

/// Finds the files behind `paths`, in the order given, sorted within a folder or glob, each once.
///
/// # Errors
/// If a path does not exist or cannot be opened, matches nothing, or is of no known format.
pub(crate) fn discover(paths: &[PathBuf], format: Option<Format>, credentials: &Credentials) -> Result<Found> {
    if paths.is_empty() {
        return Err(
            Error::new(ErrorKind::Config, "no path is given").hint("name a file, a folder, a glob, an address or `-`")
        );
    }
    let mut found = Found::default();
    let mut seen = HashSet::new();
    for path in paths {
        if path == Path::new("-") {
            if seen.insert(PathBuf::from("-")) {
                found.files.push(DataFile { place: Place::Stdin, format, stem: "stdin".to_owned() });
            }
            continue;
        }
        let address = path.to_str().filter(|text| Address::is_address(text)).map(far::given).transpose()?;
        let files = match &address {
            None => expand(path, format, &mut found.left_out)?,
            Some(Given::Local(path)) => expand(path, format, &mut found.left_out)?,
            Some(Given::Far(address)) => far::expand(address, credentials, format, &mut found.left_out)?,
        };
        for file in files {
            let identity = match &file.place {
                Place::Path(path) => path.canonicalize().unwrap_or_else(|_| path.clone()),
                // Pages may differ in what is not shown.
                Place::Remote(remote) if remote.is_web() => remote.store.address().path().into(),
                place => PathBuf::from(&*place.display()),
            };
            if seen.insert(identity) {
                found.files.push(file);
            }
        }
    }
    // What is left out of a folder may be named beside it.
    found.left_out.retain(|left| seen.insert(left.path.canonicalize().unwrap_or_else(|_| left.path.clone())));
    Ok(found)
}

fn expand(path: &Path, format: Option<Format>, left_out: &mut Vec<LeftOut>) -> Result<Vec<DataFile>> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => folder(path, format, left_out),
        Ok(metadata) if metadata.is_file() => {
            // Better now than in the middle of a run.
            open_file(path)?;
            Ok(vec![file(path, format)?])
        }
        Ok(_) => {
            let parts = parse_name(path);
            let format = format.or(parts.format);
            Ok(vec![DataFile { place: Place::Path(path.to_owned()), format, stem: parts.stem }])
        }
        Err(cause) => missing(path, format, cause),
    }
}

/// What a path means that is not there.
fn missing(path: &Path, format: Option<Format>, cause: io::Error) -> Result<Vec<DataFile>> {
    let text = path.to_str().unwrap_or_default();
    if is_glob(text) {
        return glob(text, format);
    }
    if cause.kind() == io::ErrorKind::NotFound {
        return Err(Error::new(ErrorKind::Source, "there is no such file or folder")
            .at(path.to_string_lossy(), None)
            .hint("check the path; a relative one starts at the current folder"));
    }
    open_file(path)?;
    Err(Error::new(ErrorKind::Source, "cannot be read").at(path.to_string_lossy(), None).because(cause))
}

fn file(path: &Path, format: Option<Format>) -> Result<DataFile> {
    let parts = parse_name(path);
    let Some(format) = format.or(parts.format) else {
        return Err(Error::new(ErrorKind::Config, "the file name does not tell the format")
            .at(path.to_string_lossy(), None)
            .hint(format!("known are {EXTENSIONS}; another name needs the format: `--format jsonl`")));
    };
    Ok(DataFile { place: Place::Path(path.to_owned()), format: Some(format), stem: parts.stem })
}

/// Every file in the folder and below that is of a known format (with a format given: every file), hidden ones aside.
/// Pipes and devices are no files: they would be waited for. Older parts of logs may be there already under another name.
fn folder(path: &Path, format: Option<Format>, left_out: &mut Vec<LeftOut>) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    for entry in walk(path, usize::MAX)? {
        let parts = parse_name(&entry.path);
        if entry.is_stream {
            left_out.push(LeftOut { path: entry.path, kind: "a pipe or device".to_owned() });
        } else if format.is_some() || (parts.format.is_some() && !parts.is_rotated) {
            open_file(&entry.path)?;
            files.push(file(&entry.path, format)?);
        } else {
            let kind = kind_of_name(&entry.path);
            left_out.push(LeftOut { path: entry.path, kind });
        }
    }
    if files.is_empty() {
        let mut error =
            Error::new(ErrorKind::Source, "the folder holds no data files").at(path.to_string_lossy(), None);
        let found = Found { files, left_out: std::mem::take(left_out) };
        error = match found.left_out_notice() {
            Some(notice) => error.hint(format!("{}; known are {EXTENSIONS}", notice.message)),
            None => error.hint(format!("known are {EXTENSIONS}; hidden files are left out")),
        };
        return Err(error);
    }
    Ok(files)
}

/// What is in a folder, folders aside.
struct Entry {
    path: PathBuf,
    /// Whether it is a pipe or a device. What a link leads to that leads nowhere is taken for a file.
    is_stream: bool,
}

/// Files at most `depth` levels below, sorted, hidden ones aside.
fn walk(path: &Path, depth: usize) -> Result<Vec<Entry>> {
    let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    let mut all = Vec::new();
    let tree = WalkDir::new(path).max_depth(depth).follow_links(true).sort_by_file_name();
    for entry in tree.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name())) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let is_stream = !entry.file_type().is_file();
                all.push(Entry { path: entry.into_path(), is_stream });
            }
            // A link to a folder above: what is there is read already.
            Err(cause) if cause.loop_ancestor().is_some() => {}
            Err(cause) => match cause.path() {
                // A link that leads nowhere harms only who wants to read it.
                Some(link) if cause.depth() > 0 && link.is_symlink() => {
                    if !link.file_name().is_some_and(is_hidden) {
                        all.push(Entry { path: link.to_owned(), is_stream: false });
                    }
                }
                place => {
                    let place = place.unwrap_or(path).to_string_lossy().into_owned();
                    return Err(Error::new(ErrorKind::Source, "cannot be read").at(place, None).because(cause));
                }
            },
        }
    }
    Ok(all)
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// The files that match; `*` and `?` stay within a folder, `**` crosses folders. Matches must be of a known format.
fn glob(given: &str, format: Option<Format>) -> Result<Vec<DataFile>> {
    // Paths are matched as they are found, without `//` and `/./`.
    let mut pattern: PathBuf = Path::new(given).components().collect();
    if given.ends_with('/') {
        // It would be a folder's, and those do not match.
        pattern.push("");
    }
    let matcher = globset::GlobBuilder::new(&pattern.to_string_lossy())
        .literal_separator(true)
        .build()
        .map_err(|cause| Error::new(ErrorKind::Config, "the pattern is not valid").at(given, None).because(cause))?
        .compile_matcher();
    let is_plain = |part: &Component<'_>| part.as_os_str().to_str().is_some_and(|part| !is_glob(part));
    let base: PathBuf = pattern.components().take_while(is_plain).collect();
    // Folders that cannot match need not be looked into, nor be readable.
    let levels = pattern.components().count() - base.components().count();
    let depth = if given.contains("**") { usize::MAX } else { levels };
    // A relative pattern is matched against relative paths, which have no `./` in front.
    let (start, strip) = if base.as_os_str().is_empty() { (Path::new("."), true) } else { (&*base, false) };
    let mut files = Vec::new();
    if start.is_dir() {
        for Entry { path, is_stream } in walk(start, depth)? {
            let path = if strip { path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path) } else { path };
            if !matcher.is_match(&path) {
                continue;
            }
            if is_stream {
                return Err(Error::new(ErrorKind::Source, "is a pipe or a device and no file")
                    .at(path.to_string_lossy(), None)
                    .hint("give its path instead of a pattern to read it as a stream"));
            }
            open_file(&path)?;
            files.push(file(&path, format)?);
        }
    }
    if files.is_empty() {
        return Err(Error::new(ErrorKind::Source, "the pattern matches no file")
            .at(given, None)
            .hint("`*` stays within a folder, `**/` crosses folders; hidden files are left out"));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "1\n").unwrap();
        }
        dir
    }

    fn names(dir: &Path, given: &[&str], format: Option<Format>) -> Result<Vec<String>> {
        let paths: Vec<PathBuf> = given.iter().map(|path| dir.join(path)).collect();
        let relative = |file: DataFile| match file.place {
            Place::Stdin => "-".to_owned(),
            Place::Path(path) => path.strip_prefix(dir).unwrap().to_string_lossy().into_owned(),
            place => place.display().to_string(),
        };
        Ok(discover(&paths, format, &Credentials::default())?.files.into_iter().map(relative).collect())
    }

    #[test]
    fn folders_give_what_is_known_and_not_hidden() {
        let dir =
            tree(&["b.jsonl", "a.csv.gz", "sub/c.parquet", ".d.jsonl", ".git/e.json", "README.md", "x.jsonl/part"]);
        assert_eq!(names(dir.path(), &["."], None).unwrap(), ["a.csv.gz", "b.jsonl", "sub/c.parquet"]);
        assert_eq!(names(dir.path(), &["x.jsonl"], Some(Format::Jsonl)).unwrap(), ["x.jsonl/part"]);
        let error = names(dir.path(), &["x.jsonl"], None).unwrap_err();
        assert!(error.to_string().ends_with("x.jsonl: the folder holds no data files"), "{error}");
    }

    #[test]
    fn globs_stay_in_their_folder_unless_told() {
        let dir =
            tree(&["b.jsonl", "a.jsonl", "sub/c.jsonl", "sub/deep/d.jsonl", ".h.jsonl", "weird[1].jsonl", "n.txt"]);
        assert_eq!(names(dir.path(), &["*.jsonl"], None).unwrap(), ["a.jsonl", "b.jsonl", "weird[1].jsonl"]);
        assert_eq!(names(dir.path(), &["sub/**/*.jsonl"], None).unwrap(), ["sub/c.jsonl", "sub/deep/d.jsonl"]);
        assert_eq!(names(dir.path(), &["{a,b}.jsonl"], None).unwrap(), ["a.jsonl", "b.jsonl"]);
        // A file of that very name is no pattern.
        assert_eq!(names(dir.path(), &["weird[1].jsonl"], None).unwrap(), ["weird[1].jsonl"]);
        assert_eq!(names(dir.path(), &["*/*.jsonl"], None).unwrap(), ["sub/c.jsonl"]);
        assert_eq!(names(dir.path(), &["**/d.jsonl"], None).unwrap(), ["sub/deep/d.jsonl"]);
        let error = names(dir.path(), &["*.parquet"], None).unwrap_err();
        assert!(error.to_string().ends_with("the pattern matches no file"), "{error}");
        let error = names(dir.path(), &["n*"], None).unwrap_err();
        assert!(error.advice().unwrap().contains(".ndjson"), "{error}");
    }

    #[test]
    fn a_pattern_may_be_written_with_more_than_it_needs() {
        let dir = tree(&["sub/c.jsonl"]);
        for pattern in ["sub//*.jsonl", "./sub/./*.jsonl", "*//c.jsonl", "sub/.//**/./*.jsonl"] {
            assert_eq!(names(dir.path(), &[pattern], None).unwrap(), ["sub/c.jsonl"], "{pattern}");
        }
        assert!(names(dir.path(), &["sub/*/"], None).is_err());
    }

    #[test]
    fn addresses_of_files_are_paths() {
        let dir = tree(&["a b.jsonl", "c.jsonl"]);
        let at = |name: &str| PathBuf::from(format!("file://{}/{name}", dir.path().display()));
        let found = |path: PathBuf| discover(&[path], None, &Credentials::default());
        assert_eq!(found(at("a%20b.jsonl")).unwrap().files[0].stem, "a b");
        assert_eq!(found(at("*.jsonl")).unwrap().files.len(), 2);
        let error = found("ftp://u:s3cret@h/x.csv".into()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "`ftp://…` is no address that can be read");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    #[cfg(unix)]
    fn links_that_lead_nowhere_or_upwards_stop_no_folder() {
        use std::os::unix::fs::symlink;
        let dir = tree(&["a.jsonl", "sub/b.jsonl"]);
        let link = |target: &str, name: &str| symlink(target, dir.path().join(name)).unwrap();
        link("absent", "stray");
        link("absent", ".hidden.jsonl");
        link("itself", "itself");
        link("..", "sub/loop");
        for path in [".", "*.jsonl", "**/*.jsonl"] {
            let found = names(dir.path(), &[path], None).unwrap();
            assert_eq!(found[0], "a.jsonl");
            assert_eq!(found.len(), if path == "*.jsonl" { 1 } else { 2 }, "{path}");
        }
        // Data that is missing is not left out in silence.
        link("absent", "c.jsonl");
        for path in [".", "*.jsonl"] {
            let error = names(dir.path(), &[path], None).unwrap_err();
            assert!(error.to_string().ends_with("c.jsonl: cannot be opened"), "{error}");
        }
    }

    #[test]
    fn a_file_named_twice_is_read_once() {
        let dir = tree(&["b.jsonl", "a.jsonl"]);
        assert_eq!(names(dir.path(), &["b.jsonl", "*.jsonl", "./b.jsonl"], None).unwrap(), ["b.jsonl", "a.jsonl"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let dir = tree(&["n.txt"]);
        let error = names(dir.path(), &["absent.jsonl"], None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source);
        assert!(error.to_string().ends_with("absent.jsonl: there is no such file or folder"), "{error}");
        let error = names(dir.path(), &["n.txt"], None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.advice().unwrap().contains(".parquet"));
        assert_eq!(names(dir.path(), &["n.txt"], Some(Format::Csv)).unwrap(), ["n.txt"]);
        assert_eq!(discover(&[], None, &Credentials::default()).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn standard_input_has_the_format_that_is_given() {
        let stdin = discover(&["-".into(), "-".into()], None, &Credentials::default()).unwrap().files;
        assert!(matches!(&stdin[..], [DataFile { place: Place::Stdin, format: None, stem }] if stem == "stdin"));
        assert_eq!(
            discover(&["-".into()], Some(Format::Csv), &Credentials::default()).unwrap().files[0].format,
            Some(Format::Csv)
        );
    }

    #[test]
    fn what_is_left_out_is_counted_by_kind() {
        let dir = tree(&["a.jsonl", "a.jsonl.1", "b.txt", "sub/c.TXT", "part.parq", "README", ".hidden.txt"]);
        let notice = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| dir.path().join(path)).collect();
            discover(&paths, None, &Credentials::default()).unwrap().left_out_notice()
        };
        let said = notice(&["."]).unwrap();
        assert_eq!(said.message, "5 files were left out: 2 of .txt, 1 of no extension, 1 of .jsonl.N, 1 of .parq");
        assert_eq!(said.details.len(), 5);
        assert!(notice(&["a.jsonl"]).is_none());
        assert!(notice(&["*.jsonl*"]).is_none());
        assert_eq!(notice(&[".", "a.jsonl.1"]).unwrap().details.len(), 4);
        assert_eq!(names(dir.path(), &["a.jsonl*"], None).unwrap(), ["a.jsonl", "a.jsonl.1"]);
    }
}
