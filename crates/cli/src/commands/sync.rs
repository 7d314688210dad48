//! `dlt pipeline NAME sync`: the working folder made anew from what the destination has.

use dlt::telemetry::Telemetry;

use super::known::place_of;
use crate::args::Sync;
use crate::confirm::confirmed;
use crate::exit::Outcome;
use crate::settings::Settings;

pub(crate) fn sync(name: &str, arguments: &Sync, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    let pipeline = place_of(name, &arguments.place, settings, telemetry)?;
    let folder = settings.providers.data_folder();
    let pending = dlt::pending_packages(folder, name)?;
    let working_folder = folder.join("pipelines").join(name);
    if working_folder.exists() {
        printer.note(&format!("The working folder {} is to be emptied and written anew.", working_folder.display()));
        for package in pending.iter().filter(|package| !package.is_replayable) {
            let input = &package.input;
            printer.warning(&format!(
                "load package {} goes with it, and input that nobody else has: {input}",
                package.load_id
            ));
        }
        if !confirmed("Go on?", arguments.yes)? {
            printer.note("Nothing was done.");
            return Ok(());
        }
    }
    let synced = pipeline.sync()?;
    for package in &synced.dropped_packages {
        printer.note(&format!("Dropped load package {}", package.load_id));
    }
    let place = format!("dataset {} in {}", pipeline.dataset_name(), pipeline.destination()?.location());
    if synced.schemas.is_empty() && !synced.has_state {
        return printer.report(&format!("Pipeline {name} is forgotten on this machine: {place} knows nothing of it"));
    }
    let state = if synced.has_state { "with its state" } else { "without a state, which it has none of" };
    let schemas = match synced.schemas.as_slice() {
        [one] => format!("schema {one}"),
        several => format!("{} schemas ({})", several.len(), several.join(", ")),
    };
    printer.report(&format!("Pipeline {name} is restored from {place}: {schemas}, {state}"))
}
