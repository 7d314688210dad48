//! Programs that are run: their output arrives line by line without secrets, and none outlives this process.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use dlt_engine::{Error, ErrorKind, Result};

/// Bytes of a line at most. What is longer arrives in pieces.
const LINE: u64 = 1 << 20;

/// How long output may be open after the program ended: by something that it started and left behind.
const GRACE: Duration = Duration::from_secs(2);

/// The program runs under the id of this shell. Beside it something reads from a pipe that we hold: a line says that all went
/// well; if it ends without one we are gone, whatever ended us, and the program is asked to end: as by Ctrl-C, so that it can cancel
/// what a server does for it, after three seconds without that, and after ten it is made to.
#[cfg(unix)]
const GUARD: &str = r#"exec 3<&0 </dev/null
{ read -r line && exit 0
  kill -INT $$
  for i in 1 2 3; do sleep 1; kill -0 $$ || exit 0; done
  kill -TERM $$
  for i in 1 2 3 4 5 6 7; do sleep 1; kill -0 $$ || exit 0; done
  kill -KILL $$
} <&3 >/dev/null 2>&1 &
exec 3<&-
exec "$@""#;

/// What may not be seen, and is taken out of everything that programs print.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn add(&mut self, secret: &str) {
        if !secret.is_empty() && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            // What holds another one goes first.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "*****"))
    }
}

/// A program with its arguments.
pub(super) struct Program {
    command: Command,
    name: String,
    secrets: Secrets,
    limit: Option<Duration>,
}

/// How a program ended.
pub(super) struct Ended {
    pub(super) success: bool,
    /// Its exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    /// Whether it was ended because it took too long.
    pub(super) is_late: bool,
    /// The last lines that it printed.
    pub(super) tail: Vec<String>,
}

impl Ended {
    /// The last lines as one text, without what is blank.
    pub(super) fn said(&self, lines: usize) -> String {
        let said: Vec<_> = self.tail.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty()).collect();
        said[said.len().saturating_sub(lines)..].join("\n")
    }
}

/// Lines that are kept of what a program printed.
const KEPT: usize = 200;

impl Program {
    /// The program at a path, or found by `PATH`.
    pub(super) fn new(program: impl AsRef<OsStr>) -> Self {
        let name = Path::new(program.as_ref()).file_name().unwrap_or(program.as_ref()).to_string_lossy().into_owned();
        #[cfg(unix)]
        let command = {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", GUARD, "sh"]).arg(program);
            command
        };
        #[cfg(not(unix))]
        let command = Command::new(program);
        Self { command, name, secrets: Secrets::default(), limit: None }
    }

    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(super) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a variable that the user did not set.
    pub(super) fn default_env(self, name: &str, value: &str) -> Self {
        match std::env::var_os(name) {
            Some(own) if !own.is_empty() => self,
            _ => self.env(name, value),
        }
    }

    pub(super) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(super) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(super) fn secrets(mut self, secrets: &Secrets) -> Self {
        self.secrets = secrets.clone();
        self
    }

    /// After this time it is ended.
    pub(super) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it to its end; `on_line` gets what it prints as it comes.
    pub(super) fn run(mut self, on_line: &mut dyn FnMut(&str)) -> Result<Ended> {
        let cannot = |cause: std::io::Error| {
            Error::new(ErrorKind::Storage, format!("cannot start {}", self.name)).because(cause)
        };
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(cannot)?;
        let mut lifeline = child.stdin.take();
        let lines = lines_of(&mut child);
        let started = Instant::now();
        let mut ended: Option<Instant> = None;
        let mut is_late = false;
        let mut tail = Vec::new();
        loop {
            match lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => {
                    let line = self.secrets.hidden_in(&line);
                    on_line(&line);
                    tail.push(line);
                    if tail.len() > 2 * KEPT {
                        tail.drain(..KEPT);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => match ended {
                    Some(ended) if ended.elapsed() > GRACE => break,
                    Some(_) => {}
                    None if child.try_wait().map_err(waiting)?.is_some() => ended = Some(Instant::now()),
                    None => {}
                },
            }
            if self.limit.is_some_and(|limit| started.elapsed() > limit) && lifeline.take().is_some() {
                is_late = true;
                #[cfg(not(unix))]
                let _ = child.kill();
            }
        }
        let status = child.wait().map_err(waiting)?;
        if let Some(mut lifeline) = lifeline {
            // Whoever should read it may have ended with the program.
            let _ = lifeline.write_all(b"done\n");
        }
        Ok(Ended { success: status.success() && !is_late, code: status.code(), is_late, tail })
    }
}

fn waiting(cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, "cannot wait for a program").because(cause)
}

/// What a program prints on both its streams, line by line.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        pass_on(stderr, sender);
    }
    lines
}

fn pass_on(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut stream).take(LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    if sender.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
                        return;
                    }
                }
            }
        }
    });
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn run(program: Program) -> (Ended, Vec<String>) {
        let mut lines = Vec::new();
        let ended = program.run(&mut |line| lines.push(line.to_owned())).unwrap();
        lines.sort();
        (ended, lines)
    }

    #[test]
    fn output_arrives_without_secrets() {
        let mut secrets = Secrets::default();
        secrets.add("p'w d");
        secrets.add("p'w d and more");
        secrets.add("");
        let shown = r#"printf '%s\n' "$1"; printf 'no newline %s' "$1" >&2; exit 3"#;
        let program = Program::new("sh").args(["-c", shown, "sh", "<p'w d and more>"]).secrets(&secrets);
        let (ended, lines) = run(program);
        assert_eq!((ended.success, ended.code, ended.is_late), (false, Some(3), false));
        assert_eq!(lines, ["<*****>", "no newline <*****>"]);
        assert!(ended.said(1).contains("*****"), "{}", ended.said(1));
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let started = Instant::now();
        let (ended, _) = run(Program::new("sleep").arg("60").limit(Duration::from_millis(200)));
        assert!(ended.is_late && !ended.success);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_left_behind_does_not_hold_the_end_up() {
        let started = Instant::now();
        let (ended, lines) = run(Program::new("sh").args(["-c", "sleep 30 & echo here"]));
        assert!(ended.success && lines == ["here"]);
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_is_not_there() {
        let (ended, _) = run(Program::new("/nowhere/program"));
        assert_eq!(ended.code, Some(127));
    }
}
