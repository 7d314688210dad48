//! JSON, filtered: the cursor is read from each item, all else is run over and stays the text that it is.

use super::digest::{Form, write_sorted};
use super::tracker::{AdvanceError, Tracker, Verdict};
use crate::cursor::{Cell, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Json, Malformed, Number};
use crate::source::JsonChunk;
use std::cmp::Ordering;
use std::ops::Range;

/// What stands at the path.
#[derive(Debug, PartialEq)]
enum Found<'a> {
    Cell(Cell<'a>),
    Null,
    /// An object or a list.
    Nested,
    Missing,
}

impl Tracker {
    /// Takes out of a piece what is not new; `None` if nothing is left. Lines keep their numbers.
    ///
    /// # Errors
    /// If an item has no cursor, or one of another kind. Text that is no JSON is left to whoever reads it.
    pub(super) fn filter_json(&mut self, chunk: JsonChunk) -> Result<Option<JsonChunk>> {
        let Ok(text) = std::str::from_utf8(&chunk.bytes) else { return Ok(Some(chunk)) };
        let mut piece = Piece { text, input: &chunk.input, first_line: chunk.first_line, ..Piece::default() };
        let mut cursor = Cursor::new(text);
        while cursor.peek().is_some() {
            let start = cursor.position();
            if piece.item(self, &mut cursor)?.is_err() {
                // Its reader will say what is wrong.
                piece.drops.retain(|range| range.end <= start);
                piece.has_rest = true;
                break;
            }
        }
        piece.advance(self)?;
        let Piece { drops, kept, has_rest, .. } = piece;
        self.counts.kept += kept;
        if drops.is_empty() {
            return Ok(Some(chunk));
        }
        if kept == 0 && !has_rest {
            return Ok(None);
        }
        let bytes = without(text, &drops).into_bytes();
        Ok(Some(JsonChunk { bytes, ..chunk }))
    }
}

/// A piece under way.
#[derive(Default)]
struct Piece<'a> {
    text: &'a str,
    input: &'a str,
    first_line: u64,
    /// What is taken out.
    drops: Vec<Range<usize>>,
    kept: u64,
    /// Whether it ends with text that is no JSON.
    has_rest: bool,
    best: Option<Cell<'a>>,
    /// The kept items that have it.
    ties: Vec<Range<usize>>,
}

type Walk = Result<(), Malformed>;

