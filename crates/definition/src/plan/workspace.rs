//! Where positions are kept while a packet is looked at: one growing array of slots, used again for the next.

use std::sync::Arc;

use midwire_codec::{CompressionError, Inflater, Wrapper};

use super::measure::Step;
use super::{Layout, LayoutId};
use crate::limits::Limits;

/// A slot that has not been written: what it stands for was not reached.
pub(crate) const ABSENT: u32 = u32::MAX;

/// Slots of a block's header: the block around it, the buffer, where it starts, where its window ends.
pub(crate) const PARENT: u32 = 0;
pub(crate) const BUFFER: u32 = 1;
pub(crate) const START: u32 = 2;
pub(crate) const LIMIT: u32 = 3;
/// Behind the header come two slots an argument, then those that the plan uses.
pub(crate) const HEADER: u32 = 4;

/// Every so many elements of an array whose elements vary in size, a position is kept.
pub(crate) const INDEX_STRIDE: u32 = 64;

/// A layout at a certain place: a block of slots in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activation {
    pub(crate) base: u32,
    pub(crate) layout: LayoutId,
}

/// A range of bytes: of the payload (buffer 0) or of an inflated block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// 0: the payload; others in order of inflating.
    pub buffer: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Memory for looking at packets, one after the other. Nothing is allocated in the steady state.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Blocks of slots, up to `top`; what lies above is room for more.
    pub(crate) slots: Vec<u32>,
    pub(crate) top: usize,
    /// Positions of every [`INDEX_STRIDE`]th element; an array's part of it starts where its slot says.
    pub(crate) index: Vec<u32>,
    /// Buffer n is at n - 1. Those from `live` on are kept for later.
    pub(crate) buffers: Vec<Arc<Vec<u8>>>,
    pub(crate) live: usize,
    /// Elements of varying size, and activations of recursive types, passed in this run.
    pub(crate) walked: u32,
    /// Bytes that compressed blocks have become in this run.
    pub(crate) inflated: usize,
    pub(crate) inflater: Inflater,
    /// What a packet may make us do.
    pub limits: Limits,
    /// Every instruction is run exactly.
    pub(crate) exact: bool,
    /// The end of a packet is looked for whose bytes may go on.
    pub(super) measuring: bool,
    /// Blocks of known size around the place that is being read: their bytes are all there.
    pub(super) bounded: u32,
    /// Where a run stopped that wants more bytes, or is to be gone on with.
    pub(super) trail: Vec<Step>,
}

/// A state of the workspace to go back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoint {
    top: usize,
    index: usize,
    live: usize,
}

impl Checkpoint {
    /// Of what was inflated before nothing is kept.
    pub(super) fn forget_buffers(&mut self) {
        self.live = 0;
    }
}

impl Workspace {
    /// A workspace with these limits.
    pub fn new(limits: Limits) -> Workspace {
        let inflater = Inflater::new(limits.inflate_max as usize);
        Workspace { limits, inflater, ..Workspace::default() }
    }

    /// Whether to run instructions the quick way first. Tests compare both ways.
    #[inline]
    pub(crate) fn is_quick(&self) -> bool {
        !self.exact
    }

    /// Forgets the packet before.
    pub(crate) fn clear(&mut self) {
        self.top = 0;
        self.index.clear();
        self.live = 0;
        self.bounded = 0;
        self.trail.clear();
        self.begin_counting();
    }

