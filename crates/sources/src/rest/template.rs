//! Texts with placeholders: `{resources.<parent>.<field>}`, `{<param>}`, and doubled braces for braces.

use super::json::{JsonPath, scalar_text};
use super::url::encode;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A text that depends on an item of another resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// Index into the fields that are taken from the parent.
    Field(usize),
}

/// What a template takes from the parent: filled while templates are read, one for all of a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParentFields {
    /// The parent, once something refers to it.
    pub(crate) parent: Option<String>,
    /// Fields of its items, as written and as a path.
    pub(crate) fields: Vec<(String, JsonPath)>,
    /// How many of the fields, from the first on, must have a value in every item: those of placeholders.
    pub(crate) required: usize,
}

impl ParentFields {
    /// Index of a field, which is taken along from now on.
    pub(crate) fn add(&mut self, field: &str) -> Result<usize, String> {
        if let Some(known) = self.fields.iter().position(|(name, _)| name == field) {
            return Ok(known);
        }
        let path = JsonPath::parse(field).ok_or_else(|| format!("`{field}` is no path to a field"))?;
        self.fields.push((field.to_owned(), path));
        Ok(self.fields.len() - 1)
    }
}

impl Template {
    /// Reads a template; `params` are what `{name}` can stand for, `used` collects those that were.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(
        text: &str,
        params: &BTreeMap<String, String>,
        used: &mut Vec<String>,
        fields: &mut ParentFields,
    ) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..];
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                plain.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let end = brace.find('}').filter(|end| *end > 0).ok_or_else(|| {
                format!("a brace in `{text}` is not closed or not opened; `{{{{` and `}}}}` stand for braces")
            })?;
            let name = &brace[1..end];
            rest = &brace[end + 1..];
            if let Some(reference) = name.strip_prefix("resources.") {
                let (parent, field) =
                    reference.split_once('.').ok_or_else(|| format!("`{{{name}}}` names no field of `{reference}`"))?;
                if let Some(other) = fields.parent.replace(parent.to_owned()).filter(|other| other != parent) {
                    return Err(format!("it depends on `{other}` and on `{parent}`, but one parent is the most"));
                }
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Field(fields.add(field)?));
            } else if let Some(value) = params.get(name) {
                plain.push_str(&encode(value, "/"));
                used.push(name.to_owned());
            } else {
                return Err(format!("`{{{name}}}` is neither a parameter nor `{{resources.<name>.<field>}}`"));
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }

    /// The text for these fields of the parent's item.
    pub(crate) fn text(&self, fields: &[String]) -> String {
        self.render(fields, |value| value.to_owned())
    }

    /// The text for these fields, encoded for a path, unless a single field is all of it: that may be a whole URL.
    pub(crate) fn path(&self, fields: &[String]) -> String {
        match self.0.as_slice() {
            [Part::Field(_)] => self.text(fields),
            _ => self.render(fields, |value| encode(value, "/")),
        }
    }

    /// Whether it ends in a placeholder, as the path of a single thing does.
    pub(crate) fn ends_in_field(&self) -> bool {
        self.0.len() > 1 && matches!(self.0.last(), Some(Part::Field(_)))
    }

    fn render(&self, fields: &[String], encode: impl Fn(&str) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(index) => fields.get(*index).map(|value| encode(value)).unwrap_or_default(),
        };
        self.0.iter().map(part).collect()
    }
}

/// A JSON value whose texts are templates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JsonTemplate {
    Value(Value),
    Text(Template),
    List(Vec<JsonTemplate>),
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// # Errors
    /// What is wrong with one of the texts.
    pub(crate) fn parse(value: &Value, fields: &mut ParentFields) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text, &BTreeMap::new(), &mut Vec::new(), fields)?),
            Value::Array(values) => {
                Self::List(values.iter().map(|value| Self::parse(value, fields)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::parse(value, fields)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Self::Value(other.clone()),
        })
    }

    /// The value for these fields of the parent's item. A placeholder that is all of a text keeps the field's type.
    pub(crate) fn fill(&self, row: &[Box<RawValue>]) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Text(Template(parts)) => match parts.as_slice() {
                [Part::Field(index)] => {
                    row.get(*index).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
                }
                _ => {
                    let fields: Vec<String> = row.iter().map(|value| scalar_text(value).unwrap_or_default()).collect();
                    Template(parts.clone()).text(&fields).into()
                }
            },
            Self::List(values) => values.iter().map(|value| value.fill(row)).collect(),
            Self::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), value.fill(row))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<(Template, ParentFields), String> {
        let params = BTreeMap::from([("owner".to_owned(), "a b".to_owned())]);
        let mut fields = ParentFields::default();
        Template::parse(text, &params, &mut Vec::new(), &mut fields).map(|template| (template, fields))
    }

    #[test]
    fn placeholders_are_filled() {
        let (template, fields) = parse("repos/{owner}/{resources.repos.full.name}/{{x}}/{resources.repos.id}").unwrap();
        assert_eq!(fields.parent.as_deref(), Some("repos"));
        assert_eq!(fields.fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["full.name", "id"]);
        assert_eq!(template.path(&["é/x?".into(), "7".into()]), "repos/a%20b/%C3%A9/x%3F/{x}/7");
        assert!(template.ends_in_field());
        let (whole, _) = parse("{resources.repos.url}").unwrap();
        assert_eq!(whole.path(&["http://h/x?y=1".into()]), "http://h/x?y=1");
        assert!(!whole.ends_in_field());
    }

    #[test]
    fn flaws_are_explained() {
        let cases = [
            ("{x", "not closed"),
            ("x}", "not closed or not opened"),
            ("{nope}", "neither a parameter"),
            ("{resources.a}", "names no field"),
            ("{resources.a.x}{resources.b.x}", "one parent"),
            ("{resources.a.x..y}", "no path"),
        ];
        for (text, message) in cases {
            assert!(parse(text).unwrap_err().contains(message), "{text}");
        }
    }
}
