//! Expressions whose value is wanted: the right side of an assignment, the parts of a text.

use std::sync::Arc;

use midwire_definition::plan::Packet;
use midwire_definition::{Diagnostic, PacketDefinition, Severity, VersionId};

use crate::check::{check_names, check_scope};
use crate::envelope::Envelope;
use crate::evaluate::{Evaluator, SLOTS_MAX};
use crate::lexicon::Lexicon;
use crate::lower::{Facts, Kind, Lowerer, Yield};
use crate::predicate::{Num, Str};
use crate::scope::Scope;
use crate::syntax::Expr;
use crate::syntax::ast::Path;
use crate::value::{Number, Value};

/// An expression whose value is wanted, checked at every version in scope.
#[derive(Debug, Clone)]
pub struct ValueExpr {
    lexicon: Arc<Lexicon>,
    expr: Arc<Expr>,
    target: Option<Path>,
    scope: Scope,
}

impl ValueExpr {
    /// Checks an expression; `target` is the field of the packets in scope that it is to be put in.
    ///
    /// # Errors
    /// What is wrong with it, by place. Warnings come with the expression.
    pub fn check(
        expr: Expr,
        target: Option<Path>,
        lexicon: &Arc<Lexicon>,
        scope: Scope,
    ) -> Result<(ValueExpr, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut facts = Facts::default();
        let mut reports = check_scope(lexicon, &scope);
        if reports.is_empty() {
            lexicon.each_kind(&scope, &expr, &mut |kind| {
                let Lexicon { protocol, known, .. } = &**lexicon;
                let mut lowerer = Lowerer::new(protocol, known, &scope, kind, &mut facts);
                lowerer.yields(&expr, target.as_ref());
            });
            reports.extend(check_names(lexicon, &scope, &expr, &facts));
            reports.extend(facts.into_reports(&lexicon.protocol));
            reports.sort_by_key(|report| report.span.start);
        }
        if reports.iter().any(|report| report.severity == Severity::Error) {
            return Err(reports);
        }
        let expr = Arc::new(expr);
        Ok((ValueExpr { lexicon: lexicon.clone(), expr, target, scope }, reports))
    }

    /// The expression for one kind of packet; `None`: it gives nothing there, as the field that it is put
    /// in, or one that it needs, does not exist.
    pub fn compile(
        &self,
        version: VersionId,
        definition: &PacketDefinition,
    ) -> Option<CompiledValue> {
        let mut facts = Facts::default();
        let kind = Kind {
            version,
            last: version,
            state: definition.state,
            direction: definition.direction,
            definition: Some(definition),
        };
        let Lexicon { protocol, known, .. } = &*self.lexicon;
        let mut lowerer = Lowerer::new(protocol, known, &self.scope, kind, &mut facts);
        lowerer.yields(&self.expr, self.target.as_ref()).map(CompiledValue)
    }

    /// The field that it is to be put in.
    pub fn target(&self) -> Option<&Path> {
        self.target.as_ref()
    }
}

/// An expression for one kind of packet.
#[derive(Debug)]
pub struct CompiledValue(Yield);

impl CompiledValue {
    /// The value for a packet; `None`: a field that it needs is absent.
    pub fn evaluate<'a>(
        &self,
        envelope: &Envelope<'_>,
        mut fields: Option<&mut Packet<'a>>,
    ) -> Option<Value> {
        let mut slots = [None; SLOTS_MAX];
        let mut evaluator = match fields.as_deref() {
            Some(packet) => Evaluator::with(envelope, packet, &mut slots),
            None => Evaluator::new(envelope, &mut slots),
        };
        let number = |n| match n {
            Number::Int(n) => Value::Int(n),
            Number::Float(n) => Value::Float(n),
        };
        let mut bytes = |of: &Str, fields: Option<&mut Packet<'a>>| {
            let mut out = None;
            evaluator.str(of, fields, &mut |text| {
                out = Some(text.to_vec());
                true
            });
            out
        };
        let text = |bytes: Vec<u8>| Value::Text(String::from_utf8_lossy(&bytes).into_owned());
        match &self.0 {
            Yield::Text(of) => bytes(of, fields).map(text),
            Yield::Bytes(of) => bytes(of, fields).map(Value::Bytes),
            Yield::Inside(place, path) => {
                let of = Str::Inside(place.clone(), path.clone());
                if let Some(found) = bytes(&of, fields.as_deref_mut()) {
                    return Some(text(found));
                }
                let num = Num::Inside(place.clone(), path.clone());
                evaluator.num(&num, fields).map(number)
            }
            Yield::Truth(pred) => Some(Value::Bool(evaluator.pred(pred, fields))),
            Yield::Num(num) => evaluator.num(num, fields).map(number),
        }
    }
}
