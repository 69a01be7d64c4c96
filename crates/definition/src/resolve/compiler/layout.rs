//! The layout that is being made: its code, slots and positions.

use super::*;

impl<'d> Compiler<'d> {
    pub(super) fn new_scope(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.scopes.push(NameScope::new(parent, self.layouts.len()));
        self.scopes.len() - 1
    }

    pub(super) fn open_layout(&mut self, name: Option<Arc<str>>, args: u32) -> LayoutId {
        let id = self.plan.layouts.len() as LayoutId;
        let cur = Pos { slot: START_SLOT, offset: 0 };
        self.plan.layouts.push(Layout {
            name,
            items: Vec::new(),
            entry: 0,
            slots: 0,
            fixed_size: None,
            min_size: 0,
            end: cur,
            transparent: false,
            opened: self.opening,
        });
        self.resume_layout(id, args);
        id
    }

    pub(super) fn resume_layout(&mut self, id: LayoutId, args: u32) {
        let first = Layout::first_free_slot(args);
        self.layouts.push(OpenLayout {
            id,
            code: Vec::new(),
            covers: Vec::new(),
            switches: Vec::new(),
            cur: Pos { slot: START_SLOT, offset: 0 },
            pending: 0,
            pending_first: None,
            next_slot: first,
            slots: first,
            fixed: true,
            min: 0,
        });
    }

    pub(super) fn close_layout(&mut self, items: Vec<Item>, transparent: bool) {
        self.doubt_behind_rest(&items, None);
        self.emit(Op::Return, None);
        let open = self.layouts.pop().expect("every close_layout has its open_layout");
        let entry = self.plan.code.len() as u32;
        for mut code in open.code {
            match &mut code.op {
                Op::If { otherwise, .. } | Op::IfBits { otherwise, .. } => *otherwise += entry,
                Op::Jump { to } => *to += entry,
                _ => {}
            }
            self.plan.code.push(code);
        }
        self.plan.covers.extend(open.covers);
        for switch in open.switches {
            for target in &mut self.plan.switches[switch as usize].targets {
                *target += entry;
            }
        }
        self.plan.fuse(entry as usize);
        let layout = &mut self.plan.layouts[open.id as usize];
        layout.items = items;
        layout.entry = entry;
        layout.slots = open.slots;
        layout.fixed_size = open.fixed.then_some(open.cur.offset);
        layout.min_size = open.min;
        layout.end = open.cur;
        layout.transparent = transparent;
    }

    pub(super) fn here(&mut self) -> &mut OpenLayout {
        self.layouts.last_mut().expect("fields are compiled inside an open layout")
    }

    pub(super) fn slot(&mut self) -> u32 {
        let open = self.here();
        let slot = open.next_slot;
        open.next_slot += 1;
        open.slots = open.slots.max(open.next_slot);
        slot
    }

    pub(super) fn emit(&mut self, op: Op, field: Option<FieldId>) -> usize {
        self.plan.takes_rest |= match op {
            Op::Rest { .. } => true,
            Op::If { cond, .. } => matches!(self.plan.conds[cond as usize], Cond::Remaining),
            _ => false,
        };
        let open = self.here();
        let first = open.pending_first.or(field).unwrap_or(0);
        let behind = field
            .map_or(if open.pending_first.is_some() { FieldId::MAX } else { first }, |f| f + 1);
        let skip = std::mem::take(&mut open.pending);
        open.pending_first = None;
        open.code.push(Code { skip, op });
        open.covers.push((first, behind));
        let behind = self.plan.fields.len() as FieldId;
        let open = self.here();
        let at = open.code.len() - 1;
        let covers = &mut open.covers[at];
        covers.1 = covers.1.min(behind.max(covers.0));
        at
    }

    /// Passes so many bytes with the next instruction.
    pub(super) fn advance(&mut self, size: u32, field: FieldId) {
        let open = self.here();
        open.pending = open.pending.saturating_add(size);
        open.pending_first.get_or_insert(field);
        open.cur.offset = open.cur.offset.saturating_add(size);
        open.min = open.min.saturating_add(size);
    }

    /// Passes something of unknown size whose end the instruction puts into a new slot.
    pub(super) fn advance_to(&mut self, field: FieldId, min: u32, op: impl FnOnce(u32) -> Op) {
        let slot = self.slot();
        self.emit(op(slot), Some(field));
        let open = self.here();
        open.cur = Pos { slot, offset: 0 };
        open.fixed = false;
        open.min = open.min.saturating_add(min);
    }

    pub(super) fn jump_here(&mut self, at: usize) {
        let open = self.here();
        let target = open.code.len() as u32;
        match &mut open.code[at].op {
            Op::If { otherwise, .. } | Op::IfBits { otherwise, .. } => *otherwise = target,
            Op::Jump { to } => *to = target,
            _ => {}
        }
    }

    pub(super) fn new_field(
        &mut self,
        name: Arc<str>,
        doc: &str,
        kind: Kind,
        marks: Marks,
    ) -> FieldId {
        let open = self.here();
        let (layout, cur) = (open.id, open.cur);
        let guard = self
            .arms
            .last()
            .copied()
            .filter(|(b, _)| self.plan.branches[*b as usize].layout == layout);
        let id = self.plan.fields.len() as FieldId;
        let doc = doc.to_owned().into();
        let parent = self.parent;
        let name = self.decls.shared_name(name);
        self.plan.fields.push(Field {
            name,
            doc,
            parent,
            layout,
            guard,
            start: cur,
            end: cur,
            kind,
            marks: marks.into(),
            derived: Default::default(),
            opened: Default::default(),
        });
        id
    }

    pub(super) fn end_field(&mut self, id: FieldId) {
        let cur = self.here().cur;
        self.plan.fields[id as usize].end = cur;
    }

    pub(super) fn tail(&mut self, items: &mut Vec<Item>) {
        let id = self.new_field("".into(), "", Kind::Tail, Marks::default());
        self.advance_to(id, 0, |slot| Op::Rest { slot });
        self.end_field(id);
        items.push(Item::Field(id));
    }
}
