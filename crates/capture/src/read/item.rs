//! What a capture file is made of.

use std::borrow::Cow;
use std::fmt;

use super::order::Order;
use crate::format::{LinkType, NAME, OPTION_COMMENT, OPTION_END, USER_APPLICATION};
use crate::note::Note;
use crate::timestamp::Timestamp;

/// One thing in a capture file.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A section begins: in pcapng, one run of one program. A pcap file is one section.
    Section(Section<'a>),
    /// An interface of the section is described.
    Interface(Interface<'a>),
    /// A packet.
    Packet(Packet<'a>),
    /// Something else, such as names or statistics.
    Other {
        /// Where it starts in the file.
        offset: u64,
        /// Its block type.
        kind: u32,
        /// What is between its lengths.
        body: &'a [u8],
    },
    /// A place where the file is not as it should be.
    Damage(Damage),
}

/// The start of a section.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Where it starts in the file.
    pub offset: u64,
    /// Its number in the file, from 0.
    pub index: u32,
    /// What it says about itself.
    pub options: Options<'a>,
}

impl<'a> Section<'a> {
    /// The program that wrote it.
    #[must_use]
    pub fn application(&self) -> Option<Cow<'a, str>> {
        self.options.text(USER_APPLICATION)
    }
}

/// The description of an interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Its number in the section, from 0.
    pub index: u32,
    /// What its packets start with.
    pub link: LinkType,
    /// What it says about itself.
    pub options: Options<'a>,
}

impl<'a> Interface<'a> {
    /// Its name on the machine that captured.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'a, str>> {
        self.options.text(NAME)
    }
}

/// A packet as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where its record starts in the file.
    pub offset: u64,
    /// The section's number in the file, from 0.
    pub section: u32,
    /// The interface's number in the section, from 0.
    pub interface: u32,
    /// What the packet starts with.
    pub link: LinkType,
    /// When; simple packets have no time.
    pub at: Option<Timestamp>,
    /// What was kept of it.
    pub data: &'a [u8],
    /// How long it was.
    pub original_len: u32,
    /// What is said about it.
    pub options: Options<'a>,
}

impl<'a> Packet<'a> {
    /// What midwire said about it.
    #[must_use]
    pub fn note<'o>(&'o self) -> Option<Note<'a>> {
        self.options.find(OPTION_COMMENT, |value| Note::parse(std::str::from_utf8(value).ok()?))
    }
}

/// Options of a block. What is cut off or runs over the end is passed over.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
}

impl<'a> Options<'a> {
    pub(super) const NONE: Self = Self { bytes: &[], order: Order::Little };

    /// All of them: code and value.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            if rest.len() < 4 {
                return None;
            }
            let code = self.order.u16(rest, 0);
            let len = usize::from(self.order.u16(rest, 2));
            let value = rest.get(4..4 + len).filter(|_| code != OPTION_END)?;
            rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
            Some((code, value))
        })
    }

    /// The comments, with what is not UTF-8 replaced. Not escaped for a terminal.
    pub fn comments(self) -> impl Iterator<Item = Cow<'a, str>> {
        self.iter()
            .filter(|(code, _)| *code == OPTION_COMMENT)
            .map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// The first text of a code.
    pub(super) fn text(self, code: u16) -> Option<Cow<'a, str>> {
        self.find(code, |value| Some(String::from_utf8_lossy(value)))
    }

    pub(super) fn find<T>(self, code: u16, read: impl Fn(&'a [u8]) -> Option<T>) -> Option<T> {
        if self.bytes.is_empty() {
            return None;
        }
        self.iter().filter(|(found, _)| *found == code).find_map(|(_, value)| read(value))
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A place where a file is not as it should be, and how much of it could not be read for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it starts in the file.
    pub offset: u64,
    /// Bytes that are passed over. 0 where the damage cost nothing.
    pub len: u64,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: {}", self.offset, self.problem)?;
        match self.len {
            0 => Ok(()),
            1 => f.write_str("; 1 byte passed over"),
            len => write!(f, "; {len} bytes passed over"),
        }
    }
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file ends within a record of so many bytes, of which so many are there.
    Cut {
        /// Bytes that the record should have.
        wanted: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A block's length cannot be one.
    BlockLength(u32),
    /// A block is longer than may be: `block_len_max`.
    TooLong {
        /// Its length.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// A block's second length is not its first.
    Trailer {
        /// The length in front.
        first: u32,
        /// The length behind.
        second: u32,
    },
    /// A block is too short for what must be in it, or a packet longer than its block.
    BlockContent {
        /// The block's type.
        kind: u32,
    },
    /// A section's byte order mark is not one.
    ByteOrder(u32),
    /// A section of a version that nobody knows.
    Version(u16),
    /// A packet of an interface that was not described.
    Interface(u32),
    /// More interfaces than may be: `interfaces_max`.
    TooManyInterfaces {
        /// The limit.
        max: u32,
    },
    /// What should be a packet's header is none.
    PacketHeader,
    /// A packet's length does not lead to another packet.
    PacketLength(u32),
    /// A packet that midwire wrote is not as it was: its checksum says so.
    Checksum,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { wanted, found } => {
                write!(f, "the file ends after {found} of a record's {wanted} bytes")
            }
            Self::BlockLength(len) => write!(f, "a block cannot be {len} bytes long"),
            Self::TooLong { len, max } => {
                write!(f, "a block of {len} bytes is longer than {max} (block_len_max)")
            }
            Self::Trailer { first, second } => {
                write!(f, "a block's lengths differ: {first} in front, {second} behind")
            }
            Self::BlockContent { kind } => {
                write!(f, "a block of type {kind:#x} is too short for its content")
            }
            Self::ByteOrder(mark) => write!(f, "{mark:#010x} is no byte order mark"),
            Self::Version(version) => write!(f, "a section of unknown version {version}"),
            Self::Interface(index) => write!(f, "a packet of interface {index}, which is unknown"),
            Self::TooManyInterfaces { max } => {
                write!(f, "more than {max} interfaces (interfaces_max)")
            }
            Self::PacketHeader => f.write_str("no packet starts here"),
            Self::PacketLength(len) => {
                write!(f, "behind a packet of {len} bytes no other packet starts")
            }
            Self::Checksum => {
                f.write_str("a packet is not as midwire wrote it: its checksum is wrong")
            }
        }
    }
}
