//! What bytes hold: found and shown only when somebody looks. Whatever is wrong with it, the packet is
//! the same.

use super::error::Failed;
use super::walk::Visitor;
use super::workspace::ABSENT;
use super::{Activation, Field, FieldId, Found, Item, LayoutId, Node, Packet, Place};
use crate::value::{self, Value};

/// Bytes whose content was looked for.
struct Content {
    act: Activation,
    error: Option<Failed>,
}

impl<'a> Packet<'a> {
    /// Finds what the bytes of a field hold: of what they may hold the first that takes them all, or
    /// just the first.
    fn open_bytes(&mut self, base: u32, field: &Field, place: Place) -> Option<Content> {
        if self.within_opened {
            return None;
        }
        let len = match value::read(&field.kind, self.bytes(place)) {
            Some(Value::Bytes(bytes)) => bytes.len() as u32,
            _ => return None,
        };
        let header = [base, place.buffer, place.end - len, place.end];
        let (first, others) = field.opened.split_first()?;
        let before = (self.ws.checkpoint(), self.ws.counts());
        let (content, end) = self.open_as(*first, header);
        if end == Some(place.end) {
            return Some(content);
        }
        for other in others {
            self.ws.restore(before.0);
            let (content, end) = self.open_as(*other, header);
            if end == Some(place.end) {
                return Some(content);
            }
        }
        if others.is_empty() {
            return Some(content);
        }
        self.ws.restore(before.0);
        self.ws.set_counts(before.1);
        Some(self.open_as(*first, header).0)
    }

    /// What the bytes of a field hold, as far as it could be read.
    pub(super) fn opened_activation(
        &mut self,
        base: u32,
        field: &Field,
        place: Place,
    ) -> Option<Activation> {
        self.open_bytes(base, field, place).map(|content| content.act)
    }

    /// Reads bytes as a layout; gives where it ends.
    fn open_as(&mut self, layout: LayoutId, header: [u32; 4]) -> (Content, Option<u32>) {
        let plan = self.plan;
        let base = self.ws.push_block(&plan.layouts[layout as usize], header);
        let act = Activation { base, layout };
        match self.block(layout, base, self.depth + 1) {
            Ok(end) => (Content { act, error: None }, Some(end as u32)),
            Err(mut failed) => {
                if failed.buffer == ABSENT {
                    failed.buffer = header[1];
                }
                (Content { act, error: Some(self.plan.told(failed)) }, None)
            }
        }
    }

    /// Shows what the bytes of a field hold, if they hold anything here.
    pub(super) fn show_opened(&mut self, act: Activation, node: &Node<'a>, v: &mut dyn Visitor) {
        let (before, counts) = (self.ws.checkpoint(), self.ws.counts());
        let counted = self.opened_counts;
        self.ws.set_counts(counted);
        if let Some(content) = self.open_bytes(act.base, node.field, node.place) {
            self.opened_counts = self.ws.counts();
            // In what failed, what is shown is counted as it was counted when it was read.
            self.ws.set_counts(counted);
            self.show_content(content, node, v);
        }
        self.ws.set_counts(counts);
        self.ws.restore(before);
    }

    fn show_content(&mut self, content: Content, node: &Node<'a>, v: &mut dyn Visitor) {
        let plan = self.plan;
        let shape = &plan.layouts[content.act.layout as usize];
        if shape.transparent
            && content.error.is_none()
            && matches!(self.only_field(content.act, &shape.items), Ok(None))
        {
            return;
        }
        let outer = (std::mem::replace(&mut self.error, content.error), self.broken_lists);
        (self.within_opened, self.broken_lists) = (true, 0);
        v.enter_bytes(&self.with_raw(node));
        // A stop says no more than the error.
        let _ = self.activation(content.act, node, None, self.error.is_none(), v);
        v.leave_bytes(&self.with_raw(node), self.error.as_deref());
        (self.error, self.broken_lists) = outer;
        self.within_opened = false;
    }

    /// The place in what bytes hold that names are looked up in.
    pub(super) fn inside_opened(&mut self, found: &Found<'a>) -> Option<(Activation, &'a [Item])> {
        let content = self.open_found(found)?;
        let plan = self.plan;
        let shape = &plan.layouts[content.act.layout as usize];
        if !shape.transparent {
            return Some((content.act, &shape.items));
        }
        let value = self.value_of_content(&content)?;
        self.inside(value)
    }

    /// The one value that bytes hold.
    pub(super) fn value_opened(&mut self, found: &Found<'a>) -> Option<Found<'a>> {
        let content = self.open_found(found)?;
        self.value_of_content(&content)
    }

    fn open_found(&mut self, found: &Found<'a>) -> Option<Content> {
        self.ws.begin_counting();
        self.open_bytes(found.act.base, found.field, found.place)
    }

    fn value_of_content(&mut self, content: &Content) -> Option<Found<'a>> {
        let shape = &self.plan.layouts[content.act.layout as usize];
        if !shape.transparent {
            return None;
        }
        let id = self.only_field(content.act, &shape.items).ok()??;
        self.found(content.act, id)
    }

    /// Tells which arms are taken in what bytes hold.
    pub(super) fn note_opened(
        &mut self,
        act: Activation,
        id: FieldId,
        note: &mut dyn FnMut(u32, u32),
    ) {
        let plan = self.plan;
        let field = &plan.fields[id as usize];
        if field.opened.is_empty() {
            return;
        }
        let Some(place) = self.field_place(act.base, field) else { return };
        let before = self.ws.checkpoint();
        self.ws.begin_counting();
        // What could not be read takes no arm.
        if let Some(Content { act, error: None }) = self.open_bytes(act.base, field, place) {
            self.note_block(act, note);
        }
        self.ws.restore(before);
    }
}
