//! The files of one table, one after the other.

use super::ahead::Ahead;
use super::csv::{CsvFile, CsvReader, Types, files, infer_types};
use super::discover::DataFile;
use super::format::Format;
use super::items::ItemReader;
use super::lines::LineReader;
use super::open::{Input, Place};
use super::options::TextOptions;
use super::parquet::{ParquetReader, Plan};
use super::remote::Spool;
use super::sniff::format_of;
use dlt_engine::source::{ArrowChunk, Chunk, Reader};
use dlt_engine::{Error, ErrorKind, Notice, Result};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) struct TableReader {
    files: VecDeque<Part>,
    chunk_bytes: usize,
    options: Arc<TextOptions>,
    /// The delimited text files among `files`, in the same order, once their types are known.
    csv: Option<(VecDeque<CsvFile>, Types)>,
    parquet: Plan,
    /// Of `files`.
    ahead: Ahead,
    /// What of `csv` came from other machines.
    fetched: Spool,
    current: Option<Box<dyn Reader>>,
    started: bool,
    /// The file that `current` reads, until it has given a row.
    waiting: Option<String>,
    /// Files without a row.
    empty: Vec<String>,
    has_rows: bool,
    /// Columns of a file that has nothing else.
    header: Option<ArrowChunk>,
    /// The table whose rows will be replaced.
    replaced: Option<String>,
}

/// A file whose format is known, opened if it had to be looked at for that.
struct Part {
    place: Place,
    format: Option<Format>,
    open: Option<Input>,
}

impl TableReader {
    /// `parquet` is what the Parquet files among `files` agree on.
    pub(crate) fn new(files: Vec<DataFile>, chunk_bytes: usize, options: Arc<TextOptions>, parquet: Plan) -> Self {
        let part = |file: DataFile| Part { place: file.place, format: file.format, open: None };
        Self {
            ahead: Ahead::of(files.iter().map(|file| &file.place)),
            files: files.into_iter().map(part).collect(),
            chunk_bytes,
            options,
            csv: None,
            parquet,
            fetched: Spool::default(),
            current: None,
            started: false,
            waiting: None,
            empty: Vec::new(),
            has_rows: false,
            header: None,
            replaced: None,
        }
    }

    /// The rows will take the place of those that this table has.
    pub(crate) fn replacing(mut self, table: &str) -> Self {
        self.replaced = Some(table.to_owned());
        self
    }

    /// Finds the formats that nobody told.
    fn start(&mut self) -> Result<()> {
        self.started = true;
        for part in self.files.iter_mut().filter(|part| part.format.is_none()) {
            let mut input = Input::open(&part.place, &self.options)?;
            part.format = Some(format_of(&mut input, &self.options)?);
            part.open = Some(input);
        }
        Ok(())
    }

    fn open(&mut self, part: Part) -> Result<Option<Box<dyn Reader>>> {
        let part = Part { place: self.ahead.take(part.place)?, ..part };
        let input = |part: Part, options| part.open.map_or_else(|| Input::open(&part.place, options), Ok);
        Ok(Some(match part.format.unwrap_or(Format::Json) {
            Format::Jsonl => Box::new(LineReader::new(input(part, &self.options)?, self.chunk_bytes)),
            Format::Json => Box::new(ItemReader::new(input(part, &self.options)?, self.chunk_bytes)),
            Format::Csv | Format::Tsv => return self.open_csv(part),
            Format::Parquet if part.place.is_stream() => {
                return Err(Error::new(ErrorKind::Config, "Parquet cannot be read from a stream")
                    .at(&*part.place.display(), None)
                    .hint("its directory is at its end: save it to a file first"));
            }
            Format::Parquet => Box::new(ParquetReader::open(&part.place, &self.parquet)?),
        }))
    }

    /// Opens the next delimited text; before the first one, all of them are read once for the types of the columns.
    fn open_csv(&mut self, part: Part) -> Result<Option<Box<dyn Reader>>> {
        if self.csv.is_none() {
            let mut files = VecDeque::new();
            let is_csv = |part: &&mut Part| matches!(part.format, Some(Format::Csv | Format::Tsv));
            let later =
                self.files.iter_mut().filter(is_csv).map(|part| (part.place.clone(), part.format, part.open.take()));
            for (place, format, open) in std::iter::once((part.place, part.format, part.open)).chain(later) {
                let place = self.ahead.take(place)?;
                let (format, options) = (format.unwrap_or(Format::Csv), self.options.clone());
                files.push_back(CsvFile::new(place, format, options, open, &self.fetched)?);
            }
            let types = infer_types(files.iter_mut(), &self.options)?;
            self.csv = Some((files, types));
        }
        let Some((files, types)) = &mut self.csv else { return Ok(None) };
        let Some(file) = files.pop_front() else { return Ok(None) };
        let reader = CsvReader::new(&file, types, &self.options)?;
        let header = reader.no_rows();
        if self.header.is_none() && header.batch.num_columns() > 0 {
            self.header = Some(header);
        }
        Ok(Some(Box::new(reader)))
    }

    /// The end: says which files had no rows. If none had any, the columns of a header make the table all the same.
    fn end(&mut self) -> Option<Chunk> {
        if self.empty.is_empty() {
            return None;
        }
        let (names, verb) = (files(&self.empty), if self.empty.len() == 1 { "holds" } else { "hold" });
        let mut notice = Notice::new(format!("{names} {verb} no rows"));
        let is_emptied = !self.has_rows && self.replaced.is_some();
        if let (true, Some(table)) = (is_emptied, &self.replaced) {
            notice = Notice::new(format!("{names} {verb} no rows: replacing leaves the table `{table}` empty"));
        }
        self.options.notices.say(notice.details(&self.empty));
        self.empty.clear();
        if self.has_rows { None } else { self.header.take().map(Chunk::Arrow) }
    }
}

impl Reader for TableReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        if !self.started {
            self.start()?;
        }
        loop {
            if let Some(reader) = &mut self.current {
                if let Some(chunk) = reader.next_chunk()? {
                    if !is_blank(&chunk) {
                        self.waiting = None;
                        self.has_rows = true;
                    }
                    return Ok(Some(chunk));
                }
                self.current = None;
                self.empty.extend(self.waiting.take());
            }
            let Some(part) = self.files.pop_front() else { return Ok(self.end()) };
            self.waiting = Some(part.place.display().to_string());
            self.current = self.open(part)?;
            if self.current.is_none() {
                self.empty.extend(self.waiting.take());
            }
        }
    }
}

/// Whether a piece holds nothing, or nothing but blanks.
fn is_blank(chunk: &Chunk) -> bool {
    match chunk {
        Chunk::Json(chunk) => chunk.bytes.iter().all(u8::is_ascii_whitespace),
        Chunk::Arrow(chunk) => chunk.batch.num_rows() == 0,
    }
}
