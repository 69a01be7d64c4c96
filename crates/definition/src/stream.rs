//! Packets that follow each other without frames: which one stands at the start of some bytes, and where
//! it ends.

use std::sync::Arc;

use midwire_codec::Direction;

use crate::plan::{Extent, Progress, Workspace};
use crate::protocol::{Dialect, PacketDefinition, Protocol, Stack, StateId};

/// The packet at the start of some bytes.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its id, once that is there.
    pub id: Option<i64>,
    /// Where its fields start.
    pub body: u32,
    /// What the id stands for.
    pub definition: Option<Arc<PacketDefinition>>,
    /// How far it reaches, its id included.
    pub extent: Extent,
}

impl Protocol {
    /// Whether it has packets but no frames, so that each packet's fields say where it ends.
    pub fn is_frameless(&self) -> bool {
        let declared = &self.declarations;
        self.stack.framing.is_none() && !(declared.packets.is_empty() && declared.ids.is_empty())
    }

    /// Whether its bytes are cut into packets at all, with frames or without.
    pub fn has_packets(&self) -> bool {
        self.stack.framing.is_some() || self.is_frameless()
    }
}

impl Dialect {
    /// Finds the packet at the start of some bytes that may go on, and where it ends.
    ///
    /// Of one that is not all there `progress` keeps how far it was read: give it again with the same bytes
    /// and more behind them, and the same state, direction and variables. For another packet give a new one.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is of another owner, none goes with another"
    )]
    pub fn measure(
        &self,
        stack: &Stack,
        state: StateId,
        direction: Direction,
        conn: &[i64],
        bytes: &[u8],
        progress: &mut Progress,
        ws: &mut Workspace,
    ) -> Measured {
        let mut measured =
            Measured { id: None, body: 0, definition: None, extent: Extent::Endless };
        measured.extent = match stack.id.read(bytes) {
            Err(failed) => failed.extent(),
            Ok((number, width)) => {
                measured.body = width;
                measured.id = i64::try_from(number).ok();
                let known = measured.id.and_then(|id| self.packet(state, direction, id));
                measured.definition = known.cloned();
                match known {
                    None => Extent::Unknown(number),
                    Some(known) => match &known.plan {
                        None => Extent::Endless,
                        Some(plan) => plan.measure(bytes, width, conn, progress, ws),
                    },
                }
            }
        };
        if measured.extent == Extent::Whole(0) {
            measured.extent = Extent::Nothing;
        }
        measured
    }
}
