//! Running a plan: finding every position of a packet.

use midwire_codec::{CompressionError, Wrapper};

use super::error::{DecodeErrorKind, Failed, PathSegment, fail, over};
use super::expr::{Cond, Ex};
use super::measure::Step;
use super::quick::{DONE, quick};
use super::scope::RunScope;
use super::workspace::{ABSENT, BUFFER, HEADER, LIMIT, START};
use super::{
    BlockCode, CallCode, FieldId, Fused, Kind, Layout, LayoutId, Len, NbtForm, Op, Packet, Select,
    pass,
};
use crate::nbt::NbtError;
use crate::packed::packed_words;
use crate::syntax::ast::Transform;

impl<'a> Packet<'a> {
    /// Runs a layout from where its block starts; gives where it ends.
    pub(super) fn block(
        &mut self,
        layout: LayoutId,
        base: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let buffer = self.ws.slots[(base + BUFFER) as usize];
        match buffer.checked_sub(1) {
            None => self.layout(layout, base, self.payload, depth),
            Some(n) => {
                let bytes = self.ws.buffers[n as usize].clone();
                self.layout(layout, base, &bytes, depth)
            }
        }
    }

    /// The same, in the bytes of the block's buffer.
    pub(super) fn layout(
        &mut self,
        id: LayoutId,
        base: u32,
        bytes: &[u8],
        depth: u32,
    ) -> Result<usize, Failed> {
        let plan = self.plan;
        let layout = &plan.layouts[id as usize];
        let (is_quick, few) = (self.ws.is_quick(), self.ws.limits.elements_max);
        let slots = self.ws.block(base, layout);
        let window = &bytes[..slots[LIMIT as usize] as usize];
        let start = slots[START as usize] as usize;
        let (mut pc, mut pos) = (layout.entry as usize, start);
        if is_quick {
            (pc, pos) = quick(plan, self.code, slots, window, pc, pos, few);
        }
        if pc == DONE { Ok(pos) } else { self.layout_from(pc, pos, layout, base, bytes, depth) }
    }

    /// The same, from an instruction and a position on.
    #[inline(never)]
    pub(super) fn layout_from(
        &mut self,
        mut pc: usize,
        mut pos: usize,
        layout: &Layout,
        base: u32,
        bytes: &[u8],
        depth: u32,
    ) -> Result<usize, Failed> {
        let plan = self.plan;
        let few = self.ws.limits.elements_max;
        let limit = self.ws.slots[(base + LIMIT) as usize];
        let window = &bytes[..limit as usize];
        while pc != DONE {
            let code = &self.code[pc];
            let before = pos;
            pos += code.skip as usize;
            if pos > window.len() {
                self.ws.leave(Step::Code { pc, pos: before });
                return Err(self.short_run(pc, base, limit));
            }
            (pc, pos) = match self.exactly(code.op, pc, base, bytes, pos, depth) {
                Ok(next) => next,
                Err(failed) => {
                    self.ws.leave(Step::Code { pc, pos: before });
                    return Err(self.locate(failed, pc, base));
                }
            };
            if self.ws.is_quick() {
                (pc, pos) =
                    quick(plan, self.code, self.ws.block(base, layout), window, pc, pos, few);
            }
        }
        Ok(pos)
    }

