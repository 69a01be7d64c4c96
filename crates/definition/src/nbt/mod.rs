//! Named Binary Tag, walked where it lies: nothing is built, order and duplicates stay.

mod edit;
mod json;
mod snbt;
mod walk;
mod write;

use std::borrow::Cow;

pub(crate) use edit::{Change, Step, edited};
pub use json::{write_json, write_json_in_parts};
pub(crate) use snbt::payload_snbt;
pub use snbt::write_snbt;
pub use walk::{Event, Group, Payload, Tag, TagKind, Walk, WalkError, ints, longs};
pub use write::{NotNbt, NotNbtKind, write};

use crate::plan::NbtForm;

/// Why bytes are not NBT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NbtError {
    /// The bytes end too early.
    #[error("NBT needs {wanted} more bytes")]
    Short {
        /// How many are missing at least.
        wanted: u64,
    },
    /// There is no tag of this type.
    #[error("no NBT tag has {}", tag_type(*tag))]
    Tag {
        /// The type byte; 0 where it is not told.
        tag: u8,
    },
    /// A list or array has a negative length.
    #[error("NBT list of {} elements", count(*length))]
    Negative {
        /// The length; 0 where it is not told.
        length: i32,
    },
    /// Lists and compounds are nested too deep.
    #[error("NBT nested deeper than nbt_depth_max {max}")]
    Depth {
        /// The limit.
        max: u32,
    },
}

fn tag_type(tag: u8) -> String {
    if tag == 0 { "this type".to_owned() } else { format!("type {tag}") }
}

fn count(length: i32) -> String {
    if length == 0 { "less than no".to_owned() } else { length.to_string() }
}

impl NbtError {
    /// The same without numbers that were read from the bytes.
    pub(crate) fn without_numbers(self) -> Self {
        match self {
            Self::Short { .. } => Self::Short { wanted: 0 },
            Self::Tag { .. } => Self::Tag { tag: 0 },
            Self::Negative { .. } => Self::Negative { length: 0 },
            Self::Depth { .. } => self,
        }
    }
}

/// Passes one NBT value; [`Walk`] looks into it.
///
/// Gives its size in bytes, or where and why that failed.
///
/// # Errors
/// The offset of the failure and its reason.
pub fn skip(bytes: &[u8], form: NbtForm, depth_max: u32) -> Result<usize, (usize, NbtError)> {
    Passing::default().pass(bytes, form, depth_max)
}

/// A name or text of NBT as characters; what is no text becomes U+FFFD.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    crate::value::mutf8(bytes)
}

/// A list or compound that is being passed.
#[derive(Debug)]
enum Open {
    List { tag: u8, left: u32 },
    Compound,
}

/// How far a value has been passed, and what is open there. Where the bytes end early it is at the start of
/// what is not all there, and can go on when they are more.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    at: usize,
    /// The type of the payload that comes next, where it was read already.
    next: Option<u8>,
    open: Vec<Open>,
}

impl Passing {
    /// Passes the value at the start of `bytes`; gives its size.
    pub(crate) fn pass(
        &mut self,
        bytes: &[u8],
        form: NbtForm,
        depth_max: u32,
    ) -> Result<usize, (usize, NbtError)> {
        if self.at == 0 {
            let mut at = 0;
            let tag = byte(bytes, &mut at)?;
            if tag == 0 {
                // An end tag alone: nothing at all.
                return Ok(at);
            }
            if form.named {
                skip_string(bytes, &mut at)?;
            }
            (self.at, self.next) = (at, Some(tag));
        }
        self.payload(bytes, depth_max)?;
        Ok(self.at)
    }

