//! Events as this tracker judges them, for the Worker's tests: odd ones written down, and many put together by lot, always the
//! same. The Worker must make the same rows of them.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};

use crate::contract::{self, Contract};
use crate::event::columns::is_column;
use crate::event::{self, Arrival, Call};
use crate::hash::shake128;
use crate::journal::Kind;

const RECEIVED_AT: &str = "2026-03-01T12:00:00.123Z";
const ID_KEY: &str = "0123456789abcdef";
/// How many are put together.
const DRAWN: usize = 400;

const CONTRACT: &str = r#"
    [events.e.fields]
    total = { type = "number", privacy = "measure", optional = false }
    count = { type = "integer", privacy = "measure" }
    success = { type = "boolean", privacy = "measure" }
    note = { type = "string", privacy = "hash", hashed = true, known = ["duckdb", "e"] }
    tags = { type = "array", items = "string", privacy = "public" }
    [events.e.fields.order]
    type = "object"
    privacy = "public"
    fields = { id = { type = "string", privacy = "random", optional = false, hashed = true }, sums = { type = "array", items = "integer", privacy = "measure" } }
    [events.pipeline_load.fields]
    extra = { type = "string", privacy = "public" }
"#;

/// Texts that were thought of, each an event or what stands in the place of one.
const ODD: &[&str] = &[
    "7",
    "-0",
    "1e400",
    "null",
    "true",
    "\"ada@example.org\"",
    "[1]",
    "{}",
    r#"{"event":"\ud800"}"#,
    r#"{"event":"a","event":"b"}"#,
    r#"{"event":"e","other":"\ud800","x":1,"x":2}"#,
    r#"{"event":"e","properties":{"x":1,"y":2,"x":3,"2":1,"1":2}}"#,
    r#"{"event":"e","properties":{"\ud83d\ude00":"\u00e9\/\b\f\n\r\t\u0001\u007f","b":"\u2028"}}"#,
    r#"{"event":"e","properties":{"n":[1.0,-0.0,1e15,1e16,1e21,1e-5,1e-6,123456789.125,0.1,5e-324,1.7976931348623157e308]}}"#,
    r#"{"event":"pipeline_extract","properties":{"extract_data":[{"table_name":"x","ip":1}]}}"#,
    r#"{"event":"e","properties":{"n":18446744073709551615,"m":18446744073709551616,"k":-9223372036854775808,"l":-9223372036854775809,"z":-0,"f":1.50,"g":100E-2}}"#,
    r#"{"event":"e","userId":1.50}"#,
    r#"{"event":"e","userId":18446744073709551615,"anonymousId":""}"#,
    r#" { "event" : "e" , "properties" : { "a" : [ ] } } "#,
    r#"{"event":"e","context":{"cpu":2.0,"ci_run":1,"exec_info":["b","a","b",7,"192.0.2.1","𝄞","ﬀ"],"python":"3.14rc1","library":{"name":"x","version":"10.0.0.1"},"os":{"name":"Linux","version":"10.0.0.1"},"dropped":{"a":1,"b":-1,"c":1.0,"api_key":2,"d":18446744073709551615}}}"#,
    r#"{"event":"e","context":{"library":null,"os":"x","exec_info":[],"dropped":{}}}"#,
    r#"{"event":5,"context":{"python":7,"library":{"name":["ada@example.org",1],"version":7},"os":[1],"runtime":{"version":""}},"traits":1,"properties":["192.0.2.1",["10.0.0.1"],{"ip":1}]}"#,
    r#"{"event":"ada@example.org","anonymousId":"192.0.2.1"}"#,
    r#"{"event":"e","properties":{"ada@example":{"org":"10.0.0.1","list":["::1"]},"10":{"0":{"0":{"1":"ada@example.org"}}}}}"#,
    r#"{"anonymousId":"a","context":{"ci_run":false,"cpu":4,"exec_info":[],"library":{"name":"dlt","version":"0.1.0"},"os":{"name":"Linux","version":"6.8.0"}},"event":"command_init","properties":{"elapsed":0.5},"messageId":"m","timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:30:00Z"}"#,
    r#"{"anonymousId":"a","context":{"cpu":4.5},"event":"e","properties":{},"messageId":"m","timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:30:00Z"}"#,
    r#"{"anonymousId":"a","context":{"ip":"x"},"event":"e","properties":{},"messageId":"m","timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:30:00Z"}"#,
    r#"{"anonymousId":"a","context":{"python":"3.11.7","python":"3.11.7"},"event":"e","properties":{},"messageId":"m","timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:30:00Z"}"#,
    r#"{"anonymousId":"a","context":{"dropped":{"too_old":1}},"event":"e","properties":{"list":[1]},"messageId":"m","timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:30:00Z"}"#,
];

