//! Child processes with a time limit.

use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a command may run unless told otherwise. Far above what any test needs: reached only by a hang.
const DEFAULT_LIMIT: Duration = Duration::from_secs(120);

/// A command about to be run.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
    stdin: Vec<u8>,
    limit: Duration,
}

impl Invocation {
    /// Wraps a command whose environment and folder are already set.
    pub fn new(command: Command) -> Self {
        Self { command, stdin: Vec::new(), limit: DEFAULT_LIMIT }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// An environment variable for this command alone.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes an environment variable away for this command alone.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Another working directory.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What the command reads on its standard input; nothing by default.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// After this time the command and its children are killed and the run is an error. Default: two minutes.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the command in a process group of its own.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(mut self) -> Result<Running> {
        let shown = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = self.command.spawn().with_context(|| format!("could not start {shown}"))?;
        let stdin = std::mem::take(&mut self.stdin);
        if let Some(mut pipe) = child.stdin.take() {
            // A child that exits without reading closes the pipe: not our concern.
            thread::spawn(move || pipe.write_all(&stdin));
        }
        let stdout = child.stdout.take().map(read_all);
        let stderr = child.stderr.take().map(read_all);
        Ok(Running { shown, child, stdout, stderr, limit: self.limit, started: Instant::now() })
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// When it can't be started or does not end within the limit. Any exit code is a result, not an error.
    pub fn run(self) -> Result<Output> {
        self.spawn()?.wait()
    }

    /// Runs the command and demands exit code 0.
    ///
    /// # Errors
    /// As [`Invocation::run`], and when the exit code is another one; the message holds what was printed.
    pub fn succeed(self) -> Result<Output> {
        let output = self.run()?;
        if output.code != Some(0) {
            bail!("the command failed\n{output}");
        }
        Ok(output)
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// A command that runs. Dropped while it runs, it is killed together with its children.
#[derive(Debug)]
pub struct Running {
    shown: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    limit: Duration,
    started: Instant,
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended.
    ///
    /// # Errors
    /// When the operating system can't say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When the limit passes first; the process group is killed then.
    pub fn wait(mut self) -> Result<Output> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if self.started.elapsed() > self.limit {
                self.kill_group();
                let status = self.child.wait()?;
                let output = self.collect(status);
                bail!("did not end within {:?}\n{output}", self.limit);
            }
            thread::sleep(Duration::from_millis(3));
        };
        Ok(self.collect(status))
    }

    /// Sends SIGKILL to the process (and its group) and collects what it had printed.
    ///
    /// # Errors
    /// When the operating system can't say how it ended.
    pub fn kill(mut self) -> Result<Output> {
        self.kill_group();
        let status = self.child.wait()?;
        Ok(self.collect(status))
    }

    /// Sends SIGTERM to the process alone and waits for its end.
    ///
    /// # Errors
    /// When the signal can't be sent or the process does not end within the limit.
    pub fn terminate(mut self) -> Result<Output> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("could not send SIGTERM")?;
        self.started = Instant::now();
        self.wait()
    }

    fn kill_group(&self) {
        // The group is ours alone (`process_group(0)`); an error means that it is gone already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    fn collect(&mut self, status: ExitStatus) -> Output {
        let text = |handle: Option<JoinHandle<Vec<u8>>>| {
            let bytes = handle.and_then(|handle| handle.join().ok());
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        Output {
            shown: self.shown.clone(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
            code: status.code(),
            signal: status.signal(),
            elapsed: self.started.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.kill_group();
            let _ = self.child.wait();
        }
    }
}

/// How a command ended and what it printed. Displayed, it shows all of it.
#[derive(Debug, Clone)]
pub struct Output {
    shown: String,
    /// Everything on standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Everything on standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// The exit code; none when a signal ended the process.
    pub code: Option<i32>,
    /// The signal that ended the process, if one did.
    pub signal: Option<i32>,
    /// From start to end.
    pub elapsed: Duration,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "command: {}", self.shown)?;
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(f, "exit code: {code}")?,
            (None, Some(signal)) => writeln!(f, "ended by signal {signal}")?,
            (None, None) => writeln!(f, "no exit code")?,
        }
        writeln!(f, "--- stdout\n{}", self.stdout.trim_end())?;
        write!(f, "--- stderr\n{}", self.stderr.trim_end())
    }
}
