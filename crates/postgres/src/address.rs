//! Where a server is and how to log in: connection parameters as libpq names them.

use crate::password_file;
use crate::url;
use dlt_engine::settings::word_hint;
use dlt_engine::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt;

/// Seconds that a connection may take to be made, where nothing else is said.
const CONNECT_TIMEOUT: &str = "15";

/// The parameters that are understood; with the environment variables that fill in what nothing else says.
const PARAMETERS: [(&str, &str); 24] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("client_encoding", ""),
    ("gssencmode", ""),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
];

/// Names that others have for parameters: Python dlt, SQLAlchemy, libpq.
const OTHER_NAMES: [(&str, &str); 3] =
    [("username", "user"), ("database", "dbname"), ("fallback_application_name", "application_name")];

/// Where a server is, who comes, and how. Its debug output has no password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address {
    parameters: BTreeMap<&'static str, String>,
}

impl Address {
    /// The server and database of a URL: `postgresql://user:password@host:port/database?sslmode=require`, also with
    /// `postgres` or a driver (`postgresql+psycopg2`) as its scheme.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is no such URL, or has a parameter that is not understood. The message holds nothing of the
    /// password.
    pub fn from_url(text: &str) -> Result<Self> {
        let mut address = Self::default();
        for (key, value) in url::parse(text)? {
            address.set(&key, value)?;
        }
        Ok(address)
    }

    /// Sets a parameter: by libpq's name, or as `username` or `database`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is none of that name, or it cannot have this value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> Result<()> {
        let name = OTHER_NAMES.iter().find(|(other, _)| *other == key).map_or(key, |(_, name)| name);
        let Some((name, _)) = PARAMETERS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = PARAMETERS.iter().map(|(name, _)| *name).collect();
            let error = Error::new(ErrorKind::Config, format!("unknown connection parameter `{key}` of Postgres"));
            return Err(error.hint(word_hint(key, &known)));
        };
        let value = value.into();
        check(name, &value)?;
        self.parameters.insert(name, value);
        Ok(())
    }

    /// Takes from `other` what is not set here.
    pub fn fill_from(&mut self, other: Self) {
        for (name, value) in other.parameters {
            self.parameters.entry(name).or_insert(value);
        }
    }

    /// A parameter, by libpq's name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// All parameters that are set, by libpq's names; the password among them.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The variable that stands for a parameter, where libpq has one.
    pub fn variable_of(name: &str) -> Option<&'static str> {
        let (_, variable) = PARAMETERS.iter().find(|(known, _)| *known == name)?;
        Some(*variable).filter(|variable| !variable.is_empty())
    }

    /// Fills in what is not set as libpq does: from variables (`PGHOST`, `PGPASSWORD` …) and the password file, and with
    /// defaults: port 5432, the user as database, 15 seconds to connect.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if host or user are said nowhere, or a variable has a value that it cannot have.
    pub fn completed(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        for (name, of) in PARAMETERS.iter().filter(|(_, of)| !of.is_empty()) {
            if self.get(name).is_none()
                && let Some(value) = variable(of).filter(|value| !value.is_empty())
            {
                check(name, &value)
                    .map_err(|error| Error::new(error.kind(), format!("environment variable {of}: {error}")))?;
                self.parameters.insert(name, value);
            }
        }
        let missing = |what: &str, example: &str| {
            Error::new(ErrorKind::Config, format!("the {what} of Postgres is said nowhere"))
                .hint(format!("name it in the URL: postgresql://loader@localhost:5432/shop; or as {example}"))
        };
        if self.get("host").is_none() && self.get("hostaddr").is_none() {
            return Err(missing("host", "`host` under [destination.postgres.credentials] in .dlt/secrets.toml"));
        }
        let Some(user) = self.get("user").map(str::to_owned) else {
            return Err(missing("user", "`username` under [destination.postgres.credentials] in .dlt/secrets.toml"));
        };
        self.parameters.entry("dbname").or_insert(user);
        self.parameters.entry("port").or_insert_with(|| "5432".to_owned());
        self.parameters.entry("application_name").or_insert_with(|| "dlt".to_owned());
        self.parameters.entry("connect_timeout").or_insert_with(|| CONNECT_TIMEOUT.to_owned());
        if self.get("password").is_none()
            && let Some(password) = self.in_password_file(variable)
        {
            self.parameters.insert("password", password);
        }
        Ok(self)
    }

    fn in_password_file(&self, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        // A socket in the file system goes by this name.
        let host = if self.is_local_socket() { "localhost" } else { self.get("host").unwrap_or_default() };
        let wanted = [host, self.get("port")?, self.get("dbname")?, self.get("user")?];
        password_file::find(self.get("passfile"), variable, wanted)
    }

    /// Whether the server is reached by a socket in the file system.
    pub fn is_local_socket(&self) -> bool {
        self.get("host").is_some_and(|host| host.starts_with('/'))
    }

    /// `host:port/database`, with several hosts as `a:1,b:2`.
    pub fn place(&self) -> String {
        let hosts = self.get("host").or(self.get("hostaddr")).unwrap_or("");
        let ports: Vec<&str> = self.get("port").map(|ports| ports.split(',').collect()).unwrap_or_default();
        let host = |(at, host): (usize, &str)| {
            let host = if host.contains(':') { format!("[{host}]") } else { url::encoded(host) };
            match ports.get(at).or(ports.first()) {
                Some(port) => format!("{host}:{port}"),
                None => host,
            }
        };
        let hosts: Vec<_> = hosts.split(',').enumerate().map(host).collect();
        let database = self.get("dbname").map(|name| format!("/{}", url::encoded(name))).unwrap_or_default();
        format!("{}{database}", hosts.join(","))
    }

    /// `user@host:port/database?sslmode=require`: everything but what is secret, as a URL has it.
    pub fn shown(&self) -> String {
        let user = self.get("user").map(|user| format!("{}@", url::encoded(user))).unwrap_or_default();
        // Who the program says it is, and how long it waits, is nothing of the place.
        const LEFT_OUT: [&str; 13] = [
            "host",
            "port",
            "dbname",
            "user",
            "password",
            "passfile",
            "application_name",
            "connect_timeout",
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
        ];
        let others = self.parameters.iter().filter(|(name, _)| !LEFT_OUT.contains(name));
        let query: Vec<_> = others.map(|(name, value)| format!("{name}={}", url::encoded(value))).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("{user}{}{query}", self.place())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({})", self.shown())
    }
}

