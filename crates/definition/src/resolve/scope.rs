//! What names mean at a place in a definition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::{Ex, FieldId};
use crate::syntax::ast::Type;

/// Index of a scope in its compiler.
pub(crate) type ScopeId = usize;

/// The names of one struct, or of a type's parameters.
#[derive(Debug)]
pub(crate) struct NameScope<'d> {
    /// The struct around it; names of a declared type end at the type.
    pub(crate) parent: Option<ScopeId>,
    /// How many layouts were open when it was made.
    pub(crate) level: usize,
    names: BTreeMap<String, Vec<Binding<'d>>>,
    /// Names as written, for suggestions.
    written: Vec<Arc<str>>,
    /// Names of what could not be compiled: that they have no meaning is no mistake of its own.
    broken: BTreeSet<String>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) enum Binding<'d> {
    /// A field.
    Field(FieldId),
    /// A parameter's value, as the caller's scope gives it at `level`.
    Value { ex: Ex, level: usize },
    /// A parameter's type, which means what it means in the caller's scope.
    Type { ty: &'d Type, scope: ScopeId },
}

impl<'d> NameScope<'d> {
    pub(crate) fn new(parent: Option<ScopeId>, level: usize) -> NameScope<'d> {
        NameScope {
            parent,
            level,
            names: BTreeMap::new(),
            written: Vec::new(),
            broken: BTreeSet::new(),
        }
    }

    pub(crate) fn bind(&mut self, key: String, written: &Arc<str>, binding: Binding<'d>) {
        self.written.push(written.clone());
        self.names.entry(key).or_default().push(binding);
    }

    pub(crate) fn bind_broken(&mut self, key: String) {
        self.broken.insert(key);
    }

    pub(crate) fn is_broken(&self, key: &str) -> bool {
        self.broken.contains(key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&[Binding<'d>]> {
        self.names.get(key).map(Vec::as_slice)
    }

    pub(crate) fn written(&self) -> &[Arc<str>] {
        &self.written
    }

    /// All fields with their keys, to be bound again around.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, FieldId)> {
        self.names.iter().flat_map(|(key, bindings)| {
            bindings.iter().filter_map(move |b| match b {
                Binding::Field(id) => Some((key, *id)),
                _ => None,
            })
        })
    }
}
