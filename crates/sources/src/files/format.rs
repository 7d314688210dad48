//! What a file's name says about its content.

use super::packing::Packing;
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
    /// Delimited text; delimiter and header are found out, or given by [`CsvOptions`](crate::CsvOptions).
    Csv,
    /// Text delimited by tabs.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// Every extension that is understood without a `format`.
pub(crate) const EXTENSIONS: &str =
    ".jsonl .ndjson .json .csv .tsv .parquet, the text formats also with .gz, .zst, .bz2 or .xz";

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
    /// Whether it is named as an older part of another file.
    pub(crate) is_rotated: bool,
}

/// Takes a file name apart. An extension that is not known stays out of the stem, too. A number or a day behind a known
/// extension (`app.jsonl.1`, `app.jsonl-20240102.gz`) is that of a log that was rotated.
pub(crate) fn parse_name(path: &Path) -> NameParts {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = without_packing(&name);
    let rotated = |plain: &str| {
        let known = plain.trim_end_matches(|letter: char| letter.is_ascii_digit() || "-.".contains(letter));
        if known.len() == plain.len() {
            return None;
        }
        let (stem, extension) = known.rsplit_once('.')?;
        let format = Format::of_extension(extension).filter(|_| !stem.is_empty())?;
        Some(NameParts { stem: stem.to_owned(), format: Some(format), is_rotated: true })
    };
    match plain.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => {
            let format = Format::of_extension(extension);
            let plain_parts = NameParts { stem: stem.to_owned(), format, is_rotated: false };
            if format.is_none() { rotated(plain).unwrap_or(plain_parts) } else { plain_parts }
        }
        _ => NameParts { stem: plain.to_owned(), format: None, is_rotated: false },
    }
}

/// What a file is that nobody reads, for counting: `.txt`, `.jsonl.N` or `without an extension`.
pub(crate) fn kind_of_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parts = parse_name(path);
    if let (true, Some(format)) = (parts.is_rotated, parts.format) {
        return format!(".{format}.N");
    }
    match without_packing(&name).rsplit_once('.').or_else(|| name.rsplit_once('.')) {
        Some((stem, extension)) if !stem.is_empty() => format!(".{}", extension.to_lowercase()),
        _ => "no extension".to_owned(),
    }
}

fn without_packing(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && Packing::of_extension(extension) != Packing::None => stem,
        _ => name,
    }
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
            ("x.csv.bz2", "x", Some(Format::Csv)),
            ("x.jsonl.xz", "x", Some(Format::Jsonl)),
            ("x.y.tsv", "x.y", Some(Format::Tsv)),
            ("x.parquet", "x", Some(Format::Parquet)),
            ("x.log", "x", None),
            ("x.gz", "x", None),
            ("plain", "plain", None),
            (".jsonl", ".jsonl", None),
        ];
        for (path, stem, format) in cases {
            assert_eq!(
                parse_name(Path::new(path)),
                NameParts { stem: stem.into(), format, is_rotated: false },
                "{path}"
            );
        }
    }

    #[test]
    fn rotated_logs_keep_the_name_of_the_log() {
        for path in ["app.jsonl.1", "app.jsonl.12.gz", "app.jsonl-20240102", "app.jsonl.2024-01-02.xz"] {
            let expected = NameParts { stem: "app".into(), format: Some(Format::Jsonl), is_rotated: true };
            assert_eq!(parse_name(Path::new(path)), expected, "{path}");
            assert_eq!(kind_of_name(Path::new(path)), ".jsonl.N");
        }
        assert_eq!(parse_name(Path::new("v1.2")).format, None);
        let kinds = [
            ("a.TXT", ".txt"),
            ("b.log.bz2", ".log"),
            ("x.gz", ".gz"),
            ("part.parq", ".parq"),
            ("README", "no extension"),
        ];
        for (path, kind) in kinds {
            assert_eq!(kind_of_name(Path::new(path)), kind, "{path}");
        }
    }
}
