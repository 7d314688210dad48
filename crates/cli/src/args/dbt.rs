//! What is typed after `dlt dbt`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ReportFormat;

/// What `dlt dbt` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Dbt {
    /// Build the models of a package
    Run(Building),
    /// Build seeds, models and snapshots, and test each before what depends on it
    Build(Building),
    /// Test what was built
    Test(Selected),
    /// Load the package's own files
    Seed(Building),
    /// Fetch the packages that the package needs
    Deps(Runner),
    /// Make SQL of the models, and run nothing
    Compile(Selected),
    /// One after the other, each if all before it went well: deps, tests of the sources, seed, run, test
    RunAll(Building),
    /// Write a first package: all tables of the dataset as sources, a staging model for each, tests of keys
    Init(Begin),
}

/// Which data are transformed.
#[derive(Debug, Args)]
pub(crate) struct Loaded {
    /// Pipeline file whose destination and dataset are meant [default: the one *_pipeline.toml of this folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Pipeline that ran on this machine, in place of a file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "from"])]
    pub(crate) pipeline: Option<String>,
    /// Where the dataset is, in place of a file: `duckdb:FILE`, `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "DESTINATION", requires = "dataset", conflicts_with = "file")]
    pub(crate) from: Option<String>,
    /// Dataset, where `--from` says where it is
    #[arg(long, value_name = "NAME", requires = "from")]
    pub(crate) dataset: Option<String>,
}

/// Options of all commands that run dbt.
#[derive(Debug, Args)]
pub(crate) struct Runner {
    /// Package: a folder with a dbt_project.yml, or a git repository [default: `package_location` of the settings]
    pub(crate) package: Option<String>,
    #[command(flatten)]
    pub(crate) loaded: Loaded,
    /// Branch or tag of the repository
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<String>,
    /// File of the key to read the repository with
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_key: Option<PathBuf>,
    /// Dataset that the package's tables go into [default: that of the pipeline]
    #[arg(long, value_name = "NAME")]
    pub(crate) destination_dataset_name: Option<String>,
    /// Variables for the package, as a JSON object: `{"country": "de"}`
    #[arg(long, value_name = "JSON")]
    pub(crate) vars: Option<String>,
    /// Folder with a profiles.yml of your own [default: a profile is made of the destination]
    #[arg(long, value_name = "DIR")]
    pub(crate) profiles_dir: Option<PathBuf>,
    /// Profile to take [default: the destination's name; with --profiles-dir what dbt_project.yml says]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Folder of the Python environment with dbt; made if it is not there [default: in the pipeline's working folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) venv: Option<PathBuf>,
    /// The program dbt itself, if it is there
    #[arg(long, value_name = "PROGRAM", conflicts_with = "venv")]
    pub(crate) dbt: Option<PathBuf>,
    /// Python that makes the environment [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// How to print what became of the models
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// Further arguments for dbt
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

/// Options of commands that can be for a part of the package.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    #[command(flatten)]
    pub(crate) runner: Runner,
    /// Models and tests to take, as dbt selects them: `stg_users+`
    #[arg(long, value_name = "SELECTION", num_args = 1)]
    pub(crate) select: Vec<String>,
    /// Models and tests to leave out
    #[arg(long, value_name = "SELECTION", num_args = 1)]
    pub(crate) exclude: Vec<String>,
    /// End with the first that fails
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// How many models at once [default: 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

/// Options of commands that build.
#[derive(Debug, Args)]
pub(crate) struct Building {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// Build incremental models anew
    #[arg(long)]
    pub(crate) full_refresh: bool,
    /// Do not build incremental models anew by itself where their tables lack columns
    #[arg(long, conflicts_with = "full_refresh")]
    pub(crate) no_auto_full_refresh: bool,
}

/// `dlt dbt init`.
#[derive(Debug, Args)]
pub(crate) struct Begin {
    /// Folder to write; it must not be there, or be empty
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) loaded: Loaded,
}

impl Dbt {
    /// What all commands that run dbt have.
    pub(crate) fn runner(&self) -> Option<&Runner> {
        match self {
            Self::Run(building) | Self::Build(building) | Self::Seed(building) | Self::RunAll(building) => {
                Some(&building.selected.runner)
            }
            Self::Test(selected) | Self::Compile(selected) => Some(&selected.runner),
            Self::Deps(runner) => Some(runner),
            Self::Init(_) => None,
        }
    }

    /// What those have that can be for a part.
    pub(crate) fn selected(&self) -> Option<&Selected> {
        match self {
            Self::Run(building) | Self::Build(building) | Self::Seed(building) | Self::RunAll(building) => {
                Some(&building.selected)
            }
            Self::Test(selected) | Self::Compile(selected) => Some(selected),
            Self::Deps(_) | Self::Init(_) => None,
        }
    }

    /// What those have that build.
    pub(crate) fn building(&self) -> Option<&Building> {
        match self {
            Self::Run(building) | Self::Build(building) | Self::Seed(building) | Self::RunAll(building) => {
                Some(building)
            }
            _ => None,
        }
    }
}