impl<'a> Piece<'a> {
    /// Looks at the item at the cursor: a row, or a list of rows.
    fn item(&mut self, tracker: &mut Tracker, cursor: &mut Cursor<'a>) -> Result<Walk> {
        if cursor.peek() != Some(b'[') {
            return Ok(match self.row(tracker, cursor)? {
                Ok(Some(range)) => {
                    self.drops.push(range);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(malformed) => Err(malformed),
            });
        }
        let start = cursor.position();
        // Where a row is taken out of a list, the others have to stand for themselves.
        let mut rows: Vec<(Range<usize>, bool)> = Vec::new();
        let mut walk = || -> Result<Walk> {
            let mut more = match cursor.enter(b']') {
                Ok(more) => more,
                Err(malformed) => return Ok(Err(malformed)),
            };
            while more {
                if cursor.peek() == Some(b'[') {
                    let error = Error::new(ErrorKind::Data, "a list within a list has no cursor");
                    return Err(self.at(error, cursor.position()).hint("write rows as objects"));
                }
                cursor.peek();
                let begin = cursor.position();
                match self.row(tracker, cursor)? {
                    Ok(dropped) => rows.push((begin..cursor.position(), dropped.is_some())),
                    Err(malformed) => return Ok(Err(malformed)),
                }
                more = match cursor.next_member(b']') {
                    Ok(more) => more,
                    Err(malformed) => return Ok(Err(malformed)),
                };
            }
            Ok(Ok(()))
        };
        if let Err(malformed) = walk()? {
            return Ok(Err(malformed));
        }
        if rows.iter().any(|(_, is_dropped)| *is_dropped) {
            let mut at = start;
            for (row, _) in rows.into_iter().filter(|(_, is_dropped)| !is_dropped) {
                self.drops.push(at..row.start);
                at = row.end;
            }
            self.drops.push(at..cursor.position());
        }
        Ok(Ok(()))
    }

    /// Looks at one row, which the cursor is then behind; where it is, if it is to be left out.
    fn row(
        &mut self,
        tracker: &mut Tracker,
        cursor: &mut Cursor<'a>,
    ) -> Result<Result<Option<Range<usize>>, Malformed>> {
        let first = cursor.peek();
        let start = cursor.position();
        let found = match find(cursor, &tracker.path.steps) {
            Ok(found) => found,
            Err(malformed) => return Ok(Err(malformed)),
        };
        let range = start..cursor.position();
        let value = match found {
            Found::Cell(value) => value,
            // Null is no row.
            Found::Null | Found::Missing if first == Some(b'n') => return Ok(Ok(None)),
            Found::Null | Found::Missing => {
                let is_null = found == Found::Null;
                let is_kept = tracker.on_missing(is_null, |error| self.at(error, start))?;
                self.kept += u64::from(is_kept);
                return Ok(Ok((!is_kept).then_some(range)));
            }
            Found::Nested => {
                let told = format!("the cursor `{}` is an object or a list", tracker.path.written);
                let error = Error::new(ErrorKind::Data, told);
                return Err(self.at(error, start).hint("a cursor is a number, a text, a date or a time"));
            }
        };
        let judged = tracker.adapted(value).and_then(|value| Ok((tracker.judge(&value)?, value)));
        let (verdict, value) = judged.map_err(|mismatch| self.at(tracker.refuse(&mismatch), start))?;
        let verdict = match verdict {
            Verdict::AtStart if tracker.knows_rows() && self.was_loaded(tracker, &range)? => Verdict::Old,
            Verdict::AtStart => Verdict::New,
            other => other,
        };
        if verdict != Verdict::New {
            tracker.leave_out(verdict);
            return Ok(Ok(Some(range)));
        }
        self.kept += 1;
        let order = match &self.best {
            None => Ordering::Less,
            Some(best) => match best.compare(&value) {
                Some(order) => order,
                None => {
                    let mismatch = super::tracker::mismatch(&value, best, "that of an earlier row");
                    return Err(self.at(tracker.refuse(&mismatch), start));
                }
            },
        };
        let is_first = self.best.is_none();
        if is_first || order.is_ne() && !tracker.later().is_later(order) {
            self.best = Some(value);
            self.ties.clear();
            self.ties.push(range);
        } else if order.is_eq() && tracker.tells_apart {
            self.ties.push(range);
        }
        Ok(Ok(None))
    }

    fn was_loaded(&self, tracker: &mut Tracker, range: &Range<usize>) -> Result<bool> {
        let row = self.read(range)?;
        // A key of one field may have been given as a list of one.
        let forms = [tracker.is_listed, !tracker.is_listed];
        for is_listed in forms.into_iter().take(if tracker.key.len() == 1 { 2 } else { 1 }) {
            let digest = self.digest(&row, &tracker.key, is_listed, tracker.known_form, range)?;
            if tracker.is_known(&digest) {
                tracker.is_listed = is_listed;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&self, range: &Range<usize>) -> Result<Json> {
        Cursor::new(&self.text[range.clone()]).value().map_err(|malformed| {
            self.at(Error::new(ErrorKind::Data, malformed.what.to_string()), range.start + malformed.at)
        })
    }

    /// The digest of a row, by its key if there is one.
    fn digest(&self, row: &Json, key: &[String], is_listed: bool, form: Form, range: &Range<usize>) -> Result<String> {
        let mut text = String::new();
        match (key, row) {
            ([], row) => write_sorted(row, &mut text),
            (key, Json::Object(fields)) => {
                let values = key.iter().map(|name| {
                    fields.get(name).ok_or_else(|| {
                        let told = format!("the row has no `{name}`, by which rows of one cursor value are told apart");
                        let error = self.at(Error::new(ErrorKind::Data, told), range.start);
                        error
                            .hint("name other fields as primary_key of the incremental, as they are called in the data")
                    })
                });
                let values = values.collect::<Result<Vec<_>>>()?;
                match &values[..] {
                    [value] if !is_listed => write_sorted(value, &mut text),
                    values => {
                        write_sorted(&Json::List(values.iter().map(|value| (*value).clone()).collect()), &mut text)
                    }
                }
            }
            _ => write_sorted(row, &mut text),
        }
        Ok(form.digest(&text))
    }

    /// Tells the tracker what the piece showed.
    fn advance(&mut self, tracker: &mut Tracker) -> Result<()> {
        let Some(best) = self.best.take() else { return Ok(()) };
        let ties = std::mem::take(&mut self.ties);
        let (key, is_listed) = (tracker.key.clone(), tracker.is_listed);
        let first = ties.first().map_or(0, |range| range.start);
        let digest = |range, form| self.digest(&self.read(range)?, &key, is_listed, form, range);
        let digests = |form| ties.iter().map(|range| digest(range, form)).collect::<Result<Vec<_>>>();
        tracker.advance(best, digests).map_err(|error| match error {
            AdvanceError::Mismatch(mismatch) => self.at(tracker.refuse(&mismatch), first),
            AdvanceError::Other(error) => error,
        })
    }

    fn at(&self, error: Error, at: usize) -> Error {
        let lines = memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() as u64;
        error.at(self.input, Some(self.first_line + lines))
    }
}

/// Runs over a value and gives what stands at the path in it.
fn find<'a>(cursor: &mut Cursor<'a>, steps: &[Step]) -> Result<Found<'a>, Malformed> {
    let Some((step, rest)) = steps.split_first() else { return scalar(cursor) };
    let mut found = Found::Missing;
    match (cursor.value_start()?, step) {
        (b'{', Step::Field(_) | Step::Any) => {
            let mut more = cursor.enter(b'}')?;
            while more {
                let key = cursor.key()?;
                let is_it = match step {
                    Step::Field(name) if key.has_escapes => cursor.decode(key)? == name.as_str(),
                    Step::Field(name) => key.raw == name,
                    _ => found == Found::Missing,
                };
                // Of two equal keys the last one counts.
                match is_it {
                    true => found = find(cursor, rest)?,
                    false => cursor.skip_value()?,
                }
                more = cursor.next_member(b'}')?;
            }
        }
        (b'[', Step::Index(_) | Step::Any) => {
            let mut more = cursor.enter(b']')?;
            let mut at = 0;
            while more {
                let is_it = match step {
                    Step::Index(index) => *index == at,
                    _ => found == Found::Missing,
                };
                match is_it {
                    true => found = find(cursor, rest)?,
                    false => cursor.skip_value()?,
                }
                at += 1;
                more = cursor.next_member(b']')?;
            }
        }
        _ => cursor.skip_value()?,
    }
    Ok(found)
}

fn scalar<'a>(cursor: &mut Cursor<'a>) -> Result<Found<'a>, Malformed> {
    Ok(Found::Cell(match cursor.value_start()? {
        b'"' => {
            let text = cursor.string()?;
            Cell::Text(cursor.decode(text)?)
        }
        b'-' | b'0'..=b'9' => match cursor.number()? {
            Number::Int(value) => Cell::Int(value.into()),
            Number::Double(value) => Cell::Float(value),
            // Python reads what 64 bits do not hold as a float.
            Number::Big(written) => match (written.parse::<u64>(), written.parse::<f64>()) {
                (Ok(value), _) => Cell::Int(value.into()),
                (_, Ok(value)) => Cell::Float(value),
                _ => return Ok(Found::Missing),
            },
        },
        b't' => cursor.literal("true").map(|()| Cell::Bool(true))?,
        b'f' => cursor.literal("false").map(|()| Cell::Bool(false))?,
        b'n' => return cursor.literal("null").map(|()| Found::Null),
        _ => return cursor.skip_value().map(|()| Found::Nested),
    }))
}

