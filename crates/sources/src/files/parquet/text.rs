//! Values that have no form of their own in JSON, as text that loses nothing.

use arrow::array::{Array, ArrayRef, AsArray, StringArray, make_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder};
use std::fmt::Write;

/// Decimals with all their digits, instants in UTC, bytes as `0x…`; the rest as JSON has it.
#[derive(Debug)]
pub(super) struct ExactText;

impl EncoderFactory for ExactText {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let text = match array.data_type() {
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                cast(array, &DataType::Utf8)?.as_string::<i32>().clone()
            }
            DataType::Timestamp(unit, Some(_)) => {
                // The zone is a label on an instant; its name may be unknown here, UTC is not.
                let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
                let instants: ArrayRef = make_array(array.to_data().into_builder().data_type(utc).build()?);
                cast(&instants, &DataType::Utf8)?.as_string::<i32>().clone()
            }
            DataType::Binary => array.as_binary::<i32>().iter().map(|bytes| bytes.map(hex)).collect(),
            DataType::LargeBinary => array.as_binary::<i64>().iter().map(|bytes| bytes.map(hex)).collect(),
            DataType::BinaryView => array.as_binary_view().iter().map(|bytes| bytes.map(hex)).collect(),
            DataType::FixedSizeBinary(_) => {
                array.as_fixed_size_binary().iter().map(|bytes| bytes.map(hex)).collect::<StringArray>()
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(Box::new(Quoted(text)), array.nulls().cloned())))
    }
}

/// Texts that need no escapes.
struct Quoted(StringArray);

impl Encoder for Quoted {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.0.value(index).as_bytes());
        out.push(b'"');
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
