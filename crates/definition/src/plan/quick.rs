//! The quick way through a plan: the instructions that most packets consist of, as long as all is well.
//!
//! What is wrong, rare or long stops it in front of the instruction, with nothing changed that running that
//! instruction exactly does not change again: see [`Packet::layout`](super::Packet).

use super::code::{ElementShape, FixedMatch, Fused, OptionGroup, OptionTest, QuickList};
use super::workspace::ABSENT;
use super::{Code, Op, Plan, Pos, pass};

/// In place of an instruction: the layout is complete.
pub(super) const DONE: usize = usize::MAX;

/// Runs instructions from one on, at a position. Gives the first that is not for here, and the position in
/// front of it; or [`DONE`], and the end of the layout. Lists of more than `few` elements are not for here.
#[inline(always)]
pub(super) fn quick(
    plan: &Plan,
    code: &[Code],
    slots: &mut [u32],
    window: &[u8],
    mut pc: usize,
    mut pos: usize,
    few: u32,
) -> (usize, usize) {
    while let Some(code) = code.get(pc) {
        let at = pos + code.skip as usize;
        if at > window.len() {
            break;
        }
        let (end, slot) = match code.op {
            Op::Return => return (DONE, at),
            Op::Mark { slot } => (at, slot),
            Op::Varint { max, slot } => match pass::varint(window, at, max) {
                Some(end) => (end, slot),
                None => break,
            },
            Op::VarintLast { max, slot, behind } => {
                let Some(end) = pass::varint(window, at, max) else { break };
                let Some(kept) = slots.get_mut(slot as usize) else { break };
                *kept = end as u32;
                let all = end + behind as usize;
                if all > window.len() {
                    break;
                }
                return (DONE, all);
            }
            Op::Prefixed { repr, unit, max, slot } => {
                match pass::prefixed(window, at, repr, unit, max) {
                    Some(end) => (end, slot),
                    None => break,
                }
            }
            Op::Rest { slot } => (window.len(), slot),
            Op::IfBits { at: place, mask, zero, slot, otherwise } => {
                let Some(byte) = byte(slots, window, place) else { break };
                let holds = (byte & mask == 0) == zero;
                let Some(arm) = slots.get_mut(slot as usize) else { break };
                *arm = (!holds).into();
                (pc, pos) = (if holds { pc + 1 } else { otherwise as usize }, at);
                continue;
            }
            Op::Jump { to } => {
                (pc, pos) = (to as usize, at);
                continue;
            }
            Op::Fused { index, to } => {
                let Some((form, _)) = plan.fused.get(index as usize) else { break };
                let Some(end) = fused(form, slots, window, at, few) else { break };
                (pc, pos) = (to as usize, end);
                continue;
            }
            _ => break,
        };
        let Some(kept) = slots.get_mut(slot as usize) else { break };
        *kept = end as u32;
        (pc, pos) = (pc + 1, end);
    }
    (pc, pos)
}

/// Runs an instruction that stands for several. Kept out of the loop above, which is small without it.
#[inline(never)]
fn fused(form: &Fused, slots: &mut [u32], window: &[u8], at: usize, few: u32) -> Option<usize> {
    match form {
        Fused::Options(group) => options(group, slots, window, at),
        Fused::Match(table) => fixed_match(table, slots, window, at),
        Fused::List(list) => few_values(list, slots, window, at, few),
    }
}

#[inline]
fn byte(slots: &[u32], window: &[u8], at: Pos) -> Option<u8> {
    let start = *slots.get(at.slot as usize)? as usize;
    window.get(start + at.offset as usize).copied()
}

/// Passes branches whose arms are of constant size, one after the other.
#[inline]
fn options(group: &OptionGroup, slots: &mut [u32], window: &[u8], mut pos: usize) -> Option<usize> {
    let start = match group.test {
        OptionTest::Bits { slot } => Some(*slots.get(slot as usize)? as usize),
        OptionTest::Remaining => None,
    };
    let slots = slots.get_mut(group.first_slot as usize..)?.as_chunks_mut::<2>().0;
    for (kept, item) in slots.iter_mut().zip(&group.items) {
        pos += item.skip as usize;
        let arm = match start {
            Some(start) => {
                let byte = *window.get(start + item.offset as usize)?;
                usize::from((byte & item.mask == 0) != item.zero)
            }
            None => usize::from(pos >= window.len()),
        };
        pos += item.sizes[arm] as usize;
        *kept = [arm as u32, pos as u32];
    }
    (pos <= window.len()).then_some(pos)
}

/// Passes the arm that a byte chooses.
#[inline]
fn fixed_match(table: &FixedMatch, slots: &mut [u32], window: &[u8], pos: usize) -> Option<usize> {
    let byte = byte(slots, window, table.at)?;
    let arm = *table.arms.get(usize::from(byte))?;
    let end = pos + *table.sizes.get(usize::from(arm))? as usize;
    if end > window.len() {
        return None;
    }
    *slots.get_mut(table.slot as usize)? = arm.into();
    if let Some(end_slot) = table.end_slot {
        *slots.get_mut(end_slot.get() as usize)? = end as u32;
    }
    Some(end)
}

/// Passes a list of numbers or texts with their number in front.
#[inline]
fn few_values(
    list: &QuickList,
    slots: &mut [u32],
    window: &[u8],
    at: usize,
    few: u32,
) -> Option<usize> {
    let count = u32::from(*window.get(at)?);
    if count > list.most || count > few {
        return None;
    }
    let first = at + 1;
    let end = match list.shape {
        ElementShape::Prefixed { .. } => pass::texts(window, first, count)?,
        ElementShape::Varint(max) => pass::varints(window, first, count, max)?,
        ElementShape::Fixed(size) => first + count as usize * size as usize,
        ElementShape::Layout => return None,
    };
    if end > window.len() {
        return None;
    }
    let kept = slots.get_mut(list.count_slot as usize..)?.first_chunk_mut()?;
    *kept = [count, first as u32, ABSENT, end as u32];
    Some(end)
}
