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
    rows: Vec<Row>,
}

/// Versions, one after the other, at which a packet is declared at one place.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) first: VersionId,
    pub(crate) last: VersionId,
    pub(crate) definition: Arc<PacketDefinition>,
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
                    packets.push(Entry { rows: Vec::new() });
                    packets.len() - 1
                });
                packets[place].rows.push(Row { first, last, definition: packet.clone() });
                names.entry(lookup_key(&packet.name)).or_insert_with(|| packet.name.clone());
                for alias in packet.aliases.iter() {
                    names.entry(lookup_key(alias)).or_insert_with(|| packet.name.clone());
                }
            }
        }
        packets.sort_by_cached_key(|entry| {
            let first = entry.rows.first();
            first.map(|row| {
                let Row { first, definition, .. } = row;
                let PacketDefinition { state, direction, name, .. } = &**definition;
                (*state, direction.index(), *first, name.clone())
            })
        });
        let known = Known { packets: names, groups: protocol.groups() };
        Lexicon { protocol: protocol.clone(), known, packets }
    }

    /// The protocol.
    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.protocol
    }

    /// Each packet that there is at any version, by the versions that have it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &[Row]> {
        self.packets.iter().map(|entry| entry.rows.as_slice())
    }

    /// The packets of a name that go one way at a version; case and `_` do not matter.
    pub(crate) fn named_at<'l>(
        &'l self,
        version: VersionId,
        direction: Direction,
        name: &'l str,
    ) -> impl Iterator<Item = &'l Arc<PacketDefinition>> {
        let at = move |entry: &'l Entry| {
            let first = entry.rows.first()?;
            let is_meant =
                first.definition.direction == direction && first.definition.is_called(name);
            let mut rows = entry.rows.iter().filter(|_| is_meant);
            let row = rows.find(|row| row.first <= version && version <= row.last)?;
            Some(&row.definition)
        };
        self.packets.iter().filter_map(at)
    }

    /// The packet that a name of the game's own source means, as wikis write it: `set_health` where the class is
    /// `ClientboundSetHealthPacket`.
    pub(crate) fn meant_by(&self, name: &str) -> Option<&Arc<str>> {
        let key = lookup_key(name);
        let short = key.strip_suffix("message").or(key.strip_suffix("packet"));
        let packets = self.packets.iter().filter_map(|entry| entry.rows.first());
        let mut packets = packets.map(|row| &row.definition);
        let is_called = |alias: &Arc<str>| {
            let alias = lookup_key(alias);
            let class = alias.strip_prefix("clientbound").or(alias.strip_prefix("serverbound"));
            let class = class.and_then(|class| class.strip_suffix("packet"));
            class.is_some_and(|class| class == key || Some(class) == short)
        };
        packets.find(|packet| packet.aliases.iter().any(is_called)).map(|packet| &packet.name)
    }

    /// Whether a scope has a packet of that name.
    pub(crate) fn is_in_scope(&self, scope: &Scope, name: &str) -> bool {
        let (least, most) = scope.versions.unwrap_or((VersionId(0), VersionId(u32::MAX)));
        self.rows_of(name).any(|row| {
            scope.admits(row.definition.state, row.definition.direction)
                && row.last >= least
                && row.first <= most
        })
    }

    /// From which version to which there is a packet of that name, for people.
    pub(crate) fn versions_of(&self, name: &str) -> String {
        let key = |version: VersionId| &self.protocol.versions.get(version).key;
        let first = self.rows_of(name).map(|row| row.first).min();
        let last = self.rows_of(name).map(|row| row.last).max();
        match (first, last) {
            (Some(first), Some(last)) => format!("from {} to {}", key(first), key(last)),
            _ => String::new(),
        }
    }

    fn rows_of(&self, name: &str) -> impl Iterator<Item = &Row> {
        let rows = self.packets.iter().flat_map(|entry| &entry.rows);
        rows.filter(move |row| row.definition.is_called(name))
    }

    /// Calls something with every kind of packet that is in scope, once for each row of versions in which
    /// it is the same. Those that an expression does not name have no fields then.
    pub(crate) fn each_kind(&self, scope: &Scope, expr: &Expr, see: &mut dyn FnMut(Kind<'_>)) {
        let all = (VersionId(0), VersionId(u32::MAX));
        let (least, most) = scope.versions.unwrap_or(all);
        for Entry { rows } in &self.packets {
            let Some(Row { definition: known, .. }) = rows.first() else { continue };
            if !scope.admits(known.state, known.direction) {
                continue;
            }
            let is_meant = self.is_meant(scope, expr, known);
            let mut run: Option<Run> = None;
            for Row { first, last, definition } in rows {
                let (first, last) = ((*first).max(least), (*last).min(most));
                let mut version = first;
                while version <= last {
                    let (plan, end) = match is_meant {
                        true => (self.protocol.plan_of(version, definition), version),
                        false => (None, last),
                    };
                    match &mut run {
                        Some(run) if run.goes_on(version, &plan) => run.last = end,
                        _ => {
                            if let Some(run) = run.take() {
                                run.show(see);
                            }
                            let definition = definition.with_plan(plan);
                            run = Some(Run { first: version, last: end, definition });
                        }
                    }
                    version = VersionId(end.0.saturating_add(1));
                }
            }
            if let Some(run) = run {
                run.show(see);
            }
        }
    }

    /// Whether the fields of a packet matter for an expression: it is named in it or by the scope.
    pub(crate) fn is_meant(&self, scope: &Scope, expr: &Expr, packet: &PacketDefinition) -> bool {
        let is_member = |name: &str| {
            let group = self.known.groups.iter().find(|g| lookup_key(&g.name) == lookup_key(name));
            group
                .is_some_and(|group| group.has_member(packet.state, packet.direction, &packet.name))
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

/// Versions at which a packet is the same.
struct Run {
    first: VersionId,
    last: VersionId,
    definition: PacketDefinition,
}

impl Run {
    fn goes_on(&self, version: VersionId, plan: &Option<Arc<Plan>>) -> bool {
        let is_same = match (&self.definition.plan, plan) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        is_same && self.last.0.saturating_add(1) == version.0
    }

    fn show(&self, see: &mut dyn FnMut(Kind<'_>)) {
        let definition = &self.definition;
        see(Kind {
            version: self.first,
            last: self.last,
            state: definition.state,
            direction: definition.direction,
            definition: Some(definition),
        });
    }
}
