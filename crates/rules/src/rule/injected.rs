//! Rules about packets that neither peer sent: those whose condition asks `injected`.

use super::decision::RuleId;
use super::set::RuleSet;
use crate::check::each_name;

/// What a condition asks.
const WORD: &str = "injected";

impl RuleSet {
    /// Whether a rule is asked about injected packets: its condition says `injected`.
    pub fn asks_for_injected(&self, rule: RuleId) -> bool {
        let rule = self.rules.get(rule.0 as usize);
        let Some(condition) = rule.and_then(|rule| rule.written.rule.condition.as_ref()) else {
            return false;
        };
        let mut asks = false;
        each_name(condition, &mut |name, is_group, _| asks |= !is_group && name.is(WORD));
        asks
    }

    /// Whether any rule is asked about injected packets.
    pub fn any_asks_for_injected(&self) -> bool {
        (0..).map(RuleId).zip(self.rules()).any(|(rule, _)| self.asks_for_injected(rule))
    }
}
