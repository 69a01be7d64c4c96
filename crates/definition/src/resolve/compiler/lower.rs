//! Expressions: from what was written to what a plan evaluates.

use std::sync::Arc;

use super::super::scope::{Binding, ScopeId};
use super::{Compiler, EntryOf, EnumNames, Reported};
use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::{Ex, FieldId, FieldRef, Kind, Member};
use crate::syntax::ast::{BinaryOp, Compare, Expr, ExprKind, Label, Labels, Name, Span, same_name};

type Lowered<T> = Result<T, Reported>;

impl<'d> Compiler<'d> {
    /// An expression in a scope.
    pub(super) fn lower(&mut self, expr: &'d Expr, scope: ScopeId) -> Lowered<Ex> {
        Ok(match &expr.kind {
            ExprKind::Int(n) => Ex::Int(*n),
            ExprKind::Bool(b) => Ex::Int((*b).into()),
            ExprKind::Float(_) => {
                return Err(self.problem(Diagnostic::error(
                    "W046",
                    expr.span,
                    "conditions compare whole numbers",
                )));
            }
            ExprKind::Str(_) => {
                return Err(self.problem(Diagnostic::error(
                    "W046",
                    expr.span,
                    "a text can only be compared with a text field by == or !=",
                )));
            }
            ExprKind::Path(path) => self.lower_path(path, expr.span, scope)?,
            ExprKind::Not(e) => Ex::Not(self.boxed(e, scope)?),
            ExprKind::Negate(e) => fold(Ex::Negate(self.boxed(e, scope)?)),
            ExprKind::Complement(e) => fold(Ex::Complement(self.boxed(e, scope)?)),
            ExprKind::Binary(op, a, b) => {
                fold(Ex::Binary(*op, self.boxed(a, scope)?, self.boxed(b, scope)?))
            }
            ExprKind::Compare(op, a, b) => self.lower_compare(*op, a, b, scope)?,
            ExprKind::InSet(e, set) => {
                let names = self.names_of(e, scope);
                let value = self.boxed(e, scope)?;
                let mut members = Vec::new();
                for member in set {
                    members.push(self.lower_with(member, names.as_ref(), scope)?);
                }
                Ex::InSet(value, members)
            }
            ExprKind::InRange(e, low, high) => Ex::InRange(
                self.boxed(e, scope)?,
                self.boxed(low, scope)?,
                self.boxed(high, scope)?,
            ),
            ExprKind::InTable(e, table) => self.in_table(e, table, scope)?,
            ExprKind::Lookup(table, e) => self.in_table(e, table, scope)?,
            ExprKind::Has(path) => Ex::Has(self.field_of(path, expr.span, scope)?),
            ExprKind::Call(name, args) => self.lower_call(name, args, scope)?,
            ExprKind::Match(subject, arms) => {
                let names = self.names_of(subject, scope);
                let value = self.boxed(subject, scope)?;
                let mut list = Vec::new();
                for (labels, e) in arms {
                    let labels = self.value_labels(labels, names.as_ref(), scope)?;
                    let Some(labels) = labels else { continue };
                    list.push((labels, self.lower(e, scope)?));
                }
                Ex::Match(value, list)
            }
        })
    }

    /// The labels of a match that gives a value: `None` if none of them exists at this version.
    fn value_labels(
        &mut self,
        labels: &'d Labels,
        names: Option<&EnumNames>,
        scope: ScopeId,
    ) -> Lowered<Option<Vec<Ex>>> {
        let Labels::Any(labels) = labels else { return Ok(Some(Vec::new())) };
        let mut list = Vec::new();
        for label in labels {
            match &label.node {
                Label::Int(n) => list.push(Ex::Int(*n)),
                Label::Range(low, high) if low > high => {
                    return Err(self.empty_range(label.span));
                }
                Label::Range(low, high) if high.saturating_sub(*low) < 256 => {
                    list.extend((*low..=*high).map(Ex::Int))
                }
                Label::Bool(b) => list.push(Ex::Int((*b).into())),
                Label::Expr(e) => list.push(self.lower(e, scope)?),
                Label::Name(name) | Label::Str(name) => {
                    let entry = match names {
                        Some(names) => self.entry_of(names, name, label.span)?,
                        None => EntryOf::Unknown,
                    };
                    match entry {
                        EntryOf::Number(n) => list.push(Ex::Int(n)),
                        EntryOf::OtherVersion => {}
                        EntryOf::Unknown => {
                            let message = format!("`{name}` is no entry of what is matched");
                            let error = Diagnostic::error("W029", label.span, message);
                            return Err(self.problem(error));
                        }
                    }
                }
                Label::Range(..) => {
                    return Err(self.problem(Diagnostic::error(
                        "W029",
                        label.span,
                        "this range is too long here",
                    )));
                }
            }
        }
        Ok((!list.is_empty()).then_some(list))
    }

