//! Reads a packet by following its definition word for word: no plan, no slots, no shortcuts.
//!
//! It shares nothing with the program but the syntax tree. It is slow and reads everything at once; its one
//! virtue is that it can be compared with the grammar line by line.

use std::io::Read;
use std::rc::Rc;

use midwire_codec::Direction;
use midwire_definition::syntax::ast::{
    Arg, BinaryOp, Compare, Count, CountKind, Encoding, Entry, Expr, ExprKind, Field, FieldKind,
    Label, Labels, Literal, Name, Spanned, Struct, Transform, Type, TypeKind, lookup_key,
};

use super::definition::{Definition, same};

/// What was read of a field or an element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) index: Option<u32>,
    /// It lies in an inflated block.
    pub(crate) inflated: bool,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) shown: Shown,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    Int(i128),
    Enum(i128, Option<String>),
    Flags(i128, Vec<String>),
    Bits(Vec<(String, i128)>),
    /// The bits of a float as 64 bits, or of a NaN 1.
    Float(u64),
    Bool(u8),
    /// Text, where it is well formed.
    Text(Option<String>),
    Bytes(Vec<u8>),
    Packed(Vec<u8>, u32, u32),
    Absent,
    Struct(Vec<Tree>),
    List(u32, Vec<Tree>),
    /// What a block has behind its content.
    Unread(Vec<u8>),
}

/// Where reading failed.
#[derive(Debug)]
pub(crate) struct Fail {
    /// From the outside.
    pub(crate) path: Vec<String>,
    /// A compressed block is damaged: how much of it can be seen is not the definition's to say.
    pub(crate) damaged: bool,
}

pub(crate) struct Outcome {
    pub(crate) fields: Vec<Tree>,
    pub(crate) end: usize,
    pub(crate) error: Option<Fail>,
}

type Read_<T> = Result<T, Fail>;
type ScopeId = usize;

/// A range of a buffer that may be read.
#[derive(Clone, Copy)]
struct Window {
    buffer: usize,
    limit: usize,
}

/// What is shown of what is read next.
#[derive(Clone)]
struct As<'a> {
    name: String,
    index: Option<u32>,
    /// Where the value can be looked up afterwards.
    bind: (ScopeId, String),
    text: Option<&'a Name>,
}

struct Scope<'a> {
    parent: Option<ScopeId>,
    entries: Vec<(String, Bound<'a>)>,
}

#[derive(Clone)]
enum Bound<'a> {
    Value(i128),
    Type(&'a Type, ScopeId),
    Field(Rc<Value>),
}

/// What expressions can ask of a field.
#[derive(Default)]
struct Value {
    present: bool,
    number: i128,
    text: Option<(Encoding, Vec<u8>)>,
    count: i128,
    bytes: i128,
    fields: Option<ScopeId>,
    members: Vec<(String, u32, u32, bool)>,
    entries: Option<Rc<Entries>>,
}

struct Entries {
    here: Vec<(String, i128)>,
    all: Vec<String>,
}

pub(crate) struct Reader<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) version: usize,
    pub(crate) direction: Direction,
    pub(crate) conn: &'a [i64],
    pub(crate) buffers: Vec<Vec<u8>>,
    scopes: Vec<Scope<'a>>,
    depth: u32,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct At {
    scope: ScopeId,
    pos: usize,
    window: Window,
}

