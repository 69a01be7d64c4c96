//! Behind missing bytes of a session that may be encrypted: whether it is, with which key, and from where on.
//!
//! ```text
//!  plain frames │ ciphertext               its sender begins here: nothing of it is missing
//!  ... missing │ 16 bytes │ ciphertext     what decrypts a byte is in the 16 in front of it
//! ```

use std::sync::Arc;

use midwire_codec::cipher::KEY_LEN;
use midwire_codec::{Framing, Inflater, Key, split};
use midwire_definition::{PacketDefinition, Protocol};
use midwire_session::{Ciphered, Direction, Event};

use super::{Lost, Replay, Tools};
use crate::read::cipher::Cipher;
use crate::read::sync::{Form, Found, Search};
use crate::wire_id;

/// Bytes that are decrypted to see whether they are frames then: with a few keys, and with many.
const TRIED_LEN: [usize; 2] = [64 << 10, 8 << 10];
/// A few keys.
const FEW_KEYS: usize = 4;
/// Segments with which encryption may begin.
const STARTS_MAX: usize = 8;
/// Bytes that wait for what tells whether they are encrypted.
const DOUBTED_MAX: usize = 64 << 10;
/// Frames at the end of a stream that are not read by chance.
const LAST_FRAMES: usize = 3;
/// A plain frame of so many bytes that is a packet is none by chance.
const SOLID_LEN: usize = 24;

/// What is not known of a direction that may be encrypted.
pub(super) struct Doubt {
    keys: Vec<Key>,
    /// It may not be encrypted, or not yet.
    pub(super) may_be_plain: bool,
    /// Encryption may begin in what is there.
    may_begin: bool,
    /// It is known that the session is encrypted.
    is_certain: bool,
}

impl Doubt {
    /// What people are told where no frame was found.
    pub(super) fn reason(&self) -> &'static str {
        match (self.keys.is_empty(), self.is_certain) {
            (false, true) => {
                ": they are encrypted, and there is none in what the keys make of them, either"
            }
            (true, true) => ": they are encrypted",
            (false, false) => {
                ": they are likely encrypted by a packet that is missing, and there is none in what the keys \
                 make of them, either"
            }
            (true, false) => ": they are likely encrypted by a packet that is missing",
        }
    }
}

/// What was found out about bytes in which frames are searched.
pub(super) enum Unsealed {
    /// They are plain, or may be: frames are searched from here on. `is_end`: nothing follows, and a few frames are
    /// enough.
    Plain { from: usize, is_end: bool },
    /// Here a plain frame begins.
    Frame(Found),
    /// They are encrypted, with a key that was not found.
    Not,
}

impl Lost {
    /// What is not known about the encryption of the bytes.
    pub(super) fn doubt(&self, replay: &Replay, direction: Direction) -> Option<Doubt> {
        let session = &replay.session;
        if replay.ciphers[direction.index()].is_some() {
            return None;
        }
        let (may_be_plain, is_certain) = match session.ciphered(direction) {
            Ciphered::Expected => (true, true),
            Ciphered::Undecided => (false, true),
            Ciphered::No if self.may_lack_cipher && session.is_before_cipher(direction) => {
                (true, false)
            }
            Ciphered::No | Ciphered::Known => return None,
        };
        let keys = session.cipher_keys().to_vec();
        Some(Doubt { keys, may_be_plain, may_begin: !self.is_within_cipher, is_certain })
    }

    /// Finds out how bytes, in which frames are searched, are made plain, and makes them so.
    pub(super) fn unseal(
        &mut self,
        from: usize,
        replay: &mut Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) -> Unsealed {
        let from = from.max(self.catch_up(replay, direction));
        let Some(doubt) = self.doubt(replay, direction) else {
            return Unsealed::Plain { from, is_end };
        };
        if doubt.may_be_plain
            && let Some(found) = self.begins_cipher(replay, direction, tools)
        {
            return Unsealed::Frame(found);
        }
        if let Some((start, key)) = self.start(&doubt, true, replay, direction, is_end, tools) {
            // What the sender did not encrypt.
            let front = self.plain_front(start, replay, direction, tools);
            if let Some(found) = front {
                return Unsealed::Frame(found);
            }
            self.pass(start, false, replay, direction, events);
            self.decrypt(&key, Cipher::from_here(&key), replay, direction, events);
            return Unsealed::Plain { from: 0, is_end };
        }
        if let Some(key) = self.within(&doubt, replay, direction, is_end, tools) {
            self.decrypt(&key, Cipher::behind(&key), replay, direction, events);
            return Unsealed::Plain { from: KEY_LEN, is_end };
        }
        match doubt.may_be_plain {
            true => Unsealed::Plain { from, is_end: is_end && !doubt.is_certain },
            false => Unsealed::Not,
        }
    }

