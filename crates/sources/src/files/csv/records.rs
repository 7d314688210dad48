//! Records of one delimited text file, with every flaw told by file and line.

use super::super::encoding::advice;
use super::super::packing::Packing;
use super::dialect::Dialect;
use super::file::CsvFile;
use super::flaws::{self, Complaint, fields};
use super::header::Names;
use super::layout::{Layout, take};
use super::text::{END, END_MARK, MAX_RECORD_BYTES, Text, TextFlaw};
use dlt_engine::source::NOT_UTF8;
use dlt_engine::{Error, ErrorKind, Result};
use std::io;
use std::sync::Arc;

/// Reads records; the header is read already.
pub(crate) struct Records {
    file: CsvFile,
    name: Arc<str>,
    packing: Packing,
    reader: csv::Reader<Text>,
    layout: Layout,
    names: Names,
    ended: bool,
    /// Whether rows had empty fields behind the last column.
    pub(super) has_surplus: bool,
    /// Whether rows had fewer fields than there are columns.
    pub(super) has_short_rows: bool,
}

impl Records {
    pub(super) fn new(file: CsvFile) -> Result<Self> {
        let mut input = file.open()?;
        let (name, packing) = (input.name.clone(), input.packing);
        let layout = match file.layout() {
            Some(layout) => {
                take(&mut input, layout.begin)?;
                layout.clone()
            }
            None => Layout::find(&mut input, file.format(), file.options())?,
        };
        let reader = layout.dialect.builder().from_reader(Text::new(input.stream, &layout.dialect, layout.begin));
        let names = Names::default();
        let (ended, has_surplus, has_short_rows) = (false, false, false);
        let mut records = Self { file, name, packing, reader, layout, names, ended, has_surplus, has_short_rows };
        records.read_names()?;
        Ok(records)
    }

    /// The file, for messages.
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Reads the next record into `record`; `false` at the end.
    pub(crate) fn next(&mut self, record: &mut csv::StringRecord) -> Result<bool> {
        if !self.read(record)? {
            return Ok(false);
        }
        if record.len() != self.names.names.len() {
            self.check_length(record)?;
        }
        Ok(true)
    }

    /// An error in this file, in the record that begins at `position`.
    pub(crate) fn error(&self, what: impl Into<String>, position: Option<&csv::Position>) -> Error {
        let begin = self.layout.begin;
        let line = position.map(|position| self.file.line_at(position.byte() + begin).unwrap_or(position.line()));
        Error::new(ErrorKind::Data, what).at(&*self.name, line)
    }

    fn check_length(&mut self, record: &csv::StringRecord) -> Result<()> {
        let columns = self.names.names.len();
        if record.iter().skip(columns).all(str::is_empty) && record.len() > columns {
            self.has_surplus = true;
            return Ok(());
        }
        let options = &self.file.options().csv;
        if record.len() < columns && options.allow_short_rows {
            self.has_short_rows = true;
            return Ok(());
        }
        let whose = match (options.column_names.is_empty(), self.layout.has_header) {
            (false, _) => "the column names that are given are",
            (true, true) => "the header has",
            (true, false) => "the first row has",
        };
        let (what, hint) = flaws::wrong_length(record, columns, whose, &self.layout.dialect);
        Err(self.error(what, record.position()).hint(hint))
    }

    fn read(&mut self, record: &mut csv::StringRecord) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.reader.get_mut().renew_budget();
        let has_record = match self.reader.read_record(record) {
            Ok(has_record) => has_record,
            Err(cause) => return Err(self.read_error(cause, record.position())),
        };
        if !has_record || (record.len() == 1 && &record[0] == END_MARK) {
            self.ended = true;
            return Ok(false);
        }
        if record.as_slice().ends_with(END) {
            let (what, hint) = flaws::not_closed(record);
            return Err(self.error(what, record.position()).hint(hint));
        }
        Ok(true)
    }

    fn read_error(&self, cause: csv::Error, position: Option<&csv::Position>) -> Error {
        if let Some(flaw) = self.reader.get_ref().flaw() {
            return self.text_error(flaw);
        }
        match cause.into_kind() {
            csv::ErrorKind::Utf8 { pos, .. } => {
                let begin = pos.as_ref().map_or(0, csv::Position::byte) + self.layout.begin;
                let around = self.file.text_around(begin).unwrap_or_default();
                self.error(NOT_UTF8, pos.as_ref()).hint(advice(&around))
            }
            csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::FileTooLarge => self
                .error(format!("the row is longer than {} MiB", MAX_RECORD_BYTES >> 20), position)
                .hint("is a quote not closed?"),
            csv::ErrorKind::Io(cause) => self.packing.read_error(&self.name, cause),
            other => self.error(format!("cannot be read as CSV: {other:?}"), None),
        }
    }

    fn text_error(&self, flaw: TextFlaw) -> Error {
        let line = |byte| self.file.line_at(byte).ok();
        let ((what, hint), line): (Complaint, _) = match flaw {
            TextFlaw::Zero(at) => (flaws::zero(), line(at)),
            TextFlaw::Quote(flaw) => {
                let (opened, closed) = (line(flaw.opened), line(flaw.closed));
                (flaws::after_quote(flaw, opened.filter(|_| opened != closed), &self.layout.dialect), closed)
            }
        };
        Error::new(ErrorKind::Data, what).at(&*self.name, line).hint(hint)
    }

    /// Names the columns: by the header, by what the person says, or by their numbers.
    fn read_names(&mut self) -> Result<()> {
        let given = self.file.options().csv.column_names.clone();
        let mut record = csv::StringRecord::new();
        let has_header = self.layout.has_header && self.read(&mut record)?;
        if has_header && !given.is_empty() && record.len() != given.len() {
            let what = format!("the header has {}, and {} are given", fields(record.len()), names(given.len()));
            return Err(self.error(what, record.position()).hint("give a name for each column"));
        }
        self.names = match (given.is_empty(), self.layout.has_header) {
            (false, _) => Names::new(given.iter().map(String::as_str)),
            (true, true) if has_header => Names::new(record.iter()),
            (true, true) => Names::default(),
            (true, false) => Names::numbered(self.layout.width),
        };
        Ok(())
    }

    pub(super) fn dialect(&self) -> &Dialect {
        &self.layout.dialect
    }
}

fn names(count: usize) -> String {
    if count == 1 { "1 name".to_owned() } else { format!("{count} names") }
}
