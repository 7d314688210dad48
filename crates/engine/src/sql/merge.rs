//! Merge by delete-insert, upsert, insert-only and cdc, as SQL.
//!
//! New rows are read where they are staged, several times: what a merge has to know of them are keys, and only those pass
//! through hash tables and sorts. All of it runs in the caller's transaction.

use super::{Session, Staged};
use crate::destination::{ChainLoad, TableLoad};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, DataType, MergeStrategy, SortOrder, Table, column_names};

/// Ids of the root rows that are deleted.
const DELETED: &str = "_dlt_merge_deleted";
/// Places and ids of the new root rows that are taken.
const TAKEN: &str = "_dlt_merge_taken";

/// Merges the rows of a chain and returns how many were added to each table.
///
/// # Errors
/// [`ErrorKind::Data`] for a key that comes twice where it must not; otherwise if the destination fails.
pub fn merge(session: &mut dyn Session, chain: &ChainLoad<'_>, strategy: MergeStrategy) -> Result<Vec<u64>> {
    let mut staged = Vec::with_capacity(chain.tables.len());
    for load in &chain.tables {
        staged.push(match load.files.is_empty() {
            true => None,
            false => Some(session.stage(load.table, &load.files)?),
        });
    }
    let Some((root, rows)) = chain.tables.first().zip(staged.first().cloned().flatten()) else {
        return Ok(vec![0; chain.tables.len()]);
    };
    let nested: Vec<_> =
        chain.tables.iter().zip(&staged).skip(1).map(|(load, rows)| (load.table, rows.as_ref())).collect();
    let mut merge = Merge { session, root: root.table, rows: &rows, strategy };
    let mut added = merge.run(chain, &nested)?;
    added.resize(chain.tables.len(), 0);
    Ok(added)
}

struct Merge<'a> {
    session: &'a mut dyn Session,
    root: &'a Table,
    /// New rows of the root table.
    rows: &'a Staged,
    strategy: MergeStrategy,
}

