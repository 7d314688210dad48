//! Ways to a server, and what is said where there is none.

use dlt_engine::ErrorKind;
use dlt_postgres::{Address, Client};
use dlt_testkit::Postgres;
use std::net::TcpListener;

fn connect(url: &str) -> dlt_engine::Result<Client> {
    Client::connect(&Address::from_url(url)?.completed(&|_| None)?)
}

/// The message and the hint of what must fail, and the kind.
fn said(url: &str) -> (ErrorKind, String) {
    let error = connect(url).unwrap_err();
    (error.kind(), format!("{error} | {}", error.advice().unwrap_or_default()))
}

fn is_encrypted(client: &mut Client) -> bool {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    client.query("look", sql, &[]).unwrap()[0].get(0)
}

#[test]
fn a_password_of_any_characters_by_network_and_a_socket_without_one() {
    let server = Postgres::start().unwrap();
    let mut client = connect(&server.url("postgres")).unwrap();
    assert!(!is_encrypted(&mut client), "the server offers no TLS, and none is asked for");
    let folder = server.socket_folder().display().to_string();
    let url = format!("postgresql://{}@/postgres?host={folder}&port={}", Postgres::USER, server.port());
    let name =
        connect(&format!("{url}&application_name=shop")).unwrap().query("ask", "SHOW application_name", &[]).unwrap();
    assert_eq!(name[0].get::<_, String>(0), "shop");
    let options = format!("{url}&options=-c%20search_path%3Dabc&sslmode=verify-full");
    let path = connect(&options).unwrap().query("ask", "SHOW search_path", &[]).unwrap();
    assert_eq!(path[0].get::<_, String>(0), "abc");
}

#[test]
fn what_is_wrong_is_said_and_never_the_password() {
    let server = Postgres::start().unwrap();
    let port = server.port();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = taken.local_addr().unwrap().port();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, expected) in [
        (format!("postgresql://loader:topsecret@127.0.0.1:{port}/postgres"), "refuses the password"),
        (format!("postgresql://loader@127.0.0.1:{port}/postgres"), "set a password"),
        (server.url("missing"), "database \"missing\" does not exist"),
        (format!("postgresql://loader:topsecret@127.0.0.1:{free}/postgres"), "connection refused"),
        (format!("postgresql://loader:topsecret@127.0.0.1:{silent}/x?connect_timeout=1"), "does not answer in time"),
        ("postgresql://loader:topsecret@no-such-host.invalid/x".to_owned(), "no machine of this name"),
        (format!("{}?sslmode=require", server.url("postgres")), "does not offer TLS"),
        ("postgresql://loader@/x?host=/nonexistent".to_owned(), "no socket of a server"),
    ] {
        let (kind, text) = said(&url);
        assert_eq!(kind, ErrorKind::Destination, "{text}");
        assert!(text.contains(expected), "{url}: {text}");
        assert!(!text.contains("topsecret") && !text.contains(Postgres::PASSWORD), "{text}");
        assert!(!text.ends_with("| "), "no hint: {text}");
    }
}

#[test]
fn tls_as_sslmode_says() {
    let server = Postgres::with_tls().unwrap();
    let authority = server.authority().display().to_string();
    let by_name = server.url("postgres").replace("127.0.0.1", "localhost");
    let by_address = server.url("postgres");
    for (url, encrypted) in [
        (by_address.clone(), true),
        (format!("{by_address}?sslmode=disable"), false),
        (format!("{by_address}?sslmode=allow"), false),
        (format!("{by_address}?sslmode=require"), true),
        (format!("{by_address}?sslmode=require&sslrootcert={authority}"), true),
        (format!("{by_address}?sslmode=verify-ca&sslrootcert={authority}"), true),
        (format!("{by_name}?sslmode=verify-full&sslrootcert={authority}&channel_binding=require"), true),
    ] {
        assert_eq!(is_encrypted(&mut connect(&url).unwrap()), encrypted, "{url}");
    }
    for (url, expected) in [
        (format!("{by_address}?sslmode=verify-full&sslrootcert={authority}"), "sslmode=verify-ca"),
        (format!("{by_name}?sslmode=verify-full"), "sslrootcert="),
        (format!("{by_name}?sslmode=verify-full&sslrootcert=/nonexistent.pem"), "cannot read the certificates"),
    ] {
        let (_, text) = said(&url);
        assert!(text.contains(expected), "{url}: {text}");
    }
}

/// Who comes with a certificate needs no password; who comes without it, or with another's name, is not let in.
#[test]
fn a_client_certificate() {
    let server = Postgres::with_tls().unwrap();
    server.create_database("certified").unwrap();
    let (certificate, key) = server.client_certificate();
    let files = format!("sslcert={}&sslkey={}", certificate.display(), key.display());
    let authority = server.authority();
    let place = format!("127.0.0.1:{}/certified?sslmode=verify-ca&sslrootcert={}", server.port(), authority.display());
    let user = Postgres::USER;
    assert!(is_encrypted(&mut connect(&format!("postgresql://{user}@{place}&{files}")).unwrap()));
    let (_, without) = said(&format!("postgresql://{user}@{place}"));
    assert!(without.contains("certificate"), "{without}");
    server.sql("postgres", "CREATE ROLE other LOGIN").unwrap();
    let (_, other) = said(&format!("postgresql://other@{place}&{files}"));
    assert!(other.contains("certificate authentication failed"), "{other}");
    let (kind, missing) =
        said(&format!("postgresql://{user}@{place}&sslcert=/nonexistent.crt&sslkey={}", key.display()));
    assert!(
        kind == ErrorKind::Config && missing.contains("cannot read the certificates in /nonexistent.crt"),
        "{missing}"
    );
}

#[test]
fn a_server_that_ends_is_an_error_with_advice() {
    let mut server = Postgres::start().unwrap();
    let mut client = connect(&server.url("postgres")).unwrap();
    server.crash().unwrap();
    let error = client.batch("ask", "SELECT 1").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination);
    assert!(error.advice().unwrap().contains("run the same command again"), "{error}");
}
