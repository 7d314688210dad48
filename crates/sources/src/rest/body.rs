//! The bytes of a response as JSON text: unpacked, and in UTF-8, whatever the server made of them.

use std::io::{self, Read};

/// A response may be this long when it is unpacked: it is in memory as a whole.
pub(crate) const MAX_BODY_BYTES: u64 = 1 << 30;

/// Unpacks gzip and Zstandard, which some servers send unasked and without a header; JSON begins with neither.
///
/// # Errors
/// If what is packed is damaged, or longer than a response may be.
pub(crate) fn unpacked(body: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = MAX_BODY_BYTES + 1;
    match body.as_slice() {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(body.as_slice()).take(limit).read_to_end(&mut plain)?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::stream::read::Decoder::new(body.as_slice())?.take(limit).read_to_end(&mut plain)?
        }
        _ => return Ok(body),
    };
    if plain.len() as u64 > MAX_BODY_BYTES {
        return Err(io::Error::other("it is longer than 1 GiB when it is unpacked"));
    }
    Ok(plain)
}

/// The text in UTF-8 and without a byte order mark. What is UTF-8 is taken as such, also if the header names another
/// encoding: no other text looks like it by chance. `None` if the encoding is not known or not the one that is named.
pub(crate) fn utf8(body: Vec<u8>, content_type: Option<&str>) -> Option<Vec<u8>> {
    if let Some((encoding, length)) = encoding_rs::Encoding::for_bom(&body) {
        if encoding == encoding_rs::UTF_8 {
            return Some(body[length..].to_vec());
        }
        return decoded(&body[length..], encoding);
    }
    if std::str::from_utf8(&body).is_ok() {
        return Some(body);
    }
    let charset = content_type?.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    })?;
    decoded(&body, encoding_rs::Encoding::for_label(charset.as_bytes())?)
}

fn decoded(body: &[u8], encoding: &'static encoding_rs::Encoding) -> Option<Vec<u8>> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(body)?;
    Some(text.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_comes_in_any_encoding() {
        let read = |body: &[u8], header: Option<&str>| {
            utf8(body.to_vec(), header).map(|text| String::from_utf8(text).unwrap())
        };
        let latin = Some("application/json; charset=ISO-8859-1");
        assert_eq!(read(b"[\"\xe9\"]", latin).as_deref(), Some("[\"é\"]"));
        assert_eq!(read("[\"é\"]".as_bytes(), latin).as_deref(), Some("[\"é\"]"));
        assert_eq!(read(b"\xef\xbb\xbf[1]", None).as_deref(), Some("[1]"));
        assert_eq!(read(b"\xff\xfe[\x001\x00]\x00", None).as_deref(), Some("[1]"));
        assert_eq!(read(b"[\"\x80\"]", Some("text/json;charset=\"windows-1252\"")).as_deref(), Some("[\"€\"]"));
        assert_eq!(read(b"[\"\xe9\"]", None), None);
        assert_eq!(read(b"[\"\xe9\"]", Some("application/json; charset=utf-8")), None);
    }
}
