//! What the command line and the environment say, as trees of settings.

use std::path::PathBuf;

use dlt_engine::settings::{Node, Origin, Table, Value};
use dlt_engine::{Error, ErrorKind, Result, suggest};

use super::{FILE_VARIABLE, PREFIX, keys};

/// What a Kubernetes service of the name `dlt-tracker` puts into the environment of every container, beside its settings.
const OF_KUBERNETES: [&str; 2] = ["SERVICE_", "PORT"];

/// What the command line says.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Arguments {
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// What `--set` says, as it was typed: `limits.request=1 MB`. The last of one name counts.
    pub set: Vec<String>,
    options: Vec<(&'static str, &'static str, Value)>,
}

impl Arguments {
    /// Adds an option of its own: the dotted name of its setting, how it is written (`--listen`), and its value. A number or
    /// a flag is a text here, as in a variable.
    pub fn text(&mut self, name: &'static str, written: &'static str, value: Option<impl Into<String>>) {
        self.options.extend(value.map(|value| (name, written, Value::Text(value.into()))));
    }

    /// Adds an option of its own that is a path.
    pub fn path(&mut self, name: &'static str, written: &'static str, value: Option<impl Into<PathBuf>>) {
        self.options.extend(value.map(|value| (name, written, Value::Path(value.into()))));
    }

    /// As a tree. An option of its own counts more than the same by `--set`.
    pub(super) fn into_table(self) -> Result<Table> {
        let mut table = Table::default();
        for text in self.set {
            let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
                let error = Error::new(ErrorKind::Config, format!("--set {text}: this is not KEY=VALUE"));
                return Err(error.hint("for example: --set limits.request=1MB"));
            };
            let name = name.trim();
            let origin = Origin::Argument(format!("--set {name}"));
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            table.set(&path, Node { origin, value: Value::Text(value.trim().to_owned()) });
        }
        for (name, written, value) in self.options {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            table.set(&path, Node { origin: Origin::Argument(written.to_owned()), value });
        }
        Ok(table)
    }
}

/// The settings among the variables, what is odd among them, and the file that they name. An empty variable says nothing.
pub(super) fn environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> (Table, Vec<String>, Option<PathBuf>) {
    let (mut table, mut notices, mut file) = (Table::default(), Vec::new(), None);
    let mut variables: Vec<(String, String)> =
        variables.into_iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty()).collect();
    variables.sort_unstable();
    for (name, value) in variables {
        if name == FILE_VARIABLE {
            file = Some(PathBuf::from(value));
            continue;
        }
        let rest = &name[PREFIX.len()..];
        let path: Vec<String> = rest.to_lowercase().split("__").map(str::to_owned).collect();
        if keys().any(|key| fits(key.name, &path)) {
            table.set(&path, Node { origin: Origin::Variable(name.clone()), value: Value::Text(value) });
        } else if !OF_KUBERNETES.iter().any(|beginning| rest.starts_with(beginning)) {
            let known: Vec<String> = keys().map(|key| variable(key.name)).collect();
            let hint = suggest(&name, known.iter().map(String::as_str));
            let hint = hint.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
            notices.push(format!("the environment variable {name} is no setting of the tracker{hint}"));
        }
    }
    (table, notices, file)
}

/// The variable of a setting.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"))
}

/// Whether a path of keys is that of a setting.
pub(super) fn fits(name: &str, path: &[String]) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    parts.len() == path.len()
        && parts.iter().zip(path).all(|(part, key)| stands_for_any(part) && !key.is_empty() || part == key)
}

/// Whether a part of a setting's name stands for any name.
pub(super) fn stands_for_any(part: &str) -> bool {
    part.chars().all(|letter| letter.is_ascii_uppercase())
}
