//! Values of assignments and of packets that are sent: what is written, for the field that it is for.

use midwire_definition::diagnostics::suggest;
use midwire_definition::plan::anchor::Step;
use midwire_definition::plan::{Field, Kind, Plan};
use midwire_definition::syntax::ast::Span;
use midwire_definition::{Diagnostic, EditError, Edits, Given, Workspace};

use super::Compiler;
use super::targets::{Takes, Target, is_list, write_step};
use crate::lower::Owner;
use crate::rule::act::EditCode;
use crate::rule::ast::{Assignment, Filling};
use crate::rule::fill::{Fill, Form};
use crate::syntax::ast::{Expr, ExprKind, Segment};
use crate::value::{Value, ValueKind};
use crate::valued::Valued;

impl<'c> Compiler<'c> {
    /// An assignment; `None`: packets of this kind do not have the field, or something was reported.
    pub(super) fn assignment(&mut self, assignment: &Assignment) -> Option<EditCode> {
        let span = super::span_of(&assignment.field, assignment.span);
        let name = assignment.field.text();
        let Some(target) = self.target(&assignment.field) else {
            // What is wrong with the value's names shows all the same.
            self.look_through(&assignment.value);
            return None;
        };
        let plan = self.plan()?;
        let takes = target.takes(plan);
        if !self.check_settable(plan, &takes, &name, span) {
            self.look_through(&assignment.value);
            return None;
        }
        let before = self.anchors.len();
        let value = assignment.value.span();
        let fill = self.filled(plan, &target, &takes, &assignment.value, &name)?;
        let read = self.anchors.get(before..).unwrap_or_default();
        let reads_inside = read.iter().any(|anchor| anchor.inside().is_some());
        if target.anchor.repeats() && read.iter().any(|anchor| anchor.repeats()) {
            let message = format!("every element that `{name}` leads to would get one value");
            let report = Diagnostic::error("R021", value, message)
                .label("of a list, only the first element's value is taken")
                .help("say which element is meant, as in `list[0]`");
            let report = self.noted(report);
            self.findings.report(report);
            return None;
        }
        self.try_out(plan, &target.steps, &fill, span, value);
        let (spot, inside) = target.parted(plan);
        Some(EditCode::Set { spot, inside, fill, reads_inside })
    }

    fn look_through(&mut self, filling: &Filling) {
        match filling {
            Filling::One(expr) => {
                self.lower(|lowerer| lowerer.valued(expr));
            }
            Filling::Fields(fields, _) => {
                fields.iter().for_each(|(_, filling)| self.look_through(filling));
            }
            Filling::List(list, _) => list.iter().for_each(|filling| self.look_through(filling)),
        }
    }

