//! What files are called, and what that says of their form.

use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// Apache Parquet, with the types of the columns.
    Parquet,
    /// Text with commas between fields and a header; missing values are empty, empty texts are `""`.
    Csv,
    /// The same with tabs.
    Tsv,
    /// An object a line.
    Jsonl,
}

/// How text is packed. Parquet packs itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportPacking {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

/// Where rows of a dataset go, and how.
///
/// | place | meaning |
/// |---|---|
/// | `out/users.parquet`, `.csv`, `.tsv`, `.jsonl`, text also with `.gz` or `.zst` | one table, or a query |
/// | `out/*.csv.gz` | a file for each table, named after it |
/// | `out/` | the same, as Parquet |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    place: PathBuf,
    /// What stands before and behind the name of a table, in the names of files; `None`: one file is named.
    around: Option<(String, String)>,
    pub(super) format: ExportFormat,
    pub(super) packing: ExportPacking,
    pub(super) overwrites: bool,
}

const KNOWN: &str = ".parquet, .csv, .tsv and .jsonl, text also with .gz or .zst";

impl Export {
    /// Understands a place.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the name does not tell the format.
    pub fn to(place: impl Into<PathBuf>) -> Result<Self> {
        let place = place.into();
        let shown = place.to_string_lossy().into_owned();
        if shown.trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "no file is named").hint("for example users.parquet"));
        }
        if shown.contains("://") {
            let error =
                Error::new(ErrorKind::Config, "rows are written to files of this machine, and not to addresses");
            return Err(error.hint("name a file; `dlt ingest FILE --to s3://bucket/prefix` loads it to a store"));
        }
        let is_folder = shown.ends_with(['/', std::path::MAIN_SEPARATOR]) || place.is_dir();
        let (format, packing) = (ExportFormat::Parquet, ExportPacking::None);
        if is_folder {
            let around = Some((String::new(), ".parquet".to_owned()));
            return Ok(Self { place, around, format, packing, overwrites: false });
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = place.parent().unwrap_or(Path::new("")).to_owned();
        let Some((format, packing)) = form_of(&name) else {
            let error = Error::new(ErrorKind::Config, format!("the name `{name}` does not tell the format"));
            return Err(
                error.hint(format!("known are {KNOWN}; a folder (`{name}/`) gets a Parquet file for each table"))
            );
        };
        if folder.to_string_lossy().contains('*') {
            return Err(Error::new(
                ErrorKind::Config,
                "a `*` stands for the name of a table, in the name of the file alone",
            ));
        }
        let around = match name.split_once('*') {
            Some((_, behind)) if behind.contains('*') => {
                return Err(Error::new(ErrorKind::Config, format!("`{name}` has more than one `*`")));
            }
            Some((before, behind)) => Some((before.to_owned(), behind.to_owned())),
            None => None,
        };
        let place = if around.is_some() { folder } else { place };
        Ok(Self { place, around, format, packing, overwrites: false })
    }

    /// Sets whether files that are there are replaced; default: they are left, and that is an error.
    #[must_use]
    pub fn overwrite(mut self, overwrites: bool) -> Self {
        self.overwrites = overwrites;
        self
    }

    /// Whether there is a file for each table.
    pub fn is_pattern(&self) -> bool {
        self.around.is_some()
    }

    /// The one file.
    pub(super) fn file(&self) -> Result<PathBuf> {
        match self.around {
            None => Ok(self.place.clone()),
            Some(_) => Err(Error::new(ErrorKind::Config, "a query makes one file, and a folder or pattern is named")
                .hint("name a file: rows.parquet")),
        }
    }

    /// The file of the only table.
    pub(super) fn file_of(&self, table: &str) -> PathBuf {
        self.one_of(table).unwrap_or_else(|_| self.place.clone())
    }

    /// The file of one of several tables.
    pub(super) fn one_of(&self, table: &str) -> Result<PathBuf> {
        match &self.around {
            Some((before, behind)) => Ok(self.place.join(format!("{before}{}{behind}", as_name(table)))),
            None => Err(Error::new(ErrorKind::Config, "several tables do not go into one file")
                .hint("name a folder (`out/`) or a pattern (`out/*.csv`), or one table")),
        }
    }

    pub(super) fn check_free(&self, path: &Path) -> Result<()> {
        if self.overwrites || path.symlink_metadata().is_err() {
            return Ok(());
        }
        Err(taken(path))
    }
}

pub(super) fn taken(path: &Path) -> Error {
    Error::new(ErrorKind::Config, format!("there is a file {} already", path.display()))
        .hint("name another one; `--force` (in Rust `overwrite(true)`) replaces it")
}

fn form_of(name: &str) -> Option<(ExportFormat, ExportPacking)> {
    let lower = name.to_ascii_lowercase();
    let (plain, packing) = match lower.rsplit_once('.')? {
        (plain, "gz") => (plain, ExportPacking::Gzip),
        (plain, "zst") => (plain, ExportPacking::Zstd),
        _ => (lower.as_str(), ExportPacking::None),
    };
    let (stem, extension) = plain.rsplit_once('.')?;
    let format = match extension {
        "parquet" if packing == ExportPacking::None => ExportFormat::Parquet,
        "csv" => ExportFormat::Csv,
        "tsv" => ExportFormat::Tsv,
        "jsonl" | "ndjson" => ExportFormat::Jsonl,
        _ => return None,
    };
    (!stem.is_empty()).then_some((format, packing))
}

/// The name of a table as a part of a file's. Few tables have what cannot stand there.
fn as_name(table: &str) -> String {
    let mut name = String::new();
    for (at, letter) in table.chars().enumerate() {
        if matches!(letter, '/' | '\\' | '\0' | '%') || (at == 0 && letter == '.') {
            name.push_str(&format!("%{:02X}", letter as u32));
        } else {
            name.push(letter);
        }
    }
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_form() {
        use ExportFormat as Format;
        use ExportPacking as Packing;
        for (place, format, packing) in [
            ("a.parquet", Format::Parquet, Packing::None),
            ("x/a.CSV", Format::Csv, Packing::None),
            ("a.b.tsv.zst", Format::Tsv, Packing::Zstd),
            ("a.jsonl.gz", Format::Jsonl, Packing::Gzip),
            ("out/", Format::Parquet, Packing::None),
            ("out/*.csv", Format::Csv, Packing::None),
        ] {
            let export = Export::to(place).unwrap();
            assert_eq!((export.format, export.packing), (format, packing), "{place}");
        }
        for place in ["", "a", "a.txt", "a.parquet.gz", ".csv", "*/a.csv", "a*b*.csv", "s3://b/a.csv"] {
            assert_eq!(Export::to(place).unwrap_err().kind(), ErrorKind::Config, "{place}");
        }
    }

    #[test]
    fn tables_get_files() {
        let pattern = Export::to("out/raw_*.csv").unwrap();
        assert_eq!(pattern.one_of("a/b%").unwrap(), Path::new("out/raw_a%2Fb%25.csv"));
        assert!(pattern.file().is_err() && pattern.is_pattern());
        assert_eq!(Export::to("out/").unwrap().one_of(".x").unwrap(), Path::new("out/%2Ex.parquet"));
        let file = Export::to("x.csv").unwrap();
        assert!(file.one_of("a").is_err());
        assert_eq!(file.file_of("a"), Path::new("x.csv"));
    }
}
