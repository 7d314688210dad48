//! Names of tables and columns: the `snake_case` convention of the dataset contract.
//!
//! A key of the data becomes an identifier in these steps: split into a path at `__`; in each part map `+ *` to `x`,
//! `-` to `_`, `@` to `a`, `|` to `l`, and every run of other characters outside letters, digits and `_` to one `_`; break
//! camel case; lower it; never begin with a digit, never end with `_`; shorten to what the destination takes. Two keys may
//! meet in one name (all of `é`, `$` and `日本語` become `x`); within a row the last one wins.

use crate::digest::shake128;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::borrow::Cow;

/// Separates a parent from its child in the names of flattened columns and nested tables.
pub const PATH_SEPARATOR: &str = "__";
/// The column name of a key that is empty or only white space.
pub const EMPTY_KEY: &str = "_empty";

/// First code point of every run of ten Unicode decimal digits (general category Nd, Unicode 15): these stay in names.
const DECIMAL_DIGIT_RUNS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// The naming convention with a destination's limit on the length of identifiers.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    max_length: usize,
}

impl Naming {
    /// `max_length` in characters: the smaller of the destination's limits for tables and columns.
    pub fn new(max_length: usize) -> Self {
        Self { max_length }
    }

    /// The column name (or last part of a table name) of a key in the data.
    pub fn normalize_key(&self, key: &str) -> String {
        if key.chars().all(char::is_whitespace) {
            return EMPTY_KEY.to_owned();
        }
        let name = self.normalize_path(key);
        // A key of only underscores splits into nothing. Its name must still be one: what is left of such a key elsewhere.
        if name.is_empty() { "x".to_owned() } else { name }
    }

    /// Normalizes every part of a path and joins them again.
    pub fn normalize_path(&self, path: &str) -> String {
        let parts: Vec<String> = path
            .split(PATH_SEPARATOR)
            .filter(|part| !part.trim().is_empty())
            .map(|part| self.normalize_identifier(part))
            .collect();
        self.shorten(join(parts.iter().map(String::as_str)), path)
    }

    /// Joins names that are normalized already.
    pub fn join_path<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        let joined = join(parts);
        if joined.len() <= self.max_length {
            return joined;
        }
        let original = joined.clone();
        self.shorten(joined, &original)
    }

    fn normalize_identifier(&self, identifier: &str) -> String {
        let trimmed = identifier.trim();
        self.shorten(snake_case(&reduce_alphabet(trimmed)), trimmed)
    }

    /// Cuts out the middle and puts a tag of the original there, so that long names stay apart.
    fn shorten(&self, name: String, original: &str) -> String {
        let length = name.chars().count();
        if length <= self.max_length {
            return name;
        }
        let tag: String = STANDARD_NO_PAD
            .encode(shake128::<4>(&[original.as_bytes()]))
            .chars()
            .map(|c| match c {
                '/' => 'a',
                '+' => 'b',
                other => other.to_ascii_lowercase(),
            })
            .collect();
        let kept = self.max_length.saturating_sub(tag.len());
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        name.chars().take(head).chain(tag.chars()).chain(name.chars().skip(length - tail)).collect()
    }
}

fn join<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for part in parts.into_iter().filter(|part| !part.trim().is_empty()) {
        if !joined.is_empty() {
            joined.push_str(PATH_SEPARATOR);
        }
        joined.push_str(part);
    }
    joined
}

fn is_decimal_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    let code = c as u32;
    let run = DECIMAL_DIGIT_RUNS.partition_point(|&start| start <= code);
    run > 0 && code - DECIMAL_DIGIT_RUNS[run - 1] < 10
}

fn reduce_alphabet(identifier: &str) -> String {
    let mut out = String::with_capacity(identifier.len());
    let mut in_run = false;
    for c in identifier.chars() {
        let kept = match c {
            '+' | '*' => Some('x'),
            '-' => Some('_'),
            '@' => Some('a'),
            '|' => Some('l'),
            c if c.is_ascii_alphabetic() || c == '_' || is_decimal_digit(c) => Some(c),
            _ => None,
        };
        match kept {
            Some(c) => out.push(c),
            None if !in_run => out.push('_'),
            None => {}
        }
        in_run = kept.is_none();
    }
    out
}