    fn boxed(&mut self, expr: &'d Expr, scope: ScopeId) -> Lowered<Box<Ex>> {
        Ok(Box::new(self.lower(expr, scope)?))
    }

    /// A bare name as a value.
    pub(super) fn lower_name(&mut self, name: &'d Name, scope: ScopeId) -> Lowered<Ex> {
        match name.text.as_str() {
            "true" => Ok(Ex::Int(1)),
            "false" => Ok(Ex::Int(0)),
            _ => self.lower_path(std::slice::from_ref(name), name.span, scope),
        }
    }

    /// An operand that may be an entry of the enum it is compared with.
    fn lower_with(
        &mut self,
        expr: &'d Expr,
        names: Option<&EnumNames>,
        scope: ScopeId,
    ) -> Lowered<Ex> {
        let text = match &expr.kind {
            ExprKind::Path(path) if path.len() == 1 => Some(path[0].text.as_str()),
            ExprKind::Str(text) => Some(text.as_str()),
            _ => None,
        };
        if let (Some(names), Some(text)) = (names, text) {
            match self.entry_of(names, text, expr.span)? {
                EntryOf::Number(n) => return Ok(Ex::Int(n)),
                // Nothing equals it here.
                EntryOf::OtherVersion => return Ok(Ex::Int(i128::MIN)),
                EntryOf::Unknown => {}
            }
        }
        self.lower(expr, scope)
    }

    fn lower_compare(
        &mut self,
        op: Compare,
        a: &'d Expr,
        b: &'d Expr,
        scope: ScopeId,
    ) -> Lowered<Ex> {
        for (field, text) in [(a, b), (b, a)] {
            let ExprKind::Str(text) = &text.kind else { continue };
            if let Some(field) = self.text_field(field, scope) {
                let is = Ex::TextIs(field, text.as_str().into());
                return match op {
                    Compare::Equal => Ok(is),
                    Compare::NotEqual => Ok(Ex::Not(Box::new(is))),
                    _ => Err(self.problem(Diagnostic::error(
                        "W046",
                        a.span,
                        "texts are compared by == and !=",
                    ))),
                };
            }
        }
        let (of_a, of_b) = (self.names_of(a, scope), self.names_of(b, scope));
        let left = self.lower_with(a, of_b.as_ref(), scope)?;
        let right = self.lower_with(b, of_a.as_ref(), scope)?;
        Ok(fold(Ex::Compare(op, Box::new(left), Box::new(right))))
    }

    fn in_table(&mut self, e: &'d Expr, name: &Name, scope: ScopeId) -> Lowered<Ex> {
        let value = self.boxed(e, scope)?;
        match self.table(&name.text) {
            Some(table) => Ok(Ex::InTable(value, table)),
            None => {
                let error = Diagnostic::error(
                    "W048",
                    name.span,
                    format!("no table is called `{}`", name.text),
                );
                let decls = self.decls;
                let near = suggest(&name.text, decls.tables.iter().map(|t| t.name.text.as_str()));
                Err(self.problem(match near {
                    Some(near) => error.label(format!("did you mean `{near}`?")),
                    None => error,
                }))
            }
        }
    }

    fn lower_call(&mut self, name: &Name, args: &'d [Expr], scope: ScopeId) -> Lowered<Ex> {
        let path = match args {
            [Expr { kind: ExprKind::Path(path), span }] => Some((path, *span)),
            _ => None,
        };
        match (name.text.as_str(), args, path) {
            ("ones", [e], _) => {
                let number = self.lower(e, scope)?;
                Ok(Ex::Ones(Box::new(self.as_unsigned(number))))
            }
            ("count", _, Some((path, span))) => Ok(Ex::CountOf(self.field_of(path, span, scope)?)),
            ("bytes", _, Some((path, span))) => Ok(Ex::BytesOf(self.field_of(path, span, scope)?)),
            ("ones" | "count" | "bytes", ..) => {
                let message = format!("`{}` takes one field", name.text);
                Err(self.problem(Diagnostic::error("W049", name.span, message)))
            }
            _ => {
                let message = format!("no function is called `{}`", name.text);
                Err(self.problem(
                    Diagnostic::error("W049", name.span, message)
                        .help("there are: ones(number), count(list or text), bytes(field)"),
                ))
            }
        }
    }

