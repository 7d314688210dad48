//! What a field looks like, for telling names of columns from values.

/// The look of a field that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A number, a date, a time, an amount, a telephone number.
    Number,
    Flag,
    Email,
    Link,
    Uuid,
    /// Anything else.
    Word,
}

impl Shape {
    pub(super) fn of(field: &str) -> Self {
        let field = field.trim();
        if is_number(field) {
            Self::Number
        } else if FLAGS.iter().any(|flag| field.eq_ignore_ascii_case(flag)) {
            Self::Flag
        } else if is_email(field) {
            Self::Email
        } else if field.contains("://") {
            Self::Link
        } else if is_uuid(field) {
            Self::Uuid
        } else {
            Self::Word
        }
    }
}

const FLAGS: [&str; 4] = ["true", "false", "yes", "no"];

/// Digits with what stands in and around them in numbers, dates and amounts.
fn is_number(field: &str) -> bool {
    let field = field.strip_suffix(" UTC").unwrap_or(field);
    let field = field.trim_matches(['€', '$', '£', '¥', '%', ' ', '\u{a0}']);
    let is_digit_first =
        field.trim_start_matches(['-', '+', '(', '.', ',', '#']).starts_with(|letter: char| letter.is_ascii_digit());
    is_digit_first && field.chars().all(|letter| letter.is_ascii_digit() || "-+.,:/() _'#TZeE\u{a0}".contains(letter))
}

fn is_email(field: &str) -> bool {
    match field.split_once('@') {
        Some((name, host)) => {
            !name.is_empty() && host.contains('.') && !field.contains(char::is_whitespace) && !host.contains('@')
        }
        None => false,
    }
}

fn is_uuid(field: &str) -> bool {
    field.len() == 36
        && field.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_do_not_look_like_names() {
        let cases = [
            ("30", Shape::Number),
            ("-1.5e-7", Shape::Number),
            ("1.234,56 €", Shape::Number),
            ("$1,234", Shape::Number),
            ("2024-01-02T03:04:05Z", Shape::Number),
            ("02.01.2024 10:30", Shape::Number),
            ("+49 30 1234", Shape::Number),
            ("12 %", Shape::Number),
            ("True", Shape::Flag),
            ("a@example.com", Shape::Email),
            ("https://example.com/x", Shape::Link),
            ("6f1ed002-ab5d-4c6a-9a3e-1d2f3a4b5c6d", Shape::Uuid),
            ("name", Shape::Word),
            ("1st", Shape::Word),
            ("price (USD)", Shape::Word),
            ("e", Shape::Word),
            ("", Shape::Word),
            ("Ünïcode", Shape::Word),
        ];
        for (field, shape) in cases {
            assert_eq!(Shape::of(field), shape, "{field}");
        }
    }
}
