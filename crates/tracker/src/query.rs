//! The queries of addresses, and forms.

/// Names and values of a query or a form. What is not UTF-8 is replaced.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// A text without its escapes. A `+` is a space, as forms write it.
fn decode(text: &str) -> String {
    unescaped(&text.replace('+', " "))
}

/// A text without its escapes (`%40`). What is not UTF-8 is replaced.
pub(crate) fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).filter(|digits| bytes[at] == b'%' && !digits.starts_with('+'));
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
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
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A text as part of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_again() {
        let text = "a b&c=d%é+";
        assert_eq!(
            pairs(&format!("x={}&y", encode(text))),
            [("x".to_owned(), text.to_owned()), ("y".to_owned(), String::new())]
        );
        // Broken escapes are text.
        assert_eq!(unescaped("%+4%C3%A9%é"), "%+4é%é");
        assert_eq!(pairs("a=%zz%4"), [("a".to_owned(), "%zz%4".to_owned())]);
    }
}
