//! The pipelines that this machine knows, for the commands that look at one.

use dlt::telemetry::Telemetry;
use dlt::{DestinationName, LocalPipeline};

use crate::args::Place;
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::settings::Settings;

/// The pipeline that a working folder remembers, with the settings of this call.
pub(crate) fn opened(known: &LocalPipeline, settings: &Settings, telemetry: &Telemetry) -> Outcome<dlt::Pipeline> {
    Ok(dlt::pipeline(&known.pipeline)
        .destination(known.destination()?.limited_by(&settings.providers, &known.pipeline)?)
        .data_dir(settings.providers.data_folder())
        .telemetry(telemetry.clone())
        .dataset(&known.dataset))
}

/// The pipeline of this name: as this machine remembers it, or else as the command line says where it loads.
pub(crate) fn place_of(
    name: &str,
    place: &Place,
    settings: &Settings,
    telemetry: &Telemetry,
) -> Outcome<dlt::Pipeline> {
    let known = dlt::local_pipeline(settings.providers.data_folder(), name)?;
    let given = match &place.destination {
        Some(destination) => Some(DestinationName::parse(destination)?.limited_by(&settings.providers, name)?),
        None => None,
    };
    match (known, given) {
        (Some(known), None) => opened(&known, settings, telemetry),
        (None, None) => {
            let failure = unknown(name, settings);
            let hint = failure.hint.clone().unwrap_or_default();
            Err(failure
                .hint(format!("{hint}; where it loads can be said: --destination duckdb:FILE --dataset-name NAME")))
        }
        (Some(known), Some(given)) => {
            let is_same = given.open(name)?.location() == known.location;
            if is_same && place.dataset_name.as_ref().is_none_or(|dataset| known.holds(dataset)) {
                return opened(&known, settings, telemetry);
            }
            let what = format!("pipeline `{name}` loads into dataset {} in {}", known.dataset, known.location);
            Err(Failure::usage(what)
                .hint("--destination and --dataset-name are for pipelines that this machine does not know"))
        }
        (None, Some(given)) => {
            let builder = dlt::pipeline(name)
                .destination(given)
                .data_dir(settings.providers.data_folder())
                .telemetry(telemetry.clone());
            Ok(match &place.dataset_name {
                Some(dataset) => builder.dataset(dataset),
                None => builder.build(),
            })
        }
    }
}

/// There is no pipeline of this name.
pub(crate) fn unknown(name: &str, settings: &Settings) -> Failure {
    let data_folder = settings.providers.data_folder();
    let known = dlt::local_pipelines(data_folder).unwrap_or_default();
    let names = known.iter().map(|known| known.pipeline.as_str());
    Failure::usage(format!("no pipeline `{name}` ran on this machine ({})", data_folder.display())).hint(
        match dlt::suggest(name, names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`dlt pipeline --list-pipelines` shows those that did".to_owned(),
        },
    )
}

/// Tables with their rows.
pub(crate) fn tables(counts: &[(String, u64)]) -> Grid {
    let mut grid = Grid::new(["table", "rows"]);
    for (table, rows) in counts {
        grid.push(vec![Cell::Text(table.clone()), Cell::Number(count(*rows))]);
    }
    grid
}

/// An instant to the second.
pub(crate) fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| "an unknown time".to_owned(), |at| format!("{at:.0}"))
}
