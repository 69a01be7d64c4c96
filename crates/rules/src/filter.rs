//! Filters: what is typed, checked against a protocol, and compiled for a version.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::diagnostics::suggest;
use midwire_definition::plan::Packet;
use midwire_definition::{
    Diagnostic, PacketDefinition, Protocol, Severity, StateId, VersionId, Workspace,
};

use crate::check::{check_names, check_scope};
use crate::envelope::Envelope;
use crate::kinds::Kinds;
use crate::lexicon::Lexicon;
use crate::lower::{Facts, Kind, Lowerer};
use crate::program::Program;
use crate::scope::Scope;
use crate::syntax::{self, Expr};

/// A condition about packets, checked at every version in scope.
#[derive(Debug, Clone)]
pub struct Filter {
    lexicon: Arc<Lexicon>,
    expr: Arc<Expr>,
    scope: Scope,
}

/// What a filter has to look at of a kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Nothing: it does not match whatever is in the packet.
    Never,
    /// The envelope: the payload need not be inflated.
    EnvelopeOnly,
    /// The payload.
    Fields,
}

impl Filter {
    /// Reads a filter, and checks it against a protocol. `source` is file 0 of the messages' sources.
    ///
    /// # Errors
    /// What is wrong with it, by place. Warnings come with the filter.
    pub fn parse(
        source: &str,
        protocol: &Arc<Protocol>,
        scope: Scope,
    ) -> Result<(Filter, Vec<Diagnostic>), Vec<Diagnostic>> {
        let expr = syntax::parse(0, source)?;
        Filter::check(expr, &Arc::new(Lexicon::new(protocol)), scope)
    }

    /// Checks an expression that was read already.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn check(
        expr: Expr,
        lexicon: &Arc<Lexicon>,
        scope: Scope,
    ) -> Result<(Filter, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut facts = Facts::default();
        let mut reports = check_scope(lexicon, &scope);
        if reports.is_empty() {
            lexicon.each_kind(&scope, &expr, &mut |kind| {
                let Lexicon { protocol, known, .. } = &**lexicon;
                Lowerer::new(protocol, known, &scope, kind, &mut facts).filter(&expr);
            });
            reports.extend(check_names(lexicon, &scope, &expr, &facts));
            reports.extend(facts.into_reports(&lexicon.protocol));
            reports.sort_by_key(|report| report.span.start);
        }
        if reports.iter().any(|report| report.severity == Severity::Error) {
            return Err(reports);
        }
        let filter = Filter { lexicon: lexicon.clone(), expr: Arc::new(expr), scope };
        Ok((filter, reports))
    }

    /// The filter for the packets of one version.
    pub fn compile(&self, version: VersionId) -> Compiled {
        let protocol = &self.lexicon.protocol;
        let mut facts = Facts::default();
        let mut kinds = Kinds::new(protocol.states.len().max(1), |state, direction| {
            self.program(version, state, direction, None, &mut facts)
        });
        for packet in protocol.dialect(version).packets() {
            let (state, direction) = (packet.state, packet.direction);
            kinds.put(packet, self.program(version, state, direction, Some(packet), &mut facts));
        }
        Compiled { kinds }
    }

    fn program(
        &self,
        version: VersionId,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
        facts: &mut Facts,
    ) -> Program {
        let kind = Kind { version, last: version, state, direction, definition };
        let Lexicon { protocol, known, .. } = &*self.lexicon;
        let mut lowerer = Lowerer::new(protocol, known, &self.scope, kind, facts);
        let pred = lowerer.filter(&self.expr);
        let anchors = std::mem::take(&mut lowerer.anchors);
        Program::new(pred, &anchors, definition.and_then(|d| d.plan.clone()))
    }

    /// The expression.
    pub fn expression(&self) -> &Expr {
        &self.expr
    }

    /// Which packets it is about.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// A filter for the packets of one version.
#[derive(Debug)]
pub struct Compiled {
    kinds: Kinds<Program>,
}

impl Compiled {
    /// What must be looked at to tell whether packets of a kind match; `None` stands for unknown ids.
    pub fn interest(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> Interest {
        match self.kinds.get(state, direction, definition) {
            Some(program) => program.interest(),
            None => Interest::Never,
        }
    }

    /// Whether a packet matches. `fields` are those of its body, if they were read; fields that were not
    /// read are absent.
    pub fn matches(&self, envelope: &Envelope<'_>, fields: Option<&mut Packet<'_>>) -> bool {
        match self.kinds.get(envelope.state, envelope.direction, envelope.definition) {
            Some(program) => program.matches(envelope, fields),
            None => false,
        }
    }

    /// Whether a packet matches, reading no more of its payload than is asked for.
    #[inline]
    pub fn matches_payload(&self, envelope: &Envelope<'_>, ws: &mut Workspace) -> bool {
        match self.kinds.get(envelope.state, envelope.direction, envelope.definition) {
            Some(program) => program.matches_payload(envelope, ws),
            None => false,
        }
    }
}

/// Names that are near a wrong one, in a message.
pub(crate) fn did_you_mean<'n>(
    report: Diagnostic,
    wrong: &str,
    names: impl Iterator<Item = &'n str>,
    otherwise: &str,
) -> Diagnostic {
    match suggest(wrong, names) {
        Some(near) => report.label(format!("did you mean `{near}`?")),
        None => report.label(otherwise),
    }
}
