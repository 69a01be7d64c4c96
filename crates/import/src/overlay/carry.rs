//! What people wrote in the definition, carried into the declarations that replace its own: comments,
//! attributes, names of fields and types.
//!
//! The text of the data is taken as it is, and the definition's is put in piece by piece, the largest
//! first: where a part of it would cut the same bytes as the data's, it stays. Each piece is tried in a
//! packet that has nothing else of the definition's, so that one that is wrong there costs nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use midwire_definition::VersionId;
use midwire_definition::plan::Plan;
use midwire_definition::syntax::ast::{
    self, Attribute, Entry, FieldKind, Item, Labels, Literal, Name, Struct, Type, TypeKind,
    lookup_key,
};
use midwire_definition::syntax::parse;

use super::older::{self, OldField, OldType, Older, slice};
use super::patch::{self, Edit, Node};
use super::sources::Files;
use super::{Declaration, Items, Maker, PROBES, What};
use crate::compare::{Change, Changes, Matched};
use crate::gates::Timeline;
use crate::names::{quoted, written};

/// The most text that is tried at once.
const TRIED_MAX: usize = 1 << 20;

/// How often smaller pieces are tried.
const ROUNDS_MAX: usize = 24;

/// A declaration of the data that takes in what the definition has.
struct Work {
    text: String,
    tree: ast::File,
    /// Where the definition is looked at.
    version: VersionId,
    /// All versions that it is for.
    versions: Vec<VersionId>,
}

impl Work {
    fn new(text: String, versions: Vec<VersionId>) -> Work {
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
    fn edited_body(&self, edits: &[Edit]) -> String {
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
    ) -> Result<Vec<Declaration>, String> {
        let laid_over = self.laid_over(items, "")?;
        let older = Older::new(self.base, laid_over.versions.clone());
        let bench = Bench { maker: self, items, declarations, matched };
        let renamed: Vec<Vec<Edit>> =
            declarations.iter().map(|one| renames(one, changes)).collect();
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
                    walk.head(at, &item.doc, None, &item.attributes, text, new.body.span.start);
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
                walk.head(at, &item.doc, title, &item.attributes, text, body.span.start);
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
        _ => String::new(),
    };
    format!("@{}{args}", attribute.name.text)
}

/// Edits that give the fields of a declaration the names that the definition has for them in versions
/// where both are alike.
fn renames(declaration: &Declaration, changes: &Changes) -> Vec<Edit> {
    let What::Packet(place, name) = &declaration.what else { return Vec::new() };
    let label = format!("{place} {name}");
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for ((packet, change), _) in changes {
        if let Change::Renamed { from, to } = change
            && *packet == label
        {
            known.insert(to, from.rsplit('.').next().unwrap_or(from));
        }
    }
    let work = Work::new(declaration.text.clone(), Vec::new());
    let Some(Item::Packet(item)) = work.tree.items.first() else { return Vec::new() };
    let mut edits = Vec::new();
    let mut names: HashMap<String, &str> = HashMap::new();
    let mut found = |name: &Name, path: &str| {
        if let Some(old) = known.get(path) {
            names.insert(name.key(), old);
            edits.push(Edit::replace(name.span, written(old)));
        }
    };
    if let Some(body) = item.body.as_ref().filter(|_| !known.is_empty()) {
        named_fields(body, "", &mut found);
    }
    let mut mentions = Vec::new();
    patch::visit_item(&Item::Packet(item.clone()), &mut |node| {
        if let Node::Path(path) = node {
            for name in path {
                if let Some(old) = names.get(&name.key()) {
                    mentions.push(Edit::replace(name.span, written(old)));
                }
            }
        }
    });
    edits.extend(mentions);
    edits
}

/// The fields of a struct with their paths, as a comparison has them.
fn named_fields(of: &Struct, at: &str, found: &mut dyn FnMut(&Name, &str)) {
    for field in &of.fields {
        match &field.kind {
            FieldKind::Named { name, ty, .. } => {
                let dot = if at.is_empty() { "" } else { "." };
                let path = format!("{at}{dot}{}", name.text);
                found(name, &path);
                named_in(ty, &path, found);
            }
            FieldKind::If { then, otherwise, .. } => {
                named_fields(then, at, found);
                otherwise.iter().for_each(|body| named_fields(body, at, found));
            }
            FieldKind::Match { arms, .. } => {
                arms.iter().for_each(|arm| named_fields(&arm.body, at, found));
            }
            _ => {}
        }
    }
}

fn named_in(ty: &Type, at: &str, found: &mut dyn FnMut(&Name, &str)) {
    match &ty.kind {
        TypeKind::Struct(of) => named_fields(of, at, found),
        TypeKind::Array { element, .. } => named_in(element, &format!("{at}[]"), found),
        TypeKind::Opt(inner) | TypeKind::Block { inner, .. } => named_in(inner, at, found),
        TypeKind::Match { arms, .. } => arms.iter().for_each(|arm| named_in(&arm.ty, at, found)),
        TypeKind::If { then, otherwise, .. } => {
            named_in(then, at, found);
            named_in(otherwise, at, found);
        }
        _ => {}
    }
}

/// Where bodies are tried.
struct Bench<'m> {
    maker: &'m Maker<'m>,
    items: &'m Items,
    /// As the data has them.
    declarations: &'m [Declaration],
    matched: &'m [Matched],
}

