//! A machine of its own for each test: home, data folder and project in a temporary folder, and nothing else.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    /// With telemetry off, so that tests of everything else see nothing of it.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("project")).unwrap();
        fs::create_dir_all(root.path().join("home")).unwrap();
        Self { root }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project().join(path)).unwrap()
    }

    /// The program with arguments as they would be typed; none of them has white space in it.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dlt"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            .env("DLT_DATA_DIR", self.data())
            .env("RUNTIME__DLTHUB_TELEMETRY", "false")
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Seen {
        self.see(self.command(line))
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &[u8]) -> Seen {
        let mut command = self.command(line);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        self.seen(child.wait_with_output().unwrap())
    }

    pub(crate) fn see(&self, mut command: Command) -> Seen {
        self.seen(command.output().unwrap())
    }

    fn seen(&self, output: Output) -> Seen {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Seen {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            root: self.root.path().to_owned(),
        }
    }
}

/// What came of a command.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    root: PathBuf,
}

impl Seen {
    /// As it is kept in a snapshot.
    pub(crate) fn text(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let text = format!("exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}", self.stdout, self.stderr);
        let root = fs::canonicalize(&self.root).unwrap();
        text.replace(&*root.to_string_lossy(), "[ROOT]").replace(&*self.root.to_string_lossy(), "[ROOT]")
    }

    /// With runs of spaces and lines made short: for tables whose width depends on the machine.
    pub(crate) fn squeezed(mut self) -> Self {
        let root = self.root.to_string_lossy().into_owned();
        let mut text = self.stdout.replace(&root, "[ROOT]");
        while text.contains("   ") || text.contains("──") {
            text = text.replace("   ", "  ").replace("──", "─");
        }
        self.stdout = text;
        self
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text());
        self
    }
}

/// Settings for snapshots: what differs from run to run is taken out.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(true);
    settings.set_omit_expression(true);
    settings.add_filter(r"\d+\.\d+ ?s(econds)?\b", "[TIME]");
    settings.add_filter(r"\b1\d{9}\.\d{1,9}\b", "[LOAD_ID]");
    settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|UTC|\+00:?00))?", "[INSTANT]");
    settings.add_filter(r"\b[0-9a-f]{32}\b", "[ID]");
    settings.add_filter(r"\d+ (second|minute)s? ago", "[AGO]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.add_filter(r"\d+ bytes", "[BYTES]");
    settings
}

#[macro_export]
macro_rules! assert_seen {
    ($name:literal, $seen:expr) => {
        $crate::sandbox::settings().bind(|| insta::assert_snapshot!($name, $seen.text()))
    };
}

pub(crate) fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}
