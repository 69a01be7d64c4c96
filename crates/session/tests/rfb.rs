//! VNC: sessions of real peers, and what the pixel format does to the packets behind it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/recorded.rs"]
mod recorded;
mod support;

use std::sync::Arc;

use hex_literal::hex;
use midwire_definition::{Protocol, builtin};
use midwire_session::{Direction, Event, Notice, Options};
use recorded::{Step, recording};
use support::{Clientbound, Driver, Serverbound};

fn rfb() -> Arc<Protocol> {
    builtin("rfb").unwrap()
}

fn names(driver: &Driver, direction: Direction) -> Vec<String> {
    let packets = driver.packets().filter(|packet| packet.direction == direction);
    let name = |definition: &Arc<midwire_definition::PacketDefinition>| definition.name.to_string();
    packets.map(|packet| packet.definition.as_ref().map_or_else(String::new, name)).collect()
}

/// Whether a direction was read to its last byte.
fn is_read(driver: &Driver, direction: Direction) -> bool {
    let lost = driver.events.iter().any(|event| match event {
        Event::LostFraming { direction: lost, .. } => *lost == direction,
        Event::Notice { notice: Notice::NoEnd { direction: lost, .. }, .. } => *lost == direction,
        _ => false,
    });
    let packets = driver.packets().filter(|packet| packet.direction == direction);
    let bytes: u64 = packets.map(|packet| u64::from(packet.wire_length)).sum();
    !lost && bytes == driver.session.counters(direction).bytes
}

#[test]
fn recorded_sessions_are_read_from_the_version_to_the_last_pixel() {
    let mut updates = 0;
    for (number, recorded) in recording("vnc-auth").iter().enumerate() {
        for piece in [usize::MAX, 1009] {
            let mut driver = Driver::with(rfb(), Options::default());
            for (_, step) in &recorded.steps {
                match step {
                    Step::Data(direction, bytes) => {
                        for bytes in bytes.chunks(piece) {
                            driver.feed(*direction, bytes);
                        }
                    }
                    Step::End(direction) => {
                        driver.end(*direction);
                    }
                }
            }
            // One client chose a type that it was not offered, and was shut out.
            for direction in Direction::BOTH {
                assert!(is_read(&driver, direction) || number == 6, "{number} {direction}");
            }
            let sent = names(&driver, Clientbound);
            assert_eq!(sent[..2], ["ProtocolVersion", "SecurityTypes"]);
            updates += sent.iter().filter(|name| *name == "FramebufferUpdate").count();
        }
    }
    assert_eq!(updates, 2 * 5);
}

/// What the server says of a screen of 20 by 18.
const SERVER_INIT: [u8; 25] =
    hex!("0014 0012  20 18 00 01 00ff 00ff 00ff 10 08 00 000000  00000001 61");

/// A session that begins when both sides have let in.
fn joined() -> Driver {
    let start = rfb().state_named("init");
    let mut driver = Driver::with(rfb(), Options { start, ..Options::default() });
    driver.feed(Serverbound, &[1]).feed(Clientbound, &SERVER_INIT);
    driver
}

#[test]
fn a_session_that_others_have_authenticated_begins_with_client_init() {
    let driver = joined();
    assert_eq!(names(&driver, Serverbound), ["ClientInit"]);
    assert_eq!(names(&driver, Clientbound), ["ServerInit"]);
}

/// An update of one rectangle of 20 by 18.
fn update(encoding: u32, content: &[u8]) -> Vec<u8> {
    let head = hex!("00 00 0001  0000 0000 0014 0012");
    [&head[..], &encoding.to_be_bytes(), content].concat()
}

#[test]
fn pixels_are_as_wide_as_the_client_wants_them() {
    let formats = [
        (4, hex!("00 000000  20 18 00 01 00ff 00ff 00ff 10 08 00 000000")),
        (2, hex!("00 000000  10 10 00 01 001f 003f 001f 0b 05 00 000000")),
        (1, hex!("00 000000  08 08 00 00 0000 0000 0000 00 00 00 000000")),
        (4, hex!("00 000000  20 20 00 01 00ff 00ff 00ff 10 08 00 000000")),
    ];
    for piece in [usize::MAX, 1, 7] {
        let mut driver = joined();
        let (mut asked, mut drawn) = (vec!["ClientInit"], vec!["ServerInit"]);
        for (width, format) in formats {
            driver.feed(Serverbound, &format);
            asked.push("SetPixelFormat");
            let tight = if format[4..6] == hex!("20 18") { 3 } else { width };
            for bytes in [
                update(0, &vec![0xee; 20 * 18 * width]),
                // Tiles with a background; the last is as it is, of four by two.
                update(5, &[&tiles(width)[..], &[1], &vec![0; 4 * 2 * width]].concat()),
                update(7, &[&[0x80][..], &vec![9; tight]].concat()),
                update(0xffff_ff11, &vec![1; 20 * 18 * width + 3 * 18]),
                hex!("02").to_vec(),
            ] {
                for bytes in bytes.chunks(piece) {
                    driver.feed(Clientbound, bytes);
                }
            }
            drawn.extend(["FramebufferUpdate"; 4]);
            drawn.push("Bell");
        }
        assert_eq!(names(&driver, Serverbound), asked);
        assert_eq!(names(&driver, Clientbound), drawn, "{piece}");
        assert!(is_read(&driver, Clientbound), "{piece}");
    }
}

/// Three tiles of four.
fn tiles(width: usize) -> Vec<u8> {
    let tile = [&[2][..], &vec![3; width]].concat();
    [&tile[..], &tile, &tile].concat()
}

#[test]
fn an_encoding_that_is_not_known_makes_that_direction_raw_and_no_other() {
    let mut driver = joined();
    driver.feed(Clientbound, &update(0x1234, b"what nobody can read"));
    driver.feed(Clientbound, &[2]);
    driver.feed(Serverbound, &hex!("04 01 0000 00000061"));
    assert!(!is_read(&driver, Clientbound) && is_read(&driver, Serverbound));
    assert_eq!(names(&driver, Serverbound), ["ClientInit", "KeyEvent"]);
    assert!(driver.sent(Clientbound).ends_with(b"what nobody can read\x02"));
    let told = driver.lines().into_iter().find(|line| line.contains("takes all that comes"));
    assert!(told.unwrap().ends_with("FramebufferUpdate takes all that comes behind encoding 4660"));
}

#[test]
fn a_screen_of_full_size_is_one_packet_and_one_beyond_the_limit_is_passed_on() {
    let mut driver = joined();
    let large = hex!("00 00 0001  0000 0000 0f00 0870 00000000");
    driver.feed(Clientbound, &large);
    for _ in 0..0x870 {
        driver.feed(Clientbound, &[7; 0xf00 * 4]);
    }
    assert!(is_read(&driver, Clientbound));
    assert_eq!(names(&driver, Clientbound), ["ServerInit", "FramebufferUpdate"]);
    driver.feed(Clientbound, &hex!("00 00 0001  0000 0000 ffff 0200 00000000 77"));
    let lines = driver.lines();
    assert!(lines.iter().any(|line| line.contains("packet length max of 67108864")), "{lines:?}");
}
