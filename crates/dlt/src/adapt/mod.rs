//! Sources with something changed: fewer resources, fewer rows, other rows.
//!
//! | what | method | the word in Python dlt |
//! |---|---|---|
//! | only some resources | [`SourceExt::with_resources`] | `with_resources` |
//! | the first rows of each | [`SourceExt::add_limit`] | `add_limit(n, count_rows=True)` |
//! | every row changed | [`SourceExt::add_map`] | `add_map` |
//! | some rows left out | [`SourceExt::add_filter`] | `add_filter` |
//! | each row several | [`SourceExt::add_yield_map`] | `add_yield_map` |
//! | a resource made of another | [`SourceExt::transformer`] | `dlt.transformer` |
//! | how tables are written | [`SourceExt::write_disposition`], [`SourceExt::primary_key`], [`SourceExt::apply_hints`] | `apply_hints` |
//! | what is new | [`SourceExt::with_incremental`] | `dlt.sources.incremental` |
//! | tables in columns changed | [`SourceExt::add_batch_map`] | `add_map` on Arrow |

mod hints;
mod items;
mod limit;
mod select;
mod steps;
mod transformer;

use std::fmt::Display;

use dlt_engine::incremental::Incremental;
use dlt_engine::source::{ExtractContext, Reader, Resource, TableHints};
use dlt_engine::{Error, RecordBatch, Result, Source};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use hints::IntoDisposition;

