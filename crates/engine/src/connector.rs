//! How a source or destination enters a registry: its name, its settings with their meaning, and how it is made of them.
//!
//! A connector brings one constant of these types. Command line, pipeline files, `dlt init`, completions, telemetry and
//! the reference pages know connectors from the lists of the crate `dlt` alone.

pub use crate::settings::Key;

use crate::destination::Destination;
use crate::error::Result;
use crate::settings::{Section, Table};
use crate::source::Source;
use std::path::Path;
use std::sync::Arc;

/// A kind of destination.
#[derive(Debug)]
pub struct DestinationConnector {
    /// The word for it, which begins what people write for one: `NAME`, `NAME:…`. It is [`Destination::type_name`], too.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// How a place is written, for hints: `duckdb:FILE`.
    pub form: &'static str,
    /// Beginnings of addresses that mean this destination without its name: `s3` of `s3://…`.
    pub schemes: &'static [&'static str],
    /// The settings below `[destination]`, without `type`.
    pub keys: &'static [Key],
    /// What `dlt init` writes below `type`: a comment a line, in which `{name}` stands for the source.
    pub template: &'static str,
    /// What `dlt init` adds to `secrets.toml`: a commented section, or nothing.
    pub secrets: &'static str,
    /// Patterns of files that git is to leave alone.
    pub ignored: &'static [&'static str],
    /// Endings of file names that are meant as this destination, where somebody leaves out its name.
    pub file_endings: &'static [&'static str],
    /// The settings that a text means which begins with the name (`NAME`, `NAME:…`, `NAME://…`) or with one of the schemes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] if it names no place.
    pub parse: fn(text: &str) -> Result<Table>,
    /// Puts into the settings what depends on where they were written, and for whom: relative paths are meant from
    /// `folder`, and what is not set may be named after the pipeline. What cannot be right is left to `open`.
    pub settle: fn(settings: &mut Table, folder: &Path, pipeline: &str),
    /// The destination that the settings make. It takes every key that it knows and finishes the section. Nothing is
    /// opened, reached or created; it is called to check settings, too.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place of what is wrong.
    pub open: fn(settings: Section) -> Result<Arc<dyn Destination>>,
    /// What follows the name where it is shown, without secrets: a text that `parse` understands has `NAME:` before it.
    /// Empty if the settings name no place.
    pub shown: fn(settings: &Table) -> String,
}

/// A kind of source.
#[derive(Debug)]
pub struct SourceConnector {
    /// The word for it.
    pub name: &'static str,
    /// What it loads, in a few words.
    pub about: &'static str,
    /// The settings below `[source]`, without `type`.
    pub keys: &'static [Key],
    /// The settings of tables within that section.
    pub nested: &'static [Nested],
    /// TOML of the whole section, for what the file leaves open; a file that has `unless` stands by itself.
    pub ready_made: Option<ReadyMade>,
    /// What `dlt init` writes below `type` in `[source]`. Headings are those of a file of its own: `[client]`.
    pub template: &'static str,
    /// What `dlt init` adds to `secrets.toml`: comments, or nothing.
    pub secrets: &'static str,
    /// Reads the section, whose paths are meant from the folder, and says how the source is made of it. It takes every key
    /// that it knows and finishes the section. Nothing is read or reached.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the place of what is wrong.
    pub read: fn(kind: &'static str, section: Section, folder: &Path) -> Result<Maker>,
}

/// The settings of a table that stands within a section, in one place or several.
#[derive(Clone, Copy, Debug)]
pub struct Nested {
    /// What it is called on the reference pages. Several whose `type` decides which settings there are have one name.
    pub name: &'static str,
    /// Its `type`, if that decides.
    pub kind: Option<&'static str>,
    /// Where it stands: keys with points between. `[]` behind a key stands for a list of such tables, the key `*` for any name.
    pub places: &'static [&'static str],
    /// The settings, without `type`.
    pub keys: &'static [Key],
}

impl Nested {
    /// A table whose settings are always the same.
    pub const fn new(name: &'static str, places: &'static [&'static str], keys: &'static [Key]) -> Self {
        Self { name, kind: None, places, keys }
    }

    /// A table of this `type`.
    pub const fn of_kind(
        name: &'static str,
        kind: &'static str,
        places: &'static [&'static str],
        keys: &'static [Key],
    ) -> Self {
        Self { name, kind: Some(kind), places, keys }
    }
}

/// A declaration that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyMade {
    /// The declaration, in TOML with comments for the person who will change it.
    pub config_toml: &'static str,
    /// The key with which a file declares everything by itself.
    pub unless: &'static str,
}

/// Makes a source; a new one for every run.
pub type Maker = Box<dyn Fn() -> Box<dyn Source> + Send + Sync>;
