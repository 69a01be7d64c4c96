//! Declared types: from a name to its shape.

use super::*;
use crate::escape::escape;

impl<'d> Compiler<'d> {
    /// Follows names to a type's shape; gives the scope of its parameters if it was declared, and the
    /// attributes met on the way.
    #[expect(clippy::type_complexity, reason = "what is found on one way")]
    pub(super) fn resolve(
        &mut self,
        ty: &'d Type,
        scope: ScopeId,
    ) -> Compiled<(Shape<'d>, Option<ScopeId>, Vec<&'d [Attribute]>, Opened<'d>)> {
        let mut extra = Vec::new();
        let mut opened = Opened { depth: self.open_types.len(), recursive: None, args: Vec::new() };
        let (mut ty, mut at, mut inner) = (ty, scope, None);
        while let TypeKind::Name { name, args } = &ty.kind {
            if self.open_types.len() > NESTING_MAX {
                return Err(self.problem(Diagnostic::error(
                    "W024",
                    name.span,
                    "this type grows without end",
                )));
            }
            if let Some(Binding::Type { ty: bound, scope }) = self.parameter(name, at) {
                (ty, at, inner) = (bound, scope, Some(scope));
                continue;
            }
            let Some(id) = self.declared(name)? else {
                if !args.is_empty() {
                    return Err(self.unknown_type(name));
                }
                break;
            };
            let decl = &self.decls.types[id];
            if decl.params.len() != args.len() {
                let message = format!(
                    "`{}` takes {} argument(s), not {}",
                    name.text,
                    decl.params.len(),
                    args.len()
                );
                return Err(self.problem(
                    Diagnostic::error("W041", name.span, message)
                        .secondary(decl.name.span, "declared here"),
                ));
            }
            let mut bound = Vec::new();
            for (param, arg) in decl.params.iter().zip(args) {
                bound.push(self.argument(param, arg, at)?);
            }
            if self.decls.recursive.contains(&id) {
                opened.recursive = Some(id);
                opened.args = bound;
                extra.push(decl.attributes.as_slice());
                break;
            }
            self.open_types.push(id);
            let params = self.new_scope(None);
            for (param, binding) in decl.params.iter().zip(bound) {
                self.scopes[params].bind(param.key(), &param.text.as_str().into(), binding);
            }
            extra.push(decl.attributes.as_slice());
            (ty, at, inner) = (&decl.body, params, Some(params));
        }
        Ok((Shape { kind: &ty.kind, span: ty.span }, inner, extra, opened))
    }

    pub(super) fn leave(&mut self, opened: Opened<'d>) {
        self.open_types.truncate(opened.depth);
    }

