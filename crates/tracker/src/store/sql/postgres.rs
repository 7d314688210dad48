//! Tables in a database of a Postgres server.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::record_batch::RecordBatch;
use dlt_destination_postgres::Postgres;
use dlt_engine::destination::{Access, Row};
use dlt_engine::{Destination, Error, ErrorKind, rows_of};
use dlt_postgres::postgres::types::Type;
use dlt_postgres::{Address, Client, Lost, Query, ReadOptions};

use super::database::{Database, Session};
use crate::store::schema::{DATASET, EVENTS, LOADS, QUARANTINE};
use crate::store::{Dialect, OnBatch, Role, STREAM};

/// The number of the lock of those who lead: `dlt lead` in ASCII.
const LEAD: i64 = 0x646c_7420_6c65_6164;

/// The table whose only row says whose journal the tables are of.
const OWNER: &str = "journal_owner";

/// What a connection is held to where its address says nothing: a server that is gone without a word is noticed within about a minute.
/// The system would wait for two hours, and whoever stops the tracker with it. In seconds; and the last in milliseconds.
const NOTICED: [(&str, &str); 4] = [
    ("keepalives_idle", "30"),
    ("keepalives_interval", "10"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "60000"),
];

/// The index that holds message ids to be unique within their projects, and the one of versions before, which held them to be unique in all
/// of the table.
const MESSAGES: &str = "events_message_project";
const MESSAGE_IDS: &str = "events_message_id";

/// A database of a server.
pub(super) struct PostgresDatabase {
    address: Address,
    destination: Arc<dyn Destination>,
    /// The session whose lock makes this process the one that loads. The server lets the lock go when the session ends.
    leading: Mutex<Option<Client>>,
}

impl PostgresDatabase {
    /// Connects to nothing. What the address lacks is taken from libpq's variables and password file.
    pub(super) fn new(address: &Address) -> Result<Self, Error> {
        let mut address = address.clone().completed(&|name| std::env::var(name).ok())?;
        let mut noticed = Address::default();
        NOTICED.iter().try_for_each(|(name, value)| noticed.set(name, *value))?;
        address.fill_from(noticed);
        // The store makes the indexes that its questions need; one on the ids of rows would serve nobody.
        let destination: Arc<dyn Destination> = Arc::new(Postgres::at(address.clone()).create_indexes(false));
        Ok(Self { address, destination, leading: Mutex::new(None) })
    }
}

impl Database for PostgresDatabase {
    fn location(&self) -> String {
        format!("postgres://{}", self.address.shown())
    }

    fn exists(&self) -> bool {
        true
    }

    fn destination(&self) -> &Arc<dyn Destination> {
        &self.destination
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &PostgresDialect
    }

    fn counts_slowly(&self) -> bool {
        true
    }

    fn open(&self, access: Access) -> Result<Box<dyn Session + '_>, Error> {
        Ok(Box::new(Open { client: Client::connect(&self.address)?, access, is_still: false }))
    }

    fn lead(&self) -> Result<Role, Error> {
        let mut leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = leading.as_mut() {
            // A session that ended has no lock any more, and somebody else may lead.
            if client.query("keep the lead", "SELECT 1", &[]).is_ok() {
                return Ok(Role::Leads { is_new: false });
            }
            *leading = None;
        }
        let mut client = Client::connect(&self.address)?;
        // Its lock is of no use in a pool that hands the connection to others; nothing then goes wrong, see `Tables::lead`.
        let locked = client.query("take the lead", "SELECT pg_try_advisory_lock($1)", &[(&LEAD, Type::INT8)])?;
        if !locked.first().is_some_and(|row| row.get(0)) {
            return Ok(Role::Follows);
        }
        *leading = Some(client);
        Ok(Role::Leads { is_new: true })
    }

    fn resign(&self) {
        *self.leading.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn own(&self, owner: &str, always: bool) -> Result<bool, Error> {
        let mut client = Client::connect(&self.address)?;
        let mut is_there = |what: &str| {
            let rows = client.query("look who owns the tables", &format!("SELECT {what} IS NOT NULL"), &[])?;
            Ok::<_, Error>(rows.first().is_some_and(|row| row.get(0)))
        };
        let table = format!("\"{DATASET}\".{OWNER}");
        let mut make = String::new();
        // Who may make no schema need not, where there is one.
        if !is_there(&format!("to_regnamespace('\"{DATASET}\"')"))? {
            make.push_str(&format!("CREATE SCHEMA \"{DATASET}\"; "));
        }
        if !is_there(&format!("to_regclass('{table}')"))? {
            make.push_str(&format!(
                "CREATE TABLE {table} (one BOOLEAN PRIMARY KEY CHECK (one), owner TEXT NOT NULL, since TIMESTAMPTZ NOT NULL); "
            ));
        }
        let only = if always { String::new() } else { format!(" WHERE {OWNER}.owner = '{STREAM}'") };
        let own = format!(
            "{make}INSERT INTO {table} VALUES (true, {}, now()) \
             ON CONFLICT (one) DO UPDATE SET owner = excluded.owner, since = excluded.since{only}",
            PostgresDialect.literal(owner)
        );
        client.batch("write who owns the tables", &own)?;
        let rows = client.query("look who owns the tables", &format!("SELECT owner FROM {table}"), &[])?;
        Ok(rows.first().is_some_and(|row| row.get::<_, String>(0) == owner))
    }
}

