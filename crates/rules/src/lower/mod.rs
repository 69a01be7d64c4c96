//! Typing and compiling: an expression for one kind of packet at one version.
//!
//! Checking is compiling for all kinds of packets at all versions, and putting together what was found.

mod compare;
mod facts;
mod lists;
mod names;
mod operand;
mod paths;
mod sets;
mod valued;
mod values;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::plan::Plan;
use midwire_definition::plan::anchor::Anchor;
use midwire_definition::syntax::ast::{Name, Span, lookup_key};
use midwire_definition::{Diagnostic, Group, PacketDefinition, Protocol, StateId, VersionId, View};

pub(crate) use facts::{Facts, Owner};
pub use lists::FUNCTIONS;
pub(crate) use names::Names;
pub(crate) use operand::{NumType, Operand, Shape, StrType, Word};
pub(crate) use paths::steps;
pub use paths::{ENVELOPE, FLAGS};

use crate::evaluate::SLOTS_MAX;
use crate::predicate::{Num, Pred, Str};
use crate::scope::{Scope, ScopePackets};
use crate::syntax::ast::{Comparison, Expr, ExprKind};
use crate::value::Number;

/// Names of a protocol that expressions need, gathered once.
#[derive(Debug)]
pub(crate) struct Known {
    /// Packets at any version, by lookup key: the name as it is written.
    pub(crate) packets: HashMap<String, Arc<str>>,
    pub(crate) groups: Vec<Group>,
}

/// A kind of packet, as an expression is compiled for it.
pub(crate) struct Kind<'k> {
    pub(crate) version: VersionId,
    /// The last version at which it is the same.
    pub(crate) last: VersionId,
    pub(crate) state: StateId,
    pub(crate) direction: Direction,
    pub(crate) definition: Option<&'k PacketDefinition>,
}

/// Compiles an expression for one kind of packet.
pub(crate) struct Lowerer<'k> {
    pub(crate) protocol: &'k Protocol,
    pub(crate) known: &'k Known,
    pub(crate) scope: &'k Scope,
    pub(crate) kind: Kind<'k>,
    pub(crate) plan: Option<&'k Plan>,
    pub(crate) facts: &'k mut Facts,
    /// The group in scope: its views here.
    views: Option<(&'k Group, Vec<Option<View>>)>,
    /// Bare names are fields.
    has_fields: bool,
    /// Anchors of the body that were used.
    pub(crate) anchors: Vec<Arc<Anchor>>,
    /// Fields in lists that the comparison at hand goes through.
    hoisted: Vec<Hoisted>,
    slots: usize,
    /// What `it` is, from the outermost.
    its: Vec<It>,
    /// A value is wanted, not truth: of several fields the first counts.
    is_value: bool,
}

struct Hoisted {
    from: Option<usize>,
    anchors: Vec<Anchor>,
    slot: usize,
}

/// What `it` stands for.
#[derive(Clone)]
struct It {
    slot: usize,
    layouts: Vec<u32>,
}

impl<'k> Lowerer<'k> {
    pub(crate) fn new(
        protocol: &'k Protocol,
        known: &'k Known,
        scope: &'k Scope,
        kind: Kind<'k>,
        facts: &'k mut Facts,
    ) -> Self {
        let plan = kind.definition.and_then(|definition| definition.plan.as_deref());
        let views = match &scope.packets {
            ScopePackets::Group(name) => views_of(protocol, known, &kind, name),
            _ => None,
        };
        Lowerer {
            protocol,
            known,
            scope,
            plan,
            facts,
            views,
            has_fields: scope.has_fields(),
            anchors: Vec::new(),
            hoisted: Vec::new(),
            slots: 0,
            its: Vec::new(),
            is_value: false,
            kind,
        }
    }

    /// Whether packets of this kind are in scope.
    pub(crate) fn is_in_scope(&self) -> bool {
        self.scope.admits(self.kind.state, self.kind.direction)
            && self.scope.names(self.kind.definition)
            && (self.views.is_some() || !matches!(self.scope.packets, ScopePackets::Group(_)))
    }

    /// The predicate that an expression is for packets of this kind.
    pub(crate) fn filter(&mut self, expr: &Expr) -> Pred {
        if self.is_in_scope() { self.pred(expr) } else { Pred::Const(false) }
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        let report = Diagnostic::error(code, span, message);
        // What is wrong with the envelope is so everywhere.
        match self.kind.definition.filter(|definition| definition.plan.is_some()) {
            Some(definition) if self.protocol.versions.iter().len() > 1 => {
                let version = &self.protocol.versions.get(self.kind.version).key;
                report.note(format!("in `{}` at {version}", definition.name))
            }
            Some(definition) => report.note(format!("in `{}`", definition.name)),
            None => report,
        }
    }

