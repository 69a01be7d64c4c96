//! `if`, `match` and `opt`: code that takes one of several arms.

use super::*;

impl<'d> Compiler<'d> {
    /// An `if`, `match` or `opt`: code that takes one of the arms.
    pub(super) fn branch<F>(
        &mut self,
        select: Select,
        arms: Vec<(Vec<ArmLabel>, F)>,
        items: &mut Vec<Item>,
    ) -> Compiled<()>
    where
        F: FnOnce(&mut Self, &mut Vec<Item>) -> Compiled<()>,
    {
        let slot = self.slot();
        let layout = self.here().id;
        let id = self.plan.branches.len() as BranchId;
        let guard = self
            .arms
            .last()
            .copied()
            .filter(|(b, _)| self.plan.branches[*b as usize].layout == layout);
        let is_if = matches!(select, Select::If(_));
        let (test, subject) = match &select {
            Select::If(ex) => (Some(self.condition(ex, slot)), None),
            Select::Match(ex) => (None, self.quick_int(ex)),
            Select::MatchText(_) => (None, None),
        };
        self.plan.branches.push(Branch { slot, layout, guard, select, arms: Vec::new() });
        items.push(Item::Branch(id));

        let switch = self.plan.switches.len() as u32;
        let head = match test {
            Some(test) => self.emit(test, None),
            None => {
                self.plan.switches.push(Switch {
                    branch: id,
                    slot,
                    targets: Vec::new(),
                    subject,
                    dense: Vec::new(),
                });
                self.here().switches.push(switch);
                self.emit(Op::Switch { switch }, None)
            }
        };

        let count = arms.len();
        let open = self.here();
        let (start, slots, min_before, fixed_before) =
            (open.cur, open.next_slot, open.min, open.fixed);
        let mut exits = Vec::new();
        let mut mins = Vec::new();
        let mut ends = Vec::new();
        let mut targets = Vec::new();
        let mut most_slots = slots;
        let mut exhaustive = is_if;
        let mut broken = false;
        for (number, (labels, body)) in arms.into_iter().enumerate() {
            let open = self.here();
            (open.cur, open.next_slot, open.min, open.fixed) =
                (start, slots, min_before, fixed_before);
            targets.push(open.code.len() as u32);
            if is_if && number == 1 {
                self.jump_here(head);
            }
            exhaustive |= labels.is_empty();
            self.arms.push((id, number as u32));
            let in_else = std::mem::replace(&mut self.in_else, !is_if && labels.is_empty());
            let mut inner = Vec::new();
            let result = body(self, &mut inner);
            self.in_else = in_else;
            self.arms.pop();
            match result {
                Ok(()) => {}
                Err(Reported) => broken = true,
            }
            self.plan.branches[id as usize].arms.push(Arm { labels, items: inner });
            let open = self.here();
            most_slots = most_slots.max(open.next_slot);
            mins.push(open.min);
            ends.push((open.cur, open.fixed));
            let last = number + 1 == count;
            if !last || open.pending > 0 {
                let jump = self.emit(Op::Jump { to: 0 }, None);
                exits.push(jump);
            }
        }
        if broken {
            return Err(Reported);
        }
        let open = self.here();
        targets.push(open.code.len() as u32);
        open.next_slot = most_slots;
        if !exhaustive || count == 0 || (is_if && count < 2) {
            mins.push(min_before);
            ends.push((start, fixed_before));
        }
        open.min = mins.into_iter().min().unwrap_or(min_before);
        for exit in exits {
            self.jump_here(exit);
        }
        if is_if && count < 2 {
            self.jump_here(head);
        }
        if !is_if {
            self.plan.switches[switch as usize].targets = targets;
            self.plan.switches[switch as usize].dense =
                dense(&self.plan.branches[id as usize].arms);
        }
        let same = ends.windows(2).all(|pair| pair[0] == pair[1]);
        if same && let Some((cur, fixed)) = ends.first().copied() {
            let open = self.here();
            (open.cur, open.fixed) = (cur, fixed);
        } else {
            let slot = self.slot();
            self.emit(Op::Mark { slot }, None);
            let open = self.here();
            open.cur = Pos { slot, offset: 0 };
            open.fixed = false;
        }
        Ok(())
    }

