//! Giving memory of sessions that are over back to the system.

use std::time::Duration;

/// How long after the end of a session memory is released, with that of others which have ended by then.
pub(super) const RELEASE_AFTER: Duration = Duration::from_millis(200);

/// Threads that are asked for memory.
pub(super) const RELEASES: usize = 8;

/// Lets the allocator give memory back to the system. The one of Linux looks for some when a piece of 64 KiB or
/// more is freed, and what sessions free is smaller: without this, two thousand that are over mostly leave ten
/// megabytes behind until something else is freed.
pub(super) fn release_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(96 << 10)));
}
