//! Files in the registry of sources, and what a section of a pipeline file says of them.

use super::text_section::TextDeclaration;
use super::{Files, FilesIncremental, Format, files};
use dlt_engine::Result;
use dlt_engine::connector::{Key, Maker, SourceConnector};
use dlt_engine::incremental::Incremental;
use dlt_engine::settings::{HINT_KEYS, Node, Section, Value, deserialize, read_hints, relative_to};
use dlt_engine::source::TableHints;
use std::path::{Path, PathBuf};

/// Files by name: how a pipeline file declares them.
pub(crate) static CONNECTOR: SourceConnector = SourceConnector {
    name: "filesystem",
    about: "files: JSON, JSON Lines, CSV and Parquet, also packed, in folders or by a pattern",
    keys: KEYS,
    ready_made: None,
    template: include_str!("template.toml"),
    secrets: "",
    read,
};

const KEYS: &[Key] = &[
    Key::new("paths", "files, folders or globs (`**` reaches into folders); a text or a list", "needed"),
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
    Key::new(
        "incremental",
        "what is new is loaded: a field of the rows, `modification_date` of the files, or a table ([more](incremental.md))",
        "everything",
    ),
];

/// What a section says of files.
struct Declared {
    paths: Vec<PathBuf>,
    table: Option<String>,
    format: Option<Format>,
    text: TextDeclaration,
    hints: TableHints,
    incremental: Option<FilesIncremental>,
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

fn read(_: &'static str, mut section: Section, folder: &Path) -> Result<Maker> {
    let paths = section.texts("paths")?;
    if paths.is_empty() {
        return Err(section.missing("paths", "paths = [\"data/*.jsonl\"]"));
    }
    let paths = paths.iter().map(|path| relative_to(folder, &path.value)).collect();
    let formats: Vec<_> = Format::ALL.iter().map(|format| (format.name(), *format)).collect();
    let format = section.one_of("format", &formats)?;
    let table = section.text("table")?.map(|found| found.value);
    let text = TextDeclaration::read(&mut section)?;
    let hints = read_hints(&mut section)?;
    let incremental = section.take("incremental").map(|entry| read_incremental(entry.node)).transpose()?;
    section.finish()?;
    let declared = Declared { paths, table, format, text, hints, incremental };
    Ok(Box::new(move || Box::new(declared.source())))
}

impl Declared {
    /// The tables belong to the pipeline's default schema, which has no name here.
    fn source(&self) -> Files {
        let mut files = files(&self.paths).named("").with_hints(self.hints.clone()).csv(self.text.csv.clone());
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