/// A connection.
struct Open {
    client: Client,
    access: Access,
    /// A transaction is open, in which all questions are asked.
    is_still: bool,
}

/// Where tables are looked for.
fn search_path() -> String {
    format!("SET LOCAL search_path TO \"{DATASET}\", public")
}

impl Open {
    /// Runs `work` in a transaction, which finds the tables by their bare names. In a pool of connections, a setting of the
    /// session would be somebody else's.
    fn within<T>(&mut self, work: impl FnOnce(&mut Client) -> Result<T, Error>) -> Result<T, Error> {
        if self.is_still {
            return work(&mut self.client);
        }
        let mode = if self.access == Access::Read { "READ ONLY" } else { "READ WRITE" };
        self.client.batch("begin", &format!("BEGIN TRANSACTION {mode}; {}", search_path()))?;
        let done = work(&mut self.client);
        let ended = self.client.batch("end the transaction", if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        done.and_then(|done| ended.map(|()| done))
    }
}

impl Session for Open {
    fn rows(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        self.within(|client| {
            let query = Query::prepare(client, sql, ReadOptions::default())?;
            let mut rows = Vec::new();
            let lost = query.run(client, &mut |batch| {
                rows.extend(rows_of(&batch)?);
                Ok(())
            })?;
            match lost.first() {
                None => Ok(rows),
                Some(Lost { column, .. }) => Err(Error::new(
                    ErrorKind::Data,
                    format!("column `{column}` holds a value that cannot be shown: NaN, or a time after the last"),
                )),
            }
        })
    }

    fn batches(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.within(|client| Query::prepare(client, sql, ReadOptions::default())?.run(client, on_batch).map(drop))
    }

    /// The transaction is read-only, and a statement cannot make it another one.
    fn ask(&mut self, sql: &str, on_batch: &mut OnBatch<'_>) -> Result<(), Error> {
        self.within(|client| {
            let query = Query::prepare(client, sql, ReadOptions::default())?;
            let mut is_empty = true;
            query.run(client, &mut |batch| {
                is_empty = false;
                on_batch(batch)
            })?;
            match is_empty {
                true => on_batch(RecordBatch::new_empty(query.schema().clone())),
                false => Ok(()),
            }
        })
    }

    fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.within(|client| client.batch("write to the tables", sql))
    }

    fn is_begun(&mut self) -> Result<bool, Error> {
        let rows = self.rows(&format!("SELECT 1 AS one WHERE to_regclass('\"{DATASET}\".{LOADS}') IS NOT NULL"))?;
        Ok(!rows.is_empty())
    }

    fn hold_still(&mut self) -> Result<(), Error> {
        let begin = format!("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; {}", search_path());
        self.client.batch("begin", &begin)?;
        self.is_still = true;
        Ok(())
    }

    fn make_indexes(&mut self) -> Result<(), Error> {
        let is_there = |index: &str| format!("to_regclass('\"{DATASET}\".{index}') IS NOT NULL");
        let there = self.rows(&format!(
            "SELECT 1 AS one WHERE {} AND {} AND NOT {}",
            is_there(&format!("{LOADS}_first_seq")),
            is_there(MESSAGES),
            is_there(MESSAGE_IDS)
        ))?;
        if !there.is_empty() {
            return Ok(());
        }
        let index = |table: &str, columns: &str, kind: &str| {
            let name = columns.replace(", ", "_");
            format!("CREATE {kind}INDEX IF NOT EXISTS {table}_{name} ON {table} ({columns})")
        };
        // The last one says that all are there.
        let statements = [
            // Null is a value of its own here, and no project is called so. Ids alone are found by it, too.
            format!("CREATE UNIQUE INDEX IF NOT EXISTS {MESSAGES} ON {EVENTS} (message_id, (coalesce(project, '')))"),
            format!("DROP INDEX IF EXISTS {MESSAGE_IDS}"),
            index(EVENTS, "journal_seq", ""),
            index(EVENTS, "timestamp", ""),
            index(EVENTS, "event, timestamp", ""),
            index(EVENTS, "anonymous_id", ""),
            index(EVENTS, "received_at", ""),
            index(QUARANTINE, "journal_seq", ""),
            index(QUARANTINE, "received_at", ""),
            index(QUARANTINE, "anonymous_id", ""),
            index(LOADS, "first_seq", ""),
        ];
        self.transaction("", &statements)
    }

