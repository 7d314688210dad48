//! Files by which other programs run a pipeline: a DAG of Airflow, a workflow of GitHub, a crontab, units of systemd, a CronJob of
//! Kubernetes.
//!
//! [`Plan`] is what a pipeline file says that matters to them: which resources go together, which settings come from outside, where
//! it loads. Each method makes a [`Deployment`] of it, which is text; nothing is written here, and nothing holds a secret: what a run
//! needs is named and never copied.

mod airflow;
mod cron;
mod github;
mod groups;
mod kubernetes;
mod paths;
mod plan;
mod schedule;
mod systemd;

use std::path::PathBuf;

pub use airflow::{Airflow, AirflowOptions, Decompose};
pub use cron::crontab;
pub use github::{GithubOptions, github_action};
pub use kubernetes::{KubernetesOptions, kubernetes};
pub use plan::{Needed, Plan};
pub use schedule::Schedule;
pub use systemd::systemd;

/// Files to write, and what to tell about them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Deployment {
    /// Files, with what is in each.
    pub files: Vec<(PathBuf, String)>,
    /// What should be known before they are used.
    pub warnings: Vec<String>,
    /// What is to be done with them, one step each.
    pub next: Vec<String>,
}

/// How the program is called there.
pub const BINARY: &str = "dlt";
