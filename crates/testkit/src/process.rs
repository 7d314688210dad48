//! Child processes with a time limit.

use std::ffi::OsStr;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long a command may run unless told otherwise. Far above what any test needs: reached only by a hang.
const DEFAULT_LIMIT: Duration = Duration::from_secs(120);

/// How long it may take to read what is left when everybody who could print has ended.
const GRACE: Duration = Duration::from_secs(2);

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
        let started = Instant::now();
        Ok(Running { shown, child, stdout, stderr, limit: self.limit, started, deadline: started + self.limit })
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// When it can't be started, or does not end and close its output within the limit. Any exit code is a result, not an error.
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

/// What a pipe has given so far.
#[derive(Debug)]
struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> Printed {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let read = Arc::clone(&bytes);
    let reader = thread::spawn(move || {
        let mut piece = [0; 8192];
        loop {
            match pipe.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What was read before an error is still worth showing.
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
                }
            }
        }
    });
    Printed { bytes, reader }
}

/// A command that runs. Dropped while it runs, it is killed together with its children.
#[derive(Debug)]
pub struct Running {
    shown: String,
    child: Child,
    stdout: Option<Printed>,
    stderr: Option<Printed>,
    limit: Duration,
    started: Instant,
    deadline: Instant,
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
    /// When the limit passes first, or a child of it holds its output that long; the process group is killed then.
    pub fn wait(mut self) -> Result<Output> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > self.deadline {
                self.kill_group();
                let status = self.child.wait()?;
                let elapsed = self.started.elapsed();
                self.is_read_by(Instant::now() + GRACE);
                bail!("did not end within {:?}\n{}", self.limit, self.output(status, elapsed));
            }
            thread::sleep(Duration::from_millis(3));
        };
        self.collect(status, self.deadline)
    }

    /// Sends SIGKILL to the process (and its group) and collects what it had printed.
    ///
    /// # Errors
    /// When the operating system can't say how it ended.
    pub fn kill(mut self) -> Result<Output> {
        self.kill_group();
        let status = self.child.wait()?;
        self.collect(status, Instant::now())
    }

    /// Sends SIGTERM to the process alone and waits for its end, for which it has the limit once more.
    ///
    /// # Errors
    /// When the signal can't be sent or the process does not end within the limit.
    pub fn terminate(mut self) -> Result<Output> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("could not send SIGTERM")?;
        self.deadline = Instant::now() + self.limit;
        self.wait()
    }

    fn kill_group(&self) {
        // The group is ours alone (`process_group(0)`); an error means that it is gone already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    /// Waits until the output is read to its end. It has none while a child of the ended process holds it.
    fn is_read_by(&self, deadline: Instant) -> bool {
        let mut pipes = self.stdout.iter().chain(&self.stderr);
        pipes.all(|printed| {
            while !printed.reader.is_finished() {
                if Instant::now() > deadline {
                    return false;
                }
                thread::sleep(Duration::from_millis(1));
            }
            true
        })
    }

    /// The output of the ended process, once it is read.
    fn collect(&self, status: ExitStatus, deadline: Instant) -> Result<Output> {
        let elapsed = self.started.elapsed();
        if !self.is_read_by(deadline.max(Instant::now() + GRACE)) {
            self.kill_group();
            self.is_read_by(Instant::now() + GRACE);
            bail!("it ended, and a child of it still holds its output\n{}", self.output(status, elapsed));
        }
        Ok(self.output(status, elapsed))
    }

    fn output(&self, status: ExitStatus, elapsed: Duration) -> Output {
        Output {
            shown: self.shown.clone(),
            stdout: self.stdout.as_ref().map(Printed::text).unwrap_or_default(),
            stderr: self.stderr.as_ref().map(Printed::text).unwrap_or_default(),
            code: status.code(),
            signal: status.signal(),
            elapsed,
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
