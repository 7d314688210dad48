//! What is typed after `dlt pipeline` and `dlt schema`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `dlt pipeline`.
#[derive(Debug, Args)]
pub(crate) struct Pipeline {
    /// Name of the pipeline; without it all are listed
    pub(crate) name: Option<String>,
    /// List the pipelines of this machine
    #[arg(short, long, visible_alias = "list", conflicts_with = "name")]
    pub(crate) list_pipelines: bool,
    #[command(subcommand)]
    pub(crate) operation: Option<Operation>,
}

/// What `dlt pipeline NAME` shows or does.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Show dataset, destination, resources, tables and what waits; the same as without a word
    #[command(override_usage = "dlt pipeline NAME info")]
    Info,
    /// Show the steps of the last run: time, rows, outcome
    #[command(override_usage = "dlt pipeline NAME trace")]
    Trace,
    /// Show the schema as a tree of tables and columns, or print it
    #[command(override_usage = "dlt pipeline NAME schema [OPTIONS]")]
    Schema(ShowSchema),
    /// Show what a load brought: tables, rows, changes of the schema
    #[command(override_usage = "dlt pipeline NAME load-package [LOAD_ID] [VIEW]")]
    LoadPackage {
        /// Id of the load [default: the newest]
        load_id: Option<String>,
        /// What to show of it
        #[arg(value_enum, default_value_t)]
        view: PackageView,
    },
    /// Show the load packages whose runs failed, and why
    #[command(override_usage = "dlt pipeline NAME failed-jobs")]
    FailedJobs,
    /// Load the packages of runs that were killed or failed
    #[command(override_usage = "dlt pipeline NAME load-pending")]
    LoadPending,
    /// Drop the packages of runs that were killed or failed, with the input they hold
    #[command(override_usage = "dlt pipeline NAME drop-pending-packages")]
    DropPendingPackages,
    /// Empty the working folder, and write it anew from what the destination has; the dataset is not touched
    #[command(override_usage = "dlt pipeline NAME sync [OPTIONS]")]
    Sync(Sync),
    /// Drop the tables of resources from the dataset, with what these remember, in one transaction
    #[command(override_usage = "dlt pipeline NAME drop [OPTIONS] [RESOURCES]...")]
    Drop(Drop),
}

/// What to show of a load package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackageView {
    /// What the load brought, as this machine noted it, or as the dataset knows it
    #[default]
    Info,
    /// The rows of the load that are in the dataset now
    RowCounts,
}

/// `dlt pipeline NAME schema`.
#[derive(Debug, Args)]
pub(crate) struct ShowSchema {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: SchemaFormat,
    /// Name of the schema [default: the pipeline's default one]
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// Leave out what the engine notes for itself, for a schema file to begin another dataset with
    #[arg(long)]
    pub(crate) remove_processing_hints: bool,
    /// Tables to show in the tree [default: all but those that dlt makes for itself]
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// Accepted for scripts of Python dlt: names that only repeat their key are never printed
    #[arg(long, hide = true)]
    pub(crate) remove_defaults: bool,
}

/// `dlt schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Schema file, `.yaml`, `.yml` or `.json`
    pub(crate) file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = SchemaFormat::Yaml)]
    pub(crate) format: SchemaFormat,
    /// Leave out what the engine notes for itself, for a schema file to begin another dataset with
    #[arg(long)]
    pub(crate) remove_processing_hints: bool,
    /// Accepted for scripts of Python dlt: names that only repeat their key are never printed
    #[arg(long, hide = true)]
    pub(crate) remove_defaults: bool,
}

/// How a schema is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// For people: nested tables under their parents, columns with types and hints
    #[default]
    Tree,
    /// For people and Python dlt
    Yaml,
    /// For other programs
    Json,
    /// Diagram for dbdiagram.io and its like
    Dbml,
    /// Diagram for Graphviz
    Dot,
    /// Diagram for Mermaid, which viewers of Markdown draw
    Mermaid,
}

impl SchemaFormat {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dbml => "dbml",
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        }
    }
}

/// Where a pipeline loads that this machine does not know.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Where the pipeline loads, if this machine does not know it: `duckdb:FILE`
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) destination: Option<String>,
    /// Dataset that the pipeline loads into, if this machine does not know it [default: NAME_dataset]
    #[arg(long, value_name = "DATASET", requires = "destination")]
    pub(crate) dataset_name: Option<String>,
}

/// `dlt pipeline NAME sync`.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `dlt pipeline NAME drop`.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// Resources, or `re:` and a regular expression that matches the beginning of their names
    pub(crate) resources: Vec<String>,
    /// All resources of the schema
    #[arg(long, conflicts_with = "resources")]
    pub(crate) drop_all: bool,
    /// Entries of the source's state to drop as well: keys with `.` between them, `*` for all; one or several
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) state_paths: Vec<String>,
    /// Name of the schema [default: the pipeline's default one]
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// Only what the resources remember; their tables stay
    #[arg(long)]
    pub(crate) state_only: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
