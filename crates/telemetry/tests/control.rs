//! What a user can ask and change, through the library.

use std::sync::{Arc, Mutex};

use dlt_telemetry::{
    Answer, Chain, Clock, DeletionError, Delivery, DeliveryMode, EndpointStatus, Environment, Policy, Reason, Request,
    Setup, Telemetry, Transport, TransportError,
};
use serde_json::Value as Json;
use tempfile::TempDir;

/// A tracker in memory.
#[derive(Default)]
struct Tracker {
    requests: Mutex<Vec<(String, String)>>,
    status: Mutex<u16>,
}

impl Tracker {
    fn new(status: u16) -> Arc<Self> {
        Arc::new(Self { requests: Mutex::default(), status: Mutex::new(status) })
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn requests(&self) -> Vec<(String, String)> {
        self.requests.lock().unwrap().clone()
    }
}

impl Transport for Tracker {
    fn post(&self, request: &Request<'_>) -> Result<Answer, TransportError> {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        self.requests.lock().unwrap().push((request.url.to_owned(), body));
        Ok(Answer { status: *self.status.lock().unwrap(), retry_after: None, body: b"{\"deleted\": 2}".to_vec() })
    }
}

fn environment() -> Environment {
    Environment::empty().with("CI", "1").with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "tracker.example/collect")
}

fn setup_with(
    folder: &TempDir,
    tracker: &Arc<Tracker>,
    environment: Environment,
    policy: Policy,
    clock: Clock,
) -> Setup {
    Telemetry::builder("dlt", "0.1.0")
        .environment(environment)
        .data_dir(folder.path())
        .delivery(Delivery::Always(DeliveryMode::InPlace))
        .transport(Arc::clone(tracker) as Arc<dyn Transport>)
        .notice("", "")
        .policy(policy)
        .clock(clock)
        .load()
}

fn setup(folder: &TempDir, tracker: &Arc<Tracker>) -> Setup {
    setup_with(folder, tracker, environment(), Policy::default(), Clock::system())
}

fn record(setup: &Setup, count: usize) {
    let telemetry = setup.clone().start();
    for _ in 0..count {
        telemetry.record(&dlt_telemetry::events::CommandListSources {
            elapsed: std::time::Duration::ZERO.into(),
            success: true,
        });
    }
    telemetry.finish();
}

#[test]
fn status_says_where_everything_stands() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let setup = setup(&folder, &tracker);
    let before = setup.status();
    assert!(before.consent.enabled && before.anonymous_id.is_none() && before.last_answer.is_none());
    assert!(!folder.path().join("telemetry").exists(), "asking makes nothing");
    let EndpointStatus::Usable { url, origin } = before.endpoint else { panic!("{:?}", before.endpoint) };
    assert_eq!(url, "https://tracker.example/collect");
    assert!(origin.to_string().contains("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT"));

    record(&setup, 2);
    let after = setup.status();
    assert_eq!((after.sent, after.waiting), (2, 0));
    assert!(after.last_answer.unwrap().acknowledged);
    assert_eq!(after.anonymous_id.unwrap().len(), 32);
}

#[test]
fn a_missing_write_key_is_named() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let segment = Environment::empty()
        .with("CI", "1")
        .with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "https://api.segment.io/v1/track");
    let setup = setup_with(&folder, &tracker, segment, Policy::default(), Clock::system());
    record(&setup, 1);
    assert_eq!(tracker.requests(), []);
    let EndpointStatus::MissingWriteKey { key, variable, .. } = setup.status().endpoint else { panic!() };
    assert_eq!(key, "runtime.dlthub_telemetry_segment_write_key");
    assert_eq!(variable, "RUNTIME__DLTHUB_TELEMETRY_SEGMENT_WRITE_KEY");
}

#[test]
fn a_bad_endpoint_is_named() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let bad = Environment::empty().with("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", "ftp://tracker.example");
    let setup = setup_with(&folder, &tracker, bad, Policy::default(), Clock::system());
    let EndpointStatus::Invalid { why, .. } = setup.status().endpoint else { panic!() };
    assert!(why.contains("ftp://tracker.example") && why.contains("neither http nor https"), "{why}");
}

#[test]
fn a_new_id_is_another_and_hashes_change_with_it() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let setup = setup(&folder, &tracker);
    record(&setup, 1);
    let (id, hash) = (setup.status().anonymous_id.unwrap(), setup.clone().start().hash("chess"));
    let new = setup.reset_id().unwrap().unwrap();
    assert_ne!(new, id);
    assert_eq!(setup.status().anonymous_id.unwrap(), new);
    assert_ne!(setup.clone().start().hash("chess"), hash);
}

