//! The journal as segments: files of one folder on a local disk.
//!
//! One thread writes. It takes what arrived while it wrote the last group, writes it with one call and syncs it once
//! (group commit), then answers all senders of the group. Where many send at a time it waits for them for up to 0.6 ms, so that they
//! share a sync.
//!
//! # Layout
//!
//! `DATA/journal/` holds segments, `<number, 20 digits>.seg`, numbered upwards. A segment is written full of zeros and
//! synced *before* it is used: overwriting blocks that exist costs a fraction of a sync that also makes the file
//! longer. All integers are little-endian.
//!
//! ```text
//! segment   header (64 bytes), then records, then zeros or what was there before
//! header    0  magic "DLTJRNL\n"     8  version u32 (1)      12  header length u32 (64)
//!          16  segment number u64   24  sequence number of the first record u64
//!          32  zeros                60  CRC-32 of bytes 0..60
//! record    0  magic "DLTr"          4  payload length u32    8  sequence number u64
//!          16  CRC-32               20  kind u8 (1 event, 2 quarantine, 3 deletion request, 4 replay)
//!          21  zeros          24  payload: one JSON object, the row to be stored or the request; padded with zeros to a multiple of 8 bytes
//! ```
//!
//! A record's checksum covers the segment's number, length, sequence number, kind and payload.
//!
//! # What is durable when
//!
//! A group of records is one write and one sync; the next group begins after that. So a crash can tear only the last
//! group, and no sender of it was answered. When a write or a sync fails, the senders get an error, the segment is never
//! written again, and the next one begins with the same sequence number: what the failed group may have left in the
//! old segment is beyond that segment's end and is never read.
//!
//! # Files that are used again
//!
//! The file of a segment that was released becomes one of the next segments, without being written full of zeros anew; see
//! [`free`]. So behind the records of a segment there can be those of an earlier one, which their checksums tell apart.
//!
//! # Recovery
//!
//! Opening reads the newest segment up to its last sound record, then begins a new segment. Old segments are never
//! written again. An unsound record *between* sound ones, or before the first number of the next segment, is damage to
//! records that were acknowledged: reading continues with the next sound record, and the missing numbers go to the
//! loader, which puts them into the quarantine as `corrupt_record`. Nobody has to delete anything by hand. After a loss
//! of power a torn last group can look the same; its events were never acknowledged, but the journal can't know that, so
//! it counts them. What is missing after the last sound record of the newest segment is a torn write and is not counted.
//!
//! Two things are errors on opening. A newest segment that held something, and has neither a sound header nor a sound
//! record: skipping it would give out its numbers again. And a segment of another version.
//!
//! # Deletion requests
//!
//! A segment ends with the group that holds a deletion request. So the events that the request is about, and the
//! request, leave the journal as soon as it is executed and released, and not when the segment happens to be full.
//!
//! # Limits
//!
//! A payload has at most 16 MiB. The size of a segment is a setting (16 MiB); a larger group gets a
//! larger segment. One process writes a journal at a time; the data folder's lock ensures that. Not supported: reading
//! segments of another version. A folder of segments can be moved or copied as a whole, while no tracker runs on it, but not single
//! segments: their numbers belong to their neighbours.

mod filesystem;
mod free;
pub(crate) mod fuzzing;
mod reader;
mod record;
mod segment;
mod writer;

#[cfg(test)]
mod faulty;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{AppendError, Journal, NewRecord, Pending, Reader, Status};
use filesystem::Filesystem;
pub(crate) use filesystem::OsFilesystem;
use free::FreeSegments;
use reader::SegmentReader;
use segment::Segment;

/// Limits of a journal in segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentOptions {
    /// Size of a segment in bytes.
    pub(crate) segment_bytes: u64,
    /// Records that wait for the writer, in bytes; more is refused as overload.
    pub(crate) max_waiting_bytes: usize,
    /// The most that is written and synced at once, in bytes.
    pub(crate) max_group_bytes: usize,
    /// Size of all segments in bytes; more is refused until the loader has caught up.
    pub(crate) max_bytes: u64,
    /// How long nothing is tried after a segment could not be made.
    pub(crate) retry_after_failure: Duration,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            max_waiting_bytes: 32 << 20,
            max_group_bytes: 1 << 20,
            max_bytes: 8 << 30,
            retry_after_failure: Duration::from_secs(1),
        }
    }
}