    /// Runs one instruction; gives the next, and the position in front of it.
    fn exactly(
        &mut self,
        op: Op,
        pc: usize,
        base: u32,
        bytes: &[u8],
        pos: usize,
        depth: u32,
    ) -> Result<(usize, usize), Failed> {
        let plan = self.plan;
        let limit = self.ws.slots[(base + LIMIT) as usize];
        let window = &bytes[..limit as usize];
        let at = pos as u32;
        let (end, slot) = match op {
            Op::Mark { slot } => (pos, slot),
            Op::Varint { max, slot } | Op::VarintLast { max, slot, .. } => {
                (pass::varint_exact(window, pos, max)?, slot)
            }
            Op::Prefixed { repr, unit, max, slot } => {
                (pass::prefixed_exact(window, pos, repr, unit, max)?, slot)
            }
            Op::Rest { slot } => {
                self.take_rest(at)?;
                (window.len(), slot)
            }
            Op::Until { mark, max, lenient, slot } => {
                (pass::until(window, pos, mark, max, lenient)?, slot)
            }
            Op::Counted { expr, unit, max, slot } => {
                let count = self.eval_at(&plan.exprs[expr as usize], base, at);
                (pass::sized(count, unit, max.into(), pos, window.len())?, slot)
            }
            Op::Nbt { form, slot } => (pos + self.nbt(&window[pos..], form, at)?, slot),
            Op::Packed { width, count, crossing, slot } => {
                let width = self.eval_at(&plan.exprs[width as usize], base, at);
                let count = self.eval_at(&plan.exprs[count as usize], base, at);
                let words = packed_words(width, count, crossing);
                (pass::sized(words, 8, u64::MAX, pos, window.len())?, slot)
            }
            Op::Array { array } => {
                let array = &plan.arrays[array as usize];
                (self.pass_array(array, base, window, at, depth)?, array.end_slot)
            }
            Op::Block { block } => {
                let block = &plan.blocks[block as usize];
                (self.inner_block(block, base, bytes, at, limit, depth)?, block.end_slot)
            }
            Op::Call { call } => {
                let call = &plan.calls[call as usize];
                (self.call(call, base, bytes, at, limit, depth)?, call.end_slot)
            }
            Op::If { cond, slot, otherwise } => {
                let holds = match &plan.conds[cond as usize] {
                    Cond::Remaining => {
                        self.take_rest(at)?;
                        pos < window.len()
                    }
                    Cond::Ex(ex) => self.eval_at(ex, base, at) != 0,
                };
                self.set(base, slot, (!holds).into());
                return Ok((if holds { pc + 1 } else { otherwise as usize }, pos));
            }
            Op::IfBits { at, mask, zero, slot, otherwise } => {
                let byte = window.get(self.ws.resolve(base, at) as usize).map_or(0, |byte| *byte);
                let holds = (byte & mask == 0) == zero;
                self.set(base, slot, (!holds).into());
                return Ok((if holds { pc + 1 } else { otherwise as usize }, pos));
            }
            Op::Switch { switch } => return Ok((self.switch(switch, base, window, at), pos)),
            Op::Jump { to } => return Ok((to as usize, pos)),
            Op::Return => return Ok((DONE, pos)),
            // What does not fit into a quick form is done by the instructions that it stands for, which
            // tell what is missing.
            Op::Fused { index, .. } => {
                let (fused, original) = &plan.fused[index as usize];
                if let Fused::Options(group) = fused {
                    let slots = 2 * group.items.len() as u32;
                    (0..slots).for_each(|slot| self.set(base, group.first_slot + slot, ABSENT));
                }
                return self.exactly(*original, pc, base, bytes, pos, depth);
            }
        };
        self.set(base, slot, end as u32);
        Ok((pc + 1, end))
    }

    fn nbt(&mut self, rest: &[u8], form: NbtForm, pos: u32) -> Result<usize, Failed> {
        let mut passing = self.ws.resumed_nbt().unwrap_or_default();
        passing.pass(rest, form, self.ws.limits.nbt_depth_max).map_err(|(at, error)| {
            self.ws.leave(Step::Nbt(passing));
            let kind = match error {
                NbtError::Short { wanted } => DecodeErrorKind::Short { wanted },
                error => DecodeErrorKind::Nbt(error),
            };
            fail(pos + at as u32, kind)
        })
    }

