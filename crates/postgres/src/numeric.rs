//! The binary form of `numeric`: digits to the base of 10000.

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// A `numeric` as it is sent.
pub(crate) enum Numeric<'a> {
    /// Groups of four digits, the first of which counts `10000^weight`.
    Number { digits: &'a [u8], weight: i16, is_negative: bool },
    /// `NaN`, `Infinity` or `-Infinity`.
    Word(&'static str),
}

impl<'a> Numeric<'a> {
    /// Takes the bytes apart; `None` if they are none.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, digits) = bytes.split_at_checked(8)?;
        let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let is_whole = digits.len() == usize::from(word(0)) * 2;
        Some(match word(4) {
            NAN => Self::Word("NaN"),
            INFINITY => Self::Word("Infinity"),
            MINUS_INFINITY => Self::Word("-Infinity"),
            sign => {
                let weight = word(2).cast_signed();
                is_whole.then_some(Self::Number { digits, weight, is_negative: sign == NEGATIVE })?
            }
        })
    }
}

fn groups(digits: &[u8]) -> impl DoubleEndedIterator<Item = u16> + '_ {
    digits.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// The number times `10^decimals`; `None` if it has more decimals, or more digits than 128 bits hold.
pub(crate) fn scaled(digits: &[u8], weight: i16, is_negative: bool, decimals: i8) -> Option<i128> {
    let mut value: i128 = 0;
    // Power of ten of the next group's last digit.
    let mut exponent = i32::from(weight) * 4 + i32::from(decimals);
    let mut rest = groups(digits);
    while exponent >= 0 {
        let Some(group) = rest.next() else {
            // Zeros that are not sent.
            value = match value {
                0 => 0,
                value => value.checked_mul(10_i128.checked_pow(u32::try_from(exponent + 4).ok()?)?)?,
            };
            return Some(if is_negative { -value } else { value });
        };
        value = value.checked_mul(10_000)?.checked_add(i128::from(group))?;
        exponent -= 4;
    }
    // The group that the last decimal is in.
    let kept = u32::try_from(exponent + 4).ok().filter(|kept| *kept < 4);
    if let Some(kept) = kept {
        let group = i128::from(rest.next().unwrap_or(0));
        let cut = 10_i128.pow(4 - kept);
        if group % cut != 0 {
            return None;
        }
        value = value.checked_mul(10_i128.pow(kept))?.checked_add(group / cut)?;
    }
    if rest.any(|group| group != 0) {
        return None;
    }
    Some(if is_negative { -value } else { value })
}

/// The number as text, without zeros at the end of its decimals.
pub(crate) fn text(digits: &[u8], weight: i16, is_negative: bool) -> String {
    let groups: Vec<u16> = groups(digits).collect();
    let at = |place: i32| -> u16 {
        // The group that counts 10000^place.
        let index = i32::from(weight) - place;
        usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0)
    };
    let mut whole = String::new();
    for place in (0..=i32::from(weight).max(0)).rev() {
        let group = at(place);
        match whole.is_empty() {
            true if group == 0 => {}
            true => whole.push_str(&group.to_string()),
            false => whole.push_str(&format!("{group:04}")),
        }
    }
    let last = i32::from(weight) - i32::try_from(groups.len()).unwrap_or(0) + 1;
    let decimals: String = (last..0).rev().map(|place| format!("{:04}", at(place))).collect();
    let decimals = decimals.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { &whole };
    let sign = if is_negative { "-" } else { "" };
    if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") }
}

/// Writes a decimal: the number is `value / 10^decimals`.
pub(crate) fn write(value: i128, decimals: i8, out: &mut Vec<u8>) {
    // With the decimals filled up to whole groups.
    let decimals = u32::from(decimals.max(0).unsigned_abs());
    let groups_behind = decimals.div_ceil(4);
    let mut rest = value.unsigned_abs();
    let filled = 10_u128.pow(groups_behind * 4 - decimals);
    // The last group has fewer digits of the value than four.
    let mut groups = [0_u16; 12];
    let mut count = 0;
    let mut push = |group: u128| {
        // Below 10000.
        groups[count] = group as u16;
        count += 1;
    };
    if filled > 1 {
        let own = 10_000 / filled;
        push(rest % own * filled);
        rest /= own;
    }
    while rest > 0 {
        push(rest % 10_000);
        rest /= 10_000;
    }
    let groups = &groups[..count];
    // Zeros at either end are not sent.
    let low = groups.iter().take_while(|group| **group == 0).count();
    let high = groups.iter().rposition(|group| *group != 0).map_or(low, |at| at + 1);
    let sent = &groups[low..high.max(low)];
    let weight = if sent.is_empty() { 0 } else { high as i32 - 1 - groups_behind as i32 };
    let sign = if value < 0 && !sent.is_empty() { NEGATIVE } else { 0 };
    out.extend_from_slice(&(sent.len() as u16).to_be_bytes());
    // At most 10 groups before the point, and 10 behind.
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(decimals as u16).to_be_bytes());
    for group in sent.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn back(value: i128, decimals: i8) -> (String, Option<i128>) {
        let mut bytes = Vec::new();
        write(value, decimals, &mut bytes);
        let Some(Numeric::Number { digits, weight, is_negative }) = Numeric::parse(&bytes) else { panic!("a number") };
        (text(digits, weight, is_negative), scaled(digits, weight, is_negative, decimals))
    }

    #[test]
    fn written_and_read_again() {
        let most = 10_i128.pow(38) - 1;
        for (value, decimals, expected) in [
            (0, 9, "0"),
            (1, 0, "1"),
            (-1, 9, "-0.000000001"),
            (1050, 2, "10.5"),
            (10_000, 0, "10000"),
            (10_001, 4, "1.0001"),
            (12_345_678, 3, "12345.678"),
            (100_000_000, 0, "100000000"),
            (1, 38, "0.00000000000000000000000000000000000001"),
            (most, 0, "99999999999999999999999999999999999999"),
            (-most, 38, "-0.99999999999999999999999999999999999999"),
            (most, 9, "99999999999999999999999999999.999999999"),
        ] {
            assert_eq!(back(value, decimals), (expected.to_owned(), Some(value)), "{value} {decimals}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let mut bytes = Vec::new();
        write(12_345, 3, &mut bytes);
        let Some(Numeric::Number { digits, weight, is_negative }) = Numeric::parse(&bytes) else { panic!("a number") };
        assert_eq!(scaled(digits, weight, is_negative, 2), None, "a decimal too many");
        assert_eq!(scaled(digits, weight, is_negative, 6), Some(12_345_000));
        // 10^80
        assert_eq!(scaled(&[0, 1], 20, false, 0), None);
        assert_eq!(text(&[0, 1], 2, false), "100000000");
        assert_eq!(text(&[0, 1], -2, true), "-0.00000001");
        assert!(Numeric::parse(&[0, 1]).is_none());
        assert!(matches!(Numeric::parse(&[0, 0, 0, 0, 0xC0, 0, 0, 0]), Some(Numeric::Word("NaN"))));
    }
}
