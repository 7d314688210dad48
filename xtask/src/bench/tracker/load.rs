//! The load: wrk with a script that makes every event another one.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Work;
use crate::process;

/// Threads of wrk.
const THREADS: &str = "2";

/// One run of wrk.
pub(super) struct Load<'a> {
    pub(super) script: &'a Path,
    pub(super) address: SocketAddr,
    /// Makes the ids of this run other ones than those of every other run.
    pub(super) run: u64,
    pub(super) work: Work,
    pub(super) seconds: u64,
    /// How long each connection waits before a request.
    pub(super) delay_ms: Option<u64>,
}

/// What wrk told. Latencies in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) requests: u64,
    pub(super) seconds: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Answers other than success, and requests without an answer.
    pub(super) failed: u64,
}

impl Told {
    /// Rates of a server that refuses are no measurement.
    pub(super) fn check(&self, who: &str) -> Result<()> {
        if self.failed > 0 || self.requests == 0 {
            bail!("{who}: {} of {} requests were not answered with success", self.failed, self.requests);
        }
        Ok(())
    }
}

/// Whether wrk is there.
pub(super) fn check() -> Result<()> {
    // It has no option that ends well.
    Command::new("wrk").arg("--version").output().context("wrk makes the load: apt-get install wrk").map(drop)
}

impl Load<'_> {
    pub(super) fn run(&self) -> Result<Told> {
        let mut command = Command::new("wrk");
        command.args(["--threads", THREADS, "--connections", &self.work.connections.to_string()]);
        command.args(["--duration", &format!("{}s", self.seconds), "--timeout", "10s", "--script"]);
        command.arg(self.script).arg(format!("http://{}", self.address)).arg("--");
        command.args([format!("run{}", self.run), self.work.batch.to_string()]);
        command.args(self.delay_ms.map(|delay| delay.to_string()));
        let printed = process::output(&mut command)?;
        let line = printed.lines().find(|line| line.starts_with('{')).with_context(|| format!("wrk said {printed}"))?;
        let told: Value = serde_json::from_str(line)?;
        let number = |name: &str| told[name].as_u64().with_context(|| format!("wrk told no {name}: {line}"));
        Ok(Told {
            requests: number("requests")?,
            seconds: number("micros")? as f64 / 1e6,
            p50: number("p50")? as f64 / 1e3,
            p99: number("p99")? as f64 / 1e3,
            failed: number("refused")? + number("broken")?,
        })
    }
}
