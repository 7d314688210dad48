//! The slow path: one item at a time, as a tree, in the order that the contract's reference walks it.
//!
//! This is where schemas grow: keys that were not seen, values of another type, keys that meet in one column. It decides
//! everything; the fast path (`fast_path.rs`) only repeats what was decided here.

use super::breach::{NoPlace, Refusal};
use super::layout::{Layout, ListNodes, NONE, ROOT_NODE, ROOT_TABLE, TableRows};
use super::names::Placed;
use crate::json::{Json, write_object};
use crate::schema::{Column, DataType, Entity, Mode, column_names};
use crate::value::{Scalar, coerce};
use indexmap::IndexMap;
use std::borrow::Cow;

/// Digits of the longest decimal.
const MAX_DIGITS: u8 = 38;

/// The first number of more digits than that.
const MOST_DIGITS: u128 = 10u128.pow(MAX_DIGITS as u32);

type Outcome = Result<(), Refusal>;

/// Lists found in a row.
type Lists<'a> = Placed<&'a [Json]>;
/// Scalars found in a row by column name.
type Scalars<'a> = Placed<&'a Json>;

impl Layout {
    /// Adds an item of the resource: a row, or (as a list of them) several. A list within that list is a row with a list.
    pub(crate) fn add_item(&mut self, item: &Json) -> Outcome {
        match item {
            Json::List(items) => items.iter().try_for_each(|item| self.add_root_row(item)),
            item => self.add_root_row(item),
        }
    }

    fn add_root_row(&mut self, item: &Json) -> Outcome {
        match item {
            Json::Null => Ok(()),
            item if self.tables[ROOT_TABLE].is_barred => {
                self.leave_out_table(ROOT_TABLE, &mut std::iter::once_with(|| row_text(item)))
            }
            Json::Object(fields) => {
                self.digest_tree(item);
                let row = self.begin_row(ROOT_TABLE);
                self.add_row(fields, ROOT_NODE, row)
            }
            other => {
                self.digest_tree(other);
                let row = self.begin_row(ROOT_TABLE);
                let fields = IndexMap::from([(column_names::VALUE.to_owned(), other.clone())]);
                self.add_row(&fields, ROOT_NODE, row)
            }
        }
    }

    /// Adds a row without values and returns its number.
    #[inline]
    pub(crate) fn begin_row(&mut self, table: usize) -> usize {
        let table = &mut self.tables[table];
        table.rows += 1;
        table.rows - 1
    }

    /// Adds a row to a nested table.
    #[inline]
    pub(crate) fn begin_nested_row(&mut self, list: ListNodes, parent_row: usize, list_index: usize) -> usize {
        let nested = &mut self.tables[list.table];
        nested.parent_tables.push(list.parent);
        nested.parent_rows.push(parent_row as u32);
        nested.list_index.push(list_index as i64);
        self.begin_row(list.table)
    }

    fn add_row(&mut self, fields: &IndexMap<String, Json>, node: usize, row: usize) -> Outcome {
        let (scalars, lists) = self.flatten(fields, node);
        let table = self.nodes[node].table;
        self.takes_all_columns = self.tables[table].takes_all_columns();
        for (_, (at, slot, value)) in &scalars {
            let name = self.column_name(*at, *slot);
            if !self.is_overwritten(table, &name) {
                self.put(table, &name, value, row)?;
            }
            let column = self.tables[table].by_name.get(&name).copied().unwrap_or(NONE);
            self.nodes[*at].slots[*slot].target.column = column;
        }
        self.ensure_system_columns(table);
        let text = || {
            let mut text = String::new();
            write_object(fields, &mut text);
            text
        };
        if self.is_left_out(table, row, &text) {
            return Ok(());
        }
        let level = self.nodes[node].level;
        for (_, (at, slot, items)) in lists {
            if !items.is_empty() {
                let list = self.list_nodes(at, slot, level);
                self.add_list(items, list, row)?;
            }
        }
        Ok(())
    }

    fn add_list(&mut self, items: &[Json], list: usize, parent_row: usize) -> Outcome {
        let nodes = self.lists[list];
        if self.tables[nodes.table].is_barred {
            return self.leave_out_table(nodes.table, &mut items.iter().map(row_text));
        }
        for (index, item) in items.iter().enumerate() {
            let row = self.begin_nested_row(nodes, parent_row, index);
            match item {
                Json::Object(fields) => self.add_row(fields, nodes.element, row)?,
                Json::List(items) => {
                    let slot = self.slot(nodes.wrapper, column_names::LIST);
                    if self.keeps_json(nodes.wrapper, slot) {
                        self.takes_all_columns = self.tables[nodes.table].takes_all_columns();
                        self.put(nodes.table, column_names::LIST, item, row)?;
                        self.ensure_system_columns(nodes.table);
                        self.is_left_out(nodes.table, row, &|| row_text(item));
                        continue;
                    }
                    self.ensure_system_columns(nodes.table);
                    if !items.is_empty() {
                        let level = self.nodes[nodes.wrapper].level;
                        let inner = self.list_nodes(nodes.wrapper, slot, level);
                        self.add_list(items, inner, row)?;
                    }
                }
                scalar => self.add_scalar_row(scalar, nodes.element, row)?,
            }
        }
        Ok(())
    }

