//! Records of one delimited text file, with every flaw told by file and line.

use super::super::columns::columns;
use super::super::discover::is_stream;
use super::super::format::Format;
use super::super::lines::{count_lines, skip_byte_order_mark};
use super::super::open::{Input, Packing, Place};
use super::quotes::{Flaw, Quotes};
use dlt_engine::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::sync::Arc;

/// A record may be this long: a quote that is never closed must not fill the memory.
const MAX_RECORD_BYTES: u64 = 64 << 20;
/// Where the header line must have ended for its delimiter to be sniffed.
const SNIFF_BYTES: u64 = 64 << 10;
/// Put after the text. If it does not come back as a record of its own, a quote was open at the end.
const END_MARK: &str = "\u{1}end of text\u{1}";
/// The mark on a line of its own, wherever the text ended.
const END: &str = "\n\u{1}end of text\u{1}\n";

/// A delimited text that can be read twice.
#[derive(Clone)]
pub(crate) struct CsvFile {
    place: Place,
    format: Format,
    /// The text of a stream, which gives its bytes only once.
    spool: Option<Arc<File>>,
}

impl CsvFile {
    /// Takes the file; a stream is copied to a temporary file, which vanishes with this value.
    pub(crate) fn new(place: Place, format: Format) -> Result<Self> {
        let is_stream = match &place {
            Place::Stdin => true,
            Place::Path(path) => is_stream(path),
        };
        let spool = if is_stream { Some(Arc::new(spool(&place)?)) } else { None };
        Ok(Self { place, format, spool })
    }

    /// Reads from the beginning.
    pub(crate) fn records(&self) -> Result<Records> {
        Records::new(self.clone())
    }

    fn open(&self) -> Result<Input> {
        match &self.spool {
            None => Input::open(&self.place),
            Some(file) => {
                let reopen = || {
                    let mut file = file.try_clone()?;
                    file.rewind()?;
                    Ok(file)
                };
                Ok(Input::of_file(self.place.display(), reopen().map_err(spool_error)?))
            }
        }
    }

    /// The line of the record that begins at or after this byte, empty lines left out. Looked up when something is
    /// wrong, so that nothing needs to count while all is well.
    fn line_at(&self, byte: u64) -> Result<u64> {
        let mut input = self.open()?;
        let mut text = Vec::with_capacity(1 << 16);
        let (mut line, mut passed, mut is_first) = (1, 0, true);
        loop {
            text.clear();
            let read = input.stream.by_ref().take(1 << 16).read_to_end(&mut text);
            if read.map_err(|cause| input.read_error(cause))? == 0 {
                return Ok(line);
            }
            if std::mem::take(&mut is_first) {
                skip_byte_order_mark(&mut text, &input.name)?;
            }
            let before = usize::try_from(byte.saturating_sub(passed)).unwrap_or(usize::MAX).min(text.len());
            let blank = text[before..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += count_lines(&text[..before + blank]);
            passed += text.len() as u64;
            if before + blank < text.len() {
                return Ok(line);
            }
        }
    }
}

fn spool(place: &Place) -> Result<File> {
    let mut input = Input::open(place)?;
    let mut file = tempfile::tempfile().map_err(spool_error)?;
    let mut piece = Vec::with_capacity(1 << 20);
    loop {
        piece.clear();
        let read = input.stream.by_ref().take(1 << 20).read_to_end(&mut piece);
        if read.map_err(|cause| input.read_error(cause))? == 0 {
            return Ok(file);
        }
        io::Write::write_all(&mut file, &piece).map_err(spool_error)?;
    }
}

fn spool_error(cause: io::Error) -> Error {
    Error::storage("keep standard input in", &std::env::temp_dir(), cause)
}

/// Reads records; the header is read already.
pub(crate) struct Records {
    file: CsvFile,
    name: Arc<str>,
    packing: Packing,
    reader: csv::Reader<Text>,
    header: Vec<String>,
    columns: Vec<String>,
    ended: bool,
}

impl Records {
    fn new(file: CsvFile) -> Result<Self> {
        let mut input = file.open()?;
        let (name, packing) = (input.name.clone(), input.packing);
        let mut first = Vec::new();
        let sniffed = input.stream.by_ref().take(SNIFF_BYTES).read_to_end(&mut first);
        sniffed.map_err(|cause| input.read_error(cause))?;
        skip_byte_order_mark(&mut first, &name)?;
        let delimiter = if file.format == Format::Tsv { b'\t' } else { sniff_delimiter(&first) };
        let text = Text {
            text: Cursor::new(first).chain(input.stream),
            end: Cursor::new(END.as_bytes()),
            budget: MAX_RECORD_BYTES,
            quotes: Quotes::new(delimiter),
            flaw: None,
        };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(1 << 16)
            .from_reader(text);
        let mut records = Self { file, name, packing, reader, header: Vec::new(), columns: Vec::new(), ended: false };
        records.read_header()?;
        Ok(records)
    }

