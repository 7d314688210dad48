//! The destination and its connections.

use crate::bucket::Staging;
use crate::dataset::{Dataset, file_of, files_of};
use crate::dialect::{Dialect, literal, quote};
use crate::driver;
use crate::failure::explain_connect;
use crate::link::Link;
use crate::load::Load;
use crate::place;
use crate::query;
use crate::result::OnBatch;
use adbc_core::options::{OptionDatabase, OptionValue};
use adbc_core::{Database as _, Driver as _};
use dlt_engine::destination::{Access, Capabilities, Connection, Destination, Stored, Transaction};
use dlt_engine::schema::{LOADS_TABLE, STATE_TABLE, VERSION_TABLE};
use dlt_engine::{Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A database that is reached by an ADBC driver, which is a library of its own, loaded when the first connection is opened.
///
/// A dataset is a schema; of SQLite it is a file beside the one that is named: `shop__DATASET.db` beside `shop.db`.
#[derive(Clone)]
pub struct Adbc {
    driver: String,
    uri: Option<String>,
    options: Vec<(String, String)>,
    dialect: Dialect,
    staging: Option<Arc<Staging>>,
    name: Option<String>,
}

impl Adbc {
    /// The database of a driver: by its name (`sqlite`, `postgresql`), or by the path of its library.
    pub fn new(driver: impl Into<String>) -> Self {
        let driver = driver.into();
        let dialect = Dialect::of_driver(&driver);
        Self { driver, uri: None, options: Vec::new(), dialect, staging: None, name: None }
    }

    /// Says which database: a file of SQLite, else a connection string as the driver takes it. It is never shown with a
    /// password.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = Some(uri.into());
        self
    }

    /// Sets an option of the driver's own. Its value is never shown.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((key.into(), value.into()));
        self
    }

    /// Has new rows go by way of files in a store.
    ///
    /// `copy` is the statement by which the database takes one: `{table}` stands for the table and `{url}` for the file, which
    /// is written within quotes: `COPY {table} FROM '{url}' (FORMAT parquet)`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if something is missing in the statement, or the database is one that takes no files.
    pub fn staging(mut self, at: Address, credentials: Credentials, copy: impl Into<String>) -> Result<Self> {
        if self.dialect != Dialect::Ansi {
            let what = format!("{} takes no files of a store", self.dialect.database());
            return Err(Error::new(ErrorKind::Config, what).hint(
                "leave `staging` out; a warehouse that only speaks as PostgreSQL does is told by dialect = \"ansi\"",
            ));
        }
        let staging = Staging::new(at, credentials, copy.into()).map_err(|why| {
            Error::new(ErrorKind::Config, format!("the statement that takes a staged file {why}"))
                .hint("write such as: copy = \"COPY {table} FROM '{url}' (FORMAT parquet)\"")
        })?;
        self.staging = Some(Arc::new(staging));
        Ok(self)
    }

    /// Gives it a name of the user's own, as it is told in reports.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(crate) fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The file of an SQLite database, by its absolute path; `None` for other databases.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the URI names no file.
    pub fn file(&self) -> Result<Option<PathBuf>> {
        match self.dialect {
            Dialect::Sqlite => place::sqlite_file(Path::new(self.uri.as_deref().unwrap_or_default())).map(Some),
            Dialect::Postgres | Dialect::Ansi => Ok(None),
        }
    }

    fn open(&self, uri: Option<String>) -> Result<Link> {
        let mut driver = driver::load(&self.driver)?;
        let options = uri.map(|uri| (OptionDatabase::Uri, OptionValue::from(uri)));
        let own = self.options.iter().map(|(key, value)| (OptionDatabase::from(key.as_str()), value.as_str().into()));
        let failed = |error| explain_connect(&self.place(), &error, self.dialect);
        let database = driver.new_database_with_opts(options.into_iter().chain(own)).map_err(failed)?;
        Ok(Link::new(database.new_connection().map_err(failed)?, self.dialect, self.staging.clone()))
    }

    /// Where it is, for messages.
    fn place(&self) -> String {
        match (self.dialect, self.uri.as_deref().map(place::public).filter(|shown| !shown.is_empty())) {
            (Dialect::Sqlite, _) => format!("the database {}", self.uri.as_deref().unwrap_or_default()),
            (_, Some(shown)) => shown,
            (_, None) => format!("the database of the ADBC driver `{}`", self.driver),
        }
    }

    fn connect_to_file(&self, database: &Path, dataset: &str, access: Access) -> Result<Link> {
        let file = file_of(database, dataset);
        let doing = format!("open {}", file.display());
        let is_there = file.exists();
        if access == Access::Read && !is_there && !self.is_there() {
            let what = format!("there is no database {}", database.display());
            return Err(
                Error::new(ErrorKind::Destination, what).hint("load something into it first, or name another file")
            );
        }
        if file.is_dir() {
            return Err(Error::new(ErrorKind::Destination, format!("cannot {doing}: it is a folder"))
                .hint("name the path of a file"));
        }
        // What is not there is not made by a reader.
        let opened = if is_there || access == Access::Write { text_of(&file)? } else { ":memory:" };
        let link = self.open(Some(opened.to_owned()))?;
        link.execute(&doing, "PRAGMA busy_timeout = 5000")?;
        // The first look into the file tells what it is.
        let tables = link.number(&doing, "SELECT count(*) FROM main.sqlite_master")?;
        if access == Access::Read {
            link.execute(&doing, "PRAGMA query_only = ON")?;
            if is_there && dataset != "main" {
                // Its tables may be named with the dataset before them.
                link.execute(&doing, &format!("ATTACH {} AS {}", literal(opened), quote(dataset)))?;
            }
            return Ok(link);
        }
        if tables == 0 {
            // As Python dlt makes its files: readers do not wait for a load. Where the disk cannot do it, they do.
            let _ = link.run("PRAGMA main.journal_mode = WAL");
        }
        let staged = file_of(database, &format!("{dataset}_staging"));
        if staged.exists() {
            link.execute(&doing, &format!("ATTACH {} AS _dlt_staging", literal(text_of(&staged)?)))?;
        }
        Ok(link)
    }

    fn connect_to_server(&self, dataset: &str) -> Result<Link> {
        let uri = self.uri.clone().map(|uri| match self.dialect {
            Dialect::Postgres => place::with_timeout(&uri),
            Dialect::Sqlite | Dialect::Ansi => uri,
        });
        let link = self.open(uri)?;
        if self.dialect == Dialect::Postgres {
            link.execute("open the dataset", &format!("SET search_path TO {}", quote(dataset)))?;
        }
        Ok(link)
    }
}

