//! A rule for one kind of packet at one version. Checking is compiling for all kinds at all versions, and
//! putting together what was found.

mod checks;
mod fills;
mod sends;
mod targets;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use midwire_definition::plan::Plan;
use midwire_definition::plan::anchor::{Anchor, Step};
use midwire_definition::syntax::ast::{Name, Span, same_name};
use midwire_definition::{Diagnostic, Hiding, PacketDefinition, StateId, VersionId};

use super::act::{Act, EditCode, Words};
use super::ast::{Action, Assigned, ModifierKind, What};
use super::decision::Color;
use super::fill::Spot;
use super::load::Written;
use super::replace::Pair;
use crate::lexicon::Lexicon;
use crate::lower::{Facts, Kind, Lowerer};
use crate::predicate::Pred;
use crate::scope::{Scope, ScopePackets};
use crate::syntax::ast::{Comparison, Expr, ExprKind, Path, Segment};

/// A rule with what does not depend on the kind of packet.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) written: Written,
    pub(super) scope: Scope,
    /// What `has` one of the views of the group in scope: packets without any are not meant.
    has_view: Option<Expr>,
    pub(super) modifiers: Box<[ModifierKind]>,
    pub(super) forced: bool,
    pub(super) color: Option<Color>,
    /// The place of the name of `count`.
    pub(super) count: u32,
    pub(super) pairs: Arc<[Pair]>,
}

/// A rule for one kind of packet.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) pred: Pred,
    pub(super) anchors: Vec<Arc<Anchor>>,
    pub(super) act: Option<Act>,
}

/// What was found out about a rule, over all kinds of packets.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// About conditions and values.
    pub(super) facts: Facts,
    /// About what was not written, but made of what was: nothing of it is told.
    aside: Facts,
    /// About fields that are set.
    pub(super) fields: Facts,
    /// About fields of packets that are sent.
    pub(super) sent: Facts,
    pub(super) reports: Vec<Diagnostic>,
    /// Values, and fields, that were right somewhere.
    pub(super) right: HashSet<(u32, u32)>,
    /// Kinds of packets that it is about, and that it may match.
    pub(super) kinds: Vec<KindKey>,
    /// Packets that change the session's state, that it touches.
    pub(super) events: BTreeSet<Arc<str>>,
    /// Packets of signed chat that it touches.
    pub(super) signed: BTreeSet<Arc<str>>,
    /// Packets that `hide` can hide, and those that it cannot.
    pub(super) hidden: BTreeSet<Arc<str>>,
    pub(super) unhidden: BTreeSet<Arc<str>>,
    /// Versions that have the packet to send, and that do not.
    pub(super) sendable: bool,
    pub(super) unsendable: BTreeSet<VersionId>,
    /// It is in scope of some packet, whether or not it can match.
    pub(super) in_scope: bool,
}

/// A kind of packet: what a session tells packets apart by.
pub(super) type KindKey = (VersionId, StateId, midwire_codec::Direction, Arc<str>);

impl Findings {
    /// Something was right in packets of one kind, whatever it is in others.
    pub(super) fn is_right(&mut self, span: Span) {
        self.right.insert((span.start, span.end));
    }

    /// Keeps a message; of several about one thing the first.
    pub(super) fn report(&mut self, report: Diagnostic) {
        let same = |known: &Diagnostic| (known.span, known.code) == (report.span, report.code);
        if !self.reports.iter().any(same) {
            self.reports.push(report);
        }
    }
}

