//! Where it runs.

use dlt_engine::Error;
use dlt_engine::destination::Row;

use super::{Asking, count, named, section};
use crate::dashboard::page::{Form, Section};
use crate::store::schema::EVENTS;

/// Rows of a table.
const MAX_ROWS: u32 = 30;

pub(super) fn all(asking: &mut Asking<'_>) -> Result<Vec<Section>, Error> {
    let cores = "CASE WHEN cpu >= 32 THEN '32 and more' WHEN cpu >= 16 THEN '16 to 31' WHEN cpu >= 8 THEN '8 to 15' \
         WHEN cpu >= 4 THEN '4 to 7' WHEN cpu >= 2 THEN '2 and 3' WHEN cpu IS NOT NULL THEN '1' END";
    let ci = "CASE WHEN ci_run THEN 'continuous integration' WHEN NOT ci_run THEN 'elsewhere' END";
    let system = "concat(coalesce(os_name, 'not told'), ' ', coalesce(os_version, ''))";
    let runtime = "CASE WHEN python_version IS NOT NULL THEN concat('Python ', python_version) \
         WHEN runtime_name IS NOT NULL THEN concat(runtime_name, ' ', coalesce(runtime_version, '')) END";
    let own = |asking: &mut Asking<'_>, id, title: &str, note: &str, value: &str| {
        shares(asking, (id, title), note, value, "")
    };
    let lateral = asking.dialect().words_of_exec_info();
    Ok(vec![
        own(asking, "os", "Operating systems", "", "os_name")?,
        own(asking, "os_versions", "Their versions", "", system)?,
        own(asking, "cpu", "Cores", "That the program may use.", cores)?,
        own(asking, "ci", "Continuous integration", "", ci)?,
        shares(
            asking,
            ("exec_info", "Environments"),
            "Words that clients have for where they run; an install can have several.",
            "CASE WHEN word = '' THEN 'none of them' ELSE word END",
            lateral,
        )?,
        own(asking, "runtimes", "Runtimes", "", runtime)?,
    ])
}

fn shares(
    asking: &mut Asking<'_>,
    title: (&'static str, &str),
    note: &str,
    value: &str,
    joined: &str,
) -> Result<Section, Error> {
    let condition = asking.condition.clone();
    let rows = asking.rows(&format!(
        "SELECT {value} AS value, count(DISTINCT anonymous_id) AS installs, count(*) AS events \
         FROM {EVENTS}{joined} WHERE {condition} GROUP BY 1 ORDER BY installs DESC, events DESC, 1 LIMIT {MAX_ROWS}"
    ))?;
    let row = |row: &Row| vec![named(row, "value"), count(row, "installs"), count(row, "events")];
    Ok(section(
        title,
        note,
        &[("value", "Value"), ("installs", "Installs"), ("events", "Events")],
        rows.iter().map(row).collect(),
        Form::Bars,
    ))
}
