//! What a person typed. Nothing here reads a file or the environment; see `settings` for what it means.

mod database;
mod dbt;
mod deploy;
mod incremental;
mod pipeline;
mod portion;
mod text;
mod tracker;

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use database::Database;
pub(crate) use dbt::{Begin, Dbt, Loaded, Runner};
pub(crate) use deploy::{Airflow, Deploy, Form, Machine, Method, Written};
pub(crate) use incremental::Incremental;
pub(crate) use pipeline::{Drop, Operation, PackageView, Pipeline, Place, Schema, SchemaFormat, ShowSchema, Sync};
pub(crate) use portion::Portion;
pub(crate) use text::Text;
pub(crate) use tracker::{Contract, Folder, Key, Quarantine, Quarantined, Serve, Tracker};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 the work was begun and failed, 2 nothing was begun because the command line or a file of settings \
is wrong.

Environment: DLT_DATA_DIR is the folder of working folders and of this machine's settings [default: ~/.dlt, for root \
/var/dlt]; NO_COLOR leaves colours out; DO_NOT_TRACK or RUNTIME__DLTHUB_TELEMETRY=false switch telemetry off.";

/// Load data anywhere: from files and APIs, nested or flat, into a database.
///
/// The shortest way in: dlt ingest events.jsonl --to duckdb:shop.duckdb --dataset raw
#[derive(Debug, Parser)]
#[command(name = "dlt", version, styles = STYLES, max_term_width = 100, after_long_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Switch telemetry off for this machine and this project, then do what the command says
    #[arg(long, global = true, conflicts_with = "enable_telemetry", help_heading = "Global options")]
    pub(crate) disable_telemetry: bool,
    /// Switch telemetry on for this machine and this project, then do what the command says
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) enable_telemetry: bool,
    /// Print nothing but errors and the data that was asked for
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more: where each setting came from
    #[arg(short, long, global = true, conflicts_with = "quiet", action = ArgAction::SetTrue, help_heading = "Global options")]
    pub(crate) verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load files or a database into a dataset, in one line
    Ingest(Box<Ingest>),
    /// Begin a project: write a pipeline file for a source and a destination
    Init(Init),
    /// Run the pipeline that a file declares
    Run(Run),
    /// Write files by which Airflow, GitHub Actions, cron, systemd or Kubernetes run a pipeline
    Deploy(Deploy),
    /// Look at a pipeline and change what it remembers: its runs, schema, state and load packages
    Pipeline(Pipeline),
    /// Check a schema file and print it in another format
    Schema(Schema),
    /// Read a dataset: its tables, their rows, or a query
    Dataset(Dataset),
    /// Transform what was loaded, by a dbt package
    #[command(subcommand)]
    Dbt(Box<Dbt>),
    /// Whether telemetry is on, who decided that, and what is sent
    Telemetry(Telemetry),
    /// Receive telemetry of programs that you maintain, and report on it
    #[command(subcommand)]
    Tracker(Tracker),
    /// Print a completion script for a shell, or write the manual pages
    #[command(
        long_about = "Print a completion script for a shell, or write the manual pages.\n\nFor example, for bash: dlt completions bash > ~/.local/share/bash-completion/completions/dlt"
    )]
    Completions(Completions),
}

