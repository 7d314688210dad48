//! A DAG of Airflow, whose tasks call the program.

use std::path::{Path, PathBuf};

use dlt_engine::destination::Concurrency;
use dlt_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use super::schedule::check_zone;
use super::{Deployment, Plan, Schedule, paths};

/// What the tasks do: the module of the Python package, which a DAG carries along, so that nothing else is to be installed.
const MODULE: &str = include_str!("../../../../integrations/airflow/dlt_airflow.py");

/// How a pipeline is taken apart into tasks. The words are those of Python dlt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decompose {
    /// One task.
    #[default]
    None,
    /// A task for each group of resources, one after the other.
    Serialize,
    /// The first task, then the others at the same time, as runs of one pipeline.
    Parallel,
    /// The same, each task as a pipeline of its own, with a memory of its own.
    ParallelIsolated,
}

impl Decompose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Serialize, Self::Parallel, Self::ParallelIsolated];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Serialize => "serialize",
            Self::Parallel => "parallel",
            Self::ParallelIsolated => "parallel-isolated",
        }
    }
}

/// What is said of a DAG.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AirflowOptions {
    /// When it runs; by hand only without one.
    pub schedule: Option<Schedule>,
    /// Time zone of the schedule.
    pub timezone: String,
    /// Day of the first data interval, `2024-01-31`.
    pub start_date: String,
    /// Whether all intervals since then are run.
    pub catchup: bool,
    /// DAG runs at the same time.
    pub max_active_runs: u32,
    /// How it is taken apart.
    pub decompose: Decompose,
    /// How often a failed task is tried again.
    pub retries: u32,
    /// Seconds before that.
    pub retry_delay: u64,
    /// Whether what was loaded is kept in the table `_load_info`.
    pub save_load_info: bool,
    /// Whether the course of runs is kept in the table `_trace`.
    pub save_trace_info: bool,
    /// Folder on workers for the data of tasks.
    pub local_data_folder: Option<PathBuf>,
    /// How workers call the program.
    pub binary: String,
}

impl Default for AirflowOptions {
    fn default() -> Self {
        Self {
            schedule: None,
            timezone: "UTC".to_owned(),
            start_date: "2024-01-01".to_owned(),
            catchup: false,
            max_active_runs: 1,
            decompose: Decompose::None,
            retries: 0,
            retry_delay: 300,
            save_load_info: false,
            save_trace_info: false,
            local_data_folder: None,
            binary: super::BINARY.to_owned(),
        }
    }
}

/// Makes a DAG of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Airflow;

impl Airflow {
    /// The DAG as a file in `folder`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the destination does not take tasks in parallel, or an option is wrong.
    pub fn deployment(plan: &Plan, options: &AirflowOptions, folder: &Path) -> Result<Deployment> {
        check(plan, options)?;
        let path = folder.join(format!("dag_{}.py", plan.slug('_')));
        let from = paths::absolute(folder);
        let file = paths::from(&from, &paths::absolute(&plan.file));
        let mut warnings = Vec::new();
        if options.decompose != Decompose::None {
            match &plan.groups {
                Err(why) => warnings.push(format!("the DAG has one task: {why}")),
                Ok(groups) if groups.len() < 2 => {
                    warnings.push("the DAG has one task: the resources belong together".to_owned());
                }
                Ok(_) => {}
            }
        }
        let loses = plan.concurrency == Concurrency::Unguarded && !plan.incremental.is_empty();
        if options.decompose == Decompose::Parallel && loses {
            warnings.push(format!(
                "{} keeps parallel loads not apart: of what two tasks remember ({}), one's can be lost, and its rows are then loaded \
                 again; take --decompose serialize or parallel-isolated",
                plan.destination,
                plan.incremental.join(", ")
            ));
        }
        if plan.takes_intervals && options.schedule.is_none() {
            warnings.push(
                "a resource takes its range from the scheduler, and a DAG without --schedule gives none: start it with the configuration \
                 {\"interval_start\": \"2024-01-01T00:00:00Z\", \"interval_end\": \"2024-01-02T00:00:00Z\"}"
                    .to_owned(),
            );
        }
        if plan.is_local {
            warnings.push(format!(
                "{} loads into files of the machine that runs the task: several machines need a folder that all of them see",
                plan.destination
            ));
        }
        let folder_name = from.display();
        let mut next = vec![format!(
            "let Airflow see {} with the pipeline file beside it as here ({file}): AIRFLOW__CORE__DAGS_FOLDER={folder_name}, or your DAG bundle",
            path.display()
        )];
        next.push(format!("install `{}` on every machine that runs tasks", options.binary));
        if !plan.needed.is_empty() {
            next.push(format!(
                "give the workers these variables: {}; or a variable of Airflow, `dlt_secrets_toml`, with the content of .dlt/secrets.toml",
                plan.needed.iter().map(|needed| needed.variable.as_str()).collect::<Vec<_>>().join(", ")
            ));
        }
        next.push(format!("try it: airflow dags test {}", dag_id(plan)));
        Ok(Deployment { files: vec![(path, dag(plan, options, &file))], warnings, next })
    }
}

