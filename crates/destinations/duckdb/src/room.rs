//! Memory of a load: how many threads a wide table may be written with, and what to say where the limit is too small.

use crate::failure::{explain, is_of_memory, raise_limit};
use dlt_engine::schema::Schema;
use dlt_engine::{Error, Result};
use duckdb::Connection;

/// What DuckDB holds for a column while rows are added: a block of values and one of what is null, 256 KiB each, however
/// few rows there are. Each thread has its own.
const COLUMN_BYTES: u64 = 512 << 10;
/// Until the commit it keeps at least so much of a column that got rows.
const KEPT_COLUMN_BYTES: u64 = 64 << 10;
/// Bytes that all threads together may hold for one table. More threads than fit would take more memory than they save
/// time.
const BYTES_AT_ONCE: u64 = 256 << 20;
/// What a load of a few columns needs.
const BASE_BYTES: u64 = 128 << 20;
const STEP: u64 = 256_000_000;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Threads that the database was opened with.
    threads: u64,
    /// The limit that somebody has set.
    limit: Option<u64>,
    /// Columns of the widest table, and of all tables.
    widest: u64,
    columns: u64,
    is_narrow: bool,
}

impl Room {
    pub(crate) fn new(threads: u64, limit: Option<u64>) -> Self {
        Self { threads, limit, widest: 0, columns: 0, is_narrow: false }
    }

    /// Takes note of what will be loaded.
    pub(crate) fn plan(&mut self, schema: &Schema) {
        let widths = || schema.tables.values().map(|table| table.complete_columns().count() as u64);
        self.widest = widths().max().unwrap_or(0);
        self.columns = widths().sum();
    }

    /// Threads that add rows to a table of so many columns.
    fn threads_for(&self, columns: u64) -> u64 {
        (BYTES_AT_ONCE / (columns.max(1) * COLUMN_BYTES)).clamp(1, self.threads.max(1))
    }

    /// Lets fewer threads write tables of so many columns. A single one writes in the order of the rows: what else it would first
    /// gather apart goes straight to where it stays.
    pub(crate) fn narrow(&mut self, connection: &Connection, columns: usize) -> Result<()> {
        let threads = self.threads_for(columns as u64);
        if threads == self.threads {
            return Ok(());
        }
        self.is_narrow = true;
        let order = if threads == 1 { "; SET SESSION preserve_insertion_order = true" } else { "" };
        connection
            .execute_batch(&format!("SET GLOBAL threads = {threads}{order}"))
            .map_err(|error| explain("prepare a wide table", &error))
    }

    /// Takes back what [`Room::narrow`] did. Where a failure has ended the transaction that is refused; then the load calls
    /// this once more after its end.
    pub(crate) fn widen(&mut self, connection: &Connection) {
        if self.is_narrow {
            let threads = self.threads;
            let all = format!("SET GLOBAL threads = {threads}; SET SESSION preserve_insertion_order = false");
            self.is_narrow = connection.execute_batch(&all).is_err();
        }
    }

    /// Says, of a failure for want of memory, how much would do.
    pub(crate) fn tell_need(&self, error: Error) -> Error {
        if is_of_memory(&error) { error.hint(raise_limit(&self.need())) } else { error }
    }

    /// A limit that is enough for the tables, and more than the one that was not.
    fn need(&self) -> String {
        let tables = BASE_BYTES + 2 * self.widest * COLUMN_BYTES + self.columns * KEPT_COLUMN_BYTES;
        let bytes = tables.max(self.limit.unwrap_or(0).saturating_mul(2));
        let steps = bytes.div_ceil(STEP);
        match steps * STEP {
            bytes if bytes.is_multiple_of(1_000_000_000) => format!("{} GB", bytes / 1_000_000_000),
            bytes => format!("{} MB", bytes / 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_tables_have_fewer_threads() {
        let room = Room::new(8, None);
        assert_eq!([1, 40, 64, 128, 300, 5_000].map(|columns| room.threads_for(columns)), [8, 8, 8, 4, 1, 1]);
    }

    #[test]
    fn the_need_grows_with_columns_and_past_what_was_too_little() {
        let need = |limit, widest, columns| Room { widest, columns, ..Room::new(2, limit) }.need();
        assert_eq!(need(None, 10, 10), "256 MB");
        assert_eq!(need(Some(64 << 20), 700, 720), "1024 MB");
        assert_eq!(need(Some(1_000_000_000), 10, 10), "2048 MB");
    }
}
