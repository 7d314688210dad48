//! TLS: certificate and key of two files, which are read anew when they have changed, and when the process gets SIGHUP.

mod validity;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::Error;
use crate::stamp::Stamp;

/// A certificate that holds no longer than this is warned of when it is read.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Where certificate and key are, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The certificate, and behind it those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files of a certificate and its key.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into() }
    }
}

/// The certificate that is shown.
pub(crate) struct Tls {
    files: TlsFiles,
    shown: RwLock<Shown>,
    /// The files as they were when they were read the last time, with success or without.
    seen: Mutex<[Stamp; 2]>,
}

#[derive(Clone)]
struct Shown {
    config: Arc<ServerConfig>,
    ends: Option<Timestamp>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they can't be read, do not belong together, or the certificate does not hold now.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, Error> {
        let seen = Mutex::new(stamps(&files));
        let shown = RwLock::new(read(&files, Timestamp::now())?);
        Ok(Self { files, shown, seen })
    }

    /// What does the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.shown().config)
    }

    /// When the certificate ends to hold, where it says so.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.shown().ends
    }

    /// Reads the files anew. Connections that are open keep what they have.
    ///
    /// # Errors
    /// As [`Tls::open`]; then what was shown before is shown on.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&self.files);
        let read = read(&self.files, Timestamp::now())?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Whether a file has changed since they were read.
    pub(crate) fn has_changed(&self) -> bool {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != stamps(&self.files)
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn stamps(files: &TlsFiles) -> [Stamp; 2] {
    [Stamp::of(&files.certificate), Stamp::of(&files.key)]
}

fn read(files: &TlsFiles, now: Timestamp) -> Result<Shown, Error> {
    let TlsFiles { certificate, key } = files;
    let wrong = |file: &Path, why: String| Error::Tls { file: file.to_owned(), why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(certificate, unread("certificate", &error)))?;
    let Some(first) = chain.first() else {
        return Err(wrong(certificate, unread("certificate", &pem::Error::NoItemsFound)));
    };
    let holds = validity::of(first);
    if let Some((begins, _)) = holds
        && now < begins
    {
        return Err(wrong(
            certificate,
            format!("the certificate does not hold before {begins}; by the clock here it is {now:.0}"),
        ));
    }
    if let Some((_, ends)) = holds
        && now >= ends
    {
        return Err(wrong(certificate, format!("the certificate has expired: it held until {ends}")));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, unread("private key", &error)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong(key, format!("it is not the key of the certificate in {}", certificate.display()))
        }
        other => wrong(certificate, format!("it can't be used with the key in {}: {other}", key.display())),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(failed)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let ends = holds.map(|(_, ends)| ends);
    if let Some(ends) = ends.filter(|ends| ends.duration_since(now) < WARNED_BEFORE) {
        tracing::warn!(file = %certificate.display(), %ends, "the certificate ends soon");
    }
    Ok(Shown { config: Arc::new(config), ends })
}

fn unread(what: &str, error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("the {what} can't be read: {error}"),
        pem::Error::NoItemsFound => format!("there is no {what} in it: PEM begins with a line -----BEGIN …-----"),
        other => format!("the {what} in it is damaged: {other}"),
    }
}
