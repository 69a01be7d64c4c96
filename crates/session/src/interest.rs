//! Which packet ids anybody cares about, in tables that a frame is looked up in by its id.

use std::sync::{Arc, Mutex, Weak};

use midwire_codec::Direction;
use midwire_definition::plan::IntRepr;
use midwire_definition::{
    Dialect, Measured, PacketDefinition, Progress, Protocol, Stack, StateId, VersionId, Workspace,
};

use crate::form::Form;
use crate::judged::{Need, Wanted, WantedIds, plain_len_max};

/// How much is reported about packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watch {
    /// Nothing. What no judge and no state of the session depends on is not even inflated.
    #[default]
    Nothing,
    /// Each packet's id, size and fate. Only the start of a compressed payload is inflated.
    Ids,
    /// Each packet with its payload, and the bytes of directions that are not cut into frames.
    Packets,
}

/// Ids above this are not kept in dense tables.
const DENSE_MAX: i64 = 4096;

/// The session itself needs the packet: it says the version or changes the state.
const NEEDED: u8 = 1;
/// The packet changes variables that only people and judges look at.
const TELLING: u8 = 2;

/// The packet may have secrets, which only recordings need to know.
const SECRET: u8 = 4;

/// For each first byte of an id whether the packet is surely not needed.
pub(crate) type ByFirstByte = [bool; 256];

/// The ids of a version, by state and direction.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) version: VersionId,
    dialect: Arc<Dialect>,
    /// Packets that only settings ask for are needed.
    marked: bool,
    ids: Vec<[Ids; 2]>,
    none: Ids,
    /// By state, what may still come from there on.
    ahead: Vec<Ahead>,
    /// What sessions want of these packets: mostly all of them the same.
    wanted: Mutex<Vec<Weak<Wanted>>>,
}

/// Different wants that are shared among sessions.
const SHARED_MAX: usize = 8;

/// What may still come of a session in some protocol state, whatever states follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// A packet that says the version.
    pub(crate) version: bool,
    /// A packet behind which everything is encrypted.
    pub(crate) cipher: bool,
}

/// The ids of one state and direction.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    flags: Box<[u8]>,
    definitions: Box<[Option<Arc<PacketDefinition>>]>,
    /// What is needed if nobody looks at packets, and if somebody does.
    needs: [Needs; 2],
    /// What has secrets.
    secret: Needs,
}

/// What the session itself needs of one state and direction.
#[derive(Debug, Default)]
struct Needs {
    /// Some id above the dense ones.
    sparse: bool,
    /// Some id.
    any: bool,
    /// No payload of it is longer than this.
    plain_len_max: usize,
    /// `None` where an id does not begin with the payload's first byte.
    unneeded: Option<Box<ByFirstByte>>,
}

impl Tables {
    pub(crate) fn new(protocol: &Protocol, version: VersionId, marked: bool) -> Self {
        let dialect = protocol.dialect(version);
        let mut by_state: Vec<[Vec<Arc<PacketDefinition>>; 2]> = Vec::new();
        by_state.resize_with(protocol.states.len().max(1), Default::default);
        for definition in dialect.packets() {
            let state = usize::from(definition.state.0);
            if let Some(directions) = by_state.get_mut(state) {
                directions[definition.direction.index()].push(definition.clone());
            }
        }
        let ahead = ahead(&by_state);
        let ids = by_state
            .into_iter()
            .zip(0..)
            .map(|(directions, state)| {
                directions.map(|d| Ids::new(d, &dialect, &protocol.stack, StateId(state), marked))
            })
            .collect();
        let wanted = Mutex::default();
        Self { version, dialect, marked, ids, none: Ids::default(), ahead, wanted }
    }

    /// What is wanted, shared with the sessions that want the same: it takes some kilobytes.
    pub(crate) fn shared(&self, wanted: Wanted) -> Arc<Wanted> {
        let mut known = self.wanted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(same) = known.iter().filter_map(Weak::upgrade).find(|same| **same == wanted) {
            return same;
        }
        let wanted = Arc::new(wanted);
        known.retain(|known| known.strong_count() > 0);
        if known.len() < SHARED_MAX {
            known.push(Arc::downgrade(&wanted));
        }
        wanted
    }

