//! Reading events from the tables.
//!
//! Of a row come numbers: the database hashes what stands in the place of an install, of a sender and of a kind. What a hash stands for
//! is asked of one row for each that is new, so that texts cross over once and not with each event.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use arrow::record_batch::RecordBatch;
use dlt_engine::{Error, ErrorKind};

use super::Survey;
use super::events::Event;
use super::words::{Kind, Sender, Word, Words};
use crate::store::schema::EVENTS;
use crate::store::{Dialect, Tables};

/// Most characters of a text by which events are told apart: a sender may send 32 KB. Others are cut before the journal.
const MAX_CHARS: usize = 200;
/// Most rows that one statement names.
const MAX_NAMED: usize = if cfg!(test) { 50 } else { 10_000 };

/// A hash that was not met before, and the row that it was met in.
type Met = (u64, i64);

/// Something that events have in common, as columns of their table.
struct Common {
    /// The texts first.
    columns: Vec<String>,
    texts: usize,
    /// Whether the first one is a project, which no sender chooses.
    has_project: bool,
    /// The hash of the columns.
    hash: String,
}

impl Common {
    fn new(dialect: &dyn Dialect, texts: &[&str], others: &[&str], has_project: bool) -> Self {
        let columns = [texts, others].concat();
        let hash = dialect.hash(&columns);
        Self { columns: columns.into_iter().map(str::to_owned).collect(), texts: texts.len(), has_project, hash }
    }

    /// What makes a [`Sender`]. Tables of an earlier version have no projects.
    fn sender(dialect: &dyn Dialect, has_projects: bool) -> Self {
        let texts = [
            if has_projects { "project" } else { "CAST(NULL AS TEXT)" },
            "library_name",
            "library_version",
            "os_name",
            "os_version",
            "exec_info",
            "python_version",
            "runtime_name",
            "runtime_version",
        ];
        Self::new(dialect, &texts, &["cpu", "ci_run"], true)
    }

    /// What makes a [`Kind`].
    fn kind(dialect: &dyn Dialect) -> Self {
        // Properties are read where they have the word.
        let source = dialect.property("source_name");
        let source = format!("CASE WHEN strpos(properties, '\"source_name\"') > 0 THEN {source} END");
        let [name, of_type, source] =
            ["destination_name", "destination_type", &source].map(|text| format!("substr({text}, 1, {MAX_CHARS})"));
        Self::new(dialect, &["event", &name, &of_type, &source], &["success"], false)
    }

    /// Asks what hashes stand for, and tells it.
    fn learn(
        &self,
        words: &mut Words,
        tables: &mut dyn Tables,
        met: &[Met],
        on_told: &mut dyn FnMut(&mut Words, u64, &Told<'_>),
    ) -> Result<(), Error> {
        let columns = self.columns.join(", ");
        let mut missing: HashSet<u64> = met.iter().map(|(hash, _)| *hash).collect();
        for named in met.chunks(MAX_NAMED) {
            let rows = Vec::from_iter(named.iter().map(|(_, sequence)| sequence.to_string())).join(",");
            let sql = format!("SELECT {}, {columns} FROM {EVENTS} WHERE journal_seq IN ({rows})", self.hash);
            tables.batches(&sql, &mut |batch| {
                let mut told = Told::new(words, &batch, self)?;
                let hashes = numbers(batch.column(0))?;
                for (row, hash) in hashes.into_iter().enumerate() {
                    told.row = row;
                    on_told(words, hash.cast_unsigned(), &told);
                    missing.remove(&hash.cast_unsigned());
                }
                Ok(())
            })?;
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Internal, "rows of events went away while they were read")),
        }
    }
}

/// What a row tells of something that events have in common.
struct Told<'a> {
    row: usize,
    words: Vec<Vec<Word>>,
    others: &'a [ArrayRef],
}

impl<'a> Told<'a> {
    /// The first column is the hash.
    fn new(words: &mut Words, batch: &'a RecordBatch, common: &Common) -> Result<Self, Error> {
        let (columns, others) = batch.columns().split_at(common.texts + 1);
        let of_column = |(at, column): (usize, &ArrayRef)| {
            let column = as_text(column)?;
            let texts = column.as_string::<i32>().iter();
            Ok(match at == 0 && common.has_project {
                true => texts.map(|text| text.map_or(Word::NONE, |text| words.known_word(text))).collect(),
                false => texts.map(|text| words.word(text)).collect(),
            })
        };
        let words = columns[1..].iter().enumerate().map(of_column).collect::<Result<_, Error>>()?;
        Ok(Self { row: 0, words, others })
    }

    fn words<const N: usize>(&self) -> [Word; N] {
        std::array::from_fn(|column| self.words[column][self.row])
    }

    fn number(&self, other: usize) -> Option<i64> {
        let column = self.others[other].as_primitive_opt::<Int64Type>()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }

    fn truth(&self, other: usize) -> Option<bool> {
        let column = self.others[other].as_boolean_opt()?;
        column.is_valid(self.row).then(|| column.value(self.row))
    }
}

