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

use super::joined::Run;
use super::kernel::{Failed, Pipe};

/// Pieces of one write.
const PIECES: usize = 32;

/// A connection, as what bytes are written to.
pub(super) struct Leg {
    pub(super) stream: TcpStream,
    pub(super) queue: VecDeque<Bytes>,
    pub(super) queued: usize,
    /// What is to be written behind the queue, of joined connections.
    pub(super) pipe: Option<Pipe>,
    /// How what is written to it comes, once the connections are joined.
    pub(super) run: Run,
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
            pipe: None,
            run: Run::default(),
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

    /// Writes bytes at once, as far as that is possible; what is left is copied, and waits. Only while
    /// nothing waits.
    pub(super) fn write(&mut self, mut bytes: &[u8], cx: &mut Context<'_>) {
        while !bytes.is_empty() && !self.failed {
            match Pin::new(&mut self.stream).poll_write(cx, bytes) {
                Poll::Pending => return self.push(Bytes::copy_from_slice(bytes)),
                Poll::Ready(Ok(0) | Err(_)) => self.fail(),
                Poll::Ready(Ok(len)) => bytes = bytes.get(len..).unwrap_or_default(),
            }
        }
    }

    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.queue = VecDeque::new();
        self.queued = 0;
        self.pipe = None;
    }

    /// Nothing waits to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.pipe.as_ref().is_none_or(Pipe::is_empty)
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
        ready!(self.poll_write_queue(cx));
        if let Some(pipe) = &mut self.pipe
            && let Err(failed) = ready!(pipe.poll_empty(&self.stream, cx))
        {
            match (failed, self.pipe.take().and_then(Pipe::read_out)) {
                (Failed::Unable, Some(bytes)) => self.push(bytes.into()),
                _ => self.fail(),
            }
            ready!(self.poll_write_queue(cx));
        }
        if self.finish == Finish::Wanted {
            // Fails where the peer is gone, which its own end tells.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.finish = Finish::Done;
        }
        Poll::Ready(())
    }

    fn poll_write_queue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
        Poll::Ready(())
    }

    /// Nothing is left to be done for it.
    pub(super) fn is_settled(&self) -> bool {
        let flushed = self.is_empty() && self.finish != Finish::Wanted;
        self.aborted || self.failed || flushed
    }
}

/// Makes the connection's end a reset: that is what closing is without any lingering.
pub(super) fn reset_on_close(stream: &TcpStream) {
    // Where it cannot be set the connection has ended already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
