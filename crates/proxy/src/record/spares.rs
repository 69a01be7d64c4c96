//! Memory that sessions read into, and that a recording holds until it is written: taking new memory for each
//! read would cost as much as the read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;

/// Of the room for what waits to be written, this part stays when it has been written, for what comes next
/// within a second or two.
const PART: usize = 2;

/// Buffers of which all has been read, the oldest first. They have their memory back once nobody holds it.
#[derive(Debug)]
pub(super) struct Spares {
    /// Bytes that they may be.
    max: usize,
    buffers: Mutex<VecDeque<BytesMut>>,
}

impl Spares {
    /// For a recording with room for so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { max: room / PART, buffers: Mutex::default() }
    }

    /// Gives all of them back to the system.
    pub(super) fn clear(&self) {
        *self.buffers.lock().unwrap_or_else(PoisonError::into_inner) = VecDeque::new();
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes a buffer that is full and gives an empty one of this size.
    pub(super) fn change(&self, full: BytesMut, len: usize) -> BytesMut {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let free = buffers.iter_mut().position(|buffer| buffer.try_reclaim(len));
        let empty = free.and_then(|at| buffers.remove(at));
        buffers.push_back(full);
        if buffers.len() > self.max / len.max(1) {
            buffers.pop_front();
        }
        drop(buffers);
        empty.unwrap_or_else(|| BytesMut::with_capacity(len))
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};

    use super::Spares;

    const LEN: usize = 1000;

    /// Reads as much as there is room for; gives that, and the buffer that is full then.
    fn read(mut buffer: BytesMut) -> (Bytes, BytesMut) {
        assert!(buffer.is_empty() && buffer.capacity() >= LEN);
        buffer.resize(buffer.capacity(), 7);
        (buffer.split().freeze(), buffer)
    }

    #[test]
    fn what_has_been_recorded_is_read_into_again() {
        let spares = Spares::new(10 * LEN);
        let (first, full) = read(BytesMut::with_capacity(LEN));
        let (second, full) = read(spares.change(full, LEN));
        let place = first.as_ptr();
        assert_ne!(second.as_ptr(), place);
        drop(first);
        let (third, _) = read(spares.change(full, LEN));
        assert_eq!(third.as_ptr(), place);
        assert!(second.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn what_is_given_back_is_not_read_into_again() {
        let spares = Spares::new(10 * LEN);
        let (first, full) = read(BytesMut::with_capacity(LEN));
        let (_, full) = read(spares.change(full, LEN));
        drop(first);
        assert!(!spares.is_empty());
        spares.clear();
        assert!(spares.is_empty());
        spares.change(full, LEN);
        assert_eq!(spares.buffers.lock().unwrap().len(), 1);
    }

    #[test]
    fn no_more_is_kept_than_half_of_the_room() {
        let spares = Spares::new(10 * LEN);
        let mut buffer = BytesMut::with_capacity(LEN);
        let mut kept = Vec::new();
        for _ in 0..20 {
            let (bytes, full) = read(buffer);
            kept.push(bytes);
            buffer = spares.change(full, LEN);
            assert!(spares.buffers.lock().unwrap().len() <= 5);
        }
    }
}
