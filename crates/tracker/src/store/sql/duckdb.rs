//! Tables in a DuckDB file.
//!
//! Nothing here needs the extension for time zones, which a bundled DuckDB does not have.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dlt_destination_duckdb::DuckDb;
use dlt_engine::destination::{Access, Connection, Row};
use dlt_engine::{Destination, Error, ErrorKind, relabel_utc, rows_of};

use super::database::{Database, Session};
use super::guard;
use crate::store::schema::{DATASET, PIPELINE};
use crate::store::{Dialect, OnBatch};

/// What DuckDB may take for data while events are loaded, beside what serves requests: small enough for a small machine,
/// and loads are not faster with more.
pub(super) const LOADING_BYTES: u64 = 48 << 20;

/// DuckDB's log while events are loaded one load after the other: with its usual 16 MiB it would write the last rows of the
/// table anew with every other load, which costs three times as much as all the rest.
const LOG_BYTES: u64 = 64 << 20;

/// Threads of DuckDB while events are loaded: the others serve requests.
const LOADING_THREADS: usize = 1;

/// A database file.
pub(super) struct DuckDbFile {
    path: PathBuf,
    destination: Arc<dyn Destination>,
    /// The database as it is opened for questions alone.
    reader: DuckDb,
    /// How many have taken what questions may take.
    with_room: AtomicUsize,
}

impl DuckDbFile {
    /// Opens DuckDB's library, but not the database. `bytes` is the memory for loads.
    pub(super) fn new(path: &Path, bytes: u64) -> Result<Self, Error> {
        // Here, because otherwise only the first load would find that the library is missing.
        dlt_destination_duckdb::open_library()?;
        let reader = DuckDb::at(path)?;
        let destination: Arc<dyn Destination> =
            Arc::new(reader.clone().memory_limit(bytes).threads(LOADING_THREADS).checkpoint_bytes(LOG_BYTES));
        Ok(Self { path: path.to_owned(), destination, reader, with_room: AtomicUsize::new(0) })
    }
}

impl Database for DuckDbFile {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn exists(&self) -> bool {
        self.path.exists()
    }

    fn destination(&self) -> &Arc<dyn Destination> {
        &self.destination
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &DuckDbDialect
    }

    /// The data folder's lock keeps other trackers out, and who else writes into the file is noticed by its counts.
    fn is_shared(&self) -> bool {
        false
    }

    fn open(&self, access: Access) -> Result<Box<dyn Session + '_>, Error> {
        let connection = match access {
            Access::Read => self.reader.connect(DATASET, access),
            Access::Write => self.destination.connect(DATASET, access),
        }?;
        Ok(Box::new(Open { file: self, connection, access, has_room: false }))
    }
}

/// The file, open. While the value lives no other process can open it for writing.
struct Open<'a> {
    file: &'a DuckDbFile,
    connection: Box<dyn Connection>,
    access: Access,
    /// It has taken what questions may take.
    has_room: bool,
}

impl Open<'_> {
    fn take(&mut self, threads: usize, bytes: Option<u64>) -> Result<(), Error> {
        self.execute(&format!("SET GLOBAL threads = {threads}"))?;
        match bytes {
            Some(bytes) => self.execute(&format!("SET GLOBAL memory_limit = '{bytes}B'")),
            None => Ok(()),
        }
    }
}

impl Drop for Open<'_> {
    /// The file may be open for loads on, which shall not take as much.
    fn drop(&mut self) {
        if self.has_room && self.file.with_room.fetch_sub(1, Ordering::Relaxed) == 1 {
            // A transaction of questions that stands still ends with the connection, and has nothing to keep.
            drop(self.execute("ROLLBACK"));
            drop(self.take(LOADING_THREADS, self.file.destination.memory_limit()));
        }
    }
}

