//! What the parts of an expression are, before they are compared.

use midwire_definition::plan::anchor::{Step, Target};
use midwire_definition::plan::{IntRepr, Kind};

use super::names::Names;
use crate::predicate::{Num, Place, Pred, Side, Str};

/// A part of an expression.
pub(crate) enum Operand {
    /// Nothing of that kind is in packets of this kind.
    Absent,
    /// It was reported already.
    Wrong,
    /// It is true or false.
    Truth(Pred),
    Num(Num, NumType),
    Str(Str, StrType),
    /// A path in NBT: a number or a text, as it turns out.
    Inside(Place, Box<[Step]>),
    /// A field that is a number in some arms and a text in others.
    Mixed(Place, NumType, StrType),
    /// A list; its elements are looked at one by one.
    List(Place),
    /// Fields, or something else that is no value.
    Group(Place, String),
    Address(Side),
    /// The version of the session.
    Version,
    /// A name out of a list that is known: of a state, a direction or a packet.
    Word(Word, String),
}

/// Out of which list a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    State,
    Direction,
    Packet,
}

/// What kind of number it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumType {
    /// It has a fraction.
    pub(crate) is_float: bool,
    /// 32 bits of one: constants are rounded as it is.
    pub(crate) is_single: bool,
    /// It is true or false.
    pub(crate) is_bool: bool,
    /// The least and the greatest that it can be.
    pub(crate) range: Option<(i128, i128)>,
    pub(crate) names: Vec<Names>,
    /// The type as definitions write it.
    pub(crate) shown: String,
}

/// What kind of text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrType {
    Text,
    /// A chat component as it stands.
    Chat,
    Bytes,
    Uuid,
}

impl StrType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StrType::Text => "text",
            StrType::Chat => "a chat component",
            StrType::Bytes => "bytes",
            StrType::Uuid => "a UUID",
        }
    }
}

/// What looks up the text at a place.
pub(crate) type MakeStr = fn(Place) -> Str;

/// What a target is, if it is one value.
pub(crate) enum Shape {
    Num(NumType),
    Str(StrType, MakeStr),
    Inside,
    List,
    Group(String),
}

impl Shape {
    pub(crate) fn of(target: &Target<'_>) -> Shape {
        let names: Vec<Names> = Names::of(target).into_iter().collect();
        let int = |repr: &IntRepr| NumType {
            range: Some(repr.range()),
            names: names.clone(),
            shown: repr.to_string(),
            ..NumType::default()
        };
        let truth = || NumType {
            is_bool: true,
            range: Some((0, 1)),
            shown: "bool".into(),
            ..NumType::default()
        };
        let field = match target {
            Target::Inside(_) => return Shape::Inside,
            Target::Element(..) => return Shape::Group("a struct".into()),
            Target::Flag(..) => return Shape::Num(truth()),
            Target::Part(_, part) => {
                let bits = u32::from(part.width).min(126);
                let range = match part.signed {
                    true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                    false => (0, (1i128 << bits) - 1),
                };
                let sign = if part.signed { 'i' } else { 'u' };
                let shown = format!("{sign}{}", part.width);
                return Shape::Num(NumType {
                    range: Some(range),
                    names,
                    shown,
                    ..NumType::default()
                });
            }
            Target::Field(field) => field,
        };
        match &field.kind {
            Kind::Int(repr) => Shape::Num(int(repr)),
            Kind::Enum { repr, .. } => Shape::Num(NumType { shown: "enum".into(), ..int(repr) }),
            Kind::Flags { repr, .. } => Shape::Num(NumType { shown: "flags".into(), ..int(repr) }),
            Kind::Bits { repr, .. } => Shape::Num(NumType { shown: "bits".into(), ..int(repr) }),
            Kind::Let(_) => Shape::Num(NumType { shown: "let".into(), ..NumType::default() }),
            Kind::Bool | Kind::Presence => Shape::Num(truth()),
            Kind::Float(repr) => Shape::Num(NumType {
                is_float: true,
                is_single: repr.bytes < 8,
                shown: format!("f{}", u32::from(repr.bytes) * 8),
                ..NumType::default()
            }),
            Kind::Str { .. } if field.marks.component => Shape::Str(StrType::Chat, Str::Text),
            Kind::Str { .. } => Shape::Str(StrType::Text, Str::Text),
            Kind::Bytes { .. } | Kind::Tail => Shape::Str(StrType::Bytes, Str::Bytes),
            Kind::Uuid => Shape::Str(StrType::Uuid, Str::Bytes),
            Kind::Nbt(_) => Shape::Inside,
            Kind::Array(_) => Shape::List,
            Kind::Packed { .. } => Shape::Group("packed numbers".into()),
            Kind::Pad(_) => Shape::Group("padding".into()),
            Kind::Struct(_) | Kind::Block { .. } | Kind::Call { .. } => {
                Shape::Group("a struct".into())
            }
        }
    }
}
