//! Lists: whole runs of untouched elements are copied, the others are written one by one.

use std::ops::Range;

use super::describe::{compare as sign, expression};
use super::draft::{Change, DraftId, Encoder, ListChange, Original, Run};
use super::error::EditError;
use super::invert::Wanted;
use crate::plan::{ArrayKind, Count, Ex, FieldId, compare};
use crate::syntax::ast::Compare;

/// What tells a list's end while it is written.
struct Ending {
    /// The running total of a list that ends by one.
    sum: i128,
    /// What the total or the end mark is compared with.
    value: i128,
    /// Elements written so far.
    count: u64,
}

impl<'a> Encoder<'_, 'a> {
    pub(super) fn write_list(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let original = self.original(d, id);
        let change = match self.drafts[d].changes.get(&id) {
            Some(Change::List(list)) => Some(ListChange {
                runs: list.runs.clone(),
                prefix: list.prefix.clone(),
                end: list.end.clone(),
            }),
            _ => None,
        };
        let list = match (change, original, self.original_count(d, id)) {
            (Some(list), ..) => list,
            (None, Original::At(place), Some(count)) => {
                if !self.is_tainted(id) {
                    out.extend_from_slice(self.bytes(place));
                    return Ok(());
                }
                ListChange { runs: vec![Run::Kept(0..count)], ..ListChange::default() }
            }
            (None, ..) => return self.write_default_list(d, id, array, out),
        };
        let count = list.count();
        self.write_count(d, id, array, count, list.prefix.as_deref(), out)?;
        let mut ending = Ending { sum: 0, value: self.end_value(d, array), count: 0 };
        for run in &list.runs {
            match run {
                Run::Kept(range) => {
                    self.write_kept(d, id, array, range.clone(), &mut ending, out)?
                }
                Run::Made(element) => self.write_element(*element, array, &mut ending, out)?,
            }
        }
        self.write_end(d, id, array, &ending, list.end.as_deref(), out)
    }

    /// A list that nobody gave: as many elements as have to be there.
    fn write_default_list(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let count = match &array.count {
            Count::Len(len) => self.default_count(d, id, len)?,
            Count::While { .. } => 1,
            Count::Until { .. } | Count::Sum { .. } => 0,
        };
        self.write_count(d, id, array, count, None, out)?;
        let mut ending = Ending { sum: 0, value: self.end_value(d, array), count: 0 };
        for index in 0..count {
            let mark = self.drafts.len();
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let element = self.element_draft(d, id, array, index, None)?;
            self.mark(element, array, false, Wanted { draft: d, field: id })?;
            self.write_element(element, array, &mut ending, out)?;
            self.release(mark);
        }
        self.write_end(d, id, array, &ending, None, out)
    }

    /// Writes or checks what says the number of elements.
    fn write_count(
        &self,
        d: DraftId,
        id: FieldId,
        array: &ArrayKind,
        count: u64,
        prefix: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let unit = "elements";
        let (max, limit) = match &array.count {
            Count::Until { max: Some(max), .. } | Count::While { max: Some(max), .. } => {
                (*max, "max")
            }
            _ => (self.limits.elements_max.into(), "elements_max"),
        };
        if count > max {
            let path = self.path(d, id);
            return Err(EditError::TooLong { path, unit, found: count, max, limit });
        }
        let Count::Len(len) = &array.count else { return Ok(()) };
        let Some(prefix) = prefix else { return self.write_len(d, id, len, (count, unit), out) };
        self.write_len(d, id, len, (count, unit), &mut Vec::new())?;
        let right = match len {
            crate::plan::Len::Prefix { repr, .. } => {
                repr.read(prefix) == Ok((count.into(), prefix.len() as u32))
            }
            _ => prefix.is_empty(),
        };
        if !right {
            let reason = format!("`$prefix` is not {count}, the number of elements");
            return Err(EditError::Form { path: self.path(d, id), reason });
        }
        out.extend_from_slice(prefix);
        Ok(())
    }

    /// What a list's end is compared with.
    fn end_value(&self, d: DraftId, array: &ArrayKind) -> i128 {
        match &array.count {
            Count::Until { value, .. } => self.eval(d, value),
            Count::Sum { total, .. } => self.eval(d, total),
            Count::Len(_) | Count::While { .. } => 0,
        }
    }

    /// Elements of the original.
    fn write_kept(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
        range: Range<u32>,
        ending: &mut Ending,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        if range.is_empty() {
            return Ok(());
        }
        let Original::At(place) = self.original(d, id) else {
            return Err(EditError::Unread { path: self.path(d, id) });
        };
        if !self.is_tainted(id) {
            let start = self.element_start(d, id, range.start);
            let end = match &array.count {
                Count::Sum { compare: op, each, .. } => {
                    self.add_kept(d, id, (start, *op, each), range.clone(), ending)?
                }
                _ => self.elements_end(d, id, array, range.end),
            };
            let (Some(start), Some(end)) = (start, end) else {
                return Err(EditError::Unread { path: self.path(d, id) });
            };
            let run = crate::plan::Place { start, end, ..place };
            out.extend_from_slice(self.bytes(run));
            ending.count += u64::from(range.end - range.start);
            return Ok(());
        }
        let mut next = self.element_start(d, id, range.start);
        for _ in range {
            let before = self.packet.as_deref().map(|packet| packet.ws.checkpoint());
            let opened = next.and_then(|start| self.open_element_at(d, id, start));
            let Some((base, bytes)) = opened else {
                return Err(EditError::Unread { path: self.path(d, id) });
            };
            next = Some(bytes.end);
            let mark = self.drafts.len();
            let index = u32::try_from(ending.count).unwrap_or(u32::MAX);
            let element = self.element_draft(d, id, array, index, Some(base))?;
            self.write_element(element, array, ending, out)?;
            self.release(mark);
            if let (Some(packet), Some(before)) = (self.packet.as_deref_mut(), before) {
                packet.ws.restore(before);
            }
        }
        Ok(())
    }

    /// Adds what untouched elements give to the running total; tells where the last of them ends.
    fn add_kept(
        &mut self,
        d: DraftId,
        id: FieldId,
        (start, op, each): (Option<u32>, Compare, &Ex),
        range: Range<u32>,
        ending: &mut Ending,
    ) -> Result<Option<u32>, EditError> {
        let mut next = start;
        for index in ending.count..ending.count + range.len() as u64 {
            if compare(op, ending.sum, ending.value) {
                let reason = format!("the elements before [{index}] already give {}", ending.sum);
                return Err(EditError::List { path: self.path(d, id), reason });
            }
            let before = self.packet.as_deref().map(|packet| packet.ws.checkpoint());
            let Some(start) = next else { return Ok(None) };
            let opened = self.open_element_at(d, id, start);
            let (Some((base, bytes)), Some(packet)) = (opened, self.packet.as_deref_mut()) else {
                return Ok(None);
            };
            ending.sum = ending.sum.saturating_add(each.eval(&packet.scope(base)));
            if let Some(before) = before {
                packet.ws.restore(before);
            }
            next = Some(bytes.end);
        }
        Ok(next)
    }

    /// Where element `index` of the original starts, or where the last one ends.
    fn elements_end(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &ArrayKind,
        index: u32,
    ) -> Option<u32> {
        let count = self.original_count(d, id)?;
        if index < count {
            return self.element_start(d, id, index);
        }
        let Original::At(place) = self.original(d, id) else { return None };
        if !matches!(array.count, Count::Until { .. }) {
            return Some(place.end);
        }
        let Some(last) = count.checked_sub(1) else { return Some(place.start) };
        let before = self.packet.as_deref()?.ws.checkpoint();
        let opened = self.open_element(d, id, last);
        self.packet.as_deref_mut()?.ws.restore(before);
        opened.map(|(_, bytes)| bytes.end)
    }

    /// Writes an element, and checks that the list would not be read as ended before it.
    fn write_element(
        &mut self,
        element: DraftId,
        array: &'a ArrayKind,
        ending: &mut Ending,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let start = out.len();
        let error =
            |encoder: &Self, reason| EditError::List { path: encoder.path_of(element), reason };
        if let Count::Sum { compare: op, .. } = &array.count
            && compare(*op, ending.sum, ending.value)
        {
            let reason = format!("the elements before it already give {}", ending.sum);
            return Err(error(self, reason));
        }
        self.activation(element, None, out)?;
        match &array.count {
            Count::Until { repr, compare: op, .. } => {
                if let Ok((found, _)) = repr.read(&out[start..])
                    && compare(*op, found, ending.value)
                {
                    let reason = format!("it begins with {found}, which ends the list");
                    return Err(error(self, reason));
                }
            }
            Count::Sum { each, .. } => {
                ending.sum = ending.sum.saturating_add(self.eval(element, each));
            }
            _ => {}
        }
        ending.count += 1;
        Ok(())
    }

    /// Writes a list's end mark, or checks that its elements end it.
    fn write_end(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
        ending: &Ending,
        given: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        match &array.count {
            Count::Sum { compare: op, total, .. } => {
                if compare(*op, ending.sum, ending.value) {
                    return Ok(());
                }
                let reason = format!(
                    "its elements give {}; {} {} ({}) is needed",
                    ending.sum,
                    sign(*op),
                    ending.value,
                    expression(self.plan, total)
                );
                Err(EditError::List { path: self.path(d, id), reason })
            }
            Count::Until { repr, compare: op, .. } => {
                let ends = |bytes: &[u8]| match repr.read(bytes) {
                    Ok((found, width)) => {
                        width as usize == bytes.len() && compare(*op, found, ending.value)
                    }
                    Err(_) => false,
                };
                if let Some(bytes) = given {
                    if !ends(bytes) {
                        let reason = "`$end` does not end it".into();
                        return Err(EditError::Form { path: self.path(d, id), reason });
                    }
                    out.extend_from_slice(bytes);
                    return Ok(());
                }
                if let (Original::At(place), Some(count)) =
                    (self.original(d, id), self.original_count(d, id))
                    && let Some(start) = self.elements_end(d, id, array, count)
                {
                    let mark = self.bytes(crate::plan::Place { start, ..place });
                    if ends(mark) {
                        out.extend_from_slice(mark);
                        return Ok(());
                    }
                }
                // Beside the value itself, its neighbours do for `<` and `>`.
                let value = ending.value;
                let candidates = [value, value.saturating_add(1), value.saturating_sub(1)];
                let mark = candidates.into_iter().find(|n| {
                    let (low, high) = repr.range();
                    compare(*op, *n, ending.value) && low <= *n && *n <= high
                });
                match mark {
                    Some(mark) => {
                        repr.write(mark, out);
                        Ok(())
                    }
                    None => {
                        let reason = "no number ends it".into();
                        Err(EditError::List { path: self.path(d, id), reason })
                    }
                }
            }
            Count::Len(_) | Count::While { .. } => Ok(()),
        }
    }
}
