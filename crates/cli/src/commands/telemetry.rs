//! `dlt telemetry`: what is recorded, who decided that, what leaves and what has left.

use dlt::telemetry::{
    Chain, DeliveryMode, EndpointStatus, Evidence, HashMode, Origin, Outcome as Sent, ReceiptKind, Setup, Status,
    Switched, Verdict,
};
use serde_json::Value;

use crate::args::{Telemetry, TelemetryOperation};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::printer::{BAD, BOLD, DIM, GOOD, Printer};
use crate::settings::Settings;

pub(crate) fn telemetry(arguments: &Telemetry, setup: &Setup, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    match &arguments.operation {
        None => printer.data(&status_text(&setup.status())),
        Some(TelemetryOperation::Show { event }) => show(event.as_deref(), setup, printer),
        Some(TelemetryOperation::Log) => log(setup, printer),
        Some(TelemetryOperation::Verify) => verify(setup, printer),
        Some(TelemetryOperation::Contract) => contract(printer),
        Some(TelemetryOperation::ResetId) => reset_id(setup, printer),
        Some(TelemetryOperation::Holdings) => holdings(setup, printer),
        Some(TelemetryOperation::Forget) => forget(setup, printer),
    }
}

/// Prints what a switch did: as the answer where it stands alone; beside the answer of the command that it stands before.
type Tell<'a> = &'a dyn Fn(&str) -> Outcome;

/// `--disable-telemetry`: says off everywhere, deletes what waits, sends nothing.
pub(crate) fn disable(setup: &Setup, tell: Tell<'_>) -> Outcome {
    let switched = setup.disable();
    switch(&switched, "off", tell)?;
    match switched.deleted {
        0 => Ok(()),
        1 => tell("1 event that waited to be sent was deleted."),
        several => tell(&format!("{several} events that waited to be sent were deleted.")),
    }
}

/// `--enable-telemetry`.
pub(crate) fn enable(setup: &Setup, tell: Tell<'_>) -> Outcome {
    switch(&setup.enable(), "on", tell)
}

fn switch(switched: &Switched, word: &str, tell: Tell<'_>) -> Outcome {
    for path in &switched.written {
        tell(&format!("Telemetry is switched {word} in {}.", path.display()))?;
    }
    if switched.failed.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::work(format!("telemetry could not be switched {word} everywhere"));
    for error in &switched.failed {
        failure = failure.because(error);
    }
    Err(failure.hint(format!("the variable RUNTIME__DLTHUB_TELEMETRY={} does the same", word == "on")))
}

fn status_text(status: &Status) -> String {
    let consent = &status.consent;
    let (style, word) = if consent.enabled { (GOOD, "ENABLED") } else { (BAD, "DISABLED") };
    let decided = match consent.decided_by() {
        Some(evidence) => format!("decided by {}", decision(evidence)),
        None => "by default: nobody said otherwise".to_owned(),
    };
    let mut out = format!("Telemetry is {style}{word}{style:#}, {decided}.\n\n");
    let mut line = |name: &str, value: String| out.push_str(&format!("{BOLD}{name:<13}{BOLD:#} {value}\n"));

    line("anonymous id", status.anonymous_id.clone().unwrap_or_else(|| "none yet".to_owned()));
    line("endpoint", endpoint(&status.endpoint));
    line("last answer", last_answer(status));
    let waiting = match (status.waiting, &status.oldest) {
        (0, _) | (_, None) => "nothing".to_owned(),
        (waiting, Some(oldest)) => {
            format!("{} ({} bytes), the oldest of {oldest}", events(waiting as u64), count(status.waiting_bytes))
        }
    };
    line("waiting", waiting);
    if let Some(until) = &status.paused_until {
        line("paused until", until.clone());
    }
    line("sent", events(status.sent));
    let reasons: Vec<_> = status.dropped.iter().map(|(reason, count)| format!("{} {count}", reason.name())).collect();
    line("dropped", if reasons.is_empty() { "nothing".to_owned() } else { reasons.join(", ") });
    let hash = match status.hash.value {
        HashMode::Keyed => "names leave as hashes keyed with a secret of this machine",
        HashMode::Plain => "names leave as hashes without a key",
    };
    line("hashes", format!("{hash} ({})", status.hash.origin));
    let delivery = match status.delivery {
        DeliveryMode::Detached => "by a process of its own after the command",
        DeliveryMode::Thread => "by a thread of the program",
        DeliveryMode::InPlace => "at the end of the command, within a second",
    };
    line("delivery", delivery.to_owned());
    line("kept in", status.folder.display().to_string());

    out.push_str(&format!("\n{BOLD}Who was asked{BOLD:#} (one no outweighs every yes)\n"));
    for evidence in &consent.evidence {
        let (style, word) = match evidence.verdict {
            Verdict::Off => (BAD, "off"),
            Verdict::On => (GOOD, "on "),
            Verdict::Silent => (DIM, "-  "),
        };
        out.push_str(&format!("  {style}{word}{style:#}  {}\n", decision(evidence)));
    }
    for complaint in &status.complaints {
        out.push_str(&format!("\n{BAD}not understood{BAD:#}: {complaint}\n"));
    }
    out
}