fn fail<T>() -> Read_<T> {
    Err(Fail { path: Vec::new(), damaged: false })
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        definition: &'a Definition,
        version: usize,
        direction: Direction,
        conn: &'a [i64],
    ) -> Reader<'a> {
        let (buffers, scopes) = (Vec::new(), Vec::new());
        Reader { definition, version, direction, conn, buffers, scopes, depth: 0 }
    }

    pub(crate) fn read(mut self, body: &'a Struct, payload: &[u8], start: usize) -> Outcome {
        self.buffers.push(payload.to_vec());
        let scope = self.scope(None);
        let window = Window { buffer: 0, limit: payload.len() };
        let (mut pos, mut fields) = (start, Vec::new());
        let error = self.fields(body, scope, window, &mut pos, &mut fields).err();
        Outcome { fields, end: pos, error }
    }

    fn scope(&mut self, parent: Option<ScopeId>) -> ScopeId {
        self.scopes.push(Scope { parent, entries: Vec::new() });
        self.scopes.len() - 1
    }

    fn admits(&self, gates: &[midwire_definition::syntax::ast::Gate]) -> bool {
        self.definition.admits(gates, self.version, self.direction)
    }

    fn bytes(&self, window: Window, from: usize, to: usize) -> Vec<u8> {
        self.buffers[window.buffer][from..to].to_vec()
    }

    // ---- fields ------------------------------------------------------------------------------

    fn fields(
        &mut self,
        body: &'a Struct,
        scope: ScopeId,
        window: Window,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        for field in &body.fields {
            if self.admits(&field.gates) {
                self.field(field, scope, window, pos, out)?;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &'a Field,
        scope: ScopeId,
        window: Window,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        let at = At { scope, pos: *pos, window };
        let plain = |name: &str| As {
            name: name.to_owned(),
            index: None,
            bind: (scope, lookup_key(name)),
            text: None,
        };
        match &field.kind {
            FieldKind::Named { name, ty, .. } => {
                let shown = As { text: Some(name), ..plain(&name.text) };
                self.typed(shown, ty, scope, window, pos, out)
            }
            FieldKind::If { condition, then, otherwise } => {
                let holds = self.eval(condition, at) != 0;
                let (taken, left) = if holds {
                    (Some(then), otherwise.as_ref())
                } else {
                    (otherwise.as_ref(), Some(then))
                };
                if let Some(taken) = taken {
                    self.fields(taken, scope, window, pos, out)?;
                }
                if let Some(left) = left {
                    self.absent_fields(left, scope, 0);
                }
                Ok(())
            }
            FieldKind::Match { subject, arms } => {
                let arms: Vec<_> = arms.iter().filter(|arm| self.admits(&arm.gates)).collect();
                let chosen = self.choose(subject, arms.iter().map(|arm| &arm.labels), at);
                for (i, arm) in arms.iter().enumerate() {
                    if Some(i) == chosen {
                        self.fields(&arm.body, scope, window, pos, out)?;
                    } else {
                        self.absent_fields(&arm.body, scope, 0);
                    }
                }
                Ok(())
            }
            FieldKind::Let { name, value } => {
                let number = self.eval(value, at);
                self.bind((scope, name.key()), Value { present: true, number, ..Value::default() });
                out.push(self.leaf(&plain(&name.text), window, *pos, *pos, Shown::Int(number)));
                Ok(())
            }
            FieldKind::Pad(n) => {
                let start = *pos;
                self.pass(n.node as usize, window, pos)?;
                let bytes = self.bytes(window, start, *pos);
                out.push(self.leaf(&plain(""), window, start, *pos, Shown::Bytes(bytes)));
                Ok(())
            }
            FieldKind::Tail => {
                let start = std::mem::replace(pos, window.limit);
                let bytes = self.bytes(window, start, *pos);
                out.push(self.leaf(&plain(""), window, start, *pos, Shown::Bytes(bytes)));
                Ok(())
            }
            FieldKind::Flat(ty) => {
                let (shape, inner) = self.shape(ty, at);
                let TypeKind::Struct(body) = &shape.kind else { panic!("a struct is flattened") };
                let around = self.scope(Some(inner));
                let read = self.fields(body, around, window, pos, out);
                let entries = self.scopes[around].entries.clone();
                self.scopes[scope].entries.extend(entries);
                read
            }
        }
    }

    /// The names of fields that are not there.
    fn absent_fields(&mut self, body: &'a Struct, scope: ScopeId, depth: u32) {
        for field in &body.fields {
            if !self.admits(&field.gates) {
                continue;
            }
            match &field.kind {
                FieldKind::Named { name, ty, .. } => {
                    self.absent((scope, name.key()), ty, scope, depth);
                }
                FieldKind::If { then, otherwise, .. } => {
                    self.absent_fields(then, scope, depth);
                    if let Some(body) = otherwise {
                        self.absent_fields(body, scope, depth);
                    }
                }
                FieldKind::Match { arms, .. } => {
                    for arm in arms.iter().filter(|arm| self.admits(&arm.gates)).collect::<Vec<_>>()
                    {
                        self.absent_fields(&arm.body, scope, depth);
                    }
                }
                FieldKind::Let { name, .. } => self.bind((scope, name.key()), Value::default()),
                FieldKind::Flat(ty) if depth < 8 => {
                    let (shape, inner) = self.shape_of_absent(ty, scope);
                    if let TypeKind::Struct(body) = &shape.kind {
                        let around = self.scope(Some(inner));
                        self.absent_fields(body, around, depth + 1);
                        let entries = self.scopes[around].entries.clone();
                        self.scopes[scope].entries.extend(entries);
                    }
                }
                FieldKind::Pad(_) | FieldKind::Tail | FieldKind::Flat(_) => {}
            }
        }
    }

    /// A name whose value is not there; what it could be is known all the same.
    fn absent(&mut self, bind: (ScopeId, String), ty: &'a Type, scope: ScopeId, depth: u32) {
        let (shape, inner) = self.shape_of_absent(ty, scope);
        let mut value = Value::default();
        match &shape.kind {
            TypeKind::Match { arms, .. } => {
                let arms: Vec<_> = arms.iter().filter(|arm| self.admits(&arm.gates)).collect();
                for arm in arms {
                    self.absent(bind.clone(), &arm.ty, inner, depth + 1);
                }
                return;
            }
            TypeKind::If { then, otherwise, .. } => {
                self.absent(bind.clone(), then, inner, depth + 1);
                return self.absent(bind, otherwise, inner, depth + 1);
            }
            TypeKind::Opt(ty) => return self.absent(bind, ty, inner, depth + 1),
            TypeKind::Nothing => return,
            TypeKind::Enum { entries, repr } => match &self.shape_of_absent(repr, inner).0.kind {
                TypeKind::Str { encoding, .. } => value.text = Some((*encoding, Vec::new())),
                _ => value.entries = Some(self.entries(entries)),
            },
            TypeKind::Flags { .. } | TypeKind::Bits { .. } => value.members = self.members(shape),
            TypeKind::Str { encoding, .. } => value.text = Some((*encoding, Vec::new())),
            TypeKind::Struct(body) if depth < 8 => {
                let around = self.scope(Some(inner));
                self.absent_fields(body, around, depth + 1);
                value.fields = Some(around);
            }
            _ => {}
        }
        self.bind(bind, value);
    }

    fn bind(&mut self, (scope, key): (ScopeId, String), value: Value) {
        self.scopes[scope].entries.push((key, Bound::Field(Rc::new(value))));
    }

    fn leaf(&self, name: &As<'_>, window: Window, start: usize, end: usize, shown: Shown) -> Tree {
        Tree {
            name: name.name.clone(),
            index: name.index,
            inflated: window.buffer > 0,
            start: start as u32,
            end: end as u32,
            shown,
        }
    }

    // ---- types -------------------------------------------------------------------------------

    /// What a type is behind its names, and where its own names are looked up.
    fn shape(&mut self, ty: &'a Type, at: At) -> (&'a Type, ScopeId) {
        self.named(ty, at.scope, Some(at))
    }

    fn shape_of_absent(&mut self, ty: &'a Type, scope: ScopeId) -> (&'a Type, ScopeId) {
        self.named(ty, scope, None)
    }

    fn named(&mut self, ty: &'a Type, scope: ScopeId, at: Option<At>) -> (&'a Type, ScopeId) {
        let TypeKind::Name { name, args } = &ty.kind else { return (ty, scope) };
        if let Some((bound, inner)) = self.type_parameter(&name.key(), scope) {
            return self.named(bound, inner, at.map(|at| At { scope: inner, ..at }));
        }
        let Some(item) = self.definition.ty(name, self.version, self.direction) else {
            return (ty, scope);
        };
        let params = self.scope(None);
        for (param, arg) in item.params.iter().zip(args) {
            let wants_type = param.text.starts_with(char::is_uppercase);
            let at = at.map(|at| At { scope, ..at });
            let bound = match arg {
                Arg::Type(ty) | Arg::Name(ty) if wants_type => Bound::Type(ty, scope),
                Arg::Name(Type { kind: TypeKind::Name { name, .. }, .. }) => {
                    Bound::Value(at.map_or(0, |at| self.name_value(name, at)))
                }
                Arg::Expr(e) => Bound::Value(at.map_or(0, |at| self.eval(e, at))),
                _ => panic!("a value is needed"),
            };
            self.scopes[params].entries.push((param.key(), bound));
        }
        self.named(&item.body, params, at.map(|at| At { scope: params, ..at }))
    }

    fn type_parameter(&self, key: &str, scope: ScopeId) -> Option<(&'a Type, ScopeId)> {
        let mut at = Some(scope);
        while let Some(id) = at {
            for (name, bound) in &self.scopes[id].entries {
                if let (true, Bound::Type(ty, scope)) = (name == key, bound) {
                    return Some((ty, *scope));
                }
            }
            at = self.scopes[id].parent;
        }
        None
    }

    fn typed(
        &mut self,
        shown: As<'a>,
        ty: &'a Type,
        scope: ScopeId,
        window: Window,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        self.depth += 1;
        let read =
            if self.depth > 600 { fail() } else { self.typed_(shown, ty, scope, window, pos, out) };
        self.depth -= 1;
        read
    }

    fn typed_(
        &mut self,
        shown: As<'a>,
        ty: &'a Type,
        scope: ScopeId,
        window: Window,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        let (shape, scope) = self.shape(ty, At { scope, pos: *pos, window });
        let at = At { scope, pos: *pos, window };
        match &shape.kind {
            TypeKind::Match { subject, arms } => {
                let arms: Vec<_> = arms.iter().filter(|arm| self.admits(&arm.gates)).collect();
                let chosen = self.choose(subject, arms.iter().map(|arm| &arm.labels), at);
                for (i, arm) in arms.iter().enumerate() {
                    if Some(i) == chosen {
                        self.typed(shown.clone(), &arm.ty, scope, window, pos, out)?;
                    } else {
                        self.absent(shown.bind.clone(), &arm.ty, scope, 0);
                    }
                }
                Ok(())
            }
            TypeKind::If { condition, then, otherwise } => {
                let holds = self.eval(condition, at) != 0;
                let (taken, left) = if holds { (then, otherwise) } else { (otherwise, then) };
                self.typed(shown.clone(), taken, scope, window, pos, out)?;
                self.absent(shown.bind, left, scope, 0);
                Ok(())
            }
            TypeKind::Opt(inner) => {
                let there = self.pass(1, window, pos)?[0] != 0;
                if there {
                    return self.typed(shown, inner, scope, window, pos, out);
                }
                self.absent(shown.bind, inner, scope, 0);
                Ok(())
            }
            TypeKind::Nothing => Ok(()),
            _ => {
                let read = self.one(&shown, shape, scope, window, pos, out);
                read.map_err(|mut fail| {
                    if !shown.name.is_empty() && shown.text.is_some() {
                        fail.path.insert(0, shown.name.clone());
                    }
                    fail
                })
            }
        }
    }

    /// A type that is one field.
    fn one(
        &mut self,
        shown: &As<'a>,
        shape: &'a Type,
        scope: ScopeId,
        window: Window,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        let start = *pos;
        let at = At { scope, pos: start, window };
        let mut value = Value { present: true, ..Value::default() };
        let seen = match &shape.kind {
            TypeKind::Name { name, .. } | TypeKind::Native(name) => {
                self.primitive(name, window, pos, &mut value)?
            }
            TypeKind::Str { encoding, count } => {
                self.text(*encoding, count.as_ref().unwrap(), at, pos, &mut value)?
            }
            TypeKind::Bytes(count) => {
                let content = self.counted(count, 1, at, pos)?;
                value.count = content.len() as i128;
                Shown::Bytes(content)
            }
            TypeKind::Enum { repr, entries } => {
                let (base, inner) = self.shape(repr, at);
                if let TypeKind::Str { encoding, count } = &base.kind {
                    let at = At { scope: inner, ..at };
                    self.text(*encoding, count.as_ref().unwrap(), at, pos, &mut value)?
                } else {
                    let n = self.integer(base, window, pos)?;
                    let names = self.entries(entries);
                    let name = names.here.iter().find(|(_, number)| *number == n);
                    let written = |key: &str| {
                        let entry =
                            entries.iter().find(|e| self.admits(&e.gates) && e.name.key() == *key);
                        entry.unwrap().name.text.clone()
                    };
                    let name = name.map(|(key, _)| written(key));
                    (value.number, value.entries) = (n, Some(names));
                    Shown::Enum(n, name)
                }
            }
            TypeKind::Flags { repr, entries } => {
                let (base, _) = self.shape(repr, at);
                let n = self.integer(base, window, pos)?;
                value.number = n;
                value.members = self.members(shape);
                let mut set = Vec::new();
                for (key, shift, ..) in &value.members {
                    if n >> shift & 1 == 1 {
                        let entry =
                            entries.iter().find(|e| self.admits(&e.gates) && e.name.key() == *key);
                        set.push(entry.unwrap().name.text.clone());
                    }
                }
                Shown::Flags(n, set)
            }
            TypeKind::Bits { repr, members, .. } => {
                let (base, _) = self.shape(repr, at);
                let n = self.integer(base, window, pos)?;
                value.number = n;
                value.members = self.members(shape);
                let named = members.iter().filter(|m| self.admits(&m.gates) && m.name.is_some());
                let parts = named.zip(&value.members).map(|(member, (_, shift, width, signed))| {
                    (member.name.as_ref().unwrap().text.clone(), part(n, *shift, *width, *signed))
                });
                Shown::Bits(parts.collect())
            }
            TypeKind::Packed { width, count, .. } => {
                let (width, count) = (self.eval(width, at), self.eval(count, at));
                let words = if (1..=64).contains(&width) && count > 0 {
                    (count - 1) / (64 / width) + 1
                } else {
                    0
                };
                let Some(size) = usize::try_from(words).ok().and_then(|n| n.checked_mul(8)) else {
                    return fail();
                };
                let bytes = self.pass(size, window, pos)?;
                Shown::Packed(
                    bytes,
                    u32::try_from(width).unwrap_or(0),
                    u32::try_from(count).unwrap_or(0),
                )
            }
            TypeKind::Struct(body) => {
                let inner = self.scope(Some(scope));
                let mut fields = Vec::new();
                let read = self.fields(body, inner, window, pos, &mut fields);
                let end = if read.is_ok() { *pos } else { window.limit };
                out.push(self.leaf(shown, window, start, end, Shown::Struct(fields)));
                value.fields = Some(inner);
                value.bytes = *pos as i128 - start as i128;
                self.bind(shown.bind.clone(), value);
                return read;
            }
            TypeKind::Array { count, element } => {
                let (mut list, mut known) = (Vec::new(), None);
                let mut done = 0;
                let read = self.elements(count, element, at, pos, &mut list, &mut known, &mut done);
                let end = if read.is_ok() { *pos } else { window.limit };
                if let Some(count) = known {
                    out.push(self.leaf(
                        shown,
                        window,
                        start,
                        end,
                        Shown::List(count.max(done), list),
                    ));
                }
                value.count = done.into();
                value.bytes = *pos as i128 - start as i128;
                self.bind(shown.bind.clone(), value);
                return read;
            }
            TypeKind::Block { transform, count, inner } => {
                let read = self.block(shown, *transform, count, inner, at, pos, out);
                value.bytes = *pos as i128 - start as i128;
                self.bind(shown.bind.clone(), value);
                return read;
            }
            TypeKind::Match { .. } | TypeKind::If { .. } | TypeKind::Opt(_) | TypeKind::Nothing => {
                unreachable!()
            }
        };
        value.bytes = (*pos - start) as i128;
        if matches!(seen, Shown::Bool(_)) {
            value.number = (value.number != 0).into();
        }
        self.bind(shown.bind.clone(), value);
        out.push(self.leaf(shown, window, start, *pos, seen));
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "what a list is made of")]
    fn elements(
        &mut self,
        count: &'a Count,
        element: &'a Type,
        at: At,
        pos: &mut usize,
        out: &mut Vec<Tree>,
        known: &mut Option<u32>,
        done: &mut u32,
    ) -> Read_<()> {
        let window = at.window;
        let max = count.max.as_ref().map(|max| i128::from(max.node));
        let number = match &count.kind {
            CountKind::Prefix(ty) => {
                let (ty, _) = self.shape(ty, at);
                Some(self.integer(ty, window, pos)?)
            }
            CountKind::Expr(e) => Some(self.eval(e, at)),
            _ => None,
        };
        if let Some(n) = number {
            if n < 0 || n > 1 << 20 || max.is_some_and(|max| n > max) {
                return fail();
            }
            *known = Some(n as u32);
            for i in 0..n as u32 {
                self.element(element, i, at, pos, out, None)?;
                *done += 1;
            }
            return Ok(());
        }
        *known = Some(0);
        let mut sum = 0i128;
        loop {
            match &count.kind {
                CountKind::Rest if *pos >= window.limit => return Ok(()),
                CountKind::UntilValue { prim, compare, value } => {
                    let mut behind = *pos;
                    let n = self.number(&prim.text, window, &mut behind)?;
                    if compares(*compare, n, self.eval(value, At { pos: *pos, ..at })) {
                        *pos = behind;
                        return Ok(());
                    }
                }
                CountKind::UntilSum { compare, total, .. } => {
                    if compares(*compare, sum, self.eval(total, At { pos: *pos, ..at })) {
                        return Ok(());
                    }
                }
                _ => {}
            }
            if max.is_some_and(|max| i128::from(*done) >= max) {
                return fail();
            }
            let wanted = match &count.kind {
                CountKind::UntilSum { each, .. } => Some(each),
                CountKind::While(more) => Some(more),
                _ => None,
            };
            let (before, shown) = (*pos, out.len());
            let found = self.element(element, *done, at, pos, out, wanted)?;
            if *pos == before && matches!(count.kind, CountKind::Rest) {
                out.truncate(shown);
                return Ok(());
            }
            *done += 1;
            if *done > 1 << 20 {
                return fail();
            }
            match &count.kind {
                CountKind::UntilSum { .. } => sum += found,
                CountKind::While(_) if found == 0 => return Ok(()),
                _ => {}
            }
        }
    }

    /// One element, and what an expression says of it.
    fn element(
        &mut self,
        ty: &'a Type,
        index: u32,
        around: At,
        pos: &mut usize,
        out: &mut Vec<Tree>,
        wanted: Option<&'a Expr>,
    ) -> Read_<i128> {
        let (scopes, buffers, start) = (self.scopes.len(), self.buffers.len(), *pos);
        let holder = self.scope(Some(around.scope));
        let shown = As {
            name: String::new(),
            index: Some(index),
            bind: (holder, String::new()),
            text: None,
        };
        let before = out.len();
        let read = self.typed(shown, ty, around.scope, around.window, pos, out);
        if let Err(mut fail) = read {
            fail.path.insert(0, format!("[{index}]"));
            return Err(fail);
        }
        if out.len() == before {
            let shown = As {
                name: String::new(),
                index: Some(index),
                bind: (0, String::new()),
                text: None,
            };
            out.push(self.leaf(&shown, around.window, start, *pos, Shown::Absent));
        }
        let mut found = 0;
        if let Some(wanted) = wanted {
            // `it` is the element; other names are its own, then those around the list.
            if let Some(Bound::Field(value)) =
                self.scopes[holder].entries.last().map(|(_, b)| b.clone())
                && let Some(fields) = value.fields
            {
                let own: Vec<_> = self.scopes[fields].entries.clone();
                self.scopes[holder].entries.extend(own);
            }
            found = self.eval(wanted, At { scope: holder, pos: *pos, ..around });
        }
        self.scopes.truncate(scopes);
        self.buffers.truncate(buffers);
        Ok(found)
    }

    #[expect(clippy::too_many_arguments, reason = "what a block is made of")]
    fn block(
        &mut self,
        shown: &As<'a>,
        transform: Transform,
        count: &'a Count,
        inner: &'a Type,
        at: At,
        pos: &mut usize,
        out: &mut Vec<Tree>,
    ) -> Read_<()> {
        let start = *pos;
        let content = self.counted(count, 1, at, pos)?;
        let (end, mut behind) = (*pos, 0);
        let (window, mut at_inside) = match transform {
            Transform::Sized => (Window { limit: end, ..at.window }, end - content.len()),
            _ => {
                let (plain, used) = inflate(transform, &content)?;
                behind = content.len() - used;
                self.buffers.push(plain);
                let buffer = self.buffers.len() - 1;
                (Window { buffer, limit: self.buffers[buffer].len() }, 0)
            }
        };
        let holder = self.scope(Some(at.scope));
        let (shape, scope) = self.shape(inner, At { pos: at_inside, window, ..at });
        let mut fields = Vec::new();
        if let TypeKind::Struct(body) = &shape.kind {
            let own = self.scope(Some(scope));
            let read = self.fields(body, own, window, &mut at_inside, &mut fields);
            let whole = if read.is_ok() { end } else { at.window.limit };
            if read.is_ok() {
                self.unread(window, at_inside, &mut fields);
                self.unread(Window { limit: end, ..at.window }, end - behind, &mut fields);
            }
            out.push(self.leaf(shown, at.window, start, whole, Shown::Struct(fields)));
            return read;
        }
        let nameless = As { bind: (holder, String::new()), text: None, ..shown.clone() };
        self.typed(nameless, inner, at.scope, window, &mut at_inside, out)?;
        self.unread(window, at_inside, out);
        self.unread(Window { limit: end, ..at.window }, end - behind, out);
        Ok(())
    }

    /// Bytes of a block that no field covers.
    fn unread(&self, window: Window, from: usize, out: &mut Vec<Tree>) {
        if from < window.limit {
            let rest =
                As { name: String::new(), index: None, bind: (0, String::new()), text: None };
            let bytes = self.bytes(window, from, window.limit);
            out.push(self.leaf(&rest, window, from, window.limit, Shown::Unread(bytes)));
        }
    }

    // ---- bytes -------------------------------------------------------------------------------

    fn pass(&self, count: usize, window: Window, pos: &mut usize) -> Read_<Vec<u8>> {
        if count > window.limit - *pos {
            return fail();
        }
        *pos += count;
        Ok(self.bytes(window, *pos - count, *pos))
    }

    /// The bytes of a text, a block or raw bytes.
    fn counted(
        &mut self,
        count: &'a Count,
        unit: usize,
        at: At,
        pos: &mut usize,
    ) -> Read_<Vec<u8>> {
        let max = count.max.as_ref().map(|max| i128::from(max.node));
        let number = match &count.kind {
            CountKind::Rest => ((at.window.limit - *pos) / unit * unit) as i128 / unit as i128,
            CountKind::Prefix(ty) => {
                let (ty, _) = self.shape(ty, at);
                let n = self.integer(ty, at.window, pos)?;
                if max.is_some_and(|max| n > max) {
                    return fail();
                }
                n
            }
            CountKind::Expr(e) => {
                let n = self.eval(e, at);
                if max.is_some_and(|max| n > max) {
                    return fail();
                }
                n
            }
            _ => panic!("only lists end so"),
        };
        if matches!(count.kind, CountKind::Rest) {
            return self.pass(at.window.limit - *pos, at.window, pos);
        }
        match usize::try_from(number).ok().and_then(|n| n.checked_mul(unit)) {
            Some(size) => self.pass(size, at.window, pos),
            None => fail(),
        }
    }

    fn text(
        &mut self,
        encoding: Encoding,
        count: &'a Count,
        at: At,
        pos: &mut usize,
        value: &mut Value,
    ) -> Read_<Shown> {
        let unit = if encoding == Encoding::Utf16 { 2 } else { 1 };
        let content = self.counted(count, unit, at, pos)?;
        value.count = (content.len() / unit) as i128;
        let text = self.decoded(encoding, &content);
        value.text = Some((encoding, content));
        Ok(Shown::Text(text))
    }

    /// Text that is well formed without doubt.
    fn decoded(&self, encoding: Encoding, bytes: &[u8]) -> Option<String> {
        match encoding {
            Encoding::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Encoding::Latin1 => Some(bytes.iter().map(|b| char::from(*b)).collect()),
            Encoding::Mutf8 => {
                let plain = bytes.iter().all(|b| (1..0x80).contains(b));
                plain.then(|| String::from_utf8(bytes.to_vec()).unwrap())
            }
            Encoding::Utf16 => {
                let unit = |c: &[u8]| {
                    let pair = [c[0], c[1]];
                    if self.definition.little {
                        u16::from_le_bytes(pair)
                    } else {
                        u16::from_be_bytes(pair)
                    }
                };
                let units: Vec<u16> = bytes.chunks_exact(2).map(unit).collect();
                (bytes.len() % 2 == 0).then(|| String::from_utf16(&units).ok()).flatten()
            }
        }
    }

    fn is_text(&self, encoding: Encoding, bytes: &[u8], text: &str) -> bool {
        self.decoded(encoding, bytes).is_some_and(|found| found == text)
    }

    fn integer(&self, ty: &'a Type, window: Window, pos: &mut usize) -> Read_<i128> {
        let TypeKind::Name { name, .. } = &ty.kind else { panic!("an integer: {ty:?}") };
        self.number(&name.text, window, pos)
    }

    fn number(&self, name: &str, window: Window, pos: &mut usize) -> Read_<i128> {
        if name.contains("var") || name.starts_with("zigzag") {
            let (most, bits) = match name {
                "varint" | "uvarint" | "zigzag32" => (5, 32),
                "varlong" | "zigzag64" => (10, 64),
                "varint128" => (19, 128),
                _ => panic!("{name}"),
            };
            let mut behind = *pos;
            let mut n = 0u128;
            for i in 0..most {
                let byte = u128::from(self.pass(1, window, &mut behind)?[0]);
                if i < 18 || byte & 0x7c == 0 {
                    n |= (byte & 0x7f) << (7 * i);
                } else {
                    n |= (byte & 3) << (7 * i);
                }
                if byte & 0x80 == 0 {
                    *pos = behind;
                    let n = part(n as i128, 0, bits, false);
                    return Ok(match name {
                        "varint" | "varlong" => part(n, 0, bits, true),
                        "zigzag32" | "zigzag64" => {
                            let half = n / 2;
                            if n % 2 == 0 { half } else { -half - 1 }
                        }
                        _ => n,
                    });
                }
            }
            return fail();
        }
        let little = match name {
            _ if name.ends_with("le") && name != "angle" => true,
            _ if name.ends_with("be") => false,
            _ => self.definition.little,
        };
        let base =
            if name == "angle" { "i8" } else { name.trim_end_matches("le").trim_end_matches("be") };
        let base = if base == "bool" { "u8" } else { base };
        let bits: u32 = base[1..].parse().unwrap();
        let mut raw = self.pass(bits as usize / 8, window, pos)?;
        if little {
            raw.reverse();
        }
        let n = raw.iter().fold(0u128, |n, byte| n << 8 | u128::from(*byte)) as i128;
        Ok(part(n, 0, bits, base.starts_with('i')))
    }

    fn primitive(
        &self,
        name: &Name,
        window: Window,
        pos: &mut usize,
        value: &mut Value,
    ) -> Read_<Shown> {
        let text = name.text.as_str();
        Ok(match text {
            "bool" => {
                let byte = self.pass(1, window, pos)?[0];
                value.number = byte.into();
                Shown::Bool(byte)
            }
            "uuid" => Shown::Bytes(self.pass(16, window, pos)?),
            "nbt" | "opt_nbt" | "named_nbt" | "opt_named_nbt" => {
                let start = *pos;
                self.nbt(text.contains("named"), window, pos)?;
                Shown::Bytes(self.bytes(window, start, *pos))
            }
            _ if text.starts_with('f') => {
                let bits: usize = text[1..3].parse().unwrap();
                let little = if text.ends_with("le") {
                    true
                } else if text.ends_with("be") {
                    false
                } else {
                    self.definition.little
                };
                let mut raw = self.pass(bits / 8, window, pos)?;
                if !little {
                    raw.reverse();
                }
                let n = raw.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                Shown::Float(float_bits(match bits {
                    16 => half(n as u16),
                    32 => f32::from_bits(n as u32).into(),
                    _ => f64::from_bits(n),
                }))
            }
            _ => {
                let n = self.number(text, window, pos)?;
                value.number = n;
                Shown::Int(n)
            }
        })
    }

    fn nbt(&self, named: bool, window: Window, pos: &mut usize) -> Read_<()> {
        let tag = self.pass(1, window, pos)?[0];
        if tag == 0 {
            return Ok(());
        }
        if named {
            self.nbt_text(window, pos)?;
        }
        self.nbt_payload(tag, 0, window, pos)
    }

    fn nbt_text(&self, window: Window, pos: &mut usize) -> Read_<()> {
        let size = self.pass(2, window, pos)?;
        self.pass(usize::from(size[0]) << 8 | usize::from(size[1]), window, pos).map(|_| ())
    }

    fn nbt_payload(&self, tag: u8, depth: u32, window: Window, pos: &mut usize) -> Read_<()> {
        let length = |pos: &mut usize| {
            let raw = self.pass(4, window, pos)?;
            let n = i32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]);
            usize::try_from(n).or_else(|_| fail())
        };
        if depth > 512 {
            return fail();
        }
        let simple = |tag: u8| match tag {
            1 => Some(1),
            2 => Some(2),
            3 | 5 => Some(4),
            4 | 6 => Some(8),
            _ => None,
        };
        match tag {
            1..=6 => self.pass(simple(tag).unwrap(), window, pos).map(|_| ()),
            7 => length(pos).and_then(|n| self.pass(n, window, pos)).map(|_| ()),
            11 => length(pos).and_then(|n| self.pass(n * 4, window, pos)).map(|_| ()),
            12 => length(pos).and_then(|n| self.pass(n * 8, window, pos)).map(|_| ()),
            8 => self.nbt_text(window, pos),
            9 => {
                let tag = self.pass(1, window, pos)?[0];
                let count = length(pos)?;
                if tag == 0 {
                    return Ok(());
                }
                if let Some(size) = simple(tag) {
                    return self.pass(size * count, window, pos).map(|_| ());
                }
                if depth >= 512 {
                    return fail();
                }
                for _ in 0..count {
                    self.nbt_payload(tag, depth + 1, window, pos)?;
                }
                Ok(())
            }
            10 => {
                if depth >= 512 {
                    return fail();
                }
                loop {
                    let tag = self.pass(1, window, pos)?[0];
                    if tag == 0 {
                        return Ok(());
                    }
                    self.nbt_text(window, pos)?;
                    self.nbt_payload(tag, depth + 1, window, pos)?;
                }
            }
            _ => fail(),
        }
    }

    // ---- names of numbers --------------------------------------------------------------------

    fn entries(&self, entries: &[Entry]) -> Rc<Entries> {
        let mut here = Vec::new();
        let mut next = 0;
        for entry in entries.iter().filter(|entry| self.admits(&entry.gates)) {
            if let Some(Spanned { node: Literal::Int(n), .. }) = &entry.value {
                next = *n;
            }
            here.push((entry.name.key(), next));
            next += 1;
        }
        Rc::new(Entries { here, all: entries.iter().map(|e| e.name.key()).collect() })
    }

    /// Names, shift, width and sign of the parts of flags or bits.
    fn members(&mut self, shape: &'a Type) -> Vec<(String, u32, u32, bool)> {
        match &shape.kind {
            TypeKind::Flags { entries, .. } => {
                let entries = self.entries(entries);
                let part = |(key, bit): &(String, i128)| (key.clone(), *bit as u32, 1, false);
                entries.here.iter().map(part).collect()
            }
            TypeKind::Bits { repr, lsb_first, members } => {
                let (base, _) = self.shape_of_absent(repr, 0);
                let TypeKind::Name { name, .. } = &base.kind else { panic!() };
                let total: u32 = match name.text.as_str() {
                    "varint" | "uvarint" | "zigzag32" => 32,
                    "varlong" | "zigzag64" => 64,
                    "varint128" => 128,
                    "bool" | "angle" => 8,
                    fixed => {
                        fixed[1..].trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
                    }
                };
                let mut used = 0;
                let mut list = Vec::new();
                for member in members.iter().filter(|member| self.admits(&member.gates)) {
                    let width = member.width.node as u32;
                    let shift = if *lsb_first { used } else { total - used - width };
                    used += width;
                    if let Some(name) = &member.name {
                        list.push((name.key(), shift, width, member.signed));
                    }
                }
                list
            }
            _ => Vec::new(),
        }
    }

    // ---- expressions -------------------------------------------------------------------------

    /// The arm that fits.
    fn choose<'l>(
        &mut self,
        subject: &'a Expr,
        labels: impl Iterator<Item = &'l Labels>,
        at: At,
    ) -> Option<usize>
    where
        'a: 'l,
    {
        let labels: Vec<&'l Labels> = labels.collect();
        let of = match &subject.kind {
            ExprKind::Path(path) => self.candidates(path, at.scope),
            _ => None,
        };
        let textual = of.as_ref().is_some_and(|all| all[0].0.text.is_some());
        let names = of
            .as_ref()
            .and_then(|all| all[0].1.is_none().then(|| all[0].0.entries.clone()).flatten());
        let value = if textual { 0 } else { self.eval(subject, at) };
        let found = of.and_then(|all| all.into_iter().map(|(value, _)| value).find(|v| v.present));
        labels.iter().position(|labels| {
            let Labels::Any(labels) = labels else { return true };
            labels.iter().any(|label| match &label.node {
                Label::Str(text) | Label::Name(text) if textual => {
                    found.as_ref().is_some_and(|found| {
                        let (encoding, bytes) = found.text.as_ref().unwrap();
                        self.is_text(*encoding, bytes, text)
                    })
                }
                Label::Int(n) => value == *n,
                Label::Range(low, high) => *low <= value && value <= *high,
                Label::Bool(b) => value == i128::from(*b),
                Label::Name(name) | Label::Str(name) => {
                    let names = names.as_ref().expect("names are of an enum");
                    names.here.iter().any(|(key, n)| *key == lookup_key(name) && *n == value)
                }
                // The tree outlives the reader, whatever borrow this label came by.
                Label::Expr(e) => self.eval(e, at) == value,
            })
        })
    }

    fn name_value(&self, name: &'a Name, at: At) -> i128 {
        match name.text.as_str() {
            "true" => 1,
            "false" => 0,
            _ => self.path(std::slice::from_ref(name), at),
        }
    }

    /// The fields of a name, the present one first to be found; with a part of flags or bits.
    #[expect(clippy::type_complexity, reason = "a value and which of its bits")]
    fn candidates(
        &self,
        path: &[Name],
        scope: ScopeId,
    ) -> Option<Vec<(Rc<Value>, Option<(u32, u32, bool)>)>> {
        let (mut path, mut scope) = (path, scope);
        while path.len() > 1 && path[0].text == "outer" && self.known("outer", scope).is_none() {
            scope = self.scopes[scope].parent?;
            path = &path[1..];
        }
        let (first, rest, found) = if path[0].text == "it" && self.known("it", scope).is_none() {
            let key = path.get(1).map_or(String::new(), Name::key);
            (key, path.get(2..).unwrap_or(&[]), scope)
        } else {
            let key = path[0].key();
            let mut at = Some(scope);
            let there = loop {
                let id = at?;
                if self.fields_of(id, &key).next().is_some() {
                    break id;
                }
                at = self.scopes[id].parent;
            };
            (key, &path[1..], there)
        };
        let mut all = Vec::new();
        for value in self.fields_of(found, &first) {
            self.inside(value, rest, &mut all);
        }
        (!all.is_empty()).then_some(all)
    }

    fn inside(
        &self,
        value: Rc<Value>,
        rest: &[Name],
        all: &mut Vec<(Rc<Value>, Option<(u32, u32, bool)>)>,
    ) {
        let Some((name, behind)) = rest.split_first() else { return all.push((value, None)) };
        let key = name.key();
        if let Some((_, shift, width, signed)) = value.members.iter().find(|m| m.0 == key) {
            let part = Some((*shift, *width, *signed));
            all.push((value.clone(), part));
        } else if let Some(scope) = value.fields {
            for inner in self.fields_of(scope, &key) {
                self.inside(inner, behind, all);
            }
        }
    }

    fn fields_of(&self, scope: ScopeId, key: &str) -> impl Iterator<Item = Rc<Value>> {
        let named = self.scopes[scope].entries.iter().filter(move |(name, _)| name == key);
        let fields = named.filter_map(|(_, bound)| match bound {
            Bound::Field(value) => Some(value.clone()),
            _ => None,
        });
        fields.collect::<Vec<_>>().into_iter()
    }

    /// What a name is bound to, from here outwards.
    fn known(&self, name: &str, scope: ScopeId) -> Option<Bound<'a>> {
        let key = lookup_key(name);
        let mut at = Some(scope);
        while let Some(id) = at {
            if let Some((_, bound)) = self.scopes[id].entries.iter().find(|(name, _)| *name == key)
            {
                return Some(bound.clone());
            }
            at = self.scopes[id].parent;
        }
        None
    }

    fn path(&self, path: &[Name], at: At) -> i128 {
        let known = self.known(&path[0].text, at.scope);
        match (path[0].text.as_str(), path.len(), &known) {
            ("remaining", 1, None) => return (at.window.limit - at.pos) as i128,
            ("version", 1, None) => return self.definition.versions[self.version].number.into(),
            ("conn", 2, None) => {
                let variable =
                    self.definition.conn.iter().position(|(key, _)| *key == path[1].key());
                return self.conn[variable.unwrap()].into();
            }
            (_, 1, Some(Bound::Value(n))) => return *n,
            _ => {}
        }
        let all = self.candidates(path, at.scope).unwrap_or_else(|| panic!("{path:?} is unknown"));
        let Some((value, member)) = all.into_iter().find(|(value, _)| value.present) else {
            return 0;
        };
        member
            .map_or(value.number, |(shift, width, signed)| part(value.number, shift, width, signed))
    }

    fn present(&self, path: &[Name], at: At) -> Option<Rc<Value>> {
        let all = self.candidates(path, at.scope)?;
        all.into_iter().map(|(value, _)| value).find(|value| value.present)
    }

    fn eval(&self, expr: &Expr, at: At) -> i128 {
        match &expr.kind {
            ExprKind::Int(n) => *n,
            ExprKind::Bool(b) => (*b).into(),
            ExprKind::Path(path) => self.path(path, at),
            ExprKind::Not(e) => (self.eval(e, at) == 0).into(),
            ExprKind::Negate(e) => self.eval(e, at).wrapping_neg(),
            ExprKind::Complement(e) => !self.eval(e, at),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.eval(a, at), self.eval(b, at));
                match op {
                    BinaryOp::Or => (a != 0 || b != 0).into(),
                    BinaryOp::And => (a != 0 && b != 0).into(),
                    BinaryOp::Add => a.wrapping_add(b),
                    BinaryOp::Subtract => a.wrapping_sub(b),
                    BinaryOp::Multiply => a.wrapping_mul(b),
                    BinaryOp::Divide if b == 0 => 0,
                    BinaryOp::Divide => a.wrapping_div(b),
                    BinaryOp::Remainder if b == 0 => 0,
                    BinaryOp::Remainder => a.wrapping_rem(b),
                    BinaryOp::BitAnd => a & b,
                    BinaryOp::BitOr => a | b,
                    BinaryOp::BitXor => a ^ b,
                    BinaryOp::ShiftLeft if (0..128).contains(&b) => a << b,
                    BinaryOp::ShiftLeft => 0,
                    BinaryOp::ShiftRight if (0..128).contains(&b) => a >> b,
                    BinaryOp::ShiftRight => a >> 127,
                }
            }
            ExprKind::Compare(op, a, b) => self.compared(*op, a, b, at).into(),
            ExprKind::InSet(e, set) => {
                let value = self.eval(e, at);
                let names = self.names(e, at);
                set.iter().any(|member| self.operand(member, names.as_deref(), at) == value).into()
            }
            ExprKind::InRange(e, low, high) => {
                let value = self.eval(e, at);
                (self.eval(low, at) <= value && value <= self.eval(high, at)).into()
            }
            ExprKind::InTable(e, table) | ExprKind::Lookup(table, e) => {
                let n = self.eval(e, at);
                self.definition.in_table(table, n, self.version, self.direction).into()
            }
            ExprKind::Call(name, args) => match (name.text.as_str(), &args[0].kind) {
                ("count", ExprKind::Path(path)) => self.present(path, at).map_or(0, |v| v.count),
                ("bytes", ExprKind::Path(path)) => self.present(path, at).map_or(0, |v| v.bytes),
                ("ones", _) => self.eval(&args[0], at).count_ones().into(),
                _ => panic!("{}", name.text),
            },
            ExprKind::Has(path) => self.present(path, at).is_some().into(),
            ExprKind::Match(subject, arms) => {
                let names = self.names(subject, at);
                let value = self.eval(subject, at);
                let fits = |labels: &Labels| {
                    let Labels::Any(labels) = labels else { return true };
                    labels.iter().any(|label| match &label.node {
                        Label::Int(n) => *n == value,
                        Label::Range(low, high) => *low <= value && value <= *high,
                        Label::Bool(b) => value == i128::from(*b),
                        Label::Expr(e) => self.eval(e, at) == value,
                        Label::Name(name) | Label::Str(name) => {
                            let names = names.as_ref().expect("names are of an enum");
                            names.here.iter().any(|(key, n)| same(key, name) && *n == value)
                        }
                    })
                };
                let arm = arms.iter().find(|(labels, _)| fits(labels));
                arm.map_or(0, |(_, e)| self.eval(e, at))
            }
            ExprKind::Float(_) | ExprKind::Str(_) => panic!("no number: {expr:?}"),
        }
    }

    fn compared(&self, op: Compare, a: &Expr, b: &Expr, at: At) -> bool {
        for (field, text) in [(a, b), (b, a)] {
            let (ExprKind::Path(path), ExprKind::Str(text)) = (&field.kind, &text.kind) else {
                continue;
            };
            let all = self.candidates(path, at.scope).unwrap_or_default();
            if all.first().is_some_and(|(value, _)| value.text.is_some()) {
                let found = all.into_iter().map(|(value, _)| value).find(|value| value.present);
                let is = found.is_some_and(|value| {
                    let (encoding, bytes) = value.text.as_ref().unwrap();
                    self.is_text(*encoding, bytes, text)
                });
                return is == (op == Compare::Equal);
            }
        }
        let (of_a, of_b) = (self.names(a, at), self.names(b, at));
        let left = self.operand(a, of_b.as_deref(), at);
        compares(op, left, self.operand(b, of_a.as_deref(), at))
    }

    fn names(&self, expr: &Expr, at: At) -> Option<Rc<Entries>> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        let all = self.candidates(path, at.scope)?;
        let (value, member) = &all[0];
        if member.is_some() { None } else { value.entries.clone() }
    }

    /// A number, or the name of one in an enum.
    fn operand(&self, expr: &Expr, names: Option<&Entries>, at: At) -> i128 {
        let text = match &expr.kind {
            ExprKind::Path(path) if path.len() == 1 => Some(path[0].text.as_str()),
            ExprKind::Str(text) => Some(text.as_str()),
            _ => None,
        };
        if let (Some(text), Some(names)) = (text, names) {
            if let Some((_, n)) = names.here.iter().find(|(key, _)| same(key, text)) {
                return *n;
            }
            if names.all.iter().any(|key| same(key, text)) {
                return i128::MIN;
            }
        }
        self.eval(expr, at)
    }
}

