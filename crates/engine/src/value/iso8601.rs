//! Text that spells a date, a time of day, or both, after ISO 8601.
//!
//! A date is `YYYY-MM-DD`, `YYYY-MM`, `YYYY-DDD` or `YYYY-Www[-D]`, or the same without dashes (except that six digits are
//! no date). A time follows after `T` or one space: hour, then optionally minute, second, a fraction (after a dot or a
//! comma; no finer than a microsecond), then `Z` or an offset. Hours and minutes without colons belong to
//! dates without dashes, seconds with colons to dates with dashes. Letters are upper case and nothing stands around it.

use super::civil::{DAY, SECOND, day_number, in_range, ordinal_day, week_day};

/// What a text spells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DateOrTime {
    /// Microseconds since 1970 UTC.
    DateTime(i64),
    /// Days since 1970.
    Date(i32),
    /// Microseconds since midnight UTC.
    Time(i64),
}

impl DateOrTime {
    /// Puts together what was read; `None` if there is no such moment.
    pub(super) fn of(date: Option<i32>, clock: Option<Clock>) -> Option<Self> {
        match (date, clock) {
            (Some(days), Some(clock)) => clock.on(days).map(Self::DateTime),
            (Some(days), None) => Some(Self::Date(days)),
            (None, Some(clock)) => Some(Self::Time((clock.micros_of_day()? - clock.offset_micros()?).rem_euclid(DAY))),
            (None, None) => None,
        }
    }
}

/// A time of day as written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
    /// Minutes east of UTC.
    pub(super) offset: i32,
}

impl Clock {
    #[inline]
    fn micros_of_day(self) -> Option<i64> {
        let seconds = self.hour * 3600 + self.minute * 60 + self.second;
        let exists = self.hour < 24 && self.minute < 60 && self.second < 60;
        exists.then(|| i64::from(seconds) * SECOND + i64::from(self.micros))
    }

    #[inline]
    fn offset_micros(self) -> Option<i64> {
        (self.offset.abs() < 24 * 60).then(|| i64::from(self.offset) * 60 * SECOND)
    }

