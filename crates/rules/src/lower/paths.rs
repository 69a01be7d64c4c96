//! What names stand for.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::plan::anchor::{Anchor, Step, Target};
use midwire_definition::plan::{Kind as FieldKind, Plan};
use midwire_definition::syntax::ast::{BinaryOp, Name, Span, lookup_key, same_name};
use midwire_definition::{View, ViewForm, ViewKind};

use super::operand::MakeStr;
use super::{Hoisted, Lowerer, NumType, Operand, Owner, Shape, StrType, Word};
use crate::predicate::{Num, Place, Pred, Side, Str};
use crate::syntax::ast::{Arithmetic, Expr, ExprKind, Path, Segment};
use crate::value::Number;

/// Items of the envelope, as they are written, with their type and meaning.
pub const ENVELOPE: &[(&str, &str, &str)] = &[
    ("packet.id", "int", "the packet id"),
    ("packet.name", "str", "the packet's name"),
    ("packet.length", "int", "bytes of id and fields, decrypted and decompressed"),
    ("packet.time", "float", "seconds since the session began"),
    ("packet.direction", "name", "serverbound or clientbound"),
    ("packet.state", "name", "the protocol state"),
    ("session.id", "int", "the session's number, counted from 1"),
    ("session.version", "version", "a release or protocol number, as in `>= \"1.20.4\"`"),
    ("client.ip", "address", "the client's address, as in `in 10.0.0.0/8`"),
    ("server.ip", "address", "the server's address"),
    ("bytes", "bytes", "id and fields; `bytes[0..4]` are the first four"),
];

/// Words that are true or false of a packet, with their meaning.
pub const FLAGS: &[(&str, &str)] = &[
    ("serverbound", "it goes to the server"),
    ("clientbound", "it goes to the client"),
    ("malformed", "its fields cannot be read, or do not end where it does"),
    ("unknown", "its id is not known"),
    ("injected", "nobody of the two peers sent it"),
    ("changed", "it was sent on with other bytes"),
];

impl<'k> Lowerer<'k> {
    pub(super) fn path(&mut self, path: &Path, whole: Span) -> Operand {
        let Some(Segment::Name(first, is_quoted)) = path.segments.first() else {
            return Operand::Wrong;
        };
        let rest = &path.segments[1..];
        if !is_quoted {
            if first.text == "it" && !self.its.is_empty() {
                return self.it(rest, whole);
            }
            if let Some(operand) = self.of_envelope(first, rest) {
                return operand;
            }
        }
        if let Some(definition) = self.kind.definition
            && self.has_fields
        {
            if rest.is_empty()
                && let Some(operand) = self.view_in_scope(&first.text, first.span)
            {
                return operand;
            }
            let steps = steps(&path.segments);
            if let Some(plan) = self.plan
                && let Some(anchor) = plan.anchor(&steps)
            {
                self.note_found(&path.segments);
                return self.of_anchor(plan, anchor, whole);
            }
            if let Some(operand) = self.byte_of(path, whole) {
                return operand;
            }
            if !definition.is_called(&first.text)
                && !self.known.packets.contains_key(&lookup_key(&first.text))
            {
                self.missing(&path.segments, whole);
                return Operand::Absent;
            }
        }
        match self.kind.definition {
            Some(definition) if definition.is_called(&first.text) => {
                self.facts.found(first.span, &first.text);
                if rest.is_empty() {
                    return Operand::Truth(Pred::Const(true));
                }
                self.field(rest, whole)
            }
            // Not this packet; whether there is one of that name at all is asked at the end.
            _ => Operand::Absent,
        }
    }

    /// A field of this packet.
    fn field(&mut self, segments: &[Segment], whole: Span) -> Operand {
        if let Some(plan) = self.plan
            && let Some(anchor) = plan.anchor(&steps(segments))
        {
            self.note_found(segments);
            return self.of_anchor(plan, anchor, whole);
        }
        let path = Path { segments: segments.to_vec() };
        if let Some(operand) = self.byte_of(&path, whole) {
            return operand;
        }
        self.missing(segments, whole);
        Operand::Absent
    }

