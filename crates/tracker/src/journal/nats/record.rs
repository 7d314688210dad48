//! A record as a message: the number of this form, a letter for its kind, and the row or request as JSON.

use bytes::Bytes;

use crate::hash;
use crate::journal::{Kind, NewRecord};
use crate::message::Message;

/// The number of this form.
const FORM: u8 = 1;

/// The letter of a kind.
fn letter(kind: Kind) -> u8 {
    match kind {
        Kind::Event => b'E',
        Kind::Quarantine => b'Q',
        Kind::Deletion => b'D',
        Kind::Replay => b'R',
    }
}

/// The kind of a letter, and of what follows it.
fn kind(letter: u8, payload: &[u8]) -> Option<Kind> {
    match letter {
        // Versions before had no letter for it, and a row begins in another way.
        b'E' if payload.starts_with(b"{\"replays\":") => Some(Kind::Replay),
        b'E' => Some(Kind::Event),
        b'Q' => Some(Kind::Quarantine),
        b'D' => Some(Kind::Deletion),
        b'R' => Some(Kind::Replay),
        _ => None,
    }
}

/// The payload of a message.
pub(super) fn encoded(record: &NewRecord) -> Bytes {
    let letter = letter(record.kind);
    let mut bytes = Vec::with_capacity(record.payload.len() + 2);
    bytes.extend([FORM, letter]);
    bytes.extend_from_slice(&record.payload);
    bytes.into()
}

/// What a message holds; `None` where it is none of ours.
pub(super) fn decoded(payload: &[u8]) -> Option<(Kind, Vec<u8>)> {
    let ([FORM, letter], rest) = payload.split_first_chunk()? else { return None };
    let kind = kind(*letter, rest)?;
    (rest.first() == Some(&b'{') && rest.last() == Some(&b'}')).then(|| (kind, rest.to_vec()))
}

/// By what the server knows a record that was sent a moment ago. An event: by a hash of its id, because that can hold anything, behind its
/// project; the tables are what decides. Others by a hash of all they hold, behind their letter, which no project is called by: a row of
/// the quarantine has an id of its own, a request its time, and what is replayed twice is to be stored once.
pub(super) fn message_id(record: &NewRecord) -> Option<String> {
    if record.kind != Kind::Event {
        return Some(format!("{}:{}", char::from(letter(record.kind)), hash::shake128(&record.payload)));
    }
    let Message { id, project } = Message::of_row(&record.payload)?;
    let hash = hash::shake128(id.as_bytes());
    Some(match project {
        Some(project) => format!("{project}:{hash}"),
        None => hash,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_id_in_two_projects_is_two_messages() {
        let id = |row: &str| message_id(&NewRecord { kind: Kind::Event, payload: row.as_bytes().to_vec() }).unwrap();
        let (default, web) = (id(r#"{"message_id":"m"}"#), id(r#"{"message_id":"m","project":"web"}"#));
        assert_ne!(default, web);
        assert_eq!(web, id(r#"{"message_id":"m","event":"e","project":"web"}"#));
        // The hash of an id alone, as versions before had it for all.
        assert_eq!(default, hash::shake128(b"m"));
    }

    #[test]
    fn what_is_encoded_is_read_and_nothing_else() {
        for kind in [Kind::Event, Kind::Quarantine, Kind::Deletion, Kind::Replay] {
            let record = NewRecord { kind, payload: br#"{"message_id":"a\nb"}"#.to_vec() };
            assert_eq!(decoded(&encoded(&record)).unwrap(), (kind, record.payload.clone()));
            let id = message_id(&record).unwrap();
            assert_eq!(
                id.split_once(':').map(|(letter, _)| letter),
                [None, Some("Q"), Some("D"), Some("R")][kind as usize]
            );
            assert_eq!(message_id(&record), Some(id), "the same when it is sent again");
        }
        // As versions before wrote a replay.
        let replay = br#"{"replays":7,"row":{"message_id":"a"}}"#;
        assert_eq!(decoded(&[b"\x01E", &replay[..]].concat()).unwrap(), (Kind::Replay, replay.to_vec()));
        for wrong in [&b""[..], b"\x01", b"\x01X{}", b"hello", b"\x01E{", b"{}", b"\x02E{}"] {
            assert!(decoded(wrong).is_none());
        }
    }
}
