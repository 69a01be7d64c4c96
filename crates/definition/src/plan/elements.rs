//! Running a plan over the elements of a list.

use super::code::{ArrayCode, ElementShape};
use super::error::{DecodeErrorKind, Failed, element_failed, fail, int_failed, over};
use super::expr::{Ex, compare};
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
            _ => {}
        }
        if let (Some(count), ElementShape::Fixed(0)) = (known, array.shape) {
            // Bytes do not bound these.
            self.count_walked(count, at)?;
        }
        self.set(base, array.first_slot, at);
        self.set(base, array.count_slot, known.unwrap_or(0));
        let left = u64::from(limit - at);
        match (known, array.shape) {
            (Some(count), ElementShape::Fixed(size)) => {
                let total = u64::from(count) * u64::from(size);
                if total > left {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: total - left }));
                }
                Ok((u64::from(at) + total) as usize)
            }
            (Some(count), ElementShape::Layout) => {
                self.known_elements(array, base, window, at, count, depth)
            }
            (Some(count), shape) => {
                let least = u64::from(count) * u64::from(array.element_min);
                if least > left {
                    return Err(fail(limit, DecodeErrorKind::Short { wanted: least - left }));
                }
                self.known_values(array, shape, base, window, at, count)
            }
            (None, _) => self.open_elements(array, base, window, at, depth),
        }
    }

    /// Makes room for the positions of an array's elements; gives where they go.
    fn room_in_index(&mut self, array: &ArrayCode, base: u32, count: u32) -> usize {
        let handle = self.ws.index.len();
        if count > INDEX_STRIDE {
            self.set(base, array.index_slot, handle as u32);
            // Nested arrays append behind: room for all of ours is taken first. The bytes of `count`
            // elements were not checked where elements may be empty, so it is bounded by the limit.
            let entries = ((count - 1) / INDEX_STRIDE) as usize;
            self.ws.index.resize(handle + entries, ABSENT);
        }
        handle
    }

    /// Elements that are one value of varying size, and whose number is known.
    fn known_values(
        &mut self,
        array: &ArrayCode,
        shape: ElementShape,
        base: u32,
        window: &[u8],
        at: u32,
        count: u32,
    ) -> Result<usize, Failed> {
        let handle = self.room_in_index(array, base, count);
        let mut at = at as usize;
        for first in (0..count).step_by(INDEX_STRIDE as usize) {
            if first > 0 {
                self.ws.index[handle + (first / INDEX_STRIDE) as usize - 1] = at as u32;
            }
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
                None => one_by_one(shape, window, at, first..first + some)?,
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
        mut at: u32,
        count: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let handle = self.room_in_index(array, base, count);
        for i in 0..count {
            if i > 0 && i % INDEX_STRIDE == 0 {
                self.ws.index[handle + (i / INDEX_STRIDE) as usize - 1] = at;
            }
            let element = self.pass_element(array.element, base, window, at, depth, None);
            (at, _) = element.map_err(|failed| element_failed(failed, i))?;
        }
        Ok(at as usize)
    }

    /// Elements whose number shows only on the way.
    fn open_elements(
        &mut self,
        array: &ArrayCode,
        base: u32,
        window: &[u8],
        mut at: u32,
        depth: u32,
    ) -> Result<usize, Failed> {
        let max = match &array.count {
            Count::Until { max, .. } | Count::While { max, .. } => *max,
            _ => None,
        };
        let mut sum = 0i128;
        let mut count = 0u32;
        loop {
            match &array.count {
                Count::Until { repr, compare: op, value, .. } => {
                    let (found, width) = int(window, at, *repr)?;
                    if compare(*op, found, self.eval_at(value, base, at)) {
                        at += width;
                        break;
                    }
                }
                Count::Sum { compare: op, total, .. }
                    if compare(*op, sum, self.eval_at(total, base, at)) =>
                {
                    break;
                }
                Count::Len(_) if at >= window.len() as u32 => break,
                _ => {}
            }
            if max.is_some_and(|max| u64::from(count) >= max) {
                return Err(over(at, "max", max.unwrap_or(0), u64::from(count) + 1));
            }
            if count > 0 && count.is_multiple_of(INDEX_STRIDE) {
                // Between two elements nothing stands behind our part of the index.
                if count == INDEX_STRIDE {
                    let handle = self.ws.index.len() as u32;
                    self.set(base, array.index_slot, handle);
                }
                self.ws.index.push(at);
            }
            let wanted = match &array.count {
                Count::Sum { each, .. } => Some(each),
                Count::While { more, .. } => Some(more),
                _ => None,
            };
            let (end, value) = self
                .pass_element(array.element, base, window, at, depth, wanted)
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
        Ok(at as usize)
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
        self.deeper(depth, at)?;
        self.count_walked(1, at)?;
        let before = self.ws.checkpoint();
        let buffer = self.ws.slots[(parent + BUFFER) as usize];
        let shape = &self.plan.layouts[layout as usize];
        let base = self.ws.push_block(shape, [parent, buffer, at, window.len() as u32]);
        let end = self.layout(layout, base, window, depth + 1)? as u32;
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