    /// A run of fixed fields does not fit: which of them is the first that does not?
    #[cold]
    fn short_run(&mut self, pc: usize, base: u32, limit: u32) -> Failed {
        let (first, behind) = self.plan.covers[pc];
        for id in first..behind {
            let field = &self.plan.fields[id as usize];
            if matches!(field.kind, Kind::Struct(_) | Kind::Let(_)) {
                continue;
            }
            let (start, end) =
                (self.ws.resolve(base, field.start), self.ws.resolve(base, field.end));
            if start != ABSENT && end != ABSENT && end > limit {
                let wanted = (end - limit.max(start)).into();
                let mut failed = fail(start.min(limit), DecodeErrorKind::Short { wanted });
                failed.buffer = self.ws.slots[(base + BUFFER) as usize];
                self.push_field(&mut failed, id);
                return failed;
            }
        }
        let mut failed = fail(limit, DecodeErrorKind::Short { wanted: 1 });
        failed.buffer = self.ws.slots[(base + BUFFER) as usize];
        failed
    }

    /// Adds the field of an instruction to a failure's path.
    #[cold]
    fn locate(&self, mut failed: Failed, pc: usize, base: u32) -> Failed {
        if failed.buffer == ABSENT {
            failed.buffer = self.ws.slots[(base + BUFFER) as usize];
        }
        let (first, behind) = self.plan.covers[pc];
        if behind > first {
            self.push_field(&mut failed, behind - 1);
        }
        failed
    }

