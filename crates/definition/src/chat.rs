//! The words of chat components: what players read of Minecraft's texts, in JSON or NBT, without their
//! colours, clicks and formats.

use std::borrow::Cow;

use crate::given::{self, Given};
use crate::nbt::{self, Event, Group, Payload, Walk};
use crate::plan::NbtForm;

/// The most bytes of text that a component gives; what comes behind is left out.
pub const TEXT_MAX: usize = 32 * 1024;

/// Components inside each other that are looked at.
const DEPTH_MAX: u32 = 64;
/// Parts of one component that are looked at: arguments can be named many times over.
const PARTS_MAX: u32 = 10_000;
/// Bytes of its texts that are looked at, those that nobody sees included.
const READ_MAX: usize = 32 * TEXT_MAX;

/// The words of a text that is a component in JSON, or that is meant as it stands. Format codes (`§a`)
/// are left out.
pub fn from_text(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with(['{', '[', '"'])
        && let Ok(component) = given::parse(text)
    {
        return from_component(&component).into();
    }
    without_codes(text)
}

/// The words of a component in NBT. What is not NBT has none.
pub fn from_nbt(bytes: &[u8], form: NbtForm) -> Cow<'_, str> {
    match only_text(bytes, form) {
        Some(text) => match nbt::text(text) {
            Cow::Borrowed(text) => without_codes(text),
            Cow::Owned(text) => without_codes(&text).into_owned().into(),
        },
        None => match component_of(bytes, form) {
            Some(component) => from_component(&component).into(),
            None => "".into(),
        },
    }
}

/// The words of a component in NBT where they lie, of most components: those that have no parts and no
/// characters but ASCII's. `None` says nothing of others.
#[must_use]
pub fn ascii_in_nbt(bytes: &[u8], form: NbtForm) -> Option<&[u8]> {
    // In ASCII there are no format codes, and MUTF-8 is the same.
    only_text(bytes, form).filter(|text| text.is_ascii())
}

/// The text of a component that has no parts, as most have none: it is read where it lies. `None` for others,
/// and for what is malformed.
fn only_text(bytes: &[u8], form: NbtForm) -> Option<&[u8]> {
    fn text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
        let (len, behind) = rest.split_first_chunk()?;
        let (text, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
        *rest = behind;
        Some(text)
    }
    let (tag, mut rest) = bytes.split_first()?;
    if form.named {
        text(&mut rest)?;
    }
    let mut found = None;
    match tag {
        8 => found = text(&mut rest),
        10 => loop {
            let tag;
            (tag, rest) = rest.split_first()?;
            if *tag == 0 {
                break;
            }
            match (text(&mut rest)?, tag) {
                (b"text", 8) if found.is_none() => found = Some(text(&mut rest)?),
                // Of these, or of the last of several texts, there may be more to read.
                (b"" | b"text" | b"extra" | b"translate" | b"score", _) => return None,
                (_, 8) => {
                    text(&mut rest)?;
                }
                (_, 1) => rest = rest.get(1..)?,
                (_, 2) => rest = rest.get(2..)?,
                (_, 3 | 5) => rest = rest.get(4..)?,
                (_, 4 | 6) => rest = rest.get(8..)?,
                _ => return None,
            }
        },
        _ => return None,
    }
    found.filter(|text| text.len() <= TEXT_MAX)
}

/// The words of a component.
pub fn from_component(component: &Given) -> String {
    let mut words = Words { out: String::new(), parts: PARTS_MAX };
    words.add(component, 0);
    match without_codes(&words.out) {
        Cow::Borrowed(_) => words.out,
        Cow::Owned(text) => text,
    }
}

fn without_codes(text: &str) -> Cow<'_, str> {
    const SIGN: char = '§';
    let Some(first) = (!text.is_ascii()).then(|| text.find(SIGN)).flatten() else {
        return text.into();
    };
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut next) = (text, Some(first));
    while let Some(at) = next {
        out.push_str(&rest[..at]);
        let mut behind = rest[at + SIGN.len_utf8()..].chars();
        behind.next();
        rest = behind.as_str();
        next = rest.find(SIGN);
    }
    out.push_str(rest);
    out.into()
}

