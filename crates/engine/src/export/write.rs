//! Writes batches into a file.

use super::columns::unique;
use super::file::Making;
use super::target::{Export, ExportFormat, ExportPacking};
use super::{text, unwritten};
use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a row group that may be in memory.
const GROUP_BYTES: usize = 64 << 20;

/// A file that takes batches.
pub(super) struct Writer {
    path: PathBuf,
    names: Vec<String>,
    form: Form,
}

enum Form {
    Parquet(SchemaRef, Box<ArrowWriter<File>>),
    Csv(char, Sink),
    Jsonl(Sink),
}

impl Writer {
    /// Begins a file with these columns.
    pub(super) fn begin(export: &Export, making: &Making, schema: &SchemaRef) -> Result<Self> {
        let path = making.path().to_owned();
        let names = unique(schema.fields().iter().map(|field| field.name().as_str()));
        let sink = || Sink::new(making.handle()?, export.packing).map_err(|cause| unwritten(&path, cause));
        let mut header = String::new();
        let form = match export.format {
            ExportFormat::Parquet => {
                let fields = schema.fields().iter().zip(&names);
                let fields: Vec<Field> =
                    fields.map(|(field, name)| field.as_ref().clone().with_name(name).with_nullable(true)).collect();
                let schema = Arc::new(Schema::new(fields));
                check_types(&schema)?;
                let packing = Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default());
                let properties = WriterProperties::builder().set_compression(packing).build();
                let writer = ArrowWriter::try_new(making.handle()?, Arc::clone(&schema), Some(properties));
                Form::Parquet(schema, Box::new(writer.map_err(|cause| unencoded(&path, cause))?))
            }
            ExportFormat::Csv | ExportFormat::Tsv => {
                let delimiter = if export.format == ExportFormat::Csv { ',' } else { '\t' };
                text::csv_header(&names, delimiter, &mut header);
                Form::Csv(delimiter, sink()?)
            }
            ExportFormat::Jsonl => Form::Jsonl(sink()?),
        };
        // Keys of objects are written over and over.
        let names = match form {
            Form::Jsonl(_) => names.iter().map(|name| serde_json::Value::from(name.as_str()).to_string()).collect(),
            _ => names,
        };
        let mut writer = Self { path, names, form };
        if let Form::Csv(_, sink) = &mut writer.form {
            sink.write(header.as_bytes()).map_err(|cause| unwritten(&writer.path, cause))?;
        }
        Ok(writer)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut out = String::new();
        let sink = match &mut self.form {
            Form::Parquet(schema, writer) => {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let batch = RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options);
                let batch = batch.map_err(|cause| unencoded(&self.path, cause.into()))?;
                writer.write(&batch).map_err(|cause| unencoded(&self.path, cause))?;
                if writer.in_progress_size() > GROUP_BYTES {
                    writer.flush().map_err(|cause| unencoded(&self.path, cause))?;
                }
                return Ok(());
            }
            Form::Csv(delimiter, sink) => {
                Dataset::json(batch)?.iter().for_each(|row| text::csv_row(row, *delimiter, &mut out));
                sink
            }
            Form::Jsonl(sink) => {
                Dataset::json(batch)?.iter().for_each(|row| text::json_row(&self.names, row, &mut out));
                sink
            }
        };
        sink.write(out.as_bytes()).map_err(|cause| unwritten(&self.path, cause))
    }

    pub(super) fn finish(self) -> Result<()> {
        match self.form {
            Form::Parquet(_, writer) => writer.close().map(drop).map_err(|cause| unencoded(&self.path, cause)),
            Form::Csv(_, sink) | Form::Jsonl(sink) => sink.finish().map_err(|cause| unwritten(&self.path, cause)),
        }
    }
}

/// Parquet knows no intervals of months, days and nanoseconds.
fn check_types(schema: &Schema) -> Result<()> {
    use arrow::datatypes::DataType as Type;
    let unknown = |field: &&Arc<Field>| matches!(field.data_type(), Type::Interval(_) | Type::Union(..));
    match schema.fields().iter().find(unknown) {
        None => Ok(()),
        Some(field) => {
            let what =
                format!("column `{}` is of the type {}, which Parquet cannot hold", field.name(), field.data_type());
            let hint = format!("ask for it as text: CAST(\"{}\" AS VARCHAR)", field.name());
            Err(Error::new(ErrorKind::Data, what).hint(hint))
        }
    }
}

fn unencoded(path: &std::path::Path, cause: ParquetError) -> Error {
    match cause {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => unwritten(path, *cause),
            Err(cause) => Error::new(ErrorKind::Storage, format!("cannot write {}", path.display())).because(cause),
        },
        cause => Error::new(ErrorKind::Storage, format!("cannot write {}", path.display())).because(cause),
    }
}

/// Text on its way into a file, packed.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl Sink {
    fn new(file: File, packing: ExportPacking) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(match packing {
            ExportPacking::None => Self::Plain(file),
            ExportPacking::Gzip => Self::Gzip(GzEncoder::new(file, Level::default())),
            ExportPacking::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(file, 3)?),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
            Self::Zstd(file) => file.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(file) => file.finish()?.flush(),
            Self::Zstd(file) => file.finish()?.flush(),
        }
    }
}
