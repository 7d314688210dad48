//! The demo's folder, and commands run in it as a person would type them, with a home of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// How long the tracker may take to listen, and to end when it is asked to.
const TRACKER_LIMIT: Duration = Duration::from_secs(30);

/// Where everything of the demo lies.
pub(super) struct Stage {
    folder: PathBuf,
    dlt: PathBuf,
}

impl Stage {
    /// A new, empty folder; what an earlier demo left is removed.
    pub(super) fn set(folder: PathBuf, dlt: PathBuf) -> Result<Stage> {
        let _ = fs::remove_dir_all(&folder);
        for part in ["project", "home", "python", "python-home", "tracker"] {
            fs::create_dir_all(folder.join(part))?;
        }
        Ok(Stage { folder, dlt })
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// `dlt` with these arguments, in the project, as the demo's user.
    pub(super) fn dlt(&self, endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = self.isolated(&self.dlt, "project", "home");
        command.args(arguments).env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", endpoint);
        command
    }

    /// A program of Python dlt's environment, in a folder and with a home of its own: another person's machine.
    pub(super) fn python(&self, endpoint: &str, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.isolated(program, "python", "python-home");
        command.args(arguments).env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", endpoint);
        command.env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        // Its warnings name every column that was empty throughout, some hundred lines.
        command.env("RUNTIME__LOG_LEVEL", "ERROR");
        command
    }

    fn isolated(&self, program: &Path, folder: &str, home: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.path(folder));
        for name in ["PATH", "TERM", "COLUMNS", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let home = self.path(home);
        // Named outright: as root, Python dlt keeps its data in the system's folder and not in the home. Its random id
        // stays there even so.
        command.env("DLT_DATA_DIR", home.join(".dlt")).env("HOME", home);
        command
    }

    /// Starts the tracker on a free port of the loopback address and waits until it says where it listens.
    pub(super) fn start_tracker(&self) -> Result<Tracker> {
        let data = self.path("tracker");
        let mut command = self.isolated(&self.dlt, "project", "home");
        command.args(["tracker", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        println!("$ {}", typed(&command));
        let log = fs::File::create(self.path("tracker.log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut tracker = Tracker { child, endpoint: String::new() };
        let started = Instant::now();
        while started.elapsed() < TRACKER_LIMIT {
            if let Some(address) = fs::read_to_string(data.join("server.json")).ok().and_then(|text| address(&text)) {
                tracker.endpoint = format!("http://{address}");
                return Ok(tracker);
            }
            if let Some(status) = tracker.child.try_wait()? {
                let said = fs::read_to_string(self.path("tracker.log"))?;
                bail!("the tracker ended with {status}:\n{said}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the tracker did not listen within {} s", TRACKER_LIMIT.as_secs())
    }

    /// A file that a shell can read to stand where the demo's user stands.
    pub(super) fn leave_environment(&self) -> Result<PathBuf> {
        let file = self.path("environment.sh");
        let folder = |path: &Path| path.display().to_string().replace('\'', r"'\''");
        let bin = self.dlt.parent().context("the binary lies in a folder")?;
        let text = format!(
            "# Puts this shell where the demo's user stands: . this-file\ncd '{}'\nexport HOME='{}' DLT_DATA_DIR='{}'\nexport PATH='{}':\"$PATH\"\n",
            folder(&self.path("project")),
            folder(&self.path("home")),
            folder(&self.path("home/.dlt")),
            folder(bin),
        );
        fs::write(&file, text)?;
        Ok(file)
    }
}

fn address(described: &str) -> Option<String> {
    let value: Value = serde_json::from_str(described).ok()?;
    Some(value["address"].as_str()?.to_owned())
}

/// The running tracker; killed when the demo ends early.
pub(super) struct Tracker {
    child: Child,
    pub(super) endpoint: String,
}

impl Tracker {
    /// Asks it to end, as a service manager would, and waits until it did.
    pub(super) fn stop(mut self) -> Result<()> {
        process::output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let asked = Instant::now();
        while asked.elapsed() < TRACKER_LIMIT {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the tracker ended with {status}"),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        bail!("the tracker did not end within {} s of being asked", TRACKER_LIMIT.as_secs())
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says the command and runs it; its output is the demo's.
pub(super) fn show(command: &mut Command) -> Result<()> {
    println!("$ {}", typed(command));
    let status = command.stdin(Stdio::null()).status()?;
    if !status.success() {
        bail!("`{}` ended with {status}", typed(command));
    }
    println!();
    Ok(())
}

/// The command with its program's name alone, as it is typed where the program is on the PATH.
fn typed(command: &Command) -> String {
    let shown = process::shown(command);
    let program = command.get_program().to_string_lossy();
    let name = Path::new(program.as_ref()).file_name().map(|name| name.to_string_lossy().into_owned());
    shown.replacen(program.as_ref(), &name.unwrap_or_default(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_with_the_programs_name_alone() {
        let mut command = Command::new("/opt/somewhere/dlt");
        command.args(["run", "/opt/somewhere/dlt"]);
        assert_eq!(typed(&command), "dlt run /opt/somewhere/dlt");
    }

    #[test]
    fn the_address_is_read_from_what_the_server_left() {
        assert_eq!(address(r#"{"address":"127.0.0.1:4242","pid":1}"#).as_deref(), Some("127.0.0.1:4242"));
        assert_eq!(address("{\"addr"), None, "a half-written file is no address yet");
    }
}
