//! Blocks and recursive types: what is inside is written first, then its size.

use midwire_codec::Wrapper;

use super::draft::{Change, DraftId, Encoder, Holder, Original};
use super::error::EditError;
use crate::plan::{ABSENT, BUFFER_SLOT, FieldId, LIMIT_SLOT, LayoutId, Len, Place, START_SLOT};
use crate::syntax::ast::Transform;

impl Encoder<'_, '_> {
    pub(super) fn write_block(
        &mut self,
        d: DraftId,
        id: FieldId,
        transform: Transform,
        len: &Len,
        layout: LayoutId,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let changed = match self.drafts[d].changes.get(&id) {
            Some(Change::Inner(inner)) => Some(*inner),
            _ => None,
        };
        let original = self.original(d, id);
        if let (None, Original::At(place), false) = (changed, original, self.is_tainted(id)) {
            return self.copy_block(d, id, len, place, out);
        }
        let mark = self.drafts.len();
        let inner = match changed {
            Some(inner) => inner,
            None => {
                let origin = self.original_inner(d, id);
                self.draft(Some(Holder { draft: d, field: id, index: None }), layout, origin)?
            }
        };
        let mut plain = Vec::new();
        self.activation(inner, None, &mut plain)?;
        let window = self.window(inner);
        match (&self.drafts[inner].rest, window) {
            (Some(rest), _) => plain.extend_from_slice(rest),
            (None, Some(window)) => plain.extend_from_slice(self.bytes(window.behind)),
            (None, None) => {}
        }
        self.release(mark);
        let max = u64::from(self.limits.inflate_max);
        let found = plain.len() as u64;
        if transform != Transform::Sized && found > max {
            let (path, unit, limit) = (self.path(d, id), "plain bytes", "inflate_max");
            return Err(EditError::TooLong { path, unit, found, max, limit });
        }
        if let (Some(window), Original::At(place)) = (window, original)
            && self.bytes(window.whole) == plain
        {
            // Deflating again would give other bytes that mean the same.
            return self.copy_block(d, id, len, place, out);
        }
        let wrapper = match transform {
            Transform::Sized => None,
            Transform::Zlib => Some(Wrapper::Zlib),
            Transform::Deflate => Some(Wrapper::Deflate),
            Transform::Gzip => Some(Wrapper::Gzip),
        };
        let bytes = match wrapper {
            None => plain,
            Some(wrapper) => {
                let mut bytes = Vec::new();
                self.deflater.deflate(wrapper, &plain, &mut bytes);
                bytes.extend(self.behind_stream(d, id, wrapper, len));
                bytes
            }
        };
        self.write_len(d, id, len, (bytes.len() as u64, "bytes"), out)?;
        out.extend_from_slice(&bytes);
        Ok(())
    }

    fn copy_block(
        &self,
        d: DraftId,
        id: FieldId,
        len: &Len,
        place: Place,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        let raw = self.bytes(place);
        if let Len::Expr { .. } = len {
            self.write_len(d, id, len, (raw.len() as u64, "bytes"), out)?;
        }
        out.extend_from_slice(raw);
        Ok(())
    }

    /// The window of a block of the original.
    fn window(&self, d: DraftId) -> Option<Window> {
        let (packet, base) = self.origin(d)?;
        let slot = |slot: u32| packet.ws.slots[(base + slot) as usize];
        let layout = &self.plan.layouts[self.drafts[d].layout as usize];
        let end = packet.ws.resolve(base, layout.end);
        let (buffer, start, limit) = (slot(BUFFER_SLOT), slot(START_SLOT), slot(LIMIT_SLOT));
        let end = if end == ABSENT { limit } else { end };
        Some(Window {
            whole: Place { buffer, start, end: limit },
            behind: Place { buffer, start: end, end: limit },
        })
    }

    /// What stands in a compressed block of the original behind its stream.
    fn behind_stream(&mut self, d: DraftId, id: FieldId, wrapper: Wrapper, len: &Len) -> Vec<u8> {
        let Some(raw) = self.original_bytes(d, id) else { return Vec::new() };
        let data = crate::value::content(len, raw).to_vec();
        let Some(packet) = self.packet.as_deref_mut() else { return Vec::new() };
        let used = packet.ws.inflater.inflate_block(wrapper, &data, &mut Vec::new());
        data.get(used.unwrap_or(data.len())..).unwrap_or(&[]).to_vec()
    }

    pub(super) fn write_call(
        &mut self,
        d: DraftId,
        id: FieldId,
        layout: LayoutId,
        out: &mut Vec<u8>,
    ) -> Result<(), EditError> {
        if let Some(Change::Inner(inner)) = self.drafts[d].changes.get(&id) {
            let inner = *inner;
            return self.activation(inner, None, out).map(|_| ());
        }
        if let (Original::At(place), false) = (self.original(d, id), self.is_tainted(id)) {
            out.extend_from_slice(self.bytes(place));
            return Ok(());
        }
        let mark = self.drafts.len();
        let origin = self.original_inner(d, id);
        let holder = Holder { draft: d, field: id, index: None };
        let inner = self.draft(Some(holder), layout, origin)?;
        self.activation(inner, None, out)?;
        self.release(mark);
        Ok(())
    }
}

/// A block's bytes in the original.
#[derive(Clone, Copy)]
struct Window {
    whole: Place,
    /// From the end of its last field on.
    behind: Place,
}
