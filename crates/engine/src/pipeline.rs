//! A pipeline: a name, a destination, a dataset, and the settings of its runs.

use crate::dataset::Dataset;
use crate::destination::{Concurrency, Destination, ReplaceStrategy};
use crate::error::{Error, ErrorKind, Result};
use crate::events::{NoObserver, Observer};
use crate::exchange::Exchange;
use crate::json::Surrogates;
use crate::local::Whereabouts;
use crate::naming::{Convention, Naming};
use crate::package::Folder;
use crate::refresh::Refresh;
use crate::schema::{Contract, Schema};
use crate::source::Source;
use crate::trace::Trace;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads data into one dataset of one destination.
#[derive(Clone)]
pub struct Pipeline {
    pub(crate) name: String,
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) dataset: String,
    /// The dataset's name as it was given, which is how states carry it.
    pub(crate) given_dataset: String,
    data_dir: PathBuf,
    outlives_power: bool,
    pub(crate) workers: usize,
    pub(crate) naming: Option<Convention>,
    pub(crate) surrogates: Surrogates,
    pub(crate) detections: Option<Vec<String>>,
    pub(crate) replace_strategy: ReplaceStrategy,
    pub(crate) contract: Option<Contract>,
    pub(crate) rejected: Option<String>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) exchange: Exchange,
}

