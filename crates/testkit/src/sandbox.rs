//! A folder of its own for each test, and the binary run in it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::binary::dlt_binary;
use crate::process::Invocation;

/// Variables that a child keeps from the test's own environment. All others are taken away, so that neither the CI
/// system nor the developer's settings reach what is tested.
const KEPT: [&str; 4] = ["PATH", "TMPDIR", "LANG", "LLVM_PROFILE_FILE"];

/// A temporary folder with a home, a data folder and a working directory, removed at the end.
///
/// Telemetry is off until [`Sandbox::telemetry_to`] points it somewhere.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    env: Vec<(OsString, OsString)>,
}

impl Sandbox {
    /// A new sandbox, empty but for its folders.
    ///
    /// # Errors
    /// When the folders can't be made.
    pub fn new() -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("dlt-e2e-").tempdir().context("could not make a temporary folder")?;
        let mut sandbox = Self { folder, env: Vec::new() };
        for made in [sandbox.home(), sandbox.data_dir(), sandbox.cwd()] {
            fs::create_dir(&made).with_context(|| format!("could not make {}", made.display()))?;
        }
        sandbox.set_env("HOME", sandbox.home());
        sandbox.set_env("DLT_DATA_DIR", sandbox.data_dir());
        sandbox.set_env("RUNTIME__DLTHUB_TELEMETRY", "false");
        Ok(sandbox)
    }

    /// Switches telemetry on and sends it to `endpoint`, which must be on this machine.
    ///
    /// # Panics
    /// When `endpoint` is not `http://127.0.0.1:…`: no test sends anything off the machine.
    pub fn telemetry_to(&mut self, endpoint: &str) {
        assert!(endpoint.starts_with("http://127.0.0.1:"), "tests send to 127.0.0.1 only, not to {endpoint}");
        self.set_env("RUNTIME__DLTHUB_TELEMETRY", "true");
        self.set_env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", endpoint);
    }

    /// An environment variable for every command run here from now on.
    pub fn set_env(&mut self, name: &str, value: impl Into<OsString>) {
        self.remove_env(name);
        self.env.push((OsString::from(name), value.into()));
    }

    /// Takes back a variable set before.
    pub fn remove_env(&mut self, name: &str) {
        self.env.retain(|(known, _)| known != name);
    }

    /// The folder that holds all the others.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// `HOME` of the commands.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// `DLT_DATA_DIR` of the commands.
    pub fn data_dir(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The working directory of the commands.
    pub fn cwd(&self) -> PathBuf {
        self.root().join("work")
    }

    /// A path in the working directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.cwd().join(name)
    }

    /// Writes a file into the working directory and returns its path.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("could not write {}", path.display()))?;
        Ok(path)
    }

    /// A run of the `dlt` binary with these arguments.
    ///
    /// # Errors
    /// When the binary has not been built.
    pub fn dlt<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Invocation> {
        Ok(self.command(dlt_binary()?).args(args))
    }

    /// A run of any other program in this sandbox.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Invocation {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.cwd());
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Invocation::new(command)
    }
}
