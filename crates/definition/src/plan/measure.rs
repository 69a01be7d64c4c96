//! Where a packet ends in a stream without frames, while its bytes are still coming.
//!
//! The plan is run over what has come. Where it wants more bytes it leaves a trail of how it got there, and
//! goes on at that place when they are there: each byte is passed once, however slowly it comes.
//!
//! ```text
//!   bytes so far ──run──▶ Whole(end) │ Endless │ Malformed
//!                  ▲   └─▶ Needs(n) ── Progress: slots, trail ──┐
//!                  └──────────── n bytes more ──────────────────┘
//! ```

use super::error::{DecodeError, DecodeErrorKind, Failed, PathSegment, fail, int_failed};
use super::int::IntError;
use super::workspace::{ABSENT, Checkpoint, LIMIT};
use super::{LayoutId, Packet, Plan, Workspace};
use crate::nbt::Passing;

/// How far a packet reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// It is all there: so many bytes.
    Whole(usize),
    /// At least so many bytes more are wanted, and never 0.
    Needs(u64),
    /// It takes all that comes: nothing in it says where it ends.
    Endless,
    /// It takes no bytes, and so would the next.
    Nothing,
    /// No packet has this id.
    Unknown(i128),
    /// It cannot be read, whatever follows.
    Malformed(Box<DecodeError>),
}

impl IntError {
    /// What it means for a packet whose id it is.
    pub(crate) fn extent(self) -> Extent {
        match self {
            IntError::Short(more) => Extent::Needs(more.max(1).into()),
            IntError::TooLong(_) => {
                let mut failed = int_failed(self, 0);
                failed.buffer = 0;
                failed.path = vec![PathSegment::Field("id".into())];
                Extent::Malformed(failed)
            }
        }
    }
}

/// How far a packet was read whose bytes are not all there. The default is one of which nothing was read.
///
/// It belongs to one packet, read with one plan and one set of connection variables.
#[derive(Debug, Default)]
pub struct Progress {
    /// Reading before there are so many bytes gives nothing new.
    wanted: usize,
    slots: Vec<u32>,
    top: usize,
    index: Vec<u32>,
    counts: (u32, usize),
    trail: Vec<Step>,
}

impl Progress {
    /// What is missing of the bytes that are known to be wanted.
    pub(crate) fn missing(&self, len: usize) -> Option<u64> {
        let missing = self.wanted.checked_sub(len)?;
        (missing > 0).then_some(missing as u64)
    }

    /// How many bytes this holds on to.
    pub fn held_bytes(&self) -> usize {
        let steps = self.trail.capacity() * size_of::<Step>();
        (self.slots.capacity() + self.index.capacity()) * 4 + steps
    }
}

/// How a run came to the place where bytes are wanted, from the inside outwards.
#[derive(Debug)]
pub(crate) enum Step {
    /// In the code of a layout: the instruction to run again, and the position in front of it.
    Code { pc: usize, pos: usize },
    /// In a list.
    List(ListStep),
    /// In an element of a list: its block, and the workspace in front of it.
    Element { base: u32, before: Checkpoint },
    /// In a recursive type: its block.
    Call { base: u32 },
    /// In NBT.
    Nbt(Passing),
}

/// How far a list has been passed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ListStep {
    /// Where the next element starts.
    pub(crate) at: u32,
    /// Its number.
    pub(crate) index: u32,
    /// The running total of those before it.
    pub(crate) sum: i128,
}

impl Workspace {
    /// Whether bytes that are wanted here may still come.
    #[inline]
    fn is_open(&self) -> bool {
        self.measuring && self.bounded == 0
    }

    /// Notes a step on the way out of a run that wants more bytes.
    #[cold]
    pub(super) fn leave(&mut self, step: Step) {
        if self.is_open() {
            self.trail.push(step);
        }
    }

    /// The list that the run goes on in.
    #[inline]
    pub(super) fn resumed_list(&mut self) -> Option<ListStep> {
        match self.trail.last()? {
            Step::List(list) => {
                let list = *list;
                self.trail.pop();
                Some(list)
            }
            _ => None,
        }
    }

    /// The element that the run goes on in.
    #[inline]
    pub(super) fn resumed_element(&mut self) -> Option<(u32, Checkpoint)> {
        match self.trail.last()? {
            Step::Element { base, before } => {
                let element = (*base, *before);
                self.trail.pop();
                Some(element)
            }
            _ => None,
        }
    }

    /// Whether the run goes on within an element.
    #[inline]
    pub(super) fn resumes_element(&self) -> bool {
        matches!(self.trail.last(), Some(Step::Element { .. }))
    }

