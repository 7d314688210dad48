//! A pipeline as one TOML file, `chess_pipeline.toml`.
//!
//! ```toml
//! [pipeline]
//! name = "shop"
//! dataset = "raw"
//!
//! [destination]
//! type = "duckdb"
//!
//! [source]
//! type = "filesystem"
//! paths = ["data/*.jsonl"]
//! ```
//!
//! What `[source]` and `[destination]` leave open is looked up around the file: see [`ConfigProviders`]. Unknown keys are
//! errors that name file, line and the nearest right word. Relative paths are meant from the file's folder.

mod csv;
mod deserialize;
mod hints;
mod providers;
mod section;
mod sources;
mod spanned;

use std::path::{Path, PathBuf};

use dlt_destination_duckdb::DuckDb;
use dlt_engine::naming::Convention;
use dlt_engine::schema::Contract;
use dlt_engine::{Error, ErrorKind, Result, Surrogates};

use crate::destinations::{DESTINATIONS, DestinationName};
use crate::memory;
use crate::pipeline::{Builder, MAX_WORKERS};
use crate::source::AnySource;
use section::{Located, Section};
use sources::SourceDeclaration;
use spanned::{Table, Value};

pub use providers::ConfigProviders;
pub(crate) use section::word_hint;
pub use sources::SOURCES;
pub use spanned::Origin;

/// How the names of pipeline files end.
pub const FILE_ENDING: &str = "_pipeline.toml";

/// A pipeline file, understood.
#[derive(Debug)]
pub struct Declaration {
    name: String,
    dataset: String,
    workers: Option<usize>,
    naming: Option<Convention>,
    surrogates: Surrogates,
    contract: Option<Contract>,
    rejected: Option<String>,
    destination: DestinationName,
    source: SourceDeclaration,
    looked_up: Vec<(String, Origin)>,
}

impl Declaration {
    /// Reads a pipeline file and what it leaves open.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file is not there, is not TOML, has a key that is not known or lacks one, or if a
    /// value is not what it must be; the error names file and line.
    pub fn read(file: &Path, providers: &ConfigProviders) -> Result<Self> {
        let mut top = Section::new("", Origin::File { path: file.into(), line: 1 }, spanned::read(file)?);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut looked_up = Vec::new();

        let Some(mut pipeline) = top.section("pipeline")? else {
            return Err(top.missing("pipeline", "[pipeline] with name = \"shop\""));
        };
        let name = pipeline.required_text("name", "name = \"shop\"")?.value;
        let dataset = pipeline.text("dataset")?.map_or_else(|| format!("{name}_dataset"), |found| found.value);
        let workers = pipeline.count("workers")?.map(|found| workers_of(&found)).transpose()?;
        let naming = match pipeline.one_of("naming", &namings())? {
            None => providers
                .naming(folder)?
                .inspect(|found| looked_up.push(("naming".to_owned(), found.1.clone())))
                .map(|found| found.0),
            given => given,
        };
        let words = [("refuse", Surrogates::Refuse), ("replace", Surrogates::Replace)];
        let surrogates = pipeline.one_of("lone_surrogates", &words)?.unwrap_or_default();
        let contract = hints::read_contract(&mut pipeline)?;
        let rejected = pipeline.text("rejected")?.map(|found| found.value);
        pipeline.finish()?;

        let destination = read_destination(&mut top, folder, providers, &mut looked_up)?.relative_to(folder, &name);
        let source = read_source(&mut top, folder, providers, &mut looked_up)?;
        top.finish()?;
        Ok(Self { name, dataset, workers, naming, surrogates, contract, rejected, destination, source, looked_up })
    }

