//! Memory that belongs to a thread, lent to the session that it drives just now.

use std::cell::RefCell;

use bytes::BytesMut;
use midwire_session::{Scratch, Setup, Watch};

/// Bytes of one read, where what comes of them is kept for somebody who looks at packets: compressed
/// ones may become a thousand times as much.
const READ: usize = 64 << 10;
/// The same where nobody does: the fewer reads the better.
const READ_UNSEEN: usize = 256 << 10;
/// A buffer with less room than this gets new room.
const ROOM_MIN: usize = 16 << 10;

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

/// Makes room for a read of `len` bytes: all of it where what was read before has been written, and less
/// where new memory would have to be taken for more.
pub(super) fn make_room(buffer: &mut BytesMut, len: usize) {
    let room = buffer.capacity() - buffer.len();
    if room < len && !buffer.try_reclaim(len) && room < ROOM_MIN {
        buffer.reserve(len);
    }
}

/// Makes room in the buffer of a large frame, which is the session's own: as much as there is already.
pub(super) fn grow(buffer: &mut BytesMut) {
    if buffer.capacity() - buffer.len() < ROOM_MIN {
        buffer.reserve(buffer.len().max(ROOM_MIN));
    }
}
