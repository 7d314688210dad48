//! What a host calls its switches: environment variables and configuration keys.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The names under which a host's users find telemetry.
///
/// One name makes a family: from the variable `POND_TELEMETRY` follow `POND_TELEMETRY_ENDPOINT`,
/// `POND_TELEMETRY_SEGMENT_WRITE_KEY`, `POND_TELEMETRY_HASH`, `POND_TELEMETRY_DELIVERY`, `POND_TELEMETRY_CA_FILE` and
/// `POND_TELEMETRY_ROTATE_ID`; likewise the keys in the configuration files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The variable that switches telemetry on or off.
    pub variable: String,
    /// The table of `config.toml` that holds the keys.
    pub table: String,
    /// The key that switches telemetry on or off.
    pub key: String,
    /// A variable that, when true, prints events to standard error instead of keeping or sending them.
    pub debug_variable: String,
    /// A variable that says where the host keeps its data.
    pub data_variable: String,
    /// The folder in a project that holds its `config.toml`; in the home folder, the one that holds the host's data.
    pub project_folder: String,
    /// The administrator's file, which binds everybody on the machine.
    pub admin_file: Option<PathBuf>,
}

impl Names {
    /// Derives all names from a host's name: `pond` gives `POND_TELEMETRY`, `[pond] telemetry` in `.pond/config.toml`,
    /// `POND_TELEMETRY_DEBUG` and `/etc/pond/config.toml`.
    #[must_use]
    pub fn of(host: &str) -> Self {
        let upper = host.to_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
        Self {
            variable: format!("{upper}_TELEMETRY"),
            table: host.to_owned(),
            key: "telemetry".to_owned(),
            debug_variable: format!("{upper}_TELEMETRY_DEBUG"),
            data_variable: format!("{upper}_DATA_DIR"),
            project_folder: format!(".{host}"),
            admin_file: Some(PathBuf::from(format!("/etc/{host}/config.toml"))),
        }
    }

    /// The names that dlt's users know: `RUNTIME__DLTHUB_TELEMETRY`, `[runtime] dlthub_telemetry`, `DLT_TELEMETRY_DEBUG`.
    #[must_use]
    pub fn dlt() -> Self {
        Self {
            variable: "RUNTIME__DLTHUB_TELEMETRY".to_owned(),
            table: "runtime".to_owned(),
            key: "dlthub_telemetry".to_owned(),
            ..Self::of("dlt")
        }
    }

    /// The host's data folder, and further folders whose configuration has a say.
    ///
    /// The folder that the variable names, else `/var/dlt` for root, else `dlt` in `XDG_DATA_HOME` where there is no
    /// `~/.dlt`, else `~/.dlt`. An opt-out in any of them counts: Python dlt writes its own to `/var/dlt` or `~/.dlt`,
    /// whatever the variable says. Empty where there is no home folder.
    pub(crate) fn data_folders(&self, environment: &Environment) -> Vec<PathBuf> {
        let name = self.project_folder.trim_start_matches('.');
        let named = environment.get(&self.data_variable).map(PathBuf::from);
        let of_root = (environment.is_root && cfg!(unix)).then(|| Path::new("/var").join(name));
        let at_home = environment.home().map(|home| home.join(&self.project_folder));
        let is_at_home = at_home.as_ref().is_some_and(|folder| folder.exists());
        let by_standard =
            environment.get("XDG_DATA_HOME").filter(|_| !is_at_home).map(|folder| Path::new(folder).join(name));
        let mut folders = Vec::new();
        for folder in [named, of_root, by_standard, at_home].into_iter().flatten() {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    pub(crate) fn variable_of(&self, part: Part) -> String {
        format!("{}{}", self.variable, part.suffix().to_uppercase())
    }

    pub(crate) fn key_of(&self, part: Part) -> String {
        format!("{}{}", self.key, part.suffix())
    }
}

/// One member of a family of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Switch,
    Endpoint,
    WriteKey,
    Hash,
    Delivery,
    CaFile,
    RotateId,
}

impl Part {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Switch => "",
            Self::Endpoint => "_endpoint",
            Self::WriteKey => "_segment_write_key",
            Self::Hash => "_hash",
            Self::Delivery => "_delivery",
            Self::CaFile => "_ca_file",
            Self::RotateId => "_rotate_id",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_folders() {
        let of = |environment: Environment| -> Vec<String> {
            Names::dlt().data_folders(&environment).iter().map(|folder| folder.display().to_string()).collect()
        };
        let user = Environment::empty().with("HOME", "/nowhere/ann");
        assert_eq!(of(user.clone()), ["/nowhere/ann/.dlt"]);
        assert_eq!(of(user.clone().with("DLT_DATA_DIR", "/data")), ["/data", "/nowhere/ann/.dlt"]);
        assert_eq!(of(user.clone().as_root(true)), ["/var/dlt", "/nowhere/ann/.dlt"]);
        let named_by_root = user.clone().as_root(true).with("DLT_DATA_DIR", "/data");
        assert_eq!(of(named_by_root), ["/data", "/var/dlt", "/nowhere/ann/.dlt"]);
        assert_eq!(of(user.with("XDG_DATA_HOME", "/xdg")), ["/xdg/dlt", "/nowhere/ann/.dlt"]);
        assert!(of(Environment::empty()).is_empty());
    }

    #[test]
    fn families() {
        let dlt = Names::dlt();
        assert_eq!(dlt.variable_of(Part::WriteKey), "RUNTIME__DLTHUB_TELEMETRY_SEGMENT_WRITE_KEY");
        assert_eq!(dlt.key_of(Part::Endpoint), "dlthub_telemetry_endpoint");
        assert_eq!(dlt.debug_variable, "DLT_TELEMETRY_DEBUG");
        let pond = Names::of("my-pond");
        assert_eq!(pond.variable_of(Part::Switch), "MY_POND_TELEMETRY");
        assert_eq!(pond.project_folder, ".my-pond");
    }
}
