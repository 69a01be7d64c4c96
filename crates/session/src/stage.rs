//! The cipher of one direction, between its two connections and its frames.
//!
//! ```text
//!             ┌── ciphertext as it came ──────────────────────────┐  while all that is sent is what came
//!  received ──┤                                                   ├──▶ sent
//!             └── decrypt ──▶ frames ──▶ what is sent, plain ─────┘  from the first other byte on: encrypt
//! ```
//!
//! Both connections have one key. The same bytes behind the same bytes are the same ciphertext, so which way
//! they take is a matter of speed alone: to decrypt is several times as fast as to encrypt.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};
use midwire_codec::cipher::{KEY_LEN, Register};
use midwire_codec::{Decryptor, Encryptor, Key};

/// See the module.
pub(crate) struct Stage {
    key: Key,
    incoming: Incoming,
    outgoing: Outgoing,
    /// What came and has not been sent; `None` once something else was sent.
    came: Option<Came>,
    /// The most bytes of that.
    came_max: usize,
}

/// What is received.
#[expect(clippy::large_enum_variant, reason = "a stage is a box of its own")]
enum Incoming {
    /// Plain.
    Plain,
    /// The sender has been told the key; what it sent before it knew is on its way.
    Expected,
    Cipher(Decryptor),
    /// Encrypted, and given decrypted.
    Outside,
}

/// What is sent.
#[expect(clippy::large_enum_variant, reason = "a stage is a box of its own")]
enum Outgoing {
    Plain,
    /// Plain up to this offset of what is sent, and then as it came.
    PlainUpTo(u64),
    /// As it came, with the last bytes that were sent.
    AsItCame(Register),
    Anew(Encryptor),
}

/// Ciphertext, with what it is when plain.
#[derive(Default)]
struct Came {
    parts: VecDeque<Part>,
    len: usize,
}

/// Two texts of the same length.
struct Part {
    plain: Bytes,
    cipher: Bytes,
    /// It has the memory of what was read to itself.
    owned: bool,
}

impl Stage {
    pub(crate) fn new(key: Key, came_max: usize) -> Self {
        Self {
            key,
            incoming: Incoming::Plain,
            outgoing: Outgoing::Plain,
            came: Some(Came::default()),
            came_max,
        }
    }

    /// The sender will encrypt once it has read what it has been handed.
    pub(crate) fn expect(&mut self) {
        if matches!(self.incoming, Incoming::Plain) {
            self.incoming = Incoming::Expected;
        }
    }

    /// What is received next is encrypted.
    pub(crate) fn receive_cipher(&mut self) {
        if !matches!(self.incoming, Incoming::Cipher(_) | Incoming::Outside) {
            self.incoming = Incoming::Cipher(self.first_decryptor());
        }
    }

    /// What is sent from an offset on is to be encrypted.
    pub(crate) fn send_cipher_from(&mut self, offset: u64) {
        if matches!(self.outgoing, Outgoing::Plain) {
            self.outgoing = Outgoing::PlainUpTo(offset);
        }
    }

    /// What is sent next is to be encrypted.
    pub(crate) fn send_cipher(&mut self) {
        if matches!(self.outgoing, Outgoing::Plain | Outgoing::PlainUpTo(_)) {
            self.outgoing = Outgoing::AsItCame(*self.key.as_bytes());
        }
    }

    /// Whether what is received is, or may be, encrypted.
    pub(crate) fn may_decrypt(&self) -> bool {
        !matches!(self.incoming, Incoming::Plain | Incoming::Outside)
    }

    /// Whether its sender has begun to encrypt, or been told to.
    pub(crate) fn has_begun(&self) -> bool {
        !matches!(self.incoming, Incoming::Plain)
    }

    /// From here on what is received is decrypted already. Gives what has decrypted it so far. Nothing of it may be
    /// sent to anybody.
    pub(crate) fn leave_decrypting(&mut self) -> Option<Decryptor> {
        (self.outgoing, self.came) = (Outgoing::Plain, None);
        match std::mem::replace(&mut self.incoming, Incoming::Outside) {
            Incoming::Cipher(decryptor) => Some(decryptor),
            Incoming::Plain | Incoming::Expected | Incoming::Outside => None,
        }
    }

