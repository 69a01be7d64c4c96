//! What the bench does with both ends of a session, and how it compares.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::ends::{End, Ending, Ends};
use crate::support::recording::Direction;
use crate::talk::Cut;

pub(crate) const BOTH: [Direction; 2] = Direction::BOTH;

pub(crate) fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Serverbound => Direction::Clientbound,
        Direction::Clientbound => Direction::Serverbound,
    }
}

/// Both sides say these bytes at once, cut like this, with a pause behind some of the pieces.
pub(crate) fn exchange(ends: &mut Ends, said: &[Vec<u8>; 2], cut: Cut, pause: Duration) {
    let Ends { client, server } = ends;
    scope(|scope| {
        for (end, bytes) in [client, server].into_iter().zip(said) {
            scope.spawn(move || {
                for (at, piece) in cut.pieces(bytes).into_iter().enumerate() {
                    end.send(piece);
                    if at % 16 == 0 && !pause.is_zero() {
                        sleep(pause);
                    }
                }
            });
        }
    });
}

/// How many of these bytes did not arrive in their place, with no others behind them. Waits for them, and
/// for the end of that direction if it is to come.
pub(crate) fn lost(end: &End, bytes: &[u8], with_end: bool) -> u64 {
    end.wait(
        |arrived| {
            let all = arrived.bytes.len() >= bytes.len() && !with_end;
            all || arrived.ending.is_some()
        },
        |arrived| {
            let common = arrived.bytes.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            (bytes.len().max(arrived.bytes.len()) - common) as u64
        },
        |arrived| format!("{} of {} bytes arrived", arrived.bytes.len(), bytes.len()),
    )
}

/// How many bytes arrived that were not sent, or not in this order: what is cut off by a reset is not lost.
pub(crate) fn out_of_place(end: &End, bytes: &[u8]) -> u64 {
    end.wait(
        |_| true,
        |arrived| {
            let common = arrived.bytes.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            (arrived.bytes.len() - common) as u64
        },
        |_| String::new(),
    )
}

/// Finishes both directions and looks at what arrived.
pub(crate) fn finish(ends: &mut Ends, said: &[Vec<u8>; 2]) -> u64 {
    ends.client.finish();
    ends.server.finish();
    BOTH.iter().map(|which| lost(ends.receiver(*which), &said[*which as usize], true)).sum()
}

/// How long until an end is told that the session is over.
pub(crate) fn told(end: &End, since: Instant, wanted: Option<Ending>) -> Duration {
    let ending = end.expect_any_ending();
    assert!(wanted.is_none() || wanted == ending, "{ending:?} instead of {wanted:?}");
    assert!(since.elapsed() < PATIENCE);
    since.elapsed()
}
