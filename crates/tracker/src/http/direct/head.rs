//! The head of a request that brings events in the usual way.

use std::mem::MaybeUninit;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http::collect::Form;

/// Most headers that are looked at here. Clients of the protocol send about ten.
const HEADERS: usize = 32;

/// What a head says.
#[derive(Debug)]
pub(super) struct Head {
    /// Its length in bytes; the body begins there.
    pub(super) bytes: usize,
    /// Length of the body in bytes.
    pub(super) body_bytes: usize,
    pub(super) form: Form,
    /// Those of its headers that taking events looks at: key, encoding, and `forwarded`.
    pub(super) headers: HeaderMap,
}

impl Head {
    /// Reads a head at the beginning of what arrived. Nothing where it is not whole, or not one for here: another method
    /// or version, a path that takes no events or has a query, a body without one plain length, or anything else out of the ordinary.
    ///
    /// `forwarded` is the header in which a proxy says the sender's address.
    pub(super) fn read(arrived: &[u8], forwarded: Option<&HeaderName>) -> Option<Self> {
        if !arrived.starts_with(b"POST /") {
            return None;
        }
        let mut fields = [const { MaybeUninit::uninit() }; HEADERS];
        let mut request = httparse::Request::new(&mut []);
        // The parser that the HTTP library has too, so that both read the same: where a head ends, and what is none.
        let httparse::Status::Complete(bytes) = request.parse_with_uninit_headers(arrived, &mut fields).ok()? else {
            return None;
        };
        if request.version != Some(1) {
            return None;
        }
        let form = Form::at(request.path?)?;
        let mut body_bytes = None;
        let mut headers = HeaderMap::new();
        for field in request.headers.iter() {
            match Field::of(field.name, forwarded)? {
                Field::Length if body_bytes.is_none() => body_bytes = Some(length(field.value)?),
                // Two lengths: who is right decides where the next request begins.
                Field::Length => return None,
                Field::Connection if field.value.eq_ignore_ascii_case(b"keep-alive") => {}
                Field::Connection => return None,
                Field::Kept(name) => {
                    headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
                }
                Field::Ignored => {}
            }
        }
        Some(Self { bytes, body_bytes: body_bytes?, form, headers })
    }
}

/// What a header means here.
enum Field {
    Length,
    Connection,
    Kept(HeaderName),
    Ignored,
}

impl Field {
    /// Nothing for a header that changes how the connection is spoken on.
    fn of(name: &str, forwarded: Option<&HeaderName>) -> Option<Self> {
        let is = |other: &HeaderName| name.eq_ignore_ascii_case(other.as_str());
        if let Some(forwarded) = forwarded.filter(|forwarded| is(forwarded)) {
            return Some(Self::Kept(forwarded.clone()));
        }
        // Most of what comes is told from all of these by its length.
        Some(match name.len() {
            14 if is(&header::CONTENT_LENGTH) => Self::Length,
            10 if is(&header::CONNECTION) => Self::Connection,
            13 if is(&header::AUTHORIZATION) => Self::Kept(header::AUTHORIZATION),
            16 if is(&header::CONTENT_ENCODING) => Self::Kept(header::CONTENT_ENCODING),
            17 if is(&header::TRANSFER_ENCODING) => return None,
            6 if is(&header::EXPECT) => return None,
            7 if is(&header::UPGRADE) => return None,
            _ => Self::Ignored,
        })
    }
}

/// A length of digits alone.
fn length(value: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(value).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(head: &str) -> Option<Head> {
        Head::read(head.replace('\n', "\r\n").as_bytes(), Some(&HeaderName::from_static("x-real-ip")))
    }

    #[test]
    fn what_clients_send_is_read_and_the_rest_is_not_kept() {
        let sent = "POST /v1/batch HTTP/1.1\nHost: a\nUser-Agent: b\nconnection: Keep-Alive\nCONTENT-LENGTH: 012\n\
                    Authorization: Basic a2V5Og==\nContent-Encoding: gzip\nX-Real-IP: 10.0.0.1\nX-Real-IP: 10.0.0.2\nCookie: c\n\nbody";
        let head = read(sent).unwrap();
        assert_eq!((head.bytes, head.body_bytes, head.form), (sent.len() + 11 - 4, 12, Form::Batch));
        let mut kept: Vec<_> = head.headers.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        kept.sort_unstable();
        assert_eq!(
            kept,
            [
                "authorization=\"Basic a2V5Og==\"",
                "content-encoding=\"gzip\"",
                "x-real-ip=\"10.0.0.1\"",
                "x-real-ip=\"10.0.0.2\""
            ]
        );
    }

    #[test]
    fn whatever_is_out_of_the_ordinary_is_left_to_the_library() {
        for usual in ["POST / HTTP/1.1\nContent-Length: 1\n\n", "POST /t HTTP/1.1\nContent-Length: 0\n\n"] {
            assert!(read(usual).is_some(), "{usual}");
        }
        for other in [
            "",
            "POST / HTTP/1.1\nContent-Length: 1\n",
            "GET / HTTP/1.1\nContent-Length: 1\n\n",
            "post / HTTP/1.1\nContent-Length: 1\n\n",
            "POST / HTTP/1.0\nContent-Length: 1\n\n",
            "POST /login HTTP/1.1\nContent-Length: 1\n\n",
            "POST /t?x HTTP/1.1\nContent-Length: 1\n\n",
            "POST http://a/v1/track HTTP/1.1\nContent-Length: 1\n\n",
            "POST /v1/forget HTTP/1.1\nContent-Length: 1\n\n",
            "POST / HTTP/1.1\n\n",
            "POST / HTTP/1.1\nContent-Length: \n\n",
            "POST / HTTP/1.1\nContent-Length: +1\n\n",
            "POST / HTTP/1.1\nContent-Length: 1, 1\n\n",
            "POST / HTTP/1.1\nContent-Length: 99999999999999999999\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nConnection: close\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nConnection: keep-alive, upgrade\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nUpgrade: h2c\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\nExpect: 100-continue\n\n",
            "POST / HTTP/1.1\nContent-Length : 1\n\n",
            "POST / HTTP/1.1\nContent-Length: 1\n folded: 2\n\n",
        ] {
            assert!(read(other).is_none(), "{other}");
        }
        let crowd = "a: b\n".repeat(HEADERS);
        assert!(read(&format!("POST / HTTP/1.1\nContent-Length: 1\n{crowd}\n")).is_none());
    }
}
