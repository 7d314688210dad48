//! `dlt pipeline NAME drop`: resources leave the dataset.

use dlt::Selection;
use dlt::telemetry::Telemetry;

use super::known::place_of;
use crate::args::Drop;
use crate::confirm::confirmed;
use crate::exit::{Failure, Outcome};
use crate::printer::BOLD;
use crate::settings::Settings;

pub(crate) fn drop(name: &str, arguments: &Drop, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    if arguments.resources.is_empty() && arguments.state_paths.is_empty() && !arguments.drop_all {
        return Err(Failure::usage("nothing was named that is to be dropped").hint(format!(
            "name resources (`dlt pipeline {name} info` lists them), or say --drop-all or --state-paths"
        )));
    }
    let pipeline = place_of(name, &arguments.place, settings, telemetry)?;
    let selection = Selection {
        resources: arguments.resources.clone(),
        all: arguments.drop_all,
        state_paths: arguments.state_paths.clone(),
        state_only: arguments.state_only,
    };
    let plan = pipeline.plan_drop(arguments.schema.as_deref(), &selection)?;
    let selected = &plan.selected;
    if let Some(unmet) = selected.unmet.iter().find(|unmet| selection.resources.contains(unmet)) {
        let failure = Failure::usage(format!("schema `{}` has no resource `{unmet}`", plan.schema));
        let known = plan.known_resources.iter().map(String::as_str);
        return Err(failure.hint(match (dlt::suggest(unmet, known), plan.known_resources.is_empty()) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, true) => "it has none".to_owned(),
            (None, false) => format!("its resources are {}", plan.known_resources.join(", ")),
        }));
    }
    if let Some(path) = selected.unmet.first() {
        return Err(Failure::usage(format!("the state of source `{}` has nothing at `{path}`", plan.schema))
            .hint(format!("`dlt -v pipeline {name} info` shows it")));
    }
    if selected.is_empty() {
        printer.note(&format!("Schema {} has nothing of that any more.", plan.schema));
        return Ok(());
    }
    let place = format!("dataset {} in {}", pipeline.dataset_name(), pipeline.destination()?.location());
    printer.note(&format!("{BOLD}To be dropped from {place}{BOLD:#}"));
    let line = |what: &str, names: &[String]| {
        if !names.is_empty() {
            printer.note(&format!("  {what:<16} {}", names.join(", ")));
        }
    };
    line("schema", std::slice::from_ref(&plan.schema));
    line("resources", &selected.resources);
    line("tables", &selected.tables);
    let without: Vec<_> =
        selected.tables.iter().filter(|table| !selected.tables_with_data.contains(table)).cloned().collect();
    line("not loaded yet", &without);
    line("state of", &selected.resource_states);
    line("state at", &selected.state_paths);
    if !confirmed("Drop this?", arguments.yes)? {
        printer.note("Nothing was dropped.");
        return Ok(());
    }
    let load_id = pipeline.drop_selected(&plan)?;
    let what = match (selected.tables_with_data.len(), selected.resource_states.len() + selected.state_paths.len()) {
        (0, 0) => "what the schema said of tables that have no rows".to_owned(),
        (tables, 0) => counted(tables, "table"),
        (0, entries) => format!("{} of the state", counted(entries, "entry")),
        (tables, entries) => format!("{} and {} of the state", counted(tables, "table"), counted(entries, "entry")),
    };
    printer.report(&format!("Dropped {what} in load {load_id}"))
}

fn counted(count: usize, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}
