//! What is right, but probably not what was meant: gates that leave nothing, versions left out, names that
//! nothing uses.

mod gates;
mod groups;
mod ids;
mod unused;
mod visit;
mod when;

use std::collections::HashSet;

use super::compiler::Doubt;
use super::{Declarations, directions};
use crate::diagnostics::Diagnostic;
use crate::protocol::Protocol;
use crate::version::VersionId;

/// What is doubtful in a definition; where it has extensions, in those.
pub(crate) fn lint(protocol: &Protocol) -> Vec<Diagnostic> {
    let declarations = &protocol.declarations;
    let mut out = gates::lint(declarations);
    out.extend(Doubt::everywhere(&doubts(declarations)));
    unused::lint(declarations, &mut out);
    ids::lint(declarations, &mut out);
    groups::lint(declarations, &mut out);
    // The definition below was looked at when it was written.
    let top = declarations.layers.iter().any(|layer| *layer > 0);
    out.retain(|d| !top || declarations.layer(d.span) > 0);
    let mut seen = HashSet::new();
    out.retain(|d| seen.insert((d.code, d.span)));
    out.sort_by_key(|d| (d.span.file, d.span.start));
    out
}

/// What was doubtful in each plan.
fn doubts(declarations: &Declarations) -> Vec<Doubt> {
    let mut all = Vec::new();
    each_plan(declarations, &mut |made| all.extend(made.doubts.iter().cloned()));
    all
}

/// Shows each packet at every version at which it differs.
fn each_plan(declarations: &Declarations, see: &mut dyn FnMut(&super::Made)) {
    for index in 0..declarations.packets.len() {
        each_plan_of(declarations, index, see);
    }
}

fn each_plan_of(declarations: &Declarations, index: usize, see: &mut dyn FnMut(&super::Made)) {
    let item = &declarations.packets[index];
    let count = declarations.versions.iter().count() as u32;
    let Some(state) = declarations.state(item.state.as_ref()) else { return };
    for direction in directions(item.directions) {
        let mut version = 0;
        while version < count {
            let mut interval = super::Interval::ALL;
            let id = VersionId(version);
            let here =
                declarations.packet_item(state, direction, &item.name.key(), id, &mut interval);
            let mut next = interval.last.0.saturating_add(1);
            if here == Some(index) {
                let made = declarations.made(index, direction, id);
                next = next.min(made.next_version());
                see(&made);
            }
            version = next.max(version + 1);
        }
    }
}
