//! Message ids for events without one.

use std::fmt::Write;

use jiff::Timestamp;

/// A new id: a UUID of version 7, made of the time and 74 random bits.
///
/// Where the system gives no random bytes, the id is made of the time and a counter, and is still unique on this machine.
pub(crate) fn new(now: Timestamp) -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes[6..]).is_err() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let nanoseconds = now.subsec_nanosecond().unsigned_abs();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        bytes[8..].copy_from_slice(&(count ^ (u64::from(nanoseconds) << 32)).to_be_bytes());
    }
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0).to_be_bytes();
    bytes[..6].copy_from_slice(&milliseconds[2..]);
    bytes[6] = (bytes[6] & 0x0F) | 0x70;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_version_7_in_order_of_time_and_never_the_same() {
        let early = new(Timestamp::constant(1_700_000_000, 0));
        let late = new(Timestamp::constant(1_700_000_001, 0));
        assert!(early < late);
        assert_eq!((early.len(), &early[14..15]), (36, "7"));
        assert!(matches!(&early[19..20], "8" | "9" | "a" | "b"));
        let many: HashSet<String> = (0..1000).map(|_| new(Timestamp::constant(1_700_000_000, 0))).collect();
        assert_eq!(many.len(), 1000);
    }
}
