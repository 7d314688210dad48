//! The tracker as a process: `dlt tracker serve`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{Output, Running};
use crate::sandbox::Sandbox;

/// How long a start may take, recovery included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running tracker. Dropped, it is killed.
#[derive(Debug)]
pub struct Tracker {
    running: Running,
    address: SocketAddr,
    data: PathBuf,
}

impl Tracker {
    /// Starts `dlt tracker serve --listen 127.0.0.1:0 --data DATA` and waits until it takes connections.
    ///
    /// # Errors
    /// When the binary is missing, or the tracker ends, or it takes no connection within a minute.
    pub fn start(sandbox: &Sandbox, data: &Path) -> Result<Self> {
        Self::start_as(sandbox, "serve", data, &[])
    }

    /// Starts `dlt tracker COMMAND --listen 127.0.0.1:0 --data DATA ARGUMENTS…` and waits until it takes connections.
    ///
    /// # Errors
    /// As [`Tracker::start`].
    pub fn start_as(sandbox: &Sandbox, command: &str, data: &Path, arguments: &[String]) -> Result<Self> {
        // A file left by a killed tracker names a port that is no longer its own.
        let described = data.join("server.json");
        if described.exists() {
            fs::remove_file(&described)?;
        }
        let mut running = sandbox
            .dlt(["tracker", command, "--listen", "127.0.0.1:0", "--data"])?
            .arg(data)
            .args(arguments)
            .limit(Duration::from_secs(600))
            .spawn()?;
        let started = Instant::now();
        loop {
            if let Some(address) = read_address(&described)
                && TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
            {
                return Ok(Self { running, address, data: data.to_owned() });
            }
            if running.has_ended()? {
                let output = running.wait()?;
                bail!("the tracker ended at its start\n{output}");
            }
            if started.elapsed() > START_LIMIT {
                let output = running.kill()?;
                bail!("the tracker takes no connection after {START_LIMIT:?}\n{output}");
            }
            thread::sleep(Duration::from_millis(3));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder given with `--data`.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Stops it as a service manager does, with SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end, or not with exit code 0.
    pub fn stop(self) -> Result<Output> {
        let output = self.running.terminate().context("stopping the tracker")?;
        if output.code != Some(0) {
            bail!("the tracker did not stop well\n{output}");
        }
        Ok(output)
    }

    /// Kills it at once with SIGKILL.
    ///
    /// # Errors
    /// When the operating system can't say how it ended.
    pub fn kill(self) -> Result<Output> {
        self.running.kill()
    }
}

fn read_address(described: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(described).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    value.get("address")?.as_str()?.parse().ok()
}
