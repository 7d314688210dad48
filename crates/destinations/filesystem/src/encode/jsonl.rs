//! JSON Lines: a row a line; a column without a value is left out of it.

use super::cells::{Cell, Cells};
use super::{Rows, Stop};
use dlt_engine::{Error, ErrorKind, Result};
use std::io::Write;

pub(super) fn write(mut rows: Rows<'_>, out: &mut dyn Write) -> Result<(), Stop> {
    let keys: Vec<String> =
        rows.columns.iter().map(|(column, _)| Ok(format!("{}:", text(&column.name)?))).collect::<Result<_>>()?;
    let mut line = Vec::new();
    while let Some((count, arrays)) = rows.next()? {
        let columns = rows.columns.iter().zip(&arrays);
        let cells: Vec<_> = columns.map(|((column, _), array)| Cells::new(column, array)).collect::<Result<_>>()?;
        for row in 0..count {
            line.clear();
            line.push(b'{');
            for (key, cells) in keys.iter().zip(&cells) {
                let cell = cells.get(row, "T");
                if matches!(cell, Cell::Null) {
                    continue;
                }
                if line.len() > 1 {
                    line.push(b',');
                }
                line.extend_from_slice(key.as_bytes());
                push(&mut line, cell)?;
            }
            line.extend_from_slice(b"}\n");
            out.write_all(&line)?;
        }
    }
    Ok(())
}

fn push(line: &mut Vec<u8>, cell: Cell<'_>) -> Result<(), Stop> {
    match cell {
        Cell::Null => line.extend_from_slice(b"null"),
        Cell::Text(value) => serde_json::to_writer(&mut *line, value).map_err(std::io::Error::from)?,
        // A line must hold no end of a line.
        Cell::Json(json) if !json.contains(['\n', '\r']) => line.extend_from_slice(json.as_bytes()),
        Cell::Json(json) => {
            line.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }))
        }
        Cell::Bool(value) => line.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => write!(line, "{value}")?,
        Cell::Double(value) if value.is_finite() => {
            serde_json::to_writer(&mut *line, &value).map_err(std::io::Error::from)?
        }
        // JSON has no numbers for these; as texts they come back as what they are.
        Cell::Double(value) => line.extend_from_slice(match value {
            value if value.is_nan() => b"\"NaN\"",
            value if value > 0. => b"\"Infinity\"",
            _ => b"\"-Infinity\"",
        }),
        Cell::Plain(value) => write!(line, "\"{value}\"")?,
    }
    Ok(())
}

fn text(name: &str) -> Result<String> {
    serde_json::to_string(name)
        .map_err(|error| Error::new(ErrorKind::Internal, "a name cannot be written as JSON").because(error))
}
