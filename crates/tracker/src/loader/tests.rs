#![allow(clippy::unwrap_used)]

mod counted;
pub(super) mod folder;
mod pages;

use dlt_destination_filesystem::Filesystem;
use dlt_destination_filesystem::together::Together;
use dlt_engine::schema::KEY_WITHIN;
use dlt_engine::source::{ExtractContext, Resource, TableHints};
use dlt_engine::{Result, Source};

use super::*;
use crate::data_dir::DataDir;
use crate::retention::{Retain, Retention};
use crate::store::Counts;
use crate::store::schema::LOADS;
use crate::store::sql::SqlStore;

use counted::a_survey_is_what_the_tables_have;
use folder::{Database, Folder};
use pages::pages_count_as_plain_questions_do;

/// Each case is a test on every database.
macro_rules! on_every_database {
    ($($case:ident),+ $(,)?) => {
        mod duckdb {
            $(#[test] fn $case() { super::$case(&super::Folder::new(super::Database::DuckDb)); })+
        }
        mod postgres {
            $(#[test] fn $case() { super::$case(&super::Folder::new(super::Database::Postgres)); })+
        }
        mod files {
            $(#[test] fn $case() { super::$case(&super::Folder::new(super::Database::Files)); })+
        }
    };
}

on_every_database!(
    a_row_that_the_tables_refuse_is_put_aside_and_the_others_are_loaded,
    a_request_is_executed_though_the_database_was_removed_and_clears_refused_rows,
    what_came_again_is_written_down_once_and_a_lost_row_shows,
    what_is_in_the_tables_is_not_stored_again_whoever_put_it_there,
    a_report_is_read_beside_the_loader_and_tells_what_waits,
    what_is_not_found_is_kept_and_the_rest_goes_on,
    a_deleted_message_does_not_return_and_its_sender_can_prove_it,
    every_page_of_the_dashboard_can_be_asked,
    pages_count_as_plain_questions_do,
    a_survey_is_what_the_tables_have,
    a_quarantined_event_is_replayed_once_and_not_after_its_deletion,
    what_is_old_is_counted_and_goes_with_its_lists,
    what_goes_with_the_days_goes_and_a_leap_is_held_back,
    one_id_in_two_projects_is_two_events,
    rows_that_stood_together_and_go_for_two_reasons_go_and_the_others_stay,
    tables_of_the_version_before_take_one_id_in_two_projects,
);

fn a_row_that_the_tables_refuse_is_put_aside_and_the_others_are_loaded(folder: &Folder) {
    let rows: Vec<String> = (0..40)
        .map(|number| match number {
            17 => "{\"message_id\":\"broken\",\"event\":}".to_owned(),
            _ => format!("{{\"message_id\":\"m{number}\",\"event\":\"e\"}}"),
        })
        .collect();
    folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));

    let mut loader = folder.loader();
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts(), Counts { position: 40, loaded: 39, quarantined: 1, ..Counts::default() });
    assert_eq!(loader.state.refused.load(Ordering::Relaxed), 1);
    assert_eq!(loader.reader.as_ref().unwrap().position(), 40, "the next load reads on from there");
    assert!(loader.check().unwrap().is_sound());
    assert_eq!(std::fs::read_to_string(folder.path("refused/00000000000000000018.json")).unwrap(), rows[17]);
}

