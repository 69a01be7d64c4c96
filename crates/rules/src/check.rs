//! What is asked of the names of an expression apart from any packet.

use midwire_definition::Diagnostic;
use midwire_definition::syntax::ast::{Name, lookup_key, same_name};

use crate::filter::did_you_mean;
use crate::lexicon::Lexicon;
use crate::lower::{ENVELOPE, FLAGS, Facts};
use crate::scope::{Scope, ScopePackets};
use crate::syntax::ast::{Element, Expr, ExprKind, Path, Segment};

/// What is wrong with the names of a scope.
pub(crate) fn check_scope(lexicon: &Lexicon, scope: &Scope) -> Vec<Diagnostic> {
    let known = &lexicon.known;
    match &scope.packets {
        ScopePackets::All => Vec::new(),
        ScopePackets::Group(name) => unknown_group(lexicon, name).into_iter().collect(),
        ScopePackets::Named(names) => {
            let unknown = |name: &&Name| !known.packets.contains_key(&name.key());
            let report = |name: &Name| {
                let message = format!("there is no packet `{}`", name.text);
                let report = Diagnostic::error("F020", name.span, message);
                let all = known.packets.values().map(|name| &**name);
                did_you_mean(report, &name.text, all, "no such packet")
            };
            names.iter().filter(unknown).map(report).collect()
        }
    }
}

fn unknown_group(lexicon: &Lexicon, name: &Name) -> Option<Diagnostic> {
    let groups = &lexicon.known.groups;
    if groups.iter().any(|group| name.is(&group.name)) {
        return None;
    }
    let message = format!("there is no group `{}`", name.text);
    let report = Diagnostic::error("F023", name.span, message);
    let all: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
    let report = did_you_mean(report, &name.text, all.iter().copied(), "no such group");
    Some(match all.is_empty() {
        true => report.note("this protocol has no groups"),
        false => report.note(format!("there are: {}", all.join(", "))),
    })
}

/// Names that no packet in scope has anything for.
pub(crate) fn check_names(
    lexicon: &Lexicon,
    scope: &Scope,
    expr: &Expr,
    facts: &Facts,
) -> Vec<Diagnostic> {
    let mut reports = Vec::new();
    each_path(expr, false, &mut |path, group, within_list| {
        if let Some(group) = group {
            reports.extend(unknown_group(lexicon, group));
            return;
        }
        let Some(span) = path.span() else { return };
        if facts.knows(span) {
            return;
        }
        if !is_known(lexicon, path, within_list) {
            reports.extend(unknown(lexicon, scope, path));
        } else if let Some(Segment::Name(name, _)) = path.segments.first()
            && lexicon.known.packets.contains_key(&name.key())
            && !lexicon.is_in_scope(scope, &name.text)
        {
            let message = format!("there is no packet `{}` in scope", name.text);
            let report = Diagnostic::warning("F022", name.span, message);
            let versions = lexicon.versions_of(&name.text);
            reports.push(report.label("never there").note(format!("it is there {versions}")));
        }
    });
    reports
}

fn is_known(lexicon: &Lexicon, path: &Path, within_list: bool) -> bool {
    let [Segment::Name(first, is_quoted), rest @ ..] = path.segments.as_slice() else {
        return false;
    };
    if lexicon.known.packets.contains_key(&first.key()) {
        return true;
    }
    if *is_quoted {
        return false;
    }
    if first.text == "it" && within_list {
        return true;
    }
    match rest {
        [] => {
            let all = FLAGS.iter().map(|(flag, _)| *flag).chain(["c2s", "s2c", "bytes"]);
            all.into_iter().any(|flag| same_name(flag, &first.text))
        }
        [Segment::Name(second, _)] => {
            let key = format!("{}.{}", first.key(), second.key());
            let is_conn = first.key() == "conn"
                && lexicon.protocol.conn.iter().any(|(name, _)| second.is(name));
            is_conn || ENVELOPE.iter().any(|(item, ..)| lookup_key(item) == key)
        }
        [Segment::Index(..)] => first.text == "bytes",
        _ => false,
    }
}

