//! `dlt pipeline`: what the pipelines of this machine loaded, and how their last runs went.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dlt::telemetry::Telemetry;
use dlt::{LocalPipeline, PendingPackage, Trace};

use super::known::{instant, opened, tables, unknown};
use super::{drop, packages, pending, schema, sync};
use crate::args::{Operation, Pipeline};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::printer::{BAD, BOLD, DIM, GOOD, Level, Printer};
use crate::progress::seconds;
use crate::settings::Settings;

pub(crate) fn pipeline(arguments: &Pipeline, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let printer = settings.printer;
    let data_folder = settings.providers.data_folder();
    let Some(name) = &arguments.name else {
        if arguments.operation.is_some() {
            return Err(Failure::usage("the name of the pipeline is missing")
                .hint("write it first: dlt pipeline NAME schema; `dlt pipeline --list-pipelines` shows the names"));
        }
        return list(&dlt::local_pipelines(data_folder)?, settings);
    };
    let operation = arguments.operation.as_ref().unwrap_or(&Operation::Info);
    match operation {
        Operation::Sync(arguments) => return sync::sync(name, arguments, settings, telemetry),
        Operation::Drop(arguments) => return drop::drop(name, arguments, settings, telemetry),
        _ => {}
    }
    let pending = dlt::pending_packages(data_folder, name)?;
    match (operation, dlt::local_pipeline(data_folder, name)?) {
        (Operation::LoadPending, known) if known.is_some() || !pending.is_empty() => {
            pending::load(name, &pending, settings, telemetry)
        }
        (Operation::DropPendingPackages, known) if known.is_some() || !pending.is_empty() => {
            pending::drop_all(name, settings)
        }
        (Operation::FailedJobs, known) if known.is_some() || !pending.is_empty() => {
            packages::failed(name, &pending, settings)
        }
        (Operation::Trace, Some(known)) => trace(&known, printer),
        (Operation::Schema(arguments), Some(known)) => schema::show(&known, arguments, settings, telemetry),
        (Operation::LoadPackage { load_id, view }, Some(known)) => {
            packages::show(&known, load_id.as_deref(), *view, &pending, settings, telemetry)
        }
        (_, Some(known)) => info(&known, &pending, settings, telemetry),
        // A run that failed before anything was loaded leaves a trace, and perhaps a package.
        (operation, None) => match dlt::pipeline(name).data_dir(data_folder).build().trace()? {
            Some(found) if matches!(operation, Operation::Trace) => print_trace(&found, printer),
            _ if !pending.is_empty() => printer.data(&format!(
                "{BOLD}Pipeline {name}{BOLD:#}\n  nothing is loaded yet\n\n{}",
                pending::listed(name, &pending)
            )),
            _ => Err(unknown(name, settings)),
        },
    }
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
            format!("{} ({}){outcome}", instant(trace.started_at_micros), ago(&trace))
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
    let pipeline = opened(known, settings, telemetry)?;
    match pipeline.dataset().and_then(|mut dataset| dataset.row_counts()) {
        Ok(counts) => {
            printer.data(&format!("\n{}", tables(&counts).draw(None)))?;
            remembered(&pipeline, known, printer)
        }
        // What the machine remembers is worth its line even where the destination cannot be asked.
        Err(error) => {
            printer.warning(&format!("the tables cannot be shown: {error}"));
            Ok(())
        }
    }
}

/// Resources with their tables, and what the source remembers; its content only for those who ask for more.
fn remembered(pipeline: &dlt::Pipeline, known: &LocalPipeline, printer: Printer) -> Outcome {
    let (schema, state) = (pipeline.stored_schema(Some(&known.schema))?, pipeline.stored_state()?.unwrap_or_default());
    let source = &state["sources"][&known.schema];
    let Some(schema) = schema else { return Ok(()) };
    let mut resources: Vec<(&str, usize)> = Vec::new();
    for root in schema.data_tables().filter(|table| table.parent.is_none()) {
        let resource = root.resource.as_deref().unwrap_or(&root.name);
        let tables = schema.chain(&root.name).len();
        match resources.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, count)) => *count += tables,
            None => resources.push((resource, tables)),
        }
    }
    if resources.is_empty() {
        return Ok(());
    }
    let mut grid = Grid::new(["resource", "tables", "remembers"]);
    for (resource, tables) in resources {
        let entries = source["resources"][resource].as_object().map_or(0, serde_json::Map::len);
        let remembers = match entries {
            0 => Cell::Empty,
            1 => Cell::Text("1 entry".to_owned()),
            several => Cell::Text(format!("{several} entries")),
        };
        grid.push(vec![Cell::Text(resource.to_owned()), Cell::Number(count(tables as u64)), remembers]);
    }
    printer.data(&format!("\n{}", grid.draw(None)))?;
    if printer.level == Level::Verbose && !source.is_null() {
        let text = serde_json::to_string_pretty(source).unwrap_or_default();
        printer.data(&format!("\n{BOLD}State of source {}{BOLD:#}\n{text}\n", known.schema))?;
    }
    Ok(())
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
        instant(trace.started_at_micros),
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