    /// Counts towards the limits of a packet from 0 again.
    pub(crate) fn begin_counting(&mut self) {
        (self.walked, self.inflated) = (0, 0);
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> (u32, usize) {
        (self.walked, self.inflated)
    }

    /// Goes back to what was counted.
    pub(crate) fn set_counts(&mut self, counts: (u32, usize)) {
        (self.walked, self.inflated) = counts;
    }

    /// Counts elements; gives the limit and the number that is over it.
    #[inline]
    pub(crate) fn count_walked(&mut self, more: u32) -> Result<(), (u32, u32)> {
        self.walked = self.walked.saturating_add(more);
        let max = self.limits.elements_max;
        if self.walked > max { Err((max, self.walked)) } else { Ok(()) }
    }

    /// Inflates a block, as far as `inflate_max` allows for one.
    pub(crate) fn inflate(
        &mut self,
        wrapper: Wrapper,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let max = self.limits.inflate_max as usize;
        if self.inflater.inflate_max() != max {
            self.inflater = Inflater::new(max);
        }
        self.inflater.inflate_block(wrapper, data, out).map(|_| ())
    }

    /// Counts bytes of an inflated block; gives the limit and the number that is over it.
    pub(crate) fn count_inflated(&mut self, more: usize) -> Result<(), (u32, usize)> {
        self.inflated = self.inflated.saturating_add(more);
        let max = self.limits.inflate_max;
        if self.inflated > max as usize { Err((max, self.inflated)) } else { Ok(()) }
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { top: self.top, index: self.index.len(), live: self.live }
    }

    pub(crate) fn restore(&mut self, to: Checkpoint) {
        self.top = to.top;
        self.index.truncate(to.index);
        self.live = to.live;
    }

    /// A new block for a layout.
    #[inline]
    pub(crate) fn push_block(&mut self, layout: &Layout, header: [u32; 4]) -> u32 {
        self.push(layout.slots as usize, header).0
    }

    /// The same, and its slots.
    #[inline]
    pub(crate) fn push(&mut self, slots: usize, header: [u32; 4]) -> (u32, &mut [u32]) {
        // Most blocks are small, and made by a few wide stores instead of a loop.
        const SMALL: usize = 16;
        const MIDDLE: usize = 32;
        let base = self.top;
        let room = base + slots.max(MIDDLE);
        if room > self.slots.len() {
            self.grow(room);
        }
        self.top = base + slots;
        let block = &mut self.slots[base..room];
        if let Some((small, more)) = block.split_first_chunk_mut::<SMALL>() {
            *small = [ABSENT; SMALL];
            small[..header.len()].copy_from_slice(&header);
            if slots > SMALL
                && let Some((middle, more)) = more.split_first_chunk_mut::<{ MIDDLE - SMALL }>()
            {
                *middle = [ABSENT; MIDDLE - SMALL];
                if slots > MIDDLE {
                    more.fill(ABSENT);
                }
            }
        }
        (base as u32, &mut block[..slots])
    }

    #[cold]
    fn grow(&mut self, room: usize) {
        self.slots.resize(room.next_power_of_two(), ABSENT);
    }

    /// The slots of a block.
    #[inline]
    pub(crate) fn block(&mut self, base: u32, layout: &Layout) -> &mut [u32] {
        &mut self.slots[base as usize..][..layout.slots as usize]
    }

    /// The bytes of a buffer.
    pub(crate) fn buffer<'a>(&'a self, payload: &'a [u8], buffer: u32) -> &'a [u8] {
        match buffer.checked_sub(1) {
            None => payload,
            Some(n) => self.buffers.get(n as usize).map_or(&[], |b| b.as_slice()),
        }
    }

    /// An empty buffer that nobody else has, put behind the live ones; and its number.
    pub(crate) fn take_buffer(&mut self) -> (u32, Vec<u8>) {
        if self.buffers.len() == self.live {
            self.buffers.push(Arc::default());
        }
        let mut bytes = std::mem::take(Arc::make_mut(&mut self.buffers[self.live]));
        bytes.clear();
        self.live += 1;
        (self.live as u32, bytes)
    }

    /// Gives back what [`take_buffer`](Self::take_buffer) gave, filled; and gives a share of it.
    pub(crate) fn give_buffer(&mut self, buffer: u32, bytes: Vec<u8>) -> Arc<Vec<u8>> {
        let place = &mut self.buffers[buffer as usize - 1];
        *Arc::make_mut(place) = bytes;
        place.clone()
    }

    /// How many bytes this workspace holds on to.
    pub fn held_bytes(&self) -> usize {
        let buffers: usize = self.buffers.iter().map(|b| b.capacity()).sum();
        (self.slots.capacity() + self.index.capacity()) * 4 + buffers
    }
}
