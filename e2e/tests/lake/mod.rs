//! Tables that are kept with a log, together with Python dlt and the library that it keeps them by.

mod delta;
mod iceberg;

use std::time::Duration;

use anyhow::Result;
use dlt_testkit::{PythonDlt, S3, Sandbox};
use serde_json::{Value, json};

/// A dataset `raw` with a table `items`.
struct Lake<'a> {
    sandbox: &'a Sandbox,
    /// What Python dlt does with it: a script that reads a task from its first argument and prints JSON.
    script: &'static str,
    url: String,
    variables: Vec<(&'static str, String)>,
}

impl<'a> Lake<'a> {
    fn in_folder(sandbox: &'a Sandbox, folder: &str, script: &'static str) -> Self {
        Self { sandbox, script, url: sandbox.path(folder).display().to_string(), variables: Vec::new() }
    }

    fn on_s3(self, server: &S3) -> Self {
        let variables = vec![
            ("DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL", server.url()),
            ("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "very-secret".to_owned()),
            ("DESTINATION__FILESYSTEM__CREDENTIALS__REGION_NAME", "us-east-1".to_owned()),
        ];
        Self { url: "s3://shop/lake".to_owned(), variables, ..self }
    }

    fn with_variables(&self, run: dlt_testkit::Invocation) -> dlt_testkit::Invocation {
        self.variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// What Python does, and what it then sees.
    fn python(&self, mut task: Value) -> Value {
        task["bucket_url"] = self.url.clone().into();
        task["endpoint"] = self.variables.first().map(|(_, url)| url.clone()).into();
        if task["tables"].is_null() {
            task["tables"] = json!(["items"]);
        }
        let run = PythonDlt::with_lakes().unwrap().script(self.sandbox, self.script).arg(task.to_string());
        let run = run.env("DLT_DATA_DIR", self.sandbox.path("python")).env("RUNTIME__DLTHUB_TELEMETRY", "false");
        let output = self.with_variables(run).limit(Duration::from_secs(180)).succeed().unwrap();
        serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap()
    }

    fn ours(&self, text: &str, options: &[&str]) -> Result<dlt_testkit::Output> {
        let file = self.sandbox.write("items.jsonl", text)?;
        let place = if self.variables.is_empty() { format!("filesystem:{}", self.url) } else { self.url.clone() };
        let run =
            self.sandbox.dlt(["ingest"])?.arg(file).args(["--to", &place, "--dataset", "raw", "--table", "items"]);
        self.with_variables(run.args(["--pipeline", "shop"]).args(options)).run()
    }

    fn load(&self, text: &str, options: &[&str]) {
        let output = self.ours(text, options).unwrap();
        assert_eq!(output.code, Some(0), "{output}");
    }

    fn query(&self, sql: &str) -> Vec<Value> {
        let place = if self.variables.is_empty() { format!("filesystem:{}", self.url) } else { self.url.clone() };
        let run = self.sandbox.dlt(["dataset", "raw", "--from", &place, "--format", "json", "--sql", sql]).unwrap();
        let output = self.with_variables(run).succeed().unwrap();
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
