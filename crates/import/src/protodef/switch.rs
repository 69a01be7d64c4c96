//! Switches: what is there depends on an earlier field.

use midwire_definition::syntax::ast::lookup_key;
use serde_json::Value;

use super::paths::Domain;
use super::{Carried, Reader, constructs};
use crate::names::snake;
use crate::shape::{Arm, Entry, EntryKind, Label, Shape};

/// What is matched, and the arms; `None` if there is nothing in any of them.
type Switch = Option<(String, Vec<Arm>)>;

impl<'a> Reader<'a> {
    /// A switch as a type.
    pub(super) fn switch(&mut self, args: &'a Value) -> Carried<Shape> {
        let found = self.arms(args, |reader, ty| reader.shape(ty))?;
        Ok(found.map_or(Shape::Nothing, |(subject, arms)| Shape::Match(subject, arms)))
    }

    /// A switch whose fields join the struct around it.
    pub(super) fn flat_switch(&mut self, args: &'a Value) -> Carried<Switch> {
        let before = self.here.scopes.last().map_or(0, Vec::len);
        let mut added = Vec::new();
        let found = self.arms(args, |reader, ty| {
            let entries = reader.arm_fields(ty)?;
            // Arms exclude each other, so each may use the names of the others.
            if let Some(scope) = reader.here.scopes.last_mut() {
                added.extend(scope.drain(before.min(scope.len())..));
            }
            Ok(Shape::Struct(entries))
        });
        if let Some(scope) = self.here.scopes.last_mut() {
            scope.truncate(before);
            scope.extend(added);
        }
        found
    }

    fn arm_fields(&mut self, ty: &'a Value) -> Carried<Vec<Entry>> {
        let mut inner = ty;
        for _ in 0..super::DEPTH_MAX {
            let Some((_, found)) = inner.as_str().and_then(|name| self.find(name)) else { break };
            inner = found;
        }
        match inner.as_array().map(Vec::as_slice) {
            Some([Value::String(kind), args]) if kind == "container" => self.spliced(args),
            Some([Value::String(kind), args]) if kind == "switch" && inner == ty => {
                let found = self.flat_switch(args)?;
                let kind = found.map(|(subject, arms)| EntryKind::Match(subject, arms));
                Ok(kind.into_iter().map(|kind| Entry { set: Default::default(), kind }).collect())
            }
            _ => match self.shape(ty)? {
                Shape::Nothing => Ok(Vec::new()),
                shape => {
                    let name = self.free_name("value");
                    self.take_name(&name);
                    let kind = EntryKind::Field(name, shape);
                    Ok(vec![Entry { set: Default::default(), kind }])
                }
            },
        }
    }

    fn arms(
        &mut self,
        args: &'a Value,
        mut body: impl FnMut(&mut Self, &'a Value) -> Carried<Shape>,
    ) -> Carried<Switch> {
        let Some(path) = args.get("compareTo").and_then(Value::as_str) else {
            return Err("a switch without `compareTo`".into());
        };
        let Some(fields) = args.get("fields").and_then(Value::as_object) else {
            return Err("a switch without `fields`".into());
        };
        let path = self.here.arguments.get(path).cloned().unwrap_or_else(|| path.to_owned());
        let target = self.target(&path)?;
        if target.domain == Domain::None {
            return Err(format!("`{path}` is nothing that a switch can compare"));
        }
        let otherwise = args.get("default").filter(|ty| ty.as_str() != Some("void"));
        let mut arms: Vec<Arm> = Vec::new();
        for (label, ty) in fields {
            self.here.path.push(label.clone());
            let labels = label_of(label, &target.domain);
            if labels.is_empty() {
                self.remark(format!("`{path}` is never `{label}`; this arm is left out"));
            } else {
                if let [Label::Conn(name)] = labels.as_slice() {
                    self.remark(format!(
                        "which `{path}` this arm is for is a variable of the session; here it is \
                         conn.{name}, which nothing sets"
                    ));
                }
                let shape = self.arm(ty, &mut body);
                for label in labels {
                    if arms.iter().any(|arm| arm.label == label) {
                        self.remark("another arm has the same label; left out".into());
                        continue;
                    }
                    arms.push(Arm { set: Default::default(), label, body: shape.clone() });
                }
            }
            self.here.path.pop();
        }
        if let Some(ty) = otherwise {
            self.here.path.push("default".into());
            let shape = self.arm(ty, &mut body);
            if !shape.is_nothing() {
                arms.push(Arm { set: Default::default(), label: Label::Else, body: shape });
            }
            self.here.path.pop();
        }
        if !matches!(arms.last(), Some(Arm { label: Label::Else, .. })) {
            // What is not listed is nothing as well.
            arms.retain(|arm| !arm.body.is_nothing());
        }
        sort(&mut arms, &target.domain);
        Ok((!arms.is_empty()).then_some((target.text, arms)))
    }

    /// What an arm holds; a tail if it cannot be carried.
    fn arm(
        &mut self,
        ty: &'a Value,
        body: &mut impl FnMut(&mut Self, &'a Value) -> Carried<Shape>,
    ) -> Shape {
        let level = self.here.level();
        match body(self, ty) {
            Ok(shape) => shape,
            Err(why) => {
                self.here.restore(level);
                Shape::Struct(vec![self.tail(why)])
            }
        }
    }
}

/// The labels that a key of `fields` stands for; none if what is compared is never that.
fn label_of(key: &str, domain: &Domain) -> Vec<Label> {
    let int = || constructs::integer(key);
    if let (Some(variable), Domain::Int(..)) = (key.strip_prefix('/'), domain) {
        return vec![Label::Conn(snake(variable))];
    }
    match domain {
        Domain::Bool => match key {
            "true" => vec![Label::Bool(true)],
            "false" => vec![Label::Bool(false)],
            _ => Vec::new(),
        },
        Domain::Numbers(names) => {
            let found = names.iter().filter(|(name, _)| name == key);
            found.map(|(_, n)| Label::Int(*n)).collect()
        }
        Domain::Int(least, most) => {
            let possible = int().filter(|n| (least..=most).contains(&n));
            possible.map(Label::Int).into_iter().collect()
        }
        Domain::Text => vec![Label::Text(key.to_owned())],
        Domain::TextNames(names) => {
            let wanted = snake(key);
            names
                .iter()
                .filter(|(name, _)| *name == wanted)
                .map(|(_, text)| Label::Text(text.clone()))
                .collect()
        }
        Domain::Names(names) => {
            let wanted = snake(key);
            let mut found: Vec<&(String, i128)> =
                names.iter().filter(|(name, _)| *name == wanted).collect();
            if found.is_empty() {
                let wanted = lookup_key(&wanted);
                found = names.iter().filter(|(name, _)| lookup_key(name) == wanted).collect();
            }
            match found.as_slice() {
                [(name, _)] => vec![Label::Name(name.clone())],
                // A name of several numbers means all of them here, but one in the text.
                many => many.iter().map(|(_, number)| Label::Int(*number)).collect(),
            }
        }
        Domain::None => Vec::new(),
    }
}

/// Arms in the order of what they are for.
fn sort(arms: &mut [Arm], domain: &Domain) {
    let number = |arm: &Arm| match (&arm.label, domain) {
        (Label::Name(name), Domain::Names(names)) => {
            names.iter().find(|(other, _)| other == name).map_or(i128::MAX, |(_, n)| *n)
        }
        (Label::Int(n), _) => *n,
        _ => 0,
    };
    arms.sort_by_key(|arm| (arm.label == Label::Else, number(arm), arm.label.clone()));
}
