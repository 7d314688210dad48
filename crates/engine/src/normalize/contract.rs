//! Where data meets the contract of its table: what may be added is added, the rest is refused, or left out and noted.

use super::layout::{Layout, NONE, TableRows};
use crate::discarded::Discarded;
use crate::schema::{Contract, DataType, Entity, Mode, allowing};
use std::collections::BTreeMap;

/// Reasons that are told apart; data whose keys are data would have any number of them.
pub(crate) const MOST_REASONS: usize = 1_000;

/// A value that has no place in its column, nor in a variant beside it.
#[derive(Debug, PartialEq)]
pub(crate) struct NoPlace {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) value_type: DataType,
    pub(crate) column_type: DataType,
    /// Whether the column needs a value in every row, so that there can be no variant.
    pub(crate) is_required: bool,
}

/// Data that would change what a contract holds fast.
#[derive(Debug, PartialEq)]
pub(crate) struct Breach {
    pub(crate) table: String,
    /// `None` where the table itself is new.
    pub(crate) column: Option<String>,
    pub(crate) entity: Entity,
    pub(crate) mode: Mode,
    /// Of the value, and of the column that cannot hold it.
    pub(crate) types: Option<(DataType, DataType)>,
}

/// Why a row cannot be loaded.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    NoPlace(NoPlace),
    Frozen(Breach),
}

impl Refusal {
    /// What is wrong, and what to do about it.
    pub(super) fn told(&self) -> (String, String) {
        match self {
            Self::NoPlace(no_place) => {
                let (what, hint) = no_place.told();
                (what, hint.to_owned())
            }
            Self::Frozen(breach) => {
                let hint = format!("correct the data, or let the schema grow: {}", allowing(breach.entity));
                (breach.told(), hint)
            }
        }
    }
}

impl NoPlace {
    /// What is wrong, and what to do about it.
    pub(super) fn told(&self) -> (String, &'static str) {
        let Self { table, column, value_type, column_type, is_required } = self;
        let what = format!(
            "a value of type {value_type} does not fit column `{column}` of table `{table}`, which is {column_type}"
        );
        let hint = match is_required {
            true => "each row needs a value there: correct the data, or name another key",
            false => "name the key otherwise, or load into another table",
        };
        (what, hint)
    }
}

impl Breach {
    fn told(&self) -> String {
        let Self { table, entity, .. } = self;
        match (&self.column, self.types) {
            (Some(column), Some((value, of))) => format!(
                "a value of type {value} does not fit column `{column}` of table `{table}`, which is {of}, and the contract \
                 freezes {entity}"
            ),
            (Some(column), None) => {
                format!("table `{table}` has no column `{column}`, and the contract freezes its {entity}")
            }
            (None, _) => format!("table `{table}` is not in the dataset, and the contract freezes {entity}"),
        }
    }
}

/// A row that was left out, or that a value was left out of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RejectedRow {
    /// Where it is in the chunk: its first byte, or the number of the row.
    pub(crate) at: u64,
    pub(crate) table: String,
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
    /// As JSON.
    pub(crate) row: String,
}

/// What contracts left out of a chunk.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    counts: BTreeMap<(String, Option<String>, Entity, Mode), Discarded>,
    /// With their text, where that is asked for.
    pub(crate) rows: Vec<RejectedRow>,
    pub(crate) keeps_rows: bool,
    /// Where the item that is read begins.
    pub(crate) at: u64,
}

impl LeftOut {
    fn note(&mut self, breach: &Breach, rows: u64, values: u64, row: &dyn Fn() -> String) {
        let column = breach.column.clone().filter(|_| self.counts.len() < MOST_REASONS);
        let key = (breach.table.clone(), column, breach.entity, breach.mode);
        let count = self.counts.entry(key).or_insert_with_key(|(table, column, entity, mode)| {
            Discarded::none(table, column.as_deref(), *entity, *mode)
        });
        count.rows += rows;
        count.values += values;
        if self.keeps_rows {
            let reason = Discarded::none(&breach.table, breach.column.as_deref(), breach.entity, breach.mode).reason();
            self.rows.push(RejectedRow {
                at: self.at,
                table: breach.table.clone(),
                column: breach.column.clone(),
                reason,
                row: row(),
            });
        }
    }

