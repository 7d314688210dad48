//! `snake_case`: letters and digits of ASCII in lower case, words apart.
//!
//! Map `+ *` to `x`, `-` to `_`, `@` to `a`, `|` to `l`, and every run of other characters outside letters, digits and `_`
//! to one `_`; break camel case; lower it; never begin with a digit, never end with `_`.

use std::borrow::Cow;

/// First code point of every run of ten Unicode decimal digits (general category Nd, Unicode 15): these stay in names.
const DECIMAL_DIGIT_RUNS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

pub(super) fn is_decimal_digit(c: char) -> bool {
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

/// One part of a path in `snake_case`.
pub(super) fn snake_case(identifier: &str) -> String {
    let broken = break_before_words(&reduce_alphabet(identifier));
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

/// Makes one `_` of every run of them.
pub(super) fn collapse_underscores(name: &str) -> Cow<'_, str> {
    if !name.contains("__") {
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
