//! What runs did, as rows of the dataset itself: the tables `_load_info` and `_trace`.

use dlt_engine::value::timestamp_text;
use dlt_engine::{Error, ErrorKind, LoadInfo, Result, Trace};
use dlt_telemetry::Telemetry;
use serde_json::{Value, json};

use crate::pipeline::Pipeline;
use crate::source::rows;

impl Pipeline {
    /// Adds what a run loaded to the table `_load_info` of the dataset: a row, and one for each table in `_load_info__tables`. It is
    /// a load of its own, of which nothing is told.
    ///
    /// # Errors
    /// As [`Pipeline::run`]; the run that it tells of is loaded all the same.
    pub fn save_load_info(&self, info: &LoadInfo) -> Result<()> {
        let tables: Vec<Value> =
            info.tables.iter().map(|(table, rows)| json!({"table_name": table, "rows": rows})).collect();
        self.note(
            "_load_info",
            json!({
                "pipeline_name": info.pipeline,
                "destination_type": self.destination()?.stored_type(),
                "destination_name": info.destination,
                "destination_displayable_credentials": info.location,
                "dataset_name": info.dataset,
                "load_id": info.load_id,
                "transaction_id": info.trace.transaction_id,
                "started_at": moment(info.trace.started_at_micros),
                "finished_at": end(&info.trace),
                "resumed": info.resumed,
                "tables": tables,
            }),
        )
    }

    /// Adds the course of a run, also of one that failed, to the table `_trace` of the dataset: a row, and one for each step in
    /// `_trace__steps` and for each notice in `_trace__notices`. It is a load of its own, of which nothing is told.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn save_trace(&self, trace: &Trace) -> Result<()> {
        let steps: Vec<Value> = trace
            .steps
            .iter()
            .map(|step| {
                let name = step.step.to_string();
                json!({"step": name, "elapsed": step.elapsed, "rows": step.rows, "success": step.success})
            })
            .collect();
        let notices: Vec<Value> =
            trace.notices.iter().map(|notice| json!({"message": notice.message, "hint": notice.hint})).collect();
        self.note(
            "_trace",
            json!({
                "transaction_id": trace.transaction_id,
                "pipeline_name": trace.pipeline,
                "started_at": moment(trace.started_at_micros),
                "finished_at": end(trace),
                "success": trace.success,
                "exception": trace.error,
                "steps": steps,
                "notices": notices,
            }),
        )
    }

    /// Loads one row, in a working folder of its own: the pipeline's still tells of the run that the row is about.
    fn note(&self, table: &str, row: Value) -> Result<()> {
        let folder = tempfile::tempdir()
            .map_err(|cause| Error::new(ErrorKind::Storage, "no temporary folder can be made").because(cause))?;
        self.aside(folder.path())
            .telemetry(Telemetry::off())
            .dataset(self.dataset_name())
            .run(rows(table, [row]))
            .map(drop)
    }
}

fn end(trace: &Trace) -> Value {
    moment(trace.started_at_micros.saturating_add((trace.elapsed * 1e6) as i64))
}

/// As ISO 8601, which becomes a timestamp.
fn moment(micros: i64) -> Value {
    Value::from(timestamp_text(micros, true))
}
