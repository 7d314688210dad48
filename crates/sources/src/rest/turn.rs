//! What is made of a page, and what goes on after it.

use serde_json::value::RawValue;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The items of a page.
pub(crate) struct Found<'a> {
    pub(crate) items: Vec<&'a RawValue>,
    /// Whether they stand in a list: a single thing does not.
    pub(crate) is_list: bool,
}

/// The items of a page as numbers, to be compared.
pub(crate) fn digests(found: &Found<'_>) -> Vec<u64> {
    let digest = |item: &&RawValue| {
        let mut hasher = DefaultHasher::new();
        item.get().hash(&mut hasher);
        hasher.finish()
    };
    found.items.iter().map(digest).collect()
}

/// Something in a response that keeps its pages from being followed.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Flaw {
    pub(crate) fn new(message: String) -> Self {
        Self { message, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What to do after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether its items are rows: they are not if it only showed that a way to ask for the next page is none.
    pub(crate) keeps: bool,
    pub(crate) has_next: bool,
}
