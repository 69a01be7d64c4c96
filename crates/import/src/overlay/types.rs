//! Which types mean something else than in the definition, and which it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midwire_definition::Dialect;
use midwire_definition::plan::{Comparison, Plan};

use super::sources::{Files, OWN, take_apart};
use super::{Items, Maker, PROBES};
use crate::compare::Matched;
use crate::document;
use crate::set::Set;

/// Types by name, with the versions.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// They mean something else than in the definition.
    pub(super) differing: BTreeMap<String, Set>,
    /// The definition does not have them.
    pub(super) absent: BTreeMap<String, Set>,
    /// They could be read on both sides.
    pub(super) compared: BTreeMap<String, Set>,
    /// Fields of other names, where they are alike otherwise: paths in the definition by those in the data,
    /// from `value` on.
    pub(super) renamed: BTreeMap<String, BTreeMap<String, String>>,
    /// They mean what they meant in the data of the version before, which the definition lists.
    pub(super) steady: BTreeMap<String, Set>,
}

impl Maker<'_> {
    /// The types that these packets use, those of their types included.
    pub(super) fn used_by(&self, labels: &BTreeSet<&str>) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for (place, packets) in &self.merged.packets {
            for (name, variants) in packets {
                if labels.contains(format!("{place} {name}").as_str()) {
                    let entries = variants.iter().flat_map(|variant| &variant.body);
                    entries.for_each(|entry| document::names_in_entry(entry, &mut used));
                }
            }
        }
        let mut next: Vec<String> = used.iter().cloned().collect();
        while let Some(name) = next.pop() {
            let mut inner = BTreeSet::new();
            for variant in self.merged.types.get(&name).into_iter().flatten() {
                document::names_in(&variant.body, &mut inner);
            }
            next.extend(inner.into_iter().filter(|name| used.insert(name.clone())));
        }
        used
    }

    /// In which versions each type means something else than in the definition, and in which it has none.
    /// Types in `apart` stand for nothing but themselves inside of others.
    pub(super) fn types(
        &self,
        items: &Items,
        matched: &[Matched],
        apart: &BTreeSet<String>,
    ) -> Result<Types, String> {
        let names: Vec<&String> = self.merged.types.keys().collect();
        let probes: String = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let state = self.new.states.first().map_or("", |state| state);
                let id = PROBES + at as i64;
                let own = if apart.contains(*name) { OWN } else { "" };
                format!("packet {state} clientbound probe_{at} = {id} {{ value: {own}{name} }}\n")
            })
            .collect();
        let (main, mut files) = self.files(items, &probes);
        take_apart(&mut files, apart);
        let base = Files { files }.load_all(&main)?;
        let text = format!("{}\n{probes}", self.new_text);
        let mut files = vec![("imported.wire".to_owned(), text)];
        take_apart(&mut files, apart);
        let new = Files { files }.load_all("imported.wire")?;
        let mut found = Types::default();
        let mut known: BTreeMap<(usize, usize), bool> = BTreeMap::new();
        let mut kept = Vec::new();
        let mut read: Vec<BTreeMap<i64, Arc<Plan>>> = Vec::new();
        for (version, at) in matched.iter().enumerate() {
            let (mine, theirs) = (base.dialect(at.base), new.dialect(at.new));
            let plans = |dialect: &Dialect| -> BTreeMap<i64, Arc<Plan>> {
                let probes = dialect.packets().filter(|packet| packet.id >= PROBES);
                probes.filter_map(|p| Some((p.id - PROBES, p.plan.clone()?))).collect()
            };
            let (mine_of, theirs_of) = (plans(&mine), plans(&theirs));
            for (at, plan) in &theirs_of {
                let Some(name) = usize::try_from(*at).ok().and_then(|at| names.get(at)) else {
                    continue;
                };
                let Some(old) = mine_of.get(at) else {
                    found.absent.entry((*name).clone()).or_default().add(version);
                    continue;
                };
                found.compared.entry((*name).clone()).or_default().add(version);
                let key = (Arc::as_ptr(old) as usize, Arc::as_ptr(plan) as usize);
                let differs = *known.entry(key).or_insert_with(|| {
                    let compared = old.compare(plan);
                    if compared.layout.is_none() {
                        let names = found.renamed.entry((*name).clone()).or_default();
                        names.extend(compared.renamed.into_iter().map(|(from, to)| (to, from)));
                    }
                    compared.layout.is_some() || compared.entries.iter().any(|e| e.this.is_none())
                });
                if differs {
                    found.differing.entry((*name).clone()).or_default().add(version);
                }
            }
            let before = self.before(version).and_then(|before| read.get(before));
            for (at, plan) in &theirs_of {
                let name = usize::try_from(*at).ok().and_then(|at| names.get(at));
                let old = before.and_then(|before| before.get(at));
                if let (Some(name), Some(old)) = (name, old)
                    && self.written.has(version)
                    && old.compare(plan) == Comparison::default()
                {
                    found.steady.entry((*name).clone()).or_default().add(version);
                }
            }
            read.push(theirs_of);
            // Plans are told apart by their addresses, so they must live until the end.
            kept.push((mine, theirs));
        }
        Ok(found)
    }

    /// Adds the types that what is written needs, and the definition does not have.
    pub(super) fn close(&self, items: &mut Items, absent: &BTreeMap<String, Set>) {
        loop {
            let mut wanted: Vec<(String, Set)> = Vec::new();
            let mut want = |names: BTreeSet<String>, set: Set| {
                for name in names {
                    let missing = absent.get(&name).map_or_else(Set::default, |a| a.and(set));
                    wanted.push((name, missing));
                }
            };
            for (name, set) in &items.types {
                for variant in self.variants_of(name, *set) {
                    let mut names = BTreeSet::new();
                    document::names_in(&variant.body, &mut names);
                    want(names, variant.set);
                }
            }
            for ((place, name), set) in &items.packets {
                for variant in self.bodies_of(place, name, *set) {
                    let mut names = BTreeSet::new();
                    variant.body.iter().for_each(|e| document::names_in_entry(e, &mut names));
                    want(names, variant.set);
                }
            }
            let mut grown = false;
            for (name, set) in wanted.into_iter().filter(|(_, set)| !set.is_empty()) {
                let all = items.types.entry(name).or_default();
                grown |= all.or(set) != *all;
                *all = all.or(set);
            }
            if !grown {
                return;
            }
        }
    }
}
