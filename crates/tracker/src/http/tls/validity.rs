//! From when and until when a certificate holds, read out of its bytes (X.509 in DER). rustls asks that of others' certificates alone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Begin and end; nothing where they can't be read, or are beyond what a moment can be.
pub(super) fn of(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = contents(SEQUENCE, certificate)?;
    let (mut rest, _) = contents(SEQUENCE, certificate)?;
    if let Some((_, after)) = contents(VERSION, rest) {
        rest = after;
    }
    // Serial number, algorithm and issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (both, _) = contents(SEQUENCE, rest)?;
    let (kind, begins, rest) = element(both)?;
    let begins = moment(kind, begins)?;
    let (kind, ends, _) = element(rest)?;
    Some((begins, moment(kind, ends)?))
}

/// What is in an element of a kind, and what follows it.
fn contents(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = element(bytes)?;
    (found == kind).then_some((contents, rest))
}

/// The kind of an element, what is in it, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((kind, contents, rest))
}

/// `YYMMDDHHMMSSZ`, of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment(kind: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match kind {
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    Some(DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn certificate(begins: i32, ends: i32) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (rcgen::date_time_ymd(begins, 2, 3), rcgen::date_time_ymd(ends, 12, 31));
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let (begins, ends) = of(&certificate(1999, 2049)).unwrap();
        assert_eq!(
            (begins.to_string(), ends.to_string()),
            ("1999-02-03T00:00:00Z".into(), "2049-12-31T00:00:00Z".into())
        );
        assert_eq!(of(&certificate(2026, 2126)).unwrap().1.to_string(), "2126-12-31T00:00:00Z");
    }

    #[test]
    fn what_is_cut_or_damaged_says_nothing_and_is_no_panic() {
        let whole = certificate(2020, 2030);
        for end in 0..whole.len() {
            assert!(of(&whole[..end]).is_none());
        }
        for at in 0..whole.len().min(200) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            let _ = of(&damaged);
        }
    }
}
