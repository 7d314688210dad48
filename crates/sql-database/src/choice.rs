//! Which of the tables that are there are meant.

use crate::failure::config;
use crate::table::Listed;
use dlt_engine::settings::word_hint;
use dlt_engine::{Error, Result};

/// Whether a name is a pattern: `*` stands for any letters, `?` for one.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether a pattern means a name.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    n = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

/// The tables that a name or pattern means. Patterns mean views where `with_views` says so; a view that is named is meant.
pub(crate) fn meant<'a>(name: &str, listed: &'a [Listed], with_views: bool, place: &str) -> Result<Vec<&'a Listed>> {
    if !is_pattern(name) {
        return Ok(vec![find(name, listed, place)?]);
    }
    let found: Vec<_> =
        listed.iter().filter(|table| (with_views || !table.is_view) && matches(name, &table.name)).collect();
    if found.is_empty() {
        return Err(no_table(format!("{place}: no table matches `{name}`"), name, listed));
    }
    Ok(found)
}

/// The table of this name, in other letters if just one is so.
fn find<'a>(name: &str, listed: &'a [Listed], place: &str) -> Result<&'a Listed> {
    if let Some(exact) = listed.iter().find(|table| table.name == name) {
        return Ok(exact);
    }
    let mut folded = listed.iter().filter(|table| table.name.to_lowercase() == name.to_lowercase());
    match (folded.next(), folded.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(no_table(format!("{place}: there is no table `{name}`"), name, listed)),
    }
}

fn no_table(message: String, name: &str, listed: &[Listed]) -> Error {
    let names: Vec<&str> = listed.iter().map(|table| table.name.as_str()).take(20).collect();
    let hint = match names.as_slice() {
        [] => "there are no tables, or none that this user may see; `schema` names another schema".to_owned(),
        names => word_hint(name, names),
    };
    config(message, hint)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_match() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("order*", "orders", true),
            ("*_log", "a_log_log", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ba", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn names_are_found_or_the_nearest_is_told() {
        let table = |name: &str, is_view| Listed { name: name.to_owned(), is_view };
        let listed = [table("Orders", false), table("a", false), table("A", false), table("old_orders", true)];
        let names = |name: &str, views| -> Result<Vec<String>> {
            Ok(meant(name, &listed, views, "db")?.into_iter().map(|table| table.name.clone()).collect())
        };
        assert_eq!(names("orders", false).unwrap(), ["Orders"]);
        assert_eq!(names("A", false).unwrap(), ["A"]);
        assert_eq!(names("old_orders", false).unwrap(), ["old_orders"]);
        assert_eq!(names("*rders", false).unwrap(), ["Orders"]);
        assert_eq!(names("*rders", true).unwrap(), ["Orders", "old_orders"]);
        assert_eq!(names("ordrs", false).unwrap_err().advice(), Some("did you mean `Orders`?"));
        assert!(names("x*", true).is_err());
    }
}
