//! Plans: what a definition becomes for one packet at one version in one direction.
//!
//! A plan is flat code that finds positions, and a tree of fields that says what lies there.
//!
//! ```text
//!   body bytes ──run──▶ blocks of u32 slots in a Workspace ──read──▶ values, ranges
//!                         one block per activation of a layout
//! ```
//!
//! A *layout* is what is laid out in one go: a packet's body, an array's element, a block's content, a
//! recursive type. Nested structs, `if` and `match` are part of the layout around them. Each activation
//! of a layout has a block of slots. A position is a slot plus a constant ([`Pos`]); a slot is written only
//! where a position is not a constant offset from an earlier one. Elements of arrays get a block only
//! while somebody looks at them.

pub mod anchor;
mod code;
mod cut;
mod elements;
mod error;
mod expr;
mod follow;
mod fuse;
mod int;
mod meaning;
mod measure;
mod opened;
mod pass;
mod quick;
mod rare;
mod run;
mod scope;
mod straight;
#[cfg(test)]
mod tests;
mod walk;
mod workspace;

use std::sync::Arc;

use midwire_codec::ByteOrder;

pub(crate) use code::{ArrayCode, BlockCode, CallCode, Code, ElementShape, Fused, Op, Switch};
pub use cut::Cut;
pub use error::{DecodeError, DecodeErrorKind, PathSegment};
pub(crate) use expr::{Cond, Scope, binary, compare, each};
pub use expr::{Ex, FieldRef, Member};
pub use meaning::{Comparison, EntryDifference, LayoutDifference};
pub use measure::{Extent, Progress};
pub use rare::{Blank, Rare};
pub use straight::Straight;
pub use walk::{Flow, Found, Group, Node, Packet, Visitor};
pub(crate) use workspace::{ABSENT, START as START_SLOT};
pub use workspace::{Activation, Place, Workspace};
pub(crate) use workspace::{BUFFER as BUFFER_SLOT, LIMIT as LIMIT_SLOT};

use crate::syntax::ast::Transform;
use crate::table::Table;
use crate::value::Encoding;

/// Index of a [`Field`] in its plan.
pub type FieldId = u32;
/// Index of a [`Layout`] in its plan.
pub type LayoutId = u32;
/// Index of a [`Branch`] in its plan.
pub type BranchId = u32;

/// How a packet's body is read and written at one version, in one direction.
#[derive(Debug)]
pub struct Plan {
    /// Layout 0 is the body.
    pub(crate) layouts: Vec<Layout>,
    pub(crate) fields: Vec<Field>,
    pub(crate) branches: Vec<Branch>,
    pub(crate) code: Vec<Code>,
    /// Which fields each instruction covers: first, and one past the last.
    pub(crate) covers: Vec<(FieldId, FieldId)>,
    pub(crate) conds: Vec<Cond>,
    pub(crate) exprs: Vec<Ex>,
    pub(crate) switches: Vec<Switch>,
    pub(crate) arrays: Vec<ArrayCode>,
    pub(crate) blocks: Vec<BlockCode>,
    pub(crate) calls: Vec<CallCode>,
    /// Quick forms, each with the first of the instructions that it stands for.
    pub(crate) fused: Vec<(Fused, Op)>,
    /// Connection variables that its expressions, and those of its events, read.
    pub(crate) conn: Vec<u32>,
    /// Something in it depends on where the bytes end.
    pub(crate) takes_rest: bool,
    /// What editing needs to know, found when it is first needed.
    pub(crate) facts: std::sync::OnceLock<crate::splice::Facts>,
}

impl Plan {
    /// A plan that is about to be made.
    pub(crate) fn empty() -> Plan {
        Plan {
            layouts: Vec::new(),
            fields: Vec::new(),
            branches: Vec::new(),
            code: Vec::new(),
            covers: Vec::new(),
            conds: Vec::new(),
            exprs: Vec::new(),
            switches: Vec::new(),
            arrays: Vec::new(),
            blocks: Vec::new(),
            calls: Vec::new(),
            fused: Vec::new(),
            conn: Vec::new(),
            takes_rest: false,
            facts: std::sync::OnceLock::new(),
        }
    }

    /// Whether what is read depends on where the bytes end: then nearly any bytes can be read.
    pub fn takes_rest(&self) -> bool {
        self.takes_rest
    }

