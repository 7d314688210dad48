//! What Postgres says when something fails, in the terms of this project.
//!
//! Postgres puts values of cells into messages about values, and into details. Those are left out: of such a message only
//! the class is told, in words, and the column.

use dlt_engine::{Error, ErrorKind};
use postgres::error::{DbError, SqlState};
use std::error::Error as _;

/// How a message ends that tells of a change where nothing may be changed.
pub const READ_ONLY: &str = "the server takes no changes: it is a replica, or set to read-only";

/// Whether the same rows would be refused again, whatever the server does.
pub fn is_of_data(error: &postgres::Error) -> bool {
    let class = error.code().map(|code| &code.code()[..2]);
    matches!(class, Some("22" | "23")) || error.code() == Some(&SqlState::PROGRAM_LIMIT_EXCEEDED)
}

/// Explains why rows were not taken: [`ErrorKind::Data`] where the same rows would be refused again.
pub fn explain_refusal(doing: &str, error: &postgres::Error) -> Error {
    match error.as_db_error().filter(|_| is_of_data(error)) {
        None => explain(doing, error),
        Some(said) => {
            let refused = Error::new(ErrorKind::Data, format!("cannot {doing}: {}", refusal(said)));
            refused.hint(match said.code() {
                &SqlState::UNIQUE_VIOLATION => "correct the rows, merge them by their key, or drop the unique index",
                _ => "give the column a wider type, correct the rows, or load into another table",
            })
        }
    }
}

/// Explains why `doing` failed.
pub fn explain(doing: &str, error: &postgres::Error) -> Error {
    match error.as_db_error() {
        Some(said) => of_server(doing, said),
        None => of_connection(doing, error),
    }
}

fn failed(doing: &str, why: &str) -> Error {
    Error::new(ErrorKind::Destination, format!("cannot {doing}: {why}"))
}

fn busy(doing: &str, why: &str) -> Error {
    Error::new(ErrorKind::DestinationBusy, format!("cannot {doing}: {why}"))
}

fn of_server(doing: &str, said: &DbError) -> Error {
    let code = said.code();
    let message = said.message();
    match code.code() {
        "28P01" => failed(doing, &format!("the server refuses the password ({message})"))
            .hint("correct the user name or the password, which may have run out (VALID UNTIL); in a URL, write special characters as %XX (`@` as %40)"),
        "28000" => {
            let hint = match message.contains("no encryption") || message.contains("SSL off") {
                true => "connect with TLS: sslmode=require",
                false => "ask who runs the server to let this user in from this machine (pg_hba.conf)",
            };
            failed(doing, &format!("the server does not let this user in ({message})")).hint(hint)
        }
        "3D000" => failed(doing, message)
            .hint("name a database that is there, or make it: CREATE DATABASE name (a load makes only what is in it)"),
        "42501" => failed(doing, message).hint(
            "give the user the right: GRANT CREATE ON DATABASE for new datasets, and ownership of tables that it changes",
        ),
        "25006" => failed(doing, READ_ONLY)
            .hint("name the primary server, or add target_session_attrs=read-write to a URL with all of its hosts"),
        "55P03" => busy(doing, "another session holds a lock on it, and did not let go in time")
            .hint("run the same command again when it has ended; pg_stat_activity and pg_locks tell who it is"),
        "40P01" => busy(doing, "it and another session waited for each other").hint("run the same command again"),
        "40001" => busy(doing, "another session changed the same rows").hint("run the same command again"),
        "53300" => busy(doing, "the server has no free connection").hint("run the same command again later, or raise max_connections"),
        "57P03" => busy(doing, &format!("the server is not ready ({message})")).hint("run the same command again later"),
        "57P01" | "57P02" | "57P05" => failed(doing, &format!("the server ended the connection ({message})"))
            .hint("run the same command again: what was not committed has left no trace"),
        "57014" => failed(doing, &format!("the server stopped it ({message})"))
            .hint("raise statement_timeout: add options=-c%20statement_timeout%3D0 to the URL"),
        "53100" => failed(doing, "the disk of the server is full").hint("free some space there, then run the same command again"),
        "53200" => failed(doing, "the server is out of memory").hint("run the same command again, or give the server more memory"),
        "54000" | "54001" | "54011" | "54023" => failed(doing, message),
        // A class whose messages quote values.
        class if class.starts_with("22") || class.starts_with("23") => failed(doing, &refusal(said)),
        _ => match said.hint() {
            Some(hint) => failed(doing, message).hint(hint),
            None => failed(doing, message),
        },
    }
}

