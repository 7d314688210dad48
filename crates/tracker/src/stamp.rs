//! Whether a file was changed: small files that commands replace while a tracker runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    /// The state of a file now.
    pub(crate) fn of(path: &Path) -> Self {
        let about = std::fs::metadata(path).ok();
        Self(about.map(|about| (about.ino(), about.len(), about.mtime(), about.mtime_nsec())))
    }

    /// Whether there is a file.
    pub(crate) fn is_there(self) -> bool {
        self.0.is_some()
    }
}
