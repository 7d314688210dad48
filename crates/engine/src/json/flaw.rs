//! What is wrong with a text that is not JSON: told from what stands at the place, never by quoting it.

use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    EndOfText,
    Unexpected,
    ControlCharacter,
    Escape,
    LoneSurrogate,
    Number,
    LeadingZero,
    PlusSign,
    NotFinite,
    PythonWord,
    Word,
    SingleQuote,
    CurlyQuote,
    Comment,
    TrailingComma,
    NoComma,
    NoColon,
    NoValue,
    BareKey,
    OutsideComma,
    Markup,
    TooDeep,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndOfText => "the JSON value is cut off",
            Self::Unexpected => "this is not JSON",
            Self::ControlCharacter => "a string holds a raw control character",
            Self::Escape => "a string holds a broken escape",
            Self::LoneSurrogate => "a string holds half a surrogate pair, which is no character",
            Self::Number => "this is not a JSON number",
            Self::LeadingZero => "this is not JSON: a number begins with a zero",
            Self::PlusSign => "this is not JSON: a number has a plus sign",
            Self::NotFinite => "this is not JSON: NaN and Infinity are no JSON numbers",
            Self::PythonWord => "this is not JSON: Python writes True, False and None, JSON true, false and null",
            Self::Word => "this is not JSON: a word stands here without quotes",
            Self::SingleQuote => "this is not JSON: strings and keys need double quotes, and this is a single one",
            Self::CurlyQuote => {
                "this is not JSON: strings and keys need straight double quotes, and this is a curly one"
            }
            Self::Comment => "this is not JSON: comments are not allowed",
            Self::TrailingComma => "this is not JSON: a comma stands before the closing bracket",
            Self::NoComma => "this is not JSON: a comma or a closing bracket is missing before this",
            Self::NoColon => "this is not JSON: a colon is missing after a key",
            Self::NoValue => "this is not JSON: a value is missing here",
            Self::BareKey => "this is not JSON: a key needs double quotes",
            Self::OutsideComma => "this is not JSON: a comma stands between values that are in no list",
            Self::Markup => "this is not JSON but markup, such as HTML or XML",
            Self::TooDeep => "the value is nested deeper than 1000 levels",
        })
    }
}

impl What {
    /// What to do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::EndOfText => "the input ends or breaks off there; nothing of this run was loaded",
            Self::NotFinite => "write null, or the word as a string; nothing of this run was loaded",
            Self::LoneSurrogate => {
                "correct the string, or give `--lone-surrogates replace` (in a pipeline file `lone_surrogates = \"replace\"` \
                 under [pipeline]) to load U+FFFD in its place; nothing of this run was loaded"
            }
            Self::OutsideComma => "write one value a line without commas, or all of them as one list with `[` and `]`",
            Self::Markup => "look at the input: a server may have answered with an error page",
            _ => "correct that line; nothing of this run was loaded",
        }
    }
}

/// What is wrong at this byte, which cannot stand there.
pub(super) fn of(bytes: &[u8], at: usize) -> What {
    let here = &bytes[at..];
    let before = before(bytes, at);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
    let word = &here[..here.iter().position(|byte| !is_word(*byte)).unwrap_or(here.len())];
    let opens_value = matches!(before, None | Some(b':' | b',' | b'[' | b'{'));
    match here[0] {
        _ if is_not_finite(word) || (here[0] == b'-' && is_not_finite(&here[1..])) => What::NotFinite,
        b'I' | b'i' | b'N' | b'n' if before == Some(b'-') && is_not_finite(word) => What::NotFinite,
        b'\'' => What::SingleQuote,
        b'/' if matches!(here.get(1), Some(b'/' | b'*')) => What::Comment,
        b'#' => What::Comment,
        b'<' => What::Markup,
        _ if is_curly(here) => What::CurlyQuote,
        b'}' | b']' if before == Some(b',') => What::TrailingComma,
        b'}' | b']' | b',' if before == Some(b':') => What::NoValue,
        b',' if before.is_none() || !opens_value && is_outside(bytes, at) => What::OutsideComma,
        b',' => What::NoValue,
        b'+' if opens_value => What::PlusSign,
        b'.' if opens_value => What::Number,
        _ if in_key_place(bytes, at) => What::BareKey,
        _ if opens_value && matches!(word, b"True" | b"False" | b"None") => What::PythonWord,
        _ if opens_value && !word.is_empty() => What::Word,
        _ if opens_value => What::Unexpected,
        _ if ends_key(bytes, at) => What::NoColon,
        _ => What::NoComma,
    }
}

fn is_not_finite(word: &[u8]) -> bool {
    [&b"nan"[..], b"infinity", b"inf"].iter().any(|name| {
        let (head, tail) = word.split_at(word.len().min(name.len()));
        head.eq_ignore_ascii_case(name) && !tail.first().is_some_and(u8::is_ascii_alphanumeric)
    })
}

fn is_curly(here: &[u8]) -> bool {
    ["\u{201c}", "\u{201d}", "\u{201e}", "\u{2018}", "\u{2019}"].iter().any(|quote| here.starts_with(quote.as_bytes()))
}

/// The byte before this one that is no white space.
fn before(bytes: &[u8], at: usize) -> Option<u8> {
    bytes[..at].iter().rev().find(|byte| !byte.is_ascii_whitespace()).copied()
}

/// The bytes from the beginning of the value that this one is in, its open brackets innermost last, and whether the last
/// string was a key. The text before is well formed, so that quotes and brackets tell everything.
fn open_brackets(bytes: &[u8], at: usize) -> (Vec<u8>, bool) {
    let (mut open, mut in_string, mut was_key) = (Vec::new(), false, false);
    let mut expects_key = false;
    let mut rest = bytes[..at].iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' if in_string => drop(rest.next()),
            b'"' => {
                in_string = !in_string;
                if in_string {
                    was_key = expects_key;
                    expects_key = false;
                }
            }
            _ if in_string => {}
            b'{' | b'[' => {
                open.push(*byte);
                expects_key = *byte == b'{';
            }
            b'}' | b']' => drop(open.pop()),
            b',' => expects_key = open.last() == Some(&b'{'),
            b':' => was_key = false,
            _ => {}
        }
    }
    (open, was_key)
}

fn in_key_place(bytes: &[u8], at: usize) -> bool {
    matches!(before(bytes, at), Some(b'{'))
        || before(bytes, at) == Some(b',') && open_brackets(bytes, at).0.last() == Some(&b'{')
}

fn ends_key(bytes: &[u8], at: usize) -> bool {
    before(bytes, at) == Some(b'"') && open_brackets(bytes, at).1
}

fn is_outside(bytes: &[u8], at: usize) -> bool {
    open_brackets(bytes, at).0.is_empty()
}
