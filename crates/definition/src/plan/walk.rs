//! Looking at a packet: walking all of it, or finding one field.

use std::ops::ControlFlow;

use super::error::{DecodeError, PathSegment};
use super::expr::Ex;
use super::quick::{DONE, quick};
use super::scope::RunScope;
use super::workspace::{ABSENT, BUFFER, INDEX_STRIDE, LIMIT, START};
use super::{
    Activation, ArrayKind, Code, Cut, Field, FieldId, Item, Kind, LayoutId, Place, Plan, Workspace,
};
use crate::packed::Packing;
use crate::syntax::ast::{Transform, lookup_key, same_name};
use crate::value::{self, Value};

/// A packet that was read: a plan's positions over a payload.
#[derive(Debug)]
pub struct Packet<'a> {
    pub(crate) plan: &'a Plan,
    /// The plan's code, or a part of it.
    pub(super) code: &'a [Code],
    pub(crate) payload: &'a [u8],
    pub(crate) conn: &'a [i64],
    pub(crate) ws: &'a mut Workspace,
    pub(super) error: Option<Box<DecodeError>>,
    /// Where reading ended.
    end: u32,
    /// Layouts around the one that is being shown.
    pub(super) depth: u32,
    /// Lists around it that were not read to their end.
    pub(super) broken_lists: usize,
    /// What the bytes that were opened in this walk counted, all together.
    pub(super) opened_counts: (u32, usize),
    /// What bytes hold is being shown.
    pub(super) within_opened: bool,
}

/// Something that is shown a packet field by field, in wire order.
pub trait Visitor {
    /// A field or an element that is one value.
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>);
    /// A struct, list or block begins. `Flow::Skip` leaves out what is inside (then `close` is not called).
    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow;
    /// What was opened last ends.
    fn close(&mut self, node: &Node<'_>);
    /// The byte that says whether an `opt` is there; its value follows if it is.
    fn presence(&mut self, _node: &Node<'_>) {}
    /// The compressed bytes of a block that holds one value, which follows under the same name.
    fn packed(&mut self, _node: &Node<'_>) {}
    /// The plain bytes of a compressed block, in the buffer that places inside of it name. What is inside follows.
    fn inflated(&mut self, _node: &Node<'_>, _buffer: u32, _bytes: &[u8]) {}
    /// Bytes at the end of a block that its content did not reach. They come before the block's `close`,
    /// or behind its value if it holds nothing but that.
    fn rest(&mut self, _place: Place, _bytes: &[u8]) {}
    /// Whether to be shown what bytes hold, where the definition says it (`@open`), after their value.
    fn opens(&self, _node: &Node<'_>) -> bool {
        false
    }
    /// What these bytes hold is shown now: as a struct, or as the one value that it is.
    fn enter_bytes(&mut self, _node: &Node<'_>) {}
    /// What they hold was shown, as far as it could be read. An error of it is none of the packet.
    fn leave_bytes(&mut self, _node: &Node<'_>, _error: Option<&DecodeError>) {}
}

/// What a visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// To see what is inside.
    Enter,
    /// To go on behind it.
    Skip,
}

/// What kind of group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Named fields.
    Struct,
    /// So many elements.
    List(u32),
}

/// A field or an element, and where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The definition of it; of an element that is a struct, that of the list.
    pub field: &'a Field,
    /// The name; of an element the list's.
    pub name: &'a str,
    /// The place in the list, of an element.
    pub index: Option<u32>,
    /// Where its bytes are.
    pub place: Place,
    /// Its bytes, with a length in front if it has one.
    pub raw: &'a [u8],
    /// The plan that the field belongs to.
    pub plan: &'a Plan,
}

/// The rest of the packet was not read.
pub(super) struct Stop;

impl Plan {
    /// Reads a packet's body, which starts at `body` of the payload (behind the packet id).
    ///
    /// It never fails: what could not be read is told by [`Packet::error`], and what was read before it
    /// is there.
    pub fn decode<'a>(
        &'a self,
        payload: &'a [u8],
        body: u32,
        conn: &'a [i64],
        ws: &'a mut Workspace,
    ) -> Packet<'a> {
        self.run(&self.code, payload, body, conn, ws)
    }

    /// The same, as far as some anchors need it: other fields are not there, and what is wrong behind
    /// those is not found. The cut must be of this plan.
    #[inline]
    pub fn decode_cut<'a>(
        &'a self,
        cut: &'a Cut,
        payload: &'a [u8],
        body: u32,
        conn: &'a [i64],
        ws: &'a mut Workspace,
    ) -> Packet<'a> {
        self.run(cut.code.as_deref().unwrap_or(&self.code), payload, body, conn, ws)
    }

    #[inline]
    fn run<'a>(
        &'a self,
        code: &'a [Code],
        payload: &'a [u8],
        body: u32,
        conn: &'a [i64],
        ws: &'a mut Workspace,
    ) -> Packet<'a> {
        // Positions are u32; no frame comes near (the largest limit is far below).
        let payload = &payload[..payload.len().min(u32::MAX as usize / 2)];
        let start = body.min(payload.len() as u32);
        ws.clear();
        let (is_quick, few) = (ws.is_quick(), ws.limits.elements_max);
        let layout = &self.layouts[0];
        let header = [ABSENT, 0, start, payload.len() as u32];
        let (_, slots) = ws.push(layout.slots as usize, header);
        let (mut pc, mut end) = (layout.entry as usize, start as usize);
        if is_quick {
            (pc, end) = quick(self, code, slots, payload, pc, end, few);
        }
        let mut packet = Packet::begun(self, payload, conn, ws);
        packet.code = code;
        packet.end = end as u32;
        if pc == DONE { packet } else { packet.go_on(pc, end) }
    }
}

