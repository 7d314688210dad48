//! A record as a message: the number of this form, a letter for its kind, and the row or request as JSON.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use crate::hash;
use crate::journal::{Kind, NewRecord};

/// The number of this form.
const FORM: u8 = 1;

const KINDS: [(u8, Kind); 3] = [(b'E', Kind::Event), (b'Q', Kind::Quarantine), (b'D', Kind::Deletion)];

/// The payload of a message.
pub(super) fn encoded(record: &NewRecord) -> Bytes {
    let letter = KINDS.iter().find(|(_, kind)| *kind == record.kind).map_or(b'E', |(letter, _)| *letter);
    let mut bytes = Vec::with_capacity(record.payload.len() + 2);
    bytes.extend([FORM, letter]);
    bytes.extend_from_slice(&record.payload);
    bytes.into()
}

/// What a message holds; `None` where it is none of ours.
pub(super) fn decoded(payload: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let ([FORM, letter], rest) = payload.split_first_chunk()? else { return None };
    let (_, kind) = KINDS.iter().find(|(known, _)| known == letter)?;
    (rest.first() == Some(&b'{') && rest.last() == Some(&b'}')).then(|| (*kind, rest.to_vec()))
}

#[derive(Deserialize)]
struct MessageId<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
}

/// By what the server knows an event that was sent a moment ago: a hash, because an id can hold anything. Only events have
/// one; the tables are what decides.
pub(super) fn message_id(record: &NewRecord) -> Option<String> {
    if record.kind != Kind::Event {
        return None;
    }
    let MessageId { message_id } = serde_json::from_slice(&record.payload).ok()?;
    Some(hash::shake128(message_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_encoded_is_read_and_nothing_else() {
        for (_, kind) in KINDS {
            let record = NewRecord { kind, payload: br#"{"message_id":"a\nb"}"#.to_vec() };
            assert_eq!(decoded(&encoded(&record)).unwrap(), (kind, record.payload.clone()));
            assert_eq!(message_id(&record).is_some(), kind == Kind::Event);
        }
        for wrong in [&b""[..], b"\x01", b"\x01X{}", b"hello", b"\x01E{", b"{}", b"\x02E{}"] {
            assert!(decoded(wrong).is_none());
        }
    }
}
