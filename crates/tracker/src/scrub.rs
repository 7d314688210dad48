//! Scrubbing: what is removed from an event before it reaches the disk.
//!
//! The tracker never stores an address, a header, a user agent, a key, or a person's traits. Only this module decides
//! what is removed, before the journal, so there is nothing to clean up later. The names of removed properties are kept.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use crate::query::unescaped;
use crate::tree::Tree;

/// Longest text about the sender itself, such as the name of a library, in characters.
pub(crate) const MAX_CONTEXT_CHARS: usize = 200;
/// Longest place in an event that is told, in characters.
pub(crate) const MAX_PATH_CHARS: usize = 300;
/// Most members of a list in the context, and of an object there whose names are the sender's.
pub(crate) const MAX_CONTEXT_MEMBERS: usize = 30;

/// Members of a quarantined event that are kept; `context` with the members below only.
pub(crate) const MEMBERS: &[&str] = &[
    "anonymousId",
    "context",
    "event",
    "messageId",
    "name",
    "originalTimestamp",
    "properties",
    "sentAt",
    "timestamp",
    "type",
];

/// Members of an event's `context` that are kept. All others are removed.
pub(crate) const CONTEXT: &[&str] = &["ci_run", "cpu", "dropped", "exec_info", "library", "os", "python", "runtime"];

/// Names of properties that carry an address, a header, a secret or a person's name, in lower case and without punctuation.
pub(crate) const FORBIDDEN: &[&str] = &[
    "authorization",
    "birthday",
    "clientip",
    "cookie",
    "cookies",
    "forwarded",
    "header",
    "headers",
    "hostname",
    "ip",
    "ipaddr",
    "ipaddress",
    "phone",
    "remoteaddr",
    "remoteaddress",
    "remoteip",
    "traits",
    "useragent",
    "userid",
    "username",
    "xforwardedfor",
    "xrealip",
];

/// Names that end so carry a secret, a mail address or a person's name, in lower case and without punctuation.
pub(crate) const FORBIDDEN_ENDINGS: &[&str] = &[
    "accesskey",
    "apikey",
    "email",
    "emailaddress",
    "familyname",
    "firstname",
    "fullname",
    "givenname",
    "ipaddress",
    "lastname",
    "password",
    "passwd",
    "phonenumber",
    "secret",
    "secretkey",
    "surname",
    "token",
    "writekey",
];

/// Last words of names that carry a secret or an address. As endings they would meet `monkey` and `zip` too.
pub(crate) const FORBIDDEN_LAST_WORDS: &[&str] = &["ip", "key", "mail"];

/// Whether a property must not be kept, by its name or by its value.
pub(crate) fn is_forbidden(name: &str, value: &Value) -> bool {
    is_forbidden_name(name) || value.as_str().is_some_and(is_personal)
}

/// As [`is_forbidden`], for a value as events are read.
pub(crate) fn is_forbidden_member(name: &str, value: &Tree<'_>) -> bool {
    is_forbidden_name(name) || value.as_str().is_some_and(is_personal)
}

/// The name of a property that is not kept, or its place, as it may be told: names that are none may be an address together.
pub(crate) fn shown_name(name: &str) -> &str {
    if is_personal(name) { "address" } else { name }
}

/// Takes out of a list or an object, however deep, what must not be kept; tells its places.
pub(crate) fn clean(value: &mut Tree<'_>, path: &str, dropped: &mut BTreeSet<String>) {
    // A name is said once and may be above many values.
    let cut = |mut path: String| {
        path.truncate(end_of(&path, MAX_PATH_CHARS));
        path
    };
    match value {
        Tree::Object(members) => members.retain(|name, value| {
            let path = cut(format!("{path}.{}", shown_name(name)));
            let is_kept = !is_forbidden_member(name, value);
            match is_kept {
                true => clean(value, &path, dropped),
                false => drop(dropped.insert(shown_name(&path).to_owned())),
            }
            is_kept
        }),
        Tree::List(items) => {
            let path = cut(format!("{path}[]"));
            let all = items.len();
            items.retain(|item| item.as_str().is_none_or(|text| !is_personal(text)));
            if items.len() < all {
                dropped.insert(shown_name(&path).to_owned());
            }
            items.iter_mut().for_each(|item| clean(item, &path, dropped));
        }
        _ => {}
    }
}

