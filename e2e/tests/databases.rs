//! Loads from databases, beside Python dlt's `sql_database`: the same tables, and the same position.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use dlt_testkit::{Generator, MariaDb, Postgres, PythonDlt, Sandbox};
use serde_json::{Value, json};

use crate::judge::{Request, differences};

const SCRIPT: &str = include_str!("../python/sql_database.py");

fn python(sandbox: &Sandbox, arguments: &[&str], input: &str, memory: &str) -> Result<()> {
    let script = PythonDlt::shared()?.script(sandbox, SCRIPT).args(arguments).stdin(input);
    script.env("DLT_DATA_DIR", sandbox.path(memory)).limit(Duration::from_secs(300)).succeed()?;
    Ok(())
}

/// What is loaded, told to both.
#[derive(Clone, Default)]
struct Load {
    credentials: String,
    tables: &'static [&'static str],
    level: Option<&'static str>,
    references: bool,
    incremental: Option<&'static str>,
    merges: bool,
    backend: Option<&'static str>,
}

impl Load {
    fn by_python(&self, sandbox: &Sandbox, database: &Path, memory: &str) -> Result<()> {
        // Python's library wants the name of a driver.
        let credentials = self.credentials.replace("mysql://", "mysql+pymysql://");
        let request = json!({
            "credentials": credentials, "tables": self.tables, "level": self.level.unwrap_or("full"),
            "references": self.references, "incremental": self.incremental, "merge": self.merges, "backend": self.backend,
        });
        python(sandbox, &["load", &database.display().to_string()], &request.to_string(), memory)
    }

    fn by_us(&self, sandbox: &Sandbox, database: &Path, memory: &str) -> Result<()> {
        let mut file = format!(
            "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n\n[destination]\ntype = \"duckdb\"\npath = {:?}\n\n\
             [source]\ntype = \"sql_database\"\ntable_names = {:?}\nresolve_foreign_keys = {}\n",
            database, self.tables, self.references
        );
        if let Some(level) = self.level {
            file.push_str(&format!("reflection_level = {level:?}\n"));
        }
        if let Some(cursor) = self.incremental {
            file.push_str(&format!("incremental = {cursor:?}\n"));
        }
        if let Some(backend) = self.backend {
            file.push_str(&format!("backend = {backend:?}\n"));
        }
        if self.merges {
            file.push_str("write_disposition = \"merge\"\n");
        }
        let path = sandbox.path(format!("{memory}_pipeline.toml"));
        std::fs::write(&path, file)?;
        let command = sandbox.dlt(["run"])?.arg(&path).env("SOURCES__SQL_DATABASE__CREDENTIALS", &self.credentials);
        command.env("DLT_DATA_DIR", sandbox.path(memory)).succeed()?;
        Ok(())
    }
}

/// What differs between two datasets, but for what is known.
fn compared(sandbox: &Sandbox, ours: &Path, pythons: &Path, known: &[&str]) -> Vec<String> {
    let mut request = Request::default();
    request.describe("ours", "raw", ours).describe("python", "raw", pythons);
    let verdict = request.ask(sandbox).unwrap();
    let found = differences(&verdict.descriptions["ours"], &verdict.descriptions["python"]);
    let is_known = |place: &str| known.iter().any(|known| place.starts_with(known));
    found.iter().filter(|found| !is_known(&found.place)).map(ToString::to_string).collect()
}

fn sqlite(sandbox: &Sandbox, file: &Path, sql: &str) {
    python(sandbox, &["sqlite", &file.display().to_string()], sql, "unused").unwrap();
}

