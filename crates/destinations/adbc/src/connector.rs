//! The entry of ADBC in the registry of destinations.

use crate::client::Adbc;
use crate::dialect::{Dialect, NAMES};
use crate::{driver, place};
use dlt_engine::connector::{DestinationConnector, Key};
use dlt_engine::settings::{Located, Node, Origin, Section, Table, Value, relative_to};
use dlt_engine::{Destination, Error, ErrorKind, Result};
use dlt_objects::{Address, Credentials, Scheme};
use std::path::Path;
use std::sync::Arc;

/// ADBC by name: what people write for it, and its settings.
pub static CONNECTOR: DestinationConnector = DestinationConnector {
    name: "adbc",
    about: "SQLite, PostgreSQL and other databases, by their ADBC drivers",
    form: "adbc:DRIVER:URI",
    schemes: &[],
    keys: &[
        Key::new(
            "driver",
            "the ADBC driver: a name (`sqlite`, `postgresql`), or the path of its library or manifest",
            "`sqlite`",
        ),
        Key::new(
            "uri",
            "which database: the file of an SQLite database, else a connection string as the driver takes it",
            "for SQLite the pipeline's name with `.db`, else what `options` say",
        )
        .secret(),
        Key::new("options", "a table of the driver's own options, with texts as values", "none").secret(),
        Key::new(
            "staging",
            "[files first, then the database's own copy](destination-adbc.md#by-way-of-files), as a table",
            "the driver hands the rows over",
        )
        .secret(),
        Key::new("dialect", "the SQL of the database: `sqlite`, `postgres` or `ansi`", "by the name of the driver"),
    ],
    template: "driver = \"sqlite\"                  # or postgresql, or the path of a driver's library\n\
               # uri = \"{name}.db\"                # default: the pipeline's name with .db; with a password: in secrets.toml\n",
    secrets: "# [destination.adbc]\n# uri = \"postgresql://loader:password@localhost/shop\"\n",
    ignored: &["*.db", "*.db-wal", "*.db-shm"],
    file_endings: &[],
    parse,
    settle,
    open,
    shown,
};

/// The driver where none is named: of a database that needs no server.
const DEFAULT_DRIVER: &str = "sqlite";

fn parse(text: &str) -> Result<Table> {
    let refused = |why: &str| {
        let what = format!("`{}` cannot be an ADBC destination: {why}", shown_form(text));
        Error::new(ErrorKind::Config, what).hint(
            "write adbc:DRIVER:URI, such as adbc:sqlite:shop.db or adbc:postgresql:postgresql://user@host/database",
        )
    };
    let rest = text.strip_prefix("adbc").unwrap_or_default();
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    if rest.starts_with("//") {
        return Err(refused("a driver comes first"));
    }
    let (name, uri) = rest.split_once(':').map_or((rest, None), |(name, uri)| (name, Some(uri)));
    let mut settings = Table::default();
    if !name.is_empty() {
        settings.set_text("driver", name, Origin::Program);
    } else if uri.is_some() {
        return Err(refused("it names no driver"));
    }
    if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
        if Dialect::of_driver(name) == Dialect::Sqlite {
            place::sqlite_file(Path::new(uri))?;
        }
        settings.set_text("uri", uri, Origin::Program);
    }
    Ok(settings)
}

/// The beginning of a text, which holds no secret.
fn shown_form(text: &str) -> &str {
    text.split_once("//").map_or(text, |(form, _)| form)
}

/// The dialect that the settings mean.
fn dialect(settings: &Table) -> Dialect {
    let named = settings.text("dialect").and_then(|name| NAMES.iter().find(|(known, _)| *known == name));
    match named {
        Some((_, dialect)) => *dialect,
        None => Dialect::of_driver(&settings.path("driver").unwrap_or(Path::new(DEFAULT_DRIVER)).to_string_lossy()),
    }
}

