//! What is declared and nothing uses.

use std::collections::HashSet;

use super::visit::{Part, in_attributes, in_expr, in_struct, in_type};
use crate::diagnostics::Diagnostic;
use crate::resolve::Declarations;
use crate::syntax::ast::{Action, ExprKind, Name, Span, Type, TypeItem, TypeKind, lookup_key};

/// The names that something uses.
#[derive(Default)]
struct Used {
    types: HashSet<String>,
    tables: HashSet<String>,
    variables: HashSet<String>,
    /// Types whose own parts were not looked at yet.
    open: Vec<String>,
}

pub(super) fn lint(declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    let mut used = Used::default();
    for packet in &declarations.packets {
        in_attributes(&packet.attributes, &mut |part| used.see(part));
        packet.body.iter().for_each(|body| in_struct(body, &mut |part| used.see(part)));
    }
    for ty in &declarations.conn_types {
        in_type(ty, &mut |part| used.see(part));
    }
    while let Some(name) = used.open.pop() {
        for id in declarations.types_by_name.get(&name).into_iter().flatten() {
            let ty = &declarations.types[*id];
            in_attributes(&ty.attributes, &mut |part| used.see(part));
            in_type(&ty.body, &mut |part| used.see(part));
        }
    }
    let mut written = HashSet::new();
    for on in &declarations.events {
        on.condition.iter().for_each(|e| in_expr(e, &mut |part| used.see(part)));
        for action in &on.actions {
            match action {
                Action::State { value, .. } => in_expr(value, &mut |part| used.see(part)),
                Action::Assign { variable, value } => {
                    written.insert(variable.key());
                    in_expr(value, &mut |part| used.see(part));
                }
                Action::Call { args, .. } => {
                    args.iter().for_each(|e| in_expr(e, &mut |part| used.see(part)));
                }
            }
        }
    }
    for group in &declarations.groups {
        for (_, e) in group.members.iter().flat_map(|member| &member.views) {
            in_expr(e, &mut |part| used.see(part));
        }
    }
    for ty in &declarations.types {
        if used.types.contains(&ty.name.key()) {
            parameters(ty, out);
        } else {
            out.push(unused("type", &ty.name, "no packet has a field of it"));
        }
    }
    for table in &declarations.tables {
        if !used.tables.contains(&table.name.key()) {
            out.push(unused("table", &table.name, "no `@ref`, `in` or `[..]` names it"));
        }
    }
    for (index, (name, at)) in declarations.states.iter().zip(&declarations.states_at).enumerate() {
        let is_this = |name: &Option<Name>| {
            declarations.state(name.as_ref()).is_some_and(|state| usize::from(state.0) == index)
        };
        let is_empty = !declarations.packets.iter().any(|packet| is_this(&packet.state))
            && !declarations.ids.iter().any(|table| is_this(&table.state));
        if is_empty {
            let message = format!("no packet is in the state `{name}`");
            out.push(
                Diagnostic::warning("W098", *at, message).help("declare one, or leave it out"),
            );
        }
    }
    for ((name, initial), at) in declarations.conn.iter().zip(&declarations.conn_at) {
        let key = lookup_key(name);
        match (used.variables.contains(&key), written.contains(&key)) {
            // What is only written is for those who look at the session.
            (_, true) => {}
            (false, false) => out.push(variable(
                *at,
                format!("nothing sets or reads `conn.{name}`"),
                "leave it out",
            )),
            (true, false) => out.push(variable(
                *at,
                format!("nothing sets `conn.{name}`: it is always {initial}"),
                "set it at a packet: `on clientbound Name { conn.x = field }`",
            )),
        }
    }
}

fn variable(at: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::warning("W098", at, message).help(help)
}

fn unused(what: &str, name: &Name, why: &str) -> Diagnostic {
    let message = format!("the {what} `{}` is not used", name.text);
    Diagnostic::warning("W098", name.span, message).label(why).help("use it, or leave it out")
}

/// Parameters that a type's body does not name.
fn parameters(item: &TypeItem, out: &mut Vec<Diagnostic>) {
    if item.params.is_empty() {
        return;
    }
    let mut named = HashSet::new();
    in_type(&item.body, &mut |part| match part {
        Part::Type(Type { kind: TypeKind::Name { name, .. }, .. }) => {
            named.insert(name.key());
        }
        Part::Expr(e) => {
            if let ExprKind::Path(path) | ExprKind::Has(path) = &e.kind {
                named.extend(path.iter().map(Name::key));
            }
        }
        Part::Type(_) | Part::Attribute(_) => {}
    });
    for param in item.params.iter().filter(|param| !named.contains(&param.key())) {
        let message = format!("`{}` does not use its parameter `{}`", item.name.text, param.text);
        out.push(Diagnostic::warning("W098", param.span, message).help("leave it out"));
    }
}

impl Used {
    fn see(&mut self, part: Part<'_>) {
        match part {
            Part::Type(Type { kind: TypeKind::Name { name, .. }, .. }) => {
                let key = name.key();
                if self.types.insert(key.clone()) {
                    self.open.push(key);
                }
            }
            Part::Expr(e) => match &e.kind {
                ExprKind::InTable(_, table) | ExprKind::Lookup(table, _) => {
                    self.tables.insert(table.key());
                }
                ExprKind::Path(path) => {
                    if let [conn, variable, ..] = path.as_slice()
                        && conn.text == "conn"
                    {
                        self.variables.insert(variable.key());
                    }
                }
                _ => {}
            },
            Part::Attribute(attribute) if attribute.name.text == "ref" => {
                let table = attribute.args.first().map(|e| &e.kind);
                match table {
                    Some(ExprKind::Path(path)) => self.tables.extend(path.iter().map(Name::key)),
                    Some(ExprKind::Str(text)) => {
                        self.tables.insert(lookup_key(text));
                    }
                    _ => {}
                }
            }
            Part::Type(_) | Part::Attribute(_) => {}
        }
    }
}
