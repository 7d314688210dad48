//! The kinds of value that an event may carry. There is no free text among them.

use std::fmt;

use crate::hash::hex;
use crate::random;

/// How close a field comes to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// A word that the program itself defines, the same for everyone.
    Public,
    /// A number or a yes/no about what happened.
    Measure,
    /// A one-way hash of a name that the user chose.
    Hash,
    /// Drawn at random; says nothing, but links what carries it.
    Random,
    /// A property of the machine or of the software that runs.
    System,
}

impl Privacy {
    /// The class's name in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Measure => "measure",
            Self::Hash => "hash",
            Self::Random => "random",
            Self::System => "system",
        }
    }
}

/// What can stand in a field of an event.
///
/// Implemented for the types of this module, for `bool`, and for `Option` of any of them; a field that is `None` is
/// left out. It is not implemented for strings, and cannot be from outside: a name that a user chose has no way in but
/// [`NameHash`].
pub trait Value: sealed::Sealed {
    /// The JSON type: `string`, `boolean`, `integer` or `number`.
    const KIND: &'static str;
    /// The field's privacy class.
    const PRIVACY: Privacy;
    /// Whether the field may be missing.
    const OPTIONAL: bool = false;

    #[doc(hidden)]
    fn encode(&self) -> Option<serde_json::Value>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Word {}
    impl Sealed for super::Seconds {}
    impl Sealed for super::Count {}
    impl Sealed for super::NameHash {}
    impl Sealed for super::TransactionId {}
    impl Sealed for bool {}
    impl<T: Sealed> Sealed for Option<T> {}
}

/// A word that is spelled out in the program's source: a command, a destination of ours, a ready-made source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(&'static str);

impl Word {
    /// Takes a word of the program.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// Finds what a user typed among the words of the program; `None` for anything of the user's own.
    ///
    /// ```
    /// use dlt_telemetry::Word;
    /// assert!(Word::one_of(&["duckdb", "postgres"], "duckdb").is_some());
    /// assert!(Word::one_of(&["duckdb", "postgres"], "my_secret_project").is_none());
    /// ```
    #[must_use]
    pub fn one_of(words: &[&'static str], typed: &str) -> Option<Self> {
        words.iter().find(|word| **word == typed).map(|word| Self(word))
    }

    /// The word itself.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static str> for Word {
    fn from(word: &'static str) -> Self {
        Self(word)
    }
}

impl Value for Word {
    const KIND: &'static str = "string";
    const PRIVACY: Privacy = Privacy::Public;

    fn encode(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

/// A length of time, in seconds, written with microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds(f64);

impl From<std::time::Duration> for Seconds {
    fn from(duration: std::time::Duration) -> Self {
        Self((duration.as_secs_f64() * 1e6).round() / 1e6)
    }
}

impl Value for Seconds {
    const KIND: &'static str = "number";
    const PRIVACY: Privacy = Privacy::Measure;

    fn encode(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

/// How many of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl Value for Count {
    const KIND: &'static str = "integer";
    const PRIVACY: Privacy = Privacy::Measure;

    fn encode(&self) -> Option<serde_json::Value> {
        Some(self.0.into())
    }
}

impl Value for bool {
    const KIND: &'static str = "boolean";
    const PRIVACY: Privacy = Privacy::Measure;

    fn encode(&self) -> Option<serde_json::Value> {
        Some((*self).into())
    }
}

/// The hash of a name that a user chose; made by [`Telemetry::hash`](crate::Telemetry::hash).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct NameHash(pub(crate) String);

impl NameHash {
    /// The hash of no name: an empty string.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::default()
    }

    /// The hash as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NameHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Value for NameHash {
    const KIND: &'static str = "string";
    const PRIVACY: Privacy = Privacy::Hash;

    fn encode(&self) -> Option<serde_json::Value> {
        Some(self.0.as_str().into())
    }
}

/// Ties the steps of one run together: 32 hexadecimal characters, drawn at random.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionId(String);

impl TransactionId {
    /// Draws a new one.
    #[must_use]
    pub fn random() -> Self {
        Self(hex(&random::random::<16>()))
    }

    /// The id that the host drew itself, for its own trace of the run. Bytes and not text, so that nothing else gets in.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }

    /// The id as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for TransactionId {
    const KIND: &'static str = "string";
    const PRIVACY: Privacy = Privacy::Random;

    fn encode(&self) -> Option<serde_json::Value> {
        Some(self.0.as_str().into())
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const PRIVACY: Privacy = T::PRIVACY;
    const OPTIONAL: bool = true;

    fn encode(&self) -> Option<serde_json::Value> {
        self.as_ref().and_then(T::encode)
    }
}
