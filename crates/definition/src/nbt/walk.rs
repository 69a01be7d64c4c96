//! Looking into NBT, tag by tag, where it lies.

use super::{NbtError, byte, fixed_size, length, pass};
use crate::plan::NbtForm;

/// Steps through one NBT value in the order of its bytes. Nothing is copied; the only memory is one entry
/// for each list and compound that is open.
///
/// ```
/// use midwire_definition::nbt::{Event, Payload, Walk};
/// use midwire_definition::plan::NbtForm;
///
/// let bytes = b"\x0a\x03\x00\x01x\x00\x00\x00\x05\x00"; // {x:5}
/// let form = NbtForm { named: false, optional: false };
/// let mut walk = Walk::new(bytes, form, 512);
/// while let Some(event) = walk.next_event()? {
///     if let Event::Value(tag, Payload::Int(5)) = event {
///         assert_eq!(tag.name, Some(&b"x"[..]));
///         assert_eq!((tag.start, tag.payload), (1, 5));
///     }
/// }
/// # Ok::<(), midwire_definition::nbt::WalkError>(())
/// ```
#[derive(Debug)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    form: NbtForm,
    depth_max: u32,
    /// Lists and compounds that are open.
    open: Vec<Open>,
    /// How many of those count for the depth: lists of numbers do not.
    deep: u32,
    begun: bool,
}

/// A tag: where it stands and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its type, 1 to 12.
    pub kind: TagKind,
    /// Its name in Java's modified UTF-8; elements of lists have none.
    pub name: Option<&'a [u8]>,
    /// Its place in a list, from 0.
    pub index: Option<u32>,
    /// How many lists and compounds are around it.
    pub depth: u32,
    /// Its first byte: the type byte, or in a list that of the payload.
    pub start: usize,
    /// The first byte behind type and name.
    pub payload: usize,
}

/// The type of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TagKind {
    /// The type that empty lists often say.
    End = 0,
    /// 8 bits, signed.
    Byte = 1,
    /// 16 bits, signed.
    Short = 2,
    /// 32 bits, signed.
    Int = 3,
    /// 64 bits, signed.
    Long = 4,
    /// 32-bit float.
    Float = 5,
    /// 64-bit float.
    Double = 6,
    /// Bytes.
    ByteArray = 7,
    /// Text in Java's modified UTF-8.
    String = 8,
    /// Elements of one type, without names.
    List = 9,
    /// Named tags of any type.
    Compound = 10,
    /// 32-bit numbers.
    IntArray = 11,
    /// 64-bit numbers.
    LongArray = 12,
}

impl TagKind {
    const ALL: [TagKind; 13] = [
        TagKind::End,
        TagKind::Byte,
        TagKind::Short,
        TagKind::Int,
        TagKind::Long,
        TagKind::Float,
        TagKind::Double,
        TagKind::ByteArray,
        TagKind::String,
        TagKind::List,
        TagKind::Compound,
        TagKind::IntArray,
        TagKind::LongArray,
    ];

    /// The type of a type byte, if there is one.
    pub fn from_byte(byte: u8) -> Option<TagKind> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// Its name in typed JSON: `int`, `byteArray`, ...
    pub fn name(self) -> &'static str {
        match self {
            TagKind::End => "end",
            TagKind::Byte => "byte",
            TagKind::Short => "short",
            TagKind::Int => "int",
            TagKind::Long => "long",
            TagKind::Float => "float",
            TagKind::Double => "double",
            TagKind::ByteArray => "byteArray",
            TagKind::String => "string",
            TagKind::List => "list",
            TagKind::Compound => "compound",
            TagKind::IntArray => "intArray",
            TagKind::LongArray => "longArray",
        }
    }

    /// The type of a name in typed JSON.
    pub fn from_name(name: &str) -> Option<TagKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What comes next in NBT.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    /// The value is a lone end tag: there is nothing.
    Nothing,
    /// A tag that is one value.
    Value(Tag<'a>, Payload<'a>),
    /// A list or compound begins.
    Open(Tag<'a>, Group),
    /// The list or compound that was opened last ends; what follows it starts here.
    Close(usize),
}

/// What kind of group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Named tags.
    Compound,
    /// So many elements, and the byte that says their type. An empty list may say any byte. Of elements of
    /// type [`TagKind::End`], which take no bytes, no events come.
    List(u8, u32),
}