/// More letters and digits than the longest name and the longest ending that are forbidden.
const ENDING_CHARS: usize = 16;

/// Whether a name says that an address or a secret comes with it, or is an address itself.
pub(crate) fn is_forbidden_name(name: &str) -> bool {
    // Asked of each property of each event: the end of the name, in lower case and without punctuation, is all that is needed.
    let mut plain = [0; ENDING_CHARS];
    let mut begin = ENDING_CHARS;
    for byte in name.bytes().rev().filter(u8::is_ascii_alphanumeric).take(ENDING_CHARS) {
        begin -= 1;
        plain[begin] = byte.to_ascii_lowercase();
    }
    let plain = &plain[begin..];
    FORBIDDEN.iter().any(|known| plain == known.as_bytes())
        || FORBIDDEN_ENDINGS.iter().any(|ending| plain.ends_with(ending.as_bytes()))
        || FORBIDDEN_LAST_WORDS
            .iter()
            .any(|word| plain.ends_with(word.as_bytes()) && last_word(name).eq_ignore_ascii_case(word))
        || is_personal(name)
}

/// The last word of a name in any of the usual spellings: `client_ip`, `client-ip`, `clientIp`, `clientIP`.
pub(crate) fn last_word(name: &str) -> &str {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let mut begin = 0;
    let mut before = ' ';
    for (at, c) in name.char_indices() {
        if !c.is_ascii_alphanumeric() {
            begin = at + c.len_utf8();
        } else if c.is_ascii_uppercase() && !before.is_ascii_uppercase() {
            begin = at;
        }
        before = c;
    }
    &name[begin..]
}

/// How often a text may have been escaped (`%40`, `%2540`).
const ESCAPED: usize = 2;

/// Whether a text has the address of a machine or of a person in it: IP addresses and mail addresses, whatever stands around
/// them, also escaped.
pub(crate) fn is_personal(text: &str) -> bool {
    // Most texts have none of these and need no closer look.
    let is_plain = |text: &str| {
        memchr::memchr3(b'.', b':', b'@', text.as_bytes()).is_none() && memchr::memchr(b'%', text.as_bytes()).is_none()
    };
    !is_plain(text) && (has_address(text) || has_escaped_address(text))
}

#[cold]
fn has_escaped_address(text: &str) -> bool {
    let mut text = Cow::Borrowed(text);
    for _ in 0..ESCAPED {
        if !text.contains('%') {
            return false;
        }
        text = unescaped(&text).into();
        if has_address(&text) {
            return true;
        }
    }
    false
}

fn has_address(text: &str) -> bool {
    has_mail(text) || text.split(is_separator).any(is_machine)
}

/// Signs that are in no address, those of brackets among them. A word goes on where a version or a name does: `1.2.3.4-rc1`
/// is none, and `std::vec` neither.
fn is_separator(c: char) -> bool {
    match c {
        '0'..='9' | 'a'..='z' | 'A'..='Z' | '.' | ':' | '-' | '_' | '+' => false,
        '«' | '»' | '\u{2010}'..='\u{205e}' => true,
        c => c.is_ascii() || c.is_whitespace(),
    }
}

fn is_machine(word: &str) -> bool {
    // Most words with a dot are versions and names of modules, and need no closer look.
    let is_v4 = |part: &str| {
        part.bytes().filter(|byte| *byte == b'.').count() >= 3 && part.trim_matches('.').parse::<Ipv4Addr>().is_ok()
    };
    match word.split_once(':') {
        None => is_v4(word),
        // What stands before the first colon may say what comes: `peer:2001:db8::1`.
        Some((_, rest)) => is_v6(word) || is_v6(rest) || word.split(':').any(is_v4),
    }
}

