//! Edits of a declaration's text, and where in it everything stands.

use midwire_definition::syntax::ast::{
    Arg, Count, CountKind, Expr, ExprKind, Field, FieldKind, Item, Label, Labels, Name, Span,
    Struct, Type, TypeKind,
};
use midwire_definition::syntax::{format, parse};

/// Puts a text in the place of a part of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edit {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) put: String,
}

impl Edit {
    pub(super) fn insert(at: u32, put: String) -> Edit {
        Edit { start: at, end: at, put }
    }

    pub(super) fn replace(span: Span, put: String) -> Edit {
        Edit { start: span.start, end: span.end, put }
    }
}

/// The text with the edits made; they do not overlap.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    edits.dedup();
    let mut out = text.to_owned();
    for Edit { start, end, put } in edits.iter().rev() {
        let range = *start as usize..*end as usize;
        if out.get(range.clone()).is_some() {
            out.replace_range(range, put);
        }
    }
    out
}

/// The same in the usual form: what stands on one line is broken where a part of it no longer does.
pub(super) fn laid_out(text: &str, mut edits: Vec<Edit>) -> String {
    let (tree, _) = parse(0, text);
    let long: Vec<Edit> = edits.iter().filter(|edit| edit.put.contains('\n')).cloned().collect();
    let mut breaks = Vec::new();
    let mut seen = |node: Node<'_>| {
        let (span, parts): (Span, Vec<Span>) = match node {
            Node::Struct(of) => (of.span, of.fields.iter().map(|field| field.span).collect()),
            _ => return,
        };
        let within = |e: &&Edit| span.start < e.start && e.end < span.end;
        let replaced = edits.iter().any(|e| e.start <= span.start && span.end <= e.end);
        let line = text.get(span.start as usize..span.end as usize).unwrap_or("");
        if parts.is_empty() || line.contains('\n') || replaced || !long.iter().any(|e| within(&e)) {
            return;
        }
        let mut at = span.start + 1;
        for part in &parts {
            breaks.push(Edit { start: at, end: part.start, put: "\n".into() });
            at = part.end;
        }
        breaks.push(Edit { start: at, end: span.end.saturating_sub(1), put: "\n".into() });
    };
    for item in &tree.items {
        visit_item(item, &mut seen);
    }
    edits.extend(breaks);
    format(&edited(text, edits))
}

/// A doc comment as lines.
pub(super) fn doc(text: &str) -> String {
    let line = |line: &str| {
        let space = if line.is_empty() { "" } else { " " };
        format!("///{space}{line}\n")
    };
    text.lines().map(|text| line(text.trim_end())).collect()
}

