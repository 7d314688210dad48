//! What can go wrong is told clearly, with the documented exit code, and leaves the dataset as it was.

use std::net::TcpListener;
use std::path::Path;

use dlt_testkit::{Output, PythonDlt, Sandbox};

/// The work was begun and failed.
const FAILED: i32 = 1;
/// Nothing was begun: what was asked for is wrong.
const USAGE: i32 = 2;

/// Rows that every failing load finds and must leave as they are.
const BEFORE: &str = "{\"id\":1,\"tags\":[\"x\",\"y\"]}\n{\"id\":2}\n";

#[test]
fn a_missing_file() {
    let sandbox = with_rows();
    let output = ingest(&sandbox, "no-such-file.jsonl").run().unwrap();
    expect(&output, &[FAILED, USAGE], &["no-such-file.jsonl"]);
    assert_rows_as_before(&sandbox);
}

#[test]
fn a_glob_that_matches_nothing() {
    let sandbox = with_rows();
    let output = ingest(&sandbox, "nothing-*.jsonl").run().unwrap();
    expect(&output, &[FAILED, USAGE], &["nothing-*.jsonl"]);
    assert_rows_as_before(&sandbox);
}

#[test]
fn json_that_breaks_off_in_line_70_001() {
    let sandbox = with_rows();
    let mut text: String = (0..70_000).map(|id| format!("{{\"id\":{id},\"tags\":[\"t\"]}}\n")).collect();
    text.push_str("{\"id\":70000,\"tags\":[\"t\"");
    sandbox.write("long.jsonl", &text).unwrap();
    let output = ingest(&sandbox, "long.jsonl").run().unwrap();
    expect(&output, &[FAILED], &["long.jsonl", "70001"]);
    assert_rows_as_before(&sandbox);
    // The mended file loads, once.
    text.push_str("]}\n");
    sandbox.write("long.jsonl", &text).unwrap();
    ingest(&sandbox, "long.jsonl").succeed().unwrap();
    assert_eq!(count(&sandbox, "SELECT count(*) AS n FROM rows"), 70_003);
}

#[test]
fn json_that_is_wrong_in_the_middle() {
    let sandbox = with_rows();
    sandbox.write("middle.jsonl", "{\"id\":3}\n{\"id\":4,}\n{\"id\":5}\n").unwrap();
    let output = ingest(&sandbox, "middle.jsonl").run().unwrap();
    expect(&output, &[FAILED], &["middle.jsonl", "2"]);
    assert_rows_as_before(&sandbox);
}

#[test]
fn bytes_that_are_not_utf_8() {
    let sandbox = with_rows();
    sandbox.write("latin1.jsonl", b"{\"id\":3,\"name\":\"ok\"}\n{\"id\":4,\"name\":\"M\xfcller\"}\n").unwrap();
    let output = ingest(&sandbox, "latin1.jsonl").run().unwrap();
    expect(&output, &[FAILED], &["latin1.jsonl", "2", "UTF-8"]);
    assert_rows_as_before(&sandbox);
}

#[test]
fn a_key_of_a_pipeline_file_that_is_misspelt() {
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("rows.jsonl", BEFORE).unwrap();
    let right = "[pipeline]\nname = \"shop\"\n\n[destination]\ntype = \"duckdb\"\n\n[source]\ntype = \"filesystem\"\npaths = [\"rows.jsonl\"]\n";
    sandbox.write("shop_pipeline.toml", right.replace("paths", "pahts")).unwrap();
    let output = sandbox.dlt(["run"]).unwrap().run().unwrap();
    expect(&output, &[USAGE], &["shop_pipeline.toml", "pahts", "paths", "9"]);
    assert!(!sandbox.path("shop.duckdb").exists(), "something was begun");
    sandbox.write("shop_pipeline.toml", right).unwrap();
    sandbox.dlt(["run"]).unwrap().succeed().unwrap();
}

#[test]
fn an_option_that_is_misspelt() {
    let sandbox = with_rows();
    let output = ingest(&sandbox, "before.jsonl").arg("--tabel").run().unwrap();
    expect(&output, &[USAGE], &["--tabel", "--table"]);
    let output =
        sandbox.dlt(["ingest", "before.jsonl", "--to", "dukdb:x.duckdb", "--dataset", "raw"]).unwrap().run().unwrap();
    expect(&output, &[USAGE], &["dukdb", "duckdb"]);
    assert_rows_as_before(&sandbox);
}

