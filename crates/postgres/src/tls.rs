//! TLS as `sslmode` asks for it: which certificates are believed.

use crate::address::Address;
use dlt_engine::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much of the server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nothing: the connection is encrypted, with whomever.
    Nobody,
    /// That an authority made it.
    Authority,
    /// That, and that it is for this host.
    AuthorityAndHost,
}

/// Makes connections of the kind.
pub(crate) fn connector(address: &Address, variable: &dyn Fn(&str) -> Option<String>) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let home = variable("HOME").map(|home| Path::new(&home).join(".postgresql"));
    let own = |name: &str| home.as_ref().map(|home| home.join(name)).filter(|path| path.exists());
    let authorities = address.get("sslrootcert").map(PathBuf::from).or_else(|| own("root.crt"));
    let trust = match address.get("sslmode") {
        Some("verify-full") => Trust::AuthorityAndHost,
        Some("verify-ca") => Trust::Authority,
        // Whoever names an authority has it asked.
        Some("require") if authorities.is_some() => Trust::Authority,
        _ => Trust::Nobody,
    };
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Nobody => Arc::new(AnyCertificate { provider: provider.clone() }),
        _ => {
            let roots = roots(authorities.as_deref())?;
            let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|cause| config("the certificates of authorities cannot be used").because(cause))?;
            Arc::new(Verified { inner, with_host: trust == Trust::AuthorityAndHost })
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| config("TLS cannot be set up").because(cause))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let certificate = address.get("sslcert").map(PathBuf::from).or_else(|| own("postgresql.crt"));
    let mut made = match certificate {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let key = address.get("sslkey").map(PathBuf::from).or_else(|| own("postgresql.key"));
            let key = key.ok_or_else(|| config("`sslcert` needs `sslkey`, the file with its key"))?;
            let chain = certificates(&certificate)?;
            let key = PrivateKeyDer::from_pem_file(&key)
                .map_err(|cause| config(&format!("cannot read the key in {}", key.display())).because(cause))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|cause| config("`sslcert` and `sslkey` do not fit together").because(cause))?
        }
    };
    if address.get("sslnegotiation") == Some("direct") {
        made.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(made))
}

/// The authorities of a file, else those that the machine believes.
fn roots(file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = match file.filter(|file| *file != Path::new("system")) {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(config("there is no certificate of an authority to check the server's by")
            .hint("name the file that your provider gives: sslrootcert=/path/to/ca.pem"));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let found = read()
        .map_err(|cause| config(&format!("cannot read the certificates in {}", path.display())).because(cause))?;
    if found.is_empty() {
        return Err(config(&format!("{} holds no certificate", path.display())));
    }
    Ok(found)
}

fn config(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}

/// Takes any certificate; what is signed with it is still checked.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes what an authority made, for this host or for any.
#[derive(Debug)]
struct Verified {
    inner: Arc<WebPkiServerVerifier>,
    with_host: bool,
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(certificate, intermediates, host, ocsp, now);
        match verified {
            // The name is the last thing that is looked at.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.with_host => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
