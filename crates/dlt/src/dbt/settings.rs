//! The settings: `[dbt]` of a pipeline file, and `[dbt_package_runner]` around it.

use std::path::{Path, PathBuf};

use dlt_engine::Result;
use dlt_engine::settings::{Entry, Key, Node, Origin, Section, Table, Value, relative_to};
use serde_json::{Map, Value as Json};

use crate::providers::{Around, ConfigProviders};

/// The section of files and variables around a pipeline, as Python dlt calls it.
const SECTION: &str = "dbt_package_runner";

/// The settings by name, for the reference pages.
pub const KEYS: &[Key] = &[
    Key::new(
        "package_location",
        "the package: a folder with a `dbt_project.yml`, or a git repository",
        "given with the command",
    ),
    Key::new("package_repository_branch", "the branch or tag of the repository", "the repository's own"),
    Key::new(
        "package_repository_ssh_key",
        "the key to read the repository with: its text, which belongs into `secrets.toml`, or its file",
        "what ssh finds by itself",
    )
    .secret(),
    Key::new(
        "package_profiles_dir",
        "a folder with a `profiles.yml` of your own",
        "a profile is made of the destination",
    ),
    Key::new(
        "package_profile_name",
        "the profile to take",
        "the destination's name; with a `profiles.yml` of your own what `dbt_project.yml` says",
    ),
    Key::new(
        "auto_full_refresh_when_out_of_sync",
        "whether a run whose incremental models lack columns is made again with `--full-refresh`",
        "`true`",
    ),
    Key::new("package_additional_vars", "a table of variables for the package", "none"),
    Key::new("destination_dataset_name", "the dataset that the package's tables go into", "the pipeline's dataset"),
    Key::new("source_tests_selector", "what `dlt dbt run-all` tests before anything is built: `source:*`", "nothing"),
    Key::new("threads", "how many models are built at once", "`4`"),
    Key::new(
        "venv",
        "the folder of the Python environment with dbt; made if it is not there",
        "`dbt/venv` in the pipeline's working folder",
    ),
    Key::new("executable", "the program `dbt` itself, if it is there already", "that of the environment"),
    Key::new("python", "the Python that makes the environment", "`python3`"),
    Key::new("dbt_version", "the version of dbt-core: `1.11.2`, `>=1.10,<1.12`", "`>=1.10.5,<1.12`"),
    Key::new("adapter_version", "the version of dbt-duckdb or dbt-postgres", "`>=1.9,<2`"),
    Key::new("duckdb_version", "the version of the Python package duckdb", "that of the DuckDB in here, `1.5.*`"),
];

/// What is said of dbt around a pipeline. What is `None` is as [`KEYS`] has it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[allow(missing_docs)]
pub struct Settings {
    pub package_location: Option<String>,
    pub package_repository_branch: Option<String>,
    pub package_repository_ssh_key: Option<SshKey>,
    pub package_profiles_dir: Option<PathBuf>,
    pub package_profile_name: Option<String>,
    pub auto_full_refresh_when_out_of_sync: Option<bool>,
    pub package_additional_vars: Map<String, Json>,
    pub destination_dataset_name: Option<String>,
    pub source_tests_selector: Option<String>,
    pub threads: Option<u16>,
    pub venv: Option<PathBuf>,
    pub executable: Option<PathBuf>,
    pub python: Option<PathBuf>,
    pub dbt_version: Option<String>,
    pub adapter_version: Option<String>,
    pub duckdb_version: Option<String>,
}

/// A key of ssh: its file, or its text, of which nothing is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SshKey {
    /// The file that holds it.
    File(PathBuf),
    /// Its text: `-----BEGIN …`.
    Text(String),
}

impl std::fmt::Debug for SshKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "SshKey({})", path.display()),
            Self::Text(_) => formatter.write_str("SshKey(…)"),
        }
    }
}

