//! What any printer writes of any bytes comes back, and no damaged paste panics.

use proptest::prelude::*;

use super::super::{Form, parse};
use super::{chars, dump, is_dump, spaced, written};
use clap::ValueEnum as _;

/// Bytes each written in some way, with something between them.
fn joined(bytes: &[u8], between: &str, one: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|byte| one(*byte)).collect::<Vec<_>>().join(between)
}

/// What others than the usual tools write of some bytes, and the form to say where that can be other bytes.
fn others(bytes: &[u8]) -> Vec<(&'static str, Option<Form>, String)> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let upper = |byte: u8| format!("{byte:02X}");
    let boxed =
        dump(bytes, |at, row| format!("|{at:08x}| {:<47} |{:<16}|", spaced(row), chars(row)));
    let edge = "+--------+-------------------------------------------------+----------------+\n";
    let hexes: Vec<String> = bytes.chunks(4).map(::hex::encode).collect();
    vec![
        ("BitConverter", None, joined(bytes, "-", upper)),
        ("colons", None, joined(bytes, ":", |byte| format!("{byte:02x}"))),
        ("Basic", None, joined(bytes, ", ", |byte| format!("&H{byte:X}"))),
        ("Pascal", None, joined(bytes, ", ", |byte| format!("${byte:02X}"))),
        ("assembler", None, format!("db {}", joined(bytes, ", ", |byte| format!("0{byte:02X}h")))),
        ("with h", None, joined(bytes, " ", |byte| format!("{byte:02X}h"))),
        ("Ada", None, joined(bytes, ", ", |byte| format!("16#{byte:02X}#"))),
        ("hashes", None, joined(bytes, "", |byte| format!("#{byte:02X}"))),
        ("SQL", None, format!("X'{}'", ::hex::encode_upper(bytes))),
        (
            "data of Apple",
            None,
            format!("{{length = {}, bytes = 0x{}}}", bytes.len(), hexes.concat()),
        ),
        ("old data of Apple", None, format!("<{}>", hexes.join(" "))),
        ("Buffer", None, format!("<Buffer {}>", spaced(bytes))),
        ("Go", None, format!("[]byte{{{}}}", joined(bytes, ", ", |byte| format!("{byte:#x}")))),
        (
            "Kotlin",
            None,
            format!("byteArrayOf({})", joined(bytes, ", ", |byte| (byte as i8).to_string())),
        ),
        (
            "Uint8Array",
            None,
            format!(
                "Uint8Array({}) [ {} ]",
                bytes.len(),
                joined(bytes, ", ", |byte| byte.to_string())
            ),
        ),
        ("binary of C", None, joined(bytes, ", ", |byte| format!("0b{byte:08b}"))),
        ("binary", Some(Form::Binary), joined(bytes, " ", |byte| format!("{byte:08b}"))),
        (
            "octal",
            Some(Form::String),
            format!("\"{}\"", joined(bytes, "", |byte| format!("\\{byte:03o}"))),
        ),
        (
            "Lua",
            Some(Form::Lua),
            format!("\"{}\"", joined(bytes, "", |byte| format!("\\{byte:03}"))),
        ),
        ("Perl", None, format!("\"{}\"", joined(bytes, "", |byte| format!("\\x{{{byte:X}}}")))),
        ("address", None, joined(bytes, "", |byte| format!("%{byte:02X}"))),
        (
            "some of an address",
            Some(Form::Percent),
            joined(bytes, "", |byte| {
                if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }
            }),
        ),
        ("mail", None, joined(bytes, "", |byte| format!("={byte:02X}"))),
        ("netty", None, format!("{edge}{boxed}{edge}")),
        (
            "Format-Hex",
            None,
            dump(bytes, |at, row| {
                let shown = |byte: &u8| {
                    if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '\u{fffd}' }
                };
                let chars: String = row.iter().map(shown).collect();
                format!("{at:016X} {:<47} {chars}", spaced(row).to_uppercase())
            }),
        ),
        (
            "010",
            None,
            dump(bytes, |at, row| {
                format!("{at:04X}h: {:<47}  {}", spaced(row).to_uppercase(), chars(row))
            }),
        ),
        (
            "DOS",
            None,
            dump(bytes, |at, row| {
                format!("0B2F:{at:04X}  {:<47}   {}", spaced(row).to_uppercase(), chars(row))
            }),
        ),
    ]
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..80),
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0x10), Just(0x20)], 1..80),
        "[ -~]{1,80}".prop_map(String::into_bytes),
        "[0-9a-f |<>.:]{1,60}".prop_map(String::into_bytes),
    ]
}

/// Whether a tool's text is read as bytes that it does not have, and nothing is told.
fn is_misread(parts: &[super::HexText], bytes: &[u8]) -> bool {
    let read: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
    let is_told = parts.iter().any(|part| !part.problems.is_empty() || !part.notes.is_empty());
    read != bytes && !is_told
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_other_printers_write_comes_back(bytes in texts()) {
        for (name, form, text) in others(&bytes) {
            let parts = parse(&text, form);
            prop_assert_eq!(parts.len(), 1, "{}:\n{}", name, text);
            prop_assert_eq!(&parts[0].bytes, &bytes, "{}:\n{}\n{:?}", name, text, parts);
            prop_assert_eq!(&parts[0].problems, &[], "{}:\n{}", name, text);
            // Without a sign of what it is nobody knows.
            if form.is_some() && (form != Some(Form::Percent) || text.contains('%')) {
                prop_assert!(!is_misread(&parse(&text, None), &bytes), "{}:\n{}", name, text);
            }
        }
    }

    #[test]
    fn words_in_front_of_rows_change_no_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 17..80),
        front in "[a-zA-Z]{1,8}(\\[[0-9]{1,5}\\])?[:>|] |[0-9]{2}:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3} [a-z]{2,8} |\\[[a-zA-Z /-]{1,12}\\] ",
    ) {
        for (name, text) in written(&bytes).into_iter().filter(|(name, _)| is_dump(name)) {
            let text: String = text.lines().map(|line| format!("{front}{line}\n")).collect();
            let parts = parse(&text, None);
            prop_assert_eq!(parts.len(), 1, "{}:\n{}", name, text);
            prop_assert_eq!(&parts[0].bytes, &bytes, "{}:\n{}\n{:?}", name, text, parts);
        }
    }

    #[test]
    fn damaged_pastes_are_read_without_a_panic(
        bytes in texts(),
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..4u8), 0..12),
    ) {
        let mut all: Vec<String> = others(&bytes).into_iter().map(|(.., text)| text).collect();
        all.extend(written(&bytes).into_iter().map(|(_, text)| text));
        let mut text: Vec<char> = which.get(&all).chars().collect();
        for (at, c, how) in changes {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match how {
                0 => text[at] = c,
                1 => text.insert(at, c),
                2 => drop(text.remove(at)),
                _ => text.truncate(at),
            }
        }
        let text: String = text.into_iter().collect();
        for form in Form::value_variants().iter().map(|form| Some(*form)).chain([None]) {
            prop_assert!(!parse(&text, form).is_empty());
        }
    }
}
