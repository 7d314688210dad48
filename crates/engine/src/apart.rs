//! Says what stands in another place than a person would look for it, or in none: tables and keys whose name belongs to
//! another, values that their column cannot hold, and keys that an object has twice.

use crate::naming::{Convention, Naming};
use crate::normalize::{Renamed, RepeatedKeys};
use crate::notice::Notice;
use crate::notices::Notices;
use std::collections::BTreeSet;

/// What stands apart in a run.
pub(crate) struct Apart {
    naming: Naming,
    tables: Vec<String>,
    keys: Vec<String>,
    values: Vec<String>,
    repeated: Option<RepeatedKeys>,
}

impl Apart {
    pub(crate) fn new(naming: Naming) -> Self {
        Self { naming, tables: Vec::new(), keys: Vec::new(), values: Vec::new(), repeated: None }
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

    /// Takes the keys that objects had twice.
    pub(crate) fn see_repeated(&mut self, repeated: Option<RepeatedKeys>) {
        self.repeated = repeated;
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
        if let Some(RepeatedKeys { count, first: (key, input, line) }) = self.repeated {
            let others = if count == 1 { String::new() } else { format!("; {count} such keys in all") };
            let message =
                format!("an object has the key `{key}` twice ({input}, line {line}{others}): the last value is kept");
            notices.say(Notice::new(message).hint("give one of the two another name to keep both"));
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
