//! The innermost columns of a file, each with its place in the directory.

use arrow::datatypes::{DataType as ArrowType, Field, FieldRef, Fields};
use dlt_engine::naming::Naming;
use std::sync::Arc;

/// An innermost column.
pub(super) struct Leaf<'a> {
    /// Number of the column in the file.
    pub(super) number: usize,
    /// Names from the row down in the form of the dataset: files may spell them differently.
    pub(super) path: &'a str,
    /// Names from the row down as in the file, for messages.
    pub(super) shown: &'a str,
    pub(super) field: &'a FieldRef,
}

/// The fields with each innermost one replaced by what `map` makes of it. The order is that of the file's columns.
pub(super) fn map_leaves(fields: &Fields, map: &mut dyn FnMut(&Leaf<'_>) -> FieldRef) -> Fields {
    Walk { naming: Naming::new(usize::MAX), number: 0, map }.fields(fields, "", "")
}

struct Walk<'a> {
    naming: Naming,
    number: usize,
    map: &'a mut dyn FnMut(&Leaf<'_>) -> FieldRef,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &Fields, path: &str, shown: &str) -> Fields {
        fields
            .iter()
            .map(|field| {
                let name = self.naming.identity(field.name());
                let dot = if shown.is_empty() { "" } else { "." };
                self.field(field, &format!("{path}.{name}"), &format!("{shown}{dot}{}", field.name()))
            })
            .collect()
    }

    fn field(&mut self, field: &FieldRef, path: &str, shown: &str) -> FieldRef {
        let inner = match field.data_type() {
            ArrowType::Struct(fields) => ArrowType::Struct(self.fields(fields, path, shown)),
            ArrowType::List(item) => ArrowType::List(self.field(item, &format!("{path}[]"), shown)),
            ArrowType::LargeList(item) => ArrowType::LargeList(self.field(item, &format!("{path}[]"), shown)),
            ArrowType::ListView(item) => ArrowType::ListView(self.field(item, &format!("{path}[]"), shown)),
            ArrowType::LargeListView(item) => ArrowType::LargeListView(self.field(item, &format!("{path}[]"), shown)),
            ArrowType::FixedSizeList(item, length) => {
                ArrowType::FixedSizeList(self.field(item, &format!("{path}[]"), shown), *length)
            }
            ArrowType::Map(entries, is_sorted) => {
                let ArrowType::Struct(fields) = entries.data_type() else { return field.clone() };
                let fields = self.fields(fields, path, shown);
                ArrowType::Map(retyped(entries, ArrowType::Struct(fields)), *is_sorted)
            }
            _ => {
                let number = self.number;
                self.number += 1;
                return (self.map)(&Leaf { number, path, shown, field });
            }
        };
        retyped(field, inner)
    }
}

/// The field with another type.
pub(super) fn retyped(field: &Field, data_type: ArrowType) -> FieldRef {
    Arc::new(field.clone().with_data_type(data_type))
}
