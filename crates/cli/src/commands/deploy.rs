//! `dlt deploy`: writes files by which other programs run a pipeline.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dlt::deploy::{
    Airflow, AirflowOptions, Deployment, GithubOptions, KubernetesOptions, Plan, Schedule, crontab, github_action,
    kubernetes, systemd,
};

use crate::args::{self, Deploy, Form, Method, Written};
use crate::exit::{Failure, Outcome};
use crate::printer::{BOLD, GOOD};
use crate::settings::Settings;

pub(crate) fn deploy(arguments: &Deploy, settings: &Settings) -> Outcome {
    let plan = Plan::read(&arguments.file, &settings.providers)?;
    let folder = |written: &Written, otherwise: &str| written.output.clone().unwrap_or_else(|| otherwise.into());
    let (deployment, written) = match &arguments.method {
        Method::Airflow(options) if options.format == Form::Json => {
            return settings.printer.data(&format!("{:#}\n", plan.to_json()));
        }
        Method::Airflow(options) => {
            let folder = folder(&options.written, "dags");
            (Airflow::deployment(&plan, &airflow_options(options)?, &folder)?, &options.written)
        }
        Method::GithubAction(options) => {
            let mut github = GithubOptions::default();
            github.schedule = options.schedule.as_deref().map(Schedule::parse).transpose()?;
            github.run_on_push = options.run_on_push;
            github.run_manually = options.run_manually;
            github.install.clone_from(&options.install);
            (github_action(&plan, &github, options.written.output.as_deref())?, &options.written)
        }
        Method::Cron(options) => {
            let schedule = Schedule::parse(&options.schedule)?;
            let folder = folder(&options.written, "");
            (crontab(&plan, &schedule, &binary(options)?, &folder), &options.written)
        }
        Method::Systemd(options) => {
            let machine = &options.machine;
            let schedule = Schedule::parse(&machine.schedule)?;
            let folder = folder(&machine.written, "");
            let zone = options.timezone.as_deref();
            (systemd(&plan, &schedule, zone, &binary(machine)?, &folder)?, &machine.written)
        }
        Method::Kubernetes(options) => {
            let mut cluster = KubernetesOptions::new(Schedule::parse(&options.schedule)?);
            cluster.timezone.clone_from(&options.timezone);
            cluster.image.clone_from(&options.image);
            cluster.retries = options.retries;
            let folder = folder(&options.written, "");
            (kubernetes(&plan, &cluster, &folder)?, &options.written)
        }
    };
    write(&deployment, written.force)?;
    tell(&plan, &deployment, settings)
}

fn airflow_options(given: &args::Airflow) -> Outcome<AirflowOptions> {
    let mut options = AirflowOptions::default();
    options.schedule = given.schedule.as_deref().map(Schedule::parse).transpose()?;
    options.timezone.clone_from(&given.timezone);
    options.start_date.clone_from(&given.start_date);
    options.catchup = given.catchup;
    options.max_active_runs = given.max_active_runs;
    options.decompose = given.decompose.into();
    options.retries = given.retries;
    options.retry_delay = given.retry_delay;
    options.save_load_info = given.save_load_info;
    options.save_trace_info = given.save_trace_info;
    options.local_data_folder.clone_from(&given.local_data_folder);
    options.binary.clone_from(&given.binary);
    Ok(options)
}

/// The program's path on the machine that is meant.
fn binary(options: &args::Machine) -> Outcome<PathBuf> {
    match &options.binary {
        Some(given) if given.is_absolute() => Ok(given.clone()),
        Some(given) => Err(Failure::usage(format!("--binary {} is no whole path", given.display()))
            .hint("the path that dlt has there, such as /usr/local/bin/dlt")),
        None => std::env::current_exe().map_err(|error| {
            Failure::work("cannot tell the path of this program").because(&error).hint("give --binary")
        }),
    }
}

/// Writes all of the files, or none.
fn write(deployment: &Deployment, force: bool) -> Outcome {
    if let Some((path, _)) = deployment.files.iter().find(|(path, _)| !force && path.exists()) {
        return Err(Failure::usage(format!("{} is there already", path.display()))
            .hint("--force writes it anew; what was changed in it is lost"));
    }
    for (path, text) in &deployment.files {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(|error| {
            let failure = Failure::work(format!("cannot write {}", path.display())).because(&error);
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
                    failure.hint("--output names another folder")
                }
                _ => failure,
            }
        })?;
    }
    Ok(())
}

fn tell(plan: &Plan, deployment: &Deployment, settings: &Settings) -> Outcome {
    let printer = settings.printer;
    for (path, _) in &deployment.files {
        printer.report(&format!("{GOOD}wrote{GOOD:#}  {}", path.display()))?;
    }
    for warning in &deployment.warnings {
        printer.warning(warning);
    }
    if !plan.needed.is_empty() {
        printer.report(&format!("\n{BOLD}Settings that a run needs from outside{BOLD:#}"))?;
        for needed in &plan.needed {
            printer.report(&format!("  {}  (here in {})", needed.variable, needed.origin))?;
        }
    }
    printer.report(&format!("\n{BOLD}Next{BOLD:#}"))?;
    deployment.next.iter().try_for_each(|step| printer.report(&format!("  {step}")))
}
