//! HTTPS: the authority of a company, given by a setting or by the system's own variable.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::host::Machine;

/// A server that answers 204 over TLS, and the certificate of its authority in PEM.
fn serve() -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();

    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.windows(10).any(|window| window == b"\"sentAt\":\"") {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (url, authority.as_ref().pem())
}

fn machine(url: &str) -> Machine {
    Machine::new().not_new().with("RUNTIME__DLTHUB_TELEMETRY_DELIVERY", "in_place").with_endpoint(url)
}

#[test]
fn a_private_authority_is_trusted_only_where_it_is_set() {
    let (url, pem) = serve();
    let stranger = machine(&url);
    stranger.run(&["record", "finish"]);
    let receipts = stranger.read("receipts.jsonl");
    assert!(receipts.contains("\"outcome\":\"kept\"") && receipts.to_lowercase().contains("certificate"), "{receipts}");

    for variable in ["RUNTIME__DLTHUB_TELEMETRY_CA_FILE", "SSL_CERT_FILE"] {
        let friend = machine(&url);
        let file = friend.home().join("ca.pem");
        std::fs::write(&file, &pem).unwrap();
        let friend = friend.with(variable, file.to_str().unwrap());
        friend.run(&["record", "finish"]);
        assert!(friend.read("receipts.jsonl").contains("\"outcome\":\"sent\""), "{}", friend.read("receipts.jsonl"));
    }
}

#[test]
fn an_authority_that_cannot_be_read_is_named() {
    let (url, _) = serve();
    let machine = machine(&url);
    let file = machine.home().join("ca.pem");
    std::fs::write(&file, "not a certificate").unwrap();
    let machine = machine.with("RUNTIME__DLTHUB_TELEMETRY_CA_FILE", file.to_str().unwrap());
    machine.run(&["record", "finish"]);
    let receipts = machine.read("receipts.jsonl");
    assert!(receipts.contains("ca.pem holds no certificate"), "{receipts}");
}
