//! Projects over HTTP: which one a key leads to, what settings refuse, and what the filters show.

use base64::Engine as _;
use dlt_tracker::{Error, UnknownKey, add_key, check, dashboard_token, keys, report, report_of, revoke_key};
use serde_json::json;

use crate::tracker::{Client, Tracker, options, sql};

fn basic(user: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
}

fn send(client: &mut Client, path: &str, key: Option<&str>, body: &serde_json::Value) -> (u16, String) {
    let key = key.map(basic);
    let headers: Vec<(&str, &str)> = key.iter().map(|key| ("authorization", key.as_str())).collect();
    let answer = client.send("POST", path, &headers, body.to_string().as_bytes()).unwrap();
    let code =
        if answer.status == 204 { String::new() } else { answer.json()["code"].as_str().unwrap_or("").to_owned() };
    (answer.status, code)
}

#[test]
fn a_key_leads_to_its_project_wherever_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let web = add_key(dir.path(), "web", Some("the site"), None).unwrap().secret;
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    // One that is added while it runs counts at once.
    let app = add_key(dir.path(), "app", None, Some("a-key-of-old")).unwrap().secret;
    let event = |id: &str| json!({"event": "e", "messageId": id, "anonymousId": "a"});
    let with_key = |id: &str, key: &str| json!({"event": "e", "messageId": id, "anonymousId": "a", "writeKey": key});

    assert_eq!(send(client, "/v1/track", Some(&format!("{web}:")), &event("web-1")).0, 200);
    assert_eq!(send(client, "/v1/track", Some(&web), &event("web-2")).0, 200, "without a colon");
    assert_eq!(send(client, "/v1/track", None, &with_key("web-3", &web)).0, 200);
    let batch = json!({"batch": [event("app-1"), 7], "writeKey": app});
    assert_eq!(send(client, "/v1/batch", None, &batch).0, 200);
    assert_eq!(send(client, "/", Some(&app), &event("app-2")).0, 204);
    // A proxy's own user stands in front of the key of the body.
    assert_eq!(send(client, "/v1/track", Some("proxy:password"), &with_key("app-3", &app)).0, 200);
    // Everything else belongs to the default project.
    for (number, key) in [None, Some("another-key"), Some(":"), Some("\u{0}")].into_iter().enumerate() {
        assert_eq!(send(client, "/v1/track", key, &event(&format!("none-{number}"))).0, 200);
    }
    for (number, key) in [json!(7), json!(null), json!(""), json!([web])].into_iter().enumerate() {
        let body = json!({"event": "e", "messageId": format!("none-1{number}"), "writeKey": key});
        assert_eq!(send(client, "/v1/track", None, &body).0, 200);
    }
    assert!(check(dir.path()).unwrap().is_sound());
    tracker.stop();

    let of = |table: &str| {
        let rows =
            sql(dir.path(), &format!("SELECT project, count(*) AS n FROM {table} GROUP BY 1 ORDER BY 1 NULLS LAST"));
        json!(rows)
    };
    let expected = json!([{"project": "app", "n": 3}, {"project": "web", "n": 3}, {"project": null, "n": 8}]);
    assert_eq!(of("events"), expected);
    assert_eq!(of("quarantine"), json!([{"project": "app", "n": 1}]));
    let misplaced = "SELECT message_id FROM events WHERE split_part(message_id, '-', 1) <> coalesce(project, 'none')";
    assert_eq!(sql(dir.path(), misplaced), []);
    // No key is anywhere in the folder.
    for secret in [&web, &app] {
        let found = std::process::Command::new("grep").args(["-rlF", secret]).arg(dir.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    }
}

#[test]
fn one_message_id_in_two_projects_is_two_events() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let web = add_key(dir.path(), "web", None, None).unwrap().secret;
    let app = add_key(dir.path(), "app", None, None).unwrap().secret;
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    let mut both = |id: &str, of: &str| {
        for key in [None, Some(&*web), Some(&*app)] {
            let event = json!({"event": "e", "messageId": id, "anonymousId": of, "writeKey": key});
            assert_eq!(send(client, "/v1/track", None, &event).0, 200);
        }
    };
    both("m1", "ada");
    both("m1", "ada");
    both("m2", "bob");
    let found = check(dir.path()).unwrap();
    assert!(found.is_sound() && (found.ledger.loaded, found.ledger.deduplicated) == (6, 3), "{found}");
    for project in ["default", "web", "app"] {
        assert_eq!(report_of(dir.path(), project).unwrap().total, 2, "{project}");
    }
    assert_eq!(dlt_tracker::forget(dir.path(), "bob").unwrap().events, 3, "in all projects");
    both("m2", "bob");
    let copy = kept.path().join("copy");
    dlt_tracker::backup(dir.path(), &copy).unwrap();
    tracker.stop();
    // So it is in a copy.
    let again = kept.path().join("again");
    assert!(dlt_tracker::restore(&copy, &again).unwrap().unwrap().is_sound());
    let tracker = Tracker::start(&again);
    let late = add_key(&again, "late", None, None).unwrap().secret;
    for (key, id) in [(&web, "m1"), (&web, "m2"), (&late, "m1")] {
        let event = json!({"event": "e", "messageId": id, "anonymousId": "eve", "writeKey": key});
        assert_eq!(send(&mut tracker.client(), "/v1/track", None, &event).0, 200);
    }
    let found = check(&again).unwrap();
    assert!(found.is_sound() && (found.ledger.loaded, found.ledger.deduplicated) == (4, 8), "{found}");
    tracker.stop();
}

