//! The Python environment that dbt is in: found, or made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dlt_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::Said;
use super::child::{Ended, Program};
use super::profile::Adapter;
use super::settings::Settings;

/// Stands in an environment that was made here. It is written before anything is installed, and again when all is.
const MARKER: &str = "dlt-environment.json";

/// The oldest Python that the versions of dbt have which are installed by default.
const OLDEST: (u64, u64) = (3, 9);

/// How long an installation may take as a whole. Of a package index that does not answer pip says so much earlier.
const LIMIT: Duration = Duration::from_secs(1800);

/// Tells the version of a Python, and whether it can make environments. Old ones understand it too.
const ABOUT: &str = "\
import sys
def has(name):
    try:
        __import__(name)
        return 1
    except Exception:
        return 0
print('%d %d %d' % (sys.version_info[0], sys.version_info[1], has('venv') and has('ensurepip')))
";

/// What an environment was made of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    requirements: Vec<String>,
    is_complete: bool,
}

/// What stands in a folder.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// An environment that was made here, with what is wanted.
    Ready,
    /// An environment of somebody else, with dbt.
    Given,
    /// An environment that was made here, with something else or not to its end.
    Stale,
    /// Nothing.
    Nothing,
    /// Something else, which is not ours to touch.
    Occupied,
}

/// The program dbt: the one that is named, or that of an environment, which is made where it is not there. `folder` is where
/// environments are that nobody names.
pub(super) fn dbt(
    settings: &Settings,
    adapter: Adapter,
    folder: &Path,
    say: &mut dyn FnMut(Said<'_>),
) -> Result<PathBuf> {
    if let Some(program) = &settings.executable {
        let missing = || {
            let what = format!("there is no program {}", program.display());
            Error::new(ErrorKind::Config, what)
                .hint("name the program dbt itself: executable = \"/path/to/dbt\", or --dbt")
        };
        return found(program).ok_or_else(missing);
    }
    let folder = settings.venv.clone().unwrap_or_else(|| folder.join("venv"));
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let wanted = requirements(settings, adapter);
    let program = program_in(&folder, "dbt");
    match look(&folder, &wanted) {
        Found::Ready | Found::Given => return Ok(program),
        Found::Occupied => {
            let what = format!("{} is no Python environment with dbt, and not empty", folder.display());
            return Err(Error::new(ErrorKind::Config, what)
                .hint("name another folder, in which one is made, or install dbt there"));
        }
        Found::Stale | Found::Nothing => {}
    }
    let storage = |cause| Error::storage("make", &folder, cause);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(storage)?;
    }
    let mut lock_path = folder.clone().into_os_string();
    lock_path.push(".lock");
    let lock = File::create(&lock_path).map_err(storage)?;
    if lock.try_lock().is_err() {
        say(Said::Note(&format!("waiting for another process, which makes the environment {}", folder.display())));
        lock.lock().map_err(storage)?;
    }
    match look(&folder, &wanted) {
        Found::Ready | Found::Given => {}
        _ => make(settings, &folder, &wanted, say)?,
    }
    Ok(program)
}

/// What is installed.
fn requirements(settings: &Settings, adapter: Adapter) -> Vec<String> {
    let one = |name: &str, version: Option<&String>, default: &str| {
        let version = version.map_or(default, |version| version.trim());
        let is_plain = version.starts_with(|first: char| first.is_ascii_digit());
        format!("{name}{}{version}", if is_plain { "==" } else { "" })
    };
    let mut all = vec![
        one("dbt-core", settings.dbt_version.as_ref(), ">=1.10.5,<1.12"),
        one(&format!("dbt-{}", adapter.name()), settings.adapter_version.as_ref(), ">=1.9,<2"),
    ];
    if adapter == Adapter::DuckDb {
        // Who writes the file and who reads it are of one version, so that both understand it.
        let own = dlt_destination_duckdb::VERSION.trim_start_matches('v');
        let own = own.rsplit_once('.').map_or(own, |(minor, _)| minor);
        all.push(one("duckdb", settings.duckdb_version.as_ref(), &format!("{own}.*")));
    }
    all
}

