//! Holds quotes to the rules, while the text passes: a quoted field ends where its closing quote stands. What parses CSV
//! takes anything else with good will, and one quote too few then swallows whole rows.

use super::dialect::Dialect;

/// Text that follows a closing quote, as offsets from the beginning of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The quote that opens the field.
    pub(crate) opened: u64,
    /// The quote that closes it, but has text after it.
    pub(crate) closed: u64,
    /// The byte before the closing quote.
    pub(crate) before: u8,
    /// The byte after it.
    pub(crate) after: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside of quotes.
    Plain,
    /// In a quoted field.
    Quoted,
    /// Behind a quote in a quoted field: it closes the field, or is the first of two.
    Closing,
    /// Behind an escape in a quoted field.
    Escaped,
}

/// Follows the quotes of a text that comes piece by piece.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    /// Without quotes there is nothing to hold to.
    quote: Option<u8>,
    escape: Option<u8>,
    state: State,
    /// The byte before the piece; a text begins as a line does.
    before: u8,
    /// Bytes before the piece; none are counted behind a flaw.
    passed: u64,
    /// Where the last quoted field begins.
    opened: u64,
    /// The byte before the quote that closes it.
    closing_before: u8,
}

impl Quotes {
    /// Begins at a byte of the file.
    pub(crate) fn new(dialect: &Dialect, begin: u64) -> Self {
        Self {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            escape: dialect.escape,
            state: State::Plain,
            before: b'\n',
            passed: begin,
            opened: 0,
            closing_before: b'\n',
        }
    }

    /// Bytes seen so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Looks at the next piece. Only quotes are looked for: text without any costs next to nothing.
    pub(crate) fn check(&mut self, piece: &[u8]) -> Result<(), Flaw> {
        if let Some(quote) = self.quote {
            self.check_quotes(piece, quote)?;
        }
        self.passed += piece.len() as u64;
        self.before = piece.last().copied().unwrap_or(self.before);
        Ok(())
    }

    fn check_quotes(&mut self, piece: &[u8], quote: u8) -> Result<(), Flaw> {
        let mut at = 0;
        while at < piece.len() {
            match self.state {
                State::Closing => {
                    self.state = match piece[at] {
                        byte if byte == quote && self.escape.is_none() => State::Quoted,
                        byte if self.ends_field(byte) => State::Plain,
                        after => {
                            let closed = self.passed + at as u64 - 1;
                            return Err(Flaw { opened: self.opened, closed, before: self.closing_before, after });
                        }
                    };
                    at += 1;
                    continue;
                }
                State::Escaped => {
                    self.state = State::Quoted;
                    at += 1;
                    continue;
                }
                State::Plain | State::Quoted => {}
            }
            let found = match self.escape {
                Some(escape) if self.state == State::Quoted => memchr::memchr2(quote, escape, &piece[at..]),
                _ => memchr::memchr(quote, &piece[at..]),
            };
            let Some(found) = found else { break };
            let found = at + found;
            at = found + 1;
            let before = found.checked_sub(1).map_or(self.before, |before| piece[before]);
            if self.state == State::Quoted {
                self.state = if piece[found] == quote { State::Closing } else { State::Escaped };
                self.closing_before = before;
            } else if self.ends_field(before) {
                // Within a field that does not begin with one, a quote is a character like any other.
                self.state = State::Quoted;
                self.opened = self.passed + found as u64;
            }
        }
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
        check_with(Dialect { delimiter: b',', quote: Some(b'"'), escape: None }, text, expected);
    }

    fn check_with(dialect: Dialect, text: &str, expected: Option<(u64, u64)>) {
        for size in 1..=text.len().max(1) {
            let mut quotes = Quotes::new(&dialect, 0);
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

    #[test]
    fn other_quotes_and_escapes_have_the_same_rules() {
        let escaped = Dialect { delimiter: b',', quote: Some(b'"'), escape: Some(b'\\') };
        check_with(escaped, r#""he said \"hi\", then \\","x""#, None);
        check_with(escaped, r#""a""b""#, Some((0, 2)));
        let single = Dialect { delimiter: b';', quote: Some(b'\''), escape: None };
        check_with(single, "'it''s';\"\n", None);
        check_with(single, "'it's'\n", Some((0, 3)));
        check_with(Dialect { quote: None, ..single }, "'a'b;\"x\n", None);
    }
}
