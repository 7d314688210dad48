//! Events by install: one look at the table, of which several sections are made.
//!
//! To count different installs by many things, a database makes many large tables of texts, one after the other. Here it makes
//! one, of events that have the same columns and the same install, and hands its rows over; what is counted by which of the columns
//! is counted from those. An install is a number in the place of its id ([`Dialect::hash`](crate::store::Dialect::hash)).

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind};

use super::Asking;
use crate::store::schema::EVENTS;

/// Events of a part, at most, about: more are read in several parts, so that memory is bounded.
const EVENTS_OF_A_PART: u64 = if cfg!(test) { 100 } else { 2_000_000 };
/// Most columns of a question.
pub(super) const MAX_COLUMNS: usize = 4;
/// Names that one number marks.
const MARKED: usize = 60;
/// Numbers with marks.
const MARKS: usize = 2;
/// Names of events that can be marked.
pub(super) const MAX_MARKED: usize = MARKED * MARKS;

/// What is asked.
pub(super) struct Question<'a> {
    /// The columns that events are put together by, as expressions.
    pub(super) columns: &'a [&'a str],
    /// The names of events of which it is told whether an install has any.
    pub(super) marked: &'a [String],
    /// About how many events there are.
    pub(super) events: u64,
}

/// Events that have the same columns and the same install.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// None of a group that has no install.
    pub(super) install: Option<u64>,
    /// By column, the code of its value.
    pub(super) codes: [u32; MAX_COLUMNS],
    pub(super) events: u64,
    marks: [i64; MARKS],
}

impl Group {
    /// Whether it has an event of the name with that number.
    pub(super) fn has(&self, name: usize) -> bool {
        self.marks.get(name / MARKED).is_some_and(|marks| marks >> (name % MARKED) & 1 == 1)
    }
}

/// The values of a column, by their codes.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) all: Vec<Value>,
    texts: HashMap<String, u32>,
    numbers: HashMap<i64, u32>,
    nothing: Option<u32>,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Nothing,
    Text(String),
    Number(i64),
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            _ => 0,
        }
    }
}

impl Values {
    fn push(&mut self, value: Value) -> u32 {
        self.all.push(value);
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    fn nothing(&mut self) -> u32 {
        match self.nothing {
            Some(code) => code,
            None => {
                let code = self.push(Value::Nothing);
                self.nothing = Some(code);
                code
            }
        }
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(code) = self.texts.get(text) {
            return *code;
        }
        let code = self.push(Value::Text(text.to_owned()));
        self.texts.insert(text.to_owned(), code);
        code
    }

    fn number(&mut self, number: i64) -> u32 {
        if let Some(code) = self.numbers.get(&number) {
            return *code;
        }
        let code = self.push(Value::Number(number));
        self.numbers.insert(number, code);
        code
    }

    /// The codes of the values of an array.
    fn codes(&mut self, array: &dyn Array) -> Result<Vec<u32>, Error> {
        let rows = 0..array.len();
        let or_nothing =
            |values: &mut Self, row: usize, code: &mut dyn FnMut(&mut Self) -> u32| match array.is_null(row) {
                true => values.nothing(),
                false => code(values),
            };
        Ok(match array.data_type() {
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                rows.map(|row| or_nothing(self, row, &mut |values| values.text(texts.value(row)))).collect()
            }
            _ => {
                let numbers = numbers(array)?;
                rows.map(|row| or_nothing(self, row, &mut |values| values.number(numbers[row]))).collect()
            }
        })
    }
}

/// The numbers of an array; any where there is none. One of 64 bits without a sign keeps its bits.
fn numbers(array: &dyn Array) -> Result<Vec<i64>, Error> {
    Ok(match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().values().to_vec(),
        DataType::Int32 => array.as_primitive::<Int32Type>().values().iter().map(|number| i64::from(*number)).collect(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().values().iter().map(|number| number.cast_signed()).collect()
        }
        other => return Err(Error::new(ErrorKind::Internal, format!("a page cannot count by {other}"))),
    })
}

/// Installs and a number of each, of an answer that has these two columns.
pub(super) fn pairs(batch: &RecordBatch) -> Result<Vec<(u64, i64)>, Error> {
    let (installs, others) = (numbers(batch.column(0))?, numbers(batch.column(1))?);
    Ok(installs.into_iter().map(i64::cast_unsigned).zip(others).collect())
}

/// The groups of a part, and the values of their columns, which go on from part to part.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) values: Vec<Values>,
    /// Those of an install behind each other; those without one are the first.
    groups: Vec<Group>,
}

