//! Names that dbt takes, of names that datasets have.

use std::collections::BTreeSet;

/// Characters of a name of ours. Postgres takes 63, and dbt adds some to names of tables while it builds them.
const LONGEST: usize = 50;

/// Gives out names, each once.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name of small letters, digits and `_` for any name, which nobody else has.
    pub(super) fn plain(&mut self, wanted: &str) -> String {
        self.of_its_own(plain(wanted))
    }

    /// This name, or one like it where it is taken.
    pub(super) fn of_its_own(&mut self, wanted: String) -> String {
        let mut name = shortened(&wanted, LONGEST);
        let mut count = 1;
        while !self.0.insert(name.to_lowercase()) {
            count += 1;
            let ending = format!("_{count}");
            name = format!("{}{ending}", shortened(&wanted, LONGEST - ending.len()));
        }
        name
    }
}

/// A name of small letters, digits and `_`, which begins with a letter.
pub(super) fn plain(wanted: &str) -> String {
    let mut name = String::new();
    for letter in wanted.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' | '_' => name.push(letter),
            _ => name.push('_'),
        }
    }
    let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let says_something = name.chars().any(|letter| letter.is_ascii_alphanumeric());
    match (begins_well, says_something) {
        (true, _) => name,
        (false, true) => format!("t_{}", name.trim_start_matches('_')),
        (false, false) => "t".to_owned(),
    }
}

fn shortened(name: &str, length: usize) -> String {
    let mut end = name.len().min(length);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_plain_and_of_its_own() {
        let mut names = Names::default();
        let given = ["users", "Users", "über uns", "1st", "{{ x }}", "▶", "", &"x".repeat(80), &"x".repeat(81)];
        let made: Vec<_> = given.iter().map(|name| names.plain(name)).collect();
        let long = "x".repeat(50);
        let longer = format!("{}_2", "x".repeat(48));
        assert_eq!(made, ["users", "users_2", "t_ber_uns", "t_1st", "t_x___", "t", "t_2", &long, &longer]);
    }
}