fn a_request_is_executed_though_the_database_was_removed_and_clears_refused_rows(folder: &Folder) {
    let refused = folder.path("refused");
    std::fs::create_dir_all(&refused).unwrap();
    for (name, id) in [("1.json", "ada"), ("2.json", "adam")] {
        std::fs::write(refused.join(name), format!("{{\"anonymous_id\":\"{id}\"}}")).unwrap();
    }
    let request = r#"{"anonymous_id":"ada","requested_at":"2026-03-01T12:00:00.000000Z"}"#;
    folder.append(Kind::Deletion, &[request]);
    folder.append(Kind::Event, &[r#"{"message_id":"m","event":"e","anonymous_id":"ada"}"#]);
    folder.append(Kind::Deletion, &[request]);

    let mut loader = folder.loader();
    loader.catch_up().unwrap();
    let expected = Counts { position: 3, deleted_events: 1, requests: 2, ..Counts::default() };
    assert_eq!(loader.state.counts(), expected);
    let check = loader.check().unwrap();
    assert!(check.is_sound(), "{check}");
    assert!(!refused.join("1.json").exists() && refused.join("2.json").exists());
}

fn what_came_again_is_written_down_once_and_a_lost_row_shows(folder: &Folder) {
    let mut loader = folder.loader();
    for ids in [&["a", "b"][..], &["b", "c", "c"], &["d"]] {
        folder.events(ids);
        loader.catch_up().unwrap();
    }
    assert_eq!(folder.deduplicated(), [Some(0), Some(2), Some(0)]);
    let counts = loader.state.counts();
    assert_eq!((counts.loaded, counts.deduplicated), (4, 2));
    assert!(loader.check().unwrap().is_sound());
    folder.end(loader);

    folder.execute("DELETE FROM events WHERE message_id = 'c'");
    let mut loader = folder.loader();
    let check = loader.check().unwrap();
    assert_eq!((check.ledger.deduplicated, check.ledger.unaccounted()), (2, 1));
    assert!(check.problems[0].starts_with("1 events that were loaded are not in the table any more"), "{check}");
    // They were looked for before: nothing of what is settled is read again.
    assert!(!folder.path("refused").exists());
    folder.events(&["e"]);
    assert_eq!(loader.report(None).unwrap().ledger.unaccounted(), 1);
}

fn what_is_in_the_tables_is_not_stored_again_whoever_put_it_there(folder: &Folder) {
    let held = |ids: &[&str]| {
        let rows = folder.rows("SELECT message_id AS id FROM events ORDER BY 1");
        assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    };
    let mut loader = folder.loader();
    let load = |loader: &mut Loader, ids: &[&str]| {
        folder.events(ids);
        loader.catch_up().unwrap();
    };
    load(&mut loader, &["a", "b", "b"]);
    load(&mut loader, &["b", "c"]);
    // What stands escaped in the row is the same id as in the table.
    load(&mut loader, &[r#"d\"e"#, "f"]);
    load(&mut loader, &["a", r#"d\"e"#, "g"]);
    held(&["a", "b", "c", "d\"e", "f", "g"]);
    let is_alone = matches!(folder.database, Database::DuckDb);
    assert_eq!(loader.known.is_some(), is_alone, "where others load, nobody knows all ids");
    assert!(loader.check().unwrap().is_sound());

    // The next process learns it from the tables.
    folder.end(loader);
    let mut loader = folder.loader();
    load(&mut loader, &["g", "h", "a"]);
    held(&["a", "b", "c", "d\"e", "f", "g", "h"]);
    assert!(loader.check().unwrap().is_sound());

    // Somebody's hand adds and deletes while the loader does not look.
    let mut left = vec!["b", "by hand", "d\"e", "f", "g", "h", "i"];
    match folder.database {
        // There, rows come and go whole.
        Database::Files => left.insert(2, "c"),
        _ => folder.execute("UPDATE events SET message_id = 'by hand' WHERE message_id = 'c'"),
    }
    folder.execute("DELETE FROM events WHERE message_id IN ('a', 'b')");
    load(&mut loader, &["by hand", "b", "h", "i"]);
    held(&left);
}

#[test]
fn rows_that_are_said_to_be_new_are_not_compared() {
    let folder = Folder::new(Database::DuckDb);
    folder.events(&["a", "b"]);
    folder.loader().catch_up().unwrap();
    let batch = folder.journal.reader(0).read(2, usize::MAX).unwrap();
    let store = folder.store();
    let rows = || JournalRows::new(&batch, &HashSet::new(), Timestamp::now());
    let count = || folder.rows("SELECT count(*) AS n FROM events")[0]["n"].as_u64();
    store.open(Access::Write).unwrap().append(rows()).unwrap();
    assert_eq!(count(), Some(2));
    store.open(Access::Write).unwrap().append(rows().all_new()).unwrap();
    assert_eq!(count(), Some(4), "the loader has to know it");
    store.open(Access::Write).unwrap().append(rows()).unwrap();
    assert_eq!(count(), Some(4), "it counts for one load");
}

#[test]
fn questions_give_back_what_they_took_of_memory_and_cores() {
    let folder = Folder::new(Database::DuckDb);
    folder.events(&["a"]);
    folder.loader().catch_up().unwrap();
    let store = folder.store();
    let mut loading = store.tables(Access::Write).unwrap();
    let mut limit = || {
        let sql = "SELECT current_setting('memory_limit') AS memory, current_setting('threads')::BIGINT AS threads";
        let row = loading.rows(sql).unwrap().remove(0);
        (row["memory"].as_str().unwrap().to_owned(), row["threads"].as_u64())
    };
    let before = limit();
    let mut first = store.tables(Access::Write).unwrap();
    first.hold_still().unwrap();
    let during = limit();
    assert_ne!(before, during);
    let mut second = store.tables(Access::Write).unwrap();
    second.make_room().unwrap();
    second.make_room().unwrap();
    drop(first);
    assert_eq!(limit(), during, "another question still needs it");
    drop(second);
    assert_eq!(limit(), before);
}

fn a_report_is_read_beside_the_loader_and_tells_what_waits(folder: &Folder) {
    let (store, surveyor) = (folder.store(), Surveyor::default());
    assert_eq!(report(&*store, &surveyor, &*folder.journal, None).unwrap().ledger, crate::ledger::Ledger::default());
    let mut loader = folder.loader();
    folder.events(&["a", "b"]);
    loader.catch_up().unwrap();
    folder.events(&["c", "d", "a"]);
    let found = report(&*store, &surveyor, &*folder.journal, None).unwrap();
    assert_eq!((found.total, found.ledger.in_journal, found.ledger.unaccounted()), (2, 3, 0));

    // Whatever is loaded meanwhile, its numbers are of one moment.
    let done = std::sync::atomic::AtomicBool::new(false);
    let total = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let is_last = done.load(Ordering::Relaxed);
                let found = report(&*store, &surveyor, &*folder.journal, None).unwrap();
                assert_eq!((found.ledger.unaccounted(), found.ledger.loaded), (0, found.total));
                if is_last {
                    break found.total;
                }
            }
        });
        for number in 0..12 {
            folder.events(&[&format!("x{number}"), "a", &format!("y{number}")]);
            loader.catch_up().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert_eq!(total, 28);
}

fn what_is_old_is_counted_and_goes_with_its_lists(folder: &Folder) {
    let mut loader = folder.loader();
    let now = Timestamp::now().as_microsecond();
    // Of one day it is not known when things happened.
    let row = |number: i64, days: i64| {
        let at = event::formatted(Timestamp::from_microsecond(now - days * crate::retention::DAY_MICROS).unwrap());
        format!(
            "{{\"message_id\":\"m{number}\",\"event\":\"e\",\"anonymous_id\":\"a{}\",{}\
             \"received_at\":\"{at}\",\"products\":[{{\"sku\":\"s{number}\"}},{{\"sku\":\"t\"}}]}}",
            number % 2,
            if days == 94 { String::new() } else { format!("\"timestamp\":\"{at}\",") },
        )
    };
    for days in [95, 94, 1, 0] {
        let rows: Vec<String> = (0..6).map(|number| row(days * 10 + number, days)).collect();
        folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
        loader.catch_up().unwrap();
    }
    // Of one day, in the file of another.
    folder.append(Kind::Event, &[&row(7, 0), &row(957, 95), &row(957, 95)]);
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"x","received_at":"2020-01-01T00:00:00Z"}"#]);
    loader.catch_up().unwrap();
    let before = Counts { position: 28, loaded: 26, quarantined: 1, deduplicated: 1, ..Counts::default() };
    assert_eq!(loader.state.counts(), before);
    let retained = loader.retain(Retain::Anyway).unwrap();
    assert_eq!((retained.events(), retained.quarantined(), retained.stay), (13, 1, 13));
    let after = Counts { loaded: 13, quarantined: 0, expired_events: 13, expired_quarantined: 1, ..before };
    assert_eq!(loader.state.counts(), after);
    let sound = |loader: &mut Loader| {
        let check = loader.check().unwrap();
        assert!(check.is_sound(), "{check}");
    };
    sound(&mut loader);
    let lists = "SELECT count(*) AS n, count(DISTINCT _dlt_root_id) AS roots FROM events__products";
    let counted = "SELECT (SELECT sum(events)::BIGINT FROM daily_events) AS n, (SELECT sum(installs)::BIGINT FROM daily_installs) AS roots";
    for (sql, expected) in [(lists, (26, 13)), (counted, (13, 4))] {
        let rows = folder.rows(sql);
        assert_eq!((rows[0]["n"].as_u64(), rows[0]["roots"].as_u64()), (Some(expected.0), Some(expected.1)), "{sql}");
    }
    folder.end(loader);
    let mut next = folder.loader();
    next.catch_up().unwrap();
    assert_eq!(next.state.counts(), after);
    sound(&mut next);
}

fn what_goes_with_the_days_goes_and_a_leap_is_held_back(folder: &Folder) {
    let mut loader = folder.loader();
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    let limit = |limit| Retention { raw: Some(days(limit)), ..Retention::default() };
    let arrived = |loader: &mut Loader, ago: u64| {
        let at = event::formatted(Timestamp::now() - days(ago));
        let row =
            |number: u64| format!("{{\"message_id\":\"{ago}-{number}\",\"event\":\"e\",\"received_at\":\"{at}\"}}");
        let rows: Vec<String> = (0..1100).map(row).collect();
        folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
        loader.catch_up().unwrap();
    };
    let held_back =
        |loader: &mut Loader| matches!(loader.retain(Retain::Carefully), Err(Error::WouldDeleteMost { .. }));
    loader.keep(limit(1));
    // A limit that is new.
    arrived(&mut loader, 40);
    assert!(held_back(&mut loader));
    assert_eq!(loader.retain(Retain::Preview).unwrap().events(), 1100);
    loader.keep(limit(38));
    // At each midnight most of it goes, from the first one on.
    assert_eq!(loader.retain(Retain::Carefully).unwrap().events(), 1100);
    loader.keep(limit(1));
    arrived(&mut loader, 9);
    // It was stopped for a week; and the last limit by which something went is a month ago.
    assert!(held_back(&mut loader));
    loader.keep(limit(8));
    assert_eq!(loader.retain(Retain::Carefully).unwrap().events(), 1100);
    loader.keep(limit(1));
    arrived(&mut loader, 10);
    assert_eq!(loader.retain(Retain::Carefully).unwrap().events(), 1100);
    // A limit before that knows of no run.
    loader.keep(limit(60));
    arrived(&mut loader, 100);
    assert!(held_back(&mut loader));
    assert_eq!(loader.retain(Retain::Anyway).unwrap().events(), 1100);
    assert!(loader.check().unwrap().is_sound());
}

#[test]
fn a_load_that_failed_is_not_completed_after_another_one_has_led() {
    let folder = Folder::new(Database::Postgres);
    let postgres = folder.postgres.as_ref().unwrap();
    let loader = |work: &str, options: &str| {
        let mut address = dlt_postgres::Address::from_url(&postgres.url("postgres")).unwrap();
        address.set("options", options).unwrap();
        let store = Arc::new(SqlStore::postgres(&address, &folder.path(work)).unwrap());
        let journal = Arc::clone(&folder.journal) as Arc<dyn Journal>;
        Loader::new(DataDir::new(folder.dir.path()), store, journal, Arc::default())
    };
    let (mut first, mut second) = (loader("work", "-c lock_timeout=100"), loader("other", ""));
    folder.events(&["a"]);
    first.catch_up().unwrap();
    folder.append(Kind::Event, &[r#"{"message_id":"b","event":"e","anonymous_id":"ada"}"#]);
    let address = dlt_postgres::Address::from_url(&postgres.url("postgres")).unwrap().completed(&|_| None).unwrap();
    let mut holds = dlt_postgres::Client::connect(&address).unwrap();
    holds.batch("hold the events", "BEGIN; LOCK TABLE telemetry.events IN EXCLUSIVE MODE").unwrap();
    first.catch_up().unwrap_err();
    drop(holds);
    assert!(folder.path("work").read_dir().unwrap().next().is_some(), "the load is not finished");
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"ada","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    second.catch_up().unwrap();
    // It follows, and writes something else.
    let object = crate::edge::EdgeObject { object: "s3://b/o".to_owned(), version: "1".to_owned(), lines: 0 };
    first.take(&crate::edge::Group { objects: vec![object], lines: Vec::new() }).unwrap();
    let left = folder.rows("SELECT message_id AS id FROM events");
    assert_eq!(left.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a"]);
    let check = second.check().unwrap();
    assert!(check.is_sound(), "{check}");
}

#[test]
fn small_files_become_few_and_no_row_is_lost() {
    let folder = Folder::new(Database::Files);
    let mut loader = folder.loader();
    for number in 0..40 {
        folder.events(&[&format!("m{number}"), &format!("m{}", number / 2)]);
        loader.catch_up().unwrap();
        loader.keep_up();
    }
    let files = |table: &str| {
        let place = Filesystem::at(folder.path("lake").to_str().unwrap()).unwrap();
        Together::open(&place, "telemetry", &folder.path("cache")).unwrap().files(table).unwrap().len()
    };
    assert!(files("events") < 24 && files(LOADS) < 30, "{} {}", files("events"), files(LOADS));
    // Who follows the logs of the tables is told which versions move rows, and which bring some.
    let versions = std::fs::read_dir(folder.path("lake/telemetry/events/_delta_log")).unwrap().flatten();
    let versions: Vec<String> = versions
        .filter(|file| file.path().extension().is_some_and(|ending| ending == "json"))
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect();
    let moves = |version: &&String| version.contains("OPTIMIZE");
    let changes = |version: &String| version.contains("\"dataChange\":true");
    assert!(versions.iter().filter(moves).count() > 0, "{versions:?}");
    assert!(versions.iter().all(|version| moves(&version) != changes(version)), "{versions:?}");
    let counts = loader.state.counts();
    assert_eq!((counts.loaded, counts.deduplicated), (40, 40));
    assert!(loader.check().unwrap().is_sound());
    folder.end(loader);
    // The next process finds the same, and who came before.
    let mut next = folder.loader();
    folder.events(&["m0", "m39", "new"]);
    next.catch_up().unwrap();
    assert_eq!(next.state.counts(), Counts { position: 83, loaded: 41, deduplicated: 42, ..counts });
    assert!(next.check().unwrap().is_sound());
}

#[test]
fn a_load_that_needs_more_memory_gets_it() {
    let folder = Folder::new(Database::DuckDb);
    folder.events(&["a"]);
    folder.loader().catch_up().unwrap();
    let ids: Vec<String> = (0..30_000).map(|number| format!("{number:090}")).collect();
    folder.events(&Vec::from_iter(ids.iter().map(String::as_str)));
    let mut loader = folder.loader_with_memory(12 << 20);
    let mut tables = loader.store.open(Access::Write).unwrap();
    let batch = folder.journal.reader(1).read(folder.journal.durable(), usize::MAX).unwrap();
    let failed = tables.append(JournalRows::new(&batch, &HashSet::new(), Timestamp::now()));
    assert!(failed.is_err_and(|error| error.kind() == ErrorKind::Destination), "so much fits into less");
    drop(tables);
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts().loaded, 30_001);
    assert!(loader.check().unwrap().is_sound());
}

fn what_is_not_found_is_kept_and_the_rest_goes_on(folder: &Folder) {
    let mut loader = folder.loader();
    folder.events(&["a", "b", "c"]);
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"no_event_name","bytes":2}"#]);
    loader.catch_up().unwrap();
    folder.end(loader);
    // A kill between the load and the search for it; and then somebody's hand.
    folder.execute(&format!("UPDATE {LOADS} SET deduplicated = NULL"));
    folder.execute("DELETE FROM quarantine");
    folder.execute("DELETE FROM events WHERE message_id = 'b'");
    for number in 0..20 {
        folder.events(&["c", &format!("more{number}")]);
    }

    let mut loader = folder.loader();
    let check = loader.check().unwrap();
    assert_eq!((check.ledger.deduplicated, check.ledger.unaccounted(), check.problems.len()), (20, 2, 3), "{check}");
    assert_eq!(loader.report(None).unwrap().ledger, check.ledger);
    let kept = |number: u64| std::fs::read_to_string(folder.path(&format!("refused/{number:020}.json"))).unwrap();
    assert_eq!(kept(2), r#"{"message_id":"b","event":"e"}"#);
    assert!(kept(4).contains("no_event_name"));
    assert_eq!(std::fs::read_dir(folder.path("refused")).unwrap().count(), 2);
    assert!(folder.segments() <= 2, "{} segments", folder.segments());
}

/// As a tracker of a version before wrote its tables: with other hints.
struct Before(JournalRows, fn(&mut TableHints));

impl Source for Before {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn is_replayable(&self) -> bool {
        true
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        let mut resources = self.0.resources(context)?;
        resources.iter_mut().for_each(|resource| self.1(&mut resource.hints));
        Ok(resources)
    }
}

fn load_as_before(folder: &Folder, after: u64, hints: fn(&mut TableHints)) {
    let batch = folder.journal.reader(after).read(folder.journal.durable(), usize::MAX).unwrap();
    let rows = JournalRows::new(&batch, &HashSet::new(), Timestamp::now());
    folder.store().pipeline.run(Before(rows, hints)).unwrap();
}

/// The first version did not write down duplicates.
fn without_duplicates(hints: &mut TableHints) {
    hints.columns.retain(|column| column.name != "deduplicated");
}

/// Message ids were unique in all of the table.
fn without_projects(hints: &mut TableHints) {
    for column in &mut hints.columns {
        column.hints.remove(KEY_WITHIN);
    }
}

#[test]
fn a_database_of_the_version_before_gains_what_its_loads_took() {
    let folder = Folder::new(Database::DuckDb);
    let mut loader = folder.loader();
    folder.events(&["a", "b", "a"]);
    load_as_before(&folder, 0, without_duplicates);
    // The first load was found in the tables and left the journal, the second not yet.
    folder.events(&["c"; 30]);
    folder.journal.release(3).unwrap();
    load_as_before(&folder, 3, without_duplicates);
    let store = folder.store();
    let mut tables = store.open(Access::Write).unwrap();
    assert!(!tables.are_current().unwrap());
    assert_eq!(tables.counts().unwrap().deduplicated, 30);
    drop(tables);

    let expected = Counts { position: 33, loaded: 3, deduplicated: 30, ..Counts::default() };
    loader.catch_up().unwrap();
    assert_eq!(loader.state.counts(), expected);
    assert_eq!(folder.deduplicated(), [Some(1), Some(29)]);
    assert!(loader.check().unwrap().is_sound());
    folder.events(&["d", "a"]);
    assert!(loader.check().unwrap().is_sound());
    assert_eq!(folder.deduplicated(), [Some(1), Some(29), Some(1)]);
}

fn a_deleted_message_does_not_return_and_its_sender_can_prove_it(folder: &Folder) {
    let mut loader = folder.loader();
    let event = |id: &str, message: &str| {
        let digest = "ab".repeat(32);
        let row = format!(
            "{{\"message_id\":\"{message}\",\"event\":\"e\",\"anonymous_id\":\"{id}\",\"body_digest\":\"{digest}\"}}"
        );
        folder.append(Kind::Event, &[&row]);
    };
    let claim = |id: &str, message: &str| {
        let proof = format!("[{{\"messageId\":\"{message}\",\"digest\":\"{}\"}}]", "AB".repeat(32));
        Claim::parse(format!("{{\"anonymousId\":\"{id}\",\"proof\":{proof}}}").as_bytes()).unwrap()
    };
    event("a'da", "m1");
    event("bob", "m2");
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"x","payload":"{\"anonymousId\":\"a'da\"}"}"#]);
    assert!(loader.prove(&claim("a'da", "m1")).unwrap());
    assert!(!loader.prove(&claim("a'da", "m2")).unwrap(), "it is of somebody else");
    let request = r#"{"anonymous_id":"a'da","requested_at":"2026-03-01T12:00:00.000000Z"}"#;
    folder.append(Kind::Deletion, &[request]);
    let forgotten = loader.forgotten(4).unwrap();
    assert_eq!((forgotten.events, forgotten.quarantined), (1, 1));
    assert!(loader.prove(&claim("a'da", "m1")).unwrap(), "who did not get the answer asks again");
    event("a'da", "m1");
    event("a'da", "m3");
    loader.catch_up().unwrap();
    let expected = Counts {
        position: 6,
        loaded: 2,
        deduplicated: 1,
        deleted_events: 1,
        deleted_quarantined: 1,
        requests: 1,
        ..Counts::default()
    };
    assert_eq!(loader.state.counts(), expected);
    let check = loader.check().unwrap();
    assert!(check.is_sound(), "{check}");
    // A process that took itself for the leader executes it once more, and nothing changes.
    let mut tables = loader.store.open(Access::Write).unwrap();
    let request = serde_json::from_str(request).unwrap();
    if folder.postgres.is_some() {
        tables.delete(&request, 4, "2026-03-01T12:00:00.000000Z").unwrap();
    }
    assert_eq!(tables.counts().unwrap(), expected);
}

/// Events of projects, or of the default one where the name is empty, each with a list that has one item: `project/id/of`, and `of` as
/// the id of who sent it.
fn append_of(folder: &Folder, events: &[(&str, &str, &str)]) {
    let row = |(project, id, of): &(&str, &str, &str)| {
        let named = if project.is_empty() { String::new() } else { format!(",\"project\":\"{project}\"") };
        let items = format!("\"products\":[{{\"sku\":\"{project}/{id}/{of}\",\"project\":\"none\"}}]");
        // As rows are written now, and as they were before.
        match of.len() % 2 {
            0 => format!("{{\"message_id\":\"{id}\"{named},\"event\":\"e\",\"anonymous_id\":\"{of}\",{items}}}"),
            _ => format!("{{\"message_id\":\"{id}\",\"event\":\"e\",\"anonymous_id\":\"{of}\"{named},{items}}}"),
        }
    };
    let rows: Vec<String> = events.iter().map(row).collect();
    folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
}

/// The items of all events, each found by its own event.
fn items_of(folder: &Folder) -> Vec<String> {
    let events = folder.rows("SELECT count(*) AS n, count(DISTINCT _dlt_id) AS ids FROM events");
    assert_eq!(events[0]["n"], events[0]["ids"], "rows have ids of their own");
    let rows = folder.rows(
        "SELECT sku, coalesce(event.project, '') || '/' || message_id || '/' || anonymous_id AS of_event FROM events AS event \
         JOIN events__products AS item ON item._dlt_root_id = event._dlt_id ORDER BY sku",
    );
    let all = folder.rows("SELECT count(*) AS n FROM events__products");
    assert_eq!(all[0]["n"].as_u64(), Some(rows.len() as u64), "each item has one event");
    assert!(rows.iter().all(|row| row["sku"] == row["of_event"]), "{rows:?}");
    rows.iter().map(|row| row["sku"].as_str().unwrap().to_owned()).collect()
}

fn one_id_in_two_projects_is_two_events(folder: &Folder) {
    let sound = |loader: &mut Loader| {
        let check = loader.check().unwrap();
        assert!(check.is_sound(), "{check}");
    };
    let mut loader = folder.loader();
    // Within one load.
    append_of(
        folder,
        &[("", "m", "ada"), ("web", "m", "bob"), ("web", "m", "eve"), ("", "m", "eve"), ("app", "m", "cleo")],
    );
    loader.catch_up().unwrap();
    assert_eq!(items_of(folder), ["/m/ada", "app/m/cleo", "web/m/bob"]);
    // In a later one; and by the next process.
    append_of(folder, &[("web", "m", "eve"), ("", "n", "adam"), ("shop", "m", "dan")]);
    loader.catch_up().unwrap();
    folder.end(loader);
    let mut loader = folder.loader();
    append_of(folder, &[("shop", "m", "eve"), ("web", "n", "bob"), ("", "m", "eve"), ("", "n", "eve")]);
    folder.events(&["of nobody"]);
    loader.catch_up().unwrap();
    let all = ["/m/ada", "/n/adam", "app/m/cleo", "shop/m/dan", "web/m/bob", "web/n/bob"];
    assert_eq!(
        (items_of(folder), folder.deduplicated()),
        (all.map(str::to_owned).to_vec(), vec![Some(2), Some(1), Some(3)])
    );
    assert_eq!(loader.known.is_some(), matches!(folder.database, Database::DuckDb));
    sound(&mut loader);

    // One of them is deleted: with its items, and it alone does not come back.
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"bob","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    append_of(folder, &[("web", "m", "bob"), ("app", "n", "cleo"), ("", "m", "ada"), ("site", "m", "finn")]);
    loader.catch_up().unwrap();
    let left = ["/m/ada", "/n/adam", "app/m/cleo", "app/n/cleo", "shop/m/dan", "site/m/finn"];
    assert_eq!((items_of(folder), folder.deduplicated().pop()), (left.map(str::to_owned).to_vec(), Some(Some(2))));
    assert_eq!(loader.state.counts().deleted_events, 2);
    assert_eq!(folder.rows("SELECT event FROM events WHERE message_id = 'of nobody'").len(), 1, "it has no id");
    sound(&mut loader);

    // A quarantined event of one project is replayed though another one has its id.
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"undeclared_event","project":"late"}"#]);
    let aside = folder.journal.durable();
    for project in ["late", "app", "web"] {
        let row = format!("{{\"message_id\":\"m\",\"project\":\"{project}\",\"event\":\"e\",\"anonymous_id\":\"a\"}}");
        let record = Replay::record(aside, row.as_bytes());
        folder.append(record.kind, &[std::str::from_utf8(&record.payload).unwrap()]);
    }
    loader.catch_up().unwrap();
    let replayed = folder.rows("SELECT project FROM events WHERE anonymous_id = 'a'");
    assert_eq!(replayed.iter().map(|row| row["project"].as_str()).collect::<Vec<_>>(), [Some("late")]);
    sound(&mut loader);
    // It is there; in a hand's copy it would be there twice.
    if !matches!(folder.database, Database::Files) {
        if matches!(folder.database, Database::Postgres) {
            folder.execute("DROP INDEX events_message_project");
        }
        folder.execute("UPDATE events SET project = NULL WHERE project = 'app'");
        let check = loader.check().unwrap();
        assert!(check.problems.contains(&"2 events are in the table more than once".to_owned()), "{check}");
    }
}

/// In files, the file that holds them is written anew twice in one change.
fn rows_that_stood_together_and_go_for_two_reasons_go_and_the_others_stay(folder: &Folder) {
    let mut loader = folder.loader();
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"undeclared_event"}"#]);
    let record = Replay::record(1, br#"{"message_id":"m","event":"e"}"#);
    folder.append(record.kind, &[std::str::from_utf8(&record.payload).unwrap()]);
    loader.catch_up().unwrap();
    // As a killed process left them: one of them is replayed already.
    folder.execute(
        "INSERT INTO quarantine (message_id, anonymous_id, reason, journal_seq, _dlt_load_id, _dlt_id) \
         VALUES ('q', NULL, 'x', 1, 'l', '1'), ('of ada', 'ada', 'x', 100, 'l', '2'), ('stays', NULL, 'x', 101, 'l', '3')",
    );
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"ada","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    loader.catch_up().unwrap();
    let left = || {
        let rows = folder.rows("SELECT message_id AS id FROM quarantine");
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(left(), ["stays"]);
    folder.end(loader);
    assert_eq!(left(), ["stays"], "the next process finds the same");
}

fn tables_of_the_version_before_take_one_id_in_two_projects(folder: &Folder) {
    append_of(folder, &[("web", "a", "bob"), ("", "b", "ada"), ("web", "gone", "cleo")]);
    load_as_before(folder, 0, without_projects);
    let mut loader = folder.loader();
    if folder.postgres.is_some() {
        folder.execute("CREATE UNIQUE INDEX events_message_id ON events (message_id)");
        folder.execute("CREATE INDEX journal_loads_first_seq ON journal_loads (first_seq)");
    }
    assert_eq!(items_of(folder), ["/b/ada", "web/a/bob", "web/gone/cleo"]);
    loader.catch_up().unwrap();
    // Tombstones were of ids alone.
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"cleo","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    loader.catch_up().unwrap();
    let hash = folder.store().tables(Access::Read).unwrap().dialect().sha256("'gone'");
    folder.execute(&format!("UPDATE deleted_messages SET message_hash = {hash}"));
    folder.end(loader);

    let mut loader = folder.loader();
    append_of(
        folder,
        &[("", "a", "ada"), ("web", "a", "eve"), ("web", "b", "bob"), ("", "b", "eve"), ("", "c", "ada")],
    );
    append_of(folder, &[("", "gone", "eve"), ("web", "gone", "eve"), ("web", "c", "bob")]);
    loader.catch_up().unwrap();
    assert_eq!(items_of(folder), ["/a/ada", "/b/ada", "/c/ada", "web/a/bob", "web/b/bob", "web/c/bob"]);
    let check = loader.check().unwrap();
    assert!(check.is_sound() && check.ledger.deduplicated == 4, "{check}");
    if folder.postgres.is_some() {
        let indexes = folder.rows("SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE 'events_message%'");
        assert_eq!(
            indexes.iter().map(|row| row["name"].as_str()).collect::<Vec<_>>(),
            [Some("events_message_project")]
        );
    }
    // What is of both versions goes by itself.
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"bob","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    loader.catch_up().unwrap();
    assert_eq!(items_of(folder), ["/a/ada", "/b/ada", "/c/ada"]);
    assert!(loader.check().unwrap().is_sound());
    // An event that was stored though its tombstone is one of that version is told.
    folder.execute(&match folder.database {
        Database::Files => format!("UPDATE deleted_messages SET message_hash = {}", hash.replace("gone", "c")),
        _ => "UPDATE events SET message_id = 'gone' WHERE message_id = 'c'".to_owned(),
    });
    let check = loader.check().unwrap();
    assert!(
        check.problems.iter().any(|problem| problem.starts_with("1 deleted events were stored once more")),
        "{check}"
    );
}

fn every_page_of_the_dashboard_can_be_asked(folder: &Folder) {
    let mut loader = folder.loader();
    for number in 0..40 {
        let row = format!(
            "{{\"message_id\":\"m{number}\",\"event\":\"e{}\",\"anonymous_id\":\"i{}\",\"timestamp\":\"{}\",\
             \"received_at\":\"2026-03-01T12:00:00Z\",\"library_name\":\"dlt\",\"library_version\":\"1.{}\",\"ci_run\":{},\
             \"exec_info\":\"{}\",\"client_dropped\":\"{{\\\"full\\\":{number},\\\"old\\\":18446744073709551615}}\",\
             \"success\":{},\"elapsed\":{number}.5,\"properties\":\"{{\\\"source_name\\\":\\\"files\\\"}}\",\
             \"destination_type\":\"dlt.duckdb\",\"cpu\":{number}}}",
            number % 3,
            number % 7,
            ["2026-01-31T23:59:59.5Z", "1969-12-31T00:00:00Z", "2024-02-29T12:00:00Z"][number % 3],
            number % 4,
            number % 2 == 0,
            ["docker", "", "colab,docker"][number % 3],
            number % 5 != 0,
        );
        folder.append(Kind::Event, &[&row]);
    }
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"no_event_name","bytes":2}"#]);
    loader.catch_up().unwrap();
    let mut pages = Vec::new();
    let (ledger, surveyor) = (loader.state.ledger(&*folder.journal), Surveyor::default());
    for query in ["range=all", "range=all&by=day&ci=no", "range=all&by=month&library=dlt&event=e1", "range=30d"] {
        let filter = crate::dashboard::Filter::parse(query).unwrap();
        for view in crate::dashboard::View::ALL {
            let read = surveyor.ask(&*loader.store, |look| crate::dashboard::read(view, &filter, look, &ledger, false));
            let (page, _) = read.unwrap();
            pages.push(format!("{query}: {}", crate::dashboard::json(&page)));
        }
    }
    // The same snapshot for every database: whatever holds the tables, the pages show the same.
    insta::with_settings!({prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("pages_of_every_database", pages.join("\n"));
    });
    let found = loader.report(None).unwrap();
    let shares = (found.total, found.active_ids, found.ci_share, found.container_share);
    assert_eq!(shares, (40, 7, Some(0.5), Some(27.0 / 40.0)));
    assert_eq!(found.last_event.as_deref(), Some("2026-01-31T23:59:59Z"));
    assert_eq!((found.events[0].success_share, found.events[0].p50_seconds), (Some(11.0 / 14.0), Some(20.0)));
    assert!(found.destinations.iter().all(|share| share.share > 0.0));
}

fn a_quarantined_event_is_replayed_once_and_not_after_its_deletion(folder: &Folder) {
    let mut loader = folder.loader();
    let aside = |id: &str, message: &str| {
        let payload = format!("{{\\\"anonymousId\\\":\\\"{id}\\\"}}");
        let row = format!(
            "{{\"message_id\":\"q-{message}\",\"anonymous_id\":\"{id}\",\"reason\":\"undeclared_event\",\"payload\":\"{payload}\"}}"
        );
        folder.append(Kind::Quarantine, &[&row]);
    };
    let replay = |of: u64, id: &str, message: &str| {
        let row = format!("{{\"message_id\":\"{message}\",\"event\":\"e\",\"anonymous_id\":\"{id}\"}}");
        let record = Replay::record(of, row.as_bytes());
        folder.append(record.kind, &[std::str::from_utf8(&record.payload).unwrap()]);
    };
    let sound = |loader: &mut Loader| {
        let check = loader.check().unwrap();
        assert!(check.is_sound(), "{check}");
    };
    for (number, id) in ["ada", "bob", "cleo", "dan"].iter().enumerate() {
        aside(id, &format!("m{}", number + 1));
    }
    loader.catch_up().unwrap();
    sound(&mut loader);
    // Twice in one load, and once more in a later one by the next process.
    replay(1, "ada", "m1");
    replay(1, "ada", "m1");
    folder.events(&["m3"]);
    loader.catch_up().unwrap();
    let mut counts =
        Counts { position: 7, loaded: 2, quarantined: 3, deduplicated: 1, replayed: 1, ..Counts::default() };
    assert_eq!(loader.state.counts(), counts);
    // One process leads at a time.
    folder.end(loader);
    let mut loader = folder.loader();
    replay(1, "ada", "m1");
    // Of a message that was stored by another way meanwhile nothing is doubled.
    replay(3, "cleo", "m3");
    loader.catch_up().unwrap();
    counts = Counts { position: 9, quarantined: 2, deduplicated: 3, replayed: 2, ..counts };
    assert_eq!(loader.state.counts(), counts);
    sound(&mut loader);
    // A deletion before the replay keeps it out, a deletion behind it deletes what it stored.
    let request = |id: &str| format!("{{\"anonymous_id\":\"{id}\",\"requested_at\":\"2026-03-01T12:00:00.000000Z\"}}");
    folder.append(Kind::Deletion, &[&request("bob")]);
    replay(2, "bob", "m2");
    replay(4, "dan", "m4");
    folder.append(Kind::Deletion, &[&request("dan")]);
    loader.catch_up().unwrap();
    let deleted = Counts { deleted_events: 1, deleted_quarantined: 1, requests: 2, ..counts };
    assert_eq!(loader.state.counts(), Counts { position: 13, quarantined: 0, deduplicated: 4, replayed: 3, ..deleted });
    sound(&mut loader);
    assert!(!folder.path("refused").exists(), "no copy is kept of what was deleted");
    // What a killed process had not deleted from the quarantine any more counts once.
    folder.execute("INSERT INTO quarantine (message_id, reason, journal_seq, _dlt_load_id, _dlt_id) VALUES ('q', 'x', 1, 'l', 'i')");
    let before = loader.state.counts();
    folder.end(loader);
    let mut next = folder.loader();
    next.catch_up().unwrap();
    assert_eq!(next.state.counts(), before);
    assert_eq!(folder.rows("SELECT journal_seq FROM quarantine").len(), 0);
    sound(&mut next);
}
