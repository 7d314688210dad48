//! Rows that are too old are counted by the day and deleted, and the ledger adds up.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dlt_engine::destination::{Access, Destination};
use dlt_engine::rows_of;
use dlt_testkit::Postgres;
use dlt_tracker::{Error, Place, Retain, Retention, ServeOptions, StoreAddress, add_key, check, dashboard_token};
use dlt_tracker::{forget, report, report_of, retain, sql};
use serde_json::{Value, json};

use crate::tracker::{Tracker, example, options};

/// A tracker that deletes nothing by itself.
pub(crate) fn keeping(dir: &Path) -> ServeOptions {
    let mut options = options(dir);
    options.retention.raw = None;
    options
}

/// Ten events, one of them twice, and one that is quarantined.
fn fill(options: ServeOptions) {
    let tracker = Tracker::with(options);
    let mut client = tracker.client();
    for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5] {
        let event = json!({"event": format!("e{}", number % 2), "messageId": format!("m{number}"),
            "anonymousId": format!("a{}", number % 3), "properties": {"success": number != 1}});
        assert_eq!(client.post("/v1/track", event.to_string().as_bytes()).status, 200);
    }
    client.post("/v1/track", b"{}");
    tracker.stop();
}

/// Writes to the tables as nobody should.
pub(crate) fn execute(dir: &Path, statement: &str) {
    let database = dlt_destination_duckdb::DuckDb::at(dir.join("tracker.duckdb")).unwrap();
    let mut connection = database.connect("telemetry", Access::Write).unwrap();
    connection.query(statement, &mut |_, _| Ok(())).unwrap();
}

fn asked(place: impl Into<Place>, question: &str) -> Value {
    let batches = sql(place, question, None).unwrap();
    Vec::from_iter(batches.iter().flat_map(|batch| rows_of(batch).unwrap()).map(Value::Object)).into()
}

fn ledger(place: impl Into<Place>) -> String {
    report(place).unwrap().ledger.to_string()
}

/// Makes rows of a table older.
pub(crate) fn older(table: &str, days: u32, condition: &str) -> String {
    let past = |column: &str| format!("{column} = {column} - INTERVAL '{days} days'");
    let happened = if table == "events" { format!(", {}", past("timestamp")) } else { String::new() };
    format!("UPDATE {table} SET {}{happened} WHERE {condition}", past("received_at"))
}

const OLD: &str = "message_id IN ('m0','m1','m2','m3')";
const ALL: &str = "accepted 12 = loaded 10 + quarantined 1 + deduplicated 1 + deleted 0 + in journal 0";
const EXPIRED: &str = "accepted 12 = loaded 6 + quarantined 0 + deduplicated 1 + deleted 0 + expired 5 + in journal 0";

