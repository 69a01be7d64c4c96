//! Compiling an expression whose value is wanted.

use super::{Lowerer, Operand, StrType};
use crate::predicate::{Num, Pred, Str};
use crate::syntax::ast::Expr;
use crate::value::{Number, Value};
use crate::valued::Valued;

impl Lowerer<'_> {
    /// What an expression gives of packets of this kind. `None`: nothing, as a field that it asks for is not
    /// there, or as something is wrong with it, which was reported.
    pub(crate) fn valued(&mut self, expr: &Expr) -> Option<Valued> {
        let is_value = std::mem::replace(&mut self.is_value, true);
        let operand = self.operand(expr);
        self.is_value = is_value;
        Some(match operand {
            Operand::Absent | Operand::Wrong => return None,
            Operand::Truth(Pred::Const(is)) => Valued::Const(Value::Bool(is)),
            Operand::Truth(pred) => Valued::Truth(pred),
            Operand::Num(Num::Const(Number::Int(n)), ty) if ty.is_bool => {
                Valued::Const(Value::Bool(n != 0))
            }
            Operand::Num(Num::Const(Number::Int(n)), _) => Valued::Const(Value::Int(n)),
            Operand::Num(Num::Const(Number::Float(n)), _) => Valued::Const(Value::Float(n)),
            Operand::Num(Num::Field(place), ty) if ty.shown == "enum" => {
                Valued::Either(Num::Field(place.clone()), Str::Name(place))
            }
            Operand::Num(num, ty) if ty.is_bool => Valued::Flag(num),
            Operand::Num(num, ty) => Valued::Number(num, ty.is_float),
            Operand::Str(Str::Const(text), StrType::Bytes) => {
                Valued::Const(Value::Bytes(text.into_vec()))
            }
            Operand::Str(Str::Const(text), _) => {
                Valued::Const(Value::Text(String::from_utf8_lossy(&text).into_owned()))
            }
            Operand::Str(of, StrType::Bytes) => Valued::Bytes(of),
            Operand::Str(Str::Bytes(place), StrType::Uuid) => Valued::Text(Str::Uuid(place)),
            Operand::Str(of, _) => Valued::Text(of),
            Operand::Inside(place, path) if path.is_empty() => Valued::Text(Str::Words(place)),
            Operand::Inside(place, path) => {
                Valued::Either(Num::Inside(place.clone(), path.clone()), Str::Inside(place, path))
            }
            Operand::Mixed(place, ..) => {
                Valued::Either(Num::Field(place.clone()), Str::Text(place))
            }
            Operand::Word(_, text) => Valued::Const(Value::Text(text)),
            Operand::Version => {
                let version = self.protocol.versions.get(self.kind.version);
                Valued::Const(Value::Text(version.key.to_string()))
            }
            Operand::Address(side) => Valued::Address(side),
            Operand::List(_) | Operand::Group(..) => {
                let message = "this is no single value";
                let report = self.error("F029", expr.span, message);
                let report = report.label("a list, or a field with fields inside");
                self.facts
                    .report(report.help("name one of its fields, or an element, as in `list[0]`"));
                return None;
            }
        })
    }
}
