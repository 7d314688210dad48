//! A workflow of GitHub Actions.

use std::path::{Path, PathBuf};

use dlt_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use super::cron::quoted;
use super::{Deployment, Plan, Schedule, paths};

/// What is said of a workflow.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GithubOptions {
    /// When it runs, in UTC.
    pub schedule: Option<Schedule>,
    /// Whether a push to the main branch starts it.
    pub run_on_push: bool,
    /// Whether it can be started by hand.
    pub run_manually: bool,
    /// The command that puts the program on the PATH of the runner.
    pub install: Option<String>,
}

/// A workflow that runs the pipeline. It belongs into `.github/workflows` of the repository, or into `folder`.
///
/// # Errors
/// [`ErrorKind::Config`] if nothing would ever start it.
pub fn github_action(plan: &Plan, options: &GithubOptions, folder: Option<&Path>) -> Result<Deployment> {
    if options.schedule.is_none() && !options.run_on_push && !options.run_manually {
        return Err(Error::new(ErrorKind::Config, "nothing would ever start the workflow")
            .hint("give --schedule, --run-on-push or --run-manually"));
    }
    let file = paths::absolute(&plan.file);
    let project = file.parent().unwrap_or(Path::new("/")).to_owned();
    let repository = project.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned);
    let mut warnings = Vec::new();
    if repository.is_none() {
        warnings.push(format!(
            "{} is in no git repository: a workflow is run where it stands in .github/workflows of one",
            project.display()
        ));
    }
    let root = repository.unwrap_or_else(|| project.clone());
    let folder: PathBuf = folder.map_or_else(|| root.join(".github").join("workflows"), Path::to_owned);
    let slug = plan.slug('_');
    let path = folder.join(format!("run_{slug}_workflow.yml"));
    warnings.extend(plan.local_warning("the runner"));
    let text = |text: &str| Value::from(text).to_string();
    let mut on = String::new();
    if let Some(schedule) = &options.schedule {
        on.push_str(&format!("  schedule:\n    # In UTC.\n    - cron: {}\n", text(&schedule.to_string())));
    }
    if options.run_manually {
        on.push_str("  workflow_dispatch:\n");
    }
    if options.run_on_push {
        on.push_str("  push:\n    branches: [main, master]\n");
    }
    let env = |needed: &super::Needed| format!("          {0}: ${{{{ secrets.{0} }}}}\n", variable(&needed.variable));
    let env: String = plan.needed.iter().map(env).collect();
    let env = if env.is_empty() { String::new() } else { format!("        env:\n{env}") };
    let install = options.install.as_deref().unwrap_or(
        "command -v dlt || { echo '::error::There is no dlt on this runner. Say how it is installed: dlt deploy ... --install COMMAND'; exit 1; }",
    );
    let within = match paths::from(&root, &project).as_str() {
        "" => String::new(),
        within => format!("        working-directory: {}\n", text(within)),
    };
    let run = format!("dlt run {}", quoted(&file.file_name().unwrap_or_default().to_string_lossy()));
    let workflow = format!(
        "# Runs the pipeline by dlt. Written by `dlt deploy`.\nname: {}\n\non:\n{on}\npermissions:\n  contents: read\n\n\
         # One run at a time: the next one begins where the last one ended.\nconcurrency:\n  group: {}\n  cancel-in-progress: false\n\n\
         jobs:\n  run:\n    runs-on: ubuntu-latest\n    steps:\n      - name: Check out\n        uses: actions/checkout@v4\n\
         \x20     - name: Install dlt\n        run: {}\n      - name: Run the pipeline\n{within}        run: {}\n{env}",
        text(&format!("Run {}", plan.pipeline)),
        text(&format!("dlt-{slug}")),
        text(install),
        text(&run),
    );
    let mut next = Vec::new();
    if options.install.is_none() {
        next.push("say how a runner gets dlt: --install COMMAND, or a runner or image that has it".to_owned());
    }
    if !plan.needed.is_empty() {
        let names: Vec<_> = plan.needed.iter().map(|needed| variable(&needed.variable)).collect();
        next.push(format!(
            "add these secrets to the repository (Settings, Secrets and variables, Actions): {}",
            names.join(", ")
        ));
    }
    next.push(format!("commit and push: git add {}", path.display()));
    Ok(Deployment { files: vec![(path, workflow)], warnings, next })
}

/// Names of secrets have letters, digits and underscores.
fn variable(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}
