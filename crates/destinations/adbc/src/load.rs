//! One load: a transaction of the database.

use crate::dataset::Dataset;
use crate::ddl;
use crate::dialect::{Dialect, literal};
use crate::failure::explain;
use crate::link::Link;
use crate::merge::Merging;
use crate::record;
use crate::rows;
use dlt_engine::destination::{ChainLoad, LoadRecord, TableLoad, Transaction, Write};
use dlt_engine::schema::{Schema, VERSION_TABLE};
use dlt_engine::sql::{self, Session as _};
use dlt_engine::{Error, ErrorKind, Result};

pub(crate) struct Load<'a> {
    link: &'a Link,
    dataset: &'a Dataset,
    conflicts: ddl::Conflicts,
    is_open: bool,
    /// Whether a step failed. The database may have undone those before it then.
    is_broken: bool,
}

const BEGIN: &str = "begin the load";

impl<'a> Load<'a> {
    pub(crate) fn begin(link: &'a Link, dataset: &'a Dataset) -> Result<Self> {
        let failed = |error| explain(BEGIN, &error, link.dialect());
        link.autocommit(false).map_err(failed)?;
        // Dropped where what follows fails.
        let load = Self { link, dataset, conflicts: ddl::Conflicts::new(), is_open: true, is_broken: false };
        match dataset.dialect {
            Dialect::Sqlite => {
                // The driver's own transaction locks nothing before its first change, which is refused then if somebody
                // else has written since its first read.
                link.run("ROLLBACK").map_err(failed)?;
                link.run("BEGIN IMMEDIATE").map_err(failed)?;
            }
            Dialect::Postgres => {
                link.run("SET LOCAL standard_conforming_strings = on").map_err(failed)?;
                // Two loads would make the same tables.
                let key = literal(&format!("dlt {}", dataset.name));
                link.execute(BEGIN, &format!("SELECT pg_advisory_xact_lock(hashtextextended({key}, 0))"))?;
            }
            Dialect::Ansi => {}
        }
        Ok(load)
    }

    fn insert_all(&self, load: &TableLoad<'_>) -> Result<u64> {
        if load.files.is_empty() {
            return Ok(0);
        }
        let mut merging = Merging::new(self.link, self.dataset, Write::Append);
        let staged = merging.stage(load.table, &load.files)?;
        let sql = rows::insert_all(self.dataset, load.table, &staged);
        let added = merging.insert(load.table, &staged, &sql)?;
        merging.finish()?;
        Ok(added)
    }

    fn write_chain(&self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        if chain.write == Write::Replace {
            for load in &chain.tables {
                let name = &load.table.name;
                let sql = format!("DELETE FROM {}", self.dataset.table(name));
                self.link.execute(&format!("empty table `{name}`"), &sql)?;
            }
        }
        let mut merging = Merging::new(self.link, self.dataset, chain.write);
        let added = match chain.write {
            Write::Merge(strategy) => sql::merge(&mut merging, chain, strategy)?,
            Write::Versions(micros) => sql::keep_versions(&mut merging, chain, micros)?,
            Write::Append | Write::Replace => {
                return chain.tables.iter().map(|load| self.insert_all(load)).collect();
            }
        };
        merging.finish()?;
        Ok(added)
    }

    fn tables(&self) -> Result<Vec<String>> {
        let rows = self.link.rows("list the tables", &self.dataset.dialect.tables_sql(&self.dataset.name))?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// Tables that another tool staged.
    fn staged_tables(&self) -> Result<Vec<String>> {
        let doing = "list the staged tables";
        let sql = match self.dataset.dialect {
            Dialect::Sqlite => {
                let attached = "SELECT count(*) FROM pragma_database_list WHERE name = '_dlt_staging'";
                if self.link.number(doing, attached)? == 0 {
                    return Ok(Vec::new());
                }
                format!("SELECT name FROM {}.sqlite_master WHERE type = 'table'", self.dataset.staging())
            }
            dialect => dialect.tables_sql(&self.dataset.staging_name()),
        };
        Ok(self.link.rows(doing, &sql)?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }
}

impl Transaction for Load<'_> {
    fn drop_tables(&mut self, schema: &str, tables: &[String]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        // Python dlt merges by way of a dataset beside this one, whose table would keep its columns.
        let (present, staged) = (self.tables()?, self.staged_tables()?);
        let is_dropped = |name: &&String| tables.iter().any(|table| table.eq_ignore_ascii_case(name));
        let own = present.iter().filter(is_dropped).map(|name| (name, self.dataset.table(name)));
        let beside = staged.iter().filter(is_dropped).map(|name| (name, self.dataset.staged_table(name)));
        for (table, full) in own.chain(beside) {
            self.link.execute(&format!("drop table `{table}`"), &format!("DROP TABLE {full}"))?;
        }
        let versions =
            [(&present, self.dataset.table(VERSION_TABLE)), (&staged, self.dataset.staged_table(VERSION_TABLE))];
        // A staged table that Python dlt finds no version for is made anew.
        for (present, full) in versions {
            if present.iter().any(|table| table == VERSION_TABLE) {
                let sql = format!("DELETE FROM {full} WHERE schema_name = {}", literal(schema));
                self.link.execute("forget the versions of the schema", &sql)?;
            }
        }
        Ok(())
    }

    fn empty_tables(&mut self, tables: &[String]) -> Result<()> {
        let present = self.tables()?;
        for table in tables.iter().filter(|table| present.iter().any(|name| name.eq_ignore_ascii_case(table))) {
            let sql = format!("DELETE FROM {}", self.dataset.table(table));
            self.link.execute(&format!("empty table `{table}`"), &sql)?;
        }
        Ok(())
    }

    fn evolve(&mut self, schema: &Schema) -> Result<()> {
        self.conflicts = ddl::evolve(self.link, self.dataset, schema)?;
        Ok(())
    }

    fn write(&mut self, chain: &ChainLoad<'_>) -> Result<Vec<u64>> {
        for load in chain.tables.iter().filter(|load| !load.files.is_empty()) {
            if let Some(conflict) = self.conflicts.remove(&load.table.name) {
                return Err(conflict);
            }
        }
        let written = self.write_chain(chain);
        self.is_broken |= written.is_err();
        written
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord<'_>) -> Result<()> {
        if self.is_broken {
            return Err(Error::new(ErrorKind::Internal, "a load that failed cannot be committed"));
        }
        record::write_load(self.link, self.dataset, record)?;
        record::write_version(self.link, self.dataset, record.schema)?;
        if let Some(state) = record.state {
            record::write_state(self.link, self.dataset, record.load_id, state)?;
        }
        self.link.commit().map_err(|error| explain("commit the load", &error, self.dataset.dialect))?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        if self.is_open {
            match self.dataset.dialect {
                // Some failures end the transaction, and the driver commits what it takes for its own.
                Dialect::Sqlite => {
                    let _ = self.link.run("ROLLBACK");
                    let _ = self.link.run("BEGIN");
                }
                Dialect::Postgres | Dialect::Ansi => drop(self.link.rollback()),
            }
        }
        // Fails where the connection is broken, and then nothing is left to end.
        let _ = self.link.autocommit(true);
    }
}
