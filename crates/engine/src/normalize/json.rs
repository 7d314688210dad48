//! A cursor over JSON text.
//!
//! It reads one value after the other straight from the bytes of a chunk, without building a tree where the caller does
//! not want one. It is strict (RFC 8259): no comments, no `NaN`, no raw control characters in strings; numbers keep the
//! difference between integers and floats. The text was checked to be UTF-8 before.

use indexmap::IndexMap;
use std::borrow::Cow;
use std::fmt;

/// Deepest nesting that is read.
const MAX_DEPTH: u32 = 1000;

/// A JSON value as a tree; objects keep the order of their keys, and the last of two equal keys wins, in the first's place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Json>),
    Object(IndexMap<String, Json>),
}

/// What is wrong with the text, and at which byte.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    EndOfText,
    Unexpected,
    ControlCharacter,
    Escape,
    Number,
    IntegerTooBig,
    TooDeep,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfText => "the JSON value is cut off",
            Self::Unexpected => "this is not JSON",
            Self::ControlCharacter => "a string holds a raw control character",
            Self::Escape => "a string holds a broken escape",
            Self::Number => "this is not a JSON number",
            Self::IntegerTooBig => "an integer does not fit into 64 bits",
            Self::TooDeep => "the value is nested deeper than 1000 levels",
        })
    }
}

type Read<T> = Result<T, Malformed>;

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Double(f64),
}

/// A string as it stands in the text, between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawText<'a> {
    pub(crate) raw: &'a str,
    pub(crate) has_escapes: bool,
}

/// Place in the text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

const HIGH: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Bytes that a string cannot run over without a look: quote, backslash, control characters. The high bit of each
/// such byte is set in the result (others may be set above the first one, which is all that is used).
#[inline]
fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_zero = |w: u64| w.wrapping_sub(ONES) & !w;
    (is_zero(quote) | is_zero(backslash) | (word.wrapping_sub(ONES * 0x20) & !word)) & HIGH
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn rewind(&mut self, at: usize) {
        self.at = at;
        self.depth = 0;
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space, which is not consumed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Some(byte),
                None => return None,
            }
        }
    }

    /// The first byte of the next value.
    #[inline]
    pub(crate) fn value_start(&mut self) -> Read<u8> {
        self.peek().ok_or(Malformed { at: self.at, what: What::EndOfText })
    }

    #[inline]
    fn fail<T>(&self, what: What) -> Read<T> {
        let what = if self.at >= self.text.len() { What::EndOfText } else { what };
        Err(Malformed { at: self.at.min(self.text.len()), what })
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        self.fail(What::Unexpected)
    }

    /// Enters an object or list whose first byte was seen; false if it is empty (and then left again).
    #[inline]
    pub(crate) fn enter(&mut self, close: u8) -> Read<bool> {
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(What::TooDeep);
        }
        Ok(true)
    }

    /// After a member: true if another follows, false if the object or list was closed.
    #[inline]
    pub(crate) fn next_member(&mut self, close: u8) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => self.fail(What::Unexpected),
        }
    }

    /// A key and its colon.
    #[inline]
    pub(crate) fn key(&mut self) -> Read<RawText<'a>> {
        if self.peek() != Some(b'"') {
            return self.fail(What::Unexpected);
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// If exactly `key` and a colon come next (the common case of rows of one shape), skips them.
    #[inline]
    pub(crate) fn skip_key(&mut self, key: &str) -> bool {
        if self.peek() != Some(b'"') {
            return false;
        }
        let bytes = self.bytes();
        let end = self.at + 1 + key.len();
        if end + 1 < bytes.len()
            && &bytes[self.at + 1..end] == key.as_bytes()
            && bytes[end] == b'"'
            && bytes[end + 1] == b':'
        {
            self.at = end + 2;
            return true;
        }
        false
    }

    /// A string whose opening quote was seen.
    #[inline]
    pub(crate) fn string(&mut self) -> Read<RawText<'a>> {
        let bytes = self.bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut has_escapes = false;
        loop {
            // Eight bytes at a time while there are eight; the last few one by one.
            while let Some(word) = bytes.get(at..at + 8) {
                let word = u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
                let stop = stops(word);
                if stop != 0 {
                    at += (stop.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(RawText { raw: &self.text[start..at], has_escapes });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    at += 2;
                }
                Some(0..0x20) => {
                    self.at = at;
                    return self.fail(What::ControlCharacter);
                }
                Some(_) => at += 1,
                None => {
                    self.at = at;
                    return self.fail(What::EndOfText);
                }
            }
        }
    }

    /// The text that a raw string stands for.
    pub(crate) fn decode(&self, text: RawText<'a>) -> Read<Cow<'a, str>> {
        if !text.has_escapes {
            return Ok(Cow::Borrowed(text.raw));
        }
        let at = text.raw.as_ptr() as usize - self.text.as_ptr() as usize;
        unescape(text.raw).map(Cow::Owned).ok_or(Malformed { at, what: What::Escape })
    }

    /// A number whose first byte was seen.
    #[inline]
    pub(crate) fn number(&mut self) -> Read<Number> {
        let bytes = self.bytes();
        let start = self.at;
        let mut at = start + usize::from(bytes[start] == b'-');
        let digits = at;
        let mut magnitude: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
            magnitude = magnitude.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        let count = at - digits;
        let leading_zero = count > 1 && bytes[digits] == b'0';
        if count == 0 || leading_zero {
            return self.fail(What::Number);
        }
        let is_float = matches!(bytes.get(at), Some(b'.' | b'e' | b'E'));
        if !is_float {
            self.at = at;
            if count < 19 {
                let value = magnitude.cast_signed();
                return Ok(Number::Int(if digits > start { -value } else { value }));
            }
            return match self.text[start..at].parse() {
                Ok(value) => Ok(Number::Int(value)),
                Err(_) => Err(Malformed { at: start, what: What::IntegerTooBig }),
            };
        }
        let digits_follow = |from: usize| {
            let mut end = from;
            while bytes.get(end).is_some_and(u8::is_ascii_digit) {
                end += 1;
            }
            (end > from).then_some(end)
        };
        let malformed = Malformed { at: start, what: What::Number };
        if bytes[at] == b'.' {
            at = match digits_follow(at + 1) {
                Some(end) => end,
                None => return Err(malformed),
            };
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            at = match digits_follow(at + 1 + sign) {
                Some(end) => end,
                None => return Err(malformed),
            };
        }
        self.at = at;
        self.text[start..at].parse().map(Number::Double).map_err(|_| malformed)
    }

    /// `true`, `false` or `null`, whose first byte was seen.
    #[inline]
    pub(crate) fn literal(&mut self, word: &str) -> Read<()> {
        if self.bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        if self.text.len() - self.at < word.len() && word.as_bytes().starts_with(&self.bytes()[self.at..]) {
            self.at = self.text.len();
        }
        self.fail(What::Unexpected)
    }

    /// The next value as a tree.
    pub(crate) fn value(&mut self) -> Read<Json> {
        Ok(match self.value_start()? {
            b'{' => {
                let mut fields = IndexMap::new();
                let mut more = self.enter(b'}')?;
                while more {
                    let key = self.key()?;
                    let key = self.decode(key)?.into_owned();
                    let value = self.value()?;
                    fields.insert(key, value);
                    more = self.next_member(b'}')?;
                }
                Json::Object(fields)
            }
            b'[' => {
                let mut items = Vec::new();
                let mut more = self.enter(b']')?;
                while more {
                    items.push(self.value()?);
                    more = self.next_member(b']')?;
                }
                Json::List(items)
            }
            b'"' => {
                let text = self.string()?;
                Json::Text(self.decode(text)?.into_owned())
            }
            b'-' | b'0'..=b'9' => match self.number()? {
                Number::Int(value) => Json::Int(value),
                Number::Double(value) => Json::Double(value),
            },
            b't' => self.literal("true").map(|()| Json::Bool(true))?,
            b'f' => self.literal("false").map(|()| Json::Bool(false))?,
            b'n' => self.literal("null").map(|()| Json::Null)?,
            _ => return self.fail(What::Unexpected),
        })
    }
}

/// `None` if an escape is broken. A lone surrogate becomes U+FFFD: it is no character, and no destination takes it.
fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        let mut next = at + 2;
        match escape {
            b'"' => out.push('"'),
            b'\\' => out.push('\\'),
            b'/' => out.push('/'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let unit = hex4(rest, next)?;
                next += 4;
                let code = match unit {
                    0xD800..0xDC00 if rest[next..].starts_with("\\u") => match hex4(rest, next + 2)? {
                        low @ 0xDC00..0xE000 => {
                            next += 6;
                            0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                        }
                        _ => unit,
                    },
                    _ => unit,
                };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => return None,
        }
        rest = &rest[next..];
    }
    out.push_str(rest);
    Some(out)
}

fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.as_bytes().get(at..at + 4)?;
    digits.iter().try_fold(0, |code, &digit| Some(code * 16 + (digit as char).to_digit(16)?))
}

impl Json {
    /// Compact JSON text.
    pub(crate) fn write(&self, out: &mut String) {
        use std::fmt::Write as _;
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Self::Double(value) => out.push_str(&serde_json::Value::from(*value).to_string()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (at, (key, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// A JSON string with its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Read<Json> {
        Cursor::new(text).value()
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, at, what) in [
            ("", 0, What::EndOfText),
            ("{\"a\":1", 6, What::EndOfText),
            ("{\"a\" 1}", 5, What::Unexpected),
            ("[1,]", 3, What::Unexpected),
            ("01", 0, What::Number),
            ("1.", 0, What::Number),
            ("NaN", 0, What::Unexpected),
            ("tru", 3, What::EndOfText),
            ("\"a\nb\"", 2, What::ControlCharacter),
            ("\"\\q\"", 1, What::Escape),
            ("18446744073709551616", 0, What::IntegerTooBig),
            ("\"\\", 2, What::EndOfText),
        ] {
            assert_eq!(parse(text), Err(Malformed { at, what }), "of {text:?}");
        }
    }

    #[test]
    fn nesting_ends_before_the_stack_of_a_worker_does() {
        let stack = std::thread::Builder::new().stack_size(super::super::WORKER_STACK_BYTES);
        let read = stack.spawn(|| parse(&"[".repeat(2000)).unwrap_err().what).unwrap();
        assert_eq!(read.join().unwrap(), What::TooDeep);
    }

    #[test]
    fn the_last_of_two_equal_keys_wins_in_the_place_of_the_first() {
        let mut text = String::new();
        parse(r#"{"a":1,"b":2,"a":{"x":3}}"#).unwrap().write(&mut text);
        assert_eq!(text, r#"{"a":{"x":3},"b":2}"#);
    }

    fn documents() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((".*", inner), 0..6)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_reads_as_another_parser_reads_it(document in documents(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
            let mut written = String::new();
            parse(&text).unwrap().write(&mut written);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), document);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn a_broken_document_never_panics(document in documents(), cut in any::<prop::sample::Index>()) {
            let text = document.to_string();
            let at = (0..=cut.index(text.len() + 1)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let _ = parse(&text[..at]);
        }
    }
}
