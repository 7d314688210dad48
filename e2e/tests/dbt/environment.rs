//! The Python environment that `dlt dbt` makes, by real pip.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dlt_testkit::{Dbt, Invocation, Sandbox};

use super::{dlt, load_orders, write_package};

const RUN: &str = "dbt run transform --from duckdb:shop.duckdb --dataset raw";

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new().unwrap();
    load_orders(&sandbox);
    write_package(&sandbox, "transform", &[("one", "select 1 as one")]);
    sandbox
}

/// With what this machine says to pip, and what it downloaded before.
fn with_pip(mut invocation: Invocation) -> Invocation {
    for (name, value) in std::env::vars().filter(|(name, _)| name.starts_with("PIP_")) {
        invocation = invocation.env(&name, value);
    }
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    for file in
        [".config/pip/pip.conf", ".pip/pip.conf"].map(|file| home.join(file)).iter().filter(|file| file.exists())
    {
        invocation = invocation.env("PIP_CONFIG_FILE", file);
    }
    invocation.env("PIP_CACHE_DIR", home.join(".cache/pip")).limit(Duration::from_secs(400))
}

#[test]
fn it_is_made_once_also_after_a_kill_and_by_two_at_once() {
    let sandbox = prepared();
    let venv = sandbox.data_dir().join("pipelines/raw/dbt/venv");
    let running = with_pip(dlt(&sandbox, RUN)).spawn().unwrap();
    let started = Instant::now();
    while !venv.join("bin/pip").exists() {
        assert!(started.elapsed() < Duration::from_secs(100), "no environment was begun");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill().unwrap();
    assert!(!venv.join("bin/dbt").exists());
    let (one, other) = (with_pip(dlt(&sandbox, RUN)).spawn().unwrap(), with_pip(dlt(&sandbox, RUN)).spawn().unwrap());
    let outputs = [one.wait().unwrap(), other.wait().unwrap()];
    let count = |text: &str| outputs.iter().filter(|output| output.stderr.contains(text)).count();
    assert_eq!(
        (count("making a Python environment"), count("waiting for another process")),
        (1, 1),
        "{}\n{}",
        outputs[0],
        outputs[1]
    );
    // Both go on at the same time, and DuckDB lets one of them in; whoever was late says so.
    assert!(outputs.iter().any(|output| output.code == Some(0)), "{}\n{}", outputs[0], outputs[1]);
    let again = dlt(&sandbox, RUN).succeed().unwrap();
    assert!(!again.stderr.contains("environment"), "{again}");
    let made = fs::read_to_string(venv.join("dlt-environment.json")).unwrap();
    assert!(made.contains("\"duckdb==1.5.*\"") && made.contains("\"is_complete\": true"), "{made}");
}

#[test]
fn what_is_missing_is_said() {
    let sandbox = prepared();
    let failed = |invocation: Invocation, code: i32, said: &[&str]| {
        let output = invocation.limit(Duration::from_secs(100)).run().unwrap();
        assert_eq!(output.code, Some(code), "{output}");
        assert!(said.iter().all(|text| output.stderr.contains(text)), "{said:?}\n{output}");
    };
    let python = |name: &str, text: &str| {
        let path = sandbox.write(name, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    failed(
        dlt(&sandbox, RUN).env("PATH", "/nowhere"),
        2,
        &["dbt needs Python, and there is no python3 or python", "apt-get install python3"],
    );
    failed(dlt(&sandbox, &format!("{RUN} --python /nowhere/python3")), 2, &["there is no /nowhere/python3"]);
    // Python as Debian has it without python3-venv, and one that says that it is older than it is.
    sandbox.write("no venv/ensurepip.py", "raise ImportError('not here')\n").unwrap();
    sandbox.write("old/sitecustomize.py", "import sys\nsys.version_info = (3, 7, 9)\n").unwrap();
    let as_with =
        |folder: &str| format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 \"$@\"\n", sandbox.path(folder).display());
    let without = python("without", &as_with("no venv"));
    failed(
        dlt(&sandbox, RUN).arg("--python").arg(without),
        2,
        &["cannot make environments", "apt-get install python3-venv"],
    );
    let old = python("old_python", &as_with("old"));
    failed(dlt(&sandbox, RUN).arg("--python").arg(old), 2, &["is Python 3.7, which is too old for dbt"]);
    let broken = python("broken", "#!/bin/sh\necho 'no such library' >&2; exit 1\n");
    failed(dlt(&sandbox, RUN).arg("--python").arg(broken), 2, &["does not run: no such library"]);
    // A folder of somebody else is left alone, an environment with dbt is taken as it is.
    failed(dlt(&sandbox, &format!("{RUN} --venv transform")), 2, &["is no Python environment with dbt, and not empty"]);
    let shared = Dbt::shared().unwrap().program();
    let venv = shared.parent().unwrap().parent().unwrap();
    dlt(&sandbox, RUN).arg("--venv").arg(venv).succeed().unwrap();

    // An index that takes the connection and says nothing, and one that is not there. The next try begins anew.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap();
    let with_index = |index: String| {
        dlt(&sandbox, RUN)
            .env("PIP_INDEX_URL", index)
            .env("PIP_TIMEOUT", "1")
            .env("PIP_RETRIES", "0")
            .env("PIP_CONFIG_FILE", "/dev/null")
    };
    let said =
        ["pip could not install dbt-core", "the package index does not answer", "PIP_INDEX_URL", "--dbt PROGRAM"];
    failed(with_index(format!("http://{place}/simple")), 1, &said);
    drop(silent);
    failed(with_index(format!("http://{place}/simple")), 1, &said);
}
