//! How dbt comes into Postgres, and where the password does not get.

use std::fs;
use std::path::Path;

use dlt_testkit::{Postgres, Sandbox};

use super::{dlt, sandbox, write_package};

/// Every file below a folder that holds one of the texts.
fn holding(folder: &Path, texts: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            holding(&entry.path(), texts, found);
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            if texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes())) {
                found.push(entry.path().display().to_string());
            }
        }
    }
}

fn shop(sandbox: &Sandbox, server: &Postgres) {
    server.create_database("shop").unwrap();
    sandbox.write("users.jsonl", "{\"id\": 1}\n").unwrap();
    sandbox.dlt(["ingest", "users.jsonl", "--to", &server.url("shop"), "--dataset", "raw"]).unwrap().succeed().unwrap();
}

#[test]
fn a_password_with_odd_characters_stands_nowhere() {
    let mut sandbox = sandbox();
    let server = Postgres::start().unwrap();
    shop(&sandbox, &server);
    let file = "[pipeline]\nname = \"shop\"\ndataset = \"raw\"\n[destination]\ntype = \"postgres\"\n[source]\ntype = \"filesystem\"\npaths = [\"*.jsonl\"]\n\
                [dbt]\npackage_location = \"transform\"\ndestination_dataset_name = \"Other Data\"\nthreads = 2\n";
    sandbox.write("shop_pipeline.toml", file).unwrap();
    sandbox.set_env("DESTINATION__POSTGRES__CREDENTIALS", server.url("shop"));
    // One that fails with what it read, and one that says what it may not.
    let tell = "select {{ env_var('DBT_ENV_SECRET_DLT__CREDENTIALS__PASSWORD', 'kept') }} as x";
    write_package(
        &sandbox,
        "transform",
        &[
            ("users", "select id, '{{ target.name }}' as target from \"{{ var('source_dataset_name') }}\".users"),
            ("bad", "select * from {{ ref('users') }} where nope"),
        ],
    );
    let failed = dlt(&sandbox, "dbt run -- --log-level debug --log-level-file debug").run().unwrap();
    assert_eq!(failed.code, Some(1), "{failed}");
    assert!(failed.stdout.contains("1 success, 1 error") || failed.stdout.contains("1 error, 1 success"), "{failed}");
    assert_eq!(server.sql("shop", "SELECT * FROM \"Other Data\".users").unwrap(), "1|analytics");
    sandbox.write("transform/models/bad.sql", tell).unwrap();
    let told = dlt(&sandbox, "dbt run").run().unwrap();
    assert_eq!(told.code, Some(1), "{told}");
    assert!(told.stderr.contains("Secret"), "dbt lets nothing but profiles read it\n{told}");
    for output in [&failed, &told] {
        let printed = format!("{}{}", output.stdout, output.stderr);
        assert!(!printed.contains(Postgres::PASSWORD) && !printed.contains(Postgres::PASSWORD_IN_URL), "{output}");
    }
    let mut found = Vec::new();
    holding(sandbox.root(), &[Postgres::PASSWORD, Postgres::PASSWORD_IN_URL], &mut found);
    assert_eq!(found, [""; 0], "files hold the password");
    assert!(sandbox.path("transform/logs/dbt.log").exists() && sandbox.path("transform/target/manifest.json").exists());

    // A wrong password is said by us, before dbt starts.
    sandbox
        .set_env("DESTINATION__POSTGRES__CREDENTIALS", server.url("shop").replace(Postgres::PASSWORD_IN_URL, "wrong"));
    let refused = dlt(&sandbox, "dbt run").run().unwrap();
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("password authentication failed"), "{refused}");
}

#[test]
fn by_socket_by_password_file_by_tls_and_by_a_profile_of_ones_own() {
    let sandbox = sandbox();
    let server = Postgres::with_tls().unwrap();
    shop(&sandbox, &server);
    // A table, because a view tells of whoever reads it.
    let ways = "{{ config(materialized='table') }}\nselect ssl, inet_client_addr() is null as local from pg_stat_ssl \
                where pid = pg_backend_pid()";
    write_package(&sandbox, "transform", &[("ways", ways)]);
    let way = |sandbox: &Sandbox, url: &str, more: &[&str]| {
        let words = ["dbt", "run", "transform", "--from", url, "--dataset", "raw", "--destination-dataset-name", "out"];
        sandbox.dlt(words).unwrap().args(more).succeed().unwrap();
        server.sql("shop", "SELECT * FROM out.ways").unwrap()
    };
    let socket = server.socket_folder().to_str().unwrap().replace('/', "%2F");
    let port = server.port();
    assert_eq!(way(&sandbox, &format!("postgresql://loader@{socket}:{port}/shop"), &[]), "f|t");

    let verified = format!(
        "postgresql://loader@localhost:{port}/shop?sslmode=verify-full&sslrootcert={}",
        server.authority().display()
    );
    let line = Postgres::PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    let path = sandbox.home().join(".pgpass");
    fs::write(&path, format!("localhost:{port}:shop:loader:{line}\n")).unwrap();
    let mode = std::process::Command::new("chmod").arg("600").arg(&path).status().unwrap();
    assert!(mode.success());
    assert_eq!(way(&sandbox, &verified, &[]), "t|f");

    // As profiles for Python dlt have it.
    let profile = "mine:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      host: \"{{ env_var('DLT__CREDENTIALS__HOST') }}\"\n      port: \"{{ env_var('DLT__CREDENTIALS__PORT') | as_number }}\"\n      user: \"{{ env_var('DLT__CREDENTIALS__USERNAME') }}\"\n      password: \"{{ env_var('DLT__CREDENTIALS__PASSWORD') }}\"\n      dbname: \"{{ env_var('DLT__CREDENTIALS__DATABASE') }}\"\n      schema: \"{{ var('destination_dataset_name') }}\"\n      sslmode: disable\n      threads: 1\n";
    sandbox.write("profiles/profiles.yml", profile).unwrap();
    assert_eq!(way(&sandbox, &server.url("shop"), &["--profiles-dir", "profiles", "--profile", "mine"]), "f|f");
}
