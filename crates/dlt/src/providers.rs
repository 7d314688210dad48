//! What a pipeline file leaves open is looked up around it: in the environment, in `secrets.toml`, in `config.toml`; of the
//! folder `.dlt` beside the file, then of the machine. What is said under the pipeline's name comes first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dlt_engine::Result;
use dlt_engine::connector::DestinationConnector;
use dlt_engine::destination::ReplaceStrategy;
use dlt_engine::naming::Convention;
use dlt_engine::settings::toml::{parse, read_if_there};
use dlt_engine::settings::{Entry, Node, Origin, Section, Table, Value, unknown_word};

/// The variable that holds what could be in `secrets.toml`, for places that keep secrets and no files.
const SECRETS: &str = "DLT_SECRETS_TOML";
const SECRETS_SHOWN: &str = "environment variable DLT_SECRETS_TOML";

/// The key of a destination that may also be said for all of them.
pub(crate) const CREDENTIALS: &str = "credentials";

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
    pub(crate) fn settings(&self, around: Around<'_>, section: &str, name: &str) -> Result<Table> {
        let mut found = Table::default();
        for mut tree in self.trees(around)? {
            if let Some(mut outer) = take_table(&mut tree, section)
                && let Some(inner) = take_table(&mut outer, name)
            {
                found.fill_from(inner);
            }
        }
        Ok(found)
    }

    /// A section of the top that is said around a pipeline, for what `own` leaves open.
    pub(crate) fn section(&self, mut own: Table, around: Around<'_>, name: &str) -> Result<Table> {
        for mut tree in self.trees(around)? {
            if let Some(found) = take_table(&mut tree, name) {
                own.fill_from(found);
            }
        }
        Ok(own)
    }

    /// The same for a destination. Its credentials may also be said for all of them: by `DESTINATION__CREDENTIALS` or
    /// `CREDENTIALS`, and in the files under `[destination]` or at the top. What a place says in general comes before what a later
    /// place says of this destination.
    pub(crate) fn destination(&self, around: Around<'_>, connector: &DestinationConnector) -> Result<Table> {
        Ok(of_destination(self.trees(around)?, connector))
    }

    /// The same from variables alone.
    pub(crate) fn destination_in_variables(&self, pipeline: &str, connector: &DestinationConnector) -> Table {
        of_destination(self.trees_of_variables(Some(pipeline)).into_iter().chain([self.below("")]), connector)
    }

    /// The naming convention that is set around a pipeline: `SCHEMA__NAMING`, else `naming` under `[schema]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or there is no such convention.
    pub fn naming(&self, around: Around<'_>) -> Result<Option<(Convention, Origin)>> {
        let names = Convention::ALL.map(|convention| (convention.name(), convention));
        self.word(around, ["schema", "naming"], &names)
    }

    /// The way to replace tables that is set around a pipeline for all destinations: `DESTINATION__REPLACE_STRATEGY`, else
    /// `replace_strategy` under `[destination]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or there is no such way.
    pub fn replace_strategy(&self, around: Around<'_>) -> Result<Option<(ReplaceStrategy, Origin)>> {
        let names = ReplaceStrategy::ALL.map(|strategy| (strategy.name(), strategy));
        self.word(around, ["destination", "replace_strategy"], &names)
    }

    /// One of some words.
    fn word<T: Copy>(
        &self,
        around: Around<'_>,
        [section, key]: [&'static str; 2],
        words: &[(&str, T)],
    ) -> Result<Option<(T, Origin)>> {
        for mut tree in self.trees(around)? {
            let Some(mut outer) = take_table(&mut tree, section) else { continue };
            let Some(entry) = outer.take(key) else { continue };
            let (kind, origin) = (entry.node.kind(), entry.node.origin);
            let Value::Text(word) = entry.node.value else {
                return Err(origin.error(format!("`{section}.{key}` must be text, and is {kind}")));
            };
            if let Some((_, meaning)) = words.iter().find(|(known, _)| *known == word) {
                return Ok(Some((*meaning, origin)));
            }
            let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
            return Err(unknown_word(&origin, key, &word, &known));
        }
        Ok(None)
    }

    /// The keys of object stores that are set around a pipeline for files: `SOURCES__FILESYSTEM__CREDENTIALS__…`, else
    /// `[sources.filesystem.credentials]` in the files.
    ///
    /// # Errors
    /// If a file cannot be read, or a key is not known.
    pub fn file_credentials(&self, around: Around<'_>) -> Result<dlt_sources::Credentials> {
        let settings = self.settings(around, "sources", "filesystem")?;
        dlt_sources::Credentials::take(&mut Section::new("sources.filesystem", Origin::Program, settings))
    }

    /// Every place that may say something, the nearest first: the environment, `secrets.toml`, `config.toml`, of each the part that
    /// is meant for the pipeline; then the same places without its name. A file of the project and that of the machine are one place,
    /// as in Python dlt;
    /// what a variable holds of `secrets.toml` comes before both.
    fn trees(&self, around: Around<'_>) -> Result<Vec<Table>> {
        let mut files = Vec::new();
        for file in ["secrets.toml", "config.toml"] {
            let mut tree = match self.variable(SECRETS).filter(|_| file == "secrets.toml") {
                Some(text) => parse(text, Path::new(SECRETS_SHOWN))?,
                None => Table::default(),
            };
            fill(&mut tree, read_if_there(&around.project.join(".dlt").join(file))?);
            fill(&mut tree, read_if_there(&self.data_folder.join(file))?);
            files.push(tree);
        }
        let mut trees = Vec::new();
        if let Some(pipeline) = around.pipeline {
            trees.extend(self.trees_of_variables(around.pipeline));
            trees.extend(files.iter_mut().filter_map(|tree| take_table(tree, pipeline)));
        }
        trees.push(self.below(""));
        trees.extend(files);
        Ok(trees)
    }

    /// What variables say for a pipeline alone. Of a name such as `my-shop` shells set no variable: `MY_SHOP__…` is meant too.
    fn trees_of_variables(&self, pipeline: Option<&str>) -> Vec<Table> {
        let Some(pipeline) = pipeline else { return Vec::new() };
        let name = pipeline.to_uppercase();
        let plain = name.replace(|letter: char| !letter.is_alphanumeric(), "_");
        let mut trees = vec![self.below(&format!("{name}__"))];
        if plain != name {
            trees.push(self.below(&format!("{plain}__")));
        }
        trees
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
            if let Some(at) = path.iter().position(|key| key == CREDENTIALS).filter(|at| at + 1 < path.len())
                && let Some(node @ Node { value: Value::Text(_), .. }) = node_at(&mut table, &path[..=at])
            {
                lift(node);
            }
            table.set(&path, Node { origin: Origin::Variable(name.clone()), value: Value::Text(value.clone()) });
        }
        table
    }
}

