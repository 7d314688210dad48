//! The files of one table, one after the other.

use super::discover::DataFile;
use super::format::Format;
use super::items::ItemReader;
use super::lines::LineReader;
use super::open::Input;
use dlt_engine::source::{Chunk, Reader};
use dlt_engine::{Error, ErrorKind, Result};
use std::vec::IntoIter;

pub(crate) struct TableReader {
    files: IntoIter<DataFile>,
    chunk_bytes: usize,
    current: Option<Box<dyn Reader>>,
}

impl TableReader {
    pub(crate) fn new(files: Vec<DataFile>, chunk_bytes: usize) -> Self {
        Self { files: files.into_iter(), chunk_bytes, current: None }
    }

    fn open(&self, file: &DataFile) -> Result<Box<dyn Reader>> {
        let input = Input::open(&file.place)?;
        Ok(match file.format {
            Format::Jsonl => Box::new(LineReader::new(input, self.chunk_bytes)),
            Format::Json => Box::new(ItemReader::new(input, self.chunk_bytes)),
            Format::Csv | Format::Tsv | Format::Parquet => {
                return Err(Error::new(ErrorKind::Config, format!("{} is not read by this version", file.format))
                    .at(&*file.place.display(), None));
            }
        })
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
            let Some(file) = self.files.next() else { return Ok(None) };
            self.current = Some(self.open(&file)?);
        }
    }
}
