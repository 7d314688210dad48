//! Questions in SQL, by the operator. The answer is bytes of Arrow's stream format, whether they cross a socket or not.

use arrow::record_batch::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use dlt_engine::destination::Access;
use dlt_engine::{Error as EngineError, ErrorKind, relabel_utc};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::store::Store;

/// Longest question, in bytes.
pub(crate) const MAX_QUESTION: usize = 256 << 10;
/// Most bytes of an answer: it is gathered in memory.
const MAX_ANSWER: usize = 64 << 20;

/// Why a question has no answer, as it crosses the socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unanswered {
    pub(crate) message: String,
    pub(crate) advice: Option<String>,
    pub(crate) is_wrong: bool,
}

impl From<Unanswered> for Error {
    fn from(told: Unanswered) -> Self {
        Self::Question { message: told.message, advice: told.advice, is_wrong: told.is_wrong }
    }
}

impl From<EngineError> for Unanswered {
    fn from(error: EngineError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self { message, advice: error.advice().map(str::to_owned), is_wrong: error.kind() == ErrorKind::Config }
    }
}

/// Answers a question from what is loaded, beside a loader at work. Ends when there are `rows` rows, if that is said.
pub(crate) fn answer(store: &dyn Store, sql: &str, rows: Option<u64>) -> Result<Vec<u8>, Unanswered> {
    if sql.trim().is_empty() {
        let error = EngineError::new(ErrorKind::Config, "the query is empty");
        return Err(error.hint("write one, such as: SELECT event, count(*) FROM events GROUP BY event").into());
    }
    let none = || {
        let error = EngineError::new(ErrorKind::Destination, "there are no tables yet");
        Unanswered::from(error.hint("they are made when the first events are loaded"))
    };
    if !store.exists() {
        return Err(none());
    }
    // As the loader opens it: it could not load what this process has open for reading alone.
    let mut held = match store.open(Access::Write) {
        Err(error) if error.kind() == ErrorKind::DestinationBusy => None,
        opened => Some(opened?),
    };
    if let Some(held) = &mut held {
        if !held.exist()? {
            return Err(none());
        }
        held.make_room()?;
    }
    let mut tables = store.open(Access::Read)?;
    let mut written: Option<StreamWriter<Vec<u8>>> = None;
    let mut left = rows.unwrap_or(u64::MAX);
    let is_enough = || EngineError::new(ErrorKind::Internal, "enough was read");
    let asked = tables.ask(sql, &mut |batch: RecordBatch| {
        let fitting = usize::try_from(left).unwrap_or(usize::MAX).min(batch.num_rows());
        // Databases call the zone of moments otherwise than those who read the answer.
        let batch = relabel_utc(&batch.slice(0, fitting))?;
        left -= fitting as u64;
        let failed = |error| EngineError::new(ErrorKind::Internal, "the answer cannot be written").because(error);
        let stream = match &mut written {
            Some(stream) => stream,
            None => written.insert(StreamWriter::try_new(Vec::new(), &batch.schema()).map_err(failed)?),
        };
        stream.write(&batch).map_err(failed)?;
        if stream.get_ref().len() > MAX_ANSWER {
            let error = EngineError::new(ErrorKind::Config, "the answer has more than 64 MiB");
            return Err(error.hint("ask for less, or query a copy of the tables"));
        }
        if left == 0 { Err(is_enough()) } else { Ok(()) }
    });
    match asked {
        Err(error) if !(left == 0 && error.kind() == ErrorKind::Internal) => return Err(error.into()),
        _ => {}
    }
    let bytes = written.map(StreamWriter::into_inner).transpose();
    let failed = |error| EngineError::new(ErrorKind::Internal, "the answer cannot be written").because(error);
    Ok(bytes.map_err(failed)?.unwrap_or_default())
}

/// The rows of an answer, one batch at least.
pub(crate) fn batches(bytes: &[u8]) -> Result<Vec<RecordBatch>, Error> {
    let read = || {
        let reader = StreamReader::try_new(bytes, None)?;
        let schema = reader.schema();
        let mut batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok::<_, arrow::error::ArrowError>(batches)
    };
    read().map_err(|error| Error::Question {
        message: format!("the answer can't be read: {error}"),
        advice: None,
        is_wrong: false,
    })
}
