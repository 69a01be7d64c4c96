//! What people wrote in the definition, carried into the declarations that replace its own: comments,
//! attributes, names of fields and types.
//!
//! The text of the data is taken as it is, and the definition's is put in piece by piece, the largest
//! first: where a part of it would cut the same bytes as the data's, it stays. Each piece is tried in a
//! packet that has nothing else of the definition's, so that one that is wrong there costs nothing else.

use std::collections::{BTreeMap, HashMap};

use midwire_definition::syntax::ast::{
    self, Attribute, Entry, FieldKind, Item, Labels, Literal, Struct, Type, TypeKind, lookup_key,
};

use super::bench::Bench;
use super::older::{self, OldField, OldType, Older, slice};
use super::patch::{self, Edit};
use super::renames::renames;
use super::work::Work;
use super::{Declaration, Items, Maker, What};
use crate::compare::{Changes, Matched};
use crate::gates::Timeline;
use crate::names::{quoted, written};

/// How often smaller pieces are tried.
const ROUNDS_MAX: usize = 24;

/// A piece of the definition that may be put into a declaration.
struct Piece<'a> {
    work: usize,
    edit: Edit,
    /// What is smaller, if this does not fit.
    smaller: Smaller<'a>,
}

#[derive(Clone, Copy)]
enum Smaller<'a> {
    /// The parts of these two.
    Parts(&'a Type, OldType<'a>),
    /// The comments of the names.
    Names(&'a [Entry], &'a [Entry]),
    Nothing,
}

impl Maker<'_> {
    /// The declarations with all that can be carried into them.
    pub(super) fn carried(
        &self,
        items: &Items,
        declarations: &[Declaration],
        times: &Timeline,
        matched: &[Matched],
        changes: &Changes,
        renamed: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Vec<Declaration>, String> {
        let laid_over = self.laid_over(items, "")?;
        let older = Older::new(self.base, laid_over.versions.clone());
        let bench = Bench { maker: self, items, declarations, matched };
        let renamed: Vec<Vec<Edit>> =
            declarations.iter().map(|one| renames(one, changes, renamed)).collect();
        let tried: Vec<(usize, String)> = (0..declarations.len())
            .filter(|at| !renamed[*at].is_empty())
            .map(|at| {
                let work = Work::new(declarations[at].text.clone(), Vec::new());
                (at, work.edited_body(&renamed[at]))
            })
            .collect();
        let fits = bench.try_all(&tried)?;
        let mut texts: Vec<String> = declarations.iter().map(|one| one.text.clone()).collect();
        for ((at, _), _) in tried.iter().zip(fits).filter(|(_, fits)| *fits) {
            texts[*at] = patch::edited(&texts[*at], renamed[*at].clone());
        }
        let works: Vec<Work> = texts
            .into_iter()
            .zip(declarations)
            .map(|(text, one)| Work::new(text, times.ids(one.set)))
            .collect();
        let edits = fitted(&works, declarations, &older, &bench)?;

        // All pieces together.
        let bodies: Vec<(usize, String)> =
            works.iter().enumerate().map(|(at, work)| (at, work.edited_body(&edits[at]))).collect();
        let fits = bench.try_all(&bodies)?;
        let carried = declarations.iter().zip(&works).zip(edits).zip(fits);
        let carried = carried.map(|(((one, work), edits), fits)| {
            let text = if fits { patch::laid_out(&work.text, edits) } else { one.text.clone() };
            Declaration { text, ..one.clone() }
        });
        Ok(carried.collect())
    }
}

/// The edits of each declaration that fit on their own.
fn fitted(
    works: &[Work],
    declarations: &[Declaration],
    older: &Older,
    bench: &Bench<'_>,
) -> Result<Vec<Vec<Edit>>, String> {
    let mut walk = Walk {
        works,
        older,
        edits: vec![Vec::new(); works.len()],
        pieces: Vec::new(),
        new_types: HashMap::new(),
    };
    for (at, (one, work)) in declarations.iter().zip(works).enumerate() {
        match (&one.what, work.tree.items.first()) {
            (What::Type(name), Some(Item::Type(new))) => match older.ty(name, work.version) {
                Some((text, item)) => {
                    let doc = older.doc(&item.doc, work.version, &one.what);
                    walk.head(at, doc, None, &item.attributes, text, new.body.span.start);
                    walk.parts(at, &new.body, OldType { text, ty: &item.body });
                }
                None => drop(walk.new_types.insert(lookup_key(name), (at, &new.body))),
            },
            (What::Packet(place, name), Some(Item::Packet(new))) => {
                let (Some(body), Some((text, item))) =
                    (&new.body, older.packet(place, name, work.version))
                else {
                    continue;
                };
                let title = item.title.as_ref().map(|title| title.node.as_str());
                let doc = older.doc(&item.doc, work.version, &one.what);
                walk.head(at, doc, title, &item.attributes, text, body.span.start);
                if let Some(old) = &item.body {
                    walk.fields(at, body, &older.fields(text, old, work.version), None);
                }
            }
            _ => {}
        }
    }
    for _ in 0..ROUNDS_MAX {
        let pieces = std::mem::take(&mut walk.pieces);
        if pieces.is_empty() {
            break;
        }
        let bodies: Vec<(usize, String)> = pieces
            .iter()
            .map(|piece| {
                let edit = std::slice::from_ref(&piece.edit);
                (piece.work, works[piece.work].edited_body(edit))
            })
            .collect();
        for (piece, fits) in pieces.into_iter().zip(bench.try_all(&bodies)?) {
            if fits {
                walk.edits[piece.work].push(piece.edit);
                continue;
            }
            match piece.smaller {
                Smaller::Parts(new, old) => walk.parts(piece.work, new, old),
                Smaller::Names(new, old) => walk.names(piece.work, new, old),
                Smaller::Nothing => {}
            }
        }
    }
    Ok(walk.edits)
}

