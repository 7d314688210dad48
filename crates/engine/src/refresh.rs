//! Refresh: a run that begins anew, with what it replaces dropped in its own transaction.
//!
//! The schema and the state that the run goes on with lack what is refreshed; which tables of the destination have to go
//! is noted in the load package, and done when the package is loaded. A load that fails drops nothing.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::Schema;
use crate::selection::Selection;
use crate::source::Source;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What of the data that is there a run begins anew with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// All tables of the source and all that it remembers, whatever this run reads of it. The schema begins at version 1.
    DropSources,
    /// The tables of the resources that this run reads, and what these resources remember.
    DropResources,
    /// The rows of the tables of the resources that this run reads, and what these resources remember. The tables stay.
    DropData,
}

impl Refresh {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::DropSources, Self::DropResources, Self::DropData];

    /// The word for it: `drop_sources`, `drop_resources`, `drop_data`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DropSources => "drop_sources",
            Self::DropResources => "drop_resources",
            Self::DropData => "drop_data",
        }
    }
}

/// What a package refreshes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refreshed {
    pub(crate) mode: Refresh,
    /// Resources that the run reads.
    pub(crate) resources: Vec<String>,
    /// Tables that the load drops before it does anything else.
    pub(crate) dropped: Vec<String>,
    /// Tables that the load empties before it writes rows.
    pub(crate) emptied: Vec<String>,
}

impl Refreshed {
    /// A refresh of what `source` reads.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the source cannot tell beforehand what it reads, and the mode asks for that.
    pub(crate) fn of(mode: Refresh, source: &mut dyn Source) -> Result<Self> {
        let resources = match (mode, source.resource_names()?) {
            (_, Some(names)) => names,
            (Refresh::DropSources, None) => Vec::new(),
            (mode, None) => {
                let what = format!("{} needs the names of the resources, which this source cannot tell", mode.name());
                return Err(Error::new(ErrorKind::Config, what)
                    .hint("drop_sources needs none; a source of your own tells them by `Source::resource_names`"));
            }
        };
        Ok(Self { mode, resources, dropped: Vec::new(), emptied: Vec::new() })
    }

    /// Takes what is refreshed out of the schema and of what the source remembers, and notes which tables have to go.
    ///
    /// # Errors
    /// None that come from the names of resources: they are taken as they are.
    pub(crate) fn apply(&mut self, schema: &mut Schema, source_state: &mut Map<String, Value>) -> Result<()> {
        let mut before = schema.clone();
        let selection = Selection {
            all: self.mode == Refresh::DropSources,
            // Names of resources, none of which is a pattern, whatever it looks like.
            resources: self.resources.iter().map(|name| exactly(name)).collect(),
            ..Selection::default()
        };
        let selected = selection.take(schema, source_state)?;
        match self.mode {
            Refresh::DropSources => {
                let mut fresh = Schema::new(&schema.name);
                // What was chosen for the dataset is no part of its data.
                std::mem::swap(&mut fresh.normalizers, &mut before.normalizers);
                fresh.forget_tables_in_normalizers();
                *schema = fresh;
                source_state.clear();
                self.dropped = selected.tables_with_data;
            }
            Refresh::DropResources => self.dropped = selected.tables_with_data,
            Refresh::DropData => {
                *schema = before;
                self.emptied = selected.tables_with_data;
            }
        }
        Ok(())
    }
}

fn exactly(name: &str) -> String {
    if name.starts_with("re:") { format!("re:{}$", regex::escape(name)) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::schema::{Table, WriteDisposition};
    use serde_json::json;

    #[test]
    fn each_mode_takes_its_own() {
        let mut shop = Schema::new("shop");
        for name in ["orders", "users", "re:x"] {
            let mut table = Table::root(name, name, WriteDisposition::Append);
            table.mark_seen();
            shop.tables.insert(name.into(), table);
        }
        shop.bump_version();
        let state = json!({"resources": {"orders": {"at": 1}, "users": {"k": 1}}, "top": 1});
        for (mode, resource, dropped, emptied, left, tables) in [
            (Refresh::DropSources, "users", vec!["orders", "users", "re:x"], vec![], json!({}), 0),
            (
                Refresh::DropResources,
                "users",
                vec!["users"],
                vec![],
                json!({"resources": {"orders": {"at": 1}}, "top": 1}),
                2,
            ),
            (Refresh::DropResources, "re:x", vec!["re:x"], vec![], state.clone(), 2),
            (
                Refresh::DropData,
                "users",
                vec![],
                vec!["users"],
                json!({"resources": {"orders": {"at": 1}}, "top": 1}),
                3,
            ),
        ] {
            let (mut schema, mut state) = (shop.clone(), state.as_object().unwrap().clone());
            let mut refreshed =
                Refreshed { mode, resources: vec![resource.into()], dropped: Vec::new(), emptied: Vec::new() };
            refreshed.apply(&mut schema, &mut state).unwrap();
            assert_eq!(
                (&refreshed.dropped[..], &refreshed.emptied[..]),
                (
                    &dropped.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..],
                    &emptied.iter().map(|t: &&str| (*t).to_owned()).collect::<Vec<_>>()[..]
                ),
                "{mode:?}"
            );
            assert_eq!(Value::Object(state), left, "{mode:?}");
            assert_eq!(schema.data_tables().count(), tables, "{mode:?}");
        }
    }
}
