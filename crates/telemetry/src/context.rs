//! Where a program runs: the systems it is told apart by, and the words they are reported with.

use crate::environment::{Environment, Machine};

/// Continuous-integration systems set at least one of these, to any value.
const CI_VARIABLES: [&str; 15] = [
    "BUILDKITE",
    "BUILD_ID",
    "BUILD_NUMBER",
    "CI",
    "CIRCLECI",
    "CODEBUILD_BATCH_BUILD_IDENTIFIER",
    "CODEBUILD_BUILD_ARN",
    "CODEBUILD_BUILD_ID",
    "CONTINUOUS_INTEGRATION",
    "GITHUB_ACTIONS",
    "HUDSON_URL",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TRAVIS",
    "bamboo.buildKey",
];

/// How an execution environment gives itself away.
type Sign = fn(&Environment, &Machine) -> bool;

/// Name and sign, in the order in which they are reported.
const EXECUTION: [(&str, Sign); 16] = [
    ("kubernetes", |environment, _| {
        any_set(environment, &["KUBE_NODE_NAME", "KUBE_POD_NAME", "KUBE_POD_NAMESPACE", "KUBERNETES_SERVICE_HOST"])
    }),
    ("docker", |_, machine| machine.dockerenv || machine.cgroup.contains("docker")),
    ("codespaces", |environment, _| environment.is_set("CODESPACES")),
    ("github_actions", |environment, _| environment.is_set("GITHUB_ACTIONS")),
    ("notebook", |environment, _| environment.is_set("JPY_PARENT_PID")),
    ("colab", |environment, _| environment.is_set("COLAB_RELEASE_TAG")),
    ("airflow", |environment, _| environment.is_set("AIRFLOW_CTX_TASK_ID")),
    ("dagster", |environment, _| any_set(environment, &["DAGSTER_PIPES_CONTEXT", "DAGSTER_RUN_JOB_NAME"])),
    ("prefect", |environment, _| environment.is_set("PREFECT__FLOW_RUN_ID")),
    ("aws_lambda", |environment, _| environment.is_set("AWS_LAMBDA_FUNCTION_NAME")),
    ("gcp_cloud_function", |environment, _| environment.is_set("FUNCTION_NAME")),
    ("streamlit", |environment, _| environment.is_set("STREAMLIT_SERVER_PORT")),
    ("claude_code", |environment, _| is(environment, "CLAUDECODE", "1")),
    ("claude_code_cli", |environment, _| {
        is(environment, "CLAUDECODE", "1") && is(environment, "CLAUDE_CODE_ENTRYPOINT", "cli")
    }),
    ("cursor", |environment, _| is(environment, "CURSOR_AGENT", "1")),
    ("codex", |environment, _| {
        is(environment, "CODEX_CI", "1") || any_set(environment, &["CODEX_THREAD_ID", "CODEX_SANDBOX"])
    }),
];

fn any_set(environment: &Environment, names: &[&str]) -> bool {
    names.iter().any(|name| environment.is_set(name))
}

fn is(environment: &Environment, name: &str, value: &str) -> bool {
    environment.get(name) == Some(value)
}

/// Whether a continuous-integration system runs the process.
pub(crate) fn is_ci(environment: &Environment) -> bool {
    any_set(environment, &CI_VARIABLES)
}

/// The words for the environments that the process runs in.
pub(crate) fn execution(environment: &Environment, machine: &Machine) -> Vec<&'static str> {
    EXECUTION.iter().filter(|(_, sign)| sign(environment, machine)).map(|(name, _)| *name).collect()
}

