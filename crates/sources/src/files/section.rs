//! Files in the registry of sources, and what a section of a pipeline file says of them.

use super::text_section::TextDeclaration;
use super::{Files, FilesIncremental, Format, files};
use dlt_engine::Result;
use dlt_engine::connector::{Key, Maker, Nested, SourceConnector};
use dlt_engine::incremental::Incremental;
use dlt_engine::settings::{COLUMN_KEYS, CONTRACT_KEYS, HINT_KEYS, INCREMENTAL_KEYS, SCD2_KEYS};
use dlt_engine::settings::{Node, Section, Value, deserialize, read_hints, relative_to};
use dlt_engine::source::TableHints;
use dlt_objects::{Address, Credentials};
use std::path::{Path, PathBuf};

/// Files by name: how a pipeline file declares them.
pub(crate) static CONNECTOR: SourceConnector = SourceConnector {
    name: "filesystem",
    about: "files: JSON, JSON Lines, CSV and Parquet, also packed, in folders or by a pattern",
    keys: KEYS,
    nested: NESTED,
    ready_made: None,
    template: include_str!("template.toml"),
    secrets: "",
    read,
};

const KEYS: &[Key] = &[
    Key::new(
        "paths",
        "files, folders, globs (`**` reaches into folders) or addresses (`s3://bucket/path/*.csv`, `https://host/file.csv`); a text or \
         a list; or `bucket_url`",
        "needed",
    ),
    Key::new("bucket_url", "a folder or bucket in place of `paths`: `s3://bucket/path`", "none"),
    Key::new("file_glob", "which files below `bucket_url`: `**/*.csv`", "`*`: all that are not in folders of it"),
    Key::new(
        "credentials",
        "keys of the object store, as a section ([more](sources.md#object-stores-and-web-servers)); secrets are kept in \
         `.dlt/secrets.toml`",
        "those of the environment",
    ),
    Key::new("table", "one table for all files", "a table for each file, named after it"),
    Key::new("format", "`jsonl`, `json`, `csv`, `tsv` or `parquet`", "told by each file's name"),
    Key::new(
        "encoding",
        "of text: `windows-1252`, `gbk`, `shift_jis`, `utf-16le` …",
        "UTF-8, or what a byte order mark says",
    ),
    Key::new(
        "delimiter, quote, escape, header, column_names, skip_lines, null_words, decimal_comma, date_format, text_columns, \
         allow_short_rows",
        "how CSV is written: see [the page on sources](sources.md#csv-and-tsv-csv-tsv)",
        "found out",
    ),
    HINT_KEYS[0],
    HINT_KEYS[1],
    HINT_KEYS[2],
    HINT_KEYS[3],
    HINT_KEYS[4],
    HINT_KEYS[5],
    HINT_KEYS[6],
    HINT_KEYS[7],
    HINT_KEYS[8],
    HINT_KEYS[9],
    HINT_KEYS[10],
    HINT_KEYS[11],
    Key::new(
        "incremental",
        "what is new is loaded: a field of the rows, `modification_date` of the files, or a table ([more](incremental.md))",
        "everything",
    ),
];

const NESTED: &[Nested] = &[
    Nested::new("incremental", &["incremental"], INCREMENTAL_KEYS),
    Nested::new("columns", &["columns.*", "columns[]"], COLUMN_KEYS),
    Nested::new("schema_contract", &["schema_contract"], CONTRACT_KEYS),
    Nested::new("scd2", &["scd2"], SCD2_KEYS),
];

/// What a section says of files.
struct Declared {
    paths: Vec<PathBuf>,
    table: Option<String>,
    format: Option<Format>,
    text: TextDeclaration,
    hints: TableHints,
    incremental: Option<FilesIncremental>,
    credentials: Credentials,
}

/// `incremental = "updated_at"`, or a table; `modification_date` is that of the files.
fn read_incremental(node: Node) -> Result<FilesIncremental> {
    let incremental = match &node.value {
        Value::Text(word) => FilesIncremental::of_word(word),
        _ => deserialize::<Incremental>(&node, "source.incremental")?.into(),
    };
    if let FilesIncremental::Rows(cursor) = &incremental {
        cursor.check().map_err(|error| node.origin.relocated(&error))?;
    }
    Ok(incremental)
}

/// `paths`, or a `bucket_url` with a `file_glob`.
fn read_paths(section: &mut Section, folder: &Path) -> Result<Vec<PathBuf>> {
    let at = |path: &str| if Address::is_address(path) { path.into() } else { relative_to(folder, path) };
    let paths = section.texts("paths")?;
    let (bucket, glob) = (section.text("bucket_url")?, section.text("file_glob")?);
    match (bucket, glob) {
        (None, None) if paths.is_empty() => Err(section.missing("paths", "paths = [\"data/*.jsonl\"]")),
        (None, None) => Ok(paths.iter().map(|path| at(&path.value)).collect()),
        (Some(bucket), _) if !paths.is_empty() => {
            let error = bucket.origin.error("`bucket_url` and `paths` both say what is read");
            Err(error.hint("keep one of them"))
        }
        (Some(bucket), _) if bucket.value.starts_with("http://") || bucket.value.starts_with("https://") => {
            let error = bucket.origin.error("a web server cannot list its files, so `bucket_url` cannot be one");
            Err(error.hint("name each file in `paths`"))
        }
        (Some(bucket), glob) => {
            let glob = glob.map_or_else(|| "*".to_owned(), |glob| glob.value);
            Ok(vec![at(&format!("{}/{glob}", bucket.value.trim_end_matches('/')))])
        }
        (None, Some(glob)) => {
            let error = glob.origin.error("`file_glob` says which files of `bucket_url` are read, and there is none");
            Err(error.hint("put the pattern into `paths`, or set `bucket_url`"))
        }
    }
}

fn read(_: &'static str, mut section: Section, folder: &Path) -> Result<Maker> {
    let paths = read_paths(&mut section, folder)?;
    let credentials = Credentials::take(&mut section)?;
    let formats: Vec<_> = Format::ALL.iter().map(|format| (format.name(), *format)).collect();
    let format = section.one_of("format", &formats)?;
    let table = section.text("table")?.map(|found| found.value);
    let text = TextDeclaration::read(&mut section)?;
    let hints = read_hints(&mut section)?;
    let incremental = section.take("incremental").map(|entry| read_incremental(entry.node)).transpose()?;
    section.finish()?;
    let declared = Declared { paths, table, format, text, hints, incremental, credentials };
    Ok(Box::new(move || Box::new(declared.source())))
}

impl Declared {
    /// The tables belong to the pipeline's default schema, which has no name here.
    fn source(&self) -> Files {
        let mut files = files(&self.paths).named("").with_hints(self.hints.clone()).csv(self.text.csv.clone());
        files = files.credentials(self.credentials.clone());
        if let Some(table) = &self.table {
            files = files.table(table);
        }
        if let Some(format) = self.format {
            files = files.format(format);
        }
        if let Some(encoding) = self.text.encoding {
            files = files.encoding(encoding);
        }
        if let Some(incremental) = &self.incremental {
            files = files.incremental(incremental.clone());
        }
        files
    }
}
