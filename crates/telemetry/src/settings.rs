//! The settings of telemetry, each with its origin.

use std::path::{Path, PathBuf};

use crate::config::{ConfigFile, Scalar};
use crate::consent::{self, Consent, Origin};
use crate::endpoint::{Endpoint, EndpointError};
use crate::environment::Environment;
use crate::names::{Names, Part};

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was read.
    pub origin: Origin,
}

/// How names that a user chose are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashMode {
    /// With a secret that never leaves the machine, so that no one else can test a guess. The default.
    Keyed,
    /// Without a secret, as Python dlt does it. For operators of a tracker who want both to match.
    Plain,
}

/// How events leave the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryMode {
    /// A detached process, started at exit; the host does not wait for it.
    Detached,
    /// A background thread of this process, with a short wait at exit.
    Thread,
    /// At exit, in this process, within a bound.
    InPlace,
}

/// All settings, from environment and files.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) consent: Consent,
    pub(crate) endpoint: Option<Setting<Result<Endpoint, EndpointError>>>,
    pub(crate) write_key: Option<Setting<String>>,
    pub(crate) hash: Setting<HashMode>,
    pub(crate) delivery: Option<Setting<DeliveryMode>>,
    pub(crate) ca_file: Option<Setting<PathBuf>>,
    pub(crate) rotate_id: Setting<bool>,
    pub(crate) debug: bool,
    /// Settings that are not understood, a sentence each.
    pub(crate) complaints: Vec<String>,
}

/// The folders and files of one host on one machine.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Holds the id, the global configuration and, below `telemetry/`, all else.
    pub(crate) data: PathBuf,
    pub(crate) project: Option<PathBuf>,
    /// The configuration files that are read, the administrator's first, the project's last.
    pub(crate) config_files: Vec<PathBuf>,
}

impl Paths {
    /// `None` if there is no data folder.
    pub(crate) fn find(data: Vec<PathBuf>, project: Option<&Path>, names: &Names) -> Option<Self> {
        let mut config_files: Vec<_> = names.admin_file.iter().cloned().collect();
        // The last one is the nearest to the project, and wins for settings.
        for folder in data.iter().rev() {
            config_files.push(folder.join("config.toml"));
            config_files.push(folder.join("secrets.toml"));
        }
        let project = project.map(|folder| folder.join(&names.project_folder));
        if let Some(folder) = &project {
            config_files.push(folder.join("config.toml"));
            config_files.push(folder.join("secrets.toml"));
        }
        Some(Self { data: data.into_iter().next()?, project, config_files })
    }

    /// The paths of a process without a home, where telemetry is off: a folder that can't exist.
    pub(crate) fn nowhere() -> Self {
        Self { data: PathBuf::from("/dev/null/telemetry"), project: None, config_files: Vec::new() }
    }

    pub(crate) fn global_config(&self) -> PathBuf {
        self.data.join("config.toml")
    }

    pub(crate) fn project_config(&self) -> Option<PathBuf> {
        self.project.as_ref().map(|folder| folder.join("config.toml"))
    }

    /// The folder of all files of this crate but the id.
    pub(crate) fn telemetry(&self) -> PathBuf {
        self.data.join("telemetry")
    }
}

impl Settings {
    /// Reads environment and files; writes nothing.
    pub(crate) fn read(
        host_word: Option<&str>,
        environment: &Environment,
        names: &Names,
        paths: &Paths,
        endpoint: Option<&str>,
    ) -> Self {
        let files: Vec<_> = paths.config_files.iter().filter_map(|path| ConfigFile::read(path)).collect();
        let consent = consent::decide(consent::gather(host_word, environment, names, &files));
        let mut reader = Reader { environment, names, files: &files, complaints: Vec::new() };

        let endpoint = reader
            .text(Part::Endpoint)
            .or_else(|| endpoint.map(|text| Setting { value: text.to_owned(), origin: Origin::Build }))
            .filter(|setting| !setting.value.trim().is_empty())
            .map(|setting| Setting { value: Endpoint::parse(&setting.value), origin: setting.origin });
        let write_key = reader.text(Part::WriteKey);
        let hash = reader
            .one_of(Part::Hash, &[("keyed", HashMode::Keyed), ("plain", HashMode::Plain)])
            .unwrap_or(Setting { value: HashMode::Keyed, origin: Origin::Default });
        let modes = [
            ("detached", DeliveryMode::Detached),
            ("thread", DeliveryMode::Thread),
            ("in_place", DeliveryMode::InPlace),
        ];
        let delivery = reader.one_of(Part::Delivery, &modes);
        let ca_file = reader
            .text(Part::CaFile)
            .map(|setting| Setting { value: PathBuf::from(setting.value), origin: setting.origin });
        let rotate_id = reader
            .one_of(Part::RotateId, &[("monthly", true), ("never", false)])
            .unwrap_or(Setting { value: false, origin: Origin::Default });
        let debug = environment.get(&names.debug_variable).and_then(consent::yes_or_no).unwrap_or(false);
        let complaints = reader.complaints;
        Self { consent, endpoint, write_key, hash, delivery, ca_file, rotate_id, debug, complaints }
    }

