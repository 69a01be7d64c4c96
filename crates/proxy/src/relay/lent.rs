//! Memory that belongs to a thread, lent to the session that it drives just now.

use std::cell::RefCell;

use bytes::BytesMut;
use midwire_session::{Scratch, Setup};

/// Bytes of one read.
const READ: usize = 64 << 10;
/// A buffer with less room than this gets new room.
const ROOM_MIN: usize = 16 << 10;

/// What a thread lends to the session that it drives just now.
pub(super) struct Lent {
    pub(super) read: BytesMut,
    pub(super) scratch: Scratch,
}

thread_local! {
    static LENT: RefCell<Option<Lent>> = const { RefCell::new(None) };
}

/// Runs `act` with this thread's memory.
pub(super) fn with_lent<R>(setup: &Setup, act: impl FnOnce(&mut Lent) -> R) -> R {
    LENT.with_borrow_mut(|lent| {
        let make =
            || Lent { read: BytesMut::new(), scratch: Scratch::new(&setup.options().limits) };
        act(lent.get_or_insert_with(make))
    })
}

/// Makes room for a read: all of it where what was read before has been written, and less where new
/// memory would have to be taken for more.
pub(super) fn make_room(buffer: &mut BytesMut) {
    let room = buffer.capacity() - buffer.len();
    if room < READ && !buffer.try_reclaim(READ) && room < ROOM_MIN {
        buffer.reserve(READ);
    }
}
