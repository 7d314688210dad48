//! What a pipeline file leaves open is looked up around it: in the environment, in `.dlt/secrets.toml` and
//! `.dlt/config.toml` of its folder, then in the same two files of the machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dlt_engine::Result;
use dlt_engine::connector::DestinationConnector;
use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::naming::Convention;
use dlt_engine::settings::toml::read_if_there;
use dlt_engine::settings::{Entry, Node, Origin, Section, Table, Value, unknown_word};

/// The key of a destination that may also be said for all of them.
const CREDENTIALS: &str = "credentials";

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

    /// The same for a destination. Its credentials may also be said for all of them: by `DESTINATION__CREDENTIALS` or
    /// `CREDENTIALS`, and in the files under `[destination]` or at the top. What a place says in general comes before what a later
    /// place says of this destination.
    pub(crate) fn destination(&self, project: &Path, connector: &DestinationConnector) -> Result<Table> {
        const SECTION: &str = "destination";
        let has_credentials = connector.keys.iter().any(|key| key.name == CREDENTIALS);
        let fill = |found: &mut Table, credentials: Option<Entry>| {
            if has_credentials {
                found.fill_from(Table { entries: credentials.into_iter().collect() });
            }
        };
        let mut found = self.in_variables(SECTION, connector.name);
        let mut general = self.below(&format!("{}__", SECTION.to_uppercase()));
        fill(&mut found, general.take(CREDENTIALS));
        fill(&mut found, self.below("").take(CREDENTIALS));
        for folder in [project.join(".dlt"), self.data_folder.clone()] {
            for file in ["secrets.toml", "config.toml"] {
                let mut table = read_if_there(&folder.join(file))?;
                if let Some(Value::Table(mut outer)) = table.take(SECTION).map(|entry| entry.node.value) {
                    if let Some(Value::Table(inner)) = outer.take(connector.name).map(|entry| entry.node.value) {
                        found.fill_from(inner);
                    }
                    fill(&mut found, outer.take(CREDENTIALS));
                }
                fill(&mut found, table.take(CREDENTIALS));
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
    pub(crate) fn in_variables(&self, section: &str, name: &str) -> Table {
        self.below(&format!("{section}__{name}__").to_uppercase())
    }

    /// What variables say whose names begin so. A text and what belongs below it (`…__CREDENTIALS` and
    /// `…__CREDENTIALS__PASSWORD`) make a table that has the text as `connection_string`.
    fn below(&self, prefix: &str) -> Table {
        let mut table = Table::default();
        for (name, value) in &self.variables {
            let Some(rest) = name.strip_prefix(prefix) else { continue };
            let path: Vec<_> = rest.split("__").map(str::to_lowercase).collect();
            if value.is_empty() || path.iter().any(String::is_empty) {
                continue;
            }
            if let [first, _, ..] = path.as_slice()
                && let Some(Node { value: Value::Text(_), .. }) = table.get(first)
                && let Some(text) = table.take(first)
            {
                table.set(&[first.clone(), "connection_string".to_owned()], text.node);
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

    #[test]
    fn credentials_of_a_destination() {
        let folder = tempfile::tempdir().unwrap();
        let (project, data) = (folder.path().join("project"), folder.path().join("data"));
        for (path, text) in [
            (
                project.join(".dlt/secrets.toml"),
                "[destination.postgres.credentials]\npassword = \"of postgres\"\n[destination.credentials]\nport = 1\nhost = \"of all\"\n",
            ),
            (project.join(".dlt/config.toml"), "[credentials]\nhost = \"late\"\nusername = \"top\"\n"),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let postgres = crate::DESTINATIONS.iter().find(|known| known.name == "postgres").unwrap();
        let duckdb = crate::DESTINATIONS.iter().find(|known| known.name == "duckdb").unwrap();
        let data = data.to_str().unwrap();
        let found = |pairs: &[(&str, &str)], connector| {
            let mut all = variables(pairs);
            all.insert("DLT_DATA_DIR".to_owned(), data.to_owned());
            let mut found = ConfigProviders::new(all).destination(&project, connector).unwrap();
            let entry = found.take("credentials");
            entry.map(|entry| match entry.node.value {
                Value::Table(table) => {
                    let mut keys: Vec<_> =
                        table.entries.iter().map(|entry| format!("{}={:?}", entry.key, entry.node.value)).collect();
                    keys.sort();
                    keys.join(" ")
                }
                other => format!("{other:?}"),
            })
        };
        assert_eq!(
            found(&[], postgres).unwrap(),
            r#"host=Text("of all") password=Text("of postgres") port=Integer(1) username=Text("top")"#
        );
        assert_eq!(
            found(&[("CREDENTIALS__HOST", "h"), ("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "p")], postgres)
                .unwrap(),
            r#"host=Text("h") password=Text("p") port=Integer(1) username=Text("top")"#
        );
        let url = ("DESTINATION__POSTGRES__CREDENTIALS", "postgres://u@h/d");
        assert_eq!(found(&[url], postgres).unwrap(), r#"Text("postgres://u@h/d")"#);
        let with_password = found(&[url, ("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "p")], postgres).unwrap();
        assert!(with_password.contains(r#"connection_string=Text("postgres://u@h/d")"#), "{with_password}");
        assert!(with_password.contains(r#"password=Text("p")"#), "{with_password}");
        assert_eq!(found(&[("CREDENTIALS", "x")], duckdb), None, "a destination without credentials is told none");
    }
}