/// Texts that may stand anywhere.
const TEXTS: &[&str] = &[
    "",
    "e",
    "x y",
    "192.0.2.1",
    " 10.0.0.1 ",
    "10.0.0.1:8080",
    "10.0.0.256",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4.5",
    "10.0.0.1.",
    "::1",
    "[::1]:80",
    "fe80::1%eth0",
    "2001:db8::",
    "2001:db8::1::2",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "::ffff:10.0.0.1",
    "12:30:45",
    "1:2:3:4:5:6:1.2.3.4",
    "::1.2.3.4:5",
    "[10.0.0.1]",
    "a::b.",
    "http://10.0.0.1/x",
    "ada@example.org",
    "@scope/package",
    "package@1.2.3",
    "git@example.org:ada",
    "a@b",
    "a@b.c.",
    "a@b.7",
    "x@10.0.0.1",
    "ada@example.org, x",
    "std::vec",
    "https://example.org:80/start",
    "2026-11-22T11:48:18.635+00:00",
    "3.11.7",
    "6.18.44-fc-v657",
    "Version 22H2 (Build 1)",
    ".5",
    "10.",
    "10.0.0.1",
    "\u{85}1.2.3.4\u{2003}x",
    "é@é.é",
    "𝄞𝄞",
    "/cv01Cetl9bjYmZcWw0l",
    "1.2.3.4/24",
    "(10.0.0.1)",
    "[::1",
    "::",
    "1.2.3.4:99999",
    "https://x.org/?ip=203.0.113.7&p=2",
    "http://10.0.0.5?x=1",
    "peer:10.0.0.5",
    "peer:2001:db8::1",
    "mx[10.0.0.5]:25",
    "10.0.0.5#53",
    "{10.0.0.5}",
    "«10.0.0.5»",
    "[x].10.0.0.5",
    "x::dead::beef",
    "x:dead::beef",
    "dead:beef::cafe",
    "?email=ada%40example.org",
    "ada%2540example.org",
    "ada%252540example.org",
    "10%2e0%2E0%2E5",
    "2001%3Adb8%3A%3A1",
    "%C3%A9%40%c3.%C3%A9 100% %zz%4%+4%é",
    "%EF%BB%BF10.0.0.5",
    "a@b.c&d@1",
    "[a@b.c.]",
    "a#@b.c",
    "{@scope.x/package}",
    "1.2.3.4-rc1",
    "&a::b[0]",
    "duckdb",
    "page",
    "t",
    "0.1.0",
];

/// Names of properties and of members of a context.
const NAMES: &[&str] = &[
    "event_category",
    "event_name",
    "success",
    "elapsed",
    "destination_name",
    "destination_type",
    "transaction_id",
    "total",
    "count",
    "note",
    "tags",
    "order",
    "extra",
    "ip",
    "$ip",
    "client_ip",
    "clientIP",
    "zip",
    "monkey",
    "api_key",
    "apiKey",
    "APIKey",
    "APIKEY",
    "primary key",
    "user-agent",
    "max_tokens",
    "accessToken",
    "mail",
    "e_mail",
    "Email",
    "hostname",
    "10.0.0.1",
    "ada@example.org",
    "__proto__",
    "constructor",
    "1",
    "é",
    "é_ip",
    "ipé",
    "_ip_",
    "IPAddress",
    "sums",
    "id",
    "username",
    "user name",
    "x",
];

