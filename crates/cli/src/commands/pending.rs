//! What `dlt pipeline NAME` says of load packages that wait, and how they are loaded or dropped.

use std::sync::Arc;

use dlt::PendingPackage;
use dlt::telemetry::Telemetry;

use crate::exit::{Failure, Outcome};
use crate::grid::count;
use crate::printer::{BOLD, DIM};
use crate::progress::Progress;
use crate::settings::Settings;

/// The packages, one after the other, and what can be done with them.
pub(crate) fn listed(name: &str, pending: &[PendingPackage]) -> String {
    let packages = if pending.len() == 1 { "load package waits" } else { "load packages wait" };
    let mut out = format!("{BOLD}{} {packages}{BOLD:#}: the run that made it was killed or failed\n", pending.len());
    if pending.len() > 1 {
        out = out.replace("the run that made it was", "the runs that made them were");
    }
    for package in pending {
        out.push_str(&format!("  {}\n", package.load_id));
        let mut line =
            |name: &str, value: &str| out.push_str(&format!("    {name:<11} {}\n", value.replace('\n', " ")));
        line("resources", &package.resources.join(", "));
        line("input", &shortened(&package.input));
        line("for", &format!("dataset {} in {}", package.dataset, package.destination));
        let state = match package.rows {
            0 => "extracted".to_owned(),
            1 => "1 row is ready to be loaded".to_owned(),
            rows => format!("{} rows are ready to be loaded", count(rows)),
        };
        line("state", &state);
        if let Some(failure) = &package.failure {
            line("failed", failure);
        }
        let kept = if package.is_replayable { "can be read again" } else { "is kept in the package, and nowhere else" };
        line("its input", kept);
    }
    out.push_str(&format!(
        "{DIM}dlt pipeline {name} load-pending loads what waits, dlt pipeline {name} drop-pending-packages drops it{DIM:#}\n"
    ));
    out
}

/// Enough to tell one input from another: options of a source may be long.
pub(crate) fn shortened(input: &str) -> String {
    const MOST: usize = 160;
    match input.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &input[..end]),
        None => input.to_owned(),
    }
}

/// Loads what waits, package by package, each into the destination that it was for.
pub(crate) fn load(name: &str, pending: &[PendingPackage], settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    if pending.is_empty() {
        printer.note(&format!("No load package of pipeline {name} waits."));
        return Ok(());
    }
    let mut targets: Vec<(&str, &str)> = Vec::new();
    for package in pending {
        let target = (package.destination.as_str(), package.dataset.as_str());
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    let mut failed = None;
    for (destination, dataset) in targets {
        let loaded = dlt::DestinationName::parse(destination).and_then(|destination| {
            dlt::pipeline(name)
                .destination(destination.limited_by(&settings.providers, name)?)
                .data_dir(settings.providers.data_folder())
                .telemetry(telemetry.clone())
                .observer(Arc::new(Progress::new(printer, None)))
                .dataset(dataset)
                .load_pending()
        });
        match loaded {
            Ok(loaded) => loaded.iter().try_for_each(|info| printer.report(&info.to_string()))?,
            // What is for another place is not held up.
            Err(error) => {
                if let Some(earlier) = failed.replace(Failure::from(error)) {
                    printer.complaint(&earlier);
                }
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Drops what waits, and says what that was.
pub(crate) fn drop_all(name: &str, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    let dropped = dlt::drop_pending_packages(settings.providers.data_folder(), name)?;
    if dropped.is_empty() {
        printer.note(&format!("No load package of pipeline {name} waits."));
    }
    for package in dropped {
        printer.note(&format!("Dropped load package {}: {}", package.load_id, shortened(&package.input)));
    }
    Ok(())
}
