//! What `dlt ingest` and `dlt run` share: a run that is watched, and its result.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use dlt::telemetry::Telemetry;
use dlt::{AnySource, Builder, LoadInfo, Pipeline, SourceExt as _};

use super::dry_run;
use crate::args::Portion;
use crate::exit::{Code, Failure, Outcome};
use crate::progress::Progress;
use crate::settings::Settings;

/// What is known of a run beforehand, and what is kept of it, and where.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Size of the input, where that is known.
    pub(crate) total_bytes: Option<u64>,
    /// In place of the data folder.
    pub(crate) work_dir: Option<PathBuf>,
    /// What was loaded, in the dataset.
    pub(crate) load_info: bool,
    /// The course of the run, in the dataset.
    pub(crate) trace: bool,
}

/// Keeps records of a run in the dataset. That they can't be kept changes nothing of how the run ended.
fn keep(pipeline: &Pipeline, info: Option<&LoadInfo>, begun: SystemTime, kept: &Kept, settings: &Settings) {
    let complain = |what: &str, error: dlt::Error| {
        let failure = Failure::from(error);
        settings.printer.complaint(&Failure { message: format!("{what} is not kept: {}", failure.message), ..failure });
    };
    if let Some(info) = info.filter(|_| kept.load_info) {
        pipeline.save_load_info(info).unwrap_or_else(|error| complain("what was loaded", error));
    }
    if kept.trace {
        let since = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
        let trace = match info {
            Some(info) => Ok(Some(info.trace.clone())),
            // One that ended before it had a trace leaves that of an older run.
            None => pipeline.trace().map(|trace| trace.filter(|trace| trace.started_at_micros >= since)),
        };
        let saved = trace.and_then(|trace| trace.map_or(Ok(()), |trace| pipeline.save_trace(&trace)));
        saved.unwrap_or_else(|error| complain("the course of the run", error));
    }
}

/// Runs the pipeline and prints what was loaded, or would be.
pub(crate) fn load(
    builder: Builder,
    dataset: &str,
    mut source: AnySource,
    portion: &Portion,
    kept: &Kept,
    settings: &Settings,
    telemetry: &Telemetry,
) -> Outcome {
    let printer = settings.printer;
    let builder = match portion.refresh() {
        Some(mode) => builder.refresh(mode),
        None => builder,
    };
    let pipeline = builder
        .data_dir(kept.work_dir.as_deref().unwrap_or(settings.providers.data_folder()))
        .telemetry(telemetry.clone())
        .observer(Arc::new(Progress::new(printer, kept.total_bytes)))
        .dataset(dataset);
    if let Some(rows) = portion.limit {
        source = AnySource::new(source.add_limit(rows));
    }
    if portion.dry_run {
        let preview = pipeline.preview(source)?;
        return printer.data(&dry_run::shown(&preview, dataset, &pipeline.destination()?.location()));
    }
    let mut printed = Ok(());
    // Told before the run counts as delivered: a kill in between does not leave a load that nobody heard of.
    let begun = SystemTime::now();
    let ran = pipeline.run_then(source, |info| printed = printer.report(&info.to_string()));
    keep(&pipeline, ran.as_ref().ok(), begun, kept, settings);
    ran?;
    printed.map_err(|failure| match failure.code {
        // To load again would load twice.
        Code::Failed => Failure { message: format!("the data is loaded, but: {}", failure.message), ..failure },
        _ => failure,
    })
}