fn dag_id(plan: &Plan) -> String {
    plan.slug('_')
}

fn check(plan: &Plan, options: &AirflowOptions) -> Result<()> {
    let config = |what: String, hint: &str| Err(Error::new(ErrorKind::Config, what).hint(hint));
    check_zone(&options.timezone)?;
    let is_parallel = matches!(options.decompose, Decompose::Parallel | Decompose::ParallelIsolated);
    let is_apart = plan.groups.as_ref().is_ok_and(|groups| groups.len() > 1);
    if is_parallel && is_apart && plan.concurrency == Concurrency::OneProcess {
        return config(
            format!("{} takes one process at a time, so tasks can't load into it in parallel", plan.destination),
            "take --decompose serialize, or load into a server such as Postgres",
        );
    }
    if options.start_date.parse::<Day>().is_err() {
        return config(format!("`{}` is no day", options.start_date), "write it as 2024-01-31");
    }
    if options.max_active_runs == 0 {
        return config("--max-active-runs must be at least 1".to_owned(), "1 lets one run follow the other");
    }
    Ok(())
}

/// A day, as far as it has to be understood here.
struct Day;

impl std::str::FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let parts: Vec<_> = text.split('-').collect();
        let number = |part: &str, digits: usize| {
            let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u32>().unwrap_or(0))
        };
        let [year, month, day] = parts.as_slice() else { return Err(()) };
        let found = number(year, 4).zip(number(month, 2)).zip(number(day, 2)).ok_or(())?;
        let ((year, month), day) = found;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let last = month.checked_sub(1).and_then(|month| days.get(month as usize)).ok_or(())?;
        if year > 1970 && (1..=*last).contains(&day) { Ok(Self) } else { Err(()) }
    }
}

