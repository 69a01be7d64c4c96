//! Whether two plans mean the same: cut the same bytes into the same parts, whatever they are called.
//!
//! Both are brought into a [normal form](normal) without names, structs and the order of arms, and gone
//! through side by side. A reference means the same if it names parts that stood for each other.

mod kinds;
mod normal;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::rc::Rc;

use super::{Count, Ex, FieldId, FieldRef, Kind, LayoutId, Len, Plan};
use crate::syntax::ast::lookup_key;
use kinds::{cut_alike, detail, named};
use normal::{Choice, Form, Node, Normal, Subject};

/// The deepest that types which contain themselves are followed in one plan and not in the other.
const UNFOLDED_MAX: usize = 64;

/// How two plans differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// The first place at which they do not cut bytes alike; what follows was not compared.
    pub layout: Option<LayoutDifference>,
    /// Fields that stand for each other under different names: paths in the one and in the other.
    pub renamed: Vec<(String, String)>,
    /// Numbers with different names.
    pub entries: Vec<EntryDifference>,
}

/// A place at which two plans do not cut bytes alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutDifference {
    /// The field of the one, or the last before its end.
    pub path: String,
    /// What is there in the one.
    pub this: String,
    /// What is there in the other.
    pub other: String,
}

/// A number of an enum, or a bit of flags, that has another name or is named in one of them only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryDifference {
    /// The field, in the other.
    pub path: String,
    /// The number.
    pub number: i128,
    /// Its name in the one.
    pub this: Option<String>,
    /// Its name in the other.
    pub other: Option<String>,
}

impl Plan {
    /// Compares this plan with another one by what they mean.
    pub fn compare(&self, other: &Plan) -> Comparison {
        let sides = [Normal::new(self), Normal::new(other)];
        let mut walk = Walk {
            sides,
            pairs: HashSet::new(),
            met: [HashSet::new(), HashSet::new()],
            assumed: HashSet::new(),
            unfolded: 0,
            renamed: BTreeSet::new(),
            entries: BTreeSet::new(),
        };
        let bodies = [walk.sides[0].layout(0), walk.sides[1].layout(0)];
        let layout = walk.rows(&bodies[0], &bodies[1], "").err().map(|differs| *differs);
        Comparison {
            layout,
            renamed: walk.renamed.into_iter().collect(),
            entries: walk.entries.into_iter().collect(),
        }
    }
}

type Compared = Result<(), Box<LayoutDifference>>;

struct Walk<'p> {
    sides: [Normal<'p>; 2],
    /// Fields that stand for each other.
    pairs: HashSet<(FieldId, FieldId)>,
    /// Those of each side that stood for any.
    met: [HashSet<FieldId>; 2],
    /// Types that contain themselves, taken to be alike while that is looked into.
    assumed: HashSet<(LayoutId, LayoutId)>,
    unfolded: usize,
    renamed: BTreeSet<(String, String)>,
    entries: BTreeSet<EntryDifference>,
}

impl<'p> Walk<'p> {
    /// Two rows of parts; `at` is where they stand.
    fn rows(&mut self, a: &[Rc<Node>], b: &[Rc<Node>], at: &str) -> Compared {
        let mut a: VecDeque<Rc<Node>> = a.iter().cloned().collect();
        let mut b: VecDeque<Rc<Node>> = b.iter().cloned().collect();
        loop {
            let (x, y) = match (a.pop_front(), b.pop_front()) {
                (None, None) => return Ok(()),
                (Some(x), Some(y)) => (x, y),
                (x, y) => {
                    let empty = |node: &Option<Rc<Node>>| {
                        node.as_ref().is_none_or(|node| matches!(&**node, Node::Call { .. }))
                    };
                    // A type that contains itself may hold nothing.
                    if empty(&x)
                        && empty(&y)
                        && self.unfold_one(x.as_ref(), y.as_ref(), &mut a, &mut b)
                    {
                        continue;
                    }
                    return Err(self.differs(x.as_deref(), y.as_deref(), at));
                }
            };
            match (&*x, &*y) {
                (Node::Call { layout: p, args: m, .. }, Node::Call { layout: q, args: n, .. }) => {
                    if m.len() != n.len() || !m.iter().zip(n).all(|(m, n)| self.same(m, n)) {
                        return Err(self.differs(Some(&x), Some(&y), at));
                    }
                    self.called(*p, *q, at)?;
                }
                (Node::Call { .. }, _) | (_, Node::Call { .. }) => {
                    if !self.unfold_one(Some(&x), Some(&y), &mut a, &mut b) {
                        return Err(self.differs(Some(&x), Some(&y), at));
                    }
                }
                (Node::Choice(p), Node::Choice(q)) => self.choices(p, q, &x, &y, at)?,
                (Node::Part { field: p, form: m }, Node::Part { field: q, form: n }) => {
                    self.parts((*p, m), (*q, n), &x, &y, at)?;
                }
                _ => return Err(self.differs(Some(&x), Some(&y), at)),
            }
        }
    }

