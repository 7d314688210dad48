//! `dlt tracker`: receives telemetry of programs that you maintain, and reports on it.

mod contract;
mod edge;
mod key;
mod quarantine;

use std::error::Error as _;
use std::path::PathBuf;

use dlt_tracker::{Arguments, Config, Error, LogFormat, Place, Retain, Retained};

use crate::args::{Folder, ReportFormat, Serve, Tracker};
use crate::exit::{Failure, Outcome};
use crate::grid::count;
use crate::printer::{BOLD, DIM};
use crate::rows::RowPrinter;
use crate::settings::Settings;

pub(crate) fn tracker(arguments: &Tracker, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    if !matches!(arguments, Tracker::Serve { .. } | Tracker::Load { from: None, .. }) {
        crate::log::begin(printer, false);
    }
    match arguments {
        Tracker::Serve { serve: arguments, no_load } => serve(arguments, no_load.then_some("receive"), settings),
        Tracker::Load { serve: arguments, from: Some(from) } => edge::load(arguments, from, printer),
        Tracker::Load { serve: arguments, from: None } => serve(arguments, Some("load"), settings),
        Tracker::Edge { folder } => edge::settings(folder, printer),
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
        Tracker::Health { folder } => {
            dlt_tracker::health(data_dir(folder)?).map_err(failure)?;
            printer.data("It runs and takes events\n")
        }
        Tracker::Backup { to, folder } => {
            let backup = dlt_tracker::backup(place(folder)?, to).map_err(failure)?;
            if let Some(database) = &backup.tables_elsewhere {
                printer.note(&format!(
                    "the tables are in {database} and not in the backup: copy them now and not earlier, with pg_dump --schema=telemetry"
                ));
            }
            printer.report(&format!("The backup is in {}. {}", backup.folder.display(), backup.ledger))
        }
        Tracker::Restore { from, folder } => {
            let data = data_dir(folder)?;
            let shown = data.display();
            match dlt_tracker::restore(from, &data).map_err(failure)? {
                Some(check) => {
                    printer.data(&with_line_end(check.to_string()))?;
                    if !check.is_sound() {
                        return Err(Failure::work(format!("what was restored in {shown} does not add up")));
                    }
                    printer.report(&format!("The data folder is {shown}; start the tracker on it"))
                }
                None => printer.report(&format!(
                    "The data folder is {shown}. Its tables are in Postgres: restore them, too, then start the tracker with the same --store"
                )),
            }
        }
        Tracker::Retain { folder, dry_run, force } => {
            let options = config(folder, &Serve::default(), None)?.serve_options()?;
            let how = match (dry_run, force) {
                (true, _) => Retain::Preview,
                (_, true) => Retain::Anyway,
                _ => Retain::Carefully,
            };
            let retained = dlt_tracker::retain(options.place(), &options.retention, how).map_err(failure)?;
            printer.report(&told_of(&retained, *dry_run))
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

fn told_of(retained: &Retained, is_preview: bool) -> String {
    let said = if is_preview { "Would delete" } else { "Deleted" };
    let mut lines = Vec::new();
    for part in &retained.parts {
        let of = part.project.as_ref().map_or_else(String::new, |name| format!(" of the project {name}"));
        lines.push(format!(
            "{said} {} events and {} rows of the quarantine{of} that arrived before {}",
            count(part.events),
            count(part.quarantined),
            part.before.get(..10).unwrap_or(&part.before)
        ));
    }
    if lines.is_empty() {
        lines.push("Nothing is too old: no limit is set, or there are no tables yet".to_owned());
    } else {
        lines.push(format!("{} rows stay", count(retained.stay)));
    }
    lines.join("\n")
}

fn serve(arguments: &Serve, duty: Option<&str>, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    let config = config(&arguments.folder, arguments, duty)?;
    config.notices().iter().for_each(|notice| printer.note(notice));
    let options = config.serve_options()?;
    if arguments.show_config {
        return printer.data(&config.shown());
    }
    let is_json = options.log_format == LogFormat::Json;
    crate::log::begin(printer, is_json);
    // Loads take memory and give it back by megabytes that are never full: in pages of 2 MiB that is 40 MB more, and processor time to
    // clear them. Where the system refuses, it is so.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let mut told = Ok(());
    let summary = dlt_tracker::serve(options, |ready| {
        let database = &ready.database;
        let scheme = if ready.is_tls { "https" } else { "http" };
        if is_json {
            tracing::info!(address = %ready.address, scheme, database, "listening");
            return;
        }
        // Always printed: with port 0 it is the only way to learn the address.
        told = printer.data(&format!(
            "Listening on {BOLD}{scheme}://{}{BOLD:#} {DIM}(events go into {database}, dataset telemetry; the same address in a browser shows them; stop with Ctrl-C){DIM:#}\n",
            ready.address
        ));
    })
    .map_err(failure)?;
    told?;
    if is_json {
        tracing::info!(requests = summary.requests, ledger = %summary.ledger, "stopped");
        return Ok(());
    }
    printer.report(&format!("Stopped after {} requests. {}", count(summary.requests), summary.ledger))
}

/// What counts for a command that runs on a folder.
fn config(folder: &Folder, serve: &Serve, duty: Option<&str>) -> Outcome<Config> {
    let mut arguments = Arguments::default();
    arguments.file = folder.config.clone();
    arguments.set = serve.set.clone();
    arguments.path("data", "--data", folder.data.clone());
    arguments.text("listen", "--listen", serve.listen.clone());
    arguments.text("log.format", "--log-format", serve.log_format.clone());
    arguments.path("tls_cert", "--tls-cert", serve.tls_cert.clone());
    arguments.path("tls_key", "--tls-key", serve.tls_key.clone());
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
        Error::NoData { .. }
        | Error::NoId
        | Error::Projects { .. }
        | Error::ProjectName { .. }
        | Error::KeyForm
        | Error::KeyTaken { .. } => Failure::usage(error.to_string()),
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
        Error::NotEmpty { .. } | Error::NoBackup { .. } => Failure::usage(error.to_string()),
        Error::WouldDeleteMost { .. } => Failure::work(error.to_string())
            .hint("look with --dry-run; if the clock and the setting `retain` are right, it is safe"),
        Error::NotLeading => {
            Failure::work(error.to_string()).hint("run this where that one runs: its metric dlt_tracker_leads is 1")
        }
        Error::Objects { source } if source.kind() == dlt::ErrorKind::Config => Failure::usage(error.to_string()),
        Error::NoKey => Failure::usage(error.to_string()).hint("`dlt tracker key list` shows the ids"),
        Error::NoProject { name, known } => {
            Failure::usage(error.to_string()).hint(match dlt::suggest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known are {}", known.join(", ")),
            })
        }
        Error::NotShared => Failure::usage(error.to_string())
            .hint("name both: --journal nats://HOST:4222/STREAM --store postgres://USER@HOST/DATABASE"),
        Error::NoTarget => Failure::usage(error.to_string())
            .hint("name it: --store postgres://USER@HOST/DATABASE, or s3://BUCKET/PREFIX"),
        Error::NotLoaded => Failure::work(error.to_string()).hint("look whether a tracker loads, and ask again"),
        Error::ShortToken { .. } => {
            Failure::usage(error.to_string()).hint("set DLT_TRACKER_TOKEN or `token` to a longer one, or unset it")
        }
        Error::ShortIdKey { .. } => {
            Failure::usage(error.to_string()).hint("set DLT_TRACKER_ID_KEY to a longer one, or unset it")
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
        Error::Tables { source, .. } | Error::Objects { source } => source.advice(),
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