const SQLITE: &str = "
    CREATE TABLE customers(id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, born DATE);
    INSERT INTO customers VALUES (1, 'Ada', '1815-12-10'), (2, 'Größe', NULL);
    CREATE TABLE \"Order Lines\"(order_id INT NOT NULL, line SMALLINT NOT NULL, price DECIMAL(10,2), weight REAL, note TEXT,
        raw BLOB, paid BOOLEAN, at DATETIME, clock TIME, doc JSON, customer INT REFERENCES customers(id), PRIMARY KEY (order_id, line));
    INSERT INTO \"Order Lines\" VALUES
        (1, 1, 1.10, 0.5, 'x', x'00ff', 1, '2024-01-02 03:04:05.678000', '03:04:05.500000', '{\"a\": {\"b\": [1, \"é\"]}}', 1),
        (1, 2, 99999999.99, 1e300, '2024-01-01T00:00:00Z', NULL, 0, '1969-12-31 23:59:59', NULL, '[]', 2),
        (2, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    CREATE TABLE mixed(id INTEGER PRIMARY KEY, i INT, t TEXT);
    INSERT INTO mixed VALUES (1, 1, 'a'), (2, 'abc', x'6162'), (3, 1.5, 5);";

#[test]
fn sqlite_is_loaded_as_python_loads_it() {
    let sandbox = Sandbox::new().unwrap();
    let file = sandbox.path("shop.db");
    sqlite(&sandbox, &file, SQLITE);
    for level in ["full", "full_with_precision", "minimal"] {
        let tables: &[&str] = &["customers", "Order Lines", "mixed"];
        let (ours, pythons) =
            (sandbox.path(format!("{level}.ours.duckdb")), sandbox.path(format!("{level}.python.duckdb")));
        let load = Load {
            credentials: format!("sqlite:///{}", file.display()),
            tables,
            level: Some(level),
            references: true,
            ..Load::default()
        };
        load.by_us(&sandbox, &ours, &format!("{level}-ours")).unwrap();
        load.by_python(&sandbox, &pythons, &format!("{level}-python")).unwrap();
        let found = compared(&sandbox, &ours, &pythons, &[]);
        assert!(found.is_empty(), "{level}:\n{}", found.join("\n"));
    }
}

/// Columns and rows are the same, but for the ids that Python dlt leaves out on this way; and both go on with the other's table.
#[test]
fn tables_of_pyarrow_are_gone_on_with() {
    let sandbox = Sandbox::new().unwrap();
    let file = sandbox.path("shop.db");
    sqlite(&sandbox, &file, SQLITE);
    let query = |database: &Path, sql: &str| {
        let query = sandbox.dlt(["dataset", "raw", "--from"]).unwrap().arg(format!("duckdb:{}", database.display()));
        query.args(["--sql", sql, "--format", "json"]).succeed().unwrap().stdout
    };
    for level in ["full", "full_with_precision"] {
        let load = Load {
            credentials: format!("sqlite:///{}", file.display()),
            tables: &["customers", "Order Lines"],
            level: Some(level),
            backend: Some("pyarrow"),
            ..Load::default()
        };
        let (ours, pythons) =
            (sandbox.path(format!("{level}.ours.duckdb")), sandbox.path(format!("{level}.python.duckdb")));
        load.by_us(&sandbox, &ours, &format!("{level}-ours")).unwrap();
        load.by_python(&sandbox, &pythons, &format!("{level}-python")).unwrap();
        let columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
            WHERE table_schema = 'raw' AND NOT starts_with(column_name, '_dlt') AND NOT starts_with(table_name, '_dlt') ORDER BY ALL";
        let found = query(&ours, columns);
        assert!(found.contains("order_lines"), "{found}");
        assert_eq!(found, query(&pythons, columns), "{level}");
        let rows = "SELECT COLUMNS(c -> NOT starts_with(c, '_dlt')) FROM order_lines ORDER BY order_id, line";
        assert_eq!(query(&ours, rows), query(&pythons, rows), "{level}");
        load.by_us(&sandbox, &pythons, &format!("{level}-turn-1")).unwrap();
        load.by_python(&sandbox, &pythons, &format!("{level}-turn-2")).unwrap();
        let counted = query(
            &pythons,
            "SELECT count(*) AS n, count(_dlt_id) AS ids, count(DISTINCT (order_id, line)) AS d FROM order_lines",
        );
        let counted: Value = serde_json::from_str(counted.trim()).unwrap();
        assert_eq!(counted, json!({"n": 9, "ids": 3, "d": 3}), "{level}");
    }
}

#[test]
fn postgres_is_loaded_as_python_loads_it() {
    let server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server
        .sql(
            "shop",
            "CREATE TABLE customers(id bigserial PRIMARY KEY, name varchar(40) NOT NULL, born date, u uuid, tags text[]);
             INSERT INTO customers VALUES (1, 'Ada', '1815-12-10', '00112233-4455-6677-8899-aabbccddeeff', '{a,\"b c\"}');
             CREATE TABLE \"Orders\"(id int PRIMARY KEY, small smallint, price numeric(10,2), any_price numeric, weight real,
                length double precision, note text, raw bytea, paid boolean, at timestamptz, wall timestamp, clock time, doc jsonb,
                customer bigint REFERENCES customers(id));
             INSERT INTO \"Orders\" VALUES (1, 2, 1.10, 1.5, 0.5, 1e300, 'é', '\\x00ff', true, '2024-01-02 03:04:05.678+02',
                '2024-01-02 03:04:05', '03:04:05.5', '{\"a\": [1, {\"b\": null}]}', 1);
             INSERT INTO \"Orders\"(id) VALUES (2)",
        )
        .unwrap();
    let sandbox = Sandbox::new().unwrap();
    for level in ["full", "full_with_precision", "minimal"] {
        let (ours, pythons) =
            (sandbox.path(format!("{level}.ours.duckdb")), sandbox.path(format!("{level}.python.duckdb")));
        let tables: &[&str] = &["customers", "Orders"];
        let load =
            Load { credentials: server.url("shop"), tables, level: Some(level), references: true, ..Load::default() };
        load.by_us(&sandbox, &ours, &format!("{level}-ours")).unwrap();
        let kept = files_below(&sandbox.path(format!("{level}-ours")));
        assert!(!kept.is_empty());
        for (path, bytes) in kept {
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds(Postgres::PASSWORD) && !holds(Postgres::PASSWORD_IN_URL), "{path:?} holds the password");
        }
        load.by_python(&sandbox, &pythons, &format!("{level}-python")).unwrap();
        let found = compared(&sandbox, &ours, &pythons, &[]);
        assert!(found.is_empty(), "{level}:\n{}", found.join("\n"));
    }
}

