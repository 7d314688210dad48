//! Where data comes from: the contract between the engine and a source.

use crate::choice::ColumnChoice;
use crate::cursor::Incremental;
use crate::error::{Error, Result};
use crate::notices::Notices;
use crate::schema::{Column, Contract, MergeStrategy, TableFormat, WriteDisposition};
use crate::versions::Scd2;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Something that data can be extracted from.
///
/// The engine calls [`Source::resources`] once a run, then reads the resources one after the other, each to its end, on
/// one thread. A source that wants to fetch in parallel does so behind its readers. A source never interprets values: it
/// hands over JSON as bytes or Arrow as Arrow, and naming, typing and nesting are the engine's.
pub trait Source: Send {
    /// Name of the schema that the tables belong to: letters, digits and `_`, at most 64 characters. Empty for data that
    /// has no source of its own (plain rows, files): it belongs to the default schema of the pipeline.
    fn name(&self) -> &str;

    /// What this source reads, for a person and for recognising that a killed run and its successor are the same call:
    /// paths, table, options. Never a secret.
    fn identity(&self) -> String;

    /// Whether reading again gives the same rows (files). What cannot be read again (standard input, an API, rows in
    /// memory) is first written to the load package as it comes, so that a killed run can go on from there.
    fn is_replayable(&self) -> bool;

    /// The state that the input is in, if it can be read again: another text when it has changed (sizes and times of files).
    /// A killed run is taken up only while it is the same.
    fn fingerprint(&self) -> String {
        String::new()
    }

    /// Looks whether the input is there, before anything is made anywhere.
    ///
    /// # Errors
    /// If [`Source::resources`] would fail for a reason that can be seen now: a file that is missing.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Names of the resources that [`Source::resources`] is going to give, for a run that begins anew with some of them
    /// ([`crate::Refresh`]); called before it. Default: they cannot be told, and such a run is refused.
    ///
    /// # Errors
    /// If [`Source::resources`] would fail for a reason that can be seen now.
    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// The resources as far as the source was told of them, without reading or reaching anything. Default: they are not known
    /// before it is read.
    ///
    /// # Errors
    /// If what the source was told cannot be understood.
    fn declared(&self) -> Result<Option<Vec<DeclaredResource>>> {
        Ok(None)
    }

    /// Opens the resources. [`ExtractContext::state`] is what the source put there in the last run that was committed;
    /// what it holds when the last reader has ended is committed with this run's rows, in one transaction.
    ///
    /// # Errors
    /// If something that can be checked early is wrong: a file that is missing, credentials that are refused.
    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>>;

    /// Says more of a flaw that was found in the data of this source: called once with the error that ends a run.
    fn explain(&self, error: Error) -> Error {
        error
    }
}

/// A resource that a source was told of.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeclaredResource {
    /// Name.
    pub name: String,
    /// Whether it is loaded where nothing else is said, and not only read for others.
    pub is_selected: bool,
    /// The resource for whose items it is read.
    pub parent: Option<String>,
    /// What of it is new.
    pub incremental: Option<Incremental>,
}

impl DeclaredResource {
    /// A resource that is loaded, all of it, and has no parent.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_selected: true, ..Self::default() }
    }

    /// Sets whether it is loaded where nothing else is said.
    #[must_use]
    pub fn selected(mut self, is_selected: bool) -> Self {
        self.is_selected = is_selected;
        self
    }

    /// Sets the resource for whose items it is read.
    #[must_use]
    pub fn below(mut self, parent: Option<String>) -> Self {
        self.parent = parent;
        self
    }

    /// Sets what of it is new.
    #[must_use]
    pub fn with_incremental(mut self, incremental: Option<Incremental>) -> Self {
        self.incremental = incremental;
        self
    }
}

/// The message of an error in text that is not UTF-8.
pub const NOT_UTF8: &str = "the text is not UTF-8";

/// What a run gives its source: the memory of the last run, and a way to speak. Readers keep clones of what they need.
#[derive(Clone, Debug, Default)]
pub struct ExtractContext {
    /// Memory between runs.
    pub state: SourceState,
    /// Where to say what was left out or guessed.
    pub notices: Notices,
    /// Names of the resources to read; `None` for those that the source reads by itself. A source that reads one resource
    /// for another, or that leaves some out by itself, has to mind it; others may offer all, the rest is not read.
    pub selection: Option<Arc<[String]>>,
    /// Whether a run reads the source. Otherwise it is only looked at, and what a scheduler tells a run may be missing.
    pub is_run: bool,
}

impl ExtractContext {
    /// Whether a resource is to be read, which without a selection is or is not.
    pub fn wants(&self, resource: &str, by_default: bool) -> bool {
        match &self.selection {
            Some(names) => names.iter().any(|name| name == resource),
            None => by_default,
        }
    }
}

/// A source's memory between runs: a JSON object, stored in the destination with the rows it speaks of.
#[derive(Clone, Debug, Default)]
pub struct SourceState(Arc<std::sync::Mutex<Map<String, Value>>>);

impl SourceState {
    /// A state with this content.
    pub fn new(content: Map<String, Value>) -> Self {
        Self(Arc::new(std::sync::Mutex::new(content)))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.lock().get(key).cloned()
    }

    /// Sets `key`; committed with this run.
    pub fn set(&self, key: &str, value: impl Into<Value>) {
        self.lock().insert(key.to_owned(), value.into());
    }

