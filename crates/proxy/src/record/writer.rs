//! The thread that writes a recording.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use midwire_capture::{Closing, Ends, Fact, Opening, Since, Timestamp, WriteError, Writer};
use midwire_codec::Framing;
use midwire_definition::Protocol;
use midwire_session::{Direction, Event, PacketNumber, Peers, Record};

use super::Counts;
use super::entry::{Entry, Opened as Begun, Told};
use super::file::{Files, OpenError, Opened};
use super::options::{Options, Sync};
use super::put::Put;
use super::queue::Queue;
use super::recount::recount;
use super::spares::Spares;
use super::sync::Syncer;
use crate::filter::Filters;
use crate::queue::Sender;

/// Between two times that the system is told to put what was written on the disk.
const SYNC_EVERY: Duration = Duration::from_millis(800);
/// Memory is kept for what comes next for so long, after so many bytes at once.
const SPARE_FOR: Duration = Duration::from_secs(2);
const MUCH: u64 = 1 << 20;
/// How long the writer sleeps at most.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// How much nicer the recorder is than the others: it has a third of what they have.
#[cfg(target_os = "linux")]
const GIVES_WAY: i32 = 5;

/// What a recording was, once it is over.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) path: PathBuf,
    pub(crate) files: u32,
    pub(crate) error: Option<String>,
}

/// What is known of a session that is recorded.
pub(super) struct Known {
    pub(super) protocol: Arc<Protocol>,
    pub(super) framing: Option<Framing>,
    peers: Peers,
    /// Packets that are kept and have not been written yet.
    pub(super) kept: HashSet<PacketNumber>,
    /// The number of the next packet.
    pub(super) next: u64,
}

impl Known {
    /// What the next packet tells holds from this one on.
    pub(super) fn since(&self, from: PacketNumber) -> Option<Since> {
        Some(Since { number: self.next, from: from.0 })
    }

    /// What the next packet tells holds of that packet as well.
    fn since_next(&self) -> Option<Since> {
        self.since(PacketNumber(self.next))
    }
}

/// The thread's own.
pub(super) struct Recorder {
    pub(super) queue: Arc<Queue>,
    pub(super) spares: Arc<Spares>,
    pub(super) counts: Arc<Counts>,
    pub(super) files: Files,
    pub(super) options: Options,
    pub(super) keep: Option<Filters>,
    pub(super) events: Sender,
}

/// A writer with its file.
struct Out {
    writer: Writer<File>,
    path: PathBuf,
    /// Where the section starts in the file.
    start: u64,
    is_regular: bool,
    /// Frames and bytes that were counted before it.
    before: (u64, u64),
    begun: Instant,
    synced: Instant,
    /// Something was written since.
    is_dirty: bool,
    /// Puts it on the disk while more is written.
    syncer: Option<Syncer>,
}

impl Out {
    fn new(opened: Opened) -> Self {
        let Opened { file, path, start, is_regular, .. } = opened;
        let now = Instant::now();
        let writer = Writer::new(file, APPLICATION_VERSION);
        let (before, begun, synced) = ((0, 0), now, now);
        let (is_dirty, syncer) = (true, None);
        Self { writer, path, start, is_regular, before, begun, synced, is_dirty, syncer }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_dirty |= self.writer.pending() > 0;
        self.writer.flush()
    }

    /// Has what was written put on the disk by somebody else.
    fn ask(&mut self) -> io::Result<()> {
        let is_needed = self.is_dirty && self.is_regular;
        let syncer = self.syncer.as_ref().filter(|_| is_needed);
        if syncer.map_or(Ok(true), |syncer| syncer.ask(self.writer.get_ref()))? {
            (self.is_dirty, self.synced) = (false, Instant::now());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty && self.is_regular {
            self.writer.get_ref().sync_data()?;
        }
        (self.is_dirty, self.synced) = (false, Instant::now());
        Ok(())
    }
}

/// What stands in files as the program that wrote them.
const APPLICATION_VERSION: &str = concat!("midwire ", env!("CARGO_PKG_VERSION"));

impl Recorder {
    /// Writes until nothing more comes.
    pub(super) fn run(mut self, opened: Opened) -> Report {
        give_way();
        let mut out = Out::new(opened);
        let mut sessions = HashMap::new();
        let mut error = self.record(&mut out, &mut sessions).err();
        if let Some(error) = &error {
            self.give_up(&mut out, error);
        }
        let mut path = out.path.clone();
        let files = self.files.count;
        drop(out);
        match self.files.compress_last(&path) {
            Ok(last) => path = last,
            Err(failed) => drop(error.get_or_insert(failed.into())),
        }
        self.queue.end();
        Report { path, files, error: error.map(|error| error.to_string()) }
    }

