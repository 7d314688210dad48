//! The command line of dlt.

mod args;
mod commands;
mod confirm;
mod exit;
mod grid;
mod log;
mod printer;
mod progress;
mod recording;
#[cfg(test)]
mod reference;
mod rows;
mod schema_tree;
mod settings;
mod templates;
mod version;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use dlt::telemetry::{DetachedSender, Setup, Telemetry};

use args::{Arguments, Command};
use commands::run::Declared;
use exit::{Code, Failure, Outcome};
use settings::Settings;

/// Where telemetry goes where no user says otherwise; set when the program is built, and empty unless somebody did.
const DEFAULT_ENDPOINT: Option<&str> = option_env!("DLT_TELEMETRY_ENDPOINT");

/// Every thread has a heap of its own and gives back what is free. Under the tracker's load the system's allocator takes a third
/// more processor time and twice the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let sender = dlt::telemetry::run_sender_if_asked();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return answer_of_parser(&error),
    };
    let settings = Settings::read(&arguments.global);
    match run(&arguments, &settings, sender) {
        Ok(()) => Code::Done.into(),
        Err(failure) => {
            settings.printer.failure(&failure);
            failure.code.into()
        }
    }
}

/// Help and version are answers, everything else is a complaint; both are printed by the parser.
fn answer_of_parser(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if the streams are closed.
    let _ = error.print();
    if error.kind() == clap::error::ErrorKind::DisplayVersion && version::more_is_asked_for() {
        version::print_more();
    }
    if error.use_stderr() { Code::Usage.into() } else { Code::Done.into() }
}

fn run(arguments: &Arguments, settings: &Settings, sender: DetachedSender) -> Outcome {
    let started = Instant::now();
    let switched = switch_telemetry(arguments, settings, sender);
    let setup = setup(settings, sender, arguments.global.disable_telemetry);
    let telemetry = setup.clone().start();
    if arguments.global.enable_telemetry {
        recording::record_switch(&telemetry, started.elapsed(), switched.is_ok());
    }
    let Some(command) = &arguments.command else {
        telemetry.finish();
        return if switched.as_ref().is_ok_and(|switched| !switched) {
            Err(nothing_asked_for())
        } else {
            switched.map(drop)
        };
    };
    // A home that cannot be written is no reason to leave the command undone: in this run the word counts anyway.
    if let Err(failure) = switched {
        settings.printer.complaint(&failure);
    }
    let mut declared = Declared::default();
    let outcome = dispatch(command, settings, &setup, &telemetry, &mut declared);
    // A reader that left is no failure of the command.
    let success = outcome.as_ref().err().is_none_or(|failure| failure.code == Code::Done);
    recording::record(&telemetry, command, declared, started.elapsed(), success);
    telemetry.finish();
    outcome
}

fn dispatch(
    command: &Command,
    settings: &Settings,
    setup: &Setup,
    telemetry: &Telemetry,
    declared: &mut Declared,
) -> Outcome {
    match command {
        Command::Ingest(arguments) => commands::ingest::ingest(arguments, settings, telemetry),
        Command::Init(arguments) => commands::init::init(arguments, settings),
        Command::Run(arguments) => commands::run::run(arguments, settings, telemetry, declared),
        Command::Deploy(arguments) => commands::deploy::deploy(arguments, settings),
        Command::Pipeline(arguments) => commands::pipeline::pipeline(arguments, settings, telemetry),
        Command::Schema(arguments) => commands::schema::schema(arguments, settings),
        Command::Dataset(arguments) => commands::dataset::dataset(arguments, settings, telemetry),
        Command::Dbt(arguments) => commands::dbt::dbt(arguments, settings, telemetry),
        Command::Telemetry(arguments) => commands::telemetry::telemetry(arguments, setup, settings),
        Command::Tracker(arguments) => commands::tracker::tracker(arguments, settings),
        Command::Completions(arguments) => commands::completions::completions(arguments, settings),
    }
}

/// Does what `--disable-telemetry` or `--enable-telemetry` says; whether there was something to do.
fn switch_telemetry(arguments: &Arguments, settings: &Settings, sender: DetachedSender) -> Outcome<bool> {
    let global = &arguments.global;
    let tell = |line: &str| match &arguments.command {
        None => settings.printer.report(line),
        // Standard output is the command's.
        Some(_) => {
            settings.printer.note(line);
            Ok(())
        }
    };
    if global.disable_telemetry {
        commands::telemetry::disable(&setup(settings, sender, true), &tell)?;
    } else if global.enable_telemetry {
        commands::telemetry::enable(&setup(settings, sender, false), &tell)?;
    }
    Ok(global.disable_telemetry || global.enable_telemetry)
}

fn setup(settings: &Settings, sender: DetachedSender, disabled: bool) -> Setup {
    let builder = Telemetry::builder("dlt", env!("CARGO_PKG_VERSION"))
        .project_dir(&settings.folder)
        .default_endpoint(DEFAULT_ENDPOINT.unwrap_or_default())
        .detached(sender);
    if disabled { builder.off_because("--disable-telemetry").load() } else { builder.load() }
}

fn nothing_asked_for() -> Failure {
    Failure::usage("no command was given").hint("`dlt --help` lists the commands")
}
