//! Virtual environments of Python, made once on a machine and then shared by all tests.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Written last into a finished environment; holds what is installed, so that a change of it builds anew.
const MARKER: &str = "dlt-testkit-complete";

/// The environment `name` in the user's cache folder, with these packages; made when it is not there. Two makers at once wait for
/// each other; one that was killed leaves no marker and is made again.
pub(crate) fn shared(folder: PathBuf, requirements: &[&str]) -> Result<PathBuf> {
    let marker = folder.join(MARKER);
    let wanted = requirements.join("\n");
    let is_complete = || fs::read_to_string(&marker).is_ok_and(|found| found == wanted);
    if is_complete() {
        return Ok(folder);
    }
    let parent = folder.parent().context("the environment needs a folder above it")?;
    fs::create_dir_all(parent)?;
    let lock_path = folder.with_extension("lock");
    let lock = File::create(&lock_path).with_context(|| format!("could not make {}", lock_path.display()))?;
    lock.lock()?;
    if !is_complete() {
        make(&folder, requirements)?;
        fs::write(&marker, wanted)?;
    }
    Ok(folder)
}

/// A folder of environments below the user's cache folder.
pub(crate) fn in_cache(name: &str) -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => Path::new(&env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache"),
    };
    Ok(cache.join("dlt-rs-tests").join(name))
}

fn make(folder: &Path, requirements: &[&str]) -> Result<()> {
    let python = env::var_os("DLT_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    // The scripts in an environment name its path, so it is made in place; `--clear` sweeps up a half-made one.
    run(Command::new(&python).args(["-m", "venv", "--clear"]).arg(folder))
        .context("hint: Python 3 with venv is needed (on Debian: apt-get install python3-venv)")?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(requirements))
    .with_context(|| format!("{} could not be installed from the package registry", requirements.join(", ")))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed\n{stderr}");
    }
    Ok(())
}
