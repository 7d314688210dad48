//! What a run has to say that is no error: what it left out, guessed, renamed or stored in another column.
//!
//! Each is said once a run, in plain words, with the setting that changes it. A notice never holds the content of a cell.

use crate::events::{Event, NoObserver, Observer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Something a person should know about a run that succeeds all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// One sentence without a full stop: `3 files were left out: 2 of .txt, 1 of .bz2`.
    pub message: String,
    /// The setting that changes it, or what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The single cases, for those who ask for more (`-v`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

impl Notice {
    /// A notice with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, details: Vec::new() }
    }

    /// Adds the setting that changes it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the single cases.
    #[must_use]
    pub fn details(mut self, details: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.details = details.into_iter().map(Into::into).collect();
        self
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

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
