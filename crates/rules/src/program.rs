//! A predicate and how far a packet must be read for it.

use std::sync::Arc;

use midwire_definition::Workspace;
use midwire_definition::plan::anchor::Anchor;
use midwire_definition::plan::{Cut, Packet, Plan};

use crate::envelope::Envelope;
use crate::evaluate::{Evaluator, SLOTS_MAX};
use crate::filter::Interest;
use crate::predicate::{Needs, Pred};

/// What one kind of packet is asked at one version.
#[derive(Debug)]
pub(crate) struct Program {
    /// What the envelope alone decides; true if there is nothing.
    gate: Pred,
    pred: Pred,
    needs: Needs,
    plan: Option<Arc<Plan>>,
    cut: Cut,
}

impl Program {
    pub(crate) fn new(pred: Pred, anchors: &[Arc<Anchor>], plan: Option<Arc<Plan>>) -> Program {
        let needs = Needs::of(&pred);
        let (gate, pred) = match pred {
            Pred::All(parts) => {
                let is_gate = |part: &Pred| Needs::of(part) == Needs::default();
                let (gates, rest): (Vec<Pred>, Vec<Pred>) = parts.into_iter().partition(is_gate);
                (Pred::All(gates), Pred::All(rest))
            }
            pred if needs == Needs::default() => (pred, Pred::Const(true)),
            pred => (Pred::Const(true), pred),
        };
        let cut = match &plan {
            Some(plan) if needs.run && !needs.whole => plan.cut(anchors.iter().map(|a| &**a)),
            _ => Cut::WHOLE,
        };
        Program { gate, pred, needs, plan: plan.filter(|_| needs.run), cut }
    }

    pub(crate) fn interest(&self) -> Interest {
        match (&self.gate, self.needs.payload) {
            (Pred::Const(false), _) => Interest::Never,
            (_, false) => Interest::EnvelopeOnly,
            (_, true) => Interest::Fields,
        }
    }

    pub(crate) fn matches<'a>(
        &self,
        envelope: &Envelope<'_>,
        fields: Option<&mut Packet<'a>>,
    ) -> bool {
        // Anchors mean nothing in packets of another plan: those of a definition that was saved anew.
        let is_ours = |packet: &Packet<'_>| match &self.plan {
            Some(plan) => std::ptr::eq(&**plan, packet.plan()),
            None => true,
        };
        match fields.filter(|packet| is_ours(packet)) {
            Some(packet) => {
                let mut slots = [None; SLOTS_MAX];
                let mut evaluator = Evaluator::with(envelope, packet, &mut slots);
                evaluator.pred(&self.gate, None) && evaluator.pred(&self.pred, Some(packet))
            }
            None => {
                let mut evaluator = Evaluator::new(envelope, &mut []);
                evaluator.pred(&self.gate, None) && evaluator.pred(&self.pred, None)
            }
        }
    }

    #[inline]
    pub(crate) fn matches_payload(&self, envelope: &Envelope<'_>, ws: &mut Workspace) -> bool {
        let mut evaluator = Evaluator::new(envelope, &mut []);
        if !evaluator.pred(&self.gate, None) {
            return false;
        }
        let Some(plan) = &self.plan else { return evaluator.pred(&self.pred, None) };
        let Envelope { payload, body, conn, .. } = *envelope;
        let mut packet = plan.decode_cut(&self.cut, payload, body, conn, ws);
        if !self.needs.slots {
            let mut evaluator = Evaluator::new(envelope, &mut []);
            return evaluator.pred(&self.pred, Some(&mut packet));
        }
        let mut slots = [None; SLOTS_MAX];
        let mut evaluator = Evaluator::new(envelope, &mut slots);
        evaluator.pred(&self.pred, Some(&mut packet))
    }
}
