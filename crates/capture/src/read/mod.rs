//! Capture files into packets: pcapng and pcap, in either byte order, damaged or not.

mod context;
mod item;
mod order;
mod pcap;
mod pcapng;
mod window;

use std::io::{self, Read};
use std::ops::Range;

pub use self::context::Context;
pub(crate) use self::context::{InterfaceContext, Kind, Resolution};
pub use self::item::{Damage, Interface, Item, Options, Packet, Problem, Section};
pub(crate) use self::order::Order;
use self::window::Window;
use crate::format::{LinkType, SECTION};
use crate::timestamp::Timestamp;

/// The longest block that is read, unless set otherwise, in bytes. Memory of a reader is bounded by
/// it: somewhat more than this, once a block of that size was met.
pub const BLOCK_LEN_MAX: u32 = 16 << 20;

/// Interfaces of one section.
pub const INTERFACES_MAX: u32 = 4_096;

/// When so many bytes behind damage have no packet of the time before it, one of any time will do.
const TIME_TRUSTED_LEN: u64 = 1 << 20;

/// Why a file cannot be read at all, or no further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("neither pcap nor pcapng: it starts with {}", Start(*.0))]
    NotACapture([u8; 4]),
    /// There is nothing in it, or less than a magic number.
    #[error("the file is {0} bytes long: too short for a capture")]
    TooShort(u64),
}

struct Start([u8; 4]);

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, byte)| {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}{byte:02x}")
        })
    }
}

/// Reads a capture file from its start, or from where a [`Context`] is known. Its memory does not grow
/// with the file.
///
/// Damage is an item, not an error: what is whole behind it is found again where it can be.
#[derive(Debug)]
pub struct Reader<R> {
    window: Window<R>,
    context: Option<Context>,
    /// Counts changes of the context.
    context_number: u32,
    block_len_max: u32,
    growing: bool,
    /// What the last item took of the window.
    taken: usize,
    /// Damage that is told before anything else.
    damage: Option<Damage>,
    /// The place from which the next whole record is being searched.
    lost: Option<Damage>,
    /// The second of the last packet of a pcap file that has one of the same time behind it.
    last_second: Option<u32>,
}

/// What was found, as places in the window.
#[derive(Debug)]
enum Found {
    Section { options: Range<usize> },
    Interface { index: u32, link: LinkType, options: Range<usize> },
    Packet(FoundPacket),
    Other { kind: u32, body: Range<usize> },
    Damage(Damage),
}

#[derive(Debug)]
struct FoundPacket {
    interface: u32,
    link: LinkType,
    at: Option<Timestamp>,
    data: Range<usize>,
    original_len: u32,
    options: Range<usize>,
}

/// What looking for the next item came to.
#[derive(Debug)]
enum Step {
    Found(Found),
    /// Something has changed; look again.
    Again,
    /// There is nothing more, for now.
    End,
}

impl<R: Read> Reader<R> {
    /// Reads from the start of a file.
    pub const fn new(input: R) -> Self {
        Self::at(Window::new(input, 0), None)
    }

    /// Reads from where a record starts, `offset` bytes into the file; `input` stands there.
    pub const fn resume(input: R, offset: u64, context: Context) -> Self {
        Self::at(Window::new(input, offset), Some(context))
    }

    const fn at(window: Window<R>, context: Option<Context>) -> Self {
        Self {
            window,
            context,
            context_number: 0,
            block_len_max: BLOCK_LEN_MAX,
            growing: false,
            taken: 0,
            damage: None,
            lost: None,
            last_second: None,
        }
    }

    /// Another limit for blocks, at least 256 KiB: midwire's own are half as long at most.
    #[must_use]
    pub fn with_block_len_max(mut self, max: u32) -> Self {
        self.block_len_max = max.max(256 << 10);
        self
    }

    /// Whether somebody still writes to the file. While that is so, what is cut off at the end is
    /// not damage: [`Reader::next`] gives `None`, and may give more later.
    pub const fn set_growing(&mut self, growing: bool) {
        self.growing = growing;
    }

    /// What is known here: with it, a reader can start at the offset of any packet up to the next
    /// section or interface. `None` before the first item.
    pub const fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// Counts how often the context has changed.
    pub const fn context_number(&self) -> u32 {
        self.context_number
    }

    /// Where in the file the next item starts, if the file is as it should be there.
    pub const fn offset(&self) -> u64 {
        match self.lost {
            Some(lost) => lost.offset,
            None => self.window.offset() + self.taken as u64,
        }
    }

    /// The file.
    pub const fn get_ref(&self) -> &R {
        self.window.input()
    }

