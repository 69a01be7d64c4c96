//! Decrypting a direction of which something is missing: 16 bytes behind that, all is known that it takes.

use std::borrow::Cow;

use midwire_codec::cipher::KEY_LEN;
use midwire_codec::{Decryptor, Key};
use midwire_session::Direction;

use super::replay::Replay;

/// What decrypts a direction.
pub(super) struct Cipher {
    decryptor: Decryptor,
    /// Bytes that come next and cannot be decrypted.
    unreadable: usize,
}

impl Cipher {
    /// Encryption begins with the next byte.
    pub(super) fn from_here(key: &Key) -> Self {
        Self { decryptor: Decryptor::new(key, key.as_bytes()), unreadable: 0 }
    }

    /// It has begun, and what is in front of the next byte is missing.
    pub(super) fn behind(key: &Key) -> Self {
        Self { decryptor: Decryptor::new(key, &[0; KEY_LEN]), unreadable: KEY_LEN }
    }

    /// The bytes that come next, plain as far as they can be.
    pub(super) fn decrypt(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = bytes.to_vec();
        self.decryptor.decrypt(&mut plain);
        let unreadable = self.unreadable.min(bytes.len());
        plain[..unreadable].copy_from_slice(&bytes[..unreadable]);
        self.unreadable -= unreadable;
        plain
    }
}

impl Replay {
    /// Bytes of a direction that came, as the session is to be given them.
    pub(super) fn decrypted<'a>(&mut self, direction: Direction, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match &mut self.ciphers[direction.index()] {
            Some(cipher) => cipher.decrypt(bytes).into(),
            None => bytes.into(),
        }
    }

    /// From here on a direction is decrypted here, if it is known to be encrypted, and with which key.
    pub(super) fn take_cipher(&mut self, direction: Direction) {
        if let Some(decryptor) = self.session.leave_decrypting(direction) {
            self.ciphers[direction.index()] = Some(Cipher { decryptor, unreadable: 0 });
        }
    }

    /// Bytes of a direction are missing. Gives how many behind them cannot be decrypted.
    pub(super) fn miss(&mut self, direction: Direction) -> usize {
        self.take_cipher(direction);
        self.ciphers[direction.index()].as_mut().map_or(0, |cipher| {
            cipher.unreadable = KEY_LEN;
            KEY_LEN
        })
    }
}
