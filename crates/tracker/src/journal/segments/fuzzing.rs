//! What must hold for any damage to a segment.

use std::ops::ControlFlow;

use super::record::{self, MAX_PAYLOAD_BYTES};
use super::segment::{Ends, HEADER_BYTES, Header, Item, scan};
use crate::journal::{Kind, NewRecord};

/// The number of the segment, and that of its first record.
const SEGMENT: u64 = 7;
const FIRST: u64 = 1_000;
/// Most records, and bytes of a payload.
const MAX_RECORDS: usize = 40;
const KINDS: [Kind; 4] = [Kind::Event, Kind::Quarantine, Kind::Deletion, Kind::Replay];

/// The bytes say which records are written, and then which bytes of the segment become others and where it is torn off. Each record is
/// read as it was written or told as missing, in order, from the beginning of a file or from any record on; and garbage alone is read
/// without a panic.
pub(crate) fn segment(input: &[u8]) {
    garbage(input);
    let mut input = input;
    let mut take = || {
        let (first, rest) = input.split_first()?;
        input = rest;
        Some(*first)
    };
    let mut written = Vec::new();
    let mut bytes = Header { segment: SEGMENT, first_sequence: FIRST }.encode().to_vec();
    let count = usize::from(take().unwrap_or(0)) % MAX_RECORDS;
    for number in 0..count {
        let (kind, length) = (take().unwrap_or(0), take().unwrap_or(0));
        let payload = (0..length).map(|at| take().unwrap_or(at)).collect();
        let record = NewRecord { kind: KINDS[usize::from(kind) % KINDS.len()], payload };
        record::encode(&mut bytes, SEGMENT, FIRST + number as u64, &record);
        written.push(record);
    }
    // As a segment that was preallocated.
    bytes.resize(bytes.len() + usize::from(take().unwrap_or(0)), 0);
    let (undamaged, last) = (bytes.clone(), FIRST + count as u64);
    assert!(
        check(&undamaged, &written, Ends::With { last: last - 1 }).iter().all(Option::is_some),
        "nothing was damaged"
    );
    while let (Some(high), Some(low), Some(change)) = (take(), take(), take()) {
        let at = usize::from(high) << 8 | usize::from(low);
        match change {
            0 => bytes.truncate(at.max(HEADER_BYTES)),
            _ if at < bytes.len() => bytes[at] ^= change,
            _ => {}
        }
    }
    check(&bytes, &written, Ends::With { last: last - 1 });
    check(&bytes, &written, Ends::Torn);
}

/// Which of the records are read. Panics where one is another, or the numbers do not add up.
fn check(bytes: &[u8], written: &[NewRecord], ends: Ends) -> Vec<Option<()>> {
    let mut found = vec![None; written.len()];
    let mut next = FIRST;
    let (expected, _) = scan(bytes, 0, SEGMENT, FIRST, ends, |item| {
        match item {
            Item::Record { sequence, kind, payload } => {
                assert_eq!(sequence, next);
                let number = (sequence - FIRST) as usize;
                assert_eq!((kind, payload), (written[number].kind, written[number].payload.as_slice()), "{sequence}");
                found[number] = Some(());
                next += 1;
            }
            Item::Missing(range) => {
                assert!(*range.start() == next && !range.is_empty(), "{range:?} at {next}");
                next = range.end() + 1;
            }
        }
        true
    });
    assert_eq!(expected, next);
    if let Ends::With { last } = ends {
        assert_eq!(next, last + 1, "every number is read or missing");
    }
    found
}

fn garbage(input: &[u8]) {
    let _ = Header::decode(input);
    for ends in [Ends::Torn, Ends::With { last: FIRST + 3 }, Ends::Later { last: FIRST + 3 }] {
        for start in [0, HEADER_BYTES] {
            scan(input, start, SEGMENT, FIRST, ends, |item| match item {
                Item::Record { payload, .. } => payload.len() <= MAX_PAYLOAD_BYTES,
                Item::Missing(_) => true,
            });
        }
    }
    let mut offset = 0;
    let mut look = || match record::find(input, offset, SEGMENT) {
        Some((at, record)) => {
            assert!(at >= offset && at + record.encoded_bytes() <= input.len().next_multiple_of(8));
            offset = at + 1;
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    };
    while look().is_continue() {}
}
