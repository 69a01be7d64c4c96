//! Who decides about packets, and which packets each of them wants to see.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, Stack, StateId, Workspace};

use crate::id;
use crate::interest::{ByFirstByte, Tables};
use crate::rules::Ruled;
use crate::verdict::{Judge, PacketInfo};

/// How much somebody wants to see of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Nothing.
    #[default]
    Nothing,
    /// That it is there, what it is and how long.
    Envelope,
    /// What it says.
    Fields,
}

/// What is wanted of the packets of one version.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// By state and direction.
    ids: Vec<[WantedIds; 2]>,
    /// The connection's variables are looked at.
    pub(crate) telling: bool,
}

/// What is wanted of one state and direction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedIds {
    /// By dense id.
    dense: Box<[Need]>,
    /// Known ids above those.
    sparse: HashMap<i64, Need>,
    unknown: Need,
    /// The most that is wanted of any.
    pub(crate) any: Need,
    /// No payload that is wanted is longer.
    pub(crate) plain_len_max: usize,
    /// First bytes of ids that nobody needs, the session itself included.
    pub(crate) unneeded: Option<Box<ByFirstByte>>,
}

impl Wanted {
    /// Asks how much is wanted of each definition of a version; `None` stands for unknown ids.
    pub(crate) fn ask(
        tables: &Tables,
        stack: &Stack,
        telling: bool,
        need: &dyn Fn(StateId, Direction, Option<&PacketDefinition>) -> Need,
    ) -> Self {
        let states = (0u8..=u8::MAX).map(StateId).zip(tables.by_state());
        let ids = states
            .map(|(state, _)| {
                Direction::BOTH.map(|direction| {
                    let need =
                        |definition: Option<&PacketDefinition>| need(state, direction, definition);
                    WantedIds::ask(tables, stack, telling, state, direction, need)
                })
            })
            .collect();
        Self { ids, telling }
    }

    pub(crate) fn ids(&self, state: StateId, direction: Direction) -> Option<&WantedIds> {
        Some(&self.ids.get(usize::from(state.0))?[direction.index()])
    }

    /// How much of a packet is wanted.
    pub(crate) fn need(&self, state: StateId, direction: Direction, id: i64) -> Need {
        self.ids(state, direction).map_or(Need::Nothing, |ids| ids.need(id))
    }

    /// How much is wanted of packets with unknown ids.
    fn unknown(&self, state: StateId, direction: Direction) -> Need {
        self.ids(state, direction).map_or(Need::Nothing, |ids| ids.unknown)
    }

    /// Whether any packet of a state and direction is wanted.
    pub(crate) fn any(&self, state: StateId, direction: Direction) -> bool {
        self.ids(state, direction).is_some_and(|ids| ids.any > Need::Nothing)
    }
}

impl WantedIds {
    fn ask(
        tables: &Tables,
        stack: &Stack,
        telling: bool,
        state: StateId,
        direction: Direction,
        need: impl Fn(Option<&PacketDefinition>) -> Need,
    ) -> Self {
        let unknown = need(None);
        let mut ids = Self { unknown, any: unknown, ..Self::default() };
        if unknown > Need::Nothing {
            ids.plain_len_max = usize::MAX;
        }
        ids.dense = vec![unknown; tables.ids(state, direction).dense_len()].into();
        for definition in tables.packets(state, direction) {
            let need = need(Some(definition));
            ids.any = ids.any.max(need);
            if need > Need::Nothing {
                ids.plain_len_max = ids.plain_len_max.max(plain_len_max(definition, stack));
            }
            match tables.ids(state, direction).dense(definition.id) {
                Some(at) => ids.dense[at] = need,
                None => {
                    ids.sparse.insert(definition.id, need);
                }
            }
        }
        ids.unneeded = tables.ids(state, direction).unneeded(telling).map(|unneeded| {
            let mut unneeded = Box::new(*unneeded);
            for (id, unneeded) in (0i64..).zip(unneeded.iter_mut()) {
                *unneeded &= ids.need(id) == Need::Nothing;
            }
            unneeded
        });
        ids
    }

    #[inline]
    pub(crate) fn need(&self, id: i64) -> Need {
        match usize::try_from(id).ok().and_then(|at| self.dense.get(at)) {
            Some(need) => *need,
            None if self.sparse.is_empty() => self.unknown,
            None => self.sparse.get(&id).copied().unwrap_or(self.unknown),
        }
    }
}

/// No payload of a definition is longer. (One with bytes behind its fields is; peers refuse it.)
pub(crate) fn plain_len_max(definition: &PacketDefinition, stack: &Stack) -> usize {
    let body = definition.plan.as_ref().and_then(|plan| plan.size_max());
    body.map_or(usize::MAX, |body| body.saturating_add(id::reach(stack, definition.state)))
}

/// A judge, and what it wants to see.
pub(crate) struct Asked {
    pub(crate) judge: Box<dyn Judge>,
    pub(crate) wanted: Arc<Wanted>,
}

impl Asked {
    pub(crate) fn new(judge: Box<dyn Judge>, tables: &Tables, stack: &Stack) -> Self {
        let need = |state, direction, definition: Option<&PacketDefinition>| {
            if !judge.interest(tables.version, state, direction, definition) {
                Need::Nothing
            } else if judge.reads(tables.version, state, direction, definition) {
                Need::Fields
            } else {
                Need::Envelope
            }
        };
        let wanted = tables.shared(Wanted::ask(tables, stack, true, &need));
        Self { judge, wanted }
    }
}

impl Judged {
    /// Whether surely nobody does anything about a packet of a peer.
    #[inline]
    pub(crate) fn are_quiet(
        &self,
        info: &PacketInfo<'_>,
        conn: &[i64],
        workspace: &mut Workspace,
    ) -> bool {
        let PacketInfo { state, direction, definition, payload, body, .. } = *info;
        let rules = self.rules.as_ref();
        let judge = self
            .judge
            .as_ref()
            .filter(|asked| asked.wanted.need(state, direction, info.id) > Need::Nothing);
        rules.is_none_or(|rules| rules.are_quiet(state, direction, definition, payload, body))
            && judge.is_none_or(|asked| asked.judge.is_quiet(info, conn, workspace))
    }
}

/// All who decide about a session's packets.
pub(crate) struct Judged {
    /// The rules come first; what they drop nobody else sees.
    pub(crate) rules: Option<Ruled>,
    pub(crate) judge: Option<Asked>,
    /// What any of them wants to see.
    pub(crate) wanted: Arc<Wanted>,
}

impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judged").finish_non_exhaustive()
    }
}

impl Judged {
    /// These two; `None` if there is neither.
    pub(crate) fn new(
        rules: Option<Ruled>,
        judge: Option<Asked>,
        tables: &Tables,
        stack: &Stack,
    ) -> Option<Box<Self>> {
        let wanted = match (&rules, &judge) {
            (None, None) => return None,
            (Some(rules), None) => rules.wanted().clone(),
            (None, Some(judge)) => judge.wanted.clone(),
            (Some(rules), Some(judge)) => {
                let need = |state, direction, definition: Option<&PacketDefinition>| {
                    let of = |wanted: &Wanted| match definition {
                        Some(definition) => wanted.need(state, direction, definition.id),
                        None => wanted.unknown(state, direction),
                    };
                    of(rules.wanted()).max(of(&judge.wanted))
                };
                tables.shared(Wanted::ask(tables, stack, true, &need))
            }
        };
        Some(Box::new(Self { rules, judge, wanted }))
    }
}
