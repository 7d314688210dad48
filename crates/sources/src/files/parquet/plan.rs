//! What the files of one table agree on before their rows are read.
//!
//! - A decimal is wide enough for the values of all files, as long as 38 digits suffice.
//! - A column of nanoseconds stays one only if a value needs them; else it is one of microseconds, as most tools expect. With
//!   a time zone there is no column that keeps nanoseconds: it becomes one without, in UTC, and that is said.
//! - The old INT96 has no range of its own: it is read in the unit that holds all values.
//! - UUIDs are marked as such.

use super::bytes::Bytes;
use super::footer::{Footer, is_int96, reopened};
use super::leaves::{Leaf, map_leaves, retyped};
use super::nanos;
use crate::files::open::Place;
use arrow::datatypes::{DataType as ArrowType, FieldRef, Schema, SchemaRef, TimeUnit};
use dlt_engine::{Notice, Notices, Result, UUID_EXTENSION};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::LogicalType;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Digits that a decimal can have.
const MAX_DIGITS: u16 = 38;

/// See the module.
#[derive(Default)]
pub(crate) struct Plan {
    /// Columns with a value that is no whole microsecond.
    fine: HashSet<String>,
    /// Digits before the point and behind it.
    decimals: HashMap<String, (u16, u16)>,
}

impl Plan {
    /// Looks at all files.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(crate) fn of<'a>(places: impl Iterator<Item = &'a Place>, notices: &Notices) -> Result<Self> {
        let mut plan = Self::default();
        let mut zones = BTreeSet::new();
        for place in places {
            let footer = Footer::read(place, Bytes::look(place)?)?;
            plan.widen_decimals(&footer);
            for column in nanos::fine_columns(&footer, &plan.fine)? {
                if column.has_zone {
                    zones.insert(column.shown);
                }
                plan.fine.insert(column.path);
            }
        }
        say_zones(&zones, notices);
        Ok(plan)
    }

    fn widen_decimals(&mut self, footer: &Footer) {
        map_leaves(footer.builder.schema().fields(), &mut |leaf| {
            if let Some((whole, decimals)) = digits(leaf.field.data_type()) {
                let widest = self.decimals.entry(leaf.path.to_owned()).or_default();
                *widest = (widest.0.max(whole), widest.1.max(decimals));
            }
            leaf.field.clone()
        });
    }

    /// The columns of a file as its rows are handed over.
    pub(super) fn schema(&self, footer: &Footer) -> SchemaRef {
        let columns = footer.builder.parquet_schema().columns();
        let fields = map_leaves(footer.builder.schema().fields(), &mut |leaf| {
            let is_uuid =
                columns.get(leaf.number).is_some_and(|column| column.logical_type_ref() == Some(&LogicalType::Uuid));
            if is_uuid {
                let (key, name) = UUID_EXTENSION;
                let mut metadata = leaf.field.metadata().clone();
                metadata.insert(key.to_owned(), name.to_owned());
                return Arc::new(leaf.field.as_ref().clone().with_metadata(metadata));
            }
            self.planned(leaf)
        });
        Arc::new(Schema::new(fields))
    }

    fn planned(&self, leaf: &Leaf<'_>) -> FieldRef {
        use TimeUnit::{Microsecond, Nanosecond};
        match leaf.field.data_type() {
            ArrowType::Timestamp(Nanosecond, _) if self.fine.contains(leaf.path) => {
                retyped(leaf.field, ArrowType::Timestamp(Nanosecond, None))
            }
            ArrowType::Timestamp(Nanosecond, zone) => {
                retyped(leaf.field, ArrowType::Timestamp(Microsecond, zone.clone()))
            }
            decimal => match (digits(decimal), self.decimals.get(leaf.path)) {
                (Some(own), Some(&(whole, decimals))) if own != (whole, decimals) && whole + decimals <= MAX_DIGITS => {
                    retyped(leaf.field, ArrowType::Decimal128((whole + decimals) as u8, decimals as i8))
                }
                _ => leaf.field.clone(),
            },
        }
    }

    /// What reads the rows of the file, INT96 in microseconds where no value is finer.
    pub(super) fn builder(&self, footer: Footer) -> Result<ParquetRecordBatchReaderBuilder<Bytes>> {
        let mut has_coarse = false;
        let fields = map_leaves(footer.builder.schema().fields(), &mut |leaf| {
            if !is_int96(&footer, leaf) || self.fine.contains(leaf.path) {
                return leaf.field.clone();
            }
            has_coarse = true;
            retyped(leaf.field, ArrowType::Timestamp(TimeUnit::Microsecond, None))
        });
        if !has_coarse {
            return Ok(footer.builder);
        }
        let schema = Schema::new_with_metadata(fields, footer.builder.schema().metadata().clone());
        reopened(&footer, schema)
    }
}

/// The digits of a decimal before the point and behind it. In Parquet the decimals are among the digits.
fn digits(data_type: &ArrowType) -> Option<(u16, u16)> {
    match data_type {
        ArrowType::Decimal32(digits, decimals)
        | ArrowType::Decimal64(digits, decimals)
        | ArrowType::Decimal128(digits, decimals)
        | ArrowType::Decimal256(digits, decimals) => {
            let decimals = u16::from(decimals.unsigned_abs());
            Some((u16::from(*digits).saturating_sub(decimals), decimals))
        }
        _ => None,
    }
}

fn say_zones(columns: &BTreeSet<String>, notices: &Notices) {
    let message = match columns.first() {
        None => return,
        Some(column) if columns.len() == 1 => {
            format!("column `{column}` keeps its nanoseconds and loses its time zone: it is in UTC")
        }
        Some(_) => {
            format!("{} columns keep their nanoseconds and lose their time zones: they are in UTC", columns.len())
        }
    };
    notices.say(Notice::new(message).hint("round it to microseconds to keep the zone").details(columns));
}
