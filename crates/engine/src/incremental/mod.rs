//! Incremental loading: a run takes what is new since the last one.
//!
//! A field of the items, the cursor, tells what is new. The highest (or lowest) value that was seen is kept in the state of
//! the source, in the form of the dataset contract, and committed with the rows. The next run leaves out what is below it.
//! Rows that have just that value may have been loaded, or may have come since: digests of those that were loaded are kept
//! with it.
//!
//! A filter stands in front of every resource that has an [`Incremental`]. JSON is skimmed for the cursor alone and stays
//! the text that it was; rows in columns are compared in columns.

mod bind;
mod cells;
mod digest;
mod in_arrow;
mod in_json;
mod interval;
mod lag;
mod position;
mod said;
#[cfg(test)]
mod tests;
mod tracker;

pub use crate::cursor::{Bound, CursorValue, Incremental, LastValue, OnMissing, RowOrder};
pub(crate) use bind::open;
pub use tracker::{RangeTexts, Tracker};