/// The number that stands for the install of a row; null where there is none.
pub(super) fn install(dialect: &dyn Dialect) -> String {
    // A database may have a number for nothing, too.
    format!("CASE WHEN anonymous_id IS NOT NULL THEN {} END", dialect.hash(&["anonymous_id"]))
}

/// Adds the events of a condition, or all.
pub(super) fn read(
    survey: &mut Survey,
    tables: &mut dyn Tables,
    has_projects: bool,
    condition: Option<&str>,
) -> Result<(), Error> {
    let dialect = tables.dialect();
    let (sender, kind) = (Common::sender(dialect, has_projects), Common::kind(dialect));
    // A condition that all rows meet would have its columns read.
    let condition = condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
    let (mut senders, mut kinds) = (Vec::new(), Vec::new());
    tables.batches(
        &format!(
            "SELECT {} AS install, timestamp, {} AS sender, {} AS kind, elapsed, client_dropped, journal_seq FROM {EVENTS}{condition}",
            install(dialect),
            sender.hash,
            kind.hash
        ),
        &mut |batch| take(survey, &batch, &mut senders, &mut kinds),
    )?;
    let words = &mut survey.words;
    words.make_room();
    sender.learn(words, tables, &senders, &mut |words, hash, told| {
        let [project, library, version, system, system_version, surroundings, python, runtime, runtime_version] =
            told.words();
        let (cores, is_ci) = (told.number(0), told.truth(1));
        let sender = Sender {
            project,
            library,
            version,
            system,
            system_version,
            surroundings,
            python,
            runtime,
            runtime_version,
            cores,
            is_ci,
        };
        words.set_sender(hash, sender);
    })?;
    kind.learn(words, tables, &kinds, &mut |words, hash, told| {
        let [name, destination, of_type, source] = told.words();
        let destination = words.destination(destination, of_type);
        words.set_kind(hash, Kind { name, destination, source, succeeded: told.truth(0) });
    })
}

/// Takes rows over.
fn take(survey: &mut Survey, batch: &RecordBatch, senders: &mut Vec<Met>, kinds: &mut Vec<Met>) -> Result<(), Error> {
    let [install, moment, sender, kind, seconds, dropped, sequence] = batch.columns() else {
        return Err(unreadable(batch.schema().fields().len()));
    };
    let installs = numbers(install)?;
    let moments = match moment.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => moment.as_primitive::<TimestampMicrosecondType>(),
        other => return Err(unreadable(other)),
    };
    let (sender_hashes, kind_hashes, sequences) = (numbers(sender)?, numbers(kind)?, numbers(sequence)?);
    let elapsed = seconds.as_primitive_opt::<Float64Type>().ok_or_else(|| unreadable(seconds.data_type()))?;
    let dropped = as_text(dropped)?;
    let dropped = dropped.as_string::<i32>();
    for row in 0..batch.num_rows() {
        let install = install.is_valid(row).then(|| survey.installs.of(installs[row].cast_unsigned()));
        let moment = moments.is_valid(row).then(|| moments.value(row));
        let seconds = elapsed.is_valid(row).then(|| elapsed.value(row));
        let sender = survey.words.senders_by_hash.of_new(sender_hashes[row].cast_unsigned(), |hash| {
            senders.push((hash, sequences[row]));
        });
        let kind = survey.words.kinds_by_hash.of_new(kind_hashes[row].cast_unsigned(), |hash| {
            kinds.push((hash, sequences[row]));
        });
        let lost = if dropped.is_valid(row) { lost(dropped.value(row)) } else { 0 };
        survey.events.push(Event::new(install, moment, sender, kind, seconds), lost);
    }
    Ok(())
}

/// The sum of the numbers behind colons: what a client lost, by reason. Of long numbers twelve digits count.
fn lost(dropped: &str) -> u64 {
    let numbers = dropped.split(':').skip(1).map(|rest| {
        let digits = rest.bytes().take(12).take_while(u8::is_ascii_digit).count();
        rest[..digits].parse::<u64>().unwrap_or(0)
    });
    numbers.sum()
}

/// The numbers of an array; any where there is none. One of 64 bits without a sign keeps its bits.
fn numbers(array: &dyn Array) -> Result<Vec<i64>, Error> {
    Ok(match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().values().to_vec(),
        DataType::Int32 => array.as_primitive::<Int32Type>().values().iter().map(|number| i64::from(*number)).collect(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().values().iter().map(|number| number.cast_signed()).collect()
        }
        other => return Err(unreadable(other)),
    })
}

fn as_text(array: &ArrayRef) -> Result<ArrayRef, Error> {
    cast(array, &DataType::Utf8).map_err(|error| unreadable(array.data_type()).because(error))
}

fn unreadable(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("events cannot be counted by a column of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_lost_is_the_sum_of_its_numbers() {
        for (dropped, sum) in [
            ("", 0),
            ("{}", 0),
            (r#"{"full":3}"#, 3),
            (r#"{"full":3,"old":40}"#, 43),
            (r#"{"odd:7":1,"text":"x","none":null}"#, 8),
            (r#"{"old":18446744073709551615}"#, 184_467_440_737),
            ("5:", 0),
        ] {
            assert_eq!(lost(dropped), sum, "{dropped}");
        }
    }
}
