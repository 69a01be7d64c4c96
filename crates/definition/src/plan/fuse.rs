//! Making plans quicker: common rows of instructions become one.
//!
//! A quick instruction takes the place of the first of those it stands for; these stay where they are, and
//! are run after all where bytes are missing, because they tell which field lacks them.

use std::num::NonZeroU32;

use super::code::{FixedMatch, Op, OptionItem, Test};
use super::{Cond, Plan};

impl Plan {
    /// Puts quick instructions into the code from `entry` on.
    pub(crate) fn fuse(&mut self, entry: usize) {
        let mut at = entry;
        while at < self.code.len() {
            at = self.fuse_options(at).or_else(|| self.fuse_match(at)).unwrap_or(at + 1);
        }
    }

    /// A row of branches with two arms. Gives where the code goes on.
    fn fuse_options(&mut self, at: usize) -> Option<usize> {
        let first = self.options.len();
        let mut to = at;
        while to == at || self.code.get(to).is_some_and(|code| code.skip == 0) {
            let Some((item, behind)) = self.option_item(to) else { break };
            self.options.push(item);
            to = behind;
        }
        if to == at {
            return None;
        }
        let behind = self.options.len() as u32;
        self.code[at].op = Op::Options { first: first as u32, behind, to: to as u32 };
        Some(to)
    }

    /// The branch whose code starts here, if its arms are of constant size; and where its code ends.
    fn option_item(&self, at: usize) -> Option<(OptionItem, usize)> {
        let Op::If { cond, slot, otherwise } = self.code.get(at)?.op else { return None };
        let test = match &self.conds[cond as usize] {
            Cond::Bits { at, mask, zero } => Test::Bits { at: *at, mask: *mask, zero: *zero },
            Cond::Remaining => Test::Remaining,
            Cond::Ex(_) => return None,
        };
        let (sizes, behind, end_slot) = self.fixed_arms(&[at as u32 + 1, otherwise], at + 1)?;
        let sizes = [sizes[0], sizes[1]];
        Some((OptionItem { test, slot, sizes, end_slot, cond, otherwise }, behind))
    }

    /// A match on a byte. Gives where the code goes on.
    fn fuse_match(&mut self, at: usize) -> Option<usize> {
        let Op::Switch { switch: number } = self.code[at].op else { return None };
        let switch = &self.switches[number as usize];
        let (place, repr) = switch.subject?;
        let is_byte = repr.range() == (0, 255);
        let arms = switch.dense.get(..256).filter(|_| is_byte)?.to_vec();
        let (sizes, to, end_slot) = self.fixed_arms(&switch.targets, at + 1)?;
        let slot = switch.slot;
        self.tables.push(FixedMatch { at: place, arms, sizes, slot, end_slot, switch: number });
        let table = self.tables.len() as u32 - 1;
        self.code[at].op = Op::FixedMatch { table, to: to as u32 };
        Some(to)
    }

    /// The sizes of the arms that start at these instructions, if all that they do is to pass so many bytes;
    /// where their common way goes on; and which slot keeps the position there.
    fn fixed_arms(
        &self,
        starts: &[u32],
        body: usize,
    ) -> Option<(Vec<u32>, usize, Option<NonZeroU32>)> {
        // Every arm but the last ends in a jump; the last may have nothing at all.
        let end = match self.code.get(body)?.op {
            Op::Jump { to } => to,
            _ => body as u32,
        };
        let size = |start: &u32| {
            if *start == end {
                return Some(0);
            }
            let code = self.code.get(*start as usize)?;
            matches!(code.op, Op::Jump { to } if to == end).then_some(code.skip)
        };
        let sizes = starts.iter().map(size).collect::<Option<Vec<_>>>()?;
        let alike = sizes.windows(2).all(|pair| pair[0] == pair[1]);
        match self.code.get(end as usize)? {
            code if !alike => {
                let Op::Mark { slot } = code.op else { return None };
                (code.skip == 0).then_some(())?;
                Some((sizes, end as usize + 1, Some(NonZeroU32::new(slot)?)))
            }
            _ => Some((sizes, end as usize, None)),
        }
    }
}
