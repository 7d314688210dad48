//! Digests and ids of the dataset contract: SHAKE-128 and SHA3-256 in base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use keccak::Keccak;
use sha3::{Digest, Sha3_256};

/// Bytes of a row id: 10, which are 14 characters.
pub const ROW_ID_BYTES: usize = 10;

/// Bytes that SHAKE-128 takes in between two permutations.
const RATE: usize = 168;

/// `N` bytes (at most 168) of SHAKE-128 (FIPS 202) over the parts, one after the other.
///
/// A nested row costs one of these. Its input fits into one block, so it is laid out there whole and permuted once, which
/// is half the time of feeding it through a general hasher.
pub fn shake128<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= RATE) };
    let permutation = Keccak::new();
    let mut state = [0_u64; 25];
    let mut block = [0_u8; RATE];
    let mut filled = 0;
    for part in parts {
        let mut rest = *part;
        while filled + rest.len() >= RATE {
            let (now, later) = rest.split_at(RATE - filled);
            block[filled..].copy_from_slice(now);
            absorb(&mut state, &block);
            permutation.with_f1600(|permute| permute(&mut state));
            (filled, rest) = (0, later);
        }
        block[filled..filled + rest.len()].copy_from_slice(rest);
        filled += rest.len();
    }
    block[filled..].fill(0);
    block[filled] = 0x1f;
    block[RATE - 1] |= 0x80;
    absorb(&mut state, &block);
    permutation.with_f1600(|permute| permute(&mut state));
    let mut out = [0_u8; N];
    for (bytes, lane) in out.chunks_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes()[..bytes.len()]);
    }
    out
}

fn absorb(state: &mut [u64; 25], block: &[u8; RATE]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        let mut lane_bytes = [0_u8; 8];
        lane_bytes.copy_from_slice(bytes);
        *lane ^= u64::from_le_bytes(lane_bytes);
    }
}

/// The name digest of the contract: 15 bytes of SHAKE-128 in base64, 20 characters.
pub fn name_digest(text: &str) -> String {
    STANDARD_NO_PAD.encode(shake128::<15>(&[text.as_bytes()]))
}

/// SHA3-256 over the parts in base64 with padding, 44 characters: schema and state hashes.
pub fn version_digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha3_256::new();
    for part in parts {
        hasher.update(part);
    }
    STANDARD.encode(hasher.finalize())
}

/// Checksum of bytes that come piece by piece: tells whether two inputs or two states of a file are the same. No defence
/// against somebody who makes them the same on purpose.
#[derive(Default)]
pub(crate) struct Checksum {
    hasher: twox_hash::XxHash3_128,
    bytes: u64,
}

impl Checksum {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn text(&self) -> String {
        format!("{:032x}", self.hasher.finish_128())
    }
}

/// Passes on what is written, and keeps its checksum.
pub(crate) struct Summing<W> {
    to: W,
    pub(crate) checksum: Checksum,
}

impl<W> Summing<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, checksum: Checksum::default() }
    }
}

impl<W: std::io::Write> std::io::Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.checksum.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Appends the id of a nested row: fixed by its parent's id, its table and its place in the list.
pub(crate) fn nested_row_id_into(parent_id: &[u8], table: &str, list_index: i64, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let index = digits.format(list_index).as_bytes();
    let digest = shake128::<ROW_ID_BYTES>(&[parent_id, b"_", table.as_bytes(), b"_", index]);
    let mut text = [0u8; 14];
    // Fourteen characters hold ten bytes exactly, so this cannot fail.
    let _ = STANDARD_NO_PAD.encode_slice(digest, &mut text);
    out.extend_from_slice(&text);
}

/// A random row id.
pub(crate) fn random_row_id() -> crate::Result<String> {
    let mut bytes = [0u8; ROW_ID_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        crate::Error::new(crate::ErrorKind::Storage, "the system gives no random bytes").because(error)
    })?;
    Ok(STANDARD_NO_PAD.encode(bytes))
}

/// Id of a row that is known by its key: the digest of the key columns as compact JSON with sorted keys.
pub fn key_row_id(key_json: &str) -> String {
    STANDARD_NO_PAD.encode(shake128::<ROW_ID_BYTES>(&[key_json.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_agree_with_the_contract() {
        assert_eq!(name_digest("chess_pipeline"), "e/2IAxdylTbRo4fF1j56");
        assert_eq!(name_digest("localhost"), "2ayu2BPxtvj7CVM87SgT");
        assert_eq!(name_digest(""), "f5wrpOiPgn1hYEVQdgWF");
        assert_eq!(key_row_id(r#"{"id":1}"#), "z5jIxXIbUnmbKw");
    }

    /// Expected values are those of Python's `hashlib`.
    #[test]
    fn inputs_around_the_size_of_a_block_are_digested_as_elsewhere() {
        let text = "a".repeat(400);
        for (length, expect) in [
            (0, 0x7f9c2ba4e88f827d_u64),
            (1, 0x85c8de88d28866bf_u64),
            (7, 0xfd3bc56c7da3c675_u64),
            (8, 0xcbf9a334b6ede74f_u64),
            (166, 0xd415754a0ef19811_u64),
            (167, 0x4f5c6c53ae8190a8_u64),
            (168, 0xc22e11586c22b713_u64),
            (169, 0x09fc23f3acfd9443_u64),
            (335, 0x191f1017c18b484f_u64),
            (336, 0x518b1887755367d7_u64),
            (337, 0x02c0b0b2f8c36af2_u64),
            (400, 0xe643b68157346f8e_u64),
        ] {
            for cut in [0, length / 3, length / 2, length] {
                let (head, tail) = text[..length].split_at(cut);
                let digest = shake128::<8>(&[head.as_bytes(), tail.as_bytes()]);
                assert_eq!(u64::from_be_bytes(digest), expect, "of {length} bytes, cut at {cut}");
            }
        }
    }
}
