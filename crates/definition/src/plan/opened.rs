//! What bytes hold: found and shown only when somebody looks. Whatever is wrong with it, the packet is
//! the same.

use super::error::Failed;
use super::walk::Visitor;
use super::workspace::ABSENT;
use super::{Activation, Field, FieldId, Found, Item, Kind, LayoutId, Node, Packet, Place};
use crate::value::{self, Value};

/// Bytes whose content was looked for.
struct Content {
    act: Activation,
    error: Option<Failed>,
}

impl<'a> Packet<'a> {
    /// Finds what the bytes of a field hold.
    fn open_bytes(
        &mut self,
        base: u32,
        field: &Field,
        place: Place,
        layout: LayoutId,
    ) -> Option<Content> {
        if self.within_opened {
            return None;
        }
        let len = match value::read(&field.kind, self.bytes(place)) {
            Some(Value::Bytes(bytes)) => bytes.len() as u32,
            _ => return None,
        };
        let plan = self.plan;
        let header = [base, place.buffer, place.end - len, place.end];
        let inner = self.ws.push_block(&plan.layouts[layout as usize], header);
        let act = Activation { base: inner, layout };
        let error = self.block(layout, inner, self.depth + 1).err().map(|mut failed| {
            if failed.buffer == ABSENT {
                failed.buffer = place.buffer;
            }
            failed
        });
        Some(Content { act, error })
    }

    /// Shows what the bytes of a field hold, if they hold anything here.
    pub(super) fn show_opened(
        &mut self,
        act: Activation,
        node: &Node<'a>,
        layout: LayoutId,
        v: &mut dyn Visitor,
    ) {
        let (before, counts) = (self.ws.checkpoint(), self.ws.counts());
        let counted = self.opened_counts;
        self.ws.set_counts(counted);
        if let Some(content) = self.open_bytes(act.base, node.field, node.place, layout) {
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
    pub(super) fn inside_opened(
        &mut self,
        found: &Found<'a>,
        layout: LayoutId,
    ) -> Option<(Activation, &'a [Item])> {
        let plan = self.plan;
        let shape = &plan.layouts[layout as usize];
        if shape.transparent {
            let value = self.value_opened(found, layout)?;
            return self.inside(value);
        }
        let content = self.open_bytes(found.act.base, found.field, found.place, layout)?;
        Some((content.act, &shape.items))
    }

    /// The one value that bytes hold.
    pub(super) fn value_opened(
        &mut self,
        found: &Found<'a>,
        layout: LayoutId,
    ) -> Option<Found<'a>> {
        let content = self.open_bytes(found.act.base, found.field, found.place, layout)?;
        let shape = &self.plan.layouts[layout as usize];
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
        let (Kind::Bytes { .. }, Some(layout)) = (&field.kind, field.opened) else { return };
        let Some(place) = self.field_place(act.base, field) else { return };
        let before = self.ws.checkpoint();
        match self.open_bytes(act.base, field, place, layout) {
            Some(Content { act, error: None }) => self.note_block(act, note),
            // What could not be read takes no arm.
            Some(Content { error: Some(_), .. }) | None => {}
        }
        self.ws.restore(before);
    }
}