struct Walk<'a> {
    works: &'a [Work],
    older: &'a Older,
    edits: Vec<Vec<Edit>>,
    pieces: Vec<Piece<'a>>,
    /// Types that the definition does not have, until something of it stands for them.
    new_types: HashMap<String, (usize, &'a Type)>,
}

impl<'a> Walk<'a> {
    fn edit(&mut self, work: usize, edit: Edit) {
        self.edits[work].push(edit);
    }

    /// What stands above a declaration and in its head.
    fn head(
        &mut self,
        work: usize,
        doc: &str,
        title: Option<&str>,
        attributes: &[Attribute],
        text: &str,
        body: u32,
    ) {
        let item = self.works[work].tree.items.first().map_or(0, |item| item.span().start);
        if !doc.is_empty() {
            self.edit(work, Edit::insert(item, patch::doc(doc)));
        }
        let title = title.map(|title| format!("{} ", quoted(title)));
        let attributes = attributes.iter().map(|one| format!("{} ", attribute(one, text)));
        let head: String = title.into_iter().chain(attributes).collect();
        // `type T @gate = ..` has the sign in between.
        let text = &self.works[work].text;
        let before = slice(text, 0, body).trim_end();
        let at = before.strip_suffix('=').map_or(body, |before| before.trim_end().len() as u32 + 1);
        if !head.is_empty() {
            self.edit(work, Edit::insert(at, head));
        }
    }

