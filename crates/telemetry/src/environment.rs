//! What the crate knows of the process it runs in: a snapshot, taken once, that a test can write by hand.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Environment variables and the few facts that consent depends on.
///
/// Taken by [`Environment::capture`]; a test starts from [`Environment::empty`] and adds what it wants to see.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    pub(crate) is_root: bool,
    pub(crate) stderr_is_terminal: bool,
    pub(crate) machine: Option<Machine>,
}

/// What is asked of the machine only once telemetry is known to be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Whether `/.dockerenv` exists.
    pub dockerenv: bool,
    /// The text of `/proc/self/cgroup`, empty where there is none.
    pub cgroup: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// The system's name as `uname` gives it: `Linux`, `Darwin`.
    pub os_name: String,
    /// The kernel's release.
    pub os_version: String,
}

impl Environment {
    /// The process's own environment.
    #[must_use]
    pub fn capture() -> Self {
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        Self { variables, is_root: is_root(), stderr_is_terminal: std::io::stderr().is_terminal(), machine: None }
    }

    /// No variables, no terminal, an ordinary user, a plain Linux machine.
    #[must_use]
    pub fn empty() -> Self {
        let machine = Machine {
            dockerenv: false,
            cgroup: String::new(),
            cores: 1,
            os_name: "Linux".to_owned(),
            os_version: String::new(),
        };
        Self { variables: BTreeMap::new(), is_root: false, stderr_is_terminal: false, machine: Some(machine) }
    }

    /// Sets a variable in the snapshot.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable out of the snapshot.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Says who runs the process: root's data folder is another.
    #[must_use]
    pub fn as_root(mut self, is_root: bool) -> Self {
        self.is_root = is_root;
        self
    }

    /// Says whether a person may be reading standard error.
    #[must_use]
    pub fn on_terminal(mut self, stderr_is_terminal: bool) -> Self {
        self.stderr_is_terminal = stderr_is_terminal;
        self
    }

    /// Describes the machine instead of asking it.
    #[must_use]
    pub fn on_machine(mut self, machine: Machine) -> Self {
        self.machine = Some(machine);
        self
    }

    /// A variable's value; an empty one counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    pub(crate) fn machine(&self) -> Machine {
        self.machine.clone().unwrap_or_else(Machine::probe)
    }
}

impl Machine {
    /// Asks the machine: two small files, one call of `uname`.
    #[must_use]
    pub fn probe() -> Self {
        let (os_name, os_version) = uname();
        Self {
            dockerenv: std::path::Path::new("/.dockerenv").exists(),
            cgroup: std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            os_name,
            os_version,
        }
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

#[cfg(unix)]
fn uname() -> (String, String) {
    let names = rustix::system::uname();
    (names.sysname().to_string_lossy().into_owned(), names.release().to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn uname() -> (String, String) {
    (if cfg!(windows) { "Windows" } else { std::env::consts::OS }.to_owned(), String::new())
}