    /// The same where a frame begins with the first byte. Gives what is not known then.
    pub(super) fn resolve(
        &mut self,
        replay: &mut Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) -> Option<Doubt> {
        self.catch_up(replay, direction);
        let doubt = self.doubt(replay, direction)?;
        match self.start(&doubt, false, replay, direction, is_end, tools) {
            Some((_, key)) => {
                self.decrypt(&key, Cipher::from_here(&key), replay, direction, events);
                None
            }
            None => Some(doubt),
        }
    }

    /// Whether more bytes may tell whether those that there are are encrypted.
    pub(super) fn may_wait(&self, is_end: bool) -> bool {
        !is_end && self.bytes.len() <= DOUBTED_MAX
    }

    /// Whether a first frame of so many bytes that is a packet is none by chance.
    pub(super) fn is_solid(&self, len: usize) -> bool {
        len >= SOLID_LEN || self.bytes.len() == len || self.segments.contains(&len)
    }

    /// Whether the first frame, read in a form, changes something in the session.
    pub(super) fn has_events(&self, form: Form, replay: &Replay, direction: Direction) -> bool {
        let packet = packet_of(&self.bytes, form, replay.session.protocol(), direction);
        packet.is_some_and(|packet| !packet.events.is_empty() || packet.says_version)
    }

    /// How many whole frames there are, up to so many.
    pub(super) fn frames(&self, framing: &Framing, most: usize) -> usize {
        frames(framing, &self.bytes, most).0
    }

    /// Whether the bytes are cut into frames by more than chance, and these are packets, each in some form.
    pub(super) fn is_row(
        &self,
        framing: &Framing,
        forms: &[Form],
        replay: &Replay,
        direction: Direction,
        tools: &mut Tools,
    ) -> bool {
        let (count, len) = frames(framing, &self.bytes, LAST_FRAMES);
        let is_all = len == self.bytes.len();
        let is_row = count >= LAST_FRAMES || is_all && (len >= SOLID_LEN || count > 1);
        let mut rest = self.bytes.get(..len).unwrap_or_default();
        while let Ok(Some(frame)) = framing.next(rest)
            && is_row
        {
            let (frame, behind) = rest.split_at(frame.len.min(rest.len()));
            if self.reads_one(frame, forms, replay, direction, tools).is_none() {
                return false;
            }
            rest = behind;
        }
        is_row
    }

    /// The bytes are, from the first one on, and so is what follows.
    fn decrypt(
        &mut self,
        key: &Key,
        mut cipher: Cipher,
        replay: &mut Replay,
        direction: Direction,
        events: &mut Vec<Event>,
    ) {
        let plain = cipher.decrypt(&self.bytes);
        self.bytes.copy_from_slice(&plain);
        replay.session.know_cipher(direction, key);
        replay.drain(events);
        replay.ciphers[direction.index()] = Some(cipher);
    }

    /// Decrypts the bytes, if the other direction has shown the key by now. Gives how many of them cannot be.
    fn catch_up(&mut self, replay: &mut Replay, direction: Direction) -> usize {
        if replay.session.ciphered(direction) != Ciphered::Known {
            return 0;
        }
        let unreadable = if self.is_within_cipher { replay.miss(direction) } else { 0 };
        replay.take_cipher(direction);
        let plain = replay.decrypted(direction, &self.bytes).into_owned();
        self.bytes.copy_from_slice(&plain);
        unreadable
    }

    /// The first bytes that are decrypted to see what they are.
    fn tried(&self, doubt: &Doubt, start: usize) -> &[u8] {
        let len = TRIED_LEN[usize::from(doubt.keys.len() > FEW_KEYS)];
        let bytes = self.bytes.get(start..).unwrap_or_default();
        &bytes[..bytes.len().min(len)]
    }

    /// Where encryption begins, and with which key: behind what is missing, or with one of the first segments.
    fn start(
        &self,
        doubt: &Doubt,
        is_anywhere: bool,
        replay: &Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
    ) -> Option<(usize, Key)> {
        if !doubt.may_begin {
            return None;
        }
        for start in self.places().take(if is_anywhere { usize::MAX } else { 1 }) {
            let bytes = self.tried(doubt, start);
            let is_end = is_end && start + bytes.len() == self.bytes.len();
            for key in &doubt.keys {
                let plain = Cipher::from_here(key).decrypt(bytes);
                if self.has_frames(&plain, replay, direction, is_end, tools) {
                    return Some((start, key.clone()));
                }
            }
        }
        None
    }

    /// Whether decrypted bytes are frames.
    fn has_frames(
        &self,
        plain: &[u8],
        replay: &Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
    ) -> bool {
        let protocol = replay.session.protocol();
        let Some(framing) = protocol.stack.framing else { return false };
        let (forms, _) = self.ways.forms(replay, direction);
        let search = Search {
            segments: &[0],
            may_differ: true,
            passed: 0,
            offsets_max: 1,
            ..self.search(protocol, &forms, framing, direction, is_end)
        };
        let mut inflater = Inflater::new(tools.inflate_max);
        if search.find(plain, 0, &mut inflater, &mut tools.workspace).is_err() {
            return false;
        }
        let (frames, len) = frames(&framing, plain, LAST_FRAMES);
        !is_end || frames >= LAST_FRAMES || len == plain.len()
    }

