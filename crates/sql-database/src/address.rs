//! Where a database is, and who reads it: a URL, or keys.

use crate::failure::config;
use dlt_engine::settings::word_hint;
use dlt_engine::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Sqlite,
    Mysql,
    Postgres,
    DuckDb,
}

/// Names of drivers; what follows a `+` (`mysql+pymysql`) names a library of Python and is passed over.
const DRIVERS: [(&str, Driver); 6] = [
    ("sqlite", Driver::Sqlite),
    ("mysql", Driver::Mysql),
    ("mariadb", Driver::Mysql),
    ("postgresql", Driver::Postgres),
    ("postgres", Driver::Postgres),
    ("duckdb", Driver::DuckDb),
];

/// Databases that people ask for, and that are not misspelt.
const OTHERS: [&str; 12] = [
    "oracle",
    "mssql",
    "sqlserver",
    "redshift",
    "snowflake",
    "bigquery",
    "clickhouse",
    "databricks",
    "trino",
    "cockroachdb",
    "db2",
    "mongodb",
];

impl Driver {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let plain = name.split('+').next().unwrap_or_default().to_ascii_lowercase();
        let known = ["sqlite", "mysql", "mariadb", "postgresql", "duckdb"];
        if OTHERS.contains(&plain.as_str()) {
            let hint = format!("those of the kinds {} can", known.join(", "));
            return Err(config(format!("databases of the kind `{plain}` cannot be read"), hint));
        }
        DRIVERS
            .iter()
            .find(|(word, _)| *word == plain)
            .map(|(_, driver)| *driver)
            .ok_or_else(|| config(format!("databases of the kind `{plain}` cannot be read"), word_hint(&plain, &known)))
    }

    /// Whether it is a file and not a server.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::Sqlite | Self::DuckDb)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Mysql => "mysql",
            Self::Postgres => "postgresql",
            Self::DuckDb => "duckdb",
        }
    }
}

/// Where a database is. Its `Debug` and `Display` forms hold no password.
///
/// ```
/// use dlt_source_sql_database::Address;
///
/// let shop = Address::parse("mysql://reader:secret@db.example.com/shop")?;
/// assert_eq!(shop.to_string(), "mysql://reader@db.example.com/shop");
/// assert!(Address::parse("oracle://x/y").is_err());
/// # Ok::<(), dlt_engine::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) driver: Driver,
    /// As it was written, for Postgres' own reader.
    pub(crate) url: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    /// A name, or the path of a file.
    pub(crate) database: Option<String>,
    /// Options of the connection.
    pub(crate) query: BTreeMap<String, String>,
}

/// The parts of an address, as a pipeline file gives them one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) drivername: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) database: Option<String>,
    pub(crate) query: BTreeMap<String, String>,
}

