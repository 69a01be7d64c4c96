//! Who decides about packets: rules, then a judge.

use std::sync::Arc;

use super::Session;
use crate::judged::{Asked, Judged};
use crate::rules::{Peers, Ruled, Rules};
use crate::setup::OtherProtocol;
use crate::verdict::Judge;

impl Session {
    /// Sets who decides about packets, from the next one on; packets that are held keep what was
    /// decided about them.
    pub fn set_judge(&mut self, judge: Option<Box<dyn Judge>>) {
        let rules = self.judged.take().and_then(|judged| judged.rules);
        let stack = &self.setup.protocol.stack;
        let judge = judge.map(|judge| Asked::new(judge, &self.tables, stack));
        self.judged = Judged::new(rules, judge, &self.tables, stack);
    }

    /// Sets the rules, from the next packet on; packets that are held keep what was decided about them,
    /// and rules whose name and text are the same go on with what they remember. What rules drop no
    /// [judge](Self::set_judge) sees.
    ///
    /// # Errors
    ///
    /// The rules are for other definitions than the session is read by; nothing changes.
    pub fn set_rules(&mut self, rules: Option<Arc<Rules>>) -> Result<(), OtherProtocol> {
        if rules.as_ref().is_some_and(|rules| !rules.is_for(self.setup.protocol())) {
            return Err(OtherProtocol);
        }
        self.use_rules(rules);
        Ok(())
    }

    /// Says who is at the two ends, for rules that ask.
    pub fn set_peers(&mut self, peers: Peers) {
        self.peers = peers;
    }

    /// Asks all who decide which packets they want to see, for there are others now.
    pub(super) fn ask_again(&mut self) {
        let stack = &self.setup.protocol.stack;
        if let Some(judged) = self.judged.take() {
            // Rules for other definitions wait for those that take their place.
            let rules = judged.rules;
            let rules = match rules {
                Some(rules) if rules.rules().is_for(self.setup.protocol()) => {
                    Some(rules.again(&self.tables))
                }
                other => other,
            };
            let judge = judged.judge.map(|asked| Asked::new(asked.judge, &self.tables, stack));
            self.judged = Judged::new(rules, judge, &self.tables, stack);
        }
    }

    pub(super) fn use_rules(&mut self, rules: Option<Arc<Rules>>) {
        let (before, judge) = match self.judged.take() {
            Some(judged) => (judged.rules, judged.judge),
            None => (None, None),
        };
        let rules = rules.filter(|rules| rules.is_for(self.setup.protocol()));
        let rules = rules.map(|rules| Ruled::new(rules, &self.tables, before));
        self.judged = Judged::new(rules, judge, &self.tables, &self.setup.protocol.stack);
    }
}
