//! `cargo xtask bench tracker`: `dlt tracker serve` beside two bare servers, under the same load, in turns.
//!
//! First single events and batches, as fast as the server takes them: rate, latency, processor time of an event, memory.
//! Then batches at a rate that must be loaded while they come: how many rows become queryable, and how long a report waits.

mod load;
mod report;
pub(super) mod server;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{binary, process};
use load::{Load, Told};
use server::{Server, Use};

/// What is asked of the tracker, beside the bare server that syncs, and while it loads.
const LEAST_SHARE: f64 = 0.7;
const MOST_BYTES: u64 = 192 << 20;
const LEAST_LOADED: f64 = 30_000.0;
const LONGEST_REPORT: Duration = Duration::from_secs(1);
/// Events that come in a second while loading is measured: somewhat more than must be loaded.
const OFFERED: u64 = 34_000;

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Contender {
    /// axum that parses and answers.
    Parse,
    /// The same, and a preallocated file that is synced for all who wait.
    Fsync,
    /// `dlt tracker serve`.
    Tracker,
}

impl Contender {
    const ALL: [Contender; 3] = [Contender::Parse, Contender::Fsync, Contender::Tracker];

    fn title(self) -> &'static str {
        match self {
            Contender::Parse => "bare, parse only",
            Contender::Fsync => "bare, group-commit fsync",
            Contender::Tracker => "`dlt tracker serve`",
        }
    }
}

/// What wrk sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Work {
    title: &'static str,
    /// Events of a request.
    batch: u64,
    connections: u64,
    /// What p99 must stay under.
    p99: Duration,
}

const WORKS: [Work; 2] = [
    Work { title: "single events", batch: 1, connections: 64, p99: Duration::from_millis(15) },
    Work { title: "batches of 100", batch: 100, connections: 32, p99: Duration::from_millis(60) },
];

/// One run of one contender.
struct Sample {
    contender: Contender,
    work: Work,
    told: Told,
    cost: Use,
    /// Of the tracker: how much of it was in the tables when the load ended.
    loaded: Option<u64>,
}

impl Sample {
    fn events_a_second(&self) -> f64 {
        self.told.requests as f64 * self.work.batch as f64 / self.told.seconds
    }

    fn cpu_micros_an_event(&self) -> f64 {
        self.cost.cpu_seconds * 1e6 / (self.told.requests * self.work.batch).max(1) as f64
    }
}

/// What came of loading under load.
struct Sustained {
    told: Told,
    cost: Use,
    accepted: u64,
    loaded: u64,
    seconds: f64,
    /// How long each report took.
    reports: Vec<Duration>,
}

struct Plan {
    rounds: usize,
    seconds: u64,
    sustain: u64,
    contenders: Vec<Contender>,
}

impl Plan {
    fn read(words: &[&str]) -> Result<Plan> {
        let mut plan = Plan { rounds: 3, seconds: 10, sustain: 60, contenders: Contender::ALL.to_vec() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let number = words.next().with_context(|| format!("{word} needs a number"))?;
                number.parse().with_context(|| format!("{word} {number} is not a number"))
            };
            match *word {
                "--rounds" => plan.rounds = usize::try_from(number()?)?,
                "--seconds" => plan.seconds = number()?,
                "--sustain" => plan.sustain = number()?,
                "--only-ours" => plan.contenders = vec![Contender::Tracker],
                other => bail!(
                    "bench tracker knows --rounds N, --seconds N, --sustain N (0: not at all) and --only-ours, and not {other}"
                ),
            }
        }
        if plan.seconds == 0 {
            bail!("--seconds 0 measures nothing");
        }
        if plan.rounds == 0 && plan.sustain == 0 {
            bail!("--rounds 0 --sustain 0 measures nothing");
        }
        Ok(plan)
    }
}

struct Arena {
    dlt: PathBuf,
    bare: PathBuf,
    script: PathBuf,
    /// Emptied before each run.
    work: PathBuf,
    runs: u64,
}