/// Where a pipeline stands: what is looked up for it depends on that.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Folder of its file, or the one that the command was called in.
    pub project: &'a Path,
    /// Its name, where there is a pipeline: what is said under it comes before what is said for all.
    pub pipeline: Option<&'a str>,
}

impl<'a> Around<'a> {
    /// In the current folder.
    pub fn here(pipeline: &'a str) -> Self {
        Self { project: Path::new(""), pipeline: Some(pipeline) }
    }
}

/// What some places say of a destination.
fn of_destination(trees: impl IntoIterator<Item = Table>, connector: &DestinationConnector) -> Table {
    let has_credentials = connector.keys.iter().any(|key| key.name == CREDENTIALS);
    let fill_credentials = |found: &mut Table, credentials: Option<Entry>| {
        if has_credentials {
            fill(found, Table { entries: credentials.into_iter().collect() });
        }
    };
    let mut found = Table::default();
    for mut tree in trees {
        if let Some(mut outer) = take_table(&mut tree, "destination") {
            if let Some(inner) = take_table(&mut outer, connector.name) {
                fill(&mut found, inner);
            }
            fill_credentials(&mut found, outer.take(CREDENTIALS));
        }
        fill_credentials(&mut found, tree.take(CREDENTIALS));
    }
    found
}

/// Adds what another table has and this one lacks. Credentials that are a text here and fields there make a table of both.
pub(crate) fn fill(table: &mut Table, mut other: Table) {
    for own in &mut table.entries {
        let Some(found) = other.entries.iter_mut().find(|found| found.key == own.key) else { continue };
        match (&mut own.node.value, &mut found.node.value) {
            (Value::Text(_), Value::Table(_)) if own.key == CREDENTIALS => lift(&mut own.node),
            (Value::Table(_), Value::Text(_)) if own.key == CREDENTIALS => lift(&mut found.node),
            (Value::Table(own), Value::Table(found)) => fill(own, std::mem::take(found)),
            _ => {}
        }
    }
    table.fill_from(other);
}

