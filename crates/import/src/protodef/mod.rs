//! Reads one protocol.json: ProtoDef types to shapes.
//!
//! ```text
//!   protocol.json ──▶ packets (state, direction, name, body), types by name, id tables
//!                     what cannot be carried: a tail, and a note that names the packet and the place
//! ```

mod constructs;
mod container;
mod declared;
mod paths;
mod switch;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use midwire_codec::Direction;
use serde_json::{Map, Value};

use crate::folder::Edition;
use crate::names::snake;
use crate::report::Note;
use crate::shape::{Entry, EntryKind, Shape};
pub(crate) use declared::TypeNames;
use declared::namespaces;

/// The deepest nesting of types that is carried; the wire language has a limit of its own near this.
const DEPTH_MAX: usize = 56;

/// What one protocol.json says.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) packets: Vec<Packet>,
    pub(crate) types: BTreeMap<String, Shape>,
    pub(crate) ids: Vec<Table>,
    pub(crate) notes: Vec<Note>,
}

/// A packet's state and direction.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Empty in a protocol without states.
    pub(crate) state: String,
    /// `None`: both.
    pub(crate) direction: Option<Direction>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let direction = self.direction.map_or("both", Direction::as_str);
        match self.state.as_str() {
            "" => f.write_str(direction),
            state => write!(f, "{state} {direction}"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) body: Vec<Entry>,
}

/// The packet ids of a state and direction.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) place: Place,
    pub(crate) ids: Vec<(i64, String)>,
}

/// Where a type is declared: everywhere, or in a state and direction.
type Namespace = Option<Place>;

/// A type of the file that has been read.
#[derive(Debug, Clone)]
struct Declared {
    shape: Shape,
    /// It ends in bytes that are not read.
    open: bool,
    uses: BTreeSet<String>,
    notes: Vec<(String, String, bool)>,
}

/// Reads the types of one file.
pub(super) struct Reader<'a> {
    edition: Edition,
    names: &'a TypeNames,
    spaces: HashMap<Namespace, &'a Map<String, Value>>,
    done: HashMap<String, Declared>,
    /// Those being read, and whether each was reached from inside of something: a name that stands for
    /// itself has no meaning.
    open: Vec<(String, bool)>,
    here: Here,
}

/// What belongs to the packet or type that is being read.
#[derive(Default)]
struct Here {
    namespace: Namespace,
    frames: Vec<paths::Frame>,
    /// The container that was read last.
    last: Option<paths::Frame>,
    /// The names of each struct of the text around this place.
    scopes: Vec<Vec<String>>,
    path: Vec<String>,
    /// What `$name` stands for in the type with arguments that is being laid out.
    arguments: HashMap<String, String>,
    depth: usize,
    uses: BTreeSet<String>,
    /// Place, reason, and whether it makes the rest opaque.
    notes: Vec<(String, String, bool)>,
}

/// How deep a place is, in frames, structs, path and constructs.
type Level = [usize; 4];

impl Here {
    fn level(&self) -> Level {
        [self.frames.len(), self.scopes.len(), self.path.len(), self.depth]
    }

    /// Back out of what could not be carried.
    fn restore(&mut self, level: Level) {
        let [frames, scopes, path, depth] = level;
        self.frames.truncate(frames);
        self.scopes.truncate(scopes);
        self.path.truncate(path);
        self.depth = depth;
    }
}

/// A piece that cannot be carried, and why.
type Carried<T> = Result<T, String>;

/// Reads a file.
pub(crate) fn read(file: &Value, edition: Edition, names: &TypeNames) -> Read {
    let spaces: HashMap<_, _> = namespaces(file).into_iter().collect();
    let mut reader = Reader {
        edition,
        names,
        spaces,
        done: HashMap::new(),
        open: Vec::new(),
        here: Here::default(),
    };
    let mut out = Read::default();
    let mut places: Vec<Namespace> = reader.spaces.keys().cloned().collect();
    places.sort();
    for namespace in places {
        reader.packets(&namespace, &mut out);
    }
    if out.packets.is_empty() {
        let why =
            "it has no packets: expected `STATE.toClient.types.packet` with a mapper of names";
        out.notes.push(Note::file("protocol.json", why.into()));
    }
    reader.declare_the_unread();
    // What nobody uses is not carried, and cannot be wrong.
    out.types = reader.done.into_iter().map(|(name, ty)| (name, ty.shape)).collect();
    out
}