    /// Passes payloads, without recursion: the depth is the peer's to choose.
    fn payload(&mut self, bytes: &[u8], depth_max: u32) -> Result<(), (usize, NbtError)> {
        loop {
            if let Some(tag) = self.next {
                let mut at = self.at;
                match tag {
                    1 => pass(bytes, &mut at, 1)?,
                    2 => pass(bytes, &mut at, 2)?,
                    3 | 5 => pass(bytes, &mut at, 4)?,
                    4 | 6 => pass(bytes, &mut at, 8)?,
                    7 => skip_array(bytes, &mut at, 1)?,
                    8 => skip_string(bytes, &mut at)?,
                    9 => {
                        let tag = byte(bytes, &mut at)?;
                        let left = length(bytes, &mut at)?;
                        match fixed_size(tag) {
                            Some(size) => pass(bytes, &mut at, u64::from(left) * size)?,
                            None => self.open.push(Open::List { tag, left }),
                        }
                    }
                    10 => self.open.push(Open::Compound),
                    11 => skip_array(bytes, &mut at, 4)?,
                    12 => skip_array(bytes, &mut at, 8)?,
                    tag => return Err((at.saturating_sub(1), NbtError::Tag { tag })),
                }
                if self.open.len() > depth_max as usize {
                    return Err((at, NbtError::Depth { max: depth_max }));
                }
                (self.at, self.next) = (at, None);
            }
            match self.open.last_mut() {
                None => return Ok(()),
                Some(Open::List { left: 0, .. }) => {
                    self.open.pop();
                }
                Some(Open::List { tag, left }) => {
                    *left -= 1;
                    self.next = Some(*tag);
                }
                Some(Open::Compound) => {
                    let mut at = self.at;
                    match byte(bytes, &mut at)? {
                        0 => {
                            self.open.pop();
                        }
                        tag => {
                            skip_string(bytes, &mut at)?;
                            self.next = Some(tag);
                        }
                    }
                    self.at = at;
                }
            }
        }
    }
}

/// The size of a tag's payload where it is always the same. The end tag takes nothing.
fn fixed_size(tag: u8) -> Option<u64> {
    match tag {
        0 => Some(0),
        1 => Some(1),
        2 => Some(2),
        3 | 5 => Some(4),
        4 | 6 => Some(8),
        _ => None,
    }
}

fn pass(bytes: &[u8], at: &mut usize, count: u64) -> Result<(), (usize, NbtError)> {
    let left = (bytes.len() - *at) as u64;
    if count > left {
        return Err((*at, NbtError::Short { wanted: count - left }));
    }
    *at += count as usize;
    Ok(())
}

pub(crate) fn byte(bytes: &[u8], at: &mut usize) -> Result<u8, (usize, NbtError)> {
    pass(bytes, at, 1)?;
    Ok(bytes[*at - 1])
}

fn skip_string(bytes: &[u8], at: &mut usize) -> Result<(), (usize, NbtError)> {
    pass(bytes, at, 2)?;
    let len = u16::from_be_bytes([bytes[*at - 2], bytes[*at - 1]]);
    pass(bytes, at, len.into())
}

/// The four-byte length of a list or array; it is not trusted until the bytes are there.
fn length(bytes: &[u8], at: &mut usize) -> Result<u32, (usize, NbtError)> {
    let start = *at;
    pass(bytes, at, 4)?;
    let length =
        i32::from_be_bytes([bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]]);
    u32::try_from(length).map_err(|_| (start, NbtError::Negative { length }))
}

