//! Reads a source as the engine does.

use dlt_engine::source::{Chunk, ExtractContext, Resource, Source};
use dlt_engine::{Error, RecordBatch, Result, relabel_utc, rows_of};
use dlt_source_sql_database::SqlDatabase;
use serde_json::Value;

/// What a resource gave.
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Read {
    /// Rows as JSON objects, as text.
    pub(crate) fn rows(&self) -> Vec<String> {
        let rows = self.batches.iter().flat_map(|batch| rows_of(&relabel_utc(batch).unwrap()).unwrap());
        rows.map(|row| Value::Object(row).to_string()).collect()
    }

    /// Arrow types of the columns of each batch.
    pub(crate) fn types(&self) -> Vec<Vec<String>> {
        let types = |batch: &RecordBatch| {
            batch.schema().fields().iter().map(|field| field.data_type().to_string()).collect::<Vec<_>>()
        };
        self.batches.iter().map(types).collect()
    }

    /// The values of a column, as text.
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        let rows = self.batches.iter().flat_map(|batch| rows_of(&relabel_utc(batch).unwrap()).unwrap());
        rows.map(|row| row[name].to_string().trim_matches('"').to_owned()).collect()
    }
}

/// Opens the resources of a new run.
pub(crate) fn open(source: &SqlDatabase) -> Result<Vec<Resource>> {
    source.clone().resources(&ExtractContext::default())
}

/// Reads everything.
pub(crate) fn read(source: &SqlDatabase) -> Result<Vec<Read>> {
    open(source)?.into_iter().map(drain).collect()
}

/// Reads the one resource that there is.
pub(crate) fn read_one(source: &SqlDatabase) -> Read {
    let mut all = read(source).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub(crate) fn drain(mut resource: Resource) -> Result<Read> {
    let mut batches = Vec::new();
    while let Some(chunk) = resource.reader.next_chunk()? {
        match chunk {
            Chunk::Arrow(chunk) => batches.push(chunk.batch),
            Chunk::Json(_) => panic!("rows of a database come in columns"),
        }
    }
    Ok(Read { name: resource.name, batches })
}

/// The error of a run, wherever it shows.
pub(crate) fn failure(source: &SqlDatabase) -> Error {
    read(source).err().expect("the run fails")
}

/// What a person is told of an error, with its hint and its causes.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!("; {inner}"));
        cause = inner.source();
    }
    format!("{text}; {}", error.advice().unwrap_or_default())
}
