//! Passwords of VNC authentication, and the answers that they give to a challenge.

use std::fmt;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Bytes of a password that count.
pub const PASSWORD_LEN: usize = 8;

/// Bytes of a challenge, and of the answer to it.
pub const CHALLENGE_LEN: usize = 16;

/// Sixteen random bytes that a client has to encrypt with the password.
pub type Challenge = [u8; CHALLENGE_LEN];

/// A password of VNC authentication: its first eight bytes, or all and zeros behind them.
///
/// It is never shown, not even by `{:?}`.
#[derive(Clone)]
pub struct Password {
    key: [u8; PASSWORD_LEN],
}

impl Password {
    /// The password of these bytes, of which no more than [`PASSWORD_LEN`] count.
    pub fn new(bytes: &[u8]) -> Password {
        let mut key = [0; PASSWORD_LEN];
        for (part, byte) in key.iter_mut().zip(bytes) {
            // DES counts bits from the other end than VNC does.
            *part = byte.reverse_bits();
        }
        Password { key }
    }

    /// The answer to a challenge: both of its halves encrypted with DES, RFC 6143, 7.2.2.
    pub fn answer(&self, challenge: &Challenge) -> [u8; CHALLENGE_LEN] {
        let cipher = Des::new(&self.key.into());
        let mut answer = *challenge;
        for half in answer.as_chunks_mut::<8>().0 {
            cipher.encrypt_block(half.into());
        }
        answer
    }

    /// Whether both give the same answers. They do if their first eight bytes are equal but for the
    /// highest bit of each, which DES leaves out.
    pub fn answers_like(&self, other: &Password) -> bool {
        let counts = |key: &[u8; PASSWORD_LEN]| key.map(|part| part & !1);
        counts(&self.key).ct_eq(&counts(&other.key)).into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The first of the passwords that gives this answer. All are tried, and all bytes of each answer are
/// compared, so that how long it takes tells nothing about how near an answer was.
pub(crate) fn find(
    passwords: &[Password],
    challenge: &Challenge,
    answer: &[u8; CHALLENGE_LEN],
) -> Option<usize> {
    let (mut found, mut place) = (Choice::from(0), 0u32);
    for (index, password) in (0u32..).zip(passwords) {
        let equal = password.answer(challenge).ct_eq(answer) & !found;
        place.conditional_assign(&index, equal);
        found |= equal;
    }
    bool::from(found).then_some(place as usize)
}