fn snake_case(identifier: &str) -> String {
    let broken = break_before_words(identifier);
    let mut out = String::with_capacity(broken.len() + 4);
    let mut previous: Option<char> = None;
    for c in broken.chars() {
        if c.is_ascii_uppercase() && previous.is_some_and(|p| p.is_ascii_lowercase() || p.is_ascii_digit()) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        previous = Some(c);
    }
    if out.starts_with(is_decimal_digit) {
        out.insert(0, '_');
    }
    let stem = out.trim_end_matches('_').len();
    let trailing = out.len() - stem;
    out.truncate(stem);
    out.extend(std::iter::repeat_n('x', trailing));
    collapse_underscores(&out).into_owned()
}

/// Puts `_` before a capital that begins a word (`HTTPResponse` → `HTTP_Response`). A word that was taken as the
/// "character before" of one break does not serve a second time, which is what a left-to-right scan does.
fn break_before_words(identifier: &str) -> String {
    let chars: Vec<char> = identifier.chars().collect();
    let mut out = String::with_capacity(identifier.len() + 4);
    let mut at = 0;
    while at < chars.len() {
        out.push(chars[at]);
        let begins_word = chars[at] != '_'
            && chars.get(at + 1).is_some_and(char::is_ascii_uppercase)
            && chars.get(at + 2).is_some_and(char::is_ascii_lowercase);
        at += 1;
        if begins_word {
            out.push('_');
            out.push(chars[at]);
            at += 1;
            while at < chars.len() && chars[at].is_ascii_lowercase() {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

fn collapse_underscores(name: &str) -> Cow<'_, str> {
    if !name.contains(PATH_SEPARATOR) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, expect: &str) {
        assert_eq!(Naming::new(65536).normalize_key(key), expect, "of {key:?}");
    }

    #[test]
    fn keys_become_snake_case() {
        for (key, expect) in [
            ("CamelCase", "camel_case"),
            ("camelCase", "camel_case"),
            ("HTTPResponse", "http_response"),
            ("getHTTPResponseCode", "get_http_response_code"),
            ("userID", "user_id"),
            ("UserIDs", "user_i_ds"),
            ("ABc", "a_bc"),
            ("A1B2", "a1_b2"),
            ("iPhone15Pro", "i_phone15_pro"),
            ("version2Beta", "version2_beta"),
            ("  spaced name ", "spaced_name"),
            ("two  spaces", "two_spaces"),
            ("a-b", "a_b"),
            ("a.b.c", "a_b_c"),
            ("a+b", "axb"),
            ("a@b", "aab"),
            ("a|b", "alb"),
            ("1st", "_1st"),
            ("trailing_", "trailingx"),
            ("trailing__", "trailing"),
            ("_", "x"),
            ("__leading", "leading"),
            ("_leading", "_leading"),
            ("a__b", "a__b"),
            ("a___b", "a___b"),
            ("Ünïcode", "_n_code"),
            ("naïve café", "na_ve_cafx"),
            ("日本語", "x"),
            ("$", "x"),
            ("emoji😀x", "emoji_x"),
            ("price($)", "pricex"),
            ("50%", "_50x"),
            ("#hash", "_hash"),
            ("quote\"d", "quote_d"),
            ("SCREAMING_SNAKE", "screaming_snake"),
            ("", "_empty"),
            ("  ", "_empty"),
            ("x²", "xx"),
            ("a٣b", "a٣b"),
            ("_dlt_id", "_dlt_id"),
        ] {
            check(key, expect);
        }
    }

    #[test]
    fn a_key_of_only_underscores_still_has_a_name() {
        check("__", "x");
    }

    #[test]
    fn long_names_keep_both_ends_and_a_tag() {
        let long = "ThisIsAVeryLongColumnNameThatIsDefinitelyLongerThanSixtyThreeCharactersInTotal";
        assert_eq!(
            Naming::new(63).normalize_key(long),
            "this_is_a_very_long_column_nashbjfaty_three_characters_in_total"
        );
        assert_eq!(Naming::new(30).normalize_key(long), "this_is_a_veshbjfaers_in_total");
    }
}
