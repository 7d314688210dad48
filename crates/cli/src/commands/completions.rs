//! `dlt completions`: scripts that complete commands in a shell.

use clap::CommandFactory as _;

use crate::args::{Arguments, Completions};
use crate::exit::Outcome;
use crate::settings::Settings;

pub(crate) fn completions(arguments: &Completions, settings: &Settings) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "dlt", &mut script);
    settings.printer.data_with(|out| out.write_all(&script))
}
