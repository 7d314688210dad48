//! What a pipeline file says that matters to those who run it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dlt_engine::destination::Concurrency;
use dlt_engine::{Result, Source as _};
use serde_json::{Value, json};

use super::groups::groups;
use crate::declaration::{ConfigProviders, Declaration, Origin};

/// What a pipeline file says that matters to those who run it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Its path, as it was given.
    pub file: PathBuf,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Dataset that it loads into.
    pub dataset: String,
    /// Kind of destination.
    pub destination: &'static str,
    /// Whether the destination is on the machine that runs the pipeline.
    pub is_local: bool,
    /// What becomes of several loads at the same time.
    pub concurrency: Concurrency,
    /// Resources that are loaded together, group by group; or why they are not known before the source is read.
    pub groups: std::result::Result<Vec<Vec<String>>, String>,
    /// Resources that are loaded by their position, which the destination keeps.
    pub incremental: Vec<String>,
    /// Whether a resource takes its range from a scheduler.
    pub takes_intervals: bool,
    /// The settings that this machine has outside of the file and its project, in the order of their names.
    pub needed: Vec<Needed>,
}

/// A setting that a run needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needed {
    /// The environment variable that sets it.
    pub variable: String,
    /// Where it is set on this machine.
    pub origin: String,
}

impl Plan {
    /// Reads a pipeline file, and what is around it, as a run does. Nothing is read of the source.
    ///
    /// # Errors
    /// As [`Declaration::read`]; if the destination or the source cannot be made of what is said.
    pub fn read(file: &Path, providers: &ConfigProviders) -> Result<Self> {
        let declaration = Declaration::read(file, providers)?;
        let destination = declaration.destination().open(declaration.name())?;
        let declared = declaration.source()?.declared()?;
        let by_position = |name: &str| declared.as_ref()?.iter().find(|known| known.name == name)?.incremental.as_ref();
        let is_true =
            |value: &str| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "t" | "yes" | "y" | "on");
        let by_default = providers.variable("DLT_ALLOW_EXTERNAL_SCHEDULERS").is_some_and(is_true);
        let groups = match &declared {
            None => Err(format!("the resources of `{}` are known only when it is read", declaration.source_kind())),
            // They are named on a command line, with commas between them.
            Some(declared) if declared.iter().any(|resource| resource.name.contains(',')) => {
                Err("the name of a resource has a comma".to_owned())
            }
            Some(declared) => Ok(groups(declared)),
        };
        let names: Vec<&str> = declared.iter().flatten().map(|resource| resource.name.as_str()).collect();
        let takes =
            |name: &&str| by_position(name).is_some_and(|found| found.allow_external_schedulers.unwrap_or(by_default));
        let takes_intervals = names.iter().any(takes) || (declared.is_none() && by_default);
        let incremental = names.iter().filter(|name| by_position(name).is_some() && !takes(name));
        Ok(Self {
            file: file.to_owned(),
            pipeline: declaration.name().to_owned(),
            dataset: declaration.dataset().to_owned(),
            destination: declaration.destination().kind(),
            is_local: destination.fingerprint().is_empty() || is_path(&destination.location()),
            concurrency: destination.capabilities().concurrency,
            incremental: incremental.map(|name| (*name).to_owned()).collect(),
            takes_intervals,
            groups,
            needed: needed(&declaration, file),
        })
    }

    /// As JSON, for programs that make tasks of it.
    pub fn to_json(&self) -> Value {
        let concurrency = match self.concurrency {
            Concurrency::Turns => "turns",
            Concurrency::OneProcess => "one_process",
            Concurrency::Unguarded => "unguarded",
        };
        json!({
            "pipeline": self.pipeline,
            "destination": self.destination,
            "concurrency": concurrency,
            "groups": self.groups.as_ref().ok(),
            "one_task_because": self.groups.as_ref().err(),
            "incremental": self.incremental,
            "takes_intervals": self.takes_intervals,
            "settings": self.needed.iter().map(|needed| needed.variable.as_str()).collect::<Vec<_>>(),
        })
    }

    /// The pipeline's name in letters that file names and identifiers can have.
    pub(super) fn slug(&self, separator: char) -> String {
        slug(&self.pipeline, separator)
    }

    /// What a destination on the machine itself means where machines come and go.
    pub(super) fn local_warning(&self, machine: &str) -> Option<String> {
        let Self { destination, is_local, .. } = self;
        is_local.then(|| {
            format!(
                "`{destination}` loads into files of {machine}: what is loaded, and what the pipeline remembers, is gone with it; \
                 load into a server or an object store, or keep the files on a volume"
            )
        })
    }
}

/// Whether a destination tells its place as a path of this machine.
fn is_path(location: &str) -> bool {
    Path::new(location).is_absolute() || location.starts_with("file:")
}

/// Letters and digits of ASCII; the separator for all others, never two of it.
pub(super) fn slug(name: &str, separator: char) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter.to_ascii_lowercase()),
            _ if slug.is_empty() || slug.ends_with(separator) => {}
            _ => slug.push(separator),
        }
    }
    let slug = slug.trim_end_matches(separator);
    if slug.is_empty() { "pipeline".to_owned() } else { slug.to_owned() }
}

/// What was found outside of the file, but in the project's `config.toml`, which comes along with it.
fn needed(declaration: &Declaration, file: &Path) -> Vec<Needed> {
    let of_project = file.parent().unwrap_or(Path::new("")).join(".dlt").join("config.toml");
    let mut found = BTreeMap::new();
    for (key, origin) in declaration.looked_up() {
        let variable = match origin {
            Origin::Variable(name) => name.clone(),
            Origin::File { path, .. } if **path == *of_project => continue,
            _ => variable(key, declaration),
        };
        found.entry(variable).or_insert_with(|| origin.to_string());
    }
    found.into_iter().map(|(variable, origin)| Needed { variable, origin }).collect()
}

/// The variable for `source.client.auth.token` or `destination.credentials.password`.
fn variable(key: &str, declaration: &Declaration) -> String {
    let (section, rest) = key.split_once('.').unwrap_or((key, ""));
    let path = match section {
        "source" => format!("sources.{}.{rest}", declaration.source_kind()),
        "destination" if rest == "replace_strategy" => key.to_owned(),
        "destination" => format!("destination.{}.{rest}", declaration.destination().kind()),
        "naming" => "schema.naming".to_owned(),
        _ => key.to_owned(),
    };
    path.to_uppercase().replace('.', "__")
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn names_for_files() {
        for (name, expected) in [
            ("chess_pipeline", "chess-pipeline"),
            ("Größe 2", "gr-e-2"),
            ("--", "pipeline"),
            ("a..b", "a-b"),
            ("ü", "pipeline"),
        ] {
            assert_eq!(slug(name, '-'), expected, "{name}");
        }
    }
}