fn unknown(lexicon: &Lexicon, scope: &Scope, path: &Path) -> Option<Diagnostic> {
    let [Segment::Name(first, _), rest @ ..] = path.segments.as_slice() else { return None };
    let text = path.text();
    if first.text == "it" && lookup_key(&first.text) == "it" {
        let message = "`it` is an element of a list, and stands inside `any` or `all`";
        return Some(Diagnostic::error("F020", first.span, message).label("not inside"));
    }
    let key = first.key();
    let items = match key.as_str() {
        "packet" | "session" | "client" | "server" => {
            let all = ENVELOPE.iter().map(|(item, ..)| (*item).to_owned());
            all.filter(|item| item.starts_with(&format!("{key}."))).collect()
        }
        "conn" => lexicon.protocol.conn.iter().map(|(name, _)| format!("conn.{name}")).collect(),
        _ => Vec::new(),
    };
    if let ([Segment::Name(second, _)], false) = (rest, items.is_empty()) {
        let message = format!("there is no `{text}`");
        let report = Diagnostic::error("F020", first.span.to(second.span), message);
        let report = did_you_mean(report, &text, items.iter().map(String::as_str), "no such item");
        return Some(report.note(format!("there are: {}", items.join(", "))));
    }
    if !scope.has_fields() {
        let owners = owners(lexicon, path);
        if let Some((owner, _)) = owners.first() {
            let message = format!("`{text}` is a field, and nothing says of which packet");
            let report = Diagnostic::error("F027", first.span, message)
                .label(format!("write `{owner}.{text}`"));
            let names: Vec<&str> = owners.iter().map(|(name, _)| &**name).take(8).collect();
            let more = if owners.len() > names.len() { ", ..." } else { "" };
            return Some(report.note(format!("packets with it: {}{more}", names.join(", "))));
        }
    }
    let report =
        Diagnostic::error("F020", first.span, format!("`{}` means nothing here", first.text));
    let packets = lexicon.known.packets.values().map(|name| &**name);
    let words = FLAGS.iter().map(|(flag, _)| *flag).chain(ENVELOPE.iter().map(|(item, ..)| *item));
    let report = match lexicon.meant_by(&first.text) {
        Some(packet) => report.label(format!("here it is called `{packet}`")),
        None => did_you_mean(report, &first.text, packets.chain(words), "unknown name"),
    };
    Some(match scope.has_fields() {
        true => report.help("`midwire fields` lists what can be written"),
        false => report.help("it is no packet, group or item of the envelope; `midwire fields` lists what can be written"),
    })
}

/// Packets of the newest version that have such a field.
fn owners(lexicon: &Lexicon, path: &Path) -> Vec<(std::sync::Arc<str>, i64)> {
    let protocol = &lexicon.protocol;
    let dialect = protocol.dialect(protocol.versions.newest());
    let steps = crate::lower::steps(&path.segments);
    let mut owners: Vec<_> = dialect
        .packets()
        .filter(|packet| packet.plan.as_ref().is_some_and(|plan| plan.anchor(&steps).is_some()))
        .map(|packet| (packet.name.clone(), packet.id))
        .collect();
    owners.sort();
    owners.dedup_by(|a, b| a.0 == b.0);
    owners
}

/// Calls something with the first name of every path, whether it names a group, and its place.
pub(crate) fn each_name(expr: &Expr, see: &mut dyn FnMut(&Name, bool, bool)) {
    each_path(expr, false, &mut |path, group, within| match (group, path.segments.first()) {
        (Some(group), _) => see(group, true, within),
        (None, Some(Segment::Name(name, _))) => see(name, false, within),
        _ => {}
    });
}

/// Calls something with every text in quotes.
pub(crate) fn each_text(expr: &Expr, see: &mut dyn FnMut(&str)) {
    if let ExprKind::Text(text) = &expr.kind {
        see(text);
    }
    each_child(expr, &mut |child| each_text(child, see));
}

type SeePath<'f> = dyn FnMut(&Path, Option<&Name>, bool) + 'f;

fn each_path(expr: &Expr, within_list: bool, see: &mut SeePath<'_>) {
    match &expr.kind {
        ExprKind::Path(path) => see(path, None, within_list),
        ExprKind::Slice(path, ..) => see(path, None, within_list),
        ExprKind::Group(name, path) => see(path, Some(name), within_list),
        ExprKind::Call(name, args) if name.text == "any" || name.text == "all" => {
            for (i, arg) in args.iter().enumerate() {
                each_path(arg, within_list || i > 0, see);
            }
        }
        _ => each_child(expr, &mut |child| each_path(child, within_list, see)),
    }
}

fn each_child(expr: &Expr, see: &mut dyn FnMut(&Expr)) {
    match &expr.kind {
        ExprKind::Not(inner) | ExprKind::Negate(inner) | ExprKind::Has(inner) => see(inner),
        ExprKind::And(parts) | ExprKind::Or(parts) | ExprKind::Call(_, parts) => {
            parts.iter().for_each(see);
        }
        ExprKind::Arithmetic(_, a, b) => {
            see(a);
            see(b);
        }
        ExprKind::Compare { left, right, .. } => {
            see(left);
            see(right);
        }
        ExprKind::In { left, set, .. } => {
            see(left);
            for element in set {
                match element {
                    Element::One(one) => see(one),
                    Element::Range(first, last) => {
                        see(first);
                        see(last);
                    }
                }
            }
        }
        _ => {}
    }
}
