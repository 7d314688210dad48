//! Places that fail: a full disk, credentials that are wrong or have run out, a pool of connections in between. The same command, run
//! again when the cause is gone, ends as if nothing had been.

use dlt_testkit::{Disk, Fault, Front, Output, PgBouncer, Postgres, S3, Sandbox};
use serde_json::Value;

const FAILED: i32 = 1;

/// A megabyte or two that does not pack.
fn big() -> String {
    (0..60_000).map(|id| format!("{{\"id\":{id},\"text\":\"{:x}\"}}\n", id * 2_654_435_761_u64)).collect()
}

fn expect(output: &Output, words: &[&str]) {
    assert_eq!(output.code, Some(FAILED), "{output}");
    assert!(output.stderr.contains("error") && !output.stderr.contains("panicked"), "{output}");
    for word in words {
        assert!(output.stderr.contains(word), "`{word}` is not named\n{output}");
    }
}

fn ingest(sandbox: &Sandbox, file: &str, to: &str) -> dlt_testkit::Invocation {
    let arguments = ["ingest", file, "--to", to, "--dataset", "raw", "--table", "rows", "--pipeline", "shop"];
    sandbox.dlt(arguments).unwrap()
}

#[expect(clippy::print_stderr, reason = "what is not tested is not passed over in silence")]
fn not_tested(why: &str) {
    eprintln!("NOT TESTED: {why}");
}

/// Rows and the sum of their ids.
fn rows(sandbox: &Sandbox, from: &str) -> (u64, u64) {
    let sql = "SELECT count(*) AS n, sum(id)::BIGINT AS total FROM rows";
    let run = sandbox.dlt(["dataset", "raw", "--from", from, "--format", "json", "--sql", sql]).unwrap();
    let row: Value = serde_json::from_str(&run.succeed().unwrap().stdout).unwrap();
    (row["n"].as_u64().unwrap(), row["total"].as_u64().unwrap())
}

#[test]
fn a_server_whose_disk_is_full() {
    if !Disk::is_allowed() {
        return not_tested("only root can mount a small disk for the server");
    }
    let disk = Disk::mount(3).unwrap();
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server.keep_tables_in("shop", disk.path()).unwrap();
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("before.jsonl", "{\"id\":1}\n").unwrap();
    sandbox.write("big.jsonl", big()).unwrap();
    let url = server.url("shop");
    ingest(&sandbox, "before.jsonl", &url).succeed().unwrap();
    for extra in [&[][..], &["--write-disposition", "merge", "--primary-key", "id"]] {
        let output = ingest(&sandbox, "big.jsonl", &url).args(extra).run().unwrap();
        expect(&output, &["the disk of the server is full", "free some space there, then run the same command again"]);
        assert_eq!(rows(&sandbox, &url), (1, 1), "nothing of it is there");
        disk.resize(200).unwrap();
        ingest(&sandbox, "big.jsonl", &url).args(extra).succeed().unwrap();
        let expected = if extra.is_empty() { 60_001 } else { 60_000 };
        assert_eq!(rows(&sandbox, &url).0, expected, "{extra:?}");
        server
            .sql("shop", "TRUNCATE raw.rows; INSERT INTO raw.rows (id, _dlt_id, _dlt_load_id) VALUES (1, 'x', '1')")
            .unwrap();
        server.sql("shop", "CHECKPOINT").unwrap();
        disk.resize(3).unwrap();
    }
}

