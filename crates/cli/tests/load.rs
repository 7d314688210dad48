//! `dlt ingest` and `dlt run`: what is said of a load, and of one that fails.

use crate::assert_seen;
use crate::sandbox::{Sandbox, exists};

pub(crate) const EVENTS: &str = r#"{"id":1,"type":"order","created":"2026-01-02T03:04:05Z","user":{"name":"Ann"},"items":[{"sku":"a","n":2},{"sku":"b","n":1}]}
{"id":2,"type":"visit","created":"2026-01-02T03:05:00Z","user":{"name":"Bob"}}
{"id":3,"type":"order","created":"2026-01-02T03:06:00Z","user":{"name":null},"items":[{"sku":"c","n":5}]}
"#;

#[test]
fn a_load_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    assert_seen!("a_load_in_one_line", sandbox.run("ingest events.jsonl --to duckdb:shop.duckdb --dataset raw"));
    assert!(exists(sandbox.project().join("shop.duckdb")));
    let quiet = sandbox.run("-q ingest events.jsonl --to duckdb:shop.duckdb --dataset raw").ok();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let counts = sandbox.run("dataset raw --format json").ok().stdout;
    assert!(
        counts.contains(r#"{"table":"events","rows":6}"#) && counts.contains(r#"{"table":"events__items","rows":6}"#),
        "{counts}"
    );
}

#[test]
fn a_parquet_file_that_was_cut_short_empties_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    sandbox.run("ingest events.jsonl --to duckdb:shop.duckdb --dataset raw").ok();
    sandbox.write("events.parquet", "");
    let replace = "ingest events.parquet --to duckdb:shop.duckdb --dataset raw --write-disposition replace";
    let seen = sandbox.run(replace);
    assert!(
        seen.text().contains("events.parquet: the file is empty: it was cut short or never written"),
        "{}",
        seen.text()
    );
    let counts = sandbox.run("dataset raw --format json").ok().stdout;
    assert!(counts.contains(r#"{"table":"events","rows":3}"#), "{counts}");
}

#[test]
fn standard_input() {
    let sandbox = Sandbox::new();
    let line = "ingest - --to duckdb --dataset raw --table events";
    assert_seen!("standard_input", sandbox.run_with_input(line, EVENTS.as_bytes()));
    assert!(exists(sandbox.project().join("raw.duckdb")));
}

#[test]
fn json_on_standard_input_may_stand_in_lines_or_not() {
    for input in ["{\"a\":1}\n{\"a\":2}\n", "[{\"a\":1},\n{\"a\":2}]", "{\"a\":1}{\"a\":\n2}"] {
        let sandbox = Sandbox::new();
        let seen = sandbox.run_with_input("ingest - --to duckdb --dataset raw", input.as_bytes()).ok();
        assert!(seen.stdout.contains("stdin  2 rows\n"), "{input}: {}", seen.stdout);
    }
}

/// What is told of a load that nobody can be told of, so that it is not loaded twice.
#[test]
#[cfg(target_os = "linux")]
fn an_output_that_is_full() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    let mut command = sandbox.command("ingest events.jsonl --to duckdb:shop.duckdb --dataset raw");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(told.contains("error: the data is loaded, but: cannot write to standard output"), "{told}");
    assert!(sandbox.run("dataset raw --format csv").ok().stdout.contains("events,3\n"));
}

#[test]
fn dispositions() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    let rows = |options: &str| {
        sandbox.run(&format!("ingest events.jsonl --to duckdb:shop.duckdb --dataset raw {options}")).ok();
        let seen = sandbox.run("dataset raw --format csv").ok();
        seen.stdout.lines().find_map(|line| line.strip_prefix("events,").map(str::to_owned)).unwrap()
    };
    assert_eq!(rows(""), "3");
    assert_eq!(rows("--write-disposition append"), "6");
    assert_eq!(rows("--write-disposition replace"), "3");
    assert_eq!(rows("--write-disposition replace --table events"), "3");
}

#[test]
fn merge_updates_what_is_there() {
    let sandbox = Sandbox::new();
    let line = "ingest orders.jsonl --to duckdb:shop.duckdb --dataset raw --write-disposition merge --primary-key id";
    sandbox.write("orders.jsonl", "{\"id\":1,\"s\":\"new\",\"l\":[1,2]}\n{\"id\":2,\"s\":\"new\",\"l\":[3]}\n");
    sandbox.run(line).ok();
    sandbox.write("orders.jsonl", "{\"id\":2,\"s\":\"paid\",\"l\":[4]}\n");
    // What was said of the table once need not be said again.
    sandbox.run("ingest orders.jsonl --to duckdb:shop.duckdb --dataset raw").ok();
    let query = |sql: &str| {
        let mut command = sandbox.command("dataset raw --format csv");
        command.args(["--sql", sql]);
        sandbox.see(command).ok().stdout
    };
    assert_eq!(query("select id, s from orders order by id"), "id,s\n1,new\n2,paid\n");
    assert_eq!(query("select value from orders__l order by value"), "value\n1\n2\n4\n");
}

