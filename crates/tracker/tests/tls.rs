//! A tracker that speaks TLS.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dlt_tracker::{Error, TlsFiles, check, dashboard_token, report};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::tracker::{Tracker, options};

/// Writes a certificate for `localhost` that holds from one year to another, and its key; returns the certificate.
fn certificate_of(files: &TlsFiles, begins: i32, ends: i32) -> CertificateDer<'static> {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (parameters.not_before, parameters.not_after) =
        (rcgen::date_time_ymd(begins, 1, 1), rcgen::date_time_ymd(ends, 1, 1));
    let key = rcgen::KeyPair::generate().unwrap();
    let made = parameters.self_signed(&key).unwrap();
    std::fs::write(&files.certificate, made.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    made.der().clone()
}

fn certificate(files: &TlsFiles) -> CertificateDer<'static> {
    certificate_of(files, 2020, 2120)
}

fn files(dir: &Path, name: &str) -> TlsFiles {
    TlsFiles::new(dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")))
}

/// The connection of a client that believes this certificate alone.
fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(StreamOwned::new(connection, stream))
}

/// One request of such a client.
fn request(address: SocketAddr, trusted: &CertificateDer<'static>, head: &str, body: &str) -> std::io::Result<String> {
    let mut stream = connect(address, trusted)?;
    write!(stream, "{head} HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn events_come_by_tls_commands_work_and_a_new_certificate_needs_no_restart() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = files(keys.path(), "tracker");
    let first = certificate(&files);
    let mut secure = options(dir.path());
    secure.tls = Some(files.clone());
    let tracker = Tracker::with(secure);
    let address = tracker.ready.address;
    assert!(tracker.ready.is_tls);
    let send = |trusted: &_| request(address, trusted, "POST /v1/track", r#"{"event":"e"}"#);
    assert!(send(&first).unwrap().starts_with("HTTP/1.1 200"));
    let login = format!("token={}", dashboard_token(dir.path()).unwrap());
    assert!(request(address, &first, "POST /login", &login).unwrap().contains("; Secure"));
    let metrics = request(address, &first, "GET /metrics", "").unwrap();
    assert!(metrics.contains("dlt_tracker_certificate_ends_timestamp_seconds 4733510400"), "{metrics}");
    assert_eq!(report(dir.path()).unwrap().total, 1);
    // Who speaks no TLS gets nothing, and stops nobody.
    let mut plain = TcpStream::connect(address).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    plain.write_all(b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    let idle = TcpStream::connect(address).unwrap();

    let hang_up = || {
        let pid = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    // One that is wrong changes nothing.
    std::fs::write(&files.certificate, "nothing").unwrap();
    hang_up();
    assert!(send(&first).unwrap().starts_with("HTTP/1.1 200"));
    let second = certificate(&files);
    hang_up();
    let shows = |trusted: &_| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while send(trusted).is_err() {
            assert!(Instant::now() < deadline, "the new certificate is not shown");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    shows(&second);
    assert!(send(&first).is_err(), "the old one is not shown any more");
    // A peer that says nothing does not hold it up.
    tracker.stop();
    drop(idle);
    let sound = check(dir.path()).unwrap();
    assert!(sound.is_sound() && sound.ledger.loaded >= 3, "{sound}");
}

#[test]
fn a_connection_that_is_kept_open_ends_in_order() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut secure = options(dir.path());
    let files = files(keys.path(), "tracker");
    let trusted = certificate(&files);
    secure.tls = Some(files);
    secure.idle_timeout = Duration::from_secs(1);
    let tracker = Tracker::with(secure);
    let event = "POST /v1/track HTTP/1.1\r\nhost: t\r\ncontent-length: 13\r\n\r\n{\"event\":\"e\"}";
    let mut stream = connect(tracker.ready.address, &trusted).unwrap();
    stream.write_all(event.repeat(3).as_bytes()).unwrap();
    // An end that TLS does not tell is an error, for it could be an attack.
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert_eq!(report(dir.path()).unwrap().total, 3);
}

#[test]
fn a_certificate_that_was_renewed_is_noticed() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = files(keys.path(), "tracker");
    certificate(&files);
    let mut secure = options(dir.path());
    secure.tls = Some(files.clone());
    secure.certificate_interval = Duration::from_millis(20);
    let tracker = Tracker::with(secure);
    // The key comes after the certificate that it belongs to: between them, what was shown before is.
    let second = certificate(&files);
    let deadline = Instant::now() + Duration::from_secs(20);
    while request(tracker.ready.address, &second, "POST /v1/track", r#"{"event":"e"}"#).is_err() {
        assert!(Instant::now() < deadline, "the new certificate is not shown");
        std::thread::sleep(Duration::from_millis(20));
    }
    tracker.stop();
}

#[test]
fn files_that_are_wrong_are_told_and_nothing_is_begun() {
    let keys = tempfile::tempdir().unwrap();
    let (good, other) = (files(keys.path(), "good"), files(keys.path(), "other"));
    certificate(&good);
    certificate(&other);
    let (expired, early) = (files(keys.path(), "expired"), files(keys.path(), "early"));
    certificate_of(&expired, 2020, 2021);
    certificate_of(&early, 2100, 2101);
    let nothing = keys.path().join("nothing.pem");
    std::fs::write(&nothing, "no PEM").unwrap();
    let damaged = keys.path().join("damaged.pem");
    std::fs::write(&damaged, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let missing = keys.path().join("missing.pem");
    for (certificate, key, told, file) in [
        (&missing, &good.key, "the certificate can't be read", &missing),
        (&good.certificate, &missing, "the private key can't be read", &missing),
        (&nothing, &good.key, "there is no certificate in it", &nothing),
        (&damaged, &good.key, "it can't be used with the key", &damaged),
        (&good.certificate, &nothing, "there is no private key in it", &nothing),
        (&good.certificate, &good.certificate, "there is no private key in it", &good.certificate),
        (&good.certificate, &other.key, "it is not the key of the certificate", &other.key),
        (&expired.certificate, &expired.key, "has expired: it held until 2021-01-01", &expired.certificate),
        (&early.certificate, &early.key, "does not hold before 2100-01-01", &early.certificate),
    ] {
        let dir = keys.path().join("data");
        let mut secure = options(&dir);
        secure.tls = Some(TlsFiles::new(certificate, key));
        let refused = dlt_tracker::serve(secure, |_| panic!("it began")).unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, Error::Tls { .. }) && said.contains(told), "{told}: {said}");
        assert!(said.contains(&file.display().to_string()), "{said}");
        assert!(!dir.exists());
    }
}
