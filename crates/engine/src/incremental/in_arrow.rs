//! Rows in columns, filtered: the cursor is a column, and compared as one.

use super::cells::{array_of, cell, comparable, json, times_of};
use super::digest::{Form, write_sorted};
use super::tracker::{AdvanceError, Mismatch, Tracker, Verdict};
use crate::cursor::{Cell, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::json::Json;
use crate::source::ArrowChunk;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DynComparator, make_comparator};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use std::cmp::Ordering;

impl Tracker {
    /// Takes out of a piece what is not new; `None` if nothing is left.
    ///
    /// # Errors
    /// If there is no such column, it cannot be compared, or has nulls that are not allowed.
    pub(super) fn filter_arrow(&mut self, chunk: ArrowChunk) -> Result<Option<ArrowChunk>> {
        let rows = chunk.batch.num_rows();
        if rows == 0 {
            return Ok(Some(chunk));
        }
        let at_row = |row: usize, error: Error| {
            let what = format!("row {}: {error}", chunk.first_row + row as u64);
            let located = Error::new(error.kind(), what).at(&*chunk.input, None);
            error.advice().into_iter().fold(located, Error::hint)
        };
        let Some(found) = column(&chunk.batch, &self.path.written, &self.path.steps) else {
            let mut kept = 0;
            for _ in 0..rows {
                kept += u64::from(self.on_missing(false, |error| at_row(0, error))?);
            }
            self.counts.kept += kept;
            return Ok((kept > 0).then_some(chunk));
        };
        let data_type = found.data_type().clone();
        let name = self.path.written.clone();
        let refuse_type = || {
            let told = format!("the column `{name}`, which is to be the cursor, is of type {data_type}");
            Error::new(ErrorKind::Data, told)
                .at(&*chunk.input, None)
                .hint("a cursor is a column of numbers, texts, dates or times")
        };
        let is_untyped = data_type == DataType::Null;
        let mut values = match is_untyped {
            true => found,
            false => comparable(&found).ok_or_else(refuse_type)?,
        };
        let bounds = [&self.start, &self.end];
        let is_timed = bounds.iter().any(|bound| matches!(bound, Some(Cell::Time(_) | Cell::Date(_))));
        if is_timed && matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
            values = times_of(&values).map_err(|row| {
                at_row(
                    row,
                    self.refuse(&Mismatch::new("text", "a time", "`initial_value` or the position of the last run")),
                )
            })?;
        }
        self.meet_zone(values.data_type());
        let to_start = self.comparator(&values, self.start.as_ref(), "the start").map_err(|error| at_row(0, error))?;
        let to_end = self.comparator(&values, self.end.as_ref(), "`end_value`").map_err(|error| at_row(0, error))?;
        let among = make_comparator(&values, &values, Default::default()).map_err(|_| refuse_type())?;

