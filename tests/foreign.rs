//! Text from strangers stays text: no definition, packet, peer or file name steers the terminal.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

mod support;

use std::fs;
use std::path::PathBuf;

use midwire_definition::escape::is_unsafe;

use support::ends::{Ends, Server};
use support::program::{Ended, Program};

/// What takes over a terminal, with and without a C1 control; what turns the reading round; what hides.
const EVIL: &str = "\x1b[31m\u{9b}31m\u{202e}\u{200b}\x07\r";

/// A definition in which every name and text is hostile.
fn hostile() -> String {
    // A carriage return ends a name, so names go without it.
    let name = EVIL.trim_end_matches('\r');
    format!(
        "/// doc {EVIL} of the protocol\n\
         protocol `p{name}` \"title {name}\" {{\n\
           endian big\n\
           versions {{ 1 \"one{name}\", 2 \"two{name}\" }}\n\
           states `s{name}`\n\
           frame {{ length: u8, id: u8 }}\n\
         }}\n\
         /// doc {EVIL} of the packet\n\
         packet `s{name}` both `n{name}` \"title {name}\" = 1 {{\n\
           /// doc {EVIL} of the field\n\
           `f{name}`: u8\n\
           `e{name}`: enum u8 {{ `x{name}`, \"y{name}\" }}\n\
           `g{name}`: flags u8 {{ `a{name}`, \"b{name}\" }}\n\
           `h{name}`: bits u8 {{ `c{name}`: u1, pad 7 }}\n\
           `t{name}`: str[u8]\n\
           `l{name}`: [u8] {{ `m{name}`: u8 }}\n\
         }}\n"
    )
}