pub(super) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let plan = Plan::read(words)?;
    load::check()?;
    let mut arena = Arena {
        dlt: binary::chosen(workspace)?,
        bare: bare(workspace)?,
        script: workspace.path("bench/tracker/events.lua"),
        work: workspace.path("bench/data/tracker"),
        runs: 0,
    };
    let mut samples = Vec::new();
    for round in 1..=plan.rounds {
        for work in WORKS {
            for contender in &plan.contenders {
                let sample = arena.measure(*contender, work, plan.seconds)?;
                println!("  round {round}  {}", report::line(&sample));
                samples.push(sample);
            }
        }
    }
    let sustained = match plan.sustain {
        0 => None,
        seconds => Some(arena.sustain(seconds)?),
    };
    let _ = fs::remove_dir_all(&arena.work);
    report::write(workspace, &samples, sustained.as_ref())
}

/// Builds the bare servers, in a folder of their own beside what cargo builds.
fn bare(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target_folder()?.join("bare");
    let manifest = workspace.path("bench/tracker/bare/Cargo.toml");
    let mut cargo = workspace.plain_cargo();
    cargo.args(["build", "--release", "--locked", "--manifest-path"]).arg(&manifest);
    process::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target.join("release/bare"))
}

impl Arena {
    fn start(&mut self, contender: Contender) -> Result<Server> {
        let _ = fs::remove_dir_all(&self.work);
        fs::create_dir_all(&self.work)?;
        self.runs += 1;
        match contender {
            Contender::Parse => Server::bare(&self.bare, None),
            Contender::Fsync => Server::bare(&self.bare, Some(&self.work.join("file"))),
            Contender::Tracker => Server::tracker(&self.dlt, &self.work),
        }
    }

    fn load(&self, server: &Server, work: Work, seconds: u64) -> Load<'_> {
        Load { script: &self.script, address: server.address(), run: self.runs, work, seconds, delay_ms: None }
    }

    fn measure(&mut self, contender: Contender, work: Work, seconds: u64) -> Result<Sample> {
        let server = self.start(contender)?;
        // The same for all, and not counted: connections, caches, the first load that makes the tables.
        self.load(&server, work, 1).run()?;
        self.runs += 1;
        let before = server.used()?;
        let told = self.load(&server, work, seconds).run()?;
        let cost = server.used()?.since(&before);
        told.check(contender.title())?;
        let loaded = match contender {
            Contender::Tracker => Some(server.ledger()?.loaded),
            _ => None,
        };
        self.end(server, contender)?;
        Ok(Sample { contender, work, told, cost, loaded })
    }

    /// Stops the server; of the tracker all must be there once.
    fn end(&self, server: Server, contender: Contender) -> Result<()> {
        server.stop()?;
        if contender == Contender::Tracker {
            server::check(&self.dlt, &self.work)?;
        }
        Ok(())
    }

    /// Batches at a fixed rate, and a report each second.
    fn sustain(&mut self, seconds: u64) -> Result<Sustained> {
        let work = WORKS[1];
        let server = self.start(Contender::Tracker)?;
        self.load(&server, work, 1).run()?;
        self.runs += 1;
        let delay_ms = work.connections * work.batch * 1000 / OFFERED;
        let load = Load { delay_ms: Some(delay_ms), ..self.load(&server, work, seconds) };
        let (before, ledger, begun) = (server.used()?, server.ledger()?, Instant::now());
        let (told, reports) = thread::scope(|scope| {
            let sending = scope.spawn(|| load.run());
            let mut reports = Vec::new();
            while !sending.is_finished() {
                thread::sleep(Duration::from_secs(1));
                reports.push(server.report()?);
            }
            let told = sending.join().map_err(|_| anyhow::anyhow!("the load ended with a panic"))?;
            Ok::<_, anyhow::Error>((told?, reports))
        })?;
        let (after, seconds) = (server.ledger()?, begun.elapsed().as_secs_f64());
        let cost = server.used()?.since(&before);
        told.check(Contender::Tracker.title())?;
        self.end(server, Contender::Tracker)?;
        Ok(Sustained {
            told,
            cost,
            accepted: after.accepted - ledger.accepted,
            loaded: after.loaded - ledger.loaded,
            seconds,
            reports,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_read_from_the_words() {
        let plan = Plan::read(&["--rounds", "1", "--seconds", "3", "--sustain", "0", "--only-ours"]).unwrap();
        assert_eq!((plan.rounds, plan.seconds, plan.sustain, plan.contenders.len()), (1, 3, 0, 1));
        for words in [&["--seconds", "0"][..], &["--rounds"], &["--rounds", "x"], &["--fast"]] {
            assert!(Plan::read(words).is_err(), "{words:?}");
        }
    }
}
