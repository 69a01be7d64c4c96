//! Paths in NBT.

use midwire_definition::nbt::{self, Event, Group, Payload, Tag, Walk};
use midwire_definition::plan::NbtForm;
use midwire_definition::plan::anchor::Step;
use midwire_definition::syntax::ast::same_name;

use crate::value::Number;

/// Lists and compounds in each other that are looked into. Packets with more are malformed.
const DEPTH_MAX: u32 = 512;

/// What a path leads to in NBT.
pub(crate) enum Inside<'a> {
    Value(Payload<'a>),
    Group,
}

impl Inside<'_> {
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Inside::Value(payload) => Some(match payload {
                Payload::Byte(n) => Number::Int((*n).into()),
                Payload::Short(n) => Number::Int((*n).into()),
                Payload::Int(n) => Number::Int((*n).into()),
                Payload::Long(n) => Number::Int((*n).into()),
                Payload::Float(n) => Number::Float((*n).into()),
                Payload::Double(n) => Number::Float(*n),
                _ => return None,
            }),
            Inside::Group => None,
        }
    }

    pub(crate) fn text<T>(&self, look: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match self {
            Inside::Value(Payload::String(bytes)) => Some(look(nbt::text(bytes).as_bytes())),
            Inside::Value(Payload::ByteArray(bytes)) => Some(look(bytes)),
            _ => None,
        }
    }
}

/// Shows what a path leads to: names go through all elements of lists. `true` ends it; gives whether it
/// was ended.
pub(crate) fn each(
    bytes: &[u8],
    form: NbtForm,
    path: &[Step],
    see: &mut dyn FnMut(Inside<'_>) -> bool,
) -> bool {
    let mut walk = Walk::new(bytes, form, DEPTH_MAX);
    // How many steps of the path are behind each group that is open.
    let mut behind: Vec<usize> = Vec::new();
    while let Ok(Some(event)) = walk.next_event() {
        let (tag, found) = match event {
            Event::Nothing => return false,
            Event::Close(_) => {
                behind.pop();
                continue;
            }
            Event::Value(tag, payload) => (tag, Inside::Value(payload)),
            Event::Open(tag, _) => (tag, Inside::Group),
        };
        let is_open = matches!(found, Inside::Group);
        let is_list = matches!(event, Event::Open(_, Group::List(..)));
        let steps = match behind.last() {
            None => Some(0),
            Some(done) => passed(path, *done, &tag),
        };
        let is_end = steps == Some(path.len());
        if is_end && see(found) {
            return true;
        }
        if is_open {
            match steps {
                // A list that the path leads to stands for its elements, too.
                Some(steps) if !is_end || is_list => behind.push(steps),
                _ => {
                    if walk.leave().is_err() {
                        return false;
                    }
                }
            }
        }
    }
    false
}

/// How many steps of the path are behind a tag; `None`: it is not on the way.
fn passed(path: &[Step], done: usize, tag: &Tag<'_>) -> Option<usize> {
    if done == path.len() {
        return tag.index.map(|_| done);
    }
    match (path.get(done)?, tag.index, tag.name) {
        (Step::Index(wanted), Some(index), _) => (*wanted == index).then_some(done + 1),
        (Step::Name(_), Some(_), _) => Some(done),
        (Step::Name(wanted), None, Some(name)) => {
            same_name(&nbt::text(name), wanted).then_some(done + 1)
        }
        _ => None,
    }
}
