//! `dlt run`: runs what a pipeline file declares.

use std::path::Path;

use dlt::declaration::Declaration;
use dlt::telemetry::Telemetry;
use dlt::{AnySource, Source as _, SourceExt as _};

use super::load::{Kept, load};
use crate::args::Run;
#[cfg(target_os = "linux")]
use crate::exit::Failure;
use crate::exit::Outcome;
use crate::settings::Settings;

/// What a pipeline file said, for telemetry: words of the program only.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) source: Option<&'static str>,
    pub(crate) destination: Option<&'static str>,
}

pub(crate) fn run(arguments: &Run, settings: &Settings, telemetry: &Telemetry, declared: &mut Declared) -> Outcome {
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => Declaration::find("".as_ref())?,
    };
    if arguments.task.end_with_parent {
        end_with_parent()?;
    }
    let declaration = Declaration::read(&file, &settings.providers)?;
    *declared =
        Declared { source: Some(declaration.source_kind()), destination: Some(declaration.destination().kind()) };
    let printer = settings.printer;
    printer.detail(&format!("pipeline file: {}", file.display()));
    printer.detail(&format!("destination: {}", declaration.destination()));
    for (key, origin) in declaration.looked_up() {
        printer.detail(&format!("{key}: from {origin}"));
    }
    let mut source = declaration.source()?;
    if !arguments.task.planned.is_empty() {
        warn_of_unplanned(&source, &arguments.task.planned, &file, settings);
    }
    let declaration = match &arguments.task.pipeline {
        Some(name) => declaration.remembered_as(name),
        None => declaration,
    };
    if !arguments.resources.is_empty() {
        source = AnySource::new(source.with_resources(&arguments.resources));
    }
    let kept = Kept {
        work_dir: arguments.task.work_dir.clone(),
        load_info: arguments.task.save_load_info,
        trace: arguments.task.save_trace_info,
        total_bytes: None,
    };
    let Run { portion, .. } = arguments;
    load(declaration.pipeline(), declaration.dataset(), source, portion, &kept, settings, telemetry)
}

/// The tasks of a DAG were made when it was written; the file may declare more by now.
fn warn_of_unplanned(source: &AnySource, planned: &[String], file: &Path, settings: &Settings) {
    let declared = source.declared().ok().flatten().unwrap_or_default();
    let missing: Vec<_> = declared
        .iter()
        .filter(|resource| resource.is_selected && !planned.contains(&resource.name))
        .map(|resource| format!("`{}`", resource.name))
        .collect();
    if !missing.is_empty() {
        let (file, missing) = (file.display(), missing.join(", "));
        settings.printer.warning(&format!(
            "{file} declares {missing}, which no task of this DAG loads: write the DAG anew (`dlt deploy {file} airflow --force`)"
        ));
    }
}

/// Lets this process end when the one that started it does.
#[cfg(target_os = "linux")]
fn end_with_parent() -> Outcome {
    use rustix::process::{Signal, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Failure::work("cannot ask to end with the process that started this one").because(&error))
}

/// Other systems cannot.
#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> Outcome {
    Ok(())
}