fn decision(evidence: &Evidence) -> String {
    match (&evidence.origin, evidence.note.as_str()) {
        (origin, "") => origin.to_string(),
        (Origin::Variable(name), note) => format!("environment variable {name}={note}"),
        (origin, note) => format!("{origin}: {note}"),
    }
}

fn endpoint(status: &EndpointStatus) -> String {
    match status {
        EndpointStatus::None => "no endpoint: events stay on this machine".to_owned(),
        EndpointStatus::Usable { url, origin } => format!("{url} ({origin})"),
        EndpointStatus::Invalid { why, origin } => format!("{BAD}invalid{BAD:#}, nothing is sent: {why} ({origin})"),
        EndpointStatus::MissingWriteKey { url, origin, key, variable } => format!(
            "{url} ({origin})\n{:<13} {BAD}the write key is missing{BAD:#}, nothing is sent: set {key} or {variable}",
            ""
        ),
    }
}

fn last_answer(status: &Status) -> String {
    let Some(last) = &status.last_answer else { return "nothing was sent yet".to_owned() };
    let word = if last.acknowledged { "acknowledged" } else { "not acknowledged" };
    let code = last.status.map_or("no answer".to_owned(), |status| format!("status {status}"));
    let note = if last.note.is_empty() { String::new() } else { format!(": {}", last.note) };
    format!("{word}, {code}, at {}{note}", last.at)
}

fn events(number: u64) -> String {
    match number {
        0 => "nothing".to_owned(),
        1 => "1 event".to_owned(),
        several => format!("{} events", count(several)),
    }
}

fn show(event: Option<&str>, setup: &Setup, printer: Printer) -> Outcome {
    let pending = setup.pending().map_err(|error| Failure::work("the spool cannot be read").because(&error))?;
    let shown: Vec<_> = pending.iter().filter(|pending| event.is_none_or(|event| pending.event == event)).collect();
    if let Some(event) = event.filter(|_| shown.is_empty()) {
        check_event(event)?;
    }
    for pending in &shown {
        printer.data_with(|out| writeln!(out, "{}", pending.body))?;
    }
    printer.note(&match (shown.len(), event) {
        (0, None) => "Nothing waits to be sent.".to_owned(),
        (0, Some(event)) => format!("No {event} waits to be sent."),
        (1, _) => "1 event waits to be sent; this is the request, byte for byte.".to_owned(),
        (several, _) => {
            format!("{several} events wait to be sent, a line each; these are the requests, byte for byte.")
        }
    });
    Ok(())
}

fn check_event(event: &str) -> Outcome {
    let names: Vec<_> = dlt::telemetry::events::ALL.iter().map(dlt::telemetry::Declaration::event).collect();
    if names.iter().any(|name| name == event) {
        return Ok(());
    }
    Err(Failure::usage(format!("there is no event `{event}`")).hint(
        match dlt::suggest(event, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`dlt telemetry contract` lists all of them".to_owned(),
        },
    ))
}

fn log(setup: &Setup, printer: Printer) -> Outcome {
    let receipts = setup.receipts().map_err(|error| Failure::work("the receipts cannot be read").because(&error))?;
    if receipts.is_empty() {
        printer.note("Nothing was sent yet.");
        return Ok(());
    }
    for receipt in receipts {
        let line = match receipt.kind {
            ReceiptKind::Attempt { endpoint, body } => format!("to {endpoint}\n  {body}"),
            ReceiptKind::Answer { outcome, status, note } => {
                let style = if outcome == Sent::Sent { GOOD } else { BAD };
                let status = status.map_or(String::new(), |status| format!(" {status}"));
                format!("{style}{}{style:#}{status} {note}", outcome.name())
            }
            _ => "a kind of receipt that this version does not know".to_owned(),
        };
        let head = format!("{DIM}{:>4}  {}  {}{DIM:#}", receipt.number, receipt.at, receipt.message_id);
        printer.data(&format!("{head}  {}\n", line.trim_end()))?;
    }
    Ok(())
}

