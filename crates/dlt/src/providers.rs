//! What a pipeline file leaves open is looked up around it: in the environment, in `.dlt/secrets.toml` and
//! `.dlt/config.toml` of its folder, then in the same two files of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dlt_engine::Result;
use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::naming::Convention;
use dlt_engine::settings::{Node, Origin, Section, Table, Value, unknown_word};

use crate::toml::read_if_there;

/// Folders and environment variables around a pipeline.
#[derive(Clone, Debug)]
pub struct ConfigProviders {
    variables: BTreeMap<String, String>,
    data_folder: PathBuf,
}

impl ConfigProviders {
    /// Those of this process.
    pub fn capture() -> Self {
        Self::new(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Those with these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        let data_folder = data_folder(&variables, is_root());
        Self { variables, data_folder }
    }

    /// The folder of working directories and of the machine's configuration: `DLT_DATA_DIR`; else for root `/var/dlt`;
    /// else `~/.dlt`, or `$XDG_DATA_HOME/dlt` where there is no `~/.dlt`.
    pub fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Everything that is said about `[section.name]` outside of the pipeline file, the nearest word first.
    pub(crate) fn settings(&self, project: &Path, section: &str, name: &str) -> Result<Table> {
        let mut found = self.in_variables(section, name);
        for folder in [project.join(".dlt"), self.data_folder.clone()] {
            for file in ["secrets.toml", "config.toml"] {
                let mut table = read_if_there(&folder.join(file))?;
                if let Some(Value::Table(mut outer)) = table.take(section).map(|entry| entry.node.value)
                    && let Some(Value::Table(inner)) = outer.take(name).map(|entry| entry.node.value)
                {
                    found.fill_from(inner);
                }
            }
        }
        Ok(found)
    }

    /// The naming convention that is set around a pipeline: `SCHEMA__NAMING`, else `naming` under `[schema]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or there is no such convention.
    pub fn naming(&self, project: &Path) -> Result<Option<(Convention, Origin)>> {
        let names = Convention::ALL.map(|convention| (convention.name(), convention));
        self.word(project, "SCHEMA__NAMING", ["schema", "naming"], &names)
    }

    /// The way to replace tables that is set around a pipeline for all destinations: `DESTINATION__REPLACE_STRATEGY`, else
    /// `replace_strategy` under `[destination]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or there is no such way.
    pub fn replace_strategy(&self, project: &Path) -> Result<Option<(ReplaceStrategy, Origin)>> {
        let names = ReplaceStrategy::ALL.map(|strategy| (strategy.name(), strategy));
        self.word(project, "DESTINATION__REPLACE_STRATEGY", ["destination", "replace_strategy"], &names)
    }

    /// One of some words, from a variable, else from a section of the files.
    fn word<T: Copy>(
        &self,
        project: &Path,
        variable: &str,
        [section, key]: [&str; 2],
        words: &[(&str, T)],
    ) -> Result<Option<(T, Origin)>> {
        let mut found = self.variable(variable).map(|word| (word.to_owned(), Origin::Variable(variable.to_owned())));
        for folder in [project.join(".dlt"), self.data_folder.clone()] {
            if found.is_none()
                && let Some(Value::Table(mut table)) =
                    read_if_there(&folder.join("config.toml"))?.take(section).map(|entry| entry.node.value)
                && let Some(entry) = table.take(key)
                && let Value::Text(word) = entry.node.value
            {
                found = Some((word, entry.node.origin));
            }
        }
        let Some((word, origin)) = found else { return Ok(None) };
        if let Some((_, meaning)) = words.iter().find(|(known, _)| *known == word) {
            return Ok(Some((*meaning, origin)));
        }
        let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
        Err(unknown_word(&origin, key, &word, &known))
    }

    /// The keys of object stores that are set around a pipeline for files: `SOURCES__FILESYSTEM__CREDENTIALS__…`, else
    /// `[sources.filesystem.credentials]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or a key is not known.
    pub fn file_credentials(&self, project: &Path) -> Result<dlt_sources::Credentials> {
        let settings = self.settings(project, "sources", "filesystem")?;
        dlt_sources::Credentials::take(&mut Section::new("sources.filesystem", Origin::Program, settings))
    }

    /// What variables say about `[section.name]`.
    fn in_variables(&self, section: &str, name: &str) -> Table {
        let prefix = format!("{section}__{name}__").to_uppercase();
        let mut table = Table::default();
        for (name, value) in &self.variables {
            let Some(rest) = name.strip_prefix(&prefix) else { continue };
            let path: Vec<_> = rest.split("__").map(str::to_lowercase).collect();
            if value.is_empty() || path.iter().any(String::is_empty) {
                continue;
            }
            table.set(&path, Node { origin: Origin::Variable(name.clone()), value: Value::Text(value.clone()) });
        }
        table
    }
}

fn data_folder(variables: &BTreeMap<String, String>, is_root: bool) -> PathBuf {
    let path = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = path("DLT_DATA_DIR") {
        return folder;
    }
    if is_root {
        return PathBuf::from("/var/dlt");
    }
    let home = path("HOME").or_else(|| path("USERPROFILE")).map(|home| home.join(".dlt"));
    match (home, path("XDG_DATA_HOME")) {
        (Some(home), Some(data)) if !home.exists() => data.join("dlt"),
        (Some(home), _) => home,
        (None, Some(data)) => data.join("dlt"),
        (None, None) => std::env::temp_dir().join("dlt"),
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_data_folder() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        let all = variables(&[("HOME", path), ("XDG_DATA_HOME", "/x"), ("DLT_DATA_DIR", "/d")]);
        assert_eq!(data_folder(&all, true), Path::new("/d"));
        let without = variables(&[("HOME", path), ("XDG_DATA_HOME", "/x")]);
        assert_eq!(data_folder(&without, true), Path::new("/var/dlt"));
        assert_eq!(data_folder(&without, false), Path::new("/x/dlt"));
        std::fs::create_dir(home.path().join(".dlt")).unwrap();
        assert_eq!(data_folder(&without, false), home.path().join(".dlt"));
    }

    #[test]
    fn the_nearest_word_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (project, data) = (folder.path().join("project"), folder.path().join("data"));
        for (path, text) in [
            (project.join(".dlt/secrets.toml"), "[sources.chess]\ntoken = \"project secret\"\n"),
            (
                project.join(".dlt/config.toml"),
                "[sources.chess]\ntoken = \"project config\"\nlimit = 5\n[sources.other]\nx = 1\n",
            ),
            (data.join("config.toml"), "[sources.chess]\nlimit = 6\nplayers = [\"a\"]\n"),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let data = data.to_str().unwrap();
        let around = ConfigProviders::new(variables(&[
            ("DLT_DATA_DIR", data),
            ("SOURCES__CHESS__LIMIT", "7"),
            ("SOURCES__CHESS__A__B", "c"),
        ]));
        let found = around.settings(&project, "sources", "chess").unwrap();
        assert_eq!(found.get("token").unwrap().value, Value::Text("project secret".to_owned()));
        assert_eq!(found.get("limit").unwrap().origin, Origin::Variable("SOURCES__CHESS__LIMIT".to_owned()));
        assert!(matches!(found.get("players").unwrap().value, Value::List(_)));
        assert!(matches!(found.get("a").unwrap().value, Value::Table(_)));
        assert!(found.get("x").is_none());
    }
}
