//! The thread that writes the journal: group commit into preallocated segments.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::filesystem::{Filesystem, JournalFile};
use super::free::FreeSegments;
use super::segment::{self, HEADER_BYTES, Header, Segment};
use super::{Durable, Job, SegmentOptions, Shared, locked, record};
use crate::journal::{AppendError, Kind};

/// Zeros are written in pieces of this size.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A group waits so long for more, several times, where as many as last time are on their way: a sync costs more
/// processor time than dozens of requests, and each of them waits for the one before anyway.
const GATHERING: Duration = Duration::from_micros(150);
/// So often at most.
const GATHERINGS: u32 = 4;
/// Fewer senders at a time than these wait for nobody.
const FEW: usize = 4;

/// The segment being written, and the next one in preparation.
pub(super) struct Writer {
    filesystem: Arc<dyn Filesystem>,
    dir: PathBuf,
    options: SegmentOptions,
    next_number: u64,
    current: Option<Open>,
    /// Files that were segments, which are taken first.
    free: Arc<FreeSegments>,
    /// A zero-filled file that becomes the next segment; made ahead, so that nobody waits for it.
    spare: Option<mpsc::Receiver<io::Result<Spare>>>,
    failed_at: Option<(Instant, String)>,
}

struct Open {
    file: Box<dyn JournalFile>,
    segment: Segment,
    offset: u64,
}

struct Spare {
    file: Box<dyn JournalFile>,
    path: PathBuf,
    bytes: u64,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("dir", &self.dir).field("next_number", &self.next_number).finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(
        filesystem: Arc<dyn Filesystem>,
        dir: PathBuf,
        options: SegmentOptions,
        free: Arc<FreeSegments>,
        next_number: u64,
    ) -> Self {
        Self { filesystem, dir, options, next_number, current: None, free, spare: None, failed_at: None }
    }

    pub(super) fn current(&self) -> Option<Segment> {
        self.current.as_ref().map(|open| open.segment)
    }

    /// Begins a segment whose first record has this sequence number, with room for at least so many bytes of records.
    pub(super) fn begin_segment(&mut self, first_sequence: u64, room: u64) -> io::Result<()> {
        self.current = None;
        let bytes = self.options.segment_bytes.max(room + HEADER_BYTES as u64);
        let mut spare = match self.used(bytes) {
            Some(used) => used,
            None => self.prepared(bytes)?,
        };
        let number = self.next_number;
        let header = Header { segment: number, first_sequence }.encode();
        if let Err(error) = spare.file.write_at(0, &header).and_then(|()| spare.file.sync()) {
            // Nobody knows of the file any more.
            drop(self.filesystem.remove(&spare.path));
            return Err(error);
        }
        // Once the name may exist it is never given to another segment, even if the folder's sync fails.
        self.next_number += 1;
        self.filesystem.rename(&spare.path, &segment::path(&self.dir, number))?;
        self.filesystem.sync_dir(&self.dir)?;
        let segment = Segment { number, first_sequence, bytes: spare.bytes };
        self.current = Some(Open { file: spare.file, segment, offset: HEADER_BYTES as u64 });
        Ok(())
    }

    /// A file that was a segment, with room for so many bytes.
    fn used(&self, bytes: u64) -> Option<Spare> {
        let free = self.free.take(bytes)?;
        match self.filesystem.open(&free.path) {
            Ok(file) => Some(Spare { file, path: free.path, bytes: free.bytes }),
            Err(error) => {
                tracing::warn!(%error, file = %free.path.display(), "a file of the journal can't be written again");
                None
            }
        }
    }

    /// A file of so many zeros, the one that was made ahead if there is one.
    fn prepared(&mut self, bytes: u64) -> io::Result<Spare> {
        let ahead = self.spare.take().and_then(|spare| spare.recv().ok()).and_then(Result::ok);
        match ahead {
            Some(spare) if spare.bytes >= bytes => Ok(spare),
            _ => prepare(&*self.filesystem, self.dir.join("next.tmp"), bytes),
        }
    }

