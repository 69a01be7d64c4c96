//! Running a plan: finding every position of a packet.

use std::fmt;
use std::sync::Arc;

use midwire_codec::Wrapper;

use super::code::{ArrayCode, ElementShape};
use super::expr::{Cond, Ex, FieldRef, Scope, compare};
use super::int::IntError;
use super::workspace::{ABSENT, BUFFER, HEADER, INDEX_STRIDE, LIMIT, PARENT, START};
use super::{
    Count, FieldId, IntRepr, Kind, Layout, LayoutId, Len, Op, Plan, Pos, Select, Workspace,
};
use crate::nbt::{self, NbtError};
use crate::syntax::ast::Transform;

/// Why a packet's body cannot be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The field that failed, from the body inwards.
    pub path: Vec<PathSegment>,
    /// 0: the payload; others: an inflated block.
    pub buffer: u32,
    /// Where in that buffer.
    pub offset: u32,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// One step of a field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// A field.
    Field(Arc<str>),
    /// An element of an array, from 0.
    Index(u32),
}

/// What can be wrong with bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// More bytes are needed than there are.
    #[error("ends early: {wanted} more byte(s) wanted")]
    Short {
        /// How many are missing, at least.
        wanted: u64,
    },
    /// A variable-length integer has no end.
    #[error("variable-length integer longer than {max} bytes")]
    VarintTooLong {
        /// The longest form.
        max: u8,
    },
    /// A length or count is negative.
    #[error("length {found} is negative")]
    Negative {
        /// The number.
        found: i128,
    },
    /// A limit of the program or of the definition was passed.
    #[error("{found} is over {limit} {max}")]
    Limit {
        /// The limit's name: a field of [`Limits`](crate::Limits), or `max` for one in the definition.
        limit: &'static str,
        /// Its value.
        max: u64,
        /// What was asked for.
        found: u64,
    },
    /// A compressed block is damaged.
    #[error("{0}")]
    Inflate(String),
    /// Not NBT.
    #[error("{0}")]
    Nbt(NbtError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.path_text())?;
        match &self.kind {
            DecodeErrorKind::Short { wanted } => {
                write!(f, "ends early at {}, {wanted} more byte(s) wanted", self.offset)?;
            }
            kind => write!(f, "at {}: {kind}", self.offset)?,
        }
        if self.buffer > 0 {
            write!(f, " (in inflated block {})", self.buffer)?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

impl DecodeError {
    /// The failed field's path, as `item.added[2].data`.
    pub fn path_text(&self) -> String {
        path_text(&self.path)
    }
}

/// A path as people write it.
pub(crate) fn path_text(path: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            PathSegment::Field(name) if name.is_empty() => {}
            PathSegment::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathSegment::Index(i) => text.push_str(&format!("[{i}]")),
        }
    }
    text
}

