//! The way from sessions to whoever shows what they do: bounded by bytes, and honest about what it lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::SystemTime;

use midwire_session::Event;
use tokio::sync::Semaphore;

use crate::reload::Report;

/// Something to show.
#[derive(Debug)]
pub(crate) enum Message {
    /// A client has connected.
    Opened { session: u64, client: SocketAddr, server: Arc<str> },
    /// What a session reported, in order.
    Events { session: u64, begun: SystemTime, events: Vec<Event> },
    /// Something that is wrong outside the bytes.
    Notice { session: Option<u64>, at: SystemTime, text: String },
    /// Rules were read again.
    Report { at: SystemTime, report: Report, text: String },
    /// The session is over; nothing more comes of it.
    Ended { session: u64 },
}

/// What to do when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The session waits: nothing is lost.
    Wait,
    /// Packets are left out, and counted.
    Drop,
}

/// What a message takes besides the bytes of its packets.
const BASE_COST: usize = 256;
/// Room for what is no packet, while packets are left out.
const RESERVE: usize = 1 << 20;

/// The sessions' end.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    messages: mpsc::Sender<(Message, Cost)>,
    room: Arc<Room>,
}

/// The printer's end.
#[derive(Debug)]
pub(crate) struct Receiver {
    messages: mpsc::Receiver<(Message, Cost)>,
    room: Arc<Room>,
}

#[derive(Debug)]
struct Room {
    max: usize,
    bytes: Semaphore,
    reserve: Semaphore,
    when_full: WhenFull,
    lost: AtomicU64,
    /// The same since the beginning.
    lost_ever: AtomicU64,
}

/// How many packets were left out since the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Losses(Arc<Room>);

impl Losses {
    pub(crate) fn get(&self) -> u64 {
        self.0.lost_ever.load(Ordering::Relaxed)
    }
}

/// What a message has taken, to be given back once it was shown.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    bytes: usize,
    reserve: usize,
}

/// A way with room for so many bytes.
pub(crate) fn queue(max: usize, when_full: WhenFull) -> (Sender, Receiver) {
    let max = max.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
    let (sender, receiver) = mpsc::channel();
    let room = Arc::new(Room {
        max,
        bytes: Semaphore::new(max),
        reserve: Semaphore::new(RESERVE),
        when_full,
        lost: AtomicU64::new(0),
        lost_ever: AtomicU64::new(0),
    });
    (Sender { messages: sender, room: room.clone() }, Receiver { messages: receiver, room })
}

impl Sender {
    /// Hands over a message. With [`WhenFull::Wait`] this waits for room; with [`WhenFull::Drop`] it
    /// does not, and packets are left out.
    pub(crate) async fn send(&self, mut message: Message) {
        let cost = cost(&message).min(self.room.max) as u32;
        let taken = match self.room.bytes.try_acquire_many(cost) {
            Ok(permit) => Some(permit),
            Err(_) if self.room.when_full == WhenFull::Wait => {
                self.room.bytes.acquire_many(cost).await.ok()
            }
            Err(_) => None,
        };
        if let Some(permit) = taken {
            permit.forget();
            return self.put(message, Cost { bytes: cost as usize, reserve: 0 });
        }
        let lost = drop_packets(&mut message);
        self.room.lost.fetch_add(lost, Ordering::Relaxed);
        self.room.lost_ever.fetch_add(lost, Ordering::Relaxed);
        let cost = cost_of_rest(&message);
        if let Ok(permit) = self.room.reserve.try_acquire_many(cost as u32) {
            permit.forget();
            self.put(message, Cost { bytes: 0, reserve: cost });
        }
    }

    /// What is left out, for whoever counts it.
    pub(crate) fn losses(&self) -> Losses {
        Losses(self.room.clone())
    }

    /// Hands over a message of a few words, without waiting.
    pub(crate) fn notice(&self, session: Option<u64>, text: impl Into<String>) {
        let message = Message::Notice { session, at: SystemTime::now(), text: text.into() };
        if let Ok(permit) = self.room.reserve.try_acquire_many(BASE_COST as u32) {
            permit.forget();
            self.put(message, Cost { bytes: 0, reserve: BASE_COST });
        }
    }

    /// Hands over what was found out about rules, without waiting.
    pub(crate) fn report(&self, report: Report, text: String) {
        let cost = BASE_COST + report.shown.len().min(RESERVE / 2);
        let message = Message::Report { at: SystemTime::now(), report, text };
        if let Ok(permit) = self.room.reserve.try_acquire_many(cost as u32) {
            permit.forget();
            self.put(message, Cost { bytes: 0, reserve: cost });
        }
    }