    /// What may still come of a session in a state.
    pub(crate) fn ahead(&self, state: StateId) -> Ahead {
        self.ahead.get(usize::from(state.0)).copied().unwrap_or_default()
    }

    /// The states that packets may lead to from these on, and these.
    pub(crate) fn states_from(&self, from: impl Iterator<Item = StateId>) -> Vec<StateId> {
        let mut states: Vec<StateId> = from.collect();
        let mut at = 0;
        while let Some(state) = states.get(at).copied() {
            at += 1;
            let packets = self.dialect.packets().filter(|packet| packet.state == state);
            for event in packets.flat_map(|packet| packet.events.iter()) {
                let all = || (0..=u8::MAX).map(StateId).take(self.ids.len()).collect();
                for next in event.leads_to().unwrap_or_else(all) {
                    if !states.contains(&next) {
                        states.push(next);
                    }
                }
            }
        }
        states
    }

    /// Whether packets of a state and direction may change how `other` is read.
    pub(crate) fn changes(&self, state: StateId, direction: Direction, other: Direction) -> bool {
        let mut packets = self.packets(state, direction);
        packets.any(|packet| self.dialect.changes(packet, other))
    }

    /// The ids of a state and direction.
    pub(crate) fn ids(&self, state: StateId, direction: Direction) -> &Ids {
        self.ids.get(usize::from(state.0)).map_or(&self.none, |ids| &ids[direction.index()])
    }

    /// What there is for each state.
    pub(crate) fn by_state(&self) -> &[[Ids; 2]] {
        &self.ids
    }

    /// The definition of an id.
    pub(crate) fn definition(
        &self,
        state: StateId,
        direction: Direction,
        id: i64,
    ) -> Option<&Arc<PacketDefinition>> {
        match self.ids(state, direction).dense(id) {
            Some(at) => self.ids(state, direction).definitions[at].as_ref(),
            None => self.dialect.packet(state, direction, id),
        }
    }

    /// The packet at the start of some bytes of a protocol without frames, and where it ends.
    pub(crate) fn measure(
        &self,
        stack: &Stack,
        form: &Form,
        direction: Direction,
        bytes: &[u8],
        progress: &mut Progress,
        workspace: &mut Workspace,
    ) -> Measured {
        let Form { state, conn, .. } = form;
        self.dialect.measure(stack, *state, direction, conn, bytes, progress, workspace)
    }

    /// The packets of a state and direction.
    pub(crate) fn packets(
        &self,
        state: StateId,
        direction: Direction,
    ) -> impl Iterator<Item = &Arc<PacketDefinition>> {
        self.dialect.packets().filter(move |p| p.state == state && p.direction == direction)
    }

    /// The definition of a name; case and `_` do not matter.
    pub(crate) fn named(
        &self,
        state: StateId,
        direction: Direction,
        name: &str,
    ) -> Option<&Arc<PacketDefinition>> {
        self.dialect.packet_named(state, direction, name)
    }

    /// Whether the session itself needs a packet.
    fn needs(&self, of: u8, state: StateId, direction: Direction, id: i64) -> bool {
        let ids = self.ids(state, direction);
        match ids.dense(id) {
            Some(at) => ids.flags[at] & of != 0,
            None => {
                let is_needed =
                    |d: &Arc<PacketDefinition>| flags(d, &self.dialect, self.marked) & of != 0;
                (ids.needs(of).sparse || of & SECRET != 0 && ids.secret.sparse)
                    && self.dialect.packet(state, direction, id).is_some_and(is_needed)
            }
        }
    }
}

