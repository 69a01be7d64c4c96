//! Fields that rules set: what a path leads to, and how a value is written there.

use std::sync::Arc;

use midwire_definition::ViewForm;
use midwire_definition::plan::anchor::{Anchor, Step, Target as PlanTarget};
use midwire_definition::plan::{Field, Kind, Plan};
use midwire_definition::syntax::ast::BinaryOp;

use super::Compiler;
use crate::lower::{Owner, steps};
use crate::rule::act::Words;
use crate::rule::fill::{Form, Spot, Undo};
use crate::syntax::ast::{Path, Segment};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) spot: Spot,
    pub(super) steps: Vec<Step>,
    pub(super) anchor: Anchor,
    pub(super) undo: Option<Undo>,
    /// It is the words of a chat component.
    pub(super) is_words: bool,
}

/// What one thing that a path may lead to takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes<'p> {
    /// The value of a field.
    Field(&'p Field),
    /// True or false: a flag.
    Truth,
    /// A whole number: a part of bits.
    Part,
    /// Something in NBT, or NBT itself.
    Nbt,
    /// Named values.
    Fields,
}

impl Target {
    /// What the things that it may lead to take.
    pub(super) fn takes<'p>(&self, plan: &'p Plan) -> Vec<Takes<'p>> {
        let takes = |target: PlanTarget<'p>| match target {
            PlanTarget::Field(field) => match &field.kind {
                Kind::Struct(_) | Kind::Block { .. } | Kind::Call { .. } => Takes::Fields,
                _ => Takes::Field(field),
            },
            PlanTarget::Inside(_) => Takes::Nbt,
            PlanTarget::Flag(..) => Takes::Truth,
            PlanTarget::Part(_, part) if part.width == 1 => Takes::Truth,
            PlanTarget::Part(..) => Takes::Part,
            PlanTarget::Element(..) => Takes::Fields,
        };
        self.anchor.targets(plan).into_iter().map(takes).collect()
    }

    /// What kind of text words are replaced in; `None`: it is no text.
    pub(super) fn words(&self, plan: &Plan) -> Option<Words> {
        self.takes(plan).into_iter().find_map(|takes| match takes {
            Takes::Field(field) => match &field.kind {
                Kind::Str { .. } if field.marks.component || self.is_words => Some(Words::Json),
                Kind::Str { .. } => Some(Words::Plain),
                Kind::Nbt(_) => Some(Words::Nbt),
                _ => None,
            },
            Takes::Nbt => Some(Words::Plain),
            _ => None,
        })
    }

    /// Where the field is, and the rest of the path, which goes on inside its value.
    pub(super) fn parted(&self, plan: &Plan) -> (Spot, Arc<[Step]>) {
        let inside = self.anchor.inside().unwrap_or_default();
        match self.steps.len().checked_sub(inside.len()).and_then(|at| self.steps.get(..at)) {
            Some(outside) if !inside.is_empty() => (spot(plan, outside), inside.into()),
            _ => (self.spot.clone(), [].into()),
        }
    }

    /// How a value is written into one of the things that it leads to.
    pub(super) fn form(&self, takes: Takes<'_>) -> Form {
        let is_whole = match takes {
            Takes::Field(field) => !matches!(field.kind, Kind::Float(_)),
            Takes::Part => true,
            _ => false,
        };
        match (self.undo, takes) {
            (Some(undo), _) => Form::Undo(undo, is_whole),
            (None, Takes::Field(field)) => match &field.kind {
                Kind::Str { .. } if field.marks.component || self.is_words => Form::Json,
                Kind::Nbt(_) => Form::Nbt,
                Kind::Float(_) | Kind::Str { .. } | Kind::Bytes { .. } | Kind::Uuid => Form::Plain,
                _ => Form::Whole,
            },
            (None, Takes::Part) => Form::Whole,
            (None, _) => Form::Plain,
        }
    }
}

impl<'c> Compiler<'c> {
    /// What a path of the rule leads to; `None`: nothing, in packets of this kind, which is noted.
    pub(super) fn target(&mut self, path: &Path) -> Option<Target> {
        let plan = self.plan();
        if let ([Segment::Name(name, _)], Some(plan)) = (path.segments.as_slice(), plan)
            && let Some(found) = self.view_target(&name.text, plan)
        {
            self.findings.fields.found(name.span, &name.text);
            return found;
        }
        let definition = self.definition?;
        // `packet.field` names the packet's field; a field of the packet's own name comes first.
        let mut segments = path.segments.as_slice();
        if let [Segment::Name(first, _), rest @ ..] = segments
            && !rest.is_empty()
            && definition.is_called(&first.text)
            && plan.is_none_or(|plan| plan.anchor(&steps(segments)).is_none())
        {
            segments = rest;
        }
        let names: Vec<_> = match plan {
            Some(plan) => plan.fields_of(0).iter().map(|field| field.name.clone()).collect(),
            None => Vec::new(),
        };
        let found = plan.and_then(|plan| target_in(plan, segments));
        let span = path.span()?;
        match found {
            Some(found) => {
                self.findings.fields.found_in(span, Some(Owner::of(definition)));
                Some(found)
            }
            None => {
                let candidates = plan.map(|_| names);
                let (name, version) = (path.text(), self.versions);
                let owner = Owner::of(definition);
                self.findings.fields.missing(span, &name, owner, version, candidates);
                None
            }
        }
    }