    /// The next item; `None` at the end. It may be asked again when the file has grown.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no capture.
    #[expect(clippy::should_implement_trait, reason = "what it gives borrows the reader")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        self.window.consume(std::mem::take(&mut self.taken));
        loop {
            match self.step()? {
                Step::Found(found) => return Ok(self.show(found)),
                Step::Again => {}
                Step::End => return Ok(None),
            }
        }
    }

    fn step(&mut self) -> Result<Step, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Step::Found(Found::Damage(damage)));
        }
        let Some(context) = &self.context else {
            return self.begin();
        };
        match (context.kind, self.lost.is_some()) {
            (Kind::Pcapng, false) => self.block(),
            (Kind::Pcap { header_len }, false) => self.record(usize::from(header_len)),
            (kind, true) => self.search(kind),
        }
    }

    /// Finds out what kind of file it is.
    fn begin(&mut self) -> Result<Step, ReadError> {
        let there = self.window.fill(4)?;
        let bytes = self.window.bytes();
        let Some(&magic) = bytes.first_chunk::<4>() else {
            debug_assert!(!there);
            let len = self.window.offset() + bytes.len() as u64;
            return if self.growing { Ok(Step::End) } else { Err(ReadError::TooShort(len)) };
        };
        if u32::from_le_bytes(magic) != SECTION {
            return self.pcap_header(magic);
        }
        self.context = Some(Context {
            kind: Kind::Pcapng,
            order: Order::Little,
            // The first section makes it 0.
            section: u32::MAX,
            interfaces: Vec::new(),
        });
        Ok(Step::Again)
    }

    /// What is here is not a record: the next one has to be searched.
    fn lose(&mut self, problem: Problem) -> Step {
        self.lost = Some(Damage { offset: self.window.offset(), len: 0, problem });
        self.window.consume(1);
        Step::Again
    }

    /// Goes from byte to byte until a record starts.
    fn search(&mut self, kind: Kind) -> Result<Step, ReadError> {
        let header_len = match kind {
            Kind::Pcapng => 12,
            Kind::Pcap { header_len } => usize::from(header_len),
        };
        loop {
            let there = self.window.fill(header_len)?;
            let bytes = self.window.bytes();
            if !there {
                if self.growing {
                    return Ok(Step::End);
                }
                let len = bytes.len();
                self.window.consume(len);
                return Ok(self.found_again());
            }
            let starts = bytes.len() + 1 - header_len;
            let candidate = (0..starts).find(|&at| match kind {
                Kind::Pcapng => self.may_be_block(&bytes[at..]),
                Kind::Pcap { .. } => self.may_be_record(&bytes[at..]),
            });
            self.window.consume(candidate.unwrap_or(starts));
            if candidate.is_none() {
                let from = self.lost.map_or(0, |lost| lost.offset);
                if self.window.offset().saturating_sub(from) > TIME_TRUSTED_LEN {
                    self.last_second = None;
                }
                continue;
            }
            let is_one = match kind {
                Kind::Pcapng => self.is_block()?,
                Kind::Pcap { .. } => self.is_record(header_len)?,
            };
            if is_one {
                return Ok(self.found_again());
            }
            self.window.consume(1);
        }
    }

    fn found_again(&mut self) -> Step {
        let here = self.window.offset();
        match self.lost.take() {
            Some(lost) => {
                Step::Found(Found::Damage(Damage { len: here.saturating_sub(lost.offset), ..lost }))
            }
            None => Step::Again,
        }
    }

    fn show(&self, found: Found) -> Option<Item<'_>> {
        let (bytes, context) = (self.window.bytes(), self.context.as_ref()?);
        let options = |range: Range<usize>| match bytes.get(range) {
            Some(bytes) => Options { bytes, order: context.order },
            None => Options::NONE,
        };
        let (offset, section) = (self.window.offset(), context.section);
        Some(match found {
            Found::Section { options: range } => {
                Item::Section(Section { offset, index: section, options: options(range) })
            }
            Found::Interface { index, link, options: range } => {
                Item::Interface(Interface { index, link, options: options(range) })
            }
            Found::Packet(packet) => Item::Packet(Packet {
                offset,
                section,
                interface: packet.interface,
                link: packet.link,
                at: packet.at,
                data: bytes.get(packet.data).unwrap_or_default(),
                original_len: packet.original_len,
                options: options(packet.options),
            }),
            Found::Other { kind, body } => {
                Item::Other { offset, kind, body: bytes.get(body).unwrap_or_default() }
            }
            Found::Damage(damage) => Item::Damage(damage),
        })
    }
}