#[test]
fn being_forgotten_is_asked_with_proof_and_ends_the_id() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let setup = setup(&folder, &tracker);
    assert!(matches!(setup.request_deletion(), Err(DeletionError::NothingSent)));
    record(&setup, 2);
    let id = setup.status().anonymous_id.unwrap();

    tracker.answers(404);
    let refused = setup.request_deletion().unwrap_err();
    assert!(refused.to_string().starts_with("https://tracker.example/v1/forget answered 404"), "{refused}");
    assert_eq!(setup.status().anonymous_id.as_ref(), Some(&id), "not deletion, so nothing changes");

    tracker.answers(204);
    // Asking is no event, and proves nothing later.
    (0..6).for_each(|_| drop(setup.holdings().unwrap()));
    let holdings = setup.holdings().unwrap();
    assert_eq!(
        (holdings.ids, tracker.requests().pop().unwrap().0),
        (vec![id.clone()], "https://tracker.example/v1/holdings".to_owned())
    );
    assert_eq!(setup.status().anonymous_id.as_ref(), Some(&id), "who asks stays");
    let deletion = setup.request_deletion().unwrap();
    assert_eq!(deletion.ids, [id.as_str()]);
    let (url, body) = tracker.requests().pop().unwrap();
    assert_eq!(url, "https://tracker.example/v1/forget");
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(body["anonymousId"], id.as_str());
    let sent: Vec<String> = tracker
        .requests()
        .iter()
        .filter_map(|(_, body)| serde_json::from_str::<Json>(body).unwrap()["messageId"].as_str().map(str::to_owned))
        .collect();
    let proven: Vec<_> =
        body["proof"].as_array().unwrap().iter().map(|proof| proof["messageId"].as_str().unwrap()).collect();
    assert_eq!(proven, sent);
    assert!(body["proof"].as_array().unwrap().iter().all(|proof| proof["digest"].as_str().unwrap().len() == 64));
    assert_eq!(setup.status().anonymous_id, None);
    assert!(matches!(setup.verify().unwrap(), Chain::Whole { receipts: 22, .. }), "{:?}", setup.verify());
}

#[test]
fn receipts_cannot_be_changed_unseen() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let setup = setup(&folder, &tracker);
    record(&setup, 3);
    assert_eq!(setup.verify().unwrap(), setup.verify().unwrap());
    let file = folder.path().join("telemetry/receipts.jsonl");
    let good = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = good.lines().collect();
    assert_eq!(lines.len(), 6);
    let without_third = [&lines[..2], &lines[3..]].concat().join("\n") + "\n";
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]].join("\n") + "\n";
    let edited = good.replacen("tracker.example", "harmless.example", 1);
    for bad in [without_third, swapped, edited] {
        std::fs::write(&file, &bad).unwrap();
        assert!(matches!(setup.verify().unwrap(), Chain::Broken { .. }), "{bad}");
    }
}

#[test]
fn the_spool_stays_within_its_limits_and_counts_what_it_drops() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(503));
    let mut policy = Policy::default();
    policy.max_events = 20;
    let setup = setup_with(&folder, &tracker, environment(), policy, Clock::system());
    record(&setup, 1000);
    let status = setup.status();
    assert!(status.waiting <= 20 && status.waiting >= 15, "{}", status.waiting);
    let reported: u64 = setup
        .pending()
        .unwrap()
        .iter()
        .map(|pending| {
            serde_json::from_str::<Json>(&pending.body).unwrap()["context"]["dropped"]["spool_full"]
                .as_u64()
                .unwrap_or(0)
        })
        .sum();
    let lost = reported + status.dropped.count(Reason::SpoolFull);
    assert_eq!(status.waiting as u64 + lost, 1000, "every event is kept or counted, once");
}

#[test]
fn what_waited_too_long_is_dropped_and_counted() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(503));
    record(&setup(&folder, &tracker), 2);
    let later = Clock::new(|| std::time::SystemTime::now() + std::time::Duration::from_secs(40 * 86_400));
    tracker.answers(204);
    let setup = setup_with(&folder, &tracker, environment(), Policy::default(), later);
    record(&setup, 1);
    let status = setup.status();
    assert_eq!((status.sent, status.waiting), (1, 0));
    assert_eq!(status.dropped.count(Reason::TooOld), 2);
}

#[test]
fn the_id_that_is_sent_can_change_each_month() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let rotating = environment().with("RUNTIME__DLTHUB_TELEMETRY_ROTATE_ID", "monthly");
    for days in [0, 0, 35] {
        let clock =
            Clock::new(move || std::time::UNIX_EPOCH + std::time::Duration::from_secs((20_000 + days) * 86_400));
        record(&setup_with(&folder, &tracker, rotating.clone(), Policy::default(), clock), 1);
    }
    let ids: Vec<_> = tracker
        .requests()
        .iter()
        .map(|(_, body)| serde_json::from_str::<Json>(body).unwrap()["anonymousId"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    let kept = std::fs::read_to_string(folder.path().join(".anonymous_id")).unwrap();
    assert!(!ids.contains(&kept), "the id that Python dlt shares is not sent");
}

#[test]
fn threads_share_one_handle() {
    let (folder, tracker) = (tempfile::tempdir().unwrap(), Tracker::new(204));
    let telemetry = setup(&folder, &tracker).start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    telemetry.record(&dlt_telemetry::events::CommandTelemetry {
                        elapsed: std::time::Duration::ZERO.into(),
                        success: true,
                    });
                }
            });
        }
    });
    assert!(telemetry.losses().is_empty());
    drop(telemetry);
    assert_eq!(tracker.requests().len(), 200, "dropping the last handle finishes");
}