/// An address of IPv6, but not `a::b`, which is the name of something in a module.
fn is_v6(word: &str) -> bool {
    let is_name = |word: &str| {
        !word.bytes().any(|byte| byte.is_ascii_digit())
            && word.split_once("::").is_some_and(|(before, behind)| !before.contains(':') && !behind.contains(':'))
    };
    // A sentence may go on behind it, but `2001:db8::` ends with its colons.
    [word, word.trim_end_matches(['.', ':'])].into_iter().any(|word| word.parse::<Ipv6Addr>().is_ok() && !is_name(word))
}

/// `somebody@example.org`, but neither `@scope/package` nor `package@1.2.3`.
fn has_mail(text: &str) -> bool {
    memchr::memchr_iter(b'@', text.as_bytes()).any(|at| {
        let host = text[at + 1..].split(|c| c == ':' || is_separator(c)).next().unwrap_or_default();
        let last = host.trim_end_matches('.').rsplit_once('.');
        text[..at].ends_with(|c| !is_separator(c))
            && last.is_some_and(|(rest, last)| !rest.is_empty() && last.starts_with(char::is_alphabetic))
    })
}

/// A text of the context; `None` if it is personal.
pub(crate) fn context_text(text: &str) -> Option<String> {
    if is_personal(text) { None } else { Some(text[..end_of(text, MAX_CONTEXT_CHARS)].to_owned()) }
}

/// Where a text's first so many characters end.
fn end_of(text: &str, chars: usize) -> usize {
    // A character has at least one byte.
    if text.len() <= chars { text.len() } else { text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at) }
}

/// A library's version. Its four numbers may look like an address: then the first two are kept.
pub(crate) fn library_version(version: &str) -> Option<String> {
    if version.parse::<Ipv4Addr>().is_ok() { system_version(version) } else { context_text(version) }
}

/// The version of a system or a language, shortened; `None` if it is personal or empty.
pub(crate) fn system_version(version: &str) -> Option<String> {
    if is_personal(version) && version.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    Some(coarse_version(version)).filter(|version| !version.is_empty())
}

/// An operating system's or a language's version, as coarse as a report needs: its first two numbers.
///
/// `6.18.44-fc-v657` tells one machine from another; `6.18` does not. What does not begin with a number is kept up to
/// the first space, 20 characters at most.
fn coarse_version(version: &str) -> String {
    let numbers: Vec<&str> = version
        .split('.')
        .map(|part| part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len())).0)
        .take(2)
        .take_while(|digits| !digits.is_empty())
        .collect();
    if numbers.is_empty() {
        return version.split_whitespace().next().unwrap_or_default().chars().take(20).collect();
    }
    numbers.join(".").chars().take(20).collect()
}

/// A quarantined event without what must not be kept. Of a value that is no object only a number or a boolean is kept: a
/// string or an array may hold anything.
///
/// Unlike a good event, whose fields are picked one by one, it keeps its properties as they came, less what is personal.
pub(crate) fn for_quarantine(event: Value) -> Option<Value> {
    let mut members = match event {
        Value::Object(members) => members,
        Value::String(_) | Value::Array(_) => return None,
        other => return Some(other),
    };
    members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    if let Some(context) = members.get_mut("context") {
        match context {
            Value::Object(context) => clean_context(context),
            other => *other = Value::Null,
        }
    }
    let mut event = Value::Object(members);
    strip(&mut event);
    Some(event)
}