#[test]
fn settings_refuse_what_has_no_key_and_revoked_keys_never_count() {
    let dir = tempfile::tempdir().unwrap();
    let web = add_key(dir.path(), "web", None, None).unwrap();
    let gone = add_key(dir.path(), "web", None, None).unwrap();
    revoke_key(dir.path(), &gone.key.id).unwrap();
    let mut options = options(dir.path());
    options.unknown_key = UnknownKey::Refuse;
    let tracker = Tracker::with(options);
    let client = &mut tracker.client();
    let event = json!({"event": "e"});
    for path in ["/", "/v1/track"] {
        assert_eq!(send(client, path, None, &event), (400, "missing_key".into()));
        assert_eq!(send(client, path, Some("another-key:"), &event), (400, "unknown_key".into()));
        assert_eq!(send(client, path, Some(&gone.secret), &event), (400, "revoked_key".into()));
    }
    // A revoked one does not hide a good one.
    let both = json!({"event": "e", "writeKey": web.secret});
    assert_eq!(send(client, "/", Some(&gone.secret), &both).0, 204);
    // What can be no request is told as that.
    assert_eq!(send(client, "/v1/batch", None, &event), (400, "no_batch".into()));
    let metrics = client.get("/metrics").body;
    for line in [
        "dlt_tracker_refused_keys_total{reason=\"missing_key\"} 2",
        "dlt_tracker_refused_keys_total{reason=\"unknown_key\"} 2",
        "dlt_tracker_refused_keys_total{reason=\"revoked_key\"} 2",
        "dlt_tracker_requests_total{outcome=\"refused\"} 7",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    tracker.stop();
    assert_eq!(check(dir.path()).unwrap().ledger.accepted, 1);

    // Also where keys that are not known are taken.
    let tracker = Tracker::start(dir.path());
    assert_eq!(send(&mut tracker.client(), "/", Some(&gone.secret), &event), (400, "revoked_key".into()));
    tracker.stop();
    let shown = keys(dir.path()).unwrap();
    assert_eq!(shown.len(), 2);
    assert!(matches!(keys(dir.path().join("no")), Err(Error::NoData { .. })));
}

#[test]
fn report_and_pages_show_one_project_or_all() {
    let dir = tempfile::tempdir().unwrap();
    let web = add_key(dir.path(), "web", None, None).unwrap().secret;
    add_key(dir.path(), "quiet", None, None).unwrap();
    let token = dashboard_token(dir.path()).unwrap();
    let tracker = Tracker::start(dir.path());
    let client = &mut tracker.client();
    for number in 0..5 {
        let event = json!({"event": if number < 2 { "seen" } else { "bought" }, "anonymousId": format!("a{number}")});
        assert_eq!(send(client, "/", (number < 2).then_some(web.as_str()), &event).0, 204);
    }
    assert_eq!(send(client, "/v1/track", Some(&web), &json!({"event": ""})).0, 200);

    let totals = |report: dlt_tracker::Report| (report.total, report.active_ids, report.quarantine.len());
    assert_eq!(totals(report(dir.path()).unwrap()), (5, 5, 1));
    assert_eq!(totals(report_of(dir.path(), "web").unwrap()), (2, 2, 1));
    assert_eq!(totals(report_of(dir.path(), "default").unwrap()), (3, 3, 0));
    assert_eq!(totals(report_of(dir.path(), "quiet").unwrap()), (0, 0, 0));
    let Err(Error::NoProject { known, .. }) = report_of(dir.path(), "wbe") else { panic!("there is none") };
    assert_eq!(known, ["default", "quiet", "web"]);
    let text = report(dir.path()).unwrap().to_string();
    assert!(text.contains("PROJECT") && text.contains("web"), "{text}");

    let bearer = format!("Bearer {token}");
    let mut page = |path: &str| client.send("GET", path, &[("authorization", &bearer)], b"").unwrap().body;
    let count = |json: &str, id: &str| {
        let page: serde_json::Value = serde_json::from_str(json).unwrap();
        page["sections"][id].clone()
    };
    let of = |page: &str| count(page, "events").to_string();
    assert!(of(&page("/commands.json?project=web")).contains("seen"));
    assert!(!of(&page("/commands.json?project=web")).contains("bought"));
    assert!(!of(&page("/commands.json?project=default")).contains("seen"));
    assert!(of(&page("/commands.json")).contains("seen") && of(&page("/commands.json")).contains("bought"));
    assert_eq!(count(&page("/quarantine.json?project=default"), "reasons"), json!([]));
    assert_eq!(count(&page("/quarantine.json?project=web"), "reasons").as_array().unwrap().len(), 1);
    let shown = page("/?project=web");
    assert!(shown.contains("<option value=\"web\" selected>") && shown.contains("id=\"projects\""), "{shown}");
    assert!(page("/commands?project=web").contains("/versions?project=web"), "links keep the project");
    tracker.stop();
}

#[test]
fn several_receivers_get_the_same_keys_and_contracts() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let web = dlt_tracker::add_key(one.path(), "web", None, None).unwrap();
    let old = dlt_tracker::add_key(one.path(), "app", None, None).unwrap();
    std::fs::create_dir(one.path().join("contracts")).unwrap();
    std::fs::write(one.path().join("contracts/web.toml"), "[events.signed_up]\n").unwrap();
    let file = one.path().join("projects.json");
    let export = || std::fs::write(&file, dlt_tracker::export_projects(one.path()).unwrap()).unwrap();
    export();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&web.secret) && text.contains("signed_up"), "{text}");

    let here = dlt_tracker::add_key(other.path(), "site", None, None).unwrap();
    std::fs::create_dir(other.path().join("contracts")).unwrap();
    std::fs::write(other.path().join("contracts/site.toml"), "[events.seen]\n").unwrap();
    let mut strict = options(other.path());
    strict.unknown_key = dlt_tracker::UnknownKey::Refuse;
    let tracker = Tracker::with(strict);
    let send = |key: &str| {
        let event = format!(r#"{{"event":"left","writeKey":"{key}"}}"#);
        tracker.client().post("/v1/track", event.as_bytes()).status
    };
    assert_eq!((send(&web.secret), send(&here.key.id)), (400, 400));
    let taken = dlt_tracker::import_projects(other.path(), &file).unwrap();
    assert_eq!((taken.new_keys, taken.revoked_keys), (2, 0));
    assert_eq!((taken.contracts, taken.only_keys), (vec!["web".to_owned()], vec![here.key.id.clone()]));
    assert_eq!(taken.only_contracts, ["site"]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while send(&web.secret) != 200 {
        assert!(std::time::Instant::now() < until, "it does not know the key");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // By its contract the event is none of the project.
    assert_eq!((send(&old.secret), send(&here.secret)), (200, 200));
    // Neither is the one of `site`, by a contract that is here alone.
    let found = dlt_tracker::report(other.path()).unwrap();
    assert_eq!(found.quarantine.iter().map(|reason| reason.count).sum::<u64>(), 2, "{found:?}");

    dlt_tracker::revoke_key(one.path(), &old.key.id).unwrap();
    export();
    let taken = dlt_tracker::import_projects(other.path(), &file).unwrap();
    assert_eq!((taken.new_keys, taken.revoked_keys, taken.contracts.len()), (0, 1, 0));
    // It does not come back by a file that is older.
    std::fs::write(&file, text).unwrap();
    dlt_tracker::import_projects(other.path(), &file).unwrap();
    let keys = dlt_tracker::keys(other.path()).unwrap();
    assert!(keys.iter().any(|key| key.id == old.key.id && key.revoked.is_some()), "{keys:?}");
    tracker.stop();
}

#[test]
fn of_a_file_that_is_wrong_nothing_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("projects.json");
    let key = r#"{"id":"12345678","project":"web","created":"2026-01-01T00:00:00Z","hash":"12345678abc"}"#;
    for (text, told) in [
        ("nothing".to_owned(), "it is no file of"),
        (r#"{"version":2,"keys":[],"contracts":{}}"#.to_owned(), "version 2"),
        (format!(r#"{{"version":1,"keys":[{key}],"contracts":{{"web":"[event.a]"}}}}"#), "contract"),
        (format!(r#"{{"version":1,"keys":[{key}],"contracts":{{"../web":""}}}}"#), "can't be the name of a project"),
        (format!(r#"{{"version":1,"keys":[{key}],"contracts":{{}},"more":1}}"#), "more"),
        (
            format!(r#"{{"version":1,"keys":[{}],"contracts":{{}}}}"#, key.replace("web", "We b")),
            "can't be the name of a project",
        ),
    ] {
        std::fs::write(&file, &text).unwrap();
        let data = dir.path().join("data");
        let refused = dlt_tracker::import_projects(&data, &file).unwrap_err();
        assert!(refused.to_string().contains(told), "{text}: {refused}");
        assert!(dlt_tracker::keys(&data).unwrap().is_empty() && !data.join("contracts").exists(), "{text}");
    }
    let here = dlt_tracker::add_key(dir.path(), "web", None, Some("the-same-key")).unwrap();
    let there = dir.path().join("there");
    dlt_tracker::add_key(&there, "app", None, Some("the-same-key")).unwrap();
    std::fs::write(&file, dlt_tracker::export_projects(&there).unwrap()).unwrap();
    let refused = dlt_tracker::import_projects(dir.path(), &file).unwrap_err();
    assert!(refused.to_string().contains("of the project app in it, and of web in this folder"), "{refused}");
    assert_eq!(dlt_tracker::keys(dir.path()).unwrap(), [here.key]);
}
