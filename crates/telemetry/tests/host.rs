//! Runs the test host on a machine of its own: an empty home, nothing in the environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) struct Machine {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    /// Where a person works at a terminal: events leave by a detached sender.
    pub(crate) fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        // The machine that runs the tests may itself be a container.
        machine.with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "detached")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(existing, _)| existing != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_endpoint(self, url: &str) -> Self {
        self.with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", url)
    }

    /// The notice was shown in an earlier run.
    pub(crate) fn not_new(self) -> Self {
        std::fs::create_dir_all(self.telemetry()).unwrap();
        std::fs::write(self.telemetry().join("notice"), "shown\n").unwrap();
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    pub(crate) fn telemetry(&self) -> PathBuf {
        self.data().join("telemetry")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(&[], arguments)
    }

    /// The host, run by another program such as `strace`.
    pub(crate) fn wrapped(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let host = test_host();
        let mut words = wrapper.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        words.push(host.display().to_string());
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().env("HOME", self.home()).env("DLT_DATA_DIR", self.data());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    pub(crate) fn stdout(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run(arguments).stdout).unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.telemetry().join(name)).unwrap_or_default()
    }

    /// Waits until no sender is at work any more.
    pub(crate) fn wait_for_sender(&self) {
        let lock = self.telemetry().join("sender.lock");
        for _ in 0..1200 {
            let free = std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok());
            if free && self.read("spool.jsonl").is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the sender does not end");
    }
}

fn test_host() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let host = tests.parent().unwrap().parent().unwrap().join("examples/test-host");
    assert!(host.is_file(), "{} is missing: cargo builds it with the tests", host.display());
    host
}
