//! `dlt tracker`: a server that is started, asked and stopped, and wrong folders.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::assert_seen;
use crate::sandbox::Sandbox;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command("tracker serve --listen 127.0.0.1:0 --data tracker");
        Self::of(command.stderr(Stdio::null()))
    }

    /// Starts it and waits until it says where it listens.
    fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap().to_owned();
        Self { child, address }
    }

    pub(crate) fn stop(mut self) -> bool {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = body.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

const EVENT: &str = r#"{"anonymousId":"933dd165453d196a58adaf49444e9b4c","context":{"ci_run":false,"cpu":8,"exec_info":[],"library":{"name":"dlt","version":"0.2.0"},"os":{"name":"Linux","version":"6.1"}},"event":"command_init","properties":{"destination_name":"duckdb","elapsed":3.17,"event_category":"command","event_name":"init","success":true}}"#;

#[test]
fn served_reported_and_checked() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    for _ in 0..3 {
        assert!(post(&server.address, EVENT).contains(" 204"), "an event is taken");
    }
    let report = sandbox.run("tracker report --data tracker --format json").ok();
    assert!(report.stdout.contains("\"command_init\"") && report.stdout.contains("\"total\": 3"), "{}", report.stdout);
    let check = sandbox.run("tracker check --data tracker").ok();
    assert!(check.stdout.starts_with("accepted 3 = loaded 3 + "), "{}", check.stdout);
    let sql = |rest: &str| {
        let mut command = sandbox.command("tracker sql --data tracker");
        command.args(rest.split('|'));
        sandbox.see(command)
    };
    assert_seen!("sql", sql("SELECT event, count(*) AS many FROM events GROUP BY event"));
    assert_seen!("sql_as_csv", sql("SELECT event, success FROM events|--limit|2|--format|csv"));
    let whole = sql("SELECT * FROM events|--limit|1|--format|csv").ok();
    assert!(whole.stdout.contains("received_at") && whole.stdout.lines().count() == 2, "{}", whole.stdout);
    assert_seen!("sql_of_no_table", sql("SELECT * FROM evnts"));
    assert_seen!("sql_that_writes", sql("DELETE FROM events"));
    assert_seen!("sql_of_a_file", sql("SELECT * FROM read_text('/etc/hostname')"));
    assert_seen!("sql_of_no_column", sql("SELECT evnt FROM events"));
    assert_seen!("second_server_on_the_folder", {
        let mut seen = sandbox.run("tracker serve --listen 127.0.0.1:0 --data tracker");
        let pid = format!("process {}", server.child.id());
        seen.stderr = seen.stderr.replace(&pid, "process [PID]");
        seen
    });
    assert_seen!("port_in_use", {
        let mut seen = sandbox.run(&format!("tracker serve --listen {} --data other", server.address));
        seen.stderr = seen.stderr.replace(&server.address, "[ADDRESS]");
        seen
    });
    assert!(server.stop());
    let report = sandbox.run("tracker report --data tracker").ok();
    assert!(report.stdout.contains("command_init"), "{}", report.stdout);
    let rows = sandbox.run("dataset telemetry events --from duckdb:tracker/tracker.duckdb --format csv").ok();
    assert_eq!(rows.stdout.lines().count(), 4);
}

#[test]
fn a_server_says_what_goes_wrong() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("tracker serve --listen 127.0.0.1:0 --data tracker");
    let mut server = Server::of(command.stderr(Stdio::piped()));
    sandbox.write("tracker/tracker.duckdb", "not a database");
    assert!(post(&server.address, EVENT).contains(" 204"), "an event is taken all the same");
    let mut said = String::new();
    BufReader::new(server.child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains(" error: events could not be loaded; they wait in the journal; error: "), "{said}");
    assert!(said.contains("tracker.duckdb"), "{said}");
}

#[test]
fn a_server_says_it_as_json() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("tracker serve --listen 127.0.0.1:0 --data tracker --log-format json");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        for private in ["933dd165453d196a58adaf49444e9b4c", "command_init"] {
            assert!(!line.contains(private), "{private} in {line}");
        }
        serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    let ready = next();
    assert_eq!((&ready["level"], &ready["message"]), (&"info".into(), &"listening".into()), "{ready}");
    let server = Server { address: ready["address"].as_str().unwrap().to_owned(), child };
    sandbox.write("tracker/tracker.duckdb", "not a database");
    assert!(post(&server.address, EVENT).contains(" 204"), "an event is taken all the same");
    let told = next();
    assert_eq!((&told["level"], &told["target"]), (&"error".into(), &"dlt_tracker::loader::thread".into()), "{told}");
    assert_eq!(told["message"], "events could not be loaded; they wait in the journal");
    assert!(told["time"].is_string() && told["error"].as_str().unwrap().contains("tracker.duckdb"), "{told}");
    server.stop();
}

