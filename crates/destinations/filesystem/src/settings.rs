//! Where files go, and how they are written.

use crate::layout::Layout;
use dlt_engine::schema::Table;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials, Scheme};

/// The format of data files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// JSON Lines, compressed by gzip: `.jsonl.gz`.
    #[default]
    Jsonl,
    /// Parquet, compressed by Snappy.
    Parquet,
    /// CSV with a heading, compressed by gzip: `.csv.gz`.
    Csv,
}

/// The formats by their words.
pub(crate) const FORMATS: [(&str, FileFormat); 3] =
    [("jsonl", FileFormat::Jsonl), ("parquet", FileFormat::Parquet), ("csv", FileFormat::Csv)];

/// The hint of a table that says its format.
pub(crate) const FORMAT_HINT: &str = "file_format";

/// Files in a folder or an object store. A dataset is a folder in it.
#[derive(Clone, Debug)]
pub struct Filesystem {
    pub(crate) address: Address,
    pub(crate) credentials: Credentials,
    /// The address as it was written: what stored states compare.
    pub(crate) written: String,
    pub(crate) format: FileFormat,
    pub(crate) disable_compression: bool,
    pub(crate) layout: Layout,
    /// States that are kept of a pipeline; `None` for all.
    pub(crate) max_state_files: Option<usize>,
}

impl Filesystem {
    /// Files below an address: a folder, `s3://bucket/prefix`, `gs://…`, `az://…`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no such address.
    pub fn at(bucket_url: &str) -> Result<Self> {
        let address = Address::parse(bucket_url).map_err(|error| error.into_engine(ErrorKind::Config))?;
        if address.scheme() == Scheme::Http {
            return Err(Error::new(ErrorKind::Config, format!("nothing can be written to {address}"))
                .hint("name a folder, or an address such as s3://bucket/prefix"));
        }
        Ok(Self {
            address,
            credentials: Credentials::default(),
            written: bucket_url.to_owned(),
            format: FileFormat::default(),
            disable_compression: false,
            layout: Layout::default(),
            max_state_files: Some(100),
        })
    }

    /// With credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// With files of another format.
    #[must_use]
    pub fn format(mut self, format: FileFormat) -> Self {
        self.format = format;
        self
    }

    /// JSONL and CSV as plain text.
    #[must_use]
    pub fn disable_compression(mut self, plain: bool) -> Self {
        self.disable_compression = plain;
        self
    }

    /// With other names of files, and values for placeholders of the caller's own.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the layout cannot name the files of tables.
    pub fn layout(mut self, layout: &str, extra_placeholders: &[(String, String)]) -> Result<Self> {
        self.layout = Layout::parse(layout, extra_placeholders)?;
        Ok(self)
    }

    /// So many states of a pipeline are kept; 0 keeps all. Default: 100.
    #[must_use]
    pub fn max_state_files(mut self, count: usize) -> Self {
        self.max_state_files = (count > 0).then_some(count);
        self
    }

    /// Where it is, for a person, without secrets.
    pub(crate) fn place(&self) -> String {
        match self.address.local_path() {
            Some(path) => format!("file://{}", encoded(&path.to_string_lossy())),
            None => self.address.to_string(),
        }
    }

    /// The format of a root table's files, and of those nested in it: what the schema says of it, else what is set.
    pub(crate) fn format_of(&self, root: &Table) -> FileFormat {
        let said = root.hints.get(FORMAT_HINT).and_then(|word| word.as_str());
        let found = FORMATS.iter().find(|(word, _)| Some(*word) == said);
        found.map_or(self.format, |(_, format)| *format)
    }

    pub(crate) fn is_compressed(&self, format: FileFormat) -> bool {
        format != FileFormat::Parquet && !self.disable_compression
    }

    /// The ending of data files.
    pub(crate) fn extension(&self, format: FileFormat, hides_compression: bool) -> &'static str {
        match (format, self.is_compressed(format) && !hides_compression) {
            (FileFormat::Parquet, _) => "parquet",
            (FileFormat::Jsonl, true) => "jsonl.gz",
            (FileFormat::Jsonl, false) => "jsonl",
            (FileFormat::Csv, true) => "csv.gz",
            (FileFormat::Csv, false) => "csv",
        }
    }
}

/// A path in an address: what would mean something else there is written as its code.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
