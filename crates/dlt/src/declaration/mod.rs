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

mod connected;

use std::path::{Path, PathBuf};

use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::naming::Convention;
use dlt_engine::schema::Contract;
pub use dlt_engine::settings::Origin;
use dlt_engine::settings::{Located, Node, Section, Table, Value, read_contract, relative_to, toml};
use dlt_engine::{Error, ErrorKind, Refresh, Result, Surrogates};

use crate::connectors::{DESTINATIONS, SOURCES};
use crate::dbt;
use crate::destination::DestinationName;
use crate::pipeline::{Builder, MAX_WORKERS};
pub use crate::providers::{Around, ConfigProviders};
use crate::source::AnySource;
use connected::{DeclaredSource, read_destination, read_source};

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
    replace_strategy: ReplaceStrategy,
    refresh: Option<Refresh>,
    import_schema_path: Option<PathBuf>,
    export_schema_path: Option<PathBuf>,
    contract: Option<Contract>,
    rejected: Option<String>,
    destination: DestinationName,
    source: DeclaredSource,
    dbt: Table,
    folder: PathBuf,
    looked_up: Vec<(String, Origin)>,
}

impl Declaration {
    /// Reads a pipeline file and what it leaves open.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file is not there, is not TOML, has a key that is not known or lacks one, or if a
    /// value is not what it must be; the error names file and line.
    pub fn read(file: &Path, providers: &ConfigProviders) -> Result<Self> {
        let mut top = Section::new("", Origin::File { path: file.into(), line: 1 }, toml::read(file)?);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut looked_up = Vec::new();

        let Some(mut pipeline) = top.section("pipeline")? else {
            return Err(top.missing("pipeline", "[pipeline] with name = \"shop\""));
        };
        let name = pipeline.required_text("name", "name = \"shop\"")?.value;
        let around = Around { project: folder, pipeline: Some(&name) };
        let dataset = pipeline.text("dataset")?.map_or_else(|| format!("{name}_dataset"), |found| found.value);
        let workers = pipeline.count("workers")?.map(|found| workers_of(&found)).transpose()?;
        let naming = match pipeline.one_of("naming", &namings())? {
            None => providers
                .naming(around)?
                .inspect(|found| looked_up.push(("naming".to_owned(), found.1.clone())))
                .map(|found| found.0),
            given => given,
        };
        let words = [("refuse", Surrogates::Refuse), ("replace", Surrogates::Replace)];
        let surrogates = pipeline.one_of("lone_surrogates", &words)?.unwrap_or_default();
        let refresh = pipeline.one_of("refresh", &Refresh::ALL.map(|mode| (mode.name(), mode)))?;
        let mut schema_path =
            |key| -> Result<Option<PathBuf>> { Ok(pipeline.text(key)?.map(|found| relative_to(folder, &found.value))) };
        let import_schema_path = schema_path("import_schema_path")?;
        let export_schema_path = schema_path("export_schema_path")?;
        let contract = read_contract(&mut pipeline)?;
        let rejected = pipeline.text("rejected")?.map(|found| found.value);
        pipeline.finish()?;

        let (destination, replace_strategy) = read_destination(&mut top, around, providers, &mut looked_up)?;
        let source = read_source(&mut top, around, providers, &mut looked_up)?;
        let dbt = match top.section("dbt")? {
            Some(section) => match section.into_node() {
                Node { origin, value: Value::Table(table) } => {
                    // What is wrong in the file is said by whoever reads it first.
                    dbt::Settings::read("dbt", origin, table.clone(), folder)?;
                    table
                }
                _ => Table::default(),
            },
            None => Table::default(),
        };
        top.finish()?;
        Ok(Self {
            name,
            dataset,
            workers,
            naming,
            surrogates,
            replace_strategy,
            contract,
            rejected,
            refresh,
            import_schema_path,
            export_schema_path,
            destination,
            source,
            dbt,
            folder: folder.to_owned(),
            looked_up,
        })
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
            [one] => Ok(dlt_engine::settings::relative_to(folder, one)),
            [] => {
                Err(Error::new(ErrorKind::Config, format!("there is no *{FILE_ENDING} in {place}")).hint(begin_hint()))
            }
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

    /// The same pipeline under another name: that of its working folder and of what it remembers. Dataset, destination and settings
    /// stay those of the file.
    #[must_use]
    pub fn remembered_as(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Name of the dataset.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// The pipeline that the file declares, to be completed by [`Builder::dataset`] with [`Declaration::dataset`].
    pub fn pipeline(&self) -> Builder {
        let builder = crate::pipeline::pipeline(&self.name).destination(self.destination.clone());
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
        let builder = match self.refresh {
            Some(mode) => builder.refresh(mode),
            None => builder,
        };
        let builder = match &self.import_schema_path {
            Some(folder) => builder.import_schema_path(folder),
            None => builder,
        };
        let builder = match &self.export_schema_path {
            Some(folder) => builder.export_schema_path(folder),
            None => builder,
        };
        builder.lone_surrogates(self.surrogates).replace_strategy(self.replace_strategy)
    }

    /// The source that the file declares; a new one for every run.
    ///
    /// # Errors
    /// If the source cannot be made of what the file says.
    pub fn source(&self) -> Result<AnySource> {
        Ok(self.source.open())
    }

    /// The kind of source, if it is one of [`crate::SOURCES`].
    pub fn source_kind(&self) -> &'static str {
        self.source.kind
    }

    /// Where it loads.
    pub fn destination(&self) -> &DestinationName {
        &self.destination
    }

    /// The settings of dbt: what the file says under `[dbt]`, and of what it leaves open what is said around it under
    /// `[dbt_package_runner]`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if what is said around it cannot be understood.
    pub fn dbt(&self, providers: &ConfigProviders) -> Result<dbt::Settings> {
        let around = Around { project: &self.folder, pipeline: Some(&self.name) };
        dbt::Settings::over(self.dbt.clone(), around, providers)
    }

    /// The settings that came from outside of the file, and where each was found.
    pub fn looked_up(&self) -> &[(String, Origin)] {
        &self.looked_up
    }
}

/// How a folder without a pipeline file gets one.
fn begin_hint() -> String {
    let source = SOURCES.first().map_or("SOURCE", |known| known.name);
    let destination = DESTINATIONS.first().map_or("DESTINATION", |known| known.name);
    format!("begin with one: dlt init {source} {destination}")
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
