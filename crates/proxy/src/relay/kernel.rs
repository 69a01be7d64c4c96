//! Pipes of the kernel, through which bytes go from one connection to another without being copied.
//!
//! A pipe belongs to a connection only while bytes are in it, or keep coming; an idle one has none.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that a pipe is asked to hold; a system that is short of memory gives less.
const SIZE: usize = 512 << 10;
/// Empty pipes that are kept for whoever needs one next.
const SPARE_MAX: usize = 16;
/// Pipes at once. Connections beyond them are copied.
const PIPES_MAX: usize = 256;
/// The most of the files that the program may open which pipes may take, as a divisor: connections need
/// them more.
const SHARE: usize = 8;

static SPARE: Mutex<Vec<Ends>> = Mutex::new(Vec::new());
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// The system has refused to move bytes so.
static REFUSED: AtomicBool = AtomicBool::new(false);
static ALLOWED: LazyLock<usize> = LazyLock::new(|| {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    PIPES_MAX.min(files / (2 * SHARE))
});

/// Closes the pipes that nobody uses.
pub(super) fn close_spare_pipes() {
    *SPARE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Vec::new();
}

/// The two ends of a pipe.
#[derive(Debug)]
struct Ends {
    into: OwnedFd,
    out_of: OwnedFd,
}

/// A pipe, for the bytes of one direction.
#[derive(Debug)]
pub(super) struct Pipe {
    /// There until it is dropped.
    ends: Option<Ends>,
    /// Bytes in it.
    len: usize,
}

/// Why bytes did not go through.
#[derive(Debug)]
pub(super) enum Failed {
    /// This cannot be done here.
    Unable,
    /// The connection has failed.
    Gone,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        match error.kind() {
            InvalidInput | PermissionDenied | Unsupported => {
                REFUSED.store(true, Ordering::Relaxed);
                Self::Unable
            }
            _ => Self::Gone,
        }
    }
}

impl Pipe {
    /// An empty one, unless there are too many or the system gives none.
    pub(super) fn take() -> Option<Self> {
        if REFUSED.load(Ordering::Relaxed) {
            return None;
        }
        if TAKEN.fetch_add(1, Ordering::Relaxed) >= *ALLOWED {
            TAKEN.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let spare = SPARE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        match spare.or_else(Ends::new) {
            Some(ends) => Some(Self { ends: Some(ends), len: 0 }),
            None => {
                TAKEN.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes what has come, as much as the pipe holds; 0: nothing more comes. Only while it is empty:
    /// otherwise a full pipe and a connection of which nothing has come could not be told apart.
    pub(super) fn poll_fill(
        &mut self,
        from: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Failed>> {
        let Some(Ends { into, .. }) = &self.ends else { return Poll::Ready(Ok(0)) };
        loop {
            if let Err(error) = ready!(from.poll_read_ready(cx)) {
                return Poll::Ready(Err(error.into()));
            }
            let take = || Ok(splice(from, None, into, None, SIZE, FLAGS)?);
            match from.try_io(Interest::READABLE, take) {
                Err(error) if is_to_be_tried_again(&error) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
                Ok(len) => {
                    self.len = len;
                    return Poll::Ready(Ok(len));
                }
            }
        }
    }

    /// Sends on what is in the pipe; ready when it is empty.
    pub(super) fn poll_empty(
        &mut self,
        to: &TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        let Some(Ends { out_of, .. }) = &self.ends else { return Poll::Ready(Ok(())) };
        while self.len > 0 {
            if let Err(error) = ready!(to.poll_write_ready(cx)) {
                return Poll::Ready(Err(error.into()));
            }
            let give = || Ok(splice(out_of, None, to, None, self.len, FLAGS)?);
            match to.try_io(Interest::WRITABLE, give) {
                Err(error) if is_to_be_tried_again(&error) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
                Ok(0) => return Poll::Ready(Err(Failed::Gone)),
                Ok(len) => self.len = self.len.saturating_sub(len),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// What is in the pipe, as bytes, for who cannot send them on otherwise; `None`: they are lost.
    pub(super) fn read_out(mut self) -> Option<Vec<u8>> {
        let Some(Ends { out_of, .. }) = &self.ends else { return None };
        let mut bytes = vec![0; self.len];
        let mut read = 0;
        while read < bytes.len() {
            match rustix::io::read(out_of, &mut bytes[read..]) {
                Ok(0) => return None,
                Ok(len) => read += len,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        self.len = 0;
        Some(bytes)
    }
}

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

fn is_to_be_tried_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Ends {
    fn new() -> Option<Self> {
        let (out_of, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // A smaller one is slower, not wrong.
        let _ = fcntl_setpipe_size(&into, SIZE);
        Some(Self { into, out_of })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
        let Some(ends) = self.ends.take() else { return };
        // What is left in one is nobody else's.
        if self.len == 0 {
            let mut spare = SPARE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if spare.len() < SPARE_MAX {
                spare.push(ends);
            }
        }
    }
}