impl Settings {
    /// The settings that are said around a pipeline: `DBT_PACKAGE_RUNNER__…`, else `[dbt_package_runner]` in the files.
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] if a file cannot be read, a key is not known or a value not what it must be.
    pub fn around(around: Around<'_>, providers: &ConfigProviders) -> Result<Self> {
        Self::over(Table::default(), around, providers)
    }

    /// The same for what `own` leaves open, which is `[dbt]` of a pipeline file.
    pub(crate) fn over(own: Table, around: Around<'_>, providers: &ConfigProviders) -> Result<Self> {
        let all = providers.section(own, around, SECTION)?;
        Self::read(SECTION, Origin::Program, all, around.project)
    }

    /// Reads the settings; relative paths are meant from `folder`.
    pub(crate) fn read(name: &str, origin: Origin, table: Table, folder: &Path) -> Result<Self> {
        let mut section = Section::new(name, origin, table);
        let mut text = |key| -> Result<Option<String>> { Ok(section.text(key)?.map(|found| found.value)) };
        let package_location = text("package_location")?.map(|location| match is_repository(&location) {
            true => location,
            false => relative_to(folder, &location).to_string_lossy().into_owned(),
        });
        let package_repository_branch = text("package_repository_branch")?;
        let package_repository_ssh_key = text("package_repository_ssh_key")?.map(|key| match is_key(&key) {
            true => SshKey::Text(key),
            false => SshKey::File(relative_to(folder, &key)),
        });
        let package_profiles_dir = text("package_profiles_dir")?.map(|path| relative_to(folder, &path));
        let package_profile_name = text("package_profile_name")?;
        let destination_dataset_name = text("destination_dataset_name")?;
        let source_tests_selector = text("source_tests_selector")?;
        let venv = text("venv")?.map(|path| relative_to(folder, &path));
        let executable = text("executable")?.map(|program| program_in(folder, &program));
        let python = text("python")?.map(|program| program_in(folder, &program));
        let dbt_version = text("dbt_version")?;
        let adapter_version = text("adapter_version")?;
        let duckdb_version = text("duckdb_version")?;
        let auto_full_refresh_when_out_of_sync = section.flag("auto_full_refresh_when_out_of_sync")?;
        let threads = section
            .count("threads")?
            .map(|count| {
                let threads = u16::try_from(count.value).ok().filter(|threads| (1..=256).contains(threads));
                threads.ok_or_else(|| count.origin.error(format!("`{name}.threads` must be from 1 to 256")))
            })
            .transpose()?;
        let vars = section.take("package_additional_vars");
        let package_additional_vars = vars.map(|entry| vars_of(name, entry)).transpose()?.unwrap_or_default();
        section.finish()?;
        Ok(Self {
            package_location,
            package_repository_branch,
            package_repository_ssh_key,
            package_profiles_dir,
            package_profile_name,
            auto_full_refresh_when_out_of_sync,
            package_additional_vars,
            destination_dataset_name,
            source_tests_selector,
            threads,
            venv,
            executable,
            python,
            dbt_version,
            adapter_version,
            duckdb_version,
        })
    }
}

/// Whether a text means a git repository: `https://…`, `git@host:path`, or what ends with `.git`.
pub(super) fn is_repository(location: &str) -> bool {
    let is_short = || {
        let Some((host, _)) = location.split_once(':') else { return false };
        host.contains('@') && !host.contains('/')
    };
    location.contains("://") || is_short() || location.trim_end_matches('/').ends_with(".git")
}

/// Whether a text is a key, and not the file of one.
fn is_key(text: &str) -> bool {
    text.contains("-----BEGIN") || text.contains('\n')
}

/// A program with a folder in its name is meant from `folder`; another one is looked for.
fn program_in(folder: &Path, program: &str) -> PathBuf {
    if program.contains('/') { relative_to(folder, program) } else { PathBuf::from(program) }
}

