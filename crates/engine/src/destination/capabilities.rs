//! What a destination can take, as far as the engine asks.
//!
//! What every destination must be able to do is no capability but the contract: all of a load in one transaction, Parquet
//! files as job files, columns that are added to tables.

use super::{Destination, ReplaceStrategy};
use crate::error::{Error, ErrorKind, Result};
use crate::notice::Notice;
use crate::schema::{MergeStrategy, Schema, Table, TableFormat, WriteDisposition};

/// What a destination can take. Begin with [`Capabilities::new`] and change what differs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// Characters of a table or column name, at least 32. Longer names are cut, with a digest of what was cut: asked for
    /// wherever a name is made. Default: no limit.
    pub max_identifier_length: usize,
    /// How it can merge rows. A table that is to be merged otherwise is refused before anything is read. Default: all ways.
    pub merge_strategies: &'static [MergeStrategy],
    /// Whether insert-only knows keys within the values of a column ([`Table::key_within`]). A table with such a key is refused
    /// otherwise. Default: no.
    pub keys_within: bool,
    /// In which formats it can keep tables besides its own, and how rows are merged there. A table of another format is refused
    /// before anything is read. Default: none, and what a table says of its format means nothing.
    pub table_formats: &'static [(TableFormat, &'static [MergeStrategy])],
    /// How it can replace tables. A run that asks for another way is refused before anything is read. Default: all
    /// but [`ReplaceStrategy::StagingOptimized`].
    pub replace_strategies: &'static [ReplaceStrategy],
    /// Columns of a table. Asked before a load begins; what was read stays as it is then. Default: no limit.
    pub max_columns: usize,
    /// What becomes of loads of several processes into one dataset at the same time. Default: they are not kept apart.
    pub concurrency: Concurrency,
}

/// What becomes of loads of several processes into one dataset at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrency {
    /// They take turns, and each sees what the one before it stored.
    Turns,
    /// One process opens the dataset at a time; another one fails.
    OneProcess,
    /// Their rows are all there. Of what two runs of one pipeline remember, one's can be lost.
    Unguarded,
}

impl Capabilities {
    /// A destination without limits.
    pub const fn new() -> Self {
        Self {
            max_identifier_length: usize::MAX,
            merge_strategies: &MergeStrategy::ALL,
            keys_within: false,
            table_formats: &[],
            replace_strategies: &[ReplaceStrategy::TruncateAndInsert, ReplaceStrategy::InsertFromStaging],
            max_columns: usize::MAX,
            concurrency: Concurrency::Unguarded,
        }
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the destination can load the table as it is declared or stored.
///
/// # Errors
/// [`ErrorKind::Config`] if not, with what it can do.
pub(crate) fn check(destination: &dyn Destination, table: &Table) -> Result<()> {
    let capabilities = destination.capabilities();
    let (name, place) = (&table.name, destination.type_name());
    let format = table.table_format();
    let formats = capabilities.table_formats;
    let of_format = formats.iter().find(|(known, _)| *known == format).map(|(_, strategies)| *strategies);
    if of_format.is_none() && format != TableFormat::Native && !formats.is_empty() {
        let known: Vec<_> = formats.iter().map(|(known, _)| format!("`{known}`")).collect();
        let what = format!("table `{name}` is to be kept in the table format `{format}`, which {place} cannot do");
        return Err(Error::new(ErrorKind::Config, what)
            .hint(format!("load into another table with {} or without a table format", known.join(" or "))));
    }
    if table.write_disposition == Some(WriteDisposition::Merge) {
        let strategy = table.merge_strategy()?;
        let known = of_format.unwrap_or(capabilities.merge_strategies);
        if !known.contains(&strategy) {
            let what = format!("table `{name}` is to be merged by {}, which {place} cannot do", strategy.name());
            let known: Vec<_> = known.iter().map(|known| known.name()).collect();
            return Err(Error::new(ErrorKind::Config, what).hint(match known.as_slice() {
                [] if of_format.is_none() && !formats.is_empty() => {
                    format!("use append or replace, or the table format `{}`", formats[0].0)
                }
                [] => "use append or replace".to_owned(),
                known => format!("set its merge strategy to {}", known.join(" or ")),
            }));
        }
    }
    if let Some(column) = table.key_within().first().filter(|_| !capabilities.keys_within) {
        let what = format!("table `{name}` has its key within the values of `{column}`, which {place} cannot do");
        return Err(Error::new(ErrorKind::Config, what).hint("make the column a part of the primary key"));
    }
    let columns = table.complete_columns().count();
    if columns > capabilities.max_columns {
        let max = capabilities.max_columns;
        let what = format!("table `{name}` has {columns} columns, and a table of {place} can have {max}");
        return Err(Error::new(ErrorKind::Config, what)
            .hint("a smaller max_nesting keeps nested data in fewer columns, as JSON"));
    }
    Ok(())
}

/// What to say of a table format that was given for a destination which has none.
pub(crate) fn format_without_meaning(destination: &dyn Destination, format: Option<TableFormat>) -> Option<Notice> {
    let format = format.filter(|format| *format != TableFormat::Native)?;
    destination.capabilities().table_formats.is_empty().then(|| {
        let place = destination.type_name();
        Notice::new(format!("{place} has no table formats: `{format}` means nothing there"))
            .hint("leave out `table_format`")
    })
}

/// Whether the destination can load a table as it was declared.
pub(crate) fn check_declared(destination: &dyn Destination, schema: &Schema, table: &str) -> Result<()> {
    schema.tables.get(table).map_or(Ok(()), |table| check(destination, table))
}