/// Changes what a source gives. Changes apply in the order in which they are added.
pub trait SourceExt: Source + Sized + 'static {
    /// Reads only these resources. One that the source leaves out by itself can be named too. A run fails before anything
    /// is read if the source has no resource of a name.
    #[must_use]
    fn with_resources<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Adapted {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let what = format!("only {}", names.join(", "));
        let only = Names::Only(names.clone());
        Adapted::new(self, what, only, move |source, context| select::resources(source, context, &names))
    }

    /// Reads at most so many rows of each resource (of one that is loaded incrementally: new rows), and asks the source for no more pages or pieces than they take. Rows
    /// of nested tables do not count.
    #[must_use]
    fn add_limit(self, rows: u64) -> Adapted {
        Adapted::of_resources(self, format!("{rows} rows of each"), None, move |resource| match resource.incremental {
            // Of those that are new, which the engine finds out.
            Some(_) => resource.limit = Some(resource.limit.map_or(rows, |limit| limit.min(rows))),
            None if resource.is_whole => resource.reader = limit::refused(),
            None => {
                let reader = std::mem::replace(&mut resource.reader, Box::new(NoRows));
                resource.reader = limit::limited(reader, rows);
            }
        })
    }

    /// Puts every row of a resource through `change`. A row is what `T` reads of it: `serde_json::Value` reads everything,
    /// but makes floating-point numbers of integers that have more than 64 bits.
    ///
    /// The run fails if a row is not a `T`, or is not JSON (CSV and Parquet files give [`RecordBatch`]es: see
    /// [`SourceExt::add_batch_map`]).
    ///
    /// ```
    /// # use dlt::SourceExt as _;
    /// # use serde_json::Value;
    /// let source = dlt::files(["users.jsonl"]).add_map("users", |mut user: Value| {
    ///     user["email"] = Value::from("hidden");
    ///     user
    /// });
    /// # let _ = source;
    /// ```
    #[must_use]
    fn add_map<T, U, F>(self, resource: impl Into<String>, change: F) -> Adapted
    where
        T: DeserializeOwned,
        U: Serialize,
        F: Fn(T) -> U + Clone + Send + 'static,
    {
        let step = move |row: T| Some([change(row)]);
        Adapted::of_readers(self, "changed rows".to_owned(), Some(resource.into()), move |reader| {
            steps::changed(reader, step.clone())
        })
    }

    /// Reads only the rows of a resource that `keep` returns true for. The others stay as they are, to the letter.
    ///
    /// ```
    /// # use dlt::SourceExt as _;
    /// #[derive(serde::Deserialize)]
    /// struct Order {
    ///     total: f64,
    /// }
    /// let source = dlt::files(["orders.jsonl"]).add_filter("orders", |order: &Order| order.total > 0.0);
    /// # let _ = source;
    /// ```
    #[must_use]
    fn add_filter<T, F>(self, resource: impl Into<String>, keep: F) -> Adapted
    where
        T: DeserializeOwned,
        F: Fn(&T) -> bool + Clone + Send + 'static,
    {
        Adapted::of_readers(self, "some rows".to_owned(), Some(resource.into()), move |reader| {
            steps::filtered(reader, keep.clone())
        })
    }

    /// Makes any number of rows of each row of a resource.
    #[must_use]
    fn add_yield_map<T, U, I, F>(self, resource: impl Into<String>, change: F) -> Adapted
    where
        T: DeserializeOwned,
        U: Serialize,
        I: IntoIterator<Item = U>,
        F: Fn(T) -> I + Clone + Send + 'static,
    {
        let step = move |row: T| Some(change(row));
        Adapted::of_readers(self, "changed rows".to_owned(), Some(resource.into()), move |reader| {
            steps::changed(reader, step.clone())
        })
    }

    /// Puts every piece of a resource that comes in columns (CSV, Parquet, [`crate::batches`]) through `change`.
    #[must_use]
    fn add_batch_map<F>(self, resource: impl Into<String>, change: F) -> Adapted
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Clone + Send + 'static,
    {
        Adapted::of_readers(self, "changed columns".to_owned(), Some(resource.into()), move |reader| {
            steps::changed_columns(reader, change.clone())
        })
    }

    /// Sets how all tables of the source are written: a [`dlt_engine::schema::WriteDisposition`], or a
    /// [`dlt_engine::schema::MergeStrategy`] for a merge by it.
    ///
    /// ```
    /// use dlt::{MergeStrategy, SourceExt as _};
    ///
    /// let source = dlt::files(["orders.jsonl"]).write_disposition(MergeStrategy::Upsert).primary_key(["id"]);
    /// # let _ = source;
    /// ```
    #[must_use]
    fn write_disposition(self, how: impl IntoDisposition) -> Adapted {
        let what = format!("{how:?}");
        Adapted::of_hints(self, what, None, move |hints| how.put_into(hints))
    }

    /// Sets the columns that identify a row, as they are called in the data, for all tables of the source.
    #[must_use]
    fn primary_key<N: Into<String>>(self, columns: impl IntoIterator<Item = N>) -> Adapted {
        let columns: Vec<String> = columns.into_iter().map(Into::into).collect();
        let what = format!("key {}", columns.join(", "));
        Adapted::of_hints(self, what, None, move |hints| hints.primary_key.clone_from(&columns))
    }

    /// Changes what is known of the tables of one resource.
    #[must_use]
    fn apply_hints(self, resource: impl Into<String>, change: impl Fn(&mut TableHints) + Send + 'static) -> Adapted {
        Adapted::of_hints(self, "hints".to_owned(), Some(resource.into()), change)
    }

    /// Loads what is new of one resource, told by a cursor.
    #[must_use]
    fn with_incremental(self, resource: impl Into<String>, incremental: Incremental) -> Adapted {
        let what = "what is new".to_owned();
        Adapted::of_resources(self, what, Some(resource.into()), move |resource| {
            resource.incremental = Some(incremental.clone());
        })
    }

    /// Adds a resource whose rows are made of the rows of another, `of`: details of each user, say. `make` may fail; the
    /// run then does. Both are loaded; [`SourceExt::with_resources`] leaves one of them out.
    ///
    /// ```
    /// # use dlt::SourceExt as _;
    /// # fn get_posts(user: u32) -> std::io::Result<Vec<serde_json::Value>> { Ok(vec![]) }
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct User {
    ///     id: u32,
    /// }
    /// let users = dlt::rows("users", [User { id: 1 }, User { id: 2 }]);
    /// let source = users.transformer("users", "posts", |user: User| get_posts(user.id));
    /// # let _ = source;
    /// ```
    #[must_use]
    fn transformer<T, U, I, E, F>(self, of: impl Into<String>, name: impl Into<String>, make: F) -> Adapted
    where
        T: DeserializeOwned,
        U: Serialize,
        I: IntoIterator<Item = U>,
        E: Display,
        F: Fn(T) -> std::result::Result<I, E> + Clone + Send + 'static,
    {
        let (of, name) = (of.into(), name.into());
        let names = Names::Plus(name.clone());
        Adapted::new(self, format!("{name} of {of}"), names, move |source, context| {
            transformer::resources(source, context, &of, &name, &make)
        })
    }
}