/// The text without these ranges, which are in order: lines and places in lines stay as they were.
fn without(text: &str, drops: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for drop in drops {
        out.push_str(&text[at..drop.start]);
        let dropped = &text[drop.clone()];
        let lines = memchr::memchr_iter(b'\n', dropped.as_bytes()).count();
        let tail = dropped.rsplit('\n').next().unwrap_or(dropped);
        out.extend(std::iter::repeat_n('\n', lines));
        // What follows on this line keeps its place.
        out.extend(std::iter::repeat_n(' ', tail.chars().count()));
        at = drop.end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cursor::CursorPath;

    fn look<'a>(text: &'a str, path: &str) -> Found<'a> {
        find(&mut Cursor::new(text), &CursorPath::parse(path).unwrap().steps).unwrap()
    }

    #[test]
    fn the_cursor_is_found_where_the_path_says() {
        let text = r#"{"a":{"b":[{"c":5},{"c":6}]},"t":"x","t":"y","\u0074t":1,"n":null,"o":{}}"#;
        let int = |value| Found::Cell(Cell::Int(value));
        assert_eq!(look(text, "a.b[1].c"), int(6));
        assert_eq!(look(text, "a.b[*].c"), int(5));
        assert_eq!(look(text, "t"), Found::Cell(Cell::Text("y".into())));
        assert_eq!(look(text, "tt"), int(1));
        assert_eq!(look(text, "n"), Found::Null);
        assert_eq!(look(text, "o"), Found::Nested);
        assert_eq!(look(text, "a.b.c"), Found::Missing);
        assert_eq!(look(text, "a.b[7].c"), Found::Missing);
        assert_eq!(look("7", "a"), Found::Missing);
    }

    #[test]
    fn what_is_taken_out_moves_nothing() {
        let text = "{\"a\":1}\n{\"é\":2} {\"a\":3}\n{\n\"a\":4}{\"a\":5}";
        let drop = |part: &str| {
            let at = text.find(part).unwrap();
            at..at + part.len()
        };
        let left = without(text, &[drop("{\"a\":1}"), drop("{\"é\":2}"), drop("{\n\"a\":4}")]);
        for kept in ["{\"a\":3}", "{\"a\":5}"] {
            let place = |text: &str| {
                let before = &text[..text.find(kept).unwrap()];
                (before.matches('\n').count(), before.rsplit('\n').next().unwrap().chars().count())
            };
            assert_eq!(place(&left), place(text), "{left:?}");
        }
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["{\"a\":3}", "{\"a\":5}"]);
    }
}