/// The same members as a good event's, and versions as coarse.
fn clean_context(context: &mut Map<String, Value>) {
    context.retain(|name, _| CONTEXT.contains(&name.as_str()));
    let coarse = |version: &mut Value| *version = version.as_str().and_then(system_version).into();
    context.get_mut("python").into_iter().for_each(coarse);
    for name in ["library", "os", "runtime"] {
        if let Some(Value::Object(about)) = context.get_mut(name) {
            about.retain(|member, _| member == "name" || member == "version");
            let finest = if name == "library" { library_version } else { system_version };
            if let Some(version) = about.get_mut("version") {
                *version = version.as_str().and_then(finest).into();
            }
        } else {
            context.shift_remove(name);
        }
    }
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
    fn addresses_and_secrets_are_known_however_they_are_written() {
        for name in [
            "ip",
            "$ip",
            "IP_Address",
            "user-agent",
            "X-Forwarded-For",
            "Headers",
            "writeKey",
            "api_key",
            "apiKey",
            "APIKey",
            "apikey",
            "access_token",
            "AccessToken",
            "client-secret",
            "db_password",
            "user_email",
            "user_id",
            "userId",
            "request_ip",
            "clientIp",
            "clientIP",
            "ip",
            "10.0.0.1",
            "ada@example.org",
            "primary key",
            "user_name",
            "firstName",
            "customer_last_name",
            "phone",
        ] {
            assert!(is_forbidden(name, &json!("x")), "{name}");
        }
        for value in [
            "192.168.0.1",
            " 10.0.0.1 ",
            "2001:db8::1",
            "::1",
            "10.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "fe80::1%eth0",
            "2001:db8::",
            "10.0.0.1: no",
            "10.0.0.1, 10.0.0.2",
            "http://10.0.0.1/x",
            "https://ada:pw@10.0.0.1:80/",
            "10.0.0.0/8",
            "at 10.0.0.1.",
            "ada@example.org",
            "Ada <ada@example.org>",
            "mailto:ada@example.org",
            "git@example.org:ada",
            "a.b@c.d.org.",
            "https://x.org/?ip=203.0.113.7&p=2",
            "http://10.0.0.5?x=1",
            "peer:10.0.0.5",
            "peer:2001:db8::1",
            "mx[10.0.0.5]:25",
            "mx[2001:db8::5]:25",
            "10.0.0.5#53",
            "{10.0.0.5}",
            "10.0.0.1:99999",
            "“10.0.0.5”",
            "list[].10.0.0.5",
            "dead:beef::cafe",
            "?email=ada%40example.org",
            "ada%2540example.org",
            "10%2E0%2E0%2E5",
            "2001%3Adb8%3A%3A1",
            "ada@example.org&to=bob@1",
            "[ada@example.org.]",
        ] {
            assert!(is_forbidden("where", &json!(value)), "{value}");
        }
        for (name, value) in [
            ("destination_name", "duckdb"),
            ("version", "1.31.0"),
            ("zip", "1"),
            ("microphone", "1"),
            ("monkey", "1"),
            ("max_tokens", "1"),
            ("library", "@segment/analytics-node"),
            ("library", "package@1.2.3"),
            ("destination_type", "dlt.destinations.duckdb"),
            ("hash", "/cv01Cetl9bjYmZcWw0l"),
            ("at", "2026-11-22T11:48:18.635+00:00"),
            ("path", "std::vec"),
            ("url", "https://example.org:80/start"),
            ("é", "@"),
            ("library", "{@scope.x/package}"),
            ("version", "1.2.3.4-rc1"),
            ("version", "v1.2.3.4"),
            ("version", "1.2.3.4.5"),
            ("time", "at[12:30:45]"),
            ("path", "crate::a::b"),
            ("path", "&a::b[0]"),
            ("path", "x:a::b"),
            ("path", "std::collections::HashMap<dead::Beef, cafe::Add>::add"),
            ("path", "a.b.c.d:12"),
            ("sum", "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"),
            ("share", "100%"),
            ("share", "50%2e5%"),
            ("text", "%zz%4@x"),
        ] {
            assert!(!is_forbidden(name, &json!(value)), "{name} {value}");
        }
    }

    #[test]
    fn the_end_of_a_name_tells_whether_it_is_forbidden() {
        let known = FORBIDDEN.iter().chain(FORBIDDEN_ENDINGS).chain(FORBIDDEN_LAST_WORDS);
        assert!(known.into_iter().all(|word| word.len() < ENDING_CHARS));
        assert!(is_forbidden_name(&format!("{}_Pass-Word", "long ".repeat(20))));
        assert!(!is_forbidden_name("not_all_of_it_is_cookie") && is_forbidden_name("$cookie"));
        assert!(!is_forbidden_name("zip") && !is_forbidden_name("") && !is_forbidden_name("é"));
    }

    #[test]
    fn a_version_of_four_numbers_is_no_address() {
        assert_eq!(library_version("1.31.0"), Some("1.31.0".to_owned()));
        assert_eq!(library_version("10.0.0.1"), Some("10.0".to_owned()));
        assert_eq!(system_version("10.0.0.1"), Some("10.0".to_owned()));
        for version in ["ada.lovelace@example.org", "[2001:db8:1111:2222:3333::1]:80", "10.0.0.1:80"] {
            assert_eq!((library_version(version), system_version(version)), (None, None), "{version}");
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
    fn names_that_are_an_address_together_are_told_as_one() {
        let text = r#"{"ada@example":{"org":"10.0.0.1","list":["::1"]},"10":{"0":{"0":{"1":"ada@example.org"}}},"a":{"ip":1}}"#;
        let Tree::Object(mut properties) = serde_json::from_str(text).unwrap() else { panic!("an object") };
        let mut dropped = BTreeSet::new();
        properties.retain(|name, value| {
            clean(value, name, &mut dropped);
            true
        });
        assert_eq!(Vec::from_iter(dropped), ["a.ip", "address"]);
    }

    #[test]
    fn a_long_name_above_many_values_is_told_once_and_cut() {
        let name = "n".repeat(16 * 1024);
        let text = format!("[{{\"{name}\":[{}]}}]", vec![r#"{"ip":1,"x":["::1"]}"#; 800].join(","));
        let mut value: Tree<'_> = serde_json::from_str(&text).unwrap();
        let mut dropped = BTreeSet::new();
        clean(&mut value, "list", &mut dropped);
        assert_eq!(Vec::from_iter(dropped), [format!("list[].{}", "n".repeat(MAX_PATH_CHARS - 7))]);
    }

    #[test]
    fn a_quarantined_event_is_as_clean_as_a_stored_one() {
        let event = json!({
            "userId": "ada", "user_id": "ada", "traits": {"email": "a@b"}, "writeKey": "k", "event": 7, "channel": "x",
            "request_ip": "10.0.0.1:443", "api_key": "k", "type": "track", "name": "for ada@example.org",
            "context": {"ip": "1.2.3.4", "userAgent": "x", "run_context": {"cwd": "/home/ada"}, "python": "3.11.7",
                "library": {"name": "dlt", "version": "1.31.0", "path": "/home/ada"},
                "os": {"name": "Linux", "version": "6.18.44-fc-v657"}, "runtime": "/home/ada", "cpu": 2},
            "properties": {"deep": [{"client_ip": "x", "kept": 1}, "8.8.8.8:53"], "10.0.0.1": 1, "access_token": "t"},
        });
        assert_eq!(
            for_quarantine(event),
            Some(json!({
                "event": 7, "type": "track",
                "context": {"python": "3.11", "library": {"name": "dlt", "version": "1.31.0"},
                    "os": {"name": "Linux", "version": "6.18"}, "cpu": 2},
                "properties": {"deep": [{"kept": 1}]},
            }))
        );
        assert_eq!(for_quarantine(json!("ada@example.org")), None);
        assert_eq!(for_quarantine(json!([{"traits": "ada"}])), None);
        assert_eq!(for_quarantine(json!(7)), Some(json!(7)));
    }
}
