//! A packet as it is to become: what differs from the original, one draft an activation.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use midwire_codec::Deflater;

use super::error::EditError;
use super::facts::{Facts, field_name};
use crate::limits::Limits;
use crate::plan::{
    ABSENT, Activation, BranchId, Field, FieldId, Kind, LayoutId, Packet, Place, Plan,
};
use crate::value;

/// A draft, by its place in [`Encoder::drafts`].
pub(super) type DraftId = usize;

/// One activation as it is to become.
#[derive(Debug)]
pub(super) struct Draft {
    /// What it is inside of; `None`: the packet itself.
    pub(super) holder: Option<Holder>,
    pub(super) layout: LayoutId,
    /// The block of slots of the original activation, if there is one.
    pub(super) origin: Option<u32>,
    /// Drafts around it.
    pub(super) depth: u32,
    pub(super) changes: BTreeMap<FieldId, Change>,
    /// Arms of branches that no field's value decides.
    pub(super) forced: BTreeMap<BranchId, usize>,
    /// Values that were given for computed fields, to be compared in the end.
    pub(super) expected: Vec<(FieldId, i128)>,
    /// What is to stand in a block behind its fields; `None`: what was there.
    pub(super) rest: Option<Vec<u8>>,
    arms: RefCell<Vec<(BranchId, usize)>>,
    /// The state of all drafts that `arms` were found in.
    generation: Cell<u64>,
}

/// The field that a draft is the content of, and for an element its place in the new list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) draft: DraftId,
    pub(super) field: FieldId,
    pub(super) index: Option<u32>,
}

/// How a field differs from the original, or from its default.
#[derive(Debug)]
pub(super) enum Change {
    Number(NumberChange),
    /// Text or bytes, without what says their length.
    Content {
        bytes: Vec<u8>,
        /// With what says their length, if it is to be just so.
        raw: Option<Vec<u8>>,
        explicit: bool,
    },
    /// All its bytes.
    Bytes(Vec<u8>),
    /// Numbers of a packed array.
    Packed(Vec<u64>),
    /// A block or call.
    Inner(DraftId),
    List(ListChange),
}

/// A number that was set: as a whole, in parts, or by what another field needs.
#[derive(Debug, Default)]
pub(super) struct NumberChange {
    pub(super) whole: Option<i128>,
    /// What its measured field makes of it, while that is not there yet.
    pub(super) hint: Option<i128>,
    /// Bits that were set by name.
    pub(super) mask: u128,
    pub(super) bits: u128,
    /// Bits that follow from other edits, and which.
    pub(super) implied_mask: u128,
    pub(super) implied: u128,
    pub(super) implied_by: String,
    /// The bytes it is to have if it is `whole`.
    pub(super) raw: Option<Vec<u8>>,
}

impl NumberChange {
    pub(super) fn is_explicit(&self) -> bool {
        self.whole.is_some() || self.mask != 0
    }

    /// The new value of what is `base` now.
    pub(super) fn of(&self, base: i128) -> i128 {
        let mut bits = self.whole.or(self.hint).unwrap_or(base) as u128;
        bits = bits & !self.mask | self.bits;
        bits = bits & !self.implied_mask | self.implied;
        bits as i128
    }
}

/// A list's elements: parts of the original, and made ones.
#[derive(Debug, Default)]
pub(super) struct ListChange {
    pub(super) runs: Vec<Run>,
    /// The bytes of its count and of its end mark, if they are to be just so.
    pub(super) prefix: Option<Vec<u8>>,
    pub(super) end: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub(super) enum Run {
    /// Elements of the original.
    Kept(Range<u32>),
    /// An element that is changed or new.
    Made(DraftId),
}

impl ListChange {
    pub(super) fn count(&self) -> u64 {
        self.runs.iter().map(Run::count).sum()
    }
}

impl Run {
    pub(super) fn count(&self) -> u64 {
        match self {
            Run::Kept(range) => range.len() as u64,
            Run::Made(_) => 1,
        }
    }
}

/// Where a field lies in the original.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Original {
    /// It has none.
    Absent,
    /// It was not reached, or not all of it.
    Unread,
    At(Place),
}

/// Makes the new bytes of one packet.
pub(super) struct Encoder<'p, 'a> {
    pub(super) plan: &'a Plan,
    pub(super) conn: &'a [i64],
    /// The original; `None`: everything is made from values and defaults.
    pub(super) packet: Option<&'p mut Packet<'a>>,
    pub(super) limits: Limits,
    pub(super) facts: &'a Facts,
    pub(super) drafts: Vec<Draft>,
    /// Counts the changes of drafts, so that what was found before one is not used after it.
    pub(super) generation: u64,
    /// Derived fields that are being computed right now.
    pub(super) busy: RefCell<Vec<(DraftId, FieldId)>>,
    /// Fields whose value or presence changes.
    pub(super) touched: HashSet<FieldId>,
    /// Fields that were encoded ahead, because their size is needed in front of them.
    pub(super) encoded: HashMap<(DraftId, FieldId), Vec<u8>>,
    /// The field that is being encoded ahead: what says its length does not know it yet.
    pub(super) ahead: Option<(DraftId, FieldId)>,
    pub(super) deflater: Deflater,
    /// Elements, units and words that were made because nobody gave them.
    pub(super) defaults: Cell<u64>,
}

