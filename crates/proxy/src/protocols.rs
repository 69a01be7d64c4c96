//! From what was typed to a protocol: a built-in name, a folder of the user's, or a file.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midwire_definition::diagnostics::suggest;
use midwire_definition::sources::MAX_SOURCE_LEN;
use midwire_definition::{
    LoadError, Loader, Problems, Protocol, StateId, VersionId, builtin, builtins,
};
use midwire_session::Direction;

use crate::error::{say_styled, usage};

/// Bytes without any meaning: nothing but the relay.
const RAW: &str = "protocol raw \"Raw bytes\" { frame none }\n";

/// Names that are understood but not built yet.
const LATER: [&str; 2] = ["rfb", "auto"];

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

/// One text that is not in a file.
struct Text(&'static str);

impl Loader for Text {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

/// The protocol of a name, looked up in the folders first, or of a .wire file.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> anyhow::Result<Arc<Protocol>> {
    let is_file = name.ends_with(".wire") || name.contains(['/', '\\']);
    if is_file {
        return load(Path::new(name));
    }
    for folder in folders {
        if !folder.is_dir() {
            return Err(usage(format!("--defs {}: there is no such folder", folder.display())));
        }
        let file = folder.join(format!("{name}.wire"));
        if file.exists() {
            return load(&file);
        }
    }
    if name == "raw" {
        return Protocol::load("raw.wire", &Text(RAW))
            .map_err(|problems| anyhow::anyhow!("{problems}"));
    }
    if LATER.contains(&name) {
        return Err(usage(format!(
            "protocol {name} is not there yet; what is: {}",
            names(folders).join(", ")
        )));
    }
    if let Some(protocol) = builtin(name) {
        return Ok(protocol);
    }
    let known = names(folders);
    let hint = suggest(name, known.iter().map(String::as_str))
        .map_or(String::new(), |near| format!("; did you mean {near}?"));
    Err(usage(format!(
        "there is no protocol {name}{hint}\n  known: {}, or the path of a .wire file",
        known.join(", ")
    )))
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

/// The names of the definitions in a folder, in order.
pub(crate) fn in_folder(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        entry.file_name().to_str()?.strip_suffix(".wire").map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort_unstable();
    names
}

fn load(file: &Path) -> anyhow::Result<Arc<Protocol>> {
    let Some(path) = file.to_str() else {
        return Err(usage(format!("{}: the path is not Unicode", file.display())));
    };
    if !file.exists() {
        return Err(usage(format!("there is no file {path}")));
    }
    let protocol =
        Protocol::load(path, &Folder::of(file)).map_err(|problems| broken(path, &problems))?;
    if !protocol.warnings.is_empty() {
        let color = crate::print::style::stderr_is_colored();
        say_styled(&midwire_definition::render(&protocol.warnings, &protocol.sources, color));
    }
    Ok(protocol)
}

fn broken(path: &str, problems: &Problems) -> anyhow::Error {
    let color = crate::print::style::stderr_is_colored();
    let shown = midwire_definition::render(&problems.diagnostics, &problems.sources, color);
    say_styled(&shown);
    usage(format!("{path} cannot be used"))
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
        assert!(find("rfb", &[]).unwrap_err().to_string().contains("not there yet"));
    }
}