    /// Puts what a recursive type holds in its place, where the other plan has it laid out.
    fn unfold_one(
        &mut self,
        x: Option<&Rc<Node>>,
        y: Option<&Rc<Node>>,
        a: &mut VecDeque<Rc<Node>>,
        b: &mut VecDeque<Rc<Node>>,
    ) -> bool {
        let mut any = false;
        for (side, node, row) in [(0, x, a), (1, y, b)] {
            match node.map(|node| &**node) {
                Some(Node::Call { layout, args, .. })
                    if args.is_empty() && self.unfolded < UNFOLDED_MAX =>
                {
                    self.unfolded += 1;
                    any = true;
                    for node in self.sides[side].layout(*layout).iter().rev() {
                        row.push_front(node.clone());
                    }
                }
                Some(_) => node.into_iter().for_each(|node| row.push_front(node.clone())),
                None => {}
            }
        }
        any
    }

    fn called(&mut self, p: LayoutId, q: LayoutId, at: &str) -> Compared {
        if !self.assumed.insert((p, q)) {
            return Ok(());
        }
        let rows = [self.sides[0].layout(p), self.sides[1].layout(q)];
        self.rows(&rows[0], &rows[1], at)
    }

    fn parts(
        &mut self,
        (p, m): (FieldId, &Form),
        (q, n): (FieldId, &Form),
        x: &Node,
        y: &Node,
        at: &str,
    ) -> Compared {
        let alike = match (m, n) {
            (Form::Plain(m), Form::Plain(n)) => m == n,
            (Form::Run(unit, m), Form::Run(other, n)) => unit == other && self.lens(m, n),
            (Form::Nbt(m), Form::Nbt(n)) => m == n,
            (Form::Packed(w, c, a), Form::Packed(v, d, b)) => {
                self.same(w, v) && self.same(c, d) && a == b
            }
            (Form::List(m, inner), Form::List(n, other)) => {
                // A condition on the elements names their fields.
                let after = matches!(m, Count::Sum { .. } | Count::While { .. });
                if !after && !self.counts(m, n) {
                    return Err(self.differs(Some(x), Some(y), at));
                }
                let rows = [self.sides[0].layout(*inner), self.sides[1].layout(*other)];
                let inner_at = format!("{}[]", self.path(1, q, at));
                self.rows(&rows[0], &rows[1], &inner_at)?;
                !after || self.counts(m, n)
            }
            (Form::Block(t, m, inner), Form::Block(u, n, other)) => {
                if t != u || !self.lens(m, n) {
                    return Err(self.differs(Some(x), Some(y), at));
                }
                let rows = [self.sides[0].layout(*inner), self.sides[1].layout(*other)];
                let inner_at = self.path(1, q, at);
                self.rows(&rows[0], &rows[1], &inner_at)?;
                true
            }
            _ => false,
        };
        let cut = match (&self.sides[0].field(p).kind, &self.sides[1].field(q).kind) {
            (Kind::Bits { members: m, .. }, Kind::Bits { members: n, .. }) => cut_alike(m, n),
            _ => true,
        };
        if !alike || !cut {
            return Err(self.differs(Some(x), Some(y), at));
        }
        self.pairs.insert((p, q));
        self.met[0].insert(p);
        self.met[1].insert(q);
        self.names(p, q, at);
        Ok(())
    }

    /// What stands for each other under different names.
    fn names(&mut self, p: FieldId, q: FieldId, at: &str) {
        let (a, b) = (self.sides[0].field(p), self.sides[1].field(q));
        if a.name != b.name
            && !a.name.is_empty()
            && !b.name.is_empty()
            && lookup_key(&a.name) != lookup_key(&b.name)
        {
            let paths = (self.path(0, p, at), self.path(1, q, at));
            self.renamed.insert(paths);
        }
        let (mine, theirs) = (named(&a.kind), named(&b.kind));
        let (Some(mine), Some(theirs)) = (mine, theirs) else { return };
        if mine == theirs {
            return;
        }
        let path = self.path(1, q, at);
        let numbers: BTreeSet<i128> = mine.iter().chain(&theirs).map(|(n, _)| *n).collect();
        for number in numbers {
            let of = |list: &[(i128, &str)]| {
                list.iter().find(|(n, _)| *n == number).map(|(_, name)| (*name).to_owned())
            };
            let (this, other) = (of(&mine), of(&theirs));
            if this.as_deref().map(lookup_key) != other.as_deref().map(lookup_key) {
                self.entries.insert(EntryDifference { path: path.clone(), number, this, other });
            }
        }
    }

