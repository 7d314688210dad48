use std::time::Duration;

use dlt_testkit::{Answer, Client, Generator, Postgres, PythonDlt, Recorder, Sandbox};

#[test]
fn a_recorder_keeps_requests_whole_and_answers_as_told() {
    let recorder = Recorder::answering(|request| Answer {
        status: 429,
        headers: vec![("Retry-After".into(), "3".into())],
        body: request.path.clone().into_bytes(),
    })
    .unwrap();
    let address = recorder.url().trim_start_matches("http://").parse().unwrap();
    let mut client = Client::connect(address).unwrap();
    for number in 0..3 {
        let path = format!("/v1/track?n={number}");
        let (status, body) = client.post(&path, br#"{"event":"x"}"#).unwrap();
        assert_eq!((status, body), (429, path.into_bytes()));
    }
    let requests = recorder.wait_for(3, Duration::from_secs(5)).unwrap();
    assert_eq!(requests[2].method, "POST");
    assert_eq!(requests[2].path, "/v1/track?n=2");
    assert_eq!(requests[2].header("CONTENT-TYPE"), Some("application/json"));
    assert_eq!(requests[2].json().unwrap()["event"], "x");
    assert!(recorder.wait_for(4, Duration::from_millis(20)).is_err());
}

#[test]
fn a_child_sees_its_sandbox_and_nothing_of_the_test_environment() {
    let mut sandbox = Sandbox::new().unwrap();
    sandbox.set_env("GIVEN", "yes");
    let output = sandbox.command("env").env("ONCE", "too").succeed().unwrap();
    let names: Vec<_> = output.stdout.lines().filter_map(|line| line.split_once('=')).collect();
    let home = sandbox.home();
    assert!(names.contains(&("HOME", home.to_str().unwrap())), "{output}");
    assert!(names.contains(&("RUNTIME__DLTHUB_TELEMETRY", "false")), "{output}");
    assert!(names.contains(&("GIVEN", "yes")) && names.contains(&("ONCE", "too")), "{output}");
    // The runner sets this one for the test process.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!names.iter().any(|(name, _)| name.starts_with("CARGO") || *name == "CI"), "{output}");
}

#[test]
fn a_child_that_hangs_is_killed_with_its_children_and_shown() {
    let sandbox = Sandbox::new().unwrap();
    let script = "echo begun; sleep 60 & wait";
    let hung = sandbox.command("sh").args(["-c", script]).limit(Duration::from_millis(200)).run();
    let message = format!("{:#}", hung.unwrap_err());
    assert!(message.contains("did not end within 200ms"), "{message}");
    assert!(message.contains("begun"), "{message}");
}

#[test]
fn a_child_of_a_child_that_holds_the_output_fails_the_test_instead_of_hanging_it() {
    let sandbox = Sandbox::new().unwrap();
    let script = "echo begun; sleep 60 & echo $!; exit 0";
    let held = sandbox.command("sh").args(["-c", script]).limit(Duration::from_millis(200)).run();
    let message = format!("{:#}", held.unwrap_err());
    assert!(message.contains("a child of it still holds its output"), "{message}");
    assert!(message.contains("begun") && message.contains("exit code: 0"), "{message}");
    let pid = message.lines().find(|line| line.parse::<u32>().is_ok()).unwrap().to_owned();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    assert!(status.is_empty() || status.contains("State:\tZ"), "it still runs: {status}");
}

#[test]
fn the_time_of_a_run_is_that_from_its_start() {
    let sandbox = Sandbox::new().unwrap();
    let slow = sandbox.command("sleep").arg("60").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let output = slow.terminate().unwrap();
    assert_eq!(output.signal, Some(15));
    assert!(output.elapsed >= Duration::from_millis(300), "{:?}", output.elapsed);
}

#[test]
fn input_output_and_exit_code_pass_through() {
    let sandbox = Sandbox::new().unwrap();
    let script = "cat; echo err >&2; exit 3";
    let run = || sandbox.command("sh").args(["-c", script]).stdin("hello");
    let output = run().run().unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("hello", "err\n"));
    assert_eq!((output.code, output.signal), (Some(3), None));
    assert!(run().succeed().is_err());
    let killed = sandbox.command("sleep").arg("60").spawn().unwrap().kill().unwrap();
    assert_eq!((killed.code, killed.signal), (None, Some(9)));
}

#[test]
fn python_dlt_is_the_version_that_judges() {
    let sandbox = Sandbox::new().unwrap();
    let python = PythonDlt::shared().unwrap();
    let output = python.script(&sandbox, "import dlt, duckdb; print(dlt.__version__)").succeed().unwrap();
    assert_eq!(output.stdout, "1.31.0\n");
}

#[test]
fn the_same_seed_gives_the_same_sequence() {
    let sequence = |seed| {
        let mut generator = Generator::new(seed);
        (0..50).map(|_| generator.below(1_000)).collect::<Vec<_>>()
    };
    assert_eq!(sequence(7), sequence(7));
    assert_ne!(sequence(7), sequence(8));
    assert!(sequence(7).iter().all(|number| *number < 1_000));
}

#[test]
#[should_panic(expected = "127.0.0.1 only")]
fn telemetry_can_not_be_pointed_off_the_machine() {
    Sandbox::new().unwrap().telemetry_to("https://example.org");
}

#[test]
fn a_postgres_server_is_made_crashed_resumed_and_removed() {
    let mut server = Postgres::start().unwrap();
    server.create_database("shop").unwrap();
    server.sql("shop", "CREATE TABLE kept AS SELECT 7 AS id").unwrap();
    let port = server.port();
    server.crash().unwrap();
    assert!(server.sql("shop", "SELECT id FROM kept").is_err());
    server.resume().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(server.sql("shop", "SELECT id FROM kept").unwrap(), "7");
    let folder = server.socket_folder().to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