    pub(crate) fn pred(&mut self, expr: &Expr) -> Pred {
        match &expr.kind {
            ExprKind::Not(inner) => match self.pred(inner) {
                Pred::Const(is) => Pred::Const(!is),
                pred => Pred::Not(Box::new(pred)),
            },
            ExprKind::And(parts) => self.all_of(parts),
            ExprKind::Or(parts) => {
                let mut out = Vec::new();
                for part in parts {
                    match self.pred(part) {
                        // The others are looked at all the same, for what is wrong with them.
                        Pred::Const(false) => {}
                        pred => out.push(pred),
                    }
                }
                if out.iter().any(|pred| matches!(pred, Pred::Const(true))) {
                    return Pred::Const(true);
                }
                sort(&mut out);
                joined(out, false)
            }
            ExprKind::Compare { op, left, right, nocase } => {
                self.through_lists(|this| this.compare(expr.span, *op, left, right, *nocase))
            }
            ExprKind::In { left, set, nocase } => {
                self.through_lists(|this| this.within(expr.span, left, set, *nocase))
            }
            ExprKind::Has(inner) => self.has(inner),
            ExprKind::Call(name, args) if name.text == "any" || name.text == "all" => {
                self.quantified(name, args, expr.span)
            }
            _ => self.through_lists(|this| {
                let operand = this.scalar(expr);
                this.truth(operand, expr.span)
            }),
        }
    }

    /// All of several: those that say which packet it is are looked at first, so that the others can name
    /// its fields, and need not make sense for other packets.
    fn all_of(&mut self, parts: &[Expr]) -> Pred {
        let had_fields = self.has_fields;
        let had_views = self.views.is_some();
        let mut out = Vec::new();
        let (choosing, others): (Vec<&Expr>, Vec<&Expr>) =
            parts.iter().partition(|part| chooses(part, self.known));
        let mut is_false = false;
        for part in &choosing {
            match self.pred(part) {
                Pred::Const(true) => {}
                Pred::Const(false) => is_false = true,
                pred => out.push(pred),
            }
        }
        if !is_false {
            self.has_fields |= !choosing.is_empty();
            for part in &choosing {
                if let (ExprKind::Group(name, _), false) = (&part.kind, had_views) {
                    self.views = views_of(self.protocol, self.known, &self.kind, name);
                }
            }
            for part in others {
                let (missed, reports) = self.facts.marks();
                let pred = self.pred(part);
                // Where a field is not there, those behind it are looked up all the same, as they may be
                // there only.
                if is_false {
                    self.facts.forget_reports(reports);
                    continue;
                }
                match pred {
                    Pred::Const(true) => {}
                    Pred::Const(false) => {
                        is_false = true;
                        // What comes behind asks for a packet that this is not.
                        if self.facts.marks().0 == missed {
                            break;
                        }
                    }
                    pred => out.push(pred),
                }
            }
        }
        self.has_fields = had_fields;
        if !had_views {
            self.views = None;
        }
        if is_false {
            return Pred::Const(false);
        }
        sort(&mut out);
        joined(out, true)
    }

    /// What an operand is as a condition.
    fn truth(&mut self, operand: Operand, span: Span) -> Pred {
        let what = match operand {
            Operand::Absent | Operand::Wrong => return Pred::Const(false),
            Operand::Truth(pred) => return pred,
            Operand::Num(Num::Const(Number::Int(n)), ty) if ty.is_bool => {
                return Pred::Const(n != 0);
            }
            Operand::Num(num, ty) if ty.is_bool || ty.shown == "let" => return Pred::True(num),
            Operand::Inside(place, path) => return Pred::True(Num::Inside(place, path)),
            Operand::Num(_, ty) if ty.shown == "flags" => {
                let message = "flags are neither true nor false".to_owned();
                let report = self.error("F028", span, message).label("several bits");
                let report =
                    report.help("write the name of a flag behind a dot, or compare with a number");
                self.facts.report(report);
                return Pred::Const(false);
            }
            Operand::Num(_, ty) => ("a number", format!("compare it, as in `!= 0` ({})", ty.shown)),
            Operand::Mixed(..) => ("a number or text", "compare it with something".to_owned()),
            Operand::Str(_, ty) => (ty.as_str(), "compare it, as in `== \"...\"`".to_owned()),
            Operand::List(_) => ("a list", "write `count(..) > 0` or `any(.., ..)`".to_owned()),
            Operand::Group(_, _) => {
                ("not one value", "write `has ..` to ask whether it is there".to_owned())
            }
            Operand::Address(_) => {
                ("an address", "compare it, as in `== \"127.0.0.1\"`".to_owned())
            }
            Operand::Version => ("a version", "compare it, as in `>= \"1.20.4\"`".to_owned()),
            Operand::Word(..) => ("a name", "compare it, as in `== play`".to_owned()),
        };
        let message = format!("this is {}, which is neither true nor false", what.0);
        let report = self.error("F028", span, message).label("a condition is needed").help(what.1);
        self.facts.report(report);
        Pred::Const(false)
    }