    /// The address to send to, if there is a usable one.
    pub(crate) fn usable_endpoint(&self) -> Option<&Endpoint> {
        let endpoint = self.endpoint.as_ref()?.value.as_ref().ok()?;
        (!endpoint.is_segment() || self.write_key.is_some()).then_some(endpoint)
    }
}

/// Looks up a setting: environment first, then the project's files, then the machine's, then the administrator's.
struct Reader<'a> {
    environment: &'a Environment,
    names: &'a Names,
    files: &'a [ConfigFile],
    complaints: Vec<String>,
}

impl Reader<'_> {
    fn text(&mut self, part: Part) -> Option<Setting<String>> {
        let name = self.names.variable_of(part);
        if let Some(value) = self.environment.get(&name) {
            return Some(Setting { value: value.to_owned(), origin: Origin::Variable(name) });
        }
        let key = self.names.key_of(part);
        for file in self.files.iter().rev() {
            let Some(found) = file.get(&self.names.table, &key) else { continue };
            let origin = Origin::File { path: file.path.clone(), line: found.line };
            match found.value {
                Scalar::Text(value) => return Some(Setting { value, origin }),
                Scalar::Bool(value) => {
                    self.complaints.push(format!("{origin}: `{key}` is {value}, but text is expected"))
                }
                Scalar::Other(value) => {
                    self.complaints.push(format!("{origin}: `{key}` is {value}, but text is expected"))
                }
            }
        }
        None
    }

    fn one_of<T: Copy>(&mut self, part: Part, words: &[(&str, T)]) -> Option<Setting<T>> {
        let Setting { value, origin } = self.text(part)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == value) {
            return Some(Setting { value: *meaning, origin });
        }
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let key = self.names.key_of(part);
        self.complaints.push(format!("{origin}: `{key}` is `{value}`, but only {} are known", known.join(" and ")));
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn new(global: &str, project: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(folder.path().join("project/.dlt")).unwrap();
            std::fs::create_dir_all(folder.path().join("data")).unwrap();
            std::fs::write(folder.path().join("data/config.toml"), global).unwrap();
            std::fs::write(folder.path().join("project/.dlt/config.toml"), project).unwrap();
            Self { folder }
        }

        fn settings(&self, environment: &Environment, built_in: Option<&str>) -> Settings {
            let names = Names { admin_file: None, ..Names::dlt() };
            let project = self.folder.path().join("project");
            let paths = Paths::find(vec![self.folder.path().join("data")], Some(&project), &names).unwrap();
            Settings::read(None, environment, &names, &paths, built_in)
        }
    }

    fn url(settings: &Settings) -> &str {
        settings.endpoint.as_ref().unwrap().value.as_ref().unwrap().url()
    }

    #[test]
    fn the_nearest_endpoint_is_taken() {
        let global = "[runtime]\ndlthub_telemetry_endpoint = \"global.example\"\n";
        let project = "[runtime]\ndlthub_telemetry_endpoint = \"project.example\"\n";
        let variable = Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "variable.example");
        let both = Machine::new(global, project);
        assert_eq!(url(&both.settings(&variable, Some("built.example"))), "https://variable.example/");
        assert_eq!(url(&both.settings(&Environment::empty(), Some("built.example"))), "https://project.example/");
        let one = Machine::new(global, "");
        assert_eq!(url(&one.settings(&Environment::empty(), Some("built.example"))), "https://global.example/");
        let none = Machine::new("", "");
        assert_eq!(url(&none.settings(&Environment::empty(), Some("built.example"))), "https://built.example/");
        assert!(none.settings(&Environment::empty(), Some("")).endpoint.is_none());
        assert!(none.settings(&Environment::empty(), None).endpoint.is_none());
    }

    #[test]
    fn segment_needs_its_key() {
        let machine = Machine::new("[runtime]\ndlthub_telemetry_endpoint=\"https://api.segment.io/v1/track\"\n", "");
        assert!(machine.settings(&Environment::empty(), None).usable_endpoint().is_none());
        let keyed = Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY_SEGMENT_WRITE_KEY", "k");
        assert!(machine.settings(&keyed, None).usable_endpoint().is_some());
    }

    #[test]
    fn words_that_are_not_known_are_named() {
        let machine = Machine::new("", "[runtime]\ndlthub_telemetry_hash = \"md5\"\ndlthub_telemetry_endpoint = 5\n");
        let settings = machine.settings(&Environment::empty(), None);
        assert_eq!(settings.hash.value, HashMode::Keyed);
        assert_eq!(settings.complaints.len(), 2);
        assert!(settings.complaints.iter().any(|line| line.contains("line 2") && line.contains("`keyed` and `plain`")));
    }

    #[test]
    fn the_administrator_binds_everybody() {
        let machine = Machine::new("[runtime]\ndlthub_telemetry = true\n", "[runtime]\ndlthub_telemetry = true\n");
        let admin = machine.folder.path().join("admin.toml");
        std::fs::write(&admin, "[runtime]\ndlthub_telemetry = false\n").unwrap();
        let names = Names { admin_file: Some(admin.clone()), ..Names::dlt() };
        let paths = Paths::find(vec![machine.folder.path().join("data")], None, &names).unwrap();
        let consent = Settings::read(None, &Environment::empty(), &names, &paths, None).consent;
        assert_eq!(consent.decided_by().unwrap().origin, Origin::File { path: admin, line: Some(2) });
    }
}