    fn push_field(&self, failed: &mut Failed, id: FieldId) {
        let mut names = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let field = &self.plan.fields[id as usize];
            names.push(PathSegment::Field(field.name.clone()));
            next = field.parent;
        }
        names.reverse();
        failed.path.splice(0..0, names);
    }

    /// Takes an arm of a match; gives the instruction to go on at.
    fn switch(&mut self, switch: u32, base: u32, window: &[u8], pos: u32) -> usize {
        let plan = self.plan;
        let switch = &plan.switches[switch as usize];
        let branch = &plan.branches[switch.branch as usize];
        let arm = match &branch.select {
            Select::Match(ex) => {
                let quick = switch.subject.and_then(|(at, repr)| {
                    let at = self.ws.resolve(base, at);
                    Some(repr.read(window.get(at as usize..)?).ok()?.0)
                });
                let value = quick.unwrap_or_else(|| self.eval_at(ex, base, pos));
                match usize::try_from(value).ok().and_then(|v| switch.dense.get(v)) {
                    Some(&arm) => usize::from(arm),
                    None => branch.arm_for(value, &self.scope_at(base, pos)),
                }
            }
            Select::MatchText(field) => branch.arm_for_text(field, &self.scope_at(base, pos)),
            Select::If(ex) => usize::from(self.eval_at(ex, base, pos) == 0),
        };
        self.set(base, switch.slot, arm as u32);
        switch.targets[arm.min(switch.targets.len() - 1)] as usize
    }

    fn inner_block(
        &mut self,
        code: &BlockCode,
        base: u32,
        bytes: &[u8],
        pos: u32,
        limit: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let plan = self.plan;
        let window = &bytes[..limit as usize];
        let sized = |n, max: Option<u64>, at: u32| {
            pass::sized(n, 1, max.unwrap_or(u64::MAX), at as usize, window.len())
                .map(|end| end as u32)
        };
        let (start, end) = match &code.len {
            // No block ends at a byte.
            Len::Rest | Len::Until { .. } => {
                self.take_rest(pos)?;
                (pos, limit)
            }
            Len::Fixed(n) => (pos, sized((*n).into(), None, pos)?),
            Len::Prefix { repr, max } => {
                let (n, width) = super::elements::int(window, pos, *repr)?;
                (pos + width, sized(n, *max, pos + width)?)
            }
            Len::Expr { expr, max } => (pos, sized(self.eval_at(expr, base, pos), *max, pos)?),
        };
        self.deeper(depth, pos)?;
        self.ws.bounded += 1;
        let layout = &plan.layouts[code.layout as usize];
        let wrapper = match code.transform {
            Transform::Sized => None,
            Transform::Zlib => Some(Wrapper::Zlib),
            Transform::Deflate => Some(Wrapper::Deflate),
            Transform::Gzip => Some(Wrapper::Gzip),
        };
        match wrapper {
            None => {
                let buffer = self.ws.slots[(base + BUFFER) as usize];
                let inner = self.ws.push_block(layout, [base, buffer, start, end]);
                self.set(base, code.slot, inner);
                self.layout(code.layout, inner, bytes, depth + 1)?;
            }
            Some(wrapper) => {
                let (buffer, mut out) = self.ws.take_buffer();
                let data = &bytes[start as usize..end as usize];
                let result = self.ws.inflate(wrapper, data, &mut out);
                let size = out.len() as u32;
                let out = self.ws.give_buffer(buffer, out);
                let inner = self.ws.push_block(layout, [base, buffer, 0, size]);
                self.set(base, code.slot, inner);
                match result {
                    Ok(_) => {}
                    Err(CompressionError::AboveMax { found, max }) => {
                        return Err(over(start, "inflate_max", max, found));
                    }
                    Err(e) => return Err(fail(start, DecodeErrorKind::Inflate(e.to_string()))),
                }
                if let Err((max, found)) = self.ws.count_inflated(size as usize) {
                    return Err(over(start, "inflate_max", max.into(), found as u64));
                }
                self.layout(code.layout, inner, &out, depth + 1)?;
            }
        }
        self.ws.bounded -= 1;
        Ok(end as usize)
    }

    fn call(
        &mut self,
        code: &CallCode,
        base: u32,
        bytes: &[u8],
        pos: u32,
        limit: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let plan = self.plan;
        if let Some(inner) = self.ws.resumed_call() {
            return self
                .go_on_in(code.layout, inner, bytes, depth + 1)
                .inspect_err(|_| self.ws.leave(Step::Call { base: inner }));
        }
        self.deeper(depth, pos)?;
        self.count_walked(1, pos)?;
        let buffer = self.ws.slots[(base + BUFFER) as usize];
        let layout = &plan.layouts[code.layout as usize];
        let inner = self.ws.push_block(layout, [base, buffer, pos, limit]);
        for (i, arg) in code.args.iter().enumerate() {
            let value = self.eval_at(arg, base, pos) as i64 as u64;
            self.set(inner, HEADER + i as u32 * 2, value as u32);
            self.set(inner, HEADER + i as u32 * 2 + 1, (value >> 32) as u32);
        }
        self.set(base, code.slot, inner);
        self.layout(code.layout, inner, bytes, depth + 1)
            .inspect_err(|_| self.ws.leave(Step::Call { base: inner }))
    }

    /// Counts elements towards `elements_max`.
    pub(super) fn count_walked(&mut self, more: u32, at: u32) -> Result<(), Failed> {
        let counted = self.ws.count_walked(more);
        counted.map_err(|(max, found)| over(at, "elements_max", max.into(), found.into()))
    }

    pub(super) fn deeper(&self, depth: u32, at: u32) -> Result<(), Failed> {
        let max = self.ws.limits.depth_max;
        if depth >= max {
            return Err(over(at, "depth_max", max.into(), u64::from(depth) + 1));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn set(&mut self, base: u32, slot: u32, value: u32) {
        self.ws.slots[(base + slot) as usize] = value;
    }

    fn scope_at(&self, base: u32, pos: u32) -> RunScope<'_> {
        RunScope { plan: self.plan, payload: self.payload, conn: self.conn, ws: self.ws, base, pos }
    }

    pub(super) fn eval_at(&self, ex: &Ex, base: u32, pos: u32) -> i128 {
        ex.eval(&self.scope_at(base, pos))
    }
}

impl Layout {
    /// Slots that every block has before those of the plan.
    pub(crate) fn first_free_slot(args: u32) -> u32 {
        HEADER + args * 2
    }
}
