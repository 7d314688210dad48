//! Taking nested arrays apart.

use super::Item;
use super::places::Places;
use crate::cells::key_texts;
use crate::error::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{cast, nullif, take};
use arrow::datatypes::DataType as ArrowType;
use arrow::error::ArrowError;
use indexmap::IndexMap;
use std::sync::Arc;

/// How an array is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Scalar,
    Struct,
    Map,
    List,
}

pub(super) fn shape(data_type: &ArrowType) -> Shape {
    match data_type {
        ArrowType::Struct(_) => Shape::Struct,
        ArrowType::Map(..) => Shape::Map,
        ArrowType::List(_)
        | ArrowType::LargeList(_)
        | ArrowType::FixedSizeList(..)
        | ArrowType::ListView(_)
        | ArrowType::LargeListView(_) => Shape::List,
        ArrowType::Dictionary(_, values) => shape(values),
        ArrowType::RunEndEncoded(_, values) => shape(values.data_type()),
        _ => Shape::Scalar,
    }
}

/// The same values in one of few forms: dictionaries of nested values and runs are written out, lists are large lists.
pub(super) fn shaped(item: Item) -> Result<Item> {
    let array = match item.array.data_type() {
        ArrowType::Dictionary(_, values) if values.is_nested() => {
            let dictionary = item.array.as_any_dictionary();
            take(dictionary.values(), dictionary.keys(), None)
        }
        ArrowType::RunEndEncoded(_, values) => cast(&item.array, values.data_type()),
        ArrowType::List(field)
        | ArrowType::FixedSizeList(field, _)
        | ArrowType::ListView(field)
        | ArrowType::LargeListView(field) => cast(&item.array, &ArrowType::LargeList(field.clone())),
        _ => return Ok(item),
    };
    let array = array.map_err(|cause| item.broken(cause))?;
    shaped(Item { array, ..item })
}

/// The fields of a struct. A value within a struct that is null is none.
pub(super) fn fields(item: &Item) -> Result<Vec<Item>> {
    let values = item.array.as_struct();
    let inner = values.fields().iter().zip(values.columns());
    let field = |(field, array): (&Arc<_>, &ArrayRef)| -> Result<Item> {
        let field: &Arc<arrow::datatypes::Field> = field;
        Ok(Item {
            key: field.name().clone(),
            path: format!("{}.{}", item.path, field.name()),
            field: field.clone(),
            array: masked(array, values.nulls()).map_err(|cause| item.broken(cause))?,
            places: item.places.clone(),
        })
    };
    inner.map(field).collect()
}

fn masked(array: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef, ArrowError> {
    match nulls {
        Some(nulls) if nulls.null_count() > 0 && *array.data_type() != ArrowType::Null => {
            nullif(array, &BooleanArray::new(!nulls.inner(), None))
        }
        _ => Ok(array.clone()),
    }
}

/// The values of a map by their keys, as if each key were a field. Of a key that a row has twice the last one counts, as
/// Parquet says.
pub(super) fn entries(item: &Item) -> Result<Vec<Item>> {
    let map = item.array.as_map();
    let ArrowType::Map(entry, _) = map.data_type() else { return Ok(Vec::new()) };
    let ArrowType::Struct(fields) = entry.data_type() else { return Ok(Vec::new()) };
    let keys = key_texts(map.keys()).ok_or_else(|| item.refuse("has keys that have no form as text"))?;
    let offsets = map.value_offsets();
    let mut places: IndexMap<&str, Vec<(u32, u32)>> = IndexMap::new();
    for (at, row) in item.places.iter().filter(|(at, _)| map.is_valid(*at as usize)) {
        for entry in offsets[at as usize]..offsets[at as usize + 1] {
            let places = places.entry(keys.value(entry as usize)).or_default();
            match places.last_mut() {
                Some(last) if last.1 == row => last.0 = entry as u32,
                _ => places.push((entry as u32, row)),
            }
        }
    }
    let of_key = |(key, places): (&str, Vec<(u32, u32)>)| Item {
        key: key.to_owned(),
        // A key is content.
        path: item.path.clone(),
        field: fields[1].clone(),
        array: map.values().clone(),
        places: Places::of(places),
    };
    Ok(places.into_iter().map(of_key).collect())
}

/// An element of a list.
pub(super) struct Element {
    /// Number of the value among those of all lists.
    pub(super) value: u32,
    pub(super) parent: usize,
    pub(super) index: usize,
}

/// The values of large lists, and those of them that stand in a row.
pub(super) fn lists(item: &Item) -> Result<(ArrayRef, Vec<Element>)> {
    let list = item.array.as_list::<i64>();
    let offsets = list.value_offsets();
    if u32::try_from(list.values().len()).is_err() {
        return Err(item.refuse("has more elements in one piece than can be numbered"));
    }
    let mut elements = Vec::with_capacity(list.values().len());
    for (at, row) in item.places.iter().filter(|(at, _)| list.is_valid(*at as usize)) {
        let (start, end) = (offsets[at as usize], offsets[at as usize + 1]);
        elements.extend((start..end).zip(0..).map(|(value, index)| Element {
            value: value as u32,
            parent: row as usize,
            index,
        }));
    }
    Ok((list.values().clone(), elements))
}
