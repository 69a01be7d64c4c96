//! What a recording is told: in the order in which it is sent, with numbers, and with the places of secrets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use hex_literal::hex;
use midwire_session::{Parting, Passage, Recorded, Recording, Scratch};
use support::{Clientbound, Driver, Serverbound, TOY, frame, say, squeezed};

const SECRETS: &str = r#"
protocol toy "Toy" {
  endian big
  stack {
    frame { length: varint max 2097151 }
    compression: zlib_threshold off
    id: varint
  }
}
packet both say = 3 { text: str[varint] }
packet both login = 4 { name: str[varint], password: str[varint] @secret, n: u8 }
packet both key = 5 { length: u16, key: bytes[length] @secret }
packet both squeeze = 7 { threshold: varint }
packet both inner = 8 { data: zlib[..] { name: str[varint], password: str[varint] @secret } }
on serverbound squeeze { compression.on(threshold) }
on clientbound squeeze { compression.on(threshold) }
"#;

/// The ranges of secrets in what was recorded, as the bytes that stand there.
fn secrets(driver: &Driver) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for record in &driver.tape.records {
        let marked = match &record.content {
            Recorded::Frame(frame) => match &frame.passage {
                Passage::Passed(one) | Passage::Dropped(one) => vec![one],
                Passage::Changed { came, sent } => vec![came, sent],
                _ => vec![],
            },
            Recorded::Opaque(one) => vec![one],
            _ => vec![],
        };
        for one in marked {
            found.extend(one.secret.iter().map(|range| one.bytes[range.clone()].to_vec()));
        }
    }
    found
}

fn login(password: &str) -> Vec<u8> {
    let len = password.len() as u8;
    [&[4, 4][..], b"alva", &[len], password.as_bytes(), &[7]].concat()
}

#[test]
fn frames_that_go_on_as_they_came_are_one_record_for_each_read() {
    let mut driver = Driver::taped(TOY, "");
    driver.feed(Serverbound, &[say("a"), say("bc")].concat());
    driver.feed(Clientbound, &[say("d"), say("e")].concat());
    assert_eq!(driver.tape.fates(), ["1+ 9", "3+ 8"]);
    driver.feed(Serverbound, &say("f")[..2]).feed(Serverbound, &say("f")[2..]);
    assert_eq!(driver.tape.fates(), ["1+ 9", "3+ 8", "5+ 4"]);
}

#[test]
fn a_run_ends_where_numbers_do_not_go_on() {
    let rules = "send serverbound say { text: \"x\" } before serverbound say where text == \"b\"";
    let mut driver = Driver::taped(TOY, rules);
    driver.feed(Serverbound, &[say("a"), say("b"), say("c"), say("d")].concat());
    let by = "3 injected by test.rules:1";
    let fates = ["1+ 4", by, "2 passed by test.rules:1", "4+ 8"];
    assert_eq!(driver.tape.fates(), fates);
    assert_eq!(driver.tape.sent[0], driver.sent(Serverbound));
}

#[test]
fn what_the_session_itself_learns_is_told_in_between() {
    let mut driver = Driver::taped(TOY, "");
    driver.feed(Clientbound, &[frame(&hex!("07 0a")), squeezed(10, &hex!("03 01 61"))].concat());
    driver.feed(Serverbound, &squeezed(10, &hex!("03 01 62")));
    let fates = driver.tape.fates();
    assert_eq!(fates[0], "squeeze Some(10)");
    assert!(fates.contains(&"1+ 8".to_owned()), "{fates:?}");
}

#[test]
fn what_is_held_when_the_session_breaks_off_came_and_was_not_sent() {
    let mut driver = Driver::taped(TOY, "delay 5s serverbound say where text == \"b\"");
    driver.feed(Serverbound, &[say("a"), say("b"), say("c"), say("d")].concat());
    assert_eq!(driver.tape.fates(), ["1+ 4"]);
    driver.reset(Clientbound);
    let fates = ["1+ 4", "2 dropped by test.rules:1", "3 dropped", "4 dropped"];
    assert_eq!(driver.tape.fates(), fates);
    assert_eq!(driver.tape.came[0], [say("a"), say("b"), say("c"), say("d")].concat());
}

#[test]
fn one_that_others_overtake_is_told_when_it_comes_and_when_it_goes() {
    let mut driver = Driver::taped(TOY, "delay 50ms unordered serverbound say where text == \"a\"");
    driver.feed(Serverbound, &[say("a"), say("b")].concat()).wait(60);
    let (came, sent) = ("1 came by test.rules:1", "1 sent by test.rules:1");
    assert_eq!(driver.tape.fates(), [came, "2+ 4", sent]);
}

