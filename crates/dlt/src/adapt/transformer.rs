//! A resource whose rows are made of those of another.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use dlt_engine::source::{Chunk, ExtractContext, JsonChunk, Reader, Resource};
use dlt_engine::{Error, ErrorKind, Result, Source};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::SpooledTempFile;

use super::items::{Item, Rewritten, each_item};
use super::select::unknown;
use super::steps::{in_columns, json_of, row_of};

/// Bytes after which a piece is handed over; it ends with all rows of one row of the parent.
const PIECE_BYTES: usize = 4 << 20;
/// What is kept of the parent's rows in memory; more goes to a temporary file.
const MEMORY_BYTES: usize = 1 << 20;

/// The resources of `source`, and `name`, made of the rows of `of`.
pub(super) fn resources<T, U, I, E, F>(
    source: &mut dyn Source,
    context: &ExtractContext,
    of: &str,
    name: &str,
    make: &F,
) -> Result<Vec<Resource>>
where
    T: DeserializeOwned,
    U: Serialize,
    I: IntoIterator<Item = U>,
    E: Display,
    F: Fn(T) -> std::result::Result<I, E> + Clone + Send + 'static,
{
    let (is_wanted, is_parent_wanted) = (context.wants(name, true), context.wants(of, true));
    let selection = context.selection.as_ref().map(|names| {
        let others = names.iter().filter(|known| *known != name).cloned();
        others.chain((is_wanted && !is_parent_wanted).then(|| of.to_owned())).collect()
    });
    let mut found = source.resources(&ExtractContext { selection, ..context.clone() })?;
    if !is_wanted {
        return Ok(found);
    }
    if found.iter().any(|resource| resource.name == name) {
        return Err(Error::new(ErrorKind::Config, format!("the source has a resource `{name}` already"))
            .hint("give the transformer another name"));
    }
    let Some(at) = found.iter().position(|resource| resource.name == of) else {
        return Err(unknown(of, found.iter().map(|resource| resource.name.as_str())));
    };
    let parent = if is_parent_wanted {
        let kept = Kept::default();
        let tap = {
            let kept = kept.clone();
            move |chunk: &Chunk| match chunk {
                Chunk::Json(chunk) => kept.push(chunk).map_err(not_kept),
                Chunk::Arrow(chunk) => Err(in_columns(chunk, "a resource of JSON")),
            }
        };
        let parent = found.remove(at).with_tap(tap);
        found.insert(at, parent);
        Parent::Kept { kept, next: 0, at: 0 }
    } else {
        Parent::Live(Box::new(found.remove(at)))
    };
    let (make, named) = (make.clone(), name.to_owned());
    let make: Make = Box::new(move |chunk, item| {
        let failed = |cause: E| {
            let error = Error::new(ErrorKind::Source, format!("resource `{named}` cannot be made of a row: {cause}"));
            error.at(&*chunk.input, Some(item.line))
        };
        let rows = make(row_of(chunk, item)?).map_err(failed)?;
        rows.into_iter().map(|row| json_of(chunk, item, &row)).collect()
    });
    let reader = Transformed { parent, make, rows: VecDeque::new(), origin: None };
    found.push(Resource::new(name, reader));
    Ok(found)
}

/// Pieces of the parent, kept while they are read.
#[derive(Clone)]
struct Kept(Arc<Mutex<Pieces>>);

struct Pieces {
    file: SpooledTempFile,
    /// Input, first line and length of each.
    list: Vec<(Arc<str>, u64, usize)>,
}

impl Default for Kept {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Pieces { file: SpooledTempFile::new(MEMORY_BYTES), list: Vec::new() })))
    }
}

impl Kept {
    fn push(&self, chunk: &JsonChunk) -> std::io::Result<()> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.file.seek(SeekFrom::End(0))?;
        pieces.file.write_all(&chunk.bytes)?;
        pieces.list.push((chunk.input.clone(), chunk.first_line, chunk.bytes.len()));
        Ok(())
    }

    fn get(&self, number: usize, at: u64) -> std::io::Result<Option<JsonChunk>> {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((input, first_line, length)) = pieces.list.get(number).cloned() else { return Ok(None) };
        let mut bytes = vec![0; length];
        pieces.file.seek(SeekFrom::Start(at))?;
        pieces.file.read_exact(&mut bytes)?;
        Ok(Some(JsonChunk { bytes, input, first_line }))
    }
}

fn not_kept(cause: std::io::Error) -> Error {
    Error::storage("keep rows in", &std::env::temp_dir(), cause)
}

enum Parent {
    /// It is not loaded itself.
    Live(Box<Resource>),
    /// It was read before.
    Kept { kept: Kept, next: usize, at: u64 },
}

impl Parent {
    fn next(&mut self) -> Result<Option<JsonChunk>> {
        match self {
            Self::Live(resource) => {
                let Some(chunk) = resource.reader.next_chunk()? else { return Ok(None) };
                if let Some(tap) = &mut resource.tap {
                    tap(&chunk)?;
                }
                match chunk {
                    Chunk::Json(chunk) => Ok(Some(chunk)),
                    Chunk::Arrow(chunk) => Err(in_columns(&chunk, "a resource of JSON")),
                }
            }
            Self::Kept { kept, next, at } => {
                let chunk = kept.get(*next, *at).map_err(not_kept)?;
                *next += 1;
                *at += chunk.as_ref().map_or(0, |chunk| chunk.bytes.len() as u64);
                Ok(chunk)
            }
        }
    }
}

/// Makes the rows of one row, each as JSON.
type Make = Box<dyn Fn(&JsonChunk, &Item<'_>) -> Result<Vec<Vec<u8>>> + Send>;

struct Transformed {
    parent: Parent,
    make: Make,
    /// Rows of the parent that wait, with their lines.
    rows: VecDeque<(String, u64)>,
    /// Where they are from; without their text.
    origin: Option<JsonChunk>,
}

impl Transformed {
    /// Takes the next piece of the parent; false at its end.
    fn refill(&mut self) -> Result<bool> {
        let Some(chunk) = self.parent.next()? else { return Ok(false) };
        let rows = &mut self.rows;
        let broken = each_item(&chunk, |item| {
            rows.push_back((item.text.to_owned(), item.line));
            Ok::<_, Error>(true)
        })?;
        if let Some(broken) = broken {
            return Err(Error::new(ErrorKind::Data, "the row is not JSON").at(&*chunk.input, Some(broken.line)));
        }
        self.origin = Some(JsonChunk { bytes: Vec::new(), ..chunk });
        Ok(true)
    }
}

impl Reader for Transformed {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            while self.rows.is_empty() {
                if !self.refill()? {
                    return Ok(None);
                }
            }
            let Some(origin) = &self.origin else { return Ok(None) };
            let first_line = self.rows.front().map_or(origin.first_line, |(_, line)| *line);
            let mut made = Rewritten::new(&JsonChunk { bytes: Vec::new(), input: origin.input.clone(), first_line });
            while made.len() < PIECE_BYTES
                && let Some((text, line)) = self.rows.pop_front()
            {
                for row in (self.make)(origin, &Item { text: &text, line })? {
                    made.add(line, &row);
                }
            }
            if made.len() > 0 {
                let empty = JsonChunk { bytes: Vec::new(), input: origin.input.clone(), first_line };
                return Ok(Some(Chunk::Json(made.into_chunk(empty))));
            }
        }
    }
}
