//! What resources that are read for the items of another take of these.

use super::json::scalar_text;
use super::spool::Spool;
use super::template::ParentFields;
use dlt_engine::source::Chunk;
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::value::RawValue;

/// The fields of an item. An item that is no object is its own field `value`, as it is in its table.
pub(super) fn row(item: &RawValue, parent: &str, fields: &ParentFields) -> Result<Vec<Box<RawValue>>> {
    let mut row = Vec::new();
    for (index, (name, path)) in fields.fields.iter().enumerate() {
        let found = path.first(item).or_else(|| (name == "value" && scalar_text(item).is_some()).then_some(item));
        if index < fields.required && found.and_then(scalar_text).is_none() {
            return Err(Error::new(ErrorKind::Data, format!("an item of `{parent}` has no value in `{name}`"))
                .hint("a placeholder needs a text, a number or a boolean in every item"));
        }
        // Line ends in JSON are blanks, and a row is kept as a line.
        let text = found.map_or("null", RawValue::get).replace(['\n', '\r'], " ");
        row.push(
            RawValue::from_string(text)
                .map_err(|cause| Error::new(ErrorKind::Internal, "a field of an item was damaged").because(cause))?,
        );
    }
    Ok(row)
}

/// The resources that are read for the items of one.
pub(crate) struct Children {
    pub(crate) parent: String,
    /// Where each finds the items, and what it needs of them.
    pub(crate) of: Vec<(Spool, ParentFields)>,
}

impl Children {
    /// Keeps what they need of the items that are loaded.
    pub(crate) fn take(&self, chunk: &Chunk) -> Result<()> {
        let Chunk::Json(chunk) = chunk else {
            return Err(Error::new(ErrorKind::Internal, "items of an API came as columns"));
        };
        for item in serde_json::Deserializer::from_slice(&chunk.bytes).into_iter::<&RawValue>() {
            // What cannot be read is told where it is normalized, with its line.
            let Ok(item) = item else { return Ok(()) };
            for (spool, fields) in &self.of {
                let row = row(item, &self.parent, fields)?;
                let line = serde_json::to_string(&row);
                spool.push(
                    &line.map_err(|cause| Error::new(ErrorKind::Internal, "an item cannot be kept").because(cause))?,
                )?;
            }
        }
        Ok(())
    }
}
