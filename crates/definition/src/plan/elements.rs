//! Running a plan over the elements of a list.

use super::code::{ArrayCode, ElementShape};
use super::error::{DecodeErrorKind, Failed, element_failed, fail, int_failed, over};
use super::expr::{Ex, compare};
use super::measure::{ListStep, Step};
use super::workspace::{ABSENT, BUFFER, INDEX_STRIDE};
use super::{Count, IntRepr, LayoutId, Len, Packet, pass};

impl Packet<'_> {
    pub(super) fn pass_array(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        pos: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        if let Some(list) = self.ws.resumed_list() {
            return self.go_on_in_list(array, base, window, list, depth);
        }
        let limit = window.len() as u32;
        let mut at = pos;
        let mut known = None;
        match &array.count {
            Count::Len(Len::Prefix { repr, max }) => {
                let (count, width) = int(window, pos, *repr)?;
                at += width;
                known = Some(self.checked_count(count, *max, pos)?);
            }
            Count::Len(Len::Expr { expr, max }) => {
                let count = self.eval_at(expr, base, pos);
                known = Some(self.checked_count(count, *max, pos)?);
            }
            Count::Len(Len::Fixed(n)) => {
                known = Some(self.checked_count((*n).into(), None, pos)?)
            }
            Count::Len(Len::Rest) => self.take_rest(pos)?,
            _ => {}
        }
        if let (Some(count), ElementShape::Fixed(0)) = (known, array.shape) {
            // Bytes do not bound these.
            self.count_walked(count, at)?;
        }
        self.set(base, array.first_slot, at);
        self.set(base, array.count_slot, known.unwrap_or(0));
        let left = u64::from(limit - at);
        let list = ListStep { at, ..ListStep::default() };
        match (known, array.shape) {
            (Some(count), ElementShape::Fixed(size)) => {
                let total = u64::from(count) * u64::from(size);
                if total > left {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: total - left }));
                }
                Ok((u64::from(at) + total) as usize)
            }
            (Some(count), ElementShape::Layout) => {
                self.room_in_index(array, base, count);
                self.known_elements(array, base, window, list, count, depth)
            }
            (Some(count), _) => {
                let least = u64::from(count) * u64::from(array.element_min);
                if least > left {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: least - left }));
                }
                self.room_in_index(array, base, count);
                self.known_values(array, base, window, list, count)
            }
            (None, _) => self.open_elements(array, base, window, list, depth),
        }
    }

    /// Goes on within a list.
    fn go_on_in_list(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        list: ListStep,
        depth: u32,
    ) -> Result<usize, Failed> {
        let count = self.ws.slots[(base + array.count_slot) as usize];
        let is_known = match &array.count {
            Count::Len(len) => !matches!(len, Len::Rest),
            Count::Until { .. } | Count::Sum { .. } | Count::While { .. } => false,
        };
        match (is_known, array.shape) {
            (true, ElementShape::Layout) => {
                self.known_elements(array, base, window, list, count, depth)
            }
            (true, _) => self.known_values(array, base, window, list, count),
            (false, _) => self.open_elements(array, base, window, list, depth),
        }
    }

    /// Makes room for the positions of an array's elements.
    fn room_in_index(&mut self, array: &ArrayCode, base: u32, count: u32) {
        if count > INDEX_STRIDE {
            let handle = self.ws.index.len();
            self.set(base, array.index_slot, handle as u32);
            // Nested arrays append behind: room for all of ours is taken first. The bytes of `count`
            // elements were not checked where elements may be empty, so it is bounded by the limit.
            let entries = ((count - 1) / INDEX_STRIDE) as usize;
            self.ws.index.resize(handle + entries, ABSENT);
        }
    }

    /// Keeps the position of an element in the room that was made.
    fn keep_in_index(&mut self, array: &ArrayCode, base: u32, index: u32, at: u32) {
        if index > 0 && index.is_multiple_of(INDEX_STRIDE) {
            let handle = self.ws.slots[(base + array.index_slot) as usize];
            self.ws.index[(handle + index / INDEX_STRIDE) as usize - 1] = at;
        }
    }

    /// Elements that are one value of varying size, and whose number is known.
    fn known_values(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        list: ListStep,
        count: u32,
    ) -> Result<usize, Failed> {
        let shape = array.shape;
        let mut at = list.at as usize;
        for first in (list.index..count).step_by(INDEX_STRIDE as usize) {
            self.keep_in_index(array, base, first, at as u32);
            let some = (count - first).min(INDEX_STRIDE);
            let end = match shape {
                ElementShape::Varint(max) => pass::varints(window, at, some, max),
                ElementShape::Prefixed { repr, unit, max } => {
                    pass::prefixed_many(window, at, some, repr, unit, max)
                }
                ElementShape::Fixed(_) | ElementShape::Layout => None,
            };
            at = match end {
                Some(end) => end,
                None => {
                    let step = ListStep { at: at as u32, index: first, sum: 0 };
                    one_by_one(shape, window, at, first..first + some)
                        .inspect_err(|_| self.ws.leave(Step::List(step)))?
                }
            };
        }
        Ok(at)
    }

    /// Elements with a layout whose number is known.
    fn known_elements(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        list: ListStep,
        count: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let mut at = list.at;
        for index in list.index..count {
            self.keep_in_index(array, base, index, at);
            match self.pass_element(array.element, base, window, at, depth, None) {
                Ok((end, _)) => at = end,
                Err(failed) => {
                    self.ws.leave(Step::List(ListStep { at, index, sum: 0 }));
                    return Err(element_failed(failed, index));
                }
            }
        }
        Ok(at as usize)
    }

    /// Elements whose number shows only on the way.
    fn open_elements(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        mut list: ListStep,
        depth: u32,
    ) -> Result<usize, Failed> {
        self.pass_open_elements(array, base, window, &mut list, depth)
            .inspect_err(|_| self.ws.leave(Step::List(list)))
    }

    /// The same; the list is told how far it was passed.
    fn pass_open_elements(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        list: &mut ListStep,
        depth: u32,
    ) -> Result<usize, Failed> {
        loop {
            // What is asked in front of an element was asked of one that the run goes on in.
            if !self.ws.resumes_element() && self.ends_here(array, base, window, list)? {
                break;
            }
            let ListStep { at, index, .. } = *list;
            let wanted = match &array.count {
                Count::Sum { each, .. } => Some(each),
                Count::While { more, .. } => Some(more),
                _ => None,
            };
            let (end, value) = self
                .pass_element(array.element, base, window, at, depth, wanted)
                .map_err(|failed| element_failed(failed, index))?;
            if end == at && matches!(array.count, Count::Len(_)) {
                // An element without bytes would go on for ever: what is left is no element.
                break;
            }
            (list.at, list.index) = (end, index + 1);
            self.set(base, array.count_slot, list.index);
            match &array.count {
                Count::Sum { .. } => list.sum = list.sum.saturating_add(value),
                Count::While { .. } if value == 0 => break,
                _ => {}
            }
        }
        Ok(list.at as usize)
    }

    /// Whether a list has no more elements; passes what says so. If it has, room for one is made.
    fn ends_here(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        list: &mut ListStep,
    ) -> Result<bool, Failed> {
        let ListStep { at, index, sum } = *list;
        let max = match &array.count {
            Count::Until { repr, compare: op, value, max } => {
                let (found, width) = int(window, at, *repr)?;
                if compare(*op, found, self.eval_at(value, base, at)) {
                    list.at += width;
                    return Ok(true);
                }
                *max
            }
            Count::Sum { compare: op, total, .. } => {
                if compare(*op, sum, self.eval_at(total, base, at)) {
                    return Ok(true);
                }
                None
            }
            Count::Len(_) if at >= window.len() as u32 => return Ok(true),
            Count::Len(_) => None,
            Count::While { max, .. } => *max,
        };
        if let Some(max) = max.filter(|max| u64::from(index) >= *max) {
            return Err(over(at, "max", max, u64::from(index) + 1));
        }
        if index > 0 && index.is_multiple_of(INDEX_STRIDE) {
            // Between two elements nothing stands behind our part of the index.
            if index == INDEX_STRIDE {
                let handle = self.ws.index.len() as u32;
                self.set(base, array.index_slot, handle);
            }
            self.ws.index.push(at);
        }
        Ok(false)
    }

    /// Passes one element, and evaluates an expression in its scope.
    fn pass_element(
        &mut self,
        layout: LayoutId,
        parent: u32,
        window: &[u8],
        at: u32,
        depth: u32,
        wanted: Option<&Ex>,
    ) -> Result<(u32, i128), Failed> {
        let (base, before, ran) = match self.ws.resumed_element() {
            Some((base, before)) => (base, before, self.go_on_in(layout, base, window, depth + 1)),
            None => {
                self.deeper(depth, at)?;
                self.count_walked(1, at)?;
                let before = self.ws.checkpoint();
                let buffer = self.ws.slots[(parent + BUFFER) as usize];
                let shape = &self.plan.layouts[layout as usize];
                let base = self.ws.push_block(shape, [parent, buffer, at, window.len() as u32]);
                (base, before, self.layout(layout, base, window, depth + 1))
            }
        };
        let end = match ran {
            Ok(end) => end as u32,
            Err(failed) => {
                self.ws.leave(Step::Element { base, before });
                return Err(failed);
            }
        };
        let value = wanted.map_or(0, |ex| self.eval_at(ex, base, end));
        self.ws.restore(before);
        Ok((end, value))
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
}

/// Passes elements that are one value each, and tells which is wrong.
fn one_by_one(
    shape: ElementShape,
    window: &[u8],
    mut at: usize,
    elements: std::ops::Range<u32>,
) -> Result<usize, Failed> {
    for i in elements {
        let end = match shape {
            ElementShape::Varint(max) => pass::varint_exact(window, at, max),
            ElementShape::Prefixed { repr, unit, max } => {
                pass::prefixed_exact(window, at, repr, unit, max)
            }
            ElementShape::Fixed(_) | ElementShape::Layout => Ok(at),
        };
        at = end.map_err(|failed| element_failed(failed, i))?;
    }
    Ok(at)
}

/// The integer at a position, and how many bytes it takes.
pub(super) fn int(window: &[u8], at: u32, repr: IntRepr) -> Result<(i128, u32), Failed> {
    repr.read(&window[at as usize..]).map_err(|e| int_failed(e, at))
}
