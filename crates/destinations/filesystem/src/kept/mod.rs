//! Tables that are kept in a format with a log of its own, which says which files are the table.
//!
//! What a load and a query ask of such a table is [`Kept`]; each format answers it in a module of its own. How rows become data files is
//! the same for all ([`write`]).

mod clock;
mod files;
mod names;
mod values;

pub(crate) use clock::now_millis;
pub(crate) use files::{DataFiles, Place, Written, write};
pub(crate) use names::{is_of_load, push_code, taken_back};
pub(crate) use values::{Column, Division, Form, converted};

use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::Store;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

/// How often others may be faster before it is given up.
pub(crate) const TRIES: usize = 100;

/// A file that the log names.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// Its path, as the log writes it.
    pub(crate) path: String,
    /// Its key below the table's folder.
    pub(crate) key: String,
    /// Values of columns that the file itself has not, as texts.
    pub(crate) partition: BTreeMap<String, Option<String>>,
}

/// What a load does to a table.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) load_id: &'a str,
    /// The table as the load has it.
    pub(crate) table: &'a Table,
    /// Whether the table begins anew: its columns are those of the load alone.
    pub(crate) is_new: bool,
    pub(crate) removal: Removal,
    /// The files of the load.
    pub(crate) adds: Vec<Written>,
}

/// Which files of the table go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    None,
    All,
    /// Those, by their paths as the log writes them; what was decided by the rows of a version that must still be the newest.
    These(Vec<String>),
}

/// What a load did to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It added files, and all others stayed.
    Added,
    /// It put files in the place of others.
    Replaced,
}

/// A table, as it was when it was looked at.
pub(crate) trait Kept: Debug + Send + Sync {
    /// The table's folder.
    fn store(&self) -> &Store;

    /// What it is called in messages: `the Delta table items`.
    fn title(&self) -> String;

    /// Its version; `None` if there is no table.
    fn version(&self) -> Option<u64>;

    /// Looks at it anew.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it cannot be understood, [`ErrorKind::Destination`] if it asks for what is not known; if the store fails.
    fn look(&mut self) -> Result<()> {
        self.look_without(&HashSet::new())
    }

    /// As [`Kept::look`], without the last versions if loads wrote them that are not committed.
    fn look_without(&mut self, pending: &HashSet<String>) -> Result<()>;

    /// Looks whether the table may be changed so, before anything is written.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if the table asks its writers for more than is known, or does not allow the change;
    /// [`ErrorKind::Data`] if a column is there with another type; [`ErrorKind::Config`] if it is to be divided in another way.
    fn check(&self, change: &Change<'_>) -> Result<()>;

    /// How rows with these columns become data files of the table, once the change is done.
    ///
    /// # Errors
    /// As [`Kept::check`].
    fn form(&self, change: &Change<'_>, columns: &[String]) -> Result<Form>;

    /// The files of the table.
    ///
    /// # Errors
    /// As [`Kept::look`].
    fn files(&self) -> Result<Vec<Listed>>;

    /// What the log holds that a load did, after a version; `None` if it did nothing.
    ///
    /// # Errors
    /// As [`Kept::look`].
    fn done_by(&self, load_id: &str, after: Option<u64>) -> Result<Option<Done>>;

    /// Takes files out of the table as it was looked at, by their paths: the next version of the log, which says that it takes back what a
    /// load did. False if others were faster.
    ///
    /// # Errors
    /// If the store fails.
    fn take_out(&self, load_id: &str, paths: Vec<String>) -> Result<bool>;

    /// Writes the next version of the log. False if others changed the table so that the files of the change must be written anew:
    /// the rows that it goes by are not the newest any more, or the columns are others.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if others change the table all the time; if the store fails.
    fn commit(&self, change: &Change<'_>) -> Result<bool>;

    /// Makes up for what may be missing behind the version that a load wrote before it was killed.
    ///
    /// # Errors
    /// If the store fails.
    fn finish(&self) -> Result<()> {
        Ok(())
    }
}

/// Others are faster all the time.
pub(crate) fn busy(title: &str) -> Error {
    Error::new(ErrorKind::Busy, format!("others changed {title} while it was written"))
        .hint("run the same command again")
}
