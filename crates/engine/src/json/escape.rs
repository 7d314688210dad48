//! Escapes in strings.

use super::{Surrogates, What};

/// What is wrong with an escape, and at which byte of the string.
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) what: What,
}

/// The text that a string with escapes stands for. Half a surrogate pair is no character, and no destination takes it.
pub(super) fn unescape(raw: &str, surrogates: Surrogates) -> Result<String, Broken> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let place = raw.len() - rest.len() + at;
        let broken = || Broken { at: place, what: What::Escape };
        let escape = *rest.as_bytes().get(at + 1).ok_or_else(broken)?;
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
                let unit = hex4(rest, next).ok_or_else(broken)?;
                next += 4;
                let code = match unit {
                    0xD800..0xDC00 if rest[next..].starts_with("\\u") => {
                        match hex4(rest, next + 2).ok_or_else(broken)? {
                            low @ 0xDC00..0xE000 => {
                                next += 6;
                                0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                            }
                            _ => unit,
                        }
                    }
                    _ => unit,
                };
                match (char::from_u32(code), surrogates) {
                    (Some(letter), _) => out.push(letter),
                    (None, Surrogates::Replace) => out.push(char::REPLACEMENT_CHARACTER),
                    (None, Surrogates::Refuse) => return Err(Broken { at: place, what: What::LoneSurrogate }),
                }
            }
            _ => return Err(broken()),
        }
        rest = &rest[next..];
    }
    out.push_str(rest);
    Ok(out)
}

fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.as_bytes().get(at..at + 4)?;
    digits.iter().try_fold(0, |code, &digit| Some(code * 16 + (digit as char).to_digit(16)?))
}
