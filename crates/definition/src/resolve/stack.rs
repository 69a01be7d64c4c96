//! What lies between the socket and a packet: framing, compression, cipher, packet id.

use std::sync::Arc;

use midwire_codec::{ByteOrder, Counts, Framing, Prefix};

use super::compiler::misfit;
use super::primitives::{self, Primitive};
use crate::diagnostics::{Diagnostic, suggest};
use crate::plan::IntRepr;
use crate::protocol::{Stack, StateId};
use crate::syntax::ast::{
    CountKind, ExprKind, Frame, FrameField, Name, Span, Spanned, Stage, Type, TypeKind,
};

/// A stack in which nothing was said: no framing, no id.
pub(super) fn empty() -> Stack {
    Stack {
        framing: None,
        before_length: Arc::default(),
        before_id: Arc::default(),
        id: IntRepr::NOTHING,
        id_states: None,
        packet_length_max: None,
        compression: None,
        cipher: false,
        legacy_ping: false,
    }
}

/// Adds a `frame { .. }` or `frame none`.
pub(super) fn frame(
    stack: &mut Stack,
    frame: &Frame,
    span: Span,
    order: ByteOrder,
    out: &mut Vec<Diagnostic>,
) {
    let fields = match frame {
        Frame::Header(fields) => fields,
        Frame::None { max } => {
            stack.packet_length_max = max.as_ref().and_then(|max| packet_length_max(max, out));
            return;
        }
    };
    let mut before = Vec::new();
    let mut length = None;
    let mut after = Vec::new();
    let mut id = None;
    for field in fields {
        if field.name.text == "length" {
            length = prefix(field, order, out);
            continue;
        }
        if field.name.text == "id" {
            id = integer(&field.ty, order, out);
            continue;
        }
        let Some(size) = fixed_size(&field.ty, order) else {
            out.push(
                Diagnostic::error(
                    "W063",
                    field.ty.span,
                    "a frame's header has only fields of one size",
                )
                .help("variable parts belong into the packets"),
            );
            continue;
        };
        let bytes = written(field, size, order, out);
        match (length.is_some(), id.is_some()) {
            (false, _) => before.extend(bytes),
            (true, false) => after.extend(bytes),
            (true, true) => out.push(Diagnostic::error(
                "W063",
                field.name.span,
                "nothing may stand behind the id",
            )),
        }
    }
    let Some((prefix, order, counts, max)) = length else {
        if !out.iter().any(|d| {
            d.span.file == span.file && d.span.start >= span.start && d.span.end <= span.end
        }) {
            out.push(
                Diagnostic::error("W064", span, "a frame needs a field `length`")
                    .help("`length: u16 counts whole` or `frame none`"),
            );
        }
        return;
    };
    // A frame has at least its header; an id that is a stage of its own is no part of it.
    let (before_length, before) = (Arc::from(before.as_slice()), before.len());
    let behind = after.len() + id.and_then(IntRepr::fixed_size).unwrap_or(0) as usize;
    let min = match (counts, prefix.width()) {
        (Counts::Whole, Some(width)) => before + width + behind,
        (Counts::Whole, None) => before + 1 + behind,
        (Counts::Rest, _) => behind,
    };
    stack.framing = Some(Framing { before, prefix, order, counts, max, min });
    stack.before_length = before_length;
    stack.before_id = after.into();
    if let Some(id) = id {
        stack.id = id;
    }
}

fn packet_length_max(max: &Spanned<i64>, out: &mut Vec<Diagnostic>) -> Option<usize> {
    // Positions in a packet are 32 bits wide.
    let found = u32::try_from(max.node).ok().filter(|max| (1..=u32::MAX / 4).contains(max));
    if found.is_none() {
        let message = format!("no packet's `max` can be {}", max.node);
        let error = Diagnostic::error("W064", max.span, message);
        out.push(error.help(format!("it goes from 1 to {} bytes", u32::MAX / 4)));
    }
    found.map(|max| max as usize)
}

/// What cannot be together in a stack.
pub(super) fn check(stack: &Stack, stages: &[Stage], out: &mut Vec<Diagnostic>) {
    let compression = stages.iter().find_map(|stage| match stage {
        Stage::Named { name, kind, .. } if kind.text == "zlib_threshold" => Some(name),
        _ => None,
    });
    let without = stages.iter().any(|stage| matches!(stage, Stage::Frame(Frame::None { .. }, _)));
    if let Some(name) = compression.filter(|_| without && stack.framing.is_none()) {
        let message = format!("`{}` needs frames: it compresses what is in each", name.text);
        let error = Diagnostic::error("W089", name.span, message);
        out.push(error.help("a part of known length is `zlib[..]` in the packet itself"));
    }
}

/// The largest frame where a definition does not say: 16 MiB.
const FRAME_MAX: usize = 16 << 20;

