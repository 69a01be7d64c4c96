//! A direction of a stream in which something is missing: where its next frame begins, and how it is read
//! from there on.
//!
//! ```text
//!  start of a frame │ missing │ rest of it │ next frame        its length says where that is
//!             frames │ missing │ ....... │ next frame          searched: sync
//! ```

mod doubt;
mod ways;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use midwire_capture::Timestamp;
use midwire_codec::{Framing, Inflater};
use midwire_definition::Protocol;
use midwire_session::{Ciphered, Direction, Event};

use self::doubt::{Doubt, Unsealed};
pub(super) use self::ways::forms;
use self::ways::{Ways, forms_before};
use super::replay::Replay;
use super::sync::{Form, Found, Search};
use super::tools::Tools;

/// Bytes in which the next frame is searched.
const SEARCHED_MAX: usize = 1 << 20;
/// Bytes without a frame after which none is searched any more: they may be encrypted.
const SEARCHED_IN_ALL_MAX: u64 = 4 << 20;
/// Bytes that come, at least, between two searches, besides a fourth of those that there were.
const SEARCHED_STEP: usize = 64;
/// Frames in a row that are read as was supposed, until it is taken as sure.
const SURE_FRAMES: usize = 8;
/// Frames that are looked at to choose how they are read.
const CHOOSING_FRAMES: usize = 4;

/// A direction in which it is not known where the next frame begins, or how it is read.
pub(super) struct Lost {
    bytes: BytesMut,
    /// Where in them segments begin.
    segments: Vec<usize>,
    at: Timestamp,
    place: Place,
    ways: Ways,
    /// Once there are so many bytes, it is searched again: looking at each byte that comes would take the square
    /// of the time.
    tried_at: usize,
    /// Bytes that were given up.
    skipped: u64,
    /// Frames in a row that were read as was supposed.
    sure: usize,
    /// What is missing was encrypted, with a key that was not known yet.
    is_within_cipher: bool,
    /// What is missing, of this direction or the other one, may be the packet that begins encryption.
    may_lack_cipher: bool,
}

/// Where the next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Somewhere; it is searched from here on.
    Anywhere { from: usize },
    /// Behind so many bytes, which are the rest of a frame. `has_no_secret`: that is known of it.
    Behind { len: u64, has_no_secret: bool },
    /// Nowhere: it was searched for long enough.
    Nowhere,
}

impl Lost {
    /// The capture begins in the middle of the session; frames are searched from here on.
    pub(super) fn in_the_middle(forms: Vec<Form>, from: usize) -> Self {
        Self::new(Place::Anywhere { from }, Ways::These(forms))
    }