#[test]
fn what_is_old_is_counted_and_deleted_by_a_tracker_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    fill(keeping(dir.path()));
    execute(dir.path(), &older("events", 100, OLD));
    execute(dir.path(), &older("events", 1, "message_id = 'm3'"));
    execute(dir.path(), &older("quarantine", 100, "true"));
    let would = retain(dir.path(), &Retention::default(), Retain::Preview).unwrap();
    assert_eq!((would.events(), would.quarantined(), would.stay), (4, 1, 6));
    assert_eq!(ledger(dir.path()), ALL);

    let tracker = Tracker::with(options(dir.path()));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !tracker.client().get("/metrics").body.contains("dlt_tracker_ledger_expired 5") {
        assert!(Instant::now() < deadline, "{}", tracker.client().get("/metrics").body);
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = report(dir.path()).unwrap();
    assert_eq!((found.ledger.to_string().as_str(), found.total), (EXPIRED, 6));
    let days: Vec<_> = found.earlier.iter().map(|day| (day.count, day.active_ids)).collect();
    assert_eq!(days, [(3, 3), (1, 1)]);
    assert!(found.to_string().contains("are deleted and in none of these figures"), "{found}");
    let counted = "SELECT event, sum(events)::BIGINT AS events, sum(succeeded)::BIGINT AS good, sum(failed)::BIGINT AS bad \
                   FROM daily_events GROUP BY event ORDER BY event";
    let counted = asked(dir.path(), counted);
    assert_eq!(counted[0], json!({"event": "e0", "events": 2, "good": 2, "bad": 0}));
    assert_eq!(counted[1], json!({"event": "e1", "events": 2, "good": 1, "bad": 1}));
    let quarantined = asked(dir.path(), "SELECT reason, events FROM daily_quarantine");
    assert_eq!(quarantined, json!([{"reason": "no_event_name", "events": 1}]));
    assert!(check(dir.path()).unwrap().is_sound());
    let again = retain(dir.path(), &Retention::default(), Retain::Carefully).unwrap();
    assert_eq!(again.events(), 0, "nothing goes twice");

    // A page says what it does not show, and shows what was counted.
    let token = format!("Bearer {}", dashboard_token(dir.path()).unwrap());
    let page = |path: &str| {
        let answer = tracker.client().send("GET", path, &[("authorization", &token)], b"").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let year = page("/overview.json?range=365d&by=day").json();
    assert_eq!(year["sections"]["headline"][0]["events"], 6, "{year}");
    assert_eq!(year["sections"]["earlier"][0]["events"], 4);
    assert_eq!(year["sections"]["earlier_events"][1]["success_share"], 0.5);
    let installs = &year["sections"]["earlier_installs"];
    assert_eq!((&installs[0]["installs"], &installs[1]["installs"]), (&json!(3), &json!(1)), "{installs}");
    let failed = page("/overview.json?range=365d&event=e1").json();
    assert_eq!(failed["sections"]["earlier"][0]["events"], 2);
    assert!(failed["sections"]["earlier_installs"].is_null(), "of an event no installs were counted");
    let month = page("/overview.json").json();
    assert!(month["sections"]["earlier"].is_null(), "nothing of these days is deleted");
    for path in
        ["/?range=365d", "/versions?range=all&by=month", "/commands?range=all", "/environments?range=all", "/retention"]
    {
        assert!(page(path).body.contains("are deleted"), "{path}");
    }

    // Deletion requests and deliveries go on: what expired is not known any more, and counts anew.
    assert_eq!(forget(dir.path(), "a0").unwrap().events, 2);
    tracker.client().post("/v1/track", br#"{"event":"e0","messageId":"m0","anonymousId":"a0"}"#);
    assert!(check(dir.path()).unwrap().is_sound());
    tracker.stop();
    let after = "accepted 14 = loaded 5 + quarantined 0 + deduplicated 1 + deleted 3 + expired 5 + in journal 0";
    assert_eq!(ledger(dir.path()), after);
    // A row that goes by itself still shows.
    execute(dir.path(), "DELETE FROM events WHERE message_id = 'm4'");
    let problems = check(dir.path()).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("not in the table any more")), "{problems:?}");
}

