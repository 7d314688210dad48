//! The pipeline as a program uses it: the engine's, with destinations by name and telemetry tied in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::naming::Convention;
use dlt_engine::schema::{Contract, Schema};
use dlt_engine::{
    Dataset, Destination, DropPlan, Error, ErrorKind, LoadInfo, Observer, Preview, Refresh, Result, Selection, Source,
    Surrogates, Synced, Trace, default_schema_name,
};
use dlt_telemetry::Telemetry;
use dlt_telemetry::events::HelperDbtCreateRunner;

use crate::connectors::DESTINATIONS;
use crate::destination::{DestinationName, IntoDestination};
use crate::local::{LocalPipeline, local_pipeline};
use crate::providers::ConfigProviders;
use crate::recording::{Recorder, of_this_process, record_access};

/// Threads that a pipeline takes at most. More do not help, and the system may refuse them.
pub const MAX_WORKERS: u16 = 1024;

/// Begins a pipeline. Its name is that of its working folder and, for plain rows, of its schema.
pub fn pipeline(name: impl Into<String>) -> Builder {
    let name = name.into();
    let builder = Builder {
        destination: Destined::Not(Arc::new(Error::new(ErrorKind::Config, "the pipeline has no destination"))),
        name,
        data_dir: None,
        workers: None,
        naming: None,
        surrogates: Surrogates::default(),
        replace_strategy: ReplaceStrategy::default(),
        refresh: None,
        import_schema_path: None,
        export_schema_path: None,
        contract: None,
        rejected: None,
        observer: None,
        telemetry: None,
    };
    match DESTINATIONS {
        [first, ..] => builder.destination(DestinationName::of(first)),
        [] => builder,
    }
}

/// A destination, or why there is none. Builders do not fail; the first use of what they build does.
#[derive(Clone)]
enum Destined {
    For(Arc<dyn Destination>),
    Not(Arc<Error>),
}

/// A pipeline that lacks its dataset.
#[derive(Clone)]
pub struct Builder {
    name: String,
    destination: Destined,
    data_dir: Option<PathBuf>,
    workers: Option<usize>,
    naming: Option<Convention>,
    surrogates: Surrogates,
    replace_strategy: ReplaceStrategy,
    refresh: Option<Refresh>,
    import_schema_path: Option<PathBuf>,
    export_schema_path: Option<PathBuf>,
    contract: Option<Contract>,
    rejected: Option<String>,
    observer: Option<Arc<dyn Observer>>,
    telemetry: Option<Telemetry>,
}

impl Builder {
    /// Where to load. Default: the first of [`DESTINATIONS`], in the current folder.
    #[must_use]
    pub fn destination(mut self, destination: impl IntoDestination) -> Self {
        self.destination = match destination.into_destination(&self.name) {
            Ok(destination) => Destined::For(destination),
            Err(error) => Destined::Not(Arc::new(error)),
        };
        self
    }

    /// The folder of working folders. Default: `DLT_DATA_DIR`; else for root `/var/dlt`; else `~/.dlt`.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// Threads that normalize, at most [`MAX_WORKERS`]. Default: one for each core.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(count.min(MAX_WORKERS.into()));
        self
    }

    /// How names of tables and columns are made of keys. Default: as the dataset has it, `snake_case` for a new one.
    #[must_use]
    pub fn naming(mut self, convention: Convention) -> Self {
        self.naming = Some(convention);
        self
    }

    /// What becomes of half a surrogate pair in JSON (`"\ud800"`), which is no character. Default: it is an error.
    #[must_use]
    pub fn lone_surrogates(mut self, surrogates: Surrogates) -> Self {
        self.surrogates = surrogates;
        self
    }

    /// How tables that are replaced are. Default: emptied, and the new rows inserted, in one transaction.
    #[must_use]
    pub fn replace_strategy(mut self, strategy: ReplaceStrategy) -> Self {
        self.replace_strategy = strategy;
        self
    }

    /// Lets every run begin anew: what it replaces is dropped in the transaction of its load. Default: runs add to what is
    /// there.
    #[must_use]
    pub fn refresh(mut self, mode: Refresh) -> Self {
        self.refresh = Some(mode);
        self
    }

    /// The folder of the schema file `<schema>.schema.yaml` that a run begins with; the first run writes it where it is
    /// missing. A schema of the dataset that came from another import is replaced by it. Default: none.
    #[must_use]
    pub fn import_schema_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.import_schema_path = Some(folder.into());
        self
    }

    /// The folder that the schema is written into after every load, as `<schema>.schema.yaml`. Default: none.
    #[must_use]
    pub fn export_schema_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.export_schema_path = Some(folder.into());
        self
    }

    /// What data may change of the schema: for all tables that runs load, whatever their source says of it. It is stored, and
    /// holds for later runs that say nothing. Default: as stored; in a new dataset tables, columns and types evolve.
    #[must_use]
    pub fn schema_contract(mut self, contract: impl Into<Contract>) -> Self {
        self.contract = Some(contract.into());
        self
    }

    /// The table that takes what a contract leaves out, in the same transaction as the load: a row for each row or value, with
    /// its input, line, table, column, the reason, and the row as JSON. Default: what is left out is counted and said.
    #[must_use]
    pub fn rejected(mut self, table: impl Into<String>) -> Self {
        self.rejected = Some(table.into());
        self
    }

    /// Is told how a run goes on.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What records anonymous usage. Default: one handle for the process, which follows the user's settings.
    #[must_use]
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Names the dataset: a schema of the database that holds the pipeline's tables.
    #[must_use]
    pub fn dataset(self, name: impl Into<String>) -> Pipeline {
        Pipeline { dataset: name.into(), builder: self, is_access_recorded: false.into(), is_used: false.into() }
    }

    /// With a dataset named after the pipeline: `<name>_dataset`.
    #[must_use]
    pub fn build(self) -> Pipeline {
        let dataset = format!("{}_dataset", self.name);
        self.dataset(dataset)
    }
}

