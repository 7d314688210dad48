//! JSON in the one form that digests are made of: compact, keys sorted by their bytes, at all depths.

use super::{Cursor, Number, Read, write_text};
use std::borrow::Cow;

/// Appends the value at the cursor. Members of the value itself (and not of those within) whose keys begin with
/// `left_out` are left out; of two with one key the last is taken.
pub(crate) fn write_canonical(cursor: &mut Cursor<'_>, left_out: Option<&str>, out: &mut String) -> Read<()> {
    match cursor.value_start()? {
        b'{' => return write_object(cursor, left_out, out),
        b'[' => {
            out.push('[');
            let mut more = cursor.enter(b']')?;
            while more {
                write_canonical(cursor, None, out)?;
                more = cursor.next_member(b']')?;
                if more {
                    out.push(',');
                }
            }
            out.push(']');
        }
        b'"' => {
            let text = cursor.string()?;
            if text.has_escapes {
                write_text(&cursor.decode(text)?, out);
            } else {
                // Without escapes there is but one way to write a string.
                out.push('"');
                out.push_str(text.raw);
                out.push('"');
            }
        }
        b'-' | b'0'..=b'9' => match cursor.number()? {
            Number::Int(value) => out.push_str(itoa::Buffer::new().format(value)),
            Number::Double(value) => super::Json::Double(value).write(out),
            Number::Big(written) => out.push_str(written),
        },
        b't' => {
            cursor.literal("true")?;
            out.push_str("true");
        }
        b'f' => {
            cursor.literal("false")?;
            out.push_str("false");
        }
        _ => {
            cursor.literal("null")?;
            out.push_str("null");
        }
    }
    Ok(())
}

fn write_object(cursor: &mut Cursor<'_>, left_out: Option<&str>, out: &mut String) -> Read<()> {
    let begin = out.len();
    out.push('{');
    // Each member with its key, and where it was written, with a comma behind it.
    let mut members: Vec<(Cow<'_, str>, std::ops::Range<usize>)> = Vec::new();
    let mut is_sorted = true;
    let mut more = cursor.enter(b'}')?;
    while more {
        let raw = cursor.key()?;
        let key = cursor.decode(raw)?;
        let start = out.len();
        write_text(&key, out);
        out.push(':');
        write_canonical(cursor, None, out)?;
        out.push(',');
        if left_out.is_some_and(|left_out| key.starts_with(left_out)) {
            out.truncate(start);
        } else {
            is_sorted = is_sorted && members.last().is_none_or(|(last, _)| *last < key);
            members.push((key, start..out.len()));
        }
        more = cursor.next_member(b'}')?;
    }
    if !is_sorted {
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut sorted = String::with_capacity(out.len() - begin);
        for (at, (key, place)) in members.iter().enumerate() {
            if members.get(at + 1).is_none_or(|(next, _)| next != key) {
                sorted.push_str(&out[place.clone()]);
            }
        }
        out.truncate(begin + 1);
        out.push_str(&sorted);
    }
    if out.ends_with(',') {
        out.pop();
    }
    out.push('}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = String::from("before:");
        write_canonical(&mut Cursor::new(text), Some("_dlt"), &mut out).unwrap();
        out.strip_prefix("before:").unwrap().to_owned()
    }

    #[test]
    fn keys_are_sorted_at_all_depths() {
        for (text, expected) in [
            (r#"{"b":1,"a":{"z":[{"y":1,"x":2}],"c":null}}"#, r#"{"a":{"c":null,"z":[{"x":2,"y":1}]},"b":1}"#),
            (r#" { "a" : [ ] , "B" : { } } "#, r#"{"B":{},"a":[]}"#),
            (r#"{"ä":1,"z":2,"é":3}"#, r#"{"z":2,"ä":1,"é":3}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"\u0061":"\u00e9\/\n\u001f"}"#, r#"{"a":"é/\n\u001f"}"#),
            ("{}", "{}"),
            (
                "[1,-0,2.50,1e3,12345678901234567890,true,false,null,\"x\"]",
                "[1,0,2.5,1000.0,12345678901234567890,true,false,null,\"x\"]",
            ),
        ] {
            assert_eq!(canonical(text), expected);
        }
    }

    #[test]
    fn only_members_of_the_value_itself_are_left_out() {
        assert_eq!(canonical(r#"{"_dlt_id":"x","a":{"_dlt_id":1},"_dlt":2}"#), r#"{"a":{"_dlt_id":1}}"#);
        assert_eq!(canonical(r#"{"_dlt_id":"x"}"#), "{}");
    }
}
