//! dbt, in an environment of its own.

use std::path::PathBuf;

use anyhow::Result;

use crate::venv;

/// What `dlt dbt` installs by itself, for both destinations.
const REQUIREMENTS: [&str; 4] =
    ["dbt-core>=1.10.5,<1.12", "dbt-duckdb>=1.9,<2", "dbt-postgres>=1.9,<2", "duckdb==1.5.*"];

/// A virtual environment with dbt and the adapters for DuckDB and Postgres, made once on a machine and then shared by all tests.
#[derive(Debug, Clone)]
pub struct Dbt {
    folder: PathBuf,
}

impl Dbt {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the packages can't be installed.
    pub fn shared() -> Result<Self> {
        Ok(Self { folder: venv::shared(venv::in_cache("dbt-1.11")?, &REQUIREMENTS)? })
    }

    /// The program.
    pub fn program(&self) -> PathBuf {
        self.folder.join("bin/dbt")
    }
}
