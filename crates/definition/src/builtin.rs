//! The definitions that are part of the program.

use std::sync::{Arc, OnceLock};

use crate::protocol::Protocol;
use crate::sources::{LoadError, Loader};

/// The files of the built-in definitions.
static FILES: &[(&str, &str)] = include!("builtin_files.in");

/// Gives the texts of the built-in definitions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Builtin;

impl Loader for Builtin {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let found = FILES.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| LoadError::NotFound { path: path.to_owned() })
    }
}

/// Gives the same without the tests: of a file called `tests.wire` nothing. For use; who checks wants
/// all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltinUntested;

impl Loader for BuiltinUntested {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        if path.ends_with("/tests.wire") { Ok(String::new()) } else { Builtin.load(path) }
    }
}

/// The files of the built-in definitions, by path, with their texts.
#[cfg(test)]
pub(crate) fn files() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The names of the built-in definitions.
pub fn builtins() -> impl Iterator<Item = &'static str> {
    FILES
        .iter()
        .filter_map(|(path, _)| path.strip_suffix(".wire").filter(|name| !name.contains('/')))
}

/// A built-in definition without its tests, read on first use; the same for all who ask. `None`: there is
/// none of that name.
///
/// # Panics
/// If a built-in text is wrong, which the tests of this crate exclude.
pub fn builtin(name: &str) -> Option<Arc<Protocol>> {
    static READ: OnceLock<std::sync::Mutex<Vec<Arc<Protocol>>>> = OnceLock::new();
    let name = builtins().find(|known| *known == name)?;
    let mut read = READ.get_or_init(Default::default).lock().unwrap_or_else(|e| e.into_inner());
    if let Some(known) = read.iter().find(|p| &*p.name == name) {
        return Some(known.clone());
    }
    let protocol = Protocol::load_checked(&format!("{name}.wire"), &BuiltinUntested);
    let protocol =
        protocol.unwrap_or_else(|problems| panic!("built-in definition {name}: {problems}"));
    read.push(protocol.clone());
    Some(protocol)
}
