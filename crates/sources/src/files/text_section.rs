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
        let mut csv = CsvOptions::default();
        csv.delimiter = one_of(section, "delimiter", character_of)?;
        csv.quote = one_of(section, "quote", Quote::parse)?;
        csv.escape = one_of(section, "escape", character_of)?;
        csv.header = section.flag("header")?;
        csv.column_names = words(section, "column_names")?;
        csv.skip_lines = section.count("skip_lines")?.map_or(0, |found| found.value);
        csv.null_words = words(section, "null_words")?;
        csv.decimal_comma = section.flag("decimal_comma")?.unwrap_or_default();
        csv.date_format = section.text("date_format")?.map(|found| found.value);
        csv.text_columns = words(section, "text_columns")?;
        csv.allow_short_rows = section.flag("allow_short_rows")?.unwrap_or_default();
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