    fn fields(
        &mut self,
        work: usize,
        new: &'a Struct,
        old: &[OldField<'a>],
        label: Option<&'a Labels>,
    ) {
        for field in &new.fields {
            match &field.kind {
                FieldKind::Named { name, ty, .. } => {
                    let Some(found) = older::find(old, name, label) else { continue };
                    if !found.doc.is_empty() {
                        self.edit(work, Edit::insert(field.span.start, patch::doc(found.doc)));
                    }
                    let tail = Edit::insert(ty.span.end, format!(" {}", found.tail));
                    if found.tail.starts_with('=') {
                        self.pieces.push(Piece { work, edit: tail, smaller: Smaller::Nothing });
                    } else if !found.tail.is_empty() {
                        self.edit(work, tail);
                    }
                    self.pair(work, ty, found.ty);
                }
                FieldKind::If { then, otherwise, .. } => {
                    self.lead(work, field.span.start, then, old, label);
                    self.fields(work, then, old, label);
                    if let Some(otherwise) = otherwise {
                        self.fields(work, otherwise, old, label);
                    }
                }
                FieldKind::Match { arms, .. } => {
                    if let Some(arm) = arms.first() {
                        let label = Some(&arm.labels);
                        self.lead(work, field.span.start, &arm.body, old, label);
                    }
                    for arm in arms {
                        self.fields(work, &arm.body, old, Some(&arm.labels));
                    }
                }
                _ => {}
            }
        }
    }

    /// The comment of a condition or match, which is known by its first field.
    fn lead(
        &mut self,
        work: usize,
        at: u32,
        body: &'a Struct,
        old: &[OldField<'a>],
        label: Option<&'a Labels>,
    ) {
        let Some(FieldKind::Named { name, .. }) = body.fields.first().map(|field| &field.kind)
        else {
            return;
        };
        if let Some(found) = older::find(old, name, label)
            && !found.lead.is_empty()
        {
            self.edit(work, Edit::insert(at, patch::doc(found.lead)));
        }
    }

    /// The definition's type in the place of the data's, if that is the same.
    fn pair(&mut self, work: usize, new: &'a Type, old: OldType<'a>) {
        let is = slice(&self.works[work].text, new.span.start, new.span.end);
        let was = self.older.written_at(old, &self.works[work].versions);
        if is.split_whitespace().eq(was.split_whitespace()) {
            self.parts(work, new, old);
            return;
        }
        let edit = Edit::replace(new.span, was);
        self.pieces.push(Piece { work, edit, smaller: Smaller::Parts(new, old) });
    }

    /// What two types are made of.
    fn parts(&mut self, work: usize, new: &'a Type, old: OldType<'a>) {
        let (works, version) = (self.works, self.works[work].version);
        let old = match &new.kind {
            TypeKind::Name { name, .. } => {
                let target = self.new_types.remove(&name.key());
                if let Some((target, body)) = target {
                    self.parts(target, body, self.older.followed(old, works[target].version));
                }
                return;
            }
            _ => self.older.followed(old, version),
        };
        match (&new.kind, &old.ty.kind) {
            (TypeKind::Struct(new), TypeKind::Struct(of)) => {
                let old = self.older.fields(old.text, of, version);
                self.fields(work, new, &old, None);
            }
            (
                TypeKind::Array { count: m, element: a },
                TypeKind::Array { count: n, element: b },
            ) => {
                let was = slice(old.text, n.span.start, n.span.end);
                if was != slice(&works[work].text, m.span.start, m.span.end) {
                    let edit = Edit::replace(m.span, was.to_owned());
                    self.pieces.push(Piece { work, edit, smaller: Smaller::Nothing });
                }
                self.pair(work, a, OldType { ty: b, ..old });
            }
            (TypeKind::Opt(a), TypeKind::Opt(b))
            | (TypeKind::Block { inner: a, .. }, TypeKind::Block { inner: b, .. }) => {
                self.pair(work, a, OldType { ty: b, ..old });
            }
            (TypeKind::Match { arms: new, .. }, TypeKind::Match { arms: was, .. }) => {
                for arm in new {
                    let here = was.iter().filter(|arm| self.older.admits(&arm.gates, version));
                    let same = here.into_iter().find(|old| older::share(&old.labels, &arm.labels));
                    if let Some(same) = same {
                        if !same.doc.is_empty() {
                            self.edit(work, Edit::insert(arm.span.start, patch::doc(&same.doc)));
                        }
                        self.pair(work, &arm.ty, OldType { ty: &same.ty, ..old });
                    }
                }
            }
            (TypeKind::Enum { entries: a, .. }, TypeKind::Enum { entries: b, .. })
            | (TypeKind::Flags { entries: a, .. }, TypeKind::Flags { entries: b, .. }) => {
                match extended(old, b, a, |gates| self.older.admits(gates, version)) {
                    Some(put) => {
                        let edit = Edit::replace(new.span, put);
                        self.pieces.push(Piece { work, edit, smaller: Smaller::Names(a, b) });
                    }
                    None => self.names(work, a, b),
                }
            }
            _ => {}
        }
    }

    /// The comments of names that both have.
    fn names(&mut self, work: usize, new: &[Entry], old: &[Entry]) {
        for entry in new {
            let same = old.iter().find(|old| old.name.key() == entry.name.key());
            let Some(same) = same.filter(|same| !same.doc.is_empty()) else { continue };
            let gate = entry.gates.first().map(|gate| older::gate_span(gate).start);
            let at = gate.unwrap_or(entry.name.span.start);
            self.edit(work, Edit::insert(at, format!("\n{}", patch::doc(&same.doc))));
        }
    }
}

/// The definition's list of names with those behind that only the data has; `None` if there are none.
fn extended(
    old: OldType<'_>,
    before: &[Entry],
    now: &[Entry],
    admits: impl Fn(&[ast::Gate]) -> bool,
) -> Option<String> {
    let before: Vec<String> =
        before.iter().filter(|e| admits(&e.gates)).map(|e| e.name.key()).collect();
    let mut next = 0;
    let mut added = Vec::new();
    for entry in now.iter().filter(|entry| admits(&entry.gates)) {
        let number = match &entry.value {
            None => next,
            Some(value) => match &value.node {
                Literal::Int(number) => *number,
                _ => return None,
            },
        };
        next = number.checked_add(1)?;
        if !before.contains(&entry.name.key()) {
            added.push(format!("{} = {number}", written(&entry.name.text)));
        }
    }
    let body = old.written().strip_suffix('}').filter(|_| !added.is_empty())?;
    Some(if body.contains('\n') {
        format!("{}\n{}\n}}", body.trim_end(), added.join("\n"))
    } else {
        format!("{}, {} }}", body.trim_end(), added.join(", "))
    })
}

/// An attribute as it was written.
fn attribute(attribute: &Attribute, text: &str) -> String {
    let name = attribute.name.span;
    let args = match (attribute.args.first(), attribute.args.last()) {
        (Some(first), Some(last)) => {
            let opened = slice(text, name.end, first.span.start);
            let close = if opened.contains('(') { ")" } else { "" };
            format!("{opened}{}{close}", slice(text, first.span.start, last.span.end))
        }
        _ => attribute
            .ty
            .as_ref()
            .map_or(String::new(), |ty| format!(" {}", slice(text, ty.span.start, ty.span.end))),
    };
    format!("@{}{args}", attribute.name.text)
}
