//! `docs/patch-day.md` tells what is so: from a definition that ends at 26.1, the file in it makes what
//! changed in 26.2 readable.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::json::write_fields;
use midwire_definition::sources::{LoadError, Loader, Root};
use midwire_definition::{
    Builtin, Protocol, VersionId, Workspace, builtin, check_extended, render,
};

/// The number that is new, and the release before it.
const NEW: i64 = 776;
const LAST: &str = "26.1";

/// The built-in definitions as they were when 26.1 was the newest: the list ends there, and no gate tells
/// later versions apart.
struct Before;

impl Loader for Before {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let text = Builtin.load(path)?;
        if path == "minecraft/versions.txt" {
            let is_last = |line: &&str| line.split_whitespace().next() == Some(LAST);
            let end = text.lines().position(|line| is_last(&line)).unwrap();
            return Ok(text.lines().take(end + 1).map(|line| format!("{line}\n")).collect());
        }
        // No version has these numbers, so that listing 776 brings none of it back.
        let text = ["@776", "@777", "@778"]
            .iter()
            .fold(text, |text, gate| text.replace(gate, &gate.replace('@', "@9")));
        let text = text.replace("..775", "..9775").replace("..776", "..9776");
        Ok(text.replace("\n  776:", "\n  9776:").replace("\n  777:", "\n  9777:"))
    }
}

/// One text, whatever its name.
struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/patch-day.md");
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

/// The text of the block with this behind its fence.
fn block<'t>(document: &'t str, kind: &str) -> &'t str {
    let (_, behind) = document.split_once(&format!("```{kind}\n")).unwrap();
    behind.split("```").next().unwrap()
}

fn bytes(document: &str, packet: &str) -> Vec<u8> {
    let digits: String = block(document, &format!("hex {packet}")).split_whitespace().collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

/// What a definition reads of 26.2: the fields, the bytes behind them, and whether something is wrong.
fn read(protocol: &Protocol, packet: &str, body: &[u8]) -> (String, usize, bool) {
    let (version, _) = protocol.versions.by_number(NEW);
    read_as(protocol, version, packet, body)
}

/// The same of a version with this key.
fn read_at(protocol: &Protocol, key: &str, packet: &str, body: &[u8]) -> (String, usize, bool) {
    read_as(protocol, protocol.versions.by_text(key).unwrap(), packet, body)
}

fn read_as(
    protocol: &Protocol,
    version: VersionId,
    packet: &str,
    body: &[u8],
) -> (String, usize, bool) {
    let [state, _, name] = packet.split(' ').collect::<Vec<_>>()[..] else { unreachable!() };
    let dialect = protocol.dialect(version);
    let state = protocol.state_named(state).unwrap();
    let definition = dialect.packet_named(state, Direction::Clientbound, name).unwrap();
    let (conn, mut ws) = (protocol.initial_conn(), Workspace::default());
    let mut packet = definition.plan.as_ref().unwrap().decode(body, 0, &conn, &mut ws);
    let mut fields = String::new();
    write_fields(&mut packet, &mut fields);
    (fields, packet.rest().len(), packet.error().is_some())
}

const PACKETS: [&str; 2] = ["login clientbound success", "play clientbound login"];

#[test]
fn before_the_file_what_changed_is_read_wrong_and_the_version_is_assumed() {
    let document = document();
    let before = Protocol::load_checked("minecraft.wire", &Before).unwrap();
    let (version, is_assumed) = before.versions.by_number(NEW);
    assert_eq!((&*before.versions.get(version).key, is_assumed), (LAST, true));
    let [success, login] = PACKETS.map(|packet| read(&before, packet, &bytes(&document, packet)));
    assert_eq!(success.1, 16, "{}", success.0);
    assert_eq!(login.1, 1, "{}", login.0);
    assert!(login.0.contains(r#""enforces_secure_chat":false"#), "{}", login.0);
    assert!(!login.0.contains("online_mode"), "{}", login.0);
}

#[test]
fn the_file_makes_what_changed_readable() {
    let document = document();
    let overlay = Text(block(&document, "wire overlay"));
    let base = Root { path: "minecraft.wire", loader: &Before };
    let root = Root { path: "26.2.wire", loader: &overlay };
    let after: Arc<Protocol> =
        Protocol::load_checked_extended(base, &[root]).unwrap_or_else(|e| panic!("{e}"));
    let (version, is_assumed) = after.versions.by_number(NEW);
    assert_eq!((&*after.versions.get(version).key, is_assumed), ("26.2", false));
    // It reads what the definition that knows 26.2 reads.
    let known = builtin("minecraft").unwrap();
    for packet in PACKETS {
        let body = bytes(&document, packet);
        let read_now = read(&after, packet, &body);
        assert_eq!((read_now.1, read_now.2), (0, false), "{}", read_now.0);
        assert_eq!(read_now, read(&known, packet, &body));
        let shown = block(&document, &format!("json {packet}")).trim_end();
        assert!(read_now.0.contains(shown), "{}", read_now.0);
    }
    // 26.1 is as it was.
    let body = bytes(&document, PACKETS[0]);
    let older = |protocol: &Protocol| read_at(protocol, LAST, PACKETS[0], &body);
    assert_eq!(older(&after).1, 16);
    assert_eq!(older(&after), older(&known));
}

#[test]
fn the_file_passes_its_check() {
    let document = document();
    let overlay = Text(block(&document, "wire overlay"));
    let base = Root { path: "minecraft.wire", loader: &Before };
    let root = Root { path: "26.2.wire", loader: &overlay };
    let mut report = check_extended(base, &[root]);
    assert!(report.protocol.is_some());
    // What the definition below says of versions that are not there yet is its own.
    let of_overlay = |span: midwire_definition::syntax::ast::Span| {
        report.sources.get(span.file).is_some_and(|file| file.name == "26.2.wire")
    };
    report.diagnostics.0.retain(|d| of_overlay(d.span));
    let shown = render(&report.diagnostics, &report.sources, false);
    assert!(report.diagnostics.is_empty(), "{shown}");
}

#[test]
fn a_midwire_that_knows_the_version_says_so() {
    let document = document();
    let overlay = Text(block(&document, "wire overlay"));
    let base = Root { path: "minecraft.wire", loader: &Builtin };
    let root = Root { path: "26.2.wire", loader: &overlay };
    let report = check_extended(base, &[root]);
    let told: Vec<_> = report.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(told, ["version 26.2 is listed already"]);
}