fn dag(plan: &Plan, options: &AirflowOptions, file: &str) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let settings: Vec<String> = plan.needed.iter().map(|needed| format!("#   {}", needed.variable)).collect();
    let needs = match settings.is_empty() {
        true => "# It needs no settings from outside.".to_owned(),
        false => format!(
            "# Settings that its tasks need: as environment variables of the workers, or in the Airflow variable `dlt_secrets_toml`, whose\n\
             # value is TOML as in .dlt/secrets.toml. Their values are not in this file.\n{}",
            settings.join("\n")
        ),
    };
    let plan_json = serde_json::json!({
        "pipeline": plan.pipeline,
        "destination": plan.destination,
        "concurrency": plan.to_json()["concurrency"],
        "groups": plan.groups.as_ref().ok(),
        "one_task_because": plan.groups.as_ref().err(),
        "incremental": plan.incremental,
    });
    let schedule = options.schedule.as_ref().map_or_else(|| "None".to_owned(), |when| text(&when.to_string()));
    let folder = options.local_data_folder.as_ref().map(|folder| text(&folder.display().to_string()));
    let [year, month, day] = [0..4, 5..7, 8..10].map(|at| options.start_date[at].trim_start_matches('0').to_owned());
    let flag = |is_set: bool| if is_set { "True" } else { "False" };
    let module = MODULE.split_once("from __future__ import annotations\n").map_or(MODULE, |(_, rest)| rest);
    format!(
        r#""""Runs the pipeline `{name}` by dlt.

Written by `dlt deploy`. What may be changed stands at the top; --force writes the file anew.
"""

from __future__ import annotations

# The pipeline file, seen from this one.
FILE = {file}
# When: cron's five fields, or None for a DAG that is started by hand.
SCHEDULE = {schedule}
TIMEZONE = {timezone}
# none, serialize, parallel, parallel-isolated
DECOMPOSE = {decompose}
RETRIES = {retries}
RETRY_DELAY_SECONDS = {retry_delay}
# How workers call the program: a name on the PATH, or a path.
BINARY = {binary}
# Settings whose values are addresses of Airflow's connections: the variable, and the id of the connection.
CONNECTIONS = {{}}
LOCAL_DATA_FOLDER = {folder}
SAVE_LOAD_INFO = {load_info}
SAVE_TRACE_INFO = {trace_info}
{needs}

# What the pipeline file said when this was written; `dlt deploy` says it anew.
PLAN = {plan}
{module}

# The DAG.

from datetime import timedelta

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

import pendulum

with DAG(
    dag_id={dag_id},
    schedule=data_intervals(SCHEDULE, TIMEZONE),
    start_date=pendulum.datetime({year}, {month}, {day}, tz=TIMEZONE),
    catchup={catchup},
    # Two runs at once would load the same rows, as both begin where the last one ended.
    max_active_runs={max_active_runs},
    default_args={{"owner": "dlt", "retries": RETRIES, "retry_delay": timedelta(seconds=RETRY_DELAY_SECONDS)}},
    tags=["dlt"],
) as dag:
    PipelineTasksGroup(
        PLAN["pipeline"],
        binary=BINARY,
        connections=CONNECTIONS,
        local_data_folder=LOCAL_DATA_FOLDER,
        save_load_info=SAVE_LOAD_INFO,
        save_trace_info=SAVE_TRACE_INFO,
    ).add_run((Path(__file__).resolve().parent / FILE).resolve(), decompose=DECOMPOSE, plan=PLAN)
"#,
        name = plan.pipeline.replace(['"', '\\'], ""),
        file = text(file),
        timezone = text(&options.timezone),
        decompose = text(options.decompose.name()),
        retries = options.retries,
        retry_delay = options.retry_delay,
        binary = text(&options.binary),
        folder = folder.unwrap_or_else(|| "None".to_owned()),
        load_info = flag(options.save_load_info),
        trace_info = flag(options.save_trace_info),
        plan = python(&plan_json, 0),
        dag_id = text(&dag_id(plan)),
        catchup = flag(options.catchup),
        max_active_runs = options.max_active_runs,
    )
}

/// A value as Python writes it.
fn python(value: &Value, depth: usize) -> String {
    let (inner, outer) = ("    ".repeat(depth + 1), "    ".repeat(depth));
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            format!("[{}]", items.iter().map(|item| python(item, depth)).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let lines: String = items.iter().map(|item| format!("{inner}{},\n", python(item, depth + 1))).collect();
            format!("[\n{lines}{outer}]")
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{inner}{}: {},\n", Value::from(key.as_str()), python(value, depth + 1))
            };
            format!("{{\n{}{outer}}}", fields.iter().map(field).collect::<String>())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for day in ["2024-01-31", "2024-02-29", "2000-02-29", "1999-12-01"] {
            assert!(day.parse::<Day>().is_ok(), "{day}");
        }
        for day in ["", "2024-1-1", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "2024-01-01T00:00", "heute"]
        {
            assert!(day.parse::<Day>().is_err(), "{day}");
        }
    }

    #[test]
    fn values_of_python() {
        let value = serde_json::json!({"a": null, "b": [["x", "y\"z"], []], "c": true, "d": []});
        let expected = "{\n    \"a\": None,\n    \"b\": [\n        [\"x\", \"y\\\"z\"],\n        [],\n    ],\n    \"c\": True,\n    \"d\": [],\n}";
        assert_eq!(python(&value, 0), expected);
    }
}