    /// The bits that a field has on the wire: a negative number has no others.
    fn as_unsigned(&self, ex: Ex) -> Ex {
        let Ex::Field(FieldRef { fields, member: None, .. }) = &ex else { return ex };
        let width = |id: &FieldId| match &self.plan.fields[*id as usize].kind {
            Kind::Int(repr) | Kind::Enum { repr, .. } => Some(repr.width()),
            Kind::Flags { repr, .. } | Kind::Bits { repr, .. } => Some(repr.width()),
            _ => None,
        };
        match fields.iter().map(width).max() {
            Some(Some(width)) if width < 128 => {
                let mask = Ex::Int((1 << width) - 1);
                Ex::Binary(BinaryOp::BitAnd, Box::new(ex), Box::new(mask))
            }
            _ => ex,
        }
    }

    fn lower_path(&mut self, path: &'d [Name], span: Span, scope: ScopeId) -> Lowered<Ex> {
        let first = &path[0];
        // None of these words is reserved: a field of that name in scope is what is meant.
        let named = self.lookup(first, scope);
        match (first.text.as_str(), path.len()) {
            _ if named.is_some() => {}
            ("remaining", 1) => {
                self.depends(span, super::ends::Depends::Remaining);
                return Ok(Ex::Remaining);
            }
            ("version", 1) => {
                // The answer holds for this version alone.
                self.interval.first = self.interval.first.max(self.version);
                self.interval.last = self.interval.last.min(self.version);
                return Ok(Ex::Int(self.decls.versions.get(self.version).number.into()));
            }
            ("conn", 2) => {
                let key = path[1].key();
                let found = self.decls.conn.iter().position(|(name, _)| same_name(name, &key));
                return match found {
                    Some(index) => {
                        self.plan.conn.push(index as u32);
                        Ok(Ex::Conn(index as u32))
                    }
                    None => {
                        let message = format!("`conn` has no variable `{}`", path[1].text);
                        let error = Diagnostic::error("W050", path[1].span, message);
                        let near =
                            suggest(&path[1].text, self.decls.conn.iter().map(|(n, _)| &**n));
                        let error = match near {
                            Some(near) => error.label(format!("did you mean `{near}`?")),
                            None => error.help("declare it in the protocol: `conn { name: i32 }`"),
                        };
                        Err(self.problem(error))
                    }
                };
            }
            _ => {}
        }
        // A parameter's value stands for itself.
        if let (1, Some((_, Binding::Value { ex, level }))) = (path.len(), named) {
            if ex.any(|ex| ex.reference().is_some() || matches!(ex, Ex::Arg { .. })) {
                self.reachable(level, span)?;
            }
            return Ok(ex.outwards(self.layouts.len() - level));
        }
        let field = self.field_of(path, span, scope)?;
        for id in &field.fields {
            let kind = &self.plan.fields[*id as usize].kind;
            let number = matches!(
                kind,
                Kind::Int(_)
                    | Kind::Enum { .. }
                    | Kind::Flags { .. }
                    | Kind::Bits { .. }
                    | Kind::Bool
                    | Kind::Let(_)
            );
            if !number {
                let what = match kind {
                    Kind::Str { .. } => "a text",
                    Kind::Float(_) => "a fraction",
                    Kind::Array(_) => "a list",
                    Kind::Struct(_) | Kind::Call { .. } | Kind::Block { .. } => "a struct",
                    _ => "no number",
                };
                let text = path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
                let error = Diagnostic::error(
                    "W047",
                    span,
                    format!("`{text}` is {what}, a number is needed here"),
                );
                return Err(self.problem(match kind {
                    Kind::Array(_) => error.help(format!("its length is `count({text})`")),
                    _ => error,
                }));
            }
        }
        Ok(Ex::Field(field))
    }