    /// Whether the sender may not have begun to encrypt.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self.incoming, Incoming::Expected)
    }

    /// Whether ciphertext goes on as it comes.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.incoming, Incoming::Cipher(_))
            && matches!(self.outgoing, Outgoing::AsItCame(_))
            && self.came.is_some()
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Begins with another key. Nothing may have been received or sent yet.
    pub(crate) fn use_key(&mut self, key: Key) {
        self.key = key;
        if let Incoming::Cipher(decryptor) = &mut self.incoming {
            *decryptor = Decryptor::new(&self.key, self.key.as_bytes());
        }
        if let Outgoing::AsItCame(register) = &mut self.outgoing {
            *register = *self.key.as_bytes();
        }
    }

    fn first_decryptor(&self) -> Decryptor {
        Decryptor::new(&self.key, self.key.as_bytes())
    }

    /// Whether what came has to be kept.
    pub(crate) fn keeps(&self) -> bool {
        self.came.is_some()
    }

    /// Decrypts what was received, in place.
    pub(crate) fn decrypt(&mut self, bytes: &mut [u8]) {
        if let Incoming::Cipher(decryptor) = &mut self.incoming {
            decryptor.decrypt(bytes);
        }
    }

    /// Keeps what came, if that is of use: until it has been sent.
    pub(crate) fn keep(&mut self, plain: Bytes, cipher: Bytes) {
        let Some(came) = &mut self.came else { return };
        came.len += plain.len();
        came.parts.push_back(Part { plain, cipher, owned: false });
    }

    /// Lets go of the memory that was read into, as far as what came has been sent; and of what came
    /// altogether where that is too much.
    pub(crate) fn settle(&mut self) {
        let Some(came) = &mut self.came else { return };
        if came.len > self.came_max {
            return self.diverge();
        }
        if came.parts.is_empty() {
            came.parts = VecDeque::new();
        }
        for part in came.parts.iter_mut().rev().take_while(|part| !part.owned) {
            part.plain = Bytes::copy_from_slice(&part.plain);
            part.cipher = Bytes::copy_from_slice(&part.cipher);
            part.owned = true;
        }
    }

    /// What is sent for some plain bytes at an offset of all that is sent, piece by piece.
    pub(crate) fn send(&mut self, bytes: Bytes, offset: u64, mut send: impl FnMut(Bytes)) {
        if matches!(self.outgoing, Outgoing::PlainUpTo(end) if end <= offset) {
            self.send_cipher();
        }
        match &mut self.outgoing {
            Outgoing::Plain | Outgoing::PlainUpTo(_) => return send(bytes),
            Outgoing::AsItCame(register) => {
                if let Some(came) = self.came.as_mut().filter(|came| came.begins_with(&bytes)) {
                    return came.take(bytes.len(), |piece| {
                        shift(register, &piece);
                        send(piece);
                    });
                }
                self.diverge();
            }
            Outgoing::Anew(_) => {}
        }
        if let Outgoing::Anew(encryptor) = &mut self.outgoing {
            let mut bytes = BytesMut::from(bytes);
            encryptor.encrypt(&mut bytes);
            send(bytes.freeze());
        }
    }

    /// From here on what is sent is encrypted anew.
    fn diverge(&mut self) {
        self.came = None;
        if let Outgoing::AsItCame(register) = &self.outgoing {
            self.outgoing = Outgoing::Anew(Encryptor::new(&self.key, register));
        }
    }
}

impl fmt::Debug for Stage {
    /// The key is the register that a stream begins with, so neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("passes", &self.passes()).finish_non_exhaustive()
    }
}