impl Rule {
    pub(super) fn new(written: Written, lexicon: &Lexicon, count: u32, pairs: Vec<Pair>) -> Rule {
        let rule = &written.rule;
        let direction = match rule.scope.way {
            Some(super::ast::Way::Serverbound) => Some(midwire_codec::Direction::Serverbound),
            Some(super::ast::Way::Clientbound) => Some(midwire_codec::Direction::Clientbound),
            _ => None,
        };
        let packets = match &rule.scope.what {
            What::All => ScopePackets::All,
            What::Group(name) => ScopePackets::Group(name.clone()),
            What::Packets(list) => {
                ScopePackets::Named(list.iter().map(|(_, name)| name.clone()).collect())
            }
            What::Wrong => ScopePackets::Named(Vec::new()),
        };
        let scope = Scope { direction, state: None, packets, versions: Some(written.versions) };
        let has_view = match &rule.scope.what {
            What::Group(name) => has_view(lexicon, name),
            _ => None,
        };
        let mut modifiers: Vec<ModifierKind> = rule.modifiers.iter().map(|m| m.kind).collect();
        // What counts all matches comes in front of what counts acts.
        modifiers.sort_by_key(|kind| match kind {
            ModifierKind::After(_) => 0,
            ModifierKind::EveryNth(_) => 1,
            ModifierKind::Over(..) => 2,
            ModifierKind::EveryTime(_) => 3,
            ModifierKind::Rate(..) => 4,
            ModifierKind::Once => 5,
            ModifierKind::Force => 6,
        });
        let forced = modifiers.contains(&ModifierKind::Force);
        modifiers.retain(|kind| *kind != ModifierKind::Force);
        let color = match &rule.action {
            Action::Mark(name) => Color::named(&name.text),
            _ => None,
        };
        let (modifiers, pairs) = (modifiers.into(), pairs.into());
        Rule { written, scope, has_view, modifiers, forced, color, count, pairs }
    }

    /// Whether a packet is one of those that the scope names; of a group it is asked elsewhere.
    pub(super) fn names(&self, lexicon: &Lexicon, packet: &PacketDefinition) -> bool {
        if !self.scope.admits(packet.state, packet.direction) {
            return false;
        }
        match &self.written.rule.scope.what {
            What::All => true,
            What::Wrong => false,
            What::Group(name) => {
                let group = lexicon.known.groups.iter().find(|group| name.is(&group.name));
                group.is_some_and(|g| g.has_member(packet.state, packet.direction, &packet.name))
            }
            What::Packets(list) => list.iter().any(|(state, name)| {
                let state = state.as_ref();
                let is_there =
                    state.is_none_or(|state| state.is(lexicon.protocol.state_name(packet.state)));
                is_there && packet.is_called(&name.text)
            }),
        }
    }

    /// Whether it acts on every packet that it is about.
    pub(super) fn is_unconditional(&self) -> bool {
        self.written.rule.condition.is_none() && self.modifiers.is_empty()
    }
}

/// `has a or has b or ..`, of the views of a group.
fn has_view(lexicon: &Lexicon, name: &Name) -> Option<Expr> {
    let group = lexicon.known.groups.iter().find(|group| name.is(&group.name))?;
    let span = name.span;
    let has = |(view, _): &(Arc<str>, _)| {
        let view = Name { text: view.to_string(), span };
        let path = Path { segments: vec![Segment::Name(view, false)] };
        let path = Expr { kind: ExprKind::Path(path), span };
        Expr { kind: ExprKind::Has(Box::new(path)), span }
    };
    let parts: Vec<Expr> = group.views.iter().map(has).collect();
    (!parts.is_empty()).then_some(Expr { kind: ExprKind::Or(parts), span })
}

/// Compiles a rule for one kind of packet.
pub(super) struct Compiler<'c> {
    pub(super) lexicon: &'c Lexicon,
    pub(super) rule: &'c Rule,
    /// First and last: what is known of the first holds for all.
    pub(super) versions: (VersionId, VersionId),
    pub(super) state: StateId,
    pub(super) direction: midwire_codec::Direction,
    pub(super) definition: Option<&'c PacketDefinition>,
    pub(super) findings: &'c mut Findings,
    pub(super) anchors: Vec<Arc<Anchor>>,
    /// Whether there is anything to replace.
    pub(super) found: Option<Pred>,
    /// The packet whose fields are filled, where it is another.
    pub(super) subject: Option<Arc<PacketDefinition>>,
    /// What is found is told; a rule that is compiled to be used was checked before.
    pub(super) checks: bool,
}

impl<'c> Compiler<'c> {
    /// The rule for this kind of packet; `None`: it is not about it, or can never match.
    pub(super) fn compile(mut self) -> Option<Compiled> {
        let is_meant = match self.definition {
            Some(definition) => self.rule.names(self.lexicon, definition),
            None => {
                matches!(self.rule.written.rule.scope.what, What::All)
                    && self.rule.scope.admits(self.state, self.direction)
            }
        };
        if !is_meant {
            return None;
        }
        self.findings.in_scope = true;
        let mut pred = self.condition()?;
        let act = self.act();
        if let Pred::Const(false) = pred {
            return None;
        }
        if let (Some(Act::Edit(_)), None) = (&act, self.plan()) {
            pred = Pred::Const(false);
        }
        pred = match (pred, self.found.take()) {
            (Pred::Const(true), Some(found)) => found,
            (Pred::All(mut parts), Some(found)) => {
                parts.push(found);
                Pred::All(parts)
            }
            (pred, Some(found)) => Pred::All(vec![pred, found]),
            (pred, None) => pred,
        };
        if self.checks {
            self.look_for_harm(&act);
            let name = self.definition.map_or_else(|| "".into(), |d| d.name.clone());
            self.findings.kinds.push((self.versions.0, self.state, self.direction, name));
        }
        Some(Compiled { pred, anchors: self.anchors, act })
    }

