//! The fast path: items whose shape was seen before go from text to columns, with no tree in between.
//!
//! It changes nothing but values. Whatever it has not seen (a key, a type that needs a variant, a key twice in an
//! object) makes it give up the item; the caller takes the item's rows back and walks the slow path.

use super::layout::{Layout, NONE, ROOT_NODE, ROOT_TABLE, Target};
use super::slow_path::big;
use crate::json::{Cursor, Malformed, Number, RawText};
use crate::schema::{DataType, column_names};
use crate::value::{Scalar, coerce, parse_iso_timestamp};

/// Why the fast path gave an item up.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The slow path has to look at the item.
    Irregular,
    /// The text is broken.
    Malformed(Malformed),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

type Walk = Result<(), Stop>;

impl Layout {
    /// Reads the item at the cursor into the tables.
    #[inline]
    pub(crate) fn read_item(&mut self, cursor: &mut Cursor<'_>) -> Walk {
        if cursor.value_start()? != b'{' || !self.is_begun {
            return Err(Stop::Irregular);
        }
        let row = self.begin_row(ROOT_TABLE);
        self.read_object(cursor, ROOT_NODE, row)
    }

    fn read_object(&mut self, cursor: &mut Cursor<'_>, node: usize, row: usize) -> Walk {
        self.objects_seen += 1;
        let object = self.objects_seen;
        let mut expected = 0;
        let mut more = cursor.enter(b'}')?;
        while more {
            let slot = match self.nodes[node].slots.get(expected) {
                Some(slot) if slot.is_plain && cursor.skip_key(&slot.key) => expected,
                _ => {
                    let raw = cursor.key()?;
                    let key = cursor.decode(raw)?;
                    self.find_slot(node, &key).ok_or(Stop::Irregular)?
                }
            };
            expected = slot + 1;
            let slot = &mut self.nodes[node].slots[slot];
            if slot.target.is_shared || slot.seen_in == object {
                if slot.is_left_out {
                    cursor.value()?;
                    more = cursor.next_member(b'}')?;
                    continue;
                }
                return Err(Stop::Irregular);
            }
            slot.seen_in = object;
            let target = slot.target;
            self.read_value(cursor, node, target, row)?;
            more = cursor.next_member(b'}')?;
        }
        Ok(())
    }

    #[inline]
    fn read_value(&mut self, cursor: &mut Cursor<'_>, node: usize, target: Target, row: usize) -> Walk {
        let table = self.nodes[node].table;
        match cursor.value_start()? {
            b'"' => {
                let text = cursor.string()?;
                self.put_text(cursor, table, target.column, row, text)
            }
            b'-' | b'0'..=b'9' => {
                let number = cursor.number()?;
                self.put_number(table, target.column, row, number)
            }
            b'{' => match target.object {
                NONE => Err(Stop::Irregular),
                object => self.read_object(cursor, object, row),
            },
            b'[' => match target.list {
                NONE => match cursor.enter(b']')? {
                    false => Ok(()),
                    true => Err(Stop::Irregular),
                },
                list => self.read_list(cursor, list, row),
            },
            b't' => {
                cursor.literal("true")?;
                self.put_bool(table, target.column, row, true)
            }
            b'f' => {
                cursor.literal("false")?;
                self.put_bool(table, target.column, row, false)
            }
            b'n' => Ok(cursor.literal("null")?),
            _ => Err(Stop::Irregular),
        }
    }

    fn read_list(&mut self, cursor: &mut Cursor<'_>, list: usize, parent_row: usize) -> Walk {
        let nodes = self.lists[list];
        if self.tables[nodes.table].is_barred {
            return Err(Stop::Irregular);
        }
        let mut index = 0;
        let mut more = cursor.enter(b']')?;
        while more {
            let row = self.begin_nested_row(nodes, parent_row, index);
            index += 1;
            match cursor.value_start()? {
                b'{' => self.read_object(cursor, nodes.element, row)?,
                b'[' => {
                    let slot = self.find_slot(nodes.wrapper, column_names::LIST).ok_or(Stop::Irregular)?;
                    let target = self.nodes[nodes.wrapper].slots[slot].target;
                    self.read_value(cursor, nodes.wrapper, target, row)?;
                }
                _ => {
                    let slot = self.find_slot(nodes.element, column_names::VALUE).ok_or(Stop::Irregular)?;
                    let target = self.nodes[nodes.element].slots[slot].target;
                    if target.is_shared {
                        return Err(Stop::Irregular);
                    }
                    self.read_value(cursor, nodes.element, target, row)?;
                }
            }
            more = cursor.next_member(b']')?;
        }
        Ok(())
    }

    #[inline]
    fn put_text(&mut self, cursor: &Cursor<'_>, table: usize, column: usize, row: usize, text: RawText<'_>) -> Walk {
        let Some(rows) = self.tables[table].columns.get_mut(column) else { return Err(Stop::Irregular) };
        match rows.data_type {
            DataType::Text if !text.has_escapes => rows.set_bytes(row, text.raw.as_bytes()),
            DataType::Text => rows.set_bytes(row, cursor.decode(text)?.as_bytes()),
            DataType::Timestamp if !text.has_escapes && rows.column.has_timezone() => {
                match parse_iso_timestamp(text.raw) {
                    Some(micros) => rows.set_int(row, micros),
                    None => return self.put_other(table, column, row, Scalar::Text(text.raw.into())),
                }
            }
            _ => {
                let text = cursor.decode(text)?;
                return self.put_other(table, column, row, Scalar::Text(text));
            }
        }
        Ok(())
    }

    #[inline]
    fn put_number(&mut self, table: usize, column: usize, row: usize, number: Number<'_>) -> Walk {
        let Some(rows) = self.tables[table].columns.get_mut(column) else { return Err(Stop::Irregular) };
        match (number, rows.data_type) {
            (Number::Int(value), DataType::Bigint) if !rows.is_narrow => rows.set_int(row, value),
            (Number::Double(value), DataType::Double) => rows.set_double(row, value),
            (Number::Int(value), _) => return self.put_other(table, column, row, Scalar::Int(value)),
            (Number::Double(value), _) => return self.put_other(table, column, row, Scalar::Double(value)),
            (Number::Big(written), _) => return self.put_other(table, column, row, big(written)),
        }
        Ok(())
    }

    #[inline]
    fn put_bool(&mut self, table: usize, column: usize, row: usize, value: bool) -> Walk {
        let Some(rows) = self.tables[table].columns.get_mut(column) else { return Err(Stop::Irregular) };
        if rows.data_type == DataType::Bool {
            rows.set_bool(row, value);
            return Ok(());
        }
        self.put_other(table, column, row, Scalar::Bool(value))
    }

    /// A value of another type than its column. One that needs a variant is left to the slow path.
    #[cold]
    fn put_other(&mut self, table: usize, column: usize, row: usize, value: Scalar<'_>) -> Walk {
        let rows = &mut self.tables[table].columns[column];
        let value_type = value.own_type();
        let value = match coerce(self.rules.moment(value, rows.data_type), &rows.column) {
            Ok(fits) => {
                rows.set(row, &fits);
                return Ok(());
            }
            Err(value) => value,
        };
        let Some(&variant) = rows.variants.iter().find(|(of, _)| *of == value_type).map(|(_, at)| at) else {
            return Err(Stop::Irregular);
        };
        let rows = &mut self.tables[table].columns[variant];
        if rows.has_value(row) {
            return Err(Stop::Irregular);
        }
        let fits = coerce(value, &rows.column).map_err(|_| Stop::Irregular)?;
        rows.set(row, &fits);
        Ok(())
    }
}
