//! The files of a definition and of what extends it, and who gives their texts.

use std::collections::{HashSet, VecDeque};

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::sources::{LoadError, Root, Sources};
use crate::syntax;
use crate::syntax::ast::{File, Item, Span, Spanned};

/// Files of one definition, at most.
const INCLUDES_MAX: usize = 1_000;

/// Which of the roots a declaration comes from: 0 is the definition itself; what comes later takes
/// the place of what came before.
pub(crate) type Layer = usize;

/// The texts of a definition while it is read.
pub(super) struct Reading<'a> {
    roots: &'a [Root<'a>],
    pub(super) sources: Sources,
    /// The layer of each source, by its number.
    layers: Vec<Layer>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(roots: &'a [Root<'a>]) -> Self {
        Reading { roots, sources: Sources::new(), layers: Vec::new() }
    }

    /// Each root and all that it includes, parsed.
    pub(super) fn files(&mut self, problems: &mut Diagnostics) -> Vec<File> {
        let mut files = Vec::new();
        let mut count = 0;
        for (layer, root) in self.roots.iter().enumerate() {
            let mut seen = HashSet::new();
            let mut wanted: VecDeque<(String, Span)> =
                VecDeque::from([(root.path.to_owned(), Span::default())]);
            while let Some((path, at)) = wanted.pop_front() {
                if !seen.insert(path.clone()) {
                    continue;
                }
                count += 1;
                if count > INCLUDES_MAX {
                    let message = format!("more than {INCLUDES_MAX} files");
                    problems.push(Diagnostic::error("W070", at, message));
                    return files;
                }
                let file = match self.load(layer, &path) {
                    Ok(file) => file,
                    Err(e) => {
                        problems.push(Diagnostic::error("W070", at, e.to_string()));
                        continue;
                    }
                };
                let text = self.sources.get(file).map_or("", |f| f.text.as_str());
                let (parsed, found) = syntax::parse(file, text);
                problems.extend(found);
                for item in &parsed.items {
                    if let Item::Include(included) = item {
                        wanted.push_back((beside(&path, &included.node), included.span));
                    }
                }
                files.push(parsed);
            }
        }
        files
    }

    /// Reads a file that a definition names; gives its number.
    pub(super) fn named(&mut self, file: &Spanned<String>) -> Result<u16, LoadError> {
        let owner = self.sources.get(file.span.file).map_or("", |f| f.name.as_str());
        let path = beside(owner, &file.node);
        self.load(self.layer(file.span), &path)
    }

    fn load(&mut self, layer: Layer, path: &str) -> Result<u16, LoadError> {
        let root =
            self.roots.get(layer).ok_or_else(|| LoadError::NotFound { path: path.into() })?;
        let text = root.loader.load(path)?;
        let number = self.sources.add(path, text);
        self.layers.resize(self.sources.files().len(), layer);
        Ok(number)
    }

    /// The layer of what stands there.
    pub(super) fn layer(&self, span: Span) -> Layer {
        self.layers.get(usize::from(span.file)).copied().unwrap_or(0)
    }

    pub(super) fn into_layers(self) -> (Sources, Box<[Layer]>) {
        (self.sources, self.layers.into())
    }
}

/// A path that a file names, which is relative to that file's folder.
fn beside(file: &str, named: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{named}"),
        None => named.to_owned(),
    }
}