    /// The most bytes that a body takes, if it is nothing but numbers.
    pub fn size_max(&self) -> Option<usize> {
        let mut size = 0usize;
        for code in &self.code[self.layouts[0].entry as usize..] {
            let more = match code.op {
                Op::Mark { .. } | Op::Return => 0,
                Op::Varint { max, .. } => max.into(),
                Op::VarintLast { max, behind, .. } => behind as usize + usize::from(max),
                _ => return None,
            };
            size = size.saturating_add(code.skip as usize).saturating_add(more);
            if let Op::Return | Op::VarintLast { .. } = code.op {
                break;
            }
        }
        Some(size)
    }
}

impl Plan {
    /// Gives back what was set aside for more: plans are kept.
    pub(crate) fn shrink(&mut self) {
        let Plan {
            layouts,
            fields,
            branches,
            code,
            covers,
            conds,
            exprs,
            switches,
            arrays,
            blocks,
            calls,
            fused,
            conn,
            takes_rest: _,
            facts: _,
        } = self;
        layouts.shrink_to_fit();
        fields.shrink_to_fit();
        branches.shrink_to_fit();
        code.shrink_to_fit();
        covers.shrink_to_fit();
        conds.shrink_to_fit();
        exprs.shrink_to_fit();
        switches.shrink_to_fit();
        arrays.shrink_to_fit();
        blocks.shrink_to_fit();
        calls.shrink_to_fit();
        fused.shrink_to_fit();
        conn.shrink_to_fit();
        layouts.iter_mut().for_each(|layout| layout.items.shrink_to_fit());
    }
}

impl Plan {
    /// Whether a field is the name of the server that the client was told.
    pub fn has_host(&self) -> bool {
        self.fields.iter().any(|field| field.marks.host)
    }

    /// Whether a field has a part in how encryption begins.
    pub fn is_of_cipher(&self) -> bool {
        let cipher =
            |field: &Field| field.marks.cipher.is_some_and(|what| what != CipherField::Own);
        self.fields.iter().any(cipher)
    }

    /// Whether it is signed for the client's own account.
    pub fn is_own(&self) -> bool {
        self.fields.iter().any(|field| field.marks.cipher == Some(CipherField::Own))
    }
}

impl Marks {
    /// Nothing was written.
    pub const NONE: Marks = Marks {
        reference: None,
        reference_table: None,
        secret: false,
        chat: false,
        component: false,
        color: false,
        hex: false,
        hide: false,
        telling: false,
        host: false,
        port: false,
        cipher: None,
        unit: None,
        max: None,
    };

    /// These marks, and where they say nothing those of the type.
    pub(crate) fn over(self, ty: Marks) -> Marks {
        Marks {
            reference_table: if self.reference.is_some() {
                self.reference_table
            } else {
                ty.reference_table
            },
            reference: self.reference.or(ty.reference),
            secret: self.secret || ty.secret,
            chat: self.chat || ty.chat,
            component: self.component || ty.component,
            color: self.color || ty.color,
            hex: self.hex || ty.hex,
            hide: self.hide || ty.hide,
            telling: self.telling || ty.telling,
            host: self.host || ty.host,
            port: self.port || ty.port,
            cipher: self.cipher.or(ty.cipher),
            unit: self.unit.or(ty.unit),
            max: self.max.or(ty.max),
        }
    }
}

/// What is laid out in one go, in one block of slots.
#[derive(Debug)]
pub struct Layout {
    /// The type's name, where it has one.
    pub name: Option<Arc<str>>,
    /// What it consists of, in wire order.
    pub items: Vec<Item>,
    /// Where its code starts in the plan.
    pub(crate) entry: u32,
    /// Slots of a block, the header included.
    pub(crate) slots: u32,
    /// Its size in bytes, if that is the same for all.
    pub fixed_size: Option<u32>,
    /// The fewest bytes one can take.
    pub min_size: u32,
    /// Where it ends, when it has been run.
    pub(crate) end: Pos,
    /// The fields of an element that is one value have no names of their own.
    pub transparent: bool,
    /// It is part of what bytes hold, and neither run to read a packet nor written.
    pub(crate) opened: bool,
}

