//! The normal form of a plan: parts in wire order, and choices by value.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::super::{
    ArmLabel, Count, Ex, Field, FieldId, FieldRef, Item, Kind, LayoutId, Len, NbtForm, Plan, Select,
};
use crate::plan::{FloatRepr, IntRepr};
use crate::syntax::ast::{BinaryOp, Compare, Transform};
use crate::value::Encoding;

/// Ranges of labels up to this long are taken apart.
const RANGE_MAX: i128 = 1 << 12;

/// A part of a plan.
#[derive(Debug)]
pub(super) enum Node {
    Part {
        field: FieldId,
        form: Form,
    },
    Choice(Choice),
    /// A type that contains itself.
    Call {
        field: FieldId,
        layout: LayoutId,
        args: Vec<Ex>,
    },
}

/// How bytes are cut.
#[derive(Debug)]
pub(super) enum Form {
    Plain(Plain),
    /// Units of one or two bytes: text, bytes, arrays of bytes.
    Run(Unit, Len),
    Nbt(NbtForm),
    /// Width, count, and whether numbers cross words.
    Packed(Ex, Ex, bool),
    List(Count, LayoutId),
    Block(Transform, Len, LayoutId),
}

/// A value of its own size.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Int(IntRepr),
    Float(FloatRepr),
    Bool,
    Uuid,
}

/// What a run consists of. Of text the encoding, since it is shown by it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Byte,
    Text(Encoding),
}

