//! A tracker that is killed 200 times under load keeps every event that it acknowledged, and none twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use dlt_testkit::{Client, Generator, PythonDlt, Sandbox, Tracker};
use serde_json::json;

const KILLS: usize = 200;
const SENDERS: usize = 4;

/// Posts of one sender in one round at most: bounds the whole load.
const MAX_POSTS: usize = 60;

const IDS: &str = r#"
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
rows = connection.execute("SELECT message_id, count(*) FROM telemetry.events GROUP BY 1").fetchall()
put_aside = connection.execute("SELECT count(*) FROM telemetry.quarantine").fetchone()[0]
print(json.dumps({"rows": dict(rows), "put_aside": put_aside}))
"#;

#[test]
fn two_hundred_kills_lose_no_acknowledged_event_and_double_none() {
    let seed = Generator::seed_from_clock();
    let mut generator = Generator::new(seed);
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let mut senders: Vec<_> = (0..SENDERS).map(|number| Sender::new(number, generator.next_u64())).collect();

    for round in 0..KILLS {
        if generator.chance(10) {
            kill_at_the_start(&sandbox, &data, &mut generator).unwrap();
            continue;
        }
        let tracker = Tracker::start(&sandbox, &data).unwrap_or_else(|error| panic!("round {round}: {error:#}"));
        // Most in the first moments, some around the first loads, which come every second.
        let moment = if generator.chance(15) { 850 + generator.below(600) } else { generator.below(220) };
        send_until_killed(tracker, &mut senders, Duration::from_millis(moment)).unwrap();
    }

    let tracker = Tracker::start(&sandbox, &data).unwrap();
    let address = tracker.address();
    senders.iter_mut().for_each(|sender| sender.settle(address).unwrap());
    tracker.stop().unwrap();

    let stored = stored_ids(&sandbox, &data.join("tracker.duckdb")).unwrap();
    let acknowledged: BTreeSet<_> = senders.iter().flat_map(|sender| &sender.acknowledged).cloned().collect();
    let repeated: usize = senders.iter().map(|sender| sender.repeated).sum();
    assert!(acknowledged.len() > KILLS * SENDERS, "seed {seed}: only {} events were sent", acknowledged.len());
    assert!(repeated > 0, "seed {seed}: no post was ever interrupted, so nothing was proven");
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count != 1).take(10).collect();
    assert!(twice.is_empty(), "seed {seed}: stored more than once: {twice:?}");
    let lost: Vec<_> = acknowledged.iter().filter(|id| !stored.contains_key(*id)).take(10).collect();
    assert!(lost.is_empty(), "seed {seed}: acknowledged and lost: {lost:?}");
    // In the end every event was acknowledged, so nothing else may be there.
    assert_eq!(stored.len(), acknowledged.len(), "seed {seed}: events that nobody sent");
    sandbox.dlt(["tracker", "check", "--data"]).unwrap().arg(&data).succeed().unwrap();
}

/// Kills it while it starts, recovers and takes its address.
fn kill_at_the_start(sandbox: &Sandbox, data: &Path, generator: &mut Generator) -> Result<()> {
    let run = sandbox.dlt(["tracker", "serve", "--listen", "127.0.0.1:0", "--data"])?.arg(data).spawn()?;
    thread::sleep(Duration::from_millis(generator.below(150)));
    let output = run.kill()?;
    anyhow::ensure!(output.signal == Some(9), "the tracker ended by itself\n{output}");
    Ok(())
}

fn send_until_killed(tracker: Tracker, senders: &mut [Sender], moment: Duration) -> Result<()> {
    let address = tracker.address();
    let is_killed = AtomicBool::new(false);
    thread::scope(|scope| {
        for sender in senders {
            scope.spawn(|| sender.send(address, &is_killed));
        }
        thread::sleep(moment);
        let output = tracker.kill();
        is_killed.store(true, Ordering::SeqCst);
        let output = output?;
        anyhow::ensure!(output.signal == Some(9), "the tracker ended by itself\n{output}");
        Ok(())
    })
}

fn stored_ids(sandbox: &Sandbox, database: &Path) -> Result<BTreeMap<String, u64>> {
    let output = PythonDlt::shared()?.script(sandbox, IDS).arg(database).succeed()?;
    let mut found: serde_json::Value = serde_json::from_str(&output.stdout)?;
    anyhow::ensure!(found["put_aside"] == 0, "events were put aside: {}", found["put_aside"]);
    Ok(serde_json::from_value(found["rows"].take())?)
}

/// A client as real ones are: it sends again, with the same ids, what was not acknowledged.
struct Sender {
    number: usize,
    generator: Generator,
    made: usize,
    acknowledged: Vec<String>,
    /// Sent, and the answer never came.
    unanswered: Vec<Vec<String>>,
    repeated: usize,
}

impl Sender {
    fn new(number: usize, seed: u64) -> Self {
        let generator = Generator::new(seed);
        Self { number, generator, made: 0, acknowledged: Vec::new(), unanswered: Vec::new(), repeated: 0 }
    }

    fn send(&mut self, address: SocketAddr, is_killed: &AtomicBool) {
        let Ok(mut client) = Client::connect(address) else { return };
        for _ in 0..MAX_POSTS {
            if is_killed.load(Ordering::SeqCst) {
                return;
            }
            let ids = self.next_ids();
            if !self.post(&mut client, ids) {
                return;
            }
        }
        while !is_killed.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends until nothing is left unanswered.
    fn settle(&mut self, address: SocketAddr) -> Result<()> {
        let mut client = Client::connect(address)?;
        let started = Instant::now();
        while let Some(ids) = self.unanswered.pop() {
            if !self.post(&mut client, ids) {
                client = Client::connect(address)?;
            }
            anyhow::ensure!(started.elapsed() < Duration::from_secs(30), "the tracker does not take what is left");
        }
        Ok(())
    }

    fn next_ids(&mut self) -> Vec<String> {
        if let Some(ids) = self.unanswered.pop() {
            self.repeated += 1;
            return ids;
        }
        let count = 1 + self.generator.below(5);
        (0..count)
            .map(|_| {
                self.made += 1;
                format!("sender-{}-event-{}", self.number, self.made)
            })
            .collect()
    }

    /// Posts a batch, or a single event as Python dlt does; false if the connection is of no more use.
    fn post(&mut self, client: &mut Client, ids: Vec<String>) -> bool {
        let events: Vec<_> = ids.iter().map(|id| message(self.number, id)).collect();
        let posted = match &events[..] {
            [single] => client.post("/", single.to_string().as_bytes()),
            _ => client.post("/v1/batch", json!({"batch": events}).to_string().as_bytes()),
        };
        match posted {
            Ok((200 | 204, _)) => {
                self.acknowledged.extend(ids);
                true
            }
            // Too busy, or gone: not acknowledged.
            Ok((429 | 503, _)) | Err(_) => {
                self.unanswered.push(ids);
                false
            }
            Ok((status, body)) => panic!("answered {status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

fn message(sender: usize, id: &str) -> serde_json::Value {
    json!({
        "messageId": id, "type": "track", "event": "pipeline_load", "anonymousId": format!("{sender:032x}"),
        "timestamp": "2026-01-02T03:04:05.678Z",
        "properties": {
            "event_category": "pipeline", "event_name": "load", "success": true, "elapsed": 0.25,
            "destination_name": "duckdb", "transaction_id": format!("{:032x}", id.len()),
        },
        "context": {
            "ci_run": false, "cpu": 2, "exec_info": [], "library": {"name": "dlt", "version": "0.1.0"},
            "os": {"name": "Linux", "version": "6.1"},
        },
    })
}
