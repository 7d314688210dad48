//! Postgres.
//!
//! Rows come by binary COPY. A connection reads within a transaction that sees one state and may not write; several connections of a
//! run see the same.

use crate::address::Address;
use crate::failure::of_source;
use crate::gather::Gathered;
use crate::session::{Reading, Session};
use crate::statement::{Dialect, plain};
use crate::table::{ForeignKey, Kind, Listed, Reflected, SqlColumn};
use arrow::array::new_empty_array;
use dlt_engine::{Notice, RecordBatch, Result};
use dlt_postgres::postgres::types::{Kind as TypeKind, Type};
use dlt_postgres::{Client, Query, ReadOptions, explain};

/// What is sent when a connection begins. Times within arrays are written in its zone. What is set holds for the transaction: a pool
/// may give the session to others afterwards.
const INIT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
     SET LOCAL standard_conforming_strings = on; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Connects.
pub(crate) fn connect(address: &Address) -> Result<Box<dyn Session>> {
    let place = address.to_string();
    let connect = || -> Result<Client> {
        let address =
            dlt_postgres::Address::from_url(&address.to_url())?.completed(&|name| std::env::var(name).ok())?;
        let mut client = Client::connect(&address)?;
        client.batch("begin to read", INIT)?;
        Ok(client)
    };
    Ok(Box::new(Postgres { client: connect().map_err(|error| of_source("", &error))?, place }))
}

struct Postgres {
    client: Client,
    place: String,
}

impl Postgres {
    /// The columns that a query gives.
    fn columns(&mut self, doing: &str, sql: &str) -> Result<Vec<SqlColumn>> {
        let prepared = self.client.raw().prepare(sql);
        let prepared = prepared.map_err(|error| of_source(&self.place, &explain(doing, &error)))?;
        let columns = prepared.columns().iter();
        Ok(columns.map(|column| self::column(column.name(), column.type_(), column.type_modifier())).collect())
    }
}

/// A column of a type, whose modifier holds lengths and digits.
fn column(name: &str, data_type: &Type, modifier: i32) -> SqlColumn {
    let mut column = SqlColumn::new(name, Kind::Text);
    let declared = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
    column.kind = match data_type.kind() {
        TypeKind::Domain(inner) => return self::column(name, inner, modifier),
        TypeKind::Array(_) | TypeKind::Composite(_) => Kind::Json,
        TypeKind::Enum(_) => Kind::Text,
        _ => match *data_type {
            Type::BOOL => Kind::Bool,
            Type::INT2 => {
                column.length = Some(32);
                Kind::Int
            }
            Type::INT4 | Type::INT8 | Type::OID => Kind::Int,
            Type::FLOAT4 | Type::FLOAT8 => Kind::Double,
            Type::NUMERIC | Type::MONEY => {
                let digits = declared.map(|packed| (packed >> 16, packed & 0x7ff));
                match digits.filter(|(precision, scale)| *precision <= 38 && scale <= precision) {
                    Some((precision, scale)) => Kind::Decimal(precision as u8, scale as u8),
                    None => {
                        column.has_digits = false;
                        Kind::Decimal(38, 9)
                    }
                }
            }
            Type::VARCHAR | Type::BPCHAR => {
                column.length = declared.map(u64::from);
                Kind::Text
            }
            Type::BYTEA => Kind::Binary,
            Type::DATE => Kind::Date,
            Type::TIME => Kind::Time,
            Type::TIMESTAMP => Kind::Timestamp,
            Type::TIMESTAMPTZ => Kind::Instant,
            Type::JSON | Type::JSONB | Type::INT2_VECTOR | Type::OID_VECTOR => Kind::Json,
            _ if data_type.name() == "hstore" => Kind::Json,
            _ => Kind::Text,
        },
    };
    column
}

