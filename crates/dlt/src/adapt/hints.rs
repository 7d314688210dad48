//! How tables are written, said in one word.

use std::fmt::Debug;

use dlt_engine::schema::{MergeStrategy, WriteDisposition};
use dlt_engine::source::TableHints;

/// A write disposition, or a merge strategy, which implies the disposition.
pub trait IntoDisposition: Debug + Send + 'static {
    /// Puts it into the hints of a table.
    fn put_into(&self, hints: &mut TableHints);
}

impl IntoDisposition for WriteDisposition {
    fn put_into(&self, hints: &mut TableHints) {
        hints.disposition = Some(*self);
    }
}

impl IntoDisposition for MergeStrategy {
    fn put_into(&self, hints: &mut TableHints) {
        hints.disposition = Some(WriteDisposition::Merge);
        hints.merge_strategy = Some(*self);
    }
}
