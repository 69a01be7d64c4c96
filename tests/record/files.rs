//! The files of recordings: gone on with, locked, refused, rotated, and what happens when the disk is full.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Folder;
use super::rules::{say, with};
use crate::support::captured::Captured;
use crate::support::ends::{Ending, Ends, Server};
use crate::support::program::{Ended, Program};

const GAME: &str = r#"protocol game "A game" {
  frame { length: u8, id: u8 }
}
packet Say = 3 both { text: str[u8] }
"#;

/// A session of these lines, recorded with these arguments.
fn session(folder: &Folder, more: &[&str], lines: &[&str]) -> Ended {
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let (program, proxy) = Program::proxy(&game, server.address, more);
    let mut ends = Ends::open(proxy, &server);
    ends.client.send(&with(lines));
    ends.server.expect(&with(lines));
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    program.interrupt()
}

/// A program that cannot begin to record.
fn refused(folder: &Folder, more: &[&str]) -> Ended {
    let game = folder.save("game.wire", GAME);
    let start = ["proxy", &game, "--to", "127.0.0.1:9", "--listen", "127.0.0.1:0", "-q"];
    Program::start(&[&start, more].concat()).wait()
}

#[test]
fn a_file_is_gone_on_with_and_nobody_else_may_read_it() {
    let folder = Folder::new("again");
    let file = folder.path("it.pcapng");
    for lines in [["one", "two"], ["three", "four"]] {
        let ended = session(&folder, &["-q", "-w", &file], &lines);
        assert!(ended.status.success(), "{}", ended.diagnostics);
        assert!(ended.diagnostics.contains(&format!("recording to {file}")));
        let said =
            format!("recorded 2 frames, {} bytes of 1 session in {file}", with(&lines).len());
        assert!(ended.diagnostics.contains(&said), "{}", ended.diagnostics);
    }
    let captured = Captured::read(Path::new(&file));
    assert_eq!(captured.damage, [""; 0]);
    assert_eq!(captured.sections, 2);
    assert_eq!(captured.sessions[&(0, 1)].sent[0], with(&["one", "two"]));
    assert_eq!(captured.sessions[&(1, 1)].sent[0], with(&["three", "four"]));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_a_crash_has_cut_off_is_removed_and_said() {
    let folder = Folder::new("cut");
    let file = folder.file("it.pcapng");
    let path = folder.path("it.pcapng");
    session(&folder, &["-q", "-w", &path], &["one", "two"]);
    let whole = fs::read(&file).unwrap();
    for cut in [1, 5, whole.len() / 2, whole.len() - 3] {
        fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let ended = session(&folder, &["-q", "-w", &path], &["three"]);
        assert!(ended.status.success(), "{}", ended.diagnostics);
        assert!(ended.diagnostics.contains("were removed"), "cut {cut}: {}", ended.diagnostics);
        let captured = Captured::read(&file);
        assert_eq!(captured.damage, [""; 0], "cut {cut}");
        let last = captured.sessions.last_key_value().unwrap().1;
        assert_eq!(last.sent[0], with(&["three"]), "cut {cut}");
    }
}

#[test]
fn files_of_others_are_left_as_they_are() {
    let folder = Folder::new("foreign");
    // A section header of somebody else, and a pcap header.
    let mut section = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    section.extend([0xff; 8]);
    section.extend([28, 0, 0, 0]);
    let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    pcap.extend([0; 12]);
    pcap.extend([1, 0, 0, 0]);
    let cases: [(&str, &[u8]); 4] = [
        ("text.txt", b"these are my notes, and I want to keep them"),
        ("short.txt", b"hi"),
        ("shark.pcapng", &section),
        ("dump.pcap", &pcap),
    ];
    for (name, bytes) in cases {
        let path = folder.save(name, bytes);
        let ended = refused(&folder, &["-w", &path]);
        assert_eq!(ended.status.code(), Some(3), "{name}: {}", ended.diagnostics);
        assert!(ended.diagnostics.contains("is left as it is"), "{}", ended.diagnostics);
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
    }
    let ended = refused(&folder, &["-w", &folder.path("no/such/folder/it.pcapng")]);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
}

#[test]
fn two_programs_do_not_write_one_file() {
    let folder = Folder::new("locked");
    let file = folder.path("it.pcapng");
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let (program, _) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let ended = refused(&folder, &["-w", &file]);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("another midwire writes it"), "{}", ended.diagnostics);
    assert!(program.interrupt().status.success());
    // Once the first is gone the second may.
    assert!(session(&folder, &["-q", "-w", &file], &["one"]).status.success());
}