#[test]
fn each_project_has_its_own_limit() {
    let dir = tempfile::tempdir().unwrap();
    for project in ["short", "long", "other"] {
        add_key(dir.path(), project, None, Some(&format!("key-of-{project}"))).unwrap();
    }
    let tracker = Tracker::with(keeping(dir.path()));
    let mut client = tracker.client();
    for (number, project) in ["short", "long", "other", "none"].iter().cycle().take(8).enumerate() {
        let event = json!({"event": "e", "messageId": format!("m{number}"), "anonymousId": "a", "writeKey": format!("key-of-{project}")});
        assert_eq!(client.post("/v1/track", event.to_string().as_bytes()).status, 200);
    }
    tracker.stop();
    execute(dir.path(), &older("events", 40, "message_id IN ('m0', 'm1', 'm2', 'm3')"));
    execute(dir.path(), &older("events", 100, "message_id IN ('m1', 'm2', 'm3')"));
    std::fs::write(
        dir.path().join("tracker.toml"),
        "[projects.short]\nretain = \"30 days\"\n[projects.long]\nretain = \"forever\"\n",
    )
    .unwrap();
    let mut arguments = dlt_tracker::Arguments::default();
    arguments.path("data", "--data", Some(dir.path()));
    let options = dlt_tracker::Config::read(arguments, []).unwrap().serve_options().unwrap();
    let done = retain(dir.path(), &options.retention, Retain::Carefully).unwrap();
    let parts: Vec<_> = done.parts.iter().map(|part| (part.project.as_deref(), part.events)).collect();
    assert_eq!((parts, done.stay), (vec![(Some("short"), 1), (None, 2)], 5));
    let left = asked(dir.path(), "SELECT message_id FROM events ORDER BY message_id");
    let left: Vec<_> = left.as_array().unwrap().iter().map(|row| row["message_id"].as_str().unwrap()).collect();
    assert_eq!(left, ["m1", "m4", "m5", "m6", "m7"]);
    let counted = "SELECT coalesce(event.project, '') AS project, sum(event.events)::BIGINT AS events, \
                   (SELECT sum(installs)::BIGINT FROM daily_installs AS install \
                    WHERE install.project IS NOT DISTINCT FROM event.project) AS installs \
                   FROM daily_events AS event GROUP BY event.project ORDER BY 1";
    let of = |project: &str| json!({"project": project, "events": 1, "installs": 1});
    assert_eq!(asked(dir.path(), counted), json!([of(""), of("other"), of("short")]));
    // What is told of one project is not told of another.
    let before = |project: &str| report_of(dir.path(), project).unwrap().expired_before;
    assert_eq!(before("long"), None);
    assert!(before("other") < before("short") && before("other").is_some(), "100 days and 40");
    assert_eq!(report(dir.path()).unwrap().expired_before, before("short"));
    let tracker = Tracker::with(keeping(dir.path()));
    let token = format!("Bearer {}", dashboard_token(dir.path()).unwrap());
    for (project, has_gone) in [("long", false), ("short", true)] {
        let path = format!("/retention?project={project}");
        let page = tracker.client().send("GET", &path, &[("authorization", &token)], b"").unwrap().body;
        assert_eq!(page.contains("are deleted"), has_gone, "{page}");
    }
    tracker.stop();
    assert!(check(dir.path()).unwrap().is_sound());
}

#[test]
fn more_than_half_of_many_rows_goes_only_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(keeping(dir.path()));
    let events: Vec<_> = (0..1500).map(|number| json!({"event": "e", "messageId": format!("m{number}")})).collect();
    let batch = json!({ "batch": events }).to_string();
    assert_eq!(tracker.client().post("/v1/batch", batch.as_bytes()).status, 200);
    tracker.stop();
    execute(dir.path(), &older("events", 100, "message_id <> 'm9'"));
    let tracker = Tracker::with(options(dir.path()));
    // Asked behind the run that it makes at its start.
    let refused = retain(dir.path(), &Retention::default(), Retain::Carefully).unwrap_err();
    assert!(refused.to_string().contains("1499 of 1500 rows"), "{refused}");
    assert_eq!(report(dir.path()).unwrap().ledger.expired, 0);
    let done = retain(dir.path(), &Retention::default(), Retain::Anyway).unwrap();
    assert_eq!((done.events(), done.stay), (1499, 1));
    assert!(check(dir.path()).unwrap().is_sound());
    tracker.stop();
    assert_eq!(report(dir.path()).unwrap().ledger.expired, 1499);
}

