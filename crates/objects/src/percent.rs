//! Percent encoding of `file://` addresses.

/// The text that `%41` and the like stand for; what is no such code stands for itself.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
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
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn codes_are_decoded_and_the_rest_stays() {
        for (text, decoded) in [
            ("/a%20b", "/a b"),
            ("/%C3%BC", "/ü"),
            ("/100%", "/100%"),
            ("/%zz", "/%zz"),
            ("/%ff", "/%ff"),
            ("ü%", "ü%"),
        ] {
            assert_eq!(decode(text), decoded, "{text}");
        }
    }
}