#[test]
fn settings_come_from_the_command_line_the_environment_and_a_file() {
    let sandbox = Sandbox::new();
    sandbox
        .write("t.toml", "data = \"kept\"\nlisten = \"127.0.0.1:0\"\n[limits]\nrequest = \"1 MB\"\nevent = \"1 KB\"\n");
    let mut command = sandbox.command("tracker serve --config t.toml --set limits.event=2KB --show-config");
    command.env("DLT_TRACKER_TOKEN", "a-token-of-16-letters").env("DLT_TRACKER_THREDS", "3");
    assert_seen!("show_config", sandbox.see(command));
    assert!(!sandbox.project().join("kept").exists(), "nothing was started");
    sandbox.write("t.toml", "[limits]\nreqest = \"1 MB\"\n");
    assert_seen!("unknown_setting", sandbox.run("tracker serve --data kept --config t.toml"));
    assert_seen!("no_folder", sandbox.run("tracker serve"));
    assert_seen!("not_a_setting", sandbox.run("tracker serve --data kept --set limits"));
    assert!(!sandbox.project().join("kept").exists(), "nothing was begun");
}

#[test]
fn keys_are_made_shown_and_revoked() {
    let sandbox = Sandbox::new();
    let made = sandbox.run("tracker key add web --name site --data t").ok();
    assert!(made.stdout.starts_with("dltk_") && made.stdout.lines().count() == 1, "{}", made.stdout);
    sandbox.run("tracker key add app --key one-that-is-out --data t").ok();
    let listed = sandbox.run("tracker key list --data t").ok();
    assert!(listed.stdout.contains("web") && !listed.stdout.contains("dltk_"), "{}", listed.stdout);
    let json = sandbox.run("tracker key list --data t --format json").ok();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json[0]["name"], &json[1]["project"]), (&"site".into(), &"app".into()), "{json:#}");
    let id = json[1]["id"].as_str().unwrap();
    assert_seen!("key_is_there_already", sandbox.run("tracker key add web --key one-that-is-out --data t"));
    assert_seen!("key_revoked", sandbox.run(&format!("tracker key revoke {id} --data t")));
    assert_seen!("key_of_nobody", sandbox.run("tracker key revoke nothing --data t"));
    assert_seen!("project_name", sandbox.run("tracker key add Web --data t"));
    assert_seen!("key_form", sandbox.run("tracker key add web --key short --data t"));
    assert_seen!("keys_of_nothing", sandbox.run("tracker key list --data nope"));
    // A project is known by its keys also before it has events.
    let server = Server::start(&sandbox);
    sandbox.run("tracker key add web --data tracker").ok();
    assert_seen!("project_of_nobody", sandbox.run("tracker report --project wbe --data tracker"));
    let report = sandbox.run("tracker report --project web --data tracker").ok();
    assert!(report.stdout.starts_with("No events yet"), "{}", report.stdout);
    assert!(server.stop());
}

#[test]
fn contracts_are_checked_and_shown() {
    let sandbox = Sandbox::new();
    let good = "[events.sold.fields]\ntotal = { type = \"number\", privacy = \"measure\" }\n";
    sandbox.write("good.toml", good);
    sandbox.write("wrong.toml", good.replace("number", "nmber"));
    assert_seen!("contract_is_one", sandbox.run("tracker contract check good.toml"));
    assert_seen!("contract_is_none", sandbox.run("tracker contract check wrong.toml"));
    assert_seen!("contract_is_not_there", sandbox.run("tracker contract check no.toml"));
    sandbox.run("tracker key add web --data t").ok();
    sandbox.write("t/contracts/web.toml", good);
    let shown = sandbox.run("tracker contract show web --data t").ok();
    assert!(shown.stdout.contains("[events.sold.fields]\ntotal = {"), "{}", shown.stdout);
    sandbox.write("shown.toml", &shown.stdout);
    sandbox.run("tracker contract check shown.toml").ok();
    assert_seen!("contract_of_nobody", sandbox.run("tracker contract show wbe --data t"));
    sandbox.write("t/contracts/web.toml", good.replace("number", "nmber"));
    assert_seen!("serve_with_a_wrong_contract", sandbox.run("tracker serve --listen 127.0.0.1:0 --data t"));
}

#[test]
fn wrong_folders() {
    let sandbox = Sandbox::new();
    assert_seen!("report_of_nothing", sandbox.run("tracker report --data nope"));
    assert_seen!("check_of_nothing", sandbox.run("tracker check --data nope"));
    sandbox.write("file", "");
    assert_seen!("serve_into_a_file", sandbox.run("tracker serve --listen 127.0.0.1:0 --data file"));
    assert_seen!("serve_nowhere", sandbox.run("tracker serve --listen nowhere --data t"));
}