    /// An error if what was found so many layouts deep cannot be reached from here: a type that contains
    /// itself is run from many places, and only what it is given is the same in all.
    fn reachable(&mut self, level: usize, span: Span) -> Lowered<()> {
        if self.called_at.last().is_none_or(|called| *called <= level) {
            return Ok(());
        }
        let message = "this is outside of a type that contains itself";
        Err(self.problem(
            Diagnostic::error("W056", span, message)
                .help("give it to the type as an argument: `type T(U, n) { .. }`"),
        ))
    }

    fn lookup(&self, name: &Name, scope: ScopeId) -> Option<(ScopeId, Binding<'d>)> {
        let key = name.key();
        let mut at = Some(scope);
        while let Some(id) = at {
            if let Some([binding, ..]) = self.scopes[id].get(&key) {
                return Some((id, binding.clone()));
            }
            at = self.scopes[id].parent;
        }
        None
    }

    /// The field that a path names.
    pub(super) fn field_of(
        &mut self,
        path: &'d [Name],
        span: Span,
        scope: ScopeId,
    ) -> Lowered<FieldRef> {
        let mut path = path;
        let mut scope = scope;
        let mut only_here = false;
        let mut nameless = false;
        while let Some((first, rest)) = path.split_first() {
            match first.text.as_str() {
                "outer" if !rest.is_empty() && self.lookup(first, scope).is_none() => {
                    match self.scopes[scope].parent {
                        Some(parent) => scope = parent,
                        None => {
                            let error = Diagnostic::error(
                                "W051",
                                first.span,
                                "there is no struct further out",
                            );
                            return Err(self.problem(error));
                        }
                    }
                    path = rest;
                }
                "it" if self.lookup(first, scope).is_none() => {
                    path = rest;
                    only_here = true;
                    // Of an element that is one value: the value itself, or its flags and parts.
                    let is_named = |c: &Self, n: &Name| !c.fields_in(scope, &n.key()).is_empty();
                    nameless = match rest.first() {
                        None => true,
                        Some(name) => {
                            !is_named(self, name) && !self.fields_in(scope, "").is_empty()
                        }
                    };
                    break;
                }
                _ => break,
            }
        }
        let candidates: Vec<FieldId>;
        let level;
        let rest: &[Name];
        if nameless {
            rest = path;
            candidates = self.fields_in(scope, "");
            level = self.scopes[scope].level;
        } else {
            let first = &path[0];
            rest = &path[1..];
            let mut at = Some(scope);
            let mut found = None;
            while let Some(id) = at {
                let fields = self.fields_in(id, &first.key());
                if !fields.is_empty() {
                    found = Some((fields, self.scopes[id].level));
                    break;
                }
                at = if only_here { None } else { self.scopes[id].parent };
            }
            match found {
                Some((fields, found_level)) => (candidates, level) = (fields, found_level),
                None => return Err(self.unknown_field(first, scope)),
            }
        }
        if candidates.is_empty() {
            return Err(self.problem(Diagnostic::error(
                "W052",
                span,
                "the element is no single value",
            )));
        }
        self.reachable(level, span)?;
        let mut fields = Vec::new();
        let mut member = None;
        for id in &candidates {
            let mut of_this = None;
            let Some(found) = self.descend(*id, rest, &mut of_this) else { continue };
            if !fields.is_empty() && of_this != member {
                return Err(self.ambiguous(path, span, "lies at different bits"));
            }
            member = of_this;
            fields.extend(found);
        }
        if fields.is_empty() {
            return Err(self.unknown_member(candidates[0], rest));
        }
        let taken = |c: &Self, id: FieldId| {
            let guard = c.plan.fields[id as usize].guard;
            guard.is_none_or(|guard| c.arms.contains(&guard))
        };
        let certain = fields.iter().copied().find(|id| taken(self, *id));
        let (fields, guarded) = match certain {
            Some(id) => (vec![id], false),
            None => (fields, true),
        };
        let up = u8::try_from(self.layouts.len() - level).unwrap_or(u8::MAX);
        Ok(FieldRef { up, fields, member, guarded })
    }

    /// Fields of one name in arms that exclude each other, of which one meaning is needed.
    pub(super) fn ambiguous(&mut self, path: &[Name], span: Span, why: &str) -> Reported {
        let text = path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
        let message = format!("`{text}` {why} in the arms that it may come from");
        self.problem(
            Diagnostic::error("W057", span, message).help("give the fields names of their own"),
        )
    }