/// An entry of a layout or of a nested struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A field.
    Field(FieldId),
    /// An `if`, `match` or `opt`: one of its arms is there, or none.
    Branch(BranchId),
}

/// A position in a block's buffer: what a slot holds plus a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pos {
    pub(crate) slot: u32,
    pub(crate) offset: u32,
}

/// A named part of a packet.
#[derive(Debug)]
pub struct Field {
    /// As written in the definition; empty for padding, and for the value of a transparent layout.
    pub name: Arc<str>,
    /// The doc comment.
    pub doc: Rare<String>,
    /// The struct field it stands in, within the same layout.
    pub parent: Option<FieldId>,
    /// The layout it belongs to.
    pub layout: LayoutId,
    /// The innermost arm it stands in: branch and arm; absent when that arm is not taken.
    pub guard: Option<(BranchId, u32)>,
    /// First byte.
    pub(crate) start: Pos,
    /// One past the last byte.
    pub(crate) end: Pos,
    /// What lies there.
    pub kind: Kind,
    /// What was written after the type.
    pub marks: Rare<Marks>,
    /// How it is computed from others when they are edited.
    pub(crate) derived: Rare<Vec<Derivation>>,
    /// What its bytes may hold, as `@open` says; for nothing but bytes.
    pub(crate) opened: Rare<Vec<LayoutId>>,
}

impl Field {
    /// Whether the definition says what its bytes hold (`@open`).
    pub fn is_opened(&self) -> bool {
        !self.opened.is_empty()
    }
}

/// The attributes of a field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// `@ref item`: the number is an index into this table of names.
    pub reference: Option<Arc<str>>,
    /// The table of `@ref`, if the protocol has one of that name.
    pub reference_table: Option<Arc<Table>>,
    /// `@secret`: masked wherever it is shown.
    pub secret: bool,
    /// `@chat`: text that players see.
    pub chat: bool,
    /// `@component`: the text is a chat component in JSON.
    pub component: bool,
    /// `@color`: three or four colour channels.
    pub color: bool,
    /// `@hex`: people read it in base 16.
    pub hex: bool,
    /// `@hide`: left out of one-line summaries.
    pub hide: bool,
    /// `@telling`: belongs into the one-line summary first.
    pub telling: bool,
    /// `@host`: the name of the server that the client was told.
    pub host: bool,
    /// `@port`: the port that the client was told.
    pub port: bool,
    /// `@cipher public_key`: its part in how encryption begins.
    pub cipher: Option<CipherField>,
    /// `@unit "px"`
    pub unit: Option<Arc<str>>,
    /// `@max n`: the largest value or length that the game takes
    pub max: Option<i64>,
}

/// What a field is to who ends encryption in the middle: `@cipher` and one of these names.
///
/// The server asks with its public key and a token. The client answers with a secret, the key of what
/// follows, and the token, both sealed with that public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CipherField {
    /// `name`: who the client says it is.
    Name,
    /// `server_id`: text of the server that goes into what an account is asked with.
    ServerId,
    /// `public_key`: the server's RSA key, in DER.
    PublicKey,
    /// `token`: random bytes of the server; sealed in the answer.
    Token,
    /// `authenticates`: whether the server will ask a session service about the client. Without such a
    /// field it will.
    Authenticates,
    /// `secret`: the sealed key of what follows.
    Secret,
    /// `own`: signed for the client's own account, so of no use to a server that knows it as another.
    Own,
}