    /// The one pipeline file of a folder.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is none, or more than one.
    pub fn find(folder: &Path) -> Result<PathBuf> {
        let is_here = folder.as_os_str().is_empty();
        let place = if is_here { "this folder".to_owned() } else { folder.display().to_string() };
        let entries = std::fs::read_dir(if is_here { Path::new(".") } else { folder })
            .map_err(|cause| Error::new(ErrorKind::Config, format!("cannot read {place}")).because(cause))?;
        let mut files: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(FILE_ENDING))
            .collect();
        files.sort();
        match files.as_slice() {
            [one] => Ok(spanned::relative_to(folder, one)),
            [] => Err(Error::new(ErrorKind::Config, format!("there is no *{FILE_ENDING} in {place}"))
                .hint("begin with one: dlt init filesystem duckdb")),
            several => {
                Err(Error::new(ErrorKind::Config, format!("there are {} pipeline files in {place}", several.len()))
                    .hint(format!("say which: dlt run {}", several.join("  or  dlt run "))))
            }
        }
    }

    /// Name of the pipeline.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Name of the dataset.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The pipeline that the file declares, to be completed by [`Builder::dataset`] with [`Declaration::dataset`].
    pub fn pipeline(&self) -> Builder {
        let builder = crate::pipeline(&self.name).destination(self.destination.clone());
        let builder = match self.workers {
            Some(workers) => builder.workers(workers),
            None => builder,
        };
        let builder = match self.naming {
            Some(naming) => builder.naming(naming),
            None => builder,
        };
        let builder = match self.contract {
            Some(contract) => builder.schema_contract(contract),
            None => builder,
        };
        let builder = match &self.rejected {
            Some(table) => builder.rejected(table),
            None => builder,
        };
        builder.lone_surrogates(self.surrogates)
    }

    /// The source that the file declares; a new one for every run.
    ///
    /// # Errors
    /// If the source cannot be made of what the file says.
    pub fn source(&self) -> Result<AnySource> {
        self.source.open()
    }

    /// The kind of source, if it is one of [`SOURCES`].
    pub fn source_kind(&self) -> &'static str {
        self.source.kind()
    }

    /// Where it loads.
    pub fn destination(&self) -> &DestinationName {
        &self.destination
    }

    /// The settings that came from outside of the file, and where each was found.
    pub fn looked_up(&self) -> &[(String, Origin)] {
        &self.looked_up
    }
}

/// `destination = "duckdb:shop.duckdb"`, or a table with `type` and `path`.
fn read_destination(
    top: &mut Section,
    folder: &Path,
    providers: &ConfigProviders,
    looked_up: &mut Vec<(String, Origin)>,
) -> Result<DestinationName> {
    let Some(entry) = top.take("destination") else {
        return Err(top.missing("destination", "[destination] with type = \"duckdb\""));
    };
    let mut table = match entry.node.value {
        Value::Text(text) => {
            let mut table = Table::default();
            let mut set = |key: &str, text: String| {
                let value = spanned::Node { origin: entry.node.origin.clone(), value: Value::Text(text) };
                table.set(&[key.to_owned()], value);
            };
            if text.contains(':') {
                let named = DestinationName::parse(&text).map_err(|error| relocated(&error, &entry.node.origin))?;
                set("type", named.kind().to_owned());
                named.path().into_iter().for_each(|path| set("path", path.to_string_lossy().into_owned()));
            } else {
                set("type", text);
            }
            table
        }
        Value::Table(table) => table,
        _ => return Err(entry.node.origin.error("`destination` must be text or a table")),
    };
    let kind = kind_of(&table);
    if let Some(kind) = &kind {
        add_looked_up(&mut table, providers.settings(folder, "destination", kind)?, "destination", looked_up);
    }
    let mut section = Section::new("destination", entry.key_origin, table);
    let kind = section.required_text("type", "type = \"duckdb\"")?;
    let names: Vec<_> = DESTINATIONS.iter().map(|known| known.name).collect();
    if !names.contains(&kind.value.as_str()) {
        return Err(section::unknown_word(&kind.origin, "destination", &kind.value, &names));
    }
    let path = section.text("path")?.map(|found| file_of(&found)).transpose()?;
    let memory_limit = section.text("memory_limit")?.map(|found| memory_limit_of(&found)).transpose()?;
    section.finish()?;
    let destination = path.map_or_else(crate::duckdb, crate::duckdb_at);
    Ok(match memory_limit {
        Some(bytes) => destination.memory_limit(bytes),
        None => destination,
    })
}

