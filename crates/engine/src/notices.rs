//! Where a run says what it left out, guessed, renamed or stored in another column.

use crate::events::{Event, NoObserver, Observer};
use crate::notice::Notice;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a run's notices go: to its observer at once, and into its trace. Clones share one list.
#[derive(Clone)]
pub struct Notices(Arc<Shared>);

struct Shared {
    observer: Arc<dyn Observer>,
    said: Mutex<Vec<Notice>>,
}

impl Notices {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self(Arc::new(Shared { observer, said: Mutex::default() }))
    }

    /// Says it, unless the same message was said before in this run.
    pub fn say(&self, notice: Notice) {
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.iter().all(|known| known.message != notice.message) {
            self.0.observer.on_event(&Event::Notice { notice: &notice });
            said.push(notice);
        }
    }

    /// Everything that was said so far.
    pub fn said(&self) -> Vec<Notice> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Notices {
    /// Tells nobody, and only keeps what was said.
    fn default() -> Self {
        Self::new(Arc::new(NoObserver))
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.said()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once() {
        let notices = Notices::default();
        notices.say(Notice::new("one file was left out").hint("name it to load it").details(["a.txt"]));
        notices.clone().say(Notice::new("one file was left out"));
        notices.say(Notice::new("another"));
        let said = notices.said();
        assert_eq!(said.len(), 2);
        assert_eq!(said[0].to_string(), "one file was left out (name it to load it)");
    }
}
