//! `dlt tracker load --from` and `dlt tracker edge`: what comes by way of the edge.

use dlt_tracker::EdgeLoad;

use super::{config, failure};
use crate::args::{Folder, Serve};
use crate::exit::{Failure, Outcome};
use crate::grid::count;
use crate::printer::Printer;

/// Objects that are named when many are refused.
const NAMED: usize = 20;

pub(super) fn load(arguments: &Serve, from: &str, printer: Printer) -> Outcome {
    let place = config(&arguments.folder, arguments, None)?.serve_options()?.place();
    let done = dlt_tracker::load_objects(place, from, |so_far| printer.detail(&told(so_far))).map_err(failure)?;
    printer.report(&told(&done))?;
    if done.others > 0 {
        printer
            .note(&format!("{} others were left out: only names that end in .ndjson are taken", objects(done.others)));
    }
    if done.refused.is_empty() {
        return Ok(());
    }
    for (object, reason) in done.refused.iter().take(NAMED) {
        printer.note(&format!("{object} was not taken: {reason}"));
    }
    if done.refused.len() > NAMED {
        printer.note(&format!("so were {} more", done.refused.len() - NAMED));
    }
    let failure = Failure::work(format!("{} can't be taken", objects(done.refused.len() as u64)));
    Err(failure.hint("the others were taken; write these anew, and the next run takes them"))
}

fn told(done: &EdgeLoad) -> String {
    let records = &done.records;
    let mut text = format!(
        "Took {}: {} events and {} rows of the quarantine are new, {} records were known",
        objects(done.objects),
        count(records.events),
        count(records.quarantined),
        count(records.known)
    );
    if done.before > 0 {
        text.push_str(&format!("; {} were taken before", objects(done.before)));
    }
    text
}

fn objects(number: u64) -> String {
    if number == 1 { "1 object".to_owned() } else { format!("{} objects", count(number)) }
}

pub(super) fn settings(folder: &Folder, printer: Printer) -> Outcome {
    let config = config(folder, &Serve::default(), None)?;
    let options = config.serve_options()?;
    let written = dlt_tracker::edge_settings(&options.data_dir, options.unknown_key).map_err(failure)?;
    printer.data(&written)
}
