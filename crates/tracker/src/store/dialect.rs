//! What databases say each in its own words.

use std::borrow::Cow;

use crate::projects::DEFAULT;

/// What a database says in its own words. Times are microseconds since 1970, days are days since then.
pub(crate) trait Dialect: Sync {
    /// A text.
    fn literal(&self, text: &str) -> String;

    /// A text as it is in a row. Default: as it came.
    fn stored<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }

    /// The condition for rows of a project, or of the default one by its word.
    fn of_project(&self, name: &str) -> String {
        if name == DEFAULT { "project IS NULL".to_owned() } else { format!("project = {}", self.literal(name)) }
    }

    /// A moment.
    fn moment(&self, micros: i64) -> String {
        let moment = jiff::Timestamp::from_microsecond(micros).map(crate::event::formatted).unwrap_or_default();
        format!("TIMESTAMPTZ '{moment}'")
    }

    /// The day of a moment, as an integer.
    fn day_of(&self, moment: &str) -> String;

    /// A day, given by an expression, as a date.
    fn date(&self, day: &str) -> String {
        format!("(DATE '1970-01-01' + {day}::INTEGER)")
    }

    /// The quotient of two integers, rounded down.
    fn quotient(&self, dividend: &str, divisor: u32) -> String;

    /// The value that this share of `elapsed` is below. As all that is only for tests: what is counted elsewhere is held to it.
    #[cfg(test)]
    fn quantile(&self, share: f64) -> String;

    /// A number of 64 bits in the place of the values of some columns, by which the database counts faster. Two values that have
    /// the same are told apart by nobody: of a million, that happens once in 37 million times.
    fn hash(&self, columns: &[&str]) -> String;

    /// Whether a word is in the list `exec_info`, null where there is no list.
    #[cfg(test)]
    fn runs_in(&self, words: &[&str]) -> String;

    /// Rows with the words of `exec_info`, as the column `word` of a relation that is joined laterally.
    #[cfg(test)]
    fn words_of_exec_info(&self) -> &'static str;

    /// A text among the properties that have no column of their own.
    fn property(&self, name: &str) -> String;

    /// A moment as text, to the second, in UTC.
    fn written(&self, moment: &str) -> String;

    /// The sum of the counts in the column `client_dropped`.
    #[cfg(test)]
    fn dropped(&self) -> &'static str;

    /// The SHA-256 of a text, in hexadecimal.
    fn sha256(&self, text: &str) -> String;

    /// Counts numbers by ranges: rows with `first_seq` and `held`. `ranges` selects `first_seq` and `last_seq` of ranges that
    /// do not overlap; `numbers` selects `journal_seq` between two bounds, and `all` are bounds around all ranges.
    fn count_by_range(&self, ranges: &str, numbers: &dyn Fn(&str, &str) -> String, all: (&str, &str)) -> String;
}