/// All files of a folder and below, with what they hold.
fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

#[test]
fn mariadb_is_loaded_as_python_loads_it() {
    let server = MariaDb::start().unwrap();
    server.create_database("shop").unwrap();
    // Without DOUBLE, of which Python dlt makes decimals that fail where they are large; the year comes last, as columns do
    // whose type it does not know.
    server
        .sql(
            "shop",
            "SET sql_mode = '';
             CREATE TABLE orders(id INT AUTO_INCREMENT PRIMARY KEY, small SMALLINT, big BIGINT UNSIGNED, flag TINYINT(1),
                price DECIMAL(10,2), weight FLOAT, code CHAR(3), name VARCHAR(40) NOT NULL, note TEXT, raw BLOB,
                born DATE, at DATETIME(6), made TIMESTAMP NULL, e ENUM('a','b'), doc JSON, y YEAR);
             INSERT INTO orders VALUES (1, -5, 7, 1, 1.10, 0.5, 'abc', 'é', '日本', x'00ff', '2024-02-29',
                '2024-01-02 03:04:05.678', '2024-01-02 03:04:05', 'b', '{\"a\": 1}', 2024); INSERT INTO orders(name) VALUES ('')",
        )
        .unwrap();
    let sandbox = Sandbox::new().unwrap();
    for level in ["full", "full_with_precision", "minimal"] {
        let (ours, pythons) =
            (sandbox.path(format!("{level}.ours.duckdb")), sandbox.path(format!("{level}.python.duckdb")));
        let load = Load { credentials: server.url("shop"), tables: &["orders"], level: Some(level), ..Load::default() };
        load.by_us(&sandbox, &ours, &format!("{level}-ours")).unwrap();
        load.by_python(&sandbox, &pythons, &format!("{level}-python")).unwrap();
        let found = compared(&sandbox, &ours, &pythons, &[]);
        assert!(found.is_empty(), "{level}:\n{}", found.join("\n"));
    }
}

/// Rows that a database has before each run: the boundary comes again, and older ones come late.
const NEW: [&str; 4] = [
    "(1, '2024-01-01 00:00:00.000000', 1), (2, '2024-01-02 12:00:00.500000', 1), (3, '2024-01-02 12:00:00.500000', 1)",
    "(4, '2024-01-02 12:00:00.500000', 2), (5, '2024-01-01 12:00:00.000000', 2), (6, '2024-01-03 00:00:00.000000', 2)",
    "(7, '2024-01-03 00:00:00.000000', 3)",
    "(8, '2024-01-04 00:00:00.000001', 4), (9, '2024-01-03 00:00:00.000000', 4)",
];

