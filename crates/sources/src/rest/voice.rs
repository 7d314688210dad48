//! What a resource has to say while it is read, each kind once: a resource may have thousands of requests.

use dlt_engine::{Notice, Notices};
use std::sync::Arc;

/// Says things about one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Voice {
    resource: Arc<str>,
    /// Where the items are, as a person would write it.
    pub(crate) items: String,
    notices: Notices,
    said: Vec<&'static str>,
    /// The way to the next page that was right for an earlier request.
    pub(crate) known_way: Option<String>,
    /// Whether an earlier request showed that there is no way.
    pub(crate) is_lost: bool,
}

impl Voice {
    pub(crate) fn new(resource: &str, notices: &Notices) -> Self {
        Self { resource: resource.into(), notices: notices.clone(), ..Self::default() }
    }

    /// Knows from now on what another one knows, who spoke of the same resource at the same time.
    pub(crate) fn learn(&mut self, other: Self) {
        for kind in other.said {
            if !self.said.contains(&kind) {
                self.said.push(kind);
            }
        }
        self.known_way = self.known_way.take().or(other.known_way);
        self.is_lost |= other.is_lost;
    }

    /// Says it, unless something of this kind was said before.
    pub(crate) fn say(&mut self, kind: &'static str, message: String, hint: impl Into<String>, details: Vec<String>) {
        if !self.said.contains(&kind) {
            self.said.push(kind);
            let message = format!("resource `{}`: {message}", self.resource);
            self.notices.say(Notice::new(message).hint(hint).details(details));
        }
    }
}