    /// The file, for messages.
    pub(crate) fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    /// Column names as the file has them.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// Column names as the dataset has them.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the next record into `record`; `false` at the end.
    pub(crate) fn next(&mut self, record: &mut csv::StringRecord) -> Result<bool> {
        if !self.read(record)? {
            return Ok(false);
        }
        if record.len() != self.header.len() {
            let what = format!("the row has {} fields, the header has {}", record.len(), self.header.len());
            return Err(self
                .error(what, record.position())
                .hint("a field that holds the delimiter or a line end needs quotes"));
        }
        Ok(true)
    }

    /// An error in this file, in the record that begins at `position`.
    pub(crate) fn error(&self, what: impl Into<String>, position: Option<&csv::Position>) -> Error {
        let line = position.map(|position| self.file.line_at(position.byte()).unwrap_or(position.line()));
        Error::new(ErrorKind::Data, what).at(&*self.name, line)
    }

    fn read(&mut self, record: &mut csv::StringRecord) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.reader.get_mut().budget = MAX_RECORD_BYTES;
        let has_record = match self.reader.read_record(record) {
            Ok(has_record) => has_record,
            Err(cause) => return Err(self.read_error(cause, record.position())),
        };
        if !has_record || (record.len() == 1 && &record[0] == END_MARK) {
            self.ended = true;
            return Ok(false);
        }
        if record.as_slice().ends_with(END) {
            let what = "a quote that is opened in the row that begins here is not closed";
            return Err(self.error(what, record.position()));
        }
        Ok(true)
    }

    fn read_error(&self, cause: csv::Error, position: Option<&csv::Position>) -> Error {
        if let Some(flaw) = self.reader.get_ref().flaw {
            return self.quote_error(flaw);
        }
        match cause.into_kind() {
            csv::ErrorKind::Utf8 { pos, .. } => self
                .error("the text is not valid UTF-8", pos.as_ref())
                .hint("convert it first, for example with `iconv -f ISO-8859-1 -t UTF-8`"),
            csv::ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::FileTooLarge => self
                .error(format!("the row is longer than {} MiB", MAX_RECORD_BYTES >> 20), position)
                .hint("is a quote not closed?"),
            csv::ErrorKind::Io(cause) => self.packing.read_error(&self.name, cause),
            other => self.error(format!("cannot be read as CSV: {other:?}"), None),
        }
    }

    fn quote_error(&self, flaw: Flaw) -> Error {
        let line = |byte| self.file.line_at(byte).ok();
        let (opened, closed) = (line(flaw.opened), line(flaw.closed));
        let what = match opened {
            Some(opened) if opened != closed.unwrap_or(opened) => {
                format!("text after a closing quote, in a field that is opened in line {opened}")
            }
            _ => "text after a closing quote".to_owned(),
        };
        Error::new(ErrorKind::Data, what).at(&*self.name, closed).hint(
            "within a quoted field a quote is written twice: `\"\"`; behind the closing one only a delimiter or a line end may stand",
        )
    }

    fn read_header(&mut self) -> Result<()> {
        let mut record = csv::StringRecord::new();
        if !self.read(&mut record)? {
            return Ok(());
        }
        let header: Vec<String> = record.iter().map(str::to_owned).collect();
        if header.iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(self
                .error("the first line holds numbers and no column names", record.position())
                .hint("put a line with the names of the columns first"));
        }
        self.columns = columns(header.iter().map(String::as_str))
            .map_err(|what| self.error(what, record.position()).hint("rename one of them in the header"))?;
        self.header = header;
        Ok(())
    }
}

/// The text with the mark at its end, its quotes checked, and a limit on what may be read for one record.
struct Text {
    text: io::Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>,
    end: Cursor<&'static [u8]>,
    budget: u64,
    quotes: Quotes,
    /// Where the text ends for us.
    flaw: Option<Flaw>,
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.flaw.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let begin = self.quotes.passed();
        let mut read = self.text.read(buffer)?;
        if let Err(flaw) = self.quotes.check(&buffer[..read]) {
            self.flaw = Some(flaw);
            // The rows before it come first, with what may be wrong in them.
            read = usize::try_from(flaw.closed.saturating_sub(begin)).unwrap_or(0).min(read);
            if read == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if read == 0 {
            read = self.end.read(buffer)?;
        }
        self.budget = self.budget.saturating_sub(read as u64);
        Ok(read)
    }
}

/// The one of `,` `;` tab and `|` that the header line has most of, quoted parts aside.
fn sniff_delimiter(text: &[u8]) -> u8 {
    let mut counts = [(b',', 0usize), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in text {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().filter(|(delimiter, _)| delimiter == byte).for_each(|(_, count)| *count += 1),
        }
    }
    // The first of the largest: `max_by_key` would take the last.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_shows_the_delimiter() {
        let cases: [(&str, u8); 7] = [
            ("a,b\n1;2;3;4", b','),
            ("a;b;c,d", b';'),
            ("a\tb", b'\t'),
            ("a|b", b'|'),
            ("\"a,b,c\";d", b';'),
            ("alone\n", b','),
            ("", b','),
        ];
        for (text, delimiter) in cases {
            assert_eq!(sniff_delimiter(text.as_bytes()), delimiter, "{text}");
        }
    }
}