/// A failure on its way out; the path is filled in from the inside.
type Failed = Box<DecodeError>;

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

    fn layout(&mut self, id: LayoutId, base: u32, bytes: &[u8], depth: u32) -> Result<u32, Failed> {
        let plan = self.plan;
        let layout = &plan.layouts[id as usize];
        let limit = self.ws.slots[(base + LIMIT) as usize];
        let mut pos = self.ws.slots[(base + START) as usize];
        let mut pc = layout.entry as usize;
        loop {
            let code = plan.code[pc];
            if code.skip > limit - pos {
                return Err(self.short_run(pc, base, limit));
            }
            pos += code.skip;
            let result = match code.op {
                Op::Mark { slot } => {
                    self.set(base, slot, pos);
                    Ok(pos)
                }
                Op::Varint { max, slot } => varint_end(bytes, pos, limit, max).inspect(|&end| {
                    self.set(base, slot, end);
                }),
                Op::Prefixed { repr, unit, max, slot } => {
                    prefixed_end(bytes, pos, limit, repr, unit, max).inspect(|&end| {
                        self.set(base, slot, end);
                    })
                }
                Op::Counted { expr, unit, max, slot } => {
                    let count = self.eval(&plan.exprs[expr as usize], base, pos);
                    sized_end(count, unit, max.into(), pos, limit).inspect(|&end| {
                        self.set(base, slot, end);
                    })
                }
                Op::Rest { slot } => {
                    self.set(base, slot, limit);
                    Ok(limit)
                }
                Op::If { cond, slot, otherwise } => {
                    let holds = match &plan.conds[cond as usize] {
                        Cond::Byte { at, mask } => {
                            let at = self.pos(base, *at);
                            bytes.get(at as usize).is_some_and(|b| b & mask != 0)
                        }
                        Cond::Ex(ex) => self.eval(ex, base, pos) != 0,
                    };
                    self.set(base, slot, (!holds).into());
                    pc = if holds { pc + 1 } else { otherwise as usize };
                    continue;
                }
                Op::Switch { switch } => {
                    pc = self.switch(switch, base, pos);
                    continue;
                }
                Op::Jump { to } => {
                    pc = to as usize;
                    continue;
                }
                Op::Array { array } => {
                    self.array(&plan.arrays[array as usize], base, bytes, pos, limit, depth)
                }
                Op::Block { block } => self.inner_block(block, base, bytes, pos, limit, depth),
                Op::Call { call } => self.call(call, base, bytes, pos, limit, depth),
                Op::Nbt { form, slot } => {
                    let max = self.ws.limits.nbt_depth_max;
                    match nbt::skip(&bytes[pos as usize..limit as usize], form, max) {
                        Ok(size) => {
                            self.set(base, slot, pos + size as u32);
                            Ok(pos + size as u32)
                        }
                        Err((at, NbtError::Short { wanted })) => {
                            Err(fail(pos + at as u32, DecodeErrorKind::Short { wanted }))
                        }
                        Err((at, e)) => Err(fail(pos + at as u32, DecodeErrorKind::Nbt(e))),
                    }
                }
                Op::Packed { width, count, slot } => {
                    let width = self.eval(&plan.exprs[width as usize], base, pos);
                    let count = self.eval(&plan.exprs[count as usize], base, pos);
                    sized_end(packed_words(width, count), 8, u64::MAX, pos, limit).inspect(|&end| {
                        self.set(base, slot, end);
                    })
                }
                Op::Return => return Ok(pos),
            };
            match result {
                Ok(end) => pos = end,
                Err(failed) => return Err(self.locate(failed, pc, base)),
            }
            pc += 1;
        }
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
            let (start, end) = (self.pos(base, field.start), self.pos(base, field.end));
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

    fn switch(&mut self, switch: u32, base: u32, pos: u32) -> usize {
        let plan = self.plan;
        let switch = &plan.switches[switch as usize];
        let branch = &plan.branches[switch.branch as usize];
        let arm = match &branch.select {
            Select::Match(ex) => {
                let value = self.eval(ex, base, pos);
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

    fn array(
        &mut self,
        array: &ArrayCode,
        base: u32,
        bytes: &[u8],
        pos: u32,
        limit: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let mut at = pos;
        let mut known = None;
        match &array.count {
            Count::Len(Len::Prefix { repr, max }) => {
                let (count, width) = int(bytes, pos, limit, *repr)?;
                at += width;
                known = Some(self.checked_count(count, *max, pos)?);
            }
            Count::Len(Len::Expr { expr, max }) => {
                let count = self.eval(expr, base, pos);
                known = Some(self.checked_count(count, *max, pos)?);
            }
            Count::Len(Len::Fixed(n)) => known = Some(*n),
            _ => {}
        }
        self.set(base, array.first_slot, at);
        self.set(base, array.count_slot, known.unwrap_or(0));
        let end = match (known, array.shape) {
            (Some(count), ElementShape::Fixed(size)) => {
                let total = u64::from(count) * u64::from(size);
                let left = u64::from(limit - at);
                if total > left {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: total - left }));
                }
                at + total as u32
            }
            (Some(count), shape) => {
                let min = self.plan.layouts[array.element as usize].min_size;
                let least = u64::from(count) * u64::from(min);
                let left = u64::from(limit - at);
                if least > left && !matches!(shape, ElementShape::Layout) {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: least - left }));
                }
                self.known_elements(array, shape, base, bytes, at, limit, count, depth)?
            }
            (None, _) => self.open_elements(array, base, bytes, at, limit, depth)?,
        };
        self.set(base, array.end_slot, end);
        Ok(end)
    }

    /// Elements of varying size whose number is known.
    #[expect(clippy::too_many_arguments, reason = "the state of one loop of the interpreter")]
    fn known_elements(
        &mut self,
        array: &ArrayCode,
        shape: ElementShape,
        base: u32,
        bytes: &[u8],
        mut at: u32,
        limit: u32,
        count: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let indexed = count > INDEX_STRIDE;
        if indexed {
            let handle = self.ws.index.len() as u32;
            self.set(base, array.index_slot, handle);
            // Nested arrays append behind: room for all of ours is taken first. The bytes of `count`
            // elements were not checked where elements may be empty, so it is bounded by the limit.
            let entries = ((count - 1) / INDEX_STRIDE) as usize;
            self.ws.index.resize(handle as usize + entries, ABSENT);
        }
        let handle = if indexed { self.ws.slots[(base + array.index_slot) as usize] } else { 0 };
        let with_index = |failed: Failed, i: u32| element_failed(failed, i);
        for i in 0..count {
            if i > 0 && i % INDEX_STRIDE == 0 && indexed {
                self.ws.index[(handle + i / INDEX_STRIDE - 1) as usize] = at;
            }
            at = match shape {
                ElementShape::Varint(max) => varint_end(bytes, at, limit, max),
                ElementShape::Prefixed { repr, unit, max } => {
                    prefixed_end(bytes, at, limit, repr, unit, max)
                }
                _ => self
                    .element(array.element, base, bytes, at, limit, depth, None)
                    .map(|(at, _)| at),
            }
            .map_err(|failed| with_index(failed, i))?;
        }
        Ok(at)
    }

    /// Elements whose number shows only on the way.
    fn open_elements(
        &mut self,
        array: &ArrayCode,
        base: u32,
        bytes: &[u8],
        mut at: u32,
        limit: u32,
        depth: u32,
    ) -> Result<u32, Failed> {
        let max = match &array.count {
            Count::Until { max, .. } | Count::While { max, .. } => *max,
            _ => None,
        };
        let mut sum = 0i128;
        let mut index: Vec<u32> = Vec::new();
        let mut count = 0u32;
        loop {
            match &array.count {
                Count::Until { repr, compare: op, value, .. } => {
                    let (found, width) = int(bytes, at, limit, *repr)?;
                    if compare(*op, found, self.eval(value, base, at)) {
                        at += width;
                        break;
                    }
                }
                Count::Sum { compare: op, total, .. } => {
                    if compare(*op, sum, self.eval(total, base, at)) {
                        break;
                    }
                }
                Count::Len(_) if at >= limit => break,
                _ => {}
            }
            if max.is_some_and(|max| u64::from(count) >= max) {
                return Err(over(at, "max", max.unwrap_or(0), u64::from(count) + 1));
            }
            if count > 0 && count % INDEX_STRIDE == 0 {
                index.push(at);
            }
            let wanted = match &array.count {
                Count::Sum { each, .. } => Some(each),
                Count::While { more, .. } => Some(more),
                _ => None,
            };
            let (end, value) = self
                .element(array.element, base, bytes, at, limit, depth, wanted)
                .map_err(|failed| element_failed(failed, count))?;
            if end == at && matches!(array.count, Count::Len(_)) {
                // An element without bytes would go on for ever: what is left is no element.
                break;
            }
            at = end;
            count += 1;
            self.set(base, array.count_slot, count);
            match &array.count {
                Count::Sum { .. } => sum = sum.saturating_add(value),
                Count::While { .. } if value == 0 => break,
                _ => {}
            }
        }
        if !index.is_empty() {
            let handle = self.ws.index.len() as u32;
            self.set(base, array.index_slot, handle);
            self.ws.index.extend_from_slice(&index);
        }
        Ok(at)
    }

    /// Passes one element, and evaluates an expression in its scope.
    #[expect(clippy::too_many_arguments, reason = "the state of one loop of the interpreter")]
    fn element(
        &mut self,
        layout: LayoutId,
        parent: u32,
        bytes: &[u8],
        at: u32,
        limit: u32,
        depth: u32,
        wanted: Option<&Ex>,
    ) -> Result<(u32, i128), Failed> {
        self.deeper(depth, at)?;
        self.ws.walked += 1;
        let most = self.ws.limits.elements_max;
        if self.ws.walked > most {
            return Err(over(at, "elements_max", most.into(), self.ws.walked.into()));
        }
        let before = self.ws.checkpoint();
        let buffer = self.ws.slots[(parent + BUFFER) as usize];
        let shape = &self.plan.layouts[layout as usize];
        let base = self.ws.push_block(shape, [parent, buffer, at, limit]);
        let end = self.layout(layout, base, bytes, depth + 1)?;
        let value = wanted.map_or(0, |ex| self.eval(ex, base, end));
        self.ws.restore(before);
        Ok((end, value))
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
        let (start, end) = match &code.len {
            Len::Rest => (pos, limit),
            Len::Fixed(n) => (pos, sized_end((*n).into(), 1, u64::MAX, pos, limit)?),
            Len::Prefix { repr, max } => {
                let (n, width) = int(bytes, pos, limit, *repr)?;
                (pos + width, sized_end(n, 1, max.unwrap_or(u64::MAX), pos + width, limit)?)
            }
            Len::Expr { expr, max } => {
                let n = self.eval(expr, base, pos);
                (pos, sized_end(n, 1, max.unwrap_or(u64::MAX), pos, limit)?)
            }
        };
        self.deeper(depth, pos)?;
        let layout = &plan.layouts[code.layout as usize];
        let wrapper = match code.transform {
            Transform::Sized => None,
            Transform::Zlib => Some(Wrapper::Zlib),
            Transform::Deflate => Some(Wrapper::Deflate),
            Transform::Gzip => Some(Wrapper::Gzip),
        };
        let inner = match wrapper {
            None => {
                let buffer = self.ws.slots[(base + BUFFER) as usize];
                let inner = self.ws.push_block(layout, [base, buffer, start, end]);
                self.set(base, code.slot, inner);
                self.layout(code.layout, inner, bytes, depth + 1)?;
                inner
            }
            Some(wrapper) => {
                let (buffer, mut out) = self.ws.take_buffer();
                let data = &bytes[start as usize..end as usize];
                let result = self.ws.inflater.inflate_block(wrapper, data, &mut out);
                let size = out.len() as u32;
                let out = Arc::new(out);
                self.ws.buffers[buffer as usize - 1] = out.clone();
                let inner = self.ws.push_block(layout, [base, buffer, 0, size]);
                self.set(base, code.slot, inner);
                match result {
                    Err(e) => return Err(fail(start, DecodeErrorKind::Inflate(e.to_string()))),
                    Ok(_) => self.layout(code.layout, inner, &out, depth + 1)?,
                };
                inner
            }
        };
        debug_assert_ne!(inner, ABSENT);
        self.set(base, code.end_slot, end);
        Ok(end)
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
        self.set(base, code.end_slot, end);
        Ok(end)
    }

    fn deeper(&self, depth: u32, at: u32) -> Result<(), Failed> {
        let max = self.ws.limits.depth_max;
        if depth >= max {
            return Err(over(at, "depth_max", max.into(), u64::from(depth) + 1));
        }
        Ok(())
    }

    fn checked_count(&self, count: i128, max: Option<u64>, at: u32) -> Result<u32, Failed> {
        if count < 0 {
            return Err(fail(at, DecodeErrorKind::Negative { found: count }));
        }
        let found = u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(max) = max
            && found > max
        {
            return Err(over(at, "max", max, found));
        }
        let most = self.ws.limits.elements_max;
        match u32::try_from(found) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(over(at, "elements_max", most.into(), found)),
        }
    }

    #[inline]
    fn set(&mut self, base: u32, slot: u32, value: u32) {
        self.ws.slots[(base + slot) as usize] = value;
    }

    #[inline]
    fn pos(&self, base: u32, pos: Pos) -> u32 {
        self.ws.resolve(base, pos)
    }

    fn scope(&self, base: u32, pos: u32) -> RunScope<'_> {
        RunScope { plan: self.plan, payload: self.payload, conn: self.conn, ws: self.ws, base, pos }
    }

    fn eval(&self, ex: &Ex, base: u32, pos: u32) -> i128 {
        ex.eval(&self.scope(base, pos))
    }
}