    /// The test of a condition, in its quickest form.
    fn condition(&mut self, ex: &Ex, slot: u32) -> Op {
        let (zero, inner) = match ex {
            Ex::Not(inner) => (true, &**inner),
            ex => (false, ex),
        };
        let otherwise = 0;
        if let Some((at, mask)) = self.quick_bit(inner) {
            return Op::IfBits { at, mask, zero, slot, otherwise };
        }
        let more = |op: &ast::Compare| matches!(op, ast::Compare::Greater | ast::Compare::NotEqual);
        self.plan.conds.push(match ex {
            Ex::Compare(op, left, right)
                if **left == Ex::Remaining && **right == Ex::Int(0) && more(op) =>
            {
                Cond::Remaining
            }
            ex => Cond::Ex(ex.clone()),
        });
        Op::If { cond: self.plan.conds.len() as u32 - 1, slot, otherwise }
    }

    /// An integer of this block that is certainly present.
    fn quick_int(&self, ex: &Ex) -> Option<(Pos, IntRepr)> {
        let Ex::Field(FieldRef { up: 0, fields, member: None, guarded: false }) = ex else {
            return None;
        };
        let [id] = fields.as_slice() else { return None };
        let field = &self.plan.fields[*id as usize];
        match &field.kind {
            Kind::Int(repr) | Kind::Enum { repr, .. } => Some((field.start, *repr)),
            _ => None,
        }
    }

    /// One bit of a field of this block that is certainly present.
    pub(super) fn quick_bit(&self, ex: &Ex) -> Option<(Pos, u8)> {
        let Ex::Field(FieldRef { up: 0, fields, member, guarded: false }) = ex else { return None };
        let [id] = fields.as_slice() else { return None };
        let field = &self.plan.fields[*id as usize];
        match (&field.kind, member) {
            (Kind::Bool | Kind::Presence, None) => Some((field.start, 0xff)),
            (
                Kind::Flags { repr: IntRepr::Fixed { bytes, order, .. }, .. }
                | Kind::Bits { repr: IntRepr::Fixed { bytes, order, .. }, .. },
                Some(member),
            ) if member.width == 1 => {
                let byte = u32::from(member.shift / 8);
                let offset = match order {
                    ByteOrder::Little => byte,
                    ByteOrder::Big => u32::from(*bytes) - 1 - byte,
                };
                let at = Pos { offset: field.start.offset + offset, ..field.start };
                Some((at, 1 << (member.shift % 8)))
            }
            _ => None,
        }
    }

