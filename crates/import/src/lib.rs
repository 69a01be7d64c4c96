//! Definitions in the wire language from minecraft-data's protocol.json files.
//!
//! ```text
//!  dataPaths.json ──▶ files ──▶ shapes of each version ──▶ one merged shape ──▶ wire text
//!  (folder)            (protodef)                    (merge)               (document, write)
//! ```
//!
//! What cannot be carried is kept as bytes, and said: see [`Imported::notes`].

mod compare;
mod document;
mod folder;
mod gates;
mod ids;
mod merge;
mod names;
mod overlay;
mod protodef;
mod report;
mod set;
mod shape;
mod write;

use std::collections::BTreeMap;

use std::sync::Arc;

use midwire_definition::{LoadError, Loader, Protocol, Version, Versions};

pub use compare::Change;
pub use folder::Edition;
pub use report::{ImportError, Note};
pub use set::VERSIONS_MAX;

use document::Head;
use folder::{Key, Source};
use gates::Timeline;
use protodef::Read;

/// What is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which edition of the game.
    pub edition: Edition,
    /// The first and the last version, by key or number; all where there are none.
    pub versions: Option<(Option<String>, Option<String>)>,
    /// What the definition is called.
    pub name: String,
}

/// A definition that was made.
#[derive(Debug, Clone)]
pub struct Document {
    /// The name of its protocol.
    pub name: String,
    /// The text.
    pub text: String,
    /// How many protocol.json files it is made of.
    pub files: usize,
}

/// What came out.
#[derive(Debug)]
pub struct Imported {
    /// The definition, and where the files are of several protocols the others.
    pub documents: Vec<Document>,
    /// What was not carried over as it stands.
    pub notes: Vec<Note>,
    /// Packets over all versions, and how many of them are opaque in part or whole.
    pub packets: (usize, usize),
}

/// Reads minecraft-data's folder and writes definitions.
///
/// # Errors
/// The folder is not minecraft-data's, or nothing in it can be read.
pub fn import(files: &dyn Loader, options: &Options) -> Result<Imported, ImportError> {
    let (data, mut notes) = load(files, options, false)?;
    let mut documents = Vec::new();
    let mut counts = (0, 0);
    // 0.30c shares nothing with what came after it.
    let (classic, others): (Vec<_>, Vec<_>) = data.into_iter().partition(|version| version.classic);
    for (group, classic) in [(others, false), (classic, true)] {
        if group.is_empty() {
            continue;
        }
        let name = if classic && !documents.is_empty() {
            format!("{}_classic", options.name)
        } else {
            options.name.clone()
        };
        let files = group.len();
        let Made { text, notes: found, counts: (whole, opaque), .. } =
            document(group, options.edition, classic, &name);
        notes.extend(found);
        counts = (counts.0 + whole, counts.1 + opaque);
        documents.push(Document { name, text, files });
    }
    if documents.is_empty() {
        return Err(ImportError::NoEdition(options.edition));
    }
    Ok(Imported { documents, notes, packets: counts })
}

/// What changed, by packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// `play clientbound map_chunk`, or the protocol.
    pub packet: String,
    /// What became of it.
    pub change: Change,
    /// The keys of the first and the last version of each run in which it is so.
    pub versions: Vec<(String, String)>,
    /// The overlay brings it; what it leaves is said and nothing more.
    pub written: bool,
}

/// How imported data differs from a definition.
#[derive(Debug)]
pub struct Compared {
    /// What changed.
    pub changes: Vec<Changed>,
    /// A text that brings the definition to the data, as far as that is possible.
    pub overlay: String,
    /// What was not carried over as it stands.
    pub notes: Vec<Note>,
    /// How many packets of how many files were compared.
    pub packets: (usize, usize),
}

