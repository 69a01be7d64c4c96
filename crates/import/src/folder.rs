//! Where minecraft-data keeps what: `dataPaths.json`, `EDITION/VERSION/version.json`, `protocol.json`.

use std::collections::BTreeMap;

use midwire_definition::{LoadError, Loader};
use serde_json::Value;

use crate::report::{ImportError, Note};

/// Which edition of the game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edition {
    /// Java Edition.
    Pc,
    /// Bedrock Edition.
    Bedrock,
}

impl Edition {
    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Edition::Pc => "pc",
            Edition::Bedrock => "bedrock",
        }
    }
}

/// A version that the data names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) key: String,
    pub(crate) number: i64,
}

/// One protocol.json, and the versions that it holds for, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) keys: Vec<Key>,
}

impl Source {
    /// How people know it: the key of its first version.
    pub(crate) fn key(&self) -> &str {
        self.keys.first().map_or("", |key| &key.key)
    }
}

/// Wire numbers from here on are snapshots of Java Edition, which they do not order.
pub(crate) const SNAPSHOT: i64 = 0x4000_0000;

/// Reads a JSON file.
pub(crate) fn json(path: &str, files: &dyn Loader) -> Result<Value, ImportError> {
    let text = files.load(path).map_err(|error| ImportError::File { path: path.into(), error })?;
    serde_json::from_str(&text).map_err(|error| ImportError::Json {
        path: path.into(),
        line: error.line(),
        column: error.column(),
        why: error.to_string(),
    })
}

/// The files of an edition, oldest version first.
pub(crate) fn sources(
    edition: Edition,
    files: &dyn Loader,
    notes: &mut Vec<Note>,
) -> Result<Vec<Source>, ImportError> {
    let paths = match json("dataPaths.json", files) {
        Err(ImportError::File { error: LoadError::NotFound { .. }, .. }) => {
            return Err(ImportError::NotThere);
        }
        paths => paths?,
    };
    let folder = edition.folder();
    let Some(listed) = paths.get(folder).and_then(Value::as_object) else {
        return Err(ImportError::NoEdition(edition));
    };
    let ages = ages(edition, files, notes);
    let mut found: Vec<(i64, Key, String)> = Vec::new();
    for (key, places) in listed {
        let place = |name: &str| places.get(name).and_then(Value::as_str);
        // Versions without a protocol of their own folder are listed for other data only.
        let Some(path) = place("protocol") else { continue };
        let at = ages.get(key.as_str()).or_else(|| {
            // `pc/1.20.4` may be listed under the release's own name only.
            ages.get(path.rsplit('/').next().unwrap_or(key))
        });
        match number(
            key,
            place("version"),
            ages.get(key.as_str()).map(|(_, number)| *number),
            files,
        ) {
            Ok(number) => {
                let age = at.map_or(i64::MAX, |(age, _)| *age);
                found.push((
                    age,
                    Key { key: key.clone(), number },
                    format!("{path}/protocol.json"),
                ));
            }
            Err(why) => notes.push(Note::file(&format!("dataPaths.json, {folder}, {key}"), why)),
        }
    }
    place_unlisted(&mut found);
    found.sort_by_key(|(age, key, _)| (*age, key.number));
    let mut sources: Vec<Source> = Vec::new();
    for (_, key, path) in found {
        match sources.iter().position(|source| source.path == path) {
            Some(at) if at + 1 == sources.len() => sources[at].keys.push(key),
            Some(_) => {
                let why = "its protocol.json also holds for an older version, with others between; \
                           only the older one is imported";
                notes.push(Note::file(&key.key, why.into()));
            }
            None => sources.push(Source { path, keys: vec![key] }),
        }
    }
    if sources.is_empty() {
        return Err(ImportError::NoEdition(edition));
    }
    Ok(sources)
}

/// Age and number of each version, by key; the age counts up from the oldest.
fn ages(
    edition: Edition,
    files: &dyn Loader,
    notes: &mut Vec<Note>,
) -> BTreeMap<String, (i64, i64)> {
    let path = format!("{}/common/protocolVersions.json", edition.folder());
    let list = match json(&path, files) {
        Ok(Value::Array(list)) => list,
        Ok(_) => {
            notes.push(Note::file(&path, "it is no list; versions are ordered by number".into()));
            return BTreeMap::new();
        }
        Err(error) => {
            let why = format!("{error}; versions are ordered by number");
            notes.push(Note { opaque: false, ..Note::file(&path, why) });
            return BTreeMap::new();
        }
    };
    let mut ages = BTreeMap::new();
    for (age, version) in list.iter().rev().enumerate() {
        let key = version.get("minecraftVersion").and_then(Value::as_str);
        let number = version.get("version").and_then(Value::as_i64);
        if let (Some(key), Some(number)) = (key, number) {
            ages.entry(key.to_owned()).or_insert((age as i64, number));
        }
    }
    ages
}

/// A version's wire number.
fn number(
    key: &str,
    folder: Option<&str>,
    listed: Option<i64>,
    files: &dyn Loader,
) -> Result<i64, String> {
    let Some(folder) = folder else {
        return listed.ok_or_else(|| "it names no folder with a version.json".into());
    };
    let path = format!("{folder}/version.json");
    let version = match json(&path, files) {
        Ok(version) => version,
        Err(error) => return listed.ok_or_else(|| error.to_string()),
    };
    let number = version.get("version").and_then(Value::as_i64);
    let own = version.get("minecraftVersion").and_then(Value::as_str) == Some(key);
    // Some folders have a copy of another version's file.
    let number = if own { number.or(listed) } else { listed.or(number) };
    number.filter(|n| *n >= 0).ok_or_else(|| format!("{path} has no number under \"version\""))
}

/// Gives those that the list of versions does not know a place by their numbers.
fn place_unlisted(found: &mut [(i64, Key, String)]) {
    let known: Vec<(i64, i64)> = found
        .iter()
        .filter(|(age, key, _)| *age != i64::MAX && key.number < SNAPSHOT)
        .map(|(age, key, _)| (key.number, *age))
        .collect();
    for (age, key, _) in found.iter_mut().filter(|(age, ..)| *age == i64::MAX) {
        if key.number >= SNAPSHOT {
            continue;
        }
        let below = known.iter().filter(|(number, _)| *number <= key.number);
        // Those below the oldest known one come before it.
        *age = below.map(|(_, age)| *age).max().unwrap_or(-1);
    }
}
