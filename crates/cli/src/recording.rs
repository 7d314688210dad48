//! What telemetry learns of a command: its name, how long it took, how it ended, and words of the program's own.

use std::time::Duration;

use dlt::telemetry::events::{
    CommandCompletions, CommandDataset, CommandDeploy, CommandIngest, CommandInit, CommandListDestinations,
    CommandListSources, CommandPipeline, CommandRun, CommandSchema, CommandTelemetry, CommandTelemetrySwitch,
    CommandTracker, CommandTrackerReport, CommandTrackerServe, HelperAirflowAddRun,
};
use dlt::telemetry::{Telemetry, Word};

use crate::args::{Command, Init, Operation, Output, TelemetryOperation, Tracker};
use crate::commands::run::Declared;

/// Records that a command ended. `declared` is what a pipeline file said, as far as it was understood.
pub(crate) fn record(telemetry: &Telemetry, command: &Command, declared: Declared, took: Duration, success: bool) {
    let elapsed = took.into();
    match command {
        Command::Init(Init { list_sources: true, .. }) => telemetry.record(&CommandListSources { elapsed, success }),
        Command::Init(Init { list_destinations: true, .. }) => {
            telemetry.record(&CommandListDestinations { elapsed, success });
        }
        Command::Init(init) => telemetry.record(&CommandInit {
            destination_name: init.destination.as_deref().and_then(|name| known(destinations(), name)),
            pipeline_name: init
                .source
                .as_deref()
                .and_then(|name| known(dlt::SOURCES.iter().map(|known| known.name), name)),
            elapsed,
            success,
        }),
        Command::Run(run) => {
            // Said by the first task of a DAG run: a DAG that is parsed is not run.
            if let Some(added) = &run.task.airflow {
                let decompose = Word::new(added.decompose);
                telemetry.record(&HelperAirflowAddRun { decompose, elapsed: added.took.into(), success: true });
            }
            telemetry.record(&CommandRun {
                source_name: declared.source.map(Word::new),
                destination_name: declared.destination.map(Word::new),
                elapsed,
                success,
            });
        }
        Command::Deploy(deploy) => {
            let deployment_method = Some(Word::new(deploy.method.name()));
            telemetry.record(&CommandDeploy { deployment_method, elapsed, success });
        }
        Command::Ingest(ingest) => telemetry.record(&CommandIngest {
            format: ingest.format.map(|format| Word::new(dlt::Format::from(format).name())),
            destination_name: known(destinations(), ingest.to.split(':').next().unwrap_or_default()),
            elapsed,
            success,
        }),
        Command::Pipeline(pipeline) => {
            let operation = match (&pipeline.name, &pipeline.operation) {
                (None, _) => "list",
                (Some(_), None | Some(Operation::Info)) => "info",
                (Some(_), Some(Operation::Trace)) => "trace",
                (Some(_), Some(Operation::Schema(_))) => "schema",
                (Some(_), Some(Operation::LoadPackage { .. })) => "load-package",
                (Some(_), Some(Operation::FailedJobs)) => "failed-jobs",
                (Some(_), Some(Operation::LoadPending)) => "load-pending",
                (Some(_), Some(Operation::DropPendingPackages)) => "drop-pending-packages",
                (Some(_), Some(Operation::Sync(_))) => "sync",
                (Some(_), Some(Operation::Drop(_))) => "drop",
            };
            telemetry.record(&CommandPipeline { operation: Word::new(operation), elapsed, success });
        }
        Command::Schema(schema) => {
            let format = Some(Word::new(schema.format.name()));
            telemetry.record(&CommandSchema { format, elapsed, success });
        }
        Command::Dataset(dataset) => {
            let format = match dataset.format {
                Output::Table => "table",
                Output::Csv => "csv",
                Output::Json => "json",
            };
            let (format, sql) = (Some(Word::new(format)), dataset.sql.is_some());
            telemetry.record(&CommandDataset { format, sql, elapsed, success });
        }
        // The library tells of the preparation of dbt, and of the rest there is nothing to tell.
        Command::Dbt(_) => {}
        // Who was forgotten a moment ago is not made known anew.
        Command::Telemetry(arguments) if success && arguments.operation == Some(TelemetryOperation::Forget) => {}
        Command::Telemetry(_) => telemetry.record(&CommandTelemetry { elapsed, success }),
        Command::Tracker(Tracker::Serve { .. }) => telemetry.record(&CommandTrackerServe { elapsed, success }),
        Command::Tracker(Tracker::Report { .. }) => telemetry.record(&CommandTrackerReport { elapsed, success }),
        Command::Tracker(Tracker::Check { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("check"), elapsed, success });
        }
        Command::Tracker(Tracker::Move { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("move"), elapsed, success });
        }
        Command::Tracker(Tracker::Load { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("load"), elapsed, success });
        }
        Command::Tracker(Tracker::Edge { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("edge"), elapsed, success });
        }
        Command::Tracker(Tracker::Sql { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("sql"), elapsed, success });
        }
        Command::Tracker(Tracker::Health { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("health"), elapsed, success });
        }
        Command::Tracker(Tracker::Backup { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("backup"), elapsed, success });
        }
        Command::Tracker(Tracker::Restore { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("restore"), elapsed, success });
        }
        Command::Tracker(Tracker::Retain { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("retain"), elapsed, success });
        }
        Command::Tracker(Tracker::Forget { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("forget"), elapsed, success });
        }
        Command::Tracker(Tracker::Contract(_)) => {
            telemetry.record(&CommandTracker { operation: Word::new("contract"), elapsed, success });
        }
        Command::Tracker(Tracker::Quarantine(_)) => {
            telemetry.record(&CommandTracker { operation: Word::new("quarantine"), elapsed, success });
        }
        Command::Tracker(Tracker::Key(_)) => {
            telemetry.record(&CommandTracker { operation: Word::new("key"), elapsed, success });
        }
        Command::Tracker(Tracker::Token { .. }) => {
            telemetry.record(&CommandTracker { operation: Word::new("token"), elapsed, success });
        }
        Command::Completions(completions) => {
            use clap_complete::Shell;
            let shell = match completions.shell {
                Some(Shell::Bash) => "bash",
                Some(Shell::Elvish) => "elvish",
                Some(Shell::Fish) => "fish",
                Some(Shell::PowerShell) => "powershell",
                Some(Shell::Zsh) => "zsh",
                Some(_) => "other",
                None => "man-pages",
            };
            telemetry.record(&CommandCompletions { shell: Word::new(shell), elapsed, success });
        }
    }
}

/// Records that telemetry was to be switched on. Switching it off records nothing.
pub(crate) fn record_switch(telemetry: &Telemetry, took: Duration, success: bool) {
    telemetry.record(&CommandTelemetrySwitch { enabled: true, elapsed: took.into(), success });
}

fn destinations() -> impl Iterator<Item = &'static str> {
    dlt::DESTINATIONS.iter().map(|known| known.name)
}

fn known(mut names: impl Iterator<Item = &'static str>, name: &str) -> Option<Word> {
    names.find(|known| *known == name).map(Word::new)
}
