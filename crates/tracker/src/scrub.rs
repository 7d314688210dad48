//! What is taken off an event before it touches the disk.
//!
//! The tracker never stores an address, a header, a user agent, a key, or a person's traits. What is taken off is
//! decided here and nowhere else, before the journal, so that there is nothing to clean up later. Names of the
//! properties that were taken off are kept, so that nothing vanishes in silence.

use std::net::IpAddr;

use serde_json::{Map, Value};

/// Members of an event's `context` that are kept; of all others nothing is.
const CONTEXT: &[&str] =
    &["ci_run", "cpu", "dropped", "exec_info", "library", "os", "python", "run_context", "runtime"];

/// Members of an event that say who a person is; they are never kept, in the quarantine neither.
const PERSONAL: &[&str] = &["userId", "traits", "integrations", "writeKey", "previousId", "groupId"];

/// Names of properties that carry an address, a header or a secret, in lower case and without punctuation.
const FORBIDDEN: &[&str] = &[
    "authorization",
    "clientip",
    "cookie",
    "cookies",
    "email",
    "forwarded",
    "header",
    "headers",
    "hostname",
    "ip",
    "ipaddr",
    "ipaddress",
    "password",
    "remoteaddr",
    "remoteaddress",
    "remoteip",
    "secret",
    "token",
    "useragent",
    "username",
    "writekey",
    "xforwardedfor",
    "xrealip",
];

/// Whether a property must not be kept, by its name or by its value.
pub(crate) fn is_forbidden(name: &str, value: &Value) -> bool {
    is_forbidden_name(name) || matches!(value, Value::String(text) if text.trim().parse::<IpAddr>().is_ok())
}

fn is_forbidden_name(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    FORBIDDEN.contains(&plain.as_str())
}

/// An operating system's or a language's version, as coarse as a report needs: its first two numbers.
///
/// `6.18.44-fc-v657` tells one machine from another; `6.18` does not. What does not begin with a number is kept up to
/// the first space, 20 characters at most.
pub(crate) fn coarse_version(version: &str) -> String {
    let numbers: Vec<&str> = version
        .split('.')
        .map(|part| part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len())).0)
        .take(2)
        .take_while(|digits| !digits.is_empty())
        .collect();
    if numbers.is_empty() {
        return version.split_whitespace().next().unwrap_or_default().chars().take(20).collect();
    }
    numbers.join(".")
}

/// Whether nothing of a context is taken off.
pub(crate) fn is_kept_context(context: &Map<String, Value>) -> bool {
    context.keys().all(|name| CONTEXT.contains(&name.as_str()))
}

/// An event that is put aside, without what must not be kept.
///
/// Unlike a good event, whose fields are picked one by one, this one is kept as it came, less what is personal.
pub(crate) fn for_quarantine(mut event: Value) -> Value {
    if let Value::Object(members) = &mut event {
        for name in PERSONAL {
            members.shift_remove(*name);
        }
        if let Some(context) = members.get_mut("context") {
            match context {
                Value::Object(context) => context.retain(|name, _| CONTEXT.contains(&name.as_str())),
                other => *other = Value::Null,
            }
        }
    }
    strip(&mut event);
    event
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let kept: Map<String, Value> =
                std::mem::take(members).into_iter().filter(|(name, value)| !is_forbidden(name, value)).collect();
            *members = kept;
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.retain(|item| !is_forbidden("", item));
            items.iter_mut().for_each(strip);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_and_headers_are_known_however_they_are_written() {
        for name in ["ip", "$ip", "IP_Address", "user-agent", "X-Forwarded-For", "Headers", "writeKey"] {
            assert!(is_forbidden(name, &json!("x")), "{name}");
        }
        for value in ["192.168.0.1", " 10.0.0.1 ", "2001:db8::1", "::1"] {
            assert!(is_forbidden("where", &json!(value)), "{value}");
        }
        for (name, value) in [("destination_name", "duckdb"), ("version", "1.31.0"), ("zip", "1")] {
            assert!(!is_forbidden(name, &json!(value)), "{name}");
        }
    }

    #[test]
    fn versions_lose_what_tells_machines_apart() {
        for (version, coarse) in [
            ("6.18.44-fc-v657", "6.18"),
            ("4.19.128-microsoft-standard", "4.19"),
            ("3.11.7", "3.11"),
            ("10", "10"),
            ("3.14rc1", "3.14"),
            ("Version 22H2 (Build 1)", "Version"),
            ("", ""),
        ] {
            assert_eq!(coarse_version(version), coarse);
        }
    }

    #[test]
    fn a_quarantined_event_is_as_clean_as_a_stored_one() {
        let event = json!({
            "userId": "ada", "traits": {"email": "a@b"}, "writeKey": "k", "event": 7,
            "context": {"ip": "1.2.3.4", "userAgent": "x", "library": {"name": "dlt"}},
            "properties": {"deep": [{"client_ip": "x", "kept": 1}, "8.8.8.8"]},
        });
        assert_eq!(
            for_quarantine(event),
            json!({
                "event": 7,
                "context": {"library": {"name": "dlt"}},
                "properties": {"deep": [{"kept": 1}]},
            })
        );
    }
}