impl Part {
    fn take(&mut self, batch: &RecordBatch, columns: usize) -> Result<(), Error> {
        let codes = batch.columns().iter().zip(&mut self.values).map(|(array, values)| values.codes(array));
        let codes = codes.collect::<Result<Vec<_>, _>>()?;
        let ids = batch.column(columns);
        let installs = numbers(ids)?;
        let events = numbers(batch.column(columns + 1))?;
        let marks = batch.columns().iter().skip(columns + 2).map(|array| numbers(array));
        let marks = marks.collect::<Result<Vec<_>, _>>()?;
        self.groups.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut group = Group {
                install: (!ids.is_null(row)).then(|| installs[row].cast_unsigned()),
                codes: [0; MAX_COLUMNS],
                events: events[row].unsigned_abs(),
                marks: [0; MARKS],
            };
            for (place, codes) in group.codes.iter_mut().zip(&codes) {
                *place = codes[row];
            }
            for (place, marks) in group.marks.iter_mut().zip(&marks) {
                *place = marks[row];
            }
            self.groups.push(group);
        }
        Ok(())
    }

    /// The groups of each install, one install after the other.
    pub(super) fn installs(&self) -> impl Iterator<Item = &[Group]> {
        self.groups.chunk_by(|one, other| one.install == other.install).filter(|groups| groups[0].install.is_some())
    }

    /// The groups of an install.
    pub(super) fn of_install(&self, install: u64) -> &[Group] {
        let first = self.groups.partition_point(|group| group.install < Some(install));
        let rest = &self.groups[first..];
        &rest[..rest.partition_point(|group| group.install == Some(install))]
    }

    /// All groups.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// How many installs and events there are of each of some things.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Vec<(u64, u64)>,
    seen: Vec<u32>,
}

impl Tally {
    /// Counts a part by what `things` says of a group.
    pub(super) fn add<T: IntoIterator<Item = u32>>(&mut self, part: &Part, things: impl Fn(&Group) -> T) {
        for group in part.groups() {
            for thing in things(group) {
                self.at(thing).1 += group.events;
            }
        }
        for groups in part.installs() {
            let mut seen = std::mem::take(&mut self.seen);
            seen.clear();
            seen.extend(groups.iter().flat_map(&things));
            if seen.len() > 1 {
                seen.sort_unstable();
                seen.dedup();
            }
            for thing in &seen {
                self.at(*thing).0 += 1;
            }
            self.seen = seen;
        }
    }

    fn at(&mut self, thing: u32) -> &mut (u64, u64) {
        let at = thing as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, (0, 0));
        }
        &mut self.counts[at]
    }

    /// Things that have events, by their numbers, with their installs and events.
    pub(super) fn found(&self) -> impl Iterator<Item = (usize, u64, u64)> {
        let all = self.counts.iter().enumerate();
        all.filter(|(_, counts)| counts.1 > 0).map(|(thing, (installs, events))| (thing, *installs, *events))
    }
}

impl Asking<'_> {
    /// The number that stands for an install.
    pub(super) fn install(&self) -> String {
        // A database may have a number for nothing, too.
        format!("CASE WHEN anonymous_id IS NOT NULL THEN {} END", self.dialect().hash(&["anonymous_id"]))
    }

    /// Answers a question part by part: each has all groups of its installs.
    pub(super) fn parts(
        &mut self,
        question: &Question<'_>,
        mut on_part: impl FnMut(&mut Self, &Part, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let parts = question.events.div_ceil(EVENTS_OF_A_PART).max(1).next_power_of_two();
        self.in_parts(question, parts, &mut on_part)
    }

    fn in_parts(
        &mut self,
        question: &Question<'_>,
        parts: u64,
        on_part: &mut dyn FnMut(&mut Self, &Part, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (install, columns) = (self.install(), question.columns.len());
        let marks = question.marked.chunks(MARKED).map(|names| {
            let names = names.iter().enumerate();
            let cases = names.map(|(at, name)| format!(" WHEN {} THEN {}", self.dialect().literal(name), 1_i64 << at));
            format!(", bit_or(CAST(CASE event{} ELSE 0 END AS BIGINT))", cases.collect::<String>())
        });
        let marks: String = marks.take(MARKS).collect();
        let keys: String = question.columns.iter().map(|column| format!("{column}, ")).collect();
        let numbers = Vec::from_iter((1..=columns + 1).map(|number| number.to_string())).join(", ");
        let mut part = Part { values: Vec::new(), groups: Vec::new() };
        part.values.resize_with(columns, Values::default);
        for number in 0..parts {
            let only = match parts {
                1 => String::new(),
                _ => format!(" AND (coalesce({install}, 0) & {}) = {number}", parts - 1),
            };
            part.groups.clear();
            self.tables.batches(
                &format!(
                    "SELECT {keys}{install}, count(*){marks} FROM {EVENTS} WHERE {}{only} GROUP BY {numbers}",
                    self.condition
                ),
                &mut |batch| part.take(&batch, columns),
            )?;
            part.groups.sort_unstable_by_key(|group| group.install);
            on_part(self, &part, &only)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_counts_once_for_each_thing_that_it_has() {
        let group = |install, code, events, marks| Group { install, codes: [code, 0, 0, 0], events, marks: [marks, 0] };
        let groups =
            vec![group(None, 1, 5, 0), group(Some(3), 0, 1, 1), group(Some(3), 0, 1, 2), group(Some(9), 2, 4, 2)];
        let part = Part { values: Vec::new(), groups };
        let mut tally = Tally::default();
        tally.add(&part, |group| [group.codes[0]]);
        assert_eq!(Vec::from_iter(tally.found()), [(0, 1, 2), (1, 0, 5), (2, 1, 4)]);
        assert_eq!((part.of_install(3).len(), part.of_install(9).len(), part.of_install(4).len()), (2, 1, 0));
        assert!(part.of_install(9)[0].has(1) && !part.of_install(9)[0].has(0));
    }
}
