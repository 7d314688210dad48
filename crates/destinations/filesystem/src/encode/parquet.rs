//! Parquet, compressed by Snappy, with statistics and dictionaries: what readers of lakes make the most of.

use super::{Rows, Stop};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use dlt_engine::{Error, ErrorKind};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group, as DuckDB has them.
const ROW_GROUP: usize = 122_880;

/// Bytes of a row group that are in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;

pub(super) fn write(mut rows: Rows<'_>, out: &mut (dyn Write + Send)) -> Result<(), Stop> {
    let fields: Vec<Field> =
        rows.columns.iter().map(|(column, kind)| Field::new(&column.name, kind.clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties(Compression::SNAPPY)))?;
    while let Some((count, arrays)) = rows.next()? {
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).map_err(|error| {
            Error::new(ErrorKind::Internal, "rows do not have the columns of their table").because(error)
        })?;
        writer.write(&batch)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush()?;
        }
    }
    Ok(writer.close().map(drop)?)
}

/// How Parquet files are written.
pub(crate) fn properties(compression: Compression) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build()
}

impl From<ParquetError> for Stop {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(io) => Stop::Place(*io),
                Err(other) => Stop::Place(std::io::Error::other(other)),
            },
            other => Stop::Rows(Error::new(ErrorKind::Internal, "a Parquet file cannot be written").because(other)),
        }
    }
}
