//! Files as a source: which tables they make, and who reads which format.

mod ahead;
mod csv;
mod date_format;
mod discover;
mod encoding;
mod far;
mod format;
mod found;
mod incremental;
mod items;
mod left_out;
mod levels;
mod line_ends;
mod lines;
mod magic;
mod members;
mod not_utf8;
mod open;
mod options;
mod packing;
mod parquet;
mod remote;
mod scan;
pub(crate) mod section;
mod setting;
mod sniff;
mod table;
mod text_section;
mod transcode;
mod web_address;

pub use encoding::Encoding;
pub use format::Format;
pub use incremental::FilesIncremental;
pub use options::{CsvOptions, Quote, character_of};

use discover::{DataFile, discover};
use dlt_engine::digest::version_digest;
use dlt_engine::naming::Naming;
use dlt_engine::schema::WriteDisposition;
use dlt_engine::source::{ExtractContext, NOT_UTF8, Resource, Source, TableHints};
use dlt_engine::{Error, Notices, Result};
use dlt_objects::{Address, Credentials};
use found::Cache;
use left_out::Found;
use open::{Place, is_stream};
use options::TextOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use table::TableReader;

/// Bytes of a piece of JSON. Large enough that handing it over costs nothing, small enough that a file of a few
/// megabytes keeps more than one core busy.
const CHUNK_BYTES: usize = 4 << 20;

/// A source that reads files: paths, folders (with all below, files of a known extension, hidden ones aside), globs
/// (`*` within a folder, `**` across), or `-` for standard input. The same in object stores: `s3://bucket/path/**/*.csv`, `gs://`,
/// `az://`, `abfss://`; and single files of web servers: `https://host/file.csv`. Keys are those of [`Files::credentials`], or of the
/// environment.
///
/// | extension | content |
/// |---|---|
/// | `.jsonl` `.ndjson` | a JSON value a line |
/// | `.json` | one array of values, or values one after the other |
/// | `.csv` `.tsv` | delimited text; types are those that all values of a column have |
/// | `.parquet` | Parquet |
///
/// Text may be packed with gzip, zstd, bzip2 or xz. Each file makes the table of its stem (`orders.jsonl.gz`: `orders`), files of
/// the same stem make one; [`Files::table`] puts all of them into one table. Standard input is JSON or
/// delimited text, as its first lines show unless [`Files::format`] says it, and makes the table `stdin`.
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
        encoding: None,
        csv: CsvOptions::default(),
        hints: TableHints::default(),
        incremental: None,
        credentials: Credentials::default(),
        cache: Cache::default(),
        chunk_bytes: CHUNK_BYTES,
    }
}

/// See [`files`].
#[derive(Clone)]
pub struct Files {
    schema: String,
    paths: Vec<PathBuf>,
    table: Option<String>,
    format: Option<Format>,
    encoding: Option<Encoding>,
    csv: CsvOptions,
    hints: TableHints,
    incremental: Option<FilesIncremental>,
    credentials: Credentials,
    cache: Cache,
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

    /// Says how the characters of text are encoded; default: UTF-8, or what a byte order mark says.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = Some(encoding);
        self
    }

    /// Says how delimited text is written.
    #[must_use]
    pub fn csv(mut self, options: CsvOptions) -> Self {
        self.csv = options;
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

    /// Loads only what is new since the last run: rows by a cursor, or whole files by their time of change.
    ///
    /// ```
    /// use dlt_engine::incremental::Incremental;
    ///
    /// let rows = dlt_sources::files(["events.jsonl"]).incremental(Incremental::new("updated_at"));
    /// let new_files = dlt_sources::files(["logs/"]).incremental(dlt_sources::FilesIncremental::by_modification_date());
    /// # let _ = (rows, new_files);
    /// ```
    #[must_use]
    pub fn incremental(mut self, incremental: impl Into<FilesIncremental>) -> Self {
        self.incremental = Some(incremental.into());
        self
    }

    /// Sets the keys of object stores. What is not set is taken from the environment and the files that the tools of each store
    /// use (`AWS_ACCESS_KEY_ID`, `~/.aws/credentials`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`).
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets the size of the pieces that JSON is handed over in, in bytes; default 4 MiB. Memory grows with it, times
    /// the number of cores.
    #[must_use]
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.chunk_bytes = bytes.max(1);
        self
    }
}

