//! The address of a stream of NATS.

use std::fmt;
use std::path::PathBuf;

use dlt_engine::{Error, ErrorKind, Result};

use crate::query;

/// The port of NATS.
const PORT: u16 = 4222;

/// A stream of a NATS cluster, how it is reached, and how it is made. Its debug output has no password and no token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsAddress {
    /// Whether a connection without TLS is refused.
    pub(crate) tls: bool,
    /// `host:port`, one at least.
    pub(crate) servers: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// The stream's name.
    pub(crate) stream: String,
    /// How many servers keep each record.
    pub(crate) replicas: usize,
    /// The certificate authority that the servers' certificates are by, if not one of the system's.
    pub(crate) authority: Option<PathBuf>,
    /// The files of this client's certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// A file with a JWT and a seed, as `nsc` writes it.
    pub(crate) credentials: Option<PathBuf>,
}

impl NatsAddress {
    /// Whether a text begins as such an address.
    pub(crate) fn is_one(text: &str) -> bool {
        text.starts_with("nats://") || text.starts_with("tls://")
    }

    /// `nats://USER:PASSWORD@HOST:PORT,HOST:PORT/STREAM`, or `tls://…`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (servers, stream) = rest.rsplit_once('/').ok_or_else(|| wrong("it names no stream"))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if stream.is_empty() || !stream.chars().all(is_name) {
            return Err(wrong("it names no stream of letters, digits, - and _"));
        }
        let (mut user, mut password, mut hosts) = (None, None, Vec::new());
        for server in servers.split(',') {
            let server = server.trim_start_matches("nats://").trim_start_matches("tls://");
            let (who, host) = server.rsplit_once('@').map_or((None, server), |(who, host)| (Some(who), host));
            if let Some(who) = who {
                let (name, secret) = who.split_once(':').map_or((who, None), |(name, secret)| (name, Some(secret)));
                user = Some(query::unescaped(name));
                password = secret.map(query::unescaped);
            }
            hosts.push(with_port(host)?);
        }
        Ok(Self {
            tls: scheme == "tls",
            servers: hosts,
            user,
            password,
            stream: stream.to_owned(),
            replicas: 1,
            authority: None,
            certificate: None,
            credentials: None,
        })
    }

    /// As it is parsed, without the password; or the token, which stands alone where a user would.
    pub(crate) fn shown(&self) -> String {
        let user = self.user.as_ref().filter(|_| self.password.is_some());
        let user = user.map(|user| format!("{}@", query::encode(user))).unwrap_or_default();
        let scheme = if self.tls { "tls" } else { "nats" };
        format!("{scheme}://{user}{}/{}", self.servers.join(","), self.stream)
    }

    /// The servers, for the client.
    pub(crate) fn urls(&self) -> Vec<String> {
        let scheme = if self.tls { "tls" } else { "nats" };
        self.servers.iter().map(|server| format!("{scheme}://{server}")).collect()
    }
}

impl fmt::Debug for NatsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsAddress({}, {} replicas)", self.shown(), self.replicas)
    }
}

fn with_port(host: &str) -> Result<String> {
    let (name, port) = match host.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if name.is_empty() || name.contains(['/', '?', '#', ' ']) {
        return Err(wrong("a host is missing or malformed"));
    }
    match port.map(str::parse::<u16>) {
        None => Ok(format!("{name}:{PORT}")),
        Some(Ok(port)) => Ok(format!("{name}:{port}")),
        Some(Err(_)) => Err(wrong("a port is no number up to 65535")),
    }
}

/// The message holds nothing of the address: it may have a password.
fn wrong(why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("this is not the address of a stream: {why}")).hint(
        "write nats://USER:PASSWORD@HOST:4222,HOST:4222/STREAM, or tls://…; special characters of a password as %XX",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn addresses() {
        let address = NatsAddress::parse("nats://ada:s%40cret%2B@a,nats://b:4333,[::1]:5/EVENTS").unwrap();
        assert_eq!(address.servers, ["a:4222", "b:4333", "[::1]:5"]);
        assert_eq!((address.user.as_deref(), address.password.as_deref()), (Some("ada"), Some("s@cret+")));
        assert_eq!(address.shown(), "nats://ada@a:4222,b:4333,[::1]:5/EVENTS");
        assert!(!format!("{address:?}").contains("cret"));
        let token = NatsAddress::parse("nats://s3cret@a/S").unwrap();
        assert_eq!((token.user.as_deref(), token.shown().as_str()), (Some("s3cret"), "nats://a:4222/S"));
        let again = NatsAddress::parse(&address.shown()).unwrap();
        assert_eq!(again.servers, address.servers);
        assert!(NatsAddress::parse("tls://a/S").unwrap().tls);
        for text in
            ["nats://a", "nats://a/", "nats://secret@/S", "nats://a/b.c", "nats://a:secret/S", "nats://a:70000/S"]
        {
            let error = NatsAddress::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
