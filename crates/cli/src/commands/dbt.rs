//! `dlt dbt`: transforms what was loaded.

use console::Term;
use dlt::DestinationName;
use dlt::dbt::{Command, NodeResult, Report, Said, Settings as DbtSettings, SshKey};
use dlt::declaration::{Around, Declaration};
use dlt::telemetry::Telemetry;

use super::ingest::name_of;
use super::known::{opened, unknown};
use crate::args::{Begin, Dbt, Loaded, ReportFormat, Runner};
use crate::exit::{Failure, Outcome};
use crate::grid::{Cell, Grid};
use crate::printer::{BAD, BOLD, DIM, GOOD, Level};
use crate::settings::Settings;

/// Options of dbt that are said in another way here, which dbt would see twice.
const OURS: [(&str, &str); 6] = [
    ("--vars", "--vars"),
    ("--project-dir", "PACKAGE"),
    ("--profiles-dir", "--profiles-dir"),
    ("--profile", "--profile"),
    ("--target-path", "the variable DBT_TARGET_PATH"),
    ("--threads", "--threads"),
];

pub(crate) fn dbt(command: &Dbt, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    match (command, command.runner()) {
        (Dbt::Init(begin), _) => init(begin, settings, telemetry),
        (_, Some(runner)) => run(command, runner, settings, telemetry),
        (_, None) => Ok(()),
    }
}

fn run(command: &Dbt, arguments: &Runner, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let words = words(command, arguments)?;
    let (pipeline, found) = loaded(&arguments.loaded, settings, telemetry)?;
    let said = with_arguments(found, command, arguments)?;
    let printer = settings.printer;
    let mut setup = dlt::dbt::setup(&pipeline).settings(said).colours(true).observer(move |said| match said {
        Said::Line(line) => printer.note(line),
        Said::Note(line) => printer.note(&format!("{BOLD}{line}{BOLD:#}")),
        _ => {}
    });
    let asked = match command {
        Dbt::Run(_) => Some(Command::Run),
        Dbt::Build(_) => Some(Command::Build),
        Dbt::Test(_) => Some(Command::Test),
        Dbt::Seed(_) => Some(Command::Seed),
        Dbt::Deps(_) => Some(Command::Deps),
        Dbt::Compile(_) => Some(Command::Compile),
        Dbt::RunAll(_) | Dbt::Init(_) => None,
    };
    if asked == Some(Command::Deps) {
        setup = setup.without_dataset();
    }
    let runner = setup.prepare()?;
    printer.detail(&format!("dbt: {}", runner.executable().display()));
    printer.detail(&format!("package: {}", runner.package().display()));
    let report = match asked {
        Some(command) => runner.run(command, &words)?,
        None => runner.run_all(&words)?,
    };
    print(&report, arguments.format, settings)?;
    match report.steps.iter().find(|step| !step.success) {
        None => Ok(()),
        Some(step) => {
            let failed = step.results.iter().filter(|result| result.is_failure()).count();
            Err(Failure::work(format!("dbt {} failed: {failed} of {}", step.command, step.results.len())))
        }
    }
}

/// The arguments for dbt.
fn words(command: &Dbt, arguments: &Runner) -> Outcome<Vec<String>> {
    let mut words = Vec::new();
    if let Some(selected) = command.selected() {
        selected.select.iter().for_each(|select| words.extend(["--select".to_owned(), select.clone()]));
        selected.exclude.iter().for_each(|exclude| words.extend(["--exclude".to_owned(), exclude.clone()]));
        if selected.fail_fast {
            words.push("--fail-fast".to_owned());
        }
    }
    if command.building().is_some_and(|building| building.full_refresh) {
        words.push("--full-refresh".to_owned());
    }
    for word in &arguments.arguments {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        if let Some((_, ours)) = OURS.iter().find(|(theirs, _)| *theirs == name) {
            return Err(Failure::usage(format!("`{name}` is set for dbt already"))
                .hint(format!("say it by {ours}, before `--`")));
        }
        words.push(word.clone());
    }
    Ok(words)
}

/// The settings, with what the command line says in their place.
fn with_arguments(mut found: DbtSettings, command: &Dbt, arguments: &Runner) -> Outcome<DbtSettings> {
    fn set<T: Clone>(setting: &mut Option<T>, given: Option<&T>) {
        if let Some(given) = given {
            *setting = Some(given.clone());
        }
    }
    set(&mut found.package_location, arguments.package.as_ref());
    set(&mut found.package_repository_branch, arguments.branch.as_ref());
    set(&mut found.package_repository_ssh_key, arguments.ssh_key.clone().map(SshKey::File).as_ref());
    set(&mut found.destination_dataset_name, arguments.destination_dataset_name.as_ref());
    set(&mut found.package_profiles_dir, arguments.profiles_dir.as_ref());
    set(&mut found.package_profile_name, arguments.profile.as_ref());
    set(&mut found.python, arguments.python.as_ref());
    set(&mut found.threads, command.selected().and_then(|selected| selected.threads.as_ref()));
    if arguments.venv.is_some() {
        found.venv = arguments.venv.clone();
        found.executable = None;
    }
    set(&mut found.executable, arguments.dbt.as_ref());
    if command.building().is_some_and(|building| building.no_auto_full_refresh) {
        found.auto_full_refresh_when_out_of_sync = Some(false);
    }
    if let Some(vars) = &arguments.vars {
        let vars: serde_json::Map<_, _> = serde_json::from_str(vars).map_err(|cause| {
            let wrong = Failure::usage("--vars must be a JSON object").because(&cause);
            wrong.hint("for example: --vars '{\"country\": \"de\"}'")
        })?;
        found.package_additional_vars.extend(vars);
    }
    Ok(found)
}

