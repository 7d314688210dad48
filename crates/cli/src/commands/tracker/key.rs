//! `dlt tracker key`: write keys of projects.

use super::{data_dir, failure, with_line_end};
use crate::args::{Key, ReportFormat};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid};
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
        Key::Revoke { id, folder } => {
            let key = dlt_tracker::revoke_key(data_dir(folder)?, id).map_err(failure)?;
            printer.report(&format!("Revoked key {} of the project {}", key.id, key.project))
        }
    }
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