    /// `data[3]`: a byte of bytes.
    fn byte_of(&mut self, path: &Path, whole: Span) -> Option<Operand> {
        let (Segment::Index(index, _), before) = path.segments.split_last()? else { return None };
        if before.is_empty() {
            return None;
        }
        let plan = self.plan?;
        let anchor = plan.anchor(&steps(before))?;
        let is_bytes = |target: &Target<'_>| {
            matches!(target, Target::Field(field)
                if matches!(field.kind, FieldKind::Bytes { .. } | FieldKind::Tail))
        };
        if !anchor.targets(plan).iter().all(is_bytes) {
            return None;
        }
        self.note_found(&path.segments);
        let Operand::Str(of, _) = self.of_anchor(plan, anchor, whole) else { return None };
        Some(byte_at(of, *index))
    }

    /// Notes that a field is not there, and what is.
    pub(super) fn missing(&mut self, segments: &[Segment], whole: Span) {
        let Some(definition) = self.kind.definition else { return };
        let (mut at, mut candidates) = (0, None);
        if let Some(plan) = self.plan {
            let names = |fields: Vec<&midwire_definition::plan::Field>| {
                fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
            };
            candidates = Some(names(plan.fields_of(0)));
            for len in (1..segments.len()).rev() {
                if let Some(anchor) = plan.anchor(&steps(&segments[..len])) {
                    let mut inner = Vec::new();
                    for target in anchor.targets(plan) {
                        inner.extend(names_in(plan, &target));
                    }
                    (at, candidates) = (len, Some(inner));
                    break;
                }
            }
        }
        let name = Path { segments: segments.get(at..=at).unwrap_or_default().to_vec() };
        let span = segments.get(at).map_or(whole, Segment::span);
        let versions = (self.kind.version, self.kind.last);
        self.facts.missing(span, &name.text(), Owner::of(definition), versions, candidates);
    }

    fn note_found(&mut self, segments: &[Segment]) {
        let owner = self.kind.definition.map(Owner::of);
        for segment in segments {
            self.facts.found_in(segment.span(), owner.clone());
        }
    }

    fn it(&mut self, rest: &[Segment], whole: Span) -> Operand {
        let Some(it) = self.its.last().cloned() else { return Operand::Wrong };
        let Some(plan) = self.plan else { return Operand::Absent };
        let steps = steps(rest);
        let anchors: Vec<Anchor> =
            it.layouts.iter().filter_map(|layout| plan.anchor_in(*layout, &steps)).collect();
        if !anchors.is_empty() || rest.is_empty() {
            self.note_found(rest);
        }
        if anchors.is_empty() {
            if rest.is_empty() {
                return Operand::Group(Place::Slot(it.slot), "a struct".into());
            }
            let mut names = Vec::new();
            for layout in &it.layouts {
                names.extend(plan.fields_of(*layout).iter().map(|field| field.name.clone()));
            }
            let segments = rest.to_vec();
            let span = segments.first().map_or(whole, Segment::span);
            if let Some(definition) = self.kind.definition {
                let name = Path { segments }.text();
                let versions = (self.kind.version, self.kind.last);
                self.facts.missing(span, &name, Owner::of(definition), versions, Some(names));
            }
            return Operand::Absent;
        }
        let targets: Vec<Target<'_>> = anchors.iter().flat_map(|a| a.targets(plan)).collect();
        let inside = inside_path(&anchors);
        if anchors.iter().any(Anchor::repeats) && !self.is_value {
            return match self.slot(whole) {
                Some(slot) => {
                    self.hoisted.push(Hoisted { from: Some(it.slot), anchors, slot });
                    of_targets(Place::Slot(slot), &targets, inside)
                }
                None => Operand::Wrong,
            };
        }
        of_targets(Place::Within(it.slot, anchors.into()), &targets, inside)
    }

    /// What an anchor of the body leads to.
    pub(super) fn of_anchor(&mut self, plan: &'k Plan, anchor: Anchor, whole: Span) -> Operand {
        let targets = anchor.targets(plan);
        let inside = inside_path(std::slice::from_ref(&anchor));
        if let (Some((at, field, member)), [target]) = (anchor.fixed(plan), targets.as_slice()) {
            let ty = match Shape::of(target) {
                Shape::Num(ty) => Some(ty),
                _ => None,
            };
            let num = match &field.kind {
                FieldKind::Int(repr)
                | FieldKind::Enum { repr, .. }
                | FieldKind::Flags { repr, .. }
                | FieldKind::Bits { repr, .. } => Some(Num::FixedInt { at, repr: *repr, member }),
                FieldKind::Float(repr) => Some(Num::FixedFloat { at, repr: *repr }),
                _ => None,
            };
            if let (Some(ty), Some(num)) = (ty, num) {
                return Operand::Num(num, ty);
            }
        }
        let anchor = Arc::new(anchor);
        self.anchors.push(anchor.clone());
        if anchor.repeats() && !self.is_value {
            return match self.slot(whole) {
                Some(slot) => {
                    let anchors = vec![(*anchor).clone()];
                    self.hoisted.push(Hoisted { from: None, anchors, slot });
                    of_targets(Place::Slot(slot), &targets, inside)
                }
                None => Operand::Wrong,
            };
        }
        of_targets(Place::Body(anchor), &targets, inside)
    }

    /// Items of the envelope and words that are true or false.
    fn of_envelope(&mut self, first: &Name, rest: &[Segment]) -> Option<Operand> {
        let int = |num| Operand::Num(num, NumType { shown: "int".into(), ..NumType::default() });
        let truth = |is| Operand::Truth(Pred::Const(is));
        let key = lookup_key(&first.text);
        let [] = rest else {
            if let ("bytes", [Segment::Index(index, _)]) = (key.as_str(), rest) {
                let is_field = self.is_field("bytes");
                return (!is_field).then(|| byte_at(Str::Payload, *index));
            }
            let [Segment::Name(second, _)] = rest else { return None };
            let item = lookup_key(&second.text);
            return Some(match (key.as_str(), item.as_str()) {
                ("packet", "id") => int(Num::Id),
                ("packet", "length") => int(Num::Length),
                ("packet", "time") => Operand::Num(
                    Num::Time,
                    NumType { is_float: true, shown: "float".into(), ..NumType::default() },
                ),
                ("packet", "name") => match self.kind.definition {
                    Some(definition) => Operand::Word(Word::Packet, definition.name.to_string()),
                    None => Operand::Absent,
                },
                ("packet", "direction") => {
                    Operand::Word(Word::Direction, self.kind.direction.to_string())
                }
                ("packet", "state") => {
                    let state = self.protocol.state_name(self.kind.state);
                    Operand::Word(Word::State, state.to_owned())
                }
                ("session", "id") => int(Num::Session),
                ("session", "version") => Operand::Version,
                ("client", "ip") => Operand::Address(Side::Client),
                ("server", "ip") => Operand::Address(Side::Server),
                ("conn", _) => {
                    let mut all = self.protocol.conn.iter();
                    let at = all.position(|(name, _)| same_name(name, &second.text))?;
                    int(Num::Conn(at))
                }
                _ => return None,
            });
        };
        Some(match key.as_str() {
            "serverbound" | "c2s" => truth(self.kind.direction == Direction::Serverbound),
            "clientbound" | "s2c" => truth(self.kind.direction == Direction::Clientbound),
            "malformed" => Operand::Truth(Pred::Malformed),
            "unknown" => truth(self.kind.definition.is_none()),
            "injected" => Operand::Truth(Pred::Injected),
            "changed" => Operand::Truth(Pred::Changed),
            "bytes" if !self.is_field("bytes") => Operand::Str(Str::Payload, StrType::Bytes),
            _ => return None,
        })
    }

    /// Whether the packet has a field of that name, where bare names are fields.
    fn is_field(&self, name: &str) -> bool {
        self.has_fields
            && self.plan.is_some_and(|plan| plan.anchor(&[Step::Name(name.into())]).is_some())
    }

    /// A view of the group in scope.
    fn view_in_scope(&mut self, name: &str, span: Span) -> Option<Operand> {
        let (group, views) = self.views.as_ref()?;
        let at = group.view_named(name)?;
        let view = views.get(at).cloned().flatten();
        self.facts.found(span, name);
        Some(match view {
            Some(view) => self.view(&view),
            None => Operand::Absent,
        })
    }

    /// `group:chat`, `group:chat.text`
    pub(super) fn group(&mut self, name: &Name, path: &Path, whole: Span) -> Operand {
        let known = self.known;
        let Some(group) = known.groups.iter().find(|group| name.is(&group.name)) else {
            // Reported once, at the end.
            return Operand::Absent;
        };
        let Some(definition) = self.kind.definition else { return Operand::Absent };
        let Some(views) = group.views_of(self.protocol, self.kind.version, definition) else {
            return Operand::Absent;
        };
        match path.segments.as_slice() {
            [] => Operand::Truth(Pred::Const(true)),
            [Segment::Name(view, _)] if group.view_named(&view.text).is_some() => {
                let at = group.view_named(&view.text).unwrap_or(0);
                match views.get(at).cloned().flatten() {
                    Some(view) => self.view(&view),
                    None => Operand::Absent,
                }
            }
            segments => self.field(segments, whole),
        }
    }

    fn view(&mut self, view: &View) -> Operand {
        let shown = || view.kind().as_str().to_owned();
        let names = view.table().cloned().map(super::Names::Table).into_iter().collect();
        match view.kind() {
            ViewKind::Text => match self.view_text(view.form()) {
                Some(of) => Operand::Str(of, StrType::Text),
                None => Operand::Absent,
            },
            kind => match self.view_number(view.form(), kind) {
                Some(num) => Operand::Num(
                    num,
                    NumType {
                        is_float: kind == ViewKind::Float,
                        is_bool: kind == ViewKind::Bool,
                        names,
                        shown: shown(),
                        ..NumType::default()
                    },
                ),
                None => Operand::Absent,
            },
        }
    }

    fn view_place(&mut self, path: &str) -> Option<(Place, Vec<Target<'k>>)> {
        let plan = self.plan?;
        let steps: Vec<Step> = path.split('.').map(|name| Step::Name(name.into())).collect();
        let anchor = Arc::new(plan.anchor(&steps)?);
        self.anchors.push(anchor.clone());
        let targets = anchor.targets(plan);
        Some((Place::Body(anchor), targets))
    }

    fn view_text(&mut self, form: &ViewForm) -> Option<Str> {
        Some(match form {
            ViewForm::Path(path) => {
                let (place, targets) = self.view_place(path)?;
                let is = |wanted: fn(&FieldKind) -> bool| {
                    targets.iter().any(|t| matches!(t, Target::Field(f) if wanted(&f.kind)))
                };
                match () {
                    () if is(|kind| matches!(kind, FieldKind::Enum { .. })) => Str::Name(place),
                    () if is(|kind| matches!(kind, FieldKind::Uuid)) => Str::Uuid(place),
                    () => Str::Text(place),
                }
            }
            ViewForm::Words(path, _) => Str::Words(self.view_place(path)?.0),
            ViewForm::Text(text) => Self::text_const(text),
            ViewForm::Int(_) | ViewForm::Float(_) | ViewForm::Binary(..) => return None,
        })
    }

    fn view_number(&mut self, form: &ViewForm, kind: ViewKind) -> Option<Num> {
        Some(match form {
            ViewForm::Path(path) => Num::Field(self.view_place(path)?.0),
            ViewForm::Int(n) if kind == ViewKind::Float => Num::Const(Number::Float(*n as f64)),
            ViewForm::Int(n) => Num::Const(Number::Int(*n)),
            ViewForm::Float(n) => Num::Const(Number::Float(*n)),
            ViewForm::Binary(op, a, b) => {
                let op = match op {
                    BinaryOp::Add => Arithmetic::Add,
                    BinaryOp::Subtract => Arithmetic::Subtract,
                    BinaryOp::Multiply => Arithmetic::Multiply,
                    BinaryOp::Divide => Arithmetic::Divide,
                    _ => return None,
                };
                let (a, b) = (self.view_number(a, kind)?, self.view_number(b, kind)?);
                Num::Arithmetic(op, Box::new(a), Box::new(b))
            }
            ViewForm::Words(..) | ViewForm::Text(_) => return None,
        })
    }

    /// A part of an expression.
    pub(super) fn operand(&mut self, expr: &Expr) -> Operand {
        match &expr.kind {
            ExprKind::Path(path) => self.path(path, expr.span),
            ExprKind::Group(name, path) => self.group(name, path, expr.span),
            ExprKind::Slice(path, from, to) => self.slice(path, *from, *to, expr.span),
            ExprKind::Call(name, args) => self.call(name, args, expr.span),
            ExprKind::Not(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Compare { .. }
            | ExprKind::In { .. }
            | ExprKind::Has(_) => Operand::Truth(self.pred(expr)),
            _ => self.value(expr),
        }
    }

    /// `bytes[0..4]`
    fn slice(&mut self, path: &Path, from: u32, to: Option<u32>, whole: Span) -> Operand {
        if to.is_some_and(|to| to <= from) {
            let message = "this slice has no bytes".to_owned();
            let report =
                self.error("F026", whole, message).label("its end is not behind its start");
            self.facts.report(report);
            return Operand::Wrong;
        }
        match self.path(path, whole) {
            Operand::Str(of, _) => Operand::Str(Str::Slice(Box::new(of), from, to), StrType::Bytes),
            Operand::Absent => Operand::Absent,
            Operand::Wrong => Operand::Wrong,
            _ => {
                let message = "only bytes and texts have slices".to_owned();
                let report = self.error("F029", whole, message).label("something else");
                self.facts.report(report);
                Operand::Wrong
            }
        }
    }
}