/// What is there depends on a value.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) subject: Subject,
    /// By value, the row.
    pub(super) arms: BTreeMap<Key, usize>,
    pub(super) otherwise: usize,
    /// There is no value that is not in `arms`.
    pub(super) complete: bool,
    pub(super) rows: Vec<Vec<Rc<Node>>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Subject {
    Number(Ex),
    Text(FieldRef),
    /// 1 where it holds, 0 where not.
    Condition(Ex),
    /// Arms by labels that are not all known: none of the two plans can be told from it.
    Unlisted(Ex),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Int(i128),
    Text(Arc<str>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Int(n) => write!(f, "{n}"),
            Key::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Makes the normal form of a plan, layout by layout.
pub(super) struct Normal<'p> {
    pub(super) plan: &'p Plan,
    made: HashMap<LayoutId, Rc<Vec<Rc<Node>>>>,
}

impl<'p> Normal<'p> {
    pub(super) fn new(plan: &'p Plan) -> Normal<'p> {
        Normal { plan, made: HashMap::new() }
    }

    pub(super) fn field(&self, id: FieldId) -> &'p Field {
        &self.plan.fields[id as usize]
    }

    /// The row of a layout.
    pub(super) fn layout(&mut self, id: LayoutId) -> Rc<Vec<Rc<Node>>> {
        if let Some(row) = self.made.get(&id) {
            return row.clone();
        }
        let plan = self.plan;
        let row = Rc::new(self.row(&plan.layouts[id as usize].items));
        self.made.insert(id, row.clone());
        row
    }

    fn row(&self, items: &[Item]) -> Vec<Rc<Node>> {
        let mut row = Vec::new();
        self.items(items, &mut row);
        joined(row)
    }

    fn items(&self, items: &[Item], row: &mut Vec<Rc<Node>>) {
        for item in items {
            match item {
                Item::Field(id) => self.part(*id, row),
                Item::Branch(id) => {
                    let branch = &self.plan.branches[*id as usize];
                    let rows: Vec<_> = branch.arms.iter().map(|arm| self.row(&arm.items)).collect();
                    let choice = match &branch.select {
                        Select::If(ex) => self.condition(ex, rows),
                        Select::Match(ex) => {
                            let labels = branch.arms.iter().map(|arm| arm.labels.as_slice());
                            self.matched(Subject::Number(ex.clone()), labels, rows)
                        }
                        Select::MatchText(field) => {
                            let labels = branch.arms.iter().map(|arm| arm.labels.as_slice());
                            self.matched(Subject::Text(field.clone()), labels, rows)
                        }
                    };
                    row.push(Rc::new(Node::Choice(choice)));
                }
            }
        }
    }

    fn part(&self, id: FieldId, row: &mut Vec<Rc<Node>>) {
        let field = self.field(id);
        let form = match &field.kind {
            Kind::Struct(items) => return self.items(items, row),
            Kind::Let(_) => return,
            Kind::Call { layout, args, .. } => {
                let call = Node::Call { field: id, layout: *layout, args: args.clone() };
                return row.push(Rc::new(call));
            }
            Kind::Int(repr)
            | Kind::Enum { repr, .. }
            | Kind::Flags { repr, .. }
            | Kind::Bits { repr, .. } => Form::Plain(Plain::Int(*repr)),
            Kind::Float(repr) => Form::Plain(Plain::Float(*repr)),
            Kind::Bool | Kind::Presence => Form::Plain(Plain::Bool),
            Kind::Uuid => Form::Plain(Plain::Uuid),
            Kind::Str { encoding, len, .. } => Form::Run(Unit::Text(*encoding), len.clone()),
            Kind::Bytes { len } => Form::Run(Unit::Byte, len.clone()),
            Kind::Pad(size) => Form::Run(Unit::Byte, Len::Fixed(*size)),
            Kind::Tail => Form::Run(Unit::Byte, Len::Rest),
            Kind::Nbt(form) => Form::Nbt(*form),
            Kind::Packed { width, count, crossing } => {
                Form::Packed(Ex::clone(width), Ex::clone(count), *crossing)
            }
            Kind::Block { transform, len, layout, .. } => {
                Form::Block(*transform, len.clone(), *layout)
            }
            Kind::Array(array) => match &array.count {
                Count::Len(len) if self.is_bytes(array.element) => {
                    Form::Run(Unit::Byte, len.clone())
                }
                count => Form::List(count.clone(), array.element),
            },
        };
        row.push(Rc::new(Node::Part { field: id, form }));
    }

    /// Whether an element is a byte.
    fn is_bytes(&self, layout: LayoutId) -> bool {
        match self.plan.layouts[layout as usize].items.as_slice() {
            [Item::Field(id)] => {
                matches!(self.field(*id).kind, Kind::Int(IntRepr::Fixed { bytes: 1, .. }))
            }
            _ => false,
        }
    }

    fn condition(&self, ex: &Ex, mut rows: Vec<Vec<Rc<Node>>>) -> Choice {
        rows.resize_with(2, Vec::new);
        let (subject, keys, holds) = match truth(ex) {
            Some(Truth { subject, keys, among }) => (subject, keys, among),
            None => {
                let (ex, holds) = match ex {
                    Ex::Not(inner) => (&**inner, false),
                    ex => (ex, true),
                };
                (Subject::Condition(ex.clone()), BTreeSet::from([Key::Int(1)]), holds)
            }
        };
        let (listed, otherwise) = if holds { (0, 1) } else { (1, 0) };
        let arms = keys.into_iter().map(|key| (key, listed)).collect();
        self.completed(Choice { subject, arms, otherwise, complete: false, rows })
    }

    fn matched<'l>(
        &self,
        subject: Subject,
        labels: impl Iterator<Item = &'l [ArmLabel]>,
        mut rows: Vec<Vec<Rc<Node>>>,
    ) -> Choice {
        let mut arms = BTreeMap::new();
        rows.push(Vec::new());
        let mut otherwise = rows.len() - 1;
        let mut exact = true;
        for (row, labels) in labels.enumerate() {
            if labels.is_empty() {
                otherwise = row;
                break;
            }
            for label in labels {
                match label {
                    ArmLabel::Range(low, high) if high - low <= RANGE_MAX => {
                        for n in *low..=*high {
                            arms.entry(Key::Int(n)).or_insert(row);
                        }
                    }
                    ArmLabel::Text(text) => {
                        arms.entry(Key::Text(text.clone())).or_insert(row);
                    }
                    ArmLabel::Range(..) | ArmLabel::Expr(_) => exact = false,
                }
            }
        }
        let subject = match subject {
            // What cannot be taken apart is like nothing but itself.
            Subject::Number(ex) if !exact => Subject::Unlisted(ex),
            subject => subject,
        };
        self.completed(Choice { subject, arms, otherwise, complete: false, rows })
    }

    /// Of a value that is 0 or 1 both are listed, and nothing else.
    fn completed(&self, mut choice: Choice) -> Choice {
        if self.is_binary(&choice.subject) {
            let otherwise = choice.otherwise;
            for n in [0, 1] {
                choice.arms.entry(Key::Int(n)).or_insert(otherwise);
            }
            choice.arms.retain(|key, _| matches!(key, Key::Int(0 | 1)));
            choice.complete = true;
        }
        choice
    }

    fn is_binary(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Condition(_) => true,
            Subject::Number(Ex::Field(field)) => match field.member {
                Some(member) => member.width == 1 && !member.signed,
                None => field
                    .fields
                    .iter()
                    .all(|id| matches!(self.field(*id).kind, Kind::Bool | Kind::Presence)),
            },
            _ => false,
        }
    }
}

