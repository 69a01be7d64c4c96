//! Containers: structs, and the fields of those without a name.

use serde_json::Value;

use super::{Carried, Reader, paths::Frame};
use crate::names::snake;
use crate::shape::{Entry, EntryKind, Shape};

impl<'a> Reader<'a> {
    /// A container as a struct of its own.
    pub(super) fn structure(&mut self, fields: &'a Value) -> Carried<Shape> {
        self.here.scopes.push(Vec::new());
        let entries = self.container(fields);
        self.here.scopes.pop();
        Ok(Shape::Struct(entries?))
    }

    /// The fields of a container, in the struct of the text that is open. What cannot be carried becomes
    /// a tail, and so does what stands behind it.
    pub(super) fn container(&mut self, fields: &'a Value) -> Carried<Vec<Entry>> {
        let Some(fields) = fields.as_array() else {
            return Err("a container's fields are no list".into());
        };
        self.here.frames.push(Frame::default());
        let mut entries: Vec<Entry> = Vec::new();
        for (at, field) in fields.iter().enumerate() {
            let written = field.get("name").and_then(Value::as_str);
            self.here.path.push(written.unwrap_or("?").to_owned());
            let level = self.here.level();
            let found = match self.field(field) {
                Ok(found) => found,
                Err(why) => {
                    self.here.restore(level);
                    vec![self.tail(why)]
                }
            };
            let open = found.iter().any(|entry| self.is_open_entry(entry));
            let sure = matches!(found.last(), Some(Entry { kind: EntryKind::Tail(_), .. }));
            if open && !sure && at + 1 < fields.len() {
                // In some packets the tail would hold what the next fields are.
                let why = "it may hold what cannot be read, and other fields stand behind it";
                entries.push(self.tail(why.into()));
            } else {
                entries.extend(found);
            }
            self.here.path.pop();
            if open {
                break;
            }
        }
        self.here.last = self.here.frames.pop();
        Ok(entries)
    }

    fn field(&mut self, field: &'a Value) -> Carried<Vec<Entry>> {
        let Some(ty) = field.get("type") else {
            return Err("the field has no type".into());
        };
        if field.get("anon").and_then(Value::as_bool) == Some(true) {
            return self.nameless(ty);
        }
        let Some(written) = field.get("name").and_then(Value::as_str) else {
            return Err("the field has no name".into());
        };
        let shape = self.shape(ty)?;
        Ok(self.named(written, shape))
    }

    /// A field with a name, which is bound.
    fn named(&mut self, written: &str, shape: Shape) -> Vec<Entry> {
        let name = self.free_name(&snake(written));
        self.bind(written, name.clone(), shape.clone());
        if let Shape::Width(of) = shape {
            self.take_name(&name);
            let value = format!("({of} > 255) + ({of} > 65535)");
            let kind = EntryKind::Let(name, value);
            return vec![Entry { set: Default::default(), kind }];
        }
        if shape == Shape::Nothing {
            return Vec::new();
        }
        self.take_name(&name);
        vec![Entry { set: Default::default(), kind: EntryKind::Field(name, shape) }]
    }

    /// A field without a name: its parts belong to the container around it.
    fn nameless(&mut self, ty: &'a Value) -> Carried<Vec<Entry>> {
        match ty.as_array().map(Vec::as_slice) {
            Some([Value::String(kind), args]) => match kind.as_str() {
                "container" => self.spliced(args),
                "switch" => {
                    let Some((subject, arms)) = self.flat_switch(args)? else {
                        return Ok(Vec::new());
                    };
                    let kind = EntryKind::Match(subject, arms);
                    Ok(vec![Entry { set: Default::default(), kind }])
                }
                "bitfield" | "bitflags" => {
                    let shape = self.shape(ty)?;
                    let name = self.free_name(if kind == "bitfield" { "bits" } else { "flags" });
                    self.bind_parts(&name, &shape);
                    self.take_name(&name);
                    Ok(vec![Entry { set: Default::default(), kind: EntryKind::Field(name, shape) }])
                }
                _ => {
                    let shape = self.shape(ty)?;
                    Ok(self.named("value", shape))
                }
            },
            _ => {
                let shape = self.shape(ty)?;
                let name = ty.as_str().unwrap_or("value").to_owned();
                Ok(self.named(&name, shape))
            }
        }
    }

    /// The fields of a container inside of the open struct, whose names the container around gets too.
    pub(super) fn spliced(&mut self, fields: &'a Value) -> Carried<Vec<Entry>> {
        let entries = self.container(fields)?;
        if let (Some(inner), Some(frame)) = (self.here.last.take(), self.here.frames.last_mut()) {
            frame.bound.extend(inner.bound);
        }
        Ok(entries)
    }
}
