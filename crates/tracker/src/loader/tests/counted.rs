//! What is counted over a survey: it is what the tables have at that moment, whatever happened to them since it was read.

use super::pages::{Chance, random_event};
use super::*;
use crate::dashboard::{self, Filter, View};
use crate::survey::{Look, Surveyor};

/// All that is counted, and how many events were read for it.
fn counted(store: &dyn Store, surveyor: &Surveyor) -> (String, u64) {
    let ledger = crate::ledger::Ledger::default();
    let filter = Filter::parse("range=all").unwrap();
    let read = |look: &mut Look<'_>| {
        let mut all = format!("{:#?}", report::read(look, None)?);
        for view in View::ALL {
            let (page, offered) = dashboard::read(view, &filter, look, &ledger, true)?;
            all.push_str(&format!("\n{}\n{offered:?}", dashboard::json(&page)));
        }
        Ok((all, look.read_events()))
    };
    surveyor.ask(store, read).unwrap()
}

/// Counts with what is kept and with a survey that is read anew; returns how many events the kept one read.
fn compare(folder: &Folder, surveyor: &Surveyor, step: &str) -> u64 {
    let store = folder.store();
    let (anew, all) = counted(&*store, &Surveyor::default());
    assert_eq!(all, folder.rows("SELECT count(*) AS n FROM events")[0]["n"].as_u64().unwrap());
    let (found, read) = counted(&*store, surveyor);
    assert_eq!(found, anew, "{step}");
    read
}

pub(super) fn a_survey_is_what_the_tables_have(folder: &Folder) {
    let (mut chance, mut loader) = (Chance(11), folder.loader());
    let surveyor = Surveyor::default();
    let mut number = 0;
    let mut load = |loader: &mut Loader, count: usize| {
        let rows = Vec::from_iter((number..number + count).map(|number| random_event(&mut chance, number)));
        number += count;
        folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
        loader.catch_up().unwrap();
    };
    load(&mut loader, 300);
    assert_eq!(compare(folder, &surveyor, "the first"), 300);
    assert_eq!(compare(folder, &surveyor, "nothing new"), 0);
    // They happened at any time of the last months, before and between the others.
    load(&mut loader, 40);
    assert_eq!(compare(folder, &surveyor, "more"), 40, "only what is new is read");

    // Replayed: rows of the quarantine that become events.
    folder.append(Kind::Quarantine, &[r#"{"message_id":"q","reason":"undeclared_event"}"#]);
    let record = Replay::record(341, random_event(&mut chance_of(3), 5_000).as_bytes());
    folder.append(record.kind, &[std::str::from_utf8(&record.payload).unwrap()]);
    loader.catch_up().unwrap();
    assert_eq!(compare(folder, &surveyor, "a replay"), 1);

    // As many come as go.
    let of = |id: &str| {
        folder.rows(&format!("SELECT count(*) AS n FROM events WHERE anonymous_id = '{id}'"))[0]["n"].as_u64().unwrap()
    };
    let theirs = of("id7");
    assert!(theirs > 0);
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"id7","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    load(&mut loader, usize::try_from(theirs).unwrap());
    let loaded = loader.state.counts().loaded;
    assert_eq!(loaded, 341);
    assert_eq!(compare(folder, &surveyor, "a deletion"), loaded, "all are read anew");
    assert_eq!(compare(folder, &surveyor, "after a deletion"), 0);

    // For their age, by the time of their arrival.
    let old = random_event(&mut chance_of(4), 6_000).replace("\"received_at\":\"20", "\"received_at\":\"19");
    folder.append(Kind::Event, &[&old]);
    loader.catch_up().unwrap();
    assert_eq!(compare(folder, &surveyor, "an old one"), 1);
    loader.retain(Retain::Anyway).unwrap();
    load(&mut loader, 1);
    let counts = loader.state.counts();
    assert_eq!((counts.loaded, counts.expired_events), (loaded + 1, 1));
    assert_eq!(compare(folder, &surveyor, "retention"), loaded + 1);

    // By somebody's hand, which no count tells.
    folder.execute("DELETE FROM events WHERE anonymous_id = 'id9'");
    load(&mut loader, 5);
    compare(folder, &surveyor, "by hand");

    // The next process, which loads what others asked for, and one that others load beside.
    folder.end(loader);
    let mut next = folder.loader();
    load(&mut next, 20);
    assert_eq!(compare(folder, &surveyor, "another loader"), 20);
}

fn chance_of(seed: u64) -> Chance {
    Chance(seed)
}

#[test]
fn a_step_reads_what_is_new_and_a_rest_lets_go() {
    let folder = Folder::new(Database::DuckDb);
    let mut loader = folder.loader();
    let load = |loader: &mut Loader, from: usize, to: usize| {
        let ids = Vec::from_iter((from..to).map(|number| format!("m{number}")));
        folder.events(&Vec::from_iter(ids.iter().map(String::as_str)));
        loader.catch_up().unwrap();
    };
    let (store, surveyor) = (folder.store(), Surveyor::default());
    let ask = || surveyor.ask(&*store, |look| Ok((report::read(look, None)?.total, look.read_events()))).unwrap();
    load(&mut loader, 0, 3_000);
    assert_eq!(ask(), (3_000, 3_000));
    load(&mut loader, 3_000, 33_000);
    assert_eq!(ask(), (33_000, 30_000));
    assert_eq!(ask(), (33_000, 0));
    surveyor.rest();
    assert_eq!(ask(), (33_000, 0), "somebody has just asked");
    surveyor.wait_long();
    surveyor.rest();
    assert_eq!(ask(), (33_000, 33_000));
    // What is too much is not kept, whether in events or in bytes.
    for surveyor in [Surveyor::keeping(32_999, usize::MAX), Surveyor::keeping(u64::MAX, 1 << 20)] {
        for _ in 0..2 {
            let asked = surveyor.ask(&*store, |look| Ok((report::read(look, None)?.total, look.read_events())));
            assert_eq!(asked.unwrap(), (33_000, 33_000));
        }
    }
}

#[test]
fn two_trackers_of_one_database_count_the_same() {
    let folder = Folder::new(Database::Postgres);
    let mut loader = folder.loader();
    let address = folder.postgres.as_ref().map(|postgres| postgres.url("postgres")).unwrap();
    let address = dlt_postgres::Address::from_url(&address).unwrap();
    let other = SqlStore::postgres(&address, &folder.path("other work")).unwrap();
    let (here, there) = (Surveyor::default(), Surveyor::default());
    let mut chance = Chance(5);
    for (round, count) in [100, 1, 30].into_iter().enumerate() {
        let rows = Vec::from_iter((0..count).map(|number| random_event(&mut chance, round * 1000 + number)));
        folder.append(Kind::Event, &Vec::from_iter(rows.iter().map(String::as_str)));
        loader.catch_up().unwrap();
        let (one, other) = (counted(&*folder.store(), &here), counted(&other, &there));
        assert_eq!((one.1, other.1), (count as u64, count as u64));
        assert_eq!(one.0, other.0);
    }
    // It deletes, and the one here learns it by the tables alone.
    folder.append(Kind::Deletion, &[r#"{"anonymous_id":"id7","requested_at":"2026-03-01T12:00:00.000000Z"}"#]);
    loader.catch_up().unwrap();
    let left = loader.state.counts().loaded;
    let (one, other) = (counted(&*folder.store(), &here), counted(&other, &there));
    assert_eq!((one.1, other.1), (left, left));
    assert_eq!(one.0, other.0);
}
