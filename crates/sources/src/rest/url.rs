//! The little of URLs that a client of an API needs.
//!
//! The crate `url` writes links again: docs/decisions/0007-by-hand-or-by-crate.md.

use std::fmt::Write;

/// Encodes a text for a path (`keep` holds `/`) or a query.
pub(crate) fn encode(text: &str, keep: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The URL with these parameters added to its query.
pub(crate) fn with_query(url: &str, params: &[(String, String)]) -> String {
    let url = url.split('#').next().unwrap_or(url);
    let mut result = url.to_owned();
    for (name, value) in params {
        result.push(match (result.contains('?'), result.ends_with(['?', '&'])) {
            (false, _) => '?',
            (true, false) => '&',
            (true, true) => {
                let _ = write!(result, "{}={}", encode(name, ""), encode(value, ""));
                continue;
            }
        });
        let _ = write!(result, "{}={}", encode(name, ""), encode(value, ""));
    }
    result
}

/// The URL of `path` under `base`: appended, unless it is a URL of its own.
pub(crate) fn under(base: &str, path: &str) -> String {
    if is_absolute(path) {
        return path.to_owned();
    }
    let path = path.trim_start_matches('/');
    if path.is_empty() { base.to_owned() } else { format!("{}/{path}", base.trim_end_matches('/')) }
}

/// Where a link in a response to `from` leads.
pub(crate) fn join(from: &str, link: &str) -> String {
    if is_absolute(link) {
        return link.to_owned();
    }
    let origin = origin(from);
    let without_fragment = from.split('#').next().unwrap_or(from);
    let without_query = from.split(['?', '#']).next().unwrap_or(from);
    if link.starts_with("//") {
        let scheme = from.split("//").next().unwrap_or("https:");
        format!("{scheme}{link}")
    } else if link.starts_with('?') {
        format!("{without_query}{link}")
    } else if link.is_empty() || link.starts_with('#') {
        format!("{without_fragment}{link}")
    } else if link.starts_with('/') {
        format!("{origin}{}", without_dots(link))
    } else {
        let path = &without_query[origin.len()..];
        let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        format!("{origin}{}", without_dots(&format!("{folder}{link}")))
    }
}

/// An absolute path without the segments `.` and `..`, as RFC 3986 has it; a query or fragment behind it stays.
fn without_dots(path: &str) -> String {
    let (path, rest) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        match segment {
            // What ends in one is a folder.
            "." | ".." if segments.peek().is_none() => kept.push(""),
            "." | ".." => {}
            segment => kept.push(segment),
        }
    }
    format!("/{}{rest}", kept.join("/"))
}

/// Scheme, host and port.
pub(crate) fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// The URL without what may be secret: user, password, query.
pub(crate) fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match (url.find("://"), origin(url).rfind('@')) {
        (Some(scheme), Some(at)) => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    }
}

pub(crate) fn is_absolute(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// The target with this relation in a header such as `<https://…>; rel="next", <https://…>; rel="last"`.
pub(crate) fn link_target(header: &str, relation: &str) -> Option<String> {
    let mut rest = header;
    while let Some(open) = rest.find('<') {
        let (target, after) = rest[open + 1..].split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let is_wanted = after[..end].split([';', ',']).any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split_whitespace().any(|word| word == relation)
            })
        });
        if is_wanted {
            return Some(target.to_owned());
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_joined_as_browsers_do() {
        let from = "http://h:1/a/b?x=1#f";
        let cases = [
            ("https://o/p", "https://o/p"),
            ("//o/p", "http://o/p"),
            ("/p?y=2", "http://h:1/p?y=2"),
            ("?y=2", "http://h:1/a/b?y=2"),
            ("c", "http://h:1/a/c"),
            ("", "http://h:1/a/b?x=1"),
            ("#y", "http://h:1/a/b?x=1#y"),
            ("./c", "http://h:1/a/c"),
            ("../c?up=../x", "http://h:1/c?up=../x"),
            ("../../../c", "http://h:1/c"),
            ("c/./d/../e", "http://h:1/a/c/e"),
            ("..", "http://h:1/"),
            (".", "http://h:1/a/"),
            ("/p/../q/", "http://h:1/q/"),
            ("c//d", "http://h:1/a/c//d"),
        ];
        for (link, expected) in cases {
            assert_eq!(join(from, link), expected);
        }
        assert_eq!(join("http://h", "c"), "http://h/c");
    }

    #[test]
    fn paths_are_appended_to_the_base() {
        assert_eq!(under("http://h/v1/", "/users"), "http://h/v1/users");
        assert_eq!(under("http://h/v1", "users"), "http://h/v1/users");
        assert_eq!(under("http://h/v1", ""), "http://h/v1");
        assert_eq!(under("http://h/v1", "http://h/x"), "http://h/x");
    }

    #[test]
    fn queries_are_encoded() {
        let params = [("a b".to_owned(), "é&=".to_owned()), ("n".to_owned(), "1".to_owned())];
        assert_eq!(with_query("http://h/p", &params), "http://h/p?a%20b=%C3%A9%26%3D&n=1");
        assert_eq!(with_query("http://h/p?x=1#f", &params[1..]), "http://h/p?x=1&n=1");
        assert_eq!(with_query("http://h/p?", &params[1..]), "http://h/p?n=1");
    }

    #[test]
    fn secrets_are_cut_off() {
        assert_eq!(public("https://u:p@h/x?key=1"), "https://h/x");
        assert_eq!(public("https://h/x@y"), "https://h/x@y");
    }
}
