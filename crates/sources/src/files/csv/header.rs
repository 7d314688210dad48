//! Whether the first line holds the names of the columns, and which names they get.

use super::shape::Shape;
use csv::StringRecord;
use dlt_engine::naming::Naming;
use std::collections::HashSet;

/// What the first rows say of the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_header: bool,
    /// Nothing, or something on both sides, speaks for it.
    pub(super) is_guess: bool,
}

/// Compares the first row with the rest: names look otherwise than the values below them.
pub(super) fn judge(records: &[StringRecord]) -> Verdict {
    let Some((first, rest)) = records.split_first() else { return Verdict { is_header: true, is_guess: false } };
    if are_years(first) {
        return Verdict { is_header: true, is_guess: true };
    }
    let (mut names, mut values) = (0, 0);
    for (column, name) in first.iter().enumerate().filter(|(_, name)| !name.trim().is_empty()) {
        match compare(name, rest.iter().filter_map(|record| record.get(column))) {
            Likeness::Name => names += 1,
            Likeness::Value => values += 1,
            Likeness::Unknown => {}
        }
    }
    if names > 0 || values > 0 {
        return Verdict { is_header: names > 0, is_guess: names == 0 || values > 0 };
    }
    // All text: lines of names are the rule.
    Verdict { is_header: true, is_guess: !rest.is_empty() && !are_typical(first) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    Name,
    Value,
    Unknown,
}

fn compare<'a>(first: &str, values: impl Iterator<Item = &'a str>) -> Likeness {
    let shape = Shape::of(first);
    let (mut below, mut is_mixed, mut recurs) = (None, false, false);
    for value in values.filter(|value| !value.trim().is_empty()) {
        let seen = Shape::of(value);
        is_mixed |= below.is_some_and(|below| below != seen);
        below = Some(seen);
        recurs |= value == first;
    }
    match below {
        _ if recurs && shape == Shape::Word => Likeness::Value,
        Some(below) if is_mixed || below == Shape::Word => match shape {
            // A number above words is no value of that column, but is no name either.
            Shape::Word | Shape::Number | Shape::Flag => Likeness::Unknown,
            _ => Likeness::Value,
        },
        Some(_) if shape == Shape::Word => Likeness::Name,
        Some(below) if below == shape => Likeness::Value,
        Some(_) => Likeness::Unknown,
        None if shape == Shape::Word => Likeness::Unknown,
        None => Likeness::Value,
    }
}

/// Whole numbers one after the other, as over columns of years.
fn are_years(first: &StringRecord) -> bool {
    let numbers: Vec<i64> = first.iter().filter_map(|name| name.trim().parse().ok()).collect();
    numbers.len() >= 2
        && numbers.windows(2).all(|pair| pair[1] == pair[0].saturating_add(1))
        && numbers.iter().all(|year| (1900..=2200).contains(year))
}

/// Whether names that columns often have are among them.
fn are_typical(first: &StringRecord) -> bool {
    const TYPICAL: [&str; 24] = [
        "id",
        "name",
        "key",
        "value",
        "code",
        "date",
        "time",
        "type",
        "title",
        "text",
        "description",
        "email",
        "city",
        "country",
        "status",
        "category",
        "url",
        "user",
        "first",
        "last",
        "address",
        "comment",
        "label",
        "column",
    ];
    first.iter().any(|name| {
        let words = name.to_lowercase();
        words.split(|letter: char| !letter.is_alphanumeric()).any(|word| TYPICAL.contains(&word))
            || (name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    })
}

/// Names of columns as the file has them, each there once.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    /// What tells the columns of all files of a table apart: the names in the form of the dataset, as headers may spell
    /// them differently.
    pub(super) keys: Vec<String>,
    /// What a column is called that has the name of another one: the name, and the name it gets.
    pub(super) renamed: Vec<(String, String)>,
    /// Numbers of columns without a name, from 1.
    pub(super) unnamed: Vec<usize>,
}

