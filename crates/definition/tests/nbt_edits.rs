//! Single tags of NBT changed by path: the rest keeps its bytes.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use hex_literal::hex;
use midwire_definition::nbt::{Event, Payload, TagKind, Walk, text};
use midwire_definition::plan::NbtForm;
use midwire_definition::tree::{Row, TreeLimits, rows};
use midwire_definition::{Edits, Given, Protocol, Workspace, given};
use proptest::prelude::*;
use support::{body, packet};

/// A byte in front, NBT, and a byte behind, so that it shows if others are touched.
static PLAIN: LazyLock<Arc<Protocol>> = LazyLock::new(|| body("a: u8, n: nbt, z: u8"));
static NAMED: LazyLock<Arc<Protocol>> = LazyLock::new(|| body("a: u8, n: named_nbt, z: u8"));

fn edited_of(protocol: &Protocol, nbt: &[u8], edits: &Edits) -> Result<Vec<u8>, String> {
    let payload = [&[7], nbt, &[8]].concat();
    let definition = packet(protocol, "P");
    let (mut ws, conn) = (Workspace::default(), protocol.initial_conn());
    let plan = definition.plan.as_ref().unwrap();
    let mut packet = plan.decode(&payload, 0, &conn, &mut ws);
    assert!(packet.error().is_none(), "{:?}", packet.error());
    let mut out = Vec::new();
    packet.splice(edits, &mut out).map_err(|error| error.to_string())?;
    assert_eq!((out[0], out[out.len() - 1]), (7, 8));
    Ok(out[1..out.len() - 1].to_vec())
}

fn edited(nbt: &[u8], edits: impl FnOnce(&mut Edits) -> &mut Edits) -> Result<Vec<u8>, String> {
    let mut set = Edits::new();
    edits(&mut set);
    edited_of(&PLAIN, nbt, &set)
}

fn set(nbt: &[u8], path: &str, value: &str) -> Result<Vec<u8>, String> {
    edited(nbt, |edits| edits.set(path, json(value)))
}

fn json(text: &str) -> Given {
    given::parse(text).unwrap()
}

