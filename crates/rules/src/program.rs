//! A predicate and how far a packet must be read for it.

use std::sync::Arc;

use midwire_definition::Workspace;
use midwire_definition::plan::anchor::Anchor;
use midwire_definition::plan::{Cut, Packet, Plan};

use crate::direct::Direct;
use crate::envelope::Envelope;
use crate::evaluate::{Evaluator, SLOTS_MAX};
use crate::filter::Interest;
use crate::predicate::{Needs, Pred};

/// What one kind of packet is asked at one version.
///
/// Its parts are joined with `and`.
#[derive(Debug)]
pub(crate) struct Program {
    /// What the envelope alone decides; true if there is nothing.
    gate: Pred,
    /// What bytes decide where they lie.
    direct: Direct,
    /// The same, of a packet that was read.
    read: Pred,
    /// What fields decide that have to be located.
    rest: Pred,
    /// There is nothing but `direct`.
    is_direct: bool,
    needs: Needs,
    /// The plan has to be run for the rest.
    runs: bool,
    plan: Option<Arc<Plan>>,
    cut: Cut,
}

impl Program {
    pub(crate) fn new(pred: Pred, anchors: &[Arc<Anchor>], plan: Option<Arc<Plan>>) -> Program {
        let needs = Needs::of(&pred);
        let parts = match pred {
            Pred::All(parts) => parts,
            pred => vec![pred],
        };
        let (mut gate, mut direct, mut read, mut rest) = (vec![], vec![], vec![], vec![]);
        for part in parts {
            match Direct::of(&part, plan.as_deref()) {
                Some(quick) => {
                    direct.push(quick);
                    read.push(part);
                }
                None if Needs::of(&part) == Needs::default() => gate.push(part),
                None => rest.push(part),
            }
        }
        let is_direct = gate.is_empty() && rest.is_empty();
        let runs = rest.iter().any(|part| Needs::of(part).run);
        let cut = match &plan {
            Some(plan) if runs && !needs.whole => plan.cut(anchors.iter().map(|a| &**a)),
            _ => Cut::WHOLE,
        };
        let all = |mut parts: Vec<Pred>| match parts.len() {
            0 => Pred::Const(true),
            1 => parts.pop().unwrap_or(Pred::Const(true)),
            _ => Pred::All(parts),
        };
        let direct = match direct.len() {
            1 => direct.pop().unwrap_or(Direct::Const(true)),
            0 => Direct::Const(true),
            _ => Direct::All(direct.into()),
        };
        Program {
            gate: all(gate),
            direct,
            read: all(read),
            rest: all(rest),
            is_direct,
            needs,
            runs,
            plan: plan.filter(|_| needs.run),
            cut,
        }
    }

    pub(crate) fn interest(&self) -> Interest {
        match (&self.direct, self.needs.payload) {
            (Direct::Const(false), _) => Interest::Never,
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
        let mut slots = [None; SLOTS_MAX];
        let mut packet = fields.filter(|packet| is_ours(packet));
        let mut evaluator = match &packet {
            Some(packet) => Evaluator::with(envelope, packet, &mut slots),
            None => Evaluator::new(envelope, &mut []),
        };
        [&self.gate, &self.read, &self.rest]
            .into_iter()
            .all(|part| evaluator.pred(part, packet.as_deref_mut()))
    }

    #[inline]
    pub(crate) fn matches_payload(&self, envelope: &Envelope<'_>, ws: &mut Workspace) -> bool {
        if self.is_direct {
            return self.direct.holds(envelope.payload, envelope.body);
        }
        self.matches_rest(envelope, ws)
    }

    #[inline(never)]
    fn matches_rest(&self, envelope: &Envelope<'_>, ws: &mut Workspace) -> bool {
        let Envelope { payload, body, conn, .. } = *envelope;
        let mut evaluator = Evaluator::new(envelope, &mut []);
        if !evaluator.pred(&self.gate, None) || !self.direct.holds(payload, body) {
            return false;
        }
        let Some(plan) = self.plan.as_ref().filter(|_| self.runs) else {
            return evaluator.pred(&self.rest, None);
        };
        let mut packet = plan.decode_cut(&self.cut, payload, body, conn, ws);
        if !self.needs.slots {
            let mut evaluator = Evaluator::new(envelope, &mut []);
            return evaluator.pred(&self.rest, Some(&mut packet));
        }
        let mut slots = [None; SLOTS_MAX];
        let mut evaluator = Evaluator::new(envelope, &mut slots);
        evaluator.pred(&self.rest, Some(&mut packet))
    }
}
