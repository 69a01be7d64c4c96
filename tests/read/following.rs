//! Files that grow while they are read, pipes, and output that nobody takes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use crate::files::{Folder, as_ours, read_well, recorded};
use crate::support::program::Program;

/// A recording of midwire's, and what is shown of it.
fn ours(folder: &Folder) -> (Vec<u8>, String) {
    let name = "mc-1.12.2-offline";
    let log = read_well(&[&recorded(name), "--json"]).json();
    let ours = as_ours(name, "minecraft", &log);
    let shown = read_well(&[&folder.write("whole.pcapng", &ours)]).output;
    (ours, shown)
}

/// A line of the listing, so many from the end.
fn line(shown: &str, from_end: usize) -> String {
    shown.lines().rev().nth(from_end).unwrap().to_owned()
}

#[test]
fn a_file_that_grows_is_followed_to_its_last_record() {
    let folder = Folder::new("growing");
    let (ours, shown) = ours(&folder);
    let file = folder.write("growing.pcapng", &ours[..700]);
    let program = Program::start(&["read", &file, "--follow"]);
    program.wait_for_line("the handshake", |line| line.contains("set_protocol"));
    let mut growing = OpenOptions::new().append(true).open(&file).unwrap();
    // In the middle of a record, and then the rest.
    for piece in ours[700..].chunks(ours.len() / 3) {
        growing.write_all(piece).unwrap();
        growing.flush().unwrap();
    }
    let last = line(&shown, 0);
    program.wait_for_line("the last line", |line| line == last);
    let ended = program.interrupt();
    assert_eq!(ended.output, shown);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("stopped: 307 packets"), "{}", ended.diagnostics);
}

#[test]
fn a_file_that_takes_the_place_of_another_is_read_on() {
    let folder = Folder::new("replaced");
    let (ours, shown) = ours(&folder);
    let file = folder.write("current.pcapng", &ours);
    let program = Program::start(&["read", &file, "--follow", "-Y", "chat"]);
    let says =
        |number: usize| move |line: &str| line.trim_start().starts_with(&format!("{number} "));
    assert!(shown.lines().any(|line| line.contains(" chat ")));
    program.wait_for_line("the first file", says(2));
    let next = folder.write("next.pcapng", &ours);
    fs::rename(&file, folder.path("older.pcapng")).unwrap();
    fs::rename(&next, &file).unwrap();
    program.wait_for_line("the second file", says(4));
    let ended = program.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
}

#[test]
fn a_recording_that_rotates_is_followed_from_file_to_file() {
    let folder = Folder::new("rotated");
    let (ours, shown) = ours(&folder);
    let file = folder.write("it_00001_20261126171526.pcapng", &ours);
    // Another recording's, and one of an earlier run of the same name.
    folder.write("other_00002_20261126171527.pcapng", &ours);
    folder.write("it_00002_20261126171500.pcapng", &ours);
    let program = Program::start(&["read", &file, "--follow"]);
    let last = line(&shown, 0);
    program.wait_for_line("the first file", |line| line == last);
    for (number, session) in [(2, 4), (3, 6)] {
        folder.write(&format!("it_0000{number}_20261126171530.pcapng"), &ours);
        let ends = move |line: &str| {
            line.trim_start().starts_with(&format!("{session} ")) && line.contains("closed")
        };
        program.wait_for_line("the next file", ends);
    }
    let ended = program.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("stopped: 921 packets"), "{}", ended.diagnostics);
}

#[test]
fn what_comes_through_a_pipe_is_shown_at_once() {
    let folder = Folder::new("pipe");
    let (ours, shown) = ours(&folder);
    let mut child = std::process::Command::new(crate::support::program::binary())
        .args(["read", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&ours[..ours.len() / 2]).unwrap();
    input.flush().unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    // While the pipe is open: what has come is shown.
    for _ in 0..20 {
        std::io::BufRead::read_line(&mut output, &mut seen).unwrap();
    }
    assert!(shown.starts_with(&seen));
    input.write_all(&ours[ours.len() / 2..]).unwrap();
    drop(input);
    std::io::Read::read_to_string(&mut output, &mut seen).unwrap();
    assert_eq!(seen, shown);
    assert!(child.wait().unwrap().success());
}

#[test]
fn output_that_nobody_takes_ends_quietly() {
    let mut child = std::process::Command::new(crate::support::program::binary())
        .args(["read", &recorded("mc-1.21.4-offline"), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut String::new()).unwrap();
    drop(output);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}