#[test]
fn a_leaf_is_set_and_keeps_its_type() {
    // {text:"hi",n:{b:1b,s:2s,i:3,l:4L,f:1.5f,d:2.5d}}
    let nbt = hex!(
        "0a 08 0004 74657874 0002 6869 0a 0001 6e"
        "01 0001 62 01 02 0001 73 0002 03 0001 69 00000003 04 0001 6c 0000000000000004"
        "05 0001 66 3fc00000 06 0001 64 4004000000000000 00 00"
    );
    let at = |old: &str, new: &str| {
        let (old, new) = (support::hex(old), support::hex(new));
        let place = nbt.windows(old.len()).position(|bytes| bytes == old).unwrap();
        [&nbt[..place], &new, &nbt[place + old.len()..]].concat()
    };
    for (path, value, old, new) in [
        ("n.text", "\"grüß\"", "0002 6869", "0006 6772c3bcc39f"),
        ("n.n.b", "-128", "62 01", "62 80"),
        ("n.n.b", "true", "73 0002", "73 0002"),
        ("n.n.s", "-1", "73 0002", "73 ffff"),
        ("n.n.i", "7", "00000003", "00000007"),
        ("n.n.l", "9007199254740993", "0000000000000004", "0020000000000001"),
        ("n.n.f", "0.5", "3fc00000", "3f000000"),
        ("n.n.d", "3", "4004000000000000", "4008000000000000"),
    ] {
        assert_eq!(set(&nbt, path, value).unwrap(), at(old, new), "{path}");
    }
    // Another type is told.
    let out = set(&nbt, "n.n.s", r#"{"type":"int","value":5}"#).unwrap();
    assert_eq!(out, at("02 0001 73 0002", "03 0001 73 00000005"));
    for (path, value, reason) in [
        ("n.n.b", "128", "`n.n.b`: 128 does not fit byte"),
        ("n.n.s", "-32769", "`n.n.s`: -32769 does not fit short"),
        ("n.n.i", "\"x\"", "`n.n.i`: expected a whole number, found text"),
        ("n.text", "5", "`n.text`: expected text, found a number"),
        ("n.texx.y", "5", "`n.texx`: there is no such tag; did you mean `text`?"),
        ("n.text.y", "5", "`n.text`: a string has no tags inside"),
        ("n[0]", "5", "`n`: a compound has no elements inside"),
        ("n.new", "[1]", "`n.new`: expected {\"type\":..,\"value\":..}, found a list"),
    ] {
        assert_eq!(set(&nbt, path, value).unwrap_err(), reason, "{path}");
    }
}

#[test]
fn tags_are_added_and_deleted_in_their_compound() {
    // {a:1b,A:2b}
    let nbt = hex!("0a 01 0001 61 01 01 0001 41 02 00");
    let out =
        edited(&nbt, |e| e.set("n.t", json("\"x\"")).delete("n.a").set("n.`b c`", json("true")));
    assert_eq!(out.unwrap(), hex!("0a 01 0001 41 02 08 0001 74 0001 78 01 0003 622063 01 00"));
    // Names are just as they are written, unlike those of fields.
    let out = edited(&nbt, |e| e.set("n.A", json("5")).set("n.a", json("6")));
    assert_eq!(out.unwrap(), hex!("0a 01 0001 61 06 01 0001 41 05 00"));
    assert_eq!(set(&nbt, "n.a", "null").unwrap(), hex!("0a 01 0001 41 02 00"));
    assert_eq!(edited(&nbt, |e| e.delete("n.nothing")).unwrap(), nbt);
    for (value, tag) in [
        ("5", "03 0001 78 00000005"),
        ("5000000000", "04 0001 78 000000012a05f200"),
        ("0.5", "06 0001 78 3fe0000000000000"),
        (r#"{"type":"list","value":{"type":"short","value":[1]}}"#, "09 0001 78 02 00000001 0001"),
        (
            r#"{"type":"compound","value":{"y":{"type":"byte","value":1}}}"#,
            "0a 0001 78 01 0001 79 01 00",
        ),
    ] {
        let expected = [&nbt[..nbt.len() - 1], &support::hex(tag), &[0]].concat();
        assert_eq!(set(&nbt, "n.x", value).unwrap(), expected, "{value}");
    }
    // Of tags of one name the last is meant, and the other stays.
    let twice = hex!("0a 01 0001 61 01 01 0001 61 02 00");
    assert_eq!(set(&twice, "n.a", "7").unwrap(), hex!("0a 01 0001 61 01 01 0001 61 07 00"));
    assert_eq!(edited(&twice, |e| e.delete("n.a")).unwrap(), hex!("0a 01 0001 61 01 00"));
}

#[test]
fn elements_are_set_put_in_and_taken_out_and_the_count_follows() {
    // {l:["a","bb","c"],i:[I;1,2,3]}
    let nbt = hex!(
        "0a 09 0001 6c 08 00000003 0001 61 0002 6262 0001 63 0b 0001 69 00000003 00000001 00000002 00000003 00"
    );
    let out = edited(&nbt, |e| {
        e.set("n.l[1]", json("\"\""))
            .remove("n.l[0]")
            .insert("n.l", 0, json("\"x\""))
            .insert("n.l", 3, json("\"y\""))
            .remove("n.i[2]")
            .set("n.i[0]", json("-1"))
    });
    let expected = hex!(
        "0a 09 0001 6c 08 00000004 0001 78 0000 0001 63 0001 79 0b 0001 69 00000002 ffffffff 00000002 00"
    );
    assert_eq!(out.unwrap(), expected);
    let out = set(&nbt, "n.l", r#"["q"]"#).unwrap();
    assert_eq!(out[..13], hex!("0a 09 0001 6c 08 00000001 0001 71"));
    for (edits, reason) in [
        (Edits::new().set("n.l[3]", json("\"\"")).clone(), "`n.l[3]`: there are 3 elements"),
        (Edits::new().insert("n.l", 4, json("\"\"")).clone(), "`n.l`: there are 3 elements"),
        (
            Edits::new().delete("n.l[0]").clone(),
            "`n.l[0]`: an element is taken out by `remove`, and a named tag deleted",
        ),
        (
            Edits::new().insert("n.l", 0, json(r#"{"type":"int","value":1}"#)).clone(),
            "`n.l[0]`: the elements are of type string, not int",
        ),
        (
            Edits::new().set("n.i[0]", json("2147483648")).clone(),
            "`n.i[0]`: 2147483648 does not fit int",
        ),
    ] {
        assert_eq!(edited_of(&PLAIN, &nbt, &edits).unwrap_err(), reason);
    }
    // An empty list of nothing takes the type of its first element.
    let empty = hex!("09 00 00000000");
    let out = edited(&empty, |e| e.insert("n", 0, json("\"a\"")).insert("n", 0, json("\"b\"")));
    assert_eq!(out.unwrap(), hex!("09 08 00000002 0001 61 0001 62"));
    // In lists of lists and of compounds.
    let deep = hex!("09 0a 00000002 00 09 0001 6c 01 00000002 05 06 00 00");
    let out = edited(&deep, |e| e.set("n[1].l[0]", json("9")).set("n[0].x", json("true")));
    assert_eq!(
        out.unwrap(),
        hex!("09 0a 00000002 01 0001 78 01 00 09 0001 6c 01 00000002 09 06 00 00")
    );
}

#[test]
fn what_cannot_be_looked_into_is_refused() {
    assert!(set(&[0], "n.x", "5").unwrap_err().contains("no tag inside"));
    // As a whole and in part: the part goes into the new whole.
    let nbt = hex!("0a 00");
    let whole = r#"{"type":"compound","value":{"x":{"type":"byte","value":1}}}"#;
    let out = edited(&nbt, |e| e.set("n", json(whole)).set("n.x", json("2")));
    assert_eq!(out.unwrap(), hex!("0a 01 0001 78 02 00"));
    let twice = hex!("0a 0a 0001 61 00 00");
    let out = edited(&twice, |e| e.set("n.a", json(whole)).set("n.a.x", json("2")));
    assert_eq!(out.unwrap_err(), "`n.a`: it is changed as a whole and in part");
    // No deeper than may be read.
    let mut deep = "{\"type\":\"byte\",\"value\":1}".to_owned();
    for _ in 0..600 {
        deep = format!("{{\"type\":\"compound\",\"value\":{{\"x\":{deep}}}}}");
    }
    let depth = given::parse(&deep).map(|deep| edited(&nbt, |e| e.set("n.a", deep)));
    assert!(depth.is_err() || depth.unwrap().unwrap_err().contains("nbt_depth_max"));
}

#[test]
fn a_name_of_the_root_and_odd_text_stay() {
    let nbt = hex!("0a 0002 ffff 08 0001 6b 0002 c0ff 01 0001 62 02 00");
    let mut edits = Edits::new();
    edits.set("n.b", json("3"));
    let expected = hex!("0a 0002 ffff 08 0001 6b 0002 c0ff 01 0001 62 03 00");
    assert_eq!(edited_of(&NAMED, &nbt, &edits).unwrap(), expected);
}

#[test]
fn nbt_in_a_compressed_block_is_edited_like_any() {
    // As 1.7 has it: a length that may be -1, and gzip.
    let protocol = body("len: i16, if len >= 0 { n: gzip[len] named_nbt }, z: u8");
    let definition = packet(&protocol, "P");
    let plan = definition.plan.as_ref().unwrap();
    let (mut ws, conn) = (Workspace::default(), protocol.initial_conn());
    let tag = r#"{"name":"","type":"compound","value":{"x":{"type":"byte","value":1}}}"#;
    let mut made = Vec::new();
    plan.encode(&json(&format!("{{\"n\":{tag},\"z\":9}}")), &conn, &mut ws, &mut made).unwrap();
    assert_eq!(made[2..4], hex!("1f8b"));
    let mut edits = Edits::new();
    edits.set("n.x", json("2"));
    let mut out = Vec::new();
    plan.decode(&made, 0, &conn, &mut ws).splice(&edits, &mut out).unwrap();
    let seen = support::read(&protocol, &out);
    assert_eq!(seen.at("n").shown, support::Shown::Nbt(hex!("0a 0000 01 0001 78 02 00").to_vec()));
    assert_eq!(seen.at("len").number(), out.len() as i128 - 3);
    assert!(support::read(&protocol, &hex!("ffff 09")).get("n").is_none());
}

#[test]
fn tags_have_rows_with_their_bytes() {
    let nbt = hex!(
        "0a 08 0001 74 0002 6869 09 0001 6c 03 00000002 00000001 00000002 0a 0001 63 01 0001 62 05 00 00"
    );
    let payload = [&[7], &nbt[..], &[8]].concat();
    let definition = packet(&PLAIN, "P");
    let (mut ws, conn) = (Workspace::default(), PLAIN.initial_conn());
    let mut packet = definition.plan.as_ref().unwrap().decode(&payload, 0, &conn, &mut ws);
    let shown: Vec<String> = rows(&mut packet, TreeLimits::default())
        .iter()
        .map(|row| {
            let Row { depth, name, kind, value, place, .. } = row;
            format!("{depth} {name} {kind} {value} {}..{}", place.start, place.end)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "0 a u8 7 0..1",
            r#"0 n nbt {t:"hi",l:[1,2],c:{b:5b}} 1..38"#,
            r#"1 t string "hi" 2..10"#,
            "1 l list of int 2 elements 10..27",
            "2 [0] int 1 19..23",
            "2 [1] int 2 23..27",
            "1 c compound  27..37",
            "2 b byte 5b 31..36",
            "0 z u8 8 38..39",
        ]
    );
    let limits = TreeLimits { elements_max: 1, ..TreeLimits::default() };
    let last = rows(&mut packet, limits).iter().find(|row| row.value.contains("more")).cloned();
    assert_eq!(last.unwrap().value, "… 1 more tags");
}

// ---- any NBT ---------------------------------------------------------------------------------------

fn grow(seed: &mut impl Iterator<Item = u8>, kind: u8, depth: u32, out: &mut Vec<u8>) {
    let mut next = || seed.next().unwrap_or(0);
    match kind {
        1..=6 => out.extend((0..[1, 2, 4, 8, 4, 8][usize::from(kind) - 1]).map(|_| next())),
        7 | 11 | 12 => {
            let count = usize::from(next() % 4);
            out.extend((count as u32).to_be_bytes());
            let size = [1, 0, 0, 0, 4, 8][usize::from(kind) - 7];
            out.extend((0..count * size).map(|_| next()));
        }
        8 => {
            let count = next() % 4;
            out.extend([0, count]);
            out.extend((0..count).map(|_| next()));
        }
        9 => {
            let of = if depth > 4 { next() % 9 } else { next() % 13 };
            let count = next() % 4;
            out.extend([of, 0, 0, 0, count]);
            (0..count).for_each(|_| grow(seed, of, depth + 1, out));
        }
        10 => loop {
            let kind = seed.next().unwrap_or(0) % if depth > 4 { 9 } else { 13 };
            out.push(kind);
            if kind == 0 {
                break;
            }
            // Few letters, so that names come twice.
            out.extend([0, 1, b"abA.["[usize::from(seed.next().unwrap_or(0) % 5)]]);
            grow(seed, kind, depth + 1, out);
        },
        _ => {}
    }
}

/// Of each value that a path leads to its type, its payload, and the count of the list around.
fn leaves(nbt: &[u8]) -> BTreeMap<String, (TagKind, usize, usize)> {
    let form = NbtForm { named: false, optional: false };
    let mut walk = Walk::new(nbt, form, 512);
    let mut found: BTreeMap<String, (TagKind, usize, usize)> = BTreeMap::new();
    let mut open: Vec<String> = vec![];
    while let Some(event) = walk.next_event().unwrap() {
        let (Event::Value(tag, _) | Event::Open(tag, _)) = &event else {
            if let Event::Close(_) = event {
                open.pop();
            }
            continue;
        };
        let around = open.last().cloned().unwrap_or_else(|| "n".to_owned());
        let path = match (tag.name, tag.index) {
            (Some(name), _) => format!("{around}.`{}`", text(name)),
            (None, Some(index)) => format!("{around}[{index}]"),
            (None, None) => around,
        };
        // One before of that name is no longer meant, nor what is in it.
        let inside = |other: &String| {
            let behind = other.strip_prefix(&path);
            behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        found.retain(|other, _| !inside(other));
        match event {
            Event::Value(tag, payload) => {
                let end = walk.position();
                if !matches!(payload, Payload::ByteArray(_)) || !open.is_empty() {
                    found.insert(path, (tag.kind, tag.payload, end));
                }
            }
            _ => open.push(path),
        }
    }
    found
}

/// Another value of a type, and its bytes.
fn other(kind: TagKind) -> (Given, Vec<u8>) {
    match kind {
        TagKind::Byte => (Given::Int(-3), hex!("fd").to_vec()),
        TagKind::Short => (Given::Int(-3), hex!("fffd").to_vec()),
        TagKind::Int => (Given::Int(-3), hex!("fffffffd").to_vec()),
        TagKind::Long => (Given::Int(-3), hex!("fffffffffffffffd").to_vec()),
        TagKind::Float => (Given::Float(0.5), hex!("3f000000").to_vec()),
        TagKind::Double => (Given::Float(0.5), hex!("3fe0000000000000").to_vec()),
        TagKind::String => (Given::Text("\0x".into()), hex!("0003 c08078").to_vec()),
        TagKind::ByteArray => (Given::Text("0102".into()), hex!("00000002 0102").to_vec()),
        TagKind::IntArray => (Given::List(vec![Given::Int(1)]), hex!("00000001 00000001").to_vec()),
        _ => (Given::List(vec![Given::Int(1)]), hex!("00000001 0000000000000001").to_vec()),
    }
}

proptest! {
    #[test]
    fn one_changed_leaf_changes_no_other_byte(
        seed in prop::collection::vec(any::<u8>(), 1..200),
        pick: prop::sample::Index,
    ) {
        let mut seed = seed.into_iter();
        let kind = 9 + seed.next().unwrap_or(0) % 2;
        let mut nbt = vec![kind];
        grow(&mut seed, kind, 0, &mut nbt);
        let leaves = leaves(&nbt);
        prop_assume!(!leaves.is_empty());
        let (path, (kind, start, end)) = leaves.iter().nth(pick.index(leaves.len())).unwrap();
        let (value, bytes) = other(*kind);
        let mut edits = Edits::new();
        edits.set(path, value);
        let out = edited_of(&PLAIN, &nbt, &edits);
        let expected = [&nbt[..*start], &bytes, &nbt[*end..]].concat();
        prop_assert_eq!(out, Ok(expected), "{}", path);
    }

    #[test]
    fn an_element_put_in_and_taken_out_again_leaves_the_same_bytes(
        seed in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let mut seed = seed.into_iter();
        let mut nbt = vec![9];
        grow(&mut seed, 9, 0, &mut nbt);
        let (of, count) = (nbt[1], u32::from(nbt[5]));
        prop_assume!((1..=8).contains(&of));
        let (value, _) = other(TagKind::from_byte(of).unwrap());
        for index in 0..=count {
            let mut edits = Edits::new();
            edits.insert("n", index, value.clone());
            let longer = edited_of(&PLAIN, &nbt, &edits).unwrap();
            prop_assert_eq!(longer[5], nbt[5] + 1);
            let mut edits = Edits::new();
            edits.remove(&format!("n[{index}]"));
            prop_assert_eq!(&edited_of(&PLAIN, &longer, &edits).unwrap(), &nbt);
        }
    }
}