/// Times, and what looks like them.
const TIMES: &[&str] = &[
    "2026-03-01T11:00:00Z",
    "2026-03-01T11:59:59.999999999Z",
    "2026-03-01 11:00:00+01:00",
    "20260301T110000Z",
    "2026-03-01T11Z",
    "2026-03-01T11:00-0530",
    "2026-03-01t11:00:00,5z",
    "2026-03-01T23:59:60Z",
    "2026-02-29T00:00:00Z",
    "2024-02-29T00:00:00Z",
    "+002026-03-01T11:00:00Z",
    "-000000-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2030-01-01T00:00:00Z",
    "2026-03-01",
    "2026-03-01T11:00:00",
    "now",
    "2026-03-01T11:00:00+24:00",
    "2026-03-01T11:00:00[UTC]",
    "2026-03-01T11:00:00Z[UTC]",
    "2026-03-01T11:00:00+01",
    "2026-03-01T24:00:00Z",
    "2026-13-01T00:00:00Z",
    " 2026-03-01T11:00:00Z",
    "2026-03-01T11:00:00.Z",
    "2026-03-01T11:00:00.1234567891Z",
    "2026-03-01T1100:00Z",
    "-009999-01-02T00:00:00Z",
];

const NUMBERS: &[&str] =
    &["0", "-1", "1.5", "2.0", "1e3", "12345678901234567890", "123456789012345678901234567890", "-0.0", "1E-7", "3"];

/// Numbers by lot, always the same: a generator of the simplest kind.
struct Lot(u64);

impl Lot {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn text(&mut self, from: &[&str]) -> String {
        serde_json::to_string(self.of(from)).unwrap()
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => "null".to_owned(),
            1 => "true".to_owned(),
            2 => self.of(NUMBERS).to_owned(),
            3..=5 => self.text(TEXTS),
            6 => format!("[{}]", self.some(3, |lot| lot.value(depth - 1))),
            _ => self.object(depth - 1, NAMES),
        }
    }

    fn some(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> String) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| one(self)).collect::<Vec<_>>().join(",")
    }

    fn object(&mut self, depth: usize, names: &[&str]) -> String {
        format!("{{{}}}", self.some(5, |lot| format!("{}:{}", lot.text(names), lot.value(depth))))
    }

    fn context(&mut self) -> String {
        let names = ["ci_run", "cpu", "exec_info", "library", "os", "runtime", "python", "dropped", "ip", "userAgent"];
        let about = |lot: &mut Self| {
            let names = ["name", "version", "path"];
            format!("{{{}}}", lot.some(3, |lot| format!("{}:{}", lot.text(&names), lot.text(TEXTS))))
        };
        let member = |lot: &mut Self| {
            let name = lot.text(&names);
            let value = match lot.below(3) {
                0 => about(lot),
                1 => lot.text(TEXTS),
                _ => lot.value(2),
            };
            format!("{name}:{value}")
        };
        format!("{{{}}}", self.some(7, member))
    }

    fn event(&mut self) -> String {
        let mut members = vec![match self.below(8) {
            0 => format!("\"event\":{}", self.value(1)),
            1 => "\"event\":\"pipeline_load\"".to_owned(),
            _ => "\"event\":\"e\"".to_owned(),
        }];
        for name in ["messageId", "anonymousId", "userId", "name", "type"] {
            match self.below(5) {
                0 => members.push(format!("\"{name}\":{}", self.value(0))),
                1 => members.push(format!("\"{name}\":{}", self.text(TEXTS))),
                _ => {}
            }
        }
        for name in ["timestamp", "originalTimestamp", "sentAt"] {
            if self.below(3) == 0 {
                members.push(format!("\"{name}\":{}", self.text(TIMES)));
            }
        }
        match self.below(4) {
            0 => members.push(format!("\"properties\":{}", self.value(1))),
            1 | 2 => members.push(format!("\"properties\":{}", self.object(2, NAMES))),
            _ => members
                .push("\"properties\":{\"total\":1,\"order\":{\"id\":\"x\",\"sums\":[1]},\"tags\":[\"a\"]}".to_owned()),
        }
        match self.below(4) {
            0 => members.push(format!("\"context\":{}", self.value(1))),
            1 | 2 => members.push(format!("\"context\":{}", self.context())),
            _ => {}
        }
        if self.below(6) == 0 {
            members.push(format!("{}:{}", self.text(NAMES), self.value(2)));
        }
        format!("{{{}}}", members.join(","))
    }
}

