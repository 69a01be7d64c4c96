//! Where the kernel moves no bytes from one connection to another: there are no pipes for it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tokio::net::TcpStream;

/// There is none.
#[derive(Debug)]
pub(super) struct Pipe(Infallible);

/// Why bytes did not go through.
#[derive(Debug)]
#[allow(dead_code, reason = "nothing goes through")]
pub(super) enum Failed {
    /// This cannot be done here.
    Unable,
    /// The connection has failed.
    Gone,
}

/// There are none.
pub(super) fn close_spare_pipes() {}

impl Pipe {
    pub(super) fn take() -> Option<Self> {
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn poll_fill(
        &mut self,
        _from: &TcpStream,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Failed>> {
        match self.0 {}
    }

    pub(super) fn poll_empty(
        &mut self,
        _to: &TcpStream,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failed>> {
        match self.0 {}
    }

    pub(super) fn read_out(self) -> Option<Vec<u8>> {
        match self.0 {}
    }
}
