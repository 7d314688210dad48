//! Files of segments whose records were released, kept for a moment: the next segments are written over them.
//!
//! A new file must be written full of zeros before it is used, which is half of all that is written. A file that was a segment needs no
//! zeros: the checksums of its old records are of another segment's number, so they read as garbage.
//!
//! What was released must not stay on the disk for long, and what a deletion request is about not at all: files that nobody needed for a
//! while are removed, and those that may hold records from before a deletion request are never kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::filesystem::Filesystem;
use super::locked;
use super::segment::Segment;

/// So many files at most: what comes while a load of several segments is under way.
const MOST: usize = 8;

/// No file is kept longer without being used.
const KEPT: Duration = Duration::from_secs(30);

/// What the names of files end with that are no segments.
const SUFFIX: &str = ".tmp";

/// The files of one folder.
#[derive(Debug)]
pub(super) struct FreeSegments {
    filesystem: Arc<dyn Filesystem>,
    dir: PathBuf,
    /// The size of a segment; files of other sizes are not kept.
    segment_bytes: u64,
    /// The first segment of this process: how those before were written is not known.
    first_number: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: Vec<Free>,
    /// The newest deletion request. What is before it must go.
    erased: u64,
    /// Segments that could not be written to the end: nobody knows what becomes of more that is written there.
    doubtful: Vec<u64>,
}

/// A file that can become a segment.
#[derive(Debug)]
pub(super) struct Free {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    since: Instant,
}

impl FreeSegments {
    /// Removes what an earlier process left.
    pub(super) fn open(
        filesystem: Arc<dyn Filesystem>,
        dir: &Path,
        segment_bytes: u64,
        first_number: u64,
    ) -> io::Result<Self> {
        for name in filesystem.list(dir)?.iter().filter(|name| name.ends_with(SUFFIX)) {
            filesystem.remove(&dir.join(name))?;
        }
        Ok(Self { filesystem, dir: dir.to_owned(), segment_bytes, first_number, kept: Mutex::default() })
    }

    /// The name for the file of a segment that was released, if it is to be kept. Then it is given by [`FreeSegments::keep`] once that
    /// name is durable.
    pub(super) fn name(&self, segment: Segment, waiting: usize) -> Option<PathBuf> {
        let kept = locked(&self.kept);
        let has_room = kept.files.len() + waiting < MOST;
        let is_fit = segment.bytes == self.segment_bytes
            && segment.number >= self.first_number
            && !kept.doubtful.contains(&segment.number);
        (has_room && is_fit).then(|| self.dir.join(format!("free-{}{SUFFIX}", segment.number)))
    }

    /// Keeps files for the next segments, if a deletion request can't be about what they hold: from this sequence number on.
    pub(super) fn keep(&self, paths: Vec<PathBuf>, first_sequence: u64) {
        let mut kept = locked(&self.kept);
        let since = Instant::now();
        let files = paths.into_iter().map(|path| Free { path, bytes: self.segment_bytes, since });
        if first_sequence > kept.erased { kept.files.extend(files) } else { files.for_each(|file| self.remove(&file)) }
    }

    /// A file for a segment with room for so many bytes.
    pub(super) fn take(&self, bytes: u64) -> Option<Free> {
        if bytes > self.segment_bytes { None } else { locked(&self.kept).files.pop() }
    }

    /// Whether there is one.
    pub(super) fn is_empty(&self) -> bool {
        locked(&self.kept).files.is_empty()
    }

    /// Never keeps the file of this segment.
    pub(super) fn doubt(&self, number: u64) {
        locked(&self.kept).doubtful.push(number);
    }

    /// Keeps nothing that was written before a deletion request with this sequence number.
    pub(super) fn erase(&self, up_to: u64) {
        let mut kept = locked(&self.kept);
        kept.erased = kept.erased.max(up_to);
        kept.files.drain(..).for_each(|file| self.remove(&file));
    }

    /// Removes the files that nobody needed.
    pub(super) fn let_go(&self, kept_for: Duration) {
        let is_old = |file: &mut Free| file.since.elapsed() >= kept_for;
        locked(&self.kept).files.extract_if(.., is_old).for_each(|file| self.remove(&file));
    }

    /// Removes those that nobody needed for a while.
    pub(super) fn let_go_of_old(&self) {
        self.let_go(KEPT);
    }

    fn remove(&self, file: &Free) {
        if let Err(error) = self.filesystem.remove(&file.path) {
            tracing::warn!(%error, file = %file.path.display(), "a file of the journal can't be removed; the next start tries it again");
        }
    }
}
