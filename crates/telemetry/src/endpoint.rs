//! Where events are sent: what a user may write, and what it means.

use std::fmt;

/// Segment's address: the one place that cannot be used without a write key.
const SEGMENT_HOST: &str = "api.segment.io";

/// An address that events can be posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    host: String,
    origin_len: usize,
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    text: String,
    why: &'static str,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the endpoint `{}` {}", self.text, self.why)
    }
}

impl std::error::Error for EndpointError {}

impl Endpoint {
    /// Understands what a user wrote: `https` is assumed where no scheme is given, the path and query are kept.
    ///
    /// # Errors
    /// For an unknown scheme, a missing or malformed host or port, and for anything with a user name or a blank in it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let fail = |why| Err(EndpointError { text: text.to_owned(), why });
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return fail("is empty");
        }
        if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
            return fail("has a blank or a letter outside ASCII in it");
        }
        let (scheme, rest) = match trimmed.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => ("https".to_owned(), trimmed),
        };
        if scheme != "https" && scheme != "http" {
            return fail("is neither http nor https");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return fail("has a user name in it; a write key belongs in its own setting");
        }
        let Some(host) = host_of(authority) else {
            return fail("has no valid host and port");
        };
        let origin_len = scheme.len() + 3 + authority.len();
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { url: format!("{scheme}://{authority}{slash}{path}"), host: host.to_ascii_lowercase(), origin_len })
    }

    /// The whole address, as it is used.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port, without path.
    pub(crate) fn origin(&self) -> &str {
        &self.url[..self.origin_len]
    }

    /// Whether this is Segment, which refuses events that come without a write key.
    #[must_use]
    pub fn is_segment(&self) -> bool {
        self.host == SEGMENT_HOST
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`, if it is well formed.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        let (host, rest) = authority.split_once(']')?;
        let address = host.strip_prefix('[')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let labels = host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        });
        if !labels {
            return None;
        }
        (host, port)
    };
    match port {
        Some(port) if port.parse::<u16>().ok().filter(|port| *port > 0).is_none() => None,
        _ => Some(host),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_users_write() {
        let cases = [
            ("telemetry-tracker.services4745.workers.dev", "https://telemetry-tracker.services4745.workers.dev/"),
            ("https://api.segment.io/v1/track", "https://api.segment.io/v1/track"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
            ("localhost:8000/collect?a=b", "https://localhost:8000/collect?a=b"),
            ("HTTPS://Example.org", "https://Example.org/"),
            ("  example.org  ", "https://example.org/"),
            ("http://[::1]:9/x", "http://[::1]:9/x"),
            ("example.org?key=1", "https://example.org/?key=1"),
            ("example.org/#part", "https://example.org/"),
        ];
        for (text, url) in cases {
            assert_eq!(Endpoint::parse(text).unwrap().url(), url);
        }
        assert_eq!(Endpoint::parse("http://a.b:1/x/y").unwrap().origin(), "http://a.b:1");
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            " ",
            "ftp://a",
            "https://",
            "a b",
            "http://a:b",
            "http://a:0",
            "http://a:99999",
            "a..b",
            "http://[::1",
            "https://key@a",
            "ü.de",
            "://",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn segment_is_known_by_its_host() {
        assert!(Endpoint::parse("api.segment.io/v1/track").unwrap().is_segment());
        assert!(Endpoint::parse("https://API.segment.io/v1/track").unwrap().is_segment());
        assert!(!Endpoint::parse("https://api.segment.io.example.org/v1/track").unwrap().is_segment());
    }

    proptest::proptest! {
        #[test]
        fn what_is_understood_is_understood_again(text in ".{0,40}|(https?://)?[a-z.\\[\\]:0-9@]{1,20}(/[a-z?#=]{0,8})?") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                proptest::prop_assert_eq!(&Endpoint::parse(endpoint.url()).unwrap(), &endpoint);
                proptest::prop_assert!(endpoint.url().starts_with(endpoint.origin()));
            }
        }
    }
}
