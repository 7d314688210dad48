//! What a person may say of text that does not show it by itself.

use super::date_format::check_date_format;
use super::encoding::Encoding;
use dlt_engine::{Error, ErrorKind, Notice, Notices, Result};

/// How delimited text is written and read, where it is not as it looks.
///
/// ```
/// let mut options = dlt_sources::CsvOptions::default();
/// options.delimiter = Some(';');
/// options.decimal_comma = true;
/// let source = dlt_sources::files(["data/*.csv"]).csv(options);
/// # let _ = source;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CsvOptions {
    /// What stands between fields, an ASCII character; default: found out among `,` `;` tab and `|`.
    pub delimiter: Option<char>,
    /// What stands around fields that hold delimiters or line ends, an ASCII character; default: `"`.
    pub quote: Option<Quote>,
    /// What stands before a quote within a quoted field, an ASCII character; default: the quote is written twice.
    pub escape: Option<char>,
    /// Whether the first line holds the names of the columns; default: found out.
    pub header: Option<bool>,
    /// Names of the columns. Unless `header` is true the first line is then a row.
    pub column_names: Vec<String>,
    /// Lines before the header or the first row that are left out.
    pub skip_lines: u64,
    /// Words that mean null, besides the empty field.
    pub null_words: Vec<String>,
    /// Whether numbers have a comma before their decimals (and may have points between thousands).
    pub decimal_comma: bool,
    /// How dates or timestamps are written, in the manner of strptime: `%d.%m.%Y`.
    pub date_format: Option<String>,
    /// Columns that stay text, by their names in the file or the dataset; `*` is all of them.
    pub text_columns: Vec<String>,
    /// Whether rows may have fewer fields than there are columns; what is missing is null.
    pub allow_short_rows: bool,
}

/// What stands around fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Nothing: quotes are characters like any other.
    None,
    /// This ASCII character.
    Character(char),
}

/// The character that a setting names: itself, `tab` or `\t`.
pub fn character_of(text: &str) -> Option<char> {
    if text.eq_ignore_ascii_case("tab") || text == "\\t" {
        return Some('\t');
    }
    let mut letters = text.chars();
    letters.next().filter(|_| letters.next().is_none())
}

impl Quote {
    /// What a setting names: a character, or `none`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("none") { Some(Self::None) } else { character_of(text).map(Self::Character) }
    }
}

impl CsvOptions {
    /// Checks that text can be read by them.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if they contradict each other or are no characters that can be used.
    pub fn check(&self) -> Result<()> {
        let quote = match self.quote {
            Some(Quote::Character(quote)) => Some(quote),
            Some(Quote::None) => None,
            None => Some('"'),
        };
        for (name, letter) in [("delimiter", self.delimiter), ("quote", quote), ("escape", self.escape)] {
            if let Some(letter) = letter
                && (!letter.is_ascii() || matches!(letter, '\r' | '\n' | '\0'))
            {
                return Err(wrong(format!("the {name} must be one ASCII character and no line end")));
            }
        }
        if self.delimiter.is_some() && self.delimiter == quote {
            return Err(wrong("the delimiter and the quote are the same character".to_owned()));
        }
        if self.escape.is_some() && (self.escape == self.delimiter || quote.is_none()) {
            return Err(wrong("an escape needs quotes, and must not be the delimiter".to_owned()));
        }
        if self.header == Some(false) && self.column_names.iter().any(|name| name.trim().is_empty()) {
            return Err(wrong("one of the column names is empty".to_owned()));
        }
        match &self.date_format {
            Some(format) => check_date_format(format),
            None => Ok(()),
        }
    }

    /// Says that they are of no use here, unless they are.
    pub(crate) fn say_unused_unless(&self, are_used: bool, notices: &Notices) {
        if !are_used {
            let notice = Notice::new("options for CSV were given, and nothing was read as CSV");
            notices
                .say(notice.hint("`--format csv` (in a pipeline file `format = \"csv\"`) says that the input is CSV"));
        }
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// What every text is opened with.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextOptions {
    /// Default: UTF-8, or what a byte order mark says.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) csv: CsvOptions,
    /// Where to say what was guessed.
    pub(crate) notices: Notices,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn options_that_cannot_be_are_refused() {
        let check = |change: fn(&mut CsvOptions)| {
            let mut options = CsvOptions::default();
            change(&mut options);
            options.check().map_err(|error| error.kind())
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|options| options.delimiter = Some('\t')), Ok(()));
        assert_eq!(check(|options| options.date_format = Some("%d.%m.%Y".into())), Ok(()));
        let wrong: [fn(&mut CsvOptions); 6] = [
            |options| options.delimiter = Some('"'),
            |options| options.delimiter = Some('→'),
            |options| options.delimiter = Some('\n'),
            |options| (options.quote, options.escape) = (Some(Quote::None), Some('\\')),
            |options| options.date_format = Some("%Q".into()),
            |options| options.date_format = Some("day".into()),
        ];
        for change in wrong {
            assert_eq!(check(change), Err(ErrorKind::Config));
        }
    }
}
