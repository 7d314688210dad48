//! A segment's name, header and contents.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::filesystem::Filesystem;
use super::record;
use crate::journal::Kind;

/// First bytes of every segment.
const MAGIC: [u8; 8] = *b"DLTJRNL\n";
/// The version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;
/// Bytes before the first record.
pub(super) const HEADER_BYTES: usize = 64;
/// The ending of a segment's name.
const EXTENSION: &str = ".seg";

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the segment; also its name.
    pub(super) segment: u64,
    /// The sequence number that its first record has.
    pub(super) first_sequence: u64,
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.segment.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` where it is damaged.
    ///
    /// # Errors
    /// The version, where it is a sound one of another format: what it heads is no damage, and must not be passed over.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, u32> {
        let Some(bytes) = bytes.get(..HEADER_BYTES) else { return Ok(None) };
        let short = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(short(at)) | u64::from(short(at + 4)) << 32;
        if bytes[..8] != MAGIC || crc32fast::hash(&bytes[..60]) != short(60) {
            return Ok(None);
        }
        match short(8) {
            VERSION => Ok(Some(Self { segment: long(16), first_sequence: long(24) })),
            other => Err(other),
        }
    }
}

/// The file of a segment.
pub(super) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:020}{EXTENSION}"))
}

/// The number of a segment by its file name; `None` for other files.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(EXTENSION)?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

/// A segment in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// The sequence number that its first record has or would have.
    pub(super) first_sequence: u64,
    pub(super) bytes: u64,
}

/// The segments of a folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Those that can be read, oldest first.
    pub(super) readable: Vec<Segment>,
    /// The newest of all, where it held something and none of it can be read: nobody knows which numbers it gave out.
    pub(super) unreadable_newest: Option<PathBuf>,
    /// Where the folder's records begin is not sure: the oldest segment's header is damaged.
    pub(super) oldest_is_damaged: bool,
}

/// The segments in a folder.
///
/// A segment whose header is damaged is read all the same where it holds a sound record; where it holds none there is
/// nothing to say about it, and it is left out: its events show as missing.
///
/// # Errors
/// When the folder can't be read, or a segment has another version than the one that is read here.
pub(super) fn list(filesystem: &dyn Filesystem, dir: &Path) -> io::Result<Listing> {
    let mut numbers = numbers(filesystem, dir)?;
    numbers.sort_unstable();
    let mut listing = Listing::default();
    for number in numbers {
        let file = path(dir, number);
        let bytes = filesystem.len(&file)?;
        let header = Header::decode(&filesystem.read(&file, 0, HEADER_BYTES as u64)?)
            .map_err(|version| other_version(&file, version))?;
        listing.unreadable_newest = None;
        let first_sequence = match header.filter(|header| header.segment == number) {
            Some(header) => Some(header.first_sequence),
            None => {
                listing.oldest_is_damaged |= listing.readable.is_empty();
                let contents = filesystem.read(&file, 0, bytes)?;
                let found = record::find(&contents, HEADER_BYTES, number).map(|(_, first)| first.sequence);
                if found.is_none() && !is_untouched(&contents) {
                    listing.unreadable_newest = Some(file);
                }
                found
            }
        };
        if let Some(first_sequence) = first_sequence {
            listing.readable.push(Segment { number, first_sequence, bytes });
        }
    }
    Ok(listing)
}

/// Whether something stands where the header was, and nothing was ever written behind it.
fn is_untouched(contents: &[u8]) -> bool {
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    contents.len() > HEADER_BYTES && !is_zero(&contents[..HEADER_BYTES]) && is_zero(&contents[HEADER_BYTES..])
}

fn other_version(file: &Path, version: u32) -> io::Error {
    let message = format!(
        "segment {} has format {version}, and this tracker reads format {VERSION}; \
         run the tracker that wrote it, or a newer one",
        file.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// The numbers of all segment files in a folder, readable or not.
pub(super) fn numbers(filesystem: &dyn Filesystem, dir: &Path) -> io::Result<Vec<u64>> {
    Ok(filesystem.list(dir)?.iter().filter_map(|name| number(name)).collect())
}

/// What a reader comes across.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A sound record.
    Record { sequence: u64, kind: Kind, payload: &'a [u8] },
    /// Records that were here and can't be read any more.
    Missing(RangeInclusive<u64>),
}

/// What is known of the end of the records that are walked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ends {
    /// They end with this number.
    With { last: u64 },
    /// The segment ends with this number, and goes on behind these bytes.
    Later { last: u64 },
    /// Nothing: the newest segment of a journal that was not closed. What follows the last sound record is a torn write,
    /// which was never acknowledged.
    Torn,
}

/// Walks the records of one segment in order.
///
/// `bytes` are the segment's contents from the offset `start` on, which is 0 or where a record begins; `expected` is the
/// sequence number that comes next. `item` says whether to go on. Returns the sequence number expected after it and the
/// offset where it stopped.
///
/// Where a record is damaged the walk goes on with the next sound one, and says which sequence numbers are missing.
pub(super) fn scan(
    bytes: &[u8],
    start: usize,
    segment: u64,
    mut expected: u64,
    ends: Ends,
    mut item: impl FnMut(Item<'_>) -> bool,
) -> (u64, usize) {
    let last = match ends {
        Ends::With { last } | Ends::Later { last } => Some(last),
        Ends::Torn => None,
    };
    let mut offset = if start == 0 { HEADER_BYTES } else { 0 };
    while last.is_none_or(|last| expected <= last) {
        let found = match record::decode(bytes, offset, segment) {
            Some(record) => Some((offset, record)),
            None => record::find(bytes, offset, segment),
        };
        let Some((at, record)) = found else { break };
        if last.is_some_and(|last| record.sequence > last) {
            break;
        }
        offset = at + record.encoded_bytes();
        if record.sequence < expected {
            continue;
        }
        if record.sequence > expected {
            let missing = expected..=record.sequence - 1;
            expected = record.sequence;
            if !item(Item::Missing(missing)) {
                return (expected, start + at);
            }
        }
        expected += 1;
        if !item(Item::Record { sequence: record.sequence, kind: record.kind, payload: record.payload }) {
            return (expected, start + offset);
        }
    }
    if let Ends::With { last } = ends
        && expected <= last
    {
        item(Item::Missing(expected..=last));
        expected = last + 1;
    }
    (expected, start + offset)
}
