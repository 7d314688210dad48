//! The sources by name, and what a pipeline file may say to each.

use std::path::{Path, PathBuf};

use dlt_engine::Result;
use dlt_engine::schema::WriteDisposition;
use dlt_engine::source::TableHints;
use dlt_sources::Format;

use super::section::{Section, unknown_word};
use super::{Word, tree};
use crate::destinations::Known;
use crate::source::AnySource;

/// The sources that there are.
pub const SOURCES: &[Known] =
    &[Known::new("filesystem", "Files, folders and globs: JSON, JSON Lines, CSV, Parquet; also compressed")];

const DISPOSITIONS: &[(&str, WriteDisposition)] =
    &[("append", WriteDisposition::Append), ("replace", WriteDisposition::Replace), ("merge", WriteDisposition::Merge)];

/// What `[source]` says.
#[derive(Debug)]
pub(crate) enum SourceDeclaration {
    Files { paths: Vec<PathBuf>, table: Option<String>, format: Option<Format>, hints: TableHints },
}

impl SourceDeclaration {
    pub(crate) fn read(kind: &Word, section: Section, folder: &Path) -> Result<Self> {
        match kind.value.as_str() {
            "filesystem" => read_files(section, folder),
            other => {
                let names: Vec<_> = SOURCES.iter().map(|known| known.name).collect();
                Err(unknown_word(&kind.origin, "source", other, &names))
            }
        }
    }

    pub(crate) fn open(&self) -> Result<AnySource> {
        match self {
            Self::Files { paths, table, format, hints } => {
                let mut files = dlt_sources::files(paths).with_hints(hints.clone());
                if let Some(table) = table {
                    files = files.table(table);
                }
                if let Some(format) = format {
                    files = files.format(*format);
                }
                Ok(AnySource::new(files))
            }
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Files { .. } => "filesystem",
        }
    }
}

fn read_files(mut section: Section, folder: &Path) -> Result<SourceDeclaration> {
    let paths = section.texts("paths")?;
    if paths.is_empty() {
        return Err(section.missing("paths", "paths = [\"data/*.jsonl\"]"));
    }
    let paths = paths.iter().map(|path: &Word| tree::relative_to(folder, &path.value)).collect();
    let formats: Vec<_> = Format::ALL.iter().map(|format| (format.name(), *format)).collect();
    let format = section.one_of("format", &formats)?;
    let table = section.text("table")?.map(|found| found.value);
    let hints = read_hints(&mut section)?;
    section.finish()?;
    Ok(SourceDeclaration::Files { paths, table, format, hints })
}

fn read_hints(section: &mut Section) -> Result<TableHints> {
    let mut hints = TableHints::default();
    hints.disposition = section.one_of("write_disposition", DISPOSITIONS)?.unwrap_or_default();
    hints.primary_key = section.texts("primary_key")?.into_iter().map(|found| found.value).collect();
    if let Some(depth) = section.count("max_nesting")? {
        hints.max_nesting = Some(u32::try_from(depth.value).unwrap_or(u32::MAX));
    }
    if hints.disposition == WriteDisposition::Merge && hints.primary_key.is_empty() {
        return Err(section.missing("primary_key", "primary_key = \"id\" (merge has to know what identifies a row)"));
    }
    Ok(hints)
}
