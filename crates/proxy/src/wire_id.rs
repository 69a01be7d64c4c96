//! Packet ids at the start of a payload.

use midwire_codec::{ByteOrder, varint};
use midwire_definition::plan::IntRepr;
use midwire_definition::{Stack, StateId};

/// The id of a payload, and where the fields start; `None` if it is not all there.
pub(crate) fn read(stack: &Stack, state: StateId, payload: &[u8]) -> Option<(i64, usize)> {
    let before = stack.before_id.len();
    let bytes = payload.get(before..)?;
    let (id, width) = match stack.id_in(state) {
        IntRepr::Fixed { bytes: width, signed, order } => {
            let raw = bytes.get(..usize::from(width))?;
            (fixed(raw, signed, order)?, raw.len())
        }
        IntRepr::Varint => varint::read_varint(bytes).ok()?.map(|(n, w)| (n.into(), w))?,
        IntRepr::Uvarint => varint::read_uvarint(bytes).ok()?.map(|(n, w)| (n.into(), w))?,
        IntRepr::Varlong => varint::read_varlong(bytes).ok()??,
        IntRepr::Zigzag32 => varint::read_zigzag32(bytes).ok()?.map(|(n, w)| (n.into(), w))?,
        IntRepr::Zigzag64 => varint::read_zigzag64(bytes).ok()??,
        IntRepr::Varint128 => {
            let (n, width) = varint::read_varint128(bytes).ok()??;
            (i64::try_from(n).ok()?, width)
        }
    };
    Some((id, before + width))
}

/// The bytes of the id in front of the fields, if it could be written in fewer.
pub(crate) fn overlong<'p>(
    stack: &Stack,
    state: StateId,
    payload: &'p [u8],
    body: u32,
) -> Option<&'p [u8]> {
    let raw = payload.get(stack.before_id.len()..body as usize)?;
    let (id, end) = read(stack, state, payload)?;
    let mut shortest = Vec::new();
    (end == body as usize && write(stack, state, id, &mut shortest) && shortest.len() < end)
        .then_some(raw)
}

/// Appends an id behind what stands in front of it, its constants and zeros; `false` if it does not fit.
pub(crate) fn write(stack: &Stack, state: StateId, id: i64, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend_from_slice(&stack.before_id);
    match stack.id_in(state) {
        IntRepr::Fixed { bytes, order, .. } => {
            let mut raw = i128::from(id).to_le_bytes();
            let raw = &mut raw[..usize::from(bytes).min(16)];
            if order == ByteOrder::Big {
                raw.reverse();
            }
            out.extend_from_slice(raw);
        }
        IntRepr::Varint => varint::write_varint(id as i32, out),
        IntRepr::Uvarint => varint::write_uvarint(id as u32, out),
        IntRepr::Varlong => varint::write_varlong(id, out),
        IntRepr::Zigzag32 => varint::write_zigzag32(id as i32, out),
        IntRepr::Zigzag64 => varint::write_zigzag64(id, out),
        IntRepr::Varint128 => varint::write_varint128(id as u128, out),
    }
    read(stack, state, &out[start..]) == Some((id, out.len() - start)) || {
        out.truncate(start);
        false
    }
}

fn fixed(raw: &[u8], signed: bool, order: ByteOrder) -> Option<i64> {
    let join = |value: u128, byte: &u8| value << 8 | u128::from(*byte);
    let value = match order {
        ByteOrder::Big => raw.iter().fold(0, join),
        ByteOrder::Little => raw.iter().rev().fold(0, join),
    };
    if !signed {
        return i64::try_from(value).ok();
    }
    let spare = 128 - 8 * raw.len() as u32;
    i64::try_from((value << spare).cast_signed() >> spare).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols;

    #[test]
    fn an_id_that_is_longer_than_it_need_be_is_told() {
        let minecraft = protocols::find("minecraft", &[]).unwrap();
        let overlong = |payload, body| overlong(&minecraft.stack, minecraft.start, payload, body);
        assert_eq!(overlong(&[0x83, 0x00, 7], 2), Some(&[0x83, 0x00][..]));
        assert_eq!(overlong(&[0x83, 0x01, 7], 2), None);
        assert_eq!(overlong(&[0x03, 7], 1), None);
        assert_eq!(overlong(&[], 0), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for name in ["minecraft", "terraria"] {
            let protocol = protocols::find(name, &[]).unwrap();
            for id in [0, 1, 127, 128, 255] {
                let mut out = vec![9];
                assert!(write(&protocol.stack, protocol.start, id, &mut out));
                assert_eq!(
                    read(&protocol.stack, protocol.start, &out[1..]),
                    Some((id, out.len() - 1))
                );
            }
        }
        let terraria = protocols::find("terraria", &[]).unwrap();
        let mut out = vec![9];
        assert!(!write(&terraria.stack, terraria.start, 256, &mut out));
        assert_eq!(out, [9]);
        assert_eq!(read(&terraria.stack, terraria.start, &[]), None);
    }
}
