//! The way from sessions to the thread that writes a recording: bounded by bytes, and nothing is left out of it.
//! Who finds no room waits, and with it the session.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::entry::Entry;

/// The writer is woken at once when this part of the room is taken; else it looks after [`GATHER`]. Until then
/// it takes nothing of the processor from who relays: a burst of packets is written once it is over.
const WAKE_PART: usize = 2;
/// How long the writer lets entries gather: a fifth of what may pass until something is in the file.
const GATHER: Duration = Duration::from_millis(200);

/// What sessions and the writer share.
#[derive(Debug)]
pub(super) struct Queue {
    max: usize,
    /// The writer is woken when so many bytes wait.
    wake: usize,
    room: Semaphore,
    waiting: Mutex<Waiting>,
    /// Something is there to be written, or nothing more comes.
    come: Condvar,
    /// The writer has ended.
    ended: Condvar,
    /// Nothing is recorded any more.
    failed: AtomicBool,
    /// How often a session has waited for room.
    pub(super) waits: AtomicU64,
    /// Bytes of frames and streams that were to be recorded so far.
    pub(super) told: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<(Entry, u32)>,
    bytes: usize,
    closed: bool,
    ended: bool,
}

/// Why an entry was not taken: there is no room.
#[derive(Debug)]
pub(super) struct Full(pub(super) Entry);

impl Queue {
    /// Room for so many bytes.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let max = max.clamp(1, Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Arc::new(Self {
            max,
            wake: max / WAKE_PART,
            room: Semaphore::new(max),
            waiting: Mutex::default(),
            come: Condvar::new(),
            ended: Condvar::new(),
            failed: AtomicBool::new(false),
            waits: AtomicU64::new(0),
            told: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an entry in, if there is room.
    pub(super) fn try_put(&self, entry: Entry) -> Result<(), Full> {
        if self.has_failed() {
            self.count(&entry);
            return Ok(());
        }
        let cost = entry.cost().min(self.max) as u32;
        match self.room.try_acquire_many(cost) {
            Ok(permit) => {
                permit.forget();
                self.push(entry, cost);
                Ok(())
            }
            Err(_) => Err(Full(entry)),
        }
    }

    /// Puts an entry in, once there is room. Gives how long it waited.
    pub(super) async fn put(&self, entry: Entry) -> Duration {
        let Err(Full(entry)) = self.try_put(entry) else { return Duration::ZERO };
        let begun = Instant::now();
        self.waits.fetch_add(1, Ordering::Relaxed);
        let cost = entry.cost().min(self.max) as u32;
        // It is closed only once nothing is recorded any more.
        match self.room.acquire_many(cost).await {
            Ok(permit) => {
                permit.forget();
                self.push(entry, cost);
            }
            Err(_) => self.count(&entry),
        }
        begun.elapsed()
    }

    /// Puts an entry in whether there is room or not.
    pub(super) fn put_anyway(&self, entry: Entry) {
        if self.has_failed() {
            self.count(&entry);
        } else {
            self.push(entry, 0);
        }
    }

    fn count(&self, entry: &Entry) {
        self.told.fetch_add(entry.payload(), Ordering::Relaxed);
    }

    fn push(&self, entry: Entry, cost: u32) {
        self.count(&entry);
        let mut waiting = self.lock();
        let was_empty = waiting.entries.is_empty();
        let was_little = waiting.bytes < self.wake;
        waiting.entries.push((entry, cost));
        waiting.bytes = waiting.bytes.saturating_add(cost as usize);
        let is_much = was_little && waiting.bytes >= self.wake;
        drop(waiting);
        if was_empty || is_much {
            self.come.notify_one();
        }
    }

    /// Swaps what waits for an empty list. `false`: nothing more comes. Returns without anything after
    /// `wait` at the latest.
    pub(super) fn take(&self, into: &mut Vec<(Entry, u32)>, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let mut waiting = self.lock();
        while waiting.entries.is_empty() && !waiting.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            waiting = self.wait(waiting, left);
        }
        let gathered = Instant::now() + GATHER;
        while waiting.bytes < self.wake && !waiting.closed {
            let left = gathered.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.wait(waiting, left);
        }
        std::mem::swap(&mut waiting.entries, into);
        waiting.bytes = 0;
        !(waiting.closed && into.is_empty())
    }

    fn wait<'a>(
        &self,
        waiting: MutexGuard<'a, Waiting>,
        wait: Duration,
    ) -> MutexGuard<'a, Waiting> {
        let waited = self.come.wait_timeout(waiting, wait);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Gives back the room of what has been written.
    pub(super) fn give_back(&self, cost: u32) {
        self.room.add_permits(cost as usize);
    }

    /// Nothing is recorded any more; who waits for room goes on.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
        self.room.close();
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.come.notify_one();
    }

    /// The writer has ended.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.ended.notify_all();
    }

    /// Waits until the writer has ended, but no longer than this.
    pub(super) fn wait_for_end(&self, wait: Duration) {
        let ended = self.ended.wait_timeout_while(self.lock(), wait, |waiting| !waiting.ended);
        drop(ended.unwrap_or_else(PoisonError::into_inner));
    }
}
