//! Reading a packet's id from the start of its payload.

use midwire_codec::ByteOrder;
use midwire_codec::varint;
use midwire_definition::plan::IntRepr;
use midwire_definition::{Stack, StateId};

/// The id of a payload and where the fields start, or `None` if it is not all there or no integer.
#[inline]
pub(crate) fn read(stack: &Stack, state: StateId, payload: &[u8]) -> Option<(i64, usize)> {
    let before = stack.before_id.len();
    let bytes = payload.get(before..)?;
    let (id, width) = match (stack.id_in(state), bytes) {
        (IntRepr::Varint | IntRepr::Uvarint, [only @ 0..0x80, ..]) => (i64::from(*only), 1),
        (IntRepr::Fixed { bytes: 1, signed: false, .. }, [only, ..]) => (i64::from(*only), 1),
        (repr, _) => wide(repr, bytes)?,
    };
    Some((id, before + width))
}

/// Bytes that surely hold the id of a payload.
pub(crate) fn reach(stack: &Stack, state: StateId) -> usize {
    stack.before_id.len() + usize::from(stack.id_in(state).max_size())
}

/// Appends what stands in front of the id, its constants and zeros, and the id; `None`, and nothing, if it does
/// not fit.
pub(crate) fn write(stack: &Stack, state: StateId, id: i64, out: &mut Vec<u8>) -> Option<()> {
    let mut bytes = Vec::new();
    match stack.id_in(state) {
        IntRepr::Fixed { bytes: width, order, .. } => {
            let wide = i128::from(id).to_be_bytes();
            bytes.extend_from_slice(wide.get(16 - usize::from(width)..)?);
            if order == ByteOrder::Little {
                bytes.reverse();
            }
        }
        IntRepr::Varint => varint::write_varint(i32::try_from(id).ok()?, &mut bytes),
        IntRepr::Uvarint => varint::write_uvarint(u32::try_from(id).ok()?, &mut bytes),
        IntRepr::Varlong => varint::write_varlong(id, &mut bytes),
        IntRepr::Zigzag32 => varint::write_zigzag32(i32::try_from(id).ok()?, &mut bytes),
        IntRepr::Zigzag64 => varint::write_zigzag64(id, &mut bytes),
        IntRepr::Varint128 => varint::write_varint128(u128::try_from(id).ok()?, &mut bytes),
    }
    let payload = [&stack.before_id[..], &bytes].concat();
    (read(stack, state, &payload)? == (id, payload.len())).then(|| out.extend_from_slice(&payload))
}

fn wide(repr: IntRepr, bytes: &[u8]) -> Option<(i64, usize)> {
    match repr {
        IntRepr::Fixed { bytes: width, signed, order } => {
            let width = usize::from(width);
            let raw = bytes.get(..width)?;
            Some((fixed(raw, signed, order)?, width))
        }
        IntRepr::Varint => varint::read_varint(bytes).ok()?.map(|(n, w)| (n.into(), w)),
        IntRepr::Uvarint => varint::read_uvarint(bytes).ok()?.map(|(n, w)| (n.into(), w)),
        IntRepr::Varlong => varint::read_varlong(bytes).ok()?,
        IntRepr::Zigzag32 => varint::read_zigzag32(bytes).ok()?.map(|(n, w)| (n.into(), w)),
        IntRepr::Zigzag64 => varint::read_zigzag64(bytes).ok()?,
        IntRepr::Varint128 => {
            let (number, width) = varint::read_varint128(bytes).ok()??;
            Some((i64::try_from(number).ok()?, width))
        }
    }
}

/// `None` where it does not fit: no definition has such an id.
fn fixed(raw: &[u8], signed: bool, order: ByteOrder) -> Option<i64> {
    let join = |value: u128, byte: &u8| value << 8 | u128::from(*byte);
    let value = match order {
        ByteOrder::Big => raw.iter().fold(0, join),
        ByteOrder::Little => raw.iter().rev().fold(0, join),
    };
    let spare = 128 - 8 * raw.len() as u32;
    let value = if signed {
        (value << spare).cast_signed() >> spare
    } else {
        i128::try_from(value).ok()?
    };
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PLAY: StateId = StateId(1);

    fn stack(id: IntRepr, before_id: usize) -> Stack {
        let (before_length, before_id) = (Arc::default(), vec![0; before_id].into());
        let (compression, cipher, legacy_ping) = (None, false, false);
        let (id_states, packet_length_max) = (None, None);
        Stack {
            framing: None,
            before_length,
            before_id,
            id,
            id_states,
            packet_length_max,
            compression,
            cipher,
            legacy_ping,
        }
    }

    #[test]
    fn states_without_ids_have_an_id_of_no_bytes() {
        let login = StateId(0);
        let only_play = Stack { id_states: Some([PLAY].into()), ..stack(IntRepr::Varint, 0) };
        assert_eq!(read(&only_play, PLAY, &[7, 8]), Some((7, 1)));
        assert_eq!(read(&only_play, login, &[7, 8]), Some((0, 0)));
        assert_eq!((reach(&only_play, PLAY), reach(&only_play, login)), (5, 0));
        let mut bytes = Vec::new();
        assert_eq!(write(&only_play, login, 0, &mut bytes), Some(()));
        assert_eq!(write(&only_play, login, 1, &mut bytes), None);
        assert!(bytes.is_empty());
    }

    #[test]
    fn an_id_that_is_cut_is_not_read() {
        let varint = stack(IntRepr::Varint, 0);
        assert_eq!(read(&varint, PLAY, &[]), None);
        assert_eq!(read(&varint, PLAY, &[0x80]), None);
        assert_eq!(read(&varint, PLAY, &[0x80, 0x02, 7]), Some((256, 2)));
    }

    #[test]
    fn bytes_in_front_of_the_id_are_passed_over() {
        let fixed = IntRepr::Fixed { bytes: 2, signed: false, order: ByteOrder::Little };
        assert_eq!(read(&stack(fixed, 3), PLAY, &[9, 9, 9, 0x34, 0x12]), Some((0x1234, 5)));
        assert_eq!(read(&stack(fixed, 3), PLAY, &[9, 9, 9, 0x34]), None);
    }

    #[test]
    fn an_id_is_written_as_it_is_read() {
        let fixed = |bytes, signed, order| IntRepr::Fixed { bytes, signed, order };
        for repr in [
            fixed(1, false, ByteOrder::Big),
            fixed(2, true, ByteOrder::Little),
            fixed(16, false, ByteOrder::Big),
            IntRepr::Varint,
            IntRepr::Varlong,
            IntRepr::Uvarint,
            IntRepr::Varint128,
            IntRepr::Zigzag32,
            IntRepr::Zigzag64,
        ] {
            let stack = stack(repr, 2);
            for id in [-70_000, -1, 0, 1, 127, 128, 255, 256, 70_000, i64::MAX] {
                let mut bytes = Vec::new();
                match write(&stack, PLAY, id, &mut bytes) {
                    Some(()) => assert_eq!(read(&stack, PLAY, &bytes), Some((id, bytes.len()))),
                    None => assert!(bytes.is_empty() && !(0..128).contains(&id), "{repr:?} {id}"),
                }
            }
        }
    }

    #[test]
    fn a_signed_id_keeps_its_sign() {
        let fixed = IntRepr::Fixed { bytes: 1, signed: true, order: ByteOrder::Big };
        assert_eq!(read(&stack(fixed, 0), PLAY, &[0xff]), Some((-1, 1)));
        assert_eq!(
            read(&stack(IntRepr::Varint, 0), PLAY, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            Some((-1, 5))
        );
    }
}
