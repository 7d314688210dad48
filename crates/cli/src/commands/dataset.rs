//! `dlt dataset`: reads what was loaded.

use dlt::telemetry::Telemetry;
use dlt::{Dataset, DestinationName, Error, ErrorKind, Export};
use std::path::Path;

use crate::args::{self, Output};
use crate::commands::ingest::name_of;
use crate::commands::known::tables;
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid, count};
use crate::rows::{RowPrinter, csv_field};
use crate::settings::Settings;

/// Rows of a table that are printed where nothing else is said.
const DEFAULT_ROWS: u64 = 20;

pub(crate) fn dataset(arguments: &args::Dataset, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let (pipeline, destination) = find(arguments, settings)?;
    let destination = destination.limited_by(&settings.providers, &pipeline)?;
    let pipeline = dlt::pipeline(pipeline)
        .destination(destination)
        .data_dir(settings.providers.data_folder())
        .telemetry(telemetry.clone())
        .dataset(&arguments.name);
    let mut dataset = pipeline.dataset()?;
    if let Some(place) = &arguments.to {
        return export(&mut dataset, arguments, place, settings);
    }
    let table = match arguments.tables.as_slice() {
        [] => None,
        [table] => Some(table),
        _ => {
            let wrong = Failure::usage("the rows of one table can be printed at a time");
            return Err(wrong.hint("name one table, or a folder to write several to: --to out/"));
        }
    };
    let (sql, limit) = match (table, &arguments.sql) {
        (Some(table), _) => {
            check_table(&mut dataset, table)?;
            let limit = arguments.limit.unwrap_or(DEFAULT_ROWS);
            (format!("SELECT * FROM \"{}\"{}", table.replace('"', "\"\""), limit_clause(limit)), Some(limit))
        }
        (None, Some(sql)) if sql.trim().is_empty() => return Err(Failure::usage("the query is empty")),
        (None, Some(sql)) => (sql.clone(), arguments.limit),
        (None, None) => return list(&mut dataset, arguments.format, settings),
    };
    print_query(&mut dataset, &sql, limit, arguments.format, settings)
}

/// Writes rows into files.
fn export(dataset: &mut Dataset, arguments: &args::Dataset, place: &Path, settings: &Settings) -> Outcome {
    let export = Export::to(place)?.overwrite(arguments.force);
    let limited = |sql: &str, limit: Option<u64>| match limit {
        None | Some(0) => sql.to_owned(),
        Some(limit) => format!("SELECT * FROM ({}) LIMIT {limit}", sql.trim().trim_end_matches(';')),
    };
    let written = match &arguments.sql {
        Some(sql) if sql.trim().is_empty() => return Err(Failure::usage("the query is empty")),
        Some(sql) => vec![dataset.export_query(&limited(sql, arguments.limit), &export)?],
        None if arguments.limit.is_some_and(|limit| limit > 0) => match arguments.tables.as_slice() {
            [table] if !export.is_pattern() => {
                check_table(dataset, table)?;
                let sql = format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""));
                vec![dataset.export_query(&limited(&sql, arguments.limit), &export)?]
            }
            _ => {
                let wrong = Failure::usage("--limit goes with one table or a query, and one file");
                return Err(wrong.hint("leave it out, or name a table and a file: --to users.csv"));
            }
        },
        None => {
            arguments.tables.iter().try_for_each(|table| check_table(dataset, table))?;
            let tables = if arguments.tables.is_empty() { dataset.tables()? } else { arguments.tables.clone() };
            if tables.is_empty() {
                let failure = Failure::usage(format!("dataset `{}` has no tables", arguments.name));
                return Err(failure.hint("load something into it first"));
            }
            if arguments.tables.is_empty() && !export.is_pattern() {
                let failure = Failure::usage("all tables do not go into one file");
                return Err(failure.hint("name a table, or a folder (`out/`) or pattern (`out/*.csv`)"));
            }
            dataset.export_tables(&tables, &export)?
        }
    };
    let mut grid = Grid::new(["file", "rows", "bytes"]);
    for file in written {
        let number = |number: u64| Cell::Number(count(number));
        grid.push(vec![Cell::Text(file.path.display().to_string()), number(file.rows), number(file.bytes)]);
    }
    settings.printer.report(grid.draw(None).trim_end())
}

fn check_table(dataset: &mut Dataset, table: &str) -> Outcome {
    let Err(error) = dataset.table(table).map(drop) else { return Ok(()) };
    let known = dataset.tables().unwrap_or_default();
    let failure = Failure::from(error);
    Err(match dlt::suggest(table, known.iter().map(String::as_str)) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    })
}

fn limit_clause(limit: u64) -> String {
    if limit == 0 { String::new() } else { format!(" LIMIT {limit}") }
}

/// The name of a pipeline and the destination that hold the dataset.
fn find(arguments: &args::Dataset, settings: &Settings) -> Outcome<(String, DestinationName)> {
    let name = &arguments.name;
    if let Some(place) = &arguments.from {
        return Ok((name_of(name), DestinationName::parse(place)?));
    }
    let known = dlt::local_pipelines(settings.providers.data_folder())?;
    let holding: Vec<_> = known.iter().filter(|known| known.holds(name)).collect();
    let mut places: Vec<_> = holding.iter().map(|known| known.location.as_str()).collect();
    places.sort_unstable();
    places.dedup();
    match (holding.first(), places.as_slice()) {
        (None, _) => {
            let datasets = known.iter().map(|known| known.dataset.as_str());
            let hint = match dlt::suggest(name, datasets) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    let forms: Vec<_> = dlt::DESTINATIONS.iter().map(|known| known.form).collect();
                    let forms = forms.join(" or ");
                    format!("`dlt pipeline --list` shows the datasets; --from {forms} names a place")
                }
            };
            Err(Failure::usage(format!("no pipeline of this machine loaded a dataset `{name}`")).hint(hint))
        }
        (Some(known), [_]) => Ok((known.pipeline.clone(), known.destination()?)),
        (Some(_), places) => Err(Failure::usage(format!("there are {} datasets `{name}`", places.len()))
            .hint(format!("say which: --from {}", places.join("\n       or: --from ")))),
    }
}

fn list(dataset: &mut Dataset, format: Output, settings: &Settings) -> Outcome {
    let counts = dataset.row_counts()?;
    match format {
        Output::Table => settings.printer.data(&tables(&counts).draw(None)),
        Output::Csv => settings.printer.data_with(|out| {
            writeln!(out, "table,rows")?;
            counts.iter().try_for_each(|(table, rows)| writeln!(out, "{},{rows}", csv_field(table)))
        }),
        Output::Json => settings.printer.data_with(|out| {
            counts
                .iter()
                .try_for_each(|(table, rows)| writeln!(out, "{}", serde_json::json!({"table": table, "rows": rows})))
        }),
    }
}

/// Runs a query and prints its rows as they come; at most `limit` of them, unless that is 0.
fn print_query(dataset: &mut Dataset, sql: &str, limit: Option<u64>, format: Output, settings: &Settings) -> Outcome {
    let mut printer = RowPrinter::new(settings.printer, format, limit);
    // What ends the query before its end, if it is not the query's own fault.
    let mut ended: Option<Outcome> = None;
    let result = dataset.query(sql, &mut |_, batch| {
        let printed = printer.print(&batch);
        if printed.is_err() || printer.has_enough() {
            ended = Some(printed);
            return Err(Error::new(ErrorKind::Internal, "enough was read"));
        }
        Ok(())
    });
    match ended {
        Some(outcome) => outcome?,
        None => result?,
    }
    printer.finish()
}
