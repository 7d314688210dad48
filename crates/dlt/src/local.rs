//! The pipelines that ran on this machine, as their working folders remember them.

use std::fs;
use std::path::{Path, PathBuf};

use dlt_engine::naming::Naming;
use dlt_engine::{Error, ErrorKind, Result, Trace};
use serde::Deserialize;

use crate::destination::DestinationName;

/// A pipeline that ran on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LocalPipeline {
    /// Name.
    pub pipeline: String,
    /// Kind of destination, by name.
    pub destination: String,
    /// Where it is, as [`dlt_engine::Destination::location`] tells it.
    pub location: String,
    /// Dataset, as the destination calls it.
    pub dataset: String,
    /// Schema of its tables.
    pub schema: String,
    /// Its working folder.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl LocalPipeline {
    /// The destination that it loads into.
    ///
    /// # Errors
    /// If this version does not know the kind.
    pub fn destination(&self) -> Result<DestinationName> {
        DestinationName::parse(&self.location)
    }

    /// Whether it loads into the dataset of this name, which may be written as it was given to the pipeline.
    pub fn holds(&self, dataset: &str) -> bool {
        self.dataset == dataset || self.dataset == Naming::new(usize::MAX).normalize_path(dataset)
    }

    /// The trace of its last run; `None` if there was none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn trace(&self) -> Result<Option<Trace>> {
        let data_dir = self.folder.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        dlt_engine::last_trace(data_dir, &self.pipeline)
    }
}

/// What a working folder remembers of its pipeline.
const PIPELINE_FILE: &str = "pipeline.json";

/// What a working folder remembers of a pipeline; `None` if nothing was loaded by one of that name.
///
/// # Errors
/// If the folder cannot be read, or what stands in it cannot be understood.
pub fn local_pipeline(data_dir: &Path, name: &str) -> Result<Option<LocalPipeline>> {
    let folder = data_dir.join("pipelines").join(name);
    let path = folder.join(PIPELINE_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::storage("read", &path, error)),
    };
    let known: LocalPipeline = serde_json::from_str(&text).map_err(|cause| {
        Error::new(ErrorKind::Corrupt, format!("{} cannot be understood", path.display()))
            .because(cause)
            .hint("remove it; the next run of the pipeline writes it anew")
    })?;
    Ok(Some(LocalPipeline { folder, ..known }))
}

/// The pipelines of a data folder, by name. Folders that cannot be understood are left out.
///
/// # Errors
/// If the data folder cannot be read.
pub fn local_pipelines(data_dir: &Path) -> Result<Vec<LocalPipeline>> {
    let folder = data_dir.join("pipelines");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::storage("read", &folder, error)),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut known: Vec<_> = names.filter_map(|name| local_pipeline(data_dir, &name).ok().flatten()).collect();
    known.sort_by(|left, right| left.pipeline.cmp(&right.pipeline));
    Ok(known)
}
