//! Memory that a thread lends to its sessions, one after the other.

use midwire_codec::{Deflater, Inflater};
use midwire_definition::Workspace;

use crate::limits::Limits;

/// Memory for reading and writing packets: a decoder's workspace, compression states, buffers. It
/// holds nothing between two calls, so one for each thread is enough, however many sessions it
/// drives; a session keeps none of its own. It grows to what the largest packet needed.
#[derive(Debug)]
pub struct Scratch {
    pub(crate) workspace: Workspace,
    pub(crate) inflater: Inflater,
    pub(crate) deflater: Deflater,
    /// A payload made plain.
    pub(crate) plain: Vec<u8>,
    /// A frame or payload being made.
    pub(crate) made: Vec<u8>,
}

/// A buffer that grew above this is given back after the packet that needed it.
const KEPT_MAX: usize = 1 << 20;

impl Scratch {
    /// Memory whose inflaters keep to these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let definition = midwire_definition::Limits {
            inflate_max: u32::try_from(limits.inflate_max).unwrap_or(u32::MAX),
            ..midwire_definition::Limits::default()
        };
        Self {
            workspace: Workspace::new(definition),
            inflater: Inflater::new(limits.inflate_max),
            deflater: Deflater::default(),
            plain: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Gives back what only an unusually large packet needed.
    pub(crate) fn trim(&mut self) {
        for buffer in [&mut self.plain, &mut self.made] {
            if buffer.capacity() > KEPT_MAX {
                *buffer = Vec::new();
            }
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}
