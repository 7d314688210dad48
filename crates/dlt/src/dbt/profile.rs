//! The profile: how dbt comes to the destination. The file names environment variables, and only dbt's process has them.

use std::fs;
use std::path::Path;

use dlt_engine::destination::{Destination, Handover};
use dlt_engine::{Error, ErrorKind, Result};
use tempfile::TempDir;

use super::child::{Program, Secrets};

/// What every variable of ours begins with. Python dlt has the same, so that profiles made for it work.
const PREFIX: &str = "DLT__CREDENTIALS__";

/// dbt takes the values of variables that begin so out of what it logs, and lets nothing but profiles read them.
const SECRET_PREFIX: &str = "DBT_ENV_SECRET_";

/// The name of the one target in our profile.
pub(super) const TARGET: &str = "analytics";

/// A kind of database that dbt knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adapter {
    DuckDb,
    Postgres,
}

impl Adapter {
    /// The adapter for a destination.
    pub(super) fn of(destination: &dyn Destination) -> Result<Self> {
        match destination.type_name() {
            "duckdb" => Ok(Self::DuckDb),
            "postgres" => Ok(Self::Postgres),
            other => {
                let why = match other {
                    "filesystem" => "dbt needs a database, and `filesystem` is files".to_owned(),
                    "adbc" => "dbt has no adapter for the drivers of `adbc`".to_owned(),
                    _ => format!("dbt has no adapter for destination `{other}` here"),
                };
                let hint = match other {
                    "adbc" => {
                        "load into `postgres` or `duckdb`; the destination `postgres` reaches the same servers as its driver"
                    }
                    _ => "load into `duckdb` or `postgres`",
                };
                Err(Error::new(ErrorKind::Config, why).hint(hint))
            }
        }
    }

    /// dbt's word for it, which is also the name of our profile, as Python dlt calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::Postgres => "postgres",
        }
    }
}

/// What dbt is told of the destination.
pub(super) struct Connection {
    pub(super) adapter: Adapter,
    handover: Handover,
}

impl Connection {
    pub(super) fn of(destination: &dyn Destination) -> Result<Self> {
        let adapter = Adapter::of(destination)?;
        let mut handover = destination.handover()?;
        match adapter {
            Adapter::DuckDb => {
                let path = handover.get("path").unwrap_or_default();
                if let Some(letter) = path.chars().find(|letter| matches!(letter, '#' | '?' | ';')) {
                    let what = format!("dbt-duckdb cannot open {path}: it takes `{letter}` for the end of the path");
                    return Err(Error::new(ErrorKind::Config, what).hint("move the file to a path without it"));
                }
            }
            Adapter::Postgres => settle(&mut handover)?,
        }
        Ok(Self { adapter, handover })
    }

    /// What must not be seen.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.handover.parameters.iter().filter(|known| known.is_secret).for_each(|known| secrets.add(&known.value));
        secrets
    }

    /// Writes `profiles.yml` into a folder of its own, which goes when it is dropped.
    pub(super) fn write(&self, profile: &str, threads: u16) -> Result<TempDir> {
        let cannot = |cause| Error::storage("make", Path::new("a temporary folder"), cause);
        let folder = tempfile::Builder::new().prefix("dlt-dbt-").tempdir().map_err(cannot)?;
        let path = folder.path().join("profiles.yml");
        fs::write(&path, self.profiles(profile, threads)).map_err(|cause| Error::storage("write", &path, cause))?;
        Ok(folder)
    }

    fn profiles(&self, profile: &str, threads: u16) -> String {
        let name = self.adapter.name();
        // A text of JSON is one of YAML.
        let profile = serde_json::Value::from(profile);
        let mut text = format!(
            "{profile}:\n  target: {TARGET}\n  outputs:\n    {TARGET}:\n      type: {name}\n      threads: {threads}\n      \
             schema: \"{{{{ var('destination_dataset_name', var('source_dataset_name')) | as_text }}}}\"\n"
        );
        let mut settings = String::new();
        for parameter in &self.handover.parameters {
            let Some(key) = self.adapter.key_of(parameter.name) else { continue };
            let kind = match key {
                "port" | "connect_timeout" | "keepalives_idle" => "as_number",
                _ => "as_text",
            };
            let variable = variable_of(parameter.name, parameter.is_secret);
            let line = match parameter.is_secret {
                // Filters would see a placeholder in place of the secret.
                true => format!("{key}: \"{{{{ env_var('{variable}') }}}}\"\n"),
                false => format!("{key}: \"{{{{ env_var('{variable}') | {kind} }}}}\"\n"),
            };
            match key {
                "memory_limit" => settings.push_str(&format!("        {line}")),
                _ => text.push_str(&format!("      {line}")),
            }
        }
        if self.adapter == Adapter::Postgres && self.handover.get("password").is_none() {
            // dbt wants one; an empty one is none for libpq, which then asks its own file.
            text.push_str("      password: \"\"\n");
        }
        if !settings.is_empty() {
            text.push_str(&format!("      settings:\n{settings}"));
        }
        text
    }

    /// Gives a program the variables. What a profile has no key for is said in libpq's own variables.
    pub(super) fn given_to(&self, mut program: Program, has_own_profile: bool) -> Program {
        for parameter in &self.handover.parameters {
            if parameter.is_secret {
                program = program.env(&variable_of(parameter.name, true), &parameter.value);
            }
            if !parameter.is_secret || has_own_profile {
                program = program.env(&variable_of(parameter.name, false), &parameter.value);
            }
            let is_said = self.adapter.key_of(parameter.name).is_some();
            if self.adapter == Adapter::Postgres
                && !is_said
                && let Some(variable) = parameter.variable
            {
                program = program.env(variable, &parameter.value);
            }
        }
        program
    }
}