    /// The counts and the rows so far; both are empty afterwards.
    pub(crate) fn take(&mut self) -> (Vec<Discarded>, Vec<RejectedRow>) {
        let counts = std::mem::take(&mut self.counts).into_values().collect();
        (counts, std::mem::take(&mut self.rows))
    }
}

impl TableRows {
    /// Whether any column may be added to the row that begins: those of a table's first rows may.
    pub(crate) fn takes_all_columns(&self) -> bool {
        self.evolves_once || self.columns.is_empty()
    }
}

impl Layout {
    /// What is to be done with a column that the table lacks (or a variant, or the table), where it may not be made.
    #[inline]
    pub(crate) fn barred(&self, table: usize, column: &str, entity: Entity) -> Option<Mode> {
        let contract = self.tables[table].contract;
        if contract == Contract::All(Mode::Evolve) {
            return None;
        }
        let mode = contract.mode(entity);
        let is_free = entity == Entity::Columns && self.takes_all_columns || column.starts_with("_dlt");
        (mode != Mode::Evolve && !is_free).then_some(mode)
    }

    /// Notes that a value of the row under way breaks the contract.
    ///
    /// # Errors
    /// Where the contract freezes it.
    pub(crate) fn break_contract(
        &mut self,
        table: usize,
        column: &str,
        mode: Mode,
        types: Option<(DataType, DataType)>,
    ) -> Result<(), Refusal> {
        let entity = if types.is_some() { Entity::DataType } else { Entity::Columns };
        let table = self.tables[table].name.clone();
        let breach = Breach { table, column: Some(column.to_owned()), entity, mode, types };
        match mode {
            Mode::Freeze => Err(Refusal::Frozen(breach)),
            _ => {
                self.breaches.push(breach);
                Ok(())
            }
        }
    }

    /// Settles what was noted of a row; true if the row is to be left out.
    pub(crate) fn settle_breaches(&mut self, row: &dyn Fn() -> String) -> bool {
        let breaches = std::mem::take(&mut self.breaches);
        if let Some(first) = breaches.iter().find(|breach| breach.mode == Mode::DiscardRow) {
            self.left_out.note(first, 1, 0, row);
            return true;
        }
        breaches.iter().for_each(|breach| self.left_out.note(breach, 0, 1, row));
        false
    }

    /// Leaves rows out of a table that may not be made.
    ///
    /// # Errors
    /// Where the contract freezes tables.
    pub(crate) fn leave_out_table(
        &mut self,
        table: usize,
        rows: &mut dyn Iterator<Item = String>,
    ) -> Result<(), Refusal> {
        let of = &self.tables[table];
        let mode = of.contract.mode(Entity::Tables);
        let breach = Breach { table: of.name.clone(), column: None, entity: Entity::Tables, mode, types: None };
        if mode == Mode::Freeze {
            return if rows.next().is_some() { Err(Refusal::Frozen(breach)) } else { Ok(()) };
        }
        rows.for_each(|row| self.left_out.note(&breach, 1, 0, &|| row.clone()));
        Ok(())
    }

    /// The number of the root row that a row hangs on.
    pub(crate) fn root_row(&self, table: usize, row: usize) -> usize {
        let (mut table, mut row) = (table, row);
        while self.tables[table].parent != NONE {
            let of = &self.tables[table];
            (table, row) = (of.parents[of.parent_tables[row] as usize], of.parent_rows[row] as usize);
        }
        row
    }

    /// Rows nested in rows that are dropped are dropped with them.
    pub(crate) fn drop_nested(&mut self) {
        for at in self.parents_first() {
            if self.tables[at].is_root() {
                continue;
            }
            let of = &self.tables[at];
            let is_dropped = |row: &usize| {
                let parent = of.parents[of.parent_tables[*row] as usize];
                self.tables[parent].dropped.contains(&(of.parent_rows[*row] as usize))
            };
            let more: Vec<usize> = (0..of.rows).filter(is_dropped).collect();
            self.tables[at].dropped.extend(more);
        }
    }
}
