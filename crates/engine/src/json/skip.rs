//! Values that are run over.

use super::{Cursor, Read, What};

impl Cursor<'_> {
    /// Runs over the next value. What stands within strings is not looked at, all else is.
    pub(crate) fn skip_value(&mut self) -> Read<()> {
        match self.value_start()? {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'{' => {
                let mut more = self.enter(b'}')?;
                while more {
                    self.key()?;
                    self.skip_value()?;
                    more = self.next_member(b'}')?;
                }
                Ok(())
            }
            b'[' => {
                let mut more = self.enter(b']')?;
                while more {
                    self.skip_value()?;
                    more = self.next_member(b']')?;
                }
                Ok(())
            }
            _ => self.fail(What::Unexpected),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_run_over_is_what_would_be_read() {
        for text in [r#"{"a":[1,{"b":"\"}"}],"c":null} 7"#, "[[],{}] x", "-1.5e3,", "\"a\\\\\" ", "true]"] {
            let (mut skipping, mut reading) = (Cursor::new(text), Cursor::new(text));
            skipping.skip_value().unwrap();
            reading.value().unwrap();
            assert_eq!(skipping.position(), reading.position(), "{text}");
        }
        for text in ["{\"a\"}", "[1 2]", "{\"a\":1,}", "nul", "01", "\"a", "\"a\nb\""] {
            assert_eq!(Cursor::new(text).skip_value().unwrap_err(), Cursor::new(text).value().unwrap_err(), "{text}");
        }
    }
}
