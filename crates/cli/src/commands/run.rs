//! `dlt run`: runs what a pipeline file declares.

use dlt::declaration::Declaration;
use dlt::telemetry::Telemetry;
use dlt::{AnySource, SourceExt as _};

use super::load::load;
use crate::args::Run;
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
    if !arguments.resources.is_empty() {
        source = AnySource::new(source.with_resources(&arguments.resources));
    }
    load(declaration.pipeline(), declaration.dataset(), source, &arguments.portion, None, settings, telemetry)
}
