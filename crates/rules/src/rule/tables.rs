//! Rules for one version: for each kind of packet those that may act on it, in order.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::plan::anchor::Anchor;
use midwire_definition::plan::{Cut, Plan};
use midwire_definition::{PacketDefinition, StateId, VersionId};

use super::act::Act;
use super::ast::Action;
use super::compile::{Compiler, Findings};
use super::decision::RuleId;
use super::guard::{Guard, guards};
use super::quiet::Quiet;
use super::set::RuleSet;
use crate::filter::Interest;
use crate::kinds::Kinds;
use crate::predicate::{Needs, Pred};

/// The rules of a set for one version.
#[derive(Debug)]
pub struct VersionRules {
    /// Boxed: most kinds have no rules, and their places are small so.
    kinds: Kinds<Box<Program>>,
}

/// What is asked, in order, about one kind of packet.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) guards: Vec<Guard>,
    pub(super) plan: Option<Arc<Plan>>,
    /// As far as the conditions need it.
    pub(super) cut: Option<Cut>,
    looks: bool,
    quiet: Option<Quiet>,
}

/// A rule, for one kind of packet.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) rule: RuleId,
    /// What the envelope decides, or bytes at constant places.
    pub(super) gate: Option<Pred>,
    /// What the fields decide.
    pub(super) pred: Option<Pred>,
    /// What tells that it surely does not match, by its place.
    pub(super) guard: Option<u8>,
    pub(super) act: Act,
    /// No later rule is asked.
    pub(super) ends: bool,
    /// The game cannot tell that it is there.
    pub(super) watches: bool,
}

impl Step {
    fn new(rule: RuleId, pred: Pred, act: Act, action: &Action) -> (Step, Needs) {
        let needs = Needs::of(&pred);
        let runs = |part: &Pred| Needs::of(part).run;
        let (gate, pred) = match pred {
            Pred::Const(true) => (None, None),
            Pred::All(parts) => {
                let (fields, gates): (Vec<Pred>, Vec<Pred>) = parts.into_iter().partition(runs);
                let all = |parts: Vec<Pred>| (!parts.is_empty()).then_some(Pred::All(parts));
                (all(gates), all(fields))
            }
            pred if runs(&pred) => (None, Some(pred)),
            pred => (Some(pred), None),
        };
        let (ends, watches) =
            (action.ends(), action.only_watches() || matches!(action, Action::Pass));
        (Step { rule, gate, pred, guard: None, act, ends, watches }, needs)
    }
}

impl VersionRules {
    pub(super) fn new(set: &RuleSet, version: VersionId) -> VersionRules {
        let protocol = &set.lexicon.protocol;
        // Nothing is told of what was checked before; what was made for conditions is made once.
        let mut findings = Findings::default();
        let mut kinds = Kinds::new(protocol.states.len().max(1), |state, direction| {
            Box::new(program(set, version, state, direction, None, &mut findings))
        });
        for packet in protocol.dialect(version).packets() {
            let made =
                program(set, version, packet.state, packet.direction, Some(packet), &mut findings);
            if !made.steps.is_empty() {
                kinds.put(packet, Box::new(made));
            }
        }
        VersionRules { kinds }
    }

    pub(super) fn program(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> Option<&Program> {
        self.kinds.get(state, direction, definition).map(|program| &**program)
    }

    /// Whether surely no rule acts on a packet of either peer: [`RuleSet::judge`] would say nothing of it, and
    /// remember nothing but that it was asked.
    #[inline]
    pub fn is_quiet(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
        payload: &[u8],
        body: u32,
    ) -> bool {
        match self.program(state, direction, definition) {
            Some(program) if !program.steps.is_empty() => {
                program.quiet.as_ref().is_some_and(|quiet| quiet.is_sure(payload, body))
            }
            _ => true,
        }
    }

    /// What must be looked at of a kind of packet; `None` stands for unknown ids.
    pub fn interest(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> Interest {
        match self.program(state, direction, definition) {
            Some(program) if program.looks => Interest::Fields,
            Some(program) if !program.steps.is_empty() => Interest::EnvelopeOnly,
            _ => Interest::Never,
        }
    }
}

fn program(
    set: &RuleSet,
    version: VersionId,
    state: StateId,
    direction: Direction,
    definition: Option<&PacketDefinition>,
    findings: &mut Findings,
) -> Program {
    let mut program = Program::default();
    let (mut anchors, mut is_whole, mut runs) = (Vec::<Arc<Anchor>>::new(), false, false);
    for (at, rule) in set.rules.iter().enumerate() {
        let (first, last) = rule.written.versions;
        if version < first || version > last {
            continue;
        }
        let compiler = Compiler {
            lexicon: &set.lexicon,
            rule,
            versions: (version, version),
            state,
            direction,
            definition,
            findings: &mut *findings,
            anchors: Vec::new(),
            found: None,
            subject: None,
            checks: false,
        };
        let Some(compiled) = compiler.compile() else { continue };
        let Some(act) = compiled.act else { continue };
        if let Pred::Const(false) = compiled.pred {
            continue;
        }
        let id = RuleId(u32::try_from(at).unwrap_or(u32::MAX));
        let asks = act.asks();
        let (step, needs) = Step::new(id, compiled.pred, act, &rule.written.rule.action);
        program.looks |= needs.payload || asks;
        is_whole |= needs.whole;
        runs |= needs.run || asks;
        if step.pred.is_some() {
            anchors.extend(compiled.anchors);
        }
        let ends = step.ends && step.gate.is_none() && step.pred.is_none();
        let is_unconditional = ends && rule.is_unconditional();
        program.steps.push(step);
        if is_unconditional {
            break;
        }
    }
    program.guards = guards(&mut program.steps);
    let plan = definition.and_then(|definition| definition.plan.clone());
    program.cut = match &plan {
        Some(plan) if !is_whole => Some(plan.cut(anchors.iter().map(|anchor| &**anchor))),
        _ => None,
    };
    program.quiet = Quiet::new(&program.steps, plan.as_deref());
    program.plan = plan.filter(|_| runs);
    program
}