impl<'p, 'a> Encoder<'p, 'a> {
    pub(super) fn new(
        plan: &'a Plan,
        conn: &'a [i64],
        packet: Option<&'p mut Packet<'a>>,
        limits: Limits,
    ) -> Encoder<'p, 'a> {
        Encoder {
            plan,
            conn,
            packet,
            limits,
            facts: Facts::of(plan),
            drafts: Vec::new(),
            generation: 1,
            busy: RefCell::default(),
            touched: HashSet::new(),
            encoded: HashMap::new(),
            ahead: None,
            deflater: Deflater::default(),
            defaults: Cell::new(0),
        }
    }

    /// A new draft; `origin` is the original activation's block.
    pub(super) fn draft(
        &mut self,
        holder: Option<Holder>,
        layout: LayoutId,
        origin: Option<u32>,
    ) -> Result<DraftId, EditError> {
        let depth = holder.map_or(0, |h| self.drafts[h.draft].depth + 1);
        if depth > self.limits.depth_max {
            let path = holder.map_or(String::new(), |h| self.path(h.draft, h.field));
            return Err(EditError::Depth { path, max: self.limits.depth_max });
        }
        self.drafts.push(Draft {
            holder,
            layout,
            origin,
            depth,
            changes: BTreeMap::new(),
            forced: BTreeMap::new(),
            expected: Vec::new(),
            rest: None,
            arms: RefCell::default(),
            generation: Cell::new(0),
        });
        Ok(self.drafts.len() - 1)
    }

    /// Forgets the drafts from `mark` on.
    pub(super) fn release(&mut self, mark: usize) {
        self.drafts.truncate(mark);
        if !self.encoded.is_empty() {
            self.encoded.retain(|(draft, _), _| *draft < mark);
        }
    }

