//! What an import could not do, and why.

use midwire_definition::LoadError;
use thiserror::Error;

use crate::folder::Edition;
use crate::names::one_line;

/// Why nothing could be imported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// The folder is not minecraft-data's.
    #[error(
        "there is no dataPaths.json; give minecraft-data's folder `data` (in the npm package: minecraft-data/data)"
    )]
    NotThere,
    /// It has nothing of the edition.
    #[error("dataPaths.json lists no protocol.json of the edition {}", .0.folder())]
    NoEdition(Edition),
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Its path below the folder.
        path: String,
        /// What is wrong.
        error: LoadError,
    },
    /// A file is not JSON.
    #[error("{path}:{line}:{column}: not JSON: {why}")]
    Json {
        /// Its path below the folder.
        path: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the reader said.
        why: String,
    },
    /// There is no such version.
    #[error("no version {text} in {edition}; there are {known}", edition = .edition.folder())]
    NoVersion {
        /// What was asked for.
        text: String,
        /// Where.
        edition: Edition,
        /// First and last.
        known: String,
    },
    /// What was written does not mean anything: a mistake of the importer.
    #[error("the text that was made cannot be read; please report this\n{why}")]
    Text {
        /// What is wrong with it.
        why: String,
    },
    /// More than can be merged.
    #[error("{found} protocol.json files, the limit is {max}; take fewer with --versions A..B")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
}

/// Something that was not carried over, or not as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note {
    /// `play clientbound map_chunk`; or a file.
    pub packet: String,
    /// Where in it, by the names of minecraft-data: `data/extra`.
    pub path: String,
    /// What is wrong, and what was done.
    pub why: String,
    /// The keys of the versions, oldest first; none for a file.
    pub versions: Vec<String>,
    /// From here on the packet is opaque.
    pub opaque: bool,
}

impl Note {
    pub(crate) fn file(file: &str, why: String) -> Note {
        Note {
            packet: one_line(file),
            path: String::new(),
            why,
            versions: Vec::new(),
            opaque: true,
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.packet)?;
        match self.versions.as_slice() {
            [] => {}
            [one] => write!(f, " ({one})")?,
            [first, .., last] => write!(f, " ({first} to {last}, {} files)", self.versions.len())?,
        }
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, ": {}", self.why)
    }
}