/// `dlt ingest`.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files, folders, globs or addresses (`s3://bucket/path/*.csv`, `https://host/file.csv`); `-` is standard input; or a
    /// database: `sqlite:FILE`, `duckdb:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE`, `mysql://…`
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Where to load: `duckdb:FILE` (or `duckdb`, for a file named after the pipeline), `postgres://USER@HOST/DATABASE`, `filesystem:FOLDER` or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: String,
    /// Dataset to load into (a schema of the database); made if it is not there
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: String,
    /// Table to load into [default: named after each file]; of a database, table to load, also several times, with `*` for
    /// any letters [default: all]
    #[arg(long, value_name = "TABLE")]
    pub(crate) table: Vec<String>,
    /// What to do with rows that the table has already [default: as it was loaded before; append for a new table]
    #[arg(long, value_enum)]
    pub(crate) write_disposition: Option<WriteDisposition>,
    /// How a merge treats rows whose key is there [default: as before; for a new table delete-insert, and upsert for one of Delta or Iceberg]
    #[arg(long, value_enum, value_name = "STRATEGY")]
    pub(crate) merge_strategy: Option<MergeStrategy>,
    /// In which format the table is kept, in destinations that have several [default: as before; the destination's own for a
    /// new table]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) table_format: Option<TableFormat>,
    #[command(flatten)]
    pub(crate) versions: Versions,
    /// Columns that identify a row, separated by commas; needed for merge, but for scd2
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) primary_key: Vec<String>,
    /// Columns whose values are replaced as a whole by delete-insert, such as a day; separated by commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) merge_key: Vec<String>,
    /// What data may change of the schema: evolve, freeze, discard_row or discard_value, or one for each of tables, columns
    /// and data_type: `columns=discard_value,data_type=freeze` [default: as stored; evolve for a new dataset]
    #[arg(long, value_name = "CONTRACT")]
    pub(crate) schema_contract: Option<dlt::Contract>,
    /// Table for the rows and values that the contract leaves out, with their lines and reasons [default: they are counted]
    #[arg(long, value_name = "TABLE")]
    pub(crate) rejected: Option<String>,
    /// Type of a column, such as `price=decimal(10,2)`, `id=bigint(32)` or `payload=json`; can be given several times
    #[arg(long, value_name = "COLUMN=TYPE", value_parser = dlt::column_in_short)]
    pub(crate) column_type: Vec<dlt::Column>,
    /// Columns to load, and no others; separated by commas [default: all]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) included_columns: Vec<String>,
    /// Columns to leave out, separated by commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) excluded_columns: Vec<String>,
    /// Another name for a column, such as `userId=customer`; can be given several times
    #[arg(long, value_name = "COLUMN=NAME", value_parser = text::renamed)]
    pub(crate) renamed_column: Vec<(String, String)>,
    /// Levels of nested data that become columns and tables; what is deeper stays JSON [default: as stored, all for a new
    /// table]
    #[arg(long, value_name = "LEVELS")]
    pub(crate) max_nesting: Option<u32>,
    /// Format of the input [default: told by each file's name; for standard input by its first lines]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How names are made of keys; refused if the dataset has rows that were named otherwise [default: as the dataset has
    /// it, snake_case for a new one]
    #[arg(long, value_enum, value_name = "CONVENTION")]
    pub(crate) naming: Option<Naming>,
    /// What to do with half a surrogate pair in JSON, which is no character
    #[arg(long, value_enum, default_value_t)]
    pub(crate) lone_surrogates: LoneSurrogates,
    /// Name under which the load is remembered [default: the dataset's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Threads that normalize, 1 to 1024 [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=i64::from(dlt::MAX_WORKERS)))]
    pub(crate) workers: Option<u16>,
    #[command(flatten)]
    pub(crate) portion: Portion,
    #[command(flatten)]
    pub(crate) incremental: Incremental,
    #[command(flatten)]
    pub(crate) database: Database,
    #[command(flatten)]
    pub(crate) text: Text,
}

/// Options of the merge strategy scd2.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// With scd2: column that has another value in another version of a row [default: a digest of the row]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) row_version_column_name: Option<String>,
    /// With scd2: columns for begin and end of validity [default: _dlt_valid_from,_dlt_valid_to]
    #[arg(long, value_name = "FROM,TO", value_delimiter = ',')]
    pub(crate) validity_column_names: Vec<String>,
    /// With scd2: end of validity of the rows that are valid now, such as 9999-12-31 [default: null]
    #[arg(long, value_name = "TIMESTAMP")]
    pub(crate) active_record_timestamp: Option<String>,
    /// With scd2: when rows of this load begin and those that it lacks end; holds for later loads, until `none` is given
    /// [default: the time of the load]
    #[arg(long, value_name = "TIMESTAMP")]
    pub(crate) boundary_timestamp: Option<String>,
}

/// `dlt init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Source, as `--list-sources` shows them
    #[arg(required_unless_present_any = ["list_sources", "list_destinations"])]
    pub(crate) source: Option<String>,
    /// Destination, as `--list-destinations` shows them
    #[arg(required_unless_present_any = ["list_sources", "list_destinations"])]
    pub(crate) destination: Option<String>,
    /// List the sources that there are
    #[arg(short = 'l', long, conflicts_with_all = ["source", "destination", "list_destinations"])]
    pub(crate) list_sources: bool,
    /// List the destinations that there are
    #[arg(long, conflicts_with_all = ["source", "destination"])]
    pub(crate) list_destinations: bool,
}

/// `dlt run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Pipeline file [default: the one *_pipeline.toml of this folder]
    pub(crate) file: Option<PathBuf>,
    /// Resources to load, separated by commas [default: those that the file selects]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) resources: Vec<String>,
    #[command(flatten)]
    pub(crate) portion: Portion,
    #[command(flatten)]
    pub(crate) task: Task,
}

/// What those say who run a pipeline as one task of several.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Name under which the run is remembered, in place of the file's; dataset and destination stay the file's
    #[arg(long, value_name = "NAME", help_heading = "For schedulers")]
    pub(crate) pipeline: Option<String>,
    /// Folder for the working folder of the pipeline; settings and telemetry stay in the data folder [default: the data folder]
    #[arg(long, value_name = "FOLDER", help_heading = "For schedulers")]
    pub(crate) work_dir: Option<PathBuf>,
    /// Keep what was loaded in the table `_load_info` of the dataset
    #[arg(long, help_heading = "For schedulers")]
    pub(crate) save_load_info: bool,
    /// Keep the course of the run, also of one that fails, in the table `_trace` of the dataset
    #[arg(long, help_heading = "For schedulers")]
    pub(crate) save_trace_info: bool,
    /// End with the process that started this one, also if it is killed
    #[arg(long, hide = true)]
    pub(crate) end_with_parent: bool,
    /// The resources that the tasks of a DAG load, for a word about those that none does
    #[arg(long, hide = true, value_name = "NAME", value_delimiter = ',')]
    pub(crate) planned: Vec<String>,
    /// How a DAG was made of the pipeline, and the seconds that took; said once in a DAG run
    #[arg(long, hide = true, value_name = "DECOMPOSE:SECONDS", value_parser = text::added)]
    pub(crate) airflow: Option<text::Added>,
}