/// What may still come, by state: what its own packets do, and what may come in the states they lead to.
fn ahead(by_state: &[[Vec<Arc<PacketDefinition>>; 2]]) -> Vec<Ahead> {
    let packets = |state: usize| by_state[state].iter().flatten();
    let own = |state| Ahead {
        version: packets(state).any(|packet| packet.says_version),
        cipher: packets(state).flat_map(|p| p.events.iter()).any(|event| event.may_encrypt()),
    };
    let mut ahead: Vec<Ahead> = (0..by_state.len()).map(own).collect();
    let leads_to = |state| -> Vec<usize> {
        let events = packets(state).flat_map(|packet| packet.events.iter());
        let next = events.map(|event| match event.leads_to() {
            Some(states) => states.iter().map(|next| usize::from(next.0)).collect(),
            None => (0..by_state.len()).collect::<Vec<_>>(),
        });
        next.flatten().collect()
    };
    let next: Vec<Vec<usize>> = (0..by_state.len()).map(leads_to).collect();
    // No way through the states is longer than there are states.
    for _ in 0..by_state.len() {
        for (state, next) in next.iter().enumerate() {
            let behind: Vec<Ahead> = next.iter().filter_map(|n| ahead.get(*n).copied()).collect();
            for behind in behind {
                ahead[state].version |= behind.version;
                ahead[state].cipher |= behind.cipher;
            }
        }
    }
    ahead
}

fn flags(definition: &PacketDefinition, dialect: &Dialect, marked: bool) -> u8 {
    let plan = definition.plan.as_ref();
    let secret = if plan.is_some_and(|plan| plan.has_secrets()) { SECRET } else { 0 };
    let is_marked = plan
        .is_some_and(|plan| plan.is_of_cipher() || marked && (plan.has_host() || plan.is_own()));
    secret
        | if definition.events.is_empty() && !definition.says_version && !is_marked {
            0
        } else if definition.says_version || is_marked || dialect.depends_on(definition) {
            NEEDED
        } else {
            TELLING
        }
}

impl Ids {
    fn new(
        definitions: Vec<Arc<PacketDefinition>>,
        dialect: &Dialect,
        stack: &Stack,
        state: StateId,
        marked: bool,
    ) -> Self {
        let dense = |id: i64| (0..=DENSE_MAX).contains(&id);
        let len = definitions.iter().map(|d| d.id).filter(|id| dense(*id)).max();
        let len = len.and_then(|id| usize::try_from(id).ok()).map_or(0, |id| id + 1);
        let mut ids = Self {
            flags: vec![0; len].into(),
            definitions: vec![None; len].into(),
            needs: Default::default(),
            secret: Needs::default(),
        };
        for definition in definitions {
            let flags = flags(&definition, dialect, marked);
            for of in OF {
                if flags & of != 0 {
                    ids.needs[at(of)].add(&definition, dense(definition.id), stack);
                }
            }
            if flags & SECRET != 0 {
                ids.secret.add(&definition, dense(definition.id), stack);
            }
            if let Some(at) = ids.dense(definition.id) {
                ids.flags[at] = flags;
                ids.definitions[at] = Some(definition);
            }
        }
        for of in OF {
            ids.needs[at(of)].unneeded = unneeded(&ids.flags, of, stack, state);
        }
        if ids.secret.any {
            ids.secret.unneeded = unneeded(&ids.flags, SECRET, stack, state);
        }
        ids
    }

    fn needs(&self, of: u8) -> &Needs {
        &self.needs[at(of)]
    }

    /// Whether any of them may have secrets.
    pub(crate) fn has_secrets(&self) -> bool {
        self.secret.any
    }

    /// First bytes of ids that the session itself does not need, if variables that only people and judges
    /// look at are followed, or if not.
    pub(crate) fn unneeded(&self, telling: bool) -> Option<&ByFirstByte> {
        self.needs[usize::from(telling)].unneeded.as_deref()
    }

    /// How many ids the dense tables have.
    pub(crate) fn dense_len(&self) -> usize {
        self.flags.len()
    }

    /// Where an id stands in the dense tables.
    #[inline]
    pub(crate) fn dense(&self, id: i64) -> Option<usize> {
        usize::try_from(id).ok().filter(|at| *at < self.flags.len())
    }
}