/// The pipeline whose data are meant, and what is said of dbt for it.
fn loaded(arguments: &Loaded, settings: &Settings, telemetry: &Telemetry) -> Outcome<(dlt::Pipeline, DbtSettings)> {
    let providers = &settings.providers;
    if let (Some(place), Some(dataset)) = (&arguments.from, &arguments.dataset) {
        let name = name_of(dataset);
        let pipeline = dlt::pipeline(&name)
            .destination(DestinationName::parse(place)?.limited_by(providers, &name)?)
            .data_dir(providers.data_folder())
            .telemetry(telemetry.clone())
            .dataset(dataset);
        return Ok((pipeline, DbtSettings::around(Around::here(&name), providers)?));
    }
    if let Some(name) = &arguments.pipeline {
        let known = dlt::local_pipeline(providers.data_folder(), name)?.ok_or_else(|| unknown(name, settings))?;
        return Ok((opened(&known, settings, telemetry)?, DbtSettings::around(Around::here(name), providers)?));
    }
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => Declaration::find("".as_ref()).map_err(|error| {
            let failure = Failure::from(error);
            failure.hint("name a pipeline file (--file), a pipeline that ran here (--pipeline), or a place: --from duckdb:FILE --dataset NAME")
        })?,
    };
    let declaration = Declaration::read(&file, providers)?;
    settings.printer.detail(&format!("pipeline file: {}", file.display()));
    let pipeline = declaration
        .pipeline()
        .data_dir(providers.data_folder())
        .telemetry(telemetry.clone())
        .dataset(declaration.dataset());
    Ok((pipeline, declaration.dbt(providers)?))
}

fn print(report: &Report, format: ReportFormat, settings: &Settings) -> Outcome {
    if format == ReportFormat::Json {
        let mut text = serde_json::json!({ "success": report.is_success(), "steps": report.steps }).to_string();
        text.push('\n');
        return settings.printer.data(&text);
    }
    if settings.printer.level == Level::Quiet && report.is_success() {
        return Ok(());
    }
    let mut grid = Grid::new(["status", "kind", "name", "time", "message"]);
    for result in report.results() {
        let first = result.message.as_deref().and_then(|message| message.lines().find(|line| !line.trim().is_empty()));
        grid.push(vec![
            Cell::Text(result.status.clone()),
            Cell::Text(result.kind.clone()),
            Cell::Text(result.model_name.clone()),
            Cell::Number(format!("{:.2}s", result.time)),
            Cell::Text(first.unwrap_or_default().to_owned()),
        ]);
    }
    let mut out = String::new();
    if report.results().next().is_some() {
        let terminal = Term::stdout();
        out.push_str(&grid.draw(terminal.is_term().then(|| usize::from(terminal.size().1))));
    }
    for result in report.results().filter(|result| result.is_failure()) {
        out.push_str(&details(result));
    }
    for step in &report.steps {
        out.push_str(&summary(step));
    }
    settings.printer.data(&out)
}

/// What is to be known of something that failed.
fn details(result: &NodeResult) -> String {
    let mut out = format!("\n{BAD}{}{BAD:#} {} {BOLD}{}{BOLD:#}\n", result.status, result.kind, result.model_name);
    for line in result.message.iter().flat_map(|message| message.lines()) {
        out.push_str(format!("  {}", line.trim_end()).trim_end());
        out.push('\n');
    }
    if let Some(file) = &result.file {
        out.push_str(&format!("  {DIM}{}{DIM:#}\n", file.display()));
    }
    out
}

fn summary(step: &dlt::dbt::StepReport) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for result in &step.results {
        match counts.iter_mut().find(|(status, _)| *status == result.status) {
            Some((_, count)) => *count += 1,
            None => counts.push((&result.status, 1)),
        }
    }
    let counts: Vec<_> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let counts = if counts.is_empty() { "nothing to report".to_owned() } else { counts.join(", ") };
    let refreshed = if step.is_full_refresh { ", with full refresh" } else { "" };
    let style = if step.success { GOOD } else { BAD };
    let seconds = step.elapsed.as_secs_f64();
    format!("{style}dbt {}{style:#}: {counts}{refreshed}, in {seconds:.1} s\n", step.command)
}

fn init(arguments: &Begin, settings: &Settings, telemetry: &Telemetry) -> Outcome {
    let (pipeline, _) = loaded(&arguments.loaded, settings, telemetry)?;
    let written = dlt::dbt::write_package(&pipeline, &arguments.folder)?;
    let printer = settings.printer;
    let folder = written.folder.display();
    for file in &written.files {
        printer.report(&format!("{GOOD}created {GOOD:#}  {}", written.folder.join(file).display()))?;
    }
    for note in &written.notes {
        printer.warning(note);
    }
    let meant = match (&arguments.loaded.from, &arguments.loaded.pipeline, &arguments.loaded.file) {
        (Some(from), ..) => {
            // What could be a password is not repeated.
            let from = DestinationName::parse(from).map_or_else(|_| from.clone(), |name| name.to_string());
            format!(" --from {from} --dataset {}", arguments.loaded.dataset.as_deref().unwrap_or_default())
        }
        (_, Some(name), _) => format!(" --pipeline {name}"),
        (.., Some(file)) => format!(" --file {}", file.display()),
        _ => String::new(),
    };
    printer.report(&format!("\n{BOLD}Next{BOLD:#}"))?;
    printer.report(&format!(
        "  dlt dbt build {folder}{meant}  {DIM}builds the {} models and tests them{DIM:#}",
        written.models
    ))?;
    printer.report(&format!("  write your own models into {}", written.folder.join("models").display()))
}