/// A table of variables, or the text of a JSON object where it stands in a variable.
fn vars_of(name: &str, entry: Entry) -> Result<Map<String, Json>> {
    let wrong =
        || {
            let what = format!("`{name}.package_additional_vars` must be a table");
            entry.node.origin.error(what).hint(
                "write package_additional_vars = { country = \"de\" }; in a variable as JSON: {\"country\": \"de\"}",
            )
        };
    match &entry.node.value {
        Value::Text(text) if entry.node.origin.is_untyped() => serde_json::from_str(text).map_err(|_| wrong()),
        Value::Table(_) => match json_of(&entry.node) {
            Json::Object(vars) => Ok(vars),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn json_of(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Path(path) => Json::from(path.to_string_lossy()),
        Value::List(nodes) => nodes.iter().map(json_of).collect(),
        Value::Table(table) => {
            Json::Object(table.entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node))).collect())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, Value)], origin: &Origin) -> Result<Settings> {
        let mut table = Table::default();
        for (key, value) in entries {
            table.set(&[(*key).to_owned()], Node { origin: origin.clone(), value: value.clone() });
        }
        Settings::read("dbt", Origin::Program, table, Path::new("project"))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn all_keys_are_documented_and_no_others_are_known() {
        for key in KEYS {
            let error = read(&[(key.name, Value::List(Vec::new()))], &Origin::Program).unwrap_err().to_string();
            assert!(error.contains(&format!("`dbt.{}` must be", key.name)), "{error}");
        }
        let error = read(&[("zzzzzzzz", Value::Flag(true))], &Origin::Program).unwrap_err();
        let known: Vec<_> = error.advice().unwrap().split('`').skip(1).step_by(2).collect();
        assert_eq!(known.len(), KEYS.len());
        assert!(known.iter().all(|name| KEYS.iter().any(|key| key.name == *name)), "{known:?}");
    }

    #[test]
    fn what_is_a_repository() {
        for text in ["https://h/x", "git@h:x/y.git", "ssh://git@h/x", "file:///x", "../x.git", "me@h:x"] {
            assert!(is_repository(text), "{text}");
        }
        for text in ["transform", "../a:b@c", "/x/y", "a@b", "C:x"] {
            assert!(!is_repository(text), "{text}");
        }
    }

    #[test]
    fn paths_are_meant_from_the_folder() {
        let found = read(
            &[
                ("package_location", text("transform")),
                ("venv", text("v")),
                ("python", text("python3.12")),
                ("executable", text("bin/dbt")),
            ],
            &Origin::Program,
        )
        .unwrap();
        assert_eq!(found.package_location.as_deref(), Some("project/transform"));
        assert_eq!(found.venv.as_deref(), Some(Path::new("project/v")));
        assert_eq!(found.python.as_deref(), Some(Path::new("python3.12")), "it is looked for");
        assert_eq!(found.executable.as_deref(), Some(Path::new("project/bin/dbt")));
        let found = read(&[("package_location", text("git@h:x/y.git"))], &Origin::Program).unwrap();
        assert_eq!(found.package_location.as_deref(), Some("git@h:x/y.git"));
    }

    #[test]
    fn keys_of_ssh_are_files_or_texts_and_never_shown() {
        let key = |key: &str| read(&[("package_repository_ssh_key", text(key))], &Origin::Program).unwrap();
        assert_eq!(key("id").package_repository_ssh_key, Some(SshKey::File(PathBuf::from("project/id"))));
        let found = key("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END");
        assert!(format!("{found:?}").contains("SshKey(…)") && !format!("{found:?}").contains("abc"));
    }

    #[test]
    fn variables_in_a_file_and_in_the_environment() {
        let variable = Origin::Variable("X".to_owned());
        let found = read(&[("package_additional_vars", text(r#"{"a": [1, "b"]}"#)), ("threads", text("8"))], &variable)
            .unwrap();
        assert_eq!(serde_json::to_string(&found.package_additional_vars).unwrap(), r#"{"a":[1,"b"]}"#);
        assert_eq!(found.threads, Some(8));
        assert!(read(&[("package_additional_vars", text("a"))], &variable).is_err());
        assert!(read(&[("threads", Value::Integer(0))], &Origin::Program).is_err());
    }
}