impl Merge<'_> {
    fn run(&mut self, chain: &ChainLoad<'_>, nested: &[(&Table, Option<&Staged>)]) -> Result<Vec<u64>> {
        let doing = format!("merge into table `{}`", self.root.name);
        if self.strategy != MergeStrategy::InsertOnly {
            for (table, _) in nested {
                self.complete_root_ids(table, &chain.tables)?;
            }
        }
        let has_taken = self.choose_rows(&doing, chain.has_nested_rows())?;
        if self.strategy != MergeStrategy::InsertOnly {
            self.delete_matches(&doing, nested)?;
        }
        let mut added = Vec::new();
        let chosen = self.condition_of_new_rows(has_taken);
        added.push(self.insert(self.root, self.rows, chosen.as_deref())?);
        for (table, rows) in nested {
            let Some(rows) = rows else {
                added.push(0);
                continue;
            };
            let condition = self.condition_of_nested_rows(has_taken);
            added.push(self.insert(table, rows, condition.as_deref())?);
        }
        if has_taken {
            let taken = self.session.temporary(TAKEN);
            self.session.execute(&doing, &format!("DROP TABLE {taken}"))?;
        }
        Ok(added)
    }

    fn quoted(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.session.quote(name)).collect()
    }

    /// Fills in the ids of root rows where nested rows lack them: they were written while the table was not merged yet.
    fn complete_root_ids(&mut self, table: &Table, tables: &[TableLoad<'_>]) -> Result<()> {
        let parent = table.parent.as_deref().unwrap_or_default();
        if tables.iter().all(|load| load.table.name != parent) {
            return Ok(());
        }
        let doing = format!("complete the root ids of table `{}`", table.name);
        let (name, parent_name) = (self.session.table(&table.name), self.session.table(parent));
        let root_id = self.session.quote(column_names::ROOT_ID);
        let lacking =
            format!("SELECT count(*) FROM (SELECT 1 AS one FROM {name} WHERE {root_id} IS NULL LIMIT 1) AS lacking");
        if self.session.number(&doing, &lacking)? == 0 {
            return Ok(());
        }
        let id = self.session.quote(column_names::ID);
        let from = if parent == self.root.name { &id } else { &root_id };
        let parent_id = self.session.quote(column_names::PARENT_ID);
        let sql = format!(
            "UPDATE {name} AS t SET {root_id} = p.{from} FROM {parent_name} AS p \
             WHERE t.{parent_id} = p.{id} AND t.{root_id} IS NULL"
        );
        self.session.execute(&doing, &sql).map(drop)
    }

    /// Where a key comes more than once, or what is nested has to follow, writes down which new root rows are taken;
    /// returns whether it did. Else all are taken that the other conditions let through.
    fn choose_rows(&mut self, doing: &str, has_nested_rows: bool) -> Result<bool> {
        let repeated = self.count_repeated_keys(doing)?;
        if repeated > 0 && has_nested_rows && self.strategy.has_key_ids() {
            return Err(self.ambiguous(repeated));
        }
        let follows = has_nested_rows && self.strategy == MergeStrategy::InsertOnly;
        if repeated == 0 && !follows {
            return Ok(false);
        }
        let Staged { relation, position, .. } = self.rows;
        let id = self.session.quote(column_names::ID);
        let places = position.join(", ");
        let mut inner = format!("SELECT {places}, {id}");
        if repeated > 0 {
            let keys = self.identity().join(", ");
            inner.push_str(&format!(", row_number() OVER (PARTITION BY {keys} ORDER BY {}) AS nth", self.order()));
        }
        inner.push_str(&format!(", {} AS wanted FROM {relation} AS s", self.wanted()));
        let first = if repeated > 0 { "n.nth = 1 AND " } else { "" };
        let taken = self.session.temporary(TAKEN);
        let sql = format!(
            "CREATE TEMPORARY TABLE {taken} AS SELECT {places}, {id} FROM ({inner}) AS n WHERE {first}n.wanted"
        );
        self.session.execute(doing, &sql)?;
        Ok(true)
    }

    fn count_repeated_keys(&mut self, doing: &str) -> Result<i64> {
        let keys = self.root.columns_with("primary_key");
        if keys.is_empty() || self.root.is_deduplicated() || keys.iter().any(|key| !self.rows.has(key)) {
            return Ok(0);
        }
        let keys = self.identity().join(", ");
        let relation = &self.rows.relation;
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 AS one FROM {relation} AS s GROUP BY {keys} HAVING count(*) > 1) AS repeated"
        );
        self.session.number(doing, &sql)
    }

    /// What new rows of one key have in common: the key, and what it is within. Nulls are one value where rows are put into groups.
    fn identity(&self) -> Vec<String> {
        let within = self.root.key_within().into_iter().filter(|column| self.rows.has(column));
        self.quoted(&self.root.columns_with("primary_key").into_iter().chain(within).collect::<Vec<_>>())
    }

    /// Which of several rows with one key comes first.
    fn order(&self) -> String {
        let is_first_kept = self.strategy == MergeStrategy::InsertOnly;
        let direction = if is_first_kept { "ASC" } else { "DESC" };
        let mut order = Vec::new();
        if let Some((column, sort)) =
            self.root.dedup_sort().filter(|(column, _)| !is_first_kept && self.rows.has(column))
        {
            let sort = if sort == SortOrder::Asc { "ASC" } else { "DESC" };
            order.push(format!("{} {sort} NULLS LAST", self.session.quote(column)));
        }
        order.extend(self.rows.position.iter().map(|place| format!("{place} {direction}")));
        order.join(", ")
    }

    fn ambiguous(&self, repeated: i64) -> Error {
        let (these, come) = if repeated == 1 { ("key", "comes") } else { ("keys", "come") };
        let (table, strategy) = (&self.root.name, self.strategy);
        Error::new(
            ErrorKind::Data,
            format!("{repeated} {these} of table `{table}` {come} more than once in this load, which {strategy} with nested tables cannot take apart"),
        )
        .hint("merge by the strategy delete-insert, which keeps the last row of each key, or load each version by itself")
    }

    /// Deletes what matches a new row, and everything nested in it.
    fn delete_matches(&mut self, doing: &str, nested: &[(&Table, Option<&Staged>)]) -> Result<()> {
        let name = self.session.table(&self.root.name);
        let Some(matches) = self.matches("t") else { return Ok(()) };
        if nested.is_empty() {
            self.session.execute(doing, &format!("DELETE FROM {name} AS t WHERE {matches}"))?;
            return Ok(());
        }
        let (id, root_id) = (self.session.quote(column_names::ID), self.session.quote(column_names::ROOT_ID));
        let deleted = self.session.temporary(DELETED);
        self.session.execute(
            doing,
            &format!("CREATE TEMPORARY TABLE {deleted} AS SELECT t.{id} FROM {name} AS t WHERE {matches}"),
        )?;
        for (table, _) in nested {
            let name = self.session.table(&table.name);
            let doing = format!("merge into table `{}`", table.name);
            self.session.execute(
                &doing,
                &format!("DELETE FROM {name} AS t WHERE t.{root_id} IN (SELECT {id} FROM {deleted})"),
            )?;
        }
        // By key and not by id: rows that others wrote may have none.
        self.session.execute(doing, &format!("DELETE FROM {name} AS t WHERE {matches}"))?;
        self.session.execute(doing, &format!("DROP TABLE {deleted}")).map(drop)
    }

    /// Condition for a row `t` of the root table that a new row has its key; `None` if the new rows have no key.
    fn matches(&self, t: &str) -> Option<String> {
        let by = |hint: &str| {
            let keys = self.root.columns_with(hint);
            let has_keys = !keys.is_empty() && keys.iter().all(|key| self.rows.has(key));
            has_keys.then(|| self.is_same(t, &keys))
        };
        let mut ways: Vec<String> = by("primary_key").into_iter().collect();
        match self.strategy {
            MergeStrategy::DeleteInsert => ways.extend(by("merge_key")),
            // What the load lacks goes too, within its merge keys: with what it has, that is all of them.
            MergeStrategy::Cdc => match self.root.columns_with("merge_key").is_empty() {
                true => return Some("TRUE".to_owned()),
                false => ways.extend(by("merge_key")),
            },
            _ => {}
        }
        (!ways.is_empty()).then(|| ways.join(" OR "))
    }

    fn is_same(&self, t: &str, keys: &[&str]) -> String {
        let same: Vec<String> = self.quoted(keys).iter().map(|key| format!("s.{key} = {t}.{key}")).collect();
        format!("EXISTS (SELECT 1 FROM {} AS s WHERE {})", self.rows.relation, same.join(" AND "))
    }

    /// Condition for a new root row `s` apart from keys that come twice.
    fn wanted(&self) -> String {
        if self.strategy == MergeStrategy::InsertOnly {
            let keys = self.root.columns_with("primary_key");
            let mut same: Vec<String> = self.quoted(&keys).iter().map(|key| format!("t.{key} = s.{key}")).collect();
            // Behind the key, by which rows are found.
            same.extend(self.root.key_within().into_iter().map(|column| match self.rows.has(column) {
                true => format!("t.{0} IS NOT DISTINCT FROM s.{0}", self.session.quote(column)),
                false => format!("t.{} IS NULL", self.session.quote(column)),
            }));
            let name = self.session.table(&self.root.name);
            return format!("NOT EXISTS (SELECT 1 FROM {name} AS t WHERE {})", same.join(" AND "));
        }
        self.is_alive().unwrap_or_else(|| "TRUE".to_owned())
    }

    /// Condition for a new root row `s` that it is not marked as deleted; `None` if no row can be.
    fn is_alive(&self) -> Option<String> {
        let column: &Column = self.root.hard_delete().filter(|column| self.rows.has(&column.name))?;
        let name = self.session.quote(&column.name);
        Some(match column.data_type {
            Some(DataType::Bool) => format!("(s.{name} IS NULL OR NOT s.{name})"),
            _ => format!("s.{name} IS NULL"),
        })
    }

    fn condition_of_new_rows(&self, has_taken: bool) -> Option<String> {
        if has_taken {
            let places: Vec<String> = self.rows.position.iter().map(|place| format!("s.{place}")).collect();
            let taken = self.session.temporary(TAKEN);
            return Some(format!("({}) IN (SELECT {} FROM {taken})", places.join(", "), self.rows.position.join(", ")));
        }
        match self.strategy {
            MergeStrategy::InsertOnly => Some(self.wanted()),
            _ => self.is_alive(),
        }
    }

    fn condition_of_nested_rows(&self, has_taken: bool) -> Option<String> {
        let (id, root_id) = (self.session.quote(column_names::ID), self.session.quote(column_names::ROOT_ID));
        if has_taken {
            let taken = self.session.temporary(TAKEN);
            return Some(format!("s.{root_id} IN (SELECT {id} FROM {taken})"));
        }
        let alive = self.is_alive()?;
        Some(format!("s.{root_id} IN (SELECT s.{id} FROM {} AS s WHERE {alive})", self.rows.relation))
    }

    fn insert(&mut self, table: &Table, rows: &Staged, condition: Option<&str>) -> Result<u64> {
        let columns: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
        let columns = self.quoted(&columns);
        let name = self.session.table(&table.name);
        let selected: Vec<String> = columns.iter().map(|column| format!("s.{column}")).collect();
        let mut sql = format!(
            "INSERT INTO {name} ({}) SELECT {} FROM {} AS s",
            columns.join(", "),
            selected.join(", "),
            rows.relation
        );
        if let Some(condition) = condition {
            sql.push_str(&format!(" WHERE {condition}"));
        }
        self.session.insert(table, rows, &sql)
    }
}
