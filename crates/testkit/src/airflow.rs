//! Airflow, from PyPI in an environment of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Invocation;
use crate::sandbox::Sandbox;
use crate::venv;

const REQUIREMENTS: [&str; 2] = ["apache-airflow-core==3.3.2", "apache-airflow-providers-standard==1.21.0"];

/// Airflow 3, made once on a machine and then shared by all tests; each has a home of its own, with an empty database.
#[derive(Debug, Clone)]
pub struct Airflow {
    folder: PathBuf,
}

impl Airflow {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, the packages can't be installed, or the database can't be made.
    pub fn shared() -> Result<Self> {
        let folder = venv::shared(venv::in_cache("airflow-3.3.2")?, &REQUIREMENTS)?;
        let airflow = Self { folder };
        let made = airflow.template().join("airflow.db");
        let lock = File::create(airflow.folder.join("dlt-testkit-home.lock"))?;
        lock.lock()?;
        if !made.exists() {
            let home = tempfile::tempdir_in(&airflow.folder)?;
            let output = Command::new(airflow.program("airflow"))
                .args(["db", "migrate"])
                .env("AIRFLOW_HOME", home.path())
                .env("AIRFLOW__CORE__LOAD_EXAMPLES", "false")
                .output()?;
            if !output.status.success() {
                bail!("airflow db migrate failed\n{}", String::from_utf8_lossy(&output.stderr));
            }
            fs::create_dir_all(airflow.template())?;
            let next = home.path().join("airflow.db");
            fs::rename(&next, &made).with_context(|| format!("there is no {}", next.display()))?;
        }
        Ok(airflow)
    }

    fn template(&self) -> PathBuf {
        self.folder.join("dlt-testkit-home")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// A home in the sandbox: its database, and the folder of DAGs, for all commands from then on.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn settle(&self, sandbox: &mut Sandbox, dags: &Path) -> Result<()> {
        let home = sandbox.root().join("airflow");
        fs::create_dir_all(&home)?;
        fs::copy(self.template().join("airflow.db"), home.join("airflow.db"))?;
        sandbox.set_env("AIRFLOW_HOME", home);
        sandbox.set_env("AIRFLOW__CORE__DAGS_FOLDER", dags);
        for (name, value) in [
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "false"),
            ("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "false"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONNOUSERSITE", "1"),
            ("PYTHONUTF8", "1"),
        ] {
            sandbox.set_env(name, value);
        }
        Ok(())
    }

    /// A command of Airflow.
    pub fn command(&self, sandbox: &Sandbox, words: &[&str]) -> Invocation {
        sandbox.command(self.program("airflow")).args(words).limit(std::time::Duration::from_secs(240))
    }

    /// A script in its interpreter.
    pub fn script(&self, sandbox: &Sandbox, script: &str) -> Invocation {
        sandbox.command(self.program("python")).arg("-c").arg(script)
    }

    /// `pip` of its environment.
    pub fn pip(&self, sandbox: &Sandbox, words: &[&str]) -> Invocation {
        sandbox.command(self.program("python")).args(["-m", "pip", "--disable-pip-version-check"]).args(words)
    }
}

/// Programs that check files against the schemas of others, which they carry along.
#[derive(Debug, Clone)]
pub struct Checkers {
    folder: PathBuf,
}

impl Checkers {
    /// The environment in the user's cache folder; made when it is not there.
    ///
    /// # Errors
    /// When there is no usable Python 3, or the packages can't be installed.
    pub fn shared() -> Result<Self> {
        let requirements = ["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0"];
        Ok(Self { folder: venv::shared(venv::in_cache("checkers")?, &requirements)? })
    }

    /// GitHub's schema of workflows.
    pub fn workflow(&self, sandbox: &Sandbox, file: &Path) -> Invocation {
        let program = self.folder.join("bin/check-jsonschema");
        sandbox.command(program).args(["--builtin-schema", "vendor.github-workflows"]).arg(file)
    }

    /// The schemas of Kubernetes.
    pub fn manifest(&self, sandbox: &Sandbox, file: &Path) -> Invocation {
        sandbox.command(self.folder.join("bin/kubernetes-validate")).arg("--strict").arg(file)
    }
}
