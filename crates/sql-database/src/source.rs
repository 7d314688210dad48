//! The source: which tables are read, and how.

use crate::address::Address;
use crate::ahead::{Ahead, Open, State};
use crate::choice::{is_pattern, meant};
use crate::connect::connect;
use crate::failure::config;
use crate::plan::{self, Plan};
use crate::session::Session;
use crate::settings::Settings;
use crate::table::{Level, SqlTable};
use dlt_engine::incremental::Incremental;
use dlt_engine::source::{DeclaredResource, ExtractContext, Resource, Source, TableHints};
use dlt_engine::{Error, ErrorKind, Notice, Result};
use std::sync::Arc;

/// A source of the tables and views of a database: `sqlite:FILE`, `duckdb:FILE`, `mysql://…` (MariaDB too) or
/// `postgres://…`.
///
/// Without more all tables are loaded, each under its own name; primary keys and types are those of the database. What is
/// wrong with the address is told by the first run.
///
/// ```
/// use dlt_engine::incremental::Incremental;
/// use dlt_source_sql_database::{SqlTable, sql_database};
///
/// let shop = sql_database("mysql://reader@localhost/shop")
///     .table(SqlTable::new("orders").incremental(Incremental::new("updated_at")))
///     .table(SqlTable::query("totals", "SELECT customer, sum(price) AS price FROM orders GROUP BY customer"));
/// # let _ = shop;
/// ```
pub fn sql_database(address: &str) -> SqlDatabase {
    SqlDatabase::new(Address::parse(address).map_err(|error| Wrong::of(&error)))
}

/// What is wrong with an address.
#[derive(Clone, Debug)]
struct Wrong {
    message: String,
    hint: String,
}

impl Wrong {
    fn of(error: &Error) -> Self {
        Self { message: error.to_string(), hint: error.advice().unwrap_or_default().to_owned() }
    }
}

/// See [`sql_database`].
#[derive(Clone, Debug)]
pub struct SqlDatabase {
    name: String,
    address: Result<Address, Wrong>,
    pub(crate) settings: Settings,
}

impl SqlDatabase {
    fn new(address: Result<Address, Wrong>) -> Self {
        Self { name: "sql_database".to_owned(), address, settings: Settings::default() }
    }

    pub(crate) fn at(address: Address) -> Self {
        Self::new(Ok(address))
    }

    /// A source whose address is not known yet; the first use tells this error.
    pub(crate) fn without_address(error: &Error) -> Self {
        Self::new(Err(Wrong::of(error)))
    }

    /// Sets the name of the source, and of its schema; default `sql_database`.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the schema of the database whose tables are loaded; default the one that the user's connection has.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.settings.schema = Some(schema.into());
        self
    }

    /// Adds a table, view or query. Without any all tables are loaded.
    #[must_use]
    pub fn table(mut self, table: SqlTable) -> Self {
        self.settings.tables.push(table);
        self
    }

    /// Adds tables by their names; `*` and `?` stand for any letters and for one.
    #[must_use]
    pub fn table_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.tables.extend(names.into_iter().map(SqlTable::new));
        self
    }

    /// Loads views, too, where no names are given, or patterns. A view that is named is always loaded.
    #[must_use]
    pub fn include_views(mut self, include: bool) -> Self {
        self.settings.include_views = include;
        self
    }

    /// Sets how many rows a batch has at most; default 50000. A batch ends at 8 MiB, too.
    #[must_use]
    pub fn chunk_size(mut self, rows: usize) -> Self {
        self.settings.chunk_size = rows.max(1);
        self
    }

    /// Sets how much of the columns' types goes into the schema; default [`Level::Full`].
    #[must_use]
    pub fn reflection_level(mut self, level: Level) -> Self {
        self.settings.level = level;
        self
    }

    /// Makes tables as Python dlt does by `backend = "pyarrow"`: with [`Level::Minimal`] JSON stays JSON. Rows have ids all the same,
    /// which a run says. Default no.
    #[must_use]
    pub fn as_pyarrow(mut self, is_pyarrow: bool) -> Self {
        self.settings.is_pyarrow = is_pyarrow;
        self
    }

    /// Puts foreign keys into the schema, as references between tables; default no.
    #[must_use]
    pub fn resolve_foreign_keys(mut self, resolve: bool) -> Self {
        self.settings.resolve_foreign_keys = resolve;
        self
    }

    /// Sets what holds for all tables that say nothing else themselves.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.settings.hints = hints;
        self
    }

    /// Loads of all tables, which need this column, what is new.
    #[must_use]
    pub fn incremental(mut self, incremental: Incremental) -> Self {
        self.settings.incremental = Some(incremental);
        self
    }

    fn address(&self) -> Result<&Address> {
        self.address.as_ref().map_err(|wrong| config(&wrong.message, &wrong.hint))
    }

    fn connect(&self) -> Result<Box<dyn Session>> {
        connect(self.address()?)
    }

    /// The tables and queries to read, each with what is said of it.
    fn chosen(&self, session: &mut dyn Session) -> Result<Vec<SqlTable>> {
        let place = self.address()?.to_string();
        let (mut listed, mut left_out) = (Vec::new(), Vec::new());
        if self.settings.tables.is_empty() || self.settings.tables.iter().any(|table| table.query.is_none()) {
            listed = session.list(self.settings.schema.as_deref())?;
        }
        let all = [SqlTable::new("*")];
        let wanted = if self.settings.tables.is_empty() { all.as_slice() } else { self.settings.tables.as_slice() };
        let mut chosen: Vec<SqlTable> = Vec::new();
        for wish in wanted {
            if wish.query.is_some() {
                if chosen.iter().any(|known| known.name == wish.name) {
                    let message = format!("{place}: two tables are to be loaded as `{}`", wish.name);
                    return Err(config(message, "give the query another name"));
                }
                chosen.push(wish.clone());
                continue;
            }
            if self.settings.tables.is_empty()
                && listed.iter().all(|table| table.is_view)
                && !self.settings.include_views
            {
                return Err(nothing(&place, listed.len()));
            }
            for table in meant(&wish.name, &listed, self.settings.include_views, &place)? {
                let is_named = wanted.iter().any(|other| other.name == table.name) && is_pattern(&wish.name);
                if is_named || chosen.iter().any(|known| known.query.is_none() && known.name == table.name) {
                    continue;
                }
                // Tables of the dataset contract are no data, unless somebody names them.
                if is_pattern(&wish.name) && table.name.starts_with("_dlt_") {
                    left_out.push(table.name.clone());
                    continue;
                }
                chosen.push(SqlTable { name: table.name.clone(), ..wish.clone() });
            }
        }
        for table in &mut chosen {
            plan::inherit(table, &self.settings.hints, self.settings.incremental.as_ref());
        }
        if chosen.is_empty() {
            return Err(nothing(&place, left_out.len()));
        }
        Ok(chosen)
    }
}

