//! A cursor over JSON text.
//!
//! It reads one value after the other straight from the bytes of a chunk, without building a tree where the caller does
//! not want one. It is strict (RFC 8259): no comments, no `NaN`, no raw control characters in strings; numbers keep the
//! difference between integers and floats, and one that no number of the machine holds is kept as it was written. The
//! text was checked to be UTF-8 before.

mod canonical;
mod escape;
mod flaw;
mod skip;
mod write;

pub(crate) use canonical::write_canonical;
pub(crate) use flaw::What;
pub(crate) use write::{write_object, write_text};

use escape::{Broken, unescape};
use indexmap::IndexMap;
use std::borrow::Cow;

/// Deepest nesting that is read.
const MAX_DEPTH: u32 = 1000;

/// A JSON value as a tree; objects keep the order of their keys, and the last of two equal keys wins, in the first's place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// A number beyond those two, as it was written.
    Big(String),
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

type Read<T> = Result<T, Malformed>;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number<'a> {
    Int(i64),
    Double(f64),
    /// An integer of more than 64 bits, or a number that a double would make infinite or zero: as it was written.
    Big(&'a str),
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
    surrogates: Surrogates,
    repeated: Vec<RepeatedKey>,
}

/// A key that an object has twice. Only the last of its values is kept, as most readers of JSON do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepeatedKey {
    pub(crate) key: String,
    /// Place in the text after the key.
    pub(crate) at: usize,
}

/// What becomes of half a surrogate pair: an escape such as `\ud800` that stands for no character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surrogates {
    /// It is an error.
    #[default]
    Refuse,
    /// U+FFFD takes its place.
    Replace,
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
        Self { text, at: 0, depth: 0, surrogates: Surrogates::default(), repeated: Vec::new() }
    }

    /// Says what becomes of lone surrogates.
    pub(crate) fn with(self, surrogates: Surrogates) -> Self {
        Self { surrogates, ..self }
    }

    /// The keys that an object had twice, of all trees read so far.
    pub(crate) fn take_repeated(&mut self) -> Vec<RepeatedKey> {
        std::mem::take(&mut self.repeated)
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
        Err(self.malformed(what))
    }

    /// What is wrong here, as precisely as can be told from what stands around it.
    #[cold]
    fn malformed(&self, what: What) -> Malformed {
        let at = self.at.min(self.text.len());
        let what = match what {
            _ if at == self.text.len() => What::EndOfText,
            What::Unexpected => flaw::of(self.bytes(), at),
            other => other,
        };
        Malformed { at, what }
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
        let start = text.raw.as_ptr() as usize - self.text.as_ptr() as usize;
        match unescape(text.raw, self.surrogates) {
            Ok(decoded) => Ok(Cow::Owned(decoded)),
            Err(Broken { at, what }) => Err(Malformed { at: start + at, what }),
        }
    }

    /// A number whose first byte was seen.
    #[inline]
    pub(crate) fn number(&mut self) -> Read<Number<'a>> {
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
            self.at = at;
            let what = if leading_zero { What::LeadingZero } else { What::Unexpected };
            let mut malformed = self.malformed(what);
            if leading_zero {
                (malformed.at, malformed.what) = (start, what);
            }
            return Err(malformed);
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
                Err(_) => Ok(Number::Big(&self.text[start..at])),
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
        let written = &self.text[start..at];
        let value: f64 = written.parse().map_err(|_| malformed)?;
        let is_held = value.is_finite() && (value != 0.0 || is_zero(written));
        Ok(if is_held { Number::Double(value) } else { Number::Big(written) })
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
                    let at = self.at;
                    let value = self.value()?;
                    if let (index, Some(_)) = fields.insert_full(key, value)
                        && let Some((key, _)) = fields.get_index(index)
                    {
                        self.repeated.push(RepeatedKey { key: String::clone(key), at });
                    }
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
                Number::Big(written) => Json::Big(written.to_owned()),
            },
            b't' => self.literal("true").map(|()| Json::Bool(true))?,
            b'f' => self.literal("false").map(|()| Json::Bool(false))?,
            b'n' => self.literal("null").map(|()| Json::Null)?,
            _ => return self.fail(What::Unexpected),
        })
    }
}