    fn new(place: Place, ways: Ways) -> Self {
        Self {
            bytes: BytesMut::new(),
            segments: Vec::new(),
            at: Timestamp(0),
            place,
            ways,
            tried_at: 0,
            skipped: 0,
            sure: 0,
            is_within_cipher: false,
            may_lack_cipher: false,
        }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Memory for what waits.
    pub(super) fn cost(&self) -> usize {
        self.bytes.capacity() + self.segments.capacity() * size_of::<usize>()
    }

    /// Bytes came.
    pub(super) fn take(&mut self, bytes: &[u8], at: Timestamp) {
        self.segments.push(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.at = at;
    }

    /// The first of the bytes, which are not looked at any more.
    fn split(&mut self, len: usize) -> Bytes {
        let len = len.min(self.bytes.len());
        self.segments.retain_mut(|start| match start.checked_sub(len) {
            Some(left) => {
                *start = left;
                true
            }
            None => false,
        });
        self.bytes.split_to(len).freeze()
    }

    /// The first bytes are shown as such.
    fn pass(
        &mut self,
        len: usize,
        has_no_secret: bool,
        replay: &mut Replay,
        direction: Direction,
        events: &mut Vec<Event>,
    ) {
        let bytes = self.split(len);
        if self.bytes.is_empty() {
            (self.bytes, self.segments) = (BytesMut::new(), Vec::new());
        }
        self.skipped += bytes.len() as u64;
        replay.unread(direction, bytes, has_no_secret, self.at, events);
    }
}

/// Bytes of a direction with frames are missing. Gives how many bytes there were of a frame in front of them.
pub(super) fn tear(
    replay: &mut Replay,
    direction: Direction,
    lost: &mut [Option<Lost>; 2],
    len: u64,
    at: Timestamp,
    tools: &mut Tools,
    events: &mut Vec<Event>,
) -> usize {
    let may_change_other = replay.session.may_change_other(direction);
    let may_change = may_change_other
        || replay.session.may_change_itself(direction)
        || replay.session.may_change_other(direction.opposite());
    let mut ways = if may_change { Ways::Any } else { Ways::AsBefore };
    let may_lack_cipher = replay.session.may_begin_cipher(direction);
    let is_within_cipher = replay.session.ciphered(direction) == Ciphered::Undecided;
    let mut place = Place::Anywhere { from: 0 };
    let (mut cut, mut skipped) = (0, 0);
    let mut is_known = true;
    let mut may_have_lacked = false;
    if let Some(mut earlier) = lost[direction.index()].take() {
        ways = earlier.ways.clone();
        may_have_lacked = earlier.may_lack_cipher;
        match earlier.place {
            Place::Anywhere { .. } => {
                cut = earlier.bytes.len();
                earlier.pass(cut, false, replay, direction, events);
                skipped = earlier.skipped;
                is_known = false;
            }
            Place::Nowhere => {
                place = Place::Nowhere;
                is_known = false;
            }
            Place::Behind { len: left, has_no_secret } if left > 0 => {
                is_known = false;
                if let Some(len) = left.checked_sub(len) {
                    place = Place::Behind { len, has_no_secret };
                }
            }
            Place::Behind { .. } => replay.put_back(direction, &earlier.bytes),
        }
    }
    if is_known {
        let torn = replay.tear(direction, at, &mut tools.scratch, events);
        cut = torn.len;
        let start = torn.start;
        // A length that is encrypted says nothing.
        let left = torn.left.filter(|_| !is_within_cipher);
        if let Some(left) = left.and_then(|left| left.checked_sub(len)) {
            let has_no_secret = start.is_some_and(|start| !start.has_secrets);
            place = Place::Behind { len: left, has_no_secret };
            if start.is_some_and(|start| !start.has_events) {
                ways = Ways::AsBefore;
            }
        }
    }
    let unreadable = replay.miss(direction);
    if unreadable > 0 && !matches!(place, Place::Behind { len, .. } if len >= unreadable as u64) {
        place = Place::Anywhere { from: unreadable };
    }
    replay.session.handle_missing(direction, len);
    let mut torn = Lost { skipped, ..Lost::new(place, ways) };
    torn.is_within_cipher = is_within_cipher;
    torn.may_lack_cipher = may_lack_cipher || may_have_lacked;
    lost[direction.index()] = Some(torn);
    let other = direction.opposite();
    let is_other_unsure = may_change_other || may_lack_cipher;
    if is_other_unsure && lost[other.index()].is_none() && replay.session.is_framed(other) {
        let place = Place::Behind { len: 0, has_no_secret: false };
        let mut unsure = Lost::new(place, Ways::Any);
        unsure.take(&replay.take_back(other), at);
        replay.take_cipher(other);
        lost[other.index()] = Some(unsure);
    }
    if let Some(unsure) = lost[other.index()].as_mut() {
        unsure.may_lack_cipher |= may_lack_cipher;
    }
    cut
}

/// Too much waits in all sessions: what does in this direction is shown as bytes.
pub(super) fn give_up(
    replay: &mut Replay,
    direction: Direction,
    lost: &mut [Option<Lost>; 2],
    at: Timestamp,
    tools: &mut Tools,
    events: &mut Vec<Event>,
) {
    let (len, what) = match &mut lost[direction.index()] {
        Some(searched) if matches!(searched.place, Place::Anywhere { .. }) => {
            let len = searched.bytes.len();
            searched.pass(len, false, replay, direction, events);
            (searched.place, searched.tried_at) = (Place::Anywhere { from: 0 }, 0);
            (len, "in which a frame was searched")
        }
        _ => {
            let len = tear(replay, direction, lost, 0, at, tools, events);
            (len, "of a frame that is not whole")
        }
    };
    if len > 0 {
        replay.tell_given_up(len, direction, what, at, events);
    }
}

/// Finds out where frames go on and how, if that can be, and reads on from there.
pub(super) fn go_on(
    replay: &mut Replay,
    direction: Direction,
    lost: &mut Option<Lost>,
    is_end: bool,
    tools: &mut Tools,
    events: &mut Vec<Event>,
) {
    let Some(mut searched) = lost.take() else { return };
    let protocol = replay.session.protocol().clone();
    let Some(framing) = protocol.stack.framing else { return };
    if !replay.session.is_framed(direction) {
        return replay.stream(direction, &searched.bytes, searched.at, tools, events);
    }
    let is_done = match searched.place {
        Place::Anywhere { .. } if searched.bytes.len() < searched.tried_at && !is_end => false,
        Place::Anywhere { from } => {
            let found = match searched.unseal(from, replay, direction, is_end, tools, events) {
                Unsealed::Plain { from, is_end } => {
                    let (forms, as_before) = searched.ways.forms(replay, direction);
                    let search = searched.search(&protocol, &forms, framing, direction, is_end);
                    let mut inflater = Inflater::new(tools.inflate_max);
                    let workspace = &mut tools.workspace;
                    let found = search.find(&searched.bytes, from, &mut inflater, workspace);
                    let is_as_before =
                        |found: &Found| as_before == 1 && forms.first() == Some(&found.form);
                    found.map(|found| (found, is_as_before(&found)))
                }
                Unsealed::Frame(found) => Ok((found, false)),
                Unsealed::Not => Err(from),
            };
            match found {
                Ok((found, is_as_before)) => {
                    searched.found(found, is_as_before, replay, direction, events);
                    searched.check(&framing, replay, direction, is_end, tools, events)
                }
                Err(from) => searched.keep(from, is_end, replay, direction, events),
            }
        }
        Place::Nowhere => {
            searched.pass(searched.bytes.len(), false, replay, direction, events);
            is_end
        }
        Place::Behind { len, has_no_secret } => {
            let there = usize::try_from(len).unwrap_or(usize::MAX).min(searched.bytes.len());
            searched.pass(there, has_no_secret, replay, direction, events);
            let len = len - there as u64;
            searched.place = Place::Behind { len, has_no_secret };
            let is_due = is_end || searched.bytes.len() >= searched.tried_at;
            len == 0 && is_due && searched.check(&framing, replay, direction, is_end, tools, events)
        }
    };
    if !is_done {
        *lost = Some(searched);
    }
}

impl Lost {
    fn search<'a>(
        &'a self,
        protocol: &'a Arc<Protocol>,
        forms: &'a [Form],
        framing: Framing,
        direction: Direction,
        is_end: bool,
    ) -> Search<'a> {
        Search {
            protocol,
            framing,
            direction,
            forms,
            segments: &self.segments,
            may_differ: !matches!(self.ways, Ways::These(_)),
            passed: self.skipped,
            is_end,
            offsets_max: usize::MAX,
        }
    }

