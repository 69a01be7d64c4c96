//! What somebody wants changed, by path; and the same sorted into a tree.

use std::rc::Rc;

use super::error::EditError;
use crate::given::Given;
use crate::nbt;
use crate::syntax::ast::same_name;

/// Names and indices that one path may have.
const SEGMENTS_MAX: usize = 256;

/// Changes of one packet, which are made together.
///
/// Paths name fields as they are printed (`item.added[2].data`, `motion.has_velocity`); case and `_` do
/// not matter; the empty path is the packet itself. Indices are those of the original list, whatever else is inserted or removed. Of several
/// changes of the same path the last counts. Within NBT a path goes on with the names of tags, just as they
/// are written there (in back-ticks where need be), and places in lists and arrays: `content.extra[0].text`.
///
/// ```
/// use midwire_definition::{Edits, Given};
///
/// let mut edits = Edits::new();
/// edits.set("health", Given::Int(20)).delete("absorption");
/// edits.insert("effects", 0, Given::Object(vec![("id".into(), Given::Int(1))]));
/// assert!(!edits.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edits {
    list: Vec<(String, Edit)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Edit {
    Set(Given),
    Delete,
    Insert(u32, Given),
    Remove,
}

impl Edits {
    /// No changes.
    pub fn new() -> Edits {
        Edits::default()
    }

    /// Gives a field a value. Named fields of a struct that `value` does not have stay; a list is replaced
    /// as a whole. `null` deletes (of NBT it is the value "nothing").
    ///
    /// What the field depends on is set with it where only one value will do: `set("velocity", ..)` under
    /// `if motion.has_velocity` sets the flag.
    pub fn set(&mut self, path: &str, value: Given) -> &mut Edits {
        self.push(path, Edit::Set(value))
    }

    /// Leaves a field out, by turning the condition round under which it is there.
    pub fn delete(&mut self, path: &str) -> &mut Edits {
        self.push(path, Edit::Delete)
    }

    /// Puts a new element in front of element `index` of the original list; at its length, at the end.
    pub fn insert(&mut self, path: &str, index: u32, value: Given) -> &mut Edits {
        self.push(path, Edit::Insert(index, value))
    }

    /// Takes an element out of its list. The path ends in its index.
    pub fn remove(&mut self, path: &str) -> &mut Edits {
        self.push(path, Edit::Remove)
    }

    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Makes these changes as well, behind those that there are.
    pub fn append(&mut self, other: &Edits) {
        self.list.extend_from_slice(&other.list);
    }

    fn push(&mut self, path: &str, edit: Edit) -> &mut Edits {
        self.list.push((path.into(), edit));
        self
    }

    /// The changes as a tree over the packet.
    pub(super) fn tree(&self) -> Result<Wish<'_>, EditError> {
        let mut root = Wish::default();
        for (path, edit) in &self.list {
            let mut at = &mut root;
            let steps: Rc<[Step<'_>]> = steps(path)?.into();
            for (i, step) in steps.iter().enumerate() {
                at = match step {
                    Step::Name(name) => at.field(name),
                    Step::Index(index) => at.element(*index),
                };
                at.through.push(Through { steps: steps.clone(), next: i + 1, edit });
            }
            match edit {
                Edit::Set(value) => at.put(value),
                Edit::Delete => at.action = Action::Delete,
                Edit::Insert(index, value) => at.inserts.push((*index, value)),
                Edit::Remove => at.action = Action::Remove,
            }
        }
        Ok(root)
    }
}

