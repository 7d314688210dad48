//! `dlt tracker`: receives telemetry of programs that you maintain, and reports on it.

mod contract;
mod key;
mod quarantine;

use std::error::Error as _;
use std::path::PathBuf;

use dlt_tracker::{Arguments, Config, Error, Place};

use crate::args::{Folder, ReportFormat, Serve, Tracker};
use crate::exit::{Failure, Outcome};
use crate::grid::count;
use crate::printer::{BOLD, DIM};
use crate::rows::RowPrinter;
use crate::settings::Settings;

pub(crate) fn tracker(arguments: &Tracker, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    crate::log::begin(printer);
    match arguments {
        Tracker::Serve { serve: arguments, no_load } => serve(arguments, no_load.then_some("receive"), settings),
        Tracker::Load(arguments) => serve(arguments, Some("load"), settings),
        Tracker::Contract(arguments) => contract::contract(arguments, printer),
        Tracker::Move { folder } => {
            let place = place(folder)?;
            let ledger = dlt_tracker::move_tables(&place.data_dir, &place.store).map_err(failure)?;
            printer.report(&format!(
                "Moved the tables to {}; what they hold: {ledger}. Start the tracker with the same --store; the old file is kept as {}",
                place.store.shown(),
                place.data_dir.join("tracker.duckdb.moved").display()
            ))
        }
        Tracker::Quarantine(arguments) => quarantine::quarantine(arguments, printer),
        Tracker::Key(arguments) => key::key(arguments, printer),
        Tracker::Report { folder, format, project } => {
            let place = place(folder)?;
            let report = match project {
                Some(project) => dlt_tracker::report_of(place, project),
                None => dlt_tracker::report(place),
            }
            .map_err(failure)?;
            match format {
                ReportFormat::Text => printer.data(&with_line_end(report.to_string())),
                ReportFormat::Json => {
                    let text = serde_json::to_string_pretty(&report)
                        .map_err(|error| Failure::work("the report cannot be written as JSON").because(&error))?;
                    printer.data_with(|out| out.write_all(with_line_end(text).as_bytes()))
                }
            }
        }
        Tracker::Sql { query, folder, format, limit } => {
            let mut rows = RowPrinter::new(printer, *format, *limit);
            let batches = dlt_tracker::sql(place(folder)?, query, rows.needs()).map_err(failure)?;
            batches.iter().try_for_each(|batch| rows.print(batch))?;
            rows.finish()
        }
        Tracker::Forget { id, user, folder } => {
            let place = place(folder)?;
            let forgotten = match user {
                true => dlt_tracker::forget_user(place, id),
                false => dlt_tracker::forget(place, id),
            };
            let forgotten = forgotten.map_err(failure)?;
            let (events, quarantined) = (count(forgotten.events), count(forgotten.quarantined));
            printer.report(&format!(
                "Deleted {events} events and {quarantined} rows of the quarantine; the request has number {} in the ledger",
                forgotten.number
            ))
        }
        Tracker::Token { folder } => {
            let token = dlt_tracker::dashboard_token(data_dir(folder)?).map_err(failure)?;
            printer.data(&with_line_end(token))
        }
        Tracker::Check { folder } => {
            let check = dlt_tracker::check(place(folder)?).map_err(failure)?;
            printer.data(&with_line_end(check.to_string()))?;
            if check.is_sound() {
                return Ok(());
            }
            Err(Failure::work("the tracker's data does not add up"))
        }
    }
}

fn serve(arguments: &Serve, duty: Option<&str>, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    let config = config(&arguments.folder, arguments, duty)?;
    config.notices().iter().for_each(|notice| printer.note(notice));
    let options = config.serve_options()?;
    if arguments.show_config {
        return printer.data(&config.shown());
    }
    let mut told = Ok(());
    let summary = dlt_tracker::serve(options, |ready| {
        let database = &ready.database;
        // Always printed: with port 0 it is the only way to learn the address.
        told = printer.data(&format!(
            "Listening on {BOLD}http://{}{BOLD:#} {DIM}(events go into {database}, dataset telemetry; the same address in a browser shows them; stop with Ctrl-C){DIM:#}\n",
            ready.address
        ));
    })
    .map_err(failure)?;
    told?;
    printer.report(&format!("Stopped after {} requests. {}", count(summary.requests), summary.ledger))
}

