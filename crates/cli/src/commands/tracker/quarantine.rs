//! `dlt tracker quarantine`: what was accepted and not stored.

use dlt_tracker::{Aside, Replayed, Selection};

use super::{failure, place, with_line_end};
use crate::args::{Quarantine, Quarantined, ReportFormat};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::printer::Printer;

pub(super) fn quarantine(arguments: &Quarantine, printer: Printer) -> Outcome {
    match arguments {
        Quarantine::List { which, format, folder } => {
            let which = selection(which)?;
            list(&dlt_tracker::quarantined(place(folder)?, &which).map_err(failure)?, *format, printer)
        }
        Quarantine::Show { number, folder } => {
            let event = dlt_tracker::quarantined_event(place(folder)?, *number).map_err(failure)?;
            printer.data_with(|out| out.write_all(with_line_end(serde_json::to_string_pretty(&event)?).as_bytes()))
        }
        Quarantine::Replay { which, folder } => {
            let which = selection(which)?;
            told(&dlt_tracker::replay(place(folder)?, &which).map_err(failure)?, printer)
        }
    }
}

fn selection(which: &Quarantined) -> Outcome<Selection> {
    Selection::new(which.project.as_deref(), which.reason.as_deref()).map_err(failure)
}

fn list(groups: &[Aside], format: ReportFormat, printer: Printer) -> Outcome {
    if groups.len() == dlt_tracker::MAX_GROUPS {
        printer.note(&format!("these are the largest {} groups; --project and --reason tell of others", groups.len()));
    }
    if let ReportFormat::Json = format {
        return printer.data_with(|out| out.write_all(with_line_end(serde_json::to_string_pretty(groups)?).as_bytes()));
    }
    if groups.is_empty() {
        return printer.report("Nothing is quarantined");
    }
    let mut grid = Grid::new(["count", "project", "reason", "event", "where", "newest", "received"]);
    let text = |text: &Option<String>| text.clone().map_or(Cell::Empty, Cell::Text);
    for group in groups {
        grid.push(vec![
            Cell::Number(count(group.count)),
            Cell::Text(group.project.clone()),
            Cell::Text(group.reason.clone()),
            text(&group.event),
            text(&group.path),
            Cell::Number(group.newest.to_string()),
            text(&group.last_received),
        ]);
    }
    printer.data(&grid.draw(None))
}

fn told(replayed: &Replayed, printer: Printer) -> Outcome {
    let stay: u64 = replayed.stays.iter().map(|stay| stay.count).sum();
    printer.report(&format!("Replayed {} events; {} stay in the quarantine", count(replayed.replayed), count(stay)))?;
    if replayed.stays.is_empty() {
        return unread(replayed);
    }
    let mut grid = Grid::new(["count", "project", "reason", "event", "where"]);
    for stay in &replayed.stays {
        let texts = [&stay.project, &stay.reason, &stay.event, &stay.path].map(|text| Cell::Text(text.clone()));
        grid.push([Cell::Number(count(stay.count))].into_iter().chain(texts).collect());
    }
    printer.data(&grid.draw(None))?;
    unread(replayed)
}

/// Fails where contracts could not be read: what they name was not looked at.
fn unread(replayed: &Replayed) -> Outcome {
    match replayed.unread.as_slice() {
        [] => Ok(()),
        flaws => Err(Failure::work(flaws.join("; "))
            .hint("mend the contract and replay again: the events of its project stay until then")),
    }
}
