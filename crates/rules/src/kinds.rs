//! Something for each kind of packet of one version.

use std::collections::HashMap;

use midwire_codec::Direction;
use midwire_definition::{PacketDefinition, StateId};

/// Ids up to this one are looked up by their place.
const DENSE_MAX: i64 = 1024;

/// Something for each kind of packet, by state, direction and id. Of a kind for which nothing was put there is
/// nothing; all unknown ids of a state and direction share one.
#[derive(Debug)]
pub(crate) struct Kinds<P> {
    tables: Vec<[Table<P>; 2]>,
}

#[derive(Debug)]
struct Table<P> {
    unknown: P,
    dense: Vec<Option<P>>,
    sparse: HashMap<i64, P>,
}

impl<P> Kinds<P> {
    /// With what `unknown` makes for the unknown ids of so many states.
    pub(crate) fn new(states: usize, mut unknown: impl FnMut(StateId, Direction) -> P) -> Self {
        let table = |unknown| Table { unknown, dense: Vec::new(), sparse: HashMap::new() };
        let states = (0..states).map(|state| StateId(u8::try_from(state).unwrap_or(u8::MAX)));
        let tables =
            states.map(|state| Direction::BOTH.map(|direction| table(unknown(state, direction))));
        Self { tables: tables.collect() }
    }

    /// Sets what a kind of packet has.
    pub(crate) fn put(&mut self, packet: &PacketDefinition, made: P) {
        let Some(tables) = self.tables.get_mut(usize::from(packet.state.0)) else { return };
        let (table, id) = (&mut tables[packet.direction.index()], packet.id);
        if !(0..DENSE_MAX).contains(&id) {
            table.sparse.insert(id, made);
            return;
        }
        let at = usize::try_from(id).unwrap_or(0);
        if at >= table.dense.len() {
            table.dense.resize_with(at + 1, || None);
        }
        table.dense[at] = Some(made);
    }

    /// What a kind of packet has; `None` stands for unknown ids.
    #[inline]
    pub(crate) fn get(
        &self,
        state: StateId,
        direction: Direction,
        definition: Option<&PacketDefinition>,
    ) -> Option<&P> {
        let table = &self.tables.get(usize::from(state.0))?[direction.index()];
        let Some(PacketDefinition { id, .. }) = definition else { return Some(&table.unknown) };
        if (0..DENSE_MAX).contains(id) {
            return table.dense.get(usize::try_from(*id).ok()?)?.as_ref();
        }
        table.sparse.get(id)
    }
}
