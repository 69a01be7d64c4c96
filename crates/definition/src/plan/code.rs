//! The instructions of a plan.

use std::num::NonZeroU32;

use super::{Count, Ex, IntRepr, LayoutId, Len, NbtForm, Pos};
use crate::syntax::ast::Transform;

/// One instruction, behind a run of bytes of constant size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    /// Bytes of fixed fields in front, fused into one bounds check.
    pub(crate) skip: u32,
    pub(crate) op: Op,
}

/// What an instruction does, from the position behind its skip.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    /// Keeps the position.
    Mark { slot: u32 },
    /// Passes a variable-length integer of at most `max` bytes, and keeps the position behind it.
    Varint { max: u8, slot: u32 },
    /// Passes an integer in front and as many units of `unit` bytes, and keeps the position behind.
    Prefixed { repr: IntRepr, unit: u8, max: u32, slot: u32 },
    /// Passes as many units as an expression says.
    Counted { expr: u32, unit: u8, max: u32, slot: u32 },
    /// Passes all that is left.
    Rest { slot: u32 },
    /// Takes arm 0 if the condition holds, else arm 1 at `otherwise`.
    If { cond: u32, slot: u32, otherwise: u32 },
    /// Takes the arm of a match.
    Switch { switch: u32 },
    /// Goes on at another instruction.
    Jump { to: u32 },
    /// An array; see [`ArrayCode`].
    Array { array: u32 },
    /// A block; see [`BlockCode`].
    Block { block: u32 },
    /// A recursive type; see [`CallCode`].
    Call { call: u32 },
    /// Passes an NBT value.
    Nbt { form: NbtForm, slot: u32 },
    /// Passes packed integers.
    Packed { width: u32, count: u32, slot: u32 },
    /// Several `if` or `opt` in a row whose arms are of constant size; goes on at `to`. See [`OptionItem`].
    Options { first: u32, behind: u32, to: u32 },
    /// A match on a byte whose arms are of constant size; goes on at `to`. See [`FixedMatch`].
    FixedMatch { table: u32, to: u32 },
    /// The layout is complete.
    Return,
}

/// An `if` or `opt` whose arms are of constant size.
#[derive(Debug)]
pub(crate) struct OptionItem {
    /// How the arm is chosen.
    pub(crate) test: Test,
    /// Gets the arm's number.
    pub(crate) slot: u32,
    /// Bytes of either arm.
    pub(crate) sizes: [u32; 2],
    /// Gets the position behind, where the arms differ in size.
    pub(crate) end_slot: Option<NonZeroU32>,
    /// The instruction that this stands for.
    pub(crate) cond: u32,
    pub(crate) otherwise: u32,
}

/// A quick condition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    /// See [`Cond::Bits`](super::Cond::Bits).
    Bits { at: Pos, mask: u8, zero: bool },
    /// There are bytes left.
    Remaining,
}

/// A match on a byte whose arms are of constant size.
#[derive(Debug)]
pub(crate) struct FixedMatch {
    /// The byte.
    pub(crate) at: Pos,
    /// Arm by byte.
    pub(crate) arms: Vec<u8>,
    /// Size by arm; the last for no arm.
    pub(crate) sizes: Vec<u32>,
    /// Gets the arm's number.
    pub(crate) slot: u32,
    /// Gets the position behind, where the arms differ in size.
    pub(crate) end_slot: Option<NonZeroU32>,
    /// The instruction that this stands for.
    pub(crate) switch: u32,
}

impl FixedMatch {
    /// Passes the arm that is taken. `None`, and nothing changed, if bytes are missing.
    #[inline]
    pub(crate) fn pass(&self, slots: &mut [u32], window: &[u8], pos: usize) -> Option<usize> {
        let at = slots[self.at.slot as usize] as usize + self.at.offset as usize;
        let arm = *self.arms.get(usize::from(*window.get(at)?))?;
        let end = pos + *self.sizes.get(usize::from(arm))? as usize;
        if end > window.len() {
            return None;
        }
        slots[self.slot as usize] = arm.into();
        if let Some(end_slot) = self.end_slot {
            slots[end_slot.get() as usize] = end as u32;
        }
        Some(end)
    }
}

/// The table of a match.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The branch, with labels and arms.
    pub(crate) branch: u32,
    /// Which slot gets the arm's number.
    pub(crate) slot: u32,
    /// Where each arm's code starts; one more than there are arms: behind the match.
    pub(crate) targets: Vec<u32>,
    /// What is matched, where it is an integer of this block that is certainly present.
    pub(crate) subject: Option<(Pos, IntRepr)>,
    /// Arm by value, for values 0 to 255 of a match on numbers; empty otherwise.
    pub(crate) dense: Vec<u8>,
}

/// How an array is passed.
#[derive(Debug)]
pub(crate) struct ArrayCode {
    pub(crate) count: Count,
    pub(crate) element: LayoutId,
    pub(crate) shape: ElementShape,
    /// The fewest bytes of an element.
    pub(crate) element_min: u32,
    /// Gets the number of elements.
    pub(crate) count_slot: u32,
    /// Gets the position of the first element.
    pub(crate) first_slot: u32,
    /// Gets the sparse index's handle.
    pub(crate) index_slot: u32,
    /// Gets the position behind.
    pub(crate) end_slot: u32,
}

/// How fast an element can be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementShape {
    /// All of one size.
    Fixed(u32),
    /// A variable-length integer of at most so many bytes.
    Varint(u8),
    /// A length in front and as many bytes.
    Prefixed { repr: IntRepr, unit: u8, max: u32 },
    /// By its layout.
    Layout,
}

/// How a block is entered.
#[derive(Debug)]
pub(crate) struct BlockCode {
    pub(crate) transform: Transform,
    pub(crate) len: Len,
    pub(crate) layout: LayoutId,
    /// Gets the activation.
    pub(crate) slot: u32,
    /// Gets the position behind.
    pub(crate) end_slot: u32,
}

/// How a recursive type is entered.
#[derive(Debug)]
pub(crate) struct CallCode {
    pub(crate) layout: LayoutId,
    pub(crate) args: Vec<Ex>,
    /// Gets the activation.
    pub(crate) slot: u32,
    /// Gets the position behind.
    pub(crate) end_slot: u32,
}
