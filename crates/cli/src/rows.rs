//! Rows of a query as a table, CSV or JSON lines, printed as they come.

use console::Term;
use dlt::{Dataset, RecordBatch};
use serde_json::Value;

use crate::args::Output;
use crate::exit::Outcome;
use crate::grid::{Cell, Grid, count};
use crate::printer::Printer;

/// Rows of a table for people where nothing else is said: the table is drawn with all of them in memory.
const DEFAULT_TABLE_ROWS: u64 = 1_000;

/// Prints the rows of one query.
pub(crate) struct RowPrinter {
    printer: Printer,
    format: Output,
    /// Rows that may still be printed.
    left: u64,
    /// Whether there are more rows than were asked for; looked for only where nobody said how many.
    has_more: bool,
    is_limit_said: bool,
    names: Option<Vec<String>>,
    grid: Grid,
}

impl RowPrinter {
    /// A `limit` of 0 is none.
    pub(crate) fn new(printer: Printer, format: Output, limit: Option<u64>) -> Self {
        let left = match (limit, format) {
            (None, Output::Table) => DEFAULT_TABLE_ROWS,
            (None | Some(0), _) => u64::MAX,
            (Some(limit), _) => limit,
        };
        let is_limit_said = limit.is_some();
        Self { printer, format, left, has_more: false, is_limit_said, names: None, grid: Grid::default() }
    }

    /// How many rows are needed; `None`: all.
    pub(crate) fn needs(&self) -> Option<u64> {
        // One more tells whether there are more.
        (self.left < u64::MAX).then(|| self.left + u64::from(!self.is_limit_said))
    }

    /// Whether nothing more will be printed, or needs to be known.
    pub(crate) fn has_enough(&self) -> bool {
        self.left == 0 && (self.is_limit_said || self.has_more)
    }

    /// Takes the next rows; their columns are the same every time.
    pub(crate) fn print(&mut self, batch: &RecordBatch) -> Outcome {
        let fitting = usize::try_from(self.left).unwrap_or(usize::MAX);
        self.has_more |= batch.num_rows() > fitting;
        let batch = batch.slice(0, fitting.min(batch.num_rows()));
        self.left -= batch.num_rows() as u64;
        let is_first = self.names.is_none();
        let schema = batch.schema();
        let names = self.names.get_or_insert_with(|| unique(schema.fields().iter().map(|field| field.name().as_str())));
        match self.format {
            Output::Table => {
                if is_first {
                    self.grid = Grid::new(names.iter().map(String::as_str));
                }
                Dataset::values(&batch)?.iter().for_each(|row| self.grid.push(row.iter().map(cell).collect()));
                Ok(())
            }
            Output::Csv => {
                let rows = Dataset::values(&batch)?;
                self.printer.data_with(|out| {
                    if is_first {
                        let header: Vec<_> = names.iter().map(|name| csv_field(name)).collect();
                        writeln!(out, "{}", header.join(","))?;
                    }
                    rows.iter().try_for_each(|row| {
                        let fields: Vec<_> = row.iter().map(csv_value).collect();
                        writeln!(out, "{}", fields.join(","))
                    })
                })
            }
            Output::Json => {
                let rows = Dataset::json(&batch)?;
                self.printer
                    .data_with(|out| rows.iter().try_for_each(|row| writeln!(out, "{}", json_object(names, row))))
            }
        }
    }

    /// Prints what could only be printed with everything in hand.
    pub(crate) fn finish(self) -> Outcome {
        if self.format != Output::Table || self.names.is_none() {
            return Ok(());
        }
        let terminal = Term::stdout();
        let width = terminal.is_term().then(|| usize::from(terminal.size().1));
        self.printer.data(&self.grid.draw(width))?;
        if self.has_more && !self.is_limit_said {
            let shown = count(DEFAULT_TABLE_ROWS);
            self.printer.note(&format!("There are more than these {shown} rows; --limit 0 shows all of them."));
        }
        Ok(())
    }
}

/// A join may give two columns one name; the second is then told apart by a number.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !all.contains(name));
        all.extend(free);
    }
    all
}

/// A row of values that are JSON already.
fn json_object(names: &[String], values: &[String]) -> String {
    let members: Vec<String> =
        names.iter().zip(values).map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::String(text) => Cell::Text(text.clone()),
        Value::Number(number) => Cell::Number(number.to_string()),
        other => Cell::Text(other.to_string()),
    }
}

fn csv_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // An empty text is told from nothing at all by its quotes.
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => csv_field(text),
        other => csv_field(&other.to_string()),
    }
}

/// A field, quoted where it must be.
pub(crate) fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        for (value, field) in [
            (Value::Null, ""),
            (Value::from(""), "\"\""),
            (Value::from("a b"), "a b"),
            (Value::from("a,b"), "\"a,b\""),
            (Value::from("say \"hi\"\n"), "\"say \"\"hi\"\"\n\""),
            (Value::from(1.5), "1.5"),
            (Value::from(true), "true"),
        ] {
            assert_eq!(csv_value(&value), field);
        }
    }

    #[test]
    fn a_row_is_one_object() {
        let names = ["a\"b".to_owned(), "c".to_owned()];
        assert_eq!(json_object(&names, &["1".into(), "{\"x\":[]}".into()]), r#"{"a\"b":1,"c":{"x":[]}}"#);
        assert_eq!(json_object(&[], &[]), "{}");
    }

    #[test]
    fn columns_of_one_name_are_told_apart() {
        assert_eq!(unique(["id", "id", "id_1", "id"].into_iter()), ["id", "id_1", "id_1_1", "id_2"]);
    }
}