    fn record(&mut self, out: &mut Out, sessions: &mut HashMap<u64, Known>) -> Result<(), Failed> {
        out.syncer = Some(Syncer::start()?);
        out.flush()?;
        let mut entries = Vec::new();
        let mut busy = Instant::now();
        loop {
            let goes_on = self.queue.take(&mut entries, self.until_due(out));
            let much = entries.iter().map(|(_, cost)| u64::from(*cost)).sum::<u64>() >= MUCH;
            if much {
                busy = Instant::now();
            } else if busy.elapsed() >= SPARE_FOR {
                self.spares.clear();
            }
            for (entry, cost) in entries.drain(..) {
                self.entry(out, sessions, entry)?;
                self.queue.give_back(cost);
            }
            if entries.capacity() > 1 << 16 {
                entries = Vec::new();
            }
            out.flush()?;
            if !goes_on {
                break;
            }
            self.rotate_if_due(out)?;
            match self.options.sync {
                Sync::Always => out.sync()?,
                Sync::Second if out.synced.elapsed() >= SYNC_EVERY => out.ask()?,
                Sync::Second | Sync::None => {}
            }
        }
        out.writer.statistics(now(), 0)?;
        out.flush()?;
        if self.options.sync != Sync::None {
            out.sync()?;
        }
        Ok(())
    }

    /// How long there is nothing to be done by itself.
    fn until_due(&self, out: &Out) -> Duration {
        let sync = match self.options.sync {
            Sync::Second if out.is_dirty => {
                SYNC_EVERY.saturating_sub(out.synced.elapsed()).max(SYNC_EVERY / 8)
            }
            _ => LOOK_EVERY,
        };
        let rotation = self.options.rotation.and_then(|rotation| rotation.duration);
        let rotation = rotation.map_or(LOOK_EVERY, |wait| wait.saturating_sub(out.begun.elapsed()));
        let spares = if self.spares.is_empty() { LOOK_EVERY } else { SPARE_FOR };
        sync.min(rotation).min(spares)
    }

    fn rotate_if_due(&mut self, out: &mut Out) -> Result<(), Failed> {
        let Some(rotation) = self.options.rotation else { return Ok(()) };
        let is_full = rotation.size.is_some_and(|size| out.writer.len() >= size);
        let is_old = rotation.duration.is_some_and(|wait| out.begun.elapsed() >= wait);
        if !is_full && !is_old {
            return Ok(());
        }
        let last = out.path.clone();
        out.flush()?;
        let next = self.files.next(SystemTime::now())?;
        let (path, start, is_regular) = (next.path, next.start, next.is_regular);
        let file = out.writer.rotate(next.file, now(), 0)?;
        match &out.syncer {
            Some(syncer) if self.options.sync == Sync::Second => syncer.ask_for(file)?,
            _ if self.options.sync == Sync::None => drop(file),
            _ => file.sync_data()?,
        }
        self.files.over(&last)?;
        let begun = Instant::now();
        (out.path, out.start, out.is_regular) = (path, start, is_regular);
        out.before = self.counts.written();
        (out.begun, out.synced, out.is_dirty) = (begun, begun, true);
        out.flush()?;
        Ok(())
    }

    /// What is there stays readable, and sessions go on.
    fn give_up(&mut self, out: &mut Out, error: &Failed) {
        let whole = out.start + out.writer.whole();
        if out.is_regular && out.writer.get_ref().set_len(whole).is_err() {
            tracing::warn!("the recording's last record could not be cut off");
        }
        self.count_anew(out);
        self.queue.fail();
        self.counts.failed.store(true, Ordering::Relaxed);
        self.events.notice(
            None,
            format!(
                "nothing is recorded any more: {error}. What was recorded before is in {}; the game goes on",
                out.path.display()
            ),
        );
        // Who waits for room must get it, or sessions could not go on.
        let mut rest = Vec::new();
        while self.queue.take(&mut rest, LOOK_EVERY) {
            rest.clear();
        }
    }

