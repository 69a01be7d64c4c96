//! Reading from who sends in a direction, and what comes of it.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use midwire_session::{Direction, Elapsed};
use tokio::io::AsyncReadExt;

use super::Driver;
use crate::relay::joined::{Moved, poll_move};
use crate::relay::lent::{LEFTOVER_MAX, grow, with_lent};

impl Driver {
    /// Whether what is read of a direction can be kept for its receiver.
    pub(super) fn has_room(&self, direction: Direction) -> bool {
        let receiver = &self.legs[direction.index()];
        if self.joined { receiver.is_empty() } else { receiver.queued < self.write_max }
    }

    pub(super) fn may_read(&self, direction: Direction) -> bool {
        let goes_elsewhere = direction == Direction::Serverbound && self.is_handing_over();
        !self.reset[direction.index()]
            && !goes_elsewhere
            && self.has_room(direction)
            && self.session.wants_bytes(direction)
    }

    /// Takes what was read before the connections were joined.
    pub(super) fn take_read(&mut self, direction: Direction) {
        let mut bytes = std::mem::take(&mut self.leftover[direction.index()]);
        if bytes.is_empty() {
            return;
        }
        self.watch(direction, 0, &mut bytes);
        self.pass(direction, bytes);
        self.end_if_handed_over();
    }

    /// Takes bytes of a direction, those first that were left.
    pub(super) fn pass(&mut self, direction: Direction, mut bytes: BytesMut) {
        let at = self.now();
        let setup = self.setup.clone();
        with_lent(&setup, |lent| {
            self.session.handle_bytes(direction, &mut bytes, at, &mut lent.scratch);
        });
        self.take_outputs();
        self.leftover[direction.index()] = BytesMut::from(&bytes[..]);
    }

    /// Reads once from who sends in a direction, and writes what comes of it.
    pub(super) fn poll_read(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        if self.joined {
            return self.poll_joined(direction, cx);
        }
        let left = self.leftover[direction.index()].len();
        let in_place = left > self.copied_max(direction);
        if !in_place && left > LEFTOVER_MAX {
            // So much is not copied for nothing.
            let _ = ready!(self.legs[direction.opposite().index()].stream.poll_read_ready(cx));
        }
        let setup = self.setup.clone();
        let polled = with_lent(&setup, |lent| {
            let leftover = &mut self.leftover[direction.index()];
            let mut buffer = if in_place {
                let mut buffer = std::mem::take(leftover);
                grow(&mut buffer);
                buffer
            } else {
                lent.make_room(left, self.read_len, self.tape.as_ref());
                lent.read.extend_from_slice(leftover);
                std::mem::take(&mut lent.read)
            };
            let old = buffer.len();
            let sender = &mut self.legs[direction.opposite().index()];
            let polled = pin!(sender.stream.read_buf(&mut buffer)).poll(cx);
            let failed = sender.failed;
            let at = Elapsed(self.clock.elapsed());
            match polled {
                Poll::Pending if in_place => self.leftover[direction.index()] = buffer,
                Poll::Pending => lent.read = buffer,
                Poll::Ready(Ok(0))
                    if !failed && self.tell_of_missing_words(direction, at, &mut lent.scratch) =>
                {
                    // A part of a frame is of no use to anybody.
                    self.note_dropped(direction, &buffer);
                    buffer.clear();
                }
                Poll::Ready(Ok(0)) if !failed => {
                    self.release_into(direction, &mut buffer);
                    self.session.handle_end(direction, &mut buffer, at, &mut lent.scratch);
                }
                // One that takes no bytes and now sends none has not finished: it is gone.
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.legs[direction.opposite().index()].fail();
                    self.reset[direction.index()] = true;
                    if self.release_into(direction, &mut buffer) {
                        self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    }
                }
                Poll::Ready(Ok(_)) => {
                    self.due.last_read = at;
                    self.last_read_len[direction.index()] = buffer.len() - old;
                    self.watch(direction, old, &mut buffer);
                    self.tell_unwritten();
                    self.session.handle_bytes(direction, &mut buffer, at, &mut lent.scratch);
                    self.take_outputs();
                    // What cannot be written now is tried again when there is room.
                    for leg in &mut self.legs {
                        let _ = leg.poll_write(cx);
                    }
                    self.take_time(direction, at);
                    lent.read = self.keep(direction, buffer, in_place, &mut lent.read);
                }
            }
            self.take_outputs();
            polled.map(|_| ())
        });
        if polled.is_ready() {
            self.end_if_handed_over();
        }
        polled
    }

    /// How much of an unfinished frame is copied in front of a read: no more than the read before brought, so
    /// that a large frame that comes in small pieces is not copied for each of them.
    fn copied_max(&self, direction: Direction) -> usize {
        LEFTOVER_MAX.max(self.last_read_len[direction.index()].min(self.read_len / 2))
    }

    /// The same once the connections are joined.
    fn poll_joined(&mut self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        let [to_server, to_client] = &mut self.legs;
        let (sender, receiver) = match direction {
            Direction::Serverbound => (to_client, to_server),
            Direction::Clientbound => (to_server, to_client),
        };
        let at = Elapsed(self.clock.elapsed());
        let moved = ready!(with_lent(&self.setup, |lent| poll_move(sender, receiver, lent, cx)));
        match moved {
            Moved::Bytes(len) => {
                self.due.last_read = at;
                self.session.handle_joined(direction, len as u64, at);
                self.take_time(direction, at);
            }
            Moved::End => {
                let setup = self.setup.clone();
                with_lent(&setup, |lent| {
                    let nothing = &mut BytesMut::new();
                    self.session.handle_end(direction, nothing, at, &mut lent.scratch);
                });
                self.take_outputs();
            }
            Moved::Reset => self.reset[direction.index()] = true,
        }
        Poll::Ready(())
    }

    /// Takes the time from a read to when all of it had been written, of some.
    fn take_time(&mut self, direction: Direction, read: Elapsed) {
        if let Some(meter) = &mut self.meter
            && meter.is_sampled()
            && self.legs[direction.index()].is_empty()
        {
            meter.took(self.clock.elapsed().saturating_sub(read.0));
        }
    }

    /// Keeps what is left of a read, in as little memory as it takes; gives the thread's memory back.
    fn keep(
        &mut self,
        direction: Direction,
        buffer: BytesMut,
        in_place: bool,
        lent: &mut BytesMut,
    ) -> BytesMut {
        let copied_max = self.copied_max(direction);
        let leftover = &mut self.leftover[direction.index()];
        if in_place && buffer.len() > copied_max {
            *leftover = buffer;
            return std::mem::take(lent);
        }
        *leftover = BytesMut::from(&buffer[..]);
        if in_place { std::mem::take(lent) } else { buffer }
    }
}
