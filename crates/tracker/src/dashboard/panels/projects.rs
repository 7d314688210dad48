//! The projects that events belong to.

use super::installs::MAX_ROWS;
use super::section;
use crate::dashboard::page::{Cell, Form, Section};
use crate::projects::DEFAULT;

/// Events and installs of each project; nothing where there is the default one alone.
pub(super) fn all(mut found: Vec<(String, u64, u64)>) -> Option<Section> {
    if !found.iter().any(|(name, ..)| name != DEFAULT) {
        return None;
    }
    found.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.0.cmp(&other.0)));
    let row = |(name, installs, events): &(String, u64, u64)| {
        vec![Cell::Text(name.clone()), Cell::Count(*events), Cell::Count(*installs)]
    };
    Some(section(
        ("projects", "Projects"),
        "Whose events they are, by the write keys that they came with.",
        &[("project", "Project"), ("events", "Events"), ("installs", "Installs")],
        found.iter().take(MAX_ROWS).map(row).collect(),
        Form::Table,
    ))
}
