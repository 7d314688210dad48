//! What a file says about itself, and why some cannot be read.

use super::leaves::Leaf;
use crate::files::open::open_file;
use arrow::datatypes::{DataType as ArrowType, Schema, TimeUnit};
use dlt_engine::{Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Type as PhysicalType};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// First bytes of a file whose directory is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";

pub(super) struct Footer {
    /// The file, for messages.
    pub(super) name: Arc<str>,
    pub(super) builder: ParquetRecordBatchReaderBuilder<File>,
}

impl Footer {
    /// Reads the directory at the end of a file.
    ///
    /// # Errors
    /// If the file is cut short, damaged, encrypted, or packed in a way that is not read.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name: Arc<str> = path.to_string_lossy().into();
        let file = open_file(path)?;
        if file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
            let what = "the file is empty: it was cut short or never written";
            return Err(Error::new(ErrorKind::Data, what).at(&*name, None).hint(
                "fetch or write the file again, or remove it; a Parquet file without rows still names its columns",
            ));
        }
        let builder = match ParquetRecordBatchReaderBuilder::try_new(file) {
            Ok(builder) => builder,
            Err(_) if first_bytes(path).as_ref() == Some(ENCRYPTED) => {
                return Err(Error::new(ErrorKind::Data, "the file is encrypted, which is not read")
                    .at(&*name, None)
                    .hint("write the file again without encryption"));
            }
            Err(cause) => return Err(damaged(&name, cause)),
        };
        let footer = Self { name, builder };
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

fn first_bytes(path: &Path) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    open_file(path).ok()?.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

pub(super) fn damaged(name: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Data, "is damaged or no Parquet file")
        .at(name, None)
        .because(cause)
        .hint("fetch or write the file again")
}

/// A file whose columns are to be read as these types.
pub(super) fn reopened(path: &Path, name: &str, schema: Schema) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    let file = open_file(path)?;
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(|cause| damaged(name, cause))
}

/// Whether a column is stored as INT96.
pub(super) fn is_int96(footer: &Footer, leaf: &Leaf<'_>) -> bool {
    let columns = footer.builder.parquet_schema().columns();
    columns.get(leaf.number).is_some_and(|column| column.physical_type() == PhysicalType::INT96)
        && matches!(leaf.field.data_type(), ArrowType::Timestamp(TimeUnit::Nanosecond, _))
}