/// Whether all digits before the exponent are zeros.
fn is_zero(written: &str) -> bool {
    written.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).all(|byte| !matches!(byte, b'1'..=b'9'))
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
            ("{\"a\" 1}", 5, What::NoColon),
            ("[1,]", 3, What::TrailingComma),
            ("{\"a\":1,}", 7, What::TrailingComma),
            ("[1 2]", 3, What::NoComma),
            ("{\"a\":1 \"b\":2}", 7, What::NoComma),
            ("{\"a\":\"x\"y\"}", 8, What::NoComma),
            ("01", 0, What::LeadingZero),
            ("{\"a\":007}", 5, What::LeadingZero),
            ("1.", 0, What::Number),
            ("+1", 0, What::PlusSign),
            (".5", 0, What::Number),
            ("-", 1, What::EndOfText),
            ("NaN", 0, What::NotFinite),
            ("{\"a\": -Infinity}", 7, What::NotFinite),
            ("[nan]", 1, What::NotFinite),
            ("tru", 3, What::EndOfText),
            ("[truth]", 1, What::Word),
            ("{\"a\":None}", 5, What::PythonWord),
            ("{\"a\":True}", 5, What::PythonWord),
            ("{\"a\":undefined}", 5, What::Word),
            ("{'a':1}", 1, What::SingleQuote),
            ("{\"a\":'x'}", 5, What::SingleQuote),
            ("{a:1}", 1, What::BareKey),
            ("{1:1}", 1, What::BareKey),
            ("// no\n1", 0, What::Comment),
            ("[1, /* two */ 2]", 4, What::Comment),
            ("# no", 0, What::Comment),
            ("{\"a\":}", 5, What::NoValue),
            ("{,}", 1, What::NoValue),
            ("\u{201c}a\u{201d}", 0, What::CurlyQuote),
            ("<html>", 0, What::Markup),
            ("\"a\nb\"", 2, What::ControlCharacter),
            ("\"\\q\"", 1, What::Escape),
            ("\"ab\\ud800\"", 3, What::LoneSurrogate),
            ("\"\\udc00\\ud800\"", 1, What::LoneSurrogate),
            ("\"\\", 2, What::EndOfText),
        ] {
            assert_eq!(parse(text), Err(Malformed { at, what }), "of {text:?}");
        }
    }

    #[test]
    fn numbers_that_nothing_holds_are_kept_as_they_were_written() {
        for text in ["18446744073709551616", "-9223372036854775809", "1e400", "-1e400", "1e-400", "2.5E-999"] {
            assert_eq!(parse(text), Ok(Json::Big(text.to_owned())));
            let mut written = String::new();
            parse(&format!("[{text}]")).unwrap().write(&mut written);
            assert_eq!(written, format!("[{text}]"));
        }
        assert_eq!(parse("0e400"), Ok(Json::Double(0.0)));
        assert_eq!(parse("-0.00"), Ok(Json::Double(-0.0)));
        assert_eq!(parse("5e-324"), Ok(Json::Double(5e-324)));
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_only_on_demand() {
        let read = |text| Cursor::new(text).with(Surrogates::Replace).value().unwrap();
        assert_eq!(read(r#""a\ud800b""#), Json::Text("a\u{fffd}b".into()));
        assert_eq!(read(r#""\ud83d\ude00\udc00""#), Json::Text("😀\u{fffd}".into()));
        assert_eq!(read(r#""\ud800\ud83d\ude00""#), Json::Text("\u{fffd}😀".into()));
    }

    #[test]
    fn nesting_ends_before_the_stack_of_a_worker_does() {
        let stack = std::thread::Builder::new().stack_size(crate::normalize::WORKER_STACK_BYTES);
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
