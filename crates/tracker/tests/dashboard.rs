//! The dashboard over HTTP: who may see it, and what it shows.

use std::time::{Duration, Instant};

use dlt_tracker::{dashboard_token, forget, report};
use serde_json::{Value, json};

use crate::tracker::{Answer, Client, Tracker, options};

const PAGES: [&str; 7] = ["", "versions", "commands", "environments", "retention", "quarantine", "live"];

/// A request with the token.
fn get(client: &mut Client, token: &str, path: &str) -> Answer {
    client.send("GET", path, &[("authorization", &format!("Bearer {token}"))], b"").unwrap()
}

/// Events of three installs on two versions, one of them from the past, one without a name.
fn send_some(client: &mut Client) {
    for number in 0..30 {
        let event = json!({
            "messageId": format!("m{number}"), "anonymousId": format!("id{}", number % 3), "event": "pipeline_load",
            "timestamp": if number < 3 { "2026-01-02T03:04:05Z" } else { "2099-01-01T00:00:00Z" },
            "properties": {"success": number % 10 != 0, "elapsed": 0.5, "destination_type": "dlt.destinations.duckdb",
                "source_name": "<script>alert(1)</script>"},
            "context": {"ci_run": number % 3 == 0, "cpu": 8, "exec_info": ["docker"], "dropped": {"overflow": 2},
                "os": {"name": "Linux", "version": "6.1.2"},
                "library": {"name": "dlt", "version": if number % 3 == 2 { "1.0.0" } else { "1.31.0" }}},
        });
        assert_eq!(client.post("/", event.to_string().as_bytes()).status, 204);
    }
    client.post("/v1/track", b"{\"properties\":{\"a\":\"<b>\"}}");
}

/// The first answer for which that holds.
fn wait_for(mut ask: impl FnMut() -> Answer, holds: impl Fn(&Answer) -> bool) -> Answer {
    let started = Instant::now();
    loop {
        let answer = ask();
        if holds(&answer) {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{answer:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn only_who_has_the_token_sees_it() {
    let dir = tempfile::tempdir().unwrap();
    let token = dashboard_token(dir.path()).unwrap();
    let tracker = Tracker::start(dir.path());
    let mut client = tracker.client();
    for path in ["/", "/versions", "/overview.json", "/versions/errors.csv"] {
        assert_eq!(client.get(path).status, 401, "{path}");
        assert_eq!(get(&mut client, "wrong", path).status, 401, "{path}");
        assert!(!client.get(path).body.contains("Ledger"));
    }
    let asked = client.send("GET", "/", &[("accept", "text/html")], b"").unwrap();
    assert!(asked.status == 200 && asked.body.contains("name=\"token\""), "{asked:?}");
    assert_eq!(client.post("/login", b"token=wrong").status, 403);
    let signed_in = client.post("/login", format!("token={token}").as_bytes());
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("/")));
    let cookie = signed_in.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(&token), "{cookie}");
    let kept = cookie.split(';').next().unwrap().to_owned();
    let seen = client.send("GET", "/", &[("cookie", &format!("other=1; {kept}"))], b"").unwrap();
    assert!(seen.status == 200 && seen.body.contains("Nothing has arrived yet"), "{seen:?}");
    let policy = seen.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{policy}");
    assert_eq!(
        (seen.header("cache-control"), seen.header("x-content-type-options")),
        (Some("no-store"), Some("nosniff"))
    );
    assert!(client.post("/logout", b"").header("set-cookie").unwrap().contains("Max-Age=0"));
    // Paths for events are no pages.
    assert_eq!((client.get("/track").status, get(&mut client, &token, "/nothing").status), (400, 400));
    assert_eq!(client.post("/versions", b"{}").status, 400);
    // Programs are told in their form.
    for (path, status, code) in [
        ("/versions.json?rang=7d", 400, "bad_query"),
        ("/versions/errors.csv?rang=7d", 400, "bad_query"),
        ("/versions/nothing.csv", 404, "not_found"),
    ] {
        let told = get(&mut client, &token, path);
        assert_eq!((told.status, told.json()["code"].as_str()), (status, Some(code)), "{told:?}");
    }
    let told = get(&mut client, &token, "/versions?rang=7d");
    assert!(told.status == 400 && told.body.contains("<h2>That address cannot be meant</h2>"), "{told:?}");
}

#[test]
fn a_token_of_ones_own_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let short = {
        let mut options = options(dir.path());
        options.token = Some("short".into());
        options
    };
    let error = dlt_tracker::serve(short, |_| ()).unwrap_err();
    assert!(error.to_string().contains("16 characters"), "{error}");
    let mut short = options(dir.path());
    short.id_key = Some("short".into());
    let error = dlt_tracker::serve(short, |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "a key for ids has 16 characters at least");
    let mut own = options(dir.path());
    own.token = Some("a-token-of-my-own".into());
    let tracker = Tracker::with(own);
    assert_eq!(get(&mut tracker.client(), "a-token-of-my-own", "/").status, 200);
    let stored = dashboard_token(dir.path()).unwrap();
    assert_eq!(get(&mut tracker.client(), &stored, "/").status, 401);
}

