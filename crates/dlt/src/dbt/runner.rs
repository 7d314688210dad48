//! Runs dbt, and reads what became of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dlt_engine::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use super::child::{Ended, Program, Secrets};
use super::package::{PROJECT, Source, without_questions};
use super::profile::{Connection, TARGET};
use super::results::{self, NodeResult};
use super::settings::Settings;
use super::{Observer, Said, environment};
use crate::pipeline::Pipeline;

/// How many models are built at once, where nothing else is said; as with Python dlt.
const THREADS: u16 = 4;

/// What dbt is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Builds the models.
    Run,
    /// Builds seeds, models and snapshots, and tests each before what depends on it.
    Build,
    /// Tests.
    Test,
    /// Loads the package's own files.
    Seed,
    /// Fetches the packages that the package needs.
    Deps,
    /// Makes SQL of the models, and runs nothing.
    Compile,
}

impl Command {
    /// dbt's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Build => "build",
            Self::Test => "test",
            Self::Seed => "seed",
            Self::Deps => "deps",
            Self::Compile => "compile",
        }
    }

    /// Whether it builds incremental models.
    fn is_building(self) -> bool {
        matches!(self, Self::Run | Self::Build)
    }
}

/// The profile's name, as far as it is known before anything is looked at.
pub(super) fn profile_name(pipeline: &Pipeline, settings: &Settings) -> Option<String> {
    let own = settings.package_profile_name.clone();
    own.or_else(|| Some(pipeline.destination().ok()?.type_name().to_owned()))
}

/// dbt, ready to run over a dataset.
pub struct Runner {
    dbt: PathBuf,
    package: PathBuf,
    connection: Connection,
    dataset: String,
    settings: Settings,
    observer: Option<Observer>,
    colours: bool,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Runner")
            .field("dbt", &self.dbt)
            .field("package", &self.package)
            .field("dataset", &self.dataset)
            .finish_non_exhaustive()
    }
}

impl Runner {
    pub(super) fn prepare(
        pipeline: &Pipeline,
        settings: Settings,
        observer: Option<Observer>,
        colours: bool,
        needs_dataset: bool,
    ) -> Result<Self> {
        let destination = pipeline.destination()?;
        let connection = Connection::of(&*destination)?;
        let dataset = match needs_dataset {
            true => dataset_of(pipeline)?,
            false => pipeline.dataset_name().to_owned(),
        };
        let Some(location) = settings.package_location.as_deref() else {
            return Err(Error::new(ErrorKind::Config, "no dbt package is named").hint(
                "name its folder or repository; or set package_location under [dbt] of the pipeline file. `dlt dbt init DIR` writes a \
                 first package",
            ));
        };
        if let Some(folder) = settings.package_profiles_dir.as_ref().filter(|dir| !dir.join("profiles.yml").is_file()) {
            return Err(Error::new(ErrorKind::Config, format!("there is no profiles.yml in {}", folder.display()))
                .hint("leave package_profiles_dir out, and a profile is made of the destination"));
        }
        let mut say = |said: Said<'_>| tell(observer.as_ref(), said);
        // Programs run in other folders.
        let folder = pipeline.working_folder().join("dbt");
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let source = Source {
            location,
            branch: settings.package_repository_branch.as_deref(),
            key: settings.package_repository_ssh_key.as_ref(),
        };
        // A folder is looked for before minutes are spent on an environment.
        let package = source.folder(&folder, &mut say)?;
        let dbt = environment::dbt(&settings, connection.adapter, &folder, &mut say)?;
        Ok(Self { dbt, package, connection, dataset, settings, observer, colours })
    }

    /// The folder of the package.
    pub fn package(&self) -> &Path {
        &self.package
    }

    /// The program dbt.
    pub fn executable(&self) -> &Path {
        &self.dbt
    }

    /// Runs one command, with further arguments of dbt (`--select`, `--full-refresh` …). What the package needs of other packages
    /// is fetched before, where it is not there.
    ///
    /// # Errors
    /// If dbt cannot be started or ends in a way that is not about models and tests: the package cannot be understood, the
    /// database not be reached. What became of models and tests is in the report.
    pub fn run(&self, command: Command, arguments: &[String]) -> Result<Report> {
        let mut report = Report::default();
        if command != Command::Deps && self.lacks_packages() {
            self.step(Command::Deps, &[], &mut report)?;
        }
        self.step(command, arguments, &mut report)?;
        Ok(report)
    }