    /// Everything.
    pub fn snapshot(&self) -> Map<String, Value> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Map<String, Value>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One stream of items, which becomes a root table and the tables nested in it.
pub struct Resource {
    /// Name as the source calls it; the table is named after it unless `hints` say otherwise.
    pub name: String,
    /// How the table is to be written.
    pub hints: TableHints,
    /// Where the items come from.
    pub reader: Box<dyn Reader>,
    /// What of it is new. Default: everything.
    pub incremental: Option<Incremental>,
    /// How many of the new rows are read at most, where it is loaded incrementally. Default: all.
    pub limit: Option<u64>,
    /// Whether all that it reads counts as loaded from then on, such as whole files by their times: it cannot be cut short.
    pub is_whole: bool,
    /// Is shown the rows that are loaded: what is left after limits, filters and an incremental. For resources that are
    /// read for the rows of this one.
    pub tap: Option<Tap>,
}

/// See [`Resource::tap`]. Called with each piece before it is normalized; an error of it ends the run.
pub type Tap = Box<dyn FnMut(&Chunk) -> Result<()> + Send>;

impl Resource {
    /// A resource that appends to a table of its name.
    pub fn new(name: impl Into<String>, reader: impl Reader + 'static) -> Self {
        Self {
            name: name.into(),
            hints: TableHints::default(),
            reader: Box::new(reader),
            incremental: None,
            limit: None,
            is_whole: false,
            tap: None,
        }
    }

    /// Sets the hints.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.hints = hints;
        self
    }

    /// Says that all that is read counts as loaded from then on ([`Resource::is_whole`]).
    #[must_use]
    pub fn whole(mut self, is_whole: bool) -> Self {
        self.is_whole = is_whole;
        self
    }

    /// Shows the rows that are loaded to one more ([`Resource::tap`]).
    #[must_use]
    pub fn with_tap(mut self, mut tap: impl FnMut(&Chunk) -> Result<()> + Send + 'static) -> Self {
        self.tap = Some(match self.tap.take() {
            None => Box::new(tap),
            Some(mut before) => Box::new(move |chunk| {
                before(chunk)?;
                tap(chunk)
            }),
        });
        self
    }

    /// Loads only what is new. The engine filters what the reader gives, and keeps the position.
    #[must_use]
    pub fn with_incremental(mut self, incremental: Option<Incremental>) -> Self {
        self.incremental = incremental;
        self
    }
}

/// What a source says about a table beforehand.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TableHints {
    /// Table name, if not the resource's.
    pub table: Option<String>,
    /// Default: what is stored of the table, and append for a table that is new.
    #[serde(default)]
    pub disposition: Option<WriteDisposition>,
    /// How rows are merged, where they are. Default: what is stored of the table, and delete-insert where nothing is.
    #[serde(default)]
    pub merge_strategy: Option<MergeStrategy>,
    /// In which format the table is kept. Default: what is stored of the table, and the destination's own where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_format: Option<TableFormat>,
    /// Options of the merge strategy scd2.
    #[serde(default)]
    pub scd2: Option<Scd2>,
    /// Names of the columns that identify a row, as in the data. A merge needs them, or a merge key.
    pub primary_key: Vec<String>,
    /// Names of the columns that tell which rows a delete-insert replaces, as in the data: all rows of a day, say.
    #[serde(default)]
    pub merge_key: Vec<String>,
    /// Levels of nesting that are split into columns and tables; deeper data stays JSON. Default: all.
    pub max_nesting: Option<u32>,
    /// What data may change of the table. Default: what is stored of the table, else of the dataset.
    #[serde(default)]
    pub contract: Option<Contract>,
    /// Which columns are loaded, and under which names. Default: all, under their own.
    #[serde(default)]
    pub choice: ColumnChoice,
    /// What is known of single columns (names as in the data): their type, and hints such as `dedup_sort` or `hard_delete`.
    pub columns: Vec<Column>,
    /// Columns that hold keys of other tables; for those who read the schema. Default: as stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// The source knows that no row has the primary key of another one, of this load or of the table. So insert-only has
    /// nothing to compare, and adds them as they come. Nothing is stored of it: it counts for one load. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub are_new: bool,
}

/// Columns of a table that hold the key of another table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    /// The columns, as in the data.
    pub columns: Vec<String>,
    /// The other table, as its source calls it.
    pub referenced_table: String,
    /// Its columns, one for each of `columns`.
    pub referenced_columns: Vec<String>,
}

/// Reads one resource.
pub trait Reader: Send {
    /// The next piece, or `None` at the end, after which it is not called again. Pieces of 1 to 16 MiB keep all cores
    /// busy with bounded memory; a piece is in memory as a whole.
    ///
    /// # Errors
    /// If the input cannot be read on; the run then fails and nothing of it is kept.
    fn next_chunk(&mut self) -> Result<Option<Chunk>>;
}

/// A piece of a resource.
#[derive(Debug)]
pub enum Chunk {
    /// JSON values as text.
    Json(JsonChunk),
    /// Rows in columns, nested ones too.
    Arrow(ArrowChunk),
}

/// Rows in columns. Every column that has a type makes its column in the dataset, with or without a value; a batch without
/// rows makes just the columns.
#[derive(Clone, Debug)]
pub struct ArrowChunk {
    /// The rows.
    pub batch: RecordBatch,
    /// Name of the input, for messages: a path as the user gave it, or `<stdin>`.
    pub input: Arc<str>,
    /// Number of the first row in the input, from 1.
    pub first_row: u64,
}

/// JSON values one after the other, separated by white space (JSON Lines are), none cut at either end.
#[derive(Debug)]
pub struct JsonChunk {
    /// The text. It need not be valid: the engine reports what is not, with its line.
    pub bytes: Vec<u8>,
    /// Name of the input, for messages: a path as the user gave it, or `<stdin>`.
    pub input: Arc<str>,
    /// Number of the line that `bytes` begins in, from 1.
    pub first_line: u64,
}