/// Choices in a row that depend on the same are one; those without anything in them are none.
fn joined(row: Vec<Rc<Node>>) -> Vec<Rc<Node>> {
    let mut out: Vec<Rc<Node>> = Vec::new();
    for node in row {
        let Node::Choice(choice) = &*node else {
            out.push(node);
            continue;
        };
        if choice.rows.iter().all(Vec::is_empty) {
            continue;
        }
        let both = match out.last().map(|last| &**last) {
            Some(Node::Choice(last)) if last.subject == choice.subject => both(last, choice),
            _ => {
                out.push(node);
                continue;
            }
        };
        out.pop();
        out.push(Rc::new(Node::Choice(both)));
    }
    out
}

fn both(a: &Choice, b: &Choice) -> Choice {
    let mut rows: Vec<Vec<Rc<Node>>> = Vec::new();
    let mut known: HashMap<(usize, usize), usize> = HashMap::new();
    let mut row = |i: usize, j: usize| {
        *known.entry((i, j)).or_insert_with(|| {
            let nodes = a.rows[i].iter().chain(&b.rows[j]).cloned().collect();
            rows.push(joined(nodes));
            rows.len() - 1
        })
    };
    let keys: BTreeSet<&Key> = a.arms.keys().chain(b.arms.keys()).collect();
    let arm =
        |choice: &Choice, key: &Key| choice.arms.get(key).copied().unwrap_or(choice.otherwise);
    let arms = keys.into_iter().map(|key| (key.clone(), row(arm(a, key), arm(b, key)))).collect();
    let otherwise = row(a.otherwise, b.otherwise);
    Choice { subject: a.subject.clone(), arms, otherwise, complete: a.complete, rows }
}

/// A condition as values of one thing: it holds for these, or for all others.
struct Truth {
    subject: Subject,
    keys: BTreeSet<Key>,
    among: bool,
}

fn truth(ex: &Ex) -> Option<Truth> {
    let of = |subject: &Ex, keys: BTreeSet<Key>, among: bool| {
        matches!(subject, Ex::Field(_) | Ex::Arg { .. } | Ex::Conn(_)).then(|| Truth {
            subject: Subject::Number(subject.clone()),
            keys,
            among,
        })
    };
    match ex {
        Ex::Field(_) => of(ex, BTreeSet::from([Key::Int(0)]), false),
        Ex::Not(inner) => truth(inner).map(|t| Truth { among: !t.among, ..t }),
        Ex::Compare(op @ (Compare::Equal | Compare::NotEqual), a, b) => {
            let (subject, n) = match (a.constant(), b.constant()) {
                (None, Some(n)) => (a, n),
                (Some(n), None) => (b, n),
                _ => return None,
            };
            of(subject, BTreeSet::from([Key::Int(n)]), *op == Compare::Equal)
        }
        Ex::InSet(subject, set) => {
            let keys = set.iter().map(|ex| ex.constant().map(Key::Int)).collect::<Option<_>>()?;
            of(subject, keys, true)
        }
        Ex::InRange(subject, low, high) => {
            let (low, high) = (low.constant()?, high.constant()?);
            if !(0..=RANGE_MAX).contains(&(high - low)) {
                return None;
            }
            of(subject, (low..=high).map(Key::Int).collect(), true)
        }
        Ex::TextIs(field, text) => Some(Truth {
            subject: Subject::Text(field.clone()),
            keys: BTreeSet::from([Key::Text(text.clone())]),
            among: true,
        }),
        Ex::Binary(BinaryOp::Or, a, b) => {
            let (a, b) = (truth(a)?, truth(b)?);
            if a.subject != b.subject || !a.among || !b.among {
                return None;
            }
            let keys = a.keys.into_iter().chain(b.keys).collect();
            Some(Truth { subject: a.subject, keys, among: true })
        }
        _ => None,
    }
}
