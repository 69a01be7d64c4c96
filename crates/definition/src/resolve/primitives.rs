//! The types that the language has built in.

use midwire_codec::ByteOrder;

use crate::plan::{FloatRepr, IntRepr, NbtForm};

/// A built-in type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    Int(IntRepr),
    Float(FloatRepr),
    Bool,
    Uuid,
    Nbt(NbtForm),
}

/// The names of all of them, for suggestions.
pub(crate) const NAMES: [&str; 28] = [
    "u8",
    "i8",
    "u16",
    "i16",
    "u24",
    "i24",
    "u32",
    "i32",
    "u64",
    "i64",
    "u128",
    "f16",
    "f32",
    "f64",
    "bool",
    "uuid",
    "angle",
    "varint",
    "varlong",
    "uvarint",
    "varint128",
    "zigzag32",
    "zigzag64",
    "nbt",
    "named_nbt",
    "opt_nbt",
    "opt_named_nbt",
    "str",
];

/// The primitive of a name; `le` or `be` behind it overrides the protocol's byte order.
pub(crate) fn named(name: &str, order: ByteOrder) -> Option<Primitive> {
    let (base, order) = match (name.strip_suffix("le"), name.strip_suffix("be")) {
        (Some(base), _) if base.ends_with(|c: char| c.is_ascii_digit()) => {
            (base, ByteOrder::Little)
        }
        (_, Some(base)) if base.ends_with(|c: char| c.is_ascii_digit()) => (base, ByteOrder::Big),
        _ => (name, order),
    };
    let int = |bytes, signed| Some(Primitive::Int(IntRepr::Fixed { bytes, signed, order }));
    let plain = |repr| Some(Primitive::Int(repr));
    let nbt = |named, optional| Some(Primitive::Nbt(NbtForm { named, optional }));
    match base {
        "u8" => int(1, false),
        "i8" => int(1, true),
        "u16" => int(2, false),
        "i16" => int(2, true),
        "u24" => int(3, false),
        "i24" => int(3, true),
        "u32" => int(4, false),
        "i32" => int(4, true),
        "u64" => int(8, false),
        "i64" => int(8, true),
        "u128" => int(16, false),
        "f16" => Some(Primitive::Float(FloatRepr { bytes: 2, order })),
        "f32" => Some(Primitive::Float(FloatRepr { bytes: 4, order })),
        "f64" => Some(Primitive::Float(FloatRepr { bytes: 8, order })),
        "bool" => Some(Primitive::Bool),
        "uuid" => Some(Primitive::Uuid),
        // 256 steps a turn.
        "angle" => int(1, true),
        "varint" => plain(IntRepr::Varint),
        "varlong" => plain(IntRepr::Varlong),
        "uvarint" => plain(IntRepr::Uvarint),
        "varint128" => plain(IntRepr::Varint128),
        "zigzag32" => plain(IntRepr::Zigzag32),
        "zigzag64" => plain(IntRepr::Zigzag64),
        "nbt" => nbt(false, false),
        "named_nbt" => nbt(true, false),
        "opt_nbt" => nbt(false, true),
        "opt_named_nbt" => nbt(true, true),
        _ => None,
    }
}
