//! The command line with ADBC drivers, as people install them.

use std::path::Path;

use dlt_testkit::{AdbcDrivers, Output, Postgres, Sandbox};

/// A sandbox in which the environment with the drivers is active.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("VIRTUAL_ENV", AdbcDrivers::shared().unwrap().environment());
    sandbox.write("orders.jsonl", ORDERS).unwrap();
    sandbox
}

const ORDERS: &str = concat!(
    r#"{"id": 1, "paid": 12.5, "at": "2024-01-02T03:04:05Z", "lines": [{"sku": "a"}, {"sku": "b"}]}"#,
    "\n",
    r#"{"id": 2, "big": 12345678901234567890123, "doc": null}"#,
    "\n"
);

fn dlt(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.dlt(arguments).unwrap().succeed().unwrap()
}

#[test]
fn a_file_is_loaded_into_sqlite_and_looked_at() {
    let sandbox = sandbox();
    let to = "adbc:sqlite:shop.db";
    let ingest = ["ingest", "orders.jsonl", "--to", to, "--dataset", "raw", "--table", "orders"];
    dlt(&sandbox, &ingest);
    assert!(sandbox.path("shop__raw.db").exists());
    let merged = [&ingest[..], &["--write-disposition", "merge", "--primary-key", "id"]].concat();
    dlt(&sandbox, &merged);
    dlt(&sandbox, &merged);
    let sql = "SELECT id, paid, at, big FROM orders ORDER BY id";
    let rows = dlt(&sandbox, &["dataset", "raw", "--from", to, "--sql", sql, "--format", "csv"]);
    assert_eq!(
        rows.stdout.replace("\r\n", "\n"),
        "id,paid,at,big\n1,12.5,2024-01-02 03:04:05.000000,\n2,,,12345678901234567890123\n"
    );
    let lines = "SELECT count(*) AS count FROM orders__lines";
    let lines = dlt(&sandbox, &["dataset", "raw", "--from", to, "--sql", lines, "--format", "csv"]);
    assert_eq!(lines.stdout.replace("\r\n", "\n"), "count\n2\n");
    let tables = dlt(&sandbox, &["dataset", "raw", "--from", to]);
    assert!(tables.stdout.contains("orders__lines"), "{}", tables.stdout);
}

#[test]
fn a_pipeline_file_loads_into_postgres_and_no_password_is_told() {
    let server = Postgres::start().unwrap();
    let sandbox = sandbox();
    dlt(&sandbox, &["init", "filesystem", "adbc"]);
    let written = std::fs::read_to_string(sandbox.path("filesystem_pipeline.toml")).unwrap();
    assert!(written.contains("type = \"adbc\"") && written.contains("driver = \"sqlite\""), "{written}");
    let pipeline = "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n\n[destination]\ntype = \"adbc\"\ndriver = \"postgresql\"\n\n\
                    [source]\ntype = \"filesystem\"\npaths = [\"orders.jsonl\"]\n";
    sandbox.write("shop.toml", pipeline).unwrap();
    sandbox.write(".dlt/secrets.toml", format!("[destination.adbc]\nuri = \"{}\"\n", server.url("postgres"))).unwrap();
    let run = dlt(&sandbox, &["run", "shop.toml", "-v"]);
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(!told.contains(Postgres::PASSWORD_IN_URL) && !told.contains(Postgres::PASSWORD), "{told}");
    assert_eq!(
        server.sql("postgres", "SELECT id, paid, at, big FROM raw.orders ORDER BY id").unwrap().lines().count(),
        2
    );
    // Nothing that stays holds it either.
    let kept = std::process::Command::new("grep")
        .args(["-rlF", Postgres::PASSWORD_IN_URL])
        .arg(sandbox.data_dir())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
}

#[test]
fn what_is_not_there_is_told() {
    let sandbox = sandbox();
    for (to, code, said, hint) in [
        ("adbc:nothing:x", 2, "there is no ADBC driver `nothing` on this machine", "pip install adbc-driver-nothing"),
        ("adbc:sqlite::memory:", 2, "data in memory would be gone", "adbc:sqlite:shop.db"),
        ("adbc://host", 2, "a driver comes first", "adbc:DRIVER:URI"),
        ("motherduck:shop", 2, "needs an extension of DuckDB", "duckdb:shop.duckdb"),
    ] {
        let output = sandbox.dlt(["ingest", "orders.jsonl", "--to", to, "--dataset", "raw"]).unwrap().run().unwrap();
        assert_eq!(output.code, Some(code), "{to}: {}", output.stderr);
        assert!(output.stderr.contains(said) && output.stderr.contains(hint), "{to}: {}", output.stderr);
    }
}

/// DuckDB's library is a driver, too: it stands for a warehouse that reads files by itself.
#[test]
fn rows_go_by_way_of_files_and_the_keys_of_the_store_are_not_told() {
    let sandbox = sandbox();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.duckdb/libduckdb.so").canonicalize().unwrap();
    let manifest = format!("[Driver]\nentrypoint = \"duckdb_adbc_init\"\nshared = {:?}\n", library.to_str().unwrap());
    sandbox.write("duckdb.toml", manifest).unwrap();
    let pipeline = "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n\n[destination]\ntype = \"adbc\"\ndriver = \"./duckdb.toml\"\n\n\
                    [destination.staging]\nbucket_url = \"staged\"\ncopy = \"COPY {table} FROM '{url}' (FORMAT parquet)\"\n\n\
                    [source]\ntype = \"filesystem\"\npaths = [\"orders.jsonl\"]\nwrite_disposition = \"merge\"\nprimary_key = \"id\"\n";
    sandbox.write("shop.toml", pipeline).unwrap();
    let database = sandbox.path("shop.duckdb");
    let secrets = format!(
        "[destination.adbc.options]\npath = {:?}\n\n[destination.adbc.staging.credentials]\naws_secret_access_key = \"hunter2\"\n",
        database.to_str().unwrap()
    );
    sandbox.write(".dlt/secrets.toml", secrets).unwrap();
    for _ in 0..2 {
        let run = dlt(&sandbox, &["run", "shop.toml", "-v"]);
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(!told.contains("hunter2"), "{told}");
        assert!(
            told.contains("destination.staging.credentials.aws_secret_access_key: from .dlt/secrets.toml:5"),
            "{told}"
        );
    }
    assert_eq!(std::fs::read_dir(sandbox.path("staged/_dlt_staged")).unwrap().count(), 0);
    let count = ["dataset", "raw", "--from", &format!("duckdb:{}", database.display()), "--format", "csv", "--sql"];
    let rows = dlt(&sandbox, &[&count[..], &["SELECT count(*) AS n, sum(id) AS ids FROM orders"]].concat());
    assert_eq!(rows.stdout.replace("\r\n", "\n"), "n,ids\n2,3\n");
}
