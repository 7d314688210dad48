//! Python dlt, the original, as the judge.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Invocation;
use crate::sandbox::Sandbox;

/// What is installed. `sqlglot` 30 breaks reading of datasets in dlt 1.31; DuckDB's minor version is that of the library
/// that our binary links, so that both may open one file.
const REQUIREMENTS: [&str; 4] = ["dlt==1.31.0", "duckdb==1.5.*", "sqlglot<29", "pyarrow"];

/// Written last into a finished environment; holds what was asked for, so that a change of them builds anew.
const MARKER: &str = "dlt-testkit-complete";

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
            None => cache_folder()?.join("python-dlt-1.31.0"),
        };
        complete(&folder, &REQUIREMENTS)?;
        Ok(Self { folder })
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

/// The folder of the user's cache that environments are kept in.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(&env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache"),
    };
    Ok(cache.join("dlt-rs-tests"))
}

/// Makes an environment with these packages, unless it is there. Two makers at once wait for each other; one that was
/// killed leaves no marker and is made again.
pub(crate) fn complete(folder: &Path, requirements: &[&str]) -> Result<()> {
    let marker = folder.join(MARKER);
    let wanted = requirements.join("\n");
    let is_complete = || fs::read_to_string(&marker).is_ok_and(|found| found == wanted);
    if is_complete() {
        return Ok(());
    }
    let parent = folder.parent().context("the environment needs a folder above it")?;
    fs::create_dir_all(parent)?;
    let lock_path = folder.with_extension("lock");
    let lock = File::create(&lock_path).with_context(|| format!("could not make {}", lock_path.display()))?;
    lock.lock()?;
    if !is_complete() {
        make(folder, requirements)?;
        fs::write(&marker, wanted)?;
    }
    Ok(())
}

fn make(folder: &Path, requirements: &[&str]) -> Result<()> {
    let python = env::var_os("DLT_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    // The scripts in an environment name its path, so it is made in place; `--clear` sweeps up a half-made one.
    run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(folder))
        .context("hint: Python 3 with venv is needed (on Debian: apt-get install python3-venv)")?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(requirements))
    .context("Python packages could not be installed from the package registry")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed\n{stderr}");
    }
    Ok(())
}