    /// Here the next frame begins.
    fn found(
        &mut self,
        found: Found,
        is_as_before: bool,
        replay: &mut Replay,
        direction: Direction,
        events: &mut Vec<Event>,
    ) {
        let Found { offset, form, is_sure } = found;
        self.pass(offset, false, replay, direction, events);
        if self.skipped > 0 {
            let text = format!("{direction} frames are found again {} bytes further", self.skipped);
            replay.tell(text, self.at, events);
        }
        if !is_as_before {
            replay.session.enter(direction, form.state, form.compressed.then_some(0));
        }
        self.place = Place::Behind { len: 0, has_no_secret: false };
        self.tried_at = 0;
        self.sure = if is_sure { SURE_FRAMES } else { 0 };
    }

    /// Nothing was found so far. Gives whether nothing more is searched.
    fn keep(
        &mut self,
        from: usize,
        is_end: bool,
        replay: &mut Replay,
        direction: Direction,
        events: &mut Vec<Event>,
    ) -> bool {
        self.place = Place::Anywhere { from };
        if !is_end && self.skipped.saturating_add(from as u64) >= SEARCHED_IN_ALL_MAX {
            self.pass(self.bytes.len(), false, replay, direction, events);
            self.place = Place::Nowhere;
            let text = format!(
                "in {} {direction} bytes no frame was found: what follows is shown as bytes",
                self.skipped
            );
            replay.tell(text, self.at, events);
            return false;
        }
        if is_end || self.bytes.len() > SEARCHED_MAX {
            let gone = if is_end { self.bytes.len() } else { from.max(SEARCHED_MAX / 2) };
            self.pass(gone, false, replay, direction, events);
            self.place = Place::Anywhere { from: from.saturating_sub(gone) };
        }
        self.tried_at = self.bytes.len() + self.bytes.len() / 4 + SEARCHED_STEP;
        if is_end && self.skipped > 0 {
            let doubt = self.doubt(replay, direction);
            let why = doubt.as_ref().map_or("", Doubt::reason);
            let skipped = self.skipped;
            let text = format!("in {skipped} more {direction} bytes no frame was found{why}");
            replay.tell(text, self.at, events);
        }
        is_end
    }