#[test]
fn a_recorded_session_is_not_joined() {
    let mut driver = Driver::unwatched("protocol raw \"Raw\" { }");
    assert!(driver.session.is_joinable());
    driver.session.set_recording(Recording::Whole);
    assert!(!driver.session.is_joinable());
    assert_eq!(driver.session.parting(Clientbound, &mut Scratch::default()), Parting::Unknown);
}

#[test]
fn only_the_content_of_a_secret_is_one_so_that_the_packet_can_still_be_read() {
    let mut driver = Driver::taped(SECRETS, "");
    driver.feed(Serverbound, &[say("a"), frame(&login("hunter2")), say("b")].concat());
    assert_eq!(driver.tape.fates(), ["1+ 4", "2 passed", "3+ 4"]);
    assert_eq!(secrets(&driver), [b"hunter2"]);
    driver.feed(Clientbound, &frame(&hex!("05 0003 010203")));
    assert_eq!(secrets(&driver)[1], hex!("010203"));
}

#[test]
fn of_a_compressed_packet_all_that_is_compressed_is_secret() {
    let mut driver = Driver::taped(SECRETS, "");
    driver.feed(Serverbound, &frame(&hex!("07 05")));
    let packed = squeezed(5, &login("hunter2"));
    driver.feed(Serverbound, &packed);
    let found = secrets(&driver);
    assert_eq!(found.len(), 1);
    // The frame's length and the plain size stay.
    assert_eq!(found[0], packed[2..]);
}

#[test]
fn a_secret_in_a_block_that_is_compressed_by_itself_hides_the_block() {
    let mut driver = Driver::taped(SECRETS, "");
    let mut packed = Vec::new();
    let mut encoder = flate2_of(&mut packed);
    std::io::Write::write_all(&mut encoder, b"\x04alva\x07hunter2").unwrap();
    encoder.finish().unwrap();
    driver.feed(Serverbound, &frame(&[&[8][..], &packed].concat()));
    let found = secrets(&driver);
    assert_eq!(found, [packed]);
}

#[test]
fn what_cannot_be_read_of_a_packet_with_secrets_is_one() {
    let mut driver = Driver::taped(SECRETS, "");
    // The password says to be longer than the packet is.
    let cut = [&[4, 4][..], b"alva", &[20], b"hunter2"].concat();
    driver.feed(Serverbound, &frame(&cut));
    assert_eq!(secrets(&driver), [&cut[6..]]);
    // Nor what is left over, or in front of which nothing could be read.
    driver.feed(Serverbound, &frame(&[&login("a")[..], b"hunter2"].concat()));
    assert_eq!(secrets(&driver)[1..], [&b"a"[..], b"hunter2"]);
    let unread = [&[4][..], &[0xff; 6], b"hunter2"].concat();
    driver.feed(Serverbound, &frame(&unread));
    assert_eq!(secrets(&driver)[3], unread[1..]);
}

#[test]
fn the_part_of_a_frame_at_an_end_is_a_secret_where_there_may_be_some() {
    let mut driver = Driver::taped(SECRETS, "");
    let part = &frame(&login("hunter2"))[..12];
    driver.feed(Serverbound, part).end(Serverbound);
    // Its id and its name stay.
    assert_eq!(secrets(&driver), [&part[7..]]);
    let mut driver = Driver::taped(TOY, "");
    driver.feed(Serverbound, &say("abc")[..4]).end(Serverbound);
    assert_eq!(secrets(&driver), [b""; 0]);
    assert_eq!(driver.tape.sent[0], say("abc")[..4]);
}

#[test]
fn both_forms_of_a_changed_packet_hide_their_secrets() {
    let mut driver = Driver::taped(SECRETS, "set serverbound login: n = 9");
    driver.feed(Serverbound, &frame(&login("hunter2")));
    assert_eq!(driver.tape.fates(), ["1 changed by test.rules:1"]);
    assert_eq!(secrets(&driver), [b"hunter2", b"hunter2"]);
}

#[test]
fn a_recording_that_keeps_secrets_has_no_need_to_look_for_them() {
    let mut driver = Driver::taped(SECRETS, "");
    driver.session.set_recording(Recording::Whole);
    driver.feed(Serverbound, &[say("a"), frame(&login("hunter2")), say("b")].concat());
    assert_eq!(driver.tape.fates(), [format!("1+ {}", 8 + frame(&login("hunter2")).len())]);
}

fn flate2_of(out: &mut Vec<u8>) -> flate2::write::ZlibEncoder<&mut Vec<u8>> {
    flate2::write::ZlibEncoder::new(out, flate2::Compression::fast())
}
