//! A declaration as text and as a tree, to be edited.

use midwire_definition::VersionId;
use midwire_definition::syntax::ast::{self, Item};
use midwire_definition::syntax::parse;

use super::older::slice;
use super::patch::{self, Edit};

/// A declaration of the data that takes in what the definition has.
pub(super) struct Work {
    pub(super) text: String,
    pub(super) tree: ast::File,
    /// Where the definition is looked at.
    pub(super) version: VersionId,
    /// All versions that it is for.
    pub(super) versions: Vec<VersionId>,
}

impl Work {
    pub(super) fn new(text: String, versions: Vec<VersionId>) -> Work {
        let (tree, _) = parse(0, &text);
        let version = versions.first().copied().unwrap_or(VersionId(0));
        Work { text, tree, version, versions }
    }

    /// From where to where the fields or the type are written.
    fn body(&self) -> (u32, u32) {
        match self.tree.items.first() {
            Some(Item::Type(item)) => (item.body.span.start, item.body.span.end),
            Some(Item::Packet(item)) => {
                item.body.as_ref().map_or((0, 0), |body| (body.span.start, body.span.end))
            }
            _ => (0, 0),
        }
    }

    /// The body with these edits.
    pub(super) fn edited_body(&self, edits: &[Edit]) -> String {
        let (start, end) = self.body();
        let inside = edits.iter().filter(|edit| start < edit.end && edit.end <= end);
        let moved = inside.map(|edit| Edit {
            start: edit.start - start,
            end: edit.end - start,
            put: edit.put.clone(),
        });
        patch::edited(slice(&self.text, start, end), moved.collect())
    }
}