/// The folder of the destination alone is full; the load package has room.
#[test]
fn a_folder_or_file_on_a_full_disk() {
    if !Disk::is_allowed() {
        return not_tested("only root can mount a small disk for the destination");
    }
    for (kind, name) in [("filesystem", "lake"), ("duckdb", "shop.duckdb")] {
        let disk = Disk::mount(2).unwrap();
        let sandbox = Sandbox::new().unwrap();
        sandbox.write("before.jsonl", "{\"id\":1}\n").unwrap();
        sandbox.write("big.jsonl", big()).unwrap();
        let place = format!("{kind}:{}", disk.path().join(name).display());
        let load = |file: &str| {
            ingest(&sandbox, file, &place)
                .env("DESTINATION__FILESYSTEM__DISABLE_COMPRESSION", "true")
                .env("DESTINATION__FILESYSTEM__LOADER_FILE_FORMAT", "jsonl")
        };
        load("before.jsonl").succeed().unwrap();
        std::fs::write(disk.path().join("other"), vec![1; 200_000]).unwrap();
        let output = load("big.jsonl").run().unwrap();
        expect(&output, &["free some space"]);
        assert_eq!(rows(&sandbox, &place), (1, 1), "{kind}: nothing of it is there");
        disk.resize(200).unwrap();
        load("big.jsonl").succeed().unwrap();
        assert_eq!(rows(&sandbox, &place), (60_001, 59_999 * 30_000 + 1), "{kind}");
    }
}

#[test]
fn a_user_of_postgres_who_is_wrong_has_run_out_or_may_not() {
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server
        .sql(
            "shop",
            "CREATE ROLE ann LOGIN PASSWORD 'right'; CREATE ROLE late LOGIN PASSWORD 'right' VALID UNTIL '2001-01-01'",
        )
        .unwrap();
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("rows.jsonl", "{\"id\":1}\n{\"id\":2}\n").unwrap();
    let url = |user: &str, password: &str| format!("postgres://{user}:{password}@127.0.0.1:{}/shop", server.port());
    let said = |url: &str| ingest(&sandbox, "rows.jsonl", url).run().unwrap();
    for (user, password) in [("ann", "very-wrong"), ("late", "right")] {
        let output = said(&url(user, password));
        expect(&output, &["refuses the password", "VALID UNTIL"]);
        assert!(!output.stderr.contains(password) || password == "right", "{output}");
    }
    let ann = url("ann", "right");
    expect(&said(&ann), &["permission denied", "GRANT CREATE ON DATABASE"]);
    server.sql("shop", "GRANT CREATE ON DATABASE shop TO ann").unwrap();
    ingest(&sandbox, "rows.jsonl", &ann).succeed().unwrap();
    assert_eq!(rows(&sandbox, &ann), (2, 3));
    // Rights that are lost between two loads.
    server.sql("shop", "REVOKE INSERT ON ALL TABLES IN SCHEMA raw FROM ann").unwrap();
    expect(&said(&ann), &["permission denied for table"]);
    assert_eq!(rows(&sandbox, &ann), (2, 3));
    server.sql("shop", "GRANT INSERT ON ALL TABLES IN SCHEMA raw TO ann").unwrap();
    ingest(&sandbox, "rows.jsonl", &ann).succeed().unwrap();
    assert_eq!(rows(&sandbox, &ann), (4, 6));
}