fn compares(op: Compare, a: i128, b: i128) -> bool {
    match op {
        Compare::Equal => a == b,
        Compare::NotEqual => a != b,
        Compare::Less => a < b,
        Compare::LessEqual => a <= b,
        Compare::Greater => a > b,
        Compare::GreaterEqual => a >= b,
    }
}

/// So many bits of a number, from a certain one on.
pub(crate) fn part(n: i128, shift: u32, width: u32, signed: bool) -> i128 {
    let up = 128 - width;
    let bits = (n as u128 >> shift).checked_shl(up).unwrap_or(0);
    if signed { bits as i128 >> up } else { (bits >> up) as i128 }
}

pub(crate) fn float_bits(f: f64) -> u64 {
    if f.is_nan() { 1 } else { f.to_bits() }
}

fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// The plain bytes, and how many of `bytes` they took.
fn inflate(transform: Transform, bytes: &[u8]) -> Read_<(Vec<u8>, usize)> {
    let mut plain = Vec::new();
    let used = match transform {
        Transform::Zlib => {
            let mut z = flate2::bufread::ZlibDecoder::new(bytes);
            z.read_to_end(&mut plain).map(|_| z.total_in())
        }
        Transform::Deflate => {
            let mut z = flate2::bufread::DeflateDecoder::new(bytes);
            z.read_to_end(&mut plain).map(|_| z.total_in())
        }
        _ => {
            let mut z = flate2::bufread::GzDecoder::new(bytes);
            z.read_to_end(&mut plain).map(|_| (bytes.len() - z.into_inner().len()) as u64)
        }
    };
    match used {
        Ok(used) => Ok((plain, used as usize)),
        Err(_) => Err(Fail { path: Vec::new(), damaged: true }),
    }
}
