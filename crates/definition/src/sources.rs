//! The texts a definition is made of, and where in them something stands.

use std::sync::OnceLock;

use thiserror::Error;

use crate::syntax::ast::Span;

/// The longest text that is read as a definition or a table, in bytes.
pub const MAX_SOURCE_LEN: usize = 16 * 1024 * 1024;

/// The most files of one definition; what is added after them shares the last number.
pub const MAX_SOURCE_FILES: usize = u16::MAX as usize + 1;

/// Gives the text of a file that a definition names.
///
/// This crate reads no files: the program implements this for a folder, tests and built-in
/// definitions for texts they carry. The path is what the definition says, relative to its own place.
pub trait Loader {
    /// The text of `path`.
    ///
    /// # Errors
    ///
    /// The file is not there, is not text, or is longer than [`MAX_SOURCE_LEN`].
    fn load(&self, path: &str) -> Result<String, LoadError>;
}

/// The file that a definition, or what extends one, begins with, and who gives its text and those of
/// the files that it names.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// What the loader is asked for.
    pub path: &'a str,
    /// Gives the texts.
    pub loader: &'a dyn Loader,
}

/// Why a file that a definition names could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file `{path}`")]
    NotFound {
        /// As the definition names it.
        path: String,
    },
    /// The path leads out of the definition's folder.
    #[error("`{path}` is outside the definition's folder")]
    Outside {
        /// As the definition names it.
        path: String,
    },
    /// It is longer than [`MAX_SOURCE_LEN`].
    #[error("`{path}` has {len} bytes, the limit is {MAX_SOURCE_LEN}")]
    TooLong {
        /// As the definition names it.
        path: String,
        /// Its length in bytes.
        len: u64,
    },
    /// It is not UTF-8.
    #[error("`{path}` is not UTF-8 text")]
    NotText {
        /// As the definition names it.
        path: String,
    },
    /// The system refused.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable {
        /// As the definition names it.
        path: String,
        /// What the system said.
        reason: String,
    },
}

/// One text and the name people know it by.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The name that messages show, usually a path.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Found when somebody asks for a line.
    line_starts: OnceLock<Vec<u32>>,
}

impl SourceFile {
    fn new(name: String, text: String) -> Self {
        SourceFile { name, text, line_starts: OnceLock::new() }
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            let starts = ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
            std::iter::once(0).chain(starts).collect()
        })
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    ///
    /// An offset past the end counts as the end, one inside a character as that character.
    pub fn line_col(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts().partition_point(|start| *start <= offset);
        let start = self.line_start(line) as usize;
        let mut end = (offset as usize).min(self.text.len()).max(start);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[start..end];
        let column = before.chars().count() + 1 - usize::from(before.starts_with('\u{feff}'));
        (line, column)
    }

    /// The offset at which a line starts; lines count from 1.
    pub(crate) fn line_start(&self, line: usize) -> u32 {
        self.line_starts().get(line.saturating_sub(1)).copied().unwrap_or(self.len())
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }
}

/// All texts of one definition.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// No texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and gives its number, which is [`Span::file`].
    ///
    /// The length is not checked here: [`parse`](crate::syntax::parse) refuses a text longer than
    /// [`MAX_SOURCE_LEN`] with a message that can be rendered.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u16 {
        if self.files.len() < MAX_SOURCE_FILES {
            self.files.push(SourceFile::new(name.into(), text.into()));
        }
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// The text with this number.
    pub fn get(&self, file: u16) -> Option<&SourceFile> {
        self.files.get(usize::from(file))
    }

    /// All texts, in the order they were added.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Line and column at which a span begins, both from 1; the column counts characters.
    /// A span of no file is at 1:1.
    pub fn line_col(&self, span: Span) -> (usize, usize) {
        self.get(span.file).map_or((1, 1), |file| file.line_col(span.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let mut sources = Sources::new();
        let file = sources.add("a.wire", "\u{feff}ab\r\né😀x\n");
        let at = |start| sources.line_col(Span { file, start, end: start });
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(4), (1, 2));
        assert_eq!(at(7), (2, 1));
        assert_eq!(at(8), (2, 1), "inside a character is at it");
        assert_eq!(at(9), (2, 2));
        assert_eq!(at(13), (2, 3));
        assert_eq!(at(15), (3, 1));
        assert_eq!(at(u32::MAX), (3, 1));
        assert_eq!(sources.line_col(Span { file: 7, start: 3, end: 3 }), (1, 1));
    }

    #[test]
    fn files_are_numbered_in_the_order_they_came() {
        let mut sources = Sources::new();
        assert_eq!((sources.add("a", "1"), sources.add("b", "2")), (0, 1));
        assert_eq!(sources.get(1).map(|file| file.name.as_str()), Some("b"));
        assert!(sources.get(2).is_none());
        assert_eq!(sources.files().len(), 2);
    }

    #[test]
    fn more_files_than_have_numbers_share_the_last() {
        let mut sources = Sources::new();
        for _ in 0..MAX_SOURCE_FILES {
            sources.add("", "");
        }
        assert_eq!(sources.add("one more", ""), u16::MAX);
        assert_eq!(sources.files().len(), MAX_SOURCE_FILES);
    }
}