/// A file where a folder should be stops root as well, unlike permissions.
#[test]
fn a_database_in_a_folder_that_can_not_be_written() {
    let sandbox = with_rows();
    let output = sandbox
        .dlt([
            "ingest",
            "before.jsonl",
            "--to",
            "duckdb:before.jsonl/shop.duckdb",
            "--dataset",
            "raw",
            "--pipeline",
            "other",
        ])
        .unwrap()
        .run()
        .unwrap();
    expect(&output, &[FAILED], &["before.jsonl/shop.duckdb"]);
    assert_eq!(std::fs::read_to_string(sandbox.path("before.jsonl")).unwrap(), BEFORE);
    assert_rows_as_before(&sandbox);
}

#[test]
fn a_data_folder_that_can_not_be_written() {
    let sandbox = with_rows();
    let data_dir = sandbox.path("before.jsonl").join("data");
    let output = ingest(&sandbox, "before.jsonl").env("DLT_DATA_DIR", &data_dir).run().unwrap();
    expect(&output, &[FAILED], &["before.jsonl/data"]);
    assert_rows_as_before(&sandbox);
}

#[test]
fn a_tracker_folder_that_can_not_be_written() {
    let sandbox = with_rows();
    let output = serve(&sandbox, "127.0.0.1:0", &sandbox.path("before.jsonl").join("tracker"));
    expect(&output, &[FAILED], &["before.jsonl/tracker"]);
}

#[test]
fn a_port_that_is_in_use() {
    let sandbox = Sandbox::new().unwrap();
    let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let output = serve(&sandbox, &address, &sandbox.path("tracker"));
    expect(&output, &[FAILED], &[&address, "in use"]);
    assert!(!sandbox.path("tracker/tracker.duckdb").exists(), "something was begun");
}

#[test]
fn a_database_that_another_process_holds() {
    let sandbox = with_rows();
    let script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); c.execute('SELECT 1'); print('held', flush=True); sys.stdin.read()";
    let ready = sandbox.path("held");
    let script = script
        .replace("print('held', flush=True)", "open(sys.argv[2], 'w').close()")
        .replace("sys.stdin.read()", "__import__('time').sleep(60)");
    let database = sandbox.path("shop.duckdb");
    let holder = PythonDlt::shared().unwrap().script(&sandbox, &script).arg(&database).arg(&ready).spawn().unwrap();
    while !ready.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    sandbox.write("more.jsonl", "{\"id\":3}\n").unwrap();
    let output = ingest(&sandbox, "more.jsonl").run().unwrap();
    expect(&output, &[FAILED], &["shop.duckdb", &holder.id().to_string()]);
    holder.kill().unwrap();
    assert_rows_as_before(&sandbox);
    // The same command then loads its rows, once.
    ingest(&sandbox, "more.jsonl").succeed().unwrap();
    assert_eq!(count(&sandbox, "SELECT count(*) AS n FROM rows"), 3);
}

/// A disk of its own, small, in a mount namespace of its own: no right is needed but to make namespaces.
#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new().unwrap();
    let text: String =
        (0..60_000).map(|id| format!("{{\"id\":{id},\"text\":\"{:x}\"}}\n", id * 2_654_435_761_u64)).collect();
    sandbox.write("big.jsonl", text).unwrap();
    sandbox.write("before.jsonl", BEFORE).unwrap();
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    let script = r#"
mount -t tmpfs -o size=3m none disk || { echo "no small disk can be mounted"; exit 90; }
export DLT_DATA_DIR="$PWD/disk/data"
load() { "$DLT" ingest "$1" --to duckdb:disk/shop.duckdb --dataset raw --table rows --pipeline shop; }
query() { "$DLT" dataset raw --from duckdb:disk/shop.duckdb --format json --sql "SELECT count(*) AS n, max(id) AS top FROM rows"; }
load before.jsonl >/dev/null 2>first || { cat first; exit 91; }
load big.jsonl >/dev/null 2>full; echo "code $?"
query || exit 92
mount -o remount,size=200m none disk || exit 93
load big.jsonl >/dev/null 2>second || { cat second; exit 94; }
query || exit 95
"#;
    let run =
        sandbox.command("unshare").args(["-rm", "sh", "-c", script]).env("DLT", dlt_testkit::dlt_binary().unwrap());
    let output = run.run().unwrap();
    let told = std::fs::read_to_string(sandbox.path("full")).unwrap_or_default();
    let lines: Vec<_> = output.stdout.lines().map(|it| it.replace(' ', "")).collect();
    assert_eq!(output.code, Some(0), "{output}\n--- of the failing load\n{told}");
    assert_eq!(lines, ["code1", "{\"n\":2,\"top\":2}", "{\"n\":60002,\"top\":59999}"], "{output}\n{told}");
    let is_told = ["No space left", "no space left", "disk is full"].iter().any(|it| told.contains(it));
    assert!(is_told && !told.contains("panicked"), "{told}");
}

