//! Files as a source: which tables they make, and who reads which format.

mod columns;
mod csv;
mod discover;
mod format;
mod items;
mod lines;
mod open;
mod parquet;
mod scan;
mod table;

pub use format::Format;

use discover::{DataFile, discover, is_stream};
use dlt_engine::Result;
use dlt_engine::digest::version_digest;
use dlt_engine::naming::Naming;
use dlt_engine::schema::WriteDisposition;
use dlt_engine::source::{ExtractContext, Resource, Source, TableHints};
use open::Place;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use table::TableReader;

/// Bytes of a piece of JSON. Large enough that handing it over costs nothing, small enough that a file of a few
/// megabytes keeps more than one core busy.
const CHUNK_BYTES: usize = 4 << 20;

/// A source that reads files: paths, folders (with all below, files of a known extension, hidden ones aside), globs
/// (`*` within a folder, `**` across), or `-` for standard input.
///
/// | extension | content |
/// |---|---|
/// | `.jsonl` `.ndjson` | a JSON value a line |
/// | `.json` | one array of values, or values one after the other |
/// | `.csv` `.tsv` | text with a header line; types are those that all values of a column have |
/// | `.parquet` | Parquet |
///
/// Text may be packed with gzip or zstd. Each file makes the table of its stem (`orders.jsonl.gz`: `orders`), files of
/// the same stem make one; [`Files::table`] puts all of them into one table. Standard input is JSON, lines or not,
/// unless [`Files::format`] says otherwise, and makes the table `stdin`.
///
/// ```
/// let source = dlt_sources::files(["data/*.jsonl.gz"]).table("events");
/// # let _ = source;
/// ```
pub fn files<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Files {
    Files {
        schema: "filesystem".to_owned(),
        paths: paths.into_iter().map(Into::into).collect(),
        table: None,
        format: None,
        hints: TableHints::default(),
        chunk_bytes: CHUNK_BYTES,
    }
}

/// See [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    schema: String,
    paths: Vec<PathBuf>,
    table: Option<String>,
    format: Option<Format>,
    hints: TableHints,
    chunk_bytes: usize,
}

impl Files {
    /// Sets the name of the schema; default `filesystem`.
    #[must_use]
    pub fn named(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Puts all files into this table.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = Some(table.into());
        self
    }

    /// Says how the files are written, whatever their extensions. Folders and globs then take every file.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets what happens to rows that the tables hold already; default: as the
    /// table was loaded before; rows are added to one that is new.
    #[must_use]
    pub fn disposition(mut self, disposition: WriteDisposition) -> Self {
        self.hints.disposition = Some(disposition);
        self
    }

    /// Sets what is known of the tables beforehand.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.hints = hints;
        self
    }

    /// The hints, to change one of them.
    pub fn hints_mut(&mut self) -> &mut TableHints {
        &mut self.hints
    }

    /// Sets the size of the pieces that JSON is handed over in, in bytes; default 4 MiB. Memory grows with it, times
    /// the number of cores.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes.max(1);
        self
    }
}

impl Source for Files {
    fn name(&self) -> &str {
        &self.schema
    }

    fn identity(&self) -> String {
        let absolute = |path: &PathBuf| match path.as_path() {
            path if path == Path::new("-") => path.to_owned(),
            path => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        };
        let paths: Vec<PathBuf> = self.paths.iter().map(absolute).collect();
        let table = self.table.as_deref().unwrap_or("(by file name)");
        let format = self.format.map_or("(by extension)", Format::name);
        let hints = serde_json::to_string(&self.hints).unwrap_or_default();
        format!("files {paths:?} into table {table} as {format} with {hints}")
    }

    fn is_replayable(&self) -> bool {
        !self.paths.iter().any(|path| is_stream(path))
    }

    /// Paths, sizes and times of change of all files.
    fn fingerprint(&self) -> String {
        if !self.is_replayable() {
            return String::new();
        }
        let mut text = String::new();
        // What is not there or cannot be read is told by whoever reads it.
        for file in discover(&self.paths, self.format).unwrap_or_default() {
            let Place::Path(path) = &file.place else { continue };
            if let (Ok(path), Ok(found)) = (path.canonicalize(), path.metadata()) {
                let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let nanos = changed.unwrap_or_default().as_nanos();
                text.push_str(&format!("{} {} {nanos}\n", path.display(), found.len()));
            }
        }
        version_digest([text.as_bytes()])
    }

    fn check(&self) -> Result<()> {
        discover(&self.paths, self.format).map(drop)
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        let files = discover(&self.paths, self.format)?;
        let mut resources = Vec::new();
        for (name, files) in by_table(files, self.table.as_deref()) {
            let plan = parquet_plan(&files, context)?;
            let reader = TableReader::new(files, self.chunk_bytes, plan);
            resources.push(Resource::new(name, reader).with_hints(self.hints.clone()));
        }
        Ok(resources)
    }
}

/// What the Parquet files among these agree on.
fn parquet_plan(files: &[DataFile], context: &ExtractContext) -> Result<parquet::Plan> {
    let paths = files.iter().filter_map(|file| match (file.format, &file.place) {
        (Format::Parquet, Place::Path(path)) if !is_stream(path) => Some(path.as_path()),
        _ => None,
    });
    parquet::Plan::of(paths, &context.notices)
}

/// The files of each table, tables in order of their first file. Names that differ only in spelling make one table.
fn by_table(files: Vec<DataFile>, table: Option<&str>) -> Vec<(String, Vec<DataFile>)> {
    if let Some(table) = table {
        return vec![(table.to_owned(), files)];
    }
    let naming = Naming::new(usize::MAX);
    let mut tables: Vec<(String, String, Vec<DataFile>)> = Vec::new();
    for file in files {
        let key = naming.normalize_path(&file.stem);
        match tables.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, _, files)) => files.push(file),
            None => tables.push((key, file.stem.clone(), vec![file])),
        }
    }
    tables.into_iter().map(|(_, stem, files)| (stem, files)).collect()
}