    /// Runs all: what the package needs, the tests of `source_tests_selector`, seeds, models, and at the end the tests; each if
    /// what was before it went well. `arguments` are for `dbt run`.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_all(&self, arguments: &[String]) -> Result<Report> {
        let mut report = Report::default();
        let mut steps = vec![];
        if self.has_packages() {
            steps.push((Command::Deps, Vec::new()));
        }
        if let Some(selector) = &self.settings.source_tests_selector {
            steps.push((Command::Test, vec!["--select".to_owned(), selector.clone()]));
        }
        steps.push((Command::Seed, Vec::new()));
        steps.push((Command::Run, arguments.to_vec()));
        steps.push((Command::Test, Vec::new()));
        for (command, arguments) in steps {
            self.step(command, &arguments, &mut report)?;
            if !report.is_success() {
                break;
            }
        }
        Ok(report)
    }

    fn has_packages(&self) -> bool {
        ["packages.yml", "dependencies.yml"].iter().any(|name| self.package.join(name).is_file())
    }

    /// Whether other packages are needed and not there, or were fetched before the list of them was changed.
    fn lacks_packages(&self) -> bool {
        let changed = |name: &str| self.package.join(name).metadata().and_then(|found| found.modified()).ok();
        let Some(listed) = changed("packages.yml").max(changed("dependencies.yml")) else { return false };
        changed("package-lock.yml").is_none_or(|locked| locked < listed) || !self.package.join("dbt_packages").is_dir()
    }

    /// Runs a command, and runs it again where models are out of sync with their tables.
    fn step(&self, command: Command, arguments: &[String], report: &mut Report) -> Result<()> {
        let mut step = self.attempt(command, arguments)?;
        let lacking: Vec<_> = step
            .results
            .iter()
            .filter(|result| result.is_out_of_sync())
            .map(|result| result.model_name.as_str())
            .collect();
        let may_refresh = self.settings.auto_full_refresh_when_out_of_sync.unwrap_or(true);
        if command.is_building() && !lacking.is_empty() && !arguments.iter().any(|word| word == "--full-refresh") {
            let lacking = lacking.join(", ");
            if may_refresh {
                self.say(Said::Note(&format!(
                    "incremental models are out of sync with their tables ({lacking}): everything runs again with --full-refresh, \
                     which builds all incremental models anew; auto_full_refresh_when_out_of_sync = false leaves that out"
                )));
                let arguments: Vec<_> = arguments.iter().cloned().chain(["--full-refresh".to_owned()]).collect();
                let elapsed = step.elapsed;
                step = self.attempt(command, &arguments)?;
                step.is_full_refresh = true;
                step.elapsed += elapsed;
            } else {
                self.say(Said::Note(&format!(
                    "incremental models are out of sync with their tables ({lacking}); --full-refresh builds them anew, and \
                     auto_full_refresh_when_out_of_sync = true does so by itself"
                )));
            }
        }
        report.steps.push(step);
        Ok(())
    }

    fn attempt(&self, command: Command, arguments: &[String]) -> Result<StepReport> {
        let started = Instant::now();
        let secrets = self.connection.secrets();
        let target = self.target_folder();
        let before = std::fs::read_to_string(results::file_in(&target)).ok();
        let own = self.connection.write(self.own_profile(), self.settings.threads.unwrap_or(THREADS))?;
        let ended =
            self.program(command, arguments, own.path(), &secrets).run(&mut |line| self.say(Said::Line(line)))?;
        let results = match command {
            Command::Deps => Vec::new(),
            _ => results::read(&target, before.as_deref(), &self.package, &|text| secrets.hidden_in(text)),
        };
        // dbt has 1 for models and tests that failed, and 2 for what it could not understand or reach.
        let is_about_results = results.iter().any(NodeResult::is_failure);
        if !ended.success && !is_about_results {
            return Err(self.failure(command, &ended));
        }
        Ok(StepReport {
            command: command.name(),
            success: ended.success,
            is_full_refresh: arguments.iter().any(|word| word == "--full-refresh"),
            elapsed: started.elapsed(),
            results,
        })
    }

    fn program(&self, command: Command, arguments: &[String], own: &Path, secrets: &Secrets) -> Program {
        // dbt runs in the package's folder.
        let profiles = self.settings.package_profiles_dir.as_ref();
        let profiles = profiles.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
        let profiles = profiles.as_deref();
        let mut program = Program::new(&self.dbt)
            .arg(if self.colours { "--use-colors" } else { "--no-use-colors" })
            .arg(command.name())
            .args(["--project-dir".as_ref(), self.package.as_os_str()])
            .args(["--profiles-dir".as_ref(), profiles.unwrap_or(own).as_os_str()])
            .args(["--vars", &Value::Object(self.vars()).to_string()]);
        match (profiles, &self.settings.package_profile_name) {
            (Some(_), Some(name)) => program = program.args(["--profile", name]),
            (Some(_), None) => {}
            (None, _) => program = program.args(["--profile", self.own_profile(), "--target", TARGET]),
        }
        if let Some(threads) = self.settings.threads.filter(|_| profiles.is_some() && command != Command::Deps) {
            program = program.args(["--threads", &threads.to_string()]);
        }
        program = self.connection.given_to(program.args(arguments), profiles.is_some());
        without_questions(program)
            .default_env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .env("DBT_TARGET_PATH", self.target_folder())
            .env("PYTHONUTF8", "1")
            .without_env("PYTHONHOME")
            .folder(&self.package)
            .secrets(secrets)
    }

    /// Where dbt writes what it compiled, and its results: as the environment says it, or the package, or `target`.
    fn target_folder(&self) -> PathBuf {
        let of_environment = std::env::var_os("DBT_TARGET_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
        let of_package = || {
            let text = std::fs::read_to_string(self.package.join(PROJECT)).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("target-path:"))?;
            let path = line.split(" #").next()?.trim().trim_matches(['"', '\'']);
            Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty() && !line.contains("{{"))
        };
        self.package.join(of_environment.or_else(of_package).unwrap_or_else(|| PathBuf::from("target")))
    }

    /// What the profile is called that is made here.
    fn own_profile(&self) -> &str {
        self.settings.package_profile_name.as_deref().unwrap_or(self.connection.adapter.name())
    }

    fn vars(&self) -> Map<String, Value> {
        let mut vars = Map::new();
        vars.insert("source_dataset_name".to_owned(), self.dataset.clone().into());
        if let Some(name) = &self.settings.destination_dataset_name {
            vars.insert("destination_dataset_name".to_owned(), name.clone().into());
        }
        vars.extend(self.settings.package_additional_vars.clone());
        vars
    }

    /// Why dbt ended without any result.
    fn failure(&self, command: Command, ended: &Ended) -> Error {
        let whole = ended.said(usize::MAX);
        let name = command.name();
        let adapter = self.connection.adapter.name();
        let has = |text: &str| whole.contains(text);
        let hint = if ended.code == Some(127) {
            "the program does not start: its Python may be gone; remove the environment, and it is made anew".to_owned()
        } else if has("Could not set lock on file") || has("Conflicting lock") {
            "another process has the database open: a shell of DuckDB, a notebook, another run; close it, then run the same again".to_owned()
        } else if has("Could not find adapter type") || has("No module named 'dbt.adapters") {
            format!(
                "this dbt has no adapter for {adapter}: install dbt-{adapter} beside it, or leave the setting out and one is made"
            )
        } else if has("Could not find profile named") {
            "name the profile: package_profile_name, or --profile".to_owned()
        } else if has("password authentication failed") || has("no password supplied") {
            "the server refuses the login: look at the credentials of the destination; `dlt -v run` says where each comes from".to_owned()
        } else if has("out-of-date") || has("dbt deps") {
            "packages that it needs are not there: `dlt dbt deps`".to_owned()
        } else {
            format!("dbt's own log is in {}", self.package.join("logs/dbt.log").display())
        };
        let said: Vec<_> =
            ended.tail.iter().map(|line| without_time(line).trim_end()).filter(|line| !line.is_empty()).collect();
        let from = said
            .iter()
            .rposition(|line| line.contains("Encountered an error"))
            .map_or(said.len().saturating_sub(6), |at| at + 1);
        // What a programmer of dbt would look at is in its log.
        let for_people = said[from..].iter().take_while(|line| !line.trim_start().starts_with("Traceback"));
        let shown = for_people.take(30).copied().collect::<Vec<_>>().join("\n");
        let how = match ended.code {
            None => " was ended by a signal",
            Some(_) => " failed",
        };
        let what = if shown.is_empty() { format!("dbt {name}{how}") } else { format!("dbt {name}{how}: {shown}") };
        Error::new(ErrorKind::Destination, what).hint(hint)
    }

    fn say(&self, said: Said<'_>) {
        tell(self.observer.as_ref(), said);
    }
}

