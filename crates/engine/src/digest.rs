//! Digests and ids of the dataset contract: SHAKE-128 and SHA3-256 in base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha3::{Digest, Sha3_256};
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

/// Bytes of a row id: 10, which are 14 characters.
pub const ROW_ID_BYTES: usize = 10;

/// `N` bytes of SHAKE-128 over the parts, one after the other.
pub fn shake128<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = Shake128::default();
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0u8; N];
    hasher.finalize_xof().read(&mut out);
    out
}

/// The name digest of the contract: 15 bytes of SHAKE-128 in base64, 20 characters.
pub fn name_digest(text: &str) -> String {
    STANDARD_NO_PAD.encode(shake128::<15>(&[text.as_bytes()]))
}

/// SHA3-256 over the parts in base64 with padding, 44 characters: schema and state hashes.
pub fn version_digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha3_256::new();
    for part in parts {
        Digest::update(&mut hasher, part);
    }
    STANDARD.encode(hasher.finalize())
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
}
