//! What the driver says, in the terms of the person who has to act on it, and without what it may hold of values.

use crate::failure::{Said, first_line};
use dlt_engine::{Error, ErrorKind};
use mysql::DriverError;
use rustls::CertificateError as Certificate;
use std::io;

const WRONG_PASSWORD: &str = "user or password is wrong; in a URL, `@` is %40, `/` is %2F and `%` is %25";

/// A connection that was never made, with or without TLS.
pub(super) fn not_connected(place: &str, is_encrypted: bool, cause: &mysql::Error) -> Error {
    if let Some(lost) = of_socket(cause) {
        return match lost.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(cause) => of_tls(place, cause),
            None => told(place, "connect", ErrorKind::Source, &lost.to_string())
                .hint("the server ended the connection: does MySQL or MariaDB listen at this host and port?"),
        };
    }
    match cause {
        mysql::Error::TlsError(cause) => {
            let said = format!("TLS cannot be used ({cause})");
            told(place, "connect", ErrorKind::Config, &said)
                .hint("`ssl_ca`, `ssl_cert` and `ssl_key` name files in PEM; a host with TLS has a name or an address")
        }
        mysql::Error::DriverError(DriverError::TlsNotSupported) => {
            told(place, "connect", ErrorKind::Source, "the server has no TLS, which is asked for")
                .hint("switch it on there, or connect without it where the network can be trusted: ssl_mode=DISABLED")
        }
        mysql::Error::DriverError(DriverError::CouldNotConnect(_) | DriverError::ConnectTimeout) => {
            told(place, "connect", ErrorKind::Source, driver_says(&cause.to_string()))
                .hint("does the server run, and is it reached at this host and port?")
        }
        mysql::Error::MySqlError(said) if is_without_tls(said) => {
            told(place, "connect", ErrorKind::Source, &said.message)
                .hint("the server takes nobody without TLS: add ssl_mode=REQUIRED, or ssl_ca=FILE to know whom it is")
        }
        // So MariaDB also says that it takes nobody, or not this user, without TLS or without a certificate.
        mysql::Error::MySqlError(said) if matches!(said.code, 1045 | 1698) => {
            let more = match is_encrypted {
                true => "A user who has to show a certificate needs ssl_cert=FILE and ssl_key=FILE",
                false => "A server or user that insists on TLS says the same: then add ssl_mode=REQUIRED",
            };
            failed(place, "connect", cause).hint(format!("{WRONG_PASSWORD}. {more}"))
        }
        other => failed(place, "connect", other),
    }
}

/// A failure of a connection that was made.
pub(super) fn failed(place: &str, doing: &str, cause: &mysql::Error) -> Error {
    if let Some(lost) = of_socket(cause) {
        return told(place, doing, ErrorKind::Source, &lost.to_string())
            .hint("the server is gone; nothing of this run is kept: run it again");
    }
    match cause {
        mysql::Error::MySqlError(said) => {
            let (kind, hint) = match said.code {
                1045 | 1698 => (ErrorKind::Source, WRONG_PASSWORD),
                1044 | 1142 | 1143 | 1227 => {
                    (ErrorKind::Source, "let the user read it: GRANT SELECT ON database.* TO user")
                }
                1049 => {
                    (ErrorKind::Config, "the address ends with the name of the database: mysql://USER@HOST/DATABASE")
                }
                1054 | 1064 | 1146 | 1305 => (ErrorKind::Config, ""),
                1053 | 1927 | 3024 => (ErrorKind::Source, "nothing of this run is kept: run it again"),
                _ => (ErrorKind::Source, ""),
            };
            let error = told(place, doing, kind, &said.message);
            if hint.is_empty() { error } else { error.hint(hint) }
        }
        mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => {
            told(place, doing, ErrorKind::Internal, "a value has another type")
        }
        other => told(place, doing, ErrorKind::Source, driver_says(&other.to_string())),
    }
}

fn of_tls(place: &str, cause: &rustls::Error) -> Error {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    let (said, hint) = match cause {
        InvalidCertificate(Certificate::UnknownIssuer) => (
            "the server's certificate is by an authority that is not known".to_owned(),
            "name the file with the authority's certificate: ssl_ca=FILE; ssl_mode=REQUIRED encrypts with whomever",
        ),
        InvalidCertificate(Certificate::NotValidForNameContext { presented, .. }) if !presented.is_empty() => (
            format!("the server's certificate is not for this host, but for {}", names(presented)),
            "use the host name that it is for; ssl_mode=VERIFY_CA looks at its authority alone",
        ),
        InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => (
            "the server's certificate is not for this host".to_owned(),
            "use the host name that it is for; ssl_mode=VERIFY_CA looks at its authority alone",
        ),
        InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => (
            "the server's certificate has expired".to_owned(),
            "renew it there, or set this machine's clock; ssl_mode=REQUIRED encrypts without a look at it",
        ),
        AlertReceived(_) => (
            format!("the server refuses TLS with this client ({cause})"),
            "does it ask for a certificate? ssl_cert=FILE and ssl_key=FILE name one",
        ),
        _ => (format!("TLS with the server fails ({cause})"), "look at ssl_mode and ssl_ca"),
    };
    told(place, "connect", ErrorKind::Source, &said).hint(hint)
}

/// The names that a certificate is for; the library says `DnsName("localhost")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    presented.iter().map(plain).collect::<Vec<_>>().join(", ")
}

/// What a socket says, if that is what went wrong; the library for TLS says its own through it.
fn of_socket(cause: &mysql::Error) -> Option<&io::Error> {
    match cause {
        mysql::Error::IoError(lost) => Some(lost),
        mysql::Error::CodecError(codec) => std::error::Error::source(codec)?.downcast_ref(),
        _ => None,
    }
}

/// MySQL has a number for it.
fn is_without_tls(said: &mysql::MySqlError) -> bool {
    said.code == 3159 || said.message.contains("require_secure_transport")
}

/// Without the words for the kind of error around it.
fn driver_says(text: &str) -> &str {
    let inner = text.split_once(" { ").and_then(|(_, inner)| inner.strip_suffix(" }"));
    inner.unwrap_or(text)
}

fn told(place: &str, doing: &str, kind: ErrorKind, said: &str) -> Error {
    Error::new(kind, format!("{place}: cannot {doing}")).because(Said(first_line(said)))
}