fn prefix(
    field: &FrameField,
    protocol: ByteOrder,
    out: &mut Vec<Diagnostic>,
) -> Option<(Prefix, ByteOrder, Counts, usize)> {
    let repr = integer(&field.ty, protocol, out)?;
    let (prefix, order, said) = match repr {
        IntRepr::Varint | IntRepr::Uvarint => (Prefix::Varint, protocol, i32::MAX as usize),
        IntRepr::Fixed { bytes: 1, order, .. } => (Prefix::U8, order, 0xff),
        IntRepr::Fixed { bytes: 2, order, .. } => (Prefix::U16, order, 0xffff),
        IntRepr::Fixed { bytes: 3, order, .. } => (Prefix::U24, order, 0xff_ffff),
        IntRepr::Fixed { bytes: 4, order, .. } => (Prefix::U32, order, u32::MAX as usize),
        _ => {
            out.push(
                Diagnostic::error("W064", field.ty.span, "a frame's length cannot be of this type")
                    .help("it is a varint, u8, u16, u24 or u32"),
            );
            return None;
        }
    };
    let max = match &field.max {
        None => said.min(FRAME_MAX),
        Some(max) if usize::try_from(max.node).is_ok_and(|n| n > said) => {
            let message = format!("no `length` can be {}: it goes from 0 to {said}", max.node);
            out.push(Diagnostic::error("W064", max.span, message));
            return None;
        }
        Some(max) => match usize::try_from(max.node) {
            Ok(n) if n > 0 => n,
            _ => {
                out.push(Diagnostic::error(
                    "W064",
                    max.span,
                    "no frame could be sent with this limit",
                ));
                return None;
            }
        },
    };
    let counts = if field.counts_whole { Counts::Whole } else { Counts::Rest };
    Some((prefix, order, counts, max))
}

/// The bytes of a header's field as a frame that nobody sent has them: its constant, or zeros.
fn written(
    field: &FrameField,
    size: usize,
    order: ByteOrder,
    out: &mut Vec<Diagnostic>,
) -> Vec<u8> {
    let Some(value) = &field.value else { return vec![0; size] };
    let repr = match &field.ty.kind {
        TypeKind::Name { name, .. } => primitives::named(&name.text, order),
        _ => None,
    };
    let (Some(Primitive::Int(repr)), Some(number)) = (repr, integer_of(&value.kind)) else {
        let message = "a constant of a frame's header is a number, in a field of an integer type";
        out.push(Diagnostic::error("W063", value.span, message));
        return vec![0; size];
    };
    let mut bytes = Vec::with_capacity(size);
    if !repr.write(number, &mut bytes) {
        out.extend(misfit(number, "this", repr, value.span));
        bytes.resize(size, 0);
    }
    bytes
}

/// The number that an expression writes out.
fn integer_of(kind: &ExprKind) -> Option<i128> {
    match kind {
        ExprKind::Int(n) => Some(*n),
        ExprKind::Negate(e) => integer_of(&e.kind).map(i128::wrapping_neg),
        _ => None,
    }
}

/// The integer type that a frame's field has.
pub(super) fn integer(ty: &Type, order: ByteOrder, out: &mut Vec<Diagnostic>) -> Option<IntRepr> {
    if let TypeKind::Name { name, args } = &ty.kind
        && args.is_empty()
        && let Some(Primitive::Int(repr)) = primitives::named(&name.text, order)
    {
        return Some(repr);
    }
    out.push(
        Diagnostic::error("W038", ty.span, "an integer type is needed here")
            .label("not an integer"),
    );
    None
}

fn fixed_size(ty: &Type, order: ByteOrder) -> Option<usize> {
    match &ty.kind {
        TypeKind::Name { name, .. } => match primitives::named(&name.text, order)? {
            Primitive::Int(repr) => Some(repr.fixed_size()? as usize),
            Primitive::Float(repr) => Some(repr.bytes.into()),
            Primitive::Bool => Some(1),
            Primitive::Uuid => Some(16),
            Primitive::Nbt(_) => None,
        },
        TypeKind::Bytes(count) => match &count.kind {
            CountKind::Expr(e) => match e.kind {
                ExprKind::Int(n) => usize::try_from(n).ok().filter(|n| *n <= 1024),
                _ => None,
            },
            _ => None,
        },
        TypeKind::Enum { repr, .. }
        | TypeKind::Flags { repr, .. }
        | TypeKind::Bits { repr, .. } => fixed_size(repr, order),
        _ => None,
    }
}

fn known_state(name: &Name, states: &[Arc<str>], out: &mut Vec<Diagnostic>) -> Option<StateId> {
    let found = states.iter().position(|state| name.is(state));
    if found.is_none() {
        let message = format!("there is no state `{}`", name.text);
        let error = Diagnostic::error("W062", name.span, message);
        let names = states.iter().map(|state| &**state);
        out.push(match suggest(&name.text, names) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error,
        });
    }
    found.and_then(|index| u8::try_from(index).ok()).map(StateId)
}

/// Adds the stages of a `stack { .. }`.
pub(super) fn stages(
    stack: &mut Stack,
    stages: &[Stage],
    order: ByteOrder,
    states: &[Arc<str>],
    out: &mut Vec<Diagnostic>,
) {
    for stage in stages {
        match stage {
            Stage::Frame(shape, span) => frame(stack, shape, *span, order, out),
            Stage::Id(ty, within, _) => {
                if let Some(id) = integer(ty, order, out) {
                    stack.id = id;
                }
                if !within.is_empty() {
                    let known = |name: &Name| known_state(name, states, out);
                    stack.id_states = Some(within.iter().filter_map(known).collect());
                }
            }
            Stage::Named { name, kind, on } => match kind.text.as_str() {
                "zlib_threshold" => stack.compression = Some(*on),
                "aes128_cfb8" => stack.cipher = true,
                "legacy_ping" => stack.legacy_ping = true,
                other => out.push(
                    Diagnostic::error(
                        "W065",
                        kind.span,
                        format!("`{}` is of an unknown kind `{other}`", name.text),
                    )
                    .help("there are: zlib_threshold, aes128_cfb8, legacy_ping"),
                ),
            },
        }
    }
}
