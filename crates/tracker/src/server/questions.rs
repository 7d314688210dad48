//! What can be asked of a tracker: its report, a question in SQL, a check, and whether it is well.

use std::path::Path;

use arrow::record_batch::RecordBatch;

use super::projects::known_project;
use super::reach::{answered, folder, reach, read, stopped};
use crate::check::Check;
use crate::data_dir::Reached;
use crate::error::Error;
use crate::place::Place;
use crate::query;
use crate::question::{self, Unanswered};
use crate::report::Report;

/// Reads the report of a data folder, whether a tracker runs on it or not. What is in the journal is loaded first.
///
/// # Errors
///
/// When there is no data, or the tables can't be read.
pub fn report(place: impl Into<Place>) -> Result<Report, Error> {
    read(&place.into(), "GET", "/report.json", |parts| parts.loader.report(None))
}

/// As [`report`], of one project; the default one is named `default`. The ledger is that of all projects.
///
/// # Errors
///
/// As [`report`], and when no key and no event is of such a project.
pub fn report_of(place: impl Into<Place>, project: &str) -> Result<Report, Error> {
    let place = place.into();
    let path = format!("/report.json?project={}", query::encode(project));
    let report = read(&place, "GET", &path, |parts| parts.loader.report(Some(project)))?;
    if report.total == 0 && report.quarantine.is_empty() {
        known_project(&place.data_dir, project)?;
    }
    Ok(report)
}

/// Answers a question in the SQL of the database that holds the tables, whether a tracker runs on the folder or not: one statement that reads the
/// tracker's tables. What is in the journal is loaded first, where that is little. Where `rows` is said, there are no more than that.
///
/// # Errors
///
/// [`Error::Question`] when the question is no such statement, fails, or its answer has more than 64 MiB; else when there is no
/// data, or the tables can't be read.
pub fn sql(place: impl Into<Place>, question: &str, rows: Option<u64>) -> Result<Vec<RecordBatch>, Error> {
    let place = place.into();
    let path = rows.map_or_else(|| "/sql.arrow".to_owned(), |rows| format!("/sql.arrow?rows={rows}"));
    let bytes = match reach(&place, "POST", &path, question.as_bytes())? {
        Reached::Free(lock) => stopped(&place, lock, |parts| parts.loader.answer(question, rows)),
        Reached::Answered(answer, _) if answer.status == 200 => Ok(answer.body),
        Reached::Answered(answer, server) => match serde_json::from_slice::<Unanswered>(&answer.body) {
            Ok(told) => Err(told.into()),
            Err(_) => answered::<()>(&answer, &server).map(|()| Vec::new()),
        },
    }?;
    question::batches(&bytes)
}

/// Recounts a data folder from tables and journal, whether a tracker runs on it or not. What is in the journal is
/// loaded first.
///
/// # Errors
///
/// When there is no data, or the tables can't be read. A ledger that does not add up is no error: see
/// [`Check::is_sound`].
pub fn check(place: impl Into<Place>) -> Result<Check, Error> {
    read(&place.into(), "GET", "/check.json", |parts| parts.loader.check())
}

/// Whether a tracker runs on a folder and takes events.
///
/// # Errors
///
/// When none runs there, or it says why it takes none.
pub fn health(data_dir: impl AsRef<Path>) -> Result<(), Error> {
    let dir = folder(data_dir.as_ref())?;
    let server = dir.server().ok_or_else(|| Error::NotRunning { folder: dir.path().to_owned() })?;
    let asked = server.connect().and_then(|stream| server.ask(stream, "GET", "/healthz", b""));
    let answer = asked.map_err(|error| server.no_answer(error.to_string()))?;
    if answer.status == 200 {
        return Ok(());
    }
    let told = serde_json::from_slice::<serde_json::Value>(&answer.body).ok();
    let reason = told.as_ref().and_then(|told| told.get("reason")).and_then(serde_json::Value::as_str);
    Err(match reason {
        Some(reason) => server.failed(reason),
        None => server.no_answer(format!("status {}", answer.status)),
    })
}
