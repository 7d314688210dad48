//! Paths to a cursor: the plain part of JSONPath.

use crate::error::{Error, ErrorKind, Result};

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into the field of this name.
    Field(String),
    /// Into the item at this place of a list, from 0.
    Index(usize),
    /// Into the first field or item that leads on.
    Any,
}

/// Where the cursor is in an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CursorPath {
    pub(crate) steps: Vec<Step>,
    /// Whether it is just the name of a field, which makes it a column as well.
    pub(crate) is_name: bool,
    /// As it was written.
    pub(crate) written: String,
}

impl CursorPath {
    /// Reads `name`, `a.b`, `a[0].b`, `a[*].b`, `$.a`, `"a b"`, `$['a']`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Config, format!("`{text}` cannot be the path of a cursor: {what}")).hint(
                "a path is a key (`updated_at`), or keys and places: `updated.at`, `events[0].time`, `\"my key\"`",
            )
        };
        let mut rest = text.trim();
        let mut steps = Vec::new();
        let is_rooted = rest.starts_with('$');
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut needs_dot = is_rooted;
        let mut dotted = false;
        while !rest.is_empty() {
            let after_dot = rest.strip_prefix('.');
            if let Some(after) = rest.strip_prefix('[') {
                let end = match after.chars().next() {
                    Some(quote @ ('\'' | '"')) => after[1..].find(quote).map(|at| at + 2),
                    _ => after.find(']'),
                };
                let end = end.ok_or_else(|| wrong("a bracket is not closed"))?;
                let inside = after[..end].trim();
                steps.push(match unquoted(inside) {
                    Some(name) => Step::Field(name.to_owned()),
                    None if inside == "*" => Step::Any,
                    None => Step::Index(
                        inside.parse().map_err(|_| wrong("in brackets stand a number, `*` or a quoted key"))?,
                    ),
                });
                rest = after[end..].strip_prefix(']').ok_or_else(|| wrong("a bracket is not closed"))?;
                needs_dot = true;
                continue;
            }
            rest = match after_dot {
                Some(after) if needs_dot => after,
                None if !needs_dot => rest,
                _ => return Err(wrong("keys are separated by one dot")),
            };
            dotted |= after_dot.is_some();
            let end = match rest.chars().next() {
                Some(quote @ ('\'' | '"')) => rest[1..].find(quote).map(|at| at + 2),
                _ => rest.find(['.', '[']).or(Some(rest.len())),
            };
            let end = end.ok_or_else(|| wrong("a quote is not closed"))?;
            let name = &rest[..end];
            steps.push(match unquoted(name) {
                Some(name) => Step::Field(name.to_owned()),
                None if name == "*" => Step::Any,
                None if name.is_empty() => return Err(wrong("a key is missing")),
                None if name.contains(['(', ')', '?', '|', ',', ':', '\'', '"', ']', '$', '&']) => {
                    return Err(wrong("only keys and places are understood"));
                }
                None => Step::Field(name.to_owned()),
            });
            rest = &rest[end..];
            needs_dot = true;
        }
        if steps.is_empty() {
            return Err(wrong("it names no field"));
        }
        let is_name = !is_rooted && !dotted && matches!(steps[..], [Step::Field(_)]);
        Ok(Self { steps, is_name, written: text.to_owned() })
    }

    /// The key, if the path is just one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.steps[..] {
            [Step::Field(name)] if self.is_name => Some(name),
            _ => None,
        }
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\''))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        CursorPath::parse(text).unwrap().steps
    }

    #[test]
    fn paths_are_read() {
        let field = |name: &str| Step::Field(name.into());
        assert_eq!(steps("updated_at"), [field("updated_at")]);
        assert_eq!(steps("$.updated.at"), [field("updated"), field("at")]);
        assert_eq!(steps("a.b[0]"), [field("a"), field("b"), Step::Index(0)]);
        assert_eq!(steps("a[*].b"), [field("a"), Step::Any, field("b")]);
        assert_eq!(steps("a.*.b"), [field("a"), Step::Any, field("b")]);
        assert_eq!(steps("$['a.b'].c"), [field("a.b"), field("c")]);
        assert_eq!(steps("\"na.me\""), [field("na.me")]);
        assert_eq!(steps("日付"), [field("日付")]);
        assert_eq!(CursorPath::parse("\"na.me\"").unwrap().name(), Some("na.me"));
        assert_eq!(CursorPath::parse("$.name").unwrap().name(), None);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "$", ".a", "a..b", "a.", "a[", "a[-1]", "a[1:2]", "a[?(@.b)]", "'a", "a,b", "$..a", "a b|c"] {
            assert!(CursorPath::parse(text).is_err(), "{text}");
        }
    }
}
