//! Questions in SQL, while a tracker runs and when it is stopped.

use std::path::Path;

use dlt_engine::rows_of;
use dlt_testkit::Postgres;
use dlt_tracker::{Error, Place, StoreAddress, sql};
use serde_json::{Value, json};

use crate::tracker::{Tracker, options};

fn asked(place: impl Into<Place>, question: &str) -> Value {
    let batches = sql(place, question, None).unwrap();
    Vec::from_iter(batches.iter().flat_map(|batch| rows_of(batch).unwrap()).map(Value::Object)).into()
}

fn refused(place: impl Into<Place>, question: &str) -> String {
    match sql(place, question, None) {
        Err(Error::Question { message, advice, is_wrong: true }) => {
            format!("{message}\n{}", advice.unwrap_or_default())
        }
        other => panic!("{question}: {other:?}"),
    }
}

fn send(tracker: &Tracker) {
    for number in 0..6 {
        let event = json!({"event": format!("e{}", number % 2), "messageId": format!("m{number}"), "anonymousId": "a"});
        assert_eq!(tracker.client().post("/v1/track", event.to_string().as_bytes()).status, 200);
    }
}

const BY_EVENT: &str = "WITH named AS (SELECT event FROM telemetry.events) \
                        SELECT event, count(*) AS many FROM named GROUP BY event ORDER BY event";

#[test]
fn questions_are_answered_while_it_runs_and_when_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    assert!(
        matches!(sql(dir.path(), "SELECT 1", None), Err(Error::Question { message, .. }) if message.contains("no tables yet"))
    );
    send(&tracker);
    let found = json!([{"event": "e0", "many": 3}, {"event": "e1", "many": 3}]);
    assert_eq!(asked(dir.path(), BY_EVENT), found);
    let moment = asked(dir.path(), "SELECT max(received_at) AS at FROM events");
    assert!(moment[0]["at"].as_str().is_some_and(|at| at.starts_with("20")), "{moment}");
    assert_eq!(tracker.client().post("/sql.arrow", b"SELECT 1").status, 401);
    let some = sql(dir.path(), "FROM range(100000) AS numbers(number)", Some(10)).unwrap();
    assert_eq!(some.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10);
    let none = sql(dir.path(), "SELECT event FROM events WHERE false", None).unwrap();
    assert_eq!((none.len(), none[0].num_rows(), none[0].schema().field(0).name().as_str()), (1, 0, "event"));
    cannot_write(dir.path());
    let too_much = refused(dir.path(), "SELECT repeat('x', 1000) AS x FROM range(100000)");
    assert!(too_much.contains("64 MiB"), "{too_much}");
    tracker.stop();
    assert_eq!(asked(dir.path(), BY_EVENT), found);
    cannot_write(dir.path());
}

fn cannot_write(dir: &Path) {
    let csv = dir.join("secret.csv");
    std::fs::write(&csv, "secret\n1\n").unwrap();
    let (csv, out) = (csv.display().to_string(), dir.join("out.csv").display().to_string());
    for question in [
        "DELETE FROM events".to_owned(),
        "DROP TABLE events".to_owned(),
        "SELECT 1; DROP TABLE events".to_owned(),
        "SET threads = 1".to_owned(),
        "BEGIN".to_owned(),
        format!("COPY events TO '{out}'"),
        format!("ATTACH '{out}'"),
        "INSTALL httpfs".to_owned(),
        format!("SELECT * FROM read_csv('{csv}')"),
        format!("SELECT * FROM read_text('{csv}')"),
        format!("EXPLAIN ANALYZE SELECT * FROM read_csv('{csv}')"),
        format!("SELECT (SELECT content FROM read_blob('{csv}')) FROM events"),
        format!("SELECT * FROM events, '{csv}'"),
        format!("DESCRIBE '{csv}'"),
        format!("WITH \"{csv}\" AS (SELECT 1) SELECT * FROM (WITH x AS (SELECT 1) SELECT 1), '{csv}'"),
        format!("SELECT * FROM glob('{}/*')", dir.display()),
        format!("SELECT * FROM query('FROM ''{csv}''')"),
        format!("SELECT * FROM query_table('{csv}')"),
        "SELECT * FROM pragma_database_list".to_owned(),
        "SELECT * FROM duckdb_settings()".to_owned(),
        "SELECT * FROM evnts".to_owned(),
        " ".to_owned(),
    ] {
        let told = refused(dir, &question);
        assert!(!told.contains("secret\n1"), "{told}");
    }
    assert!(!Path::new(&out).exists());
    assert!(refused(dir, "SELECT * FROM evnts").contains("did you mean `events`?"));
    assert_eq!(asked(dir, "SELECT count(*) AS many FROM events"), json!([{"many": 6}]));
}

#[test]
fn tables_in_postgres_are_asked_in_a_transaction_that_only_reads() {
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    let place = options.place();
    let tracker = Tracker::with(options);
    send(&tracker);
    assert_eq!(asked(place.clone(), BY_EVENT), json!([{"event": "e0", "many": 3}, {"event": "e1", "many": 3}]));
    for question in [
        "DELETE FROM telemetry.events RETURNING event",
        "SELECT 1; DROP TABLE telemetry.events",
        "SELECT set_config('transaction_read_only', 'off', true), nextval('s')",
        "WITH gone AS (DELETE FROM telemetry.events RETURNING *) SELECT * FROM gone",
        "SELECT * FROM evnts",
    ] {
        assert!(matches!(sql(place.clone(), question, None), Err(Error::Question { .. })), "{question}");
    }
    assert_eq!(asked(place, "SELECT count(*) AS many FROM events"), json!([{"many": 6}]));
}
