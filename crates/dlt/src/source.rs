//! Sources of plain data: its tables belong to the default schema of the pipeline, which is named after it.

use std::path::PathBuf;

use dlt_engine::source::{DeclaredResource, ExtractContext, Resource};
use dlt_engine::{Error, RecordBatch, Result, Source};
use dlt_sources::{Batches, Files, Rows};
use futures_core::Stream;
use serde::Serialize;

use crate::stream::Blocking;

/// A source of one table from an iterator of serialisable values.
///
/// The iterator is pulled while the run goes on and never collected. Values that serialise to objects become rows,
/// anything else a row with the one column `value`.
pub fn rows<I>(table: impl Into<String>, items: I) -> Rows<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Serialize,
    I::IntoIter: Send + 'static,
{
    dlt_sources::rows(table, items).named("")
}

/// A source of one table from a stream of serialisable values: [`rows`], for what arrives by and by.
///
/// The stream is polled on a thread of the run. One that needs a runtime (sockets and timers of tokio) has to get it
/// from elsewhere: spawn what produces the values, and give the receiver of its channel here.
pub fn stream<S>(table: impl Into<String>, items: S) -> Rows<Blocking<S>>
where
    S: Stream + Send + 'static,
    S::Item: Serialize,
{
    rows(table, Blocking::new(items))
}

/// A source of one table from an iterator of record batches.
pub fn batches<I>(table: impl Into<String>, items: I) -> Batches<I::IntoIter>
where
    I: IntoIterator<Item = RecordBatch>,
    I::IntoIter: Send + 'static,
{
    dlt_sources::batches(table, items).named("")
}

/// A source of files: JSON, JSON Lines, CSV and Parquet, by path, folder or glob; `-` is standard input.
///
/// Each file becomes a table of its name, unless [`Files::table`] puts all of them into one.
pub fn files<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Files {
    dlt_sources::files(paths).named("")
}

/// A source of any kind, chosen when the program runs.
pub struct AnySource(Box<dyn Source>);

impl AnySource {
    /// Takes a source.
    pub fn new(source: impl Source + 'static) -> Self {
        Self(Box::new(source))
    }

    pub(crate) fn boxed(source: Box<dyn Source>) -> Self {
        Self(source)
    }
}

impl Source for AnySource {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }

    fn is_replayable(&self) -> bool {
        self.0.is_replayable()
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    fn check(&self) -> Result<()> {
        self.0.check()
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        self.0.resource_names()
    }

    fn declared(&self) -> Result<Option<Vec<DeclaredResource>>> {
        self.0.declared()
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        self.0.resources(context)
    }

    fn explain(&self, error: Error) -> Error {
        self.0.explain(error)
    }
}
