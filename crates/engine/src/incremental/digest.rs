//! Digests that tell rows apart whose cursor has the same value.
//!
//! The contract knows two forms. The long one (20 characters) is understood by every Python dlt; the short one (12) by 1.29 and
//! later, which writes it. New ones are long; those of a position that did not move go on in the form that it has, for
//! one long digest makes Python dlt take all of them for long ones.

use crate::digest::{name_digest, shake128};
use crate::json::{Json, write_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How digests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 20 characters; times are written with `Z`.
    Long,
    /// 12 characters; times are microseconds since 1970.
    Short,
}

/// Characters of the long form.
const LONG: usize = 20;

impl Form {
    /// The form of digests that a state has.
    pub(super) fn of<'a>(mut digests: impl Iterator<Item = &'a str>) -> Self {
        match digests.any(|digest| digest.len() == LONG) {
            true => Self::Long,
            false => Self::Short,
        }
    }

    /// The digest of compact JSON with sorted keys.
    pub(super) fn digest(self, json: &str) -> String {
        match self {
            Self::Long => name_digest(json),
            Self::Short => STANDARD_NO_PAD.encode(shake128::<9>(&[json.as_bytes()])),
        }
    }
}

/// Compact JSON with sorted keys, as Python dlt digests it.
pub(super) fn write_sorted(value: &Json, out: &mut String) {
    match value {
        Json::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (at, (key, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        // Python reads an integer of more than 64 bits as a float.
        Json::Big(written) if written.parse::<u64>().is_err() => match written.parse::<f64>() {
            Ok(value) => write_float(value, out),
            Err(_) => out.push_str("null"),
        },
        Json::Double(value) => write_float(*value, out),
        scalar => scalar.write(out),
    }
}

/// A float as Python dlt writes it: with a sign in every exponent, and null for what is no number.
pub(super) fn write_float(value: f64, out: &mut String) {
    if !value.is_finite() {
        out.push_str("null");
        return;
    }
    let text = serde_json::Value::from(value).to_string();
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => {
            out.push_str(digits);
            out.push_str("e+");
            out.push_str(exponent.trim_start_matches('+'));
        }
        _ => out.push_str(&text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::json::Cursor;

    /// Expected values are those of Python dlt 1.31.
    #[test]
    fn digests_are_those_of_the_contract() {
        for (text, sorted) in [
            (
                r#"{"b": 1.0, "a": "é\u0001/\u007f", "c": [1e2, -0.0, null]}"#,
                "{\"a\":\"é\\u0001/\u{7f}\",\"b\":1.0,\"c\":[100.0,-0.0,null]}",
            ),
            (
                r#"{"big":18446744073709551615,"more":18446744073709551616,"x":1e16}"#,
                r#"{"big":18446744073709551615,"more":1.8446744073709552e+19,"x":1e+16}"#,
            ),
            (r#"{"é":1,"z":2,"Z":3,"":0}"#, r#"{"":0,"Z":3,"z":2,"é":1}"#),
        ] {
            let mut written = String::new();
            write_sorted(&Cursor::new(text).value().unwrap(), &mut written);
            assert_eq!(written, sorted);
        }
        assert_eq!(Form::Long.digest("4"), DIGEST_OF_4);
        assert_eq!(Form::Short.digest("4"), DIGEST_OF_4[..12]);
    }

    const DIGEST_OF_4: &str = "9ydaHrzwo9f8RuI13CNq";
}
