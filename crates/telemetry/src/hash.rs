//! SHAKE-128, and the two ways its output is written down.

use keccak::Keccak;

/// Bytes absorbed per permutation: 1600 bits of state less twice the 128-bit security level.
const RATE: usize = 168;

/// SHAKE-128 over the parts as if they were one string.
pub(crate) fn shake128<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let permutation = Keccak::new();
    let mut state = [0u64; 25];
    let mut at = 0;
    for &byte in parts.iter().copied().flatten() {
        absorb(&mut state, at, byte);
        at += 1;
        if at == RATE {
            permutation.with_f1600(|f| f(&mut state));
            at = 0;
        }
    }
    absorb(&mut state, at, 0x1f);
    absorb(&mut state, RATE - 1, 0x80);
    permutation.with_f1600(|f| f(&mut state));

    let mut output = [0; N];
    for (index, byte) in output.iter_mut().enumerate() {
        let at = index % RATE;
        if index > 0 && at == 0 {
            permutation.with_f1600(|f| f(&mut state));
        }
        *byte = (state[at / 8] >> (8 * (at % 8))) as u8;
    }
    output
}

fn absorb(state: &mut [u64; 25], at: usize, byte: u8) {
    state[at / 8] ^= u64::from(byte) << (8 * (at % 8));
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

/// Standard base64 with padding (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0u32, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        for digit in 0..4 {
            if digit <= chunk.len() {
                text.push(DIGITS[(group >> (18 - 6 * digit)) as usize & 63] as char);
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_shake128() {
        assert_eq!(hex(&shake128::<32>(&[b""])), "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        let hashed = |name: &str| base64(&shake128::<15>(&[name.as_bytes()]));
        assert_eq!(hashed("chess_pipeline"), "e/2IAxdylTbRo4fF1j56");
        assert_eq!(hashed("chess_data"), "/cv01Cetl9bjYmZcWw0l");
        assert_eq!(hashed("chess"), "VGcpsyzUDR9unxxVNVE/");
    }

    /// Checked against Python's `hashlib.shake_128(b"a" * n)` around the block's border.
    #[test]
    fn input_and_output_longer_than_a_block() {
        let of = |n: usize| hex(&shake128::<8>(&[&vec![b'a'; n]]));
        assert_eq!([of(167), of(168), of(169)], ["4f5c6c53ae8190a8", "c22e11586c22b713", "09fc23f3acfd9443"]);
        let long = shake128::<200>(&[b"abc"]);
        assert_eq!(hex(&long[190..]), "1fcd4818cb006aa5b4cd");
        assert_eq!(shake128::<16>(&[b"ab", b"c"]), shake128::<16>(&[b"abc"]));
    }

    #[test]
    fn base64_pads() {
        let encoded: Vec<_> = ["", "f", "fo", "foo", "foob"].iter().map(|text| base64(text.as_bytes())).collect();
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
