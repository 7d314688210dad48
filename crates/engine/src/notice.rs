//! What a run has to say that is no error: what it left out, guessed, renamed or stored in another column.
//!
//! Each is said once a run, in plain words, with the setting that changes it. A notice never holds the content of a cell.

use serde::{Deserialize, Serialize};
use std::fmt;

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
