//! What events say in words: each once, by a code.

use std::collections::HashMap;
use std::sync::Arc;

use super::codes::Codes;

/// Most bytes of texts that are told apart, about. What senders say beyond is one word.
const MOST_BYTES: usize = if cfg!(test) { 64 << 10 } else { 16 << 20 };
/// Bytes that a text takes beside its own.
const EACH: usize = 64;
/// The word for what is beyond.
const OTHERS: &str = "others";

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
    /// The last part of its type, or its name where no type is told.
    pub(crate) destination: Word,
    pub(crate) source: Word,
    pub(crate) succeeded: Option<bool>,
}

/// All texts, senders and kinds of events. They grow, and keep their codes.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// By code; the first one stands for none.
    texts: Vec<Arc<str>>,
    known: HashMap<Arc<str>, Word>,
    /// Bytes of the texts.
    bytes: usize,
    is_full: bool,
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

    /// How many texts are told apart, where more came than that.
    pub(super) fn told_apart(&self) -> Option<usize> {
        self.is_full.then_some(self.texts.len())
    }

    /// The word of a text; of one that is too many the word [`OTHERS`].
    pub(super) fn word(&mut self, text: Option<&str>) -> Word {
        let Some(text) = text else { return Word::NONE };
        if let Some(word) = self.known.get(text) {
            return *word;
        }
        self.is_full |= self.bytes + text.len() + EACH > MOST_BYTES;
        self.known_word(if self.is_full { OTHERS } else { text })
    }

    /// As [`Words::word`], of a text that no sender chooses: there are a few of them.
    pub(super) fn known_word(&mut self, text: &str) -> Word {
        if let Some(word) = self.known.get(text) {
            return *word;
        }
        if self.texts.is_empty() {
            self.texts.push(Arc::from(""));
        }
        let text: Arc<str> = Arc::from(text);
        let word = Word(u32::try_from(self.texts.len()).unwrap_or_default());
        self.bytes += text.len() + EACH;
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, word);
        word
    }

    /// The word of a destination: two that are of one type are one, whatever they are called.
    pub(super) fn destination(&mut self, name: Word, of_type: Word) -> Word {
        let short = self.text(of_type).and_then(|text| text.rsplit('.').next()).filter(|short| !short.is_empty());
        match short.map(str::to_owned) {
            Some(short) => self.word(Some(&short)),
            None => name,
        }
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
        self.bytes
            + self.senders_by_hash.bytes()
            + self.kinds_by_hash.bytes()
            + self.senders.capacity() * size_of::<Sender>()
            + self.kinds.capacity() * size_of::<Kind>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_beyond_a_number_of_bytes_are_one_word() {
        let mut words = Words::default();
        let first = words.word(Some("first"));
        assert_eq!(words.told_apart(), None);
        let all = Vec::from_iter((0..MOST_BYTES / EACH).map(|number| words.word(Some(&format!("{number:0>200}")))));
        assert!(words.bytes() < MOST_BYTES + 4096, "{}", words.bytes());
        assert!(words.told_apart().is_some_and(|told| told > 200 && told < all.len()));
        let others = words.word(Some("one more"));
        assert_eq!((words.text(others), all.last()), (Some("others"), Some(&others)));
        assert_eq!((words.word(Some("first")), words.text(first)), (first, Some("first")), "what is known stays");
        let project = words.known_word("web");
        assert_eq!(words.text(project), Some("web"));
    }

    #[test]
    fn a_destination_is_called_by_its_type() {
        let mut words = Words::default();
        let mut called = |name: Option<&str>, of_type: Option<&str>| {
            let (name, of_type) = (words.word(name), words.word(of_type));
            let found = words.destination(name, of_type);
            words.text(found).map(str::to_owned)
        };
        for (name, of_type, expected) in [
            (Some("warehouse"), Some("dlt.destinations.duckdb"), Some("duckdb")),
            (None, Some("duckdb"), Some("duckdb")),
            (Some("duckdb"), None, Some("duckdb")),
            (Some("lake"), Some("odd."), Some("lake")),
            (None, None, None),
        ] {
            assert_eq!(called(name, of_type).as_deref(), expected);
        }
    }
}
