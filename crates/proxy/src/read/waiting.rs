//! What waits in all sessions together: starts of frames, bytes in which a frame is searched, frames that were
//! not sent. A file may have any number of those, so where they are too many, the largest are given up.

use std::cmp::Reverse;
use std::net::SocketAddr;

use super::sessions::{Key, Recorded, Sessions};

/// Memory for what waits in all sessions, in bytes.
pub(super) const WAITING_MAX: usize = 8 << 20;
/// What is left of it where some is given up: so that it is seldom looked for.
const WAITING_LEFT: usize = WAITING_MAX / 2;
/// Memory for what waits in one session while all others have little: a screen in one piece is that large.
const ALONE_MAX: usize = 16 << 20;
/// What all others have then.
const OTHERS_MAX: usize = 1 << 20;
/// How much more may wait until that is looked at again.
const STEP: usize = 256 << 10;

/// Who has something that waits. In the order of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Recorded(u64),
    Away(u64, SocketAddr),
    Stream(Key),
}

/// All that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    len: usize,
    /// So much may.
    max: usize,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { len: 0, max: WAITING_MAX }
    }
}

impl Waiting {
    /// Of something that had so much, so much is waiting now.
    #[inline]
    pub(super) const fn change(&mut self, before: &mut usize, now: usize) {
        self.len = self.len.wrapping_add(now).wrapping_sub(*before);
        *before = now;
    }

    /// Whether it is so much that memory for what may not be needed again is better given back.
    #[inline]
    pub(super) const fn is_much(self) -> bool {
        self.len > WAITING_MAX / 4
    }

    /// Whether it is too much.
    #[inline]
    pub(super) const fn is_too_much(self) -> bool {
        self.len > self.max
    }
}

impl Sessions {
    /// Gives up the largest of what waits, until little enough does.
    #[cold]
    pub(super) fn make_room(&mut self) {
        let recorded = self.recorded.iter().map(|(k, open)| (Holder::Recorded(*k), open.waiting));
        let away = self.away.iter().map(|(k, open)| (Holder::Away(k.0, k.1), open.waiting));
        let streams = self.streams.iter().map(|(k, open)| (Holder::Stream(*k), open.waiting));
        let mut holders: Vec<(Reverse<usize>, Holder)> = recorded
            .chain(away)
            .chain(streams)
            .filter(|(_, len)| *len > 0)
            .map(|(holder, len)| (Reverse(len), holder))
            .collect();
        holders.sort_unstable();
        let largest = holders.first().map_or(0, |(len, _)| len.0);
        let all = self.waiting.len;
        if all > WAITING_MAX && largest <= ALONE_MAX && all - largest <= OTHERS_MAX {
            self.waiting.max = all + STEP;
            return;
        }
        self.waiting.max = WAITING_MAX;
        for (_, holder) in holders {
            if self.waiting.len <= WAITING_LEFT {
                break;
            }
            match holder {
                Holder::Recorded(session) => {
                    if let Some(mut open) = self.recorded.remove(&session) {
                        self.relieve(&mut open);
                        self.recorded.insert(session, open);
                    }
                }
                Holder::Away(session, client) => {
                    if let Some(mut open) = self.away.remove(&(session, client)) {
                        self.relieve(&mut open);
                        self.away.insert((session, client), open);
                    }
                }
                Holder::Stream(key) => {
                    let now = self.now;
                    self.act(key, |stream, tools, events| stream.relieve(now, tools, events));
                }
            }
        }
    }

    fn relieve(&mut self, open: &mut Recorded) {
        open.replay.relieve(self.now, &mut self.tools.scratch, &mut self.events);
        self.waiting.change(&mut open.waiting, open.replay.waiting());
        self.recorded_packets += open.count();
        self.give(open.number, open.replay.begun);
    }
}
