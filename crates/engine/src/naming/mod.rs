//! Names of tables and columns: how a key of the data becomes an identifier of the dataset.
//!
//! A key is split into a path at the separator, each part is brought to the form of the [`Convention`], empty parts are
//! dropped, and what is joined again is shortened to what the destination takes. Two keys may meet in one name (`Id` and
//! `ID`; in `snake_case` all of `é`, `$` and `日本語` are `x`): then one of them keeps it, and the others get a tag of their
//! own ([`Naming::apart`]).

mod convention;
mod snake;

pub use convention::Convention;

use crate::digest::shake128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::borrow::Cow;

/// The column name of a key that is empty or only white space.
pub const EMPTY_KEY: &str = "_empty";
/// The name of a key of which the convention leaves nothing.
const NOTHING_LEFT: &str = "x";
/// Stands between the keys of a path where its tag is made, because no key of a sane mind has it.
const BETWEEN_KEYS: &str = "\u{1f}";

/// A naming convention with a destination's limit on the length of identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    convention: Convention,
    max_length: usize,
}

impl Naming {
    /// The convention `snake_case`; `max_length` in characters: the smaller of the destination's limits for tables and
    /// columns.
    pub fn new(max_length: usize) -> Self {
        Self { convention: Convention::default(), max_length }
    }

    /// The same limit with another convention.
    #[must_use]
    pub fn with(self, convention: Convention) -> Self {
        Self { convention, ..self }
    }

    /// The convention.
    pub fn convention(&self) -> Convention {
        self.convention
    }

    /// The column name (or last part of a table name) of a key in the data.
    pub fn normalize_key(&self, key: &str) -> String {
        if key.chars().all(char::is_whitespace) {
            return EMPTY_KEY.to_owned();
        }
        let name = self.normalize_path(key);
        // A key of only underscores splits into nothing. Its name must still be one.
        if name.is_empty() { NOTHING_LEFT.to_owned() } else { name }
    }

    /// Normalizes every part of a path and joins them again.
    pub fn normalize_path(&self, path: &str) -> String {
        let parts: Vec<String> = path
            .split(self.convention.separator())
            .filter(|part| !part.trim().is_empty())
            .map(|part| self.normalize_identifier(part))
            .collect();
        self.shorten(self.join(parts.iter().map(String::as_str)), path)
    }

    /// Joins names that are normalized already.
    pub fn join_path<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        let joined = self.join(parts);
        if joined.len() <= self.max_length {
            return joined;
        }
        let original = joined.clone();
        self.shorten(joined, &original)
    }

    /// The `attempt`th name (from 1) of a key that may not have `name`, because another key has it: with a tag of `keys`,
    /// the keys of the data from the row down to the value. The tag is the same whatever else the data holds, and the name
    /// is one that the convention leaves as it is. Further attempts have longer tags.
    pub fn apart(&self, name: &str, keys: &[&str], attempt: usize) -> String {
        let original = keys.join(BETWEEN_KEYS);
        let tag: String = (0..attempt).map(|turn| tag(&"\u{1e}".repeat(turn), &original)).collect();
        let room = self.max_length.saturating_sub(tag.len() + 1);
        let kept: String = name.chars().take(room).collect();
        // An underscore at the end of what is kept would become one with the next.
        format!("{}_{tag}", kept.trim_end_matches('_'))
    }

    /// Whether the name of a key tells it apart from all that are not mere spellings of it: every letter and digit is
    /// in the name. `userId` and `user_id` are spellings of each other, `é` and `日本語` are not, and both become `x`.
    pub fn keeps_letters(&self, key: &str) -> bool {
        let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '/' | ':');
        self.convention.keeps_characters() || key.chars().all(|c| is_kept(c) || snake::is_decimal_digit(c))
    }

    /// What a key has in common with all spellings of its name, and with no other key: the name, or the key as it stands if
    /// it loses letters.
    pub fn identity(&self, key: &str) -> String {
        if self.keeps_letters(key) { self.normalize_key(key) } else { key.to_owned() }
    }

    /// Whether names keep their capitals.
    pub(crate) fn is_case_sensitive(&self) -> bool {
        self.convention.is_case_sensitive()
    }

    /// The form in which names are the same for a destination that does not tell capitals from small letters.
    pub fn folded<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.convention.is_case_sensitive() && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        }
    }

    fn normalize_identifier(&self, identifier: &str) -> String {
        let trimmed = identifier.trim();
        self.shorten(self.convention.identifier(trimmed), trimmed)
    }

    fn join<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        let mut joined = String::new();
        for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
            if !joined.is_empty() {
                joined.push_str(self.convention.separator());
            }
            joined.push_str(part);
        }
        joined
    }

    /// Cuts out the middle and puts a tag of the original there, so that long names stay apart.
    fn shorten(&self, name: String, original: &str) -> String {
        let length = name.chars().count();
        if length <= self.max_length {
            return name;
        }
        let tag = tag("", original);
        let kept = self.max_length.saturating_sub(tag.len());
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        name.chars().take(head).chain(tag.chars()).chain(name.chars().skip(length - tail)).collect()
    }
}

/// Six characters that stand for a text: small letters and digits.
fn tag(salt: &str, text: &str) -> String {
    let digest = STANDARD_NO_PAD.encode(shake128::<4>(&[salt.as_bytes(), text.as_bytes()]));
    let letters = digest.chars().map(|c| match c {
        '/' => 'a',
        '+' => 'b',
        other => other.to_ascii_lowercase(),
    });
    letters.collect()
}

#[cfg(test)]
mod tests;
