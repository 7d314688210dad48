//! Holds quotes to the rules, while the text passes: a quoted field ends where its closing quote stands. What parses CSV
//! takes anything else with good will, and one quote too few then swallows whole rows.

/// Text that follows a closing quote, as offsets from the beginning of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The quote that opens the field.
    pub(crate) opened: u64,
    /// The quote that closes it, but has text after it.
    pub(crate) closed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside of quotes.
    Plain,
    /// In a quoted field.
    Quoted,
    /// Behind a quote in a quoted field: it closes the field, or is the first of two.
    Closing,
}

/// Follows the quotes of a text that comes piece by piece.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    state: State,
    /// The byte before the piece; a text begins as a line does.
    before: u8,
    /// Bytes before the piece; none are counted behind a flaw.
    passed: u64,
    /// Where the last quoted field begins.
    opened: u64,
}

impl Quotes {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::Plain, before: b'\n', passed: 0, opened: 0 }
    }

    /// Bytes seen so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Looks at the next piece. Only quotes are looked for: text without any costs next to nothing.
    pub(crate) fn check(&mut self, piece: &[u8]) -> Result<(), Flaw> {
        let mut at = 0;
        while at < piece.len() {
            if self.state == State::Closing {
                self.state = match piece[at] {
                    b'"' => State::Quoted,
                    byte if self.ends_field(byte) => State::Plain,
                    _ => return Err(Flaw { opened: self.opened, closed: self.passed + at as u64 - 1 }),
                };
                at += 1;
                continue;
            }
            let Some(found) = memchr::memchr(b'"', &piece[at..]) else { break };
            let quote = at + found;
            at = quote + 1;
            if self.state == State::Quoted {
                self.state = State::Closing;
            } else if self.ends_field(quote.checked_sub(1).map_or(self.before, |before| piece[before])) {
                // Within a field that does not begin with one, a quote is a character like any other.
                self.state = State::Quoted;
                self.opened = self.passed + quote as u64;
            }
        }
        self.passed += piece.len() as u64;
        self.before = piece.last().copied().unwrap_or(self.before);
        Ok(())
    }

    fn ends_field(&self, byte: u8) -> bool {
        byte == self.delimiter || matches!(byte, b'\r' | b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(u64, u64)>) {
        for size in 1..=text.len().max(1) {
            let mut quotes = Quotes::new(b',');
            let result = text.as_bytes().chunks(size).try_for_each(|piece| quotes.check(piece));
            assert_eq!(result.err().map(|flaw| (flaw.opened, flaw.closed)), expected, "{text} in pieces of {size}");
        }
    }

    #[test]
    fn a_closing_quote_ends_its_field() {
        check("", None);
        check("a,b\n1,2\n", None);
        check("\"a\",\"b\"\r\n\"\",\"\"\r\"x\"", None);
        check("\"a \"\"b\"\" c\",\"\"\"\"\n", None);
        check("5\" pipe,a\"\"b\n", None);
        check("\"line\nbreak\",1\n", None);
        check("\"open,1\n2,3\n", None);
        check("\"abc\"def\n", Some((0, 4)));
        check("a,\"he said \"hi\" ok\"\n", Some((2, 11)));
        check("id,name\n1,\"Smith\n2,Jones\n3,\"Doe\n", Some((10, 27)));
        check("\"a\" ,b\n", Some((0, 2)));
        check("\"a\";b\n", Some((0, 2)));
    }
}