fn verify(setup: &Setup, printer: Printer) -> Outcome {
    match setup.verify().map_err(|error| Failure::work("the receipts cannot be read").because(&error))? {
        Chain::Whole { receipts: 0, .. } => printer.data("Nothing was sent yet: there are no receipts.\n"),
        Chain::Whole { receipts, first, torn } => {
            let from = if first > 1 { format!(", from number {first}") } else { String::new() };
            let torn = if torn > 0 { format!("; {torn} were cut short by a kill") } else { String::new() };
            printer.data(&format!("{GOOD}The chain is whole{GOOD:#}: {} receipts{from}{torn}.\n", count(receipts)))
        }
        Chain::Broken { file, line, why } => {
            Err(Failure::work(format!("the chain is broken in {}, line {line}: {why}", file.display()))
                .hint("a receipt was changed, taken out or moved after it was written"))
        }
        other => Err(Failure::work(format!("the chain is in a state that this version does not know: {other:?}"))),
    }
}

fn contract(printer: Printer) -> Outcome {
    let mut out = String::new();
    for event in dlt::telemetry::events::ALL {
        out.push_str(&format!("{BOLD}{}{BOLD:#}  {}\n", event.event(), event.about.trim()));
        let mut grid = Grid::new(["  field", "type", "unit", "privacy", "example", "meaning"]);
        for field in event.fields {
            let optional = if field.optional { " (may be missing)" } else { "" };
            grid.push(vec![
                Cell::Text(format!("  {}", field.name)),
                Cell::Text(field.kind.to_owned()),
                Cell::Text(field.unit.to_owned()),
                Cell::Text(field.privacy.name().to_owned()),
                Cell::Text(field.example.to_owned()),
                Cell::Text(format!("{}{optional}", field.about.trim())),
            ]);
        }
        out.push_str(&grid.draw(None));
        out.push('\n');
    }
    printer.data(&out)
}

fn reset_id(setup: &Setup, printer: Printer) -> Outcome {
    match setup.reset_id().map_err(|error| Failure::work("the old id cannot be deleted").because(&error))? {
        Some(id) => printer.report(&format!("The old id is gone, and the secret that its hashes were keyed with. The new id is {id}.")),
        None => printer.report("The old id is gone, and the secret that its hashes were keyed with. Telemetry is off, so there is no new one."),
    }
}

fn holdings(setup: &Setup, printer: Printer) -> Outcome {
    let held = setup.holdings().map_err(|error| Failure::work("nothing was told").because(&error))?;
    for (id, answer) in held.ids.iter().zip(&held.answers) {
        printer.data(&told_of(id, answer))?;
    }
    Ok(())
}

/// What a tracker says that it has of an id, for people. An answer of another form is printed as it is.
fn told_of(id: &str, answer: &str) -> String {
    let parsed: Value = serde_json::from_str(answer).unwrap_or_default();
    let held = &parsed["holdings"];
    let (Some(total), Some(events)) = (held["total"].as_u64(), held["events"].as_array()) else {
        return format!("Of {id} the tracker says: {}\n", answer.trim());
    };
    let quarantined = held["quarantined"].as_u64().unwrap_or(0);
    let mut text = format!("Of {id} the tracker has {} events", count(total));
    if quarantined > 0 {
        text.push_str(&format!(", and {} in its quarantine", count(quarantined)));
    }
    text.push('\n');
    let mut grid = Grid::new(["count", "event", "first", "last"]);
    for event in events {
        let word = |name: &str| event[name].as_str().map_or(Cell::Empty, |text| Cell::Text(text.to_owned()));
        let number = Cell::Number(count(event["count"].as_u64().unwrap_or(0)));
        grid.push(vec![number, word("event"), word("first"), word("last")]);
    }
    if !events.is_empty() {
        text.push_str(&grid.draw(None));
    }
    text
}

fn forget(setup: &Setup, printer: Printer) -> Outcome {
    let forgotten = setup.request_deletion().map_err(|error| Failure::work("nothing was forgotten").because(&error))?;
    for (id, answer) in forgotten.ids.iter().zip(&forgotten.answers) {
        printer.report(&format!("The tracker deletes what it has of {id}: {}", answer.trim()))?;
    }
    printer.report("What waited here is deleted too, and the id is thrown away.")
}
