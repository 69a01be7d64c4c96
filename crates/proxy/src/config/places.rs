//! Where a configuration says what is listened on, for what shows only when midwire listens.

use std::net::SocketAddr;

use midwire_definition::Sources;
use midwire_definition::diagnostics::Diagnostic;
use midwire_definition::syntax::ast::Span;

use super::reader::{Problems, codes};
use crate::print::style::stderr_is_colored;
use crate::relay::BindError;

/// The places of all `listen`.
#[derive(Debug)]
pub(crate) struct Places {
    sources: Sources,
    listen: Vec<(SocketAddr, Span)>,
}

impl Places {
    pub(super) fn new(sources: Sources, listen: Vec<(SocketAddr, Span)>) -> Self {
        Self { sources, listen }
    }

    /// The file's name.
    pub(crate) fn file(&self) -> &str {
        self.sources.get(0).map_or("", |file| file.name.as_str())
    }

    /// Why midwire cannot listen, where the file says that it should; `None`: the file does not.
    pub(crate) fn render(&self, error: &BindError) -> Option<String> {
        let wanted = error.listen()?;
        let is_meant = |listen: SocketAddr| {
            listen == wanted || listen.port() == 0 && listen.ip() == wanted.ip()
        };
        let (_, span) = self.listen.iter().find(|(listen, _)| is_meant(*listen))?;
        let mut problem = Diagnostic::error(codes::LISTEN, *span, error.to_string());
        if let Some(remedy) = error.remedy(|address| format!("listen = \"{address}\"")) {
            problem = problem.help(remedy);
        }
        let mut out = Problems::default();
        out.push(problem);
        Some(out.render(&self.sources, stderr_is_colored()))
    }
}
