//! Small files of a store are fetched while the ones before them are read: of thousands, each would else be waited for.

use super::open::Place;
use super::remote::{RemoteFile, Section};
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

/// So many files are fetched at a time …
const AT_ONCE: usize = 8;
/// … if they have at most so many bytes. Together they are what may be in memory.
const SMALL_BYTES: u64 = 2 << 20;

/// See the module. Nothing is fetched before the first file is asked for.
#[derive(Default)]
pub(super) struct Ahead {
    waiting: VecDeque<Arc<RemoteFile>>,
    coming: VecDeque<(Arc<RemoteFile>, JoinHandle<Result<Section>>)>,
}

impl Ahead {
    /// For these files, in the order in which they will be asked for.
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a Place>) -> Self {
        let small = |place: &Place| match place {
            // What tells no size may be large.
            Place::Remote(remote) if (1..=SMALL_BYTES).contains(&remote.object.size) => Some(Arc::clone(remote)),
            _ => None,
        };
        let waiting: VecDeque<_> = places.filter_map(small).collect();
        let is_alone = waiting.len() < 2;
        Self { waiting: if is_alone { VecDeque::new() } else { waiting }, coming: VecDeque::new() }
    }

    /// The place with its bytes, if they were fetched ahead.
    ///
    /// # Errors
    /// If this file could not be fetched.
    pub(super) fn take(&mut self, place: Place) -> Result<Place> {
        let Place::Remote(remote) = &place else { return Ok(place) };
        self.fetch_more()?;
        let Some(at) = self.coming.iter().position(|(known, _)| Arc::ptr_eq(known, remote)) else {
            self.waiting.retain(|known| !Arc::ptr_eq(known, remote));
            return Ok(place);
        };
        let Some((remote, thread)) = self.coming.remove(at) else { return Ok(place) };
        let fetched =
            thread.join().map_err(|_| Error::new(ErrorKind::Internal, "a thread that reads a file failed"))?;
        self.fetch_more()?;
        fetched.map(|section| Place::Fetched(remote, section))
    }

    fn fetch_more(&mut self) -> Result<()> {
        while self.coming.len() < AT_ONCE
            && let Some(remote) = self.waiting.pop_front()
        {
            let file = Arc::clone(&remote);
            let thread = std::thread::Builder::new().name("files-ahead".to_owned()).spawn(move || file.read());
            let thread = thread
                .map_err(|cause| Error::new(ErrorKind::Source, "cannot start a thread to read files").because(cause))?;
            self.coming.push_back((remote, thread));
        }
        Ok(())
    }
}
