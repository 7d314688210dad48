//! What a file says about itself, and why some cannot be read.

use super::bytes::Bytes;
use super::leaves::Leaf;
use crate::files::open::Place;
use crate::files::remote::store_error;
use arrow::datatypes::{DataType as ArrowType, Schema, TimeUnit};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::StoreError;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Type as PhysicalType};
use parquet::file::reader::Length as _;
use std::io::Read as _;
use std::sync::Arc;

/// First bytes of a file whose directory is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";

pub(super) struct Footer {
    /// The file, for messages.
    pub(super) name: Arc<str>,
    bytes: Bytes,
    pub(super) builder: ParquetRecordBatchReaderBuilder<Bytes>,
}

impl Footer {
    /// Reads the directory at the end of a file.
    ///
    /// # Errors
    /// If the file is cut short, damaged, encrypted, or packed in a way that is not read.
    pub(super) fn read(place: &Place, bytes: Bytes) -> Result<Self> {
        let name = place.display();
        if bytes.len() == 0 {
            let what = "the file is empty: it was cut short or never written";
            return Err(Error::new(ErrorKind::Data, what).at(&*name, None).hint(
                "fetch or write the file again, or remove it; a Parquet file without rows still names its columns",
            ));
        }
        let builder = match ParquetRecordBatchReaderBuilder::try_new(bytes.clone()) {
            Ok(builder) => builder,
            Err(_) if first_bytes(&bytes).as_ref() == Some(ENCRYPTED) => {
                return Err(Error::new(ErrorKind::Data, "the file is encrypted, which is not read")
                    .at(&*name, None)
                    .hint("write the file again without encryption"));
            }
            Err(cause) => return Err(damaged(&name, cause)),
        };
        let footer = Self { name, bytes, builder };
        footer.check_packing()?;
        Ok(footer)
    }

    pub(super) fn rows(&self) -> u64 {
        self.builder.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// Bytes of the rows, unpacked.
    pub(super) fn bytes(&self) -> u64 {
        self.builder.metadata().row_groups().iter().map(|group| group.total_byte_size().unsigned_abs()).sum()
    }

    fn check_packing(&self) -> Result<()> {
        let columns = self.builder.metadata().row_groups().iter().flat_map(|group| group.columns());
        match columns.into_iter().find(|column| column.compression() == Compression::LZO) {
            None => Ok(()),
            Some(column) => {
                let what = format!("column `{}` is packed with LZO, which is not read", column.column_path().string());
                Err(Error::new(ErrorKind::Data, what)
                    .at(&*self.name, None)
                    .hint("write the file again with zstd, Snappy, gzip, LZ4 or Brotli"))
            }
        }
    }
}

fn first_bytes(file: &Bytes) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    file.from(0).read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// What it means that a file cannot be read on: a store that fails, or the file itself.
pub(super) fn damaged(name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    let mut next: Option<&dyn std::error::Error> = Some(&cause);
    while let Some(error) = next {
        let failure = error.downcast_ref::<std::io::Error>().and_then(StoreError::of_io);
        if let Some(failure) = failure.or_else(|| error.downcast_ref()) {
            return store_error(failure.clone(), false);
        }
        next = error.source();
    }
    Error::new(ErrorKind::Data, "is damaged or no Parquet file")
        .at(name, None)
        .because(cause)
        .hint("fetch or write the file again")
}

/// A file whose columns are to be read as these types.
pub(super) fn reopened(footer: &Footer, schema: Schema) -> Result<ParquetRecordBatchReaderBuilder<Bytes>> {
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ParquetRecordBatchReaderBuilder::try_new_with_options(footer.bytes.clone(), options)
        .map_err(|cause| damaged(&footer.name, cause))
}

/// Whether a column is stored as INT96.
pub(super) fn is_int96(footer: &Footer, leaf: &Leaf<'_>) -> bool {
    let columns = footer.builder.parquet_schema().columns();
    columns.get(leaf.number).is_some_and(|column| column.physical_type() == PhysicalType::INT96)
        && matches!(leaf.field.data_type(), ArrowType::Timestamp(TimeUnit::Nanosecond, _))
}