/// What a store answers to keys that are not known, do not fit, have run out, or have no right; at the first request and in the middle
/// of the load.
#[test]
fn keys_of_a_bucket_that_are_refused() {
    for (code, status, word) in [
        ("InvalidAccessKeyId", 403, "does not accept the credentials"),
        ("SignatureDoesNotMatch", 403, "does not accept the credentials"),
        ("ExpiredToken", 400, "credentials"),
        ("AccessDenied", 403, "right"),
    ] {
        for only_writes in [false, true] {
            let server = S3::start().unwrap();
            server.make_bucket("lake").unwrap();
            let sandbox = Sandbox::new().unwrap();
            sandbox.write("rows.jsonl", "{\"id\":1}\n{\"id\":2}\n").unwrap();
            let keys = |run: dlt_testkit::Invocation, url: &str| {
                run.env("DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL", url)
                    .env("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "key")
                    .env("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "very-secret")
            };
            let load = |url: &str| keys(ingest(&sandbox, "rows.jsonl", "s3://lake/x"), url);
            let front = Front::before(server.address(), move |method, path| {
                let is_of_rows = method == "PUT" && path.contains("/rows/");
                if is_of_rows || !only_writes { Fault::Answer(status, code) } else { Fault::None }
            });
            let output = load(&front.unwrap().url()).run().unwrap();
            expect(&output, &[word, "hint: "]);
            assert!(!output.stderr.contains("very-secret"), "{output}");
            load(&server.url()).succeed().unwrap();
            let sql = "SELECT count(*) AS n FROM rows";
            let read = ["dataset", "raw", "--from", "s3://lake/x", "--format", "json", "--sql", sql];
            let read = keys(sandbox.dlt(read).unwrap(), &server.url()).succeed().unwrap();
            assert_eq!(read.stdout.trim(), "{\"n\":2}", "{code}: loaded once");
        }
    }
}

/// Behind PgBouncer each transaction may meet another session of the server.
#[test]
fn a_pool_of_connections_that_is_shared_by_transactions() {
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server.sql("shop", "CREATE SCHEMA src; CREATE TYPE src.mood AS ENUM ('sad', 'happy')").unwrap();
    for number in 0..5 {
        let rows = format!(
            "SELECT id, 'happy'::src.mood AS mood, '{{1,2}}'::int[] AS list FROM generate_series(1, {number}) AS id"
        );
        server.sql("shop", &format!("CREATE TABLE src.t{number} AS {rows}")).unwrap();
    }
    let pool = PgBouncer::before(&server, SESSIONS).unwrap();
    let url = pool.url("shop");
    let fresh = settings_of_sessions(&server, &url);
    assert!(fresh.contains(&"statement_timeout=0".to_owned()), "{fresh:?}");
    let sandbox = Sandbox::new().unwrap();
    sandbox.write("rows.jsonl", "{\"id\":1,\"tags\":[1]}\n{\"id\":2,\"tags\":[2,3]}\n").unwrap();
    for extra in [
        &[][..],
        &["--write-disposition", "merge", "--primary-key", "id"],
        &["--write-disposition", "merge", "--primary-key", "id"],
        &["--write-disposition", "replace"],
        &["--write-disposition", "append"],
    ] {
        ingest(&sandbox, "rows.jsonl", &url).args(extra).succeed().unwrap();
    }
    assert_eq!(rows(&sandbox, &url), (4, 6));
    for _ in 0..3 {
        let copy = [
            "ingest",
            &url,
            "--schema",
            "src",
            "--to",
            "duckdb:copy.duckdb",
            "--dataset",
            "copy",
            "--refresh",
            "drop_data",
        ];
        sandbox.dlt(copy).unwrap().succeed().unwrap();
    }
    let sql = "SELECT count(*) AS n FROM t4 WHERE mood = 'happy'";
    let read =
        sandbox.dlt(["dataset", "copy", "--from", "duckdb:copy.duckdb", "--format", "json", "--sql", sql]).unwrap();
    let n: Value = serde_json::from_str(&read.succeed().unwrap().stdout).unwrap();
    assert!(n["n"].as_u64().unwrap() >= 4, "{n}");
    // What a run sets for itself ends with its transaction: whoever gets the session next has it as it was.
    assert_eq!(settings_of_sessions(&server, &url), fresh);
}

/// How many sessions the pool has, at most.
const SESSIONS: u32 = 6;

/// What was set in the sessions of the pool and is still so. Each session is held for a while, so that the next one is another.
fn settings_of_sessions(server: &Postgres, url: &str) -> Vec<String> {
    let sql = "BEGIN; SELECT pg_sleep(2); SELECT 'session of ' || pg_backend_pid(); SELECT name || '=' || setting FROM pg_settings \
               WHERE source = 'session' AND name <> 'application_name' OR name IN ('search_path', 'TimeZone', 'DateStyle', \
               'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'standard_conforming_strings', \
               'default_transaction_isolation', 'default_transaction_read_only'); COMMIT";
    let ask = || {
        let mut command = server.psql("shop");
        // The last of two wins.
        command.args(["-d", url, "-c", sql]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told: Vec<String> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let lines = || told.iter().flat_map(|text| text.lines());
    let sessions: std::collections::BTreeSet<_> = lines().filter(|line| line.starts_with("session of")).collect();
    assert_eq!(sessions.len(), SESSIONS as usize, "{told:?}");
    let settings: std::collections::BTreeSet<_> = lines().filter(|line| line.contains('=')).collect();
    settings.into_iter().map(str::to_owned).collect()
}