    fn add_scalar_row(&mut self, scalar: &Json, node: usize, row: usize) -> Outcome {
        let table = self.nodes[node].table;
        let slot = self.slot(node, column_names::VALUE);
        self.takes_all_columns = self.tables[table].takes_all_columns();
        self.put(table, column_names::VALUE, scalar, row)?;
        let column = self.tables[table].by_name.get(column_names::VALUE).copied().unwrap_or(NONE);
        self.nodes[node].slots[slot].target.column = column;
        self.ensure_system_columns(table);
        self.is_left_out(table, row, &|| row_text(scalar));
        Ok(())
    }

    /// Settles what the contract does not let in of a row; takes the row back if it is to be left out.
    fn is_left_out(&mut self, table: usize, row: usize, text: &dyn Fn() -> String) -> bool {
        if self.breaches.is_empty() || !self.settle_breaches(text) {
            return false;
        }
        self.tables[table].truncate(row);
        true
    }

    /// Splits a row into its scalars and lists. Nested objects come after what stands beside them, the last one first:
    /// that is the order in which columns are found.
    fn flatten<'a>(&mut self, fields: &'a IndexMap<String, Json>, node: usize) -> (Scalars<'a>, Lists<'a>) {
        let (mut scalars, mut lists) = (Scalars::new(), Lists::new());
        let mut pending = vec![(node, fields)];
        while let Some((node, fields)) = pending.pop() {
            for (key, value) in fields {
                let slot = self.slot(node, key);
                if self.nodes[node].slots[slot].is_left_out {
                    continue;
                }
                let is_nested = matches!(value, Json::Object(_) | Json::List(_)) && !self.keeps_json(node, slot);
                if value.is_nothing(is_nested) {
                    continue;
                }
                let has_key = |key: &str| fields.get(key).is_some_and(|value| *value != Json::Null);
                match value {
                    Json::Object(fields) if is_nested => {
                        self.own(node, slot, has_key);
                        pending.push((self.object_node(node, slot), fields));
                    }
                    Json::List(items) if is_nested => {
                        self.own_unless_placed(&lists, node, slot, has_key);
                        self.settle(&mut lists, node, slot, items.as_slice());
                    }
                    value => {
                        self.own_unless_placed(&scalars, node, slot, has_key);
                        self.settle(&mut scalars, node, slot, value);
                    }
                }
            }
        }
        (scalars, lists)
    }

    /// Whether the engine's own value takes the place of one in the data. An id in the data is kept.
    pub(crate) fn is_overwritten(&self, table: usize, column: &str) -> bool {
        let is_root = self.tables[table].is_root();
        match column {
            column_names::LOAD_ID => is_root,
            column_names::PARENT_ID | column_names::LIST_INDEX => !is_root,
            column_names::ROOT_ID => !is_root && self.propagates_root_id,
            _ => false,
        }
    }

    pub(crate) fn ensure_system_columns(&mut self, table: usize) {
        let propagates = self.propagates_root_id;
        let table = &mut self.tables[table];
        if table.is_root() {
            self.is_begun = true;
            table.system_column(column_names::LOAD_ID, DataType::Text);
        } else {
            if propagates {
                table.system_column(column_names::ROOT_ID, DataType::Text);
            }
            table.system_column(column_names::PARENT_ID, DataType::Text);
            table.system_column(column_names::LIST_INDEX, DataType::Bigint);
        }
        table.system_column(column_names::ID, DataType::Text);
    }

    /// Puts a value into its column, which is made if it is new; a value that does not fit goes to a variant beside it.
    fn put(&mut self, table: usize, name: &str, value: &Json, row: usize) -> Outcome {
        match scalar(value) {
            Some(value) => self.put_scalar(table, name, value, row),
            None => Ok(()),
        }
    }

    /// Puts a value into its column or a variant of it; both are made if they are new.
    pub(crate) fn put_scalar(&mut self, table: usize, name: &str, value: Scalar<'_>, row: usize) -> Outcome {
        if !self.tables[table].by_name.contains_key(name)
            && let Some(mode) = self.barred(table, name, Entity::Columns)
        {
            return self.break_contract(table, name, mode, None);
        }
        let Err(value) = self.put_into(table, name, value, row, false) else { return Ok(()) };
        let value_type = value.own_type();
        let no_place = |table: &TableRows, at: usize| {
            Refusal::NoPlace(NoPlace {
                table: table.name.clone(),
                column: table.columns[at].column.name.clone(),
                value_type,
                column_type: table.columns[at].data_type,
                is_required: !table.columns[at].column.nullable,
            })
        };
        let of = self.tables[table].by_name[name];
        let variant = self.naming.join_path([name, &format!("v_{value_type}")]);
        let variant = self.tables[table].spelled(&self.naming.folded(&variant)).unwrap_or(variant);
        let is_required = !self.tables[table].columns[of].column.nullable;
        if !self.tables[table].by_name.contains_key(&variant)
            && let Some(mode) = self.barred(table, name, Entity::DataType)
            // Without its value the row would have to be refused all the same.
            && !(is_required && mode == Mode::DiscardValue)
        {
            let column_type = self.tables[table].columns[of].data_type;
            return self.break_contract(table, name, mode, Some((value_type, column_type)));
        }
        // A column that needs a value in every row cannot leave it to another one.
        if is_required {
            return Err(no_place(&self.tables[table], of));
        }
        let taken = self.put_into(table, &variant, value, row, true);
        let table_at = table;
        let table = &mut self.tables[table];
        let at = table.by_name[&variant];
        if taken.is_err() {
            return Err(no_place(table, at));
        }
        let variants = &mut table.columns[of].variants;
        if !variants.contains(&(value_type, at)) {
            variants.push((value_type, at));
            self.share(table_at, &variant);
        }
        Ok(())
    }

    fn put_into<'a>(
        &mut self,
        table: usize,
        name: &str,
        value: Scalar<'a>,
        row: usize,
        is_variant: bool,
    ) -> Result<(), Scalar<'a>> {
        let rules = &self.rules;
        let table = &mut self.tables[table];
        let at = match table.by_name.get(name) {
            Some(&at) => at,
            None => {
                let is_id = name == column_names::ID;
                let data_type = if is_id { DataType::Text } else { rules.infer(name, is_variant, &value) };
                let value = rules.moment(value, data_type);
                let new = if is_variant { Column::variant(name, data_type) } else { Column::inferred(name, data_type) };
                // With room for every number of these decimals.
                let mut probe = match &value {
                    Scalar::Decimal(value) => new.with("precision", MAX_DIGITS).with("scale", value.scale.max(0)),
                    _ => new,
                };
                let fits = coerce(value, &probe)?;
                rules.hint(&mut probe);
                // A hint may have named the column before its type was known.
                if let Some(hints) = table.hinted.get(name) {
                    probe.nullable = hints.nullable;
                    probe.hints.extend(hints.hints.clone());
                }
                let at = table.add(probe, data_type);
                table.columns[at].set(row, &fits);
                return Ok(());
            }
        };
        let column = &mut table.columns[at];
        // A key of the data may have the name of a variant: the value that is there stays.
        if column.has_value(row) && !column_names::is_filled_by_engine(name) {
            return Err(value);
        }
        let fits = coerce(rules.moment(value, column.data_type), &column.column)?;
        column.set(row, &fits);
        Ok(())
    }
}

