//! Which packet ids anybody cares about, in tables that a frame is looked up in by its id.

use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::{
    Dialect, Measured, PacketDefinition, Progress, Protocol, Stack, StateId, VersionId, Workspace,
};

use crate::form::Form;
use crate::verdict::Judge;

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
/// The ids of a version, by state and direction.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) version: VersionId,
    dialect: Arc<Dialect>,
    ids: Vec<[Ids; 2]>,
    none: Ids,
}

/// The ids of one state and direction.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    flags: Box<[u8]>,
    definitions: Box<[Option<Arc<PacketDefinition>>]>,
    /// Some id above the dense ones is needed.
    needs_sparse: bool,
    /// Some id is needed.
    needs_any: bool,
}

impl Tables {
    pub(crate) fn new(protocol: &Protocol, version: VersionId) -> Self {
        let dialect = protocol.dialect(version);
        let mut by_state: Vec<[Vec<Arc<PacketDefinition>>; 2]> = Vec::new();
        by_state.resize_with(protocol.states.len().max(1), Default::default);
        for definition in dialect.packets() {
            let state = usize::from(definition.state.0);
            if let Some(directions) = by_state.get_mut(state) {
                directions[definition.direction.index()].push(definition.clone());
            }
        }
        let ids = by_state.into_iter().map(|directions| directions.map(Ids::new)).collect();
        Self { version, dialect, ids, none: Ids::default() }
    }

    /// The ids of a state and direction.
    pub(crate) fn ids(&self, state: StateId, direction: Direction) -> &Ids {
        self.ids.get(usize::from(state.0)).map_or(&self.none, |ids| &ids[direction.index()])
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
    pub(crate) fn needs(&self, state: StateId, direction: Direction, id: i64) -> bool {
        let ids = self.ids(state, direction);
        match ids.dense(id) {
            Some(at) => ids.flags[at] & NEEDED != 0,
            None => {
                ids.needs_sparse
                    && self.dialect.packet(state, direction, id).is_some_and(|d| is_needed(d))
            }
        }
    }
}

fn is_needed(definition: &PacketDefinition) -> bool {
    definition.says_version || !definition.events.is_empty()
}

impl Ids {
    fn new(definitions: Vec<Arc<PacketDefinition>>) -> Self {
        let dense = |id: i64| (0..=DENSE_MAX).contains(&id);
        let len = definitions.iter().map(|d| d.id).filter(|id| dense(*id)).max();
        let len = len.and_then(|id| usize::try_from(id).ok()).map_or(0, |id| id + 1);
        let mut ids = Self {
            flags: vec![0; len].into(),
            definitions: vec![None; len].into(),
            needs_sparse: definitions.iter().any(|d| !dense(d.id) && is_needed(d)),
            needs_any: definitions.iter().any(|d| is_needed(d)),
        };
        for definition in definitions {
            if let Some(at) = ids.dense(definition.id) {
                ids.flags[at] = if is_needed(&definition) { NEEDED } else { 0 };
                ids.definitions[at] = Some(definition);
            }
        }
        ids
    }

    /// Where an id stands in the dense tables.
    #[inline]
    fn dense(&self, id: i64) -> Option<usize> {
        usize::try_from(id).ok().filter(|at| *at < self.flags.len())
    }
}

/// A judge, and which packets it wants to see at one version.
pub(crate) struct Judged {
    pub(crate) judge: Box<dyn Judge>,
    /// By state and direction: a bit for each dense id, then one for all others that are unknown.
    bits: Vec<[Bits; 2]>,
}

impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judged").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Bits {
    words: Box<[u64]>,
    unknown: bool,
    any: bool,
}

impl Judged {
    pub(crate) fn new(judge: Box<dyn Judge>, tables: &Tables) -> Self {
        let mut judged = Self { judge, bits: Vec::new() };
        judged.ask(tables);
        judged
    }

    /// Asks the judge which packets of a version it wants to see.
    pub(crate) fn ask(&mut self, tables: &Tables) {
        let judge = &self.judge;
        let states = (0u8..=u8::MAX).map(StateId).zip(&tables.ids);
        self.bits = states
            .map(|(state, ids)| {
                Direction::BOTH.map(|direction| {
                    let wants = |definition: Option<&PacketDefinition>| {
                        judge.interest(tables.version, state, direction, definition)
                    };
                    let unknown = wants(None);
                    let definitions = &ids[direction.index()].definitions;
                    let mut words = vec![0u64; definitions.len().div_ceil(64)];
                    for (at, definition) in definitions.iter().enumerate() {
                        let wanted = definition.as_deref().map_or(unknown, |d| wants(Some(d)));
                        words[at / 64] |= u64::from(wanted) << (at % 64);
                    }
                    let any = unknown || words.iter().any(|word| *word != 0);
                    Bits { words: words.into(), unknown, any }
                })
            })
            .collect();
    }

    fn bits(&self, state: StateId, direction: Direction) -> Option<&Bits> {
        Some(&self.bits.get(usize::from(state.0))?[direction.index()])
    }

    /// Whether the judge wants to see any packet of a state and direction.
    pub(crate) fn wants_any(&self, state: StateId, direction: Direction) -> bool {
        // it may want ids above the dense ones, which its bits do not tell
        self.bits(state, direction).is_some_and(|bits| bits.any)
    }

    /// Whether the judge wants to see a packet.
    pub(crate) fn wants(
        &self,
        tables: &Tables,
        state: StateId,
        direction: Direction,
        id: i64,
    ) -> bool {
        let Some(bits) = self.bits(state, direction) else { return false };
        match tables.ids(state, direction).dense(id) {
            Some(at) => bits.words[at / 64] >> (at % 64) & 1 != 0,
            None => match tables.definition(state, direction, id) {
                None => bits.unknown,
                known => {
                    self.judge.interest(tables.version, state, direction, known.map(Arc::as_ref))
                }
            },
        }
    }
}

/// Who needs which packets of one state and direction.
#[derive(Clone, Copy)]
pub(crate) struct Interest<'a> {
    tables: &'a Tables,
    ids: &'a Ids,
    judged: Option<&'a Judged>,
    state: StateId,
    direction: Direction,
    any: bool,
}

impl<'a> Interest<'a> {
    pub(crate) fn new(
        tables: &'a Tables,
        judged: Option<&'a Judged>,
        state: StateId,
        direction: Direction,
    ) -> Self {
        let ids = tables.ids(state, direction);
        let judged = judged.filter(|j| j.bits(state, direction).is_some_and(|bits| bits.any));
        // a judge may want ids above the dense ones, which its bits do not tell
        let any = ids.needs_any || judged.is_some();
        Self { tables, ids, judged, state, direction, any }
    }

    /// Whether any packet is needed.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Whether this packet is needed, by the session itself or by the judge.
    #[inline]
    pub(crate) fn wants(&self, id: i64) -> bool {
        if self.judged.is_none()
            && let Some(at) = self.ids.dense(id)
        {
            return self.ids.flags[at] & NEEDED != 0;
        }
        self.wants_slowly(id)
    }

    fn wants_slowly(&self, id: i64) -> bool {
        self.tables.needs(self.state, self.direction, id)
            || self.judged.is_some_and(|j| j.wants(self.tables, self.state, self.direction, id))
    }
}
