//! Fields of a type.

use super::*;
use crate::escape::escape;

impl<'d> Compiler<'d> {
    /// A field of a type. Names are bound in `bind`, the type's own names are looked up in `scope`.
    pub(super) fn typed(
        &mut self,
        mut field: Written<'_, 'd>,
        ty: &'d Type,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let (shape, inner, extra, opened) = self.resolve(ty, scope)?;
        for attributes in &extra {
            field.marks = field.marks.over(self.marks(attributes)?);
        }
        let result = match opened.recursive {
            Some(_) => self.called(field, items, &opened),
            None => self.shaped(field, shape, inner, scope, items),
        };
        self.leave(opened);
        result
    }

    pub(super) fn shaped(
        &mut self,
        field: Written<'_, 'd>,
        shape: Shape<'d>,
        inner: Option<ScopeId>,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let names_at = inner.unwrap_or(scope);
        match shape.kind {
            // One field in each arm, all of the same name.
            TypeKind::Match { subject, arms } => {
                let kept: Vec<_> = arms.iter().filter(|arm| self.admitted(&arm.gates)).collect();
                let labels: Vec<_> = kept.iter().map(|arm| &arm.labels).collect();
                let (select, labels) = self.select(subject, &labels, names_at)?;
                let bodies = kept.into_iter().map(|arm| {
                    let field = field.clone();
                    move |c: &mut Self, items: &mut Vec<Item>| {
                        c.typed(field, &arm.ty, names_at, items)
                    }
                });
                let arms =
                    labels.into_iter().zip(bodies).filter_map(|(l, b)| Some((l?, b))).collect();
                self.branch(select, arms, items)
            }
            TypeKind::If { condition, then, otherwise } => {
                let ex = self.lower(condition, names_at)?;
                self.doubt_condition(&ex, condition.span);
                let bodies = [then, otherwise].map(|ty| {
                    let field = field.clone();
                    (Vec::new(), move |c: &mut Self, items: &mut Vec<Item>| {
                        c.typed(field, ty, names_at, items)
                    })
                });
                self.branch(Select::If(ex), bodies.into_iter().collect(), items)
            }
            TypeKind::Opt(ty) => {
                let presence = self.new_field("".into(), "", Kind::Presence, Marks::default());
                self.advance(1, presence);
                self.end_field(presence);
                items.push(Item::Field(presence));
                let there =
                    FieldRef { up: 0, fields: vec![presence], member: None, guarded: false };
                let body =
                    |c: &mut Self, items: &mut Vec<Item>| c.typed(field, ty, names_at, items);
                self.branch(Select::If(Ex::Field(there)), vec![(Vec::new(), body)], items)
            }
            TypeKind::Nothing => Ok(()),
            _ => self.leaf(field, shape, names_at, inner, items),
        }
    }

    /// A field that is one field of the plan.
    pub(super) fn leaf(
        &mut self,
        field: Written<'_, 'd>,
        shape: Shape<'d>,
        names_at: ScopeId,
        inner: Option<ScopeId>,
        items: &mut Vec<Item>,
    ) -> Compiled<()> {
        let placeholder = Kind::Struct(Vec::new());
        // A count's expression is looked up before the field itself has a name.
        let id =
            self.new_field(field.name.text.as_str().into(), field.doc, placeholder, field.marks);
        let kind = self.kind(id, shape, names_at, inner)?;
        self.plan.fields[id as usize].kind = kind;
        self.end_field(id);
        self.derive(id);
        self.doubt_sizes(id, shape.kind);
        for ty in field.opens {
            self.opened(id, ty, field.bind)?;
        }
        self.bind(field.name, id, field.bind);
        items.push(Item::Field(id));
        Ok(())
    }

    /// Gives a field its name, which elements of one value do not have.
    pub(super) fn bind(&mut self, name: &Name, id: FieldId, scope: ScopeId) {
        if !name.text.is_empty() {
            self.check_duplicate(name, id, scope);
            let shared = self.plan.fields[id as usize].name.clone();
            self.named_at.insert(id, name.span);
            self.scopes[scope].bind(name.key(), &shared, Binding::Field(id));
        }
    }

    /// An error if a field of that name may be present together with an earlier one.
    pub(super) fn check_duplicate(&mut self, name: &Name, id: FieldId, scope: ScopeId) {
        let Some(bindings) = self.scopes[scope].get(&name.key()) else { return };
        let before = self.compared;
        self.compared = before.saturating_add(bindings.len());
        if self.compared > COMPARED_MAX {
            if before > COMPARED_MAX {
                return;
            }
            let message = format!("too many fields are called `{}`", name.text);
            self.problems.push(Diagnostic::error("W024", name.span, message));
            return;
        }
        let clash = bindings.iter().find_map(|binding| match binding {
            Binding::Field(other) => (!self.exclude_each_other(*other, id)).then_some(Some(*other)),
            _ => Some(None),
        });
        let Some(other) = clash else { return };
        let message = format!("`{}` is the name of an earlier field", name.text);
        let mut error = Diagnostic::error("W030", name.span, message).help(
            "two fields of a struct may share a name only in arms that exclude each other, or in versions \
             that do: `@..764` and `@765..`",
        );
        if let Some(at) = other.and_then(|other| self.named_at.get(&other)) {
            error = error.secondary(*at, "the earlier one");
            let several = self.decls.versions.iter().count() > 1;
            if several {
                let key = &self.decls.versions.get(self.version).key;
                error = error.label(format!("version {key} has both"));
            }
        }
        self.problems.push(error);
    }