impl Json {
    /// Whether it leaves no trace in a row: null, and lists and objects without elements where they are split.
    fn is_nothing(&self, is_nested: bool) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => is_nested && items.is_empty(),
            Self::Object(fields) => is_nested && fields.is_empty(),
            _ => false,
        }
    }
}

/// An element of a list, or an item, as the row that it becomes.
fn row_text(item: &Json) -> String {
    let mut text = String::new();
    match item {
        Json::Object(fields) => write_object(fields, &mut text),
        other => {
            let key = if matches!(other, Json::List(_)) { column_names::LIST } else { column_names::VALUE };
            write_object(&IndexMap::from([(key.to_owned(), other.clone())]), &mut text);
        }
    }
    text
}

/// A number that no number of the machine holds: an integer where there are digits enough for it, else text, for what was
/// written is all that is known of it.
pub(super) fn big(written: &str) -> Scalar<'_> {
    match written.parse::<i128>().ok().filter(|value| value.unsigned_abs() < MOST_DIGITS) {
        Some(value) => Scalar::Wei(value),
        None => Scalar::Text(Cow::Borrowed(written)),
    }
}

/// `None` for null, which leaves no trace.
fn scalar(value: &Json) -> Option<Scalar<'_>> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Scalar::Bool(*value),
        Json::Int(value) => Scalar::Int(*value),
        Json::Double(value) => Scalar::Double(*value),
        Json::Big(written) => big(written),
        Json::Text(text) => Scalar::Text(Cow::Borrowed(text)),
        nested @ (Json::List(_) | Json::Object(_)) => {
            let mut text = String::new();
            nested.write(&mut text);
            Scalar::Json(Cow::Owned(text))
        }
    })
}
