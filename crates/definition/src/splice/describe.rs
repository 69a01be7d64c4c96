//! Expressions as people write them, for messages.

use super::facts::ref_name;
use crate::plan::{Ex, Plan};
use crate::syntax::ast::{BinaryOp, Compare};

/// An expression in the language's own form, near enough to find it in the definition.
pub(super) fn expression(plan: &Plan, ex: &Ex) -> String {
    let inner = |e: &Ex| match e {
        Ex::Binary(..) | Ex::Compare(..) => format!("({})", expression(plan, e)),
        e => expression(plan, e),
    };
    let list = |set: &[Ex]| set.iter().map(|e| expression(plan, e)).collect::<Vec<_>>().join(", ");
    match ex {
        Ex::Int(n) => n.to_string(),
        Ex::Field(r) => ref_name(plan, r),
        Ex::Arg { index, .. } => format!("argument {}", index + 1),
        Ex::Conn(index) => format!("conn variable {}", index + 1),
        Ex::Remaining => "remaining".into(),
        Ex::CountOf(r) => format!("count({})", ref_name(plan, r)),
        Ex::BytesOf(r) => format!("bytes({})", ref_name(plan, r)),
        Ex::Has(r) => format!("has {}", ref_name(plan, r)),
        Ex::TextIs(r, text) => format!("{} == {text:?}", ref_name(plan, r)),
        Ex::Not(e) => format!("not {}", inner(e)),
        Ex::Negate(e) => format!("-{}", inner(e)),
        Ex::Complement(e) => format!("~{}", inner(e)),
        Ex::Ones(e) => format!("ones({})", expression(plan, e)),
        Ex::Binary(op, a, b) => format!("{} {} {}", inner(a), binary(*op), inner(b)),
        Ex::Compare(op, a, b) => format!("{} {} {}", inner(a), compare(*op), inner(b)),
        Ex::InSet(e, set) => format!("{} in {{{}}}", inner(e), list(set)),
        Ex::InRange(e, low, high) => format!("{} in {}..{}", inner(e), inner(low), inner(high)),
        Ex::InTable(e, table) => format!("{} in {}", inner(e), table.name),
        Ex::Match(e, _) => format!("match {} {{..}}", inner(e)),
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Remainder => "%",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
        BinaryOp::ShiftLeft => "<<",
        BinaryOp::ShiftRight => ">>",
    }
}

/// A comparison's sign.
pub(crate) fn compare(op: Compare) -> &'static str {
    match op {
        Compare::Equal => "==",
        Compare::NotEqual => "!=",
        Compare::Less => "<",
        Compare::LessEqual => "<=",
        Compare::Greater => ">",
        Compare::GreaterEqual => ">=",
    }
}