#[test]
fn every_form_of_a_page_has_the_same_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let token = dashboard_token(dir.path()).unwrap();
    let mut client = tracker.client();
    send_some(&mut client);
    let whole = wait_for(
        || get(&mut tracker.client(), &token, "/overview.json?range=all"),
        |answer| {
            let sections = &answer.json()["sections"];
            sections["headline"][0]["events"] == 30 && sections["ledger"][7]["events"] == 0
        },
    );
    let headline = &whole.json()["sections"]["headline"][0];
    assert_eq!((&headline["active"], &headline["active_1_day"]), (&json!(3), &json!(3)));
    assert_eq!(headline["container_share"], 1.0);
    assert!((headline["lost_share"].as_f64().unwrap() - 60.0 / 90.0).abs() < 1e-9, "{headline}");
    let ledger: Vec<Value> = whole.json()["sections"]["ledger"].as_array().unwrap().clone();
    assert_eq!(
        ledger.iter().map(|row| row["events"].as_u64().unwrap()).collect::<Vec<_>>(),
        [31, 30, 1, 0, 0, 0, 0, 0, 0]
    );

    let events = get(&mut client, &token, "/overview/events.csv?range=all").body;
    assert_eq!(
        events,
        "event,events,installs,success_share,p50_seconds,p95_seconds\r\npipeline_load,30,3,0.9,0.5,0.5\r\n"
    );
    let recent = get(&mut client, &token, "/versions/versions.csv").body;
    assert_eq!(recent, "library,version,installs,events\r\ndlt,1.31.0,2,18\r\ndlt,1.0.0,1,9\r\n");
    let people = get(&mut client, &token, "/versions/versions.csv?ci=no").body;
    assert_eq!(people, "library,version,installs,events\r\ndlt,1.0.0,1,9\r\ndlt,1.31.0,1,9\r\n");
    let old = get(&mut client, &token, "/overview.json?range=all&version=1.0.0&event=pipeline_load&by=month").json();
    assert_eq!(old["sections"]["active"][0], json!({"begins": "2026-01-01", "returning": 0, "new": 1, "active": 1}));

    for page in PAGES {
        let html = get(&mut client, &token, &format!("/{page}?range=all"));
        assert_eq!(html.status, 200, "{html:?}");
        assert!(
            !html.body.contains("<script") && !html.body.contains("http://") && !html.body.contains("https://"),
            "{page}"
        );
        let name = if page.is_empty() { "overview" } else { page };
        let same = get(&mut client, &token, &format!("/{name}.json?range=all")).json();
        for (id, rows) in same["sections"].as_object().unwrap() {
            let csv = get(&mut client, &token, &format!("/{name}/{id}.csv?range=all")).body;
            assert_eq!(csv.lines().count(), rows.as_array().unwrap().len() + 1, "{name}/{id}: {csv}");
            assert!(html.body.contains(&format!("id=\"{id}\"")), "{name}/{id}");
        }
    }
    let sources = get(&mut client, &token, "/commands?range=all").body;
    assert!(sources.contains("&lt;script&gt;alert(1)"), "{sources}");
    assert_eq!(get(&mut client, &token, "/versions/nothing.csv").status, 404);
    let flawed = get(&mut client, &token, "/versions?range=forever");
    assert!(flawed.status == 400 && flawed.body.contains("a number of days"), "{flawed:?}");
    drop(client);
    tracker.stop();
}

#[test]
fn pages_and_reports_show_what_comes_and_not_what_was_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let tracker = Tracker::start(dir.path());
    let token = dashboard_token(dir.path()).unwrap();
    let mut client = tracker.client();
    let event = |id: &str, number: u64| {
        let event = json!({"messageId": format!("{id} {number}"), "anonymousId": id, "event": "e", "type": "track"});
        event.to_string()
    };
    let shown = |client: &mut Client| {
        let page = get(client, &token, "/overview.json?range=all").json();
        let headline = &page["sections"]["headline"][0];
        (headline["events"].as_u64().unwrap(), headline["active"].as_u64().unwrap())
    };
    // Nobody waits: a report has what came before loaded.
    let reported = || {
        let of_now = std::iter::repeat_with(|| report(dir.path()).unwrap()).find(|report| report.as_of.is_none());
        of_now.map(|report| (report.total, report.active_ids)).unwrap()
    };
    for number in 0..20 {
        let id = if number % 4 == 0 { "ada" } else { "bob" };
        assert_eq!(client.post("/v1/track", event(id, number).as_bytes()).status, 200);
        assert_eq!(reported().0, number + 1);
        assert_eq!(shown(&mut client), reported());
    }
    assert_eq!(forget(dir.path(), "ada").unwrap().events, 5);
    assert_eq!((shown(&mut client), reported()), ((15, 1), (15, 1)));
    // As many as went.
    for number in 0..5 {
        assert_eq!(client.post("/v1/track", event("cleo", number).as_bytes()).status, 200);
    }
    assert_eq!((reported(), shown(&mut client)), ((20, 2), (20, 2)));
    drop(client);
    tracker.stop();
    let tracker = Tracker::start(dir.path());
    assert_eq!((shown(&mut tracker.client()), reported()), ((20, 2), (20, 2)));
}