impl Came {
    fn begins_with(&self, bytes: &[u8]) -> bool {
        if bytes.len() > self.len {
            return false;
        }
        let mut rest = bytes;
        for part in &self.parts {
            let len = rest.len().min(part.plain.len());
            let (here, behind) = rest.split_at(len);
            // two views of one text, mostly
            if !std::ptr::eq(here.as_ptr(), part.plain.as_ptr()) && here != &part.plain[..len] {
                return false;
            }
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        rest.is_empty()
    }

    /// Takes the ciphertext of the first bytes.
    fn take(&mut self, mut len: usize, mut piece: impl FnMut(Bytes)) {
        self.len -= len;
        while len > 0 {
            let Some(part) = self.parts.front_mut() else { return };
            let here = len.min(part.plain.len());
            part.plain.advance(here);
            piece(part.cipher.split_to(here));
            if part.plain.is_empty() {
                self.parts.pop_front();
            }
            len -= here;
        }
    }
}

/// Puts ciphertext behind the last bytes of what was sent.
fn shift(register: &mut Register, sent: &[u8]) {
    match sent.last_chunk::<KEY_LEN>() {
        Some(last) => *register = *last,
        None => {
            register.rotate_left(sent.len());
            register[KEY_LEN - sent.len()..].copy_from_slice(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; KEY_LEN] = *b"0123456789abcdef";

    /// A direction that is encrypted on both sides, and the ciphertext of a text.
    fn encrypted(plain: &[u8]) -> (Stage, Vec<u8>) {
        let mut stage = Stage::new(KEY.into(), 1000);
        stage.receive_cipher();
        stage.send_cipher();
        let mut cipher = plain.to_vec();
        Encryptor::new(&KEY.into(), &KEY).encrypt(&mut cipher);
        (stage, cipher)
    }

    fn receive(stage: &mut Stage, cipher: &[u8]) -> Bytes {
        let mut plain = cipher.to_vec();
        stage.decrypt(&mut plain);
        let plain = Bytes::from(plain);
        stage.keep(plain.clone(), Bytes::copy_from_slice(cipher));
        plain
    }

    fn send(stage: &mut Stage, plain: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        stage.send(Bytes::copy_from_slice(plain), 0, |piece| sent.extend_from_slice(&piece));
        sent
    }

    #[test]
    fn what_came_is_sent_as_it_came_however_it_is_cut() {
        let plain = [b'x'; 60];
        for (received, sent) in [(7, 60), (60, 7), (16, 16), (1, 3), (17, 13)] {
            let (mut stage, cipher) = encrypted(&plain);
            let mut out = Vec::new();
            for part in cipher.chunks(received) {
                receive(&mut stage, part);
                stage.settle();
            }
            for part in plain.chunks(sent) {
                out.extend(send(&mut stage, part));
            }
            assert!(stage.passes());
            assert_eq!(out, cipher);
            assert!(matches!(stage.outgoing, Outgoing::AsItCame(r) if r == cipher[44..]));
        }
    }

    #[test]
    fn other_bytes_are_encrypted_behind_what_was_sent_and_so_is_all_that_follows() {
        let (mut stage, cipher) = encrypted(b"one two three");
        receive(&mut stage, &cipher);
        let mut sent = send(&mut stage, b"one ");
        assert_eq!(sent, cipher[..4]);
        sent.extend(send(&mut stage, b"TWO "));
        assert!(!stage.passes());
        sent.extend(send(&mut stage, b"three"));
        Decryptor::new(&KEY.into(), &KEY).decrypt(&mut sent);
        assert_eq!(sent, b"one TWO three");
    }

    #[test]
    fn what_was_left_out_or_sent_before_it_came_is_another_text() {
        let (mut stage, cipher) = encrypted(b"one two");
        receive(&mut stage, &cipher);
        let mut sent = send(&mut stage, b"two");
        Decryptor::new(&KEY.into(), &KEY).decrypt(&mut sent);
        assert_eq!(sent, b"two");
        let (mut stage, cipher) = encrypted(b"one");
        let mut sent = send(&mut stage, b"zero");
        receive(&mut stage, &cipher);
        sent.extend(send(&mut stage, b"one"));
        Decryptor::new(&KEY.into(), &KEY).decrypt(&mut sent);
        assert_eq!(sent, b"zeroone");
    }

    #[test]
    fn too_much_that_waits_is_encrypted_when_its_turn_comes() {
        let plain = [5; 1100];
        let (mut stage, cipher) = encrypted(&plain);
        receive(&mut stage, &cipher[..1000]);
        stage.settle();
        assert!(stage.passes());
        receive(&mut stage, &cipher[1000..]);
        stage.settle();
        assert!(!stage.passes());
        assert_eq!(send(&mut stage, &plain), cipher);
    }

    #[test]
    fn nothing_of_a_stage_shows_its_key() {
        let (stage, _) = encrypted(b"");
        assert_eq!(format!("{stage:?}"), "Stage { passes: true, .. }");
    }
}