struct Words {
    out: String,
    /// How many more parts are looked at.
    parts: u32,
}

impl Words {
    fn push(&mut self, text: &str) {
        let mut end = text.len().min(TEXT_MAX.saturating_sub(self.out.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.out.push_str(&text[..end]);
    }

    fn add(&mut self, component: &Given, depth: u32) {
        if depth > DEPTH_MAX || self.parts == 0 || self.out.len() >= TEXT_MAX {
            return;
        }
        self.parts -= 1;
        match component {
            Given::Text(text) => self.push(text),
            Given::Bool(b) => self.push(if *b { "true" } else { "false" }),
            Given::Int(n) => self.push(&n.to_string()),
            Given::Float(n) => self.push(&n.to_string()),
            Given::List(parts) => parts.iter().for_each(|part| self.add(part, depth + 1)),
            Given::Object(_) => self.object(component, depth),
            Given::Null | Given::Bytes(_) => {}
        }
    }

    fn object(&mut self, component: &Given, depth: u32) {
        let text = |key: &str| match component.get(key) {
            Some(Given::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        if let Some(own) = component.get("text").or_else(|| component.get("")) {
            // Lists of NBT whose elements differ in type wrap them in a compound with an empty name.
            self.add(own, depth + 1);
        } else if let Some(key) = text("translate") {
            let args = match component.get("with") {
                Some(Given::List(args)) => args.as_slice(),
                _ => &[],
            };
            self.translated(key, text("fallback"), args, depth);
        } else if let Some(score) = component.get("score") {
            let shown = ["value", "name"].iter().find_map(|key| score.get(key));
            if let Some(shown) = shown {
                self.add(shown, depth + 1);
            }
        } else if let Some(name) = ["selector", "keybind", "nbt"].into_iter().find_map(text) {
            self.push(name);
        }
        if let Some(extra) = component.get("extra") {
            self.add(extra, depth + 1);
        }
    }

    /// A text of the game's language files, which are not here: the patterns of chat lines are known,
    /// of others the key is shown with its arguments.
    fn translated(&mut self, key: &str, fallback: Option<&str>, args: &[Given], depth: u32) {
        let known = match key {
            "chat.type.text" => Some("<%s> %s"),
            "chat.type.emote" => Some("* %s %s"),
            "chat.type.announcement" | "chat.type.admin" => Some("[%s] %s"),
            "chat.type.team.text" => Some("%s <%s> %s"),
            _ => None,
        };
        // Servers send whole sentences as keys, too.
        let pattern = known.or(fallback).or(key.contains(['%', ' ']).then_some(key));
        let Some(pattern) = pattern else {
            self.push(key);
            for (i, arg) in args.iter().enumerate() {
                self.push(if i == 0 { "(" } else { ", " });
                self.add(arg, depth + 1);
            }
            if !args.is_empty() {
                self.push(")");
            }
            return;
        };
        let mut next = 0;
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            self.push(&rest[..at]);
            rest = &rest[at + 1..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if let Some(behind) = rest.strip_prefix('%') {
                self.push("%");
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('s') {
                self.argument(args, next, depth);
                next += 1;
                rest = behind;
            } else if let Some(behind) = rest[digits..].strip_prefix("$s") {
                let number = rest[..digits].parse::<usize>().unwrap_or(0);
                self.argument(args, number.wrapping_sub(1), depth);
                rest = behind;
            } else {
                self.push("%");
            }
        }
        self.push(rest);
    }

    fn argument(&mut self, args: &[Given], at: usize, depth: u32) {
        if let Some(arg) = args.get(at) {
            self.add(arg, depth + 1);
        }
    }
}

/// NBT without its types. It ends early where there are more parts than are looked at.
fn component_of(bytes: &[u8], form: NbtForm) -> Option<Given> {
    // A part is up to two levels of NBT: the list that it stands in and itself.
    let mut walk = Walk::new(bytes, form, 2 * DEPTH_MAX);
    let mut open: Vec<(String, Given)> = Vec::new();
    let (mut parts, mut len) = (0, 0);
    loop {
        parts += 1;
        let event = walk.next_event().ok().flatten();
        let event = event.filter(|_| parts < PARTS_MAX && len < READ_MAX);
        let (name, value) = match event {
            Some(Event::Nothing) => return None,
            Some(Event::Open(tag, group)) => {
                let empty = match group {
                    Group::Compound => Given::Object(Vec::new()),
                    Group::List(..) => Given::List(Vec::new()),
                };
                open.push((nbt::text(tag.name.unwrap_or(&[])).into_owned(), empty));
                continue;
            }
            Some(Event::Value(tag, payload)) => {
                if let Payload::String(text) = payload {
                    len += text.len();
                }
                let value = match payload {
                    Payload::Byte(n) => Given::Int(n.into()),
                    Payload::Short(n) => Given::Int(n.into()),
                    Payload::Int(n) => Given::Int(n.into()),
                    Payload::Long(n) => Given::Int(n.into()),
                    Payload::Float(n) => Given::Float(n.into()),
                    Payload::Double(n) => Given::Float(n),
                    Payload::String(text) => Given::Text(nbt::text(text).into_owned()),
                    Payload::ByteArray(_) | Payload::IntArray(_) | Payload::LongArray(_) => {
                        Given::Null
                    }
                };
                (nbt::text(tag.name.unwrap_or(&[])).into_owned(), value)
            }
            // Where the walk was broken off, all that is open ends.
            Some(Event::Close(_)) | None => open.pop()?,
        };
        match open.last_mut() {
            Some((_, Given::Object(members))) => members.push((name, value)),
            Some((_, Given::List(items))) => items.push(value),
            _ => return Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    const PLAIN: NbtForm = NbtForm { named: false, optional: false };

    #[test]
    fn text_with_parts_reads_as_one_line() {
        let component = r#"{"text":"Hello ","color":"red","extra":[{"text":"Alva","bold":true},"!",{"text":"","extra":[5]}]}"#;
        assert_eq!(from_text(component), "Hello Alva!5");
        assert_eq!(from_text(r#"["a",{"text":"b"},["c"]]"#), "abc");
        assert_eq!(from_text(r#""only text""#), "only text");
    }

    #[test]
    fn what_is_no_component_is_meant_as_it_stands() {
        assert_eq!(from_text("[Alva] hi"), "[Alva] hi");
        assert_eq!(from_text("{not json"), "{not json");
        assert_eq!(from_text("plain"), "plain");
        assert_eq!(from_text("§aGreen §lbold§r"), "Green bold");
        assert_eq!(from_text("end§"), "end");
        assert_eq!(from_text("§§a§"), "a");
    }

    #[test]
    fn arguments_of_translated_texts_are_put_in_place() {
        let say = |t: &str| from_text(t).into_owned();
        assert_eq!(
            say(r#"{"translate":"chat.type.text","with":[{"text":"Alva"},"hi"]}"#),
            "<Alva> hi"
        );
        assert_eq!(
            say(r#"{"translate":"multiplayer.player.joined","with":["Alva"]}"#),
            "multiplayer.player.joined(Alva)"
        );
        assert_eq!(say(r#"{"translate":"death.attack.fall"}"#), "death.attack.fall");
        assert_eq!(
            say(
                r#"{"translate":"a.b","fallback":"%2$s before %1$s, 100%%, %9$s%d","with":["x","y"]}"#
            ),
            "y before x, 100%, %d"
        );
        assert_eq!(say(r#"{"translate":"%s wins","with":["Alva"]}"#), "Alva wins");
    }

    #[test]
    fn scores_selectors_and_keys_are_named() {
        let text = r#"[{"score":{"name":"@p","objective":"o"}}," ",{"score":{"name":"a","value":"7"}}," ",{"selector":"@a"}," ",{"keybind":"key.jump"}]"#;
        assert_eq!(from_text(text), "@p 7 @a key.jump");
    }

    #[test]
    fn components_in_nbt_read_like_those_in_json() {
        assert_eq!(from_nbt(&hex!("08 0002 6869"), PLAIN), "hi");
        let compound = hex!(
            "0a 08 0004 74657874 0002 6869"
            "09 0005 6578747261 0a 00000002"
            "08 0000 0001 21 00"
            "08 0004 74657874 0001 3f 00"
            "00"
        );
        assert_eq!(from_nbt(&compound, PLAIN), "hi!?");
        assert_eq!(from_nbt(&hex!("0a 00"), PLAIN), "");
        assert_eq!(from_nbt(&[0], PLAIN), "");
        assert_eq!(from_nbt(&[0x55], PLAIN), "");
    }

    /// A component in JSON as NBT writes it, without a name in front.
    fn nbt(component: &Given) -> (u8, Vec<u8>) {
        let text = |text: &str| {
            let len = u16::try_from(text.len()).unwrap();
            [&len.to_be_bytes(), text.as_bytes()].concat()
        };
        match component {
            Given::Text(words) => (8, text(words)),
            Given::Bool(b) => (1, vec![(*b).into()]),
            Given::Int(n) => (3, i32::try_from(*n).unwrap().to_be_bytes().to_vec()),
            Given::List(parts) => {
                // All elements are of one type: compounds, which wrap what is none.
                let mut out = vec![10];
                out.extend(u32::try_from(parts.len()).unwrap().to_be_bytes());
                for part in parts {
                    let (tag, bytes) = nbt(part);
                    match tag {
                        10 => out.extend(bytes),
                        tag => out.extend([&[tag, 0, 0], bytes.as_slice(), &[0]].concat()),
                    }
                }
                (9, out)
            }
            Given::Object(members) => {
                let mut out = Vec::new();
                for (name, value) in members {
                    let (tag, bytes) = nbt(value);
                    out.extend([&[tag], text(name).as_slice(), &bytes].concat());
                }
                out.push(0);
                (10, out)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_component_reads_the_same_in_both_forms() {
        for (component, words) in [
            (r#""plain""#, "plain"),
            (r#"{"text":"a","extra":[{"text":"b","extra":["c",{"text":"d"}]},"e"]}"#, "abcde"),
            (r#"["a",["b",{"text":"c"}],{"text":"§ld"}]"#, "abcd"),
            (
                r#"{"translate":"chat.type.text","with":["Alva",{"text":"hi","color":"red"}]}"#,
                "<Alva> hi",
            ),
            (
                r#"{"translate":"%2$s, %1$s","with":[{"translate":"%s!","with":["x"]},"y"],"extra":["."]}"#,
                "y, x!.",
            ),
            (r#"{"translate":"item.name","fallback":"Sword %s","with":[5]}"#, "Sword 5"),
            (r#"{"translate":"no.args"}"#, "no.args"),
            (r#"{"text":7,"extra":[{"text":true}]}"#, "7"),
            (
                r#"[{"score":{"name":"Bo","objective":"o"}},{"keybind":"key.use"},{"selector":"@p"}]"#,
                "Bokey.use@p",
            ),
            (r#"{"nbt":"Health","entity":"@s","extra":[{"text":"!"}]}"#, "Health!"),
            (r#"{"color":"red"}"#, ""),
        ] {
            let given = given::parse(component).unwrap();
            let (tag, bytes) = nbt(&given);
            // NBT has no booleans: what JSON says is true is 1 there.
            let words_of_nbt =
                if component.contains("true") { words.to_owned() + "1" } else { words.into() };
            let words =
                if component.contains("true") { words.to_owned() + "true" } else { words.into() };
            assert_eq!(from_text(component), words, "{component}");
            assert_eq!(
                from_nbt(&[&[tag], bytes.as_slice()].concat(), PLAIN),
                words_of_nbt,
                "{component}"
            );
        }
    }

    #[test]
    fn a_text_without_parts_reads_where_it_lies_as_it_does_in_parts() {
        let slowly = |bytes: &[u8], form| {
            component_of(bytes, form).map_or(String::new(), |known| from_component(&known))
        };
        let plain = hex!(
            "0a 08 0004 74657874 0003 68c2a7 01 0004 626f6c64 01 08 0005 636f6c6f72 0003 726564 00"
        );
        assert!(only_text(&plain, PLAIN).is_some());
        let named = NbtForm { named: true, optional: false };
        let many = [
            plain.to_vec(),
            hex!("08 0004 68c2a76b").to_vec(),
            hex!("08 0002 6869 ff").to_vec(),
            hex!("0a 08 0004 74657874 0001 61 08 0004 74657874 0001 62 00").to_vec(),
            hex!("0a 08 0000 0001 61 08 0004 74657874 0001 62 00").to_vec(),
            hex!("0a 08 0007 6b657962696e64 0001 61 03 0001 78 00000001 00").to_vec(),
            hex!("0a 03 0004 74657874 00000007 00").to_vec(),
            hex!("0a 0000 08 0004 74657874 0002 c080 00").to_vec(),
            [&hex!("08 8001")[..], &[b'a'; 0x8001]].concat(),
        ];
        for bytes in many {
            for cut in (0..=bytes.len().min(60)).chain([bytes.len()]) {
                for form in [PLAIN, named, NbtForm { optional: true, ..PLAIN }] {
                    let bytes = &bytes[..cut];
                    // What is cut has no words to speak of: of it nothing is promised but that it ends.
                    if let Some(text) = only_text(bytes, form) {
                        let text = without_codes(&nbt::text(text)).into_owned();
                        assert_eq!(text, slowly(bytes, form), "{bytes:02x?} {form:?}");
                    }
                    if let Some(words) = ascii_in_nbt(bytes, form) {
                        assert_eq!(words, slowly(bytes, form).as_bytes(), "{bytes:02x?} {form:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_within_parts_are_read_to_a_depth() {
        let nested = |depth: usize| {
            let mut component = Given::Text("end".into());
            for level in 0..depth {
                let extra = ("extra".into(), Given::List(vec![component]));
                component = Given::Object(vec![
                    ("text".into(), Given::Text((level % 10).to_string())),
                    extra,
                ]);
            }
            let (tag, bytes) = nbt(&component);
            from_nbt(&[&[tag], bytes.as_slice()].concat(), PLAIN).into_owned()
        };
        assert_eq!(nested(3), "210end");
        assert_eq!(nested(20), "98765432109876543210end");
        let deep = nested(2_000);
        assert!(deep.len() >= 30 && deep.len() <= 64 && !deep.contains("end"), "{deep}");
    }

    #[test]
    fn hostile_components_end() {
        // Each level names its argument twice: 2^60 parts.
        let mut bomb = String::from("\"x\"");
        for _ in 0..60 {
            bomb = format!(r#"{{"translate":"%1$s%1$s","with":[{bomb}]}}"#);
        }
        assert!(from_text(&bomb).len() <= TEXT_MAX);
        let deep = format!("{}\"x\"{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(from_text(&deep), "");
        let long = format!("[{}\"x\"]", "\"aaaaaaaaaaaaaaaé\",".repeat(8000));
        assert!(from_text(&long).len() <= TEXT_MAX);
        let deep = [vec![9u8], [9, 0, 0, 0, 1].repeat(100_000)].concat();
        assert_eq!(from_nbt(&deep, PLAIN), "");
    }
}