/// Compares every packet of every version in minecraft-data's folder with a definition, by what they mean.
///
/// The overlay is for the versions that the definition does not list. What differs in others is said and
/// not written, unless these are the versions that were asked for.
///
/// # Errors
/// The folder is not minecraft-data's, or nothing in it can be read.
pub fn compare(
    files: &dyn Loader,
    options: &Options,
    base: &Protocol,
) -> Result<Compared, ImportError> {
    // What was there before tells what has changed.
    let (data, mut notes) = load(files, options, true)?;
    let mut group: Vec<Loaded> = data.into_iter().filter(|version| !version.classic).collect();
    let keys: Vec<Vec<Key>> = group.iter().map(|version| version.keys.clone()).collect();
    let mut asked = set::Set::default();
    let mut packets = 0;
    for (version, loaded) in group.iter_mut().enumerate() {
        if loaded.asked {
            asked.add(version);
            packets += loaded.read.packets.len();
        } else {
            loaded.read.notes.clear();
        }
    }
    let Made { text, merged, notes: found, .. } =
        document(group, options.edition, false, &options.name);
    notes.extend(found);
    let new = resolved(&text)?;
    let written = options.versions.is_some().then_some(asked);
    let maker = overlay::Maker::new(base, &text, &new, &merged, &keys, written);
    let (mut changes, made) = maker.make().map_err(|why| ImportError::Text { why })?;
    for (key, with) in maker.unknown() {
        let with = base.versions.get(with).key.to_string();
        let change = Change::NewVersion { number: key.number, with };
        let at = keys.iter().position(|keys| keys.contains(key)).unwrap_or_default();
        changes.entry((base.name.to_string(), change)).or_default().add(at);
    }
    let key =
        |version: usize| keys[version].first().map_or_else(String::new, |key| key.key.clone());
    let runs = |set: set::Set| {
        gates::runs(set).into_iter().map(|(first, last)| (key(first), key(last))).collect()
    };
    let mut split = Vec::new();
    for ((packet, change), set) in changes {
        let left = made.left.get(&(packet.clone(), change.clone())).copied().unwrap_or_default();
        let set = set.and(asked);
        for (set, written) in [(set.without(left), true), (set.and(left), false)] {
            if !set.is_empty() {
                let (packet, change) = (packet.clone(), change.clone());
                split.push(Changed { packet, change, versions: runs(set), written });
            }
        }
    }
    Ok(Compared {
        changes: split,
        overlay: made.text,
        notes,
        packets: (packets, asked.iter().count()),
    })
}

/// One text as a definition.
struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

/// What the written text means. That it means something is checked where it is written.
fn resolved(text: &str) -> Result<Arc<Protocol>, ImportError> {
    Protocol::load("imported.wire", &Text(text))
        .map_err(|problems| ImportError::Text { why: problems.to_string() })
}

/// One file, read.
struct Loaded {
    keys: Vec<Key>,
    read: Read,
    classic: bool,
    /// It is one of those that were asked for.
    asked: bool,
}

/// Reads the versions that were asked for; with `before` those in front of them too.
fn load(
    files: &dyn Loader,
    options: &Options,
    before: bool,
) -> Result<(Vec<Loaded>, Vec<Note>), ImportError> {
    let mut notes = Vec::new();
    let sources = folder::sources(options.edition, files, &mut notes)?;
    let (from, to) = chosen(&sources, options)?;
    let sources: Vec<(usize, Source)> = sources.into_iter().enumerate().take(to + 1).collect();
    let sources = if before { sources } else { sources.into_iter().skip(from).collect() };
    if sources.len() > VERSIONS_MAX {
        return Err(ImportError::TooMany { found: sources.len(), max: VERSIONS_MAX });
    }
    let mut parsed = Vec::new();
    for (at, source) in sources {
        match folder::json(&source.path, files) {
            Ok(json) => parsed.push((at >= from, source, json)),
            Err(error) => {
                notes.push(Note::file(source.key(), format!("left out: {error}")));
            }
        }
    }
    let names = protodef::TypeNames::of(parsed.iter().map(|(_, _, json)| json));
    let mut loaded = Vec::new();
    for (asked, source, json) in &parsed {
        let read = protodef::read(json, options.edition, &names);
        if read.packets.is_empty() {
            let why = read.notes.first().map_or("it has no packets", |note| &note.why);
            notes.push(Note::file(&source.path, format!("left out: {why}")));
            continue;
        }
        let classic = options.edition == Edition::Pc
            && read.packets.iter().all(|packet| packet.place.state.is_empty());
        loaded.push(Loaded { keys: source.keys.clone(), read, classic, asked: *asked });
    }
    Ok((loaded, notes))
}

