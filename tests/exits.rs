//! How the program ends when its output does: a full disk, a reader that has gone, one that does not read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::PATIENCE;
use support::ends::{Ends, Server};
use support::program::{Program, binary};

const HELLO: &str = "0f 00 01 0b 54 65 72 72 61 72 69 61 33 32 36";

/// Commands that print something and end, with their input.
fn commands() -> Vec<(Vec<String>, &'static str)> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let with = |text: &str, more: &Path| {
        let mut words = words(text);
        words.push(more.to_str().unwrap().to_owned());
        words
    };
    let definition = file("exits.wire", "protocol x { frame { length: u8, id: u8 } }\n");
    let untidy = file("exits-untidy.wire", "protocol x {  frame { length: u8, id: u8 } }\n");
    let wrong = file("exits-wrong.wire", "protocol x { frame { length: u8, id: q8 } }\n");
    vec![
        (Vec::new(), ""),
        (words("--help"), ""),
        (words("--version"), ""),
        (words("help proxy"), ""),
        (words("decode --protocol terraria"), HELLO),
        (words("decode --protocol terraria --json"), HELLO),
        (words("decode --protocol terraria"), "0f 00 01 0b 54"),
        (words("encode --protocol terraria --direction serverbound Hello"), r#"{"version":"x"}"#),
        (words("defs list"), ""),
        (words("defs show minecraft"), ""),
        (words("defs show minecraft chat"), ""),
        (with("check", &definition), ""),
        (with("check --coverage", &definition), ""),
        (with("check", &wrong), ""),
        (with("fmt --check", &untidy), ""),
        (words("fmt -"), "protocol x {  frame { length: u8, id: u8 } }\n"),
        (words("demo"), ""),
    ]
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

fn run(arguments: &[String], input: &str, output: impl Into<Stdio>) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn full() -> fs::File {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_full_disk_ends_with_3_and_a_message() {
    for (arguments, input) in commands() {
        let ended = run(&arguments, input, full());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "{arguments:?}: {said}");
        let messages = said.lines().filter(|line| line.starts_with("error: "));
        let message: Vec<_> = messages.collect();
        assert_eq!(message.len(), 1, "{arguments:?}: {said}");
        assert!(message[0].contains("No space left"), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_news() {
    for (arguments, input) in commands() {
        let ended = run(&arguments, input, closed());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {said}");
        for wrong in ["Broken pipe", "panicked", "cannot write"] {
            assert!(!said.contains(wrong), "{arguments:?}: {said}");
        }
    }
}

/// Packets that are listed at length.
fn flood() -> Vec<u8> {
    let mut frame = vec![0; 60_000];
    frame[..3].copy_from_slice(&[0x60, 0xea, 250]);
    frame.repeat(20)
}

#[test]
fn a_proxy_whose_disk_is_full_ends_with_3_and_a_message() {
    let server = Server::start();
    let (program, proxy) = Program::proxy_to(full().into(), "terraria", server.address, &["-x"]);
    // That somebody connects is the first thing it has to say.
    let _client = TcpStream::connect(proxy).unwrap();
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("No space left"), "{}", ended.diagnostics);
}

#[test]
fn a_proxy_whose_reader_has_gone_ends_quietly() {
    let server = Server::start();
    let (program, proxy) = Program::proxy_to(closed(), "terraria", server.address, &["-x"]);
    // That somebody connects is the first thing it has to say.
    let _client = TcpStream::connect(proxy).unwrap();
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(!ended.diagnostics.contains("error"), "{}", ended.diagnostics);
}

#[test]
fn a_second_interrupt_ends_a_proxy_whose_output_nobody_reads() {
    let server = Server::start();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (mut program, proxy) =
        Program::proxy_to(writer.into(), "terraria", server.address, &["-x"]);
    let mut ends = Ends::open(proxy, &server);
    // More than the pipe and the program's queue hold is not needed: the printer is stuck long before.
    ends.client.send(&flood());
    ends.server.expect(&flood());
    program.signal("INT");
    // The first one waits for the output, which may yet be read.
    thread::sleep(Duration::from_secs(1));
    assert_eq!(program.try_wait(), None, "{}", program.diagnostics());
    let begun = Instant::now();
    program.signal("INT");
    let status = loop {
        if let Some(status) = program.try_wait() {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end{}", program.story());
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(130));
    drop(ends);
    // What was written is whole lines as far as the pipe took them, and nothing hangs.
    reader.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn one_interrupt_is_enough_when_the_output_is_read_late() {
    let server = Server::start();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (program, proxy) = Program::proxy_to(writer.into(), "terraria", server.address, &["-x"]);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&flood());
    ends.server.expect(&flood());
    program.signal("INT");
    let mut listed = String::new();
    reader.read_to_string(&mut listed).unwrap();
    let ended = program.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let packets = listed.lines().filter(|line| line.contains(" 59998")).count();
    assert_eq!(packets, 20);
}