    pub(super) fn field(&self, id: FieldId) -> &'a Field {
        &self.plan.fields[id as usize]
    }

    /// Notes that drafts changed.
    pub(super) fn changed(&mut self) {
        self.generation += 1;
    }

    pub(super) fn number_change(&mut self, d: DraftId, id: FieldId) -> &mut NumberChange {
        self.changed();
        let change = self.drafts[d]
            .changes
            .entry(id)
            .or_insert_with(|| Change::Number(NumberChange::default()));
        if !matches!(change, Change::Number(_)) {
            *change = Change::Number(NumberChange::default());
        }
        match change {
            Change::Number(number) => number,
            _ => unreachable!("it was just made a number"),
        }
    }

    pub(super) fn change(&mut self, d: DraftId, id: FieldId, change: Change) {
        self.changed();
        self.drafts[d].changes.insert(id, change);
    }

    /// The arm of a branch that was found since the last change.
    pub(super) fn known_arm(&self, d: DraftId, branch: BranchId) -> Option<usize> {
        let draft = &self.drafts[d];
        if draft.generation.get() != self.generation {
            return None;
        }
        draft.arms.borrow().iter().find(|(b, _)| *b == branch).map(|(_, arm)| *arm)
    }

    pub(super) fn know_arm(&self, d: DraftId, branch: BranchId, arm: usize) {
        let draft = &self.drafts[d];
        let mut arms = draft.arms.borrow_mut();
        if draft.generation.replace(self.generation) != self.generation {
            arms.clear();
        }
        arms.push((branch, arm));
    }

    // ---- the original ------------------------------------------------------------------------

    /// The original packet and a draft's block in it.
    pub(super) fn origin(&self, d: DraftId) -> Option<(&Packet<'a>, u32)> {
        Some((self.packet.as_deref()?, self.drafts[d].origin?))
    }

    /// Where a field lies in the original.
    pub(super) fn original(&self, d: DraftId, id: FieldId) -> Original {
        let Some((packet, base)) = self.origin(d) else { return Original::Absent };
        let field = self.field(id);
        match self.original_guard(packet, base, field.guard) {
            Guard::Taken => packet.field_place(base, field).map_or(Original::Unread, Original::At),
            Guard::NotTaken => Original::Absent,
            Guard::Unread => Original::Unread,
        }
    }

    fn original_guard(
        &self,
        packet: &Packet<'a>,
        base: u32,
        guard: Option<(BranchId, u32)>,
    ) -> Guard {
        let Some((branch, arm)) = guard else { return Guard::Taken };
        let branch = &self.plan.branches[branch as usize];
        match self.original_guard(packet, base, branch.guard) {
            Guard::Taken => match packet.ws.slots[(base + branch.slot) as usize] {
                ABSENT => Guard::Unread,
                taken if taken == arm => Guard::Taken,
                _ => Guard::NotTaken,
            },
            other => other,
        }
    }

    /// The arm of a branch in the original; `None` where it was not reached.
    pub(super) fn original_arm(&self, d: DraftId, branch: BranchId) -> Option<usize> {
        let (packet, base) = self.origin(d)?;
        let branch = &self.plan.branches[branch as usize];
        match self.original_guard(packet, base, branch.guard) {
            Guard::Taken => match packet.ws.slots[(base + branch.slot) as usize] {
                ABSENT => None,
                arm => Some(arm as usize),
            },
            _ => None,
        }
    }

    /// Bytes of the original.
    pub(super) fn bytes(&self, place: Place) -> &[u8] {
        self.packet.as_deref().map_or(&[], |packet| packet.bytes(place))
    }

    /// The bytes of a field of the original, if it is there.
    pub(super) fn original_bytes(&self, d: DraftId, id: FieldId) -> Option<&[u8]> {
        match self.original(d, id) {
            Original::At(place) => Some(self.bytes(place)),
            _ => None,
        }
    }

    /// The number of a field of the original, if it is there and one.
    pub(super) fn original_number(&self, d: DraftId, id: FieldId) -> Option<i128> {
        value::read(&self.field(id).kind, self.original_bytes(d, id)?)?.as_int()
    }

    /// The number of elements of a list of the original, if it is there.
    pub(super) fn original_count(&self, d: DraftId, id: FieldId) -> Option<u32> {
        let (Original::At(_), Kind::Array(array)) = (self.original(d, id), &self.field(id).kind)
        else {
            return None;
        };
        let (packet, base) = self.origin(d)?;
        Some(packet.ws.slots[(base + array.count_slot) as usize])
    }

    /// The block of slots of what is inside a block or call of the original.
    pub(super) fn original_inner(&self, d: DraftId, id: FieldId) -> Option<u32> {
        let (Kind::Block { slot, .. } | Kind::Call { slot, .. }) = &self.field(id).kind else {
            return None;
        };
        let Original::At(_) = self.original(d, id) else { return None };
        let (packet, base) = self.origin(d)?;
        Some(packet.ws.slots[(base + slot) as usize]).filter(|inner| *inner != ABSENT)
    }

    /// Opens element `index` of a list of the original: its block, and where it starts and ends. The
    /// block stays until the workspace is put back.
    pub(super) fn open_element(
        &mut self,
        d: DraftId,
        id: FieldId,
        index: u32,
    ) -> Option<(u32, Range<u32>)> {
        let start = self.element_start(d, id, index)?;
        self.open_element_at(d, id, start)
    }

    pub(super) fn element_start(&mut self, d: DraftId, id: FieldId, index: u32) -> Option<u32> {
        let Kind::Array(array) = &self.field(id).kind else { return None };
        let act = Activation { base: self.drafts[d].origin?, layout: self.drafts[d].layout };
        self.packet.as_deref_mut()?.element_start(act, array, index)
    }

    /// As [`Encoder::open_element`], of the element that starts at a position.
    pub(super) fn open_element_at(
        &mut self,
        d: DraftId,
        id: FieldId,
        start: u32,
    ) -> Option<(u32, Range<u32>)> {
        let Kind::Array(array) = &self.field(id).kind else { return None };
        let act = Activation { base: self.drafts[d].origin?, layout: self.drafts[d].layout };
        let (inner, end) = self.packet.as_deref_mut()?.open_element(act, array.element, start);
        Some((inner.base, start..end?))
    }

    // ---- paths -------------------------------------------------------------------------------

    /// A field as people write it, from the packet inwards.
    pub(super) fn path(&self, d: DraftId, id: FieldId) -> String {
        join(self.path_of(d), &field_name(self.plan, id))
    }

    /// A draft as people write it; empty for the packet itself.
    pub(super) fn path_of(&self, d: DraftId) -> String {
        let Some(holder) = self.drafts[d].holder else { return String::new() };
        let mut path = self.path(holder.draft, holder.field);
        if let Some(index) = holder.index {
            path.push_str(&format!("[{index}]"));
        }
        path
    }
}

enum Guard {
    Taken,
    NotTaken,
    Unread,
}

/// A path and a step further in.
pub(super) fn join(mut path: String, step: &str) -> String {
    if !path.is_empty() && !step.is_empty() && !step.starts_with('[') {
        path.push('.');
    }
    path.push_str(step);
    path
}
