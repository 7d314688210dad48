//! Which files of the dataset the job files of a load become.

use crate::encode;
use crate::layout::FileName;
use crate::settings::{FileFormat, Filesystem};
use dlt_engine::Result;
use dlt_engine::digest::shake128;
use dlt_engine::schema::Table;
use std::path::PathBuf;

/// Job files that become one: about a million rows. Fewer, larger files are what readers of lakes want; several can be written at the
/// same time.
pub(crate) const JOB_FILES: usize = 16;

/// New rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    pub(crate) table: Table,
    pub(crate) format: FileFormat,
    pub(crate) files: Vec<PathBuf>,
}

/// A file that is to be written.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    pub(crate) key: String,
    pub(crate) table: &'a Table,
    pub(crate) format: FileFormat,
    pub(crate) files: &'a [PathBuf],
}

impl Staged {
    pub(crate) fn rows(&self) -> Result<u64> {
        self.files.iter().map(|file| encode::row_count(file)).sum()
    }

    /// The files that these rows become. Names depend on the load and on nothing else: when a load is tried again, it writes the
    /// same ones.
    pub(crate) fn outputs(
        &self,
        settings: &Filesystem,
        schema: &str,
        load_id: &str,
        hides_compression: bool,
    ) -> Vec<Output<'_>> {
        let at_once = if settings.layout.has_file_id() { JOB_FILES } else { usize::MAX };
        let extension = settings.extension(self.format, hides_compression);
        let chunks = self.files.chunks(at_once).enumerate();
        chunks
            .map(|(number, files)| {
                let file_id = file_id(load_id, &self.table.name, number);
                let name = FileName { schema, table: &self.table.name, load_id, file_id: &file_id, extension };
                Output { key: settings.layout.path(name), table: &self.table, format: self.format, files }
            })
            .collect()
    }
}

/// The name of a file of a load: the same whenever the load is tried.
pub(crate) fn file_id(load_id: &str, table: &str, number: usize) -> String {
    let number = number.to_string();
    let parts = [load_id.as_bytes(), b"\0", table.as_bytes(), b"\0", number.as_bytes()];
    shake128::<5>(&parts).iter().map(|byte| format!("{byte:02x}")).collect()
}
