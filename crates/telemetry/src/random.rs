//! Random bytes for ids and secrets.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::hash::shake128;

/// Random bytes from the system; where it gives none, a hash of the time, an address and the process id.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::getrandom(&mut bytes).is_err() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let seed =
            [&now.to_le_bytes()[..], &(&raw const bytes as usize).to_le_bytes(), &std::process::id().to_le_bytes()];
        bytes = shake128(&seed);
    }
    bytes
}