/// Why values were refused, without the values.
fn refusal(said: &DbError) -> String {
    let column = column(said);
    let of = column.as_ref().map_or_else(|| "a column".to_owned(), |name| format!("column `{name}`"));
    match said.code().code() {
        "22003" => format!("a number is out of the range of {of}"),
        "22001" => format!("a text is too long for {of}"),
        "22008" => format!("a date or time is out of the range of {of}"),
        "22P05" => format!("{of} cannot hold a character of its text"),
        "22021" => format!("{of} got text that its database cannot encode"),
        "22P02" | "22007" | "22P03" | "22032" => format!("a value is none of the type of {of}"),
        "22012" => "a division by zero".to_owned(),
        "23502" => format!("{of} must have a value, and a row has none"),
        "23505" => match keys(said) {
            Some(columns) => format!("{columns} must be unique, and a value comes twice"),
            None => format!("{} must be unique, and a value comes twice", said.constraint().unwrap_or("a column")),
        },
        "23503" => format!("a row points to one that is not there ({})", said.constraint().unwrap_or("foreign key")),
        "23514" => format!("a row breaks the rule {}", said.constraint().unwrap_or("of the table")),
        "54000" => said.message().to_owned(),
        code => format!("a value was refused (SQLSTATE {code}, {of})"),
    }
}

/// The column that a message is about, if it tells.
fn column(said: &DbError) -> Option<String> {
    if let Some(column) = said.column() {
        return Some(column.to_owned());
    }
    // `COPY users, line 3, column name` and, with a value behind it, `COPY users, line 3, column name: "value"`.
    let context = said.where_()?.lines().find(|line| line.starts_with("COPY "))?;
    let (_, name) = context.split_once(", column ")?;
    Some(name.split_once(": \"").map_or(name, |(name, _)| name).to_owned())
}

/// The columns of a key: `Key (a, b)=(1, 2) already exists.`
fn keys(said: &DbError) -> Option<String> {
    let (columns, _) = said.detail()?.strip_prefix("Key (")?.split_once(")=(")?;
    Some(format!("`{columns}`"))
}

fn of_connection(doing: &str, error: &postgres::Error) -> Error {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(this) = cause {
        if let Some(io) = this.downcast_ref::<std::io::Error>() {
            if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return of_tls(doing, tls);
            }
            causes.push(io.to_string());
            return of_socket(doing, error, io);
        }
        causes.push(this.to_string());
        cause = this.source();
    }
    let text = error.to_string();
    let why = causes.pop().unwrap_or_else(|| text.clone());
    if why.contains("does not support TLS") {
        return failed(doing, "the server does not offer TLS")
            .hint("connect without it where the network can be trusted: sslmode=disable");
    }
    if error.is_closed() || text.contains("connection closed") {
        return lost(doing);
    }
    if text.contains("timeout") {
        return failed(doing, "the server does not answer in time")
            .hint("check host and port, and raise connect_timeout");
    }
    if why.contains("password missing") {
        return failed(doing, "the server asks for a password, and there is none")
            .hint("set a password: in the URL, or as `password` beside the other credentials");
    }
    failed(doing, &why)
}

fn lost(doing: &str) -> Error {
    failed(doing, "the connection to the server was lost")
        .hint("run the same command again: what was not committed has left no trace")
}

fn of_socket(doing: &str, error: &postgres::Error, cause: &std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    if error.to_string() != "error connecting to server" {
        return lost(doing);
    }
    match cause.kind() {
        Io::ConnectionRefused => failed(doing, "nothing listens there (connection refused)")
            .hint("check host and port, and that the server runs and takes connections by network (listen_addresses)"),
        Io::TimedOut => failed(doing, "the server does not answer in time")
            .hint("check host and port, and firewalls on the way; raise connect_timeout for a slow network"),
        Io::NotFound => {
            failed(doing, "there is no socket of a server").hint("check the folder of the socket and the port")
        }
        Io::PermissionDenied => {
            failed(doing, "this user may not use the socket").hint("use another user, or connect by network")
        }
        _ if cause.to_string().contains("lookup address") => {
            failed(doing, "no machine of this name is known").hint("check the host name, and the network")
        }
        _ => failed(doing, &cause.to_string()).hint("check host, port and network"),
    }
}

fn of_tls(doing: &str, error: &rustls::Error) -> Error {
    let hint = match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "name the file with your provider's certificate authority: sslrootcert=/path/to/ca.pem"
        }
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. },
        ) => "use the host name that the certificate is for, or sslmode=verify-ca",
        _ => "check sslmode and sslrootcert",
    };
    failed(doing, &format!("TLS with the server fails ({error})")).hint(hint)
}
