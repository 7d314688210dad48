//! What a pipeline takes for a source.

use dlt_engine::schema::WriteDisposition;
use dlt_engine::source::{Resource, SourceState, TableHints};
use dlt_engine::{Result, Source};
use serde::Serialize;

/// Something that a pipeline can load: every [`Source`], and [`rows`].
pub trait IntoSource {
    /// What it becomes.
    type Source: Source;

    /// The source; `schema` is the name for one that has none of its own.
    fn into_source(self, schema: &str) -> Self::Source;
}

impl<S: Source> IntoSource for S {
    type Source = S;

    fn into_source(self, _: &str) -> S {
        self
    }
}

/// A source of any kind.
pub struct AnySource(Box<dyn Source>);

impl AnySource {
    /// Takes a source.
    pub fn new(source: impl Source + 'static) -> Self {
        Self(Box::new(source))
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

    fn resources(&mut self, state: &SourceState) -> Result<Vec<Resource>> {
        self.0.resources(state)
    }
}

/// A source of one table from an iterator of serialisable values; its schema is named after the pipeline.
///
/// The iterator is pulled while the run goes on and never collected. Values that serialise to objects become rows,
/// anything else a row with the one column `value`.
pub fn rows<I>(table: impl Into<String>, items: I) -> Rows<I::IntoIter>
where
    I: IntoIterator,
    I::Item: Serialize,
    I::IntoIter: Send + 'static,
{
    Rows(dlt_sources::rows(table, items))
}

/// See [`rows`].
#[derive(Clone, Debug)]
pub struct Rows<I>(dlt_sources::Rows<I>);

impl<I> Rows<I> {
    /// Sets what is known of the table beforehand: write disposition, primary key, nesting, types.
    #[must_use]
    pub fn with_hints(self, hints: TableHints) -> Self {
        Self(self.0.with_hints(hints))
    }

    /// Sets what happens to rows that the table holds already; default: rows are added.
    #[must_use]
    pub fn disposition(mut self, disposition: WriteDisposition) -> Self {
        self.0.hints_mut().disposition = disposition;
        self
    }
}

impl<I> IntoSource for Rows<I>
where
    I: Iterator + Send + 'static,
    I::Item: Serialize,
{
    type Source = dlt_sources::Rows<I>;

    fn into_source(self, schema: &str) -> Self::Source {
        self.0.named(schema)
    }
}