#[test]
fn what_is_new_is_loaded_in_turns() {
    let server = Postgres::start().unwrap();
    let sandbox = Sandbox::new().unwrap();
    for (kind, begins_with_us) in [("sqlite", true), ("postgres", false)] {
        let name = format!("{kind}_{begins_with_us}");
        let file = sandbox.path(format!("{name}.db"));
        let credentials = match kind {
            "sqlite" => format!("sqlite:///{}", file.display()),
            _ => {
                server.create_database(&name).unwrap();
                server.url(&name)
            }
        };
        let run = |sql: &str| match kind {
            "sqlite" => sqlite(&sandbox, &file, sql),
            _ => drop(server.sql(&name, sql).unwrap()),
        };
        run("CREATE TABLE events(id INTEGER PRIMARY KEY, at TIMESTAMP, run INTEGER)");
        let load = Load { credentials, tables: &["events"], incremental: Some("at"), ..Load::default() };
        let (mixed, alone) =
            (sandbox.path(format!("{name}.mixed.duckdb")), sandbox.path(format!("{name}.alone.duckdb")));
        for (number, rows) in NEW.iter().enumerate() {
            run(&format!("INSERT INTO events VALUES {rows}"));
            load.by_python(&sandbox, &alone, &format!("{name}-alone")).unwrap();
            // Each run begins on a machine that knows nothing.
            let memory = format!("{name}-{number}");
            match (number % 2 == 0) == begins_with_us {
                true => load.by_us(&sandbox, &mixed, &memory).unwrap(),
                false => load.by_python(&sandbox, &mixed, &memory).unwrap(),
            }
        }
        let known = ["/version", "/version_count", "/loads", "/states", "/state/_state_version"];
        let found = compared(&sandbox, &mixed, &alone, &known);
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
        let ids = sandbox.dlt(["dataset", "raw", "--from"]).unwrap().arg(format!("duckdb:{}", mixed.display()));
        let ids = ids.args(["--sql", "SELECT count(*) AS n, count(DISTINCT id) AS d FROM events", "--format", "json"]);
        let counted: Value = serde_json::from_str(ids.succeed().unwrap().stdout.trim()).unwrap();
        // The fifth came late, and was older than what was loaded.
        assert_eq!(counted, json!({"n": 8, "d": 8}), "{name}");
    }
}

#[test]
fn a_load_that_is_killed_goes_on() {
    let sandbox = Sandbox::new().unwrap();
    let file = sandbox.path("many.db");
    let many = "CREATE TABLE many(id INTEGER PRIMARY KEY, x TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
        INSERT INTO many SELECT i, printf('%064d', i) FROM n; CREATE TABLE few(id INT); INSERT INTO few VALUES (1)";
    sqlite(&sandbox, &file, many);
    let mut generator = Generator::new(17);
    for number in 0..3 {
        let database: PathBuf = sandbox.path(format!("killed-{number}.duckdb"));
        let command = || {
            let command = sandbox.dlt(["ingest"]).unwrap().arg(format!("sqlite:{}", file.display()));
            let command = command.args(["--to", &format!("duckdb:{}", database.display()), "--dataset", "raw"]);
            command.env("DLT_DATA_DIR", sandbox.path(format!("killed-{number}")))
        };
        for _ in 0..2 {
            let mut running = command().spawn().unwrap();
            std::thread::sleep(Duration::from_millis(20 + generator.below(400)));
            if running.has_ended().unwrap() {
                break;
            }
            running.kill().unwrap();
        }
        let loads = "SELECT count(*) FROM _dlt_loads";
        let counted = |sql: &str| -> i64 {
            let query =
                sandbox.dlt(["dataset", "raw", "--from"]).unwrap().arg(format!("duckdb:{}", database.display()));
            let output = query.args(["--sql", &format!("SELECT ({sql}) AS n"), "--format", "json"]).run().unwrap();
            let found: Value = serde_json::from_str(output.stdout.trim()).unwrap_or_default();
            found["n"].as_i64().unwrap_or(0)
        };
        let before = counted(loads);
        if before == 0 {
            command().succeed().unwrap();
        }
        let runs = counted(loads);
        assert_eq!(counted("SELECT count(*) FROM many"), 60_000 * runs);
        assert_eq!(counted("SELECT count(DISTINCT id) FROM many"), 60_000);
        assert_eq!(counted("SELECT count(*) FROM few"), runs);
    }
}