/// A path that is joined with a folder is not seen for what it is any more: it is looked at before.
fn file_of(path: &Word) -> Result<PathBuf> {
    if let Some(file) = path.value.strip_prefix("duckdb:") {
        let error = path.origin.error("`destination.path` is the path of the file alone");
        return Err(error.hint(format!("write path = \"{}\"", file.trim_start_matches("///"))));
    }
    DuckDb::from_spec(&path.value, Path::new(&path.value)).map_err(|error| {
        let located = path.origin.error(error.to_string());
        located.hint("write the path of a file: path = \"shop.duckdb\"")
    })?;
    Ok(PathBuf::from(&path.value))
}

fn memory_limit_of(text: &Word) -> Result<u64> {
    let wrong = || text.origin.error(format!("`destination.memory_limit` must be {}", memory::EXPECTED));
    memory::bytes_of(&text.value).ok_or_else(wrong)
}

/// The naming conventions by their names.
fn namings() -> [(&'static str, Convention); 5] {
    Convention::ALL.map(|convention| (convention.name(), convention))
}

fn workers_of(count: &Located<u64>) -> Result<usize> {
    let wrong = || count.origin.error(format!("`pipeline.workers` must be from 1 to {MAX_WORKERS}"));
    let workers = u16::try_from(count.value).ok().filter(|workers| (1..=MAX_WORKERS).contains(workers));
    workers.map(usize::from).ok_or_else(wrong)
}

fn read_source(
    top: &mut Section,
    folder: &Path,
    providers: &ConfigProviders,
    looked_up: &mut Vec<(String, Origin)>,
) -> Result<SourceDeclaration> {
    let Some(entry) = top.take("source") else {
        return Err(top.missing("source", "[source] with type = \"filesystem\" and paths = [\"data/*.jsonl\"]"));
    };
    let Value::Table(mut table) = entry.node.value else {
        return Err(entry.node.origin.error(format!("`source` must be a table, and is {}", entry.node.kind())));
    };
    if let Some(kind) = kind_of(&table) {
        add_looked_up(&mut table, providers.settings(folder, "sources", &kind)?, "source", looked_up);
    }
    let mut section = Section::new("source", entry.key_origin, table);
    let kind = section.required_text("type", "type = \"filesystem\"")?;
    SourceDeclaration::read(&kind, section, folder)
}

fn kind_of(table: &Table) -> Option<String> {
    match &table.get("type")?.value {
        Value::Text(kind) => Some(kind.clone()),
        _ => None,
    }
}

/// Adds what the file leaves open, and notes it.
fn add_looked_up(table: &mut Table, found: Table, name: &str, looked_up: &mut Vec<(String, Origin)>) {
    note_looked_up(Some(table), &found, name, looked_up);
    table.fill_from(found);
}

/// Notes the keys of `found` that `table` lacks, down to those in tables that both have.
fn note_looked_up(table: Option<&Table>, found: &Table, name: &str, looked_up: &mut Vec<(String, Origin)>) {
    for entry in &found.entries {
        let name = format!("{name}.{}", entry.key);
        match (table.and_then(|table| table.get(&entry.key)).map(|node| &node.value), &entry.node.value) {
            (Some(Value::Table(own)), Value::Table(found)) => note_looked_up(Some(own), found, &name, looked_up),
            (None, Value::Table(found)) => note_looked_up(None, found, &name, looked_up),
            (None, _) => looked_up.push((name, entry.node.origin.clone())),
            (Some(_), _) => {}
        }
    }
}

/// The same complaint, with the place in the file.
fn relocated(error: &Error, origin: &Origin) -> Error {
    let located = origin.error(error.to_string());
    match error.advice() {
        Some(hint) => located.hint(hint),
        None => located,
    }
}

/// A word with its place, for sources that check it themselves.
type Word = Located<String>;
