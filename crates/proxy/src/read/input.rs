//! The bytes of a file or of standard input, unpacked where they are packed.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use flate2::bufread::GzDecoder;

use super::out::Out;
use super::stop::Stop;

/// What gzip files begin with (RFC 1952).
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes that are taken from a pipe at once.
const CHUNK: usize = 64 << 10;
/// How often it is looked whether somebody wants the end, while nothing comes.
const TICK: Duration = Duration::from_millis(50);

/// Bytes, read on demand.
pub(super) struct Input {
    bytes: Box<dyn Read>,
    /// A file that can be read from any place, if it is one and not packed.
    pub(super) file: Option<File>,
    /// How many bytes of the file were read.
    pub(super) taken: Rc<Cell<u64>>,
    /// How many it has, if that is known.
    pub(super) len: Option<u64>,
    /// What it begins with, as far as that was looked at.
    first: Option<u8>,
    /// The packed bytes end too early, or are damaged.
    pub(super) flaw: Rc<RefCell<Option<String>>>,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub(super) fn open(path: &Path, out: &Rc<RefCell<Out>>, stop: &Stop) -> io::Result<Self> {
        let taken = Rc::new(Cell::new(0));
        let mut len = None;
        let mut file = None;
        let source = if path == Path::new("-") {
            Source::Piped(Piped::new(io::stdin(), stop.clone())?)
        } else {
            let opened = File::open(path)?;
            let found = opened.metadata()?;
            if found.is_dir() {
                return Err(io::Error::other("it is a folder"));
            }
            if found.is_file() {
                len = Some(found.len());
                file = Some(opened.try_clone()?);
                Source::File(opened)
            } else {
                Source::Piped(Piped::new(opened, stop.clone())?)
            }
        };
        let mut tap = Tap { source, out: out.clone(), taken: taken.clone() };
        let mut head = [0; 2];
        let mut there = 0;
        while there < head.len() {
            match tap.read(&mut head[there..])? {
                0 => break,
                read => there += read,
            }
        }
        let first = head.first().copied().filter(|_| there > 0);
        let whole = io::Cursor::new(head[..there].to_vec()).chain(tap);
        let flaw = Rc::<RefCell<Option<String>>>::default();
        if head != GZIP {
            return Ok(Self { bytes: Box::new(whole), file, taken, len, first, flaw });
        }
        let packed = Packed { from: whole, buffer: Vec::new(), start: 0, passed: 0 };
        let mut unpacked = Unpacked { from: Some(GzDecoder::new(packed)), flaw: flaw.clone() };
        let mut byte = [0];
        let there = unpacked.read(&mut byte)?;
        let first = byte.first().copied().filter(|_| there > 0);
        let whole = io::Cursor::new(byte[..there].to_vec()).chain(unpacked);
        Ok(Self { bytes: Box::new(whole), file: None, taken, len, first, flaw })
    }

    /// Whether these are lines of JSON.
    pub(super) fn is_json(&self) -> bool {
        self.first == Some(b'{')
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

enum Source {
    File(File),
    Piped(Piped),
}

/// Shows what waits before it waits for more itself, and counts.
struct Tap {
    source: Source,
    out: Rc<RefCell<Out>>,
    taken: Rc<Cell<u64>>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Ok(mut out) = self.out.try_borrow_mut() {
            out.flush();
        }
        let read = match &mut self.source {
            Source::File(file) => file.read(buffer)?,
            Source::Piped(piped) => piped.read(buffer)?,
        };
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// What may come at any time: a thread waits for it, so that ctrl-c is heard.
struct Piped {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    taken: usize,
    stop: Stop,
}

impl Piped {
    fn new(mut from: impl Read + Send + 'static, stop: Stop) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(4);
        let wait = move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = match from.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let is_last = !matches!(read, Ok(1..));
                let told = read.map(|len| {
                    chunk.truncate(len);
                    chunk
                });
                if sender.send(told).is_err() || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("input".into()).spawn(wait)?;
        Ok(Self { chunks, chunk: Vec::new(), taken: 0, stop })
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.chunk.len() {
            if self.stop.is_wanted() {
                return Ok(0);
            }
            match self.chunks.recv_timeout(TICK) {
                Ok(chunk) => {
                    (self.chunk, self.taken) = (chunk?, 0);
                    if self.chunk.is_empty() {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let left = self.chunk.get(self.taken..).unwrap_or_default();
        let len = left.len().min(buffer.len());
        buffer[..len].copy_from_slice(&left[..len]);
        self.taken += len;
        Ok(len)
    }
}

/// Packed bytes, of which some can be looked at before they are taken.
struct Packed<R> {
    from: R,
    buffer: Vec<u8>,
    /// How many bytes of the buffer were taken.
    start: usize,
    /// How many bytes were taken in front of those in the buffer.
    passed: u64,
}

impl<R: Read> Packed<R> {
    /// The next bytes: at least so many, if there are.
    fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.start < len {
            self.buffer.drain(..self.start);
            self.passed += std::mem::take(&mut self.start) as u64;
            let there = self.buffer.len();
            self.buffer.resize(there + CHUNK, 0);
            let read = self.from.read(&mut self.buffer[there..]);
            self.buffer.truncate(there + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.buffer.get(self.start..).unwrap_or_default())
    }

    /// How many bytes of the file were taken.
    const fn offset(&self) -> u64 {
        self.passed + self.start as u64
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let len = there.len().min(buffer.len());
        buffer[..len].copy_from_slice(&there[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl<R: Read> BufRead for Packed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, len: usize) {
        self.start = self.buffer.len().min(self.start + len);
    }
}

/// Unpacked bytes, of one packed part behind the other; where they are damaged they end, which is told.
struct Unpacked<R> {
    /// `None`: they have ended.
    from: Option<GzDecoder<Packed<R>>>,
    flaw: Rc<RefCell<Option<String>>>,
}

/// Bytes behind the packed ones that are counted, and that are shown.
const BEHIND_MAX: usize = 1 << 20;
const BEHIND_SHOWN: usize = 16;

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut from) = self.from.take() {
            match from.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    let mut behind = from.into_inner();
                    if behind.peek(GZIP.len())?.starts_with(&GZIP) {
                        self.from = Some(GzDecoder::new(behind));
                    } else if !behind.peek(1)?.is_empty() {
                        *self.flaw.borrow_mut() = Some(not_packed(&mut behind)?);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    *self.flaw.borrow_mut() = Some("the packed file ends too early".to_owned());
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
                    ) =>
                {
                    let offset = from.get_ref().offset();
                    let flaw =
                        format!("the packed file is damaged before offset {offset}: {error}");
                    *self.flaw.borrow_mut() = Some(flaw);
                }
                read => {
                    self.from = Some(from);
                    return read;
                }
            }
        }
        Ok(0)
    }
}

/// What is behind the packed bytes, in words.
fn not_packed(behind: &mut Packed<impl Read>) -> io::Result<String> {
    let offset = behind.offset();
    let bytes = behind.peek(BEHIND_MAX)?;
    let shown: Vec<String> =
        bytes.iter().take(BEHIND_SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let count = bytes.len();
    let bytes = if count == 1 { "byte that is" } else { "bytes that are" };
    let more = if count >= BEHIND_MAX { " or more" } else { "" };
    let dots = if count > BEHIND_SHOWN { " .." } else { "" };
    Ok(format!(
        "at offset {offset}, behind the packed data, there are {count}{more} {bytes} not packed: \
         {}{dots}; all in front of them was read",
        shown.join(" ")
    ))
}