/// Addresses may hold secrets.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files({})", self.identity())
    }
}

impl Source for Files {
    fn name(&self) -> &str {
        &self.schema
    }

    fn identity(&self) -> String {
        let absolute = |path: &PathBuf| match path.as_path() {
            path if path == Path::new("-") => path.to_owned(),
            path => match path.to_str().filter(|text| Address::is_address(text)) {
                Some(address) => identity_of(address).into(),
                None => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            },
        };
        let paths: Vec<PathBuf> = self.paths.iter().map(absolute).collect();
        let table = self.table.as_deref().unwrap_or("(by file name)");
        let format = self.format.map_or("(by extension)", Format::name);
        let hints = serde_json::to_string(&self.hints).unwrap_or_default();
        let mut text = format!("files {paths:?} into table {table} as {format} with {hints}");
        if let Some(encoding) = self.encoding {
            text.push_str(&format!(" in {encoding}"));
        }
        if !self.csv.is_default() {
            text.push_str(&format!(" by {:?}", self.csv));
        }
        if let Some(incremental) = &self.incremental {
            text.push_str(&format!(" of what is new by {incremental:?}"));
        }
        text
    }

    /// What a web server sends without telling when it was changed may be something else the next time.
    fn is_replayable(&self) -> bool {
        let is_known = |file: &DataFile| match &file.place {
            Place::Remote(remote) => remote.is_known(),
            _ => true,
        };
        !self.has_streams()
            && (!self.has_addresses() || self.found().is_ok_and(|found| found.files.iter().all(is_known)))
    }

    /// Paths, sizes and times of change of all files, and what stores say of their content.
    fn fingerprint(&self) -> String {
        if self.has_streams() {
            return String::new();
        }
        let mut text = String::new();
        // What is not there or cannot be read is told by whoever reads it.
        for file in self.cache.renew(|| self.discover()).files {
            let path = match &file.place {
                Place::Path(path) => path,
                Place::Remote(remote) => {
                    text.push_str(&format!("{} {}\n", remote.shown, remote.state()));
                    continue;
                }
                _ => continue,
            };
            if let (Ok(path), Ok(found)) = (path.canonicalize(), path.metadata()) {
                let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let nanos = changed.unwrap_or_default().as_nanos();
                text.push_str(&format!("{} {} {nanos}\n", path.display(), found.len()));
            }
        }
        version_digest([text.as_bytes()])
    }

    fn check(&self) -> Result<()> {
        self.csv.check()?;
        self.found().map(drop)
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        let found = self.found()?;
        Ok(Some(by_table(found.files, self.table.as_deref()).into_iter().map(|(name, _)| name).collect()))
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        self.csv.check()?;
        let found = self.found()?;
        found.left_out_notice().into_iter().for_each(|notice| context.notices.say(notice));
        self.check_use_of_options(&found.files, &context.notices);
        let options =
            Arc::new(TextOptions { encoding: self.encoding, csv: self.csv.clone(), notices: context.notices.clone() });
        let mut resources = Vec::new();
        let mut left_out = 0;
        for (name, mut files) in by_table(found.files, self.table.as_deref()) {
            let hints = self.hints.clone();
            if let Some(FilesIncremental::Files(incremental)) = &self.incremental {
                let (new, others) = incremental::new_files(files, incremental, &name, context)?;
                left_out += others;
                files = new;
            }
            let plan = parquet_plan(&files, context)?;
            let mut reader = TableReader::new(files, self.chunk_bytes, options.clone(), plan);
            if hints.disposition == Some(WriteDisposition::Replace) {
                reader = reader.replacing(hints.table.as_deref().unwrap_or(&name));
            }
            let by_files = matches!(self.incremental, Some(FilesIncremental::Files(_)));
            let by_rows = self.incremental.as_ref().and_then(FilesIncremental::of_rows);
            resources.push(Resource::new(name, reader).with_hints(hints).with_incremental(by_rows).whole(by_files));
        }
        incremental::say_left_out(left_out, context);
        Ok(resources)
    }

