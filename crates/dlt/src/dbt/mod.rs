//! Transforms what a pipeline loaded, by [dbt](https://docs.getdbt.com): real dbt, in a Python environment that is made or found.
//!
//! ```no_run
//! let pipeline = dlt::pipeline("shop").destination(dlt::duckdb_at("shop.duckdb")).dataset("raw");
//! let runner = dlt::dbt::setup(&pipeline).package("transform").destination_dataset_name("marts").prepare()?;
//! let report = runner.run(dlt::dbt::Command::Build, &[])?;
//! for result in report.results() {
//!     println!("{result}");
//! }
//! assert!(report.is_success());
//! # Ok::<(), dlt::Error>(())
//! ```
//!
//! - dbt gets the pipeline's destination by a profile that names environment variables, which only its process has. No file,
//!   argument or log holds a password.
//! - Packages are told the names of the datasets, as Python dlt tells them: `{{ var("source_dataset_name") }}`,
//!   `{{ var("destination_dataset_name") }}`.
//! - A file of DuckDB is opened by one process at a time: nothing of this process holds it while dbt runs.
//! - dbt's own usage statistics are off, unless `DBT_SEND_ANONYMOUS_USAGE_STATS` says otherwise.
//! - [`write_package`] makes a first package of what is in the dataset.

mod child;
mod environment;
mod package;
mod profile;
mod results;
mod runner;
mod scaffold;
mod settings;

pub use results::NodeResult;
pub use runner::{Command, Report, Runner, StepReport};
pub use scaffold::{WrittenPackage, write_package};
pub use settings::{KEYS, Settings, SshKey};

use std::path::PathBuf;
use std::time::Instant;

use dlt_engine::Result;
use serde_json::Value;

use crate::pipeline::Pipeline;

/// What happens while something is prepared or runs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Said<'a> {
    /// A line that dbt, pip or git printed; of dbt with colours, if they were asked for.
    Line(&'a str),
    /// What is done now, left out or done in another way than asked.
    Note(&'a str),
}

/// Is told what happens.
pub(crate) type Observer = std::sync::Arc<dyn Fn(Said<'_>) + Send + Sync>;

/// Begins a run of dbt over what this pipeline loaded.
pub fn setup(pipeline: &Pipeline) -> Setup<'_> {
    Setup { pipeline, settings: Settings::default(), observer: None, colours: false, needs_dataset: true }
}

/// What is said of a run of dbt before it is prepared.
#[must_use]
pub struct Setup<'a> {
    pipeline: &'a Pipeline,
    settings: Settings,
    observer: Option<Observer>,
    colours: bool,
    needs_dataset: bool,
}

impl<'a> Setup<'a> {
    /// All settings at once, such as those of a pipeline file.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The package: a folder with a `dbt_project.yml`, or the address of a git repository.
    pub fn package(mut self, location: impl Into<String>) -> Self {
        self.settings.package_location = Some(location.into());
        self
    }

    /// The branch or tag of the repository.
    pub fn branch(mut self, branch: impl Into<String>) -> Self {
        self.settings.package_repository_branch = Some(branch.into());
        self
    }

    /// The key to read the repository with.
    pub fn ssh_key(mut self, key: SshKey) -> Self {
        self.settings.package_repository_ssh_key = Some(key);
        self
    }

    /// The dataset that the package's tables go into. Default: the pipeline's.
    pub fn destination_dataset_name(mut self, name: impl Into<String>) -> Self {
        self.settings.destination_dataset_name = Some(name.into());
        self
    }

    /// Another variable for the package.
    pub fn var(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.package_additional_vars.insert(name.into(), value.into());
        self
    }

    /// The folder of the Python environment, which is made if it is not there.
    pub fn venv(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.venv = Some(folder.into());
        self
    }

    /// The program `dbt`, if it is there.
    pub fn executable(mut self, program: impl Into<PathBuf>) -> Self {
        self.settings.executable = Some(program.into());
        self
    }

    /// Whether a run is made again with `--full-refresh` if incremental models are out of sync with their tables. Default: yes.
    pub fn auto_full_refresh_when_out_of_sync(mut self, refresh: bool) -> Self {
        self.settings.auto_full_refresh_when_out_of_sync = Some(refresh);
        self
    }

    /// Whether dbt's lines come with colours. Default: no.
    pub fn colours(mut self, colours: bool) -> Self {
        self.colours = colours;
        self
    }

    /// For [`Command::Deps`] alone, which does without: nothing need be loaded yet.
    pub fn without_dataset(mut self) -> Self {
        self.needs_dataset = false;
        self
    }

    /// Is told what happens, line by line.
    pub fn observer(mut self, observer: impl Fn(Said<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(std::sync::Arc::new(observer));
        self
    }

    /// Makes or finds the environment and gets the package. That is what telemetry is told of: once, how long it took and
    /// whether it went well, with a hash of the profile's name.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] if the destination is none for dbt, there is no package or no Python, or the dataset is
    /// not there; other kinds if the environment cannot be made or the repository not be fetched.
    pub fn prepare(self) -> Result<Runner> {
        let started = Instant::now();
        let pipeline = self.pipeline;
        let profile = runner::profile_name(pipeline, &self.settings);
        let runner = Runner::prepare(pipeline, self.settings, self.observer, self.colours, self.needs_dataset);
        pipeline.record_dbt_runner(profile.as_deref().unwrap_or_default(), started.elapsed(), runner.is_ok());
        runner
    }
}
