//! URLs of Postgres, taken apart.

use dlt_engine::{Error, ErrorKind, Result};

/// Whether a text begins as a URL of Postgres.
pub(crate) fn has_scheme(text: &str) -> bool {
    scheme(text).is_some()
}

/// What follows the scheme.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let name = scheme.split_once('+').map_or(scheme, |(name, _)| name);
    matches!(name, "postgres" | "postgresql").then_some(rest)
}

/// The parameters of a URL, by libpq's names. What is empty is left out.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let rest = scheme(text).ok_or_else(|| {
        wrong("this is no URL of Postgres").hint("write postgresql://user:password@host:5432/database")
    })?;
    let mut found = Vec::new();
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            found.push((key.to_owned(), value));
        }
    };
    // A password that is not encoded may hold `@`: the last one counts.
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, place) = before_query.rsplit_once('@').unwrap_or(("", before_query));
    if !login.is_empty() {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        add("user", decoded(user)?);
        add("password", decoded(password)?);
    }
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let (hosts, ports) = hosts_and_ports(hosts)?;
    add("host", decoded(&hosts)?);
    add("port", ports);
    add("dbname", decoded(database)?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            // What stands here may be the rest of a password.
            wrong("what follows `?` must be `parameter=value`")
                .hint("write `?` as %3F and `&` as %26 where they belong to the password")
        })?;
        add(&decoded(key)?, decoded(value)?);
    }
    Ok(found)
}

/// `a:1,b:2` as `a,b` and `1,2`.
fn hosts_and_ports(text: &str) -> Result<(String, String)> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
            None => part.split_once(':').unwrap_or((part, "")),
        };
        if !port.is_empty() && port.parse::<u32>().is_err() {
            return Err(wrong("the port of a URL of Postgres must be a number")
                .hint("where a password holds `/`, `:`, `@`, `#` or `?`, write them as %2F, %3A, %40, %23 and %3F"));
        }
        hosts.push(host);
        ports.push(port);
    }
    let has_ports = ports.iter().any(|port| !port.is_empty());
    let ports = ports.iter().map(|port| if port.is_empty() && has_ports { "5432" } else { port });
    Ok((hosts.join(","), if has_ports { ports.collect::<Vec<_>>().join(",") } else { String::new() }))
}

/// `%40` as `@`. A `%` that no digits follow stands for itself, as others take it.
fn decoded(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte =
            digits.filter(|digits| !digits.starts_with('+')).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).map_err(|_| wrong("a URL of Postgres holds bytes that are not UTF-8"))
}

/// A text as a URL holds it.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Config, what)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(text: &str) -> String {
        let found = parse(text).unwrap();
        found.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("postgres://", ""),
            ("postgresql+psycopg2://u:p@h/d", "user=u password=p host=h dbname=d"),
            ("postgres://u@h:5433", "user=u host=h port=5433"),
            ("postgresql://u:p%40s%3As%2Fw%25@h/d", "user=u password=p@s:s/w% host=h dbname=d"),
            ("postgresql://u:100%sure@h/d", "user=u password=100%sure host=h dbname=d"),
            ("postgresql://u:a@b@h/d", "user=u password=a@b host=h dbname=d"),
            ("postgresql://u:a+b@h/d", "user=u password=a+b host=h dbname=d"),
            ("postgresql://[::1]:5433/d", "host=::1 port=5433 dbname=d"),
            ("postgresql://a:1,b/d", "host=a,b port=1,5432 dbname=d"),
            ("postgresql:///d?host=/run/postgresql&user=u", "dbname=d host=/run/postgresql user=u"),
            ("postgresql://%2Frun%2Fpg/d", "host=/run/pg dbname=d"),
            (
                "postgresql://h/d?sslmode=require&options=endpoint%3Dab",
                "host=h dbname=d sslmode=require options=endpoint=ab",
            ),
            ("postgresql://h/my%20shop", "host=h dbname=my shop"),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn wrong_ones_tell_nothing_of_the_password() {
        for text in [
            "postgresql://u:to?psecret@h/d",
            "postgresql://u:topsecret/x@h",
            "mysql://u:topsecret@h",
            "postgresql://u:top/secret@h:x/d",
        ] {
            if let Err(error) = parse(text) {
                let all = format!("{error} {}", error.advice().unwrap_or_default());
                assert!(!all.contains("secret"), "{all}");
            }
        }
        assert!(parse("postgresql://u:to?psecret@h/d").is_err());
        assert!(parse("mysql://h").is_err());
        assert!(has_scheme("postgres://") && !has_scheme("postgres:shop"));
    }
}
