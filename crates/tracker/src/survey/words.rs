//! What events say in words: each once, by a code.

use std::collections::HashMap;
use std::sync::Arc;

use super::codes::Codes;

/// A text, by its code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Word(u32);

impl Word {
    /// There is no text.
    pub(crate) const NONE: Self = Self(0);
}

/// Who sent an event: what many events of a machine have in common.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sender {
    pub(crate) project: Word,
    pub(crate) library: Word,
    pub(crate) version: Word,
    pub(crate) system: Word,
    pub(crate) system_version: Word,
    /// Where it ran, as a list of words with commas in between.
    pub(crate) surroundings: Word,
    pub(crate) python: Word,
    pub(crate) runtime: Word,
    pub(crate) runtime_version: Word,
    pub(crate) cores: Option<i64>,
    pub(crate) is_ci: Option<bool>,
}

impl Sender {
    /// Whether it ran in a container, if it tells where it ran.
    pub(crate) fn is_in_container(&self, words: &Words) -> Option<bool> {
        let list = words.text(self.surroundings)?;
        Some(list.split(',').any(|word| matches!(word, "docker" | "kubernetes")))
    }
}

/// What an event tells beside its sender, and beside what is different in each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    pub(crate) name: Word,
    pub(crate) destination: Word,
    pub(crate) destination_type: Word,
    pub(crate) source: Word,
    pub(crate) succeeded: Option<bool>,
}

/// All texts, senders and kinds of events. They grow, and keep their codes.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// By code; the first one stands for none.
    texts: Vec<Arc<str>>,
    known: HashMap<Arc<str>, Word>,
    /// By the hashes that the database gives them.
    pub(super) senders_by_hash: Codes,
    pub(super) kinds_by_hash: Codes,
    senders: Vec<Sender>,
    kinds: Vec<Kind>,
}

impl Words {
    /// Senders by their codes.
    pub(crate) fn senders(&self) -> &[Sender] {
        &self.senders
    }

    /// Kinds by their codes.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The text of a word.
    pub(crate) fn text(&self, word: Word) -> Option<&str> {
        if word == Word::NONE { None } else { self.texts.get(word.0 as usize).map(|text| &**text) }
    }

    /// The word of a text.
    pub(super) fn word(&mut self, text: Option<&str>) -> Word {
        let Some(text) = text else { return Word::NONE };
        if let Some(word) = self.known.get(text) {
            return *word;
        }
        if self.texts.is_empty() {
            self.texts.push(Arc::from(""));
        }
        let text: Arc<str> = Arc::from(text);
        let word = Word(u32::try_from(self.texts.len()).unwrap_or_default());
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, word);
        word
    }

    /// Makes room for what has a code by now.
    pub(super) fn make_room(&mut self) {
        self.senders.resize(self.senders_by_hash.len(), Sender::default());
        self.kinds.resize(self.kinds_by_hash.len(), Kind::default());
    }

    /// Says what a hash stands for.
    pub(super) fn set_sender(&mut self, hash: u64, sender: Sender) {
        if let Some(place) = self.senders_by_hash.find(hash).and_then(|code| self.senders.get_mut(code as usize)) {
            *place = sender;
        }
    }

    /// Says what a hash stands for.
    pub(super) fn set_kind(&mut self, hash: u64, kind: Kind) {
        if let Some(place) = self.kinds_by_hash.find(hash).and_then(|code| self.kinds.get_mut(code as usize)) {
            *place = kind;
        }
    }

    /// Bytes that they take, about.
    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len() + 64).sum();
        texts
            + self.senders_by_hash.bytes()
            + self.kinds_by_hash.bytes()
            + self.senders.capacity() * size_of::<Sender>()
            + self.kinds.capacity() * size_of::<Kind>()
    }
}