/// The payload of a tag that is one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Payload<'a> {
    /// 8 bits.
    Byte(i8),
    /// 16 bits.
    Short(i16),
    /// 32 bits.
    Int(i32),
    /// 64 bits.
    Long(i64),
    /// A 32-bit float with all its bits.
    Float(f32),
    /// A 64-bit float with all its bits.
    Double(f64),
    /// Bytes.
    ByteArray(&'a [u8]),
    /// Text in Java's modified UTF-8; [`text`](super::text) decodes it.
    String(&'a [u8]),
    /// Numbers of 4 bytes, big endian.
    IntArray(&'a [u8]),
    /// Numbers of 8 bytes, big endian.
    LongArray(&'a [u8]),
}

/// Where NBT cannot be read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{error} at {offset}")]
pub struct WalkError {
    /// Where, from the start of the value.
    pub offset: usize,
    /// Why.
    pub error: NbtError,
}

impl From<(usize, NbtError)> for WalkError {
    fn from((offset, error): (usize, NbtError)) -> WalkError {
        WalkError { offset, error }
    }
}

#[derive(Debug)]
enum Open {
    List { kind: u8, next: u32, count: u32, counts: bool },
    Compound,
}

impl<'a> Walk<'a> {
    /// A walk over the value at the start of `bytes`, with so many lists and compounds inside each other
    /// at most.
    pub fn new(bytes: &'a [u8], form: NbtForm, depth_max: u32) -> Walk<'a> {
        Walk { bytes, at: 0, form, depth_max, open: Vec::new(), deep: 0, begun: false }
    }

    /// What comes next; `None` behind the value.
    ///
    /// # Errors
    /// The bytes are not NBT. Those that [`skip`](super::skip) has passed with the same limit are.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, WalkError> {
        let Some(open) = self.open.last_mut() else {
            if self.begun {
                return Ok(None);
            }
            self.begun = true;
            return self.root().map(Some);
        };
        match open {
            Open::List { next, count, counts, .. } if next == count => {
                self.deep -= u32::from(*counts);
                self.open.pop();
                Ok(Some(Event::Close(self.at)))
            }
            Open::List { kind, next, .. } => {
                let (kind, index) = (*kind, *next);
                *next += 1;
                self.tag(kind, None, Some(index), self.at).map(Some)
            }
            Open::Compound => {
                let start = self.at;
                match byte(self.bytes, &mut self.at)? {
                    0 => {
                        self.deep -= 1;
                        self.open.pop();
                        Ok(Some(Event::Close(self.at)))
                    }
                    kind => {
                        let name = self.string()?;
                        self.tag(kind, Some(name), None, start).map(Some)
                    }
                }
            }
        }
    }

    /// Passes the rest of the list or compound that is open, its end included.
    ///
    /// # Errors
    /// As [`Walk::next_event`].
    pub fn leave(&mut self) -> Result<(), WalkError> {
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            if self.next_event()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// How far the walk has come: the first byte that was not looked at.
    pub fn position(&self) -> usize {
        self.at
    }

    fn root(&mut self) -> Result<Event<'a>, WalkError> {
        let kind = byte(self.bytes, &mut self.at)?;
        if kind == 0 {
            return Ok(Event::Nothing);
        }
        let name = if self.form.named { Some(self.string()?) } else { None };
        self.tag(kind, name, None, 0)
    }

    fn tag(
        &mut self,
        kind: u8,
        name: Option<&'a [u8]>,
        index: Option<u32>,
        start: usize,
    ) -> Result<Event<'a>, WalkError> {
        let payload = self.at;
        let Some(kind) = TagKind::from_byte(kind).filter(|kind| *kind != TagKind::End) else {
            return Err((payload.saturating_sub(1), NbtError::Tag { tag: kind }).into());
        };
        let tag = Tag { kind, name, index, depth: self.open.len() as u32, start, payload };
        let value = match kind {
            TagKind::End => return Ok(Event::Nothing),
            TagKind::Byte => Payload::Byte(i8::from_be_bytes(self.array()?)),
            TagKind::Short => Payload::Short(i16::from_be_bytes(self.array()?)),
            TagKind::Int => Payload::Int(i32::from_be_bytes(self.array()?)),
            TagKind::Long => Payload::Long(i64::from_be_bytes(self.array()?)),
            TagKind::Float => Payload::Float(f32::from_be_bytes(self.array()?)),
            TagKind::Double => Payload::Double(f64::from_be_bytes(self.array()?)),
            TagKind::ByteArray => Payload::ByteArray(self.counted(1)?),
            TagKind::IntArray => Payload::IntArray(self.counted(4)?),
            TagKind::LongArray => Payload::LongArray(self.counted(8)?),
            TagKind::String => Payload::String(self.string()?),
            TagKind::Compound => {
                self.deeper()?;
                self.open.push(Open::Compound);
                return Ok(Event::Open(tag, Group::Compound));
            }
            TagKind::List => {
                let of = byte(self.bytes, &mut self.at)?;
                let count = length(self.bytes, &mut self.at)?;
                let counts = fixed_size(of).is_none();
                if counts {
                    self.deeper()?;
                }
                let shown = if of == TagKind::End as u8 { 0 } else { count };
                self.open.push(Open::List { kind: of, next: 0, count: shown, counts });
                return Ok(Event::Open(tag, Group::List(of, count)));
            }
        };
        Ok(Event::Value(tag, value))
    }

    fn deeper(&mut self) -> Result<(), WalkError> {
        self.deep += 1;
        if self.deep > self.depth_max {
            return Err((self.at, NbtError::Depth { max: self.depth_max }).into());
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WalkError> {
        let start = self.at;
        pass(self.bytes, &mut self.at, N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[start..self.at]);
        Ok(array)
    }

    fn string(&mut self) -> Result<&'a [u8], WalkError> {
        let len = u16::from_be_bytes(self.array()?);
        let start = self.at;
        pass(self.bytes, &mut self.at, len.into())?;
        Ok(&self.bytes[start..self.at])
    }

    fn counted(&mut self, size: u64) -> Result<&'a [u8], WalkError> {
        let count = length(self.bytes, &mut self.at)?;
        let start = self.at;
        pass(self.bytes, &mut self.at, u64::from(count) * size)?;
        Ok(&self.bytes[start..self.at])
    }
}

/// The numbers of an [`IntArray`](Payload::IntArray).
pub fn ints(bytes: &[u8]) -> impl Iterator<Item = i32> + '_ {
    bytes.chunks_exact(4).map(|c| i32::from_be_bytes([c[0], c[1], c[2], c[3]]))
}

/// The numbers of a [`LongArray`](Payload::LongArray).
pub fn longs(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes
        .chunks_exact(8)
        .map(|c| i64::from_be_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]))
}
