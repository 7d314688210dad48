//! One delimited text file, which is read twice.

use super::super::format::Format;
use super::super::line_ends::count_lines;
use super::super::open::{Input, Place};
use super::super::options::TextOptions;
use super::super::remote::{Spool, spool_error};
use super::layout::Layout;
use dlt_engine::Result;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::Arc;

/// A delimited text that can be read twice.
#[derive(Clone)]
pub(crate) struct CsvFile {
    name: Arc<str>,
    place: Place,
    format: Format,
    options: Arc<TextOptions>,
    /// The text of a stream, which gives its bytes only once.
    spool: Option<Arc<File>>,
    /// Once it was read.
    layout: Option<Layout>,
}

impl CsvFile {
    /// Takes the file, or a stream that is open already; a stream is copied to a temporary file, which vanishes with this
    /// value, a file of another machine into `fetched`.
    pub(crate) fn new(
        place: Place,
        format: Format,
        options: Arc<TextOptions>,
        open: Option<Input>,
        fetched: &Spool,
    ) -> Result<Self> {
        let (place, open) = match place {
            Place::Remote(remote) => {
                let section = remote.fetch(fetched)?;
                (Place::Fetched(remote, section), None)
            }
            // What is in memory is there for a moment, and this has to be kept until all files were read.
            Place::Fetched(remote, section) => {
                let section = remote.keep(fetched, &mut section.from(0))?;
                (Place::Fetched(remote, section), None)
            }
            place => (place, open),
        };
        let is_stream = place.is_stream();
        let spool = match open {
            Some(input) => Some(spool(input)?),
            None if is_stream => Some(spool(Input::open(&place, &options)?)?),
            None => None,
        };
        Ok(Self { name: place.display(), place, format, options, spool: spool.map(Arc::new), layout: None })
    }

    /// For messages: as the person gave it.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn options(&self) -> &TextOptions {
        &self.options
    }

    pub(super) fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// Keeps what was found out, so that the file is read the same way the second time.
    pub(super) fn keep_layout(&mut self, layout: Layout) {
        self.layout = Some(layout);
    }

    pub(super) fn open(&self) -> Result<Input> {
        match &self.spool {
            None => Input::open(&self.place, &self.options),
            Some(file) => {
                let reopen = || {
                    let mut file = file.try_clone()?;
                    file.rewind()?;
                    Ok(file)
                };
                let file = reopen().map_err(|cause| spool_error("standard input", cause))?;
                Ok(Input::of_file(self.name.clone(), file))
            }
        }
    }

    /// The line of the record that begins at or after this byte, empty lines left out. Looked up when something is
    /// wrong, so that nothing needs to count while all is well.
    pub(super) fn line_at(&self, byte: u64) -> Result<u64> {
        let mut input = self.open()?;
        let mut text = Vec::with_capacity(1 << 16);
        let (mut line, mut passed) = (1, 0);
        loop {
            text.clear();
            let read = input.stream.by_ref().take(1 << 16).read_to_end(&mut text);
            if read.map_err(|cause| input.read_error(cause))? == 0 {
                return Ok(line);
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

    /// The text around a byte, for a message.
    pub(super) fn text_around(&self, byte: u64) -> Result<Vec<u8>> {
        const AROUND: u64 = 64 << 10;
        let mut input = self.open()?;
        let skip = io::copy(&mut input.stream.by_ref().take(byte.saturating_sub(AROUND)), &mut io::sink());
        skip.map_err(|cause| input.read_error(cause))?;
        input.peek(2 * AROUND)
    }
}

fn spool(mut input: Input) -> Result<File> {
    let kept = |cause| spool_error("standard input", cause);
    let mut file = tempfile::tempfile().map_err(kept)?;
    let mut piece = Vec::with_capacity(1 << 20);
    loop {
        piece.clear();
        let read = input.stream.by_ref().take(1 << 20).read_to_end(&mut piece);
        if read.map_err(|cause| input.read_error(cause))? == 0 {
            return Ok(file);
        }
        io::Write::write_all(&mut file, &piece).map_err(kept)?;
    }
}