impl Workspace {
    /// Where a position is; [`ABSENT`] where it was not reached.
    #[inline]
    pub(crate) fn resolve(&self, base: u32, pos: Pos) -> u32 {
        match self.slots[(base + pos.slot) as usize] {
            ABSENT => ABSENT,
            at => at.saturating_add(pos.offset),
        }
    }
}

/// A packet that is being read, as expressions see it.
pub(crate) struct RunScope<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) payload: &'a [u8],
    pub(crate) conn: &'a [i64],
    pub(crate) ws: &'a Workspace,
    pub(crate) base: u32,
    pub(crate) pos: u32,
}

impl RunScope<'_> {
    fn outwards(&self, up: u8) -> u32 {
        (0..up).fold(self.base, |base, _| self.ws.slots[(base + PARENT) as usize])
    }

    /// The first of the fields that is present, and its block.
    fn present(&self, field: &FieldRef) -> Option<(u32, FieldId)> {
        let base = self.outwards(field.up);
        let there = |id: &&FieldId| {
            !field.guarded
                || self.plan.is_present(self.ws, base, self.plan.fields[**id as usize].guard)
        };
        field.fields.iter().find(there).map(|id| (base, *id))
    }

    /// The bytes from a field's start to the end of its block's window.
    fn bytes_from(&self, base: u32, id: FieldId) -> &[u8] {
        let field = &self.plan.fields[id as usize];
        let buffer = self.ws.buffer(self.payload, self.ws.slots[(base + BUFFER) as usize]);
        let limit = (self.ws.slots[(base + LIMIT) as usize] as usize).min(buffer.len());
        let start = self.ws.resolve(base, field.start);
        buffer.get(start as usize..limit).unwrap_or(&[])
    }
}

