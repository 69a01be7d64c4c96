//! Types as definitions write them.

use crate::escape::escape;
use crate::plan::{ArrayKind, Count, Ex, Field, FloatRepr, Kind, Len, NbtForm, Plan};
use crate::splice::describe::compare as sign;
use crate::syntax::ast::{BinaryOp, Transform};
use crate::value::Encoding;

/// A field's type as definitions write it, as far as it shows on one line.
pub(crate) fn kind_text(plan: &Plan, kind: &Kind) -> String {
    match kind {
        Kind::Int(repr) => repr.to_string(),
        Kind::Float(FloatRepr { bytes, .. }) => format!("f{}", bytes * 8),
        Kind::Bool => "bool".into(),
        Kind::Uuid => "uuid".into(),
        Kind::Enum { repr, .. } => format!("enum {repr}"),
        Kind::Flags { repr, .. } => format!("flags {repr}"),
        Kind::Bits { repr, .. } => format!("bits {repr}"),
        Kind::Str { encoding, len, .. } => {
            let name = match encoding {
                Encoding::Utf8 => "str",
                Encoding::Latin1 => "latin1",
                Encoding::Mutf8 => "mutf8",
                Encoding::Utf16(_) => "utf16",
            };
            format!("{name}[{}]", len_text(plan, len))
        }
        Kind::Bytes { len } => format!("bytes[{}]", len_text(plan, len)),
        Kind::Array(array) => {
            format!("[{}] {}", count_text(plan, array), layout_text(plan, array.element))
        }
        Kind::Struct(_) => "struct".into(),
        Kind::Block { transform, len, .. } => {
            let name = match transform {
                Transform::Sized => "sized",
                Transform::Zlib => "zlib",
                Transform::Deflate => "deflate",
                Transform::Gzip => "gzip",
            };
            format!("{name}[{}]", len_text(plan, len))
        }
        Kind::Call { layout, .. } => layout_text(plan, *layout),
        Kind::Nbt(NbtForm { named, optional }) => match (optional, named) {
            (false, false) => "nbt",
            (false, true) => "named_nbt",
            (true, false) => "opt_nbt",
            (true, true) => "opt_named_nbt",
        }
        .into(),
        Kind::Packed { width, count, crossing } => {
            let crossing = if *crossing { " crossing" } else { "" };
            format!("packed({}, {}){crossing}", ex_text(plan, width), ex_text(plan, count))
        }
        Kind::Let(ex) => format!("= {}", ex_text(plan, ex)),
        Kind::Pad(size) => format!("pad {size}"),
        Kind::Tail => "unknown".into(),
        Kind::Presence => "bool".into(),
    }
}

/// A layout by its name; a nameless one by the one value that it has, if that is all.
pub(super) fn layout_text(plan: &Plan, layout: u32) -> String {
    let Some(layout) = plan.layouts.get(layout as usize) else { return String::new() };
    if let Some(name) = &layout.name {
        return escape(name).into_owned();
    }
    match layout.items.as_slice() {
        [crate::plan::Item::Field(id)] if layout.transparent => {
            plan.fields.get(*id as usize).map_or(String::new(), |field| match &field.kind {
                // Lists of lists of lists would grow long.
                Kind::Array(_) => "[..]".into(),
                kind => kind_text(plan, kind),
            })
        }
        _ => "struct".into(),
    }
}

fn len_text(plan: &Plan, len: &Len) -> String {
    match len {
        Len::Prefix { repr, .. } => repr.to_string(),
        Len::Expr { expr, .. } => ex_text(plan, expr),
        Len::Fixed(n) => n.to_string(),
        Len::Rest => "..".into(),
        Len::Until { mark, .. } => format!("until {mark}"),
    }
}

fn count_text(plan: &Plan, array: &ArrayKind) -> String {
    match &array.count {
        Count::Len(len) => len_text(plan, len),
        Count::Until { repr, compare, value, .. } => {
            format!("until {} {} {}", repr, sign(*compare), ex_text(plan, value))
        }
        Count::Sum { .. } => "until sum(..)".into(),
        Count::While { .. } => "while ..".into(),
    }
}

/// A short expression; a long one is `..`.
fn ex_text(plan: &Plan, ex: &Ex) -> String {
    let name = |id: &u32| {
        plan.fields.get(*id as usize).map(|field: &Field| escape(&field.name).into_owned())
    };
    let short = |ex: &Ex| match ex {
        Ex::Int(n) => Some(n.to_string()),
        Ex::Field(field) if field.member.is_none() => field.fields.first().and_then(name),
        Ex::Remaining => Some("remaining".to_owned()),
        Ex::CountOf(field) => {
            field.fields.first().and_then(name).map(|name| format!("count({name})"))
        }
        _ => None,
    };
    let pair = |op: &BinaryOp, a: &Ex, b: &Ex| {
        let op = match op {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            _ => return None,
        };
        Some(format!("{} {op} {}", short(a)?, short(b)?))
    };
    let text = match ex {
        Ex::Binary(op, a, b) => pair(op, a, b),
        ex => short(ex),
    };
    text.unwrap_or_else(|| "..".to_owned())
}