    /// Looks at the text around bytes that are no UTF-8: which encoding it may be.
    fn explain(&self, error: Error) -> Error {
        if !error.to_string().ends_with(NOT_UTF8) || self.encoding.is_some() {
            return error;
        }
        match error.location().map(|location| self.place_of(&location.input)) {
            Some(place) => match not_utf8::advice_on(&place, error.location().and_then(|location| location.line)) {
                Some(hint) => error.hint(hint),
                None => error,
            },
            _ => error,
        }
    }
}

impl Files {
    fn has_streams(&self) -> bool {
        self.paths.iter().any(|path| is_stream(path))
    }

    fn has_addresses(&self) -> bool {
        self.paths.iter().any(|path| path.to_str().is_some_and(Address::is_address))
    }

    fn discover(&self) -> Result<Found> {
        discover(&self.paths, self.format, &self.credentials)
    }

    /// The files behind the paths. Stores are asked once a run.
    fn found(&self) -> Result<Found> {
        if self.has_addresses() { self.cache.get_or(|| self.discover()) } else { self.discover() }
    }

    /// Where an input is that is called so in messages.
    fn place_of(&self, input: &str) -> Place {
        let known = |file: DataFile| (*file.place.display() == *input).then_some(file.place);
        let far = if self.has_addresses() { self.found().unwrap_or_default().files } else { Vec::new() };
        far.into_iter().find_map(known).unwrap_or_else(|| Place::Path(input.into()))
    }

    /// Says so if the person gave options for delimited text, and there is none.
    fn check_use_of_options(&self, files: &[DataFile], notices: &Notices) {
        let may_be_csv = |file: &DataFile| matches!(file.format, None | Some(Format::Csv | Format::Tsv));
        self.csv.say_unused_unless(self.csv.is_default() || files.iter().any(may_be_csv), notices);
    }
}

/// What the Parquet files among these agree on.
fn parquet_plan(files: &[DataFile], context: &ExtractContext) -> Result<parquet::Plan> {
    let is_parquet = |file: &&DataFile| file.format == Some(Format::Parquet) && !file.place.is_stream();
    parquet::Plan::of(files.iter().filter(is_parquet).map(|file| &file.place), &context.notices)
}

/// An address without secrets, such that others are told from it.
fn identity_of(address: &str) -> String {
    match Address::parse(address) {
        Ok(parsed) => match web_address::query_digest(address) {
            Some(digest) => format!("{parsed}?{digest}"),
            None => parsed.to_string(),
        },
        Err(_) => "(no address)".to_owned(),
    }
}

/// The files of each table, tables in order of their first file. Names that differ only in spelling make one table;
/// names of which the form of the dataset keeps too little (`日本`, `中国`) do not.
fn by_table(files: Vec<DataFile>, table: Option<&str>) -> Vec<(String, Vec<DataFile>)> {
    if let Some(table) = table {
        return vec![(table.to_owned(), files)];
    }
    let naming = Naming::new(usize::MAX);
    let mut tables: Vec<(String, String, Vec<DataFile>)> = Vec::new();
    for file in files {
        let key = naming.identity(&file.stem);
        match tables.iter_mut().find(|(known, ..)| *known == key) {
            Some((_, _, files)) => files.push(file),
            None => tables.push((key, file.stem.clone(), vec![file])),
        }
    }
    tables.into_iter().map(|(_, stem, files)| (stem, files)).collect()
}
