//! What a kind says beyond how many bytes it takes.

use midwire_codec::ByteOrder;

use crate::plan::{BitsMember, Count, FloatRepr, IntRepr, Kind, Len};

/// Whether the parts of two numbers that overlap are the same parts; others have a name in one of them only.
pub(super) fn cut_alike(a: &[BitsMember], b: &[BitsMember]) -> bool {
    a.iter().all(|m| {
        b.iter().all(|n| {
            let apart = m.shift + m.width <= n.shift || n.shift + n.width <= m.shift;
            let signed = |member: &BitsMember| member.signed && member.width > 1;
            apart || ((m.shift, m.width) == (n.shift, n.width) && signed(m) == signed(n))
        })
    })
}

/// What the short text of a kind leaves out.
pub(super) fn detail(kind: &Kind) -> String {
    let order = |order: ByteOrder| match order {
        ByteOrder::Big => " big endian".to_owned(),
        ByteOrder::Little => " little endian".to_owned(),
    };
    let of_int = |repr: &IntRepr| match repr {
        IntRepr::Fixed { bytes: 2.., order: found, .. } => order(*found),
        _ => String::new(),
    };
    let of_len = |len: &Len| match len {
        Len::Prefix { repr, .. } => of_int(repr),
        _ => String::new(),
    };
    match kind {
        Kind::Int(repr) | Kind::Enum { repr, .. } | Kind::Flags { repr, .. } => of_int(repr),
        Kind::Float(FloatRepr { order: found, .. }) => order(*found),
        Kind::Bits { repr, members } => {
            let part = |member: &BitsMember| {
                let letter = if member.signed { 'i' } else { 'u' };
                format!("{}: {letter}{} << {}", member.name, member.width, member.shift)
            };
            let parts: Vec<String> = members.iter().map(part).collect();
            format!("{} {{ {} }}", of_int(repr), parts.join(", "))
        }
        Kind::Str { len, .. } | Kind::Bytes { len } | Kind::Block { len, .. } => of_len(len),
        Kind::Array(array) => match &array.count {
            Count::Len(len) => of_len(len),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The numbers that have names.
pub(super) fn named(kind: &Kind) -> Option<Vec<(i128, &str)>> {
    match kind {
        Kind::Enum { entries, .. } => {
            Some(entries.by_number.iter().map(|(n, name)| (*n, &**name)).collect())
        }
        Kind::Flags { members, .. } => {
            Some(members.iter().map(|m| (m.bit.into(), &*m.name)).collect())
        }
        _ => None,
    }
}
