//! Fields that are computed from others when they are written: from earlier ones, or from later ones, whose
//! names mean something only at the end of the struct.

use super::*;

/// A computed field whose expression waits for the end of its struct.
pub(super) struct Late<'d> {
    field: usize,
    value: &'d Expr,
    /// The names of the struct.
    scope: ScopeId,
}

impl<'d> Compiler<'d> {
    /// A struct's fields, and then what is computed from later ones.
    pub(super) fn struct_body(
        &mut self,
        body: &'d Struct,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let before = self.late.len();
        let mut result = self.struct_items(body, scope, items);
        for Late { field, value, scope } in self.late.split_off(before) {
            self.at_the_end = true;
            let lowered = self.lower(value, scope);
            self.at_the_end = false;
            match lowered {
                Ok(ex) => self.plan.fields[field].derived.push(Derivation::Expr(ex)),
                Err(Reported) => result = Err(Reported),
            }
        }
        result
    }

    /// `= value` behind a field.
    pub(super) fn computed(&mut self, field: usize, value: &'d Expr, scope: ScopeId) {
        let before = std::mem::replace(&mut self.quiet, true);
        let lowered = self.lower(value, scope);
        self.quiet = before;
        let Ok(ex) = lowered else {
            self.late.push(Late { field, value, scope });
            return;
        };
        if let Kind::Int(repr) | Kind::Enum { repr, .. } = self.plan.fields[field].kind
            && let Some(n) = ex.constant()
        {
            self.number_fits(n, "this", repr, value.span);
        }
        self.plan.fields[field].derived.push(Derivation::Expr(ex));
    }
}