fn text_of(file: &Path) -> Result<&str> {
    file.to_str().ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("the path {} is not UTF-8", file.display())).hint("name another file")
    })
}

impl fmt::Debug for Adbc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Adbc({})", self.location())
    }
}

impl Destination for Adbc {
    fn type_name(&self) -> &str {
        "adbc"
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("adbc")
    }

    fn stored_type(&self) -> String {
        // What Python dlt loads into such a database by.
        match self.dialect {
            Dialect::Postgres => "dlt.destinations.postgres".to_owned(),
            Dialect::Sqlite | Dialect::Ansi => "dlt.destinations.sqlalchemy".to_owned(),
        }
    }

    fn location(&self) -> String {
        let place = match self.file() {
            Ok(Some(file)) => file.display().to_string(),
            _ => self.uri.as_deref().map(place::public).unwrap_or_default(),
        };
        match place.as_str() {
            "" => format!("adbc:{}", self.driver),
            place => format!("adbc:{}:{place}", self.driver),
        }
    }

    fn is_there(&self) -> bool {
        match self.file() {
            Ok(Some(file)) => file.exists() || !files_of(&file).is_empty(),
            _ => true,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.max_identifier_length = self.dialect.max_identifier_length();
        capabilities.max_columns = self.dialect.max_columns();
        capabilities
    }

    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        if dataset.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a dataset needs a name"));
        }
        let file = self.file()?;
        let link = match &file {
            Some(_) if dataset == "temp" || dataset.contains(['/', '\\', '\0']) => {
                let what = format!("a dataset of SQLite cannot be named `{dataset}`");
                return Err(Error::new(ErrorKind::Config, what).hint("give it another name"));
            }
            Some(file) => self.connect_to_file(file, dataset, access)?,
            None => self.connect_to_server(dataset)?,
        };
        let dataset = Dataset { name: dataset.to_owned(), dialect: self.dialect };
        Ok(Box::new(Client { link, dataset, file, access }))
    }
}

struct Client {
    link: Link,
    dataset: Dataset,
    file: Option<PathBuf>,
    access: Access,
}

impl Client {
    fn has_table(&self, table: &str) -> Result<bool> {
        let rows = self.link.rows("look up the dataset", &self.dataset.dialect.tables_sql(&self.dataset.name))?;
        Ok(rows.iter().flatten().flatten().any(|name| name == table))
    }
}

impl Connection for Client {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        let mut stored = Stored::default();
        if self.has_table(VERSION_TABLE)? {
            let sql = format!(
                "SELECT schema FROM {} WHERE schema_name = {} ORDER BY inserted_at DESC, version DESC LIMIT 1",
                self.dataset.table(VERSION_TABLE),
                literal(schema)
            );
            stored.schema = self.link.first("read the stored schema", &sql)?;
        }
        if self.has_table(STATE_TABLE)? && self.has_table(LOADS_TABLE)? {
            // Load ids are compared as text by all who share the dataset.
            let sql = format!(
                "SELECT s.state FROM {} AS s JOIN {} AS l ON l.load_id = s._dlt_load_id \
                 WHERE s.pipeline_name = {} AND l.status = 0 ORDER BY l.load_id DESC, s.version DESC LIMIT 1",
                self.dataset.table(STATE_TABLE),
                self.dataset.table(LOADS_TABLE),
                literal(pipeline)
            );
            stored.state = self.link.first("read the stored state", &sql)?;
        }
        Ok(stored)
    }

    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        if !self.has_table(LOADS_TABLE)? {
            return Ok(false);
        }
        let sql = format!(
            "SELECT count(*) FROM {} WHERE load_id = {} AND status = 0",
            self.dataset.table(LOADS_TABLE),
            literal(load_id)
        );
        Ok(self.link.number("look up the load", &sql)? > 0)
    }

    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::Internal, "a load needs a connection that may write"));
        }
        Ok(Box::new(Load::begin(&self.link, &self.dataset)?))
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        query::tables(&self.link, &self.dataset, self.file.as_deref())
    }

    fn query(&mut self, sql: &str, on_batch: OnBatch<'_>) -> Result<()> {
        query::run(&self.link, &self.dataset, self.file.as_deref(), self.access, sql, on_batch)
    }

    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }
}
