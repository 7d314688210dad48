//! What everybody may see: groups of many, of whole weeks, and nothing that comes later.

use std::path::Path;

use dlt_engine::destination::{Access, Destination};
use dlt_testkit::Postgres;
use dlt_tracker::{Retain, Retention, ServeOptions, StoreAddress, add_key, check, forget, retain};
use serde_json::{Value, json};

use crate::tracker::{Client, Tracker, options};

const DAY: i64 = 86_400;

/// Noon of the Wednesday of the last week that is told, so many weeks back.
fn wednesday(back: i64) -> jiff::Timestamp {
    let today = jiff::Timestamp::now().as_second().div_euclid(DAY);
    let week = (today - 5).div_euclid(7) - back;
    jiff::Timestamp::from_second((week * 7 - 1) * DAY + DAY / 2).unwrap()
}

fn monday(back: i64) -> String {
    let monday = wednesday(back) - jiff::SignedDuration::from_hours(60);
    monday.to_string()[..10].to_owned()
}

fn event(id: &str, at: jiff::Timestamp, system: &str, version: &str) -> Value {
    json!({"type": "track", "event": "e", "anonymousId": id, "messageId": format!("{id} {at} {version}"), "timestamp": at.to_string(),
        "context": {"os": {"name": system}, "library": {"name": "dlt", "version": version}, "ci_run": false},
        "properties": {"destination_name": "duckdb"}})
}

fn send(client: &mut Client, events: &[Value]) {
    for batch in events.chunks(400) {
        let body = json!({ "batch": batch }).to_string();
        assert_eq!(client.post("/v1/batch", body.as_bytes()).status, 200);
    }
}

/// A population: 40 installs in the last week, 9 in the one before, 10 before that.
fn population() -> Vec<Value> {
    let mut events = Vec::new();
    for number in 0..25 {
        events.push(event(&format!("linux-{number}"), wednesday(0), "Linux", "1.0"));
    }
    // It was another version when the week began, and another system before the week.
    events.push(event("linux-0", wednesday(0) - jiff::SignedDuration::from_hours(24), "Haiku", "0.9"));
    events.push(event("linux-1", wednesday(1), "Haiku", "0.9"));
    for number in 0..12 {
        events.push(event(&format!("mac-{number}"), wednesday(0), "Darwin", "1.0"));
    }
    for number in 0..3 {
        events.push(event(&format!("windows-{number}"), wednesday(0), "Windows", "2.0-of-ada"));
    }
    events.extend((1..9).map(|number| event(&format!("few-{number}"), wednesday(1), "Linux", "1.0")));
    events.extend((0..10).map(|number| event(&format!("ten-{number}"), wednesday(2), "Linux", "1.0")));
    // Without an id it is nobody's, and of this week nothing is told yet.
    events.push(json!({"type": "track", "event": "e", "timestamp": wednesday(0).to_string()}));
    events.extend((0..50).map(|number| event(&format!("new-{number}"), jiff::Timestamp::now(), "Linux", "1.0")));
    events
}

fn expected() -> Value {
    let cut = |groups: &[(&str, u64)]| -> Value {
        groups.iter().map(|(name, ids)| json!({"name": name, "installs": ids})).collect()
    };
    json!({
        "project": "default", "least_ids": 10,
        "sections": {
            "latest": [{"installs": 40}],
            "active": [
                {"begins": monday(2), "installs": 10}, {"begins": monday(1), "installs": null}, {"begins": monday(0), "installs": 40},
            ],
            // The three with another version would be known by what is missing.
            "versions": [
                {"begins": monday(2), "version": "dlt 1.0", "installs": 10}, {"begins": monday(0), "version": "others", "installs": 40},
            ],
            "systems": cut(&[("Linux", 20), ("others", 10)]),
            "runtimes": cut(&[("not told", 40)]),
            "destinations": cut(&[("duckdb", 40)]),
            "ci": cut(&[("people", 40)]),
        },
    })
}

fn public(mut options: ServeOptions) -> ServeOptions {
    options.public.projects = vec!["default".to_owned()];
    options
}