fn look(folder: &Path, wanted: &[String]) -> Found {
    // The link to a Python that was removed counts as nothing.
    let is_whole = program_in(folder, "dbt").is_file() && program_in(folder, "python").exists();
    match fs::read_to_string(folder.join(MARKER)) {
        Ok(text) => {
            let is_wanted =
                serde_json::from_str(&text).is_ok_and(|made: Made| made.is_complete && made.requirements == wanted);
            if is_whole && is_wanted { Found::Ready } else { Found::Stale }
        }
        Err(_) if is_whole => Found::Given,
        Err(_) => match fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                Some(_) => Found::Occupied,
                None => Found::Nothing,
            },
            Err(_) if folder.exists() => Found::Occupied,
            Err(_) => Found::Nothing,
        },
    }
}

fn make(settings: &Settings, folder: &Path, wanted: &[String], say: &mut dyn FnMut(Said<'_>)) -> Result<()> {
    let python = python(settings)?;
    let storage = |cause| Error::storage("write", folder, cause);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(storage)?;
    }
    fs::create_dir_all(folder).map_err(storage)?;
    mark(folder, wanted, false)?;
    say(Said::Note(&format!(
        "making a Python environment in {}: pip installs {}",
        folder.display(),
        wanted.join(", ")
    )));
    let made = Program::new(&python)
        .args(["-m", "venv"])
        .arg(folder)
        .without_env("PYTHONHOME")
        .limit(LIMIT)
        .run(&mut |line| say(Said::Line(line)))?;
    if !made.success {
        let what =
            format!("{} could not make an environment in {}: {}", python.display(), folder.display(), made.said(6));
        return Err(Error::new(ErrorKind::Storage, what).hint(VENV_HINT));
    }
    let pip = Program::new(program_in(folder, "python"));
    // It has two names for the same.
    let pip = match std::env::var_os("PIP_DEFAULT_TIMEOUT") {
        Some(_) => pip,
        None => pip.default_env("PIP_TIMEOUT", "15"),
    };
    let installed = pip
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
        .args(wanted)
        .default_env("PIP_RETRIES", "2")
        .without_env("PYTHONHOME")
        .without_env("PIP_USER")
        .without_env("PIP_TARGET")
        .without_env("PIP_REQUIRE_VIRTUALENV")
        .limit(LIMIT)
        .run(&mut |line| {
            // What is there already says nothing of what happens.
            if !line.starts_with("Requirement already satisfied") {
                say(Said::Line(line));
            }
        })?;
    if !installed.success {
        return Err(not_installed(wanted, &installed));
    }
    mark(folder, wanted, true)
}

fn not_installed(wanted: &[String], ended: &Ended) -> Error {
    let complaints: Vec<_> = ended.tail.iter().filter(|line| line.contains("ERROR")).map(|line| line.trim()).collect();
    let why = match complaints.as_slice() {
        _ if ended.is_late => format!("it took longer than {} minutes", LIMIT.as_secs() / 60),
        [] => ended.said(4),
        some => some.join("\n"),
    };
    let is_unreachable = ended.tail.iter().any(|line| {
        [
            "Retrying",
            "timed out",
            "Connection refused",
            "NewConnectionError",
            "Name or service not known",
            "Temporary failure",
            // Without retries pip says no more than this.
            "(from versions: none)",
        ]
        .iter()
        .any(|sign| line.contains(sign))
    });
    let hint = if is_unreachable {
        "the package index does not answer, or has nothing of it. pip's own settings name another one (PIP_INDEX_URL, PIP_PROXY), or name a dbt that is \
         there: --dbt PROGRAM, or --venv with its environment"
    } else {
        "other versions are set by dbt_version, adapter_version and duckdb_version; or name a dbt that is there: --dbt PROGRAM, or \
         --venv with its environment"
    };
    Error::new(ErrorKind::Storage, format!("pip could not install {}: {why}", wanted.join(", "))).hint(hint)
}

fn mark(folder: &Path, requirements: &[String], is_complete: bool) -> Result<()> {
    let made = Made { requirements: requirements.to_vec(), is_complete };
    let path = folder.join(MARKER);
    let text = serde_json::to_string_pretty(&made).unwrap_or_default();
    fs::write(&path, text).map_err(|cause| Error::storage("write", &path, cause))
}

const VENV_HINT: &str = "it needs the modules venv and ensurepip (Debian and Ubuntu: apt-get install python3-venv). Or name another \
                         Python (--python), or a dbt that is there: --dbt PROGRAM, or --venv with its environment";