    fn choices(&mut self, p: &Choice, q: &Choice, x: &Node, y: &Node, at: &str) -> Compared {
        let same = match (&p.subject, &q.subject) {
            (Subject::Number(m), Subject::Number(n)) => self.same(m, n),
            (Subject::Text(m), Subject::Text(n)) => self.refs(m, n),
            (Subject::Condition(m), Subject::Condition(n))
            | (Subject::Unlisted(m), Subject::Unlisted(n)) => self.same(m, n),
            _ => false,
        };
        if !same {
            return Err(self.differs(Some(x), Some(y), at));
        }
        let mut done: HashSet<(usize, usize)> = HashSet::new();
        let keys: BTreeSet<&normal::Key> = p.arms.keys().chain(q.arms.keys()).collect();
        let otherwise = (!p.complete || !q.complete).then_some((p.otherwise, q.otherwise));
        let arm = |choice: &Choice, key| choice.arms.get(key).copied().unwrap_or(choice.otherwise);
        let all = keys.into_iter().map(|key| (Some(key), (arm(p, key), arm(q, key))));
        for (key, (i, j)) in all.chain(otherwise.map(|pair| (None, pair))) {
            if done.insert((i, j)) {
                let mine = &p.rows[i];
                let theirs = &q.rows[j];
                self.rows(mine, theirs, at).map_err(|mut differs| {
                    if differs.path.is_empty() {
                        differs.path = at.to_owned();
                    }
                    let label = key.map_or_else(|| "else".to_owned(), |key| key.to_string());
                    if !differs.path.contains(" (where ") {
                        let subject = self.subject(1, q);
                        differs.path.push_str(&format!(" (where {subject} is {label})"));
                    }
                    differs
                })?;
            }
        }
        Ok(())
    }

    fn lens(&self, m: &Len, n: &Len) -> bool {
        match (m, n) {
            (Len::Prefix { repr: m, .. }, Len::Prefix { repr: n, .. }) => m == n,
            (Len::Expr { expr: m, .. }, Len::Expr { expr: n, .. }) => self.same(m, n),
            (Len::Fixed(m), Len::Fixed(n)) => m == n,
            (Len::Rest, Len::Rest) => true,
            (Len::Until { mark: m, lenient: a, .. }, Len::Until { mark: n, lenient: b, .. }) => {
                m == n && a == b
            }
            _ => false,
        }
    }

    fn counts(&self, m: &Count, n: &Count) -> bool {
        match (m, n) {
            (Count::Len(m), Count::Len(n)) => self.lens(m, n),
            (
                Count::Until { repr: r, compare: c, value: v, .. },
                Count::Until { repr: s, compare: d, value: w, .. },
            ) => r == s && c == d && self.same(v, w),
            (
                Count::Sum { each: e, compare: c, total: t },
                Count::Sum { each: f, compare: d, total: u },
            ) => c == d && self.same(e, f) && self.same(t, u),
            (Count::While { more: m, .. }, Count::While { more: n, .. }) => self.same(m, n),
            _ => false,
        }
    }

    /// Whether two expressions mean the same.
    fn same(&self, m: &Ex, n: &Ex) -> bool {
        let all = |m: &[Ex], n: &[Ex]| {
            m.len() == n.len() && m.iter().zip(n).all(|(m, n)| self.same(m, n))
        };
        match (m, n) {
            (Ex::Int(m), Ex::Int(n)) => m == n,
            (Ex::Field(m), Ex::Field(n)) => self.refs(m, n),
            (Ex::Arg { index: m, .. }, Ex::Arg { index: n, .. }) => m == n,
            (Ex::Conn(m), Ex::Conn(n)) => m == n,
            (Ex::Remaining, Ex::Remaining) => true,
            (Ex::CountOf(m), Ex::CountOf(n))
            | (Ex::BytesOf(m), Ex::BytesOf(n))
            | (Ex::Has(m), Ex::Has(n)) => self.refs(m, n),
            (Ex::TextIs(m, t), Ex::TextIs(n, u)) => t == u && self.refs(m, n),
            (Ex::Not(m), Ex::Not(n))
            | (Ex::Negate(m), Ex::Negate(n))
            | (Ex::Complement(m), Ex::Complement(n))
            | (Ex::Ones(m), Ex::Ones(n)) => self.same(m, n),
            (Ex::Binary(p, a, b), Ex::Binary(q, c, d)) => {
                p == q && self.same(a, c) && self.same(b, d)
            }
            (Ex::Compare(p, a, b), Ex::Compare(q, c, d)) => {
                p == q && self.same(a, c) && self.same(b, d)
            }
            (Ex::InSet(m, a), Ex::InSet(n, b)) => self.same(m, n) && all(a, b),
            (Ex::InRange(a, b, c), Ex::InRange(d, e, f)) => {
                self.same(a, d) && self.same(b, e) && self.same(c, f)
            }
            (Ex::InTable(m, t), Ex::InTable(n, u)) => t == u && self.same(m, n),
            (Ex::Match(m, a), Ex::Match(n, b)) => {
                self.same(m, n)
                    && a.len() == b.len()
                    && a.iter().zip(b).all(|((l, v), (k, w))| all(l, k) && self.same(v, w))
            }
            _ => false,
        }
    }