impl Adapter {
    /// The key of a profile for a parameter.
    fn key_of(self, parameter: &str) -> Option<&'static str> {
        let keys: &[(&str, &str)] = match self {
            Self::DuckDb => &[("path", "path"), ("memory_limit", "memory_limit")],
            Self::Postgres => &[
                ("host", "host"),
                ("port", "port"),
                ("dbname", "dbname"),
                ("user", "user"),
                ("password", "password"),
                ("connect_timeout", "connect_timeout"),
                ("keepalives_idle", "keepalives_idle"),
                ("sslmode", "sslmode"),
                ("sslrootcert", "sslrootcert"),
                ("sslcert", "sslcert"),
                ("sslkey", "sslkey"),
            ],
        };
        keys.iter().find(|(name, _)| *name == parameter).map(|(_, key)| *key)
    }
}

/// The variable for a parameter, by the name that Python dlt has for it.
fn variable_of(parameter: &str, is_secret: bool) -> String {
    let name = match parameter {
        "path" | "dbname" => "DATABASE".to_owned(),
        "user" => "USERNAME".to_owned(),
        other => other.to_uppercase(),
    };
    format!("{}{PREFIX}{name}", if is_secret { SECRET_PREFIX } else { "" })
}

/// What dbt says in another way than libpq.
fn settle(handover: &mut Handover) -> Result<()> {
    handover.parameters.retain(|known| !(known.name == "application_name" && known.value == "dlt"));
    if handover.get("host").is_none()
        && let Some(address) = handover.get("hostaddr").map(str::to_owned)
    {
        *handover = std::mem::take(handover).with("host", address);
    }
    if let Some(ports) = handover.parameters.iter_mut().find(|known| known.name == "port") {
        let mut each = ports.value.split(',');
        let first = each.next().unwrap_or_default().to_owned();
        if !each.all(|port| port == first) {
            let what = format!("dbt cannot be told several ports: {}", ports.value);
            return Err(Error::new(ErrorKind::Config, what).hint("name one host, or hosts with the same port"));
        }
        ports.value = first;
    }
    // libpq believes no authority unless one is named; here it is those of the machine.
    let is_open = handover.get("sslmode") == Some("verify-full") && handover.get("sslrootcert").is_none();
    let has_own = std::env::home_dir().is_some_and(|home| home.join(".postgresql/root.crt").exists());
    if is_open && !has_own {
        *handover = std::mem::take(handover).with("sslrootcert", "system");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(handover: Handover) -> Connection {
        let mut handover = handover;
        settle(&mut handover).unwrap_or_default();
        Connection { adapter: Adapter::Postgres, handover }
    }

    #[test]
    fn a_profile_holds_no_value() {
        let connection = postgres(
            Handover::default()
                .with("host", "db.example")
                .with("port", "5433")
                .with("user", "ann")
                .with("dbname", "orders")
                .with_secret("password", "hunter2"),
        );
        let text = connection.profiles("shop", 4);
        for value in ["db.example", "5433", "ann", "orders", "hunter2"] {
            assert!(!text.contains(value), "{value}: {text}");
        }
        assert!(text.contains("password: \"{{ env_var('DBT_ENV_SECRET_DLT__CREDENTIALS__PASSWORD') }}\""), "{text}");
        assert!(text.contains("port: \"{{ env_var('DLT__CREDENTIALS__PORT') | as_number }}\""), "{text}");
    }

    #[test]
    fn without_a_password_there_is_an_empty_one() {
        assert!(postgres(Handover::default().with("host", "/run")).profiles("shop", 1).contains("password: \"\"\n"));
    }

    #[test]
    fn several_hosts() {
        let ports = |ports: &str| {
            let mut handover = Handover::default().with("host", "a,b").with("port", ports);
            settle(&mut handover).map(|()| handover.get("port").map(str::to_owned)).map_err(|error| error.to_string())
        };
        assert_eq!(ports("5432,5432"), Ok(Some("5432".to_owned())));
        assert_eq!(ports("1,2"), Err("dbt cannot be told several ports: 1,2".to_owned()));
    }
}
