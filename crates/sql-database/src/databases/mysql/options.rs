//! How a connection is made.

use crate::address::Address;
use crate::failure::config;
use dlt_engine::Result;
use dlt_engine::settings::word_hint;
use mysql::{Opts, OptsBuilder, SslOpts};
use std::path::PathBuf;
use std::time::Duration;

const KNOWN: [&str; 7] =
    ["charset", "connect_timeout", "ssl_ca", "ssl_disabled", "ssl_mode", "ssl_verify_identity", "unix_socket"];

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
    let mut tls = Tls::default();
    for (key, value) in &address.query {
        match key.as_str() {
            // All encodings give the same texts.
            "charset" => {}
            "connect_timeout" => {
                let wrong = || address.wrong("`connect_timeout` is no number of seconds", "write connect_timeout=10");
                options = options.tcp_connect_timeout(Some(Duration::from_secs(value.parse().map_err(|_| wrong())?)));
            }
            "unix_socket" => options = options.socket(Some(value.clone())),
            "ssl_ca" => tls.authority = Some(PathBuf::from(value)),
            "ssl_disabled" if is_true(value) => tls.mode = Some(Mode::Disabled),
            "ssl_verify_identity" if is_true(value) => tls.mode = Some(Mode::Identity),
            "ssl_disabled" | "ssl_verify_identity" => {}
            "ssl_mode" => tls.mode = Some(mode(address, value)?),
            _ => {
                let message = format!("{address}: unknown option `{key}`");
                return Err(config(message, word_hint(key, &KNOWN)));
            }
        }
    }
    Ok(options.ssl_opts(tls.options()).into())
}

#[derive(Default)]
struct Tls {
    authority: Option<PathBuf>,
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
    fn options(self) -> Option<SslOpts> {
        let by_default = if self.authority.is_some() { Mode::Authority } else { Mode::Disabled };
        let mode = self.mode.unwrap_or(by_default);
        let options = SslOpts::default().with_root_cert_path(self.authority);
        Some(match mode {
            Mode::Disabled => return None,
            Mode::Required => options.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true),
            Mode::Authority => options.with_danger_skip_domain_validation(true),
            Mode::Identity => options,
        })
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