impl Names {
    /// The second column of a name is told apart by a number; a column without a name is named by its own.
    pub(super) fn new<'a>(given: impl IntoIterator<Item = &'a str>) -> Self {
        let given: Vec<&str> = given.into_iter().collect();
        let all: HashSet<&str> = given.iter().copied().collect();
        let mut taken: HashSet<String> = HashSet::new();
        let mut found = Self::default();
        for (name, number) in given.iter().copied().zip(1..) {
            let is_unnamed = name.trim().is_empty();
            let own = if is_unnamed { generated(number) } else { name.to_owned() };
            let is_taken = taken.contains(&own) || (is_unnamed && all.contains(own.as_str()));
            let own = if is_taken { numbered(&own, |name| taken.contains(name) || all.contains(name)) } else { own };
            if is_unnamed {
                found.unnamed.push(number);
            } else if is_taken {
                found.renamed.push((name.to_owned(), own.clone()));
            }
            taken.insert(own.clone());
            found.names.push(own);
        }
        found.keys = keys(&found.names);
        found
    }

    /// Names for columns that have none.
    pub(super) fn numbered(count: usize) -> Self {
        let names: Vec<String> = (1..=count).map(generated).collect();
        Self { keys: names.clone(), names, ..Self::default() }
    }
}

/// The names in the form of the dataset; two that meet there are told apart by a number, too.
fn keys(names: &[String]) -> Vec<String> {
    let naming = Naming::new(usize::MAX);
    let mut taken: HashSet<String> = HashSet::new();
    let mut key_of = |name: &String| {
        let key = naming.identity(name);
        let key = if taken.contains(&key) { numbered(&key, |name| taken.contains(name)) } else { key };
        taken.insert(key.clone());
        key
    };
    names.iter().map(&mut key_of).collect()
}

/// The first of `name_2`, `name_3` … that is free.
fn numbered(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut number = 2;
    loop {
        let numbered = format!("{name}_{number}");
        if !is_taken(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

fn generated(number: usize) -> String {
    format!("column_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_header: bool, is_guess: bool) {
        let records = text.lines().map(|line| line.split(',').collect()).collect::<Vec<_>>();
        assert_eq!(judge(&records), Verdict { is_header, is_guess }, "{text}");
    }

    #[test]
    fn names_look_otherwise_than_values() {
        check("", true, false);
        check("id,x\n1,a\n2,b", true, false);
        check("when\n2024-01-02\n2024-01-03", true, false);
        check("mail\na@b.de", true, false);
        check("zip,ok\n01234,true", true, false);
        check("a,b", true, false);
        check("name,city\nalice,paris", true, false);
        check("user_agent,os_family\nx,y", true, false);
        check("alice,30\nbob,40", false, true);
        check("alice,paris\nbob,paris\nalice,rome", false, true);
        check("1,2.5\n3,4", false, true);
        check("1,2", false, true);
        check("foo,bar\nbaz,qux", true, true);
        // Years over numbers are names.
        check("land,2020,2021\nde,1,2\nfr,3,4", true, true);
        check("id,2020\n1,5\n2,6", true, true);
        check("n/a,30\n5,40", true, true);
        check("id,name\n,\n,", true, false);
        check("a@b.de,x\nc,y", false, true);
    }

    #[test]
    fn each_name_is_there_once() {
        let names = Names::new(["a", "b", "a", "", "A", "a_2", "column_4"]);
        assert_eq!(names.names, ["a", "b", "a_3", "column_4_2", "A", "a_2", "column_4"]);
        assert_eq!(names.keys, ["a", "b", "a_3", "column_4_2", "a_2", "a_2_2", "column_4"]);
        assert_eq!(names.unnamed, [4]);
        assert_eq!(names.renamed, [("a".into(), "a_3".into())]);
        let names = Names::new(["userId", "user_id"]);
        assert_eq!(names.names, ["userId", "user_id"]);
        assert_eq!(names.keys, ["user_id", "user_id_2"]);
        assert_eq!(Names::numbered(2).names, ["column_1", "column_2"]);
    }
}
