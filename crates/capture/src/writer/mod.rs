//! Sessions into pcapng.

mod connection;
mod error;
mod frame;
mod options;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use midwire_codec::Direction;

use self::connection::Connection;
pub use self::connection::{Ends, SEGMENT_LEN_MAX};
pub use self::error::WriteError;
pub(crate) use self::frame::HALVES;
use self::frame::frame_note;
pub use self::frame::{Closing, Content, Fact, Frame, Opening, Recorded, Since};
use self::options::{begin_block, end_block, end_options, push_option};
use self::session::{Session, facts_note, session_note};
use crate::format::{
    BYTE_ORDER, DESCRIPTION, DROPPED, END_TIME, INTERFACE, LinkType, NAME, RECEIVED, SECTION,
    START_TIME, STATISTICS, TIME_RESOLUTION, USER_APPLICATION,
};
use crate::note::{NOTE_LEN_MAX, is_key};
use crate::provenance::Leg;
use crate::recording::FRAME_LEN_MAX;
use crate::timestamp::Timestamp;

/// What has gathered is written out when it reaches this many bytes.
pub const BATCH_LEN: usize = 256 << 10;

/// Sessions that may be open at once.
pub const SESSIONS_MAX: usize = 65_536;

/// Facts that are kept of one session, to be said again in the next file.
pub const FACTS_MAX: usize = 64;

/// What one interface has got in this section.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    packets: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// Writes sessions as a section of pcapng.
///
/// What is recorded gathers until [`Writer::flush`], or until [`BATCH_LEN`] bytes have gathered. An
/// error leaves what has gathered in place: the next call tries again where the file stopped taking
/// bytes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    batch: Vec<u8>,
    /// How much of the batch the file has taken.
    taken: usize,
    /// What the file has taken in all before this batch.
    flushed: u64,
    application: String,
    sessions: BTreeMap<u64, Session>,
    /// Sessions opened so far, over all files: makes sequence numbers differ.
    opened: u64,
    counts: [Counts; 2],
    note: String,
}

impl<W: Write> Writer<W> {
    /// Begins a section: at the start of a file, or behind the last whole record of one.
    ///
    /// `application` is the program that writes, with its version.
    pub fn new(out: W, application: &str) -> Self {
        let mut writer = Self {
            out,
            batch: Vec::with_capacity(BATCH_LEN + 4096),
            taken: 0,
            flushed: 0,
            application: application.to_owned(),
            sessions: BTreeMap::new(),
            opened: 0,
            counts: [Counts::default(); 2],
            note: String::new(),
        };
        writer.begin_section();
        writer
    }

    /// A session begins. What is known about it stands with its first packet.
    ///
    /// # Errors
    /// Where the session is open already, or has too much to say, or the file takes no more.
    pub fn session_opened(&mut self, opening: &Opening<'_>) -> Result<(), WriteError> {
        self.make_room()?;
        if self.sessions.contains_key(&opening.session) {
            return Err(WriteError::OpenAlready(opening.session));
        }
        if self.sessions.len() >= SESSIONS_MAX {
            return Err(WriteError::TooManySessions);
        }
        check_facts(opening.session, opening.facts)?;
        let facts = opening.facts.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let session = Session {
            client: Connection::new(Leg::Client, opening.client, self.opened),
            server: None,
            ends: [Some(opening.client), opening.server],
            began: opening.at,
            last_number: 0,
            facts: facts.collect(),
            later: VecDeque::new(),
            is_away: false,
        };
        session_note(&mut self.note, opening.session, Leg::Client, opening.facts.iter().copied());
        if self.note.len() > NOTE_LEN_MAX {
            return Err(WriteError::NoteTooLong { len: self.note.len() });
        }
        self.opened += 1;
        let session = self.sessions.entry(opening.session).or_insert(session);
        let packets = session.client.open(&mut self.batch, opening.at, &self.note);
        self.counts[Leg::Client.index()].count(packets, opening.at);
        Ok(())
    }

