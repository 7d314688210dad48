//! Python dlt, the original, as the judge.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::process::Invocation;
use crate::sandbox::Sandbox;
use crate::venv;

/// What is installed. `sqlglot` 30 breaks reading of datasets in dlt 1.31; DuckDB's minor version is that of the library
/// that our binary links, so that both may open one file; SQLAlchemy 2.1 has types that dlt 1.31 does not know.
const REQUIREMENTS: [&str; 7] =
    ["dlt==1.31.0", "duckdb==1.5.*", "sqlglot<29", "pyarrow", "psycopg2-binary", "pymysql", "sqlalchemy==2.0.*"];

/// What is installed besides for object stores and their tables.
const FOR_LAKES: [&str; 4] = ["s3fs", "deltalake==1.6.6", "pyiceberg==0.12.0", "pyiceberg-core==0.11.0"];

/// A virtual environment with dlt 1.31.0, made once on a machine and then shared by all tests.
#[derive(Debug, Clone)]
pub struct PythonDlt {
    folder: PathBuf,
}

impl PythonDlt {
    /// The environment in the folder named by `DLT_TEST_VENV`, else in the user's cache folder; made when it is not
    /// there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the packages can't be installed.
    pub fn shared() -> Result<Self> {
        let folder = match env::var_os("DLT_TEST_VENV") {
            Some(folder) => PathBuf::from(folder),
            None => venv::in_cache("python-dlt-1.31.0-with-drivers")?,
        };
        Ok(Self { folder: venv::shared(folder, &REQUIREMENTS)? })
    }

    /// The same with what it needs for S3, for Delta tables and for Iceberg tables, in an environment of its own.
    ///
    /// # Errors
    /// As [`PythonDlt::shared`].
    pub fn with_lakes() -> Result<Self> {
        let requirements: Vec<&str> = REQUIREMENTS.iter().copied().chain(FOR_LAKES).collect();
        Ok(Self { folder: venv::shared(venv::in_cache("python-dlt-1.31.0-lakes")?, &requirements)? })
    }

    /// The interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A run of `script` (its text) in the sandbox, with the sandbox's home, data folder and telemetry setting.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        sandbox
            .command(self.python())
            // No compiled files beside scripts, no site packages of the user.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONNOUSERSITE", "1")
            .env("PYTHONUTF8", "1")
            .arg("-c")
            .arg(script)
    }
}