#[test]
fn a_proxy_that_cannot_listen_leaves_no_file() {
    let folder = Folder::new("taken");
    let game = folder.save("game.wire", GAME);
    let taken = Server::start().address.to_string();
    let file = folder.file("it.pcapng");
    let path = folder.path("it.pcapng");
    let arguments = ["proxy", &game, "--to", "127.0.0.1:9", "--listen", &taken, "-q", "-w", &path];
    assert_eq!(Program::start(&arguments).wait().status.code(), Some(3));
    assert!(!file.exists());
    // What was there stays.
    session(&folder, &["-q", "-w", &path], &["one"]);
    assert_eq!(Program::start(&arguments).wait().status.code(), Some(3));
    assert_eq!(Captured::read(&file).sessions[&(0, 1)].sent[0], with(&["one"]));
}

#[test]
fn how_to_record_without_where_is_refused() {
    let folder = Folder::new("where");
    for (more, said) in [
        (&["-b", "filesize:10"][..], "say where as well"),
        (&["--keep", "Say"], "say where as well"),
        (&["--record-secrets"], "say where as well"),
        (&["-w", "x.pcapng", "--compress"], "-b filesize:100000"),
        (&["-w", "x.pcapng", "-b", "sizes:10"], "there is no sizes"),
        (&["-w", "-"], "standard output"),
        (&["-w", "x.pcapng", "--keep", "Sya"], "--keep"),
    ] {
        let ended = refused(&folder, more);
        assert_eq!(ended.status.code(), Some(2), "{more:?}: {}", ended.diagnostics);
        assert!(ended.diagnostics.contains(said), "{more:?}: {}", ended.diagnostics);
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_game() {
    let folder = Folder::new("full");
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", "/dev/full"]);
    program.wait_for_diagnostics("nothing is recorded any more");
    let mut ends = Ends::open(proxy, &server);
    let line = say(&"x".repeat(250));
    let all = line.repeat(10_000);
    ends.client.send(&all);
    ends.server.expect(&all);
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    ends.client.expect_ending(Ending::Finished);
    let ended = program.interrupt();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    let said = ended.diagnostics.matches("nothing is recorded any more").count();
    assert_eq!(said, 1, "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("the recording is not complete"), "{}", ended.diagnostics);
}

#[test]
#[cfg(target_os = "linux")]
fn a_limit_of_file_sizes_is_as_a_full_disk_and_what_is_there_is_what_is_told() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let folder = Folder::new("limited");
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let file = folder.path("it.pcapng");
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let pid = Pid::from_raw(i32::try_from(program.id()).unwrap());
    let limit = Some(100_000);
    prlimit(pid, Resource::Fsize, Rlimit { current: limit, maximum: limit }).unwrap();
    let (all, ended) = until_it_is_full(program, proxy, &server);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    let captured = Captured::read(Path::new(&file));
    assert_eq!(captured.damage, [""; 0]);
    let sent = &captured.one().sent[0];
    assert!(!sent.is_empty() && all.starts_with(sent), "{} bytes", sent.len());
    let one = say(&"x".repeat(250)).len();
    let told = format!("recorded {} frames, {} bytes of 1 session", sent.len() / one, sent.len());
    assert!(ended.diagnostics.contains(&told), "{told}: {}", ended.diagnostics);
    let lost = format!("{} bytes of frames and streams are not in it", all.len() - sent.len());
    assert!(ended.diagnostics.contains(&lost), "{lost}: {}", ended.diagnostics);
}

/// Sends more than there is room for; gives that, and how the program ended.
fn until_it_is_full(program: Program, proxy: SocketAddr, server: &Server) -> (Vec<u8>, Ended) {
    let mut ends = Ends::open(proxy, server);
    let all = say(&"x".repeat(250)).repeat(10_000);
    ends.client.send(&all);
    ends.server.expect(&all);
    program.wait_for_diagnostics("nothing is recorded any more");
    ends.client.finish();
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    (all, program.interrupt())
}

/// As an ordinary file system does it, where this test may make a small one.
#[test]
fn a_disk_that_fills_up_keeps_whole_records() {
    let folder = Folder::new("small");
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| {
        let done = std::process::Command::new(arguments[0]).args(&arguments[1..]).output();
        done.is_ok_and(|done| done.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", &disk]) {
        eprintln!("not run: no file system may be mounted here; /dev/full stands in for it");
        return;
    }
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let file = folder.path("disk/it.pcapng");
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let (all, ended) = until_it_is_full(program, proxy, &server);
    let captured = Captured::read(Path::new(&file));
    let len = fs::metadata(&file).unwrap().len();
    assert!(mount(&["umount", &disk]));
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
    assert_eq!(captured.damage, [""; 0]);
    assert!(all.starts_with(&captured.one().sent[0]));
    assert!(len > 200 << 10, "{len} bytes fitted");
}

#[test]
fn a_ring_of_files_keeps_the_last_ones_and_no_more() {
    let folder = Folder::new("ring");
    let file = folder.path("it.pcapng");
    let more = ["-q", "-w", &file, "-b", "filesize:20", "-b", "files:3"];
    let lines: Vec<String> = (0..800).map(|n| format!("line {n:0150}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let ended = session(&folder, &more, &lines);
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let names: Vec<_> =
        folder.names().into_iter().filter(|name| name.ends_with(".pcapng")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let mut tail = Vec::new();
    for name in &names {
        assert!(name.starts_with("it_000"), "{names:?}");
        let captured = Captured::read(&folder.file(name));
        assert_eq!(captured.damage, [""; 0], "{name}");
        let session = captured.one();
        assert_eq!(session.fact("protocol"), Some("game"), "{name}");
        assert!(session.fact("continued").is_some(), "{name}");
        tail.extend_from_slice(&session.sent[0]);
        let len = fs::metadata(folder.file(name)).unwrap().len();
        assert!(len < 40_000, "{name}: {len} bytes");
    }
    assert!(tail.len() > 1000 && with(&lines).ends_with(&tail));
    assert!(ended.diagnostics.contains(" files, the last one "), "{}", ended.diagnostics);
}

/// A second run in the same second has names of its own.
#[test]
fn a_rotation_that_is_begun_again_at_once_leaves_the_first_alone() {
    let folder = Folder::new("again");
    let file = folder.path("it.pcapng");
    for runs in 1..=3 {
        let ended = session(&folder, &["-q", "-w", &file, "-b", "filesize:20"], &["one"]);
        assert!(ended.status.success(), "{}", ended.diagnostics);
        let names = folder.names();
        let names = names.iter().filter(|name| name.starts_with("it_00001_"));
        assert_eq!(names.count(), runs);
    }
}

#[test]
fn files_that_are_over_are_compressed() {
    let folder = Folder::new("gzip");
    let file = folder.path("it.pcapng");
    let more = ["-q", "-w", &file, "-b", "filesize:20", "--compress"];
    let lines: Vec<String> = (0..400).map(|n| format!("line {n:0150}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let ended = session(&folder, &more, &lines);
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let names: Vec<_> = folder.names().into_iter().filter(|name| name.starts_with("it")).collect();
    assert!(names.len() > 1 && names.iter().all(|name| name.ends_with(".pcapng.gz")), "{names:?}");
    let mut all = Vec::new();
    for name in &names {
        let mut bytes = Vec::new();
        let packed = fs::File::open(folder.file(name)).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        all.extend_from_slice(&Captured::of(&bytes[..]).one().sent[0]);
        let mode = fs::metadata(folder.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(all, with(&lines));
}

#[test]
fn only_what_matches_is_kept_and_the_listing_stays_quiet() {
    let folder = Folder::new("keep");
    let file = folder.path("it.pcapng");
    let more = ["-q", "-w", &file, "--keep", "Say.text startswith \"keep\""];
    let ended = session(&folder, &more, &["one", "keep 1", "two", "keep 2", "three"]);
    assert!(ended.status.success(), "{}", ended.diagnostics);
    assert_eq!(ended.output, "");
    let captured = Captured::read(Path::new(&file));
    assert_eq!(captured.one().sent[0], with(&["keep 1", "keep 2"]));
    let numbers: Vec<u64> = captured.one().frames.iter().map(|frame| frame.number).collect();
    assert_eq!(numbers, [2, 4]);
}

#[test]
fn recordings_go_to_the_data_folder_when_no_file_is_named() {
    let folder = Folder::new("data");
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let to = server.address.to_string();
    let arguments = ["proxy", &game, "--to", &to, "--listen", "127.0.0.1:0", "-q", "--record"];
    let program = Program::start_configured(&arguments, &folder.0);
    program.address();
    let said = program.wait_for_diagnostics("recording to ");
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let (_, path) = said.split_once("recording to ").unwrap();
    let path = Path::new(path.lines().next().unwrap());
    assert!(path.starts_with(folder.0.join("midwire").join("captures")), "{}", path.display());
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with("-game.pcapng"), "{name}");
    assert_eq!(Captured::read(path).sections, 1);
    let inside = path.parent().unwrap();
    assert_eq!(fs::metadata(inside).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_ctrl_c_loses_nothing_that_has_passed() {
    let folder = Folder::new("twice");
    let file = folder.path("it.pcapng");
    let game = folder.save("game.wire", GAME);
    let server = Server::start();
    let (program, proxy) = Program::proxy(&game, server.address, &["-q", "-w", &file]);
    let mut ends = Ends::open(proxy, &server);
    let all = say(&"x".repeat(250)).repeat(4000);
    ends.client.send(&all);
    ends.server.expect(&all);
    program.signal("INT");
    program.signal("INT");
    program.wait();
    let captured = Captured::read(Path::new(&file));
    assert_eq!(captured.damage, [""; 0]);
    assert!(captured.one().sent[0] == all);
}

#[test]
fn routes_are_recorded_where_they_say() {
    let folder = Folder::new("routes");
    folder.save("game.wire", GAME);
    let (games, others) = (Server::start(), Server::start());
    let config = format!(
        "[[route]]\nlisten = \"127.0.0.1:0\"\nmatch = {{ hex = \"05 03\" }}\nprotocol = \"game.wire\"\n\
         to = \"{}\"\nwrite = \"games.pcapng\"\n\
         [[route]]\nlisten = \"127.0.0.1:0\"\nprotocol = \"raw\"\nto = \"{}\"\n",
        games.address, others.address
    );
    let config = folder.save("routes.toml", config);
    let rest = folder.path("rest.pcapng");
    let program = Program::start(&["proxy", "--config", &config, "-q", "-w", &rest]);
    let said = program.wait_for_diagnostics("recording to ");
    let (_, address) = said.split_once("listening on ").unwrap();
    let (address, _) = address.split_once(": ").unwrap();
    let proxy = address.parse().unwrap();
    for (server, bytes) in [(&games, say("one")), (&others, b"anything".to_vec())] {
        let mut client = crate::support::ends::End::connect(proxy);
        client.send(&bytes);
        let mut end = server.accept();
        end.read();
        end.expect(&bytes);
        client.finish();
        end.expect_ending(Ending::Finished);
        end.finish();
    }
    let ended = program.interrupt();
    assert!(ended.status.success(), "{}", ended.diagnostics);
    let game = Captured::read(&folder.file("games.pcapng"));
    assert_eq!(game.one().sent[0], say("one"));
    assert_eq!(game.one().fact("protocol"), Some("game"));
    let rest = Captured::read(&folder.file("rest.pcapng"));
    assert_eq!(rest.one().sent[0], b"anything");
}

#[test]
fn what_goes_past_packets_when_a_client_is_handed_over_is_recorded_too() {
    let folder = Folder::new("handed-over");
    let (lines, calls) = (Server::start(), Server::start());
    let config = format!(
        "[[route]]\nlisten = \"127.0.0.1:0\"\nprotocol = \"raw\"\nto = \"{}\"\n\
         then = {{ text = \"GO\\n\", to = \"{}\", protocol = \"amp\", send_proxy_header = \"v1\" }}\n",
        lines.address, calls.address
    );
    let config = folder.save("routes.toml", config);
    let file = folder.path("it.pcapng");
    let program = Program::start(&["proxy", "--config", &config, "-q", "-w", &file]);
    let said = program.wait_for_diagnostics("recording to ");
    let (_, address) = said.split_once("listening on ").unwrap();
    let proxy = address.split_once(": ").unwrap().0.parse().unwrap();
    let mut ends = Ends::open(proxy, &lines);
    ends.client.send(b"hello\n");
    ends.server.expect(b"hello\n");
    let call = b"\x00\x04_ask\x00\x011\x00\x00";
    ends.client.send(&[&b"GO\n"[..], call].concat());
    ends.server.expect_ending(Ending::Finished);
    ends.server.finish();
    let mut next = calls.accept();
    next.read();
    let tail = [&b"GO\n"[..], call].concat();
    next.wait(|a| a.bytes.ends_with(&tail), |_| (), |a| format!("{:?}", a.bytes));
    ends.client.finish();
    next.expect_ending(Ending::Finished);
    next.finish();
    ends.client.expect_ending(Ending::Finished);
    let got = next.wait(|_| true, |a| a.bytes.clone(), |_| String::new());
    assert!(got.starts_with(b"PROXY TCP4"));
    program.interrupt();
    let captured = Captured::read(Path::new(&file));
    // One number, one section: the second way is the same session, with a connection of its own.
    let session = captured.one();
    assert_eq!(session.sent[0], [&b"hello\n"[..], &got].concat());
    assert_eq!(session.came[0], [&b"hello\n"[..], &tail].concat());
    assert_eq!(session.fact("protocol"), Some("amp"));
}
