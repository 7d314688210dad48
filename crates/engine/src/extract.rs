//! Extract: input that cannot be read again is kept as it comes, before anything is made of it.
//!
//! Input that can be read again (files) is not copied: normalize reads it straight from the source.

use crate::digest::{Checksum, Summing};
use crate::error::{Error, ErrorKind, Result};
use crate::package::{ExtractedFile, ExtractedResource, Package};
use crate::source::{ArrowChunk, Chunk, JsonChunk, Reader, Resource};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes everything that the resources give into the package. `on_progress` is told the bytes of each chunk. Returns
/// the checksum of all of it, however it was cut into chunks; `None` if there was nothing.
pub(crate) fn keep(
    resources: Vec<Resource>,
    package: &mut Package,
    on_progress: &dyn Fn(u64),
) -> Result<Option<String>> {
    let folder = package.extracted();
    let mut number = 0;
    let (mut checksum, mut bytes) = (Checksum::default(), 0);
    for mut resource in resources {
        let mut files = Vec::new();
        checksum.add(resource.name.as_bytes());
        while let Some(chunk) = resource.reader.next_chunk()? {
            let extension = if matches!(chunk, Chunk::Json(_)) { "jsonl" } else { "parquet" };
            let name = format!("{number:06}.{extension}");
            number += 1;
            let path = folder.join(&name);
            let file = File::create(&path).map_err(|error| Error::storage("create", &path, error))?;
            let (input, first_line) = match &chunk {
                Chunk::Json(chunk) => {
                    on_progress(chunk.bytes.len() as u64);
                    (&file).write_all(&chunk.bytes).map_err(|error| Error::storage("write", &path, error))?;
                    checksum.add(&chunk.bytes);
                    bytes += chunk.bytes.len();
                    (chunk.input.to_string(), chunk.first_line)
                }
                Chunk::Arrow(ArrowChunk { batch, input, first_row }) => {
                    on_progress(batch.get_array_memory_size() as u64);
                    let written = write_batch(&file, batch, &path)?;
                    checksum.add(written.text().as_bytes());
                    bytes += batch.get_array_memory_size();
                    (input.to_string(), *first_row)
                }
            };
            file.sync_data().map_err(|error| Error::storage("write", &path, error))?;
            files.push(ExtractedFile { name, input, first_line });
        }
        package.manifest.resources.push(ExtractedResource { name: resource.name, hints: resource.hints, files });
    }
    Ok((bytes > 0).then(|| checksum.text()))
}

fn write_batch(file: &File, batch: &RecordBatch, path: &Path) -> Result<Checksum> {
    let broken = |error| Error::storage("write", path, std::io::Error::other(error));
    let mut writer = ArrowWriter::try_new(Summing::new(file), batch.schema(), None).map_err(broken)?;
    writer.write(batch).map_err(broken)?;
    Ok(writer.into_inner().map_err(broken)?.checksum)
}

/// Reads what [`keep`] wrote.
pub(crate) fn read(package: &Package) -> Vec<Resource> {
    let resources = package.manifest.resources.iter();
    resources
        .map(|resource| {
            let reader =
                KeptReader { folder: package.extracted(), files: resource.files.clone().into_iter(), kept: None };
            Resource::new(&resource.name, reader).with_hints(resource.hints.clone())
        })
        .collect()
}

struct KeptReader {
    folder: PathBuf,
    files: std::vec::IntoIter<ExtractedFile>,
    kept: Option<KeptRows>,
}

/// The rows of one file.
struct KeptRows {
    batches: ParquetRecordBatchReader,
    input: Arc<str>,
    next_row: u64,
}

impl KeptRows {
    fn next(&mut self) -> Option<Result<Chunk>> {
        let broken = |error| Error::new(ErrorKind::Corrupt, "an extracted file is broken").because(error);
        let batch = match self.batches.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(broken(error))),
        };
        let first_row = self.next_row;
        self.next_row += batch.num_rows() as u64;
        Some(Ok(Chunk::Arrow(ArrowChunk { batch, input: self.input.clone(), first_row })))
    }
}

impl Reader for KeptReader {
    fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            if let Some(chunk) = self.kept.as_mut().and_then(KeptRows::next) {
                return chunk.map(Some);
            }
            let Some(file) = self.files.next() else { return Ok(None) };
            let path = self.folder.join(&file.name);
            if file.name.ends_with(".parquet") {
                let opened = File::open(&path).map_err(|error| Error::storage("read", &path, error))?;
                let broken =
                    |error| Error::new(ErrorKind::Corrupt, format!("{} is broken", path.display())).because(error);
                let reader = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(broken)?;
                let columns = RecordBatch::new_empty(reader.schema().clone());
                let has_rows = reader.metadata().file_metadata().num_rows() > 0;
                let (input, next_row) = (Arc::from(file.input), file.first_line);
                if !has_rows {
                    return Ok(Some(Chunk::Arrow(ArrowChunk { batch: columns, input, first_row: next_row })));
                }
                self.kept = Some(KeptRows { batches: reader.build().map_err(broken)?, input, next_row });
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| Error::storage("read", &path, error))?;
            return Ok(Some(Chunk::Json(JsonChunk { bytes, input: file.input.into(), first_line: file.first_line })));
        }
    }
}
