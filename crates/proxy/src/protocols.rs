//! From what was typed to a protocol: a built-in name, a folder of the user's, or a file.

mod lookup;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midwire_definition::diagnostics::suggest;
use midwire_definition::sources::MAX_SOURCE_LEN;
use midwire_definition::{LoadError, Loader, Protocol, StateId, VersionId, builtins};
use midwire_session::Direction;

use self::lookup::{Declares, declares, wire_files};
pub(crate) use self::lookup::{Lookup, Stamps, check_folders, folders};
use crate::error::usage;

/// Reads files beside a definition, and nothing above the definition's folder.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// For a definition in this file.
    pub(crate) fn of(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self { root: folder.unwrap_or(Path::new(".")).to_path_buf() }
    }
}

impl Loader for Folder {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let named = || path.to_owned();
        let unreadable = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound { path: named() },
            _ => LoadError::Unreadable { path: named(), reason: e.to_string() },
        };
        let real = Path::new(path).canonicalize().map_err(unreadable)?;
        let root = self.root.canonicalize().map_err(unreadable)?;
        if !real.starts_with(root) {
            return Err(LoadError::Outside { path: named() });
        }
        let file = std::fs::File::open(real).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(LoadError::Unreadable { path: named(), reason: "it is a folder".into() });
        }
        let mut bytes = Vec::new();
        file.take(MAX_SOURCE_LEN as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > MAX_SOURCE_LEN {
            return Err(LoadError::TooLong { path: named(), len: bytes.len() as u64 });
        }
        String::from_utf8(bytes).map_err(|_| LoadError::NotText { path: named() })
    }
}

/// The protocol of a name, looked up in the folders first, or of a .wire file; with what extends it.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> anyhow::Result<Arc<Protocol>> {
    Lookup::new(name, folders)?.read()
}

/// All names that [`find`] knows, the user's own first.
pub(crate) fn names(folders: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = folders.iter().flat_map(|folder| in_folder(folder)).collect();
    names.extend(builtins().map(str::to_owned));
    names.push("raw".to_owned());
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The definitions in a folder, and what extends others.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = wire_files(folder);
    files.retain(|file| declares(file) != Declares::Neither);
    files
}

/// The names of the definitions in a folder, in order.
pub(crate) fn in_folder(folder: &Path) -> Vec<String> {
    let name = |file: &PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let defines = |file: &PathBuf| declares(file) == Declares::Protocol;
    wire_files(folder).iter().filter(|file| defines(file)).filter_map(name).collect()
}

/// The version that was typed, as a number or a release.
pub(crate) fn version(protocol: &Protocol, text: &str) -> anyhow::Result<VersionId> {
    if let Some(version) = protocol.versions.by_text(text) {
        return Ok(version);
    }
    let keys = protocol.versions.iter().map(|(_, version)| &*version.key);
    let hint = suggest(text, keys).map_or(String::new(), |near| format!("; did you mean {near}?"));
    let newest = protocol.versions.get(protocol.versions.newest());
    Err(usage(format!(
        "{} has no version {text}{hint}\n  the newest is {} ({}); `midwire defs list` shows the others",
        protocol.name, newest.key, newest.number
    )))
}

/// The protocol state that was typed.
pub(crate) fn state(protocol: &Protocol, text: &str) -> anyhow::Result<StateId> {
    if let Some(state) = protocol.state_named(text) {
        return Ok(state);
    }
    let names: Vec<&str> =
        protocol.states.iter().map(|name| &**name).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(usage(format!("{} has no protocol states; leave --state out", protocol.name)));
    }
    Err(usage(format!("there is no state {text}; {} has {}", protocol.name, names.join(", "))))
}

/// The direction that was typed.
pub(crate) fn direction(text: &str) -> anyhow::Result<Direction> {
    match text.to_lowercase().as_str() {
        "serverbound" | "c2s" => Ok(Direction::Serverbound),
        "clientbound" | "s2c" => Ok(Direction::Clientbound),
        _ => Err(usage(format!("--direction {text}: it is serverbound or clientbound"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_ones_own_comes_first_and_cannot_be_left() {
        let folder = std::env::temp_dir().join(format!("midwire-defs-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("inside")).unwrap();
        let own = "protocol terraria \"My Terraria\" { frame { length: u8, id: u8 } }\n";
        std::fs::write(folder.join("terraria.wire"), own).unwrap();
        let folders = [folder.clone()];
        assert_eq!(&*find("terraria", &folders).unwrap().title, "My Terraria");
        assert_ne!(&*find("minecraft", &folders).unwrap().title, "My Terraria");
        assert_eq!(names(&folders).iter().filter(|name| *name == "terraria").count(), 1);

        let inside = Folder::of(&folder.join("inside/x.wire"));
        let outside = folder.join("inside/../terraria.wire");
        let refused = inside.load(outside.to_str().unwrap());
        assert!(matches!(refused, Err(LoadError::Outside { .. })), "{refused:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_unknown_name_suggests_one_that_is_known() {
        let error = find("minecaft", &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean minecraft?"), "{error}");
    }
}
