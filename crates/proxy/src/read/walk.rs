//! Going through files from their start to their end.

use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use midwire_capture::{
    Damage, Decoded, Decoder, Item, NotTcp, Problem, ReadError, Reader, Record, Recordings,
    StreamLimits, Streams, Timestamp,
};

use super::followed::Followed;
use super::index::Place;
use super::input::Input;
use super::out::Out;
use super::progress::Progress;
use super::sessions::Sessions;
use super::stop::Stop;
use crate::error::say;
use crate::recorded;

/// After so many packets it is looked whether somebody wants the end.
const LOOK_EVERY: u64 = 256;
/// Places of damage that are told one by one, of one file.
const TOLD_MAX: u64 = 8;
/// The longest line of JSON.
const LINE_MAX: u64 = 64 << 20;

/// How often it is looked whether a file has grown.
const TICK: Duration = Duration::from_millis(50);

/// Where reading a file has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    AtItsEnd,
    /// Another file is in its place.
    Replaced,
    /// The recording goes on in this file.
    Rotated(PathBuf),
}

/// What a file is read with.
struct State {
    recordings: Recordings,
    followed: Option<Followed>,
    taken: Rc<Cell<u64>>,
    progress: Progress,
}

/// So that streams, with what is read of them, have room in the memory that reading may take.
fn stream_limits() -> StreamLimits {
    StreamLimits { streams_max: 4_096, waiting_total_max: 6 << 20, ..StreamLimits::default() }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Reads files, one after the other.
pub(super) struct Walk {
    sessions: Sessions,
    out: Rc<RefCell<Out>>,
    stop: Stop,
    follow: bool,
    /// Nothing is shown until the end.
    is_quiet: bool,
    damaged: u64,
    packets: u64,
    /// Packets of links or networks that are not read.
    unread: u64,
    is_stopped: bool,
    /// The file before this one, and when it began.
    earlier: Option<(String, Timestamp)>,
}

impl Walk {
    pub(super) fn new(
        sessions: Sessions,
        out: Rc<RefCell<Out>>,
        stop: Stop,
        (follow, is_quiet): (bool, bool),
    ) -> Self {
        Self {
            sessions,
            out,
            stop,
            follow,
            is_quiet,
            damaged: 0,
            packets: 0,
            unread: 0,
            is_stopped: false,
            earlier: None,
        }
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_done(&mut self) -> bool {
        self.is_stopped |= self.stop.is_wanted();
        self.is_stopped || self.out.borrow().is_done()
    }

    /// Whether something could not be read, or is missing.
    pub(super) const fn is_damaged(&self) -> bool {
        self.damaged > 0
    }

    /// Reads a file; `-` is standard input. A file that is followed and replaced is read on as the new one, and
    /// one behind which a recording went on in another, as that.
    pub(super) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut path = path.to_path_buf();
        loop {
            match self.one(&path)? {
                Ended::AtItsEnd => return Ok(()),
                Ended::Replaced => {}
                Ended::Rotated(next) => path = next,
            }
        }
    }

    fn one(&mut self, path: &Path) -> anyhow::Result<Ended> {
        let name = if path == Path::new("-") {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let input = Input::open(path, &self.out, &self.stop)
            .with_context(|| format!("cannot open {name}"))?;
        let flaw = input.flaw.clone();
        let ended = if input.is_json() {
            self.lines(input, &name)?;
            Ended::AtItsEnd
        } else {
            self.capture(input, path, &name)?
        };
        if let Some(flaw) = flaw.borrow().as_deref() {
            self.damaged += 1;
            say(&format!("{name}: {flaw}"));
        }
        Ok(ended)
    }

    fn capture(&mut self, input: Input, path: &Path, name: &str) -> anyhow::Result<Ended> {
        let followed =
            input.file.as_ref().filter(|_| self.follow).and_then(|file| Followed::new(file, path));
        let progress = Progress::new(input.taken.clone(), input.len, self.is_quiet);
        let taken = input.taken.clone();
        let mut reader = Reader::new(input);
        reader.set_growing(followed.is_some());
        let state = State { recordings: Recordings::default(), followed, taken, progress };
        self.packets_of(reader, state, name)
    }

    /// Reads a file of midwire's from a place on.
    pub(super) fn from(&mut self, place: Place, name: &str) -> anyhow::Result<()> {
        let Place { reader, recordings, sessions, numbers, packet } = place;
        self.sessions.numbers = numbers;
        self.out.borrow_mut().packets = packet.saturating_sub(1);
        for open in sessions {
            self.sessions.reopen(open);
        }
        let taken = Rc::default();
        let progress = Progress::new(Rc::clone(&taken), None, false);
        let state = State { recordings, followed: None, taken, progress };
        self.packets_of(reader, state, name).map(|_| ())
    }

    fn packets_of<R: Read>(
        &mut self,
        mut reader: Reader<R>,
        state: State,
        name: &str,
    ) -> anyhow::Result<Ended> {
        let State { mut recordings, mut followed, taken, mut progress } = state;
        let mut ended = Ended::AtItsEnd;
        let mut decoder = Decoder::default();
        let ports: Vec<u16> = self.sessions.tools.choice.server_ports().collect();
        let mut streams = Streams::new(stream_limits()).with_server_ports(ports);
        let mut told = 0;
        let mut began = None;
        loop {
            let item = match reader.next() {
                Ok(Some(item)) => item,
                Ok(None) => {
                    let Some(file) = &mut followed else { break };
                    if self.is_done() {
                        break;
                    }
                    let is_replaced = file.is_replaced(taken.get());
                    let next = if is_replaced { None } else { file.next().map(Ended::Rotated) };
                    if let Some(other) = next.or(is_replaced.then_some(Ended::Replaced)) {
                        // What was still written to the old one is read to its end.
                        ended = other;
                        followed = None;
                        reader.set_growing(false);
                        continue;
                    }
                    let sessions = &mut self.sessions;
                    recordings.finish(|record| sessions.record(record));
                    streams.pass_time(now(), |event| sessions.stream(event));
                    sessions.pass_time(now());
                    self.out.borrow_mut().flush();
                    std::thread::sleep(TICK);
                    continue;
                }
                Err(ReadError::Io(error)) => {
                    return Err(error).with_context(|| format!("cannot read {name}"));
                }
                Err(error) => anyhow::bail!("{name}: {error}"),
            };
            let packet = match item {
                Item::Packet(packet) => packet,
                Item::Damage(damage) => {
                    progress.clear();
                    self.damage(damage, name, &mut told);
                    continue;
                }
                Item::Section(section) => {
                    if section.index > 0 {
                        recordings.finish(|record| self.sessions.record(record));
                        self.sessions.forget_recorded();
                    }
                    continue;
                }
                Item::Interface(_) | Item::Other { .. } => continue,
            };
            self.packets += 1;
            if let Some(at) = packet.at {
                began.get_or_insert(at);
                self.out.borrow_mut().begins(at);
                self.sessions.now = at;
            }
            match decoder.packet(&packet) {
                Decoded::Tcp(segment) => {
                    let sessions = &mut self.sessions;
                    let mut damage = None;
                    let is_recorded = recordings.push(&packet, &segment, |record| match record {
                        Record::Damaged { offset, len } => {
                            damage = Some(Damage { offset, len, problem: Problem::Checksum });
                        }
                        record => sessions.record(record),
                    });
                    if !is_recorded {
                        streams.push(&segment, packet.at, |event| sessions.stream(event));
                    }
                    if let Some(damage) = damage {
                        progress.clear();
                        self.damage(damage, name, &mut told);
                    }
                }
                Decoded::Fragment | Decoded::Other(NotTcp::Protocol(_) | NotTcp::NotIp) => {}
                Decoded::Other(_) => self.unread += 1,
            }
            if self.packets.is_multiple_of(LOOK_EVERY) {
                progress.packets(self.packets);
                if self.is_done() {
                    break;
                }
            }
            if self.out.borrow().is_done() {
                break;
            }
        }
        drop(progress);
        recordings.finish(|record| self.sessions.record(record));
        if let Some(began) = began {
            self.is_over(name, began);
        }
        let sessions = &mut self.sessions;
        sessions.leave_file();
        streams.finish(|event| sessions.stream(event));
        if told > TOLD_MAX {
            say(&format!("{name}: {} more places are damaged", told - TOLD_MAX));
        }
        Ok(ended)
    }

    /// A file that began then is over: sessions go on from one to the next only in the order of their times.
    fn is_over(&mut self, name: &str, began: Timestamp) {
        let last = self.sessions.now;
        if let Some((earlier, _)) = self.earlier.as_ref().filter(|(_, before)| last < *before) {
            say(&format!(
                "{name} is older than {earlier}, which was read before it: files of one recording go in the \
                 order of their times"
            ));
        }
        self.earlier = Some((name.to_owned(), began));
    }

    fn damage(&mut self, damage: Damage, name: &str, told: &mut u64) {
        self.damaged += 1;
        *told += 1;
        if *told <= TOLD_MAX {
            // What was read in front of it stands in front of it.
            self.out.borrow_mut().flush();
            say(&format!("{name}: {damage}"));
        }
    }

    /// A recording forwarder's lines.
    fn lines(&mut self, input: impl Read, name: &str) -> anyhow::Result<()> {
        let mut input = BufReader::new(input);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            let read = (&mut input).take(LINE_MAX).read_until(b'\n', &mut line);
            if read.with_context(|| format!("cannot read {name}"))? == 0 || self.is_done() {
                break;
            }
            number += 1;
            let text = String::from_utf8_lossy(&line);
            match recorded::line(text.trim_end()) {
                Some(line) => {
                    let at = Timestamp((line.millis.max(0.0) * 1e6) as u64);
                    self.sessions.now = at;
                    self.out.borrow_mut().begins(at);
                    self.sessions.line(line);
                }
                None if number == 1 => anyhow::bail!(
                    "{name}: neither a capture nor a recording: its first line is not one of those that \
                     docs/reading.md tells of"
                ),
                None => {
                    self.damaged += 1;
                    say(&format!("{name}:{number}: not a line of a recording; it is passed over"));
                }
            }
        }
        Ok(())
    }

    /// Nothing more is read.
    pub(super) fn finish(&mut self) {
        self.sessions.finish();
    }

    /// Says what people should know about what was read.
    pub(super) fn tell(&self, out: &Out) {
        let Sessions { passed_over, passed_ports, missing, count, .. } = &self.sessions;
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        let is_chosen = !self.sessions.tools.choice.admits_all();
        if *passed_over > 0 && !out.is_done() {
            let ports: Vec<String> = passed_ports.iter().map(u16::to_string).collect();
            let more = if *passed_over > passed_ports.len() as u64 { ", .." } else { "" };
            let ports = ports.join(", ");
            let how = match ports.is_empty() {
                _ if is_chosen => format!(" to other ports than --port names: {ports}{more}"),
                true => "; --protocol NAME reads them".to_owned(),
                false => format!(" (to port {ports}{more}); --port N --protocol NAME reads them"),
            };
            let (count, plural) = (passed_over, plural(*passed_over));
            let what = if is_chosen { "" } else { " of no known protocol" };
            say(&format!("{count} stream{plural}{what} passed over{how}"));
        }
        if self.unread > 0 {
            say(&format!("{} packets of other links, or cut within their headers", self.unread));
        }
        if *missing > 0 {
            say(&format!("{missing} bytes of streams are not in the capture"));
        }
        let packets = out.packets.max(self.sessions.frames);
        if self.is_stopped {
            say(&format!(
                "stopped: {packets} packet{} of {count} session{} so far",
                plural(packets),
                plural(*count)
            ));
        }
    }
}
