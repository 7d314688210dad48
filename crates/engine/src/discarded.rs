//! What a contract left out of a load: counted, and said once.

use crate::notice::Notice;
use crate::notices::Notices;
use crate::schema::{Entity, Mode, allowing};
use serde::{Deserialize, Serialize};

/// Rows or values that a contract left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Discarded {
    /// The table that they would have been in.
    pub table: String,
    /// The column that the table lacks, or whose type they do not have; `None` where the table itself is not to be made.
    pub column: Option<String>,
    /// What the contract holds fast there.
    pub entity: Entity,
    /// [`Mode::DiscardRow`] or [`Mode::DiscardValue`].
    pub mode: Mode,
    /// Rows that were left out, without those nested in them.
    pub rows: u64,
    /// Values that were left out of rows that were loaded.
    pub values: u64,
}

impl Discarded {
    /// Nothing yet.
    pub(crate) fn none(table: &str, column: Option<&str>, entity: Entity, mode: Mode) -> Self {
        Self { table: table.to_owned(), column: column.map(str::to_owned), entity, mode, rows: 0, values: 0 }
    }

    /// Why: `` `colour` is no column of table `items` ``.
    pub(crate) fn reason(&self) -> String {
        let Self { table, column, .. } = self;
        match (column, self.entity) {
            (None, _) => format!("table `{table}` is not in the dataset"),
            (Some(column), Entity::DataType) => {
                format!("column `{column}` of table `{table}` cannot hold the value")
            }
            (Some(column), _) => format!("table `{table}` has no column `{column}`"),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.table, &self.column, self.entity, self.mode) == (&other.table, &other.column, other.entity, other.mode)
    }

    /// Adds counts to those of the same table, column and reason.
    pub(crate) fn add_to(self, all: &mut Vec<Self>) {
        match all.iter_mut().find(|known| known.is_like(&self)) {
            Some(known) => {
                known.rows += self.rows;
                known.values += self.values;
            }
            None => all.push(self),
        }
    }
}

/// Says what was left out; `kept_in` is the table that has it all the same.
pub(crate) fn say(all: &[Discarded], kept_in: Option<&str>, notices: &Notices) {
    let rows: u64 = all.iter().map(|one| one.rows).sum();
    let values: u64 = all.iter().map(|one| one.values).sum();
    let counted = |count: u64, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        several => Some(format!("{several} {one}s")),
    };
    let told: Vec<String> = [counted(rows, "row"), counted(values, "value")].into_iter().flatten().collect();
    let Some(first) = all.first().filter(|_| !told.is_empty()) else { return };
    let are = if rows + values == 1 { "was" } else { "were" };
    let others = match all.len() - 1 {
        0 => String::new(),
        1 => ", and for another reason".to_owned(),
        more => format!(", and for {more} other reasons"),
    };
    let message = format!("{} {are} left out by the schema contract: {}{others}", told.join(" and "), first.reason());
    let kept = match kept_in {
        Some(table) => format!("table `{table}` has them with their lines"),
        None => "--rejected TABLE keeps them in a table, in a pipeline file: rejected = \"TABLE\"".to_owned(),
    };
    let details = all.iter().map(|one| {
        let counts: Vec<String> =
            [counted(one.rows, "row"), counted(one.values, "value")].into_iter().flatten().collect();
        format!("{} ({}: {}): {}", one.reason(), one.entity, one.mode, counts.join(" and "))
    });
    let hint = format!("{kept}; {} lets the schema grow", allowing(first.entity));
    notices.say(Notice::new(message).hint(hint).details(details));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said_once_with_its_reasons() {
        let mut all = Vec::new();
        let one = |column: &str, rows, values| Discarded {
            rows,
            values,
            ..Discarded::none("t", Some(column), Entity::Columns, Mode::DiscardRow)
        };
        for found in [one("a", 1, 0), one("a", 2, 0), one("b", 0, 1)] {
            found.add_to(&mut all);
        }
        assert_eq!((all.len(), all[0].rows), (2, 3));
        let notices = Notices::default();
        say(&all, None, &notices);
        let said = notices.said();
        assert_eq!(said.len(), 1);
        assert_eq!(
            said[0].message,
            "3 rows and 1 value were left out by the schema contract: table `t` has no column `a`, and for another reason"
        );
        assert_eq!(said[0].details.len(), 2);
        say(&[], None, &notices);
        assert_eq!(notices.said().len(), 1);
    }
}
