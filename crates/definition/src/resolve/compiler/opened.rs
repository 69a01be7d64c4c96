//! What bytes hold, as `@open` says: a layout that is run only when somebody looks.

use super::*;

impl<'d> Compiler<'d> {
    /// Compiles what the bytes of a field hold. It sees what the field sees: the fields before it.
    ///
    /// Nothing of it is ever run to read the packet or to write it, so it can tell neither what else in
    /// the packet means. Bytes within are not opened further.
    pub(super) fn opened(&mut self, id: FieldId, ty: &'d Type, scope: ScopeId) -> Compiled<()> {
        if self.opening {
            return Ok(());
        }
        if !matches!(self.plan.fields[id as usize].kind, Kind::Bytes { .. }) {
            return Err(self.problem(
                Diagnostic::error("W104", ty.span, "only `bytes[..]` can be opened")
                    .label("what the bytes hold")
                    .help("a field of any other type shows what it is without `@open`"),
            ));
        }
        let takes_rest = self.plan.takes_rest;
        self.opening = true;
        let content = self.layout_of(id, ty, scope, &[]);
        self.opening = false;
        self.plan.takes_rest = takes_rest;
        self.plan.fields[id as usize].opened.push(content?.0);
        Ok(())
    }
}
