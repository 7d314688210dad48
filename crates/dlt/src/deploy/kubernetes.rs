//! A CronJob of Kubernetes.

use std::path::Path;

use dlt_engine::Result;
use serde_json::Value;

use super::schedule::check_zone;
use super::{Deployment, Plan, Schedule, paths};

/// What is said of a CronJob.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubernetesOptions {
    /// When it runs.
    pub schedule: Schedule,
    /// Time zone of the schedule; of the cluster without one.
    pub timezone: Option<String>,
    /// Image that has the program.
    pub image: String,
    /// How often a failed run is tried again.
    pub retries: u32,
}

impl KubernetesOptions {
    /// A job that runs at these times, in an image that is called `dlt`.
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, timezone: None, image: "dlt:latest".to_owned(), retries: 2 }
    }
}

/// A CronJob that runs the pipeline, whose file it gets from a ConfigMap and whose secrets from a Secret.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Config`] if there is no such time zone.
pub fn kubernetes(plan: &Plan, options: &KubernetesOptions, folder: &Path) -> Result<Deployment> {
    options.timezone.as_deref().map_or(Ok(()), check_zone)?;
    let text = |text: &str| Value::from(text).to_string();
    // Kubernetes adds eleven characters to the name, of which 63 are allowed.
    let name: String = format!("dlt-{}", plan.slug('-')).chars().take(52).collect();
    let name = name.trim_end_matches('-');
    let path = folder.join(format!("{name}.yaml"));
    let file = paths::absolute(&plan.file);
    let file_name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let zone = options.timezone.as_ref().map(|zone| format!("  timeZone: {}\n", text(zone))).unwrap_or_default();
    let entry = |needed: &super::Needed| {
        let variable = &needed.variable;
        format!(
            "                - name: {0}\n                  valueFrom:\n                    secretKeyRef:\n                      name: {name}\n                      key: {0}\n",
            text(variable)
        )
    };
    let env: String = plan.needed.iter().map(entry).collect();
    let manifest = format!(
        r#"# Runs the pipeline by dlt. Written by `dlt deploy`. It holds no secrets: they are in the Secret {name}.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: dlt
spec:
  schedule: {schedule}
{zone}  # One run at a time: the next one begins where the last one ended.
  concurrencyPolicy: Forbid
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: {retries}
      template:
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          containers:
            - name: dlt
              image: {image}
              command: ["dlt"]
              args: ["run", {file}]
              workingDir: /pipeline
              env:
                - name: DLT_DATA_DIR
                  value: /data
{env}              securityContext:
                allowPrivilegeEscalation: false
              volumeMounts:
                - name: pipeline
                  mountPath: /pipeline
                  readOnly: true
                # Room for load packages. What the pipeline remembers is kept in the destination.
                - name: data
                  mountPath: /data
          volumes:
            - name: pipeline
              configMap:
                name: {name}
            - name: data
              emptyDir: {{}}
"#,
        schedule = text(&options.schedule.to_string()),
        retries = options.retries,
        image = text(&options.image),
        file = text(&file_name),
    );
    let mut warnings: Vec<String> = plan.local_warning("the pod").into_iter().collect();
    if plan.file.parent().is_some_and(|folder| folder.join(".dlt/config.toml").exists()) {
        warnings.push(
            ".dlt/config.toml of the project does not come along: set what is needed of it as variables in the manifest".to_owned(),
        );
    }
    let mut next = vec![format!("kubectl create configmap {name} --from-file={}", plan.file.display())];
    if !plan.needed.is_empty() {
        let values: Vec<_> = plan.needed.iter().map(|needed| format!("--from-literal={}=…", needed.variable)).collect();
        next.push(format!("kubectl create secret generic {name} {}", values.join(" ")));
    }
    next.push(format!("kubectl apply -f {}", path.display()));
    next.push(format!("try it now: kubectl create job --from=cronjob/{name} {name}-try"));
    Ok(Deployment { files: vec![(path, manifest)], warnings, next })
}
