//! Definitions in the wire language from minecraft-data's protocol.json files.
//!
//! ```text
//!  dataPaths.json ──▶ files ──▶ shapes of each version ──▶ one merged shape ──▶ wire text
//!  (folder)            (protodef)                    (merge)               (document, write)
//! ```
//!
//! What cannot be carried is kept as bytes, and said: see [`Imported::notes`].

mod document;
mod folder;
mod gates;
mod ids;
mod merge;
mod names;
mod protodef;
mod report;
mod set;
mod shape;
mod write;

use std::collections::BTreeMap;

use midwire_definition::{Loader, Version, Versions};

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
    let (data, mut notes) = load(files, options)?;
    let mut documents = Vec::new();
    let mut counts = (0, 0);
    // 0.30c shares nothing with what came after it.
    let (classic, others): (Vec<_>, Vec<_>) =
        data.into_iter().partition(|version| version.classic);
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
        let (text, found, group_counts) = document(group, options.edition, classic, &name);
        notes.extend(found);
        counts = (counts.0 + group_counts.0, counts.1 + group_counts.1);
        documents.push(Document { name, text, files });
    }
    if documents.is_empty() {
        return Err(ImportError::NoEdition(options.edition));
    }
    Ok(Imported { documents, notes, packets: counts })
}

/// One file, read.
struct Loaded {
    keys: Vec<Key>,
    read: Read,
    classic: bool,
}

fn load(
    files: &dyn Loader,
    options: &Options,
) -> Result<(Vec<Loaded>, Vec<Note>), ImportError> {
    let mut notes = Vec::new();
    let sources = folder::sources(options.edition, files, &mut notes)?;
    let sources = chosen(sources, options)?;
    if sources.len() > VERSIONS_MAX {
        return Err(ImportError::TooMany { found: sources.len(), max: VERSIONS_MAX });
    }
    let mut parsed = Vec::new();
    for source in sources {
        match folder::json(&source.path, files) {
            Ok(json) => parsed.push((source, json)),
            Err(error) => {
                notes.push(Note::file(source.key(), format!("left out: {error}")));
            }
        }
    }
    let names = protodef::TypeNames::of(parsed.iter().map(|(_, json)| json));
    let mut loaded = Vec::new();
    for (source, json) in &parsed {
        let read = protodef::read(json, options.edition, &names);
        if read.packets.is_empty() {
            let why = read.notes.first().map_or("it has no packets", |note| &note.why);
            notes.push(Note::file(&source.path, format!("left out: {why}")));
            continue;
        }
        let classic = options.edition == Edition::Pc
            && read.packets.iter().all(|packet| packet.place.state.is_empty());
        loaded.push(Loaded { keys: source.keys.clone(), read, classic });
    }
    Ok((loaded, notes))
}

/// Those between two versions, both included.
fn chosen(sources: Vec<Source>, options: &Options) -> Result<Vec<Source>, ImportError> {
    let Some((from, to)) = &options.versions else { return Ok(sources) };
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
    let to = to.as_deref().map(find).transpose()?.unwrap_or(sources.len().saturating_sub(1));
    if from > to {
        let text = format!("between {} and {}", sources[from].key(), sources[to].key());
        return Err(ImportError::NoVersion { text, edition: options.edition, known: known() });
    }
    Ok(sources[from..=to].to_vec())
}

fn document(
    group: Vec<Loaded>,
    edition: Edition,
    classic: bool,
    name: &str,
) -> (String, Vec<Note>, (usize, usize)) {
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
    let text = timeline.map_or_else(String::new, |timeline| document::text(&merged, &head, &timeline));
    (text, notes, counts)
}

/// The versions as the text lists them.
fn listed(keys: &[Vec<Key>]) -> Versions {
    let version = |(ordinal, key): (usize, &Key)| Version {
        key: key.key.as_str().into(),
        number: key.number,
        ordinal: ordinal as u32,
        release: key.key.as_str().into(),
    };
    Versions::new(keys.iter().flatten().enumerate().map(version).collect())
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
