//! Where a packet ends in a protocol without frames: what in it depends on an end that nothing says.

use super::*;

/// What depends on where the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depends {
    /// `[..]`
    Rest,
    /// `...`
    Tail,
    /// `remaining`
    Remaining,
}

/// A place that depends on where the bytes of its layout end.
#[derive(Debug)]
pub(super) struct Dependent {
    layout: LayoutId,
    span: Span,
    on: Depends,
}

impl<'d> Compiler<'d> {
    /// Notes a place that depends on where the bytes end.
    pub(super) fn depends(&mut self, span: Span, on: Depends) {
        if let Some(open) = self.layouts.last().filter(|_| !self.quiet && self.decls.is_frameless())
        {
            let layout = open.id;
            self.dependents.push(Dependent { layout, span, on });
        }
    }

    /// What is wrong with the end of a packet that was compiled, and what its author should know.
    pub(crate) fn check_end(&mut self, packet: &ast::PacketItem) -> Compiled<()> {
        if !self.decls.is_frameless() {
            return Ok(());
        }
        let raw = "from here on this direction is passed on and not read";
        let help = "let a field in front say how long it is, or read until a value; \
                    `frame none` says nothing";
        if packet.body.is_none() {
            let message =
                format!("`{}` has no fields, so nothing says where it ends", packet.name.text);
            let warning = Diagnostic::warning("W086", packet.name.span, message);
            self.warnings.push(warning.label(raw).help(help));
            return Ok(());
        }
        let is_open = self.open_layouts();
        let mut wrong = false;
        for Dependent { layout, span, on } in std::mem::take(&mut self.dependents) {
            if !is_open.contains(&layout) {
                continue;
            }
            match on {
                Depends::Rest | Depends::Tail => self.warnings.push(
                    Diagnostic::warning("W086", span, "nothing says where this packet ends")
                        .label(raw)
                        .help(help),
                ),
                Depends::Remaining => {
                    wrong = true;
                    self.problem(
                        Diagnostic::error("W087", span, "`remaining` means nothing without frames")
                            .label("this would be what has come by chance")
                            .help("within `sized[..] { }` it is what is left of that"),
                    );
                }
            }
        }
        let is_empty = self.plan.layouts[0].fixed_size == Some(0);
        let has_id = |state| self.decls.stack.id_in(state).fixed_size() != Some(0);
        if is_empty && !self.decls.state(packet.state.as_ref()).is_some_and(has_id) {
            wrong = true;
            let message = format!("`{}` has no bytes, and could be anywhere", packet.name.text);
            let error = Diagnostic::error("W088", packet.name.span, message);
            self.problem(error.help("without frames a packet is at least a byte, or has an id"));
        }
        if wrong { Err(Reported) } else { Ok(()) }
    }

    /// The layouts that end where something in them says, and not where a block around them does.
    fn open_layouts(&self) -> HashSet<LayoutId> {
        let mut within: HashMap<LayoutId, Vec<LayoutId>> = HashMap::new();
        for field in &self.plan.fields {
            let inner = match &field.kind {
                Kind::Array(array) => array.element,
                Kind::Call { layout, .. } => *layout,
                _ => continue,
            };
            within.entry(field.layout).or_default().push(inner);
        }
        let mut open = HashSet::new();
        let mut next = vec![0];
        while let Some(layout) = next.pop() {
            if open.insert(layout) {
                next.extend(within.get(&layout).into_iter().flatten());
            }
        }
        open
    }
}