    pub(super) fn parameter(&self, name: &Name, scope: ScopeId) -> Option<Binding<'d>> {
        let key = name.key();
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let Some([binding @ Binding::Type { .. }, ..]) = self.scopes[scope].get(&key) {
                return Some(binding.clone());
            }
            at = self.scopes[scope].parent;
        }
        None
    }

    /// The declaration of a type at this version.
    pub(super) fn declared(&mut self, name: &Name) -> Compiled<Option<TypeId>> {
        let decls = self.decls;
        let Some(candidates) = decls.types_by_name.get(&name.key()) else { return Ok(None) };
        let found = candidates.iter().copied().find(|id| {
            let gates = &decls.types[*id].gates;
            gates::admits(
                gates,
                &decls.versions,
                self.version,
                Some(self.direction),
                &mut self.interval,
            )
        });
        if found.is_none() {
            let key = &decls.versions.get(self.version).key;
            let message = format!("`{}` is not declared for version {key}", name.text);
            return Err(self.problem(
                Diagnostic::error("W042", name.span, message)
                    .secondary(decls.types[candidates[0]].name.span, "declared here for others"),
            ));
        }
        Ok(found)
    }

    /// What a parameter's value stands for.
    fn value(&mut self, ex: Ex, span: Span) -> Compiled<Binding<'d>> {
        let size = self.bounded(&ex, span)?;
        let level = self.layouts.len();
        if !ex.any(|ex| *ex == Ex::Remaining) {
            return Ok(Binding::Value { ex, level });
        }
        // The bytes left here are others than where the parameter is used.
        let id = self.new_field("".into(), "", Kind::Let(Box::new(ex)), Marks::default());
        self.let_sizes.insert(id, size);
        let here = FieldRef { up: 0, fields: vec![id], member: None, guarded: false };
        Ok(Binding::Value { ex: Ex::Field(here), level })
    }

    pub(super) fn argument(
        &mut self,
        param: &Name,
        arg: &'d Arg,
        scope: ScopeId,
    ) -> Compiled<Binding<'d>> {
        let wants_type = param.text.starts_with(char::is_uppercase);
        // A parameter handed on is what it stands for, so that a type may hand its own to itself.
        if wants_type
            && let Arg::Name(Type { kind: TypeKind::Name { name, args }, .. }) = arg
            && args.is_empty()
            && let Some(bound) = self.parameter(name, scope)
        {
            return Ok(bound);
        }
        match (wants_type, arg) {
            (true, Arg::Type(ty) | Arg::Name(ty)) => Ok(Binding::Type { ty, scope }),
            (false, Arg::Expr(e)) => {
                let ex = self.lower(e, scope)?;
                self.value(ex, e.span)
            }
            (false, Arg::Name(ty)) => {
                let TypeKind::Name { name, args } = &ty.kind else { return Err(Reported) };
                if !args.is_empty() {
                    return Err(self.problem(Diagnostic::error(
                        "W043",
                        ty.span,
                        "a value is needed here",
                    )));
                }
                let ex = self.lower_name(name, scope)?;
                self.value(ex, name.span)
            }
            (true, Arg::Expr(e)) => Err(self.problem(Diagnostic::error(
                "W043",
                e.span,
                format!("`{}` is a type", param.text),
            ))),
            (false, Arg::Type(ty)) => Err(self.problem(Diagnostic::error(
                "W043",
                ty.span,
                format!("`{}` is a value", param.text),
            ))),
        }
    }

    /// The field that a path names, if it names one.
    pub(super) fn try_field_of(
        &mut self,
        path: &'d [Name],
        span: Span,
        scope: ScopeId,
    ) -> Option<FieldRef> {
        let before = std::mem::replace(&mut self.quiet, true);
        let found = self.field_of(path, span, scope);
        self.quiet = before;
        found.ok()
    }

    // ---- names of enums ----------------------------------------------------------------------

    /// The entries of the enum that an expression is of.
    pub(super) fn names_of(&mut self, expr: &'d Expr, scope: ScopeId) -> Option<EnumNames> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let field = self.try_field_of(path, expr.span, scope)?;
        if field.member.is_some() {
            return None;
        }
        let mut found: Option<EnumNames> = None;
        for id in &field.fields {
            let Kind::Enum { entries, .. } = &self.plan.fields[*id as usize].kind else {
                return None;
            };
            let all = self.enum_names.get(id).cloned().unwrap_or_default();
            match &mut found {
                None => {
                    let (entries, differing) = (entries.clone(), HashSet::new());
                    found = Some(EnumNames { entries, all, differing });
                }
                // In arms that exclude each other a name may be one number here and another there.
                Some(found) => {
                    let mut names: HashSet<String> = all.iter().map(|n| lookup_key(n)).collect();
                    names.extend(found.all.iter().map(|n| lookup_key(n)));
                    names.retain(|key| entries.number(key) != found.entries.number(key));
                    found.differing.extend(names);
                }
            }
        }
        found
    }

    /// What a name stands for in an enum.
    pub(in crate::resolve) fn entry_of(
        &mut self,
        names: &EnumNames,
        name: &str,
        span: Span,
    ) -> Compiled<EntryOf> {
        // Entries are kept as they are shown.
        let name = &*escape(name);
        let key = lookup_key(name);
        if names.differing.contains(&key) {
            let message = format!("`{name}` is not the same in all arms that this may come from");
            return Err(self.problem(
                Diagnostic::error("W057", span, message).help("give the fields names of their own"),
            ));
        }
        Ok(match names.entries.number(name) {
            Some(n) => EntryOf::Number(n),
            None if names.all.iter().any(|n| same_name(n, name)) => EntryOf::OtherVersion,
            None => EntryOf::Unknown,
        })
    }

    /// The text field that an expression is.
    pub(super) fn text_field(&mut self, expr: &'d Expr, scope: ScopeId) -> Option<FieldRef> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let field = self.try_field_of(path, expr.span, scope)?;
        let is_text =
            |id: &FieldId| matches!(self.plan.fields[*id as usize].kind, Kind::Str { .. });
        field.fields.iter().all(is_text).then_some(field)
    }

    /// An expression over the body's fields, after the body's layout is closed.
    pub(in crate::resolve) fn lower_at_body(
        &mut self,
        expr: &'d Expr,
        scope: ScopeId,
    ) -> Compiled<Ex> {
        self.resume_layout(0, 0);
        let lowered = self.lower(expr, scope);
        self.layouts.pop();
        lowered
    }

    /// The enum that an expression over the body's fields is of.
    pub(in crate::resolve) fn names_at_body(
        &mut self,
        expr: &'d Expr,
        scope: ScopeId,
    ) -> Option<EnumNames> {
        self.resume_layout(0, 0);
        let names = self.names_of(expr, scope);
        self.layouts.pop();
        names
    }
}