fn skip_array(bytes: &[u8], at: &mut usize, size: u64) -> Result<(), (usize, NbtError)> {
    let count = length(bytes, at)?;
    pass(bytes, at, u64::from(count) * size)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;
    use crate::given;

    const PLAIN: NbtForm = NbtForm { named: false, optional: false };
    const NAMED: NbtForm = NbtForm { named: true, optional: false };

    fn json(bytes: &[u8], form: NbtForm) -> String {
        let mut out = String::new();
        write_json(bytes, form, &mut out);
        out
    }

    fn snbt(bytes: &[u8], width: usize) -> String {
        let mut out = String::new();
        write_snbt(bytes, PLAIN, width, &mut out);
        out
    }

    fn written(text: &str, form: NbtForm) -> Result<Vec<u8>, NotNbt> {
        let mut out = Vec::new();
        write(&given::parse(text).unwrap(), form, 512, &mut out).map(|()| out)
    }

    /// Every type once.
    const ALL: &[u8] = &hex!(
        "0a"
        "01 0001 62 ff"
        "02 0001 73 8000"
        "03 0001 69 00000005"
        "04 0001 6c 0020000000000001"
        "05 0001 66 3fc00000"
        "06 0001 64 c000000000000000"
        "07 0001 79 00000002 01ff"
        "08 0001 74 0002 6869"
        "09 0001 6b 02 00000001 0007"
        "0a 0001 63 00"
        "0b 0001 6e 00000001 fffffffe"
        "00"
    );

    #[test]
    fn every_type_is_written_as_typed_json_and_back() {
        let text = json(ALL, PLAIN);
        assert_eq!(
            text,
            concat!(
                r#"{"type":"compound","value":{"b":{"type":"byte","value":-1},"#,
                r#""s":{"type":"short","value":-32768},"i":{"type":"int","value":5},"#,
                r#""l":{"type":"long","value":9007199254740993},"f":{"type":"float","value":1.5},"#,
                r#""d":{"type":"double","value":-2.0},"y":{"type":"byteArray","value":"01ff"},"#,
                r#""t":{"type":"string","value":"hi"},"#,
                r#""k":{"type":"list","value":{"type":"short","value":[7]}},"#,
                r#""c":{"type":"compound","value":{}},"n":{"type":"intArray","value":[-2]}}}"#,
            )
        );
        assert_eq!(written(&text, PLAIN).unwrap(), ALL);
    }

    #[test]
    fn snbt_is_what_the_commands_of_the_game_take() {
        assert_eq!(
            snbt(ALL, 200),
            r#"{b:-1b,s:-32768s,i:5,l:9007199254740993L,f:1.5f,d:-2.0d,y:[B;1b,-1b],t:"hi",k:[7s],c:{},n:[I;-2]}"#
        );
        assert_eq!(snbt(ALL, 12), "{b:-1b,s:-3…");
        let odd = hex!("0a 08 0003 612062 0004 1b5b226e 00");
        assert_eq!(snbt(&odd, 80), r#"{"a b":"\x1b[\"n"}"#);
        // What does not print, in the escapes of the game.
        let odd = hex!("08 000d 5c e280ae 0a edad80edb081 c080");
        assert_eq!(snbt(&odd, 80), r#""\\\u202e\n\U000e0001\x00""#);
    }

    #[test]
    fn a_root_with_a_name_keeps_it() {
        let bytes = hex!("08 0002 c080 0001 78");
        let text = json(&bytes, NAMED);
        assert_eq!(text, r#"{"name":"\u0000","type":"string","value":"x"}"#);
        assert_eq!(written(&text, NAMED).unwrap(), bytes);
        let bytes = hex!("0a 0001 ff 00");
        let text = json(&bytes, NAMED);
        assert_eq!(text, r#"{"name":"�","$name":"ff","type":"compound","value":{}}"#);
        assert_eq!(written(&text, NAMED).unwrap(), bytes);
    }

    #[test]
    fn an_end_tag_alone_is_null() {
        assert_eq!(json(&[0], PLAIN), "null");
        assert_eq!(written("null", PLAIN).unwrap(), [0]);
        assert_eq!(snbt(&[0], 80), "nothing");
    }

    #[test]
    fn names_that_json_objects_lose_are_entries() {
        let twice = hex!("0a 01 0001 61 01 01 0001 61 02 00");
        let text = json(&twice, PLAIN);
        assert_eq!(
            text,
            r#"{"type":"compound","value":{"$entries":[["a",{"type":"byte","value":1}],["a",{"type":"byte","value":2}]]}}"#
        );
        assert_eq!(written(&text, PLAIN).unwrap(), twice);
        for odd in [
            &hex!("0a 01 0002 3130 01 00")[..],      // 10
            &hex!("0a 01 0001 24 01 00"),            // $
            &hex!("0a 0a 0001 ff 01 0000 07 00 00"), // no text
        ] {
            let text = json(odd, PLAIN);
            assert!(text.contains("$entries"), "{text}");
            assert_eq!(written(&text, PLAIN).unwrap(), odd);
        }
    }

    #[test]
    fn text_outside_the_basic_plane_is_two_surrogates() {
        let bytes = hex!("08 0006 eda0bd edb880");
        assert_eq!(json(&bytes, PLAIN), r#"{"type":"string","value":"😀"}"#);
        assert_eq!(written(r#"{"type":"string","value":"😀"}"#, PLAIN).unwrap(), bytes);
        // As UTF-8 has it, and half of a pair: readable, but not what would be written.
        for odd in [&hex!("08 0004 f09f9880")[..], &hex!("08 0003 eda0bd"), &hex!("08 0001 00")] {
            let text = json(odd, PLAIN);
            assert!(text.contains("$raw"), "{text}");
            assert_eq!(written(&text, PLAIN).unwrap(), odd);
        }
    }

    #[test]
    fn lists_keep_their_type_and_number() {
        for list in [
            &hex!("09 00 00000000")[..],
            &hex!("09 00 00000003"),
            &hex!("09 00 7fffffff"),
            &hex!("09 08 00000000"),
            &hex!("09 c8 00000000"),
            &hex!("09 09 00000002 00 00000000 01 00000001 05"),
            &hex!("09 0a 00000002 00 01 0001 61 01 00"),
        ] {
            assert_eq!(skip(list, PLAIN, 512), Ok(list.len()));
            let text = json(list, PLAIN);
            assert_eq!(written(&text, PLAIN).unwrap(), list, "{text}");
        }
        assert_eq!(
            json(&hex!("09 00 00000003"), PLAIN),
            r#"{"type":"list","value":{"type":"end","value":3}}"#
        );
        assert_eq!(snbt(&hex!("09 00 7fffffff"), 80), "[2147483647 end tags]");
    }

    #[test]
    fn floats_keep_every_bit() {
        for float in [
            &hex!("05 7fc00000")[..],
            &hex!("05 7f800001"),
            &hex!("05 ff800000"),
            &hex!("05 80000000"),
            &hex!("05 3dcccccd"),
            &hex!("06 7ff8000000000000"),
            &hex!("06 fff8000000000001"),
            &hex!("06 7ff0000000000000"),
            &hex!("06 0000000000000001"),
        ] {
            let text = json(float, PLAIN);
            assert_eq!(written(&text, PLAIN).unwrap(), float, "{text}");
        }
        assert_eq!(json(&hex!("05 3dcccccd"), PLAIN), r#"{"type":"float","value":0.1}"#);
        assert_eq!(
            json(&hex!("05 7f800001"), PLAIN),
            r#"{"type":"float","value":{"value":"NaN","$raw":"7f800001"}}"#
        );
    }

    #[test]
    fn a_walk_gives_names_and_places() {
        let bytes = hex!("0a 09 0001 6c 01 00000002 07 08 03 0001 78 00000009 00");
        let mut walk = Walk::new(&bytes, PLAIN, 512);
        let mut seen = Vec::new();
        while let Some(event) = walk.next_event().unwrap() {
            seen.push(match event {
                Event::Nothing => "nothing".to_owned(),
                Event::Open(t, group) => {
                    format!("open {:?} {:?} {}..{}", t.name, group, t.start, t.payload)
                }
                Event::Value(t, v) => {
                    format!(
                        "{:?} {:?} {v:?} {}..{} deep {}",
                        t.name, t.index, t.start, t.payload, t.depth
                    )
                }
                Event::Close(at) => format!("close {at}"),
            });
        }
        assert_eq!(
            seen,
            [
                "open None Compound 0..1",
                "open Some([108]) List(1, 2) 1..5",
                "None Some(0) Byte(7) 10..10 deep 2",
                "None Some(1) Byte(8) 11..11 deep 2",
                "close 12",
                "Some([120]) None Int(9) 12..16 deep 1",
                "close 21",
            ]
        );
        assert_eq!(walk.position(), bytes.len());
    }

    #[test]
    fn what_is_inside_can_be_left_out() {
        let bytes = hex!("0a 0a 0001 61 09 0001 62 09 00000001 01 00000001 05 00 01 0001 63 07 00");
        let mut walk = Walk::new(&bytes, PLAIN, 512);
        let mut values = Vec::new();
        while let Some(event) = walk.next_event().unwrap() {
            match event {
                Event::Open(tag, _) if tag.name == Some(b"a") => walk.leave().unwrap(),
                Event::Value(tag, _) => values.push(tag.name.unwrap()),
                _ => {}
            }
        }
        assert_eq!(values, [b"c"]);
    }

    #[test]
    fn deep_nesting_is_refused_by_depth_not_by_the_stack() {
        let deep =
            |n: usize| [vec![9u8; 1], [9, 0, 0, 0, 1].repeat(n), vec![0, 0, 0, 0, 0]].concat();
        let ok = deep(512);
        assert_eq!(skip(&ok, PLAIN, 512), Ok(ok.len()));
        let text = json(&ok, PLAIN);
        assert_eq!(written(&text, PLAIN).unwrap(), ok);
        let over = deep(513);
        assert!(matches!(skip(&over, PLAIN, 512), Err((_, NbtError::Depth { max: 512 }))));
        assert!(matches!(
            written(&json(&over, PLAIN), PLAIN),
            Err(NotNbt { kind: NotNbtKind::Depth { .. }, .. })
        ));
        let compounds = [vec![10u8], [10u8, 0, 0].repeat(100_000), vec![0; 100_001]].concat();
        assert!(skip(&compounds, PLAIN, 512).is_err());
        json(&compounds, PLAIN);
        assert_eq!(snbt(&compounds, 10), "{\"\":{\"\":{…");
    }

    #[test]
    fn what_is_no_nbt_says_where() {
        let message = |text: &str| written(text, PLAIN).unwrap_err().to_string();
        assert_eq!(
            message(
                r#"{"type":"compound","value":{"a":{"type":"list","value":{"type":"byte","value":[1,200]}}}}"#
            ),
            "a[1]: 200 does not fit byte"
        );
        assert_eq!(
            message(r#"{"type":"compound","value":{"a":{"type":"compound","value":{"b":5}}}}"#),
            r#"a.b: expected {"type":..,"value":..}, found a number"#
        );
        assert_eq!(message(r#"{"type":"text","value":"x"}"#), "NBT has no type `text`");
        assert_eq!(
            message(r#"{"type":"byteArray","value":"0"}"#),
            "expected bytes as pairs of hexadecimal digits"
        );
        let long = format!(r#"{{"type":"string","value":"{}"}}"#, "x".repeat(65_536));
        assert_eq!(message(&long), "text of 65536 bytes; NBT takes 65535");
    }

    #[test]
    fn bytes_that_are_no_nbt_stay_bytes() {
        assert_eq!(json(&hex!("0a 63"), PLAIN), r#"{"$raw":"0a63"}"#);
        assert_eq!(written(r#"{"$raw":"0a63"}"#, PLAIN).unwrap(), hex!("0a 63"));
    }

    /// Valid NBT made from any bytes, so that odd names and lists are as likely as others.
    fn grow(seed: &mut impl Iterator<Item = u8>, kind: u8, depth: u32, out: &mut Vec<u8>) {
        let mut next = || seed.next().unwrap_or(0);
        match kind {
            1..=6 => {
                let size = [1, 2, 4, 8, 4, 8][usize::from(kind) - 1];
                out.extend((0..size).map(|_| next()));
            }
            7 | 11 | 12 => {
                let count = usize::from(next() % 4);
                out.extend((count as u32).to_be_bytes());
                let size = match kind {
                    7 => 1,
                    11 => 4,
                    _ => 8,
                };
                out.extend((0..count * size).map(|_| next()));
            }
            8 => {
                let count = next() % 5;
                out.extend([0, count]);
                out.extend((0..count).map(|_| next()));
            }
            9 => {
                let of = if depth > 4 { next() % 9 } else { next() % 13 };
                let count = next() % 4;
                out.push(of);
                out.extend([0, 0, 0, count]);
                for _ in 0..count {
                    grow(seed, of, depth + 1, out);
                }
            }
            10 => loop {
                let kind = seed.next().unwrap_or(0) % if depth > 4 { 9 } else { 13 };
                out.push(kind);
                if kind == 0 {
                    break;
                }
                grow(seed, 8, depth, out);
                grow(seed, kind, depth + 1, out);
            },
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn json_gives_the_same_bytes(seed in prop::collection::vec(any::<u8>(), 1..300), named: bool) {
            let mut seed = seed.into_iter();
            let kind = seed.next().unwrap_or(0) % 13;
            let mut bytes = vec![kind];
            let form = NbtForm { named, optional: true };
            if named && kind != 0 {
                grow(&mut seed, 8, 0, &mut bytes);
            }
            grow(&mut seed, kind, 0, &mut bytes);
            prop_assert_eq!(skip(&bytes, form, 512), Ok(bytes.len()));
            let text = json(&bytes, form);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
            prop_assert_eq!(written(&text, form).unwrap(), bytes, "{}", text);
        }

        #[test]
        fn any_bytes_are_walked_like_they_are_skipped(
            bytes in prop::collection::vec(prop_oneof![3 => 0u8..13, 1 => any::<u8>()], 0..60),
            named: bool,
        ) {
            let form = NbtForm { named, optional: false };
            let mut walk = Walk::new(&bytes, form, 8);
            let walked = loop {
                match walk.next_event() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(walk.position()),
                    Err(e) => break Err(e.error),
                }
            };
            prop_assert_eq!(walked.is_ok(), skip(&bytes, form, 8).is_ok());
            if let Ok(size) = skip(&bytes, form, 8) {
                prop_assert_eq!(walked, Ok(size));
            }
            let mut out = String::new();
            write_snbt(&bytes, form, 40, &mut out);
            prop_assert!(crate::escape::width(&out) <= 40);
        }
    }
}
