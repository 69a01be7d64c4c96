//! The index beside a capture of midwire's: where to begin reading to come to a packet at once, and what
//! its packets were counted as.
//!
//! It is made when a packet is asked for by its number, or all are counted, and is made anew when the file
//! or what it is read by is another one. Where it cannot be written, or what is in the file does not allow one, reading goes on without it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use midwire_capture::{
    Context, Decoded, Decoder, Freshness, HEAD_LEN, Index, IndexBuilder, IndexedPacket, Item,
    Reader, Record, Recordings, Stamp, Timestamp,
};
use midwire_definition::StateId;
use midwire_session::{DirectionSnapshot, FormSnapshot, Snapshot};

use super::counts::{Counts, lock};
use super::input::GZIP;
use super::numbering::Numbers;
use super::numbers::{put, put_bytes, take, take_bytes};
use super::out::{Out, Wanted};
use super::progress::Progress;
use super::sessions::Sessions;
use super::stats::Stats;
use super::stop::Stop;
use super::tools::{Tools, Viewed};
use crate::print::Style;

/// What is added to a capture's name.
const SUFFIX: &str = ".mwix";
/// A smaller file is read from its start sooner than an index is.
const LEN_MIN: u64 = 4 << 20;
/// The longest index that is read, in bytes: it has at most so many starts and places.
const INDEX_LEN_MAX: u64 = 64 << 20;
/// After so many packets it is looked whether somebody wants the end.
const LOOK_EVERY: u64 = 4_096;

/// A place to begin reading at.
pub(super) struct Place {
    pub(super) reader: Reader<File>,
    pub(super) recordings: Recordings,
    pub(super) sessions: Vec<OpenSession>,
    pub(super) numbers: Numbers,
    /// The number of the first packet that comes.
    pub(super) packet: u64,
}

/// A session that was open at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenSession {
    /// Its number in the recording, and as it is shown.
    pub(super) numbers: (u64, u64),
    pub(super) begun: Timestamp,
    pub(super) client: SocketAddr,
    pub(super) server: String,
    pub(super) protocol: String,
    /// The version's key.
    pub(super) version: String,
    pub(super) snapshot: Snapshot,
}

/// Where to begin reading to come to a packet, by the index beside the file, which is made if need be.
/// `None`: from the start.
pub(super) fn place(path: &Path, packet: u64, tools: Tools, stop: &Stop) -> (Tools, Option<Place>) {
    let (tools, found) = get(path, tools, stop);
    let place = found.and_then(|(index, file)| begin(&index, file, packet));
    (tools, place)
}

/// What the packets of a file were counted as, by the index beside it, which is made if need be. `None`:
/// that has to be found out by reading it.
pub(super) fn counts(path: &Path, tools: Tools, stop: &Stop) -> (Tools, Option<Counts>) {
    let (mut tools, found) = get(path, tools, stop);
    let counts = found.and_then(|(index, _)| {
        let mut rest = index.end()?.state.get(FINGERPRINT_LEN..).filter(|rest| !rest.is_empty())?;
        let counts = Counts::restore(&mut rest, |name| tools.choice.named(name))?;
        rest.is_empty().then_some(counts)
    });
    (tools, counts)
}

/// What the definitions are is in front of the counts.
const FINGERPRINT_LEN: usize = 8;

/// The index of a file.
fn get(path: &Path, tools: Tools, stop: &Stop) -> (Tools, Option<(Index, File)>) {
    let Some(fingerprint) = tools.choice.fingerprint() else { return (tools, None) };
    let Some(mut file) = plain(path) else { return (tools, None) };
    let Some(stamp) = stamp(&mut file) else { return (tools, None) };
    let is_known = |index: &Index| {
        let state = index.end().map(|end| end.state);
        let of = state.and_then(|state| state.first_chunk::<FINGERPRINT_LEN>());
        index.freshness(&stamp) == Freshness::Fresh && of == Some(&fingerprint.to_le_bytes())
    };
    if let Some(known) = load(path).filter(is_known) {
        return (tools, Some((known, file)));
    }
    let (tools, index) = make(&mut file, stamp, fingerprint, tools, stop);
    if let Some(index) = &index {
        // Who may not write there reads without.
        let _ = save(path, index);
    }
    (tools, index.map(|index| (index, file)))
}

