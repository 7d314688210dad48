//! Rows of a dataset as files: Parquet, CSV, JSON Lines.
//!
//! A file is written under another name, beside its place, and gets its name when it is whole and on the disk; of several tables,
//! when all of them are. Memory is bounded: rows go from the destination into the file as they come.

mod columns;
mod file;
mod target;
mod text;
mod write;

pub use target::{Export, ExportFormat, ExportPacking};

use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Result};
use file::Making;
use std::path::{Path, PathBuf};
use write::Writer;

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Where it is.
    pub path: PathBuf,
    /// The table that is in it; `None` for a query.
    pub table: Option<String>,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Dataset {
    /// Writes the rows of a query into a file.
    ///
    /// # Errors
    /// If there is a file already, it cannot be written, a column has a type that the format cannot hold, or the destination fails.
    /// Nothing is left then.
    pub fn export_query(&mut self, sql: &str, export: &Export) -> Result<Exported> {
        let path = export.file()?;
        let (making, exported) = self.write(sql, path, None, export)?;
        making.finish(export.overwrites)?;
        Ok(exported)
    }

    /// Writes tables into a file each; a single one into the file that is named, several into those of a folder or pattern
    /// ([`Export::to`]). All of them are there, or none.
    ///
    /// # Errors
    /// As [`Dataset::export_query`]; if there is no such table, or one file is named for several.
    pub fn export_tables<T: AsRef<str>>(&mut self, tables: &[T], export: &Export) -> Result<Vec<Exported>> {
        let mut planned = Vec::new();
        for table in tables.iter().map(AsRef::as_ref) {
            let path = if let [_] = tables { export.file_of(table) } else { export.one_of(table)? };
            if planned.iter().any(|(_, known)| *known == path) {
                continue;
            }
            export.check_free(&path)?;
            planned.push((table, path));
        }
        let mut written = Vec::new();
        for (table, path) in planned {
            let sql = self.table(table)?.select();
            written.push(self.write(&sql, path, Some(table.to_owned()), export)?);
        }
        let mut all = Vec::new();
        for (making, exported) in written {
            making.finish(export.overwrites)?;
            all.push(exported);
        }
        Ok(all)
    }

    fn write(
        &mut self,
        sql: &str,
        path: PathBuf,
        table: Option<String>,
        export: &Export,
    ) -> Result<(Making, Exported)> {
        export.check_free(&path)?;
        let making = Making::begin(&path)?;
        let mut writer: Option<Writer> = None;
        let mut rows = 0;
        self.query(sql, &mut |schema, batch| {
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(Writer::begin(export, &making, schema)?),
            };
            rows += batch.num_rows() as u64;
            writer.write(&batch)
        })?;
        match writer {
            Some(writer) => writer.finish()?,
            None => {
                return Err(Error::new(ErrorKind::Config, "the statement gives no rows, so there is nothing to write"));
            }
        }
        let bytes = making.sync()?;
        Ok((making, Exported { path, table, rows, bytes }))
    }
}

/// The failure of a file that is being written.
fn unwritten(path: &Path, cause: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let hint = match cause.kind() {
        Io::StorageFull | Io::QuotaExceeded => Some("free some space, then run the same command again"),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => Some("make the folder writable, or name another one"),
        Io::NotADirectory | Io::IsADirectory => Some("a part of the path is no folder, or the path itself is one"),
        _ => None,
    };
    let error = Error::new(ErrorKind::Storage, format!("cannot write {}", path.display())).because(cause);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
