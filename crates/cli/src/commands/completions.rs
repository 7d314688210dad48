//! `dlt completions`: scripts that complete commands in a shell, and manual pages.

use std::fs;
use std::path::Path;

use clap::builder::PossibleValue;
use clap::{Command, CommandFactory as _};

use crate::args::{Arguments, Completions};
use crate::exit::{Failure, Outcome};
use crate::settings::Settings;

pub(crate) fn completions(arguments: &Completions, settings: &Settings) -> Outcome {
    if let Some(folder) = &arguments.man_pages {
        return man_pages(folder, settings);
    }
    let Some(shell) = arguments.shell else { return Err(Failure::usage("no shell was named")) };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut with_connectors(Arguments::command()), "dlt", &mut script);
    settings.printer.data_with(|out| out.write_all(&script))
}

/// `dlt.1`, and a page for each command: `dlt-ingest.1`.
fn man_pages(folder: &Path, settings: &Settings) -> Outcome {
    let failed = |error: std::io::Error| {
        Failure::work(format!("the manual pages cannot be written into {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(failed)?;
    // A page for `help` says what each command's own page says.
    let command = Arguments::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    settings.printer.report(&format!(
        "The manual pages are in {}: man -l {}",
        folder.display(),
        folder.join("dlt.1").display()
    ))
}

/// The command line with the names of sources and destinations, where it takes one. They are not declared there for good:
/// what is no such name gets a better answer than "invalid value", and a destination may be followed by its place.
fn with_connectors(command: Command) -> Command {
    let values = |list: Vec<(&'static str, &'static str)>| -> Vec<PossibleValue> {
        list.into_iter().map(|(name, about)| PossibleValue::new(name).help(about)).collect()
    };
    let sources = values(dlt::SOURCES.iter().map(|known| (known.name, known.about)).collect());
    let destinations = values(dlt::DESTINATIONS.iter().map(|known| (known.name, known.about)).collect());
    [
        ("init", "source", sources),
        ("init", "destination", destinations.clone()),
        ("ingest", "to", destinations.clone()),
        ("dataset", "from", destinations),
    ]
    .into_iter()
    .fold(command, |command, (name, argument, values)| {
        command.mut_subcommand(name, |command| command.mut_arg(argument, |argument| argument.value_parser(values)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scripts_offer_the_connectors() {
        let mut script = Vec::new();
        clap_complete::generate(
            clap_complete::Shell::Bash,
            &mut with_connectors(Arguments::command()),
            "dlt",
            &mut script,
        );
        let script = String::from_utf8(script).unwrap();
        for name in dlt::SOURCES.iter().map(|known| known.name).chain(dlt::DESTINATIONS.iter().map(|known| known.name))
        {
            assert!(script.contains(name), "{name} is not offered");
        }
    }
}
