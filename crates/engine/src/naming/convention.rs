//! The conventions that there are, by the names under which schemas store them.

use super::snake::{collapse_underscores, is_decimal_digit, snake_case};
use std::fmt;

/// How names are made of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// Small letters and digits of ASCII, words apart: `userId` is `user_id`, `日本語` is `x`.
    #[default]
    SnakeCase,
    /// Everything stays but line ends and double quotes: `userId` is `userId`, `日本語` is `日本語`.
    DuckCase,
    /// Letters and digits of ASCII, large and small: `userId` is `userId`, `日本語` is `_`.
    SqlCsV1,
    /// As `sql_cs_v1`, in small letters: `userId` is `userid`.
    SqlCiV1,
    /// As `duck_case`, and names of nested columns and tables are joined by `▶`.
    Direct,
}

impl Convention {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::SnakeCase, Self::DuckCase, Self::SqlCsV1, Self::SqlCiV1, Self::Direct];

    /// The name under which schemas store it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SnakeCase => "snake_case",
            Self::DuckCase => "duck_case",
            Self::SqlCsV1 => "sql_cs_v1",
            Self::SqlCiV1 => "sql_ci_v1",
            Self::Direct => "direct",
        }
    }

    /// The convention of that name, which may be that of a module (`dlt.common.normalizers.naming.snake_case`).
    pub fn named(name: &str) -> Option<Self> {
        let name = name.rsplit('.').next()?;
        Self::ALL.into_iter().find(|convention| convention.name() == name)
    }

    /// What separates a parent from its child in the names of flattened columns and nested tables.
    pub fn separator(self) -> &'static str {
        match self {
            Self::Direct => "▶",
            _ => "__",
        }
    }

    /// Whether names keep their capitals.
    pub(super) fn is_case_sensitive(self) -> bool {
        matches!(self, Self::DuckCase | Self::SqlCsV1 | Self::Direct)
    }

    /// Whether names keep characters outside of ASCII.
    pub(super) fn keeps_characters(self) -> bool {
        matches!(self, Self::DuckCase | Self::Direct)
    }

    /// One part of a path, without white space around it, in the form of the convention.
    pub(super) fn identifier(self, part: &str) -> String {
        match self {
            Self::SnakeCase => snake_case(part),
            Self::DuckCase => collapse_underscores(&part.replace(['\n', '\r', '"'], "_")).into_owned(),
            Self::SqlCsV1 => sql(part),
            Self::SqlCiV1 => sql(part).to_ascii_lowercase(),
            Self::Direct => part.replace(['\n', '\r', '"', '▶'], "_"),
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Letters, digits and `_`; never begins with a digit, never ends with `_` unless that is all there is.
fn sql(part: &str) -> String {
    let mut name = String::with_capacity(part.len() + 1);
    let mut in_run = false;
    for c in part.chars() {
        let is_kept = c.is_ascii_alphabetic() || c == '_' || is_decimal_digit(c);
        match is_kept {
            true => name.push(c),
            false if !in_run => name.push('_'),
            false => {}
        }
        in_run = !is_kept;
    }
    if name.starts_with(is_decimal_digit) {
        name.insert(0, '_');
    }
    if name != "_" {
        name.truncate(name.trim_end_matches('_').len());
    }
    collapse_underscores(&name).into_owned()
}