/// One byte of a text or bytes.
fn byte_at(of: Str, index: u32) -> Operand {
    let slice = Str::Slice(Box::new(of), index, Some(index.saturating_add(1)));
    let ty = NumType { range: Some((0, 255)), shown: "u8".into(), ..NumType::default() };
    Operand::Num(Num::Byte(Box::new(slice)), ty)
}

/// What stands at a place, by what it may be.
pub(super) fn of_targets(place: Place, targets: &[Target<'_>], inside: Box<[Step]>) -> Operand {
    let mut num: Option<NumType> = None;
    let mut text: Option<(StrType, MakeStr)> = None;
    let mut group = None;
    let (mut is_inside, mut is_list) = (false, false);
    for target in targets {
        match Shape::of(target) {
            Shape::Num(ty) => match &mut num {
                None => num = Some(ty),
                Some(known) => {
                    known.is_float |= ty.is_float;
                    known.is_single &= ty.is_single;
                    known.is_bool &= ty.is_bool;
                    known.names.extend(ty.names);
                    known.range = match (known.range, ty.range) {
                        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                        _ => None,
                    };
                }
            },
            Shape::Str(ty, make) => text = text.or(Some((ty, make))),
            Shape::Inside => is_inside = true,
            Shape::List => is_list = true,
            Shape::Group(what) => group = Some(what),
        }
    }
    match (num, text) {
        _ if is_inside => Operand::Inside(place, inside),
        (Some(num), Some((text, _))) => Operand::Mixed(place, num, text),
        (Some(ty), None) => Operand::Num(Num::Field(place), ty),
        (None, Some((ty, make))) => Operand::Str(make(place), ty),
        (None, None) if is_list => Operand::List(place),
        (None, None) => Operand::Group(place, group.unwrap_or_default()),
    }
}

/// What is left of a path in NBT.
fn inside_path(anchors: &[Anchor]) -> Box<[Step]> {
    anchors.iter().find_map(Anchor::inside).map_or_else(Box::default, |path| path.into())
}

/// The names that may stand behind one.
fn names_in(plan: &Plan, target: &Target<'_>) -> Vec<Arc<str>> {
    let names = |fields: Vec<&midwire_definition::plan::Field>| {
        fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>()
    };
    match target {
        Target::Element(_, layout) => names(plan.fields_of(*layout)),
        Target::Field(field) => match &field.kind {
            FieldKind::Flags { members, .. } => members.iter().map(|m| m.name.clone()).collect(),
            FieldKind::Bits { members, .. } => members.iter().map(|m| m.name.clone()).collect(),
            FieldKind::Array(array) => names(plan.fields_of(array.element)),
            _ => names(plan.fields_in(field)),
        },
        Target::Inside(_) | Target::Flag(..) | Target::Part(..) => Vec::new(),
    }
}

pub(crate) fn steps(segments: &[Segment]) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Name(name, _) => Step::Name(name.text.as_str().into()),
        Segment::Index(index, _) => Step::Index(*index),
    };
    segments.iter().map(step).collect()
}
