//! What the definition says of a packet or type at a version, as it was written.

use midwire_definition::syntax::ast::{
    self, Field, FieldKind, Gate, Item, Label, Labels, PacketItem, Struct, TypeItem, TypeKind,
    lookup_key,
};
use midwire_definition::syntax::parse;
use midwire_definition::{Protocol, VersionId, Versions};

use super::What;
use super::patch::{self, Edit, Node};
use super::sources::{is_at, is_wire};
use crate::protodef::Place;

/// How far types that stand for others are followed.
const STEPS_MAX: usize = 16;

/// The definition's texts, parsed.
pub(super) struct Older {
    /// Those that count before others come last.
    files: Vec<(ast::File, String)>,
    versions: Versions,
}

/// A type as it was written in the definition.
#[derive(Clone, Copy)]
pub(super) struct OldType<'a> {
    /// The text that its spans point into.
    pub(super) text: &'a str,
    pub(super) ty: &'a ast::Type,
}

impl<'a> OldType<'a> {
    pub(super) fn written(&self) -> &'a str {
        slice(self.text, self.ty.span.start, self.ty.span.end)
    }
}

/// A field of the definition.
#[derive(Clone, Copy)]
pub(super) struct OldField<'a> {
    pub(super) name: &'a ast::Name,
    pub(super) doc: &'a str,
    /// The comment of the condition or match that this field is the first of.
    pub(super) lead: &'a str,
    /// The label of the arm that it is in.
    label: Option<&'a Labels>,
    pub(super) ty: OldType<'a>,
    /// What stands behind the type: how it is computed, and attributes.
    pub(super) tail: &'a str,
}

impl Older {
    /// With the versions of the overlay.
    pub(super) fn new(base: &Protocol, versions: Versions) -> Older {
        let wire = base.sources.files().iter().filter(|file| is_wire(&file.name));
        let files = wire.map(|file| (parse(0, &file.text).0, file.text.clone())).collect();
        Older { files, versions }
    }

    pub(super) fn admits(&self, gates: &[Gate], version: VersionId) -> bool {
        self.versions.admit(gates, version)
    }

    /// A packet's declaration at a version, or at the nearest older one.
    pub(super) fn packet(
        &self,
        place: &Place,
        name: &str,
        version: VersionId,
    ) -> Option<(&str, &PacketItem)> {
        let key = lookup_key(name);
        self.nearest(version, |item| match item {
            Item::Packet(packet) if packet.name.key() == key && is_at(packet, place) => {
                Some((packet, packet.gates.as_slice()))
            }
            _ => None,
        })
    }

    /// A type's declaration.
    pub(super) fn ty(&self, name: &str, version: VersionId) -> Option<(&str, &TypeItem)> {
        let key = lookup_key(name);
        self.nearest(version, |item| match item {
            Item::Type(ty) if ty.name.key() == key => Some((ty, ty.gates.as_slice())),
            _ => None,
        })
    }

    /// The comment of a declaration, or where it has none that of the nearest older one of the name.
    pub(super) fn doc<'a>(&'a self, own: &'a str, version: VersionId, of: &What) -> &'a str {
        if !own.is_empty() {
            return own;
        }
        let (key, place) = match of {
            What::Type(name) => (lookup_key(name), None),
            What::Packet(place, name) => (lookup_key(name), Some(place)),
        };
        let found = self.nearest(version, |item| {
            match (item, place) {
                (Item::Type(ty), None) if ty.name.key() == key => Some((&ty.doc, &*ty.gates)),
                (Item::Packet(packet), Some(place))
                    if packet.name.key() == key && is_at(packet, place) =>
                {
                    Some((&packet.doc, &*packet.gates))
                }
                _ => None,
            }
            .filter(|(doc, _)| !doc.is_empty())
        });
        found.map_or("", |(_, doc)| doc)
    }

