//! Expressions that give a value of a packet: what rules set, send and write.

use midwire_definition::plan::Packet;

use crate::evaluate::Evaluator;
use crate::predicate::{Num, Pred, Side, Str};
use crate::value::{Number, Value, ValueKind};

/// An expression that gives a value.
#[derive(Debug)]
pub(crate) enum Valued {
    Const(Value),
    Truth(Pred),
    /// A number that is true or false.
    Flag(Num),
    Number(Num, bool),
    Text(Str),
    Bytes(Str),
    /// In NBT: a number or a text, as it turns out.
    Either(Num, Str),
    Address(Side),
}

impl Valued {
    /// What kind of value it gives; `None`: that shows in the packet.
    pub(crate) fn kind(&self) -> Option<ValueKind> {
        Some(match self {
            Valued::Const(Value::Bool(_)) | Valued::Truth(_) | Valued::Flag(_) => ValueKind::Bool,
            Valued::Const(Value::Int(_)) | Valued::Number(_, false) => ValueKind::Int,
            Valued::Const(Value::Float(_)) | Valued::Number(_, true) => ValueKind::Float,
            Valued::Const(Value::Text(_)) | Valued::Text(_) | Valued::Address(_) => ValueKind::Text,
            Valued::Const(Value::Bytes(_)) | Valued::Bytes(_) => ValueKind::Bytes,
            Valued::Either(..) => return None,
        })
    }

    /// The value that it has in every packet.
    pub(crate) fn constant(&self) -> Option<&Value> {
        match self {
            Valued::Const(value) => Some(value),
            _ => None,
        }
    }

    /// What it gives; `None`: a field that it asks for is not there.
    pub(crate) fn value<'a>(
        &self,
        evaluator: &mut Evaluator<'_, 'a>,
        mut packet: Option<&mut Packet<'a>>,
    ) -> Option<Value> {
        Some(match self {
            Valued::Const(value) => value.clone(),
            Valued::Truth(pred) => Value::Bool(evaluator.pred(pred, packet)),
            Valued::Flag(num) => Value::Bool(match evaluator.num(num, packet)? {
                Number::Int(n) => n != 0,
                Number::Float(n) => n != 0.0,
            }),
            Valued::Number(num, _) => number(evaluator.num(num, packet)?),
            Valued::Text(text) => Value::Text(text_of(text, evaluator, packet)?),
            Valued::Bytes(bytes) => {
                let mut value = None;
                evaluator.str(bytes, packet, &mut |found| {
                    value = Some(found.to_vec());
                    true
                });
                Value::Bytes(value?)
            }
            Valued::Either(num, text) => match evaluator.num(num, packet.as_deref_mut()) {
                Some(n) => number(n),
                None => Value::Text(text_of(text, evaluator, packet)?),
            },
            Valued::Address(side) => Value::Text(evaluator.address(*side)?.to_string()),
        })
    }
}

fn number(n: Number) -> Value {
    match n {
        Number::Int(n) => Value::Int(n),
        Number::Float(n) => Value::Float(n),
    }
}

fn text_of<'a>(
    text: &Str,
    evaluator: &mut Evaluator<'_, 'a>,
    packet: Option<&mut Packet<'a>>,
) -> Option<String> {
    let mut value = None;
    evaluator.str(text, packet, &mut |found| {
        value = Some(String::from_utf8_lossy(found).into_owned());
        true
    });
    value
}