/// A limit on the size of files stands in for a quota: writing fails in the middle of a file.
#[test]
fn a_file_that_may_not_grow() {
    let sandbox = with_rows();
    let text: String =
        (0..60_000).map(|id| format!("{{\"id\":{id},\"text\":\"{:x}\"}}\n", id * 2_654_435_761_u64)).collect();
    sandbox.write("big.jsonl", text).unwrap();
    // In blocks of 512 bytes; the database alone has more than a megabyte.
    let script = "trap '' XFSZ; ulimit -f 1200; exec \"$DLT\" ingest big.jsonl --to duckdb:shop.duckdb --dataset raw --table rows";
    let run = sandbox.command("sh").args(["-c", script]).env("DLT", dlt_testkit::dlt_binary().unwrap());
    let output = run.run().unwrap();
    expect(&output, &[FAILED], &["File too large"]);
    assert_rows_as_before(&sandbox);
    ingest(&sandbox, "big.jsonl").succeed().unwrap();
    assert_eq!(count(&sandbox, "SELECT count(*) AS n FROM rows"), 60_002);
}

/// Python dlt can't use a file that has the name of its dataset; we can.
#[test]
fn a_database_with_the_name_of_its_dataset() {
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("before.jsonl", BEFORE).unwrap();
    let run = ["ingest", "before.jsonl", "--to", "duckdb:raw.duckdb", "--dataset", "raw", "--table", "raw"];
    sandbox.dlt(run).unwrap().succeed().unwrap();
    sandbox.dlt(run).unwrap().succeed().unwrap();
    let sql = ["dataset", "raw", "--format", "json", "--sql", "SELECT count(*) AS n FROM raw"];
    let output = sandbox.dlt(sql).unwrap().succeed().unwrap();
    assert!(output.stdout.contains('4'), "{output}");
}

fn with_rows() -> Sandbox {
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("before.jsonl", BEFORE).unwrap();
    ingest(&sandbox, "before.jsonl").succeed().unwrap();
    assert_rows_as_before(&sandbox);
    sandbox
}

fn ingest(sandbox: &Sandbox, file: &str) -> dlt_testkit::Invocation {
    let run = ["ingest", file, "--to", "duckdb:shop.duckdb", "--dataset", "raw", "--table", "rows"];
    sandbox.dlt(run).unwrap()
}

fn serve(sandbox: &Sandbox, address: &str, data: &Path) -> Output {
    let run = sandbox.dlt(["tracker", "serve", "--listen", address, "--data"]).unwrap().arg(data);
    run.limit(std::time::Duration::from_secs(20)).run().unwrap()
}

/// The exit code is one of those, and stderr has an error with all of these words.
fn expect(output: &Output, codes: &[i32], words: &[&str]) {
    assert!(output.code.is_some_and(|code| codes.contains(&code)), "the exit code is not of {codes:?}\n{output}");
    assert!(output.stderr.contains("error"), "no error is told\n{output}");
    assert!(!output.stderr.contains("panicked"), "{output}");
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` is not named\n{output}");
    }
}

fn assert_rows_as_before(sandbox: &Sandbox) {
    assert_eq!(count(sandbox, "SELECT count(*) AS n FROM rows"), 2);
    assert_eq!(count(sandbox, "SELECT count(*) AS n FROM rows__tags"), 2);
    assert_eq!(count(sandbox, "SELECT count(*) AS n FROM _dlt_loads"), 1);
    assert_eq!(count(sandbox, "SELECT count(*) AS n FROM _dlt_version"), 1);
    let columns =
        "SELECT count(*) AS n FROM information_schema.columns WHERE table_schema = 'raw' AND table_name = 'rows'";
    assert_eq!(count(sandbox, columns), 3);
}

fn count(sandbox: &Sandbox, sql: &str) -> u64 {
    let run = ["dataset", "raw", "--from", "duckdb:shop.duckdb", "--format", "json", "--sql", sql];
    let output = sandbox.dlt(run).unwrap().succeed().unwrap();
    let row: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    row["n"].as_u64().unwrap()
}