        let mut keep = vec![false; rows];
        let mut best: Option<usize> = None;
        let later = self.later();
        let is_number = |row: usize| !is_nan(&values, row);
        for (row, keep) in keep.iter_mut().enumerate() {
            if is_untyped || values.is_null(row) {
                *keep = self.on_missing(true, |error| at_row(row, error))?;
                continue;
            }
            let verdict = match (&to_end, &to_start) {
                // What is no number is within no range.
                (end, start) if !is_number(row) && (end.is_some() || start.is_some()) => Verdict::Old,
                (Some(end), _) if self.is_beyond(end(row, 0)) => Verdict::Beyond,
                (_, Some(start)) => self.at_start(start(row, 0)),
                (_, None) => Verdict::New,
            };
            let verdict = match verdict {
                Verdict::AtStart
                    if self.knows_rows()
                        && self.was_loaded(&chunk.batch, row).map_err(|error| at_row(row, error))? =>
                {
                    Verdict::Old
                }
                Verdict::AtStart => Verdict::New,
                other => other,
            };
            if verdict != Verdict::New {
                self.leave_out(verdict);
                continue;
            }
            *keep = true;
            if is_number(row) && best.is_none_or(|best| later.is_later(among(row, best))) {
                best = Some(row);
            }
        }
        let kept = keep.iter().filter(|keep| **keep).count();
        self.counts.kept += kept as u64;
        if let Some(best) = best {
            let value = cell(&values, best).ok_or_else(refuse_type)?;
            let (key, is_listed) = (self.key.clone(), self.is_listed);
            let digests = |form| {
                let ties = (0..rows).filter(|row| keep[*row] && !values.is_null(*row) && among(*row, best).is_eq());
                ties.map(|row| digest(&chunk.batch, row, &key, form, is_listed).map_err(|error| at_row(row, error)))
                    .collect()
            };
            self.set_types(&values);
            self.advance(value, digests).map_err(|error| match error {
                AdvanceError::Mismatch(mismatch) => at_row(best, self.refuse(&mismatch)),
                AdvanceError::Other(error) => error,
            })?;
        }
        Ok(kept_rows(chunk, &keep, kept))
    }

    fn is_beyond(&self, order: Ordering) -> bool {
        self.later().is_later(order) || order.is_eq() && self.incremental.range_end == super::Bound::Open
    }

    fn comparator(
        &self,
        values: &ArrayRef,
        bound: Option<&Cell<'static>>,
        name: &'static str,
    ) -> Result<Option<DynComparator>> {
        let Some(bound) = bound.filter(|_| *values.data_type() != DataType::Null) else { return Ok(None) };
        let found = array_of(bound, values.data_type());
        let compared = found.and_then(|bound| make_comparator(values, &bound, Default::default()).ok());
        let told = || self.refuse(&Mismatch::new(kind_of(values.data_type()), bound.kind(), name));
        compared.map(Some).ok_or_else(told)
    }

    /// Bounds that were given otherwise (times as text) become what the column has, so that the state has it.
    fn set_types(&mut self, values: &ArrayRef) {
        let typed = |bound: &mut Option<Cell<'static>>| {
            if let Some(value) = bound
                && let Some(same) = array_of(value, values.data_type()).and_then(|array| cell(&array, 0))
                && matches!(same, Cell::Time(_) | Cell::Date(_))
            {
                *bound = Some(same);
            }
        };
        typed(&mut self.last);
        self.with_position(typed);
    }

    /// Says so where times with a zone meet times without.
    fn meet_zone(&self, data_type: &DataType) {
        let DataType::Timestamp(_, zone) = data_type else { return };
        let differs = |bound: &Option<Cell<'_>>| matches!(bound, Some(Cell::Time(moment)) if moment.offset.is_some() != zone.is_some());
        if differs(&self.start) || differs(&self.end) {
            self.say_zone(zone.is_some());
        }
    }

    fn was_loaded(&mut self, batch: &RecordBatch, row: usize) -> Result<bool> {
        // A key of one column may have been given as a list of one.
        let forms = [self.is_listed, !self.is_listed];
        for is_listed in forms.into_iter().take(if self.key.len() == 1 { 2 } else { 1 }) {
            if self.is_known(&digest(batch, row, &self.key, self.known_form, is_listed)?) {
                self.is_listed = is_listed;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The rows that are kept, without a copy where they follow one another.
fn kept_rows(chunk: ArrowChunk, keep: &[bool], kept: usize) -> Option<ArrowChunk> {
    if kept == keep.len() {
        return Some(chunk);
    }
    let first = keep.iter().position(|keep| *keep)?;
    let last = keep.iter().rposition(|keep| *keep)?;
    let first_row = chunk.first_row + first as u64;
    let batch = match last - first + 1 == kept {
        true => chunk.batch.slice(first, kept),
        false => filter_record_batch(&chunk.batch, &BooleanArray::from(keep.to_vec())).ok()?,
    };
    Some(ArrowChunk { batch, first_row, ..chunk })
}

/// The column of that name, or what the path leads to in structs.
fn column(batch: &RecordBatch, name: &str, steps: &[Step]) -> Option<ArrayRef> {
    if let Some(column) = batch.column_by_name(name) {
        return Some(column.clone());
    }
    let mut steps = steps.iter();
    let Some(Step::Field(first)) = steps.next() else { return None };
    let mut found = batch.column_by_name(first)?.clone();
    for step in steps {
        let (Step::Field(name), Some(inner)) = (step, found.as_struct_opt()) else { return None };
        let column = inner.column_by_name(name)?;
        let nulls = arrow::buffer::NullBuffer::union(inner.nulls(), column.nulls());
        let data = column.to_data().into_builder().nulls(nulls).build().ok()?;
        found = arrow::array::make_array(data);
    }
    Some(found)
}

fn is_nan(values: &ArrayRef, row: usize) -> bool {
    match values.data_type() {
        DataType::Float64 => values.as_primitive::<Float64Type>().value(row).is_nan(),
        DataType::Float32 => values.as_primitive::<arrow::datatypes::Float32Type>().value(row).is_nan(),
        _ => false,
    }
}

fn kind_of(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "a truth value",
        DataType::Utf8 | DataType::LargeUtf8 => "text",
        DataType::Timestamp(..) => "a time",
        DataType::Date32 => "a date",
        DataType::Binary | DataType::LargeBinary => "bytes",
        _ => "a number",
    }
}

/// The digest of a row, by its key if there is one. `listed`: a key of one column as a list of one.
fn digest(batch: &RecordBatch, row: usize, key: &[String], form: Form, listed: bool) -> Result<String> {
    let value = |array: &ArrayRef, name: &str| {
        json(array, row, form).map_err(|cause| {
            Error::new(ErrorKind::Data, format!("column `{name}` cannot be digested"))
                .hint("set primary_key of the incremental to other columns, or range_start = \"open\"")
                .because(cause)
        })
    };
    let row = match key {
        [] => {
            let columns = batch.schema_ref().fields().iter().zip(batch.columns());
            let fields = columns.map(|(field, array)| Ok((field.name().clone(), value(array, field.name())?)));
            Json::Object(fields.collect::<Result<_>>()?)
        }
        key => {
            let values = key.iter().map(|name| {
                let array = batch.column_by_name(name).ok_or_else(|| {
                    let told = format!("there is no column `{name}`, by which rows of one cursor value are told apart");
                    Error::new(ErrorKind::Data, told)
                        .hint("name other columns as primary_key of the incremental, as they are called in the data")
                })?;
                value(array, name)
            });
            let mut values: Vec<Json> = values.collect::<Result<_>>()?;
            match values.len() {
                1 if !listed => values.swap_remove(0),
                _ => Json::List(values),
            }
        }
    };
    let mut text = String::new();
    write_sorted(&row, &mut text);
    Ok(form.digest(&text))
}
