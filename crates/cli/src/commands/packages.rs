//! `dlt pipeline NAME load-package` and `failed-jobs`: what single loads brought, and which failed.

use dlt::telemetry::Telemetry;
use dlt::{LoadedPackage, LocalPipeline, PendingPackage, TableChange};

use super::known::{instant, opened, tables};
use super::pending;
use crate::args::PackageView;
use crate::exit::{Failure, Outcome};
use crate::printer::{BOLD, DIM, GOOD};
use crate::settings::Settings;

/// Shows a load; without an id the newest, which may be one that waits.
pub(crate) fn show(
    known: &LocalPipeline,
    load_id: Option<&str>,
    view: PackageView,
    pending: &[PendingPackage],
    settings: &Settings,
    telemetry: &Telemetry,
) -> Outcome {
    let printer = settings.printer;
    let loaded = dlt::loaded_packages(settings.providers.data_folder(), &known.pipeline)?;
    let newest_pending = pending.iter().map(|package| package.load_id.as_str()).max();
    let newest = loaded.first().map(|package| package.load_id.as_str()).max(newest_pending);
    let stored = match load_id.or(newest) {
        Some(_) => None,
        None => newest_stored(known, settings, telemetry)?,
    };
    let Some(id) = load_id.or(newest).or(stored.as_deref()) else {
        printer.note(&format!("Dataset {} has no load of schema {}.", known.dataset, known.schema));
        return Ok(());
    };
    if let Some(package) = pending.iter().find(|package| package.load_id == id) {
        return printer.data(&pending::listed(&known.pipeline, std::slice::from_ref(package)));
    }
    match loaded.iter().find(|package| package.load_id == id) {
        Some(package) if view == PackageView::Info => printer.data(&described(package)),
        _ => row_counts(known, id, settings, telemetry),
    }
}

/// The newest load that the dataset knows of.
fn newest_stored(known: &LocalPipeline, settings: &Settings, telemetry: &Telemetry) -> Outcome<Option<String>> {
    Ok(opened(known, settings, telemetry)?.dataset()?.newest_load_id(&known.schema)?)
}

fn described(package: &LoadedPackage) -> String {
    let mut out = format!("{BOLD}Load package {}{BOLD:#} {GOOD}loaded{GOOD:#}\n", package.load_id);
    let mut line = |name: &str, value: &str| out.push_str(&format!("  {name:<15} {}\n", value.replace('\n', " ")));
    line("loaded at", &instant(package.loaded_at_micros));
    line("for", &format!("dataset {} in {}", package.dataset, package.destination));
    line("schema", &format!("{}, version {}", package.schema, package.schema_version));
    if !package.input.is_empty() {
        line("input", &pending::shortened(&package.input));
    }
    if let Some(mode) = package.refresh {
        line("refresh", mode.name());
    }
    for (name, list) in [("dropped", &package.dropped), ("emptied", &package.emptied)] {
        if !list.is_empty() {
            line(name, &list.join(", "));
        }
    }
    line("state", if package.changed_state { "changed" } else { "unchanged" });
    if package.tables.is_empty() {
        out.push_str(&format!("\n{DIM}no rows{DIM:#}\n"));
    } else {
        out.push_str(&format!("\n{}", tables(&package.tables).draw(None)));
    }
    let changes: Vec<String> = package.changes.iter().filter_map(described_change).collect();
    if !changes.is_empty() {
        out.push_str(&format!("\n{BOLD}Changes of the schema{BOLD:#}\n{}", changes.concat()));
    }
    out
}

/// What came to a table of the user's; what dlt makes for itself goes without saying.
fn described_change(change: &TableChange) -> Option<String> {
    let own = change.columns.iter().filter(|(name, _)| !name.starts_with("_dlt_"));
    let columns: Vec<_> = own.map(|(name, data_type)| format!("{name} {data_type}")).collect();
    if change.table.starts_with("_dlt_") || columns.is_empty() && !change.is_new {
        return None;
    }
    let what = if change.is_new { "new table" } else { "new columns" };
    Some(format!("  {} {DIM}({what}){DIM:#} {}\n", change.table, columns.join(", ")))
}

/// What the dataset itself knows of a load.
fn row_counts(known: &LocalPipeline, id: &str, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let pipeline = opened(known, settings, telemetry)?;
    let Some(counts) = pipeline.dataset()?.load_row_counts(id)? else {
        return Err(Failure::usage(format!("pipeline `{}` has no load `{id}`", known.pipeline))
            .hint(format!("`dlt dataset {} _dlt_loads` lists the loads of the dataset", known.dataset)));
    };
    let mut out = format!("{BOLD}Load package {id}{BOLD:#} {GOOD}loaded{GOOD:#}\n");
    out.push_str(&format!(
        "{DIM}This machine has no more of it than what is in dataset {} now: rows of root tables{DIM:#}\n\n",
        known.dataset
    ));
    if counts.is_empty() {
        out.push_str(&format!("{DIM}no rows{DIM:#}\n"));
    } else {
        out.push_str(&tables(&counts).draw(None));
    }
    settings.printer.data(&out)
}

/// Shows the packages whose runs failed. A load is all or nothing: a job that fails leaves its package waiting as a whole.
pub(crate) fn failed(name: &str, pending: &[PendingPackage], settings: &Settings) -> Outcome {
    let failed: Vec<_> = pending.iter().filter(|package| package.failure.is_some()).cloned().collect();
    match failed.is_empty() {
        true => settings.printer.data("No failed jobs: no load package waits because its run failed.\n"),
        false => settings.printer.data(&pending::listed(name, &failed)),
    }
}