impl Pipeline {
    /// A pipeline that keeps its working folder under `data_dir`. The dataset is `<name>_dataset` until
    /// [`Pipeline::dataset_name`] says otherwise; all cores are used.
    ///
    /// # Errors
    /// If the name cannot be one of a folder.
    pub fn new(name: &str, destination: Arc<dyn Destination>, data_dir: impl Into<PathBuf>) -> Result<Self> {
        let is_fine = !name.is_empty()
            && name.len() <= 128
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c));
        if !is_fine {
            return Err(Error::new(ErrorKind::Config, format!("`{name}` cannot be the name of a pipeline"))
                .hint("use letters, digits, `_`, `-` and `.`, at most 128 of them"));
        }
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let dataset = format!("{name}_dataset");
        let pipeline = Self {
            name: name.to_owned(),
            destination,
            dataset: String::new(),
            given_dataset: String::new(),
            data_dir: data_dir.into(),
            outlives_power: true,
            workers,
            naming: None,
            surrogates: Surrogates::default(),
            detections: None,
            replace_strategy: ReplaceStrategy::default(),
            contract: None,
            rejected: None,
            observer: Arc::new(NoObserver),
            refresh: None,
            exchange: Exchange::default(),
        };
        Ok(pipeline.dataset_name(&dataset))
    }

    /// Says that nothing of the working folder must be there after a loss of power, so that the disk need not be waited for. It is
    /// for callers who can give the input again, and who remove what is left of earlier processes before the first run: a run that is killed
    /// is taken up as ever, but where the machine stopped, files may be empty. Default: all is synced.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.outlives_power = false;
        self
    }

    /// Sets how names are made of keys. Default: as the dataset has it, `snake_case` for a new one. A dataset that has rows
    /// is refused with another one.
    #[must_use]
    pub fn naming(mut self, convention: Convention) -> Self {
        self.naming = Some(convention);
        let given = std::mem::take(&mut self.given_dataset);
        self.dataset_name(&given)
    }

    /// Sets what becomes of half a surrogate pair in JSON; default: it is refused.
    #[must_use]
    pub fn lone_surrogates(mut self, surrogates: Surrogates) -> Self {
        self.surrogates = surrogates;
        self
    }

    /// Sets which values show another type than their own, for columns that data brings: `iso_timestamp` and `iso_date` of
    /// texts, `timestamp` of numbers. It is stored, and a run is refused that names another one. Default: what is stored;
    /// `iso_timestamp` for a new dataset.
    #[must_use]
    pub fn detections(mut self, detections: &[&str]) -> Self {
        self.detections = Some(detections.iter().map(|&detection| detection.to_owned()).collect());
        self
    }

    /// Lets every run begin anew with a part of what is there. Default: runs add to it.
    #[must_use]
    pub fn refresh(mut self, mode: Refresh) -> Self {
        self.refresh = Some(mode);
        self
    }

    /// Sets the folder of `<schema>.schema.yaml`, which a run begins with. A schema of the dataset that came from another
    /// import is replaced by the file; a file that is not there is written by the first run. Default: none.
    #[must_use]
    pub fn import_schema_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.exchange.import = Some(folder.into());
        self
    }

    /// Sets the folder that `<schema>.schema.yaml` is written into after every load. Default: none.
    #[must_use]
    pub fn export_schema_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.exchange.export = Some(folder.into());
        self
    }

    /// Sets how tables that are replaced are; a run is refused if the destination has no such way.
    #[must_use]
    pub fn replace_strategy(mut self, strategy: ReplaceStrategy) -> Self {
        self.replace_strategy = strategy;
        self
    }

    /// Sets what data may change of the schema: for all tables that the run loads, whatever their source says, and from then
    /// on for tables that have no contract of their own. Default: what is stored; everything for a new dataset.
    #[must_use]
    pub fn schema_contract(mut self, contract: impl Into<Contract>) -> Self {
        self.contract = Some(contract.into());
        self
    }

    /// Sets the table that takes what the contract leaves out: a row for each row or value, with its input, line, table and
    /// column, the reason and the row as JSON. Default: what is left out is only counted.
    #[must_use]
    pub fn rejected(mut self, table: impl Into<String>) -> Self {
        self.rejected = Some(table.into());
        self
    }

    /// Sets the dataset. The name is normalized as table names are.
    #[must_use]
    pub fn dataset_name(mut self, name: &str) -> Self {
        self.dataset = self.limit().with(self.naming.unwrap_or_default()).normalize_path(name);
        self.given_dataset = name.to_owned();
        self
    }

    /// Sets how many threads normalize; at least 1.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Sets who is told what happens.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Dataset.
    pub fn dataset_in_use(&self) -> &str {
        &self.dataset
    }

    /// Destination.
    pub fn destination(&self) -> &Arc<dyn Destination> {
        &self.destination
    }

    /// The working folder.
    pub fn working_dir(&self) -> PathBuf {
        self.folder().path().to_owned()
    }

    /// Opens the dataset for reading.
    ///
    /// # Errors
    /// If it cannot be opened, or nothing was loaded yet.
    pub fn dataset(&self) -> Result<Dataset> {
        Dataset::open(&self.destination, &self.dataset).or_else(|error| match self.given_dataset == self.dataset {
            true => Err(error),
            // Made with a naming convention that keeps names as they are.
            false => Dataset::open(&self.destination, &self.given_dataset).map_err(|_| error),
        })
    }

    /// What a call is recognised by: its source, what it begins anew with, and what the pipeline itself makes of its rows.
    pub(crate) fn call_of(&self, source: &dyn Source) -> String {
        let mut call = source.identity();
        if let Some(mode) = self.refresh {
            call.push_str(&format!(", {}", mode.name()));
        }
        if let Some(contract) = self.contract {
            call.push_str(&format!(" under the contract {contract}"));
        }
        if let Some(table) = &self.rejected {
            call.push_str(&format!(" with rejected rows in {table}"));
        }
        call
    }

    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            pipeline: self.name.clone(),
            destination: self.destination.type_name().to_owned(),
            location: self.destination.location(),
            dataset: self.dataset.clone(),
        }
    }

    /// Whether a load that fails leaves nothing, and another one that is under way is not disturbed.
    pub(crate) fn keeps_loads_apart(&self) -> bool {
        self.destination.capabilities().concurrency != Concurrency::Unguarded
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::new(&self.data_dir, &self.name).syncing(self.outlives_power)
    }

    /// How names are made in this schema.
    pub(crate) fn naming_of(&self, schema: &Schema) -> Naming {
        self.limit().with(schema.naming().unwrap_or_default())
    }

    fn limit(&self) -> Naming {
        Naming::new(self.destination.capabilities().max_identifier_length)
    }
}

/// Name of the schema for data that has no source with a name: the pipeline's, without a trailing `_pipeline`.
pub fn default_schema_name(pipeline: &str) -> String {
    let stem = pipeline.strip_suffix("_pipeline").filter(|stem| !stem.is_empty()).unwrap_or(pipeline);
    let name = Naming::new(64).normalize_path(stem);
    if name.is_empty() { "default".to_owned() } else { name }
}

/// Reads the trace of a pipeline's last run; `None` if there was none.
///
/// # Errors
/// If it cannot be read.
pub fn last_trace(data_dir: &Path, pipeline: &str) -> Result<Option<Trace>> {
    let Some(text) = Folder::new(data_dir, pipeline).read("trace.json")? else { return Ok(None) };
    let trace = serde_json::from_str(&text)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "the trace of the last run is broken").because(error))?;
    Ok(Some(trace))
}
