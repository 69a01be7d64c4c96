//! What the tools of this machine write of many bytes comes back, or is refused. A tool that is not there is
//! passed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::super::{Form, HexText, parse};

/// What a tool writes of some bytes; `None` where it is not there.
fn written(command: &str, bytes: &[u8]) -> Option<String> {
    let mut words = command.split(' ');
    let mut command = Command::new(words.next()?);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    // It fits into the pipe.
    child.stdin.take()?.write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Bytes of one length: any, rows that are equal, text that looks like a dump, and such as have no characters.
fn bytes(len: usize, kind: usize) -> Vec<u8> {
    let mut state = (len * 7 + kind) as u32 | 1;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let at = |i: usize| match kind {
        0 => random(),
        1 => [0, 0, 0, 0, 7][len % 5],
        2 => b"0: dead beef 00 12ab  61 62 63  |00000010: 6162\n"[i % 48],
        _ => (i * 5 % 31) as u8,
    };
    (0..len).map(at).collect()
}

fn all() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for len in (1..=80).chain([255, 4096]) {
        for kind in 0..4 {
            if len <= 20 || len % 4 == kind || len > 80 {
                all.push(bytes(len, kind));
            }
        }
    }
    all
}

fn read(parts: &[HexText]) -> Vec<u8> {
    parts.iter().flat_map(|part| &part.bytes).copied().collect()
}

fn is_told(parts: &[HexText]) -> bool {
    parts.iter().any(|part| !part.problems.is_empty() || !part.notes.is_empty())
}

#[track_caller]
fn comes_back(command: &str, form: Option<Form>) {
    for bytes in all() {
        let Some(text) = written(command, &bytes) else { return };
        let parts = parse(&text, form);
        assert_eq!(
            ::hex::encode(read(&parts)),
            ::hex::encode(&bytes),
            "{command}:\n{text}{parts:?}"
        );
        let is_sound =
            parts.len() == 1 && parts[0].problems.is_empty() && parts[0].ignored.is_empty();
        assert!(is_sound, "{command}:\n{text}{parts:?}");
    }
}

/// It comes back, or nothing does, and what to do is told.
#[track_caller]
fn is_never_misread(command: &str, form: Option<Form>) {
    let mut come_back = 0;
    let all = all();
    for bytes in &all {
        let Some(text) = written(command, bytes) else { return };
        let parts = parse(&text, form);
        let read = read(&parts);
        if read == *bytes {
            come_back += 1;
        } else {
            assert!(is_told(&parts), "{command}:\n{text}{parts:?}\n{}", ::hex::encode(bytes));
            let has_problem = parts.iter().any(|part| !part.problems.is_empty());
            assert!(
                read.is_empty() || has_problem,
                "{command}:\n{text}{parts:?}\n{}",
                ::hex::encode(bytes)
            );
        }
    }
    println!("{command}: {come_back} of {} come back, the others are refused", all.len());
}

#[test]
fn what_xxd_writes_comes_back() {
    for options in
        ["", " -g1", " -c 8", " -c 7", " -u", " -p", " -i", " -b", " -o 256", " -a", " -p -u"]
    {
        comes_back(&format!("xxd{options}"), None);
    }
    // With -e -g2 nothing may tell that it is not what xxd writes without options.
    is_never_misread("xxd -e", None);
    is_never_misread("xxd -e -g8", None);
    for options in [" -e", " -e -g2", " -e -g8"] {
        comes_back(&format!("xxd{options}"), Some(Form::Numbers));
    }
    for options in [" -d", " -g4", " -g8"] {
        is_never_misread(&format!("xxd{options}"), None);
    }
}

#[test]
fn what_hexdump_writes_comes_back() {
    comes_back("hexdump -C", None);
    for options in ["", " -x", " -v", " -b", " -o"] {
        is_never_misread(&format!("hexdump{options}"), None);
        comes_back(&format!("hexdump{options}"), Some(Form::Hexdump));
    }
    for options in [" -d", " -c"] {
        is_never_misread(&format!("hexdump{options}"), None);
    }
    for options in [" -v", ""] {
        let bytes = bytes(64, 1);
        let mut command = Command::new("hexdump");
        command
            .args(options.split_whitespace())
            .args(["-e", "16/1 \"%02x \" \"\\n\""])
            .stdin(Stdio::piped());
        let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else { return };
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let parts = parse(&text, None);
        assert!(read(&parts) == bytes || !parts[0].problems.is_empty(), "{text}{parts:?}");
    }
}

#[test]
fn what_od_writes_comes_back() {
    let all = ["", " -x", " -b", " -t x1", " -t x2", " -t x4", " -t x8", " -t x1z", " -t x4z"];
    for (offsets, kinds) in [("", &all[..]), (" -A x", &all), (" -A d", &[" -x", " -t x1"])] {
        for kind in kinds {
            let command = format!("od{offsets}{kind}");
            is_never_misread(&command, None);
            if offsets != " -A d" {
                comes_back(&command, Some(Form::Od));
            }
        }
        is_never_misread(&format!("od -v{offsets} -t x2"), None);
    }
    for kind in [" -c", " -a", " -t u1", " -t d1", " -t u2", " -t u4", " -d"] {
        is_never_misread(&format!("od{kind}"), None);
    }
    comes_back("od -v -A n -t x1", None);
}

#[test]
fn what_others_write_comes_back() {
    comes_back("base64 -w 0", Some(Form::Base64));
    comes_back("base64 -w 10", Some(Form::Base64));
}
