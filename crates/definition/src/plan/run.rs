//! Running a plan: finding every position of a packet.

use midwire_codec::{CompressionError, Wrapper};

use super::code::{OptionItem, Test};
use super::error::{DecodeErrorKind, Failed, PathSegment, fail, over};
use super::expr::{Cond, Ex};
use super::pass;
use super::scope::RunScope;
use super::workspace::{ABSENT, BUFFER, HEADER, LIMIT, START};
use super::{FieldId, Kind, Layout, LayoutId, Len, NbtForm, Op, Plan, Pos, Select, Workspace};
use crate::nbt::{self, NbtError};
use crate::syntax::ast::Transform;

/// One run over one packet.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) payload: &'a [u8],
    pub(crate) conn: &'a [i64],
    pub(crate) ws: &'a mut Workspace,
}

impl<'a> Run<'a> {
    /// Runs a layout from where its block starts; gives where it ends.
    pub(crate) fn block(&mut self, layout: LayoutId, base: u32, depth: u32) -> Result<u32, Failed> {
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
    ) -> Result<u32, Failed> {
        let plan = self.plan;
        let layout = &plan.layouts[id as usize];
        // The block's slots are looked up once, and again after what may move them.
        let mut slots = self.ws.block(base, layout);
        let window = &bytes[..slots[LIMIT as usize] as usize];
        let mut pos = slots[START as usize] as usize;
        let mut pc = layout.entry as usize;
        let failed = loop {
            let code = &plan.code[pc];
            let after_skip = pos + code.skip as usize;
            if after_skip > window.len() {
                return Err(self.short_run(pc, base, window.len() as u32));
            }
            pos = after_skip;
            let mut op = code.op;
            // What does not fit into a quick form is done again by the instructions it stands for.
            match op {
                Op::Options { first, behind, to } => {
                    let items = &plan.options[first as usize..behind as usize];
                    match options(items, slots, window, pos) {
                        Some(end) => {
                            (pos, pc) = (end, to as usize);
                            continue;
                        }
                        None => op = unmade(items, slots),
                    }
                }
                Op::FixedMatch { table, to } => {
                    let table = &plan.tables[table as usize];
                    match table.pass(slots, window, pos) {
                        Some(end) => {
                            (pos, pc) = (end, to as usize);
                            continue;
                        }
                        None => op = Op::Switch { switch: table.switch },
                    }
                }
                _ => {}
            }
            let end = match op {
                Op::Mark { slot } => {
                    slots[slot as usize] = pos as u32;
                    Ok(pos)
                }
                Op::Varint { max, slot } => {
                    let end = pass::varint(window, pos, max);
                    end.map_or_else(|| pass::varint_exact(window, pos, max), Ok)
                        .inspect(|&end| slots[slot as usize] = end as u32)
                }
                Op::Prefixed { repr, unit, max, slot } => {
                    let end = pass::prefixed(window, pos, repr, unit, max);
                    end.map_or_else(|| pass::prefixed_exact(window, pos, repr, unit, max), Ok)
                        .inspect(|&end| slots[slot as usize] = end as u32)
                }
                Op::Rest { slot } => {
                    slots[slot as usize] = window.len() as u32;
                    Ok(window.len())
                }
                Op::If { cond, slot, otherwise } => {
                    let holds = match &plan.conds[cond as usize] {
                        Cond::Bits { at, mask, zero } => {
                            let byte = window.get(position(slots, *at)).map_or(0, |byte| *byte);
                            (byte & mask == 0) == *zero
                        }
                        Cond::Remaining => pos < window.len(),
                        Cond::Ex(ex) => {
                            let holds = self.eval(ex, base, pos as u32) != 0;
                            slots = self.ws.block(base, layout);
                            holds
                        }
                    };
                    slots[slot as usize] = (!holds).into();
                    pc = if holds { pc + 1 } else { otherwise as usize };
                    continue;
                }
                Op::Switch { switch } => {
                    pc = self.switch(switch, base, window, pos as u32);
                    slots = self.ws.block(base, layout);
                    continue;
                }
                Op::Jump { to } => {
                    pc = to as usize;
                    continue;
                }
                Op::Return => return Ok(pos as u32),
                _ => {
                    let end = self.outlined(op, base, bytes, pos as u32, depth);
                    slots = self.ws.block(base, layout);
                    end.map(|end| end as usize)
                }
            };
            match end {
                Ok(end) => pos = end,
                Err(failed) => break failed,
            }
            pc += 1;
        };
        Err(self.locate(failed, pc, base))
    }

    /// The instructions that are long themselves, kept out of the loop above.
    #[inline(never)]
    fn outlined(
        &mut self,
        op: Op,
        base: u32,
        bytes: &[u8],
        pos: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let plan = self.plan;
        let limit = self.ws.slots[(base + LIMIT) as usize];
        match op {
            Op::Array { array } => {
                self.array(&plan.arrays[array as usize], base, &bytes[..limit as usize], pos, depth)
            }
            Op::Counted { expr, unit, max, slot } => {
                let count = self.eval(&plan.exprs[expr as usize], base, pos);
                let end = pass::sized(count, unit, max.into(), pos as usize, limit as usize)?;
                Ok(self.keep(base, slot, end as u32))
            }
            Op::Block { block } => self.inner_block(block, base, bytes, pos, limit, depth),
            Op::Call { call } => self.call(call, base, bytes, pos, limit, depth),
            Op::Nbt { form, slot } => {
                let size = self.nbt(&bytes[pos as usize..limit as usize], form, pos)?;
                Ok(self.keep(base, slot, pos + size))
            }
            Op::Packed { width, count, slot } => {
                let width = self.eval(&plan.exprs[width as usize], base, pos);
                let count = self.eval(&plan.exprs[count as usize], base, pos);
                let words = packed_words(width, count);
                let end = pass::sized(words, 8, u64::MAX, pos as usize, limit as usize)?;
                Ok(self.keep(base, slot, end as u32))
            }
            // The loop does all others itself.
            _ => Ok(pos),
        }
    }