/// How far the journal is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Durable {
    /// The newest durable sequence number; 0 when nothing was ever accepted.
    sequence: u64,
    /// The segment being written.
    segment: u64,
    /// Where its next record goes; the bytes there are not acknowledged yet.
    offset: u64,
}

/// An open journal: one writer thread, any number of senders.
#[derive(Debug)]
pub(crate) struct SegmentJournal {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    filesystem: Arc<dyn Filesystem>,
    dir: PathBuf,
    options: SegmentOptions,
    free: Arc<FreeSegments>,
    queue: Mutex<Queue>,
    wake: Condvar,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    durable: Durable,
    /// Segments before the one being written, oldest first, and the one being written.
    segments: Vec<Segment>,
    /// The last failure of the disk, until a write succeeds again.
    failure: Option<AppendError>,
    /// Groups written since opening.
    groups: u64,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    /// The writer sleeps until something comes.
    is_awaited: bool,
}

#[derive(Debug)]
struct Job {
    records: Vec<NewRecord>,
    bytes: usize,
    done: oneshot::Sender<Result<u64, AppendError>>,
}

impl Shared {
    fn durable(&self) -> Durable {
        locked(&self.state).durable
    }

    /// Size of all segments in bytes.
    fn bytes(&self) -> u64 {
        locked(&self.state).segments.iter().map(|segment| segment.bytes).sum()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SegmentJournal {
    /// Opens the journal in a folder, or begins one, and recovers what a crash left.
    ///
    /// `loaded` is the newest sequence number that the tables hold. A journal that was removed by hand continues
    /// above it.
    ///
    /// # Errors
    ///
    /// When the folder can't be read, holds a segment of another version or one whose end is unknown, or the
    /// first segment can't be written.
    pub(crate) fn open(
        filesystem: Arc<dyn Filesystem>,
        dir: &Path,
        options: SegmentOptions,
        loaded: u64,
    ) -> io::Result<Self> {
        filesystem.create_dir(dir)?;
        let listing = segment::list(&*filesystem, dir)?;
        if let Some(file) = listing.unreadable_newest {
            return Err(unreadable(&file));
        }
        let segments = listing.readable;
        let mut newest = loaded;
        if let Some(last) = segments.last() {
            let bytes = filesystem.read(&segment::path(dir, last.number), 0, last.bytes)?;
            let (next, _) = segment::scan(&bytes, 0, last.number, last.first_sequence, segment::Ends::Torn, |_| true);
            newest = newest.max(next - 1);
        }
        let next_number = segment::numbers(&*filesystem, dir)?.into_iter().max().unwrap_or(0) + 1;
        let free = Arc::new(FreeSegments::open(Arc::clone(&filesystem), dir, options.segment_bytes, next_number)?);
        let mut writer =
            writer::Writer::new(Arc::clone(&filesystem), dir.to_owned(), options, Arc::clone(&free), next_number);
        writer.begin_segment(newest + 1, 0)?;

        let shared = Arc::new(Shared {
            filesystem,
            dir: dir.to_owned(),
            options,
            free,
            queue: Mutex::default(),
            wake: Condvar::new(),
            state: Mutex::new(State {
                durable: Durable { sequence: newest, segment: next_number, offset: segment::HEADER_BYTES as u64 },
                segments,
                failure: None,
                groups: 0,
            }),
        });
        if let Some(segment) = writer.current() {
            locked(&shared.state).segments.push(segment);
        }
        let thread = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("tracker-journal".to_owned())
            .spawn(move || writer::run(&thread, writer))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }
}

/// What came of segments that were released.
#[derive(Debug, Default)]
struct Released {
    is_any: bool,
    /// Files that may be used again, and the first number of the oldest.
    kept: Vec<PathBuf>,
    first_kept: u64,
}

impl SegmentJournal {
    fn release_segments(&self, up_to: u64, released: &mut Released) -> io::Result<()> {
        let Shared { filesystem, dir, free, state, .. } = &*self.shared;
        loop {
            let oldest = match locked(state).segments.as_slice() {
                // The newest segment stays: it carries the next sequence number.
                [oldest, next, ..] if next.first_sequence <= up_to.saturating_add(1) => *oldest,
                _ => return Ok(()),
            };
            let path = segment::path(dir, oldest.number);
            let gone = match free.name(oldest, released.kept.len()) {
                Some(name) => filesystem.rename(&path, &name).map(|()| {
                    if released.kept.is_empty() {
                        released.first_kept = oldest.first_sequence;
                    }
                    released.kept.push(name);
                }),
                None => filesystem.remove(&path),
            };
            match gone {
                // Somebody removed it by hand.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                gone => gone?,
            }
            released.is_any = true;
            locked(state).segments.retain(|segment| segment.number != oldest.number);
        }
    }
}

impl Journal for SegmentJournal {
    fn append(&self, records: Vec<NewRecord>) -> Result<Pending, AppendError> {
        let options = &self.shared.options;
        let bytes = records.iter().map(NewRecord::encoded_bytes).sum();
        if self.shared.bytes() > options.max_bytes {
            return Err(AppendError::Full { limit: options.max_bytes });
        }
        let (done, answer) = oneshot::channel();
        let mut queue = locked(&self.shared.queue);
        if queue.closed {
            return Err(AppendError::Closed);
        }
        if queue.bytes + bytes > options.max_waiting_bytes {
            return Err(AppendError::Busy);
        }
        queue.bytes += bytes;
        queue.jobs.push_back(Job { records, bytes, done });
        let is_awaited = queue.is_awaited;
        drop(queue);
        if is_awaited {
            self.shared.wake.notify_one();
        }
        Ok(answer)
    }

    fn durable(&self) -> u64 {
        self.shared.durable().sequence
    }

    fn reader(&self, after: u64) -> Box<dyn Reader> {
        Box::new(SegmentReader::new(Arc::clone(&self.shared), after))
    }

    /// Removes the segments whose records are all released, or keeps their files for the next ones.
    fn release(&self, up_to: u64) -> io::Result<()> {
        let Shared { filesystem, dir, free, .. } = &*self.shared;
        let mut released = Released::default();
        let done = self.release_segments(up_to, &mut released);
        // Before the names are durable, a crash could give a file its old name back, and it must still hold what that says.
        let done = done.and(if released.is_any { filesystem.sync_dir(dir) } else { Ok(()) });
        match done {
            Ok(()) => free.keep(released.kept, released.first_kept),
            Err(_) => released.kept.iter().for_each(|file| drop(filesystem.remove(file))),
        }
        done
    }

    fn let_go(&self) {
        self.shared.free.let_go_of_old();
    }

    fn location(&self) -> String {
        self.shared.dir.display().to_string()
    }

    fn status(&self) -> Status {
        let bytes = self.shared.bytes();
        let state = locked(&self.shared.state);
        Status {
            bytes,
            groups: state.groups,
            is_full: bytes > self.shared.options.max_bytes,
            failure: state.failure.clone(),
        }
    }

    fn close(&self) {
        locked(&self.shared.queue).closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = locked(&self.writer).take()
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer ended with a panic");
        }
        self.shared.free.let_go(Duration::ZERO);
    }
}

impl Drop for SegmentJournal {
    fn drop(&mut self) {
        self.close();
    }
}

fn unreadable(file: &Path) -> io::Error {
    let message = format!(
        "the newest segment, {}, is damaged from its header to its end, so nobody knows which events it held; \
         put it back from a copy, or move it out of the folder to go on without them",
        file.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Whether a folder holds a journal that knows its newest sequence number.
pub(crate) fn is_begun(filesystem: &dyn Filesystem, dir: &Path) -> io::Result<bool> {
    filesystem.create_dir(dir)?;
    Ok(!segment::list(filesystem, dir)?.readable.is_empty())
}

#[cfg(test)]
mod tests;
