//! The statements that read.

use crate::table::{Kind, SqlColumn};

/// How a database writes SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Mysql,
    Postgres,
    DuckDb,
}

impl Dialect {
    /// A name, whatever it holds.
    pub(crate) fn quote(self, name: &str) -> String {
        match self {
            Self::Mysql => format!("`{}`", name.replace('`', "``")),
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// A text; `None` if it cannot be written.
    pub(crate) fn text(self, text: &str) -> Option<String> {
        match self {
            // Whether a backslash means itself depends on the server's mode.
            Self::Mysql => Some(format!("_utf8mb4 X'{}'", hex(text))),
            _ if text.contains('\0') => None,
            _ => Some(format!("'{}'", text.replace('\'', "''"))),
        }
    }

    /// A column in the order of its bytes, in which cursors that are texts are compared.
    pub(crate) fn ordered(self, column: &str, kind: Kind) -> String {
        match (kind, self) {
            (Kind::Text, Self::Mysql) => format!("CAST({column} AS BINARY)"),
            (Kind::Text, Self::Postgres) => format!("{column}::text COLLATE \"C\""),
            (Kind::Text, Self::Sqlite) => format!("{column} COLLATE BINARY"),
            _ => column.to_owned(),
        }
    }

    /// `ORDER BY` a column, nulls first: what has no cursor is read before reading may stop.
    pub(crate) fn order(self, column: &str, kind: Kind, is_ascending: bool) -> String {
        let (column, order) = (self.ordered(column, kind), if is_ascending { "ASC" } else { "DESC" });
        match self {
            Self::Mysql => format!("{column} IS NULL DESC, {column} {order}"),
            _ => format!("{column} {order} NULLS FIRST"),
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

/// What is read of a table or query.
#[derive(Clone, Debug)]
pub(crate) struct Select<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) from: From<'a>,
    pub(crate) columns: &'a [SqlColumn],
    /// Conditions, all of which have to hold.
    pub(crate) conditions: Vec<String>,
    pub(crate) order: Option<String>,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub(crate) enum From<'a> {
    Table { schema: Option<&'a str>, table: &'a str },
    Query(&'a str),
}

impl Select<'_> {
    /// The statement. A query of which everything is wanted stays as it was written.
    pub(crate) fn sql(&self) -> String {
        let quote = |name: &str| self.dialect.quote(name);
        let columns = self.columns.iter().map(|column| match &column.expression {
            Some(expression) => format!("{expression} AS {}", quote(&column.name)),
            None => quote(&column.name),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let from = match &self.from {
            From::Table { schema: Some(schema), table } => format!("{}.{}", quote(schema), quote(table)),
            From::Table { schema: None, table } => quote(table),
            From::Query(query) => {
                let query = plain(query);
                let is_whole = self.conditions.is_empty() && self.order.is_none();
                if is_whole && self.columns.iter().all(|column| column.expression.is_none()) {
                    return query.to_owned();
                }
                // A comment at its end must not reach the bracket.
                format!("({query}\n) AS dlt_query")
            }
        };
        let mut sql = format!("SELECT {columns} FROM {from}");
        if !self.conditions.is_empty() {
            let conditions: Vec<_> = self.conditions.iter().map(|condition| format!("({condition}\n)")).collect();
            sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
        }
        if let Some(order) = &self.order {
            sql.push_str(&format!(" ORDER BY {order}"));
        }
        sql
    }
}

/// A query without the semicolon that may end it.
pub(crate) fn plain(query: &str) -> &str {
    query.trim().trim_end_matches([';', ' ', '\n', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select<'a>(dialect: Dialect, from: From<'a>, columns: &'a [SqlColumn]) -> Select<'a> {
        Select { dialect, from, columns, conditions: Vec::new(), order: None }
    }

    #[test]
    fn names_are_quoted_whatever_they_hold() {
        let columns = [SqlColumn::new("a\"b", Kind::Int), SqlColumn::new("c`d", Kind::Int)];
        let table = From::Table { schema: Some("s"), table: "Order" };
        assert_eq!(
            select(Dialect::Postgres, table.clone(), &columns).sql(),
            "SELECT \"a\"\"b\", \"c`d\" FROM \"s\".\"Order\""
        );
        assert_eq!(select(Dialect::Mysql, table, &columns).sql(), "SELECT `a\"b`, `c``d` FROM `s`.`Order`");
        assert_eq!(Dialect::Mysql.text("a'\\").as_deref(), Some("_utf8mb4 X'61275C'"));
        assert_eq!(Dialect::Sqlite.text("a'b").as_deref(), Some("'a''b'"));
        assert_eq!(Dialect::Postgres.text("a\0"), None);
    }

    #[test]
    fn a_query_stays_itself_unless_something_is_asked_of_it() {
        let columns = [SqlColumn::new("x", Kind::Int)];
        let mut reading = select(Dialect::Sqlite, From::Query("SELECT 1 AS x -- one\n;\n"), &columns);
        assert_eq!(reading.sql(), "SELECT 1 AS x -- one");
        reading.conditions.push("x > 0 -- positive".to_owned());
        assert_eq!(
            reading.sql(),
            "SELECT \"x\" FROM (SELECT 1 AS x -- one\n) AS dlt_query WHERE (x > 0 -- positive\n)"
        );
    }

    #[test]
    fn nulls_come_first() {
        assert_eq!(Dialect::Mysql.order("`t`", Kind::Int, true), "`t` IS NULL DESC, `t` ASC");
        assert_eq!(Dialect::Postgres.order("\"t\"", Kind::Text, false), "\"t\"::text COLLATE \"C\" DESC NULLS FIRST");
    }
}
