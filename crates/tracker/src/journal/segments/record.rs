//! One record of the journal: its bytes, and how they are told from garbage.

use crate::journal::{Kind, NewRecord};

/// First four bytes of every record.
pub(super) const MAGIC: [u8; 4] = *b"DLTr";
/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;
/// No payload is longer; a longer length in a header is garbage.
pub(super) const MAX_PAYLOAD_BYTES: usize = 16 << 20;

impl Kind {
    /// The number that stands for it in a segment.
    fn code(self) -> u8 {
        match self {
            Self::Event => 1,
            Self::Quarantine => 2,
            Self::Deletion => 3,
            Self::Replay => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Event),
            2 => Some(Self::Quarantine),
            3 => Some(Self::Deletion),
            4 => Some(Self::Replay),
            _ => None,
        }
    }
}

impl NewRecord {
    /// The bytes that it takes in a segment.
    pub(super) fn encoded_bytes(&self) -> usize {
        encoded_bytes(self.payload.len())
    }
}

/// A record as it was read, borrowing from the segment's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordRef<'a> {
    pub(super) sequence: u64,
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

impl RecordRef<'_> {
    pub(super) fn encoded_bytes(&self) -> usize {
        encoded_bytes(self.payload.len())
    }
}

fn encoded_bytes(payload: usize) -> usize {
    (HEADER_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// Appends the bytes of a record to a buffer.
pub(super) fn encode(buffer: &mut Vec<u8>, segment: u64, sequence: u64, record: &NewRecord) {
    let start = buffer.len();
    let length = u32::try_from(record.payload.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&MAGIC);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&sequence.to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&[record.kind.code(), 0, 0, 0]);
    buffer.extend_from_slice(&record.payload);
    let checksum = checksum(segment, &buffer[start..start + HEADER_BYTES], &record.payload);
    buffer[start + 16..start + 20].copy_from_slice(&checksum.to_le_bytes());
    buffer.resize(start + record.encoded_bytes(), 0);
}

/// Reads the record that begins at `offset`; `None` where there is no whole and sound one.
pub(super) fn decode(bytes: &[u8], offset: usize, segment: u64) -> Option<RecordRef<'_>> {
    let header = bytes.get(offset..offset + HEADER_BYTES)?;
    if header[..4] != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    if length > MAX_PAYLOAD_BYTES {
        return None;
    }
    let sequence = u64::from_le_bytes(header[8..16].try_into().ok()?);
    let stored = u32::from_le_bytes(header[16..20].try_into().ok()?);
    let payload = bytes.get(offset + HEADER_BYTES..offset + HEADER_BYTES + length)?;
    if checksum(segment, header, payload) != stored {
        return None;
    }
    Some(RecordRef { sequence, kind: Kind::of(header[20])?, payload })
}

/// The next sound record at or after `offset`, with its place.
pub(super) fn find(bytes: &[u8], offset: usize, segment: u64) -> Option<(usize, RecordRef<'_>)> {
    let mut from = offset.next_multiple_of(ALIGNMENT);
    loop {
        let found = from + memchr::memmem::find(bytes.get(from..)?, &MAGIC)?;
        if found.is_multiple_of(ALIGNMENT)
            && let Some(record) = decode(bytes, found, segment)
        {
            return Some((found, record));
        }
        from = found + 1;
    }
}

/// The checksum covers the segment's number, so that a record that strayed in from another segment is not taken.
fn checksum(segment: u64, header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment.to_le_bytes());
    hasher.update(&header[4..16]);
    hasher.update(&header[20..HEADER_BYTES]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn record(payload: &[u8]) -> NewRecord {
        NewRecord { kind: Kind::Event, payload: payload.to_vec() }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(payload in proptest::collection::vec(any::<u8>(), 0..300), sequence: u64, segment: u64) {
            let mut bytes = Vec::new();
            let written = NewRecord { kind: Kind::Quarantine, payload };
            encode(&mut bytes, segment, sequence, &written);
            prop_assert_eq!(bytes.len(), written.encoded_bytes());
            let read = decode(&bytes, 0, segment).unwrap();
            prop_assert_eq!((read.sequence, read.kind, read.payload), (sequence, written.kind, &written.payload[..]));
        }

        #[test]
        fn one_flipped_bit_is_noticed(payload in proptest::collection::vec(any::<u8>(), 1..80), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode(&mut bytes, 7, 42, &record(&payload));
            let at = at.index(HEADER_BYTES + payload.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(decode(&bytes, 0, 7), None);
        }

        #[test]
        fn garbage_is_never_a_record_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), offset in 0usize..250) {
            prop_assert_eq!(decode(&bytes, offset, 1), None);
            prop_assert_eq!(find(&bytes, offset, 1), None);
        }
    }

    #[test]
    fn a_record_of_another_segment_is_not_taken() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, 1, &record(b"{}"));
        assert_eq!(decode(&bytes, 0, 2), None);
    }

    #[test]
    fn the_record_behind_garbage_is_found() {
        let mut bytes = vec![0xAB; 40];
        bytes[8..12].copy_from_slice(&MAGIC);
        encode(&mut bytes, 3, 9, &record(b"hello"));
        let (offset, found) = find(&bytes, 0, 3).unwrap();
        assert_eq!((offset, found.sequence, found.payload), (40, 9, &b"hello"[..]));
    }
}
