//! `dlt ingest`: a load in one line.

use std::fs;
use std::io::IsTerminal as _;
use std::path::Path;

use dlt::declaration::Around;
use dlt::telemetry::Telemetry;
use dlt::{AnySource, TableHints};

use super::ingest_database;
use super::load::{Kept, load};
use crate::args::{
    Format, Ingest, LoneSurrogates, MergeStrategy, Naming, TableFormat, Text, Versions, WriteDisposition,
};
use crate::exit::{Failure, Outcome};
use crate::settings::Settings;

pub(crate) fn ingest(arguments: &Ingest, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let name = arguments.pipeline.clone().unwrap_or_else(|| name_of(&arguments.dataset));
    let around = Around::here(&name);
    let destination = dlt::DestinationName::parse(&arguments.to)?.limited_by(&settings.providers, &name)?;
    let database = ingest_database::address(arguments)?;
    let has_key = !arguments.primary_key.is_empty() || !arguments.merge_key.is_empty();
    let needs_key = arguments.merge_strategy != Some(MergeStrategy::Scd2);
    if arguments.write_disposition == Some(WriteDisposition::Merge) && needs_key && !has_key && database.is_none() {
        return Err(
            Failure::usage("merge has to know which columns identify a row").hint("add, for example: --primary-key id")
        );
    }
    let hints = TableHints {
        disposition: arguments.write_disposition.map(Into::into),
        merge_strategy: arguments.merge_strategy.map(Into::into),
        table_format: arguments.table_format.map(Into::into),
        scd2: versions(&arguments.versions)?,
        primary_key: arguments.primary_key.clone(),
        merge_key: arguments.merge_key.clone(),
        max_nesting: arguments.max_nesting,
        columns: arguments.column_type.clone(),
        choice: dlt::ColumnChoice {
            included: arguments.included_columns.clone(),
            excluded: arguments.excluded_columns.clone(),
            renamed: arguments.renamed_column.clone(),
        },
        ..TableHints::default()
    };
    let source = match database {
        Some(address) => AnySource::new(ingest_database::source(address, arguments, hints)?),
        None => AnySource::new(files(arguments, hints, settings, around)?),
    };
    if arguments.dataset.trim().is_empty() {
        return Err(Failure::usage("the dataset needs a name").hint("add, for example: --dataset raw"));
    }
    settings.printer.detail(&format!("pipeline: {name}, destination: {destination}"));
    for (key, origin) in destination.looked_up() {
        settings.printer.detail(&format!("{key}: from {origin}"));
    }
    let mut builder = dlt::pipeline(&name).destination(destination);
    if let Some(workers) = arguments.workers {
        builder = builder.workers(workers.into());
    }
    let naming = match arguments.naming {
        Some(naming) => Some(naming.into()),
        None => settings.providers.naming(around)?.map(|(naming, _)| naming),
    };
    if let Some(naming) = naming {
        builder = builder.naming(naming);
    }
    if let Some((strategy, _)) = settings.providers.replace_strategy(around)? {
        builder = builder.replace_strategy(strategy);
    }
    if let Some(contract) = arguments.schema_contract {
        builder = builder.schema_contract(contract);
    }
    if let Some(table) = &arguments.rejected {
        builder = builder.rejected(table);
    }
    builder = builder.lone_surrogates(arguments.lone_surrogates.into());
    let total_bytes = if database.is_some() { None } else { total_bytes(&arguments.paths) };
    let kept = Kept { total_bytes, ..Kept::default() };
    load(builder, &arguments.dataset, source, &arguments.portion, &kept, settings, telemetry)
}

/// The files, with what was said of them.
fn files(
    arguments: &Ingest,
    hints: TableHints,
    settings: &Settings,
    around: Around<'_>,
) -> Result<dlt::Files, Failure> {
    ingest_database::refuse_for_files(arguments)?;
    let mut source = dlt::files(&arguments.paths).with_hints(hints);
    if arguments.paths.iter().any(|path| path.contains("://")) {
        source = source.credentials(settings.providers.file_credentials(around)?);
    }
    if let Some(table) = arguments.table.first() {
        source = source.table(table);
    }
    if let Some(format) = arguments.format {
        source = source.format(format.into());
    }
    source = described(source, &arguments.text)?;
    if let Some(incremental) = arguments.incremental.meaning()? {
        source = source.incremental(incremental);
    }
    if arguments.paths.iter().any(|path| path == "-") && std::io::stdin().is_terminal() {
        settings.printer.note("Reading standard input; Ctrl-D ends it.");
    }
    Ok(source)
}