fn page(tracker: &Tracker) -> Value {
    let answer = tracker.client().get("/public.json");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// `execute` runs a statement in the database of a stopped tracker.
fn told_is_only_what_may_be(options: ServeOptions, execute: &dyn Fn(&str)) {
    let (options, place) = (public(options.clone()), options.place());
    let tracker = Tracker::with(options.clone());
    assert_eq!(page(&tracker)["sections"], json!({}), "before there is anything");
    send(&mut tracker.client(), &population());
    // Of another project, which keeps them for a day.
    add_key(&place.data_dir, "web", None, Some("key-of-web")).unwrap();
    let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72)).to_string();
    let of_web = json!({"event": "e", "writeKey": "key-of-web", "timestamp": at}).to_string();
    assert_eq!(tracker.client().post("/v1/track", of_web.as_bytes()).status, 200);
    assert!(check(place.clone()).unwrap().is_sound());
    tracker.stop();
    // They arrived after the day on which the week could still change.
    let tracker = Tracker::with(options.clone());
    assert_eq!(page(&tracker)["sections"], json!({}));
    tracker.stop();

    execute("UPDATE telemetry.events SET received_at = timestamp + INTERVAL '1 hour'");
    let mut retention = Retention::default();
    retention.raw = None;
    retention.projects.insert("web".to_owned(), Some(std::time::Duration::from_secs(DAY.unsigned_abs())));
    assert_eq!(retain(place.clone(), &retention, Retain::Anyway).unwrap().events(), 1);
    let tracker = Tracker::with(options.clone());
    let told = page(&tracker);
    assert_eq!(told, expected(), "{told:#}");
    // What comes late changes nothing, whoever it is.
    let late: Vec<Value> =
        (0..30).map(|number| event(&format!("late-{number}"), wednesday(0), "Windows", "1.0")).collect();
    send(&mut tracker.client(), &late);
    assert!(check(place.clone()).unwrap().is_sound());
    tracker.stop();
    let tracker = Tracker::with(options);
    assert_eq!(page(&tracker), told);
    // One of 40 goes, and by no number can be told more than that there are fewer than 40.
    assert_eq!(forget(place, "mac-3").unwrap().events, 1);
    assert_eq!(page(&tracker), told, "once a day");
    tracker.stop();
}

#[test]
fn groups_of_a_few_are_in_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tracker.duckdb");
    told_is_only_what_may_be(options(dir.path()), &|sql| {
        let database = dlt_destination_duckdb::DuckDb::at(&file).unwrap();
        database.connect("telemetry", Access::Write).unwrap().query(sql, &mut |_, _| Ok(())).unwrap();
    });
    let postgres = Postgres::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.store = StoreAddress::parse(&postgres.url("postgres")).unwrap();
    told_is_only_what_may_be(options, &|sql| drop(postgres.sql("postgres", sql).unwrap()));
}

fn status(dir: &Path, projects: &[&str], path: &str) -> u16 {
    let mut options = options(dir);
    options.public.projects = projects.iter().map(|&name| name.to_owned()).collect();
    let tracker = Tracker::with(options);
    tracker.client().get(path).status
}

#[test]
fn a_page_is_there_for_those_projects_alone_that_have_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(status(dir.path(), &[], "/public"), 404);
    assert_eq!(status(dir.path(), &[], "/public.json"), 404);
    assert_eq!(status(dir.path(), &["web"], "/public"), 200);
    assert_eq!(status(dir.path(), &["web"], "/public/web.json"), 200);
    assert_eq!(status(dir.path(), &["web"], "/public/default"), 404);
    assert_eq!(status(dir.path(), &["web"], "/public/nobody.json"), 404);
    let tracker = Tracker::with(public(options(dir.path())));
    let answer = tracker.client().get("/public");
    assert!(answer.body.contains("Nothing to show yet") && !answer.body.contains("<script"), "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("script"), "{policy}");
    assert_eq!(answer.header("set-cookie"), None);
    // What is not public still needs the token.
    assert_eq!(tracker.client().get("/overview.json").status, 401);
}