/// A packet of it, whose text is hostile, too; one that is cut; one that is unknown.
fn packets() -> [Vec<u8>; 3] {
    let mut whole = vec![1, 7, 1, 3, 1, EVIL.len() as u8];
    whole.extend_from_slice(EVIL.as_bytes());
    whole.extend_from_slice(&[1, 9]);
    let cut = vec![1, 7, 1, 3, 1, 200];
    [whole, cut, vec![9, b'\x1b', b'[']].map(|payload| {
        let mut frame = vec![payload.len() as u8];
        frame.extend(payload);
        frame
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn is_safe(what: &str, text: &str) {
    let bad = |line: &&str| line.contains(|c: char| is_unsafe(c) && c != '\t');
    let line = text.lines().find(bad);
    assert_eq!(line, None, "{what} lets this through:\n{text}");
}

#[track_caller]
fn safe(arguments: &[&str], input: &str) -> Ended {
    let ended = Program::start_with_input(arguments, input.as_bytes()).wait();
    is_safe(&format!("stdout of {arguments:?}"), &ended.output);
    is_safe(&format!("stderr of {arguments:?}"), &ended.diagnostics);
    ended
}

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_hostile_definition_is_shown_as_text() {
    let folder = folder("foreign-shown");
    let file = folder.join("evil\x1b[31m.wire");
    fs::write(&file, hostile()).unwrap();
    let file = file.to_str().unwrap();
    let checked = safe(&["check", "--coverage", file], "");
    assert_eq!(checked.status.code(), Some(0), "{}{}", checked.output, checked.diagnostics);
    let shown = safe(&["defs", "show", file], "");
    assert!(shown.output.contains(r"title \x1b[31m\x9b31m\u{202e}"), "{}", shown.output);
    assert!(shown.output.contains(r"doc \x1b[31m"), "{}", shown.output);
    let name = r"n\x1b[31m\x9b31m\u{202e}\u{200b}\x07";
    let packet = safe(&["defs", "show", file, name], "");
    assert!(packet.output.contains("`f\\x1b[31m"), "{}", packet.output);
    safe(&["defs", "list", "--defs", folder.to_str().unwrap()], "");
    safe(&["defs", "show", file, "no such \x1b[31m"], "");
    safe(&["defs", "show", file, "--protocol-version", "\x1b[31m"], "");
    safe(&["encode", "--protocol", file, "--direction", "clientbound", name], r#"{"\u001b":1}"#);
    safe(&["encode", "--protocol", file, name], "{}");
    safe(&["encode", "--protocol", file, "\x1b[31m"], "{}");
}

#[test]
fn packets_of_a_hostile_definition_are_decoded_as_text() {
    let file = folder("foreign-decoded").join("evil.wire");
    fs::write(&file, hostile()).unwrap();
    let file = file.to_str().unwrap();
    for packet in packets() {
        for more in [&[][..], &["--json"], &["--direction", "clientbound"]] {
            let bytes = hex(&packet);
            safe(&[&["decode", "--protocol", file, "--hex", &bytes], more].concat(), "");
        }
    }
    safe(&["decode", "--protocol", file, "--state", "\x1b[31m", "--hex", "00"], "");
    safe(&["decode", "--protocol", "evil\x1b[31m", "--hex", "00"], "");
    safe(&["decode", "no such file \x1b[31m"], "");
    safe(&["decode", "--protocol", file, "-"], "01 \u{202e} zz\u{200b} \u{9b}31m");
}

#[test]
fn mistakes_in_a_hostile_definition_are_shown_as_text() {
    let folder = folder("foreign-wrong");
    let name = EVIL.trim_end_matches('\r');
    for (number, text) in [
        format!("protocol x \"{name}\" {{ frame {{ length: `q{name}` }} }}\n"),
        format!(
            "protocol x {{ frame none }}\npacket `a{name}` = 1 both {{ `b{name}`: `c{name}` }}\n"
        ),
        format!("protocol x {{ frame none }}\n{EVIL} packet {EVIL}\n"),
        format!("protocol x {{ frame none }}\ninclude \"{name}\"\n"),
        format!("protocol x {{ versions from \"{name}\", frame none }}\n"),
        hostile().replace("= 1", "= 300"),
        hostile().replace(": u8\n", ": u8\nmatch nothing_known { 1 => {} }\n"),
        format!("{}test `n{name}` {{ 00 => `f{name}`: 3 }}\n", hostile()),
    ]
    .iter()
    .enumerate()
    {
        let file = folder.join(format!("{number}\x1b[31m.wire"));
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(safe(&["check", file], "").status.code(), Some(1), "{text}");
        safe(&["defs", "show", file], "");
        safe(&["decode", "--protocol", file, "--hex", "00"], "");
    }
}

#[test]
fn a_hostile_game_goes_through_the_proxy_as_text() {
    let file = folder("foreign-proxied").join("evil.wire");
    fs::write(&file, hostile()).unwrap();
    for more in [&["--json"][..], &["-x"], &["-q"], &["--all"]] {
        let server = Server::start();
        let (program, proxy) = Program::proxy(file.to_str().unwrap(), server.address, more);
        let mut ends = Ends::open(proxy, &server);
        let bytes = packets().concat();
        ends.client.send(&bytes);
        ends.server.expect(&bytes);
        drop(ends);
        let ended = program.interrupt();
        is_safe(&format!("stdout of proxy {more:?}"), &ended.output);
        is_safe(&format!("stderr of proxy {more:?}"), &ended.diagnostics);
    }
}

#[test]
fn what_was_typed_comes_back_as_text() {
    for arguments in [
        &["proxy", "raw", "--to", "\x1b[31mhost:1"][..],
        &["proxy", "raw", "--to", "127.0.0.1:1", "--listen", "\x1b[31m"],
        &["proxy", "raw", "--to", "127.0.0.1:1", "--set", "\x1b[31m=1"],
        &["proxy", "minecraft", "--to", "127.0.0.1:1", "--protocol-version", "\x1b[31m"],
        &["\x1b[31m"],
        &["proxy", "raw", "--\x1b[31m"],
        &["proxy", "raw", "\u{9b}31m\u{202e}"],
        &["check", "\x1b[31m.wire"],
        &["check", "\x1b[31m.rules"],
        &["defs", "list", "--defs", "\x1b[31m"],
        &["defs", "show", "\x1b[31m"],
    ] {
        safe(arguments, "");
    }
}
