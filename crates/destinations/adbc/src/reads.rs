//! Whether a text is one statement that reads, as far as its words tell; the database itself refuses the rest.

use dlt_engine::{Error, ErrorKind, Result};

/// Words that a statement may begin with.
const READS: [&str; 6] = ["SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW", "TABLE"];

/// Words that statements begin with which do something else.
const OTHERS: [&str; 36] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DELETE",
    "DETACH",
    "DO",
    "DROP",
    "END",
    "EXECUTE",
    "EXPORT",
    "GRANT",
    "IMPORT",
    "INSERT",
    "INSTALL",
    "LOAD",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "PRAGMA",
    "PREPARE",
    "REINDEX",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
];

/// A statement without what follows its end.
pub(crate) struct Statement<'a> {
    /// Its text.
    pub(crate) text: &'a str,
    /// Its first word, in upper case.
    pub(crate) word: String,
}

/// The one statement of a text.
///
/// # Errors
/// [`ErrorKind::Config`] if there is none, or more than one.
pub(crate) fn one(sql: &str) -> Result<Statement<'_>> {
    let statements: Vec<&str> = split(sql).into_iter().filter(|text| !first_word(text).is_empty()).collect();
    let refused = |why: &str, hint: &str| {
        Err(Error::new(ErrorKind::Config, format!("cannot run the query: {why}")).hint(hint.to_owned()))
    };
    match statements.as_slice() {
        [] => refused("there is none", "write one, such as: SELECT * FROM table LIMIT 10"),
        [text] => Ok(Statement { text, word: first_word(text) }),
        more => refused(&format!("these are {} queries, and one is run at a time", more.len()), "run them one by one"),
    }
}

impl Statement<'_> {
    /// Whether it reads, by its first word.
    pub(crate) fn reads(&self) -> bool {
        READS.contains(&self.word.as_str())
    }

    /// Whether it is a statement that does something else, by its first word. One that is neither may be misspelt.
    pub(crate) fn does_something_else(&self) -> bool {
        OTHERS.contains(&self.word.as_str())
    }
}

/// A complaint about a statement that does something else.
pub(crate) fn only_read() -> Error {
    Error::new(ErrorKind::Config, "cannot run the query: a dataset is only read here")
        .hint("write one query that begins with SELECT or WITH")
}

/// The first word, in upper case; empty if there is nothing but spaces and comments.
fn first_word(text: &str) -> String {
    let start = spans(text).find(|(kind, span)| *kind != Kind::Comment && !text[span.clone()].trim().is_empty());
    let Some((kind, span)) = start else { return String::new() };
    if kind != Kind::Plain {
        return "?".to_owned();
    }
    let rest = text[span].trim_start().trim_start_matches('(').trim_start();
    let word: String = rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    if word.is_empty() { "?".to_owned() } else { word.to_ascii_uppercase() }
}

/// The parts between semicolons.
fn split(sql: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (_, span) in spans(sql).filter(|(kind, _)| *kind == Kind::Plain) {
        for (at, _) in sql[span.clone()].match_indices(';') {
            parts.push(&sql[from..span.start + at]);
            from = span.start + at + 1;
        }
    }
    parts.push(&sql[from..]);
    parts
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Quoted,
    Comment,
}

/// The text as what is plain, quoted, or a comment.
fn spans(sql: &str) -> impl Iterator<Item = (Kind, std::ops::Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = sql.get(at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = match rest {
            _ if rest.starts_with("--") => (Kind::Comment, rest.find('\n').map_or(rest.len(), |end| end + 1)),
            _ if rest.starts_with("/*") => (Kind::Comment, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            _ => match rest.as_bytes()[0] {
                quote @ (b'\'' | b'"' | b'`') => {
                    // Doubled quotes are two that follow each other.
                    (Kind::Quoted, rest[1..].find(char::from(quote)).map_or(rest.len(), |end| end + 2))
                }
                b'$' => match dollar_quoted(rest) {
                    Some(length) => (Kind::Quoted, length),
                    None => (Kind::Plain, 1),
                },
                _ => {
                    let special = |(at, character): (usize, char)| {
                        let tail = &rest[at..];
                        let is = matches!(character, '\'' | '"' | '`' | '$')
                            || tail.starts_with("--")
                            || tail.starts_with("/*");
                        is.then_some(at)
                    };
                    (Kind::Plain, rest.char_indices().skip(1).find_map(special).unwrap_or(rest.len()))
                }
            },
        };
        let span = at..at + length;
        at = span.end;
        Some((kind, span))
    })
}

/// Length of a text between `$tag$` and `$tag$`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag = rest[1..].find('$')? + 2;
    let name = &rest[1..tag - 1];
    let is_tag = name.chars().all(|character| character.is_alphanumeric() || character == '_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    is_tag.then(|| rest[tag..].find(&rest[..tag]).map_or(rest.len(), |end| tag + end + tag))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_query_is_taken() {
        for sql in [
            "SELECT 1",
            "  select ';' as a, \";\" -- ; \n ;",
            "/* ; */ WITH a AS (SELECT 1) SELECT * FROM a;  -- end",
            "(SELECT 1) UNION (SELECT 2)",
            "SELECT $x$ ; $x$, 'it''s;'",
            "SELECT 'né;' , $1",
            "explain select 1",
        ] {
            assert!(one(sql).unwrap().reads(), "{sql}");
        }
        assert_eq!(one("select 1 ; -- x").unwrap().text, "select 1 ");
    }

    #[test]
    fn none_and_many_are_refused() {
        for (sql, reason) in
            [("", "there is none"), (" ; /* x */ ; -- y", "there is none"), ("SELECT 1; SELECT 2", "2 queries")]
        {
            let error = one(sql).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{sql}: {error}");
        }
    }

    #[test]
    fn the_first_word_tells_what_a_statement_does() {
        for sql in ["/* SELECT */ DROP TABLE a", "INSERT INTO a SELECT 1", "pragma query_only = OFF"] {
            let statement = one(sql).unwrap();
            assert!(!statement.reads() && statement.does_something_else(), "{sql}");
        }
        for sql in ["'SELECT'", "SELEC 1", "?"] {
            let statement = one(sql).unwrap();
            assert!(!statement.reads() && !statement.does_something_else(), "{sql}");
        }
    }
}