    /// Has the next segment made ready, once this one is half full.
    fn prepare_ahead(&mut self) {
        let half_full = self.current.as_ref().is_some_and(|open| open.offset * 2 > open.segment.bytes);
        if !half_full || self.spare.is_some() || !self.free.is_empty() {
            return;
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let (filesystem, path, bytes) =
            (Arc::clone(&self.filesystem), self.dir.join("next.tmp"), self.options.segment_bytes);
        let spawned = std::thread::Builder::new()
            .name("tracker-segment".to_owned())
            .spawn(move || drop(sender.send(prepare(&*filesystem, path, bytes))));
        match spawned {
            Ok(_) => self.spare = Some(receiver),
            // Then it is made when it is needed.
            Err(error) => tracing::warn!(%error, "no thread could be started to prepare the next segment"),
        }
    }

    /// Writes one group and syncs it; the records get the sequence numbers from `first` on.
    fn write(&mut self, jobs: &[Job], first: u64, buffer: &mut Vec<u8>) -> io::Result<Durable> {
        let room: usize = jobs.iter().map(|job| job.bytes).sum();
        let room = room as u64;
        let fits = self.current.as_ref().is_some_and(|open| open.offset + room <= open.segment.bytes);
        if !fits {
            self.begin_segment(first, room)?;
        }
        let Some(open) = self.current.as_mut() else {
            return Err(io::Error::other("no segment is open"));
        };
        buffer.clear();
        let mut sequence = first;
        for record in jobs.iter().flat_map(|job| &job.records) {
            record::encode(buffer, open.segment.number, sequence, record);
            sequence += 1;
        }
        let written = open.file.write_at(open.offset, buffer).and_then(|()| open.file.sync());
        if let Err(error) = written {
            // After a failed sync nobody knows what is on the disk: this segment is never written again.
            self.free.doubt(open.segment.number);
            self.current = None;
            return Err(error);
        }
        open.offset += buffer.len() as u64;
        Ok(Durable { sequence: sequence - 1, segment: open.segment.number, offset: open.offset })
    }

    fn storage_error(&self, reason: String) -> AppendError {
        AppendError::Storage { location: self.dir.display().to_string(), reason }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The file in preparation has a fixed name: nobody else may begin one while this is under way.
        if let Some(spare) = self.spare.take() {
            drop(spare.recv());
        }
    }
}

/// Makes a file full of zeros, durable.
fn prepare(filesystem: &dyn Filesystem, path: PathBuf, bytes: u64) -> io::Result<Spare> {
    let made = (|| {
        let mut file = filesystem.create(&path)?;
        let mut offset = 0;
        while offset < bytes {
            let piece = ZEROS.len().min(usize::try_from(bytes - offset).unwrap_or(usize::MAX));
            file.write_at(offset, &ZEROS[..piece])?;
            offset += piece as u64;
        }
        file.sync()?;
        Ok(file)
    })();
    match made {
        Ok(file) => Ok(Spare { file, path, bytes }),
        Err(error) => {
            // On a full disk its blocks are needed elsewhere; the first error is the one to tell.
            drop(filesystem.remove(&path));
            Err(error)
        }
    }
}

/// Runs until the journal is closed and nothing waits.
pub(super) fn run(shared: &Shared, mut writer: Writer) {
    let mut buffer = Vec::with_capacity(shared.options.max_group_bytes);
    let mut expected = 0;
    while let Some(jobs) = next_group(shared, expected) {
        // Who was answered sends again; who went away is soon not waited for.
        expected = jobs.len().max(expected - expected.div_ceil(8));
        let answer = commit(shared, &mut writer, &jobs, &mut buffer);
        if buffer.capacity() > 4 * shared.options.max_group_bytes {
            buffer = Vec::with_capacity(shared.options.max_group_bytes);
        }
        match answer {
            Ok(mut sequence) => {
                for job in jobs {
                    let first = sequence;
                    sequence += job.records.len() as u64;
                    respond(job.done, Ok(first));
                }
                writer.prepare_ahead();
            }
            Err(error) => {
                for job in jobs {
                    respond(job.done, Err(error.clone()));
                }
            }
        }
    }
}

fn respond(done: oneshot::Sender<Result<u64, AppendError>>, answer: Result<u64, AppendError>) {
    // The sender may have gone away; the event is kept all the same.
    drop(done.send(answer));
}

/// Waits for work, for a moment also until it is as much as `expected`; takes what is there, up to the size of a group. `None` when
/// closed and empty.
fn next_group(shared: &Shared, expected: usize) -> Option<Vec<Job>> {
    let mut queue = locked(&shared.queue);
    while queue.jobs.is_empty() {
        if queue.closed {
            return None;
        }
        queue.is_awaited = true;
        queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.is_awaited = false;
    }
    for _ in 0..if expected < FEW { 0 } else { GATHERINGS } {
        if queue.closed || queue.jobs.len() >= expected || queue.bytes * 4 >= shared.options.max_group_bytes {
            break;
        }
        drop(queue);
        std::thread::sleep(GATHERING);
        queue = locked(&shared.queue);
    }
    let mut jobs = Vec::with_capacity(queue.jobs.len());
    let mut bytes = 0;
    while let Some(job) = queue.jobs.front() {
        if bytes > 0 && bytes + job.bytes > shared.options.max_group_bytes {
            break;
        }
        bytes += job.bytes;
        jobs.extend(queue.jobs.pop_front());
    }
    queue.bytes -= bytes;
    Some(jobs)
}

/// Makes a group durable; the sequence number of its first record.
fn commit(shared: &Shared, writer: &mut Writer, jobs: &[Job], buffer: &mut Vec<u8>) -> Result<u64, AppendError> {
    if writer.current.is_none()
        && let Some((at, reason)) = &writer.failed_at
        && at.elapsed() < shared.options.retry_after_failure
    {
        return Err(writer.storage_error(reason.clone()));
    }
    let first = locked(&shared.state).durable.sequence + 1;
    let before = writer.current().map(|segment| segment.number);
    let written = writer.write(jobs, first, buffer);
    let during = writer.current();
    if let Ok(durable) = &written
        && jobs.iter().flat_map(|job| &job.records).any(|record| record.kind == Kind::Deletion)
    {
        // What it is about may stand in any file that was a segment.
        writer.free.erase(durable.sequence);
        if let Err(error) = writer.begin_segment(durable.sequence + 1, 0) {
            // The group is durable all the same; the next one tries again.
            tracing::warn!(%error, "no new segment could be begun after a deletion request");
        }
    }
    let after = writer.current();
    let mut state = locked(&shared.state);
    for segment in [during, after].into_iter().flatten() {
        if before != Some(segment.number) && state.segments.iter().all(|known| known.number != segment.number) {
            state.segments.push(segment);
        }
    }
    match written {
        Ok(durable) => {
            state.durable = durable;
            state.failure = None;
            state.groups += 1;
            writer.failed_at = None;
            Ok(first)
        }
        Err(error) => {
            tracing::error!(%error, folder = %writer.dir.display(), "the journal can't be written");
            let reason = error.to_string();
            writer.failed_at = Some((Instant::now(), reason.clone()));
            let error = writer.storage_error(reason);
            state.failure = Some(error.clone());
            Err(error)
        }
    }
}
