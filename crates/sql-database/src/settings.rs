//! What is said of a database beside its address.

use crate::table::{Kind, Level, SqlColumn, SqlTable};
use dlt_engine::incremental::Incremental;
use dlt_engine::source::TableHints;

/// Rows of a batch at most, unless it is set.
const CHUNK_SIZE: usize = 50_000;

/// See the methods of [`crate::SqlDatabase`].
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) schema: Option<String>,
    pub(crate) tables: Vec<SqlTable>,
    pub(crate) include_views: bool,
    pub(crate) chunk_size: usize,
    pub(crate) level: Level,
    /// Whether tables are those of Python dlt's backend `pyarrow`.
    pub(crate) is_pyarrow: bool,
    pub(crate) resolve_foreign_keys: bool,
    /// What holds for all tables.
    pub(crate) hints: TableHints,
    pub(crate) incremental: Option<Incremental>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema: None,
            tables: Vec::new(),
            include_views: false,
            chunk_size: CHUNK_SIZE,
            level: Level::Full,
            is_pyarrow: false,
            resolve_foreign_keys: false,
            hints: TableHints::default(),
            incremental: None,
        }
    }
}

impl Settings {
    /// What a column is handed over as, where nobody says more of it.
    pub(crate) fn kind_of(&self, column: &SqlColumn) -> Kind {
        match column.kind_at(self.level) {
            // Documents are not taken apart on that way.
            Kind::NestedJson if self.is_pyarrow => Kind::Json,
            kind => kind,
        }
    }
}