    /// Counts what is in the files, and not what only was on its way there.
    fn count_anew(&self, out: &Out) {
        if !out.is_regular {
            return;
        }
        match recount(&out.path, out.start) {
            Ok((frames, bytes)) => {
                let (frames_before, bytes_before) = out.before;
                self.counts.frames.store(frames_before + frames, Ordering::Relaxed);
                self.counts.payload.store(bytes_before + bytes, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!("what was recorded cannot be counted: {error}"),
        }
    }

    fn entry(
        &mut self,
        out: &mut Out,
        sessions: &mut HashMap<u64, Known>,
        entry: Entry,
    ) -> Result<(), Failed> {
        let Entry { session, begun, items, .. } = entry;
        let begun = timestamp(begun);
        for told in items {
            let mut told = Some(told);
            while let Some(now) = told.take() {
                match self.told(&mut out.writer, sessions, session, begun, now) {
                    Err(WriteError::Io(error)) => return Err(error.into()),
                    Err(error) => self.tell_unrecorded(session, &error),
                    Ok(rest) => told = rest.map(Told::Record),
                }
                self.rotate_if_due(out)?;
            }
        }
        Ok(())
    }

    /// Something could not be written though the file would take it.
    fn tell_unrecorded(&self, session: u64, error: &WriteError) {
        let before = self.counts.unrecorded.fetch_add(1, Ordering::Relaxed);
        if (before + 1).is_power_of_two() {
            let text = format!("not recorded ({} so far): {error}", before + 1);
            self.events.notice(Some(session), text);
        }
    }

    fn told<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        sessions: &mut HashMap<u64, Known>,
        session: u64,
        begun: Timestamp,
        told: Told,
    ) -> Result<Option<Record>, WriteError> {
        let done = match told {
            Told::Opened(opened) => {
                self.counts.sessions.fetch_add(1, Ordering::Relaxed);
                let known = open(writer, session, begun, &opened)?;
                sessions.insert(session, known);
                Ok(())
            }
            Told::Record(record) => {
                let Some(known) = sessions.get_mut(&session) else { return Ok(None) };
                let at = begun.after(record.at.0);
                let keeps_all = self.keep.is_none();
                let size = self.options.rotation.and_then(|rotation| rotation.size);
                let len_max = size.unwrap_or(u64::MAX);
                let mut put = Put { writer, session, at, len_max, counts: &self.counts };
                return put.record(known, keeps_all, record);
            }
            Told::Event(event) => self.event(writer, sessions, session, begun, event),
            Told::Ended(direction, at) => {
                writer.direction_ended(session, direction, begun.after(at.0))
            }
            Told::Closed(closing, at) => {
                sessions.remove(&session);
                writer.session_closed(session, closing, begun.after(at.0))
            }
        };
        done.map(|()| None)
    }

    fn event<W: Write>(
        &mut self,
        writer: &mut Writer<W>,
        sessions: &mut HashMap<u64, Known>,
        session: u64,
        begun: Timestamp,
        event: Event,
    ) -> Result<(), WriteError> {
        let Some(known) = sessions.get_mut(&session) else { return Ok(()) };
        match event {
            Event::Packet(packet) => {
                if let Some(keep) = &mut self.keep
                    && keep.matches(&known.protocol, &packet.envelope(known.peers))
                {
                    known.kept.insert(packet.number);
                }
                Ok(())
            }
            Event::State { direction, state, from, at } => {
                let key = of(direction, "state.serverbound", "state.clientbound");
                let facts = [(key, known.protocol.state_name(state))];
                writer.facts(session, begun.after(at.0), known.since(from), &facts)
            }
            Event::Version { version, number, assumed, at } => {
                let number = number.unwrap_or(version.number).to_string();
                let mut facts: Vec<Fact<'_>> =
                    vec![("version", &version.key), ("version_number", &number)];
                if assumed {
                    facts.push(("version_assumed", "yes"));
                }
                writer.facts(session, begun.after(at.0), known.since_next(), &facts)
            }
            Event::Key { key, at } => {
                let key = hex::encode(key.as_bytes());
                writer.facts(session, begun.after(at.0), known.since_next(), &[("key", &key)])
            }
            _ => Ok(()),
        }
    }
}

/// What there is for a direction.
pub(super) fn of<T>(direction: Direction, serverbound: T, clientbound: T) -> T {
    match direction {
        Direction::Serverbound => serverbound,
        Direction::Clientbound => clientbound,
    }
}

fn open<W: Write>(
    writer: &mut Writer<W>,
    session: u64,
    at: Timestamp,
    opened: &Begun,
) -> Result<Known, WriteError> {
    let Begun { client, server, to, setup } = opened;
    let protocol = setup.protocol().clone();
    let state = setup.options().start.unwrap_or(protocol.start);
    let mut facts: Vec<Fact<'_>> = vec![("protocol", &protocol.name), ("to", to)];
    if protocol.states.len() > 1 {
        let name = protocol.state_name(state);
        facts.extend([("state.serverbound", name), ("state.clientbound", name)]);
    }
    let server = *server;
    writer.session_opened(&Opening { session, at, client: *client, server, facts: &facts })?;
    let ip = |ends: Ends, of_client: bool| -> Option<IpAddr> {
        Some(if of_client { ends.client.ip() } else { ends.server.ip() })
    };
    Ok(Known {
        framing: setup.framing().copied(),
        peers: Peers {
            session,
            client: ip(*client, true),
            server: server.and_then(|ends| ip(ends, false)),
        },
        protocol,
        kept: HashSet::new(),
        next: 1,
    })
}

/// Those who relay come first where there are not processors for all: what waits to be written is bounded, and
/// who finds no room waits in turn.
fn give_way() {
    #[cfg(target_os = "linux")] // where a thread has a priority of its own
    if let Err(error) = rustix::process::nice(GIVES_WAY) {
        tracing::debug!("the recorder keeps its priority: {error}");
    }
}

/// Why a recording has ended early.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{0}")]
    Write(#[from] WriteError),
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::default().after(at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

impl Told {
    /// The end of a session that was given up.
    pub(crate) fn given_up(at: midwire_session::Elapsed) -> Self {
        Self::Closed(Closing::Reset(Direction::Clientbound), at)
    }
}