    /// The key with which bytes are encrypted since somewhere in what is missing.
    fn within(
        &self,
        doubt: &Doubt,
        replay: &Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
    ) -> Option<Key> {
        let protocol = replay.session.protocol();
        let framing = protocol.stack.framing?;
        let (forms, _) = self.ways.forms(replay, direction);
        let bytes = self.tried(doubt, 0);
        let is_end = is_end && bytes.len() == self.bytes.len();
        let search = Search {
            passed: 0,
            may_differ: true,
            ..self.search(protocol, &forms, framing, direction, is_end)
        };
        let mut inflater = Inflater::new(tools.inflate_max);
        let mut has_frames = |key: &&Key| {
            let plain = Cipher::behind(key).decrypt(bytes);
            let found = search.find(&plain, KEY_LEN, &mut inflater, &mut tools.workspace);
            found.is_ok_and(|found| {
                let (frames, len) =
                    frames(&framing, plain.get(found.offset..).unwrap_or_default(), LAST_FRAMES);
                !is_end || frames >= LAST_FRAMES || found.offset + len == plain.len()
            })
        };
        doubt.keys.iter().find(|key| has_frames(key)).cloned()
    }

    /// Where segments begin, the first byte included.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let behind = self.segments.iter().copied().filter(|start| *start > 0);
        std::iter::once(0).chain(behind.take(STARTS_MAX))
    }

    /// A plain frame that begins encryption, and is whole segments.
    fn begins_cipher(
        &self,
        replay: &Replay,
        direction: Direction,
        tools: &mut Tools,
    ) -> Option<Found> {
        let protocol = replay.session.protocol();
        let framing = protocol.stack.framing?;
        let (forms, _) = self.ways.forms(replay, direction);
        self.places().find_map(|offset| {
            let rest = self.bytes.get(offset..)?;
            let frame = framing.next(rest).ok()?.filter(|frame| frame.len >= SOLID_LEN)?;
            let end = offset + frame.len;
            if end != self.bytes.len() && !self.segments.contains(&end) {
                return None;
            }
            let form = self.reads_one(&rest[..frame.len], &forms, replay, direction, tools)?;
            let packet = packet_of(rest, form, protocol, direction)?;
            let begins = packet.events.iter().any(|event| event.may_encrypt());
            begins.then_some(Found { offset, form, is_sure: false })
        })
    }

    /// Plain frames that end where encryption begins.
    fn plain_front(
        &self,
        end: usize,
        replay: &Replay,
        direction: Direction,
        tools: &mut Tools,
    ) -> Option<Found> {
        let framing = replay.session.protocol().stack.framing?;
        let (forms, _) = self.ways.forms(replay, direction);
        self.places().take_while(|offset| *offset < end).find_map(|offset| {
            let mut rest = self.bytes.get(offset..end)?;
            let mut first = None;
            while !rest.is_empty() {
                let len = framing.next(rest).ok()??.len;
                let frame = rest.get(..len).filter(|frame| !frame.is_empty())?;
                let form = self.reads_one(frame, &forms, replay, direction, tools)?;
                first = first.or(Some(form));
                rest = &rest[len..];
            }
            first.map(|form| Found { offset, form, is_sure: false })
        })
    }

    /// The form in which a frame is a packet.
    fn reads_one(
        &self,
        frame: &[u8],
        forms: &[Form],
        replay: &Replay,
        direction: Direction,
        tools: &mut Tools,
    ) -> Option<Form> {
        let protocol = replay.session.protocol();
        let framing = protocol.stack.framing?;
        let search = self.search(protocol, forms, framing, direction, true);
        let mut inflater = Inflater::new(tools.inflate_max);
        search.reads(frame, 1, &mut inflater, &mut tools.workspace)
    }
}

/// How many whole frames some bytes begin with, up to so many, and how many bytes these have.
fn frames(framing: &Framing, bytes: &[u8], most: usize) -> (usize, usize) {
    let (mut count, mut len) = (0, 0);
    while count < most
        && let Some(Ok(Some(frame))) = bytes.get(len..).map(|rest| framing.next(rest))
        && frame.len > 0
    {
        count += 1;
        len += frame.len;
    }
    (count, len)
}

/// The packet that some bytes begin with, unless it is compressed.
fn packet_of(
    bytes: &[u8],
    form: Form,
    protocol: &Arc<Protocol>,
    direction: Direction,
) -> Option<Arc<PacketDefinition>> {
    let frame = protocol.stack.framing?.next(bytes).ok()??;
    let mut payload = bytes.get(frame.payload)?;
    if form.compressed {
        let parts = split(payload).ok().filter(|parts| parts.plain_len.is_none())?;
        payload = parts.data;
    }
    let (id, _) = wire_id::read(&protocol.stack, form.state, payload)?;
    protocol.dialect(form.version).packet(form.state, direction, id).cloned()
}
