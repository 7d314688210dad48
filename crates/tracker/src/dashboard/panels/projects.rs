//! The projects that events belong to.

use dlt_engine::Error;

use super::{Asking, count, named, section};
use crate::dashboard::page::{Form, Section};
use crate::projects::DEFAULT;
use crate::store::schema::EVENTS;

/// Rows of the table.
const MAX_ROWS: u32 = 100;

/// Events and installs of each project; nothing where there is the default one alone.
pub(super) fn all(asking: &mut Asking<'_>) -> Result<Option<Section>, Error> {
    // Tables of an earlier version have none yet.
    if !asking.tables.are_current()? {
        return Ok(None);
    }
    let rows = asking.rows(&format!(
        "SELECT coalesce(project, '{DEFAULT}') AS project, count(*) AS events, \
                count(DISTINCT anonymous_id) AS installs \
         FROM {EVENTS} WHERE {} GROUP BY 1 ORDER BY events DESC, 1 LIMIT {MAX_ROWS}",
        asking.condition
    ))?;
    let is_named = |row: &dlt_engine::destination::Row| row.get("project").is_some_and(|name| name != DEFAULT);
    if !rows.iter().any(is_named) {
        return Ok(None);
    }
    Ok(Some(section(
        ("projects", "Projects"),
        "Whose events they are, by the write keys that they came with.",
        &[("project", "Project"), ("events", "Events"), ("installs", "Installs")],
        rows.iter().map(|row| vec![named(row, "project"), count(row, "events"), count(row, "installs")]).collect(),
        Form::Table,
    )))
}
