//! What `dlt ingest` and `dlt run` share: a run that is watched, and its result.

use std::sync::Arc;

use dlt::telemetry::Telemetry;
use dlt::{AnySource, Builder, SourceExt as _};

use super::dry_run;
use crate::args::Portion;
use crate::exit::{Code, Failure, Outcome};
use crate::progress::Progress;
use crate::settings::Settings;

/// Runs the pipeline and prints what was loaded, or would be. `total_bytes` is the size of the input, where that is known.
pub(crate) fn load(
    builder: Builder,
    dataset: &str,
    mut source: AnySource,
    portion: &Portion,
    total_bytes: Option<u64>,
    settings: &Settings,
    telemetry: &Telemetry,
) -> Outcome {
    let printer = settings.printer;
    let builder = match portion.refresh() {
        Some(mode) => builder.refresh(mode),
        None => builder,
    };
    let pipeline = builder
        .data_dir(settings.providers.data_folder())
        .telemetry(telemetry.clone())
        .observer(Arc::new(Progress::new(printer, total_bytes)))
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
    pipeline.run_then(source, |info| printed = printer.report(&info.to_string()))?;
    printed.map_err(|failure| match failure.code {
        // To load again would load twice.
        Code::Failed => Failure { message: format!("the data is loaded, but: {}", failure.message), ..failure },
        _ => failure,
    })
}