fn nothing(place: &str, others: usize) -> Error {
    let hint = match others {
        0 => "`schema` names another schema; a user sees the tables that it may read",
        _ => "`include_views` loads views, too",
    };
    Error::new(ErrorKind::Config, format!("{place}: there are no tables to load")).hint(hint)
}

impl Source for SqlDatabase {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> String {
        let place = self.address.as_ref().map_or_else(|wrong| wrong.message.clone(), ToString::to_string);
        let hints = serde_json::to_string(&self.settings.hints).unwrap_or_default();
        format!(
            "tables {:?} of {place} schema {:?} views {} by {:?} pyarrow {} keys {} new by {:?} with {hints}",
            self.settings.tables,
            self.settings.schema,
            self.settings.include_views,
            self.settings.level,
            self.settings.is_pyarrow,
            self.settings.resolve_foreign_keys,
            self.settings.incremental
        )
    }

    /// A database changes: what was read is kept in the load package, from which a killed run goes on.
    fn is_replayable(&self) -> bool {
        false
    }

    fn check(&self) -> Result<()> {
        self.address().map(drop)
    }

    fn resource_names(&mut self) -> Result<Option<Vec<String>>> {
        let mut session = self.connect()?;
        Ok(Some(self.chosen(session.as_mut())?.into_iter().map(|table| table.name).collect()))
    }

    /// The tables that were named, if all of them were.
    fn declared(&self) -> Result<Option<Vec<DeclaredResource>>> {
        let Settings { tables, hints, incremental, .. } = &self.settings;
        if tables.is_empty() || tables.iter().any(|table| table.query.is_none() && is_pattern(&table.name)) {
            return Ok(None);
        }
        let declared = |table: &SqlTable| {
            let mut table = table.clone();
            plan::inherit(&mut table, hints, incremental.as_ref());
            DeclaredResource::new(table.name).with_incremental(table.incremental)
        };
        Ok(Some(tables.iter().map(declared).collect()))
    }

    fn resources(&mut self, context: &ExtractContext) -> Result<Vec<Resource>> {
        let mut session = self.connect()?;
        let chosen = self.chosen(session.as_mut())?;
        if self.settings.tables.is_empty() {
            say_all(&chosen, context);
        }
        if self.settings.is_pyarrow {
            let told = "rows have `_dlt_id` and `_dlt_load_id`, which Python dlt leaves out of tables with backend = \"pyarrow\"";
            let hint = "its tables can be gone on with; leave `backend` out to say nothing of it";
            context.notices.say(Notice::new(told).hint(hint));
        }
        let address = self.address()?.clone();
        let open: Open = Arc::new(move || connect(&address));
        let ahead = Ahead::new(open);
        let mut plans = Vec::new();
        for table in chosen.into_iter().filter(|table| context.wants(&table.name, true)) {
            plans.push((plan::plan(&self.settings, &table, session.as_mut(), context)?, table.name));
        }
        let state = if plans.len() > 1 { State::of(session)? } else { None };
        let resources = plans.into_iter().enumerate().map(|(number, (plan, name))| {
            let Plan { reading, hints, incremental } = plan;
            let reader = ahead.reader(number, reading, state.clone());
            Resource::new(name, reader).with_hints(hints).with_incremental(incremental)
        });
        Ok(resources.collect())
    }
}

/// Says which tables are loaded where none was named.
fn say_all(chosen: &[SqlTable], context: &ExtractContext) {
    let names: Vec<&str> = chosen.iter().map(|table| table.name.as_str()).collect();
    let told = match names.as_slice() {
        [only] => format!("the one table there is loaded: {only}"),
        names if names.len() <= 10 => format!("all {} tables are loaded: {}", names.len(), names.join(", ")),
        names => format!("all {} tables are loaded: {}, …", names.len(), names[..10].join(", ")),
    };
    context.notices.say(Notice::new(told).hint("name tables to load some of them").details(names));
}