/// Whether the files are likely to be gone after this process, so that no next run would find the spool.
pub(crate) fn is_container(environment: &Environment, execution: &[&str]) -> bool {
    const SHORT_LIVED: [&str; 4] = ["kubernetes", "docker", "aws_lambda", "gcp_cloud_function"];
    environment.is_set("container") || execution.iter().any(|name| SHORT_LIVED.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(environment: Environment) -> Vec<&'static str> {
        let machine = environment.machine();
        execution(&environment, &machine)
    }

    #[test]
    fn every_ci_variable_counts_even_empty() {
        assert!(!is_ci(&Environment::empty()));
        for name in CI_VARIABLES {
            assert!(is_ci(&Environment::empty().with(name, "")), "{name}");
        }
    }

    /// What the systems really set, as their own pages list it.
    #[test]
    fn real_ci_systems() {
        let systems: [&[(&str, &str)]; 8] = [
            &[("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_RUN_ID", "1658821493")],
            &[("CI", "true"), ("GITLAB_CI", "true")],
            &[("CI", "true"), ("TRAVIS", "true")],
            &[("CI", "true"), ("CIRCLECI", "true")],
            &[("BUILD_ID", "2026-11-22"), ("JENKINS_URL", "https://ci.example.org/")],
            &[("TEAMCITY_VERSION", "2025.07 (build 197242)")],
            &[("CODEBUILD_BUILD_ID", "demo:b1e6661e-e4f2"), ("CODEBUILD_CI", "true")],
            &[("BUILDKITE", "true"), ("CI", "true")],
        ];
        for variables in systems {
            let environment = variables.iter().fold(Environment::empty(), |all, (name, value)| all.with(name, value));
            assert!(is_ci(&environment), "{variables:?}");
        }
    }

    type Variables = &'static [(&'static str, &'static str)];

    #[test]
    fn execution_environments() {
        let cases: [(Variables, &[&str]); 24] = [
            (&[], &[]),
            (&[("KUBE_NODE_NAME", "n")], &["kubernetes"]),
            (&[("KUBE_POD_NAME", "n")], &["kubernetes"]),
            (&[("KUBE_POD_NAMESPACE", "n")], &["kubernetes"]),
            (&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], &["kubernetes"]),
            (&[("CODESPACES", "true")], &["codespaces"]),
            (&[("GITHUB_ACTIONS", "true")], &["github_actions"]),
            (&[("JPY_PARENT_PID", "812")], &["notebook"]),
            (&[("COLAB_RELEASE_TAG", "release-colab_20260301")], &["colab"]),
            (&[("AIRFLOW_CTX_TASK_ID", "load")], &["airflow"]),
            (&[("DAGSTER_PIPES_CONTEXT", "eJy")], &["dagster"]),
            (&[("DAGSTER_RUN_JOB_NAME", "load")], &["dagster"]),
            (&[("PREFECT__FLOW_RUN_ID", "7c1d")], &["prefect"]),
            (&[("AWS_LAMBDA_FUNCTION_NAME", "load")], &["aws_lambda"]),
            (&[("FUNCTION_NAME", "load")], &["gcp_cloud_function"]),
            (&[("STREAMLIT_SERVER_PORT", "8501")], &["streamlit"]),
            (&[("CLAUDECODE", "1")], &["claude_code"]),
            (&[("CLAUDECODE", "1"), ("CLAUDE_CODE_ENTRYPOINT", "cli")], &["claude_code", "claude_code_cli"]),
            (&[("CLAUDECODE", "0"), ("CLAUDE_CODE_ENTRYPOINT", "cli")], &[]),
            (&[("CURSOR_AGENT", "1")], &["cursor"]),
            (&[("CODEX_CI", "1")], &["codex"]),
            (&[("CODEX_THREAD_ID", "t")], &["codex"]),
            (&[("CODEX_SANDBOX", "seatbelt")], &["codex"]),
            (&[("GITHUB_ACTIONS", "true"), ("CODESPACES", "true")], &["codespaces", "github_actions"]),
        ];
        for (variables, expected) in cases {
            let environment = variables.iter().fold(Environment::empty(), |all, (name, value)| all.with(name, value));
            assert_eq!(seen(environment), expected, "{variables:?}");
        }
    }

    #[test]
    fn docker_by_either_sign() {
        let plain = Environment::empty().machine();
        assert!(!seen(Environment::empty()).contains(&"docker"));
        let by_file = Machine { dockerenv: true, ..plain.clone() };
        let by_group = Machine { cgroup: "12:pids:/docker/4f0c\n".to_owned(), ..plain };
        for machine in [by_file, by_group] {
            let environment = Environment::empty().on_machine(machine);
            assert_eq!(seen(environment.clone()), ["docker"]);
            assert!(is_container(&environment, &["docker"]));
        }
    }

    #[test]
    fn a_notebook_is_no_container() {
        assert!(!is_container(&Environment::empty(), &["notebook", "github_actions"]));
        assert!(is_container(&Environment::empty().with("container", "podman"), &[]));
    }
}