    fn nearest<'a, T>(
        &'a self,
        version: VersionId,
        find: impl Fn(&'a Item) -> Option<(&'a T, &'a [Gate])>,
    ) -> Option<(&'a str, &'a T)> {
        let all = self.files.iter().rev().flat_map(|(tree, text)| {
            tree.items.iter().filter_map(&find).map(move |found| (text.as_str(), found))
        });
        let last =
            |gates: &[Gate]| (0..=version.0).rev().find(|at| self.admits(gates, VersionId(*at)));
        let aged = all.filter_map(|(text, (item, gates))| Some((last(gates)?, text, item)));
        // Of several the first: that is the one that counts.
        let best = aged.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, text, item)| (text, item))
    }

    /// A type, or what it stands for by name.
    pub(super) fn followed<'a>(&'a self, mut old: OldType<'a>, version: VersionId) -> OldType<'a> {
        for _ in 0..STEPS_MAX {
            let TypeKind::Name { name, .. } = &old.ty.kind else { break };
            let Some((text, item)) = self.ty(&name.text, version) else { break };
            old = OldType { text, ty: &item.body };
        }
        old
    }

    /// A type as it was written, without what is in none of these versions, and without the gates of what
    /// is in all of them.
    pub(super) fn written_at(&self, old: OldType<'_>, versions: &[VersionId]) -> String {
        let (start, text) = (old.ty.span.start, old.written());
        let mut edits = Vec::new();
        patch::visit(old.ty, &mut |node| {
            let Node::Struct(of) = node else { return };
            let mut last = of.span.start + 1;
            for (at, field) in of.fields.iter().enumerate() {
                let here = versions.iter().filter(|v| self.admits(&field.gates, **v)).count();
                let span = field.span;
                if here == 0 {
                    // Its comment stands on the lines in front; behind the field before, nothing of it.
                    let line = slice(old.text, last, span.start).find('\n');
                    let (from, to) = match (line, of.fields.get(at + 1)) {
                        (Some(line), _) => (last + line as u32, span.end),
                        (None, Some(next)) if at == 0 => (span.start, next.span.start),
                        (None, _) => (last, span.end),
                    };
                    edits.push(Edit { start: from, end: to, put: String::new() });
                } else if let Some(end) = field.gates.iter().map(|g| gate_span(g).end).max()
                    && here == versions.len()
                {
                    let behind = slice(old.text, end, span.end);
                    let blanks = behind.len() - behind.trim_start().len();
                    let end = end + blanks as u32;
                    edits.push(Edit { start: span.start, end, put: String::new() });
                }
                last = span.end;
            }
        });
        // What is taken out is taken out with all that is in it.
        let whole = edits.clone();
        edits.retain(|edit| {
            let holds = |other: &Edit| other.start <= edit.start && edit.end <= other.end;
            !whole.iter().any(|other| other != edit && holds(other))
        });
        for edit in &mut edits {
            (edit.start, edit.end) = (edit.start - start, edit.end - start);
        }
        patch::edited(text, edits)
    }

    /// The fields of a struct at a version, those under conditions and in arms included.
    pub(super) fn fields<'a>(
        &'a self,
        text: &'a str,
        of: &'a Struct,
        version: VersionId,
    ) -> Vec<OldField<'a>> {
        let mut out = Vec::new();
        let mut gather = Gather { older: self, version, out: &mut out, lead: "", steps: 0 };
        gather.fields(text, of, None);
        out
    }
}

struct Gather<'a, 'o> {
    older: &'a Older,
    version: VersionId,
    out: &'o mut Vec<OldField<'a>>,
    /// The comment of the condition or match that was entered last.
    lead: &'a str,
    steps: usize,
}

impl<'a> Gather<'a, '_> {
    fn fields(&mut self, text: &'a str, of: &'a Struct, label: Option<&'a Labels>) {
        let here = of.fields.iter().filter(|f| self.older.admits(&f.gates, self.version));
        for field in here.collect::<Vec<_>>() {
            self.field(text, field, label);
        }
    }

    fn field(&mut self, text: &'a str, field: &'a Field, label: Option<&'a Labels>) {
        match &field.kind {
            FieldKind::Named { name, ty, .. } => {
                let tail = slice(text, ty.span.end, field.span.end).trim();
                let lead = std::mem::take(&mut self.lead);
                let ty = OldType { text, ty };
                self.out.push(OldField { name, doc: &field.doc, lead, label, ty, tail });
            }
            FieldKind::If { then, otherwise, .. } => {
                self.lead = &field.doc;
                self.fields(text, then, label);
                if let Some(otherwise) = otherwise {
                    self.fields(text, otherwise, label);
                }
            }
            FieldKind::Match { arms, .. } => {
                self.lead = &field.doc;
                let (older, version) = (self.older, self.version);
                for arm in arms.iter().filter(|arm| older.admits(&arm.gates, version)) {
                    self.fields(text, &arm.body, Some(&arm.labels));
                }
            }
            FieldKind::Flat(ty) if self.steps < STEPS_MAX => {
                self.steps += 1;
                let inner = self.older.followed(OldType { text, ty }, self.version);
                if let TypeKind::Struct(of) = &inner.ty.kind {
                    self.fields(inner.text, of, label);
                }
                self.steps -= 1;
            }
            FieldKind::Flat(_) | FieldKind::Let { .. } | FieldKind::Pad(_) | FieldKind::Tail => {}
        }
    }
}

/// The field of a name: the one in an arm for the same, or the only one.
pub(super) fn find<'a>(
    fields: &[OldField<'a>],
    name: &ast::Name,
    label: Option<&Labels>,
) -> Option<OldField<'a>> {
    let key = name.key();
    let named: Vec<&OldField<'a>> = fields.iter().filter(|f| f.name.key() == key).collect();
    let same = |field: &&&OldField<'a>| match (field.label, label) {
        (None, None) => true,
        (Some(a), Some(b)) => share(a, b),
        _ => false,
    };
    match named.as_slice() {
        [] => None,
        [one] => Some(**one),
        several => several.iter().find(same).map(|found| **found),
    }
}

/// Whether two arms are for the same thing.
pub(super) fn share(a: &Labels, b: &Labels) -> bool {
    match (a, b) {
        (Labels::Else(_), Labels::Else(_)) => true,
        (Labels::Any(a), Labels::Any(b)) => a.iter().any(|a| {
            b.iter().any(|b| match (&a.node, &b.node) {
                (Label::Name(a), Label::Name(b)) => lookup_key(a) == lookup_key(b),
                (a, b) => a == b,
            })
        }),
        _ => false,
    }
}

/// Where a gate was written.
pub(super) fn gate_span(gate: &Gate) -> ast::Span {
    match gate {
        Gate::Versions(_, span) | Gate::Direction(_, span) => *span,
    }
}

/// A part of a text; nothing if it is none.
pub(super) fn slice(text: &str, from: u32, to: u32) -> &str {
    text.get(from as usize..to as usize).unwrap_or("")
}
