//! What must not be kept is nowhere: in no file of the tracker's folder or of its backup, in no row, in no line of its log.

use std::fs;
use std::path::{Path, PathBuf};

use dlt_testkit::{Sandbox, Tracker};

/// An address that a proxy tells, and that of the connection.
const FORWARDED: &str = "198.51.100.77";
const SOURCE: &str = "127.0.0.77";
/// Texts that come in headers and in members that are not kept.
const MARKS: [&str; 17] = [
    FORWARDED,
    SOURCE,
    "2001:db8:77::1",
    "agent-of-mark",
    "cookie-of-mark",
    "referer-of-mark",
    "header-of-mark",
    "key-of-mark",
    "token-of-mark",
    "mail-of-mark",
    "user-of-mark",
    "name-of-mark",
    "trait-of-mark",
    "page-of-mark",
    "device-of-mark",
    "secret-of-mark",
    "path-of-mark",
];
/// A text that is kept, by which it shows that things are found.
const KEPT: &str = "word-of-mark";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn no_address_header_agent_key_or_name_is_anywhere() {
    let sandbox = Sandbox::new().unwrap();
    let data = sandbox.path("tracker");
    let settings = [
        "--log-format",
        "json",
        "--set",
        "limits.requests_by_address=1000",
        "--set",
        "limits.requests_by_key=1000",
        "--set",
        "limits.forwarded=X-Forwarded-For",
    ];
    fs::create_dir_all(data.join("contracts")).unwrap();
    fs::write(data.join("contracts/strict.toml"), "[events.declared]\n").unwrap();
    sandbox
        .dlt(["tracker", "key", "add", "strict", "--key", "key-of-mark-strict", "--data", "tracker"])
        .unwrap()
        .succeed()
        .unwrap();
    let tracker = Tracker::start_as(&sandbox, "serve", &data, &settings.map(str::to_owned)).unwrap();
    let url = tracker.url();
    let post = |path: &str, body: &str| {
        let sent = sandbox.command("curl").args([
            "--silent",
            "--max-time",
            "20",
            "--interface",
            SOURCE,
            "--user",
            "key-of-mark:",
        ]);
        let sent =
            sent.args(["-A", "agent-of-mark/1.0", "-b", "session=cookie-of-mark", "-e", "https://x/referer-of-mark"]);
        let sent =
            sent.args(["-H", &format!("X-Forwarded-For: 2001:db8:77::1, {FORWARDED}"), "-H", "X-Mark: header-of-mark"]);
        let sent = sent.args(["-w", "%{http_code}", "-o", "answer", "-d", body, &format!("{url}{path}")]);
        sent.succeed().unwrap().stdout
    };
    let event = |name: &str, key: &str| {
        format!(
            r#"{{"event":"{name}","messageId":"id-{}","anonymousId":"an-id","userId":"user-of-mark","writeKey":"{key}",
            "context":{{"ip":"{FORWARDED}","userAgent":"agent-of-mark","traits":{{"name":"trait-of-mark"}},"device":{{"id":"device-of-mark"}},
                "page":{{"url":"https://x/page-of-mark"}},"library":{{"name":"dlt","version":"1.0"}}}},
            "traits":{{"name":"trait-of-mark"}},
            "properties":{{"note":"{KEPT}","ip":"{FORWARDED}","seen_at":"from {FORWARDED}:443","reached":"[2001:db8:77::1]","email":"mail-of-mark@example.com",
                "written":"to mail-of-mark@example.com","first_name":"name-of-mark","user_name":"name-of-mark","password":"secret-of-mark",
                "api_key":"token-of-mark","user_agent":"agent-of-mark","authorization":"Bearer token-of-mark"}}}}"#,
            name.len() + key.len()
        )
    };
    assert_eq!(post("/v1/track", &event("ordinary", "")), "200");
    assert_eq!(post("/v1/identify", &event("identified", "")), "200");
    assert_eq!(post("/v1/track", &event("undeclared", "key-of-mark-strict")), "200");
    assert_eq!(post("/v1/track", &event(FORWARDED, "")), "200", "a name that is an address is quarantined");
    assert_eq!(post("/v1/batch", &format!("{{\"batch\":[{},7,\"name-of-mark\",{{}}]}}", event("batched", ""))), "200");
    assert_eq!(post("/v1/track", "{\"event\":\"token-of-mark"), "400", "what can't be read is not told in the log");
    assert_eq!(post("/path-of-mark", "{}"), "400");
    assert_eq!(post("/v1/forget", r#"{"anonymousId":"user-of-mark","proof":[]}"#), "400");
    let ask = |words: &[&str]| {
        sandbox.dlt([&["tracker"], words, &["--data", "tracker"]].concat()).unwrap().succeed().unwrap().stdout
    };
    ask(&["check"]);
    ask(&["backup", "backup"]);
    let mut told = String::new();
    let tables = ask(&[
        "sql",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'telemetry'",
        "--format",
        "csv",
    ]);
    let tables: Vec<&str> = tables.lines().skip(1).collect();
    assert!(tables.len() > 5, "{tables:?}");
    for table in tables {
        told += &ask(&["sql", &format!("SELECT * FROM {table}"), "--format", "csv"]);
    }
    told += &ask(&["report", "--format", "json"]);
    told += &ask(&["quarantine", "list", "--format", "json"]);
    assert!(told.contains(KEPT) && told.contains("undeclared_event"), "what is kept is found\n{told}");
    // The tables once more, as they are on the disk while it runs and when it has stopped.
    let look = |told: &str| {
        let mut found = Vec::new();
        files(&data, &mut found);
        files(&sandbox.path("backup"), &mut found);
        let mut texts: Vec<(String, Vec<u8>)> =
            found.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap_or_default())).collect();
        assert!(texts.iter().any(|(_, bytes)| has(bytes, KEPT.as_bytes())), "what is kept is in some file");
        texts.push(("what was told".to_owned(), told.as_bytes().to_vec()));
        for (name, bytes) in &texts {
            for mark in MARKS {
                assert!(!has(bytes, mark.as_bytes()), "{mark} is in {name}");
            }
            assert!(!has(bytes, &[198, 51, 100, 77]), "the address is in {name} as four bytes");
        }
    };
    look(&told);
    let ended = tracker.stop().unwrap();
    assert!(ended.stderr.contains("\"listening\""), "{ended}");
    look(&format!("{}{}", ended.stdout, ended.stderr));
}