impl<'a> Reader<'a> {
    fn packets(&mut self, namespace: &Namespace, out: &mut Read) {
        let types = self.spaces[namespace];
        let (place, root) = match namespace {
            Some(place) => (place.clone(), types.get("packet")),
            None => {
                let root = types.get("mcpe_packet").or_else(|| types.get("packet"));
                (Place { state: String::new(), direction: None }, root)
            }
        };
        let Some(root) = root else { return };
        let (ids, bodies) = match packet_table(root) {
            Ok(found) => found,
            Err(why) => {
                out.notes.push(Note { opaque: true, ..Note::file(&place.to_string(), why) });
                return;
            }
        };
        let mut listed = Vec::new();
        for (id, name) in ids {
            let wire = snake(&name);
            if listed.iter().any(|(_, other)| *other == wire) {
                let why = format!("id {id} has the name of another packet; left out");
                out.notes.push(Note::file(&format!("{place} {name}"), why));
                continue;
            }
            listed.push((id, wire.clone()));
            let body = self.body(namespace, bodies.and_then(|bodies| bodies.get(&name)));
            self.report(&format!("{place} {wire}"), out);
            out.packets.push(Packet { place: place.clone(), name: wire, body });
        }
        out.ids.push(Table { place, ids: listed });
    }

    /// A packet's fields.
    fn body(&mut self, namespace: &Namespace, ty: Option<&'a Value>) -> Vec<Entry> {
        self.here = Here { namespace: namespace.clone(), ..Here::default() };
        let Some(ty) = ty else {
            let why = "the switch over the packets' names has no such field".to_owned();
            return vec![self.tail(why)];
        };
        match self.entries_of(ty) {
            Ok(entries) => entries,
            Err(why) => vec![self.tail(why)],
        }
    }

    /// The fields of a type that is a container; of another, one field.
    fn entries_of(&mut self, ty: &'a Value) -> Carried<Vec<Entry>> {
        let mut ty = ty;
        for _ in 0..DEPTH_MAX {
            let Some(name) = ty.as_str().filter(|name| name.starts_with("packet_")) else { break };
            match self.find(name) {
                Some((_, found)) => ty = found,
                None => return Err(format!("there is no type `{name}`")),
            }
        }
        self.here.scopes.push(Vec::new());
        let entries = match ty.as_array().map(Vec::as_slice) {
            Some([Value::String(kind), fields]) if kind == "container" => self.container(fields)?,
            _ => match self.shape(ty)? {
                Shape::Nothing => Vec::new(),
                shape => vec![Entry {
                    set: Default::default(),
                    kind: EntryKind::Field("value".into(), shape),
                }],
            },
        };
        self.here.scopes.pop();
        Ok(entries)
    }

    /// Bytes that are kept because they cannot be read; says so.
    fn tail(&mut self, why: String) -> Entry {
        let path = self.here.path.join("/");
        self.here.notes.push((path, why.clone(), true));
        Entry { set: Default::default(), kind: EntryKind::Tail(why) }
    }

    /// Says that something is not as it stands, though nothing becomes opaque.
    fn remark(&mut self, why: String) {
        let path = self.here.path.join("/");
        self.here.notes.push((path, why, false));
    }

    /// Hands on what was noted of the packet just read, and of the types in it.
    fn report(&mut self, packet: &str, out: &mut Read) {
        let here = std::mem::take(&mut self.here);
        let mut all: BTreeSet<(String, String, bool)> = here.notes.into_iter().collect();
        let mut seen = BTreeSet::new();
        let mut next: Vec<String> = here.uses.into_iter().collect();
        while let Some(name) = next.pop() {
            let Some(ty) = self.done.get(&name).filter(|_| seen.insert(name.clone())) else {
                continue;
            };
            next.extend(ty.uses.iter().cloned());
            for (path, why, opaque) in &ty.notes {
                let dot = if path.is_empty() { "" } else { "/" };
                all.insert((format!("type {name}{dot}{path}"), why.clone(), *opaque));
            }
        }
        out.notes.extend(all.into_iter().map(|(path, why, opaque)| Note {
            packet: packet.to_owned(),
            path,
            why,
            versions: Vec::new(),
            opaque,
        }));
    }

    /// The type of a name, and where it is declared.
    fn find(&self, name: &str) -> Option<(Namespace, &'a Value)> {
        let own = self.here.namespace.clone();
        [own, None].into_iter().find_map(|space| {
            let ty = self.spaces.get(&space)?.get(name)?;
            Some((space, ty))
        })
    }

