//! Values for fields: compiled, and made for a packet.

use std::sync::Arc;

use midwire_definition::Given;
use midwire_definition::plan::Packet;
use midwire_definition::syntax::ast::BinaryOp;

use super::replace::{json_component, nbt_component};
use crate::evaluate::Evaluator;
use crate::value::Value;
use crate::valued::Valued;

/// A value for a field.
#[derive(Debug)]
pub(super) enum Fill {
    Const(Given),
    /// A value of the packet, and the words that say which.
    Value(Valued, Form, Box<str>),
    Fields(Vec<(Box<str>, Fill)>),
    List(Vec<Fill>),
    /// The field is to be left out.
    Absent,
}

/// How a value is written into its field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// A number with a fraction is rounded.
    Whole,
    /// A text becomes a component in JSON.
    Json,
    /// A text becomes a component in NBT.
    Nbt,
    /// A view that is a field joined with a number: that is undone first. Whether it is rounded then.
    Undo(Undo, bool),
}

/// Undoes `field op number`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Undo {
    pub(super) op: BinaryOp,
    pub(super) by: f64,
}

impl Form {
    /// A value as it is given to a field.
    pub(super) fn given(self, value: Value) -> Given {
        let whole = |n: f64| match n.is_finite() {
            // Fields are far narrower; what does not fit is refused there.
            true => Given::Int(n.round() as i128),
            false => Given::Float(n),
        };
        match (self, value) {
            (Form::Json, Value::Text(text)) => Given::Text(json_component(&text)),
            (Form::Nbt, Value::Text(text)) => nbt_component(&text),
            (Form::Whole, Value::Float(n)) => whole(n),
            (Form::Undo(undo, is_whole), Value::Int(n)) => {
                Form::Undo(undo, is_whole).given(Value::Float(n as f64))
            }
            (Form::Undo(undo, is_whole), Value::Float(n)) => {
                let n = undo.undone(n);
                if is_whole { whole(n) } else { Given::Float(n) }
            }
            (_, Value::Bool(is)) => Given::Bool(is),
            (_, Value::Int(n)) => Given::Int(n),
            (_, Value::Float(n)) => Given::Float(n),
            (_, Value::Text(text)) => Given::Text(text),
            (_, Value::Bytes(bytes)) => Given::Bytes(bytes),
        }
    }
}

impl Undo {
    fn undone(self, n: f64) -> f64 {
        match self.op {
            BinaryOp::Add => n - self.by,
            BinaryOp::Subtract => n + self.by,
            BinaryOp::Multiply => n / self.by,
            BinaryOp::Divide => n * self.by,
            _ => n,
        }
    }
}

impl Fill {
    /// The value that it is in every packet.
    pub(super) fn constant(&self) -> Option<Given> {
        match self {
            Fill::Const(given) => Some(given.clone()),
            Fill::Value(..) | Fill::Absent => None,
            Fill::Fields(fields) => {
                let fields =
                    fields.iter().map(|(name, fill)| Some((name.to_string(), fill.constant()?)));
                Some(Given::Object(fields.collect::<Option<_>>()?))
            }
            Fill::List(list) => {
                Some(Given::List(list.iter().map(Fill::constant).collect::<Option<_>>()?))
            }
        }
    }

    /// The value for a packet.
    ///
    /// # Errors
    /// A field that it asks for is not there.
    pub(super) fn given<'a>(
        &self,
        evaluator: &mut Evaluator<'_, 'a>,
        packet: &mut Option<Packet<'a>>,
    ) -> Result<Given, String> {
        Ok(match self {
            Fill::Const(given) => given.clone(),
            Fill::Absent => Given::Null,
            Fill::Value(valued, form, words) => match valued.value(evaluator, packet.as_mut()) {
                Some(value) => form.given(value),
                None => return Err(format!("`{words}` has no value in this packet")),
            },
            Fill::Fields(fields) => {
                let mut out = Vec::with_capacity(fields.len());
                for (name, fill) in fields {
                    out.push((name.to_string(), fill.given(evaluator, packet)?));
                }
                Given::Object(out)
            }
            Fill::List(list) => {
                let mut out = Vec::with_capacity(list.len());
                for fill in list {
                    out.push(fill.given(evaluator, packet)?);
                }
                Given::List(out)
            }
        })
    }

    /// Whether fields of the packet are asked for.
    pub(super) fn asks(&self) -> bool {
        match self {
            Fill::Const(_) | Fill::Absent => false,
            Fill::Value(..) => true,
            Fill::Fields(fields) => fields.iter().any(|(_, fill)| fill.asks()),
            Fill::List(list) => list.iter().any(Fill::asks),
        }
    }
}

/// Where a value goes: an edit's path, with places to fill in for the lists on its way.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Between these, `[i]` for every element of the list that is the path up to there.
    parts: Arc<[Box<str>]>,
}

/// The most fields that one assignment reaches in one packet.
const SPOTS_MAX: usize = 10_000;

impl Spot {
    pub(super) fn new(parts: Vec<String>) -> Spot {
        Spot { parts: parts.into_iter().map(String::into_boxed_str).collect() }
    }

    /// The paths in a packet.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn paths(&self, packet: &mut Packet<'_>) -> Result<Vec<String>, String> {
        let Some((first, rest)) = self.parts.split_first() else { return Ok(Vec::new()) };
        let mut paths = vec![first.to_string()];
        for part in rest {
            let mut longer = Vec::new();
            for path in paths {
                for i in 0..packet.count_at(&path).unwrap_or(0) {
                    if longer.len() >= SPOTS_MAX {
                        return Err(format!("it reaches more than {SPOTS_MAX} fields"));
                    }
                    longer.push(format!("{path}[{i}]{part}"));
                }
            }
            paths = longer;
        }
        Ok(paths)
    }
}
