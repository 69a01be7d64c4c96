//! Wishes of lists: elements changed, inserted, removed, or all of them given.

use super::draft::{Change, DraftId, Encoder, Holder, ListChange, Run};
use super::edits::{Action, Wish};
use super::error::EditError;
use super::invert::Wanted;
use crate::given::Given;
use crate::json::hex_bytes;
use crate::plan::{ArrayKind, Count, FieldId};

impl<'a> Encoder<'_, 'a> {
    pub(super) fn wish_list(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
        mut wish: Wish<'_>,
    ) -> Result<(), EditError> {
        self.no_parts(d, id, &wish)?;
        let mut list = ListChange::default();
        let items: Option<&[Given]> = match wish.action {
            Action::Set(given) => {
                let Some((items, prefix, end)) = list_parts(given) else {
                    return Err(EditError::WrongType {
                        path: self.path(d, id),
                        expected: "a list",
                        found: given.kind_name(),
                    });
                };
                list.prefix = self.list_bytes(d, id, prefix)?;
                list.end = self.list_bytes(d, id, end)?;
                Some(items)
            }
            _ => None,
        };
        let count = match items {
            Some(items) => items.len() as u64,
            None => self.original_count(d, id).unwrap_or(0).into(),
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let none = |index| EditError::NoElement { path: self.path(d, id), index, count };
        wish.elements.sort_by_key(|(index, _)| *index);
        wish.inserts.sort_by_key(|(index, _)| *index);
        if let Some((index, _)) = wish.elements.iter().find(|(index, _)| *index >= count) {
            return Err(none(*index));
        }
        if let Some((index, _)) = wish.inserts.iter().find(|(index, _)| *index > count) {
            return Err(none(*index));
        }

        let mut made: Vec<(DraftId, Wish<'_>)> = Vec::new();
        let mut next = 0u32;
        let mut elements = wish.elements.into_iter().peekable();
        let mut inserts = wish.inserts.into_iter().peekable();
        let mut at = 0u32;
        while at <= count {
            while let Some((_, given)) = inserts.next_if(|(index, _)| *index == at) {
                let new = self.element_draft(d, id, array, next, None)?;
                list.runs.push(Run::Made(new));
                made.push((new, Wish::of(given)));
                next += 1;
            }
            if at == count {
                break;
            }
            let wish = elements.next_if(|(index, _)| *index == at).map(|(_, wish)| wish);
            match (items, wish) {
                (_, Some(Wish { action: Action::Remove, fields, elements, inserts, .. })) => {
                    if !fields.is_empty() || !elements.is_empty() || !inserts.is_empty() {
                        let path = format!("{}[{at}]", self.path(d, id));
                        return Err(self.gone(path, "removed"));
                    }
                }
                (Some(items), wish) => {
                    let new = self.element_draft(d, id, array, next, None)?;
                    list.runs.push(Run::Made(new));
                    made.push((new, Wish::of(&items[at as usize])));
                    made.extend(wish.map(|wish| (new, wish)));
                    next += 1;
                }
                (None, Some(wish)) => {
                    let opened = self.open_element(d, id, at);
                    let Some((base, _)) = opened else {
                        return Err(EditError::Unread { path: self.path(d, id) });
                    };
                    let changed = self.element_draft(d, id, array, next, Some(base))?;
                    list.runs.push(Run::Made(changed));
                    made.push((changed, wish));
                    next += 1;
                }
                (None, None) => {
                    // As far as nothing is wanted.
                    let stop = elements.peek().map_or(count, |(index, _)| *index);
                    let stop = inserts.peek().map_or(stop, |(index, _)| stop.min(*index));
                    list.runs.push(Run::Kept(at..stop));
                    next += stop - at;
                    at = stop;
                    continue;
                }
            }
            at += 1;
        }
        let total = list.count();
        let path = || self.path(d, id);
        self.check_marks_length(self.field(id), total, "elements", path)?;
        self.change(d, id, Change::List(list));
        for (element, wish) in made {
            self.wish(element, wish)?;
        }
        if let Count::While { .. } = array.count {
            self.mark_last(d, id, array)?;
        }
        Ok(())
    }

    pub(super) fn element_draft(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &ArrayKind,
        index: u32,
        origin: Option<u32>,
    ) -> Result<DraftId, EditError> {
        let holder = Holder { draft: d, field: id, index: Some(index) };
        self.draft(Some(holder), array.element, origin)
    }

    fn list_bytes(
        &self,
        d: DraftId,
        id: FieldId,
        hex: Option<&Given>,
    ) -> Result<Option<Vec<u8>>, EditError> {
        let bytes = match hex {
            None => return Ok(None),
            Some(Given::Bytes(bytes)) => Some(bytes.clone()),
            Some(Given::Text(text)) => hex_bytes(text),
            Some(_) => None,
        };
        bytes.map(Some).ok_or_else(|| EditError::Form {
            path: self.path(d, id),
            reason: "bytes are pairs of hexadecimal digits".into(),
        })
    }

    /// Makes only the last element of a list end it.
    fn mark_last(
        &mut self,
        d: DraftId,
        id: FieldId,
        array: &'a ArrayKind,
    ) -> Result<(), EditError> {
        let Some(Change::List(list)) = self.drafts[d].changes.get(&id) else { return Ok(()) };
        let count = list.count();
        if count == 0 {
            let reason = "it has one element at least: its last one says that it is the last";
            return Err(EditError::List { path: self.path(d, id), reason: reason.into() });
        }
        let original = self.original_count(d, id).unwrap_or(0);
        // Those of the original all say that another follows, but for its last.
        let mut runs = Vec::new();
        let mut position = 0;
        for run in list.runs.clone() {
            let behind = position + run.count();
            match run {
                Run::Made(element) => runs.push((position, Run::Made(element))),
                Run::Kept(range) => {
                    let is_last = behind == count;
                    let was_last = range.end == original;
                    if is_last == was_last {
                        runs.push((position, Run::Kept(range)));
                    } else {
                        let index = range.end - 1;
                        if range.len() > 1 {
                            runs.push((position, Run::Kept(range.start..index)));
                        }
                        let Some((base, _)) = self.open_element(d, id, index) else {
                            return Err(EditError::Unread { path: self.path(d, id) });
                        };
                        let index = u32::try_from(behind - 1).unwrap_or(u32::MAX);
                        let element = self.element_draft(d, id, array, index, Some(base))?;
                        runs.push((behind - 1, Run::Made(element)));
                    }
                }
            }
            position = behind;
        }
        if let Some(Change::List(list)) = self.drafts[d].changes.get_mut(&id) {
            list.runs = runs.iter().map(|(_, run)| run.clone()).collect();
        }
        self.changed();
        for (position, run) in runs {
            if let Run::Made(element) = run {
                self.mark(element, array, position + 1 < count, Wanted { draft: d, field: id })?;
            }
        }
        Ok(())
    }

    /// Makes an element say whether another follows.
    pub(super) fn mark(
        &mut self,
        element: DraftId,
        array: &'a ArrayKind,
        more: bool,
        wanted: Wanted,
    ) -> Result<(), EditError> {
        let Count::While { more: ex, .. } = &array.count else { return Ok(()) };
        self.make(element, ex, more, wanted)?.map_err(|reason| EditError::List {
            path: self.path_of(element),
            reason: format!("it has to say whether another element follows, but {reason}"),
        })
    }
}

/// A list's elements, and the bytes of its count and end mark where those are given:
/// `{"value":[..],"$prefix":"hex","$end":"hex"}`.
pub(super) fn list_parts(given: &Given) -> Option<(&[Given], Option<&Given>, Option<&Given>)> {
    match given {
        Given::List(items) => Some((items, None, None)),
        Given::Object(_) => match given.get("value") {
            Some(Given::List(items)) => Some((items, given.get("$prefix"), given.get("$end"))),
            _ => None,
        },
        _ => None,
    }
}