/// Texts of the client's form, which have a hash of their request, for a project whose contract does not name them all.
fn of_the_client() -> Vec<String> {
    let name = "n".repeat(16 * 1024);
    let properties = [
        r#"{"extract_data":[{"name":"payroll","data_type":"resource"}]}"#,
        r#"{"extract_data":[{"name":"github","data_type":"source"}]}"#,
        r#"{"elapsed":0.5}"#,
        r#"{"elapsed":0.5,"client_ip":"x"}"#,
        r#"{"other":{"x":["::1","::1","y"],"z":{"ip":1,"cookie":2}}}"#,
        &format!("{{\"list\":[{{\"{name}\":[{{\"ip\":1}},{{\"ip\":2,\"x\":[\"10.0.0.1\"]}}]}}]}}"),
    ];
    let event = |event: &str, properties: &str| {
        format!(
            "{{\"anonymousId\":\"a\",\"context\":{{\"ci_run\":false,\"cpu\":4,\"exec_info\":[],\"library\":{{\"name\":\"dlt\",\"version\":\"0.1.0\"}},\
             \"os\":{{\"name\":\"Linux\",\"version\":\"6.8.0\"}}}},\"event\":\"{event}\",\"properties\":{properties},\"messageId\":\"m\",\
             \"timestamp\":\"2026-03-01T11:00:00Z\",\"sentAt\":\"2026-03-01T11:30:00Z\"}}"
        )
    };
    ["pipeline_extract", "unnamed"]
        .iter()
        .flat_map(|name| properties.map(|properties| event(name, properties)))
        .collect()
}

/// Texts that are odd by their size.
fn large() -> Vec<String> {
    let nested = |depth: usize, place: &str| {
        format!("{{\"event\":\"e\",\"{place}\":{}{}}}", "[".repeat(depth), "]".repeat(depth))
    };
    let long =
        |member: &str, count: usize, text: &str| format!("{{\"event\":\"e\",\"{member}\":\"{}\"}}", text.repeat(count));
    vec![
        nested(125, "properties"),
        nested(126, "properties"),
        nested(127, "properties"),
        nested(200, "other"),
        format!("{{\"event\":\"e\",\"properties\":{{\"x\":{}1{}}}}}", "[".repeat(125), "]".repeat(125)),
        long("messageId", 100, "𝄞"),
        long("messageId", 101, "𝄞"),
        long("anonymousId", 101, "a"),
        format!("{{\"event\":\"{}\"}}", "é".repeat(200)),
        format!("{{\"event\":\"{}\"}}", "é".repeat(201)),
        format!(
            "{{\"event\":\"e\",\"context\":{{\"library\":{{\"name\":\"{0}\",\"version\":\"{0}\"}},\"python\":\"{0}\"}}}}",
            "𝄞".repeat(201)
        ),
        format!("{{\"event\":7,\"properties\":{{\"x\":\"{}\"}}}}", "é𝄞".repeat(1000)),
        format!("{{\"event\":7,\"properties\":{{\"xy\":\"{}\"}}}}", "é𝄞".repeat(1000)),
        format!("{{\"event\":\"e\",\"properties\":{{\"x\":\"{}\"}}}}", "x".repeat(32 * 1024 - 36)),
        format!("{{\"event\":\"e\",\"properties\":{{\"x\":\"{}\"}}}}", "x".repeat(32 * 1024 - 35)),
    ]
}