    pub(super) fn plan(&self) -> Option<&'c Plan> {
        self.definition.and_then(|definition| definition.plan.as_deref())
    }

    /// Lowers something in the scope of the rule.
    fn lower<T>(&mut self, with: impl FnOnce(&mut Lowerer<'_>) -> T) -> T {
        let kind = Kind {
            version: self.versions.0,
            last: self.versions.1,
            state: self.state,
            direction: self.direction,
            definition: self.definition,
        };
        let Lexicon { protocol, known, .. } = self.lexicon;
        let facts = &mut self.findings.facts;
        let mut lowerer = Lowerer::new(protocol, known, &self.rule.scope, kind, facts);
        let made = with(&mut lowerer);
        self.anchors.append(&mut lowerer.anchors);
        made
    }

    /// The condition; `None`: packets of this kind are not in scope.
    fn condition(&mut self) -> Option<Pred> {
        let is_member = match self.rule.has_view.clone() {
            None => Pred::Const(true),
            Some(_) if self.surely_has_view() => Pred::Const(true),
            Some(has) => {
                // What a packet does not have of the group's views is none of the rule's faults.
                let Findings { facts, aside, .. } = &mut *self.findings;
                std::mem::swap(aside, facts);
                let pred = self.lower(|lowerer| match lowerer.is_in_scope() {
                    true => lowerer.pred(&has),
                    false => Pred::Const(false),
                });
                let Findings { facts, aside, .. } = &mut *self.findings;
                std::mem::swap(aside, facts);
                pred
            }
        };
        if let Pred::Const(false) = is_member {
            return None;
        }
        let condition = match &self.rule.written.rule.condition {
            None => Pred::Const(true),
            Some(expr) => self.lower(|lowerer| match lowerer.is_in_scope() {
                true => lowerer.pred(expr),
                false => Pred::Const(false),
            }),
        };
        Some(match (is_member, condition) {
            (Pred::Const(true), condition) => condition,
            (_, Pred::Const(false)) => Pred::Const(false),
            (is_member, Pred::Const(true)) => is_member,
            (is_member, condition) => Pred::All(vec![is_member, condition]),
        })
    }

    fn act(&mut self) -> Option<Act> {
        let rule = &self.rule.written.rule;
        Some(match &rule.action {
            Action::Drop => Act::Drop,
            Action::Pass => Act::Pass,
            Action::Intercept => Act::Intercept,
            Action::Duplicate => Act::Duplicate,
            Action::Delay { by, unordered } => Act::Delay { by: *by, unordered: *unordered },
            Action::Mark(_) => Act::Mark(self.rule.color?),
            Action::Count(_) => Act::Count(self.rule.count),
            Action::Log => {
                let mut values = Vec::new();
                if let Assigned::Values(exprs) = &rule.assigned {
                    for expr in exprs {
                        values.push(self.lower(|lowerer| lowerer.valued(expr)));
                    }
                }
                Act::Log(values)
            }
            Action::Disconnect(why) => {
                let valued = self.lower(|lowerer| lowerer.valued(why))?;
                self.check_text(&valued, why.span);
                Act::Disconnect(valued)
            }
            Action::Hide => self.hide()?,
            Action::Set => {
                let Assigned::Fields(fields) = &rule.assigned else { return None };
                let mut codes = Vec::new();
                for assignment in fields {
                    codes.extend(self.assignment(assignment));
                }
                Act::Edit(codes)
            }
            Action::Replace { field, .. } => {
                let (spot, inside, form) = self.text_target(field)?;
                self.found = self.any_found(field, form);
                let pairs = self.rule.pairs.clone();
                Act::Edit(vec![EditCode::Replace { spot, inside, form, pairs }])
            }
            Action::Send(send) => Act::Send(self.send(send)?),
            Action::Wrong => return None,
        })
    }

    /// How a packet of this kind is hidden.
    fn hide(&mut self) -> Option<Act> {
        let definition = self.definition?;
        let Lexicon { protocol, known, .. } = self.lexicon;
        let of =
            |group: &midwire_definition::Group| group.hides(protocol, self.versions.0, definition);
        let (means, in_group) = match &self.rule.written.rule.scope.what {
            What::Group(name) => {
                (known.groups.iter().find(|group| name.is(&group.name)).and_then(of), true)
            }
            _ => {
                let is_member = known
                    .groups
                    .iter()
                    .any(|group| group.views_of(protocol, self.versions.0, definition).is_some());
                (known.groups.iter().find_map(of), is_member)
            }
        };
        let means = match (means, in_group) {
            // What is in no group may be left out as it may be dropped.
            (None, false) => Some(Hiding::Drop),
            (means, _) => means,
        };
        let Some(means) = means else {
            self.findings.unhidden.insert(definition.name.clone());
            return None;
        };
        self.findings.hidden.insert(definition.name.clone());
        Some(match means {
            Hiding::Drop => Act::Drop,
            Hiding::Set(fields) => {
                let codes = fields.into_iter().map(|(path, value)| EditCode::Given(path, value));
                Act::Edit(codes.collect())
            }
        })
    }

    /// Whether any of the texts to replace is in a field. A rule that replaces nothing does not act.
    fn any_found(&mut self, field: &Path, form: Words) -> Option<Pred> {
        let Action::Replace { pairs, .. } = &self.rule.written.rule.action else { return None };
        let span = field.span()?;
        let path = Expr { kind: ExprKind::Path(field.clone()), span };
        let is_view = match field.segments.as_slice() {
            [Segment::Name(name, _)] => self.is_view(&name.text),
            _ => false,
        };
        let looked_in = match form {
            Words::Plain => path,
            _ if is_view => path,
            Words::Json | Words::Nbt => {
                let name = Name { text: "text".to_owned(), span };
                Expr { kind: ExprKind::Call(name, vec![path]), span }
            }
        };
        let mut parts = Vec::new();
        for pair in pairs {
            // Words that players read have no format codes.
            if let ExprKind::Text(text) = &pair.from.kind
                && text.contains('§')
            {
                return None;
            }
            let op = match &pair.from.kind {
                ExprKind::Regex { .. } => Comparison::Matches,
                _ => Comparison::Contains,
            };
            let (left, right) = (Box::new(looked_in.clone()), Box::new(pair.from.clone()));
            let kind = ExprKind::Compare { op, left, right, nocase: pair.nocase };
            parts.push(Expr { kind, span });
        }
        let any = Expr { kind: ExprKind::Or(parts), span };
        let Findings { facts, aside, .. } = &mut *self.findings;
        std::mem::swap(aside, facts);
        let pred = self.lower(|lowerer| lowerer.pred(&any));
        let Findings { facts, aside, .. } = &mut *self.findings;
        std::mem::swap(aside, facts);
        Some(pred)
    }

    fn text_target(&mut self, field: &Path) -> Option<(Spot, Arc<[Step]>, Words)> {
        let target = self.target(field)?;
        let plan = self.plan()?;
        let form = target.words(plan);
        if form.is_none() {
            let span = field.span().unwrap_or(self.rule.written.rule.span);
            let report = Diagnostic::error("R023", span, format!("`{}` is no text", field.text()));
            let report = report.label("nothing can be replaced in it");
            self.findings.report(self.noted(report));
        }
        let (spot, inside) = target.parted(plan);
        Some((spot, inside, form?))
    }

    /// A message, with the packet and version that it is about.
    fn noted(&self, report: Diagnostic) -> Diagnostic {
        let versions = &self.lexicon.protocol.versions;
        match self.subject.as_deref().or(self.definition) {
            Some(definition) if versions.iter().len() > 1 => {
                let key = &versions.get(self.versions.0).key;
                report.note(format!("in `{}` at {key}", definition.name))
            }
            Some(definition) => report.note(format!("in `{}`", definition.name)),
            None => report,
        }
    }
}

/// The place of the first name of a path, for messages.
pub(super) fn span_of(path: &Path, otherwise: Span) -> Span {
    path.span().unwrap_or(otherwise)
}

/// Whether two names are the same; kept here so that callers need not know how names are compared.
pub(super) fn is_named(a: &str, b: &str) -> bool {
    same_name(a, b)
}