    fn keep(&mut self, base: u32, slot: u32, value: u32) -> u32 {
        self.set(base, slot, value);
        value
    }

    fn nbt(&self, rest: &[u8], form: NbtForm, pos: u32) -> Result<u32, Failed> {
        nbt::skip(rest, form, self.ws.limits.nbt_depth_max).map(|size| size as u32).map_err(
            |(at, error)| {
                let kind = match error {
                    NbtError::Short { wanted } => DecodeErrorKind::Short { wanted },
                    error => DecodeErrorKind::Nbt(error),
                };
                fail(pos + at as u32, kind)
            },
        )
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
                let value = quick.unwrap_or_else(|| self.eval(ex, base, pos));
                match usize::try_from(value).ok().and_then(|v| switch.dense.get(v)) {
                    Some(&arm) => usize::from(arm),
                    None => branch.arm_for(value, &self.scope(base, pos)),
                }
            }
            Select::MatchText(field) => branch.arm_for_text(field, &self.scope(base, pos)),
            Select::If(ex) => usize::from(self.eval(ex, base, pos) == 0),
        };
        self.set(base, switch.slot, arm as u32);
        switch.targets[arm.min(switch.targets.len() - 1)] as usize
    }

    fn inner_block(
        &mut self,
        block: u32,
        base: u32,
        bytes: &[u8],
        pos: u32,
        limit: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let plan = self.plan;
        let code = &plan.blocks[block as usize];
        let window = &bytes[..limit as usize];
        let sized = |n, max: Option<u64>, at: u32| {
            pass::sized(n, 1, max.unwrap_or(u64::MAX), at as usize, window.len())
                .map(|end| end as u32)
        };
        let (start, end) = match &code.len {
            Len::Rest => (pos, limit),
            Len::Fixed(n) => (pos, sized((*n).into(), None, pos)?),
            Len::Prefix { repr, max } => {
                let (n, width) = super::elements::int(window, pos, *repr)?;
                (pos + width, sized(n, *max, pos + width)?)
            }
            Len::Expr { expr, max } => (pos, sized(self.eval(expr, base, pos), *max, pos)?),
        };
        self.deeper(depth, pos)?;
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
        Ok(self.keep(base, code.end_slot, end))
    }

    fn call(
        &mut self,
        call: u32,
        base: u32,
        bytes: &[u8],
        pos: u32,
        limit: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let plan = self.plan;
        let code = &plan.calls[call as usize];
        self.deeper(depth, pos)?;
        self.count_walked(1, pos)?;
        let buffer = self.ws.slots[(base + BUFFER) as usize];
        let layout = &plan.layouts[code.layout as usize];
        let inner = self.ws.push_block(layout, [base, buffer, pos, limit]);
        for (i, arg) in code.args.iter().enumerate() {
            let value = self.eval(arg, base, pos) as i64 as u64;
            self.set(inner, HEADER + i as u32 * 2, value as u32);
            self.set(inner, HEADER + i as u32 * 2 + 1, (value >> 32) as u32);
        }
        self.set(base, code.slot, inner);
        let end = self.layout(code.layout, inner, bytes, depth + 1)?;
        Ok(self.keep(base, code.end_slot, end))
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

    fn scope(&self, base: u32, pos: u32) -> RunScope<'_> {
        RunScope { plan: self.plan, payload: self.payload, conn: self.conn, ws: self.ws, base, pos }
    }

    pub(super) fn eval(&self, ex: &Ex, base: u32, pos: u32) -> i128 {
        ex.eval(&self.scope(base, pos))
    }
}

/// Where a position of this block is; past every byte where it was not reached.
#[inline]
fn position(slots: &[u32], at: Pos) -> usize {
    slots[at.slot as usize] as usize + at.offset as usize
}

/// Passes branches whose arms are of constant size, one after the other. `None` if bytes are missing.
#[inline]
fn options(
    items: &[OptionItem],
    slots: &mut [u32],
    window: &[u8],
    mut pos: usize,
) -> Option<usize> {
    for item in items {
        let holds = match item.test {
            Test::Bits { at, mask, zero } => (window.get(position(slots, at))? & mask == 0) == zero,
            Test::Remaining => pos < window.len(),
        };
        slots[item.slot as usize] = (!holds).into();
        pos += if holds { item.sizes[0] } else { item.sizes[1] } as usize;
        if let Some(end_slot) = item.end_slot {
            slots[end_slot.get() as usize] = pos as u32;
        }
    }
    (pos <= window.len()).then_some(pos)
}

/// The first of the branches as it was, and all their slots as if they had not been reached.
#[cold]
fn unmade(items: &[OptionItem], slots: &mut [u32]) -> Op {
    for item in items {
        slots[item.slot as usize] = ABSENT;
        if let Some(end_slot) = item.end_slot {
            slots[end_slot.get() as usize] = ABSENT;
        }
    }
    let OptionItem { cond, slot, otherwise, .. } = items[0];
    Op::If { cond, slot, otherwise }
}

impl Layout {
    /// Slots that every block has before those of the plan.
    pub(crate) fn first_free_slot(args: u32) -> u32 {
        HEADER + args * 2
    }
}

/// 64-bit words that `count` numbers of `width` bits take; numbers do not cross words.
pub(crate) fn packed_words(width: i128, count: i128) -> i128 {
    if !(1..=64).contains(&width) || count < 0 {
        return 0;
    }
    let per_word = 64 / width;
    count / per_word + i128::from(count % per_word != 0)
}
