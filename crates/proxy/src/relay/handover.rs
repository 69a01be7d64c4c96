//! A session that may be handed over: watches what the client sends, and lets the client go once the old
//! server has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use midwire_route::HandOver;
use tokio::net::TcpStream;

use super::sniff::Then;

/// What watches the client's bytes.
pub(super) struct Watcher {
    hand_over: HandOver,
    /// How long the beginning of a pattern is held back.
    partial_wait: Duration,
    /// When what is held is let go.
    release_at: Option<Instant>,
    seen: Option<Seen>,
}

/// A pattern that was seen.
struct Seen {
    needle: usize,
    text: Bytes,
    /// What came behind it.
    rest: Bytes,
}

/// A client that goes on elsewhere.
pub(super) struct HandedOver {
    pub(super) client: TcpStream,
    /// Which pattern was seen.
    pub(super) needle: usize,
    /// The pattern.
    pub(super) text: Bytes,
    /// What came behind it.
    pub(super) rest: Bytes,
}

impl Watcher {
    pub(super) fn new(then: &Then, partial_wait: Duration) -> Self {
        let hand_over = HandOver::new(Arc::clone(&then.needles));
        Self { hand_over, partial_wait, release_at: None, seen: None }
    }

    /// Whether a pattern was seen: nothing more is for the old server.
    pub(super) fn has_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// Takes what has come behind the first `old` bytes of a buffer, and leaves in it what is to be passed on.
    pub(super) fn filter(&mut self, old: usize, buffer: &mut BytesMut) {
        if self.seen.is_some() {
            buffer.truncate(old);
            return;
        }
        let was_holding = self.hand_over.held_len() > 0;
        let came = buffer.get(old..).unwrap_or(&[]);
        let watched = self.hand_over.handle_bytes(came);
        if let Some(matched) = watched.matched {
            let rest = Bytes::copy_from_slice(came.get(matched.end..).unwrap_or(&[]));
            self.seen = Some(Seen { needle: matched.needle, text: matched.text, rest });
        }
        if watched.before.is_empty() {
            buffer.truncate(old.saturating_add(watched.pass));
        } else {
            let pass = Bytes::copy_from_slice(came.get(..watched.pass).unwrap_or(&[]));
            buffer.truncate(old);
            buffer.extend_from_slice(&watched.before);
            buffer.extend_from_slice(&pass);
        }
        if self.hand_over.held_len() == 0 {
            self.release_at = None;
        } else if !was_holding || !watched.before.is_empty() {
            // What was held before has gone, so what is held now has just come.
            self.release_at = Some(Instant::now() + self.partial_wait);
        }
    }

    /// When what is held is to be let go.
    pub(super) fn release_at(&self) -> Option<Instant> {
        self.release_at
    }

    /// What is held, to be passed on behind the rest: its time is up, or nothing follows it.
    pub(super) fn release(&mut self) -> Bytes {
        self.release_at = None;
        self.hand_over.release()
    }

    /// The client, if it is to go on elsewhere.
    pub(super) fn into_handed_over(self, client: TcpStream) -> Option<HandedOver> {
        let Seen { needle, text, rest } = self.seen?;
        Some(HandedOver { client, needle, text, rest })
    }
}
