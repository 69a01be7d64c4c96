//! Between a direction's connections and its frames: the cipher.
//!
//! ```text
//!   packet P, the client's answer with the key, goes serverbound
//!
//!   received serverbound     behind P, to the byte                      when P is read
//!   sent clientbound         what is sent behind reading P              when P is read
//!   sent serverbound         behind P, to the byte                      as P is sent
//!   received clientbound     at some frame after P was handed over      when it is seen
//! ```

use bytes::{Bytes, BytesMut};
use midwire_codec::{Decryptor, Direction, Key};

use super::Session;
use crate::event::{Event, Notice};
use crate::form::{self, Effects};
use crate::payload::{Fit, fit};
use crate::scratch::Scratch;
use crate::stage::Stage;

/// Parts of frames that are not kept with their ciphertext as they were read, but by themselves.
const LARGE: usize = 64 << 10;

/// Bytes in which none of several keys shows itself, after which none of them is the right one.
const UNDECIDED_MAX: usize = 8 << 10;

/// What stands at a place where encryption may begin.
enum Start {
    Cipher,
    /// A frame of so many bytes that is not encrypted yet.
    Plain(usize),
    /// That cannot be told yet.
    Unclear,
    /// No key fits.
    Unknown,
}

/// The first frame of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum First {
    /// There is none.
    None,
    /// It is not all there.
    Part,
    /// It has so many bytes.
    Whole(Fit, usize),
}

impl Session {
    /// Whether bytes of a direction are, or may be, encrypted, and are read.
    #[inline]
    pub(super) fn may_decrypt(&self, direction: Direction) -> bool {
        self.sides[direction.index()].stage.as_ref().is_some_and(|stage| stage.may_decrypt())
    }

    /// Whether what is sent behind a packet with these effects is encrypted by midwire.
    pub(super) fn begins_cipher(&self, direction: Direction, effects: &Effects) -> bool {
        form::encrypts(effects) && self.sides[direction.index()].stage.is_some()
    }

    /// Sends on what can be sent on of some bytes, of which those from `left` on have just come.
    pub(super) fn relay_cipher(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        left: usize,
        scratch: &mut Scratch,
    ) {
        self.side(direction).left = 0;
        let mut left = left;
        while self.is_unclear(direction) {
            if bytes.is_empty() {
                return;
            }
            // a frame that had begun before the sender was told is not encrypted
            let start = match left {
                0 => self.start(direction, bytes, scratch),
                _ => match self.first(direction, bytes, scratch) {
                    First::Whole(_, len) => Start::Plain(len),
                    First::Part => {
                        self.side(direction).left = bytes.len();
                        return;
                    }
                    First::None => Start::Plain(bytes.len()),
                },
            };
            match start {
                Start::Cipher => {
                    let passive = self.login.as_ref().is_some_and(|login| login.passive);
                    let side = self.side(direction);
                    let offset = side.counters.bytes;
                    if let Some(stage) = &mut side.stage {
                        stage.receive_cipher();
                        if passive {
                            stage.send_cipher_from(offset);
                        }
                    }
                }
                Start::Plain(len) => {
                    let mut frame = bytes.split_to(len);
                    self.relay_frames(direction, &mut frame, scratch);
                    left = 0;
                }
                Start::Unclear => return,
                Start::Unknown => {
                    self.give_up_cipher();
                    return self.pass_opaque(direction, bytes.split().freeze());
                }
            }
            if self.closed || self.side(direction).ended {
                return bytes.clear();
            }
        }
        self.relay_decrypted(direction, bytes, left, scratch);
        if let Some(stage) = &mut self.side(direction).stage {
            stage.settle();
        }
        self.side(direction).left = bytes.len();
    }

    fn relay_decrypted(
        &mut self,
        direction: Direction,
        bytes: &mut BytesMut,
        left: usize,
        scratch: &mut Scratch,
    ) {
        let Some(stage) = &mut self.sides[direction.index()].stage else { return };
        if bytes.len() == left {
            return;
        }
        if !stage.keeps() || left > LARGE {
            let mut new = bytes.split_off(left);
            let cipher = stage.keeps().then(|| Bytes::copy_from_slice(&new));
            stage.decrypt(&mut new);
            if let Some(cipher) = cipher {
                stage.keep(Bytes::copy_from_slice(&new), cipher);
            }
            bytes.unsplit(new);
            return self.relay_frames(direction, bytes, scratch);
        }
        let mut came = bytes.split();
        let cipher = came.split_off(left).freeze();
        let mut plain = BytesMut::with_capacity(left + cipher.len());
        plain.extend_from_slice(&came);
        plain.extend_from_slice(&cipher);
        stage.decrypt(&mut plain[left..]);
        let mut plain = plain.freeze();
        stage.keep(plain.slice(left..), cipher);
        self.relay_frames(direction, &mut plain, scratch);
        bytes.extend_from_slice(&plain);
    }

    /// Whether it has to be found out where encryption begins, or with which key.
    fn is_unclear(&self, direction: Direction) -> bool {
        let stage = self.sides[direction.index()].stage.as_ref();
        stage.is_some_and(|stage| stage.is_expected() || stage.may_decrypt() && self.is_undecided())
    }

