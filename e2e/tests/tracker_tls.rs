//! Clients of others by TLS, with a certificate of an authority that the test makes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dlt_testkit::{Invocation, PythonClient, PythonDlt, Running, Sandbox, make_certificates};
use serde_json::Value;

/// A tracker that speaks TLS on a free port of its own.
fn start(sandbox: &Sandbox, folder: &Path) -> (Running, SocketAddr) {
    make_certificates(folder, "nobody").unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tracker = sandbox
        .dlt(["tracker", "serve", "--log-format", "json", "--data", "tracker", "--listen", &address.to_string()])
        .unwrap()
        .arg("--tls-cert")
        .arg(folder.join("server.crt"))
        .arg("--tls-key")
        .arg(folder.join("server.key"))
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "it does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    (tracker, address)
}

fn total(sandbox: &Sandbox) -> u64 {
    let told = sandbox.dlt(["tracker", "report", "--format", "json", "--data", "tracker"]).unwrap().succeed().unwrap();
    serde_json::from_str::<Value>(&told.stdout).unwrap()["total"].as_u64().unwrap()
}

#[test]
fn curl_segment_and_python_dlt_send_by_tls_and_trust_no_other() {
    let sandbox = Sandbox::new().unwrap();
    let folder = sandbox.path("certificates");
    std::fs::create_dir(&folder).unwrap();
    let (tracker, address) = start(&sandbox, &folder);
    let url = format!("https://localhost:{}", address.port());
    let authority = folder.join("authority.crt");
    let curl = |more: &[&str]| -> Invocation {
        let command = sandbox.command("curl").args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "-d",
            r#"{"event":"by curl"}"#,
        ]);
        command.args(more).arg(format!("{url}/v1/track"))
    };
    let trusted = authority.to_str().unwrap().to_owned();
    assert_eq!(curl(&["--cacert", &trusted]).succeed().unwrap().stdout, r#"{"success":true}"#);
    assert_eq!(curl(&["--cacert", &trusted, "--tls-max", "1.2"]).succeed().unwrap().stdout, r#"{"success":true}"#);
    assert_eq!(curl(&[]).run().unwrap().code, Some(60), "who does not know the authority says so");

    let segment = PythonClient::package("segment-analytics-python", "2.4.0").unwrap();
    let script = include_str!("../clients/segment_python.py");
    segment.script(&sandbox, script).args([&url, "5"]).env("REQUESTS_CA_BUNDLE", &authority).succeed().unwrap();
    let load = "import dlt\ndlt.pipeline('shop', destination='duckdb').run([{'id': 1}], table_name='t')";
    let run = PythonDlt::shared().unwrap().script(&sandbox, load);
    run.env("RUNTIME__DLTHUB_TELEMETRY", "true")
        .env("RUNTIME__DLTHUB_TELEMETRY_ENDPOINT", format!("{url}/"))
        .env("REQUESTS_CA_BUNDLE", &authority)
        .succeed()
        .unwrap();
    assert!(total(&sandbox) >= 2 + 5 + 4, "{}", total(&sandbox));

    // A new certificate by another authority, without a restart; and before it, one without its key.
    let pid = tracker.id().to_string();
    let hang_up = || sandbox.command("kill").args(["-HUP", &pid]).succeed().unwrap();
    std::fs::remove_file(folder.join("server.key")).unwrap();
    hang_up();
    curl(&["--cacert", &trusted]).succeed().unwrap();
    let old = folder.join("old.crt");
    std::fs::copy(&authority, &old).unwrap();
    make_certificates(&folder, "nobody").unwrap();
    hang_up();
    let until = Instant::now() + Duration::from_secs(30);
    while curl(&["--cacert", &trusted]).run().unwrap().code != Some(0) {
        assert!(Instant::now() < until, "the new certificate is not shown");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(curl(&["--cacert", old.to_str().unwrap()]).run().unwrap().code, Some(60));
    let ended = tracker.terminate().unwrap();
    assert_eq!(ended.code, Some(0), "{ended}");
    let told: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |message: &str| {
        told.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{message} in {told:?}"))
    };
    let kept = said("the certificate that was read before is shown on");
    assert!(kept["error"].as_str().unwrap().contains("server.key"), "{kept}");
    said("certificate and key were read anew");
}
