//! Says what stands in another place than a person would look for it: tables and keys whose name belongs to another, and
//! values that their column cannot hold.

use crate::naming::{Convention, Naming};
use crate::normalize::Renamed;
use crate::notice::{Notice, Notices};
use std::collections::BTreeSet;

/// What stands apart in a run.
pub(crate) struct Apart {
    naming: Naming,
    tables: Vec<String>,
    keys: Vec<String>,
    values: Vec<String>,
}

impl Apart {
    pub(crate) fn new(naming: Naming) -> Self {
        Self { naming, tables: Vec::new(), keys: Vec::new(), values: Vec::new() }
    }

    /// Looks at the name that a table was given, and at the one it has.
    pub(crate) fn see_table(&mut self, given: &str, name: &str) {
        let plain = self.naming.normalize_path(given);
        if self.naming.folded(&plain) != self.naming.folded(name) {
            self.tables.push(format!("table `{given}` is `{name}`: `{plain}` is another table"));
        }
    }

    /// Takes the keys that normalizing named apart.
    pub(crate) fn see_keys(&mut self, keys: Renamed) {
        let told =
            keys.into_iter().map(|(table, keys, name)| format!("`{}` in table `{table}` is `{name}`", keys.join(".")));
        self.keys.extend(told);
    }

    /// Takes the variant columns that got values, each with its table.
    pub(crate) fn see_variants(&mut self, variants: BTreeSet<(String, String)>) {
        self.values.extend(variants.into_iter().map(|(table, column)| format!("`{column}` in table `{table}`")));
    }

    /// Says it, if there is something to say.
    pub(crate) fn say(self, notices: &Notices) {
        let hint = match self.naming.convention() {
            Convention::DuckCase | Convention::Direct => "rename them to choose the names yourself",
            _ => "`--naming duck_case` or `naming = \"duck_case\"` keeps all letters, in a dataset without data",
        };
        let several =
            |count: usize, one: &str, more: &str| if count == 1 { one.to_owned() } else { format!("{count} {more}") };
        if !self.tables.is_empty() {
            let who = several(self.tables.len(), "a table has", "tables have");
            let message = format!("{who} a name with a tag, because the name without it belongs to another table");
            notices.say(Notice::new(message).hint(hint).details(self.tables));
        }
        if !self.keys.is_empty() {
            let who = several(self.keys.len(), "a key has", "keys have");
            let message = format!("{who} a name with a tag, because the name without it belongs to another key");
            notices.say(Notice::new(message).hint(hint).details(self.keys));
        }
        if let Some(first) = self.values.first() {
            let others = match self.values.len() - 1 {
                0 => String::new(),
                1 => " and another column".to_owned(),
                others => format!(" and {others} other columns"),
            };
            let message = format!("values that their column cannot hold unchanged are in {first}{others}");
            let hint = "a column has the type of its first value; `-v` lists all such columns";
            notices.say(Notice::new(message).hint(hint).details(self.values));
        }
    }
}
