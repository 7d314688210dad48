//! The configuration: what the command line, the environment and a file say, and where each value stands.
//!
//! The order is one for all settings: an argument of the command line, then the environment, then the file, then the
//! default. What is set twice counts once; keys of a section are looked for one by one.
//!
//! A setting is known by the dotted name of its key in the file (`limits.request`). The others follow from it: the
//! variable `DLT_TRACKER_LIMITS__REQUEST`, the argument `--set limits.request=…`. To add some, write a [`Part`]: its keys
//! with meaning and default, and what reads them into [`ServeOptions`]; then name it in [`PARTS`].

mod layers;
mod parts;
mod shown;

#[cfg(test)]
mod reference;

use std::path::{Path, PathBuf};

use dlt_engine::settings::{Key, Origin, Section, Table, relative_to};
use dlt_engine::{Error, ErrorKind, Result};

use crate::server::ServeOptions;

pub use layers::Arguments;

/// What the names of variables begin with.
const PREFIX: &str = "DLT_TRACKER_";
/// The variable that names the file.
const FILE_VARIABLE: &str = "DLT_TRACKER_CONFIG";
/// The file that is read where none is named, in the data folder.
const FILE_NAME: &str = "tracker.toml";

/// Settings that belong together: a section of the file.
pub(crate) struct Part {
    /// With the whole dotted name. A word in capitals stands for any name: `projects.NAME.contract`. A default that is no
    /// TOML value is prose.
    pub(crate) keys: &'static [Key],
    /// Takes the keys out of the whole file, and puts what they say into the options.
    pub(crate) read: fn(&mut Section, &mut ServeOptions) -> Result<()>,
}

/// All settings, in the order in which they are shown.
pub(crate) const PARTS: &[Part] = &[
    parts::TOP,
    parts::PROJECTS,
    parts::PUBLIC,
    parts::STORE,
    parts::LIMITS,
    parts::JOURNAL,
    parts::LOAD,
    parts::TLS,
    parts::LOG,
    parts::TIMEOUTS,
];

fn keys() -> impl Iterator<Item = &'static Key> {
    PARTS.iter().flat_map(|part| part.keys)
}

/// What was configured, from everywhere.
#[derive(Debug, Clone)]
pub struct Config {
    /// The value that counts of each key that is set.
    settings: Table,
    file: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    notices: Vec<String>,
}

impl Config {
    /// Reads the arguments, the variables of the environment and the file.
    ///
    /// The file is the one that `--config` or `DLT_TRACKER_CONFIG` names and that has to be there, else `tracker.toml` in
    /// the data folder where there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the place, if the file can't be read or is no TOML, or an argument is not `KEY=VALUE`.
    pub fn read(arguments: Arguments, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let named = arguments.file.clone();
        let (environment, notices, named_by_variable) = layers::environment(variables);
        let mut settings = arguments.into_table()?;
        settings.fill_from(environment);
        let given = settings.path("data").map(Path::to_owned);
        let file = match named.or(named_by_variable) {
            Some(file) => Some((file, true)),
            None => given.as_deref().map(|data| (data.join(FILE_NAME), false)).filter(|(file, _)| file.exists()),
        };
        let Some((file, is_named)) = file else {
            return Ok(Self { settings, file: None, data_dir: given, notices });
        };
        let said = dlt_engine::settings::toml::read(&file)?;
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let own = said.path("data").map(|data| relative_to(&folder, &data.to_string_lossy()));
        if let (false, Some(own), Some(data)) = (is_named, &own, &given)
            && !is_same(own, data)
            && let Some(node) = said.get("data")
        {
            let error = node.origin.error("`data` names another folder than the one that this file is in");
            return Err(error.hint("take it out, or name the file with --config and no folder"));
        }
        settings.fill_from(said);
        Ok(Self { settings, file: Some(file), data_dir: given.or(own), notices })
    }

    /// The data folder. A relative one is relative to the file that names it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if none is named.
    pub fn data_dir(&self) -> Result<PathBuf> {
        self.data_dir.clone().ok_or_else(|| {
            Error::new(ErrorKind::Config, "it is not said which folder the tracker keeps its data in")
                .hint("add --data DIR, or name a file of settings that has `data = \"DIR\"` with --config FILE")
        })
    }

    /// The file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What is odd and stops nothing, a sentence each: variables that look like settings and are none.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// How the tracker runs.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with file, line and key, if something is not known, has the wrong type, or is missing.
    pub fn serve_options(&self) -> Result<ServeOptions> {
        let origin = match &self.file {
            Some(file) => Origin::File { path: file.as_path().into(), line: 1 },
            None => Origin::Program,
        };
        let mut top = Section::new("", origin, self.settings.clone());
        // Its place is the one that counts for paths, which `data_dir` knows.
        top.take("data");
        let mut options = ServeOptions::new(String::new(), self.data_dir()?);
        PARTS.iter().try_for_each(|part| (part.read)(&mut top, &mut options))?;
        top.finish()?;
        Ok(options)
    }
}

/// Whether two paths lead to the same folder; one that is not there is only itself.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