/// Options of scd2; `None` if there are none.
fn versions(arguments: &Versions) -> Result<Option<dlt::Scd2>, Failure> {
    let mut options = dlt::Scd2::default();
    options.row_version_column_name = arguments.row_version_column_name.clone();
    options.active_record_timestamp = arguments.active_record_timestamp.clone();
    options.boundary_timestamp = arguments.boundary_timestamp.clone();
    options.validity_column_names = match arguments.validity_column_names.as_slice() {
        [] => None,
        [from, to] => Some([from.clone(), to.clone()]),
        _ => {
            let wrong = Failure::usage("--validity-column-names takes two names with a comma between");
            return Err(wrong.hint("for example: --validity-column-names valid_from,valid_to"));
        }
    };
    options.check()?;
    Ok((options != dlt::Scd2::default()).then_some(options))
}

/// The source with what was said of its text.
fn described(source: dlt::Files, text: &Text) -> Result<dlt::Files, Failure> {
    let character = |name: &str, value: &Option<String>| {
        let wrong = || Failure::usage(format!("--{name} must be one character")).hint("`tab` is the tab");
        value.as_deref().map(|value| dlt::character_of(value).ok_or_else(wrong)).transpose()
    };
    let mut options = dlt::CsvOptions::default();
    options.delimiter = character("delimiter", &text.delimiter)?;
    let wrong = || Failure::usage("--quote must be one character").hint("`none` says that there are no quotes");
    options.quote = text.quote.as_deref().map(|text| dlt::Quote::parse(text).ok_or_else(wrong)).transpose()?;
    options.escape = character("escape", &text.escape)?;
    options.header = (text.header || text.no_header).then_some(text.header);
    options.column_names = text.column_names.clone();
    options.skip_lines = text.skip_lines;
    options.null_words = text.null_words.clone();
    options.decimal_comma = text.decimal_comma;
    options.date_format = text.date_format.clone();
    options.text_columns = text.text_columns.clone();
    options.allow_short_rows = text.allow_short_rows;
    let source = source.csv(options);
    Ok(match &text.encoding {
        Some(name) => source.encoding(dlt::Encoding::parse(name)?),
        None => source,
    })
}

/// A dataset's name with what cannot stand in the name of a pipeline replaced.
pub(crate) fn name_of(dataset: &str) -> String {
    let name = dataset.trim_start_matches('.');
    let name = if name.is_empty() { "dataset" } else { name };
    name.chars().map(|letter| if letter.is_alphanumeric() || "_-.".contains(letter) { letter } else { '_' }).collect()
}

/// Bytes that will be read, if that can be told beforehand: plain text files, named one by one.
fn total_bytes(paths: &[String]) -> Option<u64> {
    paths
        .iter()
        .map(|path| {
            let is_plain = ["jsonl", "ndjson", "json", "csv", "tsv"].iter().any(|ending| path.ends_with(ending));
            let found = fs::metadata(Path::new(path)).ok()?;
            (is_plain && found.is_file()).then_some(found.len())
        })
        .sum()
}

impl From<TableFormat> for dlt::TableFormat {
    fn from(word: TableFormat) -> Self {
        match word {
            TableFormat::Native => Self::Native,
            TableFormat::Delta => Self::Delta,
            TableFormat::Iceberg => Self::Iceberg,
        }
    }
}

impl From<WriteDisposition> for dlt::WriteDisposition {
    fn from(word: WriteDisposition) -> Self {
        match word {
            WriteDisposition::Append => Self::Append,
            WriteDisposition::Replace => Self::Replace,
            WriteDisposition::Merge => Self::Merge,
        }
    }
}

impl From<MergeStrategy> for dlt::MergeStrategy {
    fn from(word: MergeStrategy) -> Self {
        match word {
            MergeStrategy::DeleteInsert => Self::DeleteInsert,
            MergeStrategy::Upsert => Self::Upsert,
            MergeStrategy::InsertOnly => Self::InsertOnly,
            MergeStrategy::Scd2 => Self::Scd2,
            MergeStrategy::Cdc => Self::Cdc,
        }
    }
}

impl From<Naming> for dlt::Convention {
    fn from(word: Naming) -> Self {
        match word {
            Naming::SnakeCase => Self::SnakeCase,
            Naming::DuckCase => Self::DuckCase,
            Naming::SqlCsV1 => Self::SqlCsV1,
            Naming::SqlCiV1 => Self::SqlCiV1,
            Naming::Direct => Self::Direct,
        }
    }
}

impl From<LoneSurrogates> for dlt::Surrogates {
    fn from(word: LoneSurrogates) -> Self {
        match word {
            LoneSurrogates::Refuse => Self::Refuse,
            LoneSurrogates::Replace => Self::Replace,
        }
    }
}

impl From<Format> for dlt::Format {
    fn from(word: Format) -> Self {
        match word {
            Format::Jsonl => Self::Jsonl,
            Format::Json => Self::Json,
            Format::Csv => Self::Csv,
            Format::Tsv => Self::Tsv,
            Format::Parquet => Self::Parquet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_named_after_the_dataset() {
        for (dataset, name) in
            [("raw", "raw"), ("my data", "my_data"), ("a/b", "a_b"), (".hidden", "hidden"), (".", "dataset")]
        {
            assert_eq!(name_of(dataset), name);
        }
    }
}
