//! A contract as a file. What it does not know it refuses, with the place and the nearest right word.

use std::path::Path;

use dlt_engine::Result;
use dlt_engine::settings::{self, Entry, Located, Origin, Section, Table, Value, unknown_word};

use super::quoting::quoted;
use super::{Contract, Event, Field, Fields, Privacy, Shape, hashed};
use crate::scrub;

/// The words for types.
const TYPES: [&str; 6] = ["string", "boolean", "integer", "number", "array", "object"];
/// Longest name of an event or a property, in characters.
const MAX_NAME_CHARS: usize = 200;

/// What a file of a contract declares, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContractSummary {
    /// Events that it names.
    pub events: usize,
    /// Their properties, members of objects included.
    pub properties: usize,
}

/// Reads the file of a contract as a tracker would.
///
/// # Errors
/// [`dlt_engine::ErrorKind::Config`] with file, line and key, if the file can't be read or says what no contract says.
pub fn check_contract(file: &Path) -> Result<ContractSummary> {
    let contract = Contract::read(file)?;
    let properties = contract.events.values().map(|event| count(&event.fields)).sum();
    Ok(ContractSummary { events: contract.events.len(), properties })
}

fn count(fields: &Fields) -> usize {
    fn below(shape: &Shape) -> usize {
        match shape {
            Shape::List(item) => below(item),
            Shape::Object(fields) => count(fields),
            _ => 0,
        }
    }
    fields.values().map(|field| 1 + below(&field.shape)).sum()
}

impl Contract {
    /// Reads a file, without what is built in. What it does not name is put aside.
    ///
    /// # Errors
    /// As [`check_contract`].
    pub(super) fn read(file: &Path) -> Result<Self> {
        Self::of(settings::toml::read(file)?, file)
    }

    /// As [`Contract::read`], from a text.
    pub(crate) fn parse(text: &str, shown: &Path) -> Result<Self> {
        Self::of(settings::toml::parse(text, shown)?, shown)
    }

    fn of(table: Table, file: &Path) -> Result<Self> {
        let mut top = Section::new("", Origin::File { path: file.into(), line: 1 }, table);
        if let Some(found) = top.count("version")?
            && found.value != 1
        {
            return Err(found.origin.error(format!("`version` is {}, and this tracker reads version 1", found.value)));
        }
        // What a client's own contract says of itself and of what every event has: the tracker knows that by itself.
        top.text("host")?;
        top.section("envelope")?;
        let mut contract = Self { is_closed: true, ..Self::default() };
        if let Some(events) = top.take("events") {
            for entry in members(events, "events")? {
                is_name(&entry, "an event")?;
                let name = entry.key.clone();
                contract.events.insert(name, event(entry)?);
            }
        }
        top.finish()?;
        Ok(contract)
    }
}

/// The entries of a table.
fn members(entry: Entry, name: &str) -> Result<Vec<Entry>> {
    match entry.node.value {
        Value::Table(table) => Ok(table.entries),
        _ => Err(entry.node.origin.error(format!("`{name}` must be a table, and is {}", entry.node.kind()))),
    }
}

/// Whether a property can have that name in a contract.
pub(crate) fn can_be_named(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS && !scrub::is_forbidden_name(name)
}

fn is_name(entry: &Entry, what: &str) -> Result<()> {
    let name = &entry.key;
    match name {
        _ if name.is_empty() => Err(entry.key_origin.error(format!("the name of {what} is empty"))),
        _ if name.chars().count() > MAX_NAME_CHARS => {
            Err(entry.key_origin.error(format!("the name of {what} is longer than {MAX_NAME_CHARS} characters")))
        }
        _ if scrub::is_personal(name) => {
            Err(entry.key_origin.error(format!("`{name}` has an address in it, and is never kept")))
        }
        _ => Ok(()),
    }
}

fn event(entry: Entry) -> Result<Event> {
    let name = format!("events.{}", quoted(&entry.key));
    let Value::Table(table) = entry.node.value else {
        return Err(entry.node.origin.error(format!("`{name}` must be a table, and is {}", entry.node.kind())));
    };
    let mut section = Section::new(&name, entry.key_origin, table);
    let meaning = section.text("meaning")?.map(|found| found.value);
    section.text("category")?;
    section.text("name")?;
    let fields = fields(&mut section)?.unwrap_or_default();
    section.finish()?;
    Ok(Event { meaning, hashes: hashed::are_there(&fields), fields })
}