    fn fields_in(&self, scope: ScopeId, key: &str) -> Vec<FieldId> {
        let bindings = self.scopes[scope].get(key).unwrap_or(&[]);
        bindings
            .iter()
            .filter_map(|b| if let Binding::Field(id) = b { Some(*id) } else { None })
            .collect()
    }

    /// The fields that the rest of a path names inside a field.
    fn descend(
        &self,
        id: FieldId,
        rest: &[Name],
        member: &mut Option<Member>,
    ) -> Option<Vec<FieldId>> {
        let Some((name, behind)) = rest.split_first() else { return Some(vec![id]) };
        let key = name.key();
        match &self.plan.fields[id as usize].kind {
            Kind::Flags { members, .. } if behind.is_empty() => {
                let flag = members.iter().find(|m| same_name(&m.name, &key))?;
                *member = Some(Member { shift: flag.bit, width: 1, signed: false });
                Some(vec![id])
            }
            Kind::Bits { members, .. } if behind.is_empty() => {
                let part = members.iter().find(|m| same_name(&m.name, &key))?;
                *member =
                    Some(Member { shift: part.shift, width: part.width, signed: part.signed });
                Some(vec![id])
            }
            Kind::Struct(_) => {
                let scope = *self.struct_scopes.get(&id)?;
                let mut all = Vec::new();
                for inner in self.fields_in(scope, &key) {
                    all.extend(self.descend(inner, behind, member)?);
                }
                (!all.is_empty()).then_some(all)
            }
            _ => None,
        }
    }

    fn unknown_field(&mut self, name: &Name, scope: ScopeId) -> Reported {
        if self.quiet {
            return Reported;
        }
        let mut written: Vec<Arc<str>> = Vec::new();
        let mut at = Some(scope);
        while let Some(id) = at {
            if self.scopes[id].is_broken(&name.key()) {
                return Reported;
            }
            written.extend(self.scopes[id].written().iter().cloned());
            at = self.scopes[id].parent;
        }
        let which = if self.at_the_end { "of this struct" } else { "that comes before this one" };
        let message = format!("`{}` is not a field {which}", name.text);
        let error = Diagnostic::error("W053", name.span, message);
        let near = suggest(&name.text, written.iter().map(|n| &**n));
        self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error.label("unknown name"),
        })
    }

    fn unknown_member(&mut self, id: FieldId, rest: &[Name]) -> Reported {
        if self.quiet {
            return Reported;
        }
        let field = &self.plan.fields[id as usize];
        let Some(name) = rest.first() else { return Reported };
        // The value of an element has no name of its own.
        let whole = if field.name.is_empty() { "it" } else { &*field.name };
        let (message, names): (String, Vec<Arc<str>>) = match &field.kind {
            Kind::Flags { members, .. } => (
                format!("`{whole}` has no flag `{}`", name.text),
                members.iter().map(|m| m.name.clone()).collect(),
            ),
            Kind::Bits { members, .. } => (
                format!("`{whole}` has no part `{}`", name.text),
                members.iter().map(|m| m.name.clone()).collect(),
            ),
            Kind::Struct(_) => {
                let scope = self.struct_scopes.get(&id).map(|s| self.scopes[*s].written().to_vec());
                (format!("`{whole}` has no field `{}`", name.text), scope.unwrap_or_default())
            }
            _ => (format!("nothing inside `{whole}` can be named here"), Vec::new()),
        };
        let error = Diagnostic::error("W054", name.span, message);
        let near = suggest(&name.text, names.iter().map(|n| &**n));
        self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error,
        })
    }
}

/// An expression of constants is a constant.
fn fold(ex: Ex) -> Ex {
    use crate::plan::{binary, compare};
    match &ex {
        Ex::Binary(op, a, b) => match (a.constant(), b.constant(), op) {
            (Some(a), Some(b), _) => Ex::Int(binary(*op, a, b)),
            (Some(0), _, BinaryOp::And) => Ex::Int(0),
            _ => ex,
        },
        Ex::Compare(op, a, b) => match (a.constant(), b.constant()) {
            (Some(a), Some(b)) => Ex::Int(compare(*op, a, b).into()),
            _ => ex,
        },
        Ex::Negate(e) => e.constant().map_or_else(|| ex.clone(), |n| Ex::Int(n.wrapping_neg())),
        Ex::Complement(e) => e.constant().map_or_else(|| ex.clone(), |n| Ex::Int(!n)),
        _ => ex,
    }
}