impl<S: Source + Sized + 'static> SourceExt for S {}

type Open = Box<dyn FnMut(&mut dyn Source, &ExtractContext) -> Result<Vec<Resource>> + Send>;

/// A source with something changed: see [`SourceExt`].
pub struct Adapted {
    source: Box<dyn Source>,
    what: String,
    names: Names,
    open: Open,
}

/// The names of its resources.
enum Names {
    Same,
    Only(Vec<String>),
    Plus(String),
}

impl Adapted {
    fn new(
        source: impl Source + 'static,
        what: String,
        names: Names,
        open: impl FnMut(&mut dyn Source, &ExtractContext) -> Result<Vec<Resource>> + Send + 'static,
    ) -> Self {
        Self { source: Box::new(source), what, names, open: Box::new(open) }
    }

    /// With the readers of one resource, or of all, changed.
    fn of_readers(
        source: impl Source + 'static,
        what: String,
        of: Option<String>,
        change: impl Fn(Box<dyn Reader>) -> Box<dyn Reader> + Send + 'static,
    ) -> Self {
        Self::of_resources(source, what, of, move |resource| {
            let reader = std::mem::replace(&mut resource.reader, Box::new(NoRows));
            resource.reader = change(reader);
        })
    }

    /// With the hints of one resource, or of all, changed.
    fn of_hints(
        source: impl Source + 'static,
        what: String,
        of: Option<String>,
        change: impl Fn(&mut TableHints) + Send + 'static,
    ) -> Self {
        Self::of_resources(source, what, of, move |resource| change(&mut resource.hints))
    }

    fn of_resources(
        source: impl Source + 'static,
        what: String,
        of: Option<String>,
        change: impl Fn(&mut Resource) + Send + 'static,
    ) -> Self {
        let what = match &of {
            Some(name) => format!("{what} of {name}"),
            None => what,
        };
        Self::new(source, what, Names::Same, move |source, context| {
            let mut resources = source.resources(context)?;
            let is_meant = |resource: &Resource| of.as_ref().is_none_or(|of| *of == resource.name);
            if !resources.iter().any(is_meant)
                && let Some(of) = &of
                // One that is there and not to be read this time.
                && context.selection.is_none()
            {
                return Err(select::unknown(of, resources.iter().map(|resource| resource.name.as_str())));
            }
            resources.iter_mut().filter(|resource| is_meant(resource)).for_each(&change);
            Ok(resources)
        })
    }
}

impl Source for Adapted {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn identity(&self) -> String {
        format!("{} ({})", self.source.identity(), self.what)
    }

    fn is_replayable(&self) -> bool {
        self.source.is_replayable()
    }

    fn fingerprint(&self) -> String {
        self.source.fingerprint()
    }

    fn check(&self) -> Result<()> {
        self.source.check()
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        let known = self.source.resource_names()?;
        Ok(match &self.names {
            Names::Same => known,
            Names::Only(names) => Some(names.clone()),
            Names::Plus(name) => known.map(|known| [known, vec![name.clone()]].concat()),
        })
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        (self.open)(self.source.as_mut(), context)
    }

    fn explain(&self, error: Error) -> Error {
        self.source.explain(error)
    }
}

/// A reader that is at its end.
struct NoRows;

impl Reader for NoRows {
    fn next_chunk(&mut self) -> Result<Option<dlt_engine::source::Chunk>> {
        Ok(None)
    }
}