fn settle(settings: &mut Table, folder: &Path, pipeline: &str) {
    let driver = settings.path("driver").and_then(Path::to_str).filter(|driver| driver::is_path(driver));
    let driver = driver.filter(|driver| driver.contains(['/', '\\'])).map(|driver| relative_to(folder, driver));
    let uri = match (dialect(settings), settings.get("uri")) {
        (Dialect::Sqlite, None) => Some(relative_to(folder, &format!("{pipeline}.db"))),
        // What is no path is left to `open`. Joined with a folder it would not be seen for what it is any more.
        (Dialect::Sqlite, Some(_)) => settings
            .path("uri")
            .and_then(Path::to_str)
            .filter(|uri| !uri.trim().is_empty() && place::sqlite_file(Path::new(uri)).is_ok())
            .map(|uri| relative_to(folder, place::plain_path(uri))),
        (Dialect::Postgres | Dialect::Ansi, _) => None,
    };
    let staged = match settings.get("staging").map(|node| &node.value) {
        Some(Value::Table(staging)) => staging.path("bucket_url").and_then(Path::to_str),
        _ => None,
    };
    let staged = staged.filter(|url| !url.trim().is_empty() && !Address::is_address(url));
    let staged = staged.map(|folder_url| relative_to(folder, folder_url));
    for (key, path) in [(&["driver"][..], driver), (&["uri"], uri), (&["staging", "bucket_url"], staged)] {
        if let Some(path) = path {
            let key: Vec<String> = key.iter().map(|&part| part.to_owned()).collect();
            settings.set(&key, Node { origin: Origin::Program, value: Value::Path(path) });
        }
    }
}

fn open(mut settings: Section) -> Result<Arc<dyn Destination>> {
    let driver = match settings.path("driver")? {
        Some(driver) => driver,
        None => Located { value: DEFAULT_DRIVER.into(), origin: settings.origin().clone() },
    };
    let uri = settings.path("uri")?;
    let dialect = settings.one_of("dialect", &NAMES)?;
    let mut options = Vec::new();
    if let Some(section) = settings.section("options")? {
        let name = section.full_name("");
        let Value::Table(table) = section.into_node().value else {
            return Err(Error::new(ErrorKind::Internal, "a section is no table"));
        };
        for entry in table.entries {
            let value = match entry.node.value {
                Value::Text(text) => text,
                Value::Integer(number) => number.to_string(),
                Value::Flag(flag) => flag.to_string(),
                _ => {
                    let what = format!("`{name}{}` must be text, and is {}", entry.key, entry.node.kind());
                    return Err(entry.node.origin.error(what));
                }
            };
            options.push((entry.key, value));
        }
    }
    let staging = settings.section("staging")?;
    settings.finish()?;
    let Some(name) = driver.value.to_str() else {
        return Err(driver.origin.error("`destination.driver` is not UTF-8"));
    };
    let mut database = Adbc::new(name);
    if let Some(dialect) = dialect {
        database = database.dialect(dialect);
    }
    for (key, value) in options {
        database = database.option(key, value);
    }
    let origin = uri.as_ref().map_or_else(|| driver.origin.clone(), |uri| uri.origin.clone());
    if let Some(uri) = uri {
        let Some(text) = uri.value.to_str() else { return Err(uri.origin.error("`destination.uri` is not UTF-8")) };
        database = database.uri(text);
    }
    database.file().map_err(|error| origin.relocated(&error))?;
    if let Some(staging) = staging {
        database = with_staging(database, staging)?;
    }
    Ok(Arc::new(database))
}

fn with_staging(database: Adbc, mut section: Section) -> Result<Adbc> {
    let place = section.path("bucket_url")?;
    let credentials = Credentials::take(&mut section)?;
    let copy = section.required_text("copy", "\"COPY {table} FROM '{url}' (FORMAT parquet)\"")?;
    let Some(place) = place else { return Err(section.missing("bucket_url", "\"s3://bucket/staging\"")) };
    let name = section.full_name("bucket_url");
    section.finish()?;
    let address = place.value.to_str().map(Address::parse).transpose();
    let address = address.map_err(|error| place.origin.relocated(&error.into_engine(ErrorKind::Config)))?;
    match address {
        Some(address) if address.scheme() != Scheme::Http => {
            database.staging(address, credentials, copy.value).map_err(|error| copy.origin.relocated(&error))
        }
        Some(address) => Err(place.origin.error(format!("nothing can be written to {address}"))),
        None => Err(place.origin.error(format!("`{name}` is not UTF-8"))),
    }
}