/// Something in a declaration.
pub(super) enum Node<'a> {
    Struct(&'a Struct),
    /// The words of a path in an expression.
    Path(&'a [Name]),
}

/// Goes through the structs and paths of a declaration.
pub(super) fn visit_item<'a>(item: &'a Item, seen: &mut dyn FnMut(Node<'a>)) {
    match item {
        Item::Type(item) => visit(&item.body, seen),
        Item::Packet(item) => item.body.iter().for_each(|body| visit_struct(body, seen)),
        _ => {}
    }
}

fn visit_struct<'a>(of: &'a Struct, seen: &mut dyn FnMut(Node<'a>)) {
    seen(Node::Struct(of));
    of.fields.iter().for_each(|field| visit_field(field, seen));
}

fn visit_field<'a>(field: &'a Field, seen: &mut dyn FnMut(Node<'a>)) {
    match &field.kind {
        FieldKind::Named { ty, value, .. } => {
            visit(ty, seen);
            value.iter().for_each(|value| visit_expr(value, seen));
        }
        FieldKind::If { condition, then, otherwise } => {
            visit_expr(condition, seen);
            visit_struct(then, seen);
            otherwise.iter().for_each(|body| visit_struct(body, seen));
        }
        FieldKind::Match { subject, arms } => {
            visit_expr(subject, seen);
            for arm in arms {
                visit_labels(&arm.labels, seen);
                visit_struct(&arm.body, seen);
            }
        }
        FieldKind::Let { value, .. } => visit_expr(value, seen),
        FieldKind::Flat(ty) => visit(ty, seen),
        FieldKind::Pad(_) | FieldKind::Tail => {}
    }
}

/// The same of a type.
pub(super) fn visit<'a>(ty: &'a Type, seen: &mut dyn FnMut(Node<'a>)) {
    match &ty.kind {
        TypeKind::Name { args, .. } => {
            for arg in args {
                match arg {
                    Arg::Type(ty) => visit(ty, seen),
                    Arg::Expr(expr) => visit_expr(expr, seen),
                    Arg::Name(ty) => {
                        if let TypeKind::Name { name, .. } = &ty.kind {
                            seen(Node::Path(std::slice::from_ref(name)));
                        }
                        visit(ty, seen);
                    }
                }
            }
        }
        TypeKind::Array { count, element } => {
            visit_count(count, seen);
            visit(element, seen);
        }
        TypeKind::Opt(inner) => visit(inner, seen),
        TypeKind::Str { count, .. } => count.iter().for_each(|count| visit_count(count, seen)),
        TypeKind::Bytes(count) => visit_count(count, seen),
        TypeKind::Block { count, inner, .. } => {
            visit_count(count, seen);
            visit(inner, seen);
        }
        TypeKind::Enum { repr, .. }
        | TypeKind::Flags { repr, .. }
        | TypeKind::Bits { repr, .. } => {
            visit(repr, seen);
        }
        TypeKind::Packed { width, count, .. } => {
            visit_expr(width, seen);
            visit_expr(count, seen);
        }
        TypeKind::Match { subject, arms } => {
            visit_expr(subject, seen);
            for arm in arms {
                visit_labels(&arm.labels, seen);
                visit(&arm.ty, seen);
            }
        }
        TypeKind::If { condition, then, otherwise } => {
            visit_expr(condition, seen);
            visit(then, seen);
            visit(otherwise, seen);
        }
        TypeKind::Struct(of) => visit_struct(of, seen),
        TypeKind::Native(_) | TypeKind::Nothing => {}
    }
}

fn visit_count<'a>(count: &'a Count, seen: &mut dyn FnMut(Node<'a>)) {
    match &count.kind {
        CountKind::Expr(expr) | CountKind::While(expr) => visit_expr(expr, seen),
        CountKind::UntilValue { value, .. } => visit_expr(value, seen),
        CountKind::UntilSum { each, total, .. } => {
            visit_expr(each, seen);
            visit_expr(total, seen);
        }
        CountKind::Rest | CountKind::Prefix(_) => {}
    }
}

fn visit_labels<'a>(labels: &'a Labels, seen: &mut dyn FnMut(Node<'a>)) {
    let Labels::Any(labels) = labels else { return };
    for label in labels {
        if let Label::Expr(expr) = &label.node {
            visit_expr(expr, seen);
        }
    }
}

fn visit_expr<'a>(expr: &'a Expr, seen: &mut dyn FnMut(Node<'a>)) {
    match &expr.kind {
        ExprKind::Path(path) | ExprKind::Has(path) => seen(Node::Path(path)),
        ExprKind::Not(e) | ExprKind::Negate(e) | ExprKind::Complement(e) => visit_expr(e, seen),
        ExprKind::Binary(_, a, b) | ExprKind::Compare(_, a, b) => {
            visit_expr(a, seen);
            visit_expr(b, seen);
        }
        ExprKind::InSet(e, all) => {
            visit_expr(e, seen);
            all.iter().for_each(|e| visit_expr(e, seen));
        }
        ExprKind::InRange(a, b, c) => [a, b, c].into_iter().for_each(|e| visit_expr(e, seen)),
        ExprKind::InTable(e, _) | ExprKind::Lookup(_, e) => visit_expr(e, seen),
        ExprKind::Call(_, args) => args.iter().for_each(|e| visit_expr(e, seen)),
        ExprKind::Match(e, arms) => {
            visit_expr(e, seen);
            for (labels, value) in arms {
                visit_labels(labels, seen);
                visit_expr(value, seen);
            }
        }
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) | ExprKind::Bool(_) => {}
    }
}