impl CipherField {
    /// What they are called, as in the definition.
    pub const NAMES: [&'static str; 7] =
        ["name", "server_id", "public_key", "token", "authenticates", "secret", "own"];
    const ALL: [Self; 7] = [
        Self::Name,
        Self::ServerId,
        Self::PublicKey,
        Self::Token,
        Self::Authenticates,
        Self::Secret,
        Self::Own,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        Some(Self::ALL[at])
    }
}

/// What lies at a field's place.
#[derive(Debug)]
pub enum Kind {
    /// An integer.
    Int(IntRepr),
    /// A floating-point number.
    Float(FloatRepr),
    /// One byte, 0 or 1; other values count as true and are kept.
    Bool,
    /// 16 bytes, big endian.
    Uuid,
    /// An integer with names for some of its values.
    Enum {
        /// What is on the wire.
        repr: IntRepr,
        /// The names.
        entries: Arc<EnumEntries>,
    },
    /// An integer whose bits have names.
    Flags {
        /// What is on the wire.
        repr: IntRepr,
        /// The bits, by number from 0 (least significant).
        members: Vec<FlagMember>,
    },
    /// An integer cut into named numbers.
    Bits {
        /// What is on the wire.
        repr: IntRepr,
        /// The parts.
        members: Vec<BitsMember>,
    },
    /// Text.
    Str {
        /// How it is encoded.
        encoding: Encoding,
        /// How its length is known (bytes; code units for UTF-16).
        len: Len,
        /// The values it may have in a string enum; empty otherwise.
        names: Box<[Arc<str>]>,
    },
    /// Raw bytes.
    Bytes {
        /// How their number is known.
        len: Len,
    },
    /// A list.
    Array(Box<ArrayKind>),
    /// A nested struct, in the same layout.
    Struct(Vec<Item>),
    /// A bounded part with a block of its own; compressed ones are in a buffer of their own.
    Block {
        /// What was done to the bytes.
        transform: Transform,
        /// How many bytes there are.
        len: Len,
        /// What is inside.
        layout: LayoutId,
        /// Which slot has the activation.
        slot: u32,
    },
    /// A recursive type, in a block of its own.
    Call {
        /// What it is.
        layout: LayoutId,
        /// Which slot has the activation.
        slot: u32,
        /// The values of its parameters, in the caller's scope.
        args: Vec<Ex>,
    },
    /// Named Binary Tag.
    Nbt(NbtForm),
    /// An array of integers of equal width packed in 64-bit words, as Minecraft's chunks have them.
    Packed {
        /// Bits of one number.
        width: Box<Ex>,
        /// How many numbers.
        count: Box<Ex>,
        /// A number may begin in one word and end in the next.
        crossing: bool,
    },
    /// Computed, not on the wire.
    Let(Box<Ex>),
    /// Bytes that mean nothing and are kept.
    Pad(u32),
    /// An unknown tail, kept.
    Tail,
    /// The byte that says whether an `opt` is there.
    Presence,
}

/// An integer on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntRepr {
    /// 1 to 16 bytes.
    Fixed {
        /// Number of bytes.
        bytes: u8,
        /// Two's complement.
        signed: bool,
        /// Byte order.
        order: ByteOrder,
    },
    /// LEB128, 32 bits signed (Minecraft's varint), at most 5 bytes.
    Varint,
    /// LEB128, 64 bits signed, at most 10 bytes.
    Varlong,
    /// LEB128, 32 bits unsigned (.NET's 7-bit encoded int), at most 5 bytes.
    Uvarint,
    /// LEB128, 128 bits unsigned, at most 19 bytes.
    Varint128,
    /// LEB128 of a zigzag-coded 32-bit number.
    Zigzag32,
    /// LEB128 of a zigzag-coded 64-bit number.
    Zigzag64,
}

/// A floating-point number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FloatRepr {
    /// 2, 4 or 8.
    pub bytes: u8,
    /// Byte order.
    pub order: ByteOrder,
}

/// Which of Java's forms of NBT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NbtForm {
    /// The root tag has a name.
    pub named: bool,
    /// A single 0 byte may stand for nothing at all.
    pub optional: bool,
}

/// The names of an enum at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumEntries {
    /// Number and name, in order of number; of several names for a number the first written counts.
    pub by_number: Vec<(i128, Arc<str>)>,
    /// The other names of these numbers, which can be written but are not shown.
    pub(crate) other_names: Vec<(i128, Arc<str>)>,
}

impl EnumEntries {
    /// The name of a number.
    pub fn name(&self, number: i128) -> Option<&Arc<str>> {
        let at = self.by_number.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        Some(&self.by_number[at].1)
    }

    /// The number of a name; case and `_` do not matter.
    pub fn number(&self, name: &str) -> Option<i128> {
        let mut all = self.by_number.iter().chain(&self.other_names);
        all.find(|(_, n)| crate::syntax::ast::same_name(n, name)).map(|(n, _)| *n)
    }
}

/// A named bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagMember {
    /// Its name.
    pub name: Arc<str>,
    /// Its number, from 0.
    pub bit: u8,
    /// The doc comment.
    pub doc: Arc<str>,
}

