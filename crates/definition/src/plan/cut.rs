//! Running a plan no further than to the last field that somebody wants.

use super::anchor::{Anchor, Hop, Next};
use super::code::Fused;
use super::workspace::START;
use super::{Code, Kind, Op, Plan};

/// How far a plan must be run for some anchors.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The plan's code with that of the body ending early; `None`: all of it must be run.
    pub(super) code: Option<Box<[Code]>>,
}

impl Cut {
    /// All of a packet is read.
    pub const WHOLE: Cut = Cut { code: None };
}

impl Plan {
    /// How far this plan must be run to find what these anchors (of the body) lead to.
    pub fn cut<'k>(&self, anchors: impl IntoIterator<Item = &'k Anchor>) -> Cut {
        let mut slots = Vec::new();
        for anchor in anchors {
            for hop in &anchor.hops {
                if self.wanted_slots(hop, &mut slots).is_none() {
                    return Cut::WHOLE;
                }
            }
        }
        let entry = self.layouts[0].entry as usize;
        let ends = self.layouts.iter().map(|layout| layout.entry as usize);
        let end = ends.filter(|at| *at > entry).min().unwrap_or(self.code.len());
        let mut stop = entry;
        for pc in entry..end {
            if self.writes(self.code[pc].op, &mut |slot| slots.contains(&slot)) {
                stop = stop.max(pc + 1);
            }
        }
        // What stands for several instructions is run as a whole.
        let behind = |code: &Code| match code.op {
            Op::Fused { to, .. } => Some(to as usize),
            _ => None,
        };
        let last = self.code[entry..stop].iter().filter_map(behind).max();
        let stop = last.map_or(stop, |to| to.max(stop));
        if stop >= end {
            return Cut::WHOLE;
        }
        let mut code = self.code.clone();
        code[stop..end].fill(Code { skip: 0, op: Op::Return });
        Cut { code: Some(code.into()) }
    }

    /// The slots of the body's block that must have been written; `None` if that is not known.
    fn wanted_slots(&self, hop: &Hop, slots: &mut Vec<u32>) -> Option<()> {
        let field = &self.fields[hop.field as usize];
        slots.extend([field.start.slot, field.end.slot]);
        match &field.kind {
            // These look at other fields as well.
            Kind::Let(_) | Kind::Packed { .. } => return None,
            Kind::Array(array) => {
                slots.extend([array.count_slot, array.first.slot]);
                slots.extend(array.index_slot);
            }
            Kind::Block { slot, .. } | Kind::Call { slot, .. } => slots.push(*slot),
            _ => {}
        }
        if let Next::Opened(_) = hop.next {
            return None;
        }
        let mut guard = field.guard;
        while let Some((branch, _)) = guard {
            let branch = &self.branches[branch as usize];
            slots.push(branch.slot);
            guard = branch.guard;
        }
        slots.retain(|slot| *slot != START);
        Some(())
    }

    /// Whether an instruction writes one of the slots that are asked for.
    fn writes(&self, op: Op, is_wanted: &mut dyn FnMut(u32) -> bool) -> bool {
        match op {
            Op::Mark { slot }
            | Op::Varint { slot, .. }
            | Op::VarintLast { slot, .. }
            | Op::Prefixed { slot, .. }
            | Op::Counted { slot, .. }
            | Op::Rest { slot }
            | Op::Until { slot, .. }
            | Op::If { slot, .. }
            | Op::IfBits { slot, .. }
            | Op::Nbt { slot, .. }
            | Op::Packed { slot, .. } => is_wanted(slot),
            Op::Switch { switch } => is_wanted(self.switches[switch as usize].slot),
            Op::Array { array } => {
                let array = &self.arrays[array as usize];
                let all = [array.count_slot, array.first_slot, array.index_slot, array.end_slot];
                all.into_iter().any(is_wanted)
            }
            Op::Block { block } => {
                let block = &self.blocks[block as usize];
                is_wanted(block.slot) || is_wanted(block.end_slot)
            }
            Op::Call { call } => {
                let call = &self.calls[call as usize];
                is_wanted(call.slot) || is_wanted(call.end_slot)
            }
            Op::Fused { index, .. } => {
                let (fused, original) = &self.fused[index as usize];
                let more = match fused {
                    Fused::Options(group) => {
                        let slots = 2 * group.items.len() as u32;
                        (group.first_slot..group.first_slot + slots).any(&mut *is_wanted)
                    }
                    Fused::Match(_) | Fused::List(_) => false,
                };
                more || self.writes(*original, is_wanted)
            }
            Op::Jump { .. } | Op::Return => false,
        }
    }
}
