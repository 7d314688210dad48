//! The destination and its connections.

use crate::load::{Load, Seen};
use crate::names::{MAX_NAME, Place, quote};
use crate::query;
use crate::stored;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dlt_engine::destination::{
    Access, Capabilities, Concurrency, Connection, Destination, Handover, Parameter, ReplaceStrategy, Stored,
    Transaction,
};
use dlt_engine::digest::name_digest;
use dlt_engine::{Error, ErrorKind, Result};
use dlt_postgres::{Address, Client};

/// Columns of a table.
const MAX_COLUMNS: usize = 1600;

/// A database of a Postgres server. A dataset is a schema in it.
#[derive(Clone, Debug)]
pub struct Postgres {
    address: Address,
    name: Option<String>,
    create_indexes: bool,
}

impl Postgres {
    /// The database at an address; what it does not say is taken from libpq's variables (`PGHOST`, `PGPASSWORD` …) and password
    /// file when something is loaded or read.
    pub fn at(address: Address) -> Self {
        Self { address, name: None, create_indexes: true }
    }

    /// The database of a URL: `postgresql://user:password@host:port/database?sslmode=require`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no such URL.
    pub fn from_url(url: &str) -> Result<Self> {
        Ok(Self::at(Address::from_url(url)?))
    }

    /// Gives it a name of the user's own, as it is told in reports.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether columns with the hint `unique`, and with it the ids of rows, get a unique index, as Python dlt makes them. Default:
    /// true. Without, loads are faster.
    #[must_use]
    pub fn create_indexes(mut self, create: bool) -> Self {
        self.create_indexes = create;
        self
    }

    /// With what the environment says of it, as far as that can be read.
    fn completed(&self) -> Result<Address> {
        self.address.clone().completed(&|name| std::env::var(name).ok())
    }
}

impl Destination for Postgres {
    fn type_name(&self) -> &str {
        "postgres"
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("postgres")
    }

    fn fingerprint(&self) -> String {
        let address = self.completed().unwrap_or_else(|_| self.address.clone());
        address.get("host").map(name_digest).unwrap_or_default()
    }

    fn location(&self) -> String {
        let address = self.completed().unwrap_or_else(|_| self.address.clone());
        format!("postgresql://{}", address.shown())
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new();
        capabilities.max_identifier_length = MAX_NAME;
        capabilities.max_columns = MAX_COLUMNS;
        capabilities.concurrency = Concurrency::Turns;
        capabilities.keys_within = true;
        capabilities.replace_strategies = &ReplaceStrategy::ALL;
        capabilities
    }

    fn handover(&self) -> Result<Handover> {
        let address = self.completed()?;
        // Where a password file is does not matter: the password in it is there.
        let parameters = address.parameters().filter(|(name, _)| *name != "passfile").map(|(name, value)| Parameter {
            name,
            value: value.to_owned(),
            is_secret: name == "password",
            variable: Address::variable_of(name),
        });
        Ok(Handover { parameters: parameters.collect() })
    }

    fn connect(&self, dataset: &str, access: Access) -> Result<Box<dyn Connection>> {
        let place = Place::new(dataset)?;
        let client = Client::connect(&self.completed()?)?;
        Ok(Box::new(Open { client, place, access, create_indexes: self.create_indexes, seen: None }))
    }
}

struct Open {
    client: Client,
    place: Place,
    access: Access,
    create_indexes: bool,
    seen: Option<Seen>,
}

impl Connection for Open {
    fn stored(&mut self, pipeline: &str, schema: &str) -> Result<Stored> {
        let stored = stored::read(&mut self.client, &self.place, pipeline, schema)?;
        self.seen = Some(Seen { pipeline: pipeline.to_owned(), schema: schema.to_owned(), stored: stored.clone() });
        Ok(stored)
    }

    fn is_loaded(&mut self, load_id: &str) -> Result<bool> {
        stored::is_loaded(&mut self.client, &self.place, load_id)
    }

    fn begin<'a>(&'a mut self) -> Result<Box<dyn Transaction + 'a>> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::Internal, "a load needs a connection that may write"));
        }
        let seen = self.seen.take();
        Ok(Box::new(Load::begin(&mut self.client, &self.place, self.create_indexes, seen.as_ref())?))
    }

    fn tables(&mut self) -> Result<Vec<String>> {
        query::tables(&mut self.client, &self.place)
    }

    fn query(&mut self, sql: &str, on_batch: &mut dyn FnMut(&SchemaRef, RecordBatch) -> Result<()>) -> Result<()> {
        query::run(&mut self.client, &self.place, self.access, sql, on_batch)
    }

    fn quote(&self, identifier: &str) -> String {
        quote(identifier)
    }
}
