//! What is said: the first connection of a recording.

use crate::support::random::Random;
use crate::support::recording::{self, Direction, Event};

/// What both sides say.
pub(crate) struct Talk {
    /// Reads of a socket, in order.
    pub(crate) pieces: Vec<(Direction, Vec<u8>)>,
}

impl Talk {
    /// What is recorded of a protocol; of bytes without one, a session of another.
    pub(crate) fn recorded(protocol: &str) -> Self {
        let name = match protocol {
            "terraria" => "terraria",
            _ => "mc-1.20.4-offline",
        };
        let lines = recording::read(name).into_iter().filter(|line| line.connection == 1);
        let pieces = lines.filter_map(|line| match line.event {
            Event::Data(direction, bytes) => Some((direction, bytes)),
            _ => None,
        });
        Self { pieces: pieces.collect() }
    }

    /// All bytes of a direction, of the first so many pieces.
    pub(crate) fn until(&self, pieces: usize, direction: Direction) -> Vec<u8> {
        let said = self.pieces[..pieces].iter().filter(|(which, _)| *which == direction);
        said.flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// All bytes of a direction.
    pub(crate) fn of(&self, direction: Direction) -> Vec<u8> {
        self.until(self.pieces.len(), direction)
    }
}

/// How bytes are cut into writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Ones,
    Random(u64),
    Merged,
}

impl Cut {
    pub(crate) fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Ones => bytes.chunks(1).collect(),
            Self::Merged => vec![bytes],
            Self::Random(seed) => {
                let mut random = Random::new(seed);
                let (mut rest, mut pieces) = (bytes, Vec::new());
                while !rest.is_empty() {
                    let most = [3, 100, 4000][random.below(3)].min(rest.len());
                    let (piece, after) = rest.split_at(1 + random.below(most));
                    pieces.push(piece);
                    rest = after;
                }
                pieces
            }
        }
    }
}
