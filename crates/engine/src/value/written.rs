//! Text that spells a number, and that the number gives back: the one rule for cells of delimited text and for text that
//! meets a column of numbers.

use std::io::Write;

/// Reads an integer that is written as it would be printed: no plus sign, no leading zeros, no `-0`.
pub fn canonical_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_canonical { text.parse().ok() } else { None }
}

/// Integers beyond this cannot all be told apart as doubles.
const EXACT_INTEGERS: u64 = 1 << 53;
/// A double has 17 digits at most: a number with more was no double before it was printed.
const DOUBLE_DIGITS: usize = 17;
/// A double keeps any number of so few digits, unless it is next to zero.
const KEPT_DIGITS: usize = 15;

/// Reads a decimal number that is written as one prints numbers, and each of whose digits (17 at most) a double keeps.
pub fn canonical_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = whole == "0" || (all_digits(whole) && !whole.starts_with('0'));
    let is_number = match fraction {
        Some(fraction) => (is_whole || whole.is_empty()) && all_digits(fraction),
        None => is_whole,
    };
    let is_exponent = exponent.is_none_or(|exponent| all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    if !is_number || !is_exponent {
        return None;
    }
    if fraction.is_none() && exponent.is_none() {
        // An integer would lose this sign, a double keeps it.
        if text == "-0" {
            return Some(-0.0);
        }
        let integer: i64 = text.parse().ok()?;
        return (integer.unsigned_abs() <= EXACT_INTEGERS).then_some(integer as f64);
    }
    let (mut count, mut digits) = (0, 0u64);
    for digit in mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0') {
        count += 1;
        if count > DOUBLE_DIGITS {
            return None;
        }
        digits = digits * 10 + u64::from(digit - b'0');
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if count == 0 || (count <= KEPT_DIGITS && number.is_normal()) {
        return Some(number);
    }
    let decimals = fraction.map_or(0, str::len).try_into().ok().filter(|_| exponent.is_none());
    let is_kept = decimals
        .and_then(|decimals| is_near(number, digits, decimals))
        .unwrap_or_else(|| prints_as(number, digits, count));
    is_kept.then_some(number)
}

/// Whether the number is nearer to the decimal number of these digits than half of their last one. `None` if they are
/// just so near, or if it would take more than 128 bits. A short cut of [`prints_as`]: programs print numbers of 16 and 17
/// digits all the time.
fn is_near(number: f64, digits: u64, decimals: u32) -> Option<bool> {
    if !number.is_normal() {
        return None;
    }
    let bits = number.abs().to_bits();
    // The number is `mantissa / 2^halvings`; what it is compared with, `digits / 10^decimals`.
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let halvings = 1075u32.checked_sub((bits >> 52) as u32).filter(|halvings| *halvings > 0)?;
    let number = u128::from(mantissa).checked_mul(10u128.checked_pow(decimals)?)?;
    let written = u128::from(digits);
    if written.leading_zeros() <= halvings {
        return None;
    }
    let (distance, half) = (number.abs_diff(written << halvings), 1 << (halvings - 1));
    (distance != half).then_some(distance < half)
}

/// Whether the number, printed with `count` digits, has these.
fn prints_as(number: f64, digits: u64, count: usize) -> bool {
    // A digit, a point, up to 16 digits more, and an exponent such as `e-324`.
    let mut printed = [0; 32];
    let mut rest = &mut printed[..];
    if write!(rest, "{:.*e}", count - 1, number.abs()).is_err() {
        return false;
    }
    let printed = printed.iter().take_while(|byte| **byte != b'e').filter(|byte| byte.is_ascii_digit());
    printed.fold(0, |printed, digit| printed * 10 + u64::from(digit - b'0')) == digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_cut_leads_to_the_same(digits in 1u64..100_000_000_000_000_000, decimals in 0u32..22, off in 0u64..3) {
            let nearest: f64 = format!("{digits}e-{decimals}").parse().unwrap_or(0.0);
            // One further on, a number may or may not have the same digits.
            let number = f64::from_bits(nearest.to_bits() + off);
            if let Some(is_near) = is_near(number, digits, decimals) {
                let count = digits.to_string().len();
                prop_assert_eq!(is_near, prints_as(number, digits, count), "{} {} {}", number, digits, decimals);
            }
        }
    }
}