/// A line of dbt's log without its time.
fn without_time(line: &str) -> &str {
    let is_time = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    match line.split_once("  ") {
        Some((time, rest)) if is_time(time) => rest,
        _ if is_time(line.trim()) => "",
        _ => line,
    }
}

fn tell(observer: Option<&Observer>, said: Said<'_>) {
    if let Some(observer) = observer {
        observer(said);
    }
}

/// The dataset as the destination calls it. It is looked at and closed again, so that what is wrong is said in words of our own.
fn dataset_of(pipeline: &Pipeline) -> Result<String> {
    Ok(pipeline.open_dataset()?.name().to_owned())
}

/// What became of a run of dbt.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The commands that ran, in order.
    pub steps: Vec<StepReport>,
}

/// What became of one command of dbt.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StepReport {
    /// dbt's word for it: `run`, `test` …
    pub command: &'static str,
    /// Whether it ended well.
    pub success: bool,
    /// Whether incremental models were built anew, because somebody asked for it or they were out of sync.
    #[serde(rename = "full_refresh")]
    pub is_full_refresh: bool,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
    /// What became of each model, test, seed and snapshot.
    pub results: Vec<NodeResult>,
}

fn seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}

impl Report {
    /// Whether all commands ended well.
    pub fn is_success(&self) -> bool {
        self.steps.iter().all(|step| step.success)
    }

    /// What became of all models, tests, seeds and snapshots.
    pub fn results(&self) -> impl Iterator<Item = &NodeResult> {
        self.steps.iter().flat_map(|step| &step.results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_off() {
        assert_eq!(without_time("20:43:10  Done."), "Done.");
        assert_eq!(without_time("20:43:10  "), "");
        assert_eq!(without_time("20:43:10"), "");
        assert_eq!(without_time("  Runtime Error"), "  Runtime Error");
    }
}