/// A text as a table that holds it.
fn lift(node: &mut Node) {
    let mut table = Table::default();
    table.set(&["connection_string".to_owned()], node.clone());
    node.value = Value::Table(table);
}

fn node_at<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Node> {
    let (key, rest) = path.split_first()?;
    let node = table.entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)?;
    if rest.is_empty() {
        return Some(node);
    }
    match &mut node.value {
        Value::Table(table) => node_at(table, rest),
        _ => None,
    }
}

fn take_table(tree: &mut Table, key: &str) -> Option<Table> {
    match tree.take(key)?.node.value {
        Value::Table(table) => Some(table),
        _ => None,
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
        let found = around.settings(Around { project: &project, pipeline: None }, "sources", "chess").unwrap();
        assert_eq!(found.get("token").unwrap().value, Value::Text("project secret".to_owned()));
        assert_eq!(found.get("limit").unwrap().origin, Origin::Variable("SOURCES__CHESS__LIMIT".to_owned()));
        assert!(matches!(found.get("players").unwrap().value, Value::List(_)));
        assert!(matches!(found.get("a").unwrap().value, Value::Table(_)));
        assert!(found.get("x").is_none());
    }

    #[test]
    fn secrets_in_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("secrets.toml"), "[sources.chess]\ntoken = \"file\"\nother = \"file\"\n")
            .unwrap();
        let found = |pairs: &[(&str, &str)]| {
            let mut all = variables(pairs);
            all.insert("DLT_DATA_DIR".to_owned(), data.to_owned());
            ConfigProviders::new(all).settings(Around { project: folder.path(), pipeline: None }, "sources", "chess")
        };
        let toml = "[sources.chess]\n\ntoken = \"variable\"\n";
        let settings = found(&[("DLT_SECRETS_TOML", toml)]).unwrap();
        let token = settings.get("token").unwrap();
        assert_eq!(token.value, Value::Text("variable".to_owned()));
        assert_eq!(token.origin.to_string(), "environment variable DLT_SECRETS_TOML:3");
        assert_eq!(settings.get("other").unwrap().value, Value::Text("file".to_owned()));
        let nearer = [("DLT_SECRETS_TOML", toml), ("SOURCES__CHESS__TOKEN", "own")];
        assert_eq!(found(&nearer).unwrap().get("token").unwrap().value, Value::Text("own".to_owned()));
        let broken = found(&[("DLT_SECRETS_TOML", "[sources.chess]\npassword = tr0ub4dor\n")]).unwrap_err().to_string();
        assert!(broken.starts_with("environment variable DLT_SECRETS_TOML:2: "), "{broken}");
        assert!(!broken.contains("tr0ub4dor"), "{broken}");
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
            let around = Around { project: &project, pipeline: Some("my-shop") };
            let mut found = ConfigProviders::new(all).destination(around, connector).unwrap();
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
        let with_fields = found(&[url], postgres).unwrap();
        assert!(with_fields.starts_with(r#"connection_string=Text("postgres://u@h/d") host="#), "{with_fields}");
        let with_password = found(&[url, ("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "p")], postgres).unwrap();
        assert!(with_password.contains(r#"connection_string=Text("postgres://u@h/d")"#), "{with_password}");
        assert!(with_password.contains(r#"password=Text("p")"#), "{with_password}");
        assert_eq!(found(&[("CREDENTIALS", "x")], duckdb), None, "a destination without credentials is told none");
        // What is said under the pipeline's name comes before all that is said without it.
        let own = [("MY-SHOP__CREDENTIALS__HOST", "own"), ("DESTINATION__POSTGRES__CREDENTIALS__HOST", "of all")];
        assert!(found(&own, postgres).unwrap().starts_with(r#"host=Text("own") "#));
        let as_in_a_shell = ("MY_SHOP__DESTINATION__POSTGRES__CREDENTIALS", "postgres://u@own/d");
        let both = found(&[as_in_a_shell, own[1]], postgres).unwrap();
        assert!(both.contains(r#"connection_string=Text("postgres://u@own/d")"#), "{both}");
        std::fs::write(
            project.join(".dlt/secrets.toml"),
            "[my-shop.destination.postgres.credentials]\npassword = \"own\"\n[destination.postgres.credentials]\nhost = \"h\"\npassword = \"p\"\n",
        )
        .unwrap();
        let variable = ("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "of the environment");
        let own = found(&[variable], postgres).unwrap();
        assert!(own.contains(r#"password=Text("own")"#), "{own}");
    }
}