    fn transaction(&mut self, unless: &str, statements: &[String]) -> Result<(), Error> {
        // Where tables are moved into a new database, nobody loads yet.
        let turn = format!(
            "DO $$ BEGIN IF to_regclass('\"{DATASET}\".{LOADS}') IS NOT NULL THEN \
             LOCK TABLE \"{DATASET}\".{LOADS} IN SHARE ROW EXCLUSIVE MODE; END IF; END $$"
        );
        self.within(|client| {
            client.batch("wait for loads under way", &turn)?;
            if !unless.is_empty() && !client.query("look what is done", unless, &[])?.is_empty() {
                return Ok(());
            }
            statements.iter().try_for_each(|sql| client.batch("write to the tables", sql))
        })
    }
}

struct PostgresDialect;

impl Dialect for PostgresDialect {
    /// Postgres holds no NUL: rows are stored without.
    fn literal(&self, text: &str) -> String {
        format!("('{}')", self.stored(text).replace('\'', "''"))
    }

    fn stored<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
    }

    fn day_of(&self, moment: &str) -> String {
        format!("floor(extract(epoch FROM {moment}) / 86400)::BIGINT")
    }

    fn quotient(&self, dividend: &str, divisor: u32) -> String {
        format!("floor({dividend}::NUMERIC / {divisor})::BIGINT")
    }

    #[cfg(test)]
    fn quantile(&self, share: f64) -> String {
        format!("percentile_cont({share}) WITHIN GROUP (ORDER BY elapsed)")
    }

    fn hash(&self, columns: &[&str]) -> String {
        match columns {
            [column] => format!("hashtextextended({column}, 0)"),
            _ => format!("hashtextextended(ROW({})::TEXT, 0)", columns.join(", ")),
        }
    }

    #[cfg(test)]
    fn runs_in(&self, words: &[&str]) -> String {
        format!("(exec_info ~ '(^|,)({})(,|$)')", words.join("|"))
    }

    #[cfg(test)]
    fn words_of_exec_info(&self) -> &'static str {
        ", regexp_split_to_table(exec_info, ',') AS words(word)"
    }

    fn property(&self, name: &str) -> String {
        // A NUL, which JSON may hold escaped, no text of Postgres can.
        format!("(CASE WHEN strpos(properties, '\\u0000') = 0 THEN properties::JSONB ->> {} END)", self.literal(name))
    }

    fn written(&self, moment: &str) -> String {
        format!("to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')")
    }

    #[cfg(test)]
    fn dropped(&self) -> &'static str {
        "coalesce(sum((SELECT sum(found[1]::BIGINT) FROM regexp_matches(client_dropped, ':([0-9]{1,12})', 'g') \
         AS found)), 0)::BIGINT"
    }

    fn sha256(&self, text: &str) -> String {
        format!("encode(sha256(convert_to({text}, 'UTF8')), 'hex')")
    }

    fn count_by_range(&self, ranges: &str, numbers: &dyn Fn(&str, &str) -> String, _all: (&str, &str)) -> String {
        // A range is a short walk through an index.
        let numbers = numbers("took.first_seq", "took.last_seq");
        format!("SELECT took.first_seq, (SELECT count(*) FROM ({numbers}) AS number) AS held FROM ({ranges}) AS took")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_server_that_is_gone_is_noticed_as_soon_as_the_address_says_or_within_a_minute() {
        let of = |url: &str| PostgresDatabase::new(&Address::from_url(url).unwrap()).unwrap();
        let usual = of("postgres://ada@db:5432/events");
        assert!(NOTICED.iter().all(|(name, value)| usual.address.get(name) == Some(*value)));
        let own = of("postgres://ada@db:5432/events?tcp_user_timeout=5000");
        let told = ["tcp_user_timeout", "keepalives_idle"].map(|name| own.address.get(name).unwrap());
        assert_eq!(told, ["5000", "30"]);
        // It is nothing of the place.
        assert_eq!((usual.location(), own.location()), (own.location(), "postgres://ada@db:5432/events".to_owned()));
    }
}
