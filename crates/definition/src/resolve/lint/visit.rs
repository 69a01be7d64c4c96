//! Going through a syntax tree: every type, expression and attribute in it.

use crate::syntax::ast::{
    Arg, Attribute, Count, CountKind, Expr, ExprKind, Field, FieldKind, Label, Labels, Struct,
    Type, TypeKind,
};

/// Something that a declaration is made of.
pub(super) enum Part<'d> {
    Type(&'d Type),
    Expr(&'d Expr),
    Attribute(&'d Attribute),
}

/// Is shown each part, those around before those within.
pub(super) type See<'s, 'd> = dyn FnMut(Part<'d>) + 's;

pub(super) fn in_struct<'d>(body: &'d Struct, see: &mut See<'_, 'd>) {
    body.fields.iter().for_each(|field| in_field(field, see));
}

fn in_field<'d>(field: &'d Field, see: &mut See<'_, 'd>) {
    match &field.kind {
        FieldKind::Named { ty, value, attributes, .. } => {
            in_type(ty, see);
            value.iter().for_each(|e| in_expr(e, see));
            in_attributes(attributes, see);
        }
        FieldKind::If { condition, then, otherwise } => {
            in_expr(condition, see);
            in_struct(then, see);
            otherwise.iter().for_each(|body| in_struct(body, see));
        }
        FieldKind::Match { subject, arms } => {
            in_expr(subject, see);
            for arm in arms {
                in_labels(&arm.labels, see);
                in_struct(&arm.body, see);
            }
        }
        FieldKind::Let { value, .. } => in_expr(value, see),
        FieldKind::Flat(ty) => in_type(ty, see),
        FieldKind::Pad(_) | FieldKind::Tail => {}
    }
}

pub(super) fn in_attributes<'d>(attributes: &'d [Attribute], see: &mut See<'_, 'd>) {
    for attribute in attributes {
        see(Part::Attribute(attribute));
        attribute.ty.iter().for_each(|ty| in_type(ty, see));
    }
}

pub(super) fn in_type<'d>(ty: &'d Type, see: &mut See<'_, 'd>) {
    see(Part::Type(ty));
    match &ty.kind {
        TypeKind::Name { args, .. } => {
            for arg in args {
                match arg {
                    Arg::Type(ty) | Arg::Name(ty) => in_type(ty, see),
                    Arg::Expr(e) => in_expr(e, see),
                }
            }
        }
        TypeKind::Array { count, element: inner } | TypeKind::Block { count, inner, .. } => {
            in_count(count, see);
            in_type(inner, see);
        }
        TypeKind::Str { count, .. } => count.iter().for_each(|count| in_count(count, see)),
        TypeKind::Bytes(count) => in_count(count, see),
        TypeKind::Opt(inner) => in_type(inner, see),
        TypeKind::Enum { repr, .. } | TypeKind::Flags { repr, .. } => in_type(repr, see),
        TypeKind::Bits { repr, members, .. } => {
            in_type(repr, see);
            members.iter().for_each(|member| in_attributes(&member.attributes, see));
        }
        TypeKind::Packed { width, count, .. } => {
            in_expr(width, see);
            in_expr(count, see);
        }
        TypeKind::Match { subject, arms } => {
            in_expr(subject, see);
            for arm in arms {
                in_labels(&arm.labels, see);
                in_type(&arm.ty, see);
            }
        }
        TypeKind::If { condition, then, otherwise } => {
            in_expr(condition, see);
            in_type(then, see);
            in_type(otherwise, see);
        }
        TypeKind::Struct(body) => in_struct(body, see),
        TypeKind::Native(_) | TypeKind::Nothing => {}
    }
}

fn in_count<'d>(count: &'d Count, see: &mut See<'_, 'd>) {
    match &count.kind {
        CountKind::Rest => {}
        CountKind::Prefix(ty) => in_type(ty, see),
        CountKind::Expr(e) | CountKind::While(e) | CountKind::UntilValue { value: e, .. } => {
            in_expr(e, see);
        }
        CountKind::UntilSum { each, total, .. } => {
            in_expr(each, see);
            in_expr(total, see);
        }
    }
}

fn in_labels<'d>(labels: &'d Labels, see: &mut See<'_, 'd>) {
    let Labels::Any(labels) = labels else { return };
    for label in labels {
        if let Label::Expr(e) = &label.node {
            in_expr(e, see);
        }
    }
}

pub(super) fn in_expr<'d>(e: &'d Expr, see: &mut See<'_, 'd>) {
    see(Part::Expr(e));
    match &e.kind {
        ExprKind::Not(e) | ExprKind::Negate(e) | ExprKind::Complement(e) => in_expr(e, see),
        ExprKind::Binary(_, a, b) | ExprKind::Compare(_, a, b) => {
            in_expr(a, see);
            in_expr(b, see);
        }
        ExprKind::InSet(e, set) => {
            in_expr(e, see);
            set.iter().for_each(|e| in_expr(e, see));
        }
        ExprKind::InRange(e, low, high) => {
            in_expr(e, see);
            in_expr(low, see);
            in_expr(high, see);
        }
        ExprKind::InTable(e, _) | ExprKind::Lookup(_, e) => in_expr(e, see),
        ExprKind::Call(_, args) => args.iter().for_each(|e| in_expr(e, see)),
        ExprKind::Match(subject, arms) => {
            in_expr(subject, see);
            for (labels, e) in arms {
                in_labels(labels, see);
                in_expr(e, see);
            }
        }
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Bool(_)
        | ExprKind::Path(_)
        | ExprKind::Has(_) => {}
    }
}
