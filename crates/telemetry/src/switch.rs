//! Telemetry switched off and on, and a new id.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{self, ConfigError};
use crate::delivery::SenderLock;
use crate::disk;
use crate::identity;
use crate::names::Part;
use crate::sender;
use crate::setup::Setup;

/// How long to wait for the lock of a sender that was killed, or that cannot be.
const SENDER_STOP_WAIT: Duration = Duration::from_millis(500);

/// What switching on or off has changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Switched {
    /// The configuration files that now say so.
    pub written: Vec<PathBuf>,
    /// Those that could not be changed.
    pub failed: Vec<ConfigError>,
    /// Events that waited in the spool and were deleted.
    pub deleted: usize,
}

impl Setup {
    /// Switches telemetry off for the machine, and for the project if it has a configuration file. Writes the files, stops
    /// a running sender and deletes the spool. Sends nothing. This value keeps its settings: load a new one.
    #[must_use = "a file that could not be written must be reported to the user"]
    pub fn disable(&self) -> Switched {
        let mut switched = self.write_switch(false);
        let _stopped = self.stop_sender();
        switched.deleted = self.queue.spool.read().map_or(0, |contents| contents.entries.len());
        let _ = self.queue.spool.purge();
        switched
    }

    /// The reverse of [`disable`](Self::disable). Another source may still switch telemetry off: see
    /// [`status`](Self::status) of a newly loaded value.
    #[must_use = "a file that could not be written must be reported to the user"]
    pub fn enable(&self) -> Switched {
        self.write_switch(true)
    }

    fn write_switch(&self, on: bool) -> Switched {
        let mut switched = Switched { written: Vec::new(), failed: Vec::new(), deleted: 0 };
        let of_project = self.paths.project_config().filter(|path| path.is_file());
        for path in std::iter::once(self.paths.global_config()).chain(of_project) {
            match config::set_bool(&path, &self.names.table, &self.names.key_of(Part::Switch), on) {
                Ok(()) => switched.written.push(path),
                Err(error) => switched.failed.push(error),
            }
        }
        switched
    }

    /// Takes the sender's lock, from a detached sender if needed. A host with a background sender is not stopped: it checks
    /// consent before each request.
    pub(crate) fn stop_sender(&self) -> Option<SenderLock> {
        if !self.queue.folder.is_dir() {
            return None;
        }
        if let Some(lock) = self.queue.lock(Duration::ZERO) {
            return Some(lock);
        }
        if let Some(pid) =
            disk::text_at_most(&self.queue.lock_path(), 64).ok().and_then(|text| text.trim().parse().ok())
        {
            // Another process may have the number by now: it is not killed.
            if sender::is_process_of_sender(pid) {
                kill(pid);
            }
        }
        self.queue.lock(SENDER_STOP_WAIT)
    }

    /// Deletes the machine's id, and the secret that keys its hashes. Returns the new id, which is made only if telemetry
    /// is on.
    ///
    /// # Errors
    /// If the old ones cannot be deleted.
    pub fn reset_id(&self) -> io::Result<Option<String>> {
        identity::remove(&self.paths.data, &self.paths.telemetry())?;
        if !self.is_on() {
            return Ok(None);
        }
        identity::Identity::load(&self.paths.data, &self.paths.telemetry()).map(|identity| Some(identity.anonymous_id))
    }
}

#[cfg(unix)]
fn kill(pid: i32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill(_: i32) {}
