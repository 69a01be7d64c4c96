//! Moving bytes from one connection to the other when nobody looks at them.
//!
//! What comes in small pieces is copied, which then takes fewer calls of the system. When a read fills
//! [`SMALL`], the kernel moves what follows through a pipe, until it comes in small pieces again.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::kernel::{Failed, Pipe};
use super::leg::Leg;
use super::lent::Lent;

/// A read that does not fill so much is small.
const SMALL: usize = 16 << 10;
/// Bytes of one read where no pipe is to be had.
const COPY: usize = 256 << 10;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more will come.
    End,
    /// The sender is gone.
    Reset,
}

/// Moves what has come from one connection on to the other, as much as one call of the system takes; what
/// the other does not take at once waits there. Only while nothing waits there.
pub(super) fn poll_move(
    sender: &mut Leg,
    receiver: &mut Leg,
    lent: &mut Lent,
    cx: &mut Context<'_>,
) -> Poll<Moved> {
    if receiver.run.is_large()
        && !receiver.failed
        && let Some(mut pipe) = receiver.pipe.take().or_else(Pipe::take)
    {
        match pipe.poll_fill(&sender.stream, cx) {
            Poll::Pending => {
                receiver.run.pause();
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => return Poll::Ready(ended(sender)),
            Poll::Ready(Ok(len)) => {
                receiver.run.add(len);
                receiver.pipe = Some(pipe);
                let _ = receiver.poll_write(cx);
                return Poll::Ready(Moved::Bytes(len));
            }
            Poll::Ready(Err(Failed::Gone)) => return Poll::Ready(lost(sender)),
            // Copied, then.
            Poll::Ready(Err(Failed::Unable)) => {}
        }
    }
    receiver.pipe = None;
    poll_copy(sender, receiver, lent, cx)
}

fn poll_copy(
    sender: &mut Leg,
    receiver: &mut Leg,
    lent: &mut Lent,
    cx: &mut Context<'_>,
) -> Poll<Moved> {
    let want = if receiver.run.is_large() { COPY } else { SMALL };
    if lent.copy.len() < want {
        lent.copy.resize(want, 0);
    }
    let mut buffer = ReadBuf::new(&mut lent.copy[..want]);
    match Pin::new(&mut sender.stream).poll_read(cx, &mut buffer) {
        Poll::Pending => {
            receiver.run.pause();
            return Poll::Pending;
        }
        Poll::Ready(Err(_)) => return Poll::Ready(lost(sender)),
        Poll::Ready(Ok(())) => {}
    }
    let bytes = buffer.filled();
    if bytes.is_empty() {
        return Poll::Ready(ended(sender));
    }
    receiver.run.add(bytes.len());
    receiver.write(bytes, cx);
    Poll::Ready(Moved::Bytes(bytes.len()))
}

/// The sender has finished; one that took no bytes and now sends none has not: it is gone.
fn ended(sender: &mut Leg) -> Moved {
    if sender.failed { Moved::Reset } else { Moved::End }
}

fn lost(sender: &mut Leg) -> Moved {
    sender.fail();
    Moved::Reset
}

/// Whether much comes without a pause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    is_large: bool,
    /// Bytes since the last pause.
    len: usize,
}

impl Run {
    fn is_large(self) -> bool {
        self.is_large
    }

    fn add(&mut self, len: usize) {
        self.len = self.len.saturating_add(len);
        self.is_large |= len >= SMALL;
    }

    /// Nothing more has come for now.
    fn pause(&mut self) {
        self.is_large &= self.len >= SMALL;
        self.len = 0;
    }
}
