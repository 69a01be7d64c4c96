//! Lists, blocks, and types that contain themselves.

use super::*;

impl<'d> Compiler<'d> {
    /// A layout for a type of its own: a struct's fields, or one value without a name.
    pub(super) fn layout_of(
        &mut self,
        holder: FieldId,
        ty: &'d Type,
        scope: ScopeId,
        wanted: &[&'d Expr],
    ) -> Compiled<(LayoutId, Vec<Ex>)> {
        if self.plan.layouts.len() > LAYOUTS_MAX || self.layouts.len() > NESTING_MAX {
            return Err(self.problem(Diagnostic::error(
                "W024",
                ty.span,
                "this type grows without end",
            )));
        }
        let parent = self.parent.take();
        let id = self.open_layout(None, 0);
        let (shape, inner, extra, opened) = self.resolve(ty, scope)?;
        let mut items = Vec::new();
        let mut transparent = false;
        let around = match shape.kind {
            TypeKind::Struct(body) if opened.recursive.is_none() => {
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                self.struct_body(body, around, &mut items)?;
                around
            }
            _ => {
                transparent = true;
                let nameless = Name { text: String::new(), span: ty.span };
                // What was written behind the list or block is meant for the one value in it.
                let mut marks = Marks::clone(&self.plan.fields[holder as usize].marks);
                for attributes in &extra {
                    marks = marks.over(self.marks(attributes)?);
                }
                let around = self.new_scope(Some(inner.unwrap_or(scope)));
                let field =
                    Written { name: &nameless, doc: "", marks, bind: around, opens: Vec::new() };
                match opened.recursive {
                    Some(_) => self.called(field, &mut items, &opened)?,
                    None => self.shaped(field, shape, inner, scope, &mut items)?,
                }
                if let [Item::Field(id)] = items.as_slice() {
                    let written: Arc<str> = "it".into();
                    self.scopes[around].bind(String::new(), &written, Binding::Field(*id));
                }
                around
            }
        };
        // What is asked of an element knows its names, then those around the list.
        let asked = self.new_scope(Some(scope));
        for (key, id) in
            self.scopes[around].fields().map(|(k, id)| (k.clone(), id)).collect::<Vec<_>>()
        {
            let written = self.plan.fields[id as usize].name.clone();
            self.scopes[asked].bind(key, &written, Binding::Field(id));
        }
        let mut lowered = Vec::new();
        for expr in wanted {
            lowered.push(self.lower(expr, asked)?);
        }
        self.leave(opened);
        self.close_layout(items, transparent);
        self.parent = parent;
        Ok((id, lowered))
    }

    pub(super) fn array(
        &mut self,
        id: FieldId,
        written: &'d ast::Count,
        element: &'d Type,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let max = written.max.as_ref().and_then(|m| u64::try_from(m.node).ok());
        let order = self.decls.order;
        // What is asked of the array around the elements is looked up before they are.
        let (mut known, mut wanted) = (None, Vec::new());
        match &written.kind {
            CountKind::Rest | CountKind::Prefix(_) | CountKind::Expr(_) => {
                known = Some(Count::Len(self.len(written, scope)?));
            }
            CountKind::UntilValue { prim, compare, value } => {
                let Some(Primitive::Int(repr)) = primitives::named(&prim.text, order) else {
                    return Err(self.problem(Diagnostic::error(
                        "W038",
                        prim.span,
                        "an integer type is needed here",
                    )));
                };
                let value = self.lower(value, scope)?;
                known = Some(Count::Until { repr, compare: *compare, value, max });
            }
            CountKind::UntilSum { each, .. } => wanted.push(each),
            CountKind::While(more) => wanted.push(more),
        }
        let (layout, lowered) = self.layout_of(id, element, scope, &wanted)?;
        let count = match (known, &written.kind, lowered.into_iter().next()) {
            (Some(count), ..) => count,
            (None, CountKind::UntilSum { compare, total, .. }, Some(each)) => {
                Count::Sum { each, compare: *compare, total: self.lower(total, scope)? }
            }
            (None, _, Some(more)) => Count::While { more, max },
            (None, _, None) => return Err(Reported),
        };
        self.doubt_elements(&count, written, layout);
        let shape = self.element_shape(layout);
        let min = match &count {
            Count::Len(Len::Fixed(n)) => {
                n.saturating_mul(self.plan.layouts[layout as usize].min_size)
            }
            Count::Len(Len::Prefix { repr, .. }) => repr.fixed_size().unwrap_or(1),
            Count::Until { repr, .. } => repr.fixed_size().unwrap_or(1),
            _ => 0,
        };
        let (count_slot, first_slot, index_slot) = (self.slot(), self.slot(), self.slot());
        let array = self.plan.arrays.len() as u32;
        let kind = ArrayKind {
            count: count.clone(),
            element: layout,
            count_slot,
            first: Pos { slot: first_slot, offset: 0 },
            index_slot: Some(index_slot),
            counted: shape == ElementShape::Layout
                || !matches!(
                    count,
                    Count::Len(Len::Prefix { .. } | Len::Expr { .. } | Len::Fixed(_))
                ),
        };
        let end_slot = self.slot();
        self.plan.arrays.push(ArrayCode {
            count,
            element: layout,
            shape,
            element_min: self.plan.layouts[layout as usize].min_size,
            count_slot,
            first_slot,
            index_slot,
            end_slot,
        });
        self.emit(Op::Array { array }, Some(id));
        self.moved_to(end_slot, min);
        Ok(Kind::Array(Box::new(kind)))
    }

    pub(super) fn moved_to(&mut self, slot: u32, min: u32) {
        let open = self.here();
        open.cur = Pos { slot, offset: 0 };
        open.fixed = false;
        open.min = open.min.saturating_add(min);
    }

    pub(super) fn element_shape(&self, layout: LayoutId) -> ElementShape {
        let layout = &self.plan.layouts[layout as usize];
        if let Some(size) = layout.fixed_size {
            return ElementShape::Fixed(size);
        }
        let [Item::Field(id)] = layout.items.as_slice() else { return ElementShape::Layout };
        match &self.plan.fields[*id as usize].kind {
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => ElementShape::Varint(repr.max_size()),
            Kind::Str { encoding, len: Len::Prefix { repr, max }, .. } => {
                let unit = encoding.unit();
                ElementShape::Prefixed { repr: *repr, unit, max: narrow(*max) }
            }
            Kind::Bytes { len: Len::Prefix { repr, max } } => {
                ElementShape::Prefixed { repr: *repr, unit: 1, max: narrow(*max) }
            }
            _ => ElementShape::Layout,
        }
    }

    pub(super) fn block(
        &mut self,
        id: FieldId,
        transform: Transform,
        count: &'d ast::Count,
        ty: &'d Type,
        scope: ScopeId,
    ) -> Compiled<Kind> {
        let len = self.len(count, scope)?;
        let (layout, _) = self.layout_of(id, ty, scope, &[])?;
        let min = match &len {
            Len::Fixed(n) => *n,
            Len::Prefix { repr, .. } => repr.fixed_size().unwrap_or(1),
            _ => 0,
        };
        let (slot, end_slot) = (self.slot(), self.slot());
        let block = self.plan.blocks.len() as u32;
        self.plan.blocks.push(BlockCode { transform, len: len.clone(), layout, slot, end_slot });
        self.emit(Op::Block { block }, Some(id));
        self.moved_to(end_slot, min);
        Ok(Kind::Block { transform, len, layout, slot })
    }

    /// A type that contains itself: in a block of its own.
    pub(super) fn called(
        &mut self,
        field: Written<'_, 'd>,
        items: &mut Vec<Item>,
        opened: &Opened<'d>,
    ) -> Compiled<()> {
        let Some(ty) = opened.recursive else { return Err(Reported) };
        let decl = &self.decls.types[ty];
        let mut args = Vec::new();
        let mut type_args = String::new();
        for (param, arg) in decl.params.iter().zip(&opened.args) {
            match arg {
                Binding::Value { ex, level } => args.push(ex.outwards(self.layouts.len() - level)),
                Binding::Type { ty, scope } => {
                    type_args.push_str(&format!("{}={scope}:{ty:?};", param.text))
                }
                Binding::Field(_) => {}
            }
        }
        let layout = match self.called.get(&(ty, type_args.clone())) {
            Some(layout) => *layout,
            None => self.call_layout(ty, type_args, args.len() as u32, &opened.args)?,
        };
        let (slot, end_slot) = (self.slot(), self.slot());
        let kind = Kind::Call { layout, slot, args: args.clone() };
        let id = self.new_field(field.name.text.as_str().into(), field.doc, kind, field.marks);
        let call = self.plan.calls.len() as u32;
        self.plan.calls.push(CallCode { layout, args, slot, end_slot });
        self.emit(Op::Call { call }, Some(id));
        self.moved_to(end_slot, 0);
        self.end_field(id);
        self.bind(field.name, id, field.bind);
        items.push(Item::Field(id));
        Ok(())
    }

    pub(super) fn call_layout(
        &mut self,
        ty: TypeId,
        key: String,
        args: u32,
        bindings: &[Binding<'d>],
    ) -> Compiled<LayoutId> {
        let decl = &self.decls.types[ty];
        if self.plan.layouts.len() > LAYOUTS_MAX || self.layouts.len() > NESTING_MAX {
            return Err(self.problem(Diagnostic::error(
                "W024",
                decl.span,
                "this type grows without end",
            )));
        }
        let parent = self.parent.take();
        let arms = std::mem::take(&mut self.arms);
        let id = self.open_layout(Some(decl.name.text.as_str().into()), args);
        self.called.insert((ty, key), id);
        let scope = self.new_scope(None);
        let mut next = 0;
        for (param, binding) in decl.params.iter().zip(bindings) {
            let binding = match binding {
                Binding::Value { .. } => {
                    next += 1;
                    Binding::Value {
                        ex: Ex::Arg { up: 0, index: next - 1 },
                        level: self.layouts.len(),
                    }
                }
                other => other.clone(),
            };
            self.scopes[scope].bind(param.key(), &param.text.as_str().into(), binding);
        }
        self.called_at.push(self.layouts.len());
        let mut items = Vec::new();
        let content = self.call_content(ty, scope, &mut items);
        self.called_at.pop();
        self.close_layout(items, content?);
        self.parent = parent;
        self.arms = arms;
        Ok(id)
    }

    /// What a type that contains itself consists of; gives whether that is one value without a name.
    fn call_content(
        &mut self,
        ty: TypeId,
        scope: ScopeId,
        items: &mut Vec<Item>,
    ) -> Compiled<bool> {
        let decl = &self.decls.types[ty];
        let bind = self.new_scope(Some(scope));
        if let TypeKind::Struct(body) = &decl.body.kind {
            self.struct_body(body, bind, items)?;
            return Ok(false);
        }
        let nameless = Name { text: String::new(), span: decl.span };
        let marks = Marks::default();
        let field = Written { name: &nameless, doc: "", marks, bind, opens: Vec::new() };
        self.typed(field, &decl.body, scope, items)?;
        Ok(true)
    }

    /// Notes what is derived from this field's number of elements, bytes or code units.
    pub(super) fn derive(&mut self, id: FieldId) {
        if self.opening {
            return;
        }
        let ex = match &self.plan.fields[id as usize].kind {
            Kind::Str { len: Len::Expr { expr, .. }, .. }
            | Kind::Bytes { len: Len::Expr { expr, .. } }
            | Kind::Block { len: Len::Expr { expr, .. }, .. } => expr,
            Kind::Array(array) => match &array.count {
                Count::Len(Len::Expr { expr, .. }) => expr,
                _ => return,
            },
            _ => return,
        };
        if let Some((field, scale, offset)) = ex.linear() {
            self.plan.fields[field as usize].derived.push(Derivation::Measures {
                of: id,
                scale,
                offset,
            });
        }
    }
}
