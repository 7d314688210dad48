//! A second process for tests: the test program itself, running the same test in another role.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

const ROLE: &str = "DLT_TEST_CHILD_FILE";

/// The database that this process was started for, if it is the second one.
pub(crate) fn child_file() -> Option<PathBuf> {
    std::env::var_os(ROLE).map(PathBuf::from)
}

/// A child that is killed when the test is done with it.
pub(crate) struct Second {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Second {
    /// Starts this test again as the second process; `wrapper` is a program with arguments that runs it, or nothing.
    pub(crate) fn start(test: &str, file: &Path, wrapper: &[&str]) -> Self {
        let me = std::env::current_exe().unwrap();
        let mut words = wrapper.iter().map(|word| (*word).into()).chain([me.into_os_string()]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// What follows `mark` on the next line that has it; `None` when the process ended.
    pub(crate) fn wait_for(&mut self, mark: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once(mark) {
                return Some(rest.trim().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