/// What counts for a command that runs on a folder.
fn config(folder: &Folder, serve: &Serve, duty: Option<&str>) -> Outcome<Config> {
    let mut arguments = Arguments::default();
    arguments.file = folder.config.clone();
    arguments.set = serve.set.clone();
    arguments.path("data", "--data", folder.data.clone());
    arguments.text("listen", "--listen", serve.listen.clone());
    arguments.text("public.projects", "--public", Some(serve.public.join(",")).filter(|names| !names.is_empty()));
    arguments.text("store.url", "--store", folder.store.clone());
    arguments.text("journal.url", "--journal", folder.journal.clone());
    arguments.text("duty", if duty == Some("load") { "dlt tracker load" } else { "--no-load" }, duty);
    // What is no text is no setting.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
    Ok(Config::read(arguments, variables)?)
}

/// What the other commands look at.
fn place(folder: &Folder) -> Outcome<Place> {
    Ok(config(folder, &Serve::default(), None)?.serve_options()?.place())
}

/// The folder, for what is nowhere else.
fn data_dir(folder: &Folder) -> Outcome<PathBuf> {
    Ok(config(folder, &Serve::default(), None)?.data_dir()?)
}

fn with_line_end(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn failure(error: Error) -> Failure {
    let error = match error {
        // It says file, line and key.
        Error::Contract(error) => return (*error).into(),
        other => other,
    };
    let failure = match &error {
        Error::NoData { .. } | Error::NoId | Error::ProjectName { .. } | Error::KeyForm | Error::KeyTaken { .. } => {
            Failure::usage(error.to_string())
        }
        Error::Question { is_wrong: true, .. } => Failure::usage(error.to_string()),
        Error::NoReason { given } => {
            let known = dlt_tracker::Reason::ALL.map(dlt_tracker::Reason::code);
            Failure::usage(error.to_string()).hint(match dlt::suggest(given, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known are {}", known.join(", ")),
            })
        }
        Error::NotQuarantined { .. } => {
            Failure::usage(error.to_string()).hint("`dlt tracker quarantine list` shows the newest of each kind")
        }
        Error::NoKey => Failure::usage(error.to_string()).hint("`dlt tracker key list` shows the ids"),
        Error::NoProject { name, known } => {
            Failure::usage(error.to_string()).hint(match dlt::suggest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known are {}", known.join(", ")),
            })
        }
        Error::NotShared => Failure::usage(error.to_string())
            .hint("name both: --journal nats://HOST:4222/STREAM --store postgres://USER@HOST/DATABASE"),
        Error::NoTarget => Failure::usage(error.to_string()).hint("name it: --store postgres://USER@HOST/DATABASE"),
        Error::NotLoaded => Failure::work(error.to_string()).hint("look whether a tracker loads, and ask again"),
        Error::ShortToken { .. } => {
            Failure::usage(error.to_string()).hint("set DLT_TRACKER_TOKEN or `token` to a longer one, or unset it")
        }
        Error::Listen { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => {
            Failure::usage(error.to_string()).hint("write an address and a port: --listen 127.0.0.1:8080")
        }
        Error::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::work(error.to_string())
                .hint("another program listens there; take another port, or 0 for a free one")
        }
        _ => Failure::work(error.to_string()),
    };
    let failure = match advice(&error) {
        Some(advice) => failure.hint(advice),
        None => failure,
    };
    match error.source() {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

/// What the engine says can be done about it.
fn advice(error: &Error) -> Option<&str> {
    match error {
        Error::Tables { source, .. } => source.advice(),
        Error::OtherTables { advice, .. } => Some(advice),
        Error::TablesTaken { .. } => Some(
            "give each tracker a database of its own, or let several share a journal: --journal nats://… (docs/guides/scaling-the-tracker.md)",
        ),
        Error::Question { advice, .. } => advice.as_deref(),
        Error::JournalGone { source, .. } => advice(source),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_advises_is_passed_on() {
        let source = dlt::Error::new(dlt::ErrorKind::DestinationBusy, "the file is locked").hint("close it there");
        let tables = Error::Tables { location: "tracker.duckdb".into(), source: Box::new(source) };
        let gone = Error::JournalGone { folder: "journal".into(), source: Box::new(tables) };
        let failure = failure(gone);
        assert_eq!(failure.hint.as_deref(), Some("close it there"));
        assert_eq!(failure.causes.last().map(String::as_str), Some("the file is locked"));
    }
}
