//! Making plans quicker: common rows of instructions become one.
//!
//! A quick instruction takes the place of the first of those it stands for; these stay where they are, and
//! are run after all where bytes are missing, because they tell which field lacks them.

use std::num::NonZeroU32;

use super::code::{
    ElementShape, FixedMatch, Fused, Op, OptionGroup, OptionItem, OptionTest, QuickList,
};
use super::workspace::INDEX_STRIDE;
use super::{Cond, Count, Len, Plan};

impl Plan {
    /// Puts quick instructions into the code from `entry` on.
    pub(crate) fn fuse(&mut self, entry: usize) {
        let mut at = entry;
        while at < self.code.len() {
            let behind = self.fuse_options(at).or_else(|| self.fuse_match(at));
            let behind = behind.or_else(|| self.fuse_list(at));
            at = behind.or_else(|| self.fuse_last(at)).unwrap_or(at + 1);
        }
    }

    /// A variable-length integer behind which there are only fixed fields. Gives where the code goes on.
    fn fuse_last(&mut self, at: usize) -> Option<usize> {
        let Op::Varint { max, slot } = self.code[at].op else { return None };
        let next = self.code.get(at + 1)?;
        if !matches!(next.op, Op::Return) {
            return None;
        }
        self.code[at].op = Op::VarintLast { max, slot, behind: next.skip };
        Some(at + 1)
    }

    /// A row of branches with two arms. Gives where the code goes on.
    fn fuse_options(&mut self, at: usize) -> Option<usize> {
        let (mut group, mut to) = self.option_group(at)?;
        while let Some((mut next, behind)) = self.option_group(to)
            && next.test == group.test
            && next.first_slot as usize == group.first_slot as usize + 2 * group.items.len()
        {
            next.items[0].skip = self.code[to].skip;
            group.items.extend(next.items);
            to = behind;
        }
        Some(self.put(at, Fused::Options(group), to))
    }

    /// Puts a quick form in the place of an instruction. Gives where the code goes on.
    fn put(&mut self, at: usize, fused: Fused, to: usize) -> usize {
        let op = Op::Fused { index: self.fused.len() as u32, to: to as u32 };
        let original = std::mem::replace(&mut self.code[at].op, op);
        self.fused.push((fused, original));
        to
    }

    /// The branch whose code starts here, if its arms are of constant size; and where its code ends.
    fn option_group(&self, at: usize) -> Option<(OptionGroup, usize)> {
        let (test, offset, mask, zero, slot, otherwise) = match self.code.get(at)?.op {
            Op::IfBits { at, mask, zero, slot, otherwise } => {
                (OptionTest::Bits { slot: at.slot }, at.offset, mask, zero, slot, otherwise)
            }
            Op::If { cond, slot, otherwise } => match &self.conds[cond as usize] {
                Cond::Remaining => (OptionTest::Remaining, 0, 0, false, slot, otherwise),
                Cond::Ex(_) => return None,
            },
            _ => return None,
        };
        let (sizes, behind, end_slot) = self.fixed_arms(&[at as u32 + 1, otherwise], at + 1)?;
        if end_slot?.get() != slot + 1 {
            return None;
        }
        let items = vec![OptionItem { skip: 0, offset, sizes: [sizes[0], sizes[1]], mask, zero }];
        Some((OptionGroup { test, first_slot: slot, items }, behind))
    }

    /// A list of values with their number in front. Gives where the code goes on.
    fn fuse_list(&mut self, at: usize) -> Option<usize> {
        let Op::Array { array } = self.code[at].op else { return None };
        let array = &self.arrays[array as usize];
        let Count::Len(Len::Prefix { repr, max }) = array.count else { return None };
        let is_quick = match array.shape {
            ElementShape::Varint(_) | ElementShape::Fixed(_) => true,
            ElementShape::Prefixed { repr, unit, max } => {
                repr.is_plain_groups() && unit == 1 && max >= 0x80
            }
            ElementShape::Layout => false,
        };
        let slots = [array.count_slot, array.first_slot, array.index_slot, array.end_slot];
        let in_order = slots.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        if !is_quick || !in_order || !repr.is_plain_groups() {
            return None;
        }
        let most = max.unwrap_or(u64::MAX).min(INDEX_STRIDE.into()) as u32;
        let list = QuickList { shape: array.shape, most, count_slot: array.count_slot };
        Some(self.put(at, Fused::List(list), at + 1))
    }

    /// A match on a byte. Gives where the code goes on.
    fn fuse_match(&mut self, at: usize) -> Option<usize> {
        let Op::Switch { switch } = self.code[at].op else { return None };
        let switch = &self.switches[switch as usize];
        let (place, repr) = switch.subject?;
        let is_byte = repr.range() == (0, 255);
        let arms = switch.dense.get(..256).filter(|_| is_byte)?.to_vec();
        let (sizes, to, end_slot) = self.fixed_arms(&switch.targets, at + 1)?;
        let table = FixedMatch { at: place, arms, sizes, slot: switch.slot, end_slot };
        Some(self.put(at, Fused::Match(table), to))
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
