//! Ids of root rows that are digests of what the rows hold: the same row has the same id in every load.
//!
//! The digest is that of the item as it came, before it is split into columns and tables: compact JSON with sorted keys,
//! without the top keys that begin as the engine's own do.

use crate::digest::{ROW_ID_BYTES, shake128};
use crate::error::{Error, ErrorKind};
use crate::json::{Cursor, Surrogates, write_canonical};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Characters of an id.
const LENGTH: usize = 14;
/// How keys begin that are not part of a row.
const OWN_KEYS: &str = "_dlt";

/// Ids of the rows of a chunk, in their order.
#[derive(Debug, Default)]
pub(crate) struct RowDigests {
    ids: Vec<[u8; LENGTH]>,
    scratch: String,
}

impl RowDigests {
    /// The id of a row; empty if it was not given.
    pub(crate) fn id(&self, row: usize) -> &[u8] {
        self.ids.get(row).map_or(&[], |id| id)
    }

    pub(crate) fn clear(&mut self) {
        self.ids.clear();
    }

    /// Adds the id of a row that is an object, or any other value as the member `value` of one.
    pub(crate) fn push(&mut self, text: &str, surrogates: Surrogates) {
        self.scratch.clear();
        let mut cursor = Cursor::new(text).with(surrogates);
        let is_object = cursor.peek() == Some(b'{');
        if !is_object {
            self.scratch.push_str("{\"value\":");
        }
        // It was read before, so that this cannot fail.
        let _ = write_canonical(&mut cursor, is_object.then_some(OWN_KEYS), &mut self.scratch);
        if !is_object {
            self.scratch.push('}');
        }
        let mut id = [0; LENGTH];
        // Fourteen characters hold ten bytes exactly, so this cannot fail.
        let _ = STANDARD_NO_PAD.encode_slice(shake128::<ROW_ID_BYTES>(&[self.scratch.as_bytes()]), &mut id);
        self.ids.push(id);
    }
}

/// The error for a batch of which a value has no form as JSON.
pub(crate) fn no_form() -> Error {
    Error::new(ErrorKind::Data, "a row has no digest, because one of its values has no form as JSON")
        .hint("name the column that tells versions of a row apart: row_version_column_name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        let mut digests = RowDigests::default();
        digests.push(text, Surrogates::default());
        String::from_utf8(digests.id(0).to_vec()).unwrap()
    }

    /// Expected ids are those that Python dlt gives these items.
    #[test]
    fn ids_are_those_of_the_contract() {
        for (text, expected) in [
            (r#"{"id":1,"a":"x","l":[1,{"q":1}]}"#, "J2zZv6nCw4HHrQ"),
            (r#"{"o":{"z":1.5}, "a":"y", "id":2}"#, "2U598hGi+evWUg"),
            (r#"{"id":1,"_dlt_foo":3}"#, "z5jIxXIbUnmbKw"),
        ] {
            assert_eq!(id(text), expected, "of {text}");
        }
        assert_eq!(id("5"), id(r#"{"value":5}"#));
    }
}
