//! How a connection is made.

use crate::address::Address;
use crate::failure::config;
use dlt_engine::Result;
use dlt_engine::settings::word_hint;
use mysql::{ClientIdentity, Opts, OptsBuilder, SslOpts};
use std::path::PathBuf;
use std::time::Duration;

const KNOWN: [&str; 11] = [
    "charset",
    "connect_timeout",
    "ssl_ca",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_disabled",
    "ssl_key",
    "ssl_mode",
    "ssl_verify_cert",
    "ssl_verify_identity",
    "unix_socket",
];

/// What is sent when a connection begins. The server gives a client that does not read for a minute up: tables that wait
/// until those before them are read would be lost.
const INIT: [&str; 3] =
    ["SET NAMES utf8mb4", "SET time_zone = '+00:00'", "SET SESSION net_write_timeout = 604800, wait_timeout = 604800"];

/// Bytes of a row, at most; the server's own bound.
const PACKET: usize = 1 << 30;

pub(super) fn of(address: &Address) -> Result<Opts> {
    let mut options = OptsBuilder::new()
        .ip_or_hostname(Some(address.host.clone().unwrap_or_else(|| "localhost".to_owned())))
        .tcp_port(address.port.unwrap_or(3306))
        .user(address.username.clone())
        .pass(address.password.clone())
        .db_name(address.database.clone())
        // A server that tells of a socket may be on another machine, or in a container.
        .prefer_socket(false)
        .tcp_connect_timeout(Some(Duration::from_secs(10)))
        .tcp_keepalive_time_ms(Some(60_000))
        .max_allowed_packet(Some(PACKET))
        .init(INIT.map(str::to_owned).to_vec());
    let mut tls = Tls { authority: None, certificate: None, key: None, checks_host: true, mode: None };
    for (key, value) in &address.query {
        match key.as_str() {
            // All encodings give the same texts.
            "charset" => {}
            "connect_timeout" => {
                let wrong = || address.wrong("`connect_timeout` is no number of seconds", "write connect_timeout=10");
                options = options.tcp_connect_timeout(Some(Duration::from_secs(value.parse().map_err(|_| wrong())?)));
            }
            "unix_socket" => options = options.socket(Some(value.clone())),
            "ssl_ca" => tls.authority = Some(file(address, key, value)?),
            "ssl_cert" => tls.certificate = Some(file(address, key, value)?),
            "ssl_key" => tls.key = Some(file(address, key, value)?),
            "ssl_disabled" if is_true(value) => tls.mode = Some(Mode::Disabled),
            "ssl_verify_identity" if is_true(value) => tls.mode = Some(Mode::Identity),
            "ssl_verify_cert" if is_true(value) => tls.mode = tls.mode.or(Some(Mode::Authority)),
            "ssl_check_hostname" => tls.checks_host = is_true(value),
            "ssl_disabled" | "ssl_verify_cert" | "ssl_verify_identity" => {}
            "ssl_mode" => tls.mode = Some(mode(address, value)?),
            _ => {
                let message = format!("{address}: unknown option `{key}`");
                return Err(config(message, word_hint(key, &KNOWN)));
            }
        }
    }
    Ok(options.ssl_opts(tls.options(address)?).into())
}

struct Tls {
    authority: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    /// Whether an authority that is named says, without a mode, that the host is looked at, too; as in Python's driver.
    checks_host: bool,
    mode: Option<Mode>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Disabled,
    /// Encrypted, with whomever.
    Required,
    /// The certificate is checked, not for whom it is.
    Authority,
    Identity,
}

impl Tls {
    fn options(self, address: &Address) -> Result<Option<SslOpts>> {
        let by_default = match (&self.authority, &self.certificate) {
            (Some(_), _) if self.checks_host => Mode::Identity,
            (Some(_), _) => Mode::Authority,
            (None, Some(_)) => Mode::Required,
            (None, None) => Mode::Disabled,
        };
        let identity = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity::new(certificate, key)),
            (None, None) => None,
            _ => {
                let message = format!("{address}: of `ssl_cert` and `ssl_key` there is only one");
                return Err(config(message, "a certificate and its key go together: ssl_cert=FILE&ssl_key=FILE"));
            }
        };
        let options = SslOpts::default().with_root_cert_path(self.authority).with_client_identity(identity);
        Ok(Some(match self.mode.unwrap_or(by_default) {
            Mode::Disabled => return Ok(None),
            Mode::Required => options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true),
            Mode::Authority => options.with_danger_skip_domain_validation(true),
            Mode::Identity => options,
        }))
    }
}

/// A file in PEM that can be read.
fn file(address: &Address, key: &str, path: &str) -> Result<PathBuf> {
    let wrong = |what: &str, hint: &str| config(format!("{address}: `{key}`: {path} {what}"), hint);
    let text = std::fs::read(path)
        .map_err(|cause| wrong("cannot be read", "a path on this machine, as it is seen from here").because(cause))?;
    let holds = if key == "ssl_key" { "PRIVATE KEY-----" } else { "-----BEGIN CERTIFICATE-----" };
    match text.windows(holds.len()).any(|part| part == holds.as_bytes()) {
        true => Ok(PathBuf::from(path)),
        false => Err(wrong("does not hold what it should", &format!("a file in PEM, with a line `{holds}`"))),
    }
}

fn mode(address: &Address, word: &str) -> Result<Mode> {
    const WORDS: [(&str, Mode); 4] = [
        ("DISABLED", Mode::Disabled),
        ("REQUIRED", Mode::Required),
        ("VERIFY_CA", Mode::Authority),
        ("VERIFY_IDENTITY", Mode::Identity),
    ];
    let found = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    found.map(|(_, mode)| *mode).ok_or_else(|| {
        let message = format!("{address}: unknown value of `ssl_mode`: `{word}`");
        config(message, word_hint(word, &WORDS.map(|(word, _)| word)))
    })
}

fn is_true(text: &str) -> bool {
    ["1", "true", "yes", "on"].iter().any(|word| word.eq_ignore_ascii_case(text))
}
