//! Several trackers on one journal and one database: whatever is killed while events come in, each event that was
//! acknowledged is in the tables once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dlt_testkit::{Client, Nats, Postgres, Sandbox, Tracker};
use serde_json::json;

const SENDERS: usize = 4;
/// Events that are acknowledged between one end and the next.
const BETWEEN: u64 = 60;
/// How long anything may take to go on.
const PATIENCE: Duration = Duration::from_secs(120);

/// The trackers, and what they share.
struct Cluster {
    sandbox: Sandbox,
    arguments: Vec<String>,
    receivers: RwLock<Vec<SocketAddr>>,
    acknowledged: AtomicU64,
    is_over: AtomicBool,
    /// Something failed, and nobody may be there any more.
    is_broken: AtomicBool,
}

impl Cluster {
    fn data(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn receiver(&self, number: usize) -> Result<Tracker> {
        let mut arguments = self.arguments.clone();
        arguments.push("--no-load".to_owned());
        let tracker = Tracker::start_as(&self.sandbox, "serve", &self.data(&format!("receiver-{number}")), &arguments)?;
        let mut receivers = self.receivers.write().unwrap();
        match receivers.get_mut(number) {
            Some(place) => *place = tracker.address(),
            None => receivers.push(tracker.address()),
        }
        Ok(tracker)
    }

    fn loader(&self, number: usize) -> Result<Tracker> {
        Tracker::start_as(&self.sandbox, "load", &self.data(&format!("loader-{number}")), &self.arguments)
    }

    /// Waits until so many more events were acknowledged.
    fn go_on(&self, what: &str) -> Result<()> {
        let enough = self.acknowledged.load(Ordering::SeqCst) + BETWEEN;
        wait(what, || Ok(self.acknowledged.load(Ordering::SeqCst) >= enough))
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    loop {
        let found = is_so();
        if matches!(found, Ok(true)) {
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "{what}: nothing goes on ({found:?})");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A number of a tracker's `/metrics`.
fn metric(tracker: &Tracker, name: &str) -> Result<u64> {
    let (_, page) = Client::connect(tracker.address())?.get("/metrics")?;
    let page = String::from_utf8(page)?;
    let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).context("no such metric")?;
    Ok(line[name.len() + 1..].parse()?)
}

/// A client that sends again what was not acknowledged, to whichever receiver answers.
struct Sender {
    number: usize,
    made: usize,
    unanswered: Vec<Vec<String>>,
    acknowledged: Vec<String>,
    repeated: usize,
}

impl Sender {
    fn run(&mut self, cluster: &Cluster) {
        let mut turn = self.number;
        let mut client = None;
        while !cluster.is_over.load(Ordering::SeqCst) || !self.unanswered.is_empty() {
            if cluster.is_broken.load(Ordering::SeqCst) {
                return;
            }
            if client.is_none() {
                turn += 1;
                let receivers = cluster.receivers.read().unwrap().clone();
                client = Client::connect(receivers[turn % receivers.len()]).ok();
            }
            let Some(open) = &mut client else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            let ids = self.next_ids();
            let events: Vec<_> = ids.iter().map(|id| json!({"messageId": id, "event": "e", "userId": id})).collect();
            match open.post("/v1/batch", json!({"batch": events}).to_string().as_bytes()) {
                Ok((200, _)) => {
                    cluster.acknowledged.fetch_add(ids.len() as u64, Ordering::SeqCst);
                    self.acknowledged.extend(ids);
                }
                Ok((429 | 503, _)) | Err(_) => {
                    self.unanswered.push(ids);
                    client = None;
                    thread::sleep(Duration::from_millis(50));
                }
                Ok((status, body)) => panic!("answered {status}: {}", String::from_utf8_lossy(&body)),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn next_ids(&mut self) -> Vec<String> {
        if let Some(ids) = self.unanswered.pop() {
            self.repeated += 1;
            return ids;
        }
        let first = self.made;
        self.made += 1 + first % 5;
        (first..self.made).map(|at| format!("sender-{}-event-{at}", self.number)).collect()
    }
}

/// Ends one after the other while events come in.
fn end_everything_once(cluster: &Cluster, nats: &mut Nats, postgres: &mut Postgres) -> Result<Vec<Tracker>> {
    let mut receivers = vec![cluster.receiver(0)?, cluster.receiver(1)?];
    let mut loaders = vec![cluster.loader(0)?, cluster.loader(1)?];
    cluster.go_on("at the start")?;

    let leader = nats.leader("EVENTS")?;
    let other = (leader + 1) % 3;
    nats.crash(other)?;
    cluster.go_on("without a server of NATS")?;
    nats.resume(other)?;
    cluster.go_on("with all servers again")?;
    let leader = nats.leader("EVENTS")?;
    nats.crash(leader)?;
    cluster.go_on("without the leader of the stream")?;
    nats.resume(leader)?;
    cluster.go_on("with all servers again")?;

    let leads = |loader: &Tracker| -> Result<bool> { Ok(metric(loader, "dlt_tracker_leads")? == 1) };
    wait("one loads", || Ok(leads(&loaders[0])? || leads(&loaders[1])?))?;
    let at = if leads(&loaders[0])? { 0 } else { 1 };
    ensure!(!leads(&loaders[1 - at])?, "both load");
    let output = loaders.remove(at).kill()?;
    ensure!(output.signal == Some(9), "the loader ended by itself\n{output}");
    let before = metric(&loaders[0], "dlt_tracker_ledger_loaded")?;
    wait("the other loads", || Ok(leads(&loaders[0])? && metric(&loaders[0], "dlt_tracker_ledger_loaded")? > before))?;
    loaders.push(cluster.loader(at)?);

    let output = receivers.remove(0).kill()?;
    ensure!(output.signal == Some(9), "the receiver ended by itself\n{output}");
    cluster.go_on("without a receiver")?;
    receivers.insert(0, cluster.receiver(0)?);
    cluster.go_on("with both receivers again")?;

    postgres.crash()?;
    cluster.go_on("without Postgres")?;
    postgres.resume()?;
    let before = cluster.acknowledged.load(Ordering::SeqCst);
    wait("with Postgres again", || Ok(metric(&loaders[0], "dlt_tracker_ledger_loaded")? >= before))?;
    cluster.go_on("at the end")?;
    receivers.extend(loaders);
    Ok(receivers)
}

#[test]
fn each_acknowledged_event_is_there_once_whatever_is_killed() {
    let mut nats = Nats::start(3).unwrap();
    let mut postgres = Postgres::start().unwrap();
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("DLT_TRACKER_ID_KEY", "one key for all of them");
    let options = ["--journal", &nats.url("EVENTS"), "--store", &postgres.url("postgres")].map(str::to_owned);
    // The servers have little room, and a stream takes its own at once.
    let stream = ["--set", "journal.replicas=3", "--set", "journal.max_size=512 MiB"].map(str::to_owned);
    let cluster = Cluster {
        sandbox,
        arguments: options.iter().chain(&stream).cloned().collect(),
        receivers: RwLock::default(),
        acknowledged: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        is_broken: AtomicBool::new(false),
    };
    let all = Mutex::new(Vec::new());
    // Senders begin when there is somebody to send to.
    let begun = cluster.receiver(0).unwrap();
    let trackers = thread::scope(|scope| {
        for number in 0..SENDERS {
            let (cluster, all) = (&cluster, &all);
            scope.spawn(move || {
                let mut sender =
                    Sender { number, made: 0, unanswered: Vec::new(), acknowledged: Vec::new(), repeated: 0 };
                sender.run(cluster);
                all.lock().unwrap().push(sender);
            });
        }
        drop(begun.kill());
        let trackers = end_everything_once(&cluster, &mut nats, &mut postgres);
        cluster.is_broken.store(trackers.is_err(), Ordering::SeqCst);
        cluster.is_over.store(true, Ordering::SeqCst);
        trackers
    });
    let trackers = trackers.unwrap();
    let senders = all.into_inner().unwrap();
    let acknowledged: BTreeSet<String> =
        senders.iter().flat_map(|sender| sender.acknowledged.iter().cloned()).collect();
    assert!(senders.iter().any(|sender| sender.repeated > 0), "nothing was ever interrupted, so nothing was proven");

    wait("all is loaded", || Ok(metric(&trackers[2], "dlt_tracker_ledger_loaded")? >= acknowledged.len() as u64))
        .unwrap();
    let count = "SELECT message_id, count(*), count(DISTINCT anonymous_id) FROM telemetry.events GROUP BY 1";
    let rows = postgres.sql("postgres", count).unwrap();
    let stored: BTreeMap<&str, &str> = rows.lines().map(|line| line.split_once('|').unwrap()).collect();
    let twice: Vec<_> = stored.iter().filter(|(_, counts)| **counts != "1|1").take(10).collect();
    assert!(twice.is_empty(), "stored more than once: {twice:?}");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !stored.contains_key(id.as_str())).take(10).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(stored.len(), acknowledged.len(), "events that nobody sent");
    assert_eq!(postgres.sql("postgres", "SELECT count(*) FROM telemetry.quarantine").unwrap(), "0");

    // Asked of a receiver that runs, and of the tables and the journal when nothing does.
    let check = |data: PathBuf| {
        let invocation = cluster.sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(data).args(&options);
        invocation.succeed().unwrap().stdout
    };
    check(cluster.data("receiver-0"));
    for tracker in trackers {
        let output = tracker.stop().unwrap();
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(!told.contains(Nats::PASSWORD_IN_URL), "{told}");
    }
    let told = check(cluster.data("loader-0"));
    assert!(told.contains(&format!("loaded {} ", acknowledged.len())) && told.contains("in journal 0"), "{told}");
    // The ids of users are hashed alike by all.
    let hashed = "SELECT count(*) FROM telemetry.events WHERE anonymous_id NOT LIKE 'user-%'";
    assert_eq!(postgres.sql("postgres", hashed).unwrap(), "0");
}