/// Starts the example program on a folder, and says where it listens.
fn start(dir: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(example()).arg(dir).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

#[test]
fn a_run_that_is_killed_leaves_whole_days_and_is_completed_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::with(keeping(dir.path()));
    for part in 0..2 {
        let event = |number| json!({"event": "e", "messageId": format!("{part}-{number}"), "anonymousId": format!("a{}", number % 9)});
        let batch = json!({"batch": Vec::from_iter((0..1500).map(event))}).to_string();
        assert_eq!(tracker.client().post("/v1/batch", batch.as_bytes()).status, 200);
    }
    tracker.stop();
    // Fifty days with 28 events each.
    let days = "received_at = received_at - to_days(100 + CAST(journal_seq % 50 AS INTEGER)), \
                timestamp = timestamp - to_days(100 + CAST(journal_seq % 50 AS INTEGER))";
    execute(dir.path(), &format!("UPDATE events SET {days} WHERE journal_seq <= 1400"));
    let mut partial = 0;
    for round in 0..60 {
        let (mut child, _) = start(dir.path());
        std::thread::sleep(Duration::from_millis(round * 100));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = check(dir.path()).unwrap();
        assert!(found.is_sound(), "{found}");
        let (loaded, expired) = (found.ledger.loaded, found.ledger.expired);
        assert_eq!((loaded + expired, expired % 28), (3000, 0), "{found}");
        let counted =
            asked(dir.path(), "SELECT count(*) AS tables FROM duckdb_tables() WHERE table_name = 'daily_events'");
        if counted[0]["tables"] == 1 {
            let by_day = asked(
                dir.path(),
                "SELECT sum(events)::BIGINT AS events, count(DISTINCT day) AS days FROM daily_events",
            );
            assert_eq!(by_day, json!([{"events": expired, "days": expired / 28}]));
        }
        match expired {
            0 => {}
            1400 => break,
            _ => partial += 1,
        }
    }
    assert!(partial > 0, "it was never killed within a run");
    assert_eq!(report(dir.path()).unwrap().ledger.expired, 1400);
}

#[test]
fn copies_of_refused_rows_go_too() {
    let dir = tempfile::tempdir().unwrap();
    fill(keeping(dir.path()));
    let kept = dir.path().join("refused");
    std::fs::create_dir(&kept).unwrap();
    let now = jiff::Timestamp::now();
    let row = |at: jiff::Timestamp| format!("{{\"message_id\":\"m\",\"received_at\":\"{at}\"}}");
    let old = now - jiff::SignedDuration::from_hours(24 * 100);
    std::fs::write(kept.join("1.json"), row(old)).unwrap();
    std::fs::write(kept.join("2.json"), format!("{{\"replays\":7,\"row\":{}}}", row(old))).unwrap();
    std::fs::write(kept.join("3.json"), row(now)).unwrap();
    std::fs::write(kept.join("4.json"), "damaged").unwrap();
    retain(dir.path(), &Retention::default(), Retain::Carefully).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["3.json", "4.json"]);
}

#[test]
fn it_is_the_same_in_postgres() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = keeping(dir.path());
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    let place = options.place();
    fill(options.clone());
    for statement in [older("events", 100, OLD), older("quarantine", 100, "true")] {
        postgres.sql("postgres", &format!("SET search_path TO telemetry; {statement}")).unwrap();
    }
    options.retention = Retention::default();
    options.retention.projects.insert("web".to_owned(), Some(Duration::from_secs(7 * 86_400)));
    let tracker = Tracker::with(options);
    let deadline = Instant::now() + Duration::from_secs(60);
    while ledger(place.clone()) != EXPIRED {
        assert!(Instant::now() < deadline, "{}", ledger(place.clone()));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(check(place.clone()).unwrap().is_sound());
    assert_eq!(report(place.clone()).unwrap().earlier[0].count, 4);
    let token = format!("Bearer {}", dashboard_token(dir.path()).unwrap());
    for path in ["/?range=365d", "/?range=all&by=month", "/?range=365d&by=day", "/commands?range=all&ci=no"] {
        let page = tracker.client().send("GET", path, &[("authorization", &token)], b"").unwrap();
        assert!(page.status == 200 && page.body.contains("are deleted"), "{path}: {page:?}");
    }
    tracker.client().post("/v1/track", br#"{"event":"e0","messageId":"new","anonymousId":"a0"}"#);
    tracker.stop();
    assert!(check(place.clone()).unwrap().is_sound());
    assert!(matches!(sql(place, "SELECT * FROM nothing", None), Err(Error::Question { .. })));
}

#[test]
fn what_was_counted_is_moved_with_the_tables() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    fill(keeping(dir.path()));
    execute(dir.path(), &older("events", 100, OLD));
    retain(dir.path(), &Retention::default(), Retain::Carefully).unwrap();
    let before = report(dir.path()).unwrap();
    let mut options = options(dir.path());
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    dlt_tracker::move_tables(dir.path(), &options.store).unwrap();
    let after = report(options.place()).unwrap();
    assert_eq!((after.ledger, after.earlier), (before.ledger, before.earlier));
    assert!(check(options.place()).unwrap().is_sound());
}