    /// The first bytes may be encrypted, and no key fits them. Gives whether nothing more is searched.
    fn wait(
        &mut self,
        is_end: bool,
        replay: &mut Replay,
        direction: Direction,
        events: &mut Vec<Event>,
    ) -> bool {
        if self.may_wait(is_end) {
            self.tried_at = self.bytes.len() + self.bytes.len() / 4 + SEARCHED_STEP;
            return false;
        }
        self.skipped = 0;
        self.keep(0, is_end, replay, direction, events)
    }

    /// Reads frames one after the other: of each it is known where it begins, and not how it is read. Gives
    /// whether that is sure by now.
    fn check(
        &mut self,
        framing: &Framing,
        replay: &mut Replay,
        direction: Direction,
        is_end: bool,
        tools: &mut Tools,
        events: &mut Vec<Event>,
    ) -> bool {
        let protocol = replay.session.protocol().clone();
        while self.sure < SURE_FRAMES {
            if !replay.session.is_framed(direction) {
                break;
            }
            let doubt = self.resolve(replay, direction, is_end, tools, events);
            if doubt.is_none() && self.ways.forms(replay, direction).0.len() <= 1 {
                break;
            }
            let len = match framing.next(&self.bytes) {
                Ok(Some(frame)) if frame.len > 0 => frame.len,
                Ok(_) | Err(_) if doubt.is_some() => {
                    return self.wait(is_end, replay, direction, events);
                }
                Ok(_) if !is_end => return false,
                Ok(_) | Err(_) => break,
            };
            let mut inflater = Inflater::new(tools.inflate_max);
            let (forms, as_before) = self.ways.forms(replay, direction);
            let before = forms_before(replay, direction);
            let mut reads = |forms: &[Form], least: usize, tools: &mut Tools| {
                let search = Search {
                    protocol: &protocol,
                    framing: *framing,
                    direction,
                    forms,
                    segments: &[],
                    may_differ: false,
                    passed: 0,
                    is_end,
                    offsets_max: 1,
                };
                search.reads(&self.bytes, least, &mut inflater, &mut tools.workspace)
            };
            // As before, unless another way says much more about the frame.
            let all = if as_before > 0 { &forms } else { &before };
            let known = reads(all, 1, tools).filter(|form| before.contains(form));
            if let Some(doubt) = &doubt
                && !(doubt.may_be_plain
                    && (known.is_some() && self.is_solid(len)
                        || self.is_row(framing, &forms, replay, direction, tools)))
            {
                return self.wait(is_end, replay, direction, events);
            }
            let mut form = known
                .or_else(|| reads(&forms[as_before..], CHOOSING_FRAMES, tools))
                .or_else(|| reads(&forms[as_before..], 1, tools));
            // Where encryption begins, forms change as well, and small frames read in several: those behind them tell.
            if replay.ciphers[direction.index()].is_some() {
                let mut count = |forms: &[Form]| {
                    forms.iter().filter(|form| reads(&[**form], 1, tools).is_some()).count()
                };
                let (reading, reading_before) = (count(&forms), count(&before));
                let is_unclear =
                    reading > 1 && self.frames(framing, CHOOSING_FRAMES) < CHOOSING_FRAMES;
                if is_unclear && is_end && reading_before != 1 {
                    return self.keep(0, is_end, replay, direction, events);
                }
                // What changes something for others cannot wait.
                let has_events = known.is_some_and(|form| self.has_events(form, replay, direction));
                if is_unclear && !is_end && !has_events {
                    return false;
                }
                form = reads(&forms, CHOOSING_FRAMES, tools).or(form);
            }
            let known = form.filter(|form| before.contains(form));
            self.sure = if known.is_some() { self.sure + 1 } else { usize::from(form.is_some()) };
            if let Some(form) = form.filter(|form| before != [*form]) {
                replay.session.enter(direction, form.state, form.compressed.then_some(0));
            }
            let frame = self.split(len);
            replay.stream(direction, &frame, self.at, tools, events);
        }
        let bytes = self.bytes.split();
        replay.stream(direction, &bytes, self.at, tools, events);
        true
    }
}