    fn put(&self, message: Message, cost: Cost) {
        // Without a printer there is nobody to tell.
        let _ = self.messages.send((message, cost));
    }
}

impl Receiver {
    /// The next message, waiting for it at most so long; `Err(Disconnected)`: there will be none.
    pub(crate) fn next(
        &self,
        wait: std::time::Duration,
    ) -> Result<Message, mpsc::RecvTimeoutError> {
        let (message, cost) = self.messages.recv_timeout(wait)?;
        self.give_back(cost);
        Ok(message)
    }

    /// The next message, if it is there already.
    pub(crate) fn next_now(&self) -> Option<Message> {
        let (message, cost) = self.messages.try_recv().ok()?;
        self.give_back(cost);
        Some(message)
    }

    /// How many packets were left out since the last time this was asked.
    pub(crate) fn take_lost(&self) -> u64 {
        self.room.lost.swap(0, Ordering::Relaxed)
    }

    fn give_back(&self, cost: Cost) {
        self.room.bytes.add_permits(cost.bytes);
        self.room.reserve.add_permits(cost.reserve);
    }
}

fn cost(message: &Message) -> usize {
    let Message::Events { events, .. } = message else { return BASE_COST };
    let of = |event: &Event| match event {
        Event::Packet(packet) => {
            let sent = packet.sent.as_ref().map_or(0, bytes::Bytes::len);
            BASE_COST + packet.payload.as_ref().map_or(0, bytes::Bytes::len) + sent
        }
        Event::Opaque { bytes, .. } => BASE_COST + bytes.len(),
        _ => BASE_COST,
    };
    events.iter().map(of).fold(0, usize::saturating_add)
}

/// Leaves out what there may be any amount of; gives how many packets that were.
fn drop_packets(message: &mut Message) -> u64 {
    let Message::Events { events, .. } = message else { return 0 };
    let before = events.iter().filter(|event| matches!(event, Event::Packet(_))).count();
    events.retain(|event| !matches!(event, Event::Packet(_) | Event::Opaque { .. }));
    before as u64
}

fn cost_of_rest(message: &Message) -> usize {
    match message {
        Message::Events { events, .. } => events.len().saturating_mul(BASE_COST).min(RESERVE),
        _ => BASE_COST,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use midwire_session::{Direction, Elapsed};

    use super::*;

    fn opaque(len: usize) -> Message {
        let event = Event::Opaque {
            direction: Direction::Serverbound,
            offset: 0,
            at: Elapsed::default(),
            bytes: Bytes::from(vec![0; len]),
            secret: Vec::new(),
        };
        let closed = Event::Closed { counters: Default::default(), at: Elapsed::default() };
        Message::Events { session: 1, begun: SystemTime::UNIX_EPOCH, events: vec![event, closed] }
    }

    fn count(message: &Message) -> usize {
        let Message::Events { events, .. } = message else { return 0 };
        events.len()
    }

    #[test]
    fn a_full_queue_that_waits_loses_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, receiver) = queue(1000, WhenFull::Wait);
        let printer = std::thread::spawn(move || {
            let mut events = 0;
            while let Ok(message) = receiver.next(Duration::from_secs(5)) {
                events += count(&message);
            }
            events
        });
        runtime.block_on(async {
            for _ in 0..50 {
                sender.send(opaque(600)).await;
            }
        });
        drop(sender);
        assert_eq!(printer.join().unwrap(), 100);
    }

    #[test]
    fn a_full_queue_that_drops_keeps_what_is_no_packet() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, receiver) = queue(1000, WhenFull::Drop);
        runtime.block_on(async {
            sender.send(opaque(400)).await;
            sender.send(opaque(400)).await;
        });
        assert_eq!(receiver.next_now().map(|m| count(&m)), Some(2));
        assert_eq!(receiver.next_now().map(|m| count(&m)), Some(1));
        assert!(receiver.next_now().is_none());
        assert_eq!(receiver.take_lost(), 0, "opaque bytes are no packets");
    }

    #[test]
    fn a_message_larger_than_the_room_gets_through() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, receiver) = queue(1000, WhenFull::Wait);
        runtime.block_on(sender.send(opaque(1 << 20)));
        assert_eq!(receiver.next_now().map(|m| count(&m)), Some(2));
    }
}
