//! `dlt pipeline`: what the pipelines of this machine loaded, and how their last runs went.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dlt::telemetry::Telemetry;
use dlt::{LocalPipeline, PendingPackage, Trace};

use super::pending;
use crate::args::{Operation, Pipeline};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::printer::{BAD, BOLD, DIM, GOOD, Printer};
use crate::progress::seconds;
use crate::settings::Settings;

pub(crate) fn pipeline(arguments: &Pipeline, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    let data_folder = settings.providers.data_folder();
    let Some(name) = &arguments.name else {
        return list(&dlt::local_pipelines(data_folder)?, settings);
    };
    let pending = dlt::pending_packages(data_folder, name)?;
    match (arguments.operation, dlt::local_pipeline(data_folder, name)?) {
        (Operation::LoadPending, known) if known.is_some() || !pending.is_empty() => {
            pending::load(name, &pending, settings, telemetry)
        }
        (Operation::DropPendingPackages, known) if known.is_some() || !pending.is_empty() => {
            pending::drop_all(name, settings)
        }
        (Operation::Info, Some(known)) => info(&known, &pending, settings, telemetry),
        (Operation::Trace, Some(known)) => trace(&known, printer),
        // A run that failed before anything was loaded leaves a trace, and perhaps a package.
        (operation, None) => match dlt::pipeline(name).data_dir(data_folder).build().trace()? {
            Some(found) if operation == Operation::Trace => print_trace(&found, printer),
            _ if !pending.is_empty() => printer.data(&format!(
                "{BOLD}Pipeline {name}{BOLD:#}\n  nothing is loaded yet\n\n{}",
                pending::listed(name, &pending)
            )),
            _ => Err(unknown(name, settings)),
        },
        (Operation::LoadPending | Operation::DropPendingPackages, Some(_)) => Err(unknown(name, settings)),
    }
}

fn unknown(name: &str, settings: &Settings) -> Failure {
    let data_folder = settings.providers.data_folder();
    let known = dlt::local_pipelines(data_folder).unwrap_or_default();
    let names = known.iter().map(|known| known.pipeline.as_str());
    Failure::usage(format!("no pipeline `{name}` ran on this machine ({})", data_folder.display())).hint(
        match dlt::suggest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`dlt pipeline --list` shows those that did".to_owned(),
        },
    )
}

fn list(known: &[LocalPipeline], settings: &Settings) -> Outcome {
    let printer = settings.printer;
    if known.is_empty() {
        printer.note(&format!("No pipeline ran on this machine ({}).", settings.providers.data_folder().display()));
        return Ok(());
    }
    let mut grid = Grid::new(["pipeline", "dataset", "destination", "last run"]);
    for known in known {
        grid.push(vec![
            Cell::Text(known.pipeline.clone()),
            Cell::Text(known.dataset.clone()),
            Cell::Text(known.location.clone()),
            Cell::Text(last_run(known, printer)),
        ]);
    }
    printer.data(&grid.draw(None))
}

/// A trace that cannot be read hides nothing else.
fn last_run(known: &LocalPipeline, printer: Printer) -> String {
    match known.trace() {
        Ok(None) => "none".to_owned(),
        Ok(Some(trace)) => {
            let outcome = if trace.success { "" } else { ", failed" };
            format!("{} ({}){outcome}", instant(&trace), ago(&trace))
        }
        Err(error) => {
            let failure = Failure::from(error);
            let message = format!("pipeline {} ({}): {}", known.pipeline, known.folder.display(), failure.message);
            printer.complaint(&Failure { message, ..failure });
            "unknown".to_owned()
        }
    }
}

fn info(known: &LocalPipeline, pending: &[PendingPackage], settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    let mut out = format!("{BOLD}Pipeline {}{BOLD:#}\n", known.pipeline);
    let mut line = |name: &str, value: &str| out.push_str(&format!("  {name:<15} {value}\n"));
    line("dataset", &known.dataset);
    line("destination", &known.location);
    line("schema", &known.schema);
    line("working folder", &known.folder.display().to_string());
    line("last run", &last_run(known, printer));
    if !pending.is_empty() {
        out.push_str(&format!("\n{}", pending::listed(&known.pipeline, pending)));
    }
    printer.data(&out)?;
    let pipeline = dlt::pipeline(&known.pipeline)
        .destination(known.destination()?.limited_by(&settings.providers)?)
        .data_dir(settings.providers.data_folder())
        .telemetry(telemetry.clone())
        .dataset(&known.dataset);
    match pipeline.dataset().and_then(|mut dataset| dataset.row_counts()) {
        Ok(counts) => printer.data(&format!("\n{}", tables(&counts).draw(None))),
        // What the machine remembers is worth its line even where the destination cannot be asked.
        Err(error) => {
            printer.warning(&format!("the tables cannot be shown: {error}"));
            Ok(())
        }
    }
}

/// Tables with their rows.
pub(crate) fn tables(counts: &[(String, u64)]) -> Grid {
    let mut grid = Grid::new(["table", "rows"]);
    for (table, rows) in counts {
        grid.push(vec![Cell::Text(table.clone()), Cell::Number(count(*rows))]);
    }
    grid
}

fn trace(known: &LocalPipeline, printer: Printer) -> Outcome {
    match known.trace()? {
        Some(trace) => print_trace(&trace, printer),
        None => {
            printer.note("There is no trace of the last run.");
            Ok(())
        }
    }
}

fn print_trace(trace: &Trace, printer: Printer) -> Outcome {
    let (style, outcome) = if trace.success { (GOOD, "completed") } else { (BAD, "failed") };
    let mut out = format!(
        "{BOLD}Run of {}{BOLD:#} on {} {style}{outcome}{style:#} in {} {DIM}({}){DIM:#}\n\n",
        trace.pipeline,
        instant(trace),
        seconds(Duration::from_secs_f64(trace.elapsed.max(0.0))),
        trace.transaction_id,
    );
    let mut grid = Grid::new(["step", "outcome", "time", "rows"]);
    for step in &trace.steps {
        grid.push(vec![
            Cell::Text(step.step.name().to_owned()),
            Cell::Text(if step.success { "completed" } else { "failed" }.to_owned()),
            Cell::Number(seconds(Duration::from_secs_f64(step.elapsed.max(0.0)))),
            Cell::Number(count(step.rows)),
        ]);
    }
    out.push_str(&grid.draw(None));
    if let Some(error) = &trace.error {
        out.push_str(&format!("\n{BAD}{error}{BAD:#}\n"));
    }
    printer.data(&out)
}

fn instant(trace: &Trace) -> String {
    jiff::Timestamp::from_microsecond(trace.started_at_micros)
        .map_or_else(|_| "an unknown time".to_owned(), |at| format!("{at:.0}"))
}

fn ago(trace: &Trace) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let started = u64::try_from(trace.started_at_micros / 1_000_000).unwrap_or_default();
    let (number, unit) = match now.saturating_sub(started) {
        seconds @ 0..60 => (seconds, "second"),
        seconds @ 60..3_600 => (seconds / 60, "minute"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}
