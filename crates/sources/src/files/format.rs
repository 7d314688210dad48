//! What a file's name says about its content.

use std::fmt;
use std::path::Path;

/// How rows are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A JSON value a line.
    Jsonl,
    /// One array of values, or values one after the other, on as many lines as they like.
    Json,
    /// Text with a header line; the delimiter is sniffed from it among `,` `;` tab and `|`.
    Csv,
    /// Text with a header line, delimited by tabs.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// Every extension that is understood without a `format`.
pub(crate) const EXTENSIONS: &str = ".jsonl .ndjson .json .csv .tsv .parquet, the text formats also with .gz or .zst";

impl Format {
    /// Name as in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }

    /// All of them, by name.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::Json, Self::Csv, Self::Tsv, Self::Parquet];

    fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Self::Jsonl,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file name taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NameParts {
    /// The name without the extensions that were understood: the table's name, if none is given.
    pub(crate) stem: String,
    /// By the extension, if it is a known one.
    pub(crate) format: Option<Format>,
}

/// Takes a file name apart. An extension that is not known stays out of the stem, too.
pub(crate) fn parse_name(path: &Path) -> NameParts {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = strip_extension(&name, &["gz", "zst", "zstd"]).unwrap_or(&name);
    match plain.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => {
            NameParts { stem: stem.to_owned(), format: Format::of_extension(extension) }
        }
        _ => NameParts { stem: plain.to_owned(), format: None },
    }
}

fn strip_extension<'a>(name: &'a str, extensions: &[&str]) -> Option<&'a str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_table_and_format() {
        let cases = [
            ("orders.jsonl", "orders", Some(Format::Jsonl)),
            ("a/b/events-2024-01.NDJSON.gz", "events-2024-01", Some(Format::Jsonl)),
            ("x.json.zst", "x", Some(Format::Json)),
            ("x.csv.GZ", "x", Some(Format::Csv)),
            ("x.y.tsv", "x.y", Some(Format::Tsv)),
            ("x.parquet", "x", Some(Format::Parquet)),
            ("x.log", "x", None),
            ("x.gz", "x", None),
            ("plain", "plain", None),
            (".jsonl", ".jsonl", None),
        ];
        for (path, stem, format) in cases {
            assert_eq!(parse_name(Path::new(path)), NameParts { stem: stem.into(), format }, "{path}");
        }
    }
}