    /// The server's leg has been connected. Without that, or before it, it is written between
    /// addresses of zeros.
    ///
    /// # Errors
    /// Where the session is not open.
    pub fn server_connected(&mut self, session: u64, ends: Ends) -> Result<(), WriteError> {
        let open = self.sessions.get_mut(&session).ok_or(WriteError::NotOpen(session))?;
        open.ends[Leg::Server.index()] = Some(ends);
        Ok(())
    }

    /// What has become known about a session: its state, its version, a key. It is said in front of the packet
    /// by which it became known, be that recorded or not.
    ///
    /// # Errors
    /// Where the session is not open, or has too much to say, or the file takes no more.
    pub fn facts(
        &mut self,
        session: u64,
        at: Timestamp,
        since: Option<Since>,
        facts: &[Fact<'_>],
    ) -> Result<(), WriteError> {
        self.make_room()?;
        let open = self.sessions.get_mut(&session).ok_or(WriteError::NotOpen(session))?;
        check_facts(session, facts)?;
        // What will be said when the next file begins must fit as well.
        let all = open.facts_with(facts);
        if all.len() > FACTS_MAX {
            return Err(WriteError::TooManyFacts { session });
        }
        let all = all.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        session_note(&mut self.note, session, Leg::Client, all);
        if self.note.len() > NOTE_LEN_MAX {
            return Err(WriteError::NoteTooLong { len: self.note.len() });
        }
        let counts = &mut self.counts[Leg::Client.index()];
        open.come_back(session, at, &mut self.batch, &mut self.note, counts);
        open.know(since, facts);
        facts_note(&mut self.note, session, since, facts.iter().copied());
        let packets = open.client.remark(&mut self.batch, at, &self.note);
        counts.count(packets, at);
        Ok(())
    }

    /// A frame passed, or did not.
    ///
    /// # Errors
    /// Where the session is not open or that direction has ended, the frame or what is said about it is too
    /// long, or the file takes no more.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Result<(), WriteError> {
        self.make_room()?;
        let session =
            self.sessions.get_mut(&frame.session).ok_or(WriteError::NotOpen(frame.session))?;
        if session.client.has_ended(frame.direction) {
            return Err(WriteError::Ended { session: frame.session, direction: frame.direction });
        }
        let longest = match frame.bytes {
            Recorded::Passed(one)
            | Recorded::Dropped(one)
            | Recorded::Injected(one)
            | Recorded::Came(one)
            | Recorded::Sent(one) => one.bytes,
            Recorded::Changed { came, sent } => [came.bytes, sent.bytes]
                .into_iter()
                .max_by_key(|bytes| bytes.len())
                .unwrap_or_default(),
        };
        if longest.len() > FRAME_LEN_MAX {
            return Err(WriteError::FrameTooLong { len: longest.len() });
        }
        session.reach(frame.number);
        let counts = &mut self.counts[Leg::Client.index()];
        session.come_back(frame.session, frame.at, &mut self.batch, &mut self.note, counts);
        frame_note(&mut self.note, frame, session.last_number);
        if self.note.len() > NOTE_LEN_MAX {
            return Err(WriteError::NoteTooLong { len: self.note.len() });
        }
        session.last_number = frame.number.saturating_add(frame.count.saturating_sub(1));
        let incoming = Leg::incoming(frame.direction);
        let outgoing = Leg::outgoing(frame.direction);
        let records: [Option<(Leg, Content<'_>)>; 2] = match frame.bytes {
            Recorded::Passed(content) => [Some((Leg::Client, content)), None],
            Recorded::Dropped(came) | Recorded::Came(came) => [Some((incoming, came)), None],
            Recorded::Changed { came, sent } => [Some((incoming, came)), Some((outgoing, sent))],
            Recorded::Injected(sent) | Recorded::Sent(sent) => [Some((outgoing, sent)), None],
        };
        for (leg, content) in records.into_iter().flatten() {
            let mut packets = 0;
            let connection = match leg {
                Leg::Client => &mut session.client,
                Leg::Server => session.server.get_or_insert_with(|| {
                    let ends = session.ends[Leg::Server.index()]
                        .unwrap_or_else(|| unknown_ends(frame.session));
                    let mut server = Connection::new(Leg::Server, ends, self.opened);
                    self.opened += 1;
                    let mut note = String::new();
                    session_note(&mut note, frame.session, Leg::Server, std::iter::empty());
                    packets += server.open(&mut self.batch, frame.at, &note);
                    server
                }),
            };
            packets += connection.data(
                &mut self.batch,
                frame.direction,
                frame.at,
                content.bytes,
                content.blank,
                &self.note,
            );
            self.counts[leg.index()].count(packets, frame.at);
        }
        Ok(())
    }

    /// A direction has come to its end.
    ///
    /// # Errors
    /// Where the session is not open, or the file takes no more.
    pub fn direction_ended(
        &mut self,
        session: u64,
        direction: Direction,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        self.make_room()?;
        let open = self.sessions.get_mut(&session).ok_or(WriteError::NotOpen(session))?;
        let counts = &mut self.counts[Leg::Client.index()];
        open.come_back(session, at, &mut self.batch, &mut self.note, counts);
        let packets = open.client.end(&mut self.batch, direction, at);
        self.counts[Leg::Client.index()].count(packets, at);
        if let Some(server) = &mut open.server {
            let packets = server.end(&mut self.batch, direction, at);
            self.counts[Leg::Server.index()].count(packets, at);
        }
        Ok(())
    }

    /// A session is over.
    ///
    /// # Errors
    /// Where the session is not open, or the file takes no more.
    pub fn session_closed(
        &mut self,
        session: u64,
        closing: Closing,
        at: Timestamp,
    ) -> Result<(), WriteError> {
        self.make_room()?;
        let mut open = self.sessions.remove(&session).ok_or(WriteError::NotOpen(session))?;
        if open.is_away && Direction::BOTH.iter().all(|way| open.client.has_ended(*way)) {
            // Who reads has seen its end in an earlier file.
            return Ok(());
        }
        let counts = &mut self.counts[Leg::Client.index()];
        open.come_back(session, at, &mut self.batch, &mut self.note, counts);
        let legs = [Some(&mut open.client), open.server.as_mut()];
        for (connection, counts) in legs.into_iter().zip(&mut self.counts) {
            let Some(connection) = connection else { continue };
            let packets = match closing {
                Closing::Finished => Direction::BOTH
                    .into_iter()
                    .map(|direction| connection.end(&mut self.batch, direction, at))
                    .sum(),
                Closing::Reset(direction) => connection.reset(&mut self.batch, direction, at),
            };
            counts.count(packets, at);
        }
        Ok(())
    }

    /// What each interface has got so far in this section, and how many records were lost before
    /// they came here.
    ///
    /// # Errors
    /// Where the file takes no more.
    pub fn statistics(&mut self, at: Timestamp, lost: u64) -> Result<(), WriteError> {
        self.make_room()?;
        for (interface, counts) in self.counts.iter().enumerate() {
            let out = &mut self.batch;
            let block = begin_block(out, STATISTICS);
            out.extend_from_slice(&(interface as u32).to_le_bytes());
            out.extend_from_slice(&time(at));
            if let Some(first) = counts.first {
                push_option(out, START_TIME, &time(first));
            }
            if let Some(last) = counts.last {
                push_option(out, END_TIME, &time(last));
            }
            push_option(out, RECEIVED, &counts.packets.to_le_bytes());
            if interface == Leg::Client.index() {
                push_option(out, DROPPED, &lost.to_le_bytes());
            }
            end_options(out);
            end_block(out, block);
        }
        Ok(())
    }

    /// Hands what has gathered to the file, and flushes that.
    ///
    /// # Errors
    /// Where the file takes no more. What it took is not written again.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_batch()?;
        self.out.flush()
    }