    /// Whether two fields stand in different arms of one branch.
    pub(super) fn exclude_each_other(&self, a: FieldId, b: FieldId) -> bool {
        let chain = |id: FieldId| {
            let mut chain = Vec::new();
            let mut guard = self.plan.fields[id as usize].guard;
            while let Some((branch, arm)) = guard {
                chain.push((branch, arm));
                guard = self.plan.branches[branch as usize].guard;
            }
            chain
        };
        let (a, b) = (chain(a), chain(b));
        a.iter().any(|(branch, arm)| b.iter().any(|(other, taken)| branch == other && arm != taken))
    }

    /// Passes the bytes of a type, and tells what they are.
    pub(super) fn kind(
        &mut self,
        id: FieldId,
        shape: Shape<'d>,
        scope: ScopeId,
        inner: Option<ScopeId>,
    ) -> Compiled<Kind> {
        match shape.kind {
            TypeKind::Name { name, .. } => self.primitive(id, name),
            TypeKind::Native(name) => self.primitive(id, name),
            TypeKind::Str { encoding, count } => {
                self.text(id, *encoding, count.as_ref(), shape.span, scope, Vec::new())
            }
            TypeKind::Bytes(count) => {
                let len = self.len_or_mark(count, scope)?;
                self.pass_len(id, &len, 1);
                Ok(Kind::Bytes { len })
            }
            TypeKind::Enum { repr, entries } => self.enumeration(id, repr, entries, scope),
            TypeKind::Flags { repr, entries } => {
                let repr = self.integer(repr, scope)?;
                let bits = repr.width();
                let mut members = Vec::new();
                let mut next = 0;
                for entry in entries.iter().filter(|e| self.admitted(&e.gates)).collect::<Vec<_>>()
                {
                    let number = self.entry_number(entry, next)?;
                    if !(0..bits.into()).contains(&number) {
                        let message = format!(
                            "`{}` would be bit {number}, but there are {bits}",
                            entry.name.text
                        );
                        return Err(self.problem(Diagnostic::error(
                            "W031",
                            entry.name.span,
                            message,
                        )));
                    }
                    next = number + 1;
                    let (name, doc) = (escape(&entry.name.text).into(), entry.doc.as_str().into());
                    members.push(FlagMember { name, bit: number as u8, doc });
                }
                self.pass_int(id, repr);
                Ok(Kind::Flags { repr, members })
            }
            TypeKind::Bits { repr, lsb_first, members } => {
                self.bits(id, repr, *lsb_first, members, shape.span, scope)
            }
            TypeKind::Array { count, element } => self.array(id, count, element, scope),
            TypeKind::Block { transform, count, inner: ty } => {
                self.block(id, *transform, count, ty, scope)
            }
            TypeKind::Packed { width, count, unit, crossing } => {
                if let Some(unit) = unit
                    && unit.text != "u64"
                {
                    return Err(self.problem(Diagnostic::error(
                        "W032",
                        unit.span,
                        "numbers are packed in u64",
                    )));
                }
                let (width, count) = (self.lower(width, scope)?, self.lower(count, scope)?);
                let (w, c) = (self.expr(width.clone()), self.expr(count.clone()));
                let crossing = *crossing;
                self.advance_to(id, 0, |slot| Op::Packed { width: w, count: c, crossing, slot });
                Ok(Kind::Packed { width: Box::new(width), count: Box::new(count), crossing })
            }
            TypeKind::Struct(body) => {
                // A declared type's names end at the type; those of a struct in place go on outwards.
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                self.struct_scopes.insert(id, around);
                let outer = self.parent.replace(id);
                let mut items = Vec::new();
                let result = self.struct_body(body, around, &mut items);
                self.parent = outer;
                result?;
                Ok(Kind::Struct(items))
            }
            TypeKind::Match { .. } | TypeKind::If { .. } | TypeKind::Opt(_) | TypeKind::Nothing => {
                Err(self.problem(Diagnostic::error(
                    "W033",
                    shape.span,
                    "a condition cannot stand here",
                )))
            }
        }
    }

    pub(super) fn primitive(&mut self, id: FieldId, name: &Name) -> Compiled<Kind> {
        let order = self.decls.order;
        let Some(primitive) = primitives::named(&name.text, order) else {
            return Err(self.unknown_type(name));
        };
        Ok(match primitive {
            Primitive::Int(repr) => {
                self.pass_int(id, repr);
                Kind::Int(repr)
            }
            Primitive::Float(repr) => {
                self.advance(repr.bytes.into(), id);
                Kind::Float(repr)
            }
            Primitive::Bool => {
                self.advance(1, id);
                Kind::Bool
            }
            Primitive::Uuid => {
                self.advance(16, id);
                Kind::Uuid
            }
            Primitive::Nbt(form) => {
                self.advance_to(id, 1, |slot| Op::Nbt { form, slot });
                Kind::Nbt(form)
            }
        })
    }

    pub(super) fn unknown_type(&mut self, name: &Name) -> Reported {
        let decls = self.decls;
        let known = decls
            .types
            .iter()
            .map(|t| t.name.text.as_str())
            .chain(primitives::NAMES.iter().copied());
        let error =
            Diagnostic::error("W034", name.span, format!("no type is called `{}`", name.text));
        let near = suggest(&name.text, known);
        self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error.label("unknown type"),
        })
    }
}