impl Address {
    /// Reads `DRIVER://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, or for a file `sqlite:FILE`, `sqlite:///FILE`
    /// (relative) and `sqlite:////FILE` (absolute).
    ///
    /// # Errors
    /// [`dlt_engine::ErrorKind::Config`] if it is no address, or of a database that cannot be read.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| !scheme.contains(['/', '.', '@'])) else {
            return Err(config(
                "the address of a database begins with its kind",
                "for example: sqlite:shop.db, mysql://user@host/database, postgres://user@host/database",
            ));
        };
        let driver = Driver::parse(scheme)?;
        if driver.is_file() {
            return Self::file(driver, rest);
        }
        let Some(rest) = rest.strip_prefix("//") else {
            let example = format!("write {}://USER@HOST/DATABASE", driver.name());
            return Err(config(format!("what follows `{scheme}:` is no address of a server"), example));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, rest) = user_of(rest);
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_of(place)?;
        let (username, password) = match user {
            None => (None, None),
            Some(user) => match user.split_once(':') {
                Some((name, password)) => (Some(decoded(name)), Some(decoded(password))),
                None => (Some(decoded(user)), None),
            },
        };
        Ok(Self {
            driver,
            url: Some(text.to_owned()),
            username: username.filter(|name| !name.is_empty()),
            password,
            host: Some(decoded(host)).filter(|host| !host.is_empty()),
            port,
            database: Some(decoded(database)).filter(|name| !name.is_empty()),
            query: pairs(query),
        })
    }

    fn file(driver: Driver, rest: &str) -> Result<Self> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = match path.strip_prefix("//") {
            // `sqlite://shop.db` is a slip for three slashes, which SQLAlchemy refuses.
            Some(path) => path.strip_prefix('/').ok_or_else(|| {
                let example = format!("write {}:///shop.db (in this folder) or {0}:////data/shop.db", driver.name());
                config("the address of a file has three slashes before its path", example)
            })?,
            None => path,
        };
        let path = decoded(path);
        if path.is_empty() || path == ":memory:" {
            let example = format!("for example: {}:shop.db", driver.name());
            return Err(config("the address names no file, and a database in memory holds nothing to read", example));
        }
        Ok(Self {
            driver,
            url: None,
            username: None,
            password: None,
            host: None,
            port: None,
            database: Some(path),
            query: pairs(query),
        })
    }

    pub(crate) fn from_parts(parts: Parts) -> Result<Self> {
        let driver = Driver::parse(&parts.drivername)?;
        if driver.is_file() {
            let mut address = Self::file(driver, parts.database.as_deref().unwrap_or_default())?;
            address.database = parts.database;
            return Ok(address);
        }
        let Parts { username, password, host, port, database, query, .. } = parts;
        Ok(Self { driver, url: None, username, password, host, port, database, query })
    }

    /// The same with the path of a file meant from a folder.
    #[must_use]
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        if let (true, Some(path)) = (self.driver.is_file(), &self.database) {
            self.database = Some(dlt_engine::settings::relative_to(folder, path).to_string_lossy().into_owned());
        }
        self
    }

    /// The file, of a database that is one.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.database.clone().unwrap_or_default())
    }

    /// Whether a text is an address of a database, and not a path: `mysql://…`, `sqlite:…`.
    pub fn is_address(text: &str) -> bool {
        let Some((scheme, rest)) = text.split_once(':') else { return false };
        let plain = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
        // One letter is a drive of Windows, and other schemes are those of object stores.
        DRIVERS.iter().any(|(word, _)| *word == plain) && !rest.is_empty()
    }

    /// Whether a text is meant as one, though it may be misspelt or of a database that cannot be read.
    pub fn is_meant(text: &str) -> bool {
        let Some((scheme, _)) = text.split_once("://") else { return Self::is_address(text) };
        let plain = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
        let is_near = || dlt_engine::suggest(&plain, DRIVERS.map(|(word, _)| word)).is_some();
        Self::is_address(text) || OTHERS.contains(&plain.as_str()) || is_near()
    }

    /// Where Postgres is, as its own reader of addresses takes it.
    pub(crate) fn to_url(&self) -> String {
        if let Some(url) = &self.url {
            let rest = url.split_once(':').map_or("", |(_, rest)| rest);
            return format!("postgres:{rest}");
        }
        let mut url = String::from("postgres://");
        if let Some(name) = &self.username {
            url.push_str(&encoded(name));
            if let Some(password) = &self.password {
                url.push(':');
                url.push_str(&encoded(password));
            }
            url.push('@');
        }
        url.push_str(&bracketed(self.host.as_deref().unwrap_or("localhost")));
        if let Some(port) = self.port {
            url.push_str(&format!(":{port}"));
        }
        url.push('/');
        url.push_str(&encoded(self.database.as_deref().unwrap_or_default()));
        for (at, (key, value)) in self.query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(&format!("{}={}", encoded(key), encoded(value)));
        }
        url
    }

    pub(crate) fn wrong(&self, message: &str, hint: &str) -> Error {
        config(format!("{self}: {message}"), hint)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.driver.is_file() {
            return write!(f, "{}:{}", self.driver.name(), self.database.as_deref().unwrap_or_default());
        }
        write!(f, "{}://", self.driver.name())?;
        if let Some(name) = &self.username {
            write!(f, "{name}@")?;
        }
        f.write_str(&bracketed(self.host.as_deref().unwrap_or("localhost")))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match &self.database {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A host as an address has it: those of IPv6 stand in brackets.
fn bracketed(host: &str) -> std::borrow::Cow<'_, str> {
    let is_ipv6 = host.matches(':').count() > 1 && !host.contains(',') && !host.starts_with('[');
    if is_ipv6 { format!("[{host}]").into() } else { host.into() }
}

/// Name and password, which may hold `@` and `/` as they are.
fn user_of(rest: &str) -> (Option<&str>, &str) {
    match rest.rsplit_once('@') {
        Some((user, rest)) if user.contains(':') || !user.contains('/') => (Some(user), rest),
        _ => (None, rest),
    }
}

fn host_of(place: &str) -> Result<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
            None => (rest, ""),
        },
        None => place.rsplit_once(':').unwrap_or((place, "")),
    };
    let wrong = || config("the port of the address is no number from 1 to 65535", "write HOST:PORT, or HOST alone");
    let port = if port.is_empty() { None } else { Some(port.parse().map_err(|_| wrong())?) };
    Ok((host, port))
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
}

/// `%40` is `@`; what is no such pair stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, shown, password) in [
            ("sqlite:shop.db", "sqlite:shop.db", None),
            ("sqlite:///shop.db", "sqlite:shop.db", None),
            ("sqlite:////data/shop.db", "sqlite:/data/shop.db", None),
            ("duckdb:a b.duckdb", "duckdb:a b.duckdb", None),
            (
                "mysql+pymysql://root:p%40ss@127.0.0.1:3307/shop?charset=utf8mb4",
                "mysql://root@127.0.0.1:3307/shop",
                Some("p@ss"),
            ),
            ("mariadb://u:p@ss/w@db/shop", "mysql://u@db/shop", Some("p@ss/w")),
            ("postgres://u:p:q@[::1]:5432/d", "postgresql://u@[::1]:5432/d", Some("p:q")),
            ("postgresql+psycopg2://host/d", "postgresql://host/d", None),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), address.password.as_deref()), (shown, password), "{text}");
            assert!(!format!("{address:?}").contains("p@ss"));
        }
    }

    #[test]
    fn what_is_no_address_is_told_without_a_password() {
        for (text, told) in [
            ("shop.db", "begins with its kind"),
            ("oracle://u:secret@h/d", "databases of the kind `oracle` cannot be read"),
            ("mysql:u:secret@h", "is no address of a server"),
            ("mysql://u:secret@h:port/d", "the port of the address"),
            ("sqlite://shop.db", "three slashes"),
            ("sqlite::memory:", "names no file"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
        assert_eq!(Address::parse("mysq://h/d").unwrap_err().advice(), Some("did you mean `mysql`?"));
    }

    #[test]
    fn parts_make_the_same_address() {
        let parts = Parts {
            drivername: "postgresql".into(),
            username: Some("u".into()),
            password: Some("p@s/s".into()),
            host: Some("db".into()),
            database: Some("d".into()),
            ..Parts::default()
        };
        let address = Address::from_parts(parts).unwrap();
        assert_eq!(address.to_url(), "postgres://u:p%40s%2Fs@db/d");
        assert_eq!(address.to_string(), "postgresql://u@db/d");
    }
}