    /// Goes on in another file. An open session begins anew in it, with what is known about it, where
    /// the first of its records is, and at that record's time, so that it does not begin behind what
    /// follows of it. Gives back the file so far, with its statistics written and flushed.
    ///
    /// # Errors
    /// Where the file so far takes no more; then nothing has changed.
    pub fn rotate(&mut self, next: W, at: Timestamp, lost: u64) -> Result<W, WriteError> {
        self.statistics(at, lost)?;
        self.flush()?;
        let last = std::mem::replace(&mut self.out, next);
        self.flushed = 0;
        self.counts = [Counts::default(); 2];
        self.begin_section();
        for session in self.sessions.values_mut() {
            session.leave(&mut self.opened);
        }
        Ok(last)
    }

    /// How long the section is, with what has gathered.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.flushed + self.batch.len() as u64
    }

    /// How much of the section the file has taken, up to the end of the last record that it has whole: where
    /// it is to be cut off once it takes no more.
    #[must_use]
    pub fn whole(&self) -> u64 {
        let mut whole = 0;
        // Each block begins with its kind and its length.
        while let Some(len) = self.batch.get(whole + 4..whole + 8) {
            let len = len.iter().rev().fold(0, |len, byte| len << 8 | usize::from(*byte));
            if len == 0 || whole + len > self.taken {
                break;
            }
            whole += len;
        }
        self.flushed + whole as u64
    }

    /// Never: a section has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has gathered and is not in the file yet, in bytes.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.batch.len() - self.taken
    }

    /// The file.
    pub const fn get_ref(&self) -> &W {
        &self.out
    }

    /// The file, for what else is to be done with it: what is written to it here ends up between
    /// records, or in one.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// The file, with everything written.
    ///
    /// # Errors
    /// Where the file takes no more.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.batch.len() < BATCH_LEN { Ok(()) } else { self.write_batch() }
    }

    fn write_batch(&mut self) -> io::Result<()> {
        while let Some(rest) = self.batch.get(self.taken..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.taken += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.flushed += self.batch.len() as u64;
        self.batch.clear();
        self.batch.shrink_to(4 * BATCH_LEN);
        self.taken = 0;
        Ok(())
    }

    fn begin_section(&mut self) {
        let out = &mut self.batch;
        let block = begin_block(out, SECTION);
        out.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        // Version 1.0, of unknown length.
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(&[0xff; 8]);
        push_option(out, USER_APPLICATION, self.application.as_bytes());
        end_options(out);
        end_block(out, block);
        for (name, description) in [
            ("client", "between the client and midwire"),
            ("server", "between midwire and the server, where it differs"),
        ] {
            let block = begin_block(out, INTERFACE);
            out.extend_from_slice(&(LinkType::RAW.0 as u16).to_le_bytes());
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&262_144_u32.to_le_bytes());
            push_option(out, NAME, name.as_bytes());
            push_option(out, DESCRIPTION, description.as_bytes());
            push_option(out, TIME_RESOLUTION, &[9]);
            end_options(out);
            end_block(out, block);
        }
    }
}

/// Where nobody said how the server's leg is connected. The two ends differ, or other tools could not
/// tell the directions apart.
fn unknown_ends(session: u64) -> Ends {
    let end = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    Ends { client: end(1024 + (session % 64_000) as u16), server: end(1) }
}

impl Counts {
    fn count(&mut self, packets: u64, at: Timestamp) {
        if packets > 0 {
            self.packets += packets;
            self.first.get_or_insert(at);
            self.last = Some(at);
        }
    }
}

/// A time as blocks have it: its upper half first.
fn time(at: Timestamp) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&((at.0 >> 32) as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(at.0 as u32).to_le_bytes());
    bytes
}

fn check_facts(session: u64, facts: &[Fact<'_>]) -> Result<(), WriteError> {
    if facts.len() > FACTS_MAX {
        return Err(WriteError::TooManyFacts { session });
    }
    match facts.iter().find(|(key, _)| !is_key(key)) {
        Some((key, _)) => Err(WriteError::Key((*key).to_owned())),
        None => Ok(()),
    }
}
