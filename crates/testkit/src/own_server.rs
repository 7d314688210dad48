//! A server that belongs to one test: a folder, a free port, and an end that comes with the test's.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// How long a start may take, recovery after a kill included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Ends the server when the process that started it is gone: its standard input is then closed.
const SUPERVISOR: &str = r#"folder=$1; signal=$2; shift 2
"$@" </dev/null & server=$!
cat >/dev/null
kill -$signal $server 2>/dev/null
wait $server
if [ ! -e "$folder/keep" ]; then rm -rf "$folder"; fi"#;

/// What a look at a server that was started shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Up,
    /// It has ended by itself: another program has its port.
    Ended,
}

/// A server on 127.0.0.1 with a folder of its own. It ends when this is dropped, and when the process that started it ends.
#[derive(Debug)]
pub(crate) struct OwnServer {
    name: &'static str,
    /// What makes it end at once.
    signal: &'static str,
    folder: TempDir,
    port: u16,
    supervisor: Option<Child>,
}

impl OwnServer {
    /// The folder for a server, which does not run yet.
    pub(crate) fn new(name: &'static str, signal: &'static str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("dlt-{}-", name.to_lowercase())).tempdir()?;
        Ok(Self { name, signal, folder, port: 0, supervisor: None })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder below it for the server's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Starts it, on the port that it had before where it had one. `shell` is a shell as the user who is to run the server, and
    /// `arguments` are the program and what it is told, for the port that [`OwnServer::port`] says; `look` tells how far it is
    /// after so long.
    pub(crate) fn start<S: AsRef<OsStr>>(
        &mut self,
        shell: impl Fn() -> Command,
        arguments: impl Fn(&Self) -> Vec<S>,
        look: impl Fn(&Self, Duration) -> State,
    ) -> Result<()> {
        let keep = self.folder().join("keep");
        let port = self.port;
        // A free port may be taken before the server has it.
        for _ in 0..5 {
            if port == 0 {
                self.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            }
            let _ = fs::remove_file(&keep);
            let log = fs::File::create(self.folder().join("log"))?;
            let mut command = shell();
            command.args(["-c", SUPERVISOR, "sh"]).arg(self.folder()).arg(self.signal).args(arguments(self));
            command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
            self.supervisor = Some(command.spawn().with_context(|| format!("could not start {}", self.name))?);
            if self.wait(&look)? {
                return Ok(());
            }
            fs::write(&keep, "")?;
            self.end()?;
        }
        bail!("{} does not start: {}", self.name, self.log())
    }

    /// Waits until it takes connections; false if it has ended instead.
    fn wait(&self, look: impl Fn(&Self, Duration) -> State) -> Result<bool> {
        let started = Instant::now();
        loop {
            match look(self, started.elapsed()) {
                State::Up => return Ok(true),
                State::Ended => return Ok(false),
                State::Starting if started.elapsed() > START_LIMIT => {
                    bail!("{} takes no connection after {START_LIMIT:?}: {}", self.name, self.log())
                }
                State::Starting => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Ends it as a crash does, and keeps its folder.
    pub(crate) fn crash(&mut self) -> Result<()> {
        fs::write(self.folder().join("keep"), "")?;
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            supervisor.wait()?;
        }
        Ok(())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // Nothing can be done where it does not end; the folder is then left to the supervisor.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_port_that_was_taken_costs_a_try_and_not_the_folder() {
        let mut server = OwnServer::new("Sleep", "KILL").unwrap();
        fs::write(server.folder().join("data"), "kept").unwrap();
        let (looks, ports) = (Cell::new(0), std::cell::RefCell::new(Vec::new()));
        let arguments = |server: &OwnServer| {
            ports.borrow_mut().push(server.port());
            vec!["sleep", "60"]
        };
        let look = |_: &OwnServer, _| {
            looks.set(looks.get() + 1);
            if looks.get() < 3 { State::Ended } else { State::Up }
        };
        server.start(|| Command::new("sh"), arguments, look).unwrap();
        assert_eq!((looks.get(), ports.borrow().len()), (3, 3));
        assert_eq!(fs::read_to_string(server.data()).unwrap(), "kept");
        server.crash().unwrap();
        assert!(server.data().exists());
        let port = server.port();
        server.start(|| Command::new("sh"), |_| vec!["sleep", "60"], |_, _| State::Up).unwrap();
        assert_eq!(server.port(), port);
        let folder = server.folder().to_owned();
        drop(server);
        assert!(!folder.exists());
    }
}
