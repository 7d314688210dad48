//! Tables that leave a schema, and a schema that takes the place of another.

use super::Schema;

/// Hashes of earlier versions that a schema keeps.
const MAX_PREVIOUS_HASHES: usize = 10;

impl Schema {
    /// Takes tables out. What is nested in them has to be among them.
    pub(crate) fn remove_tables(&mut self, names: &[String]) {
        for name in names {
            self.tables.shift_remove(name);
        }
        self.forget_tables_in_normalizers();
    }

    /// Takes out rules of normalizing for tables that are not there.
    pub(crate) fn forget_tables_in_normalizers(&mut self) {
        let path = ["config", "propagation", "tables"];
        let rules = path.into_iter().try_fold(self.normalizers.get_mut("json"), |at, key| Some(at?.get_mut(key)));
        if let Some(rules) = rules.flatten().and_then(|rules| rules.as_object_mut()) {
            rules.retain(|table, _| self.tables.contains_key(table));
        }
    }

    /// Copy with the tables of the contract alone.
    pub(crate) fn system_tables_only(&self) -> Self {
        let mut schema = self.clone();
        schema.tables.retain(|name, _| super::system::is_system(name));
        schema
    }

    /// Makes this schema the next version after `before`, whose place it takes.
    pub(crate) fn follow(&mut self, before: &Self) {
        if self.version_hash == before.version_hash {
            return;
        }
        self.version = self.version.max(before.version + 1);
        if !self.previous_hashes.contains(&before.version_hash) {
            self.previous_hashes.insert(0, before.version_hash.clone());
            self.previous_hashes.truncate(MAX_PREVIOUS_HASHES);
        }
    }
}
