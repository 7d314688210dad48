//! A pipeline: a name, a destination and a dataset, and the run that brings data there.

use crate::dataset::Dataset;
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{NoObserver, Observer};
use crate::json::Surrogates;
use crate::naming::{Convention, Naming};
use crate::package::Folder;
use crate::run::{Run, random_hex_id};
use crate::schema::{Contract, Schema};
use crate::source::Source;
use crate::trace::{LoadInfo, Trace};
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
    pub(crate) workers: usize,
    pub(crate) naming: Option<Convention>,
    pub(crate) surrogates: Surrogates,
    pub(crate) contract: Option<Contract>,
    pub(crate) rejected: Option<String>,
    pub(crate) observer: Arc<dyn Observer>,
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
            workers,
            naming: None,
            surrogates: Surrogates::default(),
            contract: None,
            rejected: None,
            observer: Arc::new(NoObserver),
        };
        Ok(pipeline.dataset_name(&dataset))
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

    /// Extracts, normalizes and loads.
    ///
    /// A run that was killed or failed is taken up by the next run: what it had extracted is loaded. If that was the
    /// same call (by [`Source::identity`]) with the same input (by [`Source::fingerprint`], or, where the input cannot be
    /// read again, by its content), nothing else is done and [`LoadInfo::resumed`] is true; else the new data is loaded
    /// after it. What cannot be finished does not stand in the way: it is dropped if its input can be read again, else it
    /// stays ([`crate::pending_packages`]), and a notice says which.
    ///
    /// # Errors
    /// Whatever went wrong; the destination then holds nothing of this run.
    pub fn run(&self, source: impl Source) -> Result<LoadInfo> {
        self.run_then(source, |_| {})
    }

    /// As [`Pipeline::run`]; `deliver` is called when everything is loaded. A run that is killed before `deliver` has
    /// returned counts as not delivered: the same call then reports it instead of loading the data a second time.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn run_then(&self, mut source: impl Source, deliver: impl FnOnce(&LoadInfo)) -> Result<LoadInfo> {
        let folder = self.folder();
        let _lock = folder.lock()?;
        let mut run = Run::new(self, &folder, random_hex_id()?);
        let taken = self.take_up(&folder, &self.identity_of(&source), &source.fingerprint(), run.notices())?;
        if let Some((package, info)) = taken.finished {
            deliver(&info);
            package.remove()?;
            return Ok(info);
        }
        let mut finished = taken.same_call;
        let loaded: Vec<String> = finished.iter().filter_map(|(package, _)| package.manifest.content.clone()).collect();
        let fresh = run.report(|run| run.fresh(&mut source, &loaded, taken.kept))?;
        let Some((package, info)) = fresh.or_else(|| finished.pop()) else {
            return Err(Error::new(ErrorKind::Internal, "a run ended without a load"));
        };
        for (earlier, _) in finished {
            earlier.remove()?;
        }
        deliver(&info);
        package.remove()?;
        Ok(info)
    }

    /// What is called: the source, and what the pipeline itself makes of its rows.
    pub(crate) fn identity_of(&self, source: &dyn Source) -> String {
        let mut identity = source.identity();
        if let Some(contract) = self.contract {
            identity.push_str(&format!(" under the contract {contract}"));
        }
        if let Some(table) = &self.rejected {
            identity.push_str(&format!(" with rejected rows in {table}"));
        }
        identity
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder::new(&self.data_dir, &self.name)
    }

    /// How names are made in this schema.
    pub(crate) fn naming_of(&self, schema: &Schema) -> Naming {
        self.limit().with(schema.naming().unwrap_or_default())
    }

    fn limit(&self) -> Naming {
        Naming::new(self.destination.limits().max_identifier_length)
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
