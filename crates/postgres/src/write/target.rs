//! Columns of tables that rows are written to.

/// A column of a table, as binary COPY tells values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `double precision`
    Float8,
    /// `numeric` of any digits.
    Numeric,
    /// `text`, `varchar`, `citext`
    Text,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`
    Time,
    /// `timestamp`, with and without time zone: both count microseconds.
    Timestamp,
}
