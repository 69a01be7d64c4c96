//! The hash by which a session service tells logins apart: client and server compute it from what only they
//! share, and it is alike only if nobody stands between them with another key.

use sha1::{Digest as _, Sha1};

/// SHA-1 over the server's id (empty in every version since 1.7), the shared secret and the server's public
/// key in DER, printed as Java prints a signed `BigInteger`: without leading zeros, negative numbers with a
/// minus in front of their magnitude.
///
/// ```
/// use midwire_codec::server_hash;
///
/// // Known values are of the id alone.
/// assert_eq!(server_hash("jeb_", &[], &[]), "-7c9d5b0044c130109a5d7b5fb5c317c02b4e28c1");
/// ```
pub fn server_hash(server_id: &str, secret: &[u8], public_key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(server_id);
    hash.update(secret);
    hash.update(public_key);
    signed_hex(hash.finalize().into())
}

/// A big-endian number in two's complement.
fn signed_hex(mut number: [u8; 20]) -> String {
    let is_negative = number[0] & 0x80 != 0;
    if is_negative {
        let mut carry = true;
        for byte in number.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let digits: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.trim_start_matches('0');
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}{}", if digits.is_empty() { "0" } else { digits })
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    // The values that wiki.vg gives in "Protocol Encryption".
    #[test]
    fn the_known_names_have_their_known_hashes() {
        let hash = |id| server_hash(id, &[], &[]);
        assert_eq!(hash("Notch"), "4ed1f46bbe04bc756bcb17c0c7ce3e4632f06a48");
        assert_eq!(hash("jeb_"), "-7c9d5b0044c130109a5d7b5fb5c317c02b4e28c1");
        assert_eq!(hash("simon"), "88e16a1019277b15d58faf0541e11910eb756f6");
    }

    #[test]
    fn id_secret_and_key_are_hashed_one_behind_the_other() {
        assert_eq!(server_hash("No", b"tc", b"h"), server_hash("Notch", &[], &[]));
    }

    #[test]
    fn numbers_are_printed_as_java_prints_them() {
        let number = |first: &[u8], last: u8| {
            let mut number = [0; 20];
            number[..first.len()].copy_from_slice(first);
            number[19] = last;
            number
        };
        for (bytes, printed) in [
            (number(&[], 0), "0".to_owned()),
            (number(&[], 7), "7".to_owned()),
            (number(&hex!("00 0a"), 0), format!("a{}", "0".repeat(36))),
            (number(&hex!("7f"), 1), format!("7f{}01", "0".repeat(36))),
            // The most negative number is its own complement.
            (number(&hex!("80"), 0), format!("-80{}", "0".repeat(38))),
            ([0xff; 20], "-1".to_owned()),
            (number(&hex!("ff"), 0), format!("-1{}", "0".repeat(38))),
        ] {
            assert_eq!(signed_hex(bytes), printed, "{bytes:02x?}");
        }
    }
}