/// What is needed if nobody looks at packets, and if somebody does.
const OF: [u8; 2] = [NEEDED, NEEDED | TELLING];

/// Where the needs of these flags stand.
fn at(of: u8) -> usize {
    usize::from(of & TELLING != 0)
}

impl Needs {
    fn add(&mut self, definition: &PacketDefinition, is_dense: bool, stack: &Stack) {
        self.any = true;
        self.sparse |= !is_dense;
        self.plain_len_max = self.plain_len_max.max(plain_len_max(definition, stack));
    }
}

/// Which first bytes of an id surely belong to no packet of these flags.
fn unneeded(flags: &[u8], of: u8, stack: &Stack, state: StateId) -> Option<Box<ByFirstByte>> {
    let whole = match stack.id_in(state) {
        _ if !stack.before_id.is_empty() => return None,
        IntRepr::Fixed { bytes: 1, signed: false, .. } => 256,
        IntRepr::Varint | IntRepr::Uvarint => 128,
        _ => return None,
    };
    let mut unneeded = Box::new([false; 256]);
    for (id, unneeded) in unneeded.iter_mut().enumerate().take(whole) {
        *unneeded = flags.get(id).is_none_or(|flags| flags & of == 0);
    }
    Some(unneeded)
}

/// Who needs which packets of one state and direction.
#[derive(Clone, Copy)]
pub(crate) struct Interest<'a> {
    tables: &'a Tables,
    ids: &'a Ids,
    needs: &'a Needs,
    wanted: Option<&'a WantedIds>,
    /// The flags of packets that the session itself needs, or a recording.
    of: u8,
    /// What a recording needs, if it masks secrets.
    secret: Option<&'a Needs>,
    state: StateId,
    direction: Direction,
}

impl<'a> Interest<'a> {
    pub(crate) fn new(
        tables: &'a Tables,
        wanted: Option<&'a Wanted>,
        is_shown: bool,
        is_masked: bool,
        state: StateId,
        direction: Direction,
    ) -> Self {
        let ids = tables.ids(state, direction);
        let of = OF[usize::from(is_shown || wanted.is_some_and(|wanted| wanted.telling))];
        let wanted = wanted.and_then(|wanted| wanted.ids(state, direction));
        let wanted = wanted.filter(|ids| ids.any > Need::Nothing);
        let secret = Some(&ids.secret).filter(|secret| is_masked && secret.any);
        let needs = ids.needs(of);
        let of = if secret.is_some() { of | SECRET } else { of };
        Self { tables, ids, needs, wanted, of, secret, state, direction }
    }

