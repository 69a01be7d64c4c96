//! What people paste into `midwire decode`, and what they are told when it cannot be read.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::program::{Ended, Program};

const HELLO: &str = "0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36";
const TERRARIA: [&str; 4] = ["--protocol", "terraria", "--direction", "serverbound"];

fn decode(arguments: &[&str], input: &[u8]) -> Ended {
    let all = [&["decode"], &TERRARIA[..], arguments].concat();
    Program::start_with_input(&all, input).wait()
}

#[track_caller]
fn reads_hello(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.output, ended.diagnostics);
    assert!(ended.output.contains("Terraria326"), "{}{}", ended.output, ended.diagnostics);
}

/// It ends with this code, says this, and shows nothing.
#[track_caller]
fn refuses(ended: &Ended, code: i32, said: &str) {
    assert_eq!(ended.status.code(), Some(code), "{}{}", ended.output, ended.diagnostics);
    assert!(ended.diagnostics.contains(said), "{said} is not in:\n{}", ended.diagnostics);
    assert_eq!(ended.output, "");
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn without_a_file_the_hex_comes_from_standard_input() {
    reads_hello(&decode(&[], HELLO.as_bytes()));
    reads_hello(&decode(&["-"], HELLO.as_bytes()));
    // A pipe is not asked for a paste.
    assert!(!decode(&[], HELLO.as_bytes()).diagnostics.contains("ctrl-d"));
}
