//! What is typed after `dlt deploy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `dlt deploy`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, subcommand_value_name = "METHOD", subcommand_help_heading = "Methods")]
pub(crate) struct Deploy {
    /// Pipeline file
    pub(crate) file: PathBuf,
    #[command(subcommand)]
    pub(crate) method: Method,
}

/// Who is to run the pipeline.
#[derive(Debug, Subcommand)]
pub(crate) enum Method {
    /// Write a DAG of Airflow, whose tasks call dlt
    #[command(override_usage = "dlt deploy FILE airflow [OPTIONS]", visible_alias = "airflow-composer")]
    Airflow(Airflow),
    /// Write a workflow of GitHub Actions
    #[command(override_usage = "dlt deploy FILE github-action [OPTIONS]")]
    GithubAction(GithubAction),
    /// Write a crontab
    #[command(override_usage = "dlt deploy FILE cron --schedule CRON [OPTIONS]")]
    Cron(Machine),
    /// Write a service and a timer of systemd
    #[command(override_usage = "dlt deploy FILE systemd --schedule CRON [OPTIONS]")]
    Systemd(Systemd),
    /// Write a CronJob of Kubernetes
    #[command(override_usage = "dlt deploy FILE kubernetes --schedule CRON [OPTIONS]")]
    Kubernetes(Kubernetes),
}

/// Where the files go.
#[derive(Debug, Args)]
pub(crate) struct Written {
    /// Folder to write into
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
}

/// `dlt deploy FILE airflow`.
#[derive(Debug, Args)]
pub(crate) struct Airflow {
    /// When it runs: `0 6 * * 1-5`, `@daily` [default: when somebody starts it]
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: Option<String>,
    /// Time zone of the schedule, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
    /// Day of the first data interval
    #[arg(long, value_name = "DAY", default_value = "2024-01-01")]
    pub(crate) start_date: String,
    /// Run all intervals since the start date, and not only the newest
    #[arg(long)]
    pub(crate) catchup: bool,
    /// DAG runs at the same time; several would begin where the same last one ended
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) max_active_runs: u32,
    /// How the pipeline is taken apart into tasks
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) decompose: Decompose,
    /// How often a failed task is tried again
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) retries: u32,
    /// How long to wait before that: `30 s`, `5 min`, `1 h`
    #[arg(long, value_name = "TIME", default_value = "5 min", value_parser = super::text::seconds)]
    pub(crate) retry_delay: u64,
    /// Keep what was loaded in the table `_load_info` of the dataset
    #[arg(long)]
    pub(crate) save_load_info: bool,
    /// Keep the course of runs in the table `_trace` of the dataset
    #[arg(long)]
    pub(crate) save_trace_info: bool,
    /// Folder on the workers for what tasks have not loaded yet [default: the temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) local_data_folder: Option<PathBuf>,
    /// How workers call dlt: a name on the PATH, or a path
    #[arg(long, value_name = "PROGRAM", default_value = "dlt")]
    pub(crate) binary: String,
    /// Print the plan for the package dlt-airflow, or write the DAG
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
    #[command(flatten)]
    pub(crate) written: Written,
}

/// What `dlt deploy FILE airflow` makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The DAG, as a file
    #[default]
    Dag,
    /// Which resources go together, printed as JSON; nothing is written
    Json,
}

/// How a pipeline is taken apart into tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decompose {
    /// One task
    #[default]
    None,
    /// A task for each group of resources that belong together, one after the other
    Serialize,
    /// The first of these tasks, then the others at the same time, as runs of one pipeline
    Parallel,
    /// The same, each task as a pipeline of its own, which remembers for itself
    ParallelIsolated,
}

impl From<Decompose> for dlt::deploy::Decompose {
    fn from(word: Decompose) -> Self {
        match word {
            Decompose::None => Self::None,
            Decompose::Serialize => Self::Serialize,
            Decompose::Parallel => Self::Parallel,
            Decompose::ParallelIsolated => Self::ParallelIsolated,
        }
    }
}

/// `dlt deploy FILE github-action`.
#[derive(Debug, Args)]
pub(crate) struct GithubAction {
    /// When it runs, in UTC: `0 6 * * 1-5`, `@daily`
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: Option<String>,
    /// Also run it when something is pushed to the main branch
    #[arg(long)]
    pub(crate) run_on_push: bool,
    /// Whether it can be started by hand
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) run_manually: bool,
    /// Command that puts dlt on the PATH of the runner [default: it has to be there]
    #[arg(long, value_name = "COMMAND")]
    pub(crate) install: Option<String>,
    #[command(flatten)]
    pub(crate) written: Written,
}

/// `dlt deploy FILE cron`.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// When it runs: `0 6 * * 1-5`, `@daily`
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: String,
    /// Path of dlt on the machine [default: of this one]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) binary: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) written: Written,
}

/// `dlt deploy FILE systemd`.
#[derive(Debug, Args)]
pub(crate) struct Systemd {
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// Time zone of the schedule, such as Europe/Berlin [default: of the machine]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
}

/// `dlt deploy FILE kubernetes`.
#[derive(Debug, Args)]
pub(crate) struct Kubernetes {
    /// When it runs: `0 6 * * 1-5`, `@daily`
    #[arg(long, value_name = "CRON")]
    pub(crate) schedule: String,
    /// Time zone of the schedule, such as Europe/Berlin [default: of the cluster]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Image that has dlt
    #[arg(long, value_name = "IMAGE", default_value = "dlt:latest")]
    pub(crate) image: String,
    /// How often a failed run is tried again
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub(crate) retries: u32,
    #[command(flatten)]
    pub(crate) written: Written,
}

impl Method {
    /// The word for it, in telemetry.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Airflow(_) => "airflow",
            Self::GithubAction(_) => "github-action",
            Self::Cron(_) => "cron",
            Self::Systemd(_) => "systemd",
            Self::Kubernetes(_) => "kubernetes",
        }
    }
}
