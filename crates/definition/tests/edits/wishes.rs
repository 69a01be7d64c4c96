//! Other values of fields, with what the fields hold then.

use std::cmp::Ordering;

use midwire_definition::Given;
use midwire_definition::value::Encoding;

use crate::leaves::{Form, Held, Leaf, Size};
use crate::rng::Rng;

/// A value for a field, and what it holds then.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// The field's, or that of a part of it.
    pub(crate) path: String,
    pub(crate) given: Given,
    pub(crate) holds: Held,
}

/// Other values of a field, by part where it has parts: all that are at an edge of something, or only
/// one of them.
pub(crate) fn wishes(leaf: &Leaf, all: bool, rng: &mut Rng) -> Vec<Wish> {
    let mut found = every_wish(leaf, rng);
    if !all && !found.is_empty() {
        let one = rng.below(found.len() as u64) as usize;
        found = vec![found.swap_remove(one)];
    }
    found
}

fn every_wish(leaf: &Leaf, rng: &mut Rng) -> Vec<Wish> {
    let wish = |given, holds| Wish { path: leaf.path.clone(), given, holds };
    let number = |n: i128| wish(Given::Int(n), Held::Number(n));
    let now = match leaf.held {
        Held::Number(n) => n,
        _ => 0,
    };
    let raw = |bytes: Vec<u8>| wish(Given::Text(hex(&bytes)), Held::Bytes(bytes));
    match &leaf.form {
        Form::Int { low, high } => numbers(*low, *high, now, rng).into_iter().map(number).collect(),
        Form::Computed => vec![number(now + 1)],
        Form::Bool => vec![wish(Given::Bool(now == 0), Held::Number((now == 0).into()))],
        Form::Enum { names, low, high } => {
            let named =
                |(n, name): &(i128, String)| wish(Given::Text(name.clone()), Held::Number(*n));
            let unknown = names.iter().map(|(n, _)| n + 1).max().filter(|n| n <= high);
            let mut found: Vec<_> = names.iter().map(named).collect();
            found.extend([Some(*low), unknown, Some(*high)].into_iter().flatten().map(number));
            found
        }
        Form::Flags(members, high) => {
            let part = |(name, bit): &(String, u8)| Wish {
                path: format!("{}.{name}", leaf.path),
                given: Given::Bool(now >> bit & 1 == 0),
                holds: Held::Number(wrapped(now ^ 1 << bit, *high)),
            };
            let mut found: Vec<_> = members.iter().map(part).collect();
            let chosen: Vec<_> = members.iter().filter(|_| rng.one_in(2)).collect();
            for chosen in [chosen, members.iter().collect(), Vec::new()] {
                let names = chosen.iter().map(|(name, _)| Given::Text(name.clone())).collect();
                let bits = chosen.iter().fold(0, |bits, (_, bit)| bits | 1 << bit);
                found.push(wish(Given::List(names), Held::Number(wrapped(bits, *high))));
            }
            // Bits without a name, too.
            let every = wrapped(-1, *high);
            found.push(wish(Given::Int(every), Held::Number(every)));
            found
        }
        Form::Bits(members, high) => {
            let part = |(name, shift, width, signed): &(String, u8, u8, bool), n: i128| {
                let span = 1i128 << width;
                let n = n.rem_euclid(span);
                let shown = if *signed && n >= span / 2 { n - span } else { n };
                let mask = (span - 1) << shift;
                Wish {
                    path: format!("{}.{name}", leaf.path),
                    given: Given::Int(shown),
                    holds: Held::Number(wrapped(now & !mask | n << shift, *high)),
                }
            };
            let random = i128::from(rng.next());
            members.iter().flat_map(|m| [part(m, random), part(m, -1), part(m, 0)]).collect()
        }
        Form::Float(size) => {
            let wild = match size {
                8 => f64::from_bits(rng.next()),
                4 => f64::from(f32::from_bits(rng.next() as u32)),
                _ => 0.25,
            };
            let floats = [0.0, -0.0, 1.5, -2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, wild];
            let given = |f: f64| match f {
                f if f.is_nan() => Given::Text("NaN".into()),
                f64::INFINITY => Given::Text("Infinity".into()),
                f64::NEG_INFINITY => Given::Text("-Infinity".into()),
                f => Given::Float(f),
            };
            floats.into_iter().map(|f| wish(given(f), Held::Float(f.to_bits()))).collect()
        }
        Form::Uuid => vec![raw(rng.bytes(16))],
        Form::Text { encoding, size, max } => {
            let now = match &leaf.held {
                Held::Text(text) => units_of(*encoding, text),
                _ => 0,
            };
            let texts = lengths(*size, *max, now).into_iter().map(|n| text(*encoding, n, rng));
            texts.map(|text| wish(Given::Text(text.clone()), Held::Text(text))).collect()
        }
        Form::Bytes { size, max } => {
            let now = match &leaf.held {
                Held::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            lengths(*size, *max, now).into_iter().map(|n| raw(rng.bytes(n))).collect()
        }
        Form::Nbt { named } => {
            let mut tag = vec![
                ("type".to_owned(), Given::Text("string".into())),
                ("value".to_owned(), Given::Text("edited".into())),
            ];
            let mut bytes = vec![8];
            if *named {
                tag.insert(0, ("name".into(), Given::Text("n".into())));
                bytes.extend([0, 1, b'n']);
            }
            bytes.extend([0, 6]);
            bytes.extend(b"edited");
            vec![wish(Given::Object(tag), Held::Bytes(bytes))]
        }
        Form::Packed { width, count } => {
            if *width == 0 || *width > 64 || *count > 5000 {
                return Vec::new();
            }
            let mask = u64::MAX >> (64 - width);
            let numbers: Vec<u64> = (0..*count).map(|_| rng.next() & mask).collect();
            let mut bytes = Vec::new();
            for word in numbers.chunks((64 / width) as usize) {
                let word = word.iter().enumerate().fold(0, |w, (i, n)| w | n << (i as u32 * width));
                bytes.extend(word.to_be_bytes());
            }
            let numbers = numbers.into_iter().map(|n| Given::Int(n.into())).collect();
            vec![wish(Given::List(numbers), Held::Bytes(bytes))]
        }
        Form::Pad => vec![raw(rng.bytes(leaf.bytes.len()))],
        Form::Tail => vec![raw(rng.bytes(5)), raw(Vec::new())],
        Form::Nothing => Vec::new(),
    }
}

/// Numbers at the edges of a range, near the present one, and one from anywhere.
fn numbers(low: i128, high: i128, now: i128, rng: &mut Rng) -> Vec<i128> {
    let wide = (high as u128).wrapping_sub(low as u128);
    let random = match wide {
        u128::MAX => i128::from(rng.next()),
        wide => low.wrapping_add((u128::from(rng.next()) % (wide + 1)) as i128),
    };
    let small = i128::from(rng.below(20));
    let near = [now.wrapping_add(1), now.wrapping_sub(1)];
    let mut found: Vec<i128> = [low, high, random, small, near[0], near[1]]
        .into_iter()
        .filter(|n| (low..=high).contains(n) && *n != now)
        .collect();
    found.dedup();
    found
}

/// Bits as the number that they are in a field that goes up to `high`: unsigned, or signed.
fn wrapped(bits: i128, high: i128) -> i128 {
    let width = 128 - high.leading_zeros();
    match width % 8 {
        // One bit short of whole bytes: the highest is the sign.
        7 => bits << (127 - width) >> (127 - width),
        _ => bits & high,
    }
}

/// Lengths: with a prefix of one and of two bytes, none, one more; the same or one more where it is said
/// elsewhere.
fn lengths(size: Size, max: Option<i64>, now: usize) -> Vec<usize> {
    match size {
        Size::Said => vec![now, now + 1],
        Size::Free(most) => {
            let most = max.map_or(most, |max| most.min(max as u64)) as usize;
            [0, 1, now + 1, 127, 128, 300].into_iter().filter(|n| *n <= most).collect()
        }
    }
}

/// Text of so many units, with characters of all widths.
fn text(encoding: Encoding, units: usize, rng: &mut Rng) -> String {
    let chars: &[char] = match encoding {
        Encoding::Latin1 => &['a', 'Z', '0', ' ', 'é', 'ÿ'],
        _ => &['a', 'Z', '0', ' ', 'é', '€', '😀', '"', '\\', '\u{7f}', '\0'],
    };
    let mut text = String::new();
    let mut have = 0;
    while have < units {
        let c = *rng.pick(chars);
        let more = units_of(encoding, c.encode_utf8(&mut [0; 4]));
        if let Ordering::Less | Ordering::Equal = (have + more).cmp(&units) {
            text.push(c);
            have += more;
        }
    }
    text
}

/// The length of a text as its prefix counts it.
fn units_of(encoding: Encoding, text: &str) -> usize {
    match encoding {
        Encoding::Utf8 => text.len(),
        Encoding::Latin1 => text.chars().count(),
        Encoding::Utf16(_) => text.encode_utf16().count(),
        Encoding::Mutf8 => text
            .encode_utf16()
            .map(|unit| match unit {
                1..=0x7f => 1,
                0 | 0x80..=0x7ff => 2,
                _ => 3,
            })
            .sum(),
    }
}

/// The value that a field has, as one gives it.
pub(crate) fn as_it_is(leaf: &Leaf) -> Option<Given> {
    Some(match (&leaf.held, &leaf.form) {
        (_, Form::Pad | Form::Tail) => Given::Text(hex(&leaf.bytes)),
        (Held::Number(n), Form::Bool) => Given::Bool(*n != 0),
        (Held::Number(n), _) => Given::Int(*n),
        (Held::Float(bits), _) => match f64::from_bits(*bits) {
            f if f.is_finite() => Given::Float(f),
            _ => return None,
        },
        (Held::Text(text), Form::Text { encoding, .. }) => {
            let plain = !text.contains(char::REPLACEMENT_CHARACTER) && *encoding != Encoding::Mutf8;
            if !plain {
                return None;
            }
            Given::Text(text.clone())
        }
        (Held::Bytes(bytes), Form::Bytes { .. } | Form::Nbt { .. } | Form::Uuid) => {
            Given::Bytes(bytes.clone())
        }
        _ => return None,
    })
}

/// Whether two are the same value; any NaN is like any other.
pub(crate) fn same(a: &Held, b: &Held) -> bool {
    match (a, b) {
        (Held::Float(a), Held::Float(b)) => {
            a == b || f64::from_bits(*a).is_nan() && f64::from_bits(*b).is_nan()
        }
        (a, b) => a == b,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
