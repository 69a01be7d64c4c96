//! What a rule may do harm to.

use midwire_definition::plan::anchor::Step;

use super::Compiler;
use crate::rule::act::Act;
use crate::rule::ast::Action;

impl Compiler<'_> {
    /// Notes packets that the session's state depends on, and lines that players signed.
    pub(super) fn look_for_harm(&mut self, act: &Option<Act>) {
        let Some(definition) = self.definition else { return };
        let action = &self.rule.written.rule.action;
        if act.is_none() || !action.touches() {
            return;
        }
        let ends = matches!(action, Action::Disconnect(_));
        if !ends && self.lexicon.protocol.has_events(self.versions.0, definition) {
            self.findings.events.insert(definition.name.clone());
        }
        // How a packet is hidden, the definition says.
        let hides = matches!(action, Action::Hide);
        if !ends && !hides && self.is_signed() {
            self.findings.signed.insert(definition.name.clone());
        }
    }

    /// Whether packets of this kind are chat with a signature.
    fn is_signed(&self) -> bool {
        let (Some(definition), Some(plan)) = (self.definition, self.plan()) else { return false };
        let signs = ["signature", "argument_signatures"];
        let has = |name: &str| plan.anchor(&[Step::Name(name.into())]).is_some();
        let chat = self.lexicon.known.groups.iter().find(|group| &*group.name == "chat");
        chat.is_some_and(|group| {
            group.has_member(definition.state, definition.direction, &definition.name)
        }) && signs.iter().any(|name| has(name))
    }
}
