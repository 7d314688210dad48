//! Whether an event is what its contract names.

use super::{Contract, Event, Field, Fields, Shape};
use crate::outcome::Reason;
use crate::scrub;
use crate::tree::{Members, Tree};

/// Properties that every event may have without being named, where they are texts.
pub(crate) const ALWAYS: [&str; 2] = ["event_category", "event_name"];

/// What a contract does not name, and where it stands: `order.items[].price`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) reason: Reason,
    pub(crate) path: String,
}

impl Breach {
    fn new(reason: Reason, path: &str) -> Self {
        let path: String = scrub::shown_name(path).chars().take(scrub::MAX_PATH_CHARS).collect();
        Self { reason, path: scrub::shown_name(&path).to_owned() }
    }
}

impl Contract {
    /// Looks at the properties of an event. What is never kept is passed over, as it is when the event is stored.
    pub(crate) fn judge(&self, event: &str, properties: &Members<'_>) -> Result<(), Breach> {
        if !self.is_closed {
            return Ok(());
        }
        let Some(known) = self.events.get(event) else { return Err(Breach::new(Reason::UndeclaredEvent, "event")) };
        let is_always = |name: &str, value: &Tree<'_>| ALWAYS.contains(&name) && value.as_str().is_some();
        members(&known.fields, properties, "", &is_always)
    }

    /// The event, if it is named.
    pub(crate) fn event(&self, name: &str) -> Option<&Event> {
        self.events.get(name)
    }
}

impl Event {
    /// Whether a list or an object is one that is named.
    pub(crate) fn names(&self, name: &str, value: &Tree<'_>) -> bool {
        self.fields.get(name).is_some_and(|field| fits(&field.shape, value, "").is_ok())
    }
}

fn members(
    fields: &Fields,
    members: &Members<'_>,
    path: &str,
    is_always: &dyn Fn(&str, &Tree<'_>) -> bool,
) -> Result<(), Breach> {
    for (name, value) in members.iter() {
        let field = fields.get(&**name);
        // So are nearly all, and what is named needs no further look.
        if field.is_some_and(|field| is_scalar(&field.shape, value))
            || value.is_null()
            || scrub::is_forbidden_member(name, value)
            || is_always(name, value)
        {
            continue;
        }
        let path = if path.is_empty() { name.clone().into_owned() } else { format!("{path}.{name}") };
        match field {
            None => return Err(Breach::new(Reason::UndeclaredProperty, &path)),
            Some(field) => fits(&field.shape, value, &path)?,
        }
    }
    let is_missing =
        |(name, field): &(&String, &Field)| !field.is_optional && members.get(name).is_none_or(Tree::is_null);
    match fields.iter().find(is_missing) {
        None => Ok(()),
        Some((name, _)) if path.is_empty() => Err(Breach::new(Reason::MissingProperty, name)),
        Some((name, _)) => Err(Breach::new(Reason::MissingProperty, &format!("{path}.{name}"))),
    }
}

/// Whether a value is the scalar that a shape asks for.
fn is_scalar(shape: &Shape, value: &Tree<'_>) -> bool {
    match (shape, value) {
        (Shape::Text, Tree::Text(_)) | (Shape::Boolean, Tree::Bool(_)) | (Shape::Number, Tree::Number(_)) => true,
        (Shape::Integer, Tree::Number(number)) => {
            number.as_f64().is_some_and(|number| number.fract() == 0.0 && number.is_finite())
        }
        _ => false,
    }
}

fn fits(shape: &Shape, value: &Tree<'_>, path: &str) -> Result<(), Breach> {
    match (shape, value) {
        (_, Tree::Null) => Ok(()),
        (Shape::List(item), Tree::List(items)) => {
            let path = format!("{path}[]");
            items.iter().try_for_each(|value| fits(item, value, &path))
        }
        (Shape::Object(fields), Tree::Object(found)) => members(fields, found, path, &|_, _| false),
        (shape, value) if is_scalar(shape, value) => Ok(()),
        _ => Err(Breach::new(Reason::WrongType, path)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    const CONTRACT: &str = r#"
        [events.bought.fields]
        total = { type = "number", privacy = "measure", optional = false }
        count = { type = "integer", privacy = "measure" }
        gift = { type = "boolean", privacy = "measure" }
        tags = { type = "array", items = "string", privacy = "public" }
        [events.bought.fields.order]
        type = "object"
        privacy = "public"
        [events.bought.fields.order.fields]
        id = { type = "string", privacy = "random", optional = false }
        [events.bought.fields.order.fields.parts]
        type = "array"
        privacy = "public"
        items = { type = "object", fields = { sku = { type = "string", privacy = "public" } } }
    "#;

    fn judged(event: &str, properties: &str) -> Result<(), (Reason, String)> {
        let contract = Contract::parse(CONTRACT, Path::new("c.toml")).unwrap();
        let Tree::Object(properties) = serde_json::from_str(properties).unwrap() else { panic!("an object") };
        contract.judge(event, &properties).map_err(|breach| (breach.reason, breach.path))
    }

    #[test]
    fn what_is_named_passes() {
        for properties in [
            r#"{"total":1}"#,
            r#"{"total":1.5,"count":2.0,"gift":true,"tags":["a",null],"order":{"id":"x","parts":[{"sku":"a"},{}]}}"#,
            // Null is nothing; what is scrubbed anyway is passed over, also within objects.
            r#"{"total":1,"other":null,"user_email":"x","ip":{"x":1},"order":{"id":"x","access_token":1}}"#,
            r#"{"total":1,"note":"for ada@example.org","event_category":"c","event_name":"n"}"#,
        ] {
            assert_eq!(judged("bought", properties), Ok(()), "{properties}");
        }
    }

    #[test]
    fn what_is_not_named_is_told_with_its_path() {
        for (event, properties, reason, path) in [
            ("sold", "{}", Reason::UndeclaredEvent, "event"),
            ("bought", "{}", Reason::MissingProperty, "total"),
            ("bought", r#"{"total":null}"#, Reason::MissingProperty, "total"),
            ("bought", r#"{"total":"1"}"#, Reason::WrongType, "total"),
            ("bought", r#"{"total":1,"count":1.5}"#, Reason::WrongType, "count"),
            ("bought", r#"{"total":1,"gift":1}"#, Reason::WrongType, "gift"),
            ("bought", r#"{"total":1,"event_name":7}"#, Reason::UndeclaredProperty, "event_name"),
            ("bought", r#"{"total":1,"coupon":"x"}"#, Reason::UndeclaredProperty, "coupon"),
            ("bought", r#"{"total":1,"tags":"a"}"#, Reason::WrongType, "tags"),
            ("bought", r#"{"total":1,"tags":["a",1]}"#, Reason::WrongType, "tags[]"),
            ("bought", r#"{"total":1,"order":{}}"#, Reason::MissingProperty, "order.id"),
            ("bought", r#"{"total":1,"order":{"id":"x","at":1}}"#, Reason::UndeclaredProperty, "order.at"),
            (
                "bought",
                r#"{"total":1,"order":{"id":"x","parts":[{"sku":"a"},{"sku":1}]}}"#,
                Reason::WrongType,
                "order.parts[].sku",
            ),
            ("bought", r#"{"total":1,"order":{"id":"x","parts":[[]]}}"#, Reason::WrongType, "order.parts[]"),
        ] {
            assert_eq!(judged(event, properties), Err((reason, path.to_owned())), "{event} {properties}");
        }
    }
}