    #[inline]
    fn on(self, days: i32) -> Option<i64> {
        let micros = i64::from(days) * DAY + self.micros_of_day()? - self.offset_micros()?;
        in_range(micros).then_some(micros)
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss` with what may follow it. `None` says only that it is not of this form.
#[inline]
pub(super) fn usual_form(bytes: &[u8]) -> Option<i64> {
    let (date, rest) = bytes.split_first_chunk::<8>()?;
    let (day_and_time, rest) = rest.split_first_chunk::<8>()?;
    let ([b':', s1, s2], rest) = rest.split_first_chunk::<3>()? else {
        return None;
    };
    let [first, second] = [pairs(date, b"0000-00-")?, pairs(day_and_time, b"00T00:00")?];
    let (s1, s2) = (s1.wrapping_sub(b'0'), s2.wrapping_sub(b'0'));
    if s1 > 9 || s2 > 9 {
        return None;
    }
    let year = i32::from(first[0]) * 100 + i32::from(first[2]);
    let (month, day) = (u32::from(first[5]), u32::from(second[0]));
    let (hour, minute, second) = (u32::from(second[3]), u32::from(second[6]), u32::from(s1 * 10 + s2));
    let mut clock = Clock { hour, minute, second, ..Clock::default() };
    match rest {
        [] | [b'Z'] => {}
        rest => {
            let mut cursor = Cursor { rest };
            clock.micros = cursor.fraction()?;
            clock.offset = cursor.offset()?;
            if !cursor.is_at_end() {
                return None;
            }
        }
    }
    clock.on(day_number(year, month, day)?)
}

/// Eight bytes at a time: checks them against a pattern, in which `0` is any digit and `T` may be a space, and puts the
/// number that each digit makes with the one behind it in its place.
#[inline]
fn pairs(bytes: &[u8; 8], pattern: &[u8; 8]) -> Option<[u8; 8]> {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    // What carries a digit up to its high bit unless it is at most 9.
    const NOT_A_DIGIT: u64 = 0x7676_7676_7676_7676;
    let expected = u64::from_le_bytes(*pattern);
    let separators = expected.to_le_bytes().map(|byte| if byte == b'0' { 0 } else { 0xff });
    let space = pattern.map(|byte| if byte == b'T' { b'T' ^ b' ' } else { 0 });
    // Digits become their value, separators 0.
    let found = u64::from_le_bytes(*bytes) ^ expected;
    let (separators, space) = (found & u64::from_le_bytes(separators), u64::from_le_bytes(space));
    if separators != 0 && separators != space {
        return None;
    }
    let digits = found ^ separators;
    let are_digits = (digits.wrapping_add(NOT_A_DIGIT) | digits) & HIGH_BITS == 0;
    // No byte becomes more than 99, so none runs over into the next.
    are_digits.then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
}

/// What stands between a date and a time, or between date fields, decides how the other one is written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Without separators.
    Basic,
    /// With dashes and colons.
    Extended,
}

pub(super) fn parse(bytes: &[u8]) -> Option<DateOrTime> {
    let mut cursor = Cursor { rest: bytes };
    if cursor.eat(b'T') {
        let hour = cursor.number(2)?;
        return cursor.last_clock(hour, Form::Basic).and_then(|clock| DateOrTime::of(None, Some(clock)));
    }
    let first = cursor.number(2)?;
    if cursor.peek() == Some(b':') {
        return cursor.last_clock(first, Form::Extended).and_then(|clock| DateOrTime::of(None, Some(clock)));
    }
    let year = (first * 100 + cursor.number(2)?) as i32;
    let form = if cursor.eat(b'-') { Form::Extended } else { Form::Basic };
    let date = cursor.rest_of_date(year, form)?;
    if cursor.is_at_end() {
        return Some(DateOrTime::Date(date));
    }
    if !cursor.eat(b'T') && !cursor.eat(b' ') {
        return None;
    }
    let hour = cursor.number(2)?;
    cursor.last_clock(hour, form).and_then(|clock| DateOrTime::of(Some(date), Some(clock)))
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.rest = &self.rest[usize::from(is_next)..];
        is_next
    }

    fn digit(&mut self) -> Option<u32> {
        let digit = self.peek()?.wrapping_sub(b'0');
        (digit <= 9).then(|| {
            self.rest = &self.rest[1..];
            u32::from(digit)
        })
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: u32) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| self.digit().map(|digit| number * 10 + digit))
    }

    fn is_at_time(&self) -> bool {
        matches!(self.peek(), None | Some(b'T' | b' '))
    }

    fn is_at_zone(&self) -> bool {
        matches!(self.peek(), None | Some(b'Z' | b'+' | b'-'))
    }

    /// What follows the year and its dash, as days since 1970.
    fn rest_of_date(&mut self, year: i32, form: Form) -> Option<i32> {
        if self.eat(b'W') {
            let week = self.number(2)?;
            if self.is_at_time() {
                return week_day(year, week, 1);
            }
            if form == Form::Extended && !self.eat(b'-') {
                return None;
            }
            let day = self.number(1)?;
            return week_day(year, week, day);
        }
        let month = self.number(2)?;
        if form == Form::Extended {
            if self.is_at_time() {
                return day_number(year, month, 1);
            }
            if self.eat(b'-') {
                let day = self.number(2)?;
                return day_number(year, month, day);
            }
        }
        let next = self.number(1)?;
        if form == Form::Extended || self.is_at_time() {
            return ordinal_day(year, month * 10 + next);
        }
        let last = self.number(1)?;
        day_number(year, month, next * 10 + last)
    }

    /// What follows the hour, to the end of the text.
    fn last_clock(&mut self, hour: u32, form: Form) -> Option<Clock> {
        let mut clock = Clock { hour, ..Clock::default() };
        if !self.is_at_zone() {
            let has_colons = self.eat(b':');
            clock.minute = self.number(2)?;
            // A basic date may be followed by hh:mm, but not by more with colons.
            if !has_colons && form == Form::Extended {
                return None;
            }
            if !self.is_at_zone() {
                if has_colons && (form == Form::Basic || !self.eat(b':')) {
                    return None;
                }
                clock.second = self.number(2)?;
                clock.micros = self.fraction()?;
            }
        }
        clock.offset = self.offset()?;
        self.is_at_end().then_some(clock)
    }

    /// Microseconds after a dot or a comma, 0 if there is neither; `None` if they are finer than that.
    fn fraction(&mut self) -> Option<u32> {
        if !self.eat(b'.') && !self.eat(b',') {
            return Some(0);
        }
        let mut micros = self.digit()?;
        for _ in 1..6 {
            micros = micros * 10 + self.digit().unwrap_or(0);
        }
        // What is finer than a microsecond would be cut off.
        while let Some(digit) = self.digit() {
            if digit != 0 {
                return None;
            }
        }
        Some(micros)
    }

    /// Minutes east of UTC, 0 if nothing is said.
    fn offset(&mut self) -> Option<i32> {
        if self.eat(b'Z') {
            return Some(0);
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return Some(0);
        };
        let hours = self.number(2)?;
        self.eat(b':');
        let minutes = if self.is_at_end() { 0 } else { self.number(2)? };
        Some(sign * (hours * 60 + minutes) as i32)
    }
}