/// The row with an id that was made just now taken out.
fn without_new_id(text: &str, payload: &[u8]) -> Value {
    let mut row: Value = serde_json::from_slice(payload).unwrap();
    let id = row["message_id"].as_str().unwrap().to_owned();
    if !text.contains(&serde_json::to_string(&id).unwrap()) || id.is_empty() {
        row["message_id"] = "new".into();
    }
    // Lists that are tables are made when the row is loaded.
    if let Some(row) = row.as_object_mut().filter(|row| row.contains_key("timestamp")) {
        row.retain(|name, _| is_column(name));
    }
    // Of a contract's breach the payload holds the event's own id, which may be new, too.
    if row.get("path").is_some() {
        let mut parts: Value = serde_json::from_str(row["payload"].as_str().unwrap()).unwrap();
        let own = serde_json::to_string(&parts["messageId"]).unwrap();
        if !text.contains(&own) || own == "\"\"" {
            parts["messageId"] = "new".into();
        }
        row["payload"] = parts.to_string().into();
    }
    row
}

fn judged() -> String {
    let mut closed = Contract::parse(CONTRACT, Path::new("c.toml")).unwrap();
    let own = contract::to_json(&closed);
    closed.fill_from(Contract::built_in());
    let mut lines = vec![json!({"received_at": RECEIVED_AT, "id_key": ID_KEY, "contract": own}).to_string()];
    let mut lot = Lot(20_260_301);
    let closed_ones = of_the_client();
    let mut texts: Vec<String> = ODD.iter().map(|text| text.trim().to_owned()).chain(large()).collect();
    texts.extend(closed_ones.iter().cloned());
    texts.extend((0..DRAWN).map(|_| lot.event()));
    for (number, text) in texts.iter().enumerate() {
        let is_drawn = number + DRAWN >= texts.len();
        let call = [None, None, Some("track"), Some("page"), Some("identify")][if is_drawn { lot.below(5) } else { 0 }];
        let context = (is_drawn && lot.below(4) == 0).then(|| lot.context());
        let sent_at = (is_drawn && lot.below(4) == 0).then(|| lot.of(TIMES).to_owned());
        let is_closed = if is_drawn { lot.below(3) == 0 } else { closed_ones.contains(text) };
        let arrival = Arrival {
            received_at: RECEIVED_AT.parse().unwrap(),
            call: call.and_then(Call::named),
            context: context.as_deref().map(|context| serde_json::from_str(context).unwrap()),
            sent_at: sent_at.clone().map(Value::from),
            max_event_bytes: crate::decode::Limits::default().event_bytes,
            hash: Some(shake128(text.as_bytes())),
            id_key: ID_KEY,
            project: is_closed.then_some("web"),
            contract: if is_closed { &closed } else { Contract::built_in() },
        };
        let found = event::judge(text, &arrival);
        let kind = if found.record.kind == Kind::Event { "event" } else { "quarantine" };
        let row = without_new_id(text, &found.record.payload);
        lines.push(
            json!({"text": text, "call": call, "context": context, "sent_at": sent_at, "closed": is_closed, kind: row})
                .to_string(),
        );
    }
    lines.join("\n") + "\n"
}

/// Set `UPDATE_REFERENCE=1` to write them anew after a change of how events are judged.
#[test]
fn what_the_edge_is_held_to_is_what_the_tracker_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../edge/cloudflare/test/judged.jsonl");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, judged()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == judged(), "edge/cloudflare/test/judged.jsonl is stale: run this test with UPDATE_REFERENCE=1");
}
