//! The names of a protocol over all its versions.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::plan::Plan;
use midwire_definition::syntax::ast::lookup_key;
use midwire_definition::{PacketDefinition, Protocol, StateId, VersionId};

use crate::check::{each_name, each_text};
use crate::lower::{Kind, Known};
use crate::scope::{Scope, ScopePackets};
use crate::syntax::Expr;

/// The names of a protocol, gathered once for any number of filters and rules.
#[derive(Debug)]
pub struct Lexicon {
    pub(crate) protocol: Arc<Protocol>,
    pub(crate) known: Known,
    /// Each packet that there is at any version.
    packets: Vec<Entry>,
}

/// A packet and the versions that have it.
#[derive(Debug)]
struct Entry {
    definition: Arc<PacketDefinition>,
    /// First and last.
    versions: Vec<(VersionId, VersionId)>,
}

impl Lexicon {
    /// Of all versions of a protocol.
    pub fn new(protocol: &Arc<Protocol>) -> Lexicon {
        let mut names = HashMap::new();
        let mut packets: Vec<Entry> = Vec::new();
        let mut places: HashMap<(StateId, Direction, Arc<str>), usize> = HashMap::new();
        let mut next = 0;
        let count = u32::try_from(protocol.versions.iter().len()).unwrap_or(u32::MAX);
        while next < count {
            let first = VersionId(next);
            let (dialect, last) = protocol.packets_at(first);
            next = last.0.saturating_add(1);
            for packet in dialect.packets() {
                let key = (packet.state, packet.direction, packet.name.clone());
                let place = *places.entry(key).or_insert_with(|| {
                    packets.push(Entry { definition: packet.clone(), versions: Vec::new() });
                    packets.len() - 1
                });
                let versions = &mut packets[place].versions;
                match versions.last_mut() {
                    Some((_, end)) if end.0.saturating_add(1) == first.0 => *end = last,
                    _ => versions.push((first, last)),
                }
                names.entry(lookup_key(&packet.name)).or_insert_with(|| packet.name.clone());
                for alias in packet.aliases.iter() {
                    names.entry(lookup_key(alias)).or_insert_with(|| packet.name.clone());
                }
            }
        }
        packets.sort_by(|a, b| {
            let key = |entry: &Entry| {
                (entry.definition.state, entry.definition.direction.index(), entry.versions.first().copied())
            };
            (key(a), &a.definition.name).cmp(&(key(b), &b.definition.name))
        });
        let known = Known { packets: names, groups: protocol.groups() };
        Lexicon { protocol: protocol.clone(), known, packets }
    }

    /// The protocol.
    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.protocol
    }

    /// Each packet that there is at any version, and the versions that have it, as first and last.
    pub(crate) fn entries(
        &self,
    ) -> impl Iterator<Item = (&Arc<PacketDefinition>, &[(VersionId, VersionId)])> {
        self.packets.iter().map(|entry| (&entry.definition, entry.versions.as_slice()))
    }

    /// The packets of a name that go one way at a version; case and `_` do not matter.
    pub(crate) fn named_at<'l>(
        &'l self,
        version: VersionId,
        direction: Direction,
        name: &'l str,
    ) -> impl Iterator<Item = &'l Arc<PacketDefinition>> {
        let is_meant = move |entry: &&Entry| {
            entry.definition.direction == direction
                && entry.definition.is_called(name)
                && entry.versions.iter().any(|(a, b)| *a <= version && version <= *b)
        };
        self.packets.iter().filter(is_meant).map(|entry| &entry.definition)
    }

    /// Calls something with every kind of packet that is in scope, once for each row of versions in which
    /// it is the same. Those that an expression does not name have no fields then.
    pub(crate) fn each_kind(&self, scope: &Scope, expr: &Expr, see: &mut dyn FnMut(Kind<'_>)) {
        let all = (VersionId(0), VersionId(u32::MAX));
        let (least, most) = scope.versions.unwrap_or(all);
        for Entry { definition, versions } in &self.packets {
            if !scope.admits(definition.state, definition.direction) {
                continue;
            }
            let is_meant = self.is_meant(scope, expr, definition);
            for (first, last) in versions {
                let (first, last) = ((*first).max(least), (*last).min(most));
                if first > last {
                    continue;
                }
                let mut show = |first, last, plan: Option<Arc<Plan>>| {
                    see(Kind {
                        version: first,
                        last,
                        state: definition.state,
                        direction: definition.direction,
                        definition: Some(&definition.with_plan(plan)),
                    });
                };
                if !is_meant {
                    show(first, last, None);
                    continue;
                }
                let plan_at = |version| self.protocol.plan_of(version, definition);
                let (mut start, mut plan) = (first, plan_at(first));
                for version in (first.0 + 1..=last.0).map(VersionId) {
                    let next = plan_at(version);
                    let is_same = match (&plan, &next) {
                        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                        (None, None) => true,
                        _ => false,
                    };
                    if !is_same {
                        show(start, VersionId(version.0 - 1), plan);
                        (start, plan) = (version, next);
                    }
                }
                show(start, last, plan);
            }
        }
    }

    /// Whether the fields of a packet matter for an expression: it is named in it or by the scope.
    pub(crate) fn is_meant(&self, scope: &Scope, expr: &Expr, packet: &PacketDefinition) -> bool {
        let is_member = |name: &str| {
            let group = self.known.groups.iter().find(|g| lookup_key(&g.name) == lookup_key(name));
            group.is_some_and(|group| {
                group.has_member(packet.state, packet.direction, &packet.name)
            })
        };
        let mut is_meant = match &scope.packets {
            ScopePackets::All => false,
            ScopePackets::Named(names) => names.iter().any(|name| packet.is_called(&name.text)),
            ScopePackets::Group(name) => is_member(&name.text),
        };
        each_name(expr, &mut |name, is_group, _| {
            is_meant |= if is_group { is_member(&name.text) } else { packet.is_called(&name.text) };
        });
        // `packet.name == "x"` lets bare names follow.
        each_text(expr, &mut |text| is_meant |= packet.is_called(text));
        is_meant
    }
}