/// A named part of a `bits` integer.
#[derive(Debug, Clone, PartialEq)]
pub struct BitsMember {
    /// Its name.
    pub name: Arc<str>,
    /// Distance from the least significant bit.
    pub shift: u8,
    /// Number of bits, 1 to 128.
    pub width: u8,
    /// Two's complement.
    pub signed: bool,
    /// The doc comment.
    pub doc: Arc<str>,
    /// What was written after it.
    pub marks: Marks,
}

/// How a number of bytes, code units or elements is known.
#[derive(Debug, Clone)]
pub enum Len {
    /// An integer in front.
    Prefix {
        /// How it is written.
        repr: IntRepr,
        /// `max n`
        max: Option<u64>,
    },
    /// An expression over earlier fields.
    Expr {
        /// The number.
        expr: Box<Ex>,
        /// `max n`
        max: Option<u64>,
    },
    /// Always this many.
    Fixed(u32),
    /// All that is left of the block.
    Rest,
    /// Up to this byte, which is passed. Texts and bytes only.
    Until {
        /// The byte that ends it.
        mark: u8,
        /// `max n`
        max: Option<u64>,
        /// The end of the block ends it as well.
        lenient: bool,
    },
}

/// A list.
#[derive(Debug)]
pub struct ArrayKind {
    /// How many elements there are.
    pub count: Count,
    /// What an element is.
    pub element: LayoutId,
    /// Which slot has the number of elements found.
    pub(crate) count_slot: u32,
    /// Which slot has the place of the first element (behind a prefix).
    pub(crate) first: Pos,
    /// Which slot has the handle of the sparse index; only where elements vary in size.
    pub(crate) index_slot: Option<u32>,
    /// Elements are counted towards `elements_max` one by one.
    pub(crate) counted: bool,
}

/// How many elements an array has.
#[derive(Debug, Clone)]
pub enum Count {
    /// A number that is known before the first element.
    Len(Len),
    /// Ends at a value that is then consumed.
    Until {
        /// What the end looks like.
        repr: IntRepr,
        /// How it is compared.
        compare: crate::syntax::ast::Compare,
        /// With what.
        value: Ex,
        /// `max n`
        max: Option<u64>,
    },
    /// Ends when the running total of `each` (in the element's scope) compares so with `total`.
    Sum {
        /// What an element adds.
        each: Ex,
        /// How the total is compared.
        compare: crate::syntax::ast::Compare,
        /// With what, in the scope around.
        total: Ex,
    },
    /// Goes on while this holds of the element just read (in its scope).
    While {
        /// The condition.
        more: Ex,
        /// `max n`
        max: Option<u64>,
    },
}

/// An `if`, `match` or `opt`.
#[derive(Debug)]
pub struct Branch {
    /// Which slot has the number of the arm taken.
    pub(crate) slot: u32,
    /// The layout it belongs to.
    pub layout: LayoutId,
    /// The arm it stands in itself.
    pub guard: Option<(BranchId, u32)>,
    /// How the arm is chosen.
    pub select: Select,
    /// What each arm holds.
    pub arms: Vec<Arm>,
}

/// How a branch chooses its arm.
#[derive(Debug)]
pub enum Select {
    /// `if`: arm 0 when it holds, else arm 1.
    If(Ex),
    /// `match`: the first arm whose labels fit.
    Match(Ex),
    /// `match` on text.
    MatchText(FieldRef),
}

/// An arm of a branch.
#[derive(Debug)]
pub struct Arm {
    /// What it is for; empty in an `if`, and for `else`.
    pub labels: Vec<ArmLabel>,
    /// What it holds.
    pub items: Vec<Item>,
}

/// A label of a `match` arm.
#[derive(Debug, Clone, PartialEq)]
pub enum ArmLabel {
    /// From the first to the last number, both included.
    Range(i128, i128),
    /// A text.
    Text(Arc<str>),
    /// A value known when the packet is read.
    Expr(Ex),
}

/// A field whose value follows from others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Derivation {
    /// The number of elements, bytes or code units of `of` is `scale * value + offset`.
    Measures { of: FieldId, scale: i128, offset: i128 },
    /// `= expr`
    Expr(Ex),
}
