//! CSV: a heading, commas, texts in quotes. A column without a value is empty, an empty text is `""`.

use super::cells::{Cell, Cells};
use super::{Rows, Stop};
use dlt_engine::Result;
use std::io::Write;

pub(super) fn write(mut rows: Rows<'_>, out: &mut dyn Write) -> Result<(), Stop> {
    let mut line = Vec::new();
    for (at, (column, _)) in rows.columns.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        quoted(&mut line, &column.name);
    }
    line.push(b'\n');
    out.write_all(&line)?;
    while let Some((count, arrays)) = rows.next()? {
        let columns = rows.columns.iter().zip(&arrays);
        let cells: Vec<_> = columns.map(|((column, _), array)| Cells::new(column, array)).collect::<Result<_>>()?;
        for row in 0..count {
            line.clear();
            for (at, cells) in cells.iter().enumerate() {
                if at > 0 {
                    line.push(b',');
                }
                match cells.get(row, " ") {
                    // A line that is empty is no row to who reads it.
                    Cell::Null if rows.columns.len() == 1 => line.extend_from_slice(b"\"\""),
                    Cell::Null => {}
                    Cell::Text(value) | Cell::Json(value) => quoted(&mut line, value),
                    Cell::Bool(value) => line.extend_from_slice(if value { b"True" } else { b"False" }),
                    Cell::Int(value) => write!(line, "{value}")?,
                    Cell::Double(value) => write!(line, "{value:?}")?,
                    Cell::Plain(value) => quoted(&mut line, &value),
                }
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(())
}

fn quoted(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}
