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
    /// The same where nothing but so many bytes of fixed fields comes behind it.
    VarintLast { max: u8, slot: u32, behind: u32 },
    /// Passes an integer in front and as many units of `unit` bytes, and keeps the position behind.
    Prefixed { repr: IntRepr, unit: u8, max: u32, slot: u32 },
    /// Passes as many units as an expression says.
    Counted { expr: u32, unit: u8, max: u32, slot: u32 },
    /// Passes all that is left.
    Rest { slot: u32 },
    /// Passes bytes up to this one, and it; if it is not there and `lenient`, all that is left.
    Until { mark: u8, max: u32, lenient: bool, slot: u32 },
    /// Takes arm 0 if the condition holds, else arm 1 at `otherwise`.
    If { cond: u32, slot: u32, otherwise: u32 },
    /// The same for a byte at `at`: arm 0 if these bits of it are all 0 (`zero`), or not all.
    IfBits { at: Pos, mask: u8, zero: bool, slot: u32, otherwise: u32 },
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
    Packed { width: u32, count: u32, crossing: bool, slot: u32 },
    /// One that stands for this and more, and goes on at `to`; see [`Fused`].
    Fused { index: u32, to: u32 },
    /// The layout is complete.
    Return,
}

/// A common row of instructions in a form that is quick to run.
#[derive(Debug)]
pub(crate) enum Fused {
    /// Several `if` or `opt` in a row whose arms are of constant size.
    Options(OptionGroup),
    /// A match on a byte whose arms are of constant size.
    Match(FixedMatch),
    /// A short list of values with their number in front.
    List(QuickList),
}

/// Several `if` or `opt` in a row whose arms are of constant size.
#[derive(Debug)]
pub(crate) struct OptionGroup {
    /// What chooses the arms.
    pub(crate) test: OptionTest,
    /// Gets the number of the first one's arm; the next slot the position behind it; and so on.
    pub(crate) first_slot: u32,
    pub(crate) items: Vec<OptionItem>,
}

/// What chooses the arms of an [`OptionGroup`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionTest {
    /// Bits of bytes at constant offsets from this slot.
    Bits { slot: u32 },
    /// Whether bytes are left.
    Remaining,
}

/// An `if` or `opt` whose arms are of constant size.
#[derive(Debug)]
pub(crate) struct OptionItem {
    /// Bytes in front that are always there.
    pub(crate) skip: u32,
    /// Where the byte is, from the group's slot.
    pub(crate) offset: u32,
    /// Bytes of either arm.
    pub(crate) sizes: [u32; 2],
    /// Arm 0 is taken if these bits are all 0 (`zero`), or not all.
    pub(crate) mask: u8,
    pub(crate) zero: bool,
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
}

/// A list whose elements are numbers, or texts of bytes with lengths in front; the number of elements is a
/// byte in front, or a variable-length integer of one byte.
#[derive(Debug)]
pub(crate) struct QuickList {
    pub(crate) shape: ElementShape,
    /// The most elements that the quick form takes: those that need no index.
    pub(crate) most: u32,
    /// Gets the number of elements; those behind it the first element's position, no index, and the end.
    pub(crate) count_slot: u32,
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
