//! Groups: their packets, and the fields that their views show.

use std::collections::HashSet;

use super::each_plan_of;
use super::visit::{Part, in_expr};
use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::{Item, Kind, LayoutId, Plan};
use crate::resolve::{Declarations, directions};
use crate::syntax::ast::{ExprKind, GroupMember, Name, lookup_key};

pub(super) fn lint(declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    for group in &declarations.groups {
        let mut given = HashSet::new();
        for member in &group.members {
            let packets = packets_of(declarations, member);
            if packets.is_empty() {
                let message = format!("no packet is called `{}` there", member.packet.text);
                let names = declarations.packets.iter().map(|packet| packet.name.text.as_str());
                let near = suggest(&member.packet.text, names);
                out.push(hinted(Diagnostic::warning("W102", member.packet.span, message), near));
                continue;
            }
            let fields = fields_of(declarations, &packets);
            for (view, e) in &member.views {
                given.insert(view.key());
                if !group.views.iter().any(|(name, _)| name.key() == view.key()) {
                    let message = format!("`{}` has no view `{}`", group.name.text, view.text);
                    let near =
                        suggest(&view.text, group.views.iter().map(|(name, _)| name.text.as_str()));
                    out.push(hinted(Diagnostic::warning("W102", view.span, message), near));
                }
                in_expr(e, &mut |part| {
                    let Part::Expr(e) = part else { return };
                    let (ExprKind::Path(path) | ExprKind::Has(path)) = &e.kind else { return };
                    if path.first().is_some_and(|name| name.text == "conn") || fields.has(path) {
                        return;
                    }
                    let text = path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
                    let message = format!("`{}` has no field `{text}`", member.packet.text);
                    let near = suggest(&text, fields.written.iter().map(String::as_str));
                    out.push(hinted(Diagnostic::warning("W102", e.span, message), near));
                });
            }
            for (path, e) in &member.hide {
                if !fields.has(path) {
                    let text = path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
                    let message = format!("`{}` has no field `{text}`", member.packet.text);
                    let near = suggest(&text, fields.written.iter().map(String::as_str));
                    let span = path.first().map_or(e.span, |name| name.span);
                    out.push(hinted(Diagnostic::warning("W102", span, message), near));
                }
            }
        }
        for (view, _) in group.views.iter().filter(|(view, _)| !given.contains(&view.key())) {
            let message = format!("no packet of this group has `{}`", view.text);
            out.push(
                Diagnostic::warning("W102", view.span, message).help(
                    "give it a field, as in `clientbound Name { x = field }`, or leave it out",
                ),
            );
        }
    }
}

fn hinted(warning: Diagnostic, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => warning.label(format!("did you mean `{near}`?")),
        None => warning,
    }
}

/// The declarations that a member may mean.
fn packets_of(declarations: &Declarations, member: &GroupMember) -> Vec<usize> {
    let state = declarations.state(member.state.as_ref());
    let candidates = declarations.packets_by_name.get(&member.packet.key());
    let is_meant = |index: &usize| {
        let packet = &declarations.packets[*index];
        declarations.state(packet.state.as_ref()) == state
            && directions(member.directions).any(|d| directions(packet.directions).any(|e| d == e))
    };
    candidates.into_iter().flatten().copied().filter(is_meant).collect()
}

/// So many layouts within each other, and so many names, are looked at: types that contain each other have
/// paths without number.
const WITHIN_MAX: usize = 6;
const NAMES_MAX: usize = 20_000;

/// The paths of a packet's fields, at any version.
#[derive(Default)]
struct Fields {
    /// Not all of them were looked at.
    is_cut: bool,
    keys: HashSet<String>,
    written: Vec<String>,
}

impl Fields {
    fn has(&self, path: &[Name]) -> bool {
        self.is_cut || self.keys.contains(&path.iter().map(Name::key).collect::<Vec<_>>().join("."))
    }

    fn add(&mut self, path: &[&str]) {
        let key = path.iter().map(|name| lookup_key(name)).collect::<Vec<_>>().join(".");
        if self.keys.insert(key) {
            self.written.push(path.join("."));
        }
    }
}

fn fields_of(declarations: &Declarations, packets: &[usize]) -> Fields {
    let mut fields = Fields::default();
    for index in packets {
        each_plan_of(declarations, *index, &mut |made| {
            let Some(plan) = &made.plan else { return };
            fields.add_all(plan, &plan.layouts[0].items, &mut Vec::new(), &mut vec![0]);
        });
    }
    fields
}

impl Fields {
    /// Adds what has a name; what is in a list has none, and a type within itself is the same again.
    fn add_all<'p>(
        &mut self,
        plan: &'p Plan,
        items: &[Item],
        path: &mut Vec<&'p str>,
        within: &mut Vec<LayoutId>,
    ) {
        if within.len() > WITHIN_MAX || self.written.len() > NAMES_MAX {
            self.is_cut = true;
            return;
        }
        for item in items {
            let id = match item {
                Item::Field(id) => *id,
                Item::Branch(id) => {
                    for arm in &plan.branches[*id as usize].arms {
                        self.add_all(plan, &arm.items, path, within);
                    }
                    continue;
                }
            };
            let field = &plan.fields[id as usize];
            let depth = path.len();
            if !field.name.is_empty() {
                path.push(&field.name);
                self.add(path);
            }
            match &field.kind {
                Kind::Struct(items) => self.add_all(plan, items, path, within),
                Kind::Block { layout, .. } | Kind::Call { layout, .. }
                    if !within.contains(layout) =>
                {
                    within.push(*layout);
                    self.add_all(plan, &plan.layouts[*layout as usize].items, path, within);
                    within.pop();
                }
                Kind::Flags { members, .. } => {
                    members.iter().for_each(|m| self.add(&[path.as_slice(), &[&m.name]].concat()));
                }
                Kind::Bits { members, .. } => {
                    members.iter().for_each(|m| self.add(&[path.as_slice(), &[&m.name]].concat()));
                }
                _ => {}
            }
            path.truncate(depth);
        }
    }
}
