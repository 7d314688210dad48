//! Tables and columns as a database describes them.

use dlt_engine::incremental::Incremental;
use dlt_engine::schema::{Column, DataType};
use dlt_engine::source::TableHints;
use serde_json::{Map, Value};

/// How much of what a database says of its columns goes into the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Names, types and keys; neither digits of decimals, nor that a time has no zone. JSON becomes columns and tables.
    Minimal,
    /// Digits of decimals too, and whether a time has a zone.
    #[default]
    Full,
    /// Lengths of texts too, and the size of small integers.
    FullWithPrecision,
}

/// What is said of a single table, or of a query that is loaded as one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SqlTable {
    /// Name of the table or view; of a query, the name of the table that it makes. With `*` or `?` it means all tables
    /// that match.
    pub name: String,
    /// A `SELECT` whose rows are loaded in place of a table's.
    pub query: Option<String>,
    /// A condition that rows have to meet, in the database's SQL.
    pub condition: Option<String>,
    /// What is loaded of it; the cursor is a column. Default: everything.
    pub incremental: Option<Incremental>,
    /// How the table is written. A primary key that the database knows need not be named.
    pub hints: TableHints,
}

impl SqlTable {
    /// This table or view.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), query: None, condition: None, incremental: None, hints: TableHints::default() }
    }

    /// The rows of a query as a table of this name.
    pub fn query(name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { query: Some(sql.into()), ..Self::new(name) }
    }

    /// Loads the rows that meet a condition, in the database's SQL.
    #[must_use]
    pub fn filtered(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Loads what is new since the last run. The database is asked for these rows alone.
    #[must_use]
    pub fn incremental(mut self, incremental: Incremental) -> Self {
        self.incremental = Some(incremental);
        self
    }

    /// Sets what is known of the table beforehand.
    #[must_use]
    pub fn with_hints(mut self, hints: TableHints) -> Self {
        self.hints = hints;
        self
    }
}

/// What a column holds, as its rows are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Double,
    /// Digits and decimals.
    Decimal(u8, u8),
    Text,
    Binary,
    Date,
    Time,
    /// Without a zone.
    Timestamp,
    /// A moment.
    Instant,
    Json,
    /// JSON that becomes columns and tables, as what is nested in documents does.
    NestedJson,
    /// What the first value shows.
    Any,
    /// Handed over as the database gives it in columns; its type is told by Arrow.
    Given,
}

impl Kind {
    pub(crate) fn data_type(self) -> Option<DataType> {
        Some(match self {
            Self::Bool => DataType::Bool,
            Self::Int => DataType::Bigint,
            Self::Double => DataType::Double,
            Self::Decimal(..) => DataType::Decimal,
            Self::Text => DataType::Text,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date,
            Self::Time => DataType::Time,
            Self::Timestamp | Self::Instant => DataType::Timestamp,
            Self::Json => DataType::Json,
            Self::NestedJson | Self::Any | Self::Given => return None,
        })
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SqlColumn {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) is_nullable: bool,
    /// Whether the digits of its decimals are declared; else they are any.
    pub(crate) has_digits: bool,
    /// Letters, bytes or bits that its values have at most, where that is declared.
    pub(crate) length: Option<u64>,
    /// SQL that gives its value, where that is not the column itself.
    pub(crate) expression: Option<String>,
}

impl SqlColumn {
    pub(crate) fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, is_nullable: true, has_digits: true, length: None, expression: None }
    }

    /// What the schema says of it.
    pub(crate) fn hint(&self, level: Level, is_key: bool) -> Column {
        let mut hints = Map::<String, Value>::new();
        let mut set = |name: &str, value: Value| hints.insert(name.to_owned(), value);
        if level != Level::Minimal {
            if let Kind::Decimal(precision, scale) = self.kind
                && self.has_digits
            {
                set("precision", precision.into());
                set("scale", scale.into());
            }
            if let Kind::Timestamp | Kind::Instant = self.kind {
                set("timezone", (self.kind == Kind::Instant).into());
            }
        }
        if level == Level::FullWithPrecision
            && let (Some(length), Kind::Text | Kind::Binary | Kind::Int) = (self.length, self.kind)
        {
            set("precision", length.into());
        }
        if is_key {
            set("primary_key", true.into());
        }
        Column { name: self.name.clone(), data_type: self.kind.data_type(), nullable: self.is_nullable, hints }
    }

    /// What its rows are handed over as.
    pub(crate) fn kind_at(&self, level: Level) -> Kind {
        match self.kind {
            Kind::Timestamp if level == Level::Minimal => Kind::Instant,
            Kind::Json if level == Level::Minimal => Kind::NestedJson,
            Kind::Decimal(..) if level == Level::Minimal => Kind::Decimal(38, 9),
            kind => kind,
        }
    }
}

/// Columns of a table that hold keys of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<String>,
    pub(crate) table: String,
    pub(crate) referenced: Vec<String>,
}

/// A table, a view, or the result of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reflected {
    pub(crate) columns: Vec<SqlColumn>,
    pub(crate) primary_key: Vec<String>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

/// A table or view that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) is_view: bool,
}