    /// Whether all packets of this kind have one of the views of the group in scope.
    pub(super) fn surely_has_view(&self) -> bool {
        let super::What::Group(group) = &self.rule.written.rule.scope.what else { return false };
        let Some(plan) = self.plan() else { return false };
        let groups = &self.lexicon.known.groups;
        let Some(group) = groups.iter().find(|known| group.is(&known.name)) else { return false };
        group.views.iter().any(|(view, _)| {
            let Some(Some(target)) = self.view_target(view, plan) else { return false };
            let is_sure = |target: &PlanTarget<'_>| match target {
                PlanTarget::Field(field)
                | PlanTarget::Flag(field, _)
                | PlanTarget::Part(field, _) => field.guard.is_none() && field.layout == 0,
                PlanTarget::Inside(_) | PlanTarget::Element(..) => false,
            };
            target.anchor.targets(plan).iter().any(is_sure)
        })
    }

    /// A view of the group in scope. `Some(None)`: it is one, but this packet does not have it.
    fn view_target(&self, name: &str, plan: &Plan) -> Option<Option<Target>> {
        let super::What::Group(group) = &self.rule.written.rule.scope.what else { return None };
        let groups = &self.lexicon.known.groups;
        let group = groups.iter().find(|known| group.is(&known.name))?;
        let at = group.view_named(name)?;
        let views = group.views_of(&self.lexicon.protocol, self.versions.0, self.definition?)?;
        let Some(view) = views.get(at).cloned().flatten() else { return Some(None) };
        let (path, undo, is_words) = match view.form() {
            ViewForm::Path(path) => (path, None, false),
            ViewForm::Words(path, _) => (path, None, true),
            ViewForm::Binary(op, a, b) => match (&**a, &**b) {
                (ViewForm::Path(path), ViewForm::Int(n)) => {
                    (path, Some(Undo { op: *op, by: *n as f64 }), false)
                }
                (ViewForm::Path(path), ViewForm::Float(n)) => {
                    (path, Some(Undo { op: *op, by: *n }), false)
                }
                _ => return Some(None),
            },
            _ => return Some(None),
        };
        let is_known = undo.is_none_or(|undo| {
            matches!(
                undo.op,
                BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide
            )
        });
        if !is_known {
            return Some(None);
        }
        let names: Vec<Step> = path.split('.').map(|name| Step::Name(name.into())).collect();
        let Some(anchor) = plan.anchor(&names) else { return Some(None) };
        let spot = spot(plan, &names);
        Some(Some(Target { spot, steps: names, anchor, undo, is_words }))
    }
}

/// What a path leads to in packets of a plan.
pub(super) fn target_in(plan: &Plan, segments: &[Segment]) -> Option<Target> {
    let steps = steps(segments);
    let anchor = plan.anchor(&steps)?;
    let spot = spot(plan, &steps);
    Some(Target { spot, steps, anchor, undo: None, is_words: false })
}

/// The path as edits write it, cut behind each list that it goes through every element of.
fn spot(plan: &Plan, steps: &[Step]) -> Spot {
    let mut parts = vec![String::new()];
    for (i, step) in steps.iter().enumerate() {
        let is_name = matches!(step, Step::Name(_));
        if i > 0 && is_name && is_list(plan, &steps[..i]) {
            parts.push(String::new());
        }
        let is_first = parts.len() == 1 && parts.last().is_some_and(String::is_empty);
        if let Some(part) = parts.last_mut() {
            write_step(step, is_first, part);
        }
    }
    Spot::new(parts)
}

/// Appends a step as edits write it.
pub(super) fn write_step(step: &Step, is_first: bool, out: &mut String) {
    match step {
        Step::Index(index) => out.push_str(&format!("[{index}]")),
        Step::Name(name) => {
            if !is_first {
                out.push('.');
            }
            let is_plain =
                name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
            match is_plain {
                true => out.push_str(name),
                false => out.push_str(&format!("`{name}`")),
            }
        }
    }
}

/// Whether a path leads to a list as a whole.
pub(super) fn is_list(plan: &Plan, steps: &[Step]) -> bool {
    plan.anchor(steps).is_some_and(|anchor| {
        anchor.targets(plan).iter().any(|target| {
            matches!(target, PlanTarget::Field(field) if matches!(field.kind, Kind::Array(_)))
        })
    })
}
