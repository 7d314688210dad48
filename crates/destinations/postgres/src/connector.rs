//! Postgres' entry in the registry of destinations.

use crate::client::Postgres;
use dlt_engine::connector::{DestinationConnector, Key};
use dlt_engine::settings::{Entry, Node, Origin, Section, Table, Value};
use dlt_engine::{Destination, Result};
use dlt_postgres::Address;
use std::sync::Arc;

/// Postgres by name: what people write for it, and its settings.
pub static CONNECTOR: DestinationConnector = DestinationConnector {
    name: "postgres",
    about: "Postgres, a database server",
    form: "postgres://USER@HOST/DATABASE",
    schemes: &["postgresql", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg", "postgresql+pg8000"],
    keys: &[
        Key::new(PLACE, "the URL of the database: `postgres://loader@localhost/shop`", "what `credentials` say"),
        Key::new(
            "credentials",
            "a [connection string](destination-postgres.md#credentials), or a table with `host`, `port`, `database`, `username`, \
             `password` and the parameters of libpq",
            "what libpq's variables say: `PGHOST`, `PGUSER`, `PGPASSWORD` …",
        )
        .secret()
        .ambient(),
        Key::new(
            "create_indexes",
            "whether columns with the hint `unique`, and with it the ids of rows, get a unique index",
            "`true`",
        )
        .ambient(),
    ],
    template: "# Where it is and who logs in stands in .dlt/secrets.toml.\n\
               # create_indexes = false             # default: true, as Python dlt has it; loads are faster without\n",
    secrets: "# [destination.postgres.credentials]\n\
              # host = \"localhost\"\n\
              # port = 5432\n\
              # database = \"shop\"\n\
              # username = \"loader\"\n\
              # password = \"\"\n",
    ignored: &[],
    file_endings: &[],
    parse,
    settle: |_, _, _| {},
    open,
    shown,
};

/// Where the text of a command line is kept. Apart from `credentials`, which may stand elsewhere, and be of another server.
const PLACE: &str = "place";

fn parse(text: &str) -> Result<Table> {
    let mut settings = Table::default();
    if text != CONNECTOR.name {
        Address::from_url(text)?;
        settings.set_text(PLACE, text, Origin::Program);
    }
    Ok(settings)
}

fn open(mut settings: Section) -> Result<Arc<dyn Destination>> {
    let mut address = Address::default();
    if let Some(place) = settings.text(PLACE)? {
        address = Address::from_url(&place.value).map_err(|error| place.origin.relocated(&error))?;
    }
    if let Some(entry) = settings.take("credentials") {
        let credentials = credentials(&entry)?;
        if concerns(&address, &credentials) {
            address.fill_from(credentials);
        }
    }
    let create_indexes = settings.flag("create_indexes")?.unwrap_or(true);
    settings.finish()?;
    Ok(Arc::new(Postgres::at(address).create_indexes(create_indexes)))
}

/// Whether credentials are for the server that is named: a password goes to nobody else.
fn concerns(named: &Address, credentials: &Address) -> bool {
    ["host", "port", "user"].iter().all(|name| match (named.get(name), credentials.get(name)) {
        (Some(named), Some(given)) => named == given,
        // The port that everybody means.
        (Some(named), None) if *name == "port" => named == "5432",
        (None, Some(given)) if *name == "port" && named.get("host").is_some() => given == "5432",
        _ => true,
    })
}

/// Whether fields may complete a connection string: those with a host are for that server, those without for any.
fn completes(url: &Address, fields: &Address) -> bool {
    let is_same = |name| fields.get(name).is_none_or(|given| url.get(name).is_none_or(|named| named == given));
    if fields.get("host").is_some() { concerns(url, fields) } else { ["port", "user"].into_iter().all(is_same) }
}

/// A connection string, or a table of fields. Of both, the string comes first.
fn credentials(entry: &Entry) -> Result<Address> {
    let mut address = Address::default();
    match &entry.node.value {
        Value::Text(text) => add_url(&mut address, text, &entry.node.origin)?,
        Value::Table(table) => {
            if let Some(Node { origin, value: Value::Text(text) }) = table.get("connection_string") {
                add_url(&mut address, text, origin)?;
            }
            let mut fields = Address::default();
            for field in table.entries.iter().filter(|field| field.key != "connection_string") {
                add_field(&mut fields, field)?;
            }
            if completes(&address, &fields) {
                address.fill_from(fields);
            }
        }
        _ => {
            let message = format!("`destination.credentials` must be text or a table, and is {}", entry.node.kind());
            return Err(entry.node.origin.error(message));
        }
    }
    Ok(address)
}

fn add_url(address: &mut Address, text: &str, origin: &Origin) -> Result<()> {
    address.fill_from(Address::from_url(text).map_err(|error| origin.relocated(&error))?);
    Ok(())
}

fn add_field(address: &mut Address, field: &Entry) -> Result<()> {
    let value = match &field.node.value {
        Value::Text(text) if text.is_empty() => return Ok(()),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Table(query) if field.key == "query" => {
            return query.entries.iter().try_for_each(|field| add_field(address, field));
        }
        _ => {
            let message = format!(
                "`destination.credentials.{}` must be text or a number, and is {}",
                field.key,
                field.node.kind()
            );
            return Err(field.node.origin.error(message));
        }
    };
    // Of Python's database drivers none is used here.
    if field.key == "drivername" {
        return Ok(());
    }
    if field.key == "port" && value.parse::<u16>().is_err() {
        return Err(field.node.origin.error("`destination.credentials.port` must be a number up to 65535"));
    }
    address.set(&field.key, value).map_err(|error| field.key_origin.relocated(&error))
}

fn shown(settings: &Table) -> String {
    let of_place = settings.text(PLACE).and_then(|text| Address::from_url(text).ok());
    let of_credentials = || {
        let node = settings.get("credentials")?;
        let entry = Entry { key: "credentials".to_owned(), key_origin: node.origin.clone(), node: node.clone() };
        credentials(&entry).ok()
    };
    match of_place.or_else(of_credentials) {
        Some(address) => format!("//{}", address.shown()),
        None => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn table(pairs: &[(&str, &str)]) -> Table {
        let mut table = Table::default();
        for (path, value) in pairs {
            let path: Vec<_> = path.split('.').map(str::to_owned).collect();
            table.set(&path, Node { origin: Origin::Program, value: Value::Text((*value).to_owned()) });
        }
        table
    }

    fn location(settings: Table) -> String {
        open(Section::new("destination", Origin::Program, settings)).unwrap().location()
    }

    #[test]
    fn forms() {
        let place = |text: &str| shown(&parse(text).unwrap());
        assert_eq!(place("postgres"), "");
        assert_eq!(place("postgres://ann:secret@db/shop"), "//ann@db/shop");
        assert_eq!(
            place("postgresql+psycopg2://ann:secret@db:5433/shop?sslmode=require"),
            "//ann@db:5433/shop?sslmode=require"
        );
        assert!(parse("postgres:shop").is_err());
        let again = format!("postgres:{}", place("postgres://a%40b@%2Frun/my%20shop"));
        assert_eq!(place(&again), "//a%40b@%2Frun/my%20shop");
    }

    #[test]
    fn a_connection_string_and_fields() {
        let url = ("credentials.connection_string", "postgresql://ann@db:5433/shop");
        let both = table(&[url, ("credentials.host", "other"), ("credentials.sslmode", "require")]);
        assert_eq!(location(both), "postgresql://ann@db:5433/shop", "what is of another server stays out");
        let of_it = [("credentials.host", "db"), ("credentials.port", "5433"), ("credentials.sslmode", "require")];
        for fields in [&of_it[..], &of_it[2..]] {
            let both: Vec<_> = [url].into_iter().chain(fields.iter().copied()).collect();
            assert_eq!(location(table(&both)), "postgresql://ann@db:5433/shop?sslmode=require");
        }
        let fields = table(&[
            ("credentials.host", "db"),
            ("credentials.database", "shop"),
            ("credentials.username", "ann"),
            ("credentials.query.sslmode", "require"),
            ("credentials.drivername", "postgresql"),
        ]);
        assert_eq!(location(fields), "postgresql://ann@db:5432/shop?sslmode=require");
        let wrong =
            open(Section::new("destination", Origin::Program, table(&[("credentials.hots", "db")]))).err().unwrap();
        assert_eq!(wrong.advice(), Some("did you mean `host`?"));
    }

    #[test]
    fn a_password_goes_to_the_server_that_it_is_for() {
        let named = |text: &str| Address::from_url(text).unwrap();
        let given = named("postgres://ann:secret@db/shop");
        assert!(concerns(&named("postgres://ann@db/other"), &given));
        assert!(concerns(&named("postgres://ann@db:5432/other"), &given));
        assert!(!concerns(&named("postgres://ann@evil/shop"), &given));
        assert!(!concerns(&named("postgres://bob@db/shop"), &given));
        assert!(!concerns(&named("postgres://ann@db:5433/shop"), &given));
    }
}
