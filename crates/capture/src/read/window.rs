//! The part of a file that is being looked at.

use std::io::{self, Read};

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Bytes of a file from some offset on, as many as somebody asked for.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the file the window starts.
    offset: u64,
}

impl<R: Read> Window<R> {
    /// `offset` is where in its file the input stands.
    pub(super) const fn new(input: R, offset: u64) -> Self {
        Self { input, buffer: Vec::new(), start: 0, end: 0, offset }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.end - self.start);
        self.start += len;
        self.offset += len as u64;
    }

    pub(super) const fn input(&self) -> &R {
        &self.input
    }

    /// Reads until `wanted` bytes are there. False where the file has not so many, for now.
    ///
    /// The caller bounds `wanted`.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        if self.start + wanted > self.buffer.len() || self.start == self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if wanted > self.buffer.len() {
                // Room to go on in, so that what is left is moved seldom.
                self.buffer.resize(wanted + CHUNK.max(wanted / 4), 0);
            }
        }
        while self.end - self.start < wanted {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