/// A Python that can make environments.
fn python(settings: &Settings) -> Result<PathBuf> {
    let names = match &settings.python {
        Some(python) => vec![python.clone()],
        None => vec![PathBuf::from("python3"), PathBuf::from("python")],
    };
    let mut complaint = None;
    for name in &names {
        let Some(python) = found(name) else { continue };
        match judged(&python) {
            Ok(()) => return Ok(python),
            Err(error) => complaint = complaint.or(Some(error)),
        }
    }
    Err(complaint.unwrap_or_else(|| {
        let names: Vec<_> = names.iter().map(|name| name.display().to_string()).collect();
        let what = format!("dbt needs Python, and there is no {}", names.join(" or "));
        Error::new(ErrorKind::Config, what).hint(format!(
            "install Python {}.{} or newer (Debian and Ubuntu: apt-get install python3 python3-venv), name one (--python), or name a \
             dbt that is there (--dbt)",
            OLDEST.0, OLDEST.1
        ))
    }))
}

fn judged(python: &Path) -> Result<()> {
    let shown = python.display();
    let ended = Program::new(python)
        .args(["-c", ABOUT])
        .without_env("PYTHONHOME")
        .limit(Duration::from_secs(60))
        .run(&mut |_| {})?;
    let words: Vec<u64> = ended.said(1).split(' ').filter_map(|word| word.parse().ok()).collect();
    match words.as_slice() {
        [major, minor, _] if (*major, *minor) < OLDEST => {
            let what = format!("{shown} is Python {major}.{minor}, which is too old for dbt");
            Err(Error::new(ErrorKind::Config, what)
                .hint(format!("name Python {}.{} or newer: --python, or `python` in [dbt]", OLDEST.0, OLDEST.1)))
        }
        [_, _, 0] => Err(Error::new(ErrorKind::Config, format!("{shown} cannot make environments")).hint(VENV_HINT)),
        [_, _, _] => Ok(()),
        _ => Err(Error::new(ErrorKind::Config, format!("{shown} does not run: {}", ended.said(3)))
            .hint("name another Python: --python")),
    }
}

/// The file of a program, which is looked for in `PATH` where no folder is said.
fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| std::path::absolute(program).unwrap_or_else(|_| program.to_owned()));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn program_in(folder: &Path, name: &str) -> PathBuf {
    if cfg!(windows) { folder.join("Scripts").join(format!("{name}.exe")) } else { folder.join("bin").join(name) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed() {
        assert_eq!(
            requirements(&Settings::default(), Adapter::DuckDb),
            ["dbt-core>=1.10.5,<1.12", "dbt-duckdb>=1.9,<2", "duckdb==1.5.*"]
        );
        let settings = Settings {
            dbt_version: Some("1.11.2".to_owned()),
            adapter_version: Some("~=1.10".to_owned()),
            ..Settings::default()
        };
        assert_eq!(requirements(&settings, Adapter::Postgres), ["dbt-core==1.11.2", "dbt-postgres~=1.10"]);
    }

    #[test]
    fn what_stands_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let venv = folder.path().join("venv");
        let wanted = ["dbt-core==1".to_owned()];
        assert_eq!(look(&venv, &wanted), Found::Nothing);
        fs::create_dir_all(venv.join("bin")).unwrap();
        assert_eq!(look(&venv, &wanted), Found::Occupied, "a folder of somebody else is not cleared");
        for name in ["dbt", "python"] {
            fs::write(venv.join("bin").join(name), "").unwrap();
        }
        assert_eq!(look(&venv, &wanted), Found::Given);
        mark(&venv, &wanted, false).unwrap();
        assert_eq!(look(&venv, &wanted), Found::Stale, "killed while pip ran");
        mark(&venv, &wanted, true).unwrap();
        assert_eq!(look(&venv, &wanted), Found::Ready);
        assert_eq!(look(&venv, &["dbt-core==2".to_owned()]), Found::Stale);
        fs::remove_file(venv.join("bin/python")).unwrap();
        assert_eq!(look(&venv, &wanted), Found::Stale, "its Python is gone");
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(look(&folder.path().join("file"), &wanted), Found::Occupied);
    }
}