    /// Whether any packet is needed.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.needs.any || self.wanted.is_some() || self.secret.is_some()
    }

    /// Whether this packet is needed, by the session itself or by who decides.
    #[inline]
    pub(crate) fn wants(&self, id: i64) -> bool {
        if let Some(at) = self.ids.dense(id) {
            return self.ids.flags[at] & self.of != 0
                || self.wanted.is_some_and(|wanted| wanted.need(id) > Need::Nothing);
        }
        self.wants_slowly(id, Need::Envelope)
    }

    /// Whether the session itself needs this packet.
    #[inline]
    pub(crate) fn needs(&self, id: i64) -> bool {
        match self.ids.dense(id) {
            Some(at) => self.ids.flags[at] & self.of != 0,
            None => self.tables.needs(self.of, self.state, self.direction, id),
        }
    }

    /// The definition of this packet.
    #[inline]
    pub(crate) fn definition(&self, id: i64) -> Option<&'a PacketDefinition> {
        match self.ids.dense(id) {
            Some(at) => self.ids.definitions[at].as_deref(),
            None => self.tables.definition(self.state, self.direction, id).map(|known| &**known),
        }
    }

    /// Whether what this packet says is needed.
    pub(crate) fn reads(&self, id: i64) -> bool {
        self.wants_slowly(id, Need::Fields)
    }

    /// Whether a packet is not needed, by its id's first byte, where that is enough to know.
    pub(crate) fn by_first_byte(&self) -> Option<&'a ByFirstByte> {
        match self.wanted {
            Some(wanted) => wanted.unneeded.as_deref(),
            None => self.needs.unneeded.as_deref(),
        }
    }

    /// The same of a recording that masks secrets, if it needs any packet; `None` in it: that is not enough to
    /// know.
    pub(crate) fn secret_by_first_byte(&self) -> Option<Option<&'a ByFirstByte>> {
        self.secret.map(|secret| secret.unneeded.as_deref())
    }

    /// No payload that is needed is longer than this when plain. (One with bytes behind its fields
    /// is, and is not found: peers refuse it.)
    pub(crate) fn plain_len_max(&self) -> usize {
        let wanted = self.wanted.map_or(0, |wanted| wanted.plain_len_max);
        let secret = self.secret.map_or(0, |secret| secret.plain_len_max);
        self.needs.plain_len_max.max(wanted).max(secret)
    }

    fn wants_slowly(&self, id: i64, least: Need) -> bool {
        self.tables.needs(self.of, self.state, self.direction, id)
            || self.wanted.is_some_and(|wanted| wanted.need(id) >= least)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use Direction::{Clientbound, Serverbound};

    /// Whether a packet is needed if nobody looks at packets, and if somebody does.
    fn needed(of: &str, number: i64, state: &str, direction: Direction, name: &str) -> [bool; 2] {
        let protocol = midwire_definition::builtin(of).unwrap();
        let tables = Tables::new(&protocol, protocol.versions.by_number(number).0, false);
        let state = protocol.state_named(state).unwrap_or(protocol.start);
        let id = tables.named(state, direction, name).unwrap().id;
        [false, true].map(|shown| {
            let interest = Interest::new(&tables, None, shown, false, state, direction);
            if let (Some(unneeded), Ok(byte @ 0..0x80)) =
                (interest.by_first_byte(), u8::try_from(id))
            {
                assert_eq!(unneeded[usize::from(byte)], !interest.wants(id), "{name}");
            }
            interest.wants(id)
        })
    }

    #[test]
    fn what_changes_the_state_is_needed_by_the_session_itself() {
        let minecraft = |state, direction, name| needed("minecraft", 769, state, direction, name);
        assert_eq!(minecraft("handshake", Serverbound, "set_protocol"), [true; 2]);
        assert_eq!(minecraft("login", Clientbound, "compress"), [true; 2]);
        assert_eq!(minecraft("play", Clientbound, "start_configuration"), [true; 2]);
        assert_eq!(minecraft("play", Clientbound, "map_chunk"), [false; 2]);
    }

    #[test]
    fn a_variable_that_only_people_look_at_is_followed_when_somebody_looks() {
        assert_eq!(needed("minecraft", 769, "play", Clientbound, "login"), [false, true]);
        assert_eq!(needed("terraria", 326, "", Clientbound, "PlayerInfo"), [false, true]);
        // an event asks for this one
        assert_eq!(needed("terraria", 326, "", Clientbound, "ModPacket"), [true; 2]);
        assert_eq!(needed("terraria", 326, "", Serverbound, "SyncMods"), [true; 2]);
    }

    #[test]
    fn a_payload_longer_than_any_that_is_needed_need_not_be_inflated() {
        let minecraft = midwire_definition::builtin("minecraft").unwrap();
        let tables = Tables::new(&minecraft, minecraft.versions.by_number(769).0, false);
        let max = |state: &str, shown| {
            let state = minecraft.state_named(state).unwrap();
            Interest::new(&tables, None, shown, false, state, Clientbound).plain_len_max()
        };
        // the id of a packet without fields
        assert_eq!(max("play", false), 5);
        assert_eq!(max("configuration", false), 5);
        // the login packet is as long as its texts
        assert_eq!(max("play", true), usize::MAX);
        assert_eq!(max("login", false), usize::MAX);
    }
}
