//! Data that does not fit its table: what is refused, and what a contract leaves out.

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
    pub(super) fn note(&mut self, breach: &Breach, rows: u64, values: u64, row: &dyn Fn() -> String) {
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

/// The contract, in one form where it holds nothing back.
pub(super) fn in_one_form(contract: Contract) -> Contract {
    if contract.is_open() { Contract::All(Mode::Evolve) } else { contract }
}