/// `dlt dataset`.
#[derive(Debug, Args)]
pub(crate) struct Dataset {
    /// Dataset of a pipeline that ran on this machine, or of `--from`
    pub(crate) name: String,
    /// Table whose rows to print; without it the tables are listed. With `--to` there may be several, and all without one
    #[arg(value_name = "TABLE", conflicts_with = "sql")]
    pub(crate) tables: Vec<String>,
    /// Query to run; names of tables mean those of the dataset
    #[arg(long, value_name = "QUERY")]
    pub(crate) sql: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Output,
    /// File to write to instead of printing: .parquet, .csv, .tsv or .jsonl, text also with .gz or .zst. A folder (`out/`) gets
    /// a Parquet file for each table, a pattern (`out/*.csv`) one of its kind
    #[arg(long, value_name = "PATH", conflicts_with = "format")]
    pub(crate) to: Option<std::path::PathBuf>,
    /// Replace files that are there
    #[arg(long, requires = "to")]
    pub(crate) force: bool,
    /// Rows to print at most, 0 for all [default: 20 of a table; of a query 1000 for people, all as csv or json]
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<u64>,
    /// Where the dataset is, if no pipeline of this machine loaded it: `duckdb:FILE`, `filesystem:FOLDER`, `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) from: Option<String>,
}

/// `dlt telemetry`.
#[derive(Debug, Args)]
pub(crate) struct Telemetry {
    #[command(subcommand)]
    pub(crate) operation: Option<TelemetryOperation>,
}

/// What `dlt telemetry` does.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum TelemetryOperation {
    /// Print the events that wait to be sent, byte for byte; sends nothing
    Show {
        /// Name of an event, as `dlt telemetry contract` lists them
        event: Option<String>,
    },
    /// List what was sent, and what was answered
    Log,
    /// Check that nobody changed the list of what was sent
    Verify,
    /// Print every event and every field that can be sent
    Contract,
    /// Draw a new random id for this machine
    ResetId,
    /// Ask the tracker what it has of this machine
    Holdings,
    /// Ask the tracker to delete what it has of this machine
    Forget,
}

/// `dlt completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell
    #[arg(value_enum, required_unless_present = "man_pages", conflicts_with = "man_pages")]
    pub(crate) shell: Option<clap_complete::Shell>,
    /// Write a manual page for each command into a folder, which is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    pub(crate) man_pages: Option<PathBuf>,
}

/// What a load does with rows that the table holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WriteDisposition {
    /// Keep them and add the new ones
    Append,
    /// Put the new ones in their place
    Replace,
    /// Put the new ones in the place of those with the same key, and keep the others
    Merge,
}

/// What a merge does with rows whose key the table holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MergeStrategy {
    /// Delete them with all that is nested in them, and insert the new rows
    DeleteInsert,
    /// As delete-insert, with row ids that are made from the key and stay the same
    Upsert,
    /// Keep them, and leave the new rows out
    InsertOnly,
    /// Keep all versions of rows: those that the load lacks or has otherwise end, the new ones begin
    Scd2,
    /// As upsert, and delete the rows whose key the load lacks
    Cdc,
}

/// In which format a table is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// As the destination keeps tables by itself
    Native,
    /// Delta Lake: Parquet files with a log, which other tools read and write
    Delta,
    /// Apache Iceberg: Parquet files with metadata, which other tools read and write
    Iceberg,
}

/// How names are made of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Naming {
    /// Small letters and digits of ASCII: `userId` is `user_id`
    #[value(name = "snake_case")]
    SnakeCase,
    /// All letters of all scripts, and capitals, stay
    #[value(name = "duck_case")]
    DuckCase,
    /// Letters and digits of ASCII, capitals stay
    #[value(name = "sql_cs_v1")]
    SqlCsV1,
    /// Letters and digits of ASCII, all of them small
    #[value(name = "sql_ci_v1")]
    SqlCiV1,
    /// As duck_case, with `▶` between the names of a path
    #[value(name = "direct")]
    Direct,
}

/// What becomes of half a surrogate pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoneSurrogates {
    /// It is an error
    #[default]
    Refuse,
    /// U+FFFD takes its place
    Replace,
}

/// Format of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON value a line
    Jsonl,
    /// One JSON value or several, in lines or not, or a list of them
    Json,
    /// Delimited text; delimiter and header are found out
    Csv,
    /// Text delimited by tabs
    Tsv,
    /// Apache Parquet
    Parquet,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Table,
    /// With a header, for other programs
    Csv,
    /// One JSON object a line, for other programs; nested values are JSON, decimals text, bytes base64
    Json,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object, for other programs
    Json,
}
