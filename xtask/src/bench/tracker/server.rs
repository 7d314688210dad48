//! A server of the benchmark: started, asked, weighed, stopped.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// Clock ticks of `/proc/PID/stat` in a second: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that listens.
pub(in crate::bench) struct Server {
    child: Child,
    address: SocketAddr,
    /// The key to reports.
    key: String,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Use {
    pub(in crate::bench) cpu_seconds: f64,
    /// The most that was resident since the process began.
    pub(in crate::bench) peak_bytes: u64,
    /// What is resident now without mapped files, such as DuckDB's library.
    pub(in crate::bench) anonymous_bytes: u64,
}

impl Use {
    pub(in crate::bench) fn since(self, before: &Use) -> Use {
        Use { cpu_seconds: self.cpu_seconds - before.cpu_seconds, ..self }
    }
}

/// What the tracker counts.
pub(in crate::bench) struct Ledger {
    pub(in crate::bench) accepted: u64,
    pub(in crate::bench) loaded: u64,
}

impl Server {
    /// Starts a bare server, with the file that it syncs.
    pub(in crate::bench) fn bare(program: &Path, file: Option<&Path>) -> Result<Server> {
        let mut command = Command::new(program);
        match file {
            None => command.arg("parse"),
            Some(file) => command.arg("fsync").arg(file),
        };
        let (child, line) = started(&mut command)?;
        Ok(Server { child, address: line.trim().parse()?, key: String::new() })
    }

    /// Starts `dlt tracker serve` on a folder.
    pub(in crate::bench) fn tracker(dlt: &Path, folder: &Path) -> Result<Server> {
        let mut command = Command::new(dlt);
        command.args(["tracker", "serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
        isolate(&mut command, folder);
        let (child, line) = started(&mut command)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = address.with_context(|| format!("it told no address: {line}"))?.parse()?;
        let told: Value = serde_json::from_str(&fs::read_to_string(folder.join("data/server.json"))?)?;
        let key = told["key"].as_str().context("server.json holds no key")?.to_owned();
        Ok(Server { child, address, key })
    }

    pub(in crate::bench) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(in crate::bench) fn used(&self) -> Result<Use> {
        let folder = Path::new("/proc").join(self.child.id().to_string());
        let stat = fs::read_to_string(folder.join("stat")).context("the server has ended")?;
        // The name in parentheses may hold spaces; the counted fields begin after it, with the third.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
        let (user, system) = ticks(14).zip(ticks(15)).context("/proc/PID/stat holds no times")?;
        let status = fs::read_to_string(folder.join("status"))?;
        let bytes = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Use {
            cpu_seconds: (user + system) / TICKS_PER_SECOND,
            peak_bytes: bytes("VmHWM:")?,
            anonymous_bytes: bytes("RssAnon:")?,
        })
    }

    /// The counts of the tracker's page for Prometheus.
    pub(in crate::bench) fn ledger(&self) -> Result<Ledger> {
        let page = self.get("/metrics", &self.key)?;
        let number = |name: &str| -> Result<u64> {
            let name = format!("dlt_tracker_ledger_{name} ");
            let line = page.lines().find_map(|line| line.strip_prefix(&name));
            Ok(line.with_context(|| format!("the page has no {name}"))?.parse()?)
        };
        Ok(Ledger { accepted: number("accepted")?, loaded: number("loaded")? })
    }

    /// Asks for a report; how long it took.
    pub(in crate::bench) fn report(&self) -> Result<Duration> {
        let begun = Instant::now();
        self.get("/report.json", &self.key)?;
        Ok(begun.elapsed())
    }

    /// The answer to a question of who has the key or token.
    pub(in crate::bench) fn get(&self, path: &str, key: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: tracker\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer ended early")?;
        if !head.starts_with("HTTP/1.1 200") {
            bail!("{path}: {head}\n{body}");
        }
        Ok(body.to_owned())
    }

    /// Asks it to end, and waits.
    pub(in crate::bench) fn stop(mut self) -> Result<()> {
        process::output(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Recounts the tracker's folder: every accepted event must be in one place.
pub(in crate::bench) fn check(dlt: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new(dlt);
    command.args(["tracker", "check", "--data"]).arg(folder.join("data"));
    isolate(&mut command, folder);
    let said = process::output(&mut command)?;
    let ledger = said.lines().next().unwrap_or_default();
    let number = |word: &str| ledger.split_once(word)?.1.split_whitespace().next()?.parse::<u64>().ok();
    match number("accepted ").zip(number("loaded ")) {
        // Every event of the load is another one, and sound.
        Some((accepted, loaded)) if accepted == loaded => Ok(()),
        _ => bail!("not every event that was accepted was loaded: {ledger}"),
    }
}

/// Nothing of the caller's settings.
pub(in crate::bench) fn isolate(command: &mut Command, folder: &Path) {
    command.env_clear().env("HOME", folder).env("DLT_DATA_DIR", folder.join("dlt"));
    command.env("RUNTIME__DLTHUB_TELEMETRY", "false");
}

/// Starts a server, and waits for the line with its address.
fn started(command: &mut Command) -> Result<(Child, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| process::shown(command))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("it has an output")?).read_line(&mut line)?;
    if line.is_empty() {
        bail!("`{}` ended with {}", process::shown(command), child.wait()?);
    }
    Ok((child, line))
}