fn shown(settings: &Table) -> String {
    let driver = settings.path("driver").unwrap_or(Path::new(DEFAULT_DRIVER));
    let uri = settings.path("uri").map(Path::to_string_lossy).unwrap_or_default();
    let uri = match dialect(settings) {
        Dialect::Sqlite => uri.into_owned(),
        Dialect::Postgres | Dialect::Ansi => place::public(&uri),
    };
    match uri.as_str() {
        "" => driver.display().to_string(),
        uri => format!("{}:{uri}", driver.display()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settled(text: &str, folder: &str) -> Table {
        let mut settings = parse(text).unwrap();
        settle(&mut settings, Path::new(folder), "shop");
        settings
    }

    fn opened(toml: &[(&str, &str)]) -> Result<Arc<dyn Destination>> {
        let mut settings = Table::default();
        for (key, value) in toml {
            settings.set_text(key, *value, Origin::Program);
        }
        settle(&mut settings, Path::new("/project"), "shop");
        open(Section::new("destination", Origin::Program, settings))
    }

    #[test]
    fn forms() {
        for (text, again) in [
            ("adbc", "sqlite"),
            ("adbc:sqlite", "sqlite"),
            ("adbc:sqlite:shop.db", "sqlite:shop.db"),
            ("adbc:sqlite:/abs/shop.db", "sqlite:/abs/shop.db"),
            ("adbc:postgresql:postgresql://u:p@h/db?x=y", "postgresql:postgresql://u@h/db"),
            ("adbc:postgresql:host=h password=p", "postgresql"),
            ("adbc:snowflake", "snowflake"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), again, "{text}");
            assert!(parse(&format!("adbc:{again}")).is_ok(), "{again}");
        }
        for text in ["adbc://host/db", "adbc::shop.db", "adbc:sqlite::memory:"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            assert!(error.advice().is_some());
        }
        assert!(!parse("adbc://u:hunter2@host").unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn the_file_is_settled_by_folder_and_pipeline() {
        for (text, folder, file) in [
            ("adbc:sqlite", "", "sqlite:shop.db"),
            ("adbc:sqlite", "project", "sqlite:project/shop.db"),
            ("adbc:sqlite:x/y.db", "project", "sqlite:project/x/y.db"),
            ("adbc:sqlite:sqlite:///y.db", "project", "sqlite:project/y.db"),
            ("adbc:sqlite:/abs.db", "project", "sqlite:/abs.db"),
            ("adbc:./libadbc_driver_sqlite.so", "project", "project/./libadbc_driver_sqlite.so:project/shop.db"),
            ("adbc:postgresql:postgresql://h/db", "project", "postgresql:postgresql://h/db"),
        ] {
            assert_eq!(shown(&settled(text, folder)), file, "{text}");
        }
    }

    fn staged(keys: &[(&str, &str)], dialect: &str) -> Result<Arc<dyn Destination>> {
        let mut settings = Table::default();
        settings.set_text("driver", "snowflake", Origin::Program);
        settings.set_text("dialect", dialect, Origin::Program);
        for (key, value) in keys {
            let node = Node { origin: Origin::Program, value: Value::Text((*value).to_owned()) };
            settings.set(&["staging".to_owned(), (*key).to_owned()], node);
        }
        settle(&mut settings, Path::new("/project"), "shop");
        open(Section::new("destination", Origin::Program, settings))
    }

    #[test]
    fn staging_needs_a_store_and_a_statement() {
        let (place, copy) = (("bucket_url", "s3://b/in"), ("copy", "COPY {table} FROM '{url}'"));
        assert!(staged(&[place, copy], "ansi").is_ok());
        assert!(staged(&[("bucket_url", "in"), copy], "ansi").is_ok());
        for (keys, dialect, reason) in [
            (&[place][..], "ansi", "`destination.staging.copy`"),
            (&[copy], "ansi", "`destination.staging.bucket_url`"),
            (&[place, ("copy", "COPY {table} FROM 's3://b'")], "ansi", "has no `{url}`"),
            (&[place, copy, ("copyy", "x")], "ansi", "unknown key in [destination.staging]: `copyy`"),
            (&[("bucket_url", "https://h/x"), copy], "ansi", "nothing can be written to https://h/x"),
            (&[place, copy], "postgres", "PostgreSQL takes no files of a store"),
        ] {
            let error = staged(keys, dialect).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn settings_make_a_destination() {
        let place = |toml: &[(&str, &str)]| opened(toml).unwrap().location();
        assert_eq!(place(&[("driver", "sqlite")]), "adbc:sqlite:/project/shop.db");
        assert_eq!(place(&[("driver", "x"), ("dialect", "sqlite"), ("uri", "a.db")]), "adbc:x:/project/a.db");
        assert_eq!(
            place(&[("driver", "postgresql"), ("uri", "postgresql://u:p@h/db")]),
            "adbc:postgresql:postgresql://u@h/db"
        );
        assert_eq!(place(&[("driver", "flightsql")]), "adbc:flightsql");
        for (toml, reason) in [
            (&[("uri", "postgresql://u:p@h/db")][..], "it is a URL"),
            (&[("driver", "sqlite"), ("uri", ":memory:")], "memory"),
            (&[("driver", "sqlite"), ("dialect", "mysql")], "unknown value of `destination.dialect`: `mysql`"),
            (&[("driver", "sqlite"), ("url", "x")], "unknown key in [destination]: `url`"),
        ] {
            let error = opened(toml).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
