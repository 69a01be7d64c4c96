//! For who reads a recording in which bytes of an encrypted session are missing: behind them a direction is decrypted
//! by whoever finds out how, and given plain.

use std::sync::Arc;

use midwire_codec::{Decryptor, Direction, Key};
use midwire_definition::PacketDefinition;

use super::Session;

/// Whether what comes next in a direction is encrypted, as far as a session knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ciphered {
    /// It is not, or it is given decrypted.
    No,
    /// Its sender has been told the key: from some frame on it is.
    Expected,
    /// It is, and any of the keys may be the right one.
    Undecided,
    /// It is, with a key that is known.
    Known,
}

impl Session {
    /// Whether what comes next in a direction is encrypted, where that can be read.
    #[must_use]
    pub fn ciphered(&self, direction: Direction) -> Ciphered {
        let stage = self.sides[direction.index()].stage.as_ref();
        match stage.filter(|stage| stage.may_decrypt()) {
            None => Ciphered::No,
            Some(stage) if stage.is_expected() => Ciphered::Expected,
            Some(_) if self.is_undecided() => Ciphered::Undecided,
            Some(_) => Ciphered::Known,
        }
    }

    /// The keys with which a session may be encrypted: once it is known which, that one.
    #[must_use]
    pub fn cipher_keys(&self) -> &[Key] {
        let known = self.sides.iter().find_map(|side| side.stage.as_ref());
        match known.filter(|_| !self.is_undecided()) {
            Some(stage) => std::slice::from_ref(stage.key()),
            None if self.setup.frameless => &[],
            None => &self.setup.options.cipher_keys,
        }
    }

    /// Whether packets that may come next in a direction, or later, begin encryption.
    #[must_use]
    pub fn may_begin_cipher(&self, direction: Direction) -> bool {
        let encrypts =
            |packet: &Arc<PacketDefinition>| packet.events.iter().any(|event| event.may_encrypt());
        let mut ahead = self.states_ahead(direction).into_iter();
        ahead.any(|state| self.tables.packets(state, direction).any(encrypts))
    }

    /// Whether encryption may begin in a state that a direction may be in, or later.
    #[must_use]
    pub fn is_before_cipher(&self, direction: Direction) -> bool {
        let forms = self.sides[direction.index()].received.forms(direction);
        forms.iter().any(|form| self.tables.ahead(form.state).cipher)
    }

    /// From the next byte on, an encrypted direction is given decrypted, where its key is known. Gives what it was
    /// decrypted with so far.
    pub fn leave_decrypting(&mut self, direction: Direction) -> Option<Decryptor> {
        let is_known = self.ciphered(direction) == Ciphered::Known;
        let stage = self.side(direction).stage.as_mut().filter(|_| is_known)?;
        stage.leave_decrypting()
    }

    /// It was found out that a direction is encrypted with a key. From the next byte on it is given decrypted; in the
    /// other one encryption may begin with any frame, if it has not.
    pub fn know_cipher(&mut self, direction: Direction, key: &Key) {
        let is_new = self.is_undecided() || self.sides.iter().all(|side| side.stage.is_none());
        self.login.get_or_insert_default().passive = true;
        self.stage(direction, key);
        self.stage(direction.opposite(), key).expect();
        if is_new {
            self.decide(key);
        }
        if let Some(stage) = &mut self.side(direction).stage {
            let _ = stage.leave_decrypting();
        }
    }
}