#[test]
fn insert_only_says_what_it_leaves_out() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    let line = "ingest events.jsonl --to duckdb:shop.duckdb --dataset raw --write-disposition merge --primary-key id \
        --merge-strategy insert-only";
    sandbox.run(line).ok();
    sandbox.write("events.jsonl", format!("{EVENTS}{{\"id\":4}}\n"));
    let seen = sandbox.run(line).ok();
    assert!(seen.stdout.contains("events         1 row\n"), "{}", seen.stdout);
    assert!(seen.stderr.contains("note: 3 rows of table `events` were left out"), "{}", seen.stderr);
}

#[test]
fn a_merge_of_a_table_goes_by_its_key_too() {
    let sandbox = Sandbox::new();
    sandbox.write("items.csv", "id,name\n1,a\n2,b\n3,c\n");
    let line = "ingest items.csv --to duckdb:shop.duckdb --dataset raw --write-disposition merge --primary-key";
    assert!(sandbox.run(&format!("{line} id")).ok().stdout.contains(" 3 rows\n"));
    sandbox.write("items.csv", "id,name\n3,z\n4,d\n");
    assert!(sandbox.run(&format!("{line} id")).ok().stdout.contains(" 2 rows\n"));
    assert!(sandbox.run("dataset raw items --format csv").ok().stdout.contains("\n3,z,"));
    assert_seen!("merge_by_a_key_that_no_row_has", sandbox.run(&format!("{line} idd")));
}

#[test]
fn a_missing_file_leaves_no_database() {
    let sandbox = Sandbox::new();
    sandbox.run("ingest nope.jsonl --to duckdb:none.duckdb --dataset raw");
    assert!(!exists(sandbox.project().join("none.duckdb")));
}

#[test]
fn the_environment_limits_the_databases_memory() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    sandbox.run("ingest events.jsonl --to duckdb:x.duckdb --dataset raw").ok();
    let limit = |text: &str| {
        let mut command = sandbox.command("dataset raw --format csv");
        command.args(["--sql", "select current_setting('memory_limit')"]);
        command.env("DESTINATION__DUCKDB__MEMORY_LIMIT", text);
        sandbox.see(command).ok().stdout.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(limit("1 GiB"), "1.0 GiB");
    // Without a setting it follows the machine, and is no longer the 256 MiB that failed ordinary loads.
    assert_ne!(limit(""), "256.0 MiB");
}

#[test]
fn failures() {
    let sandbox = Sandbox::new();
    sandbox.write("events.jsonl", EVENTS);
    assert_seen!("missing_file", sandbox.run("ingest nope.jsonl --to duckdb:x.duckdb --dataset raw"));
    assert_seen!("unknown_destination", sandbox.run("ingest events.jsonl --to duckbd:x.duckdb --dataset raw"));
    assert_seen!("a_file_is_no_destination", sandbox.run("ingest events.jsonl --to x.duckdb --dataset raw"));
    assert_seen!(
        "merge_without_key",
        sandbox.run("ingest events.jsonl --to duckdb:x.duckdb --dataset raw --write-disposition merge")
    );
    assert_seen!(
        "bad_pipeline_name",
        sandbox.run("ingest events.jsonl --to duckdb:x.duckdb --dataset raw --pipeline a/b")
    );
    sandbox.write("data.csv", "a,b\n1,2\n");
    assert_seen!(
        "a_file_of_data_is_no_destination",
        sandbox.run("-q ingest events.jsonl --to duckdb:data.csv --dataset raw --pipeline csv")
    );
    assert_eq!(sandbox.read("data.csv"), "a,b\n1,2\n");
    let mut command = sandbox.command("ingest events.jsonl --to duckdb:x.duckdb");
    command.args(["--dataset", ""]);
    assert_seen!("dataset_without_a_name", sandbox.see(command));
    assert_seen!(
        "too_many_workers",
        sandbox.run("ingest events.jsonl --to duckdb:x.duckdb --dataset raw --workers 30000")
    );
    let mut command = sandbox.command("ingest events.jsonl --to duckdb:x.duckdb --dataset raw");
    command.env("DESTINATION__DUCKDB__MEMORY_LIMIT", "much");
    assert_seen!("wrong_memory_limit", sandbox.see(command));
    let broken = format!("{EVENTS}{{\"id\":4,\n");
    sandbox.write("broken.jsonl", broken);
    assert_seen!("broken_line", sandbox.run("ingest broken.jsonl --to duckdb:x.duckdb --dataset raw"));
    // Nothing of it was kept, and nothing of it is taken up by the next run.
    let seen = sandbox.run("ingest events.jsonl --to duckdb:x.duckdb --dataset raw").ok();
    assert!(seen.stdout.contains("events         3 rows"), "{}", seen.stdout);
}