impl Bench<'_> {
    /// Whether each of these bodies means what its declaration means, in all versions of that.
    fn try_all(&self, bodies: &[(usize, String)]) -> Result<Vec<bool>, String> {
        let mut out = Vec::new();
        let mut rest = bodies;
        while !rest.is_empty() {
            let mut len = 0;
            let fit = rest.iter().take_while(|(_, body)| {
                len += body.len();
                len <= TRIED_MAX
            });
            let (now, later) = rest.split_at(fit.count().max(1));
            out.extend(self.try_some(now)?);
            rest = later;
        }
        Ok(out)
    }

    fn try_some(&self, bodies: &[(usize, String)]) -> Result<Vec<bool>, String> {
        let whole = |at: usize| {
            let text = &self.declarations[at].text;
            Work::new(text.clone(), Vec::new()).edited_body(&[])
        };
        let mut text = self.maker.text_of(self.items, self.declarations);
        let count = self.declarations.len();
        for at in 0..count {
            text.push_str(&self.probe(at, at, &whole(at)));
        }
        let mut fits = Vec::new();
        for (place, (at, body)) in bodies.iter().enumerate() {
            let probe = self.probe(count + place, *at, body);
            let reads = parse(0, &probe).1.is_empty();
            fits.push(reads);
            if reads {
                text.push_str(&probe);
            }
        }
        let (main, files) = self.maker.files(self.items, &text);
        let tried = Files { files }.load_all(&main)?;
        let mut known: HashMap<(*const Plan, *const Plan), bool> = HashMap::new();
        // Plans are told apart by their addresses, so they must live until the end.
        let mut kept = Vec::new();
        for (version, matched) in self.matched.iter().enumerate() {
            let concerned = |at: usize| self.declarations[at].set.has(version);
            if !(0..count).any(concerned) {
                continue;
            }
            let dialect = tried.dialect(matched.base);
            let mut plans: HashMap<usize, Arc<Plan>> = HashMap::new();
            for packet in dialect.packets().filter(|packet| packet.id >= PROBES) {
                if let (Ok(at), Some(plan)) = (usize::try_from(packet.id - PROBES), &packet.plan) {
                    plans.insert(at, plan.clone());
                }
            }
            for (place, (at, _)) in bodies.iter().enumerate().filter(|(_, (at, _))| concerned(*at))
            {
                fits[place] &= match (plans.get(at), plans.get(&(count + place))) {
                    (Some(is), Some(tried)) => *known
                        .entry((Arc::as_ptr(is), Arc::as_ptr(tried)))
                        .or_insert_with(|| means(is, tried)),
                    _ => false,
                };
            }
            kept.push(dialect);
        }
        Ok(fits)
    }

    /// A packet or a type under a name of its own.
    fn probe(&self, number: usize, at: usize, body: &str) -> String {
        let id = PROBES + number as i64;
        match &self.declarations[at].what {
            What::Packet(place, _) => {
                let directions = if place.direction.is_some() { "" } else { "both " };
                format!("\npacket {place} {directions}probe_{number} = {id} {body}\n")
            }
            What::Type(_) => {
                let state = self.maker.new.states.first().map_or("", |state| state);
                format!(
                    "\ntype Probe_{number} = {body}\n\
                     packet {state} clientbound probe_{number} = {id} {{ value: Probe_{number} }}\n"
                )
            }
        }
    }
}

/// Whether the definition's plan does for the data's: it has every name that the data has.
fn means(data: &Plan, definition: &Plan) -> bool {
    let found = data.compare(definition);
    found.layout.is_none() && found.entries.iter().all(|entry| entry.this.is_none())
}
