//! Shapes of input that are hard to load: many columns, many tables, many files, long values, deep ones.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::random::Random;

const WIDE_COLUMNS: u64 = 300;
const SPARSE_COLUMNS: u64 = 1_500;
const SPARSE_KEYS: u64 = 8;
const TABLE_COLUMNS: u64 = 40;
const TABLE_ROWS: u64 = 20;
const LEVELS: usize = 10;

// Writing into a string cannot fail.

/// A row of an id and so many short values, a third of them text.
fn row_of(random: &mut Random, number: u64, columns: u64, out: &mut String) {
    let _ = write!(out, r#"{{"id":{number}"#);
    for column in 1..columns {
        let value = random.below(1_000);
        let _ = match column % 3 {
            0 => write!(out, r#","c{column}":"v{value}""#),
            _ => write!(out, r#","c{column}":{value}"#),
        };
    }
    out.push_str("}\n");
}

pub(super) fn wide(random: &mut Random, number: u64, out: &mut String) {
    row_of(random, number, WIDE_COLUMNS, out);
}

/// An id, and eight of fifteen hundred keys.
pub(super) fn sparse(random: &mut Random, number: u64, out: &mut String) {
    let _ = write!(out, r#"{{"id":{number}"#);
    let first = random.below(SPARSE_COLUMNS);
    for place in 0..SPARSE_KEYS {
        // Apart from one another, and so never twice in a row.
        let span = SPARSE_COLUMNS / SPARSE_KEYS;
        let key = (first + place * span + random.below(span)) % SPARSE_COLUMNS;
        let value = random.below(1_000);
        let _ = match key % 2 {
            0 => write!(out, r#","k{key}":"value {value}""#),
            _ => write!(out, r#","k{key}":{value}"#),
        };
    }
    out.push_str("}\n");
}

/// A file a table.
pub(super) fn tables(random: &mut Random, count: u64, folder: &Path) -> Result<()> {
    for table in 0..count {
        let mut text = String::new();
        (0..TABLE_ROWS).for_each(|row| row_of(random, row, TABLE_COLUMNS, &mut text));
        fs::write(folder.join(format!("t{table:03}.jsonl")), text)?;
    }
    Ok(())
}

/// Files of one row.
pub(super) fn files(random: &mut Random, count: u64, folder: &Path) -> Result<()> {
    for file in 0..count {
        let mut text = String::new();
        row_of(random, file, 5, &mut text);
        fs::write(folder.join(format!("f{file:06}.jsonl")), text)?;
    }
    Ok(())
}

/// A row with one very long text.
pub(super) fn text(number: u64, bytes: u64, out: &mut String) {
    let letter = ["a", "b", "c", "d", "e"][number as usize % 5];
    let _ = writeln!(out, r#"{{"id":{number},"body":"{}"}}"#, letter.repeat(bytes as usize));
}

/// One document, whose list has very many items.
pub(super) fn long_list(random: &mut Random, count: u64, out: &mut String) {
    out.push_str(r#"{"id":1,"name":"one","items":["#);
    for item in 0..count {
        let comma = if item == 0 { "" } else { "," };
        let _ = write!(
            out,
            r#"{comma}{{"sku":"s{item}","qty":{},"price":{:?}}}"#,
            1 + random.below(8),
            random.hundredths(10_000)
        );
    }
    out.push_str("]}\n");
}

/// A list in a list, ten levels down; each level has a value beside it.
pub(super) fn deep(random: &mut Random, number: u64, out: &mut String) {
    let _ = write!(out, r#"{{"id":{number}"#);
    for level in 0..LEVELS {
        let _ = write!(out, r#","l":[{{"d":{level}"#);
    }
    let _ = write!(out, r#","leaf":{}"#, random.below(1_000));
    out.push_str(&"}]".repeat(LEVELS));
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::random::Random;
    use super::*;

    fn object(line: impl Fn(&mut Random, &mut String)) -> serde_json::Map<String, Value> {
        let mut text = String::new();
        line(&mut Random::new(42), &mut text);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn each_shape_is_what_it_is_called() {
        assert_eq!(object(|random, out| wide(random, 1, out)).len(), 300);
        assert_eq!(object(|random, out| sparse(random, 1, out)).len(), 9);
        assert_eq!(object(|_, out| text(1, 1_000, out))["body"].as_str().unwrap().len(), 1_000);
        assert_eq!(object(|random, out| long_list(random, 50, out))["items"].as_array().unwrap().len(), 50);
        let mut level = &Value::from(object(|random, out| deep(random, 1, out)));
        for depth in 0..LEVELS {
            level = &level["l"][0];
            assert_eq!(level["d"], depth);
        }
        assert!(level["leaf"].is_u64());
    }
}