    /// Reads a declared type, once; gives its name in the text.
    fn declared(&mut self, name: &str, space: Namespace, ty: &'a Value) -> Carried<String> {
        let wire = match self.names.names.get(&(space.clone(), name.to_owned())) {
            Some(wire) => wire.clone(),
            None => return Err(format!("the type `{name}` cannot be named here")),
        };
        self.here.uses.insert(wire.clone());
        if self.done.contains_key(&wire) {
            return Ok(wire);
        }
        let inside = self.here.depth > 0;
        if let Some(at) = self.open.iter().position(|(open, _)| *open == wire) {
            let contains = inside || self.open[at + 1..].iter().any(|(_, inside)| *inside);
            return if contains {
                Ok(wire)
            } else {
                Err(format!("the type `{name}` stands for itself"))
            };
        }
        if self.open.len() > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} types refer to each other"));
        }
        self.open.push((wire.clone(), inside));
        let outer = std::mem::take(&mut self.here);
        self.here.namespace = space;
        let mut failed = None;
        let shape = match self.shape(ty) {
            Ok(shape) => shape,
            Err(why) => {
                failed = Some(why.clone());
                Shape::Struct(vec![self.tail(why)])
            }
        };
        let here = std::mem::replace(&mut self.here, outer);
        self.open.pop();
        let open = self.is_open(&shape);
        let ty = Declared { shape, open, uses: here.uses, notes: here.notes };
        match failed {
            // An unreadable type is written out only if it is one with a readable beginning.
            Some(why) => {
                self.here.uses.remove(&wire);
                Err(format!("type {wire}: {why}"))
            }
            None => {
                self.done.insert(wire.clone(), ty);
                Ok(wire)
            }
        }
    }

    /// A type that could not be read is opaque where one that contains it names it all the same.
    fn declare_the_unread(&mut self) {
        let used: BTreeSet<String> =
            self.done.values().flat_map(|ty| ty.uses.iter().cloned()).collect();
        for name in used {
            let tail = EntryKind::Tail("it could not be read".into());
            let shape = Shape::Struct(vec![Entry { set: Default::default(), kind: tail }]);
            let unread = Declared { shape, open: true, uses: BTreeSet::new(), notes: Vec::new() };
            self.done.entry(name).or_insert(unread);
        }
    }

    /// Whether a shape may end in bytes that are not read, so that nothing can stand behind it.
    fn is_open(&self, shape: &Shape) -> bool {
        match shape {
            Shape::Name(name, args) => {
                self.done.get(name).is_some_and(|ty| ty.open)
                    || args.iter().any(|arg| self.is_open(arg))
            }
            Shape::Struct(entries) => entries.iter().any(|entry| self.is_open_entry(entry)),
            Shape::Opt(inner) => self.is_open(inner),
            Shape::Match(_, arms) => arms.iter().any(|arm| self.is_open(&arm.body)),
            _ => false,
        }
    }

    fn is_open_entry(&self, entry: &Entry) -> bool {
        match &entry.kind {
            EntryKind::Field(_, shape) => self.is_open(shape),
            EntryKind::Match(_, arms) => arms.iter().any(|arm| self.is_open(&arm.body)),
            EntryKind::Tail(_) => true,
            EntryKind::Let(..) => false,
        }
    }
}

/// A switch's fields by packet name.
type Bodies<'a> = Option<&'a Map<String, Value>>;

/// The ids and names of the packets, and the type of each.
fn packet_table(root: &Value) -> Result<(Vec<(i64, String)>, Bodies<'_>), String> {
    let wanted = "its type `packet` is no container of a mapper `name` and a switch `params`";
    let fields = match root.as_array().map(Vec::as_slice) {
        Some([Value::String(kind), Value::Array(fields)]) if kind == "container" => fields,
        _ => return Err(wanted.into()),
    };
    let part = |kind: &str, key: &str| {
        fields.iter().find_map(|field| match field.get("type")?.as_array()?.as_slice() {
            [Value::String(found), args] if found == kind => args.get(key)?.as_object(),
            _ => None,
        })
    };
    let mappings = part("mapper", "mappings").ok_or(wanted)?;
    let mut ids = Vec::new();
    for (id, name) in mappings {
        match (constructs::integer(id), name.as_str()) {
            (Some(id), Some(name)) => ids.push((i64::try_from(id).unwrap_or(-1), name.to_owned())),
            _ => return Err(format!("the packet id `{id}` is no number with a name")),
        }
    }
    ids.sort();
    Ok((ids, part("switch", "fields")))
}