    fn has(&mut self, inner: &Expr) -> Pred {
        self.through_lists(|this| match this.operand(inner) {
            Operand::Absent | Operand::Wrong => Pred::Const(false),
            Operand::Truth(_) | Operand::Version | Operand::Word(..) => Pred::Const(true),
            Operand::Num(Num::Field(place), _) => Pred::Has(place),
            Operand::Num(num, _) => Pred::HasNum(num),
            Operand::Str(of, _) => Pred::HasStr(of),
            Operand::Inside(place, path) => Pred::HasInside(place, path),
            Operand::Mixed(place, ..) | Operand::List(place) | Operand::Group(place, _) => {
                Pred::Has(place)
            }
            Operand::Address(side) => {
                let all = ["0.0.0.0/0", "::/0"].into_iter();
                Pred::Address(side, all.filter_map(crate::predicate::Net::parse).collect())
            }
        })
    }

    /// Makes a comparison that is true if it is so for one of the fields that its anchors lead to.
    fn through_lists(&mut self, make: impl FnOnce(&mut Self) -> Pred) -> Pred {
        let (before, slots) = (self.hoisted.len(), self.slots);
        let mut pred = make(self);
        while self.hoisted.len() > before {
            let Some(Hoisted { from, anchors, slot }) = self.hoisted.pop() else { break };
            if !matches!(pred, Pred::Const(false)) {
                pred = Pred::Exists { from, anchors, slot, body: Box::new(pred) };
            }
        }
        self.slots = slots;
        pred
    }

    /// A slot to bind elements to.
    fn slot(&mut self, span: Span) -> Option<usize> {
        if self.slots >= SLOTS_MAX {
            let message = format!("this goes through more than {SLOTS_MAX} lists");
            let report = Diagnostic::error("F032", span, message).label("too many");
            self.facts.report(report);
            return None;
        }
        self.slots += 1;
        Some(self.slots - 1)
    }

    fn text_const(text: &str) -> Str {
        Str::Const(text.as_bytes().into())
    }
}

/// The views of a group in packets of a kind, if they are in it.
fn views_of<'k>(
    protocol: &Protocol,
    known: &'k Known,
    kind: &Kind<'_>,
    name: &Name,
) -> Option<(&'k Group, Vec<Option<View>>)> {
    let group = known.groups.iter().find(|group| name.is(&group.name))?;
    let views = group.views_of(protocol, kind.version, kind.definition?)?;
    Some((group, views))
}

/// Whether a condition says which packet it is.
fn chooses(expr: &Expr, known: &Known) -> bool {
    match &expr.kind {
        ExprKind::Path(path) => match path.segments.as_slice() {
            [crate::syntax::ast::Segment::Name(name, _)] => {
                known.packets.contains_key(&lookup_key(&name.text))
            }
            _ => false,
        },
        ExprKind::Group(_, path) => path.segments.is_empty(),
        ExprKind::And(parts) => parts.iter().any(|part| chooses(part, known)),
        ExprKind::Or(parts) => parts.iter().all(|part| chooses(part, known)),
        ExprKind::Compare { op: Comparison::Equal, left, .. } | ExprKind::In { left, .. } => {
            let ExprKind::Path(path) = &left.kind else { return false };
            matches!(path.text().as_str(), "packet.name")
        }
        _ => false,
    }
}

/// What is cheap to ask comes first.
fn sort(preds: &mut [Pred]) {
    preds.sort_by_key(cost);
}

fn cost(pred: &Pred) -> u32 {
    let needs = crate::predicate::Needs::of(pred);
    match () {
        () if needs.whole => 40,
        () if matches!(pred, Pred::Exists { .. } | Pred::ForAll { .. }) => 30,
        () if needs.run && matches!(pred, Pred::Text { .. } | Pred::Texts { .. }) => 20,
        () if needs.run => 10,
        () if needs.payload => 5,
        () => 0,
    }
}

fn joined(mut parts: Vec<Pred>, all: bool) -> Pred {
    match parts.len() {
        0 => Pred::Const(all),
        1 => parts.pop().unwrap_or(Pred::Const(all)),
        _ if all => Pred::All(parts),
        _ => Pred::Any(parts),
    }
}

/// The name of a path that is nothing but one name.
pub(crate) fn bare(expr: &Expr) -> Option<&Name> {
    match &expr.kind {
        ExprKind::Path(path) => match path.segments.as_slice() {
            [crate::syntax::ast::Segment::Name(name, _)] => Some(name),
            _ => None,
        },
        _ => None,
    }
}
