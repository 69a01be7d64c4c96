//! One connection of a session, as what bytes are written to.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// Pieces of one write.
const PIECES: usize = 32;

/// A connection, as what bytes are written to.
pub(super) struct Leg {
    pub(super) stream: TcpStream,
    pub(super) queue: VecDeque<Bytes>,
    pub(super) queued: usize,
    pub(super) finish: Finish,
    /// It takes no more bytes: the peer is gone.
    pub(super) failed: bool,
    /// It is to be reset.
    pub(super) aborted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    No,
    Wanted,
    Done,
}

impl Leg {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Games send many small frames that must not wait for each other. A system that refuses is
        // slower, not wrong.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            queue: VecDeque::new(),
            queued: 0,
            finish: Finish::No,
            failed: false,
            aborted: false,
        }
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if !self.failed {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.queue = VecDeque::new();
        self.queued = 0;
    }

    fn took(&mut self, mut len: usize) {
        self.queued -= len;
        while len > 0 {
            let Some(first) = self.queue.front_mut() else { break };
            if first.len() > len {
                first.advance(len);
                break;
            }
            len -= first.len();
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > PIECES {
            self.queue = VecDeque::new();
        }
    }

    /// Writes what waits; then ends the direction, if that is wanted.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.queue.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (piece, bytes) in pieces.iter_mut().zip(&self.queue) {
                *piece = IoSlice::new(bytes);
                count += 1;
            }
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write_vectored(cx, &pieces[..count])) {
                Ok(0) | Err(_) => self.fail(),
                Ok(len) => self.took(len),
            }
        }
        if self.finish == Finish::Wanted {
            // Fails where the peer is gone, which its own end tells.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.finish = Finish::Done;
        }
        Poll::Ready(())
    }

    /// Nothing is left to be done for it.
    pub(super) fn is_settled(&self) -> bool {
        let flushed = self.queue.is_empty() && self.finish != Finish::Wanted;
        self.aborted || self.failed || flushed
    }
}

/// Makes the connection's end a reset: that is what closing is without any lingering.
pub(super) fn reset_on_close(stream: &TcpStream) {
    // Where it cannot be set the connection has ended already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
