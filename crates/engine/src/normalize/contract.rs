//! Where data meets the contract of its table: what may be added is added, the rest is refused, or left out and noted.

use super::breach::{Breach, Refusal};
use super::layout::{Layout, NONE, TableRows};
use crate::schema::{Contract, DataType, Entity, Mode};

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
