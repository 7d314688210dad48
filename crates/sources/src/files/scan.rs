//! Finds where the values of a JSON text end, without parsing them.

/// Something that keeps the text from being split into values.
#[derive(Debug)]
pub(crate) struct Flaw {
    /// Index in the buffer.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
    pub(crate) hint: Option<&'static str>,
}

/// What the outermost level is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outer {
    /// Nothing but blanks so far.
    #[default]
    Unknown,
    /// Values one after the other.
    Values,
    /// In the outer array, after `[`.
    First,
    /// In the outer array, after a comma.
    Next,
    /// In the outer array, after a value.
    Between,
    /// After the outer array.
    Closed,
}

/// State of the scan between two buffers.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    outer: Outer,
    /// Brackets that are open in the current value.
    depth: usize,
    in_string: bool,
    /// The byte before was a backslash that escapes the next one.
    escaped: bool,
    /// In a number or word on the outermost level.
    in_scalar: bool,
    /// Index after the last value that has ended.
    complete: usize,
    /// Index of the first byte of the current value.
    item_start: usize,
    /// Starts of values that follow the one before without a blank.
    touching: Vec<usize>,
}

impl Scan {
    /// Index after the last value that has ended.
    pub(crate) fn complete(&self) -> usize {
        self.complete
    }

    /// Starts of values that follow the one before without a blank.
    pub(crate) fn take_touching(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.touching)
    }

    /// Notes that `cut` bytes were taken from the front of the buffer.
    pub(crate) fn shift(&mut self, cut: usize) {
        self.complete = self.complete.saturating_sub(cut);
        self.item_start = self.item_start.saturating_sub(cut);
    }

    /// Scans on from `from`, and blanks the brackets and commas of the outer array.
    pub(crate) fn advance(&mut self, bytes: &mut [u8], from: usize) -> Result<(), Flaw> {
        let mut at = from;
        while at < bytes.len() {
            if self.in_string {
                at = self.string(bytes, at)?;
            } else if self.depth > 0 {
                at = self.nested(bytes, at);
            } else {
                at = self.outermost(bytes, at)?;
            }
        }
        Ok(())
    }

    /// Checks that the text may end at `at`.
    pub(crate) fn end(&mut self, at: usize) -> Result<(), Flaw> {
        if self.in_string || self.depth > 0 {
            return Err(Flaw {
                at: self.item_start,
                what: "the value that begins here does not end",
                hint: Some("the file is cut off, or a bracket or quote is missing"),
            });
        }
        match self.outer {
            Outer::First | Outer::Next | Outer::Between => Err(Flaw {
                at,
                what: "the array is not closed",
                hint: Some("the file is cut off: fetch or write it again"),
            }),
            Outer::Unknown | Outer::Values | Outer::Closed => Ok(()),
        }
    }

    /// The flaw of a value that does not want to end.
    pub(crate) fn too_long(&self) -> Flaw {
        Flaw {
            at: self.item_start,
            what: "the value that begins here is longer than 1 GiB",
            hint: Some("is a bracket or quote missing?"),
        }
    }

    fn string(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        while let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at.min(bytes.len())..]) {
            at += found;
            match bytes[at] {
                b'"' => {
                    self.in_string = false;
                    if self.depth == 0 {
                        self.ended(at + 1);
                    }
                    return Ok(at + 1);
                }
                // A broken file would otherwise be one string to its end.
                b'\n' => {
                    return Err(Flaw { at, what: "the line ends inside a string", hint: Some("is a quote missing?") });
                }
                _ if at + 1 == bytes.len() => {
                    self.escaped = true;
                    return Ok(bytes.len());
                }
                _ => at += 2,
            }
        }
        Ok(bytes.len())
    }

    fn nested(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if !STRUCTURAL[usize::from(*byte)] {
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    return at;
                }
                b'{' | b'[' => self.depth += 1,
                _ => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.ended(at);
                        return at;
                    }
                }
            }
        }
        at
    }

    fn outermost(&mut self, bytes: &mut [u8], at: usize) -> Result<usize, Flaw> {
        let byte = bytes[at];
        if self.in_scalar {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'[' | b']' | b'{' | b'}' | b'"') {
                return Ok(at + 1);
            }
            self.in_scalar = false;
            self.ended(at);
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(at + 1);
        }
        match (self.outer, byte) {
            (Outer::Unknown, b'[') => {
                self.outer = Outer::First;
                bytes[at] = b' ';
            }
            (Outer::Unknown, _) => {
                self.outer = Outer::Values;
                return Ok(at);
            }
            (Outer::Values, b',') => {
                return Err(Flaw {
                    at,
                    what: "there is a comma outside of an array",
                    hint: Some("put the values into one array, or separate them by line ends"),
                });
            }
            (Outer::Between, b',') => {
                self.outer = Outer::Next;
                bytes[at] = b' ';
            }
            (Outer::First | Outer::Between, b']') => {
                self.outer = Outer::Closed;
                bytes[at] = b' ';
                self.complete = at + 1;
            }
            (Outer::First | Outer::Next, b',') | (Outer::Next, b']') => {
                return Err(Flaw { at, what: "there is no value beside the comma", hint: None });
            }
            (Outer::Between, _) => {
                return Err(Flaw { at, what: "a comma is missing between two values of the array", hint: None });
            }
            // Several arrays one after the other are one list.
            (Outer::Closed, b'[') => {
                self.outer = Outer::First;
                bytes[at] = b' ';
            }
            (Outer::Closed, _) => {
                return Err(Flaw {
                    at,
                    what: "something follows the end of the array",
                    hint: Some(
                        "after an array only another array may follow; give `--format jsonl` if each line is a value of its own",
                    ),
                });
            }
            (Outer::Values | Outer::First | Outer::Next, _) => self.begin(byte, at)?,
        }
        Ok(at + 1)
    }

    fn begin(&mut self, byte: u8, at: usize) -> Result<(), Flaw> {
        if self.outer == Outer::Values && at > 0 && self.complete == at {
            self.touching.push(at);
        }
        self.item_start = at;
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = 1,
            b'}' | b']' => return Err(Flaw { at, what: "there is a closing bracket that nothing opened", hint: None }),
            _ => self.in_scalar = true,
        }
        Ok(())
    }

    fn ended(&mut self, at: usize) {
        self.complete = at;
        if self.outer != Outer::Values {
            self.outer = Outer::Between;
        }
    }
}

/// The bytes that matter inside a value and outside of its strings.
const STRUCTURAL: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};