fn fields(section: &mut Section) -> Result<Option<Fields>> {
    let name = section.full_name("fields");
    let Some(entry) = section.take("fields") else { return Ok(None) };
    let mut fields = Fields::new();
    for entry in members(entry, &name)? {
        is_name(&entry, "a property")?;
        if scrub::is_forbidden_name(&entry.key) {
            let error = entry.key_origin.error(format!("a property named `{}` is never kept", entry.key));
            return Err(error.hint("its name says that it holds an address, a person's name or id, or a secret: take it out, or let senders send something else under another name"));
        }
        let field_name = format!("{name}.{}", quoted(&entry.key));
        let key = entry.key.clone();
        fields.insert(key, field(entry, field_name)?);
    }
    Ok(Some(fields))
}

fn field(entry: Entry, name: String) -> Result<Field> {
    let Value::Table(table) = entry.node.value else {
        let error = entry.node.origin.error(format!("`{name}` must be a table, and is {}", entry.node.kind()));
        return Err(error.hint("for example: { type = \"string\", privacy = \"public\" }"));
    };
    let mut section = Section::new(name, entry.key_origin, table);
    let shape = shape(&mut section)?;
    let example = || "privacy = \"public\"";
    let privacy = match section.one_of("privacy", &Privacy::WORDS)? {
        Some(privacy) => privacy,
        None => return Err(section.missing("privacy", example())),
    };
    let is_optional = section.flag("optional")?.unwrap_or(true);
    let meaning = section.text("meaning")?.map(|found| found.value);
    let hashed = known_words(&mut section, &shape)?;
    section.text("unit")?;
    section.take("example");
    section.finish()?;
    Ok(Field { shape, privacy, is_optional, hashed, meaning })
}

/// The words that are kept as they are, where texts are kept as hashes.
fn known_words(section: &mut Section, shape: &Shape) -> Result<Option<Vec<String>>> {
    let is_hashed = section.flag("hashed")?.unwrap_or(false);
    let known = section.texts("known")?;
    let mut item = shape;
    while let Shape::List(inner) = item {
        item = inner;
    }
    let error = match known.first() {
        _ if is_hashed && *item != Shape::Text => {
            let error = section
                .origin()
                .error(format!("`{}` is for texts, and for lists of them", section.full_name("hashed")));
            error.hint("of an object, say it of its members")
        }
        Some(first) if !is_hashed => {
            let error = first
                .origin
                .error(format!("`{}` are words that are not hashed, and nothing is", section.full_name("known")));
            error.hint("add hashed = true, or take it out")
        }
        _ => return Ok(is_hashed.then(|| known.into_iter().map(|word| word.value).collect())),
    };
    Err(error)
}

/// The type, with what is in lists and objects.
fn shape(section: &mut Section) -> Result<Shape> {
    let found = section.required_text("type", "type = \"string\"")?;
    let shape = match found.value.as_str() {
        "object" => {
            let Some(fields) = fields(section)? else {
                let example = "fields = { id = { type = \"string\", privacy = \"random\" } }";
                return Err(section.missing("fields", example));
            };
            Shape::Object(fields)
        }
        "array" => Shape::List(Box::new(items(section)?)),
        _ => scalar(&found, &section.full_name("type"))?,
    };
    Ok(shape)
}

/// What a list holds: the word for a type, or a table with one.
fn items(section: &mut Section) -> Result<Shape> {
    let name = section.full_name("items");
    let Some(entry) = section.take("items") else {
        return Err(section.missing("items", "items = \"string\""));
    };
    match entry.node.value {
        Value::Text(value) => scalar(&Located { value, origin: entry.node.origin }, &name),
        Value::Table(table) => {
            let mut items = Section::new(name, entry.key_origin, table);
            let shape = shape(&mut items)?;
            items.finish()?;
            Ok(shape)
        }
        _ => Err(entry.node.origin.error(format!("`{name}` must be a type or a table, and is {}", entry.node.kind()))),
    }
}