    /// The recursive type that the run goes on in.
    #[inline]
    pub(super) fn resumed_call(&mut self) -> Option<u32> {
        match self.trail.last()? {
            Step::Call { base } => {
                let base = *base;
                self.trail.pop();
                Some(base)
            }
            _ => None,
        }
    }

    /// The NBT value that the run goes on in.
    #[inline]
    pub(super) fn resumed_nbt(&mut self) -> Option<Passing> {
        match self.trail.pop()? {
            Step::Nbt(passing) => Some(passing),
            other => {
                self.trail.push(other);
                None
            }
        }
    }

    /// Continues where a run stopped.
    fn take_up(&mut self, progress: &mut Progress) {
        std::mem::swap(&mut self.slots, &mut progress.slots);
        std::mem::swap(&mut self.index, &mut progress.index);
        std::mem::swap(&mut self.trail, &mut progress.trail);
        self.top = progress.top;
        self.set_counts(progress.counts);
    }

    /// Keeps what a run needs to be continued. What this thread's workspace holds stays with it.
    fn put_down(&mut self, progress: &mut Progress, resumed: bool) {
        progress.top = self.top;
        progress.counts = self.counts();
        if resumed {
            std::mem::swap(&mut self.slots, &mut progress.slots);
            std::mem::swap(&mut self.index, &mut progress.index);
        } else {
            progress.slots = self.slots[..self.top].to_vec();
            progress.index = self.index.clone();
        }
        progress.trail = std::mem::take(&mut self.trail);
        // Inflated blocks before this place are not looked at again, and others will take their memory.
        for step in &mut progress.trail {
            if let Step::Element { before, .. } = step {
                before.forget_buffers();
            }
        }
    }
}

impl Plan {
    /// Finds the end of a packet whose body starts at `body` of `bytes`, which may go on.
    ///
    /// Of a packet that wants more bytes `progress` keeps how far it was read. It is to be given again with
    /// the same bytes and more behind them.
    pub fn measure(
        &self,
        bytes: &[u8],
        body: u32,
        conn: &[i64],
        progress: &mut Progress,
        ws: &mut Workspace,
    ) -> Extent {
        // Positions are u32; the limits of what is kept are far below.
        let bytes = &bytes[..bytes.len().min(u32::MAX as usize / 2)];
        if let Some(missing) = progress.missing(bytes.len()) {
            return Extent::Needs(missing);
        }
        let start = body.min(bytes.len() as u32);
        ws.clear();
        ws.measuring = true;
        // In quick forms "the rest" is what has come.
        let exact = ws.exact;
        ws.exact |= self.takes_rest;
        let resumed = !progress.trail.is_empty();
        if resumed {
            ws.take_up(progress);
        } else {
            ws.push_block(&self.layouts[0], [ABSENT, 0, start, bytes.len() as u32]);
        }
        let mut packet = Packet::begun(self, bytes, conn, ws);
        let ran = match resumed {
            true => packet.go_on_in(0, 0, bytes, 0),
            false => packet.layout(0, 0, bytes, 0),
        };
        let extent = match ran {
            Ok(end) => Extent::Whole(end),
            Err(failed) => match failed.kind {
                DecodeErrorKind::Endless => Extent::Endless,
                DecodeErrorKind::Short { wanted } if ws.bounded == 0 => {
                    Extent::Needs(wanted.max(1))
                }
                _ => Extent::Malformed(self.told(failed)),
            },
        };
        (ws.measuring, ws.exact) = (false, exact);
        if let Extent::Needs(more) = extent {
            ws.put_down(progress, resumed);
            let more = usize::try_from(more).unwrap_or(usize::MAX);
            progress.wanted = bytes.len().saturating_add(more);
        } else if resumed {
            std::mem::swap(&mut ws.slots, &mut progress.slots);
            std::mem::swap(&mut ws.index, &mut progress.index);
            *progress = Progress::default();
        }
        ws.clear();
        extent
    }
}

impl Packet<'_> {
    /// Goes on in a layout where its trail says.
    pub(super) fn go_on_in(
        &mut self,
        id: LayoutId,
        base: u32,
        bytes: &[u8],
        depth: u32,
    ) -> Result<usize, Failed> {
        let plan = self.plan;
        self.set(base, LIMIT, bytes.len() as u32);
        match self.ws.trail.pop() {
            Some(Step::Code { pc, pos }) => {
                let layout = &plan.layouts[id as usize];
                self.layout_from(pc, pos, layout, base, bytes, depth)
            }
            // Every layout that is left has said where.
            _ => self.layout(id, base, bytes, depth),
        }
    }

    /// All that is left is taken here, which is no place to end in a stream without frames.
    #[inline]
    pub(super) fn take_rest(&self, pos: u32) -> Result<(), Failed> {
        if self.ws.is_open() { Err(fail(pos, DecodeErrorKind::Endless)) } else { Ok(()) }
    }
}