/// Looks whether a parameter can have the value.
fn check(name: &str, value: &str) -> Result<()> {
    let words: &[&str] = match name {
        "sslmode" => &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        "sslnegotiation" => &["postgres", "direct"],
        "channel_binding" => &["disable", "prefer", "require"],
        "target_session_attrs" => &["any", "read-write", "read-only"],
        // What is sent and read is UTF-8.
        "client_encoding" => &["utf8", "UTF8", "utf-8", "UTF-8", "auto"],
        // GSSAPI is not there, so that a preference for it changes nothing.
        "gssencmode" => &["disable", "prefer"],
        "keepalives" => &["0", "1"],
        _ => &[],
    };
    if !words.is_empty() && !words.contains(&value) {
        let error = Error::new(ErrorKind::Config, format!("connection parameter `{name}` cannot be `{value}`"));
        return Err(error.hint(word_hint(value, words)));
    }
    let numbers = match name {
        // One for all hosts, or one each.
        "port" => value.split(',').map(|port| port.parse::<u16>().ok().map(u64::from)).collect::<Option<Vec<_>>>(),
        "connect_timeout" | "keepalives_idle" | "keepalives_interval" | "keepalives_count" | "tcp_user_timeout" => {
            value.parse::<u64>().ok().map(|number| vec![number])
        }
        "hostaddr" => value.parse::<std::net::IpAddr>().ok().map(|_| Vec::new()),
        _ => Some(Vec::new()),
    };
    match numbers {
        Some(_) => Ok(()),
        None => Err(Error::new(ErrorKind::Config, format!("connection parameter `{name}` cannot be `{value}`"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_from_the_environment() {
        let variables = |name: &str| match name {
            "PGHOST" => Some("db.example".to_owned()),
            "PGUSER" => Some("env".to_owned()),
            "PGPASSWORD" => Some("secret".to_owned()),
            "PGSSLMODE" => Some("require".to_owned()),
            _ => None,
        };
        let address = Address::from_url("postgres://ann@/").unwrap().completed(&variables).unwrap();
        assert_eq!(address.shown(), "ann@db.example:5432/ann?sslmode=require");
        assert_eq!(address.get("password"), Some("secret"));
        assert_eq!(address.get("sslmode"), Some("require"));
        assert_eq!(format!("{address:?}"), "Address(ann@db.example:5432/ann?sslmode=require)");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let advice = |text: &str| {
            let error = Address::from_url(text).unwrap_err();
            format!("{error}; {}", error.advice().unwrap_or_default())
        };
        assert_eq!(
            advice("postgres://h/db?sslmod=require"),
            "unknown connection parameter `sslmod` of Postgres; did you mean `sslmode`?"
        );
        assert_eq!(
            advice("postgres://h/db?sslmode=required"),
            "connection parameter `sslmode` cannot be `required`; did you mean `require`?"
        );
        assert!(advice("postgres://h:70000/db").contains("`port` cannot be `70000`"));
        assert!(Address::from_url("postgres://h/db?client_encoding=latin1").is_err());
        let nobody = Address::from_url("postgres://h/db").unwrap().completed(&|_| None).unwrap_err();
        assert_eq!(nobody.to_string(), "the user of Postgres is said nowhere");
        let nowhere = Address::from_url("postgres:///db").unwrap().completed(&|_| None).unwrap_err();
        assert_eq!(nowhere.to_string(), "the host of Postgres is said nowhere");
    }
}