#[test]
fn a_project_from_init_to_dataset() {
    let sandbox = Sandbox::new();
    sandbox.run("init filesystem duckdb").ok();
    assert_seen!("run_without_data", sandbox.run("run"));
    sandbox.write("data/events.jsonl", EVENTS);
    assert_seen!("run", sandbox.run("run"));
    assert!(exists(sandbox.project().join("filesystem_pipeline.duckdb")));
    sandbox.write(".dlt/config.toml", "[sources.filesystem]\nwrite_disposition = \"replace\"\n");
    assert_seen!("run_verbose", sandbox.run("-v run filesystem_pipeline.toml"));
    let seen = sandbox.run("dataset filesystem_data").ok();
    assert!(seen.stdout.contains("events            3"), "{}", seen.stdout);
}

/// Answers the requests of a small API, one connection after the other, until the test ends.
fn api() -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let is_allowed = head.iter().any(|line| line.to_lowercase() == "authorization: bearer open-sesame");
            let (status, body) = match first.split_whitespace().nth(1).unwrap_or_default() {
                _ if !is_allowed => ("401 Unauthorized", "{}"),
                "/v1/posts" => ("200 OK", r#"[{"id":1,"tags":["a","b"]},{"id":2,"tags":[]}]"#),
                "/v1/posts/1/comments" => ("200 OK", r#"[{"text":"first"}]"#),
                "/v1/posts/2/comments" => ("200 OK", r#"[{"text":"second"},{"text":"third"}]"#),
                _ => ("404 Not Found", "{}"),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

#[test]
fn a_rest_api() {
    let sandbox = Sandbox::new();
    sandbox.run("init rest_api duckdb").ok();
    let file = sandbox.read("rest_api_pipeline.toml").replace("https://api.example.com", &format!("http://{}", api()));
    sandbox.write("rest_api_pipeline.toml", &file);
    assert_seen!("rest_api_without_a_token", sandbox.run("run"));
    sandbox.write(".dlt/secrets.toml", "[sources.rest_api.client.auth]\ntype = \"bearer\"\ntoken = \"open-sesame\"\n");
    assert_seen!("rest_api", sandbox.run("-v run"));
    let seen = sandbox.run("dataset rest_api_data comments --format json").ok();
    assert!(seen.stdout.contains(r#""text":"third""#) && seen.stdout.contains(r#""_posts_id":2"#), "{}", seen.stdout);
    sandbox.write("rest_api_pipeline.toml", file.replace("primary_key", "primary_kye"));
    assert_seen!("rest_api_with_an_unknown_key", sandbox.run("run"));
    sandbox.write("rest_api_pipeline.toml", file.replace("[source.client]", "[source.cleint]"));
    assert_seen!("rest_api_with_an_unknown_table", sandbox.run("run"));
}

#[test]
fn children_are_read_for_new_items_alone() {
    let sandbox = Sandbox::new();
    let file = format!(
        r#"destination = "duckdb"
[pipeline]
name = "news"
[source]
type = "rest_api"
client = {{ base_url = "http://{}/v1", auth = {{ type = "bearer", token = "open-sesame" }} }}
resource_defaults.endpoint.paginator = "single_page"
[[source.resources]]
name = "posts"
endpoint = {{ path = "posts", incremental = {{ cursor_path = "id", initial_value = 2 }} }}
[[source.resources]]
name = "comments"
endpoint.path = "posts/{{resources.posts.id}}/comments"
"#,
        api()
    );
    sandbox.write("news_pipeline.toml", file);
    let comments = || sandbox.run("dataset news_dataset comments --format json").ok().stdout;
    sandbox.run("run").ok();
    assert_eq!(comments().matches("text").count(), 2, "{}", comments());
    // The position is that of the last item: it is not new again, and nothing is asked for it.
    sandbox.run("run").ok();
    assert_eq!(comments().matches("text").count(), 2, "{}", comments());
}

#[test]
fn wrong_pipeline_files() {
    let sandbox = Sandbox::new();
    assert_seen!("run_with_no_file", sandbox.run("run"));
    assert_seen!("run_with_a_missing_file", sandbox.run("run shop_pipeline.toml"));
    sandbox.write(
        "shop_pipeline.toml",
        "destination = \"duckdb\"\n[pipeline]\nname = \"shop\"\n[source]\ntype = \"filesystem\"\npaths = \"*.jsonl\"\ntabel = \"events\"\n",
    );
    assert_seen!("run_with_an_unknown_key", sandbox.run("run"));
    sandbox.write("other_pipeline.toml", "");
    assert_seen!("run_with_two_files", sandbox.run("run"));
}

#[test]
fn a_strategy_without_the_disposition_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("t.jsonl", "{\"id\":1}\n");
    let load = "ingest t.jsonl --to duckdb:shop.duckdb --dataset raw --merge-strategy upsert --primary-key id";
    let said = sandbox.run(load).ok().stderr;
    assert!(said.contains("note: `t` is not merged by upsert: its write disposition is append"), "{said}");
    let said = sandbox.run(&format!("{load} --write-disposition merge")).ok().stderr;
    assert!(!said.contains("is not merged"), "{said}");
    // What is stored goes on without being said.
    assert!(!sandbox.run(load).ok().stderr.contains("is not merged"));
}
