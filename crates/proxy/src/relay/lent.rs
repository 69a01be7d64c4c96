//! Memory that belongs to a thread, lent to the session that it drives just now.

use std::cell::RefCell;

use bytes::BytesMut;
use midwire_session::{Scratch, Setup, Watch};

use crate::record::Tape;

/// Bytes of one read, where what comes of them is kept for somebody who looks at packets: compressed
/// ones may become a thousand times as much.
const READ: usize = 64 << 10;
/// The same where nobody does: the fewer reads the better.
const READ_UNSEEN: usize = 256 << 10;
/// A buffer with less room than this gets new room.
const ROOM_MIN: usize = 16 << 10;
/// Unfinished frames up to this size are copied in front of every read; larger ones only where a read is likely
/// to bring more than that.
pub(super) const LEFTOVER_MAX: usize = 8 << 10;

/// What a thread lends to the session that it drives just now.
pub(super) struct Lent {
    pub(super) read: BytesMut,
    /// What is only copied.
    pub(super) copy: Vec<u8>,
    pub(super) scratch: Scratch,
}

thread_local! {
    static LENT: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

/// Runs `act` with this thread's memory.
pub(super) fn with_lent<R>(setup: &Setup, act: impl FnOnce(&mut Lent) -> R) -> R {
    LENT.with_borrow_mut(|lent| {
        let make = || Lent {
            read: BytesMut::new(),
            copy: Vec::new(),
            scratch: Scratch::new(&setup.options().limits),
        };
        act(lent.get_or_insert_with(make))
    })
}

/// Bytes of one read.
pub(super) fn read_len(watch: Watch) -> usize {
    if watch == Watch::Nothing { READ_UNSEEN } else { READ }
}

impl Lent {
    /// Makes `read` empty, with room for a read of `read_len` bytes with what was left in front: all of it
    /// where what was read before has been written, and less where other memory would have to be taken for
    /// more. What goes on a tape is held for longer than that.
    pub(super) fn make_room(&mut self, left: usize, read_len: usize, tape: Option<&Tape>) {
        self.read.clear();
        let len = read_len + LEFTOVER_MAX;
        let room = self.read.capacity();
        if room >= len || self.read.try_reclaim(len) || room >= left + ROOM_MIN {
            return;
        }
        self.read = match tape {
            Some(tape) => tape.change_buffer(std::mem::take(&mut self.read), len),
            None => BytesMut::with_capacity(len),
        };
    }
}

/// Makes room in the buffer of a large frame, which is the session's own: as much as there is already.
pub(super) fn grow(buffer: &mut BytesMut) {
    if buffer.capacity() - buffer.len() < ROOM_MIN {
        buffer.reserve(buffer.len().max(ROOM_MIN));
    }
}