impl Scope for RunScope<'_> {
    fn field(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        let bytes = || self.bytes_from(base, id);
        let value = match &self.plan.fields[id as usize].kind {
            Kind::Int(repr) | Kind::Enum { repr, .. } => int_at(bytes(), *repr),
            Kind::Flags { repr, .. } | Kind::Bits { repr, .. } => int_at(bytes(), *repr),
            Kind::Bool | Kind::Presence => i128::from(bytes().first().is_some_and(|b| *b != 0)),
            Kind::Let(ex) => {
                let scope = RunScope { base, ..*self };
                ex.eval(&scope)
            }
            _ => 0,
        };
        field.member.map_or(value, |m| m.of(value))
    }

    fn arg(&self, up: u8, index: u32) -> i128 {
        let base = self.outwards(up);
        let slot = |i| u64::from(self.ws.slots[(base + HEADER + index * 2 + i) as usize]);
        ((slot(0) | slot(1) << 32) as i64).into()
    }

    fn conn(&self, index: u32) -> i128 {
        self.conn.get(index as usize).copied().unwrap_or(0).into()
    }

    fn remaining(&self) -> i128 {
        let limit = self.ws.slots[(self.base + LIMIT) as usize];
        i128::from(limit) - i128::from(self.pos.min(limit))
    }

    fn count_of(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        match &self.plan.fields[id as usize].kind {
            Kind::Array(array) => self.ws.slots[(base + array.count_slot) as usize].into(),
            _ => self.bytes_of(field),
        }
    }

    fn bytes_of(&self, field: &FieldRef) -> i128 {
        let Some((base, id)) = self.present(field) else { return 0 };
        let field = &self.plan.fields[id as usize];
        let (start, end) = (self.ws.resolve(base, field.start), self.ws.resolve(base, field.end));
        if start == ABSENT || end == ABSENT { 0 } else { i128::from(end) - i128::from(start) }
    }

    fn has(&self, field: &FieldRef) -> bool {
        self.present(field).is_some()
    }

    fn text_is(&self, field: &FieldRef, text: &str) -> bool {
        let Some((base, id)) = self.present(field) else { return false };
        let Kind::Str { len, encoding, .. } = &self.plan.fields[id as usize].kind else {
            return false;
        };
        let place = &self.plan.fields[id as usize];
        let (start, end) = (self.ws.resolve(base, place.start), self.ws.resolve(base, place.end));
        let buffer = self.ws.buffer(self.payload, self.ws.slots[(base + BUFFER) as usize]);
        let Some(raw) = buffer.get(start as usize..end as usize) else { return false };
        crate::value::text(*encoding, crate::value::content(len, raw)) == text
    }
}

