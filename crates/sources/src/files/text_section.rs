//! What a pipeline file says of text and CSV.

use super::{CsvOptions, Encoding, Quote, character_of};
use dlt_engine::settings::{Located, Section};
use dlt_engine::{Error, Result};

/// How text is encoded and delimited.
#[derive(Debug, Default)]
pub(super) struct TextDeclaration {
    pub(super) encoding: Option<Encoding>,
    pub(super) csv: CsvOptions,
}

impl TextDeclaration {
    pub(super) fn read(section: &mut Section) -> Result<Self> {
        let encoding = match section.text("encoding")? {
            Some(found) => Some(Encoding::parse(&found.value).map_err(|error| found.origin.relocated(&error))?),
            None => None,
        };
        let csv = CsvOptions {
            delimiter: one_of(section, "delimiter", character_of)?,
            quote: one_of(section, "quote", Quote::parse)?,
            escape: one_of(section, "escape", character_of)?,
            header: section.flag("header")?,
            column_names: words(section, "column_names")?,
            skip_lines: section.count("skip_lines")?.map_or(0, |found| found.value),
            null_words: words(section, "null_words")?,
            decimal_comma: section.flag("decimal_comma")?.unwrap_or_default(),
            date_format: section.text("date_format")?.map(|found| found.value),
            text_columns: words(section, "text_columns")?,
            allow_short_rows: section.flag("allow_short_rows")?.unwrap_or_default(),
        };
        csv.check().map_err(|error| section.origin().relocated(&error))?;
        Ok(Self { encoding, csv })
    }
}

fn words(section: &mut Section, key: &'static str) -> Result<Vec<String>> {
    Ok(section.texts(key)?.into_iter().map(|found| found.value).collect())
}

/// A text that stands for something else, such as a character.
fn one_of<T>(section: &mut Section, key: &'static str, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
    let name = section.full_name(key);
    let wrong = |found: &Located<String>| -> Error {
        let error = found.origin.error(format!("`{name}` must be one character"));
        error.hint("`tab` is the tab; a quote may be `none`")
    };
    // A tab alone is a text, though an empty one to others.
    let Some(found) = section.raw_text(key)? else { return Ok(None) };
    parse(&found.value).map(Some).ok_or_else(|| wrong(&found))
}
