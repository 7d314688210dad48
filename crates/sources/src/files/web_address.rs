//! Addresses of the web: what of them is a name, and what a secret.

use dlt_engine::digest::version_digest;

/// Parameters that let somebody in.
const SECRETS: [&str; 9] =
    ["signature", "sig", "token", "access_token", "apikey", "api_key", "password", "secret", "client_secret"];

/// What stands beside a signature, and is another one each time an address is signed.
const OF_SIGNATURES: [&str; 16] = [
    "expires",
    "awsaccesskeyid",
    "googleaccessid",
    "key-pair-id",
    "policy",
    "se",
    "sp",
    "spr",
    "sr",
    "sv",
    "st",
    "skoid",
    "sktid",
    "skt",
    "ske",
    "sks",
];

/// The name of the file behind an address: the last part of its path, decoded; the host where there is no path.
pub(super) fn name_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    match path.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !name.is_empty() => decoded(name),
        _ => host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned(),
    }
}

/// Tells addresses apart that differ in what follows the `?`, without telling what that is: nothing, or a digest of it without
/// signatures and keys.
pub(super) fn query_digest(address: &str) -> Option<String> {
    let query = address.split_once('?')?.1.split('#').next().unwrap_or_default();
    let name_of = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_signed = query.split('&').any(|pair| matches!(name_of(pair).as_str(), "sig" | "signature"));
    let is_secret = |name: &str| {
        let is_of_signature = is_signed && OF_SIGNATURES.contains(&name);
        name.starts_with("x-amz-") || name.starts_with("x-goog-") || SECRETS.contains(&name) || is_of_signature
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !is_secret(&name_of(pair))).collect();
    (!kept.is_empty()).then(|| version_digest([kept.join("&").as_bytes()]))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            // A slash would make folders of a name.
            Some(byte) if byte != b'/' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file() {
        for (address, name) in [
            ("https://h/a/b.csv", "b.csv"),
            ("https://h/a/my%20b%C3%BC.csv?x=1/2.json#f", "my bü.csv"),
            ("https://h/a/b.csv/", "b.csv"),
            ("https://u:p@h:8080/?q=1", "h"),
            ("https://h", "h"),
            ("https://h/a%2Fb%zz", "a%2Fb%zz"),
        ] {
            assert_eq!(name_of(address), name, "{address}");
        }
    }

    #[test]
    fn what_is_signed_anew_is_the_same() {
        assert_eq!(query_digest("https://h/x"), None);
        assert_eq!(query_digest("https://h/x?X-Amz-Signature=a&X-Amz-Date=1&token=s"), None);
        let one = query_digest("https://h/x?table=a&sig=1");
        assert_eq!(one, query_digest("https://h/x?table=a&sig=2"));
        assert_ne!(one, query_digest("https://h/x?table=b&sig=1"));
        assert_eq!(query_digest("https://h/x?sv=1&se=2&sig=1"), None);
        assert_ne!(query_digest("https://h/x?sv=1"), query_digest("https://h/x?sv=2"));
        assert!(one.is_some_and(|digest| !digest.contains("table")));
    }
}