    /// How a match chooses, and each arm's labels; no labels for `else`, `None` for an arm that cannot be
    /// taken at this version.
    pub(super) fn select(
        &mut self,
        subject: &'d Expr,
        labels: &[&'d Labels],
        scope: ScopeId,
    ) -> Compiled<(Select, Vec<Option<Vec<ArmLabel>>>)> {
        let textual = self.text_field(subject, scope);
        let names = self.names_of(subject, scope);
        let mut all = Vec::new();
        let mut written = Vec::new();
        for (number, of_arm) in labels.iter().enumerate() {
            let Labels::Any(labels_of) = of_arm else {
                all.push(Some(Vec::new()));
                if let Labels::Else(span) = of_arm
                    && number + 1 < labels.len()
                {
                    self.problems.push(Diagnostic::error(
                        "W027",
                        *span,
                        "`else` is not the last arm",
                    ));
                }
                continue;
            };
            let mut lowered = Vec::new();
            for label in labels_of {
                let meant = self.label(label, textual.is_some(), names.as_ref(), scope)?;
                if names.is_some() {
                    self.doubt_entry(label, meant.is_some());
                }
                written.extend(meant.clone().map(|meant| (label.span, meant)));
                lowered.extend(meant);
            }
            all.push((!lowered.is_empty()).then_some(lowered));
        }
        let select = match textual {
            Some(field) => Select::MatchText(field),
            None => Select::Match(self.lower(subject, scope)?),
        };
        let limits = match &select {
            Select::Match(ex) => self.limits_of(ex),
            Select::If(_) | Select::MatchText(_) => None,
        };
        self.labels_fit(&written, limits);
        if let Some(Labels::Else(span)) = labels.last() {
            self.doubt_else(*span, &written, limits);
        }
        Ok((select, all))
    }

    /// A label's meaning; `None` if it is an entry that this version does not have.
    pub(super) fn label(
        &mut self,
        label: &'d ast::Spanned<ast::Label>,
        textual: bool,
        names: Option<&EnumNames>,
        scope: ScopeId,
    ) -> Compiled<Option<ArmLabel>> {
        let mismatch = |what: &str| {
            Diagnostic::error(
                "W028",
                label.span,
                format!("{what} cannot be compared with what is matched"),
            )
        };
        match &label.node {
            ast::Label::Str(text) if textual => Ok(Some(ArmLabel::Text(text.as_str().into()))),
            ast::Label::Name(text) if textual => Ok(Some(ArmLabel::Text(text.as_str().into()))),
            ast::Label::Str(text) => match names {
                Some(names) => self.entry_label(text, label.span, names),
                None => Err(self.problem(mismatch("a text"))),
            },
            _ if textual => Err(self
                .problem(mismatch("this label").help("texts are matched by texts: `\"x\" => ..`"))),
            ast::Label::Int(n) => Ok(Some(ArmLabel::Range(*n, *n))),
            ast::Label::Range(low, high) if low > high => Err(self.empty_range(label.span)),
            ast::Label::Range(low, high) => Ok(Some(ArmLabel::Range(*low, *high))),
            ast::Label::Bool(b) => Ok(Some(ArmLabel::Range((*b).into(), (*b).into()))),
            ast::Label::Expr(e) => {
                let ex = self.lower(e, scope)?;
                Ok(Some(match ex.constant() {
                    Some(n) => ArmLabel::Range(n, n),
                    None => ArmLabel::Expr(ex),
                }))
            }
            ast::Label::Name(name) => match names {
                Some(names) => self.entry_label(name, label.span, names),
                None => Err(self.problem(
                    Diagnostic::error(
                        "W028",
                        label.span,
                        format!("`{name}` is a name, but what is matched is no enum"),
                    )
                    .help(format!("write a number, or `({name})` if it is a field or an argument")),
                )),
            },
        }
    }

    pub(super) fn empty_range(&mut self, span: Span) -> Reported {
        self.problem(Diagnostic::error("W029", span, "this range ends before it begins"))
    }

    pub(super) fn entry_label(
        &mut self,
        name: &str,
        span: Span,
        names: &EnumNames,
    ) -> Compiled<Option<ArmLabel>> {
        match self.entry_of(names, name, span)? {
            EntryOf::Number(n) => return Ok(Some(ArmLabel::Range(n, n))),
            EntryOf::OtherVersion => return Ok(None),
            EntryOf::Unknown => {}
        }
        let error =
            Diagnostic::error("W029", span, format!("`{name}` is no entry of what is matched"));
        let near = suggest(name, names.all.iter().map(String::as_str));
        Err(self.problem(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error,
        }))
    }
}

/// Arm by value, where all labels are constants and there are few arms.
fn dense(arms: &[Arm]) -> Vec<u8> {
    let constant = |arm: &Arm| arm.labels.iter().all(|l| matches!(l, ArmLabel::Range(..)));
    if arms.len() > 250 || !arms.iter().all(constant) {
        return Vec::new();
    }
    let mut dense = vec![arms.len() as u8; 256];
    // Of several arms for a value the first counts, so it comes last.
    for (number, arm) in arms.iter().enumerate().rev() {
        if arm.labels.is_empty() {
            dense.fill(number as u8);
        }
        for label in &arm.labels {
            let ArmLabel::Range(low, high) = label else { continue };
            if *low <= 255 && *high >= 0 {
                let (low, high) = ((*low).max(0) as usize, (*high).min(255) as usize);
                dense[low..=high].fill(number as u8);
            }
        }
    }
    dense
}