    fn refs(&self, m: &FieldRef, n: &FieldRef) -> bool {
        let member = |r: &FieldRef| r.member.map(|m| (m.shift, m.width, m.signed && m.width > 1));
        if member(m) != member(n) {
            return false;
        }
        // A field that is computed is what it is computed from.
        let lets = |side: usize, r: &FieldRef| match r.fields.as_slice() {
            [id] => match &self.sides[side].field(*id).kind {
                Kind::Let(ex) => Some(ex.clone()),
                _ => None,
            },
            _ => None,
        };
        if let (Some(m), Some(n)) = (lets(0, m), lets(1, n)) {
            return self.same(&m, &n);
        }
        // What never stood for anything is in an arm that the other has not.
        let paired = |p: &FieldId, q: &FieldId| self.pairs.contains(&(*p, *q));
        m.fields.iter().any(|p| n.fields.iter().any(|q| paired(p, q)))
            && m.fields
                .iter()
                .all(|p| !self.met[0].contains(p) || n.fields.iter().any(|q| paired(p, q)))
            && n.fields
                .iter()
                .all(|q| !self.met[1].contains(q) || m.fields.iter().any(|p| paired(p, q)))
    }

    /// A field's path from the packet.
    fn path(&self, side: usize, field: FieldId, at: &str) -> String {
        let mut names = Vec::new();
        let mut next = Some(field);
        while let Some(id) = next {
            let field = self.sides[side].field(id);
            if !field.name.is_empty() {
                names.push(&*field.name);
            }
            next = field.parent;
        }
        names.reverse();
        let dot = if at.is_empty() || names.is_empty() { "" } else { "." };
        format!("{at}{dot}{}", names.join("."))
    }

    fn differs(&self, x: Option<&Node>, y: Option<&Node>, at: &str) -> Box<LayoutDifference> {
        let path = match (x, y) {
            (_, Some(Node::Part { field, .. } | Node::Call { field, .. })) => {
                self.path(1, *field, at)
            }
            (Some(Node::Part { field, .. } | Node::Call { field, .. }), _) => {
                self.path(0, *field, at)
            }
            _ => at.to_owned(),
        };
        let (mut this, mut other) = (self.text(0, x), self.text(1, y));
        if this == other {
            for (side, node, text) in [(0, x, &mut this), (1, y, &mut other)] {
                if let Some(Node::Part { field, .. }) = node {
                    text.push_str(&detail(&self.sides[side].field(*field).kind));
                }
            }
        }
        Box::new(LayoutDifference { path, this, other })
    }

    fn text(&self, side: usize, node: Option<&Node>) -> String {
        match node {
            None => "nothing".into(),
            Some(Node::Choice(choice)) => format!("a choice by {}", self.subject(side, choice)),
            Some(Node::Part { field, .. } | Node::Call { field, .. }) => {
                let plan = self.sides[side].plan;
                let field = self.sides[side].field(*field);
                let kind = crate::tree::kind_text(plan, &field.kind);
                if field.name.is_empty() { kind } else { format!("{}: {kind}", field.name) }
            }
        }
    }

    fn subject(&self, side: usize, choice: &Choice) -> String {
        let reference = match &choice.subject {
            Subject::Number(ex) | Subject::Condition(ex) | Subject::Unlisted(ex) => ex.reference(),
            Subject::Text(reference) => Some(reference),
        };
        match reference.and_then(|reference| reference.fields.first()) {
            Some(id) => match &*self.sides[side].field(*id).name {
                "" => "a presence".into(),
                name => name.to_owned(),
            },
            None => "a condition".into(),
        }
    }
}