/// The first and the last that were asked for.
fn chosen(sources: &[Source], options: &Options) -> Result<(usize, usize), ImportError> {
    let newest = sources.len().saturating_sub(1);
    let Some((from, to)) = &options.versions else { return Ok((0, newest)) };
    let known = || {
        let ends = [sources.first(), sources.last()].map(|s| s.map_or("", |s| s.key()));
        format!("{} to {}", ends[0], ends[1])
    };
    let find = |text: &str| {
        let is = |key: &Key| key.key.eq_ignore_ascii_case(text) || key.number.to_string() == text;
        let found = sources.iter().position(|source| source.keys.iter().any(is));
        found.ok_or_else(|| ImportError::NoVersion {
            text: text.to_owned(),
            edition: options.edition,
            known: known(),
        })
    };
    let from = from.as_deref().map(find).transpose()?.unwrap_or(0);
    let to = to.as_deref().map(find).transpose()?.unwrap_or(newest);
    if from > to {
        let text = format!("between {} and {}", sources[from].key(), sources[to].key());
        return Err(ImportError::NoVersion { text, edition: options.edition, known: known() });
    }
    Ok((from, to))
}

/// A definition, and what it was written from.
struct Made {
    text: String,
    merged: document::Merged,
    notes: Vec<Note>,
    counts: (usize, usize),
}

fn document(group: Vec<Loaded>, edition: Edition, classic: bool, name: &str) -> Made {
    let (keys, mut reads): (Vec<Vec<Key>>, Vec<Read>) =
        group.into_iter().map(|version| (version.keys, version.read)).unzip();
    let notes = gathered(&keys, &mut reads);
    let packets = reads.iter().map(|read| read.packets.len()).sum();
    let opaque: std::collections::HashSet<(&str, &str)> = notes
        .iter()
        .filter(|note| note.opaque)
        .flat_map(|note| note.versions.iter().map(|key| (note.packet.as_str(), key.as_str())))
        .collect();
    let counts = (packets, opaque.len());
    let merged = document::merge(&reads);
    let head = Head { name, edition, classic, keys: &keys };
    let timeline = Timeline::new(listed(&keys), &keys);
    let text =
        timeline.map_or_else(String::new, |timeline| document::text(&merged, &head, &timeline));
    let text = midwire_definition::syntax::format(&text);
    Made { text, merged, notes, counts }
}

/// The versions as the text lists them.
fn listed(keys: &[Vec<Key>]) -> Versions {
    Versions::new(keys.iter().flatten().zip(0..).map(|(key, at)| version(key, at)).collect())
}

fn version(key: &Key, ordinal: u32) -> Version {
    let text: Arc<str> = key.key.as_str().into();
    Version { key: text.clone(), number: key.number, ordinal, release: text }
}

/// Notes that are alike in several versions as one.
fn gathered(keys: &[Vec<Key>], reads: &mut [Read]) -> Vec<Note> {
    let mut all: BTreeMap<Note, Vec<String>> = BTreeMap::new();
    for (keys, read) in keys.iter().zip(reads) {
        let key = keys.first().map_or("", |key| &key.key);
        for note in std::mem::take(&mut read.notes) {
            all.entry(note).or_default().push(key.to_owned());
        }
    }
    all.into_iter().map(|(note, versions)| Note { versions, ..note }).collect()
}
