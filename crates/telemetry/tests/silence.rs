//! Off means off, seen from the system's side: no socket, no child, no thread, no id, nothing written.

use std::path::{Path, PathBuf};

use crate::host::Machine;
use crate::tracker::{Behaviour, Tracker};

/// Calls that would make, change or reach something; opening is looked at more closely.
const TELLING: [&str; 18] = [
    "socket",
    "connect",
    "sendto",
    "sendmsg",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "symlink",
    "ftruncate",
];

/// What a run did that a silent one must not do.
fn traces(machine: &Machine, arguments: &[&str]) -> Vec<String> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let wrapper =
        ["strace", "-f", "-qq", "-o", trace.path().to_str().unwrap(), "-e", "trace=%file,%process,%network,%desc"];
    let output = machine.wrapped(&wrapper, arguments).output().expect("strace is needed: apt-get install strace");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let text = std::fs::read_to_string(trace.path()).unwrap();
    assert!(text.contains("execve("), "strace saw nothing: {text}");
    text.lines().filter(|line| is_telling(line)).map(str::to_owned).collect()
}

fn is_telling(line: &str) -> bool {
    let Some((call, arguments)) = line.split_once(' ').and_then(|(_, call)| call.trim().split_once('(')) else {
        return false;
    };
    let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND"].iter().any(|flag| arguments.contains(flag));
    let opens_to_write = call.starts_with("open") && writes && !arguments.contains("/dev/null");
    TELLING.contains(&call) || opens_to_write
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn the_watch_would_see_something() {
    let machine = Machine::new();
    let seen = traces_of_first_run(&machine);
    for call in ["mkdir(", "openat(", "link"] {
        assert!(seen.iter().any(|line| line.contains(call)), "{call} is missing in {seen:#?}");
    }
}

fn traces_of_first_run(machine: &Machine) -> Vec<String> {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let wrapper =
        ["strace", "-f", "-qq", "-o", trace.path().to_str().unwrap(), "-e", "trace=%file,%process,%network,%desc"];
    machine.wrapped(&wrapper, &["record", "finish"]).output().expect("strace is needed: apt-get install strace");
    std::fs::read_to_string(trace.path()).unwrap().lines().filter(|line| is_telling(line)).map(str::to_owned).collect()
}

#[test]
fn switched_off_by_the_environment() {
    let tracker = Tracker::well_behaved();
    for (name, value) in
        [("DO_NOT_TRACK", "1"), ("RUNTIME__DLTHUB_TELEMETRY", "false"), ("RUNTIME__DLTHUB_TELEMETRY", "0")]
    {
        for mode in ["detached", "in_place", "thread"] {
            let machine = Machine::new()
                .with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", mode)
                .with("CI", "true")
                .with_endpoint(&tracker.url("/"))
                .with(name, value);
            assert_eq!(traces(&machine, &["records", "3", "finish"]), Vec::<String>::new(), "{name}={value}, {mode}");
            assert_eq!(files(machine.home()), Vec::<PathBuf>::new());
        }
    }
    assert_eq!(tracker.connections(), 0);
}

#[test]
fn switched_off_by_a_file() {
    let off = "[runtime]\ndlthub_telemetry = false\n";
    let broken = "[runtime\n";
    for (place, text) in [
        ("data/config.toml", off),
        ("data/config.toml", broken),
        ("data/secrets.toml", off),
        (".dlt/config.toml", off),
        ("project/.dlt/config.toml", off),
        ("project/.dlt/config.toml", broken),
    ] {
        let machine = Machine::new();
        let file = machine.home().join(place);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let project = machine.home().join("project");
        let machine = machine.with("HOST_PROJECT", project.to_str().unwrap());
        let before = files(machine.home());
        assert_eq!(traces(&machine, &["records", "3", "finish"]), Vec::<String>::new(), "{place}: {text}");
        assert_eq!(files(machine.home()), before);
    }
}

#[test]
fn without_a_home_nothing_is_made_anywhere() {
    let machine = Machine::new().with("HOME", "").with("DLT_DATA_DIR", "").with("XDG_DATA_HOME", "");
    // Root has `/var/dlt` and needs no home.
    if std::fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0) {
        let seen = machine.command(&["status"]).output().unwrap();
        assert!(seen.status.success());
    } else {
        assert_eq!(traces(&machine, &["records", "3", "finish"]), Vec::<String>::new());
    }
}

#[test]
fn disabling_on_a_fresh_machine_writes_one_file_and_sends_nothing() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new().with_endpoint(&tracker.url("/"));
    let seen = traces(&machine, &["disable", "record", "finish"]);
    assert!(seen.iter().all(|line| !line.contains("socket(") && !line.contains("clone")), "{seen:#?}");
    assert_eq!(files(machine.home()), [machine.data(), machine.data().join("config.toml")]);
    assert_eq!(tracker.connections(), 0);
    assert_eq!(machine.stdout(&["status"]), "false\n");
    machine.run(&["enable"]);
    assert_eq!(machine.stdout(&["status"]), "true\n");
}

#[test]
fn disabling_deletes_what_waits_and_keeps_the_users_comments() {
    let tracker = Tracker::well_behaved();
    let machine = Machine::new();
    let project = machine.home().join("project");
    std::fs::create_dir_all(project.join(".dlt")).unwrap();
    let text = "# ours\n[runtime]\nlog_level = \"INFO\" # loud\ndlthub_telemetry = true\n";
    std::fs::write(project.join(".dlt/config.toml"), text).unwrap();
    let machine = machine.with("HOST_PROJECT", project.to_str().unwrap());
    machine.run(&["records", "3", "finish"]);
    let report = machine.stdout(&["disable"]);
    assert!(report.contains("deleted: 3"), "{report}");
    assert_eq!(machine.read("spool.jsonl"), "");
    let changed = std::fs::read_to_string(project.join(".dlt/config.toml")).unwrap();
    assert_eq!(changed, text.replace("= true", "= false"));

    let machine = machine.with_endpoint(&tracker.url("/"));
    machine.run(&["record", "finish"]);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(tracker.connections(), 0);
}

#[test]
fn disabling_stops_a_sender_that_is_at_work() {
    let tracker = Tracker::start(vec![Behaviour::Silent]);
    let machine = Machine::new().not_new().with_endpoint(&tracker.url("/"));
    machine.run(&["records", "5", "finish"]);
    for _ in 0..500 {
        if tracker.connections() == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(tracker.connections(), 1);
    let started = std::time::Instant::now();
    machine.run(&["disable"]);
    assert!(started.elapsed() < std::time::Duration::from_secs(3));
    let lock = std::fs::File::open(machine.telemetry().join("sender.lock")).unwrap();
    assert!(lock.try_lock().is_ok(), "nobody sends any more");
    assert_eq!(machine.read("spool.jsonl"), "");
    assert_eq!(tracker.connections(), 1);
}

/// The number of a sender that was killed may belong to anybody by now.
#[test]
fn disabling_ends_nobody_but_a_sender() {
    let machine = Machine::new().not_new();
    let mut bystander = std::process::Command::new("sleep").arg("30").spawn().unwrap();
    let path = machine.telemetry().join("sender.lock");
    std::fs::write(&path, bystander.id().to_string()).unwrap();
    let held = std::fs::File::open(&path).unwrap();
    held.lock().unwrap();
    machine.run(&["disable"]);
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander was ended");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}
