//! Answers as the bytes that go over the wire.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// An answer that has all but its date.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The status and the headers.
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Reply {
    /// Writes an answer out. Its body is there already.
    pub(super) async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        // The text of an answer can't fail to be read.
        let body = body.collect().await.map(|whole| whole.to_bytes().to_vec()).unwrap_or_default();
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).into_bytes();
        for (name, value) in &parts.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if parts.status != StatusCode::NO_CONTENT {
            head.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        Self { head, body }
    }

    /// Appends it to `output`, with the date.
    pub(super) fn write(&self, output: &mut Vec<u8>, date: &mut Date, is_last: bool) {
        output.extend_from_slice(&self.head);
        if is_last {
            output.extend_from_slice(b"connection: close\r\n");
        }
        output.extend_from_slice(b"date: ");
        output.extend_from_slice(date.now().as_bytes());
        output.extend_from_slice(b"\r\n\r\n");
        output.extend_from_slice(&self.body);
    }
}

/// The date of answers, written out once a second.
#[derive(Debug, Default)]
pub(super) struct Date {
    second: i64,
    text: String,
}

impl Date {
    fn now(&mut self) -> &str {
        let now = Timestamp::now();
        if self.second != now.as_second() || self.text.is_empty() {
            self.second = now.as_second();
            self.text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
        }
        &self.text
    }
}