impl<'a> Packet<'a> {
    /// A packet of which nothing was read yet.
    #[inline]
    pub(super) fn begun(
        plan: &'a Plan,
        payload: &'a [u8],
        conn: &'a [i64],
        ws: &'a mut Workspace,
    ) -> Self {
        Packet {
            plan,
            code: &plan.code,
            payload,
            conn,
            ws,
            error: None,
            end: 0,
            depth: 0,
            broken_lists: 0,
            opened_counts: (0, 0),
            within_opened: false,
        }
    }

    /// Reads the packet's body from an instruction and a position on.
    #[inline(never)]
    fn go_on(mut self, pc: usize, pos: usize) -> Self {
        let layout = &self.plan.layouts[0];
        match self.layout_from(pc, pos, layout, 0, self.payload, 0) {
            Ok(end) => self.end = end as u32,
            Err(mut failed) => {
                if failed.buffer == ABSENT {
                    failed.buffer = 0;
                }
                self.error = Some(self.plan.told(failed));
                self.end = self.readable_end();
            }
        }
        self
    }

    /// What could not be read.
    pub fn error(&self) -> Option<&DecodeError> {
        self.error.as_deref()
    }

    /// Where reading ended: behind the last field, or at the field of the packet itself that failed.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// What is left behind the last field, or from the field that failed on.
    pub fn rest(&self) -> &'a [u8] {
        self.payload.get(self.end as usize..).unwrap_or(&[])
    }

    /// The whole payload, id included.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The bytes of a place.
    pub fn bytes(&self, place: Place) -> &[u8] {
        let buffer = self.ws.buffer(self.payload, place.buffer);
        buffer.get(place.start as usize..place.end as usize).unwrap_or(&[])
    }

    /// The packet's body as an activation.
    pub(crate) fn root(&self) -> Activation {
        Activation { base: 0, layout: 0 }
    }

    /// Evaluates an expression over the body's fields.
    pub(crate) fn eval(&self, ex: &Ex) -> i128 {
        ex.eval(&self.scope(0))
    }

    pub(crate) fn scope(&self, base: u32) -> RunScope<'_> {
        let pos = self.ws.slots.get((base + START) as usize).copied().unwrap_or(0);
        RunScope { plan: self.plan, payload: self.payload, conn: self.conn, ws: self.ws, base, pos }
    }

    /// What a field's own expressions see: at its place, where other bytes are left than at the start.
    fn scope_of(&self, base: u32, field: &Field) -> RunScope<'_> {
        RunScope { pos: self.ws.resolve(base, field.start), ..self.scope(base) }
    }

    /// Shows everything that could be read, in order.
    ///
    /// Of a packet that failed and has secrets nothing is shown of a list, block or recursive type that was not
    /// read whole. Elements of lists are read again as they are shown. In a packet that failed, what counts towards a
    /// limit is counted as it was when the packet was read: what was over it then is not shown now.
    pub fn walk(&mut self, visitor: &mut dyn Visitor) {
        let plan = self.plan;
        let root = self.root();
        self.ws.begin_counting();
        (self.depth, self.broken_lists, self.opened_counts) = (0, 0, (0, 0));
        // A stop only says that the rest was not read, which `error` tells already.
        let _ = self.items(root, &plan.layouts[0].items, visitor);
    }

    /// In a packet that failed: the end of the last field of the body that was read whole.
    fn readable_end(&self) -> u32 {
        let root = self.root();
        let start = self.ws.slots[START as usize];
        let mut end = start;
        let plan = self.plan;
        // Stopping early only says that the rest was not read.
        let _ = self.last_read(root.base, &plan.layouts[0].items, &mut end);
        end
    }

    fn last_read(&self, base: u32, items: &[Item], end: &mut u32) -> ControlFlow<()> {
        for item in items {
            match item {
                Item::Field(id) => {
                    let field = &self.plan.fields[*id as usize];
                    if let Kind::Struct(items) = &field.kind {
                        self.last_read(base, items, end)?;
                        continue;
                    }
                    match self.field_place(base, field) {
                        Some(place) => *end = (*end).max(place.end),
                        None => return ControlFlow::Break(()),
                    }
                }
                Item::Branch(id) => {
                    let branch = &self.plan.branches[*id as usize];
                    match self.ws.slots[(base + branch.slot) as usize] {
                        ABSENT => return ControlFlow::Break(()),
                        arm => {
                            if let Some(arm) = branch.arms.get(arm as usize) {
                                self.last_read(base, &arm.items, end)?;
                            }
                        }
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// A field's place, if all of it was read.
    pub(crate) fn field_place(&self, base: u32, field: &Field) -> Option<Place> {
        let (start, end) = (self.ws.resolve(base, field.start), self.ws.resolve(base, field.end));
        let limit = self.ws.slots[(base + LIMIT) as usize];
        let buffer = self.ws.slots[(base + BUFFER) as usize];
        (start != ABSENT && end != ABSENT && end <= limit).then_some(Place { buffer, start, end })
    }

    fn items(
        &mut self,
        act: Activation,
        items: &'a [Item],
        v: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        for item in items {
            match item {
                Item::Field(id) => self.field(act, *id, None, v)?,
                Item::Branch(id) => {
                    let branch = &self.plan.branches[*id as usize];
                    match self.ws.slots[(act.base + branch.slot) as usize] {
                        ABSENT => return Err(Stop),
                        arm => {
                            if let Some(arm) = branch.arms.get(arm as usize) {
                                self.items(act, &arm.items, v)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Shows one field; `index` when it is the one value of a list's element.
    fn field(
        &mut self,
        act: Activation,
        id: FieldId,
        index: Option<u32>,
        v: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let plan = self.plan;
        let field = &plan.fields[id as usize];
        let start = self.ws.resolve(act.base, field.start);
        if start == ABSENT {
            return Err(Stop);
        }
        let buffer = self.ws.slots[(act.base + BUFFER) as usize];
        let limit = self.ws.slots[(act.base + LIMIT) as usize];
        let whole = self.field_place(act.base, field);
        let place = whole.unwrap_or(Place { buffer, start: start.min(limit), end: limit });
        let node = Node { field, name: &field.name, index, place, raw: &[], plan };
        match &field.kind {
            Kind::Presence => {
                if whole.is_none() {
                    return Err(Stop);
                }
                v.presence(&self.with_raw(&node));
                Ok(())
            }
            Kind::Let(ex) => {
                let value = ex.eval(&self.scope_of(act.base, field));
                v.value(&node, &Value::Int(value));
                Ok(())
            }
            Kind::Struct(items) => {
                if v.open(&self.with_raw(&node), Group::Struct) == Flow::Skip {
                    return whole.map(|_| ()).ok_or(Stop);
                }
                let result = self.items(act, items, v);
                v.close(&self.with_raw(&node));
                result
            }
            // Of what was not read whole in a packet with secrets, all may be one.
            Kind::Array(_) | Kind::Block { .. } | Kind::Call { .. }
                if whole.is_none() && self.error.is_some() && plan.has_secrets() =>
            {
                Err(Stop)
            }
            Kind::Array(array) => self.array(act, &node, array, whole.is_some(), v),
            Kind::Block { layout, slot, .. } | Kind::Call { layout, slot, .. } => {
                let base = self.ws.slots[(act.base + slot) as usize];
                if base == ABSENT {
                    return Err(Stop);
                }
                self.count_inner(&field.kind, base)?;
                let inner = Activation { base, layout: *layout };
                let bounded = matches!(field.kind, Kind::Block { .. });
                let within = self.ws.slots[(base + BUFFER) as usize];
                if bounded && within != buffer {
                    let bytes = self.ws.buffer(self.payload, within);
                    v.inflated(&self.with_raw(&node), within, bytes);
                }
                self.activation(inner, &node, index, bounded, v)?;
                whole.map(|_| ()).ok_or(Stop)
            }
            _ => {
                if whole.is_none() {
                    return Err(Stop);
                }
                if let Some(value) = self.value_at(act.base, field, place) {
                    v.value(&self.with_raw(&node), &value);
                }
                if !field.opened.is_empty() && v.opens(&self.with_raw(&node)) {
                    self.show_opened(act, &node, v);
                }
                Ok(())
            }
        }
    }

    pub(super) fn with_raw<'s>(&'s self, node: &Node<'s>) -> Node<'s> {
        Node { raw: self.bytes(node.place), ..*node }
    }

    /// Shows what the content of a block did not reach.
    fn unread(&self, act: Activation, v: &mut dyn Visitor) {
        let end = self.ws.resolve(act.base, self.plan.layouts[act.layout as usize].end);
        let limit = self.ws.slots[(act.base + LIMIT) as usize];
        if end < limit {
            let buffer = self.ws.slots[(act.base + BUFFER) as usize];
            let place = Place { buffer, start: end, end: limit };
            v.rest(place, self.bytes(place));
        }
    }

    /// Shows what an activation holds: a struct's fields, or the one value of a transparent layout.
    pub(super) fn activation(
        &mut self,
        act: Activation,
        node: &Node<'a>,
        index: Option<u32>,
        bounded: bool,
        v: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let plan = self.plan;
        let layout = &plan.layouts[act.layout as usize];
        if !layout.transparent {
            if v.open(&self.with_raw(node), Group::Struct) == Flow::Skip {
                return Ok(());
            }
            self.depth += 1;
            let result = self.items(act, &layout.items, v);
            self.depth -= 1;
            if bounded && result.is_ok() {
                self.unread(act, v);
            }
            v.close(&self.with_raw(node));
            return result;
        }
        if let Some(Item::Field(id)) = layout.items.first() {
            let field = &plan.fields[*id as usize];
            if let (Kind::Presence, Some(place)) = (&field.kind, self.field_place(act.base, field))
            {
                v.presence(&Node {
                    field,
                    name: node.name,
                    index,
                    place,
                    raw: self.bytes(place),
                    plan,
                });
            }
        }
        if let Kind::Block { transform, .. } = &node.field.kind
            && *transform != Transform::Sized
        {
            v.packed(&self.with_raw(node));
        }
        match self.only_field(act, &layout.items)? {
            Some(id) => {
                self.depth += 1;
                let result = self.named_as(act, id, node, index, v);
                self.depth -= 1;
                result?;
            }
            None => v.value(&self.with_raw(node), &Value::Absent),
        }
        if bounded {
            self.unread(act, v);
        }
        Ok(())
    }

    /// Counts a block or call that is about to be shown as it was counted when it was read.
    fn count_inner(&mut self, kind: &Kind, base: u32) -> Result<(), Stop> {
        if self.error.is_none() {
            return Ok(());
        }
        match kind {
            Kind::Call { .. } => self.ws.count_walked(1).map_err(|_| Stop),
            Kind::Block { transform: Transform::Sized, .. } => Ok(()),
            _ => {
                let buffer = self.ws.slots[(base + BUFFER) as usize];
                let len = self.ws.buffer(self.payload, buffer).len();
                self.ws.count_inflated(len).map_err(|_| Stop)
            }
        }
    }

    /// Shows the value of a transparent layout under the name of what holds it.
    fn named_as(
        &mut self,
        act: Activation,
        id: FieldId,
        node: &Node<'a>,
        index: Option<u32>,
        v: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        self.field(act, id, index, &mut Renamed { name: node.name, depth: 0, inner: v })
    }

    /// The field of a transparent layout that is present.
    pub(crate) fn only_field(
        &self,
        act: Activation,
        items: &[Item],
    ) -> Result<Option<FieldId>, Stop0> {
        for item in items {
            match item {
                Item::Field(id) => {
                    let field = &self.plan.fields[*id as usize];
                    if !matches!(field.kind, Kind::Presence | Kind::Pad(_)) {
                        return Ok(Some(*id));
                    }
                    if self.field_place(act.base, field).is_none() {
                        return Err(Stop0);
                    }
                }
                Item::Branch(id) => {
                    let branch = &self.plan.branches[*id as usize];
                    let arm = self.ws.slots[(act.base + branch.slot) as usize];
                    if arm == ABSENT {
                        return Err(Stop0);
                    }
                    if let Some(arm) = branch.arms.get(arm as usize)
                        && let Some(id) = self.only_field(act, &arm.items)?
                    {
                        return Ok(Some(id));
                    }
                }
            }
        }
        Ok(None)
    }

    fn array(
        &mut self,
        act: Activation,
        node: &Node<'a>,
        array: &'a ArrayKind,
        whole: bool,
        v: &mut dyn Visitor,
    ) -> Result<(), Stop> {
        let count = self.ws.slots[(act.base + array.count_slot) as usize];
        let first = self.ws.resolve(act.base, array.first);
        if count == ABSENT || first == ABSENT {
            return Err(Stop);
        }
        let empty = self.plan.layouts[array.element as usize].fixed_size == Some(0);
        if self.error.is_some() && empty && !array.counted {
            self.ws.count_walked(count).map_err(|_| Stop)?;
        }
        let done = |whole: bool| if whole { Ok(()) } else { Err(Stop) };
        if v.open(&self.with_raw(node), Group::List(count)) == Flow::Skip {
            return done(whole);
        }
        let shown = if whole { count } else { self.elements_reached(count) };
        let mut at = first;
        let mut result = Ok(());
        for index in 0..shown {
            let before = self.ws.checkpoint();
            let element = self.element(act, array, at, index, node, v);
            self.ws.restore(before);
            match element {
                Ok(end) => at = end,
                Err(stop) => {
                    result = Err(stop);
                    break;
                }
            }
        }
        v.close(&self.with_raw(node));
        result.and(done(whole))
    }

    /// How many elements of a list that was not read to its end can be shown, the one that failed included.
    fn elements_reached(&mut self, count: u32) -> u32 {
        let mut indices = self.error.iter().flat_map(|error| &error.path).filter_map(|s| match s {
            PathSegment::Index(index) => Some(*index),
            PathSegment::Field(_) => None,
        });
        // The first list that broke has the first index of the error's path, one in it the second.
        let failed = indices.nth(self.broken_lists);
        self.broken_lists += 1;
        failed.map_or(count, |index| index.saturating_add(1))
    }

    /// Shows the element at a position; gives where it ends.
    fn element(
        &mut self,
        act: Activation,
        array: &ArrayKind,
        at: u32,
        index: u32,
        list: &Node<'a>,
        v: &mut dyn Visitor,
    ) -> Result<u32, Stop> {
        let (inner, end) = if self.error.is_none() {
            self.open_element(act, array.element, at)
        } else {
            if array.counted {
                if self.depth >= self.ws.limits.depth_max {
                    return Err(Stop);
                }
                self.ws.count_walked(1).map_err(|_| Stop)?;
            }
            let counts = self.ws.counts();
            let opened = self.run_element(act, array.element, at, self.depth + 1);
            self.ws.set_counts(counts);
            opened
        };
        let plan = self.plan;
        let buffer = self.ws.slots[(act.base + BUFFER) as usize];
        let limit = self.ws.slots[(act.base + LIMIT) as usize];
        let place = Place { buffer, start: at, end: end.unwrap_or(limit) };
        let node =
            Node { field: list.field, name: list.name, index: Some(index), place, raw: &[], plan };
        self.activation(inner, &node, Some(index), false, v)?;
        end.ok_or(Stop)
    }

    /// A block for the element at a position, and where it ends if it could be read.
    pub(crate) fn open_element(
        &mut self,
        act: Activation,
        layout: LayoutId,
        at: u32,
    ) -> (Activation, Option<u32>) {
        self.ws.begin_counting();
        self.run_element(act, layout, at, 0)
    }

    /// The same, with what was counted before, and so many layouts around it.
    fn run_element(
        &mut self,
        act: Activation,
        layout: LayoutId,
        at: u32,
        depth: u32,
    ) -> (Activation, Option<u32>) {
        let plan = self.plan;
        let buffer = self.ws.slots[(act.base + BUFFER) as usize];
        let limit = self.ws.slots[(act.base + LIMIT) as usize];
        let base =
            self.ws.push_block(&plan.layouts[layout as usize], [act.base, buffer, at, limit]);
        let end = self.block(layout, base, depth).ok().map(|end| end as u32);
        (Activation { base, layout }, end)
    }

    /// Where element `index` of an array starts.
    pub(crate) fn element_start(
        &mut self,
        act: Activation,
        array: &ArrayKind,
        index: u32,
    ) -> Option<u32> {
        let count = self.ws.slots[(act.base + array.count_slot) as usize];
        let first = self.ws.resolve(act.base, array.first);
        if count == ABSENT || first == ABSENT || index >= count {
            return None;
        }
        if let Some(size) = self.plan.layouts[array.element as usize].fixed_size {
            return Some(first + index * size);
        }
        let (mut at, mut i) = (first, 0);
        let handle =
            array.index_slot.map_or(ABSENT, |slot| self.ws.slots[(act.base + slot) as usize]);
        if handle != ABSENT && index >= INDEX_STRIDE {
            let entry = index / INDEX_STRIDE;
            at = *self.ws.index.get((handle + entry - 1) as usize)?;
            i = entry * INDEX_STRIDE;
        }
        while i < index {
            let before = self.ws.checkpoint();
            let (_, end) = self.open_element(act, array.element, at);
            self.ws.restore(before);
            at = end?;
            i += 1;
        }
        Some(at)
    }

    /// The field of a path such as `item.added[2].data`, as it is here. A part of flags or bits is found
    /// with its whole; [`Packet::int`] takes the part.
    pub fn find(&mut self, path: &str) -> Option<Found<'a>> {
        let mut act = self.root();
        let plan = self.plan;
        let mut items: &[Item] = &plan.layouts[0].items;
        let mut found: Option<Found<'a>> = None;
        for segment in segments(path) {
            match segment {
                Segment::Name(name) => {
                    if let Some(f) = found.take() {
                        if let Kind::Flags { .. } | Kind::Bits { .. } = f.field.kind {
                            if f.member.is_some() {
                                return None;
                            }
                            found = Some(Found { member: Some(member(&f.field.kind, name)?), ..f });
                            continue;
                        }
                        (act, items) = match f.field.opened.is_empty() {
                            true => self.inside(f)?,
                            false => self.inside_opened(&f)?,
                        };
                    }
                    let id = self.named(act, items, &lookup_key(name))?;
                    found = Some(self.found(act, id)?);
                }
                Segment::Index(index) => {
                    let mut f = found.take()?;
                    if !f.field.opened.is_empty() {
                        f = self.value_opened(&f)?;
                    }
                    let Kind::Array(array) = &f.field.kind else { return None };
                    let at = self.element_start(f.act, array, index)?;
                    let (inner, end) = self.open_element(f.act, array.element, at);
                    let place = Place { start: at, end: end?, ..f.place };
                    found = Some(Found { place, act: inner, element: Some(index), ..f });
                    act = inner;
                    items = &plan.layouts[inner.layout as usize].items;
                    if plan.layouts[inner.layout as usize].transparent {
                        let id = self.only_field(inner, items).ok()??;
                        found = Some(self.found(inner, id)?);
                    }
                }
            }
        }
        found
    }

    pub(super) fn found(&mut self, act: Activation, id: FieldId) -> Option<Found<'a>> {
        let field = &self.plan.fields[id as usize];
        let place = self.field_place(act.base, field)?;
        if let Kind::Call { layout, slot, .. } | Kind::Block { layout, slot, .. } = &field.kind {
            let inner =
                Activation { base: self.ws.slots[(act.base + slot) as usize], layout: *layout };
            let shape = &self.plan.layouts[*layout as usize];
            if shape.transparent {
                let id = self.only_field(inner, &shape.items).ok()??;
                return self.found(inner, id);
            }
        }
        Some(Found { field, place, act, element: None, member: None })
    }

    /// What is inside a found struct, block or element.
    pub(super) fn inside(&self, found: Found<'a>) -> Option<(Activation, &'a [Item])> {
        let plan = self.plan;
        if found.element.is_some() {
            return Some((found.act, &plan.layouts[found.act.layout as usize].items));
        }
        match &found.field.kind {
            Kind::Struct(items) => Some((found.act, items)),
            Kind::Block { layout, slot, .. } | Kind::Call { layout, slot, .. } => {
                let base = self.ws.slots[(found.act.base + slot) as usize];
                Some((Activation { base, layout: *layout }, &plan.layouts[*layout as usize].items))
            }
            _ => None,
        }
    }

    /// The field of that name among the items that are present.
    pub(crate) fn named(&self, act: Activation, items: &[Item], key: &str) -> Option<FieldId> {
        items.iter().find_map(|item| match item {
            Item::Field(id) => {
                let field = &self.plan.fields[*id as usize];
                let shown = !matches!(field.kind, Kind::Presence);
                (shown && same_name(&field.name, key)).then_some(*id)
            }
            Item::Branch(id) => {
                let branch = &self.plan.branches[*id as usize];
                let arm = self.ws.slots[(act.base + branch.slot) as usize];
                let arm = branch.arms.get(arm as usize)?;
                self.named(act, &arm.items, key)
            }
        })
    }

    /// The number at a path, if there is one.
    pub fn int(&mut self, path: &str) -> Option<i128> {
        self.looking(|packet| {
            let found = packet.find(path)?;
            let whole = packet.value_of(&found)?.as_int()?;
            Some(found.member.map_or(whole, |m| m.of(whole)))
        })
    }

    /// The number of elements of the list at a path, if there is one.
    pub fn count_at(&mut self, path: &str) -> Option<u32> {
        self.looking(|packet| {
            let found = packet.find(path)?;
            match &found.field.kind {
                Kind::Array(array) if found.element.is_none() => {
                    Some(packet.ws.slots[(found.act.base + array.count_slot) as usize])
                }
                _ => None,
            }
        })
    }

    /// Looks at something, and forgets the blocks that were made for it.
    fn looking<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.ws.checkpoint();
        let seen = look(self);
        self.ws.restore(before);
        seen
    }

    /// Tells which arms of the plan's branches are taken anywhere in the packet.
    pub(crate) fn note_arms(&mut self, note: &mut dyn FnMut(u32, u32)) {
        if self.error.is_some() {
            // What was not read has no arms, and would have to be counted as in a walk.
            return;
        }
        let root = self.root();
        self.note_block(root, note);
    }

    pub(super) fn note_block(&mut self, act: Activation, note: &mut dyn FnMut(u32, u32)) {
        let plan = self.plan;
        self.note_items(act, &plan.layouts[act.layout as usize].items, note);
    }

    fn note_items(&mut self, act: Activation, items: &'a [Item], note: &mut dyn FnMut(u32, u32)) {
        let plan = self.plan;
        for item in items {
            match item {
                Item::Branch(id) => {
                    let branch = &plan.branches[*id as usize];
                    let arm = self.ws.slots[(act.base + branch.slot) as usize];
                    if let Some(taken) = branch.arms.get(arm as usize) {
                        note(*id, arm);
                        self.note_items(act, &taken.items, note);
                    }
                }
                Item::Field(id) => match &plan.fields[*id as usize].kind {
                    Kind::Struct(items) => self.note_items(act, items, note),
                    Kind::Block { layout, slot, .. } | Kind::Call { layout, slot, .. } => {
                        let base = self.ws.slots[(act.base + slot) as usize];
                        if base != ABSENT {
                            self.note_block(Activation { base, layout: *layout }, note);
                        }
                    }
                    Kind::Array(array) => self.note_elements(act, array, note),
                    _ => self.note_opened(act, *id, note),
                },
            }
        }
    }

    fn note_elements(
        &mut self,
        act: Activation,
        array: &'a ArrayKind,
        note: &mut dyn FnMut(u32, u32),
    ) {
        let count = self.ws.slots[(act.base + array.count_slot) as usize];
        let mut at = self.ws.resolve(act.base, array.first);
        if count == ABSENT || at == ABSENT {
            return;
        }
        for _ in 0..count {
            let before = self.ws.checkpoint();
            let (inner, end) = self.open_element(act, array.element, at);
            self.note_block(inner, note);
            self.ws.restore(before);
            match end {
                Some(end) => at = end,
                None => return,
            }
        }
    }

    /// The text at a path, if there is one.
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.look(path, |value| match value {
            Value::Text(text, ..) => Some(text.clone().into_owned()),
            _ => None,
        })
    }

    /// What somebody makes of the value at a path, if there is one.
    pub(crate) fn look<T>(
        &mut self,
        path: &str,
        look: impl FnOnce(&Value<'_>) -> Option<T>,
    ) -> Option<T> {
        self.looking(|packet| {
            let found = packet.find(path)?;
            look(&packet.value_of(&found)?)
        })
    }

    /// The value of a found field; `None` for structs, lists and blocks.
    pub fn value_of(&self, found: &Found<'a>) -> Option<Value<'_>> {
        if found.element.is_some() {
            return None;
        }
        self.value_at(found.act.base, found.field, found.place)
    }

    /// Which buffer a block's bytes are in.
    pub(super) fn buffer_of(&self, act: Activation) -> u32 {
        self.ws.slots[(act.base + BUFFER) as usize]
    }

    fn value_at<'s>(&'s self, base: u32, field: &'s Field, place: Place) -> Option<Value<'s>> {
        let narrow = |n: i128| u32::try_from(n).unwrap_or(0);
        match &field.kind {
            Kind::Let(ex) => Some(Value::Int(ex.eval(&self.scope_of(base, field)))),
            Kind::Packed { width, count, crossing } => {
                let scope = self.scope_of(base, field);
                let (width, count) = (narrow(width.eval(&scope)), narrow(count.eval(&scope)));
                let packing = Packing { width, count, crossing: *crossing };
                Some(Value::Packed(self.bytes(place), packing))
            }
            kind => value::read(kind, self.bytes(place)),
        }
    }
}

/// A field that was found by its path.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its definition; of an element that is a struct, that of the list.
    pub field: &'a Field,
    /// Its bytes.
    pub place: Place,
    /// The block that it lies in; of an element its own.
    pub(crate) act: Activation,
    /// It is an element, a struct.
    pub element: Option<u32>,
    pub(crate) member: Option<super::Member>,
}

/// The bits of a named part of flags or bits.
pub(super) fn member(kind: &Kind, name: &str) -> Option<super::Member> {
    let key = lookup_key(name);
    match kind {
        Kind::Flags { members, .. } => {
            let flag = members.iter().find(|m| same_name(&m.name, &key))?;
            Some(super::Member { shift: flag.bit, width: 1, signed: false })
        }
        Kind::Bits { members, .. } => {
            let part = members.iter().find(|m| same_name(&m.name, &key))?;
            Some(super::Member { shift: part.shift, width: part.width, signed: part.signed })
        }
        _ => None,
    }
}

/// A step of a written path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    Name(&'a str),
    Index(u32),
}

/// The steps of a written path; what is no step is left out.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    path.split(['.', '[']).filter_map(|part| match part.strip_suffix(']') {
        Some(digits) => digits.trim().parse().ok().map(Segment::Index),
        None if part.is_empty() => None,
        None => Some(Segment::Name(part.trim().trim_matches('`'))),
    })
}

/// The rest of an element was not read.
pub(crate) struct Stop0;

impl From<Stop0> for Stop {
    fn from(_: Stop0) -> Stop {
        Stop
    }
}

/// Shows a nameless field under the name of what holds it.
struct Renamed<'v, 'n> {
    name: &'n str,
    depth: u32,
    inner: &'v mut dyn Visitor,
}

impl<'n> Renamed<'_, 'n> {
    fn named<'s>(&self, node: &Node<'s>) -> Node<'s>
    where
        'n: 's,
    {
        if self.depth == 0 { Node { name: self.name, ..*node } } else { *node }
    }
}

impl Visitor for Renamed<'_, '_> {
    fn value(&mut self, node: &Node<'_>, value: &Value<'_>) {
        let node = if self.depth == 0 { Node { name: self.name, ..*node } } else { *node };
        self.inner.value(&node, value);
    }

    fn open(&mut self, node: &Node<'_>, group: Group) -> Flow {
        let shown = if self.depth == 0 { Node { name: self.name, ..*node } } else { *node };
        let flow = self.inner.open(&shown, group);
        if flow == Flow::Enter {
            self.depth += 1;
        }
        flow
    }

    fn close(&mut self, node: &Node<'_>) {
        self.depth -= 1;
        let node = if self.depth == 0 { Node { name: self.name, ..*node } } else { *node };
        self.inner.close(&node);
    }

    fn presence(&mut self, node: &Node<'_>) {
        let node = if self.depth == 0 { Node { name: self.name, ..*node } } else { *node };
        self.inner.presence(&node);
    }

    fn packed(&mut self, node: &Node<'_>) {
        let node = if self.depth == 0 { Node { name: self.name, ..*node } } else { *node };
        self.inner.packed(&node);
    }

    fn inflated(&mut self, node: &Node<'_>, buffer: u32, bytes: &[u8]) {
        self.inner.inflated(&self.named(node), buffer, bytes);
    }

    fn rest(&mut self, place: Place, bytes: &[u8]) {
        self.inner.rest(place, bytes);
    }

    fn opens(&self, node: &Node<'_>) -> bool {
        self.inner.opens(node)
    }

    fn enter_bytes(&mut self, node: &Node<'_>) {
        self.inner.enter_bytes(&self.named(node));
    }

    fn leave_bytes(&mut self, node: &Node<'_>, error: Option<&DecodeError>) {
        self.inner.leave_bytes(&self.named(node), error);
    }
}