fn scalar(found: &Located<String>, name: &str) -> Result<Shape> {
    Ok(match found.value.as_str() {
        "string" => Shape::Text,
        "boolean" => Shape::Boolean,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "array" | "object" => {
            let error = found.origin.error(format!("`{name}` says nothing of what is in it"));
            return Err(error.hint("write a table: items = { type = \"object\", fields = { … } }"));
        }
        other => return Err(unknown_word(&found.origin, &format!("value of `{name}`"), other, &TYPES)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Contract> {
        Contract::parse(text, Path::new("web.toml"))
    }

    #[test]
    fn a_file_names_events_properties_lists_and_objects() {
        let contract = read(
            r#"
            version = 1
            [events."Order Completed"]
            meaning = "Somebody bought."
            [events."Order Completed".fields]
            total = { type = "number", privacy = "measure", unit = "EUR", optional = false, example = 1.5 }
            tags = { type = "array", items = "string", privacy = "public" }
            [events."Order Completed".fields.products]
            type = "array"
            privacy = "public"
            [events."Order Completed".fields.products.items]
            type = "object"
            [events."Order Completed".fields.products.items.fields]
            sku = { type = "string", privacy = "public" }
            [events.page]
            "#,
        )
        .unwrap();
        assert!(contract.is_closed && contract.events["page"].fields.is_empty());
        let fields = &contract.events["Order Completed"].fields;
        assert!(!fields["total"].is_optional && fields["tags"].is_optional);
        assert_eq!(fields["tags"].shape, Shape::List(Box::new(Shape::Text)));
        let Shape::List(item) = &fields["products"].shape else { panic!("a list") };
        let Shape::Object(item) = &**item else { panic!("of objects") };
        assert_eq!(item["sku"].shape, Shape::Text);
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        let field = |text: &str| format!("[events.e.fields]\n{text}\n");
        for (text, line, told, hint) in [
            ("evnts = 1\n".to_owned(), 1, "unknown key: `evnts`", "did you mean `events`?"),
            ("version = 2\n".to_owned(), 1, "`version` is 2", ""),
            ("[events.e]\nfeilds = 1\n".to_owned(), 2, "unknown key in [events.e]: `feilds`", "did you mean `fields`?"),
            ("[events.\"a b\"]\nx = 1\n".to_owned(), 2, "unknown key in [events.\"a b\"]: `x`", ""),
            ("events = 1\n".to_owned(), 1, "`events` must be a table, and is a number", ""),
            ("[events]\ne = 1\n".to_owned(), 2, "`events.e` must be a table", ""),
            (field("p = 1"), 2, "`events.e.fields.p` must be a table", "for example"),
            (field("p = { privacy = \"public\" }"), 2, "`events.e.fields.p.type` is missing", "add, for example"),
            (
                field("p = { type = \"strng\", privacy = \"public\" }"),
                2,
                "unknown value of `events.e.fields.p.type`: `strng`",
                "did you mean `string`?",
            ),
            (field("p = { type = \"string\" }"), 2, "`events.e.fields.p.privacy` is missing", "add, for example"),
            (field("p = { type = \"string\", privacy = \"publik\" }"), 2, "`publik`", "did you mean `public`?"),
            (field("p = { type = \"string\", privacy = \"public\", optional = \"no\" }"), 2, "true or false", ""),
            (
                field("p = { type = \"array\", privacy = \"public\" }"),
                2,
                "`events.e.fields.p.items` is missing",
                "add, for example",
            ),
            (
                field("p = { type = \"array\", items = \"object\", privacy = \"public\" }"),
                2,
                "says nothing of what is in it",
                "write a table",
            ),
            (
                field("p = { type = \"object\", privacy = \"public\" }"),
                2,
                "`events.e.fields.p.fields` is missing",
                "add, for example",
            ),
            (
                field("p = { type = \"string\", items = \"string\", privacy = \"public\" }"),
                2,
                "unknown key in [events.e.fields.p]: `items`",
                "",
            ),
            (
                field("user_email = { type = \"string\", privacy = \"public\" }"),
                2,
                "`user_email` is never kept",
                "its name says",
            ),
            (
                field("p = { type = \"number\", privacy = \"hash\", hashed = true }"),
                2,
                "`events.e.fields.p.hashed` is for texts",
                "of an object",
            ),
            (
                field("p = { type = \"string\", privacy = \"public\", known = [\"a\"] }"),
                2,
                "words that are not hashed, and nothing is",
                "add hashed = true",
            ),
            ("[events.\"for a@example.org\"]\n".to_owned(), 1, "has an address in it", ""),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.to_string().starts_with(&format!("web.toml:{line}: ")), "{text}: {error}");
            assert!(error.to_string().contains(told), "{text}: {error}");
            assert!(error.advice().unwrap_or_default().starts_with(hint), "{text}: {:?}", error.advice());
        }
    }
}