impl Session for Open<'_> {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.connection.query(sql, &mut |_, batch| {
            rows.extend(rows_of(&relabel_utc(&batch)?)?);
            Ok(())
        })?;
        Ok(rows)
    }

    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.connection.query(sql, &mut |_, batch| on_batch(batch))
    }

    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        guard::check(sql, &mut |sql| self.rows(sql))?;
        self.connection.query(sql, &mut |_, batch| on_batch(batch))
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.connection.query(sql, &mut |_, _| Ok(()))
    }

    fn is_begun(&mut self) -> Result<bool, Error> {
        Ok(self.connection.stored(PIPELINE, PIPELINE)?.schema.is_some())
    }

    /// A copy of the file itself would not be of one moment, and who closes it gives DuckDB's lock away.
    fn copy_to(&mut self, file: &Path) -> Result<bool, Error> {
        let path = file.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("{} is no path that DuckDB can have", file.display()))
        })?;
        self.make_room()?;
        let named = self.rows("SELECT current_database() AS name")?;
        let name = named.first().and_then(|row| row.get("name")?.as_str()).unwrap_or_default().replace('"', "\"\"");
        self.execute(&format!("ATTACH '{}' AS \"copy of the tables\"", path.replace('\'', "''")))?;
        let copied = self.execute(&format!("COPY FROM DATABASE \"{name}\" TO \"copy of the tables\""));
        // What DuckDB wrote into its log goes into the file.
        let detached = self.execute("DETACH \"copy of the tables\"");
        copied.and(detached).map(|()| true)
    }

    /// While the file is open for reading alone, nobody loads.
    fn hold_still(&mut self) -> Result<(), Error> {
        if self.access == Access::Read || !self.is_begun()? {
            return Ok(());
        }
        self.make_room()?;
        self.execute("BEGIN TRANSACTION READ ONLY")
    }

    /// Until it is closed, by this one.
    fn make_room(&mut self) -> Result<(), Error> {
        if !self.has_room {
            self.file.with_room.fetch_add(1, Ordering::Relaxed);
            self.has_room = true;
        }
        let threads = std::thread::available_parallelism().map_or(LOADING_THREADS, usize::from);
        self.take(threads, Destination::memory_limit(&self.file.reader))
    }

    fn transaction(&mut self, _unless: &str, statements: &[String]) -> Result<(), Error> {
        self.execute("BEGIN TRANSACTION")?;
        let done = statements.iter().try_for_each(|sql| self.execute(sql)).and_then(|()| self.execute("COMMIT"));
        if done.is_err() {
            // The first failure is reported. Where this one fails too, the transaction ends with the connection.
            drop(self.execute("ROLLBACK"));
        }
        done
    }
}

pub(super) struct DuckDbDialect;

impl Dialect for DuckDbDialect {
    /// NUL, which a statement can't hold, is put in by its number.
    fn literal(&self, text: &str) -> String {
        format!("('{}')", text.replace('\'', "''").replace('\0', "' || chr(0) || '"))
    }

    fn day_of(&self, moment: &str) -> String {
        format!("(epoch_us({moment}) // 86400000000)")
    }

    fn quotient(&self, dividend: &str, divisor: u32) -> String {
        format!("({dividend} // {divisor})")
    }

    #[cfg(test)]
    fn quantile(&self, share: f64) -> String {
        format!("quantile_cont(elapsed, {share})")
    }

    fn hash(&self, columns: &[&str]) -> String {
        format!("hash({})", columns.join(", "))
    }

    #[cfg(test)]
    fn runs_in(&self, words: &[&str]) -> String {
        format!("regexp_matches(exec_info, '(^|,)({})(,|$)')", words.join("|"))
    }

    #[cfg(test)]
    fn words_of_exec_info(&self) -> &'static str {
        ", unnest(string_split(exec_info, ',')) AS words(word)"
    }

    fn property(&self, name: &str) -> String {
        format!("json_extract_string(properties, {})", self.literal(&format!("$.{name}")))
    }

    fn written(&self, moment: &str) -> String {
        format!("strftime(make_timestamp(epoch_us({moment})), '%Y-%m-%d %H:%M:%S')")
    }

    #[cfg(test)]
    fn dropped(&self) -> &'static str {
        // Of more digits the sum would be out of range.
        "CAST(coalesce(sum(list_sum(list_transform(regexp_extract_all(client_dropped, ':([0-9]{1,12})', 1), \
         lambda x: x::BIGINT))), 0) AS BIGINT)"
    }

    fn sha256(&self, text: &str) -> String {
        format!("sha256({text})")
    }

    fn count_by_range(&self, ranges: &str, numbers: &dyn Fn(&str, &str) -> String, all: (&str, &str)) -> String {
        let numbers = numbers(all.0, all.1);
        format!(
            "SELECT took.first_seq, count(*) AS held FROM ({numbers}) AS number ASOF JOIN ({ranges}) AS took \
             ON number.journal_seq >= took.first_seq WHERE number.journal_seq <= took.last_seq GROUP BY took.first_seq"
        )
    }
}