/// Loads data into one dataset, and reads it back.
pub struct Pipeline {
    builder: Builder,
    dataset: String,
    is_access_recorded: AtomicBool,
    /// Whether telemetry may have something of this pipeline.
    is_used: AtomicBool,
}

impl Pipeline {
    /// Extracts, normalizes and loads. A run that was killed is taken up by the next.
    ///
    /// # Errors
    /// Whatever went wrong; the dataset then holds nothing of this run.
    pub fn run(&self, source: impl Source) -> Result<LoadInfo> {
        self.run_then(source, |_| {})
    }

    /// As [`Pipeline::run`]; `deliver` is called when everything is loaded. After a run that was killed before
    /// `deliver` had returned, the same call reports that run instead of loading the data a second time.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_then(&self, source: impl Source, deliver: impl FnOnce(&LoadInfo)) -> Result<LoadInfo> {
        let engine = self.watched_engine()?;
        let info = engine.run_then(source, deliver);
        self.is_used.store(true, Ordering::Relaxed);
        info
    }

    /// Reads the source and works out what [`Pipeline::run`] would do; nothing is loaded, kept or recorded.
    ///
    /// # Errors
    /// As [`Pipeline::run`], for all that goes wrong before the load.
    pub fn preview(&self, source: impl Source) -> Result<Preview> {
        let engine = self.engine()?;
        match &self.builder.observer {
            Some(observer) => engine.observer(Arc::clone(observer)).preview(source),
            None => engine.preview(source),
        }
    }

    /// Loads what runs left that were killed or failed, oldest first: the packages for this destination and dataset. What
    /// waits is told by [`dlt_engine::pending_packages`].
    ///
    /// # Errors
    /// Why the first that fails cannot be loaded; it stays, as do those after it.
    pub fn load_pending(&self) -> Result<Vec<LoadInfo>> {
        let loaded = self.watched_engine()?.load_pending();
        self.is_used.store(true, Ordering::Relaxed);
        loaded
    }

    /// Opens the dataset for reading.
    ///
    /// # Errors
    /// If the destination cannot be opened or has no such dataset.
    pub fn dataset(&self) -> Result<Dataset> {
        let dataset = self.engine()?.dataset();
        self.is_used.store(true, Ordering::Relaxed);
        let telemetry = self.telemetry();
        if telemetry.is_on() && !self.is_access_recorded.swap(true, Ordering::Relaxed) {
            let schema = self.default_schema();
            record_access(&telemetry, &*self.destination()?, &self.dataset, &schema, dataset.is_ok());
        }
        dataset
    }

    /// As [`Pipeline::dataset`], for what the library itself wants to know: telemetry is told of access that a user asked for.
    pub(crate) fn open_dataset(&self) -> Result<Dataset> {
        self.engine()?.dataset()
    }

    /// Records that dbt was prepared, or could not be.
    pub(crate) fn record_dbt_runner(&self, profile: &str, elapsed: Duration, success: bool) {
        self.is_used.store(true, Ordering::Relaxed);
        let telemetry = self.telemetry();
        let package_profile_name_hash = telemetry.hash(profile);
        telemetry.record(&HelperDbtCreateRunner { package_profile_name_hash, elapsed: elapsed.into(), success });
    }

    /// Finds out what a selection of resources and of state would drop; changes nothing. `schema` is the pipeline's default
    /// one if it is `None`.
    ///
    /// # Errors
    /// If the dataset has no such schema, the selection cannot be understood, or the destination cannot be read.
    pub fn plan_drop(&self, schema: Option<&str>, selection: &Selection) -> Result<DropPlan> {
        self.engine()?.plan_drop(schema, selection)
    }

    /// Carries out a plan: tables, schema and state go in one transaction, which is told in the dataset as a load. Returns
    /// its id.
    ///
    /// # Errors
    /// If another run is under way or came in between, load packages wait, or the destination fails; nothing is dropped then.
    pub fn drop_selected(&self, plan: &DropPlan) -> Result<String> {
        self.engine()?.drop_selected(plan)
    }

    /// Empties the working folder, load packages that wait included, and writes it anew from what the destination has.
    ///
    /// # Errors
    /// If a run is under way or the destination cannot be read; nothing is changed then.
    pub fn sync(&self) -> Result<Synced> {
        self.engine()?.sync()
    }

    /// A schema as the destination has it; `None` if it has none. Without a name it is the pipeline's default one.
    ///
    /// # Errors
    /// If the destination cannot be read.
    pub fn stored_schema(&self, name: Option<&str>) -> Result<Option<Schema>> {
        self.engine()?.stored_schema(name)
    }

    /// What the pipeline remembers, as the destination has it; `None` if it has nothing.
    ///
    /// # Errors
    /// If the destination cannot be read.
    pub fn stored_state(&self) -> Result<Option<serde_json::Value>> {
        self.engine()?.stored_state()
    }

    /// The same pipeline with another folder of working folders, for a load that begins nothing anew and that nobody is told of.
    pub(crate) fn aside(&self, folder: &Path) -> Builder {
        let builder = Builder { observer: None, refresh: None, rejected: None, ..self.builder.clone() };
        let builder = Builder { import_schema_path: None, export_schema_path: None, ..builder };
        builder.data_dir(folder).workers(1)
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.builder.name
    }

    /// Name of the dataset, as it was given.
    pub fn dataset_name(&self) -> &str {
        &self.dataset
    }

    /// The destination.
    ///
    /// # Errors
    /// If what was given to [`Builder::destination`] names none.
    pub fn destination(&self) -> Result<Arc<dyn Destination>> {
        match &self.builder.destination {
            Destined::For(destination) => Ok(Arc::clone(destination)),
            Destined::Not(error) => {
                let copy = Error::new(error.kind(), error.to_string());
                Err(match error.advice() {
                    Some(hint) => copy.hint(hint),
                    None => copy,
                })
            }
        }
    }

    /// What the working folder remembers of the pipeline; `None` before its first run.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn info(&self) -> Result<Option<LocalPipeline>> {
        local_pipeline(&self.data_dir(), &self.builder.name)
    }

    /// The trace of the last run; `None` if there was none.
    ///
    /// # Errors
    /// If the working folder cannot be read.
    pub fn trace(&self) -> Result<Option<Trace>> {
        dlt_engine::last_trace(&self.data_dir(), &self.builder.name)
    }

    /// The engine, with whoever is told how a run goes on.
    fn watched_engine(&self) -> Result<dlt_engine::Pipeline> {
        let builder = &self.builder;
        let telemetry = self.telemetry();
        let own = builder.observer.clone();
        let observer: Option<Arc<dyn Observer>> = if telemetry.is_on() {
            let destination = self.destination()?;
            Some(Arc::new(Recorder::new(telemetry, destination, &builder.name, &self.dataset, own)))
        } else {
            own
        };
        let engine = self.engine()?;
        Ok(match observer {
            Some(observer) => engine.observer(observer),
            None => engine,
        })
    }

    fn engine(&self) -> Result<dlt_engine::Pipeline> {
        let builder = &self.builder;
        let engine = dlt_engine::Pipeline::new(&builder.name, self.destination()?, self.data_dir())?;
        let mut engine = engine.dataset_name(&self.dataset);
        if let Some(workers) = builder.workers {
            engine = engine.workers(workers);
        }
        if let Some(naming) = builder.naming {
            engine = engine.naming(naming);
        }
        if let Some(mode) = builder.refresh {
            engine = engine.refresh(mode);
        }
        if let Some(folder) = &builder.import_schema_path {
            engine = engine.import_schema_path(folder);
        }
        if let Some(folder) = &builder.export_schema_path {
            engine = engine.export_schema_path(folder);
        }
        engine = engine.lone_surrogates(builder.surrogates).replace_strategy(builder.replace_strategy);
        if let Some(contract) = builder.contract {
            engine = engine.schema_contract(contract);
        }
        if let Some(table) = &builder.rejected {
            engine = engine.rejected(table);
        }
        Ok(engine)
    }

    /// The folder that is this pipeline's own.
    pub(crate) fn working_folder(&self) -> PathBuf {
        self.data_dir().join("pipelines").join(&self.builder.name)
    }

    fn data_dir(&self) -> PathBuf {
        self.builder.data_dir.clone().unwrap_or_else(|| ConfigProviders::capture().data_folder().to_owned())
    }

    fn telemetry(&self) -> Telemetry {
        self.builder.telemetry.clone().unwrap_or_else(of_this_process)
    }

    fn default_schema(&self) -> String {
        let known = self.info().ok().flatten();
        known.map_or_else(|| default_schema_name(&self.builder.name), |known| known.schema)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // The process's own handle is never dropped; what this pipeline recorded is to leave now, within its bound. A
        // handle that was given is its owner's to finish.
        if self.builder.telemetry.is_none() && self.is_used.load(Ordering::Relaxed) {
            of_this_process().finish();
        }
    }
}
