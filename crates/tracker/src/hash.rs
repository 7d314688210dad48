//! The hash of a request, by which its sender can prove later that it sent it: SHAKE-128 with 32 bytes of output.

use keccak::Keccak;

/// Bytes absorbed between two permutations.
const RATE: usize = 168;

const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// The hash in lower-case hexadecimal, 64 digits.
pub(crate) fn shake128(body: &[u8]) -> String {
    let permutation = Keccak::new();
    let mut state = [0u64; 25];
    let mut blocks = body.chunks_exact(RATE);
    for block in &mut blocks {
        absorb(&mut state, block);
        permutation.with_f1600(|f| f(&mut state));
    }
    let mut last = [0u8; RATE];
    let rest = blocks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] ^= 0x1f;
    last[RATE - 1] ^= 0x80;
    absorb(&mut state, &last);
    permutation.with_f1600(|f| f(&mut state));
    let mut text = String::with_capacity(64);
    for byte in state.iter().take(4).flat_map(|word| word.to_le_bytes()) {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
    }
    text
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (index, byte) in block.iter().enumerate() {
        state[index / 8] ^= u64::from(*byte) << (8 * (index % 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The empty text's is published with the algorithm; the others are what Python's `hashlib.shake_128` makes.
    #[test]
    fn known_answers() {
        assert_eq!(shake128(b""), "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        for (length, beginning) in [(167, "4f5c6c53ae8190a8"), (168, "c22e11586c22b713"), (169, "09fc23f3acfd9443")] {
            assert!(shake128(&vec![b'a'; length]).starts_with(beginning), "{length}");
        }
    }
}
