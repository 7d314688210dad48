//! Values that declarations of REST APIs are made of.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// A text that no message and no debug output shows.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// One name or a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Names, E> {
                Ok(Names(vec![name.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Names, A::Error> {
                let mut all = Vec::new();
                while let Some(name) = names.next_element()? {
                    all.push(name);
                }
                Ok(Names(all))
            }
        }
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// How many requests are under way at a time: `true` is five, `false` one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parallel(pub usize);

/// What `true` stands for.
const DEFAULT_PARALLEL: usize = 5;
/// More requests at a time are taken for a slip.
const MAX_PARALLEL: u64 = 100;

impl<'de> Deserialize<'de> for Parallel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParallelVisitor;
        impl Visitor<'_> for ParallelVisitor {
            type Value = Parallel;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "true, false, or a number from 1 to {MAX_PARALLEL}")
            }
            fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Parallel, E> {
                Ok(Parallel(if is_on { DEFAULT_PARALLEL } else { 1 }))
            }
            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Parallel, E> {
                match count {
                    1..=MAX_PARALLEL => Ok(Parallel(count as usize)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(count), &self)),
                }
            }
            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Parallel, E> {
                let wrong = || E::invalid_value(de::Unexpected::Signed(count), &self);
                u64::try_from(count).map_err(|_| wrong()).and_then(|count| self.visit_u64(count))
            }
        }
        deserializer.deserialize_any(ParallelVisitor)
    }
}