impl Session for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn list(&mut self, schema: Option<&str>) -> Result<Vec<Listed>> {
        // A partition is read with its table.
        let sql = "SELECT c.relname, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = coalesce($1, current_schema()) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') \
             AND NOT c.relispartition ORDER BY c.relname COLLATE \"C\"";
        let rows = self.client.query("list the tables", sql, &[(&schema, Type::TEXT)]);
        let rows = rows.map_err(|error| of_source(&self.place, &error))?;
        let is_view = |kind: String| kind == "v" || kind == "m";
        Ok(rows.iter().map(|row| Listed { name: row.get(0), is_view: is_view(row.get(1)) }).collect())
    }

    fn reflect(&mut self, schema: Option<&str>, table: &str) -> Result<Reflected> {
        let doing = format!("look up the columns of `{table}`");
        let name = match schema {
            Some(schema) => format!("{}.{}", Dialect::Postgres.quote(schema), Dialect::Postgres.quote(table)),
            None => Dialect::Postgres.quote(table),
        };
        let mut reflected =
            Reflected { columns: self.columns(&doing, &format!("SELECT * FROM {name}"))?, ..Reflected::default() };
        let broken = |error: dlt_engine::Error| of_source(&self.place, &error);
        let required = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnotnull \
             AND attnum > 0 AND NOT attisdropped";
        for row in self.client.query(&doing, required, &[(&name, Type::TEXT)]).map_err(broken)? {
            let name: String = row.get(0);
            reflected
                .columns
                .iter_mut()
                .filter(|column| column.name == name)
                .for_each(|column| column.is_nullable = false);
        }
        let named = "(SELECT array_agg(a.attname::text ORDER BY k.at) FROM unnest(KEYS) WITH ORDINALITY AS k(number, at) \
             JOIN pg_attribute a ON a.attrelid = TABLE AND a.attnum = k.number)";
        let of = |keys: &str, table: &str| named.replace("KEYS", keys).replace("TABLE", table);
        let sql = format!(
            "SELECT c.contype::text, {}, r.relname::text, {} FROM pg_constraint c LEFT JOIN pg_class r ON r.oid = c.confrelid \
             WHERE c.conrelid = $1::text::regclass AND c.contype IN ('p', 'f') ORDER BY c.conname",
            of("c.conkey", "c.conrelid"),
            of("c.confkey", "c.confrelid")
        );
        for row in self.client.query(&doing, &sql, &[(&name, Type::TEXT)]).map_err(broken)? {
            let columns: Vec<String> = row.get(1);
            match row.get::<_, String>(0).as_str() {
                "p" => reflected.primary_key = columns,
                _ => reflected.foreign_keys.push(ForeignKey {
                    columns,
                    table: row.get::<_, Option<String>>(2).unwrap_or_default(),
                    referenced: row.get::<_, Option<Vec<String>>>(3).unwrap_or_default(),
                }),
            }
        }
        Ok(reflected)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<SqlColumn>> {
        self.columns("run the query", plain(sql))
    }

    fn share_state(&mut self) -> Result<Option<String>> {
        let rows = self.client.query("share the state that is read", "SELECT pg_export_snapshot()", &[]);
        let rows = rows.map_err(|error| of_source(&self.place, &error))?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    fn see_state(&mut self, name: &str) -> Result<()> {
        let sql = format!("SET TRANSACTION SNAPSHOT '{}'", name.replace('\'', "''"));
        self.client.batch("see the state that the run began with", &sql).map_err(|error| {
            of_source(&self.place, &error)
                .hint("the connection that holds it was lost, or another server of the address answered: run it again")
        })
    }

    fn read(&mut self, wanted: &Reading, take: &mut dyn FnMut(RecordBatch) -> Result<bool>) -> Result<()> {
        let options = ReadOptions { batch_rows: wanted.chunk_size, ..ReadOptions::default() };
        let place = self.place.clone();
        let broken = |error: dlt_engine::Error| of_source(&format!("{place}: `{}`", wanted.name), &error);
        let query = Query::prepare(&mut self.client, &wanted.sql, options).map_err(broken)?;
        let mut gathered = Gathered::new(wanted);
        // No rows still have columns.
        let none = query.schema().fields().iter().map(|field| new_empty_array(field.data_type())).collect();
        if let Ok(none) = RecordBatch::try_new(query.schema().clone(), none) {
            gathered.push(none, take)?;
        }
        let read = query.run(&mut self.client, &mut |batch| gathered.push(batch, take));
        if gathered.has_ended() {
            return Ok(());
        }
        for lost in read.map_err(broken)? {
            let values = if lost.values == 1 { "1 value".to_owned() } else { format!("{} values", lost.values) };
            let told = format!("{values} of `{}` in `{}` have no form here, and are NULL", lost.column, wanted.name);
            wanted.notices.say(
                Notice::new(told).hint("infinite times, `NaN` of a decimal and 24:00; a query can turn them into text"),
            );
        }
        gathered.finish(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_with_their_modifiers() {
        let numeric = |precision: i32, scale: i32| (precision << 16 | scale) + 4;
        for (data_type, modifier, expected, length) in [
            (Type::NUMERIC, numeric(10, 2), Kind::Decimal(10, 2), None),
            (Type::NUMERIC, -1, Kind::Decimal(38, 9), None),
            (Type::NUMERIC, numeric(50, 2), Kind::Decimal(38, 9), None),
            (Type::VARCHAR, 24, Kind::Text, Some(20)),
            (Type::INT2, -1, Kind::Int, Some(32)),
            (Type::INT4_ARRAY, -1, Kind::Json, None),
            (Type::UUID, -1, Kind::Text, None),
            (Type::TIMESTAMPTZ, -1, Kind::Instant, None),
        ] {
            let column = column("c", &data_type, modifier);
            assert_eq!((column.kind, column.length), (expected, length), "{data_type}");
        }
        assert!(!column("c", &Type::NUMERIC, -1).has_digits);
    }
}
