//! What databases say each in its own words.

use crate::projects::DEFAULT;

/// What a database says in its own words. Times are microseconds since 1970, days are days since then.
pub(crate) trait Dialect {
    /// A text.
    fn literal(&self, text: &str) -> String;

    /// The condition for rows of a project, or of the default one by its word.
    fn of_project(&self, name: &str) -> String {
        if name == DEFAULT { "project IS NULL".to_owned() } else { format!("project = {}", self.literal(name)) }
    }

    /// A moment.
    fn moment(&self, micros: i64) -> String;

    /// The day of the column `timestamp`, as an integer.
    fn day(&self) -> &'static str;

    /// A day, given by an expression, as a date.
    fn date(&self, day: &str) -> String;

    /// The quotient of two integers, rounded down.
    fn quotient(&self, dividend: &str, divisor: u32) -> String;

    /// The value that this share of `elapsed` is below.
    fn quantile(&self, share: f64) -> String;

    /// Whether a word is in the list `exec_info`, null where there is no list.
    fn runs_in(&self, words: &[&str]) -> String;

    /// Rows with the words of `exec_info`, as the column `word` of a relation that is joined laterally.
    fn words_of_exec_info(&self) -> &'static str;

    /// A text among the properties that have no column of their own.
    fn property(&self, name: &str) -> String;

    /// A column of moments as text, to the second, in UTC.
    fn written(&self, column: &str) -> String;

    /// The sum of the counts in the column `client_dropped`.
    fn dropped(&self) -> &'static str;
}
