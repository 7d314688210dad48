//! The files of one table, one after the other.

use super::csv::{CsvFile, CsvReader, Types, infer_types};
use super::discover::{DataFile, is_stream};
use super::format::Format;
use super::items::ItemReader;
use super::lines::LineReader;
use super::open::{Input, Place};
use super::parquet::{ParquetReader, Plan};
use dlt_engine::source::{Chunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::VecDeque;

pub(crate) struct TableReader {
    files: VecDeque<DataFile>,
    chunk_bytes: usize,
    /// The delimited text files among `files`, in the same order, once their types are known.
    csv: Option<(VecDeque<CsvFile>, Types)>,
    parquet: Plan,
    current: Option<Box<dyn Reader>>,
}

impl TableReader {
    /// `parquet` is what the Parquet files among `files` agree on.
    pub(crate) fn new(files: Vec<DataFile>, chunk_bytes: usize, parquet: Plan) -> Self {
        Self { files: files.into(), chunk_bytes, csv: None, parquet, current: None }
    }

    fn open(&mut self, file: &DataFile) -> Result<Option<Box<dyn Reader>>> {
        Ok(Some(match file.format {
            Format::Jsonl => Box::new(LineReader::new(Input::open(&file.place)?, self.chunk_bytes)),
            Format::Json => Box::new(ItemReader::new(Input::open(&file.place)?, self.chunk_bytes)),
            Format::Csv | Format::Tsv => return self.open_csv(file),
            Format::Parquet => match &file.place {
                Place::Path(path) if !is_stream(path) => Box::new(ParquetReader::open(path, &self.parquet)?),
                place => {
                    return Err(Error::new(ErrorKind::Config, "Parquet cannot be read from a stream")
                        .at(&*place.display(), None)
                        .hint("its directory is at its end: save it to a file first"));
                }
            },
        }))
    }

    /// Opens the next delimited text; before the first one, all of them are read once for the types of the columns.
    fn open_csv(&mut self, file: &DataFile) -> Result<Option<Box<dyn Reader>>> {
        let (files, types) = match &mut self.csv {
            Some(known) => known,
            unknown => {
                let mut files = VecDeque::new();
                for file in std::iter::once(file).chain(&self.files) {
                    if matches!(file.format, Format::Csv | Format::Tsv) {
                        files.push_back(CsvFile::new(file.place.clone(), file.format)?);
                    }
                }
                let types = infer_types(files.iter())?;
                unknown.insert((files, types))
            }
        };
        match files.pop_front() {
            Some(file) => Ok(Some(Box::new(CsvReader::new(&file, types)?))),
            None => Ok(None),
        }
    }
}

impl Reader for TableReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if let Some(reader) = &mut self.current {
                if let Some(chunk) = reader.next_chunk()? {
                    return Ok(Some(chunk));
                }
                self.current = None;
            }
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            self.current = self.open(&file)?;
        }
    }
}