/// What is wanted of one place of the packet.
#[derive(Debug, Default)]
pub(super) struct Wish<'e> {
    pub(super) action: Action<'e>,
    pub(super) inserts: Vec<(u32, &'e Given)>,
    pub(super) fields: Vec<(&'e str, Wish<'e>)>,
    pub(super) elements: Vec<(u32, Wish<'e>)>,
    /// The changes of this place and of what is inside, in the order they were made.
    through: Vec<Through<'e>>,
}

/// A change whose path leads through a place.
#[derive(Debug)]
struct Through<'e> {
    steps: Rc<[Step<'e>]>,
    /// The step behind that place.
    next: usize,
    edit: &'e Edit,
}

/// What is wanted of a place as a whole.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Action<'e> {
    /// Nothing; something inside may be.
    #[default]
    Keep,
    Set(&'e Given),
    Delete,
    Remove,
}

impl<'e> Wish<'e> {
    /// To have this value.
    pub(super) fn of(value: &'e Given) -> Wish<'e> {
        Wish { action: Action::Set(value), ..Wish::default() }
    }

    fn put(&mut self, value: &'e Given) {
        self.action = Action::Set(value);
    }

    fn field(&mut self, name: &'e str) -> &mut Wish<'e> {
        let at = self.fields.iter().position(|(n, _)| same_name(n, name));
        let at = at.unwrap_or_else(|| {
            self.fields.push((name, Wish::default()));
            self.fields.len() - 1
        });
        &mut self.fields[at].1
    }

    fn element(&mut self, index: u32) -> &mut Wish<'e> {
        let at = self.elements.iter().position(|(i, _)| *i == index);
        let at = at.unwrap_or_else(|| {
            self.elements.push((index, Wish::default()));
            self.elements.len() - 1
        });
        &mut self.elements[at].1
    }

    /// The changes inside of this place, which is NBT.
    pub(super) fn nbt_changes(&self) -> Vec<(Vec<nbt::Step<'e>>, nbt::Change<'e>)> {
        let change = |through: &Through<'e>| {
            let steps = through.steps.get(through.next..).unwrap_or(&[]);
            let change = match through.edit {
                Edit::Insert(index, value) => nbt::Change::Insert(*index, value),
                _ if steps.is_empty() => return None,
                Edit::Set(value) => nbt::Change::Set(value),
                Edit::Delete => nbt::Change::Delete,
                Edit::Remove => nbt::Change::Remove,
            };
            let steps = steps.iter().map(|step| match step {
                Step::Name(name) => nbt::Step::Name(name),
                Step::Index(index) => nbt::Step::Index(*index),
            });
            Some((steps.collect(), change))
        };
        self.through.iter().filter_map(change).collect()
    }

    /// The members of a given object become wishes of their own, unless something nearer is wished.
    pub(super) fn unfold(&mut self, members: &'e [(String, Given)]) {
        for (name, value) in members {
            let inner = self.field(name);
            if let Action::Keep = inner.action {
                inner.put(value);
            }
        }
    }
}

#[derive(Debug, PartialEq)]
enum Step<'e> {
    Name(&'e str),
    Index(u32),
}

/// The steps of a written path.
fn steps(path: &str) -> Result<Vec<Step<'_>>, EditError> {
    let wrong = |reason| EditError::Path { path: path.into(), reason };
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        if steps.len() >= SEGMENTS_MAX {
            return Err(wrong("it has too many parts"));
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let (digits, behind) = inner.split_once(']').ok_or(wrong("`[` without `]`"))?;
            let index = digits.trim().parse().map_err(|_| wrong("an index is a whole number"))?;
            steps.push(Step::Index(index));
            rest = behind;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.').ok_or(wrong("expected `.` or `[`"))?;
        }
        let (name, behind) = match rest.strip_prefix('`') {
            // Tags of NBT may have any name, also none.
            Some(quoted) => quoted.split_once('`').ok_or(wrong("a back-tick without its twin"))?,
            None => {
                let (name, behind) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                if name.trim().is_empty() {
                    return Err(wrong("a name is missing"));
                }
                (name.trim(), behind)
            }
        };
        steps.push(Step::Name(name));
        rest = behind;
    }
    match steps.first() {
        Some(Step::Name(_)) => Ok(steps),
        Some(Step::Index(_)) => Err(wrong("it begins with an index")),
        None => Ok(steps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_names_and_indices() {
        let wanted =
            vec![Step::Name("item"), Step::Name("added"), Step::Index(2), Step::Name("a b")];
        assert_eq!(steps("item.added[2].`a b`"), Ok(wanted));
        assert_eq!(
            steps("grid[1][20]"),
            Ok(vec![Step::Name("grid"), Step::Index(1), Step::Index(20)])
        );
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_reason() {
        for path in ["[1]", "a..b", "a.", ".a", "a[", "a[x]", "a[1]b", "`a", "a[-1]"] {
            let error = steps(path).unwrap_err();
            assert!(matches!(&error, EditError::Path { path: p, .. } if p == path), "{path}");
        }
        assert!(steps(&"a.".repeat(100_000)).is_err());
    }

    #[test]
    fn the_last_change_of_a_path_counts() {
        let mut edits = Edits::new();
        edits.set("a.b", Given::Int(1)).delete("A.b").set("a.B", Given::Int(2));
        let tree = edits.tree().unwrap();
        assert_eq!(tree.fields.len(), 1);
        let (_, inner) = &tree.fields[0].1.fields[0];
        assert!(matches!(inner.action, Action::Set(Given::Int(2))));
    }
}
