//! `dlt tracker key`: write keys of projects.

use dlt_tracker::TakenProjects;

use super::{data_dir, failure, with_line_end};
use crate::args::{Key, ReportFormat};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::printer::Printer;

pub(super) fn key(arguments: &Key, printer: Printer) -> Outcome {
    match arguments {
        Key::Add { project, name, key, folder } => {
            let made = dlt_tracker::add_key(data_dir(folder)?, project, name.as_deref(), key.as_deref());
            let made = made.map_err(failure)?;
            printer.data(&with_line_end(made.secret))?;
            printer.note(&format!(
                "This is key {} of the project {}. Only its hash is kept: it cannot be printed again.",
                made.key.id, made.key.project
            ));
            Ok(())
        }
        Key::List { folder, format } => list(&dlt_tracker::keys(data_dir(folder)?).map_err(failure)?, *format, printer),
        Key::Export { folder } => printer.data(&dlt_tracker::export_projects(data_dir(folder)?).map_err(failure)?),
        Key::Import { file, folder } => {
            told(&dlt_tracker::import_projects(data_dir(folder)?, file).map_err(failure)?, printer)
        }
        Key::Revoke { id, folder } => {
            let key = dlt_tracker::revoke_key(data_dir(folder)?, id).map_err(failure)?;
            printer.report(&format!("Revoked key {} of the project {}", key.id, key.project))
        }
    }
}

fn told(taken: &TakenProjects, printer: Printer) -> Outcome {
    if !taken.only_keys.is_empty() {
        printer.note(&format!("Keys that are in this folder alone stay: {}", taken.only_keys.join(", ")));
    }
    if !taken.only_contracts.is_empty() {
        printer.note(&format!("Contracts that are in this folder alone stay: {}", taken.only_contracts.join(", ")));
    }
    let contracts = match taken.contracts.as_slice() {
        [] => "no contract has changed".to_owned(),
        changed => format!("new or changed contracts: {}", changed.join(", ")),
    };
    printer.report(&format!(
        "Took {} new keys, {} were revoked; {contracts}",
        count(taken.new_keys),
        count(taken.revoked_keys)
    ))
}

fn list(keys: &[dlt_tracker::Key], format: ReportFormat, printer: Printer) -> Outcome {
    if let ReportFormat::Json = format {
        let text = serde_json::to_string_pretty(keys)
            .map_err(|error| Failure::work("the keys cannot be written as JSON").because(&error))?;
        return printer.data_with(|out| out.write_all(with_line_end(text).as_bytes()));
    }
    if keys.is_empty() {
        return printer.report("No keys yet: dlt tracker key add PROJECT makes one");
    }
    let mut grid = Grid::new(["id", "project", "name", "created", "revoked"]);
    let text = |text: &Option<String>| text.clone().map_or(Cell::Empty, Cell::Text);
    for key in keys {
        grid.push(vec![
            Cell::Text(key.id.clone()),
            Cell::Text(key.project.clone()),
            text(&key.name),
            Cell::Text(key.created.clone()),
            text(&key.revoked),
        ]);
    }
    printer.data(&grid.draw(None))
}