    /// Whether a field can be set; what cannot is reported.
    fn check_settable(&mut self, plan: &Plan, takes: &[Takes<'_>], name: &str, span: Span) -> bool {
        if !self.checks {
            return true;
        }
        let mut is_settable = true;
        for takes in takes {
            let Takes::Field(field) = takes else { continue };
            let reason = match &field.kind {
                Kind::Pad(_) => Some("it is padding".to_owned()),
                _ => plan.follows_from(field),
            };
            if let Some(reason) = reason {
                let report = Diagnostic::error("R012", span, format!("`{name}` cannot be set"));
                let report = self.noted(report.label(reason));
                self.findings.report(report);
                is_settable = false;
            }
        }
        is_settable
    }

    /// The value for what a path leads to.
    pub(super) fn filling(
        &mut self,
        plan: &Plan,
        target: &Target,
        takes: &[Takes<'_>],
        filling: &Filling,
        name: &str,
    ) -> Option<Fill> {
        let fill = self.filled(plan, target, takes, filling, name)?;
        self.findings.is_right(filling.span());
        Some(fill)
    }

    /// The same, where it has yet to be seen whether the value fits.
    pub(super) fn filled(
        &mut self,
        plan: &Plan,
        target: &Target,
        takes: &[Takes<'_>],
        filling: &Filling,
        name: &str,
    ) -> Option<Fill> {
        match filling {
            Filling::One(expr) => self.one(target, takes, expr, name),
            Filling::Fields(fields, span) => {
                let is_nbt = takes.iter().all(|takes| match takes {
                    Takes::Nbt => true,
                    Takes::Field(field) => matches!(field.kind, Kind::Nbt(_)),
                    _ => false,
                });
                let is_bits = takes.iter().any(|takes| match takes {
                    Takes::Field(field) => {
                        matches!(field.kind, Kind::Flags { .. } | Kind::Bits { .. })
                    }
                    _ => false,
                });
                if !is_nbt && !is_bits && !takes.iter().any(|t| matches!(t, Takes::Fields)) {
                    return self.wrong_kind(name, takes, "named values", *span);
                }
                let mut out = Vec::new();
                for (key, value) in fields {
                    let fill = match is_nbt {
                        true => self.in_nbt(value)?,
                        false => self.inner(
                            plan,
                            target,
                            Step::Name(key.text.as_str().into()),
                            key.span,
                            value,
                        )?,
                    };
                    out.push((key.text.as_str().into(), fill));
                }
                Some(Fill::Fields(out))
            }
            Filling::List(list, span) => {
                let is_flags = takes.iter().any(|takes| match takes {
                    Takes::Field(field) => matches!(field.kind, Kind::Flags { .. }),
                    _ => false,
                });
                let is_list = takes.iter().any(|takes| match takes {
                    Takes::Field(field) => {
                        matches!(field.kind, Kind::Array(_) | Kind::Packed { .. })
                    }
                    Takes::Nbt => true,
                    _ => false,
                });
                if !is_flags && !is_list {
                    return self.wrong_kind(name, takes, "a list", *span);
                }
                let mut out = Vec::new();
                for value in list {
                    let fill = match (value, is_flags) {
                        (Filling::One(expr), true) => match bare_name(expr) {
                            Some(flag) => self.flag(takes, flag, expr.span, name)?,
                            None => {
                                self.wrong_kind(name, takes, "something else than names", *span)?
                            }
                        },
                        _ => match is_packed(takes) {
                            true => self.in_nbt(value)?,
                            false => self.inner(plan, target, Step::Index(0), *span, value)?,
                        },
                    };
                    out.push(fill);
                }
                Some(Fill::List(out))
            }
        }
    }

    /// A flag in a list of them.
    fn flag(&mut self, takes: &[Takes<'_>], flag: &str, span: Span, name: &str) -> Option<Fill> {
        self.findings.facts.found(span, flag);
        let members = takes.iter().filter_map(|takes| match takes {
            Takes::Field(field) => match &field.kind {
                Kind::Flags { members, .. } => Some(members),
                _ => None,
            },
            _ => None,
        });
        let names: Vec<&str> = members.flatten().map(|member| &*member.name).collect();
        if names.iter().any(|known| super::is_named(known, flag)) {
            return Some(Fill::Const(Given::Text(flag.to_owned())));
        }
        let report = Diagnostic::error("R014", span, format!("`{name}` has no flag `{flag}`"));
        let report = match suggest(flag, names.into_iter()) {
            Some(near) => report.label(format!("did you mean `{near}`?")),
            None => report.label("no such flag"),
        };
        let report = self.noted(report);
        self.findings.report(report);
        None
    }

    /// A value inside of what a target leads to.
    fn inner(
        &mut self,
        plan: &Plan,
        outer: &Target,
        step: Step,
        span: Span,
        filling: &Filling,
    ) -> Option<Fill> {
        let mut steps = outer.steps.clone();
        steps.push(step);
        let mut name = String::new();
        for (i, step) in steps.iter().enumerate() {
            write_step(step, i == 0, &mut name);
        }
        let Some(anchor) = plan.anchor(&steps) else {
            let owner = self.subject.as_deref().or(self.definition).map(Owner::of)?;
            let (version, names) = (self.versions, outer.names(plan));
            self.findings.sent.missing(span, &name, owner, version, Some(names));
            return None;
        };
        let owner = self.subject.as_deref().or(self.definition).map(Owner::of);
        self.findings.sent.found_in(span, owner);
        let target =
            Target { steps, anchor, undo: None, is_words: false, spot: outer.spot.clone() };
        let takes = target.takes(plan);
        if !self.check_settable(plan, &takes, &name, span) {
            return None;
        }
        self.filling(plan, &target, &takes, filling, &name)
    }

    /// A value where nothing says what it is for.
    fn in_nbt(&mut self, filling: &Filling) -> Option<Fill> {
        Some(match filling {
            Filling::One(expr) => {
                let valued = self.lower(|lowerer| lowerer.valued(expr))?;
                match valued.constant() {
                    Some(value) => Fill::Const(Form::Plain.given(value.clone())),
                    None => Fill::Value(valued, Form::Plain, written(expr)),
                }
            }
            Filling::Fields(fields, _) => {
                let mut out = Vec::new();
                for (key, value) in fields {
                    out.push((key.text.as_str().into(), self.in_nbt(value)?));
                }
                Fill::Fields(out)
            }
            Filling::List(list, _) => {
                let mut out = Vec::new();
                for value in list {
                    out.push(self.in_nbt(value)?);
                }
                Fill::List(out)
            }
        })
    }

    /// A single value.
    fn one(
        &mut self,
        target: &Target,
        takes: &[Takes<'_>],
        expr: &Expr,
        name: &str,
    ) -> Option<Fill> {
        if let Some(word) = bare_name(expr)
            && !self.is_field(word)
        {
            let is_view = self.is_view(word);
            if word == "absent" && !is_view {
                self.findings.facts.found(expr.span, word);
                return Some(Fill::Absent);
            }
            if !is_view && let Some(fill) = self.entry(takes, word, expr.span, name) {
                return fill;
            }
        }
        let valued = self.lower(|lowerer| lowerer.valued(expr))?;
        let kind = valued.kind();
        let fits: Vec<&Takes<'_>> =
            takes.iter().filter(|takes| self.fits(takes, &valued, target.undo.is_some())).collect();
        let Some(fit) = fits.first() else {
            let found = match (kind, valued.constant()) {
                (Some(ValueKind::Bool), _) => "true or false",
                (Some(ValueKind::Float), Some(_)) => "a number with a fraction",
                (Some(ValueKind::Int | ValueKind::Float), _) => "a number",
                (Some(ValueKind::Text), _) => "text",
                (Some(ValueKind::Bytes), _) => "bytes",
                (None, _) => "a value out of NBT",
            };
            return self.wrong_kind(name, takes, found, expr.span);
        };
        let form = target.form(**fit);
        Some(match valued.constant() {
            Some(value) => Fill::Const(form.given(value.clone())),
            None => Fill::Value(valued, form, written(expr)),
        })
    }

    /// A bare name that is an entry of an enum or a table. `None`: none of the fields has names.
    fn entry(
        &mut self,
        takes: &[Takes<'_>],
        word: &str,
        span: Span,
        name: &str,
    ) -> Option<Option<Fill>> {
        let mut names: Vec<String> = Vec::new();
        let mut has_names = false;
        for takes in takes {
            let Takes::Field(field) = takes else { continue };
            let (is_entry, all) = entries(field, word);
            has_names |= all.is_some();
            if is_entry {
                self.findings.facts.found(span, word);
                return Some(Some(Fill::Const(Given::Text(word.to_owned()))));
            }
            names.extend(all.into_iter().flatten());
        }
        if !has_names {
            return None;
        }
        self.findings.facts.found(span, word);
        let report = Diagnostic::error("R014", span, format!("`{name}` has no value `{word}`"));
        let report = match suggest(word, names.iter().map(String::as_str)) {
            Some(near) => report.label(format!("did you mean `{near}`?")),
            None => report.label("no such name"),
        };
        let report = self.noted(report);
        self.findings.report(report);
        Some(None)
    }

    fn is_field(&self, name: &str) -> bool {
        self.plan().is_some_and(|plan| plan.anchor(&[Step::Name(name.into())]).is_some())
    }

    pub(super) fn is_view(&self, name: &str) -> bool {
        let super::What::Group(group) = &self.rule.written.rule.scope.what else { return false };
        let groups = &self.lexicon.known.groups;
        let group = groups.iter().find(|known| group.is(&known.name));
        group.is_some_and(|group| group.view_named(name).is_some())
    }

    /// Whether a value is of a kind that a field takes.
    fn fits(&self, takes: &Takes<'_>, valued: &Valued, is_undone: bool) -> bool {
        use ValueKind::{Bool, Bytes, Float, Int, Text};
        let Some(kind) = valued.kind() else { return true };
        let constant = valued.constant();
        let is_whole = match constant {
            Some(Value::Float(n)) => n.fract() == 0.0,
            _ => true,
        };
        match takes {
            Takes::Truth => match constant {
                Some(Value::Int(n)) => matches!(n, 0 | 1),
                _ => kind == Bool,
            },
            Takes::Part => kind == Int || kind == Float && is_whole,
            Takes::Nbt => true,
            Takes::Fields => false,
            Takes::Field(field) => match &field.kind {
                Kind::Bool | Kind::Presence => {
                    kind == Bool || matches!(constant, Some(Value::Int(0 | 1)))
                }
                Kind::Int(_) if kind == Text => field.marks.reference_table.is_some(),
                Kind::Enum { .. } => matches!(kind, Int | Text),
                Kind::Int(_) | Kind::Flags { .. } | Kind::Bits { .. } | Kind::Let(_) => {
                    kind == Int || kind == Float && (is_whole || is_undone)
                }
                Kind::Float(_) => matches!(kind, Int | Float),
                Kind::Str { .. } => kind == Text,
                Kind::Uuid => matches!(kind, Text | Bytes),
                Kind::Bytes { .. } | Kind::Tail | Kind::Pad(_) => matches!(kind, Bytes | Text),
                Kind::Nbt(_) => matches!(kind, Text | Bytes),
                _ => false,
            },
        }
    }

    fn wrong_kind<T>(
        &mut self,
        name: &str,
        takes: &[Takes<'_>],
        found: &str,
        span: Span,
    ) -> Option<T> {
        let wanted = takes.first().map_or("another value", |takes| wanted(*takes));
        let message = format!("`{name}` takes {wanted}, not {found}");
        let report = Diagnostic::error("R013", span, message).label(format!("this is {found}"));
        let report = self.noted(report);
        self.findings.report(report);
        None
    }

    /// A value that has to be text.
    pub(super) fn check_text(&mut self, valued: &Valued, span: Span) {
        if !matches!(valued.kind(), Some(ValueKind::Text) | None) {
            let report = Diagnostic::error("R013", span, "what the client is told is text");
            self.findings
                .report(report.label("no text").help("join it with one, as in `\"\" + x`"));
        }
    }

    /// Tries a constant on a packet that is made of nothing: what is wrong with it is wrong everywhere.
    fn try_out(&mut self, plan: &Plan, steps: &[Step], fill: &Fill, name: Span, value: Span) {
        if !self.checks {
            return;
        }
        let given = match fill {
            Fill::Absent => Given::Null,
            fill => match fill.constant() {
                Some(given) => given,
                None => return self.findings.is_right(value),
            },
        };
        // Lists of a packet made of nothing are empty: the value goes into a new element.
        let list = (1..steps.len()).find(|n| is_list(plan, &steps[..*n]));
        let mut edits = Edits::new();
        let text = |steps: &[Step]| {
            let mut out = String::new();
            for (i, step) in steps.iter().enumerate() {
                write_step(step, i == 0, &mut out);
            }
            out
        };
        match list {
            None if matches!(fill, Fill::Absent) => edits.delete(&text(steps)),
            Some(_) if matches!(fill, Fill::Absent) => return self.findings.is_right(value),
            None => edits.set(&text(steps), given),
            Some(n) => {
                let behind = match steps.get(n) {
                    Some(Step::Index(_)) => &steps[n + 1..],
                    _ => &steps[n..],
                };
                let nested = behind.iter().rev().fold(given, |given, step| match step {
                    Step::Name(name) => Given::Object(vec![(name.to_string(), given)]),
                    Step::Index(_) => Given::List(vec![given]),
                });
                edits.insert(&text(&steps[..n]), 0, nested)
            }
        };
        let conn = self.lexicon.protocol.initial_conn();
        let tried = plan.try_edits(&edits, &conn, &Workspace::default());
        match tried {
            Ok(()) => {
                self.findings.is_right(name);
                self.findings.is_right(value);
            }
            Err(error) => self.misfit(&error, name, value),
        }
    }

    /// Reports what is wrong with a constant in every packet.
    pub(super) fn misfit(&mut self, error: &EditError, name: Span, value: Span) {
        let text = with_short_numbers(&error.to_string());
        let span = match error {
            EditError::OutOfRange { .. }
            | EditError::TooLong { .. }
            | EditError::Unencodable { .. }
            | EditError::UnknownName { .. }
            | EditError::WrongType { .. }
            | EditError::Form { .. } => value,
            _ => name,
        };
        let report = |code, label: &str| Diagnostic::error(code, span, text.as_str()).label(label);
        let report = match error {
            EditError::OutOfRange { min, max, .. } => {
                report("R014", &format!("{min} to {max} fit"))
            }
            EditError::TooLong { .. } | EditError::Unencodable { .. } => {
                report("R014", "does not fit")
            }
            EditError::UnknownName { .. } => report("R014", "no such name"),
            EditError::WrongType { .. } | EditError::Form { .. } => report("R013", "another value"),
            EditError::Computed { .. } => report("R012", "cannot be set"),
            EditError::Required { .. } => report("R012", "cannot be left out"),
            EditError::UnknownField { .. } => report("R010", "no such field"),
            EditError::Condition { .. } => Diagnostic::warning("R012", span, text.as_str())
                .label("set only in packets that have it already"),
            _ => return,
        };
        let report = self.noted(report);
        self.findings.report(report);
    }
}

impl Target {
    /// The names that may stand behind it.
    fn names(&self, plan: &Plan) -> Vec<std::sync::Arc<str>> {
        use midwire_definition::plan::anchor::Target as PlanTarget;
        let mut names = Vec::new();
        for target in self.anchor.targets(plan) {
            let fields = match target {
                PlanTarget::Element(_, layout) => plan.fields_of(layout),
                PlanTarget::Field(field) => plan.fields_in(field),
                _ => Vec::new(),
            };
            names.extend(fields.iter().map(|field| field.name.clone()));
        }
        names
    }
}

fn is_packed(takes: &[Takes<'_>]) -> bool {
    takes.iter().all(|takes| match takes {
        Takes::Field(field) => matches!(field.kind, Kind::Packed { .. }),
        Takes::Nbt => true,
        _ => false,
    })
}

/// What a field takes, in a few words.
fn wanted(takes: Takes<'_>) -> &'static str {
    match takes {
        Takes::Truth => "true or false",
        Takes::Part => "a whole number",
        Takes::Nbt => "NBT",
        Takes::Fields => "named values, as in `{ name: value }`",
        Takes::Field(field) => match &field.kind {
            Kind::Bool | Kind::Presence => "true or false",
            Kind::Int(_) if field.marks.reference_table.is_some() => "a whole number or a name",
            Kind::Enum { .. } => "a name or its number",
            Kind::Int(_) | Kind::Let(_) => "a whole number",
            Kind::Flags { .. } => "a list of names, or a whole number",
            Kind::Bits { .. } => "named values, or a whole number",
            Kind::Float(_) => "a number",
            Kind::Str { .. } => "text",
            Kind::Uuid => "a UUID as text",
            Kind::Bytes { .. } | Kind::Tail | Kind::Pad(_) => "bytes, as in `hex \"0a 0b\"`",
            Kind::Nbt(_) => "text, bytes or NBT as `{ type: .., value: .. }`",
            Kind::Array(_) => "a list, as in `[1, 2]`",
            Kind::Packed { .. } => "a list of whole numbers",
            Kind::Struct(_) | Kind::Block { .. } | Kind::Call { .. } => "named values",
        },
    }
}

/// Whether a name is one of a field's values, and all of those, if it has names.
fn entries(field: &Field, word: &str) -> (bool, Option<Vec<String>>) {
    match &field.kind {
        Kind::Enum { entries, .. } => {
            let all = entries.by_number.iter().map(|(_, name)| name.to_string()).collect();
            (entries.number(word).is_some(), Some(all))
        }
        Kind::Str { names, .. } if !names.is_empty() => {
            let is_entry = names.iter().any(|name| super::is_named(name, word));
            (is_entry, Some(names.iter().map(|name| name.to_string()).collect()))
        }
        Kind::Int(_) => match &field.marks.reference_table {
            Some(table) => {
                let all = table.names().map(|(_, _, name)| name.to_string()).collect();
                (table.number_of(word).is_some(), Some(all))
            }
            None => (false, None),
        },
        _ => (false, None),
    }
}

/// The name that an expression is, if it is nothing else.
fn bare_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Path(path) => match path.segments.as_slice() {
            [Segment::Name(name, false)] => Some(&name.text),
            _ => None,
        },
        _ => None,
    }
}

/// A message in which numbers of very many digits are written with an exponent.
fn with_short_numbers(message: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::new();
    let mut rest = message;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, behind) = from.split_at(end);
        out.push_str(before);
        match digits.split_at_checked(1) {
            Some((first, others)) if digits.len() > LONGEST => {
                let others = others.trim_end_matches('0');
                let point = if others.is_empty() { "" } else { "." };
                out.push_str(&format!("{first}{point}{others}e{}", digits.len() - 1));
            }
            _ => out.push_str(digits),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The words of an expression that says which field it asks for, for messages.
fn written(expr: &Expr) -> Box<str> {
    match &expr.kind {
        ExprKind::Path(path) => path.text().into(),
        _ => "the value".into(),
    }
}