impl Plan {
    /// Whether the arm and those around it were taken.
    pub(crate) fn is_present(&self, ws: &Workspace, base: u32, guard: Option<(u32, u32)>) -> bool {
        let Some((branch, arm)) = guard else { return true };
        let branch = &self.branches[branch as usize];
        // Arms share slots, so an inner slot means nothing where an outer arm was not taken.
        self.is_present(ws, base, branch.guard) && ws.slots[(base + branch.slot) as usize] == arm
    }
}

impl super::Branch {
    /// The arm for a number; one past the last if none fits.
    pub(crate) fn arm_for(&self, value: i128, scope: &impl Scope) -> usize {
        let fits = |label: &super::ArmLabel| match label {
            super::ArmLabel::Range(low, high) => *low <= value && value <= *high,
            super::ArmLabel::Expr(ex) => ex.eval(scope) == value,
            super::ArmLabel::Text(_) => false,
        };
        let found =
            self.arms.iter().position(|arm| arm.labels.is_empty() || arm.labels.iter().any(fits));
        found.unwrap_or(self.arms.len())
    }

    /// The arm for a text; one past the last if none fits.
    pub(crate) fn arm_for_text(&self, field: &FieldRef, scope: &impl Scope) -> usize {
        let fits = |label: &super::ArmLabel| matches!(label, super::ArmLabel::Text(text) if scope.text_is(field, text));
        let found =
            self.arms.iter().position(|arm| arm.labels.is_empty() || arm.labels.iter().any(fits));
        found.unwrap_or(self.arms.len())
    }
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

fn int_at(bytes: &[u8], repr: IntRepr) -> i128 {
    repr.read(bytes).map_or(0, |(value, _)| value)
}

#[cold]
fn fail(offset: u32, kind: DecodeErrorKind) -> Failed {
    Box::new(DecodeError { path: Vec::new(), buffer: ABSENT, offset, kind })
}

#[cold]
fn over(offset: u32, limit: &'static str, max: u64, found: u64) -> Failed {
    fail(offset, DecodeErrorKind::Limit { limit, max, found })
}

#[cold]
fn element_failed(mut failed: Failed, index: u32) -> Failed {
    failed.path.insert(0, PathSegment::Index(index));
    failed
}

fn int(bytes: &[u8], at: u32, limit: u32, repr: IntRepr) -> Result<(i128, u32), Failed> {
    repr.read(&bytes[at as usize..limit as usize]).map_err(|e| int_failed(e, at))
}

#[cold]
fn int_failed(error: IntError, at: u32) -> Failed {
    match error {
        IntError::Short(wanted) => fail(at, DecodeErrorKind::Short { wanted: wanted.into() }),
        IntError::TooLong(max) => fail(at, DecodeErrorKind::VarintTooLong { max }),
    }
}

#[inline]
fn varint_end(bytes: &[u8], at: u32, limit: u32, max: u8) -> Result<u32, Failed> {
    let window = &bytes[at as usize..limit as usize];
    for (i, byte) in window.iter().take(max.into()).enumerate() {
        if byte & 0x80 == 0 {
            return Ok(at + i as u32 + 1);
        }
    }
    Err(int_failed(
        if window.len() < max.into() { IntError::Short(1) } else { IntError::TooLong(max) },
        at,
    ))
}

#[inline]
fn prefixed_end(
    bytes: &[u8],
    at: u32,
    limit: u32,
    repr: IntRepr,
    unit: u8,
    max: u32,
) -> Result<u32, Failed> {
    let window = &bytes[at as usize..limit as usize];
    if let (Some(&first), 1) = (window.first(), unit)
        && first < 0x80
        && repr.is_plain_groups()
        && usize::from(first) < window.len()
        && u32::from(first) <= max
    {
        return Ok(at + 1 + u32::from(first));
    }
    let (count, width) = repr.read(window).map_err(|e| int_failed(e, at))?;
    sized_end(count, unit, max.into(), at + width, limit)
}

impl IntRepr {
    /// A first byte below 128 is the number itself.
    fn is_plain_groups(self) -> bool {
        matches!(
            self,
            IntRepr::Varint
                | IntRepr::Varlong
                | IntRepr::Uvarint
                | IntRepr::Varint128
                | IntRepr::Fixed { bytes: 1, .. }
        )
    }
}

/// Where `count` units of `unit` bytes end, if they are there.
fn sized_end(count: i128, unit: u8, max: u64, at: u32, limit: u32) -> Result<u32, Failed> {
    if count < 0 {
        return Err(fail(at, DecodeErrorKind::Negative { found: count }));
    }
    let found = u64::try_from(count).unwrap_or(u64::MAX);
    if found > max {
        return Err(over(at, "max", max, found));
    }
    let size = found.saturating_mul(unit.into());
    let left = u64::from(limit - at);
    if size > left {
        return Err(fail(limit, DecodeErrorKind::Short { wanted: size - left }));
    }
    Ok(at + size as u32)
}
