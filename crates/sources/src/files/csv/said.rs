//! What is said of the delimited files of a table: what was guessed, and what was left out of them.

use super::super::options::CsvOptions;
use super::super::setting::{setting, switch};
use super::records::Records;
use dlt_engine::{Notice, Notices};

/// Files by what is to be said of them.
#[derive(Debug, Default)]
pub(super) struct Said {
    guessed_header: Vec<String>,
    no_header: Vec<String>,
    delimiter: Vec<(String, String, String)>,
    one_column: Vec<(String, char)>,
    single_quotes: Vec<String>,
    surplus: Vec<String>,
    short: Vec<String>,
    renamed: Vec<String>,
    unnamed: Vec<String>,
}

impl Said {
    /// Looks at a file that was read to its end. `has_values` says of a column whether any row has a value in it.
    pub(super) fn note(
        &mut self,
        name: &str,
        records: &Records,
        options: &CsvOptions,
        has_values: impl Fn(usize) -> bool,
    ) {
        let (layout, names) = (records.layout(), records.names());
        if layout.is_guessed && !layout.has_header {
            self.no_header.push(name.to_owned());
        } else if layout.is_guessed {
            self.guessed_header.push(name.to_owned());
        }
        if let Some(rival) = &layout.rival {
            self.delimiter.push((name.to_owned(), records.dialect().delimiter_name(), rival.delimiter_name()));
        }
        self.one_column.extend(layout.unusual.map(|byte| (name.to_owned(), char::from(byte))));
        if options.quote.is_none() && records.dialect().quote == Some(b'\'') {
            self.single_quotes.push(name.to_owned());
        }
        if records.has_surplus {
            self.surplus.push(name.to_owned());
        }
        if records.has_short_rows {
            self.short.push(name.to_owned());
        }
        self.renamed.extend(names.renamed.iter().map(|(old, new)| format!("{name}: the second `{old}` is `{new}`")));
        let unnamed = names.unnamed.iter().filter(|number| has_values(**number - 1));
        self.unnamed.extend(unnamed.map(|number| format!("{name}: column {number} is `{}`", names.names[number - 1])));
    }

    /// Says it, each kind once.
    pub(super) fn say(&self, notices: &Notices) {
        if !self.guessed_header.is_empty() {
            let message =
                format!("the first line of {} was taken for the names of the columns", files(&self.guessed_header));
            let no_header = switch("no-header", "header = false");
            let hint = format!("if it is a row: {no_header}; `--header` confirms it");
            notices.say(Notice::new(message).hint(hint).details(&self.guessed_header));
        }
        if !self.no_header.is_empty() {
            let message = format!(
                "the first line of {} was taken for a row: the columns are named column_1, column_2 …",
                files(&self.no_header)
            );
            let hint = format!(
                "names are given by `--column-names a,b,…` (`column_names`); if the line holds them: {}",
                switch("header", "header = true")
            );
            notices.say(Notice::new(message).hint(hint).details(&self.no_header));
        }
        if let Some((_, taken, rival)) = self.delimiter.first() {
            let names: Vec<String> = self.delimiter.iter().map(|(name, ..)| name.clone()).collect();
            let message =
                format!("the delimiter of {} may be `{taken}` or `{rival}`, and `{taken}` was taken", files(&names));
            notices.say(Notice::new(message).hint(setting("delimiter", rival)).details(&names));
        }
        if let Some((_, delimiter)) = self.one_column.first() {
            let names: Vec<String> = self.one_column.iter().map(|(name, _)| name.clone()).collect();
            let shown = delimiter.escape_default();
            let message =
                format!("{} was read as one column, and `{shown}` stands in every line equally often", files(&names));
            let hint = format!("if it is the delimiter: {}", setting("delimiter", &delimiter.to_string()));
            notices.say(Notice::new(message).hint(hint).details(&names));
        }
        self.say_of(notices, &self.single_quotes, |files| {
            Notice::new(format!("the fields of {files} are quoted by `'`"))
                .hint(format!("if they are not: {}", setting("quote", "\"")))
        });
        self.say_of(notices, &self.surplus, |files| {
            Notice::new(format!(
                "rows of {files} have more fields than there are columns, all of them empty: they were left out"
            ))
        });
        self.say_of(notices, &self.short, |files| {
            Notice::new(format!("rows of {files} have fewer fields than there are columns: what is missing is null"))
        });
        if !self.renamed.is_empty() {
            let message = format!("{} with the name of another got a number", columns(self.renamed.len()));
            let hint = "rename it in the header, or give names by `--column-names a,b,… --header` (`column_names`, `header = true`)";
            notices.say(Notice::new(message).hint(hint).details(&self.renamed));
        }
        if !self.unnamed.is_empty() {
            let message = format!("{} without a name got a number for one", columns(self.unnamed.len()));
            let hint = "give names by `--column-names a,b,… --header` (`column_names`, `header = true`)";
            notices.say(Notice::new(message).hint(hint).details(&self.unnamed));
        }
    }

    fn say_of(&self, notices: &Notices, names: &[String], notice: impl Fn(String) -> Notice) {
        if !names.is_empty() {
            notices.say(notice(files(names)).details(names));
        }
    }
}

/// One file by its name, several by their number.
pub(crate) fn files(names: &[String]) -> String {
    match names {
        [name] => name.clone(),
        _ => format!("{} files", names.len()),
    }
}

fn columns(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}