/// A file that is large enough, and not packed.
fn plain(path: &Path) -> Option<File> {
    if path == Path::new("-") {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let found = file.metadata().ok()?;
    let mut head = [0; 2];
    file.read_exact(&mut head).ok()?;
    (found.is_file() && found.len() >= LEN_MIN && head != GZIP).then_some(file)
}

fn stamp(file: &mut File) -> Option<Stamp> {
    let found = file.metadata().ok()?;
    let modified = found.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut head = Vec::new();
    (&mut *file).take(HEAD_LEN as u64).read_to_end(&mut head).ok()?;
    Some(Stamp::new(found.len(), u64::try_from(modified.as_nanos()).unwrap_or(0), &head))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

fn load(path: &Path) -> Option<Index> {
    let mut bytes = Vec::new();
    let file = File::open(beside(path)).ok()?;
    file.take(INDEX_LEN_MAX).read_to_end(&mut bytes).ok()?;
    Index::from_bytes(&bytes).ok()
}

/// Writes the index under another name first: nobody finds half of one.
fn save(path: &Path, index: &Index) -> std::io::Result<()> {
    let (target, new) = (beside(path), beside(&beside(path)));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(&new).and_then(|mut file| file.write_all(&index.to_bytes()));
    let renamed = written.and_then(|()| std::fs::rename(&new, target));
    if renamed.is_err() {
        let _ = std::fs::remove_file(new);
    }
    renamed
}

/// Reads a capture through. `None`: it holds something else than midwire's recordings, or somebody wants
/// the end.
fn make(
    file: &mut File,
    stamp: Stamp,
    fingerprint: u64,
    tools: Tools,
    stop: &Stop,
) -> (Tools, Option<Index>) {
    let counts = Arc::new(Mutex::new(Counts::default()));
    let mut tools = tools;
    let view = std::mem::replace(&mut tools.view, Viewed::Counts(counts.clone()));
    let counting = Stats::new(false, Style::of_stdout(), tools.choice.limits(), counts.clone());
    let out = Rc::new(RefCell::new(Out::new(Box::new(counting), Wanted::default())));
    let mut sessions = Sessions::new(tools, out);
    let passed = pass(file, &mut sessions, stop);
    sessions.finish();
    let is_whole = sessions.missing == 0 && sessions.passed_over == 0;
    let tools = Tools { view, ..sessions.into_tools() };
    let index = passed.and_then(|Passed { builder, end, context, is_damaged }| {
        let mut state = fingerprint.to_le_bytes().to_vec();
        if is_whole && !is_damaged {
            lock(&counts).save(&mut state);
        }
        builder.finish(stamp, end, &context, &state)
    });
    (tools, index)
}

/// What is known of a file that was read to its end.
struct Passed {
    builder: IndexBuilder,
    end: u64,
    context: Context,
    is_damaged: bool,
}

fn pass(file: &mut File, sessions: &mut Sessions, stop: &Stop) -> Option<Passed> {
    file.seek(SeekFrom::Start(0)).ok()?;
    let taken = Rc::new(std::cell::Cell::new(0));
    let len = file.metadata().ok().map(|found| found.len());
    let mut progress = Progress::new(taken.clone(), len, true);
    let mut reader = Reader::new(&*file);
    let (mut decoder, mut recordings) = (Decoder::default(), Recordings::default());
    let mut builder = IndexBuilder::default();
    let (mut records, mut packets, mut is_damaged) = (0_u64, 0_u64, false);
    loop {
        let start = builder.wants_start().then(|| state(&recordings, sessions)).flatten();
        let offset = reader.offset();
        let packet = match reader.next().ok()? {
            None => break,
            Some(Item::Section(section)) => {
                if section.index > 0 {
                    recordings.finish(|record| sessions.record(record));
                    sessions.forget_recorded();
                }
                continue;
            }
            Some(Item::Packet(packet)) => packet,
            Some(Item::Damage(_)) => {
                is_damaged = true;
                continue;
            }
            Some(Item::Interface(_) | Item::Other { .. }) => continue,
        };
        records += 1;
        if records.is_multiple_of(LOOK_EVERY) {
            taken.set(offset);
            progress.packets(packets);
            if stop.is_wanted() {
                return None;
            }
        }
        let at = packet.at.unwrap_or_default();
        sessions.now = at;
        let Decoded::Tcp(segment) = decoder.packet(&packet) else { return None };
        let is_recorded = recordings.push(&packet, &segment, |record| match record {
            Record::Damaged { .. } => is_damaged = true,
            record => sessions.record(record),
        });
        if !is_recorded {
            return None;
        }
        let now = sessions.recorded_packets;
        if now > packets {
            if let (Some(state), Some(context)) = (&start, reader.context()) {
                builder.start(offset, at, context, state);
            }
            for _ in packets..now {
                builder.packet(&IndexedPacket { offset, at, len: 0, keys: &[] });
            }
            packets = now;
        }
    }
    // What waits for what is not there belongs to no place.
    if recordings.is_waiting() {
        return None;
    }
    let (end, context) = (reader.offset(), reader.context()?.clone());
    Some(Passed { builder, end, context, is_damaged })
}

/// Reads from the last start in front of a packet on.
fn begin(index: &Index, mut file: File, packet: u64) -> Option<Place> {
    let start = index.start(packet)?;
    let (recordings, numbers, sessions) = restore(start.state)?;
    file.seek(SeekFrom::Start(start.offset)).ok()?;
    let reader = Reader::resume(file, start.offset, start.context.clone());
    Some(Place { reader, recordings, sessions, numbers, packet: start.packet })
}

/// What is known at a place, as bytes; `None` while something is in the air.
fn state(recordings: &Recordings, sessions: &Sessions) -> Option<Vec<u8>> {
    let open = sessions.open_sessions()?;
    let mut out = Vec::new();
    put_bytes(&mut out, &recordings.save()?);
    let Numbers { floor, last, used } = &sessions.numbers;
    for number in [*floor, *last, used.len() as u64] {
        put(&mut out, number);
    }
    used.iter().for_each(|number| put(&mut out, *number));
    put(&mut out, open.len() as u64);
    for session in open {
        for number in [session.numbers.0, session.numbers.1, session.begun.0] {
            put(&mut out, number);
        }
        let client = session.client.to_string();
        for text in [&client, &session.server, &session.protocol, &session.version] {
            put_bytes(&mut out, text.as_bytes());
        }
        put(&mut out, u64::from(session.snapshot.is_known));
        put(&mut out, session.snapshot.packets);
        for direction in &session.snapshot.directions {
            put(&mut out, u64::from(direction.is_framed));
            put(&mut out, direction.bytes);
            put(&mut out, direction.forms.len() as u64);
            for form in &direction.forms {
                put(&mut out, u64::from(form.state.0));
                put(&mut out, form.threshold.map_or(0, |threshold| u64::from(threshold) + 1));
                put(&mut out, form.conn.len() as u64);
                form.conn.iter().for_each(|value| put(&mut out, value.cast_unsigned()));
            }
        }
    }
    Some(out)
}

fn form(rest: &mut &[u8]) -> Option<FormSnapshot> {
    let state = StateId(u8::try_from(take(rest)?).ok()?);
    let threshold = match take(rest)? {
        0 => None,
        threshold => Some(u32::try_from(threshold - 1).ok()?),
    };
    let count = usize::try_from(take(rest)?).ok().filter(|count| *count <= rest.len() / 8)?;
    let conn = (0..count).map(|_| Some(take(rest)?.cast_signed())).collect::<Option<Vec<_>>>()?;
    Some(FormSnapshot { state, threshold, conn })
}

/// Sessions of one place.
const SESSIONS_MAX: u64 = 65_536;

/// The opposite of [`state`].
fn restore(state: &[u8]) -> Option<(Recordings, Numbers, Vec<OpenSession>)> {
    let mut rest = state;
    let recordings = Recordings::restore(take_bytes(&mut rest)?).ok()?;
    let (floor, last) = (take(&mut rest)?, take(&mut rest)?);
    let used = (0..take(&mut rest)?).map(|_| take(&mut rest)).collect::<Option<_>>()?;
    let numbers = Numbers { floor, last, used };
    let count = take(&mut rest).filter(|count| *count <= SESSIONS_MAX)?;
    let mut sessions = Vec::new();
    for _ in 0..count {
        let numbers = (take(&mut rest)?, take(&mut rest)?);
        let begun = Timestamp(take(&mut rest)?);
        let mut text = || String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok();
        let (client, server, protocol, version) = (text()?, text()?, text()?, text()?);
        let is_known = take(&mut rest)? != 0;
        let packets = take(&mut rest)?;
        let mut direction = || {
            let (is_framed, bytes) = (take(&mut rest)? != 0, take(&mut rest)?);
            let count = take(&mut rest)?;
            let forms = (0..count).map(|_| form(&mut rest)).collect::<Option<Vec<_>>>()?;
            Some(DirectionSnapshot { forms, is_framed, bytes })
        };
        let directions = [direction()?, direction()?];
        sessions.push(OpenSession {
            numbers,
            begun,
            client: client.parse().ok()?,
            server,
            protocol,
            version,
            // Which version that is says its key.
            snapshot: Snapshot {
                version: midwire_definition::VersionId(0),
                is_known,
                packets,
                directions,
            },
        });
    }
    rest.is_empty().then_some((recordings, numbers, sessions))
}