    /// Whether one of several keys is the right one, and nothing has shown which.
    pub(super) fn is_undecided(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.undecided)
    }

    /// What stands at the start of some bytes, where a frame starts.
    fn start(&mut self, direction: Direction, bytes: &[u8], scratch: &mut Scratch) -> Start {
        let Some(stage) = &self.sides[direction.index()].stage else { return Start::Unknown };
        let is_expected = stage.is_expected();
        let undecided = self.is_undecided();
        let keys = match undecided {
            true => self.setup.options.cipher_keys.to_vec(),
            false => vec![stage.key().clone()],
        };
        let mut best = (First::None, None);
        for key in keys {
            let mut plain = bytes[..bytes.len().min(UNDECIDED_MAX)].to_vec();
            Decryptor::new(&key, key.as_bytes()).decrypt(&mut plain);
            let first = self.first(direction, &plain, scratch);
            if best.1.is_none() || first > best.0 {
                best = (first, Some(key));
            }
        }
        if let (First::Whole(fit, _), Some(key)) = &best
            && *fit >= Fit::Malformed
        {
            if undecided {
                self.decide(key);
            }
            return Start::Cipher;
        }
        if is_expected && let First::Whole(Fit::Whole, len) = self.first(direction, bytes, scratch)
        {
            return Start::Plain(len);
        }
        match best.0 {
            _ if !undecided => Start::Cipher,
            First::Part if bytes.len() < UNDECIDED_MAX => Start::Unclear,
            _ => Start::Unknown,
        }
    }

    /// The first frame of some plain bytes.
    fn first(&self, direction: Direction, bytes: &[u8], scratch: &mut Scratch) -> First {
        let Some(framing) = &self.setup.framing else { return First::None };
        match framing.next(bytes) {
            Ok(Some(frame)) => {
                let stack = &self.setup.protocol.stack;
                let payload = &bytes[frame.payload.clone()];
                let forms = self.sides[direction.index()].received.forms(direction);
                let fit = |form| fit(stack, &self.tables, form, direction, payload, scratch);
                let best = forms.iter().map(fit).max().unwrap_or(Fit::Broken);
                First::Whole(best, frame.len)
            }
            Ok(None) => First::Part,
            Err(_) => First::None,
        }
    }

    /// The packet of a direction has been read behind which its sender encrypts.
    pub(super) fn encrypted_from_here(&mut self, direction: Direction) {
        let side = self.side(direction);
        if side.opaque || side.stage.as_ref().is_some_and(|stage| stage.has_begun()) {
            return;
        }
        let outcome = self.login.as_mut().and_then(|login| login.outcome.take());
        let known = self.setup.options.cipher_keys.first().filter(|_| !self.setup.frameless);
        match (outcome, known.cloned()) {
            (Some(Ok(key)), _) => {
                self.event(Event::Key { key: key.clone(), at: self.now });
                self.begin_cipher(direction, &key);
                self.notice(Notice::Reading);
            }
            // The session ends; the client can read nothing else.
            (Some(Err(refused)), _) => {
                if let Some(key) = &refused.key {
                    self.stage(direction.opposite(), key).send_cipher();
                }
            }
            (None, Some(key)) => {
                let login = self.login.get_or_insert_default();
                (login.undecided, login.passive) = (true, true);
                // Both peers have the key already: each direction begins where its sender begins.
                self.stage(direction, &key).receive_cipher();
                self.stage(direction.opposite(), &key);
            }
            (None, None) => {
                self.side(direction).opaque = true;
                if !std::mem::replace(&mut self.encrypted, true) {
                    self.notice(Notice::Encrypted);
                }
            }
        }
    }

    fn begin_cipher(&mut self, direction: Direction, key: &Key) {
        self.stage(direction, key).receive_cipher();
        self.stage(direction.opposite(), key).send_cipher();
    }

    pub(super) fn stage(&mut self, direction: Direction, key: &Key) -> &mut Stage {
        let came_max = self.setup.options.limits.buffer_max;
        let make = || Box::new(Stage::new(key.clone(), came_max));
        self.side(direction).stage.get_or_insert_with(make)
    }

    /// A packet has been put into what is sent, behind which its receiver decrypts.
    pub(super) fn send_cipher(&mut self, direction: Direction) {
        if let Some(stage) = &mut self.side(direction).stage {
            stage.send_cipher();
        }
    }

    /// The sender of a direction has been handed the packet behind which it encrypts.
    pub(super) fn expect_cipher(&mut self, direction: Direction) {
        match &mut self.side(direction).stage {
            Some(stage) => stage.expect(),
            None => self.side(direction).opaque = true,
        }
    }

    /// One of several keys has shown itself as the right one.
    pub(super) fn decide(&mut self, key: &Key) {
        if let Some(login) = &mut self.login {
            login.undecided = false;
        }
        for side in &mut self.sides {
            if let Some(stage) = &mut side.stage {
                stage.use_key(key.clone());
            }
        }
        self.event(Event::Key { key: key.clone(), at: self.now });
        self.notice(Notice::Reading);
    }

    /// A direction ends with bytes in which no key has shown itself.
    pub(super) fn end_undecided(&mut self, direction: Direction) {
        if self.may_decrypt(direction) && self.is_undecided() {
            self.give_up_cipher();
        }
    }

    /// No key fits: from here on both directions are relayed as they come.
    fn give_up_cipher(&mut self) {
        for side in &mut self.sides {
            side.stage = None;
            side.opaque = true;
        }
        self.notice(Notice::NoKey);
    }
}
