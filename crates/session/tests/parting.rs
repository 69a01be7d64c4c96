//! How connections end: telling a receiver why, and whether its sender has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use hex_literal::hex;
use midwire_definition::builtin;
use midwire_session::{DisconnectError, InjectError, Options, Origin, Parting, Verdict, Watch};
use support::{Clientbound, Driver, Serverbound, TOY, frame, on, protocol, say, squeezed};

/// The toy with words for an end in its first state.
fn toy() -> String {
    format!(
        "{TOY}
packet first clientbound kick = 1 {{ why: {{ text: str[varint] }}, hard: bool }}
packet second clientbound kick = 0x11 {{ code: u8 }}
packet second clientbound move_on = 0x12 {{}}
group disconnect {{
  text: str
  always: bool
  first clientbound kick {{ text = why.text }}
  second clientbound kick {{ always = true }}
  second clientbound move_on {{ always = true }}
}}
"
    )
}

fn disconnect(driver: &mut Driver, text: &str) -> Result<(), DisconnectError> {
    let Driver { session, scratch, now, .. } = driver;
    let told = session.disconnect(Clientbound, text, Origin::Midwire, *now, scratch);
    driver.drain();
    told
}

fn parting(driver: &mut Driver) -> Parting {
    driver.session.parting(Clientbound, &mut driver.scratch)
}

/// A handshake of this version that goes on to a state, in Minecraft.
fn handshake(version: [u8; 2], next: u8) -> Vec<u8> {
    frame(&[&[0, version[0], version[1], 1, b'a', 0, 1], &[next][..]].concat())
}

#[test]
fn the_words_go_behind_what_came_and_nothing_behind_them() {
    let mut driver = Driver::new(&toy());
    driver.feed(Clientbound, &[say("a"), vec![9, 3]].concat());
    driver.lines();
    disconnect(&mut driver, "down").unwrap();
    assert_eq!(
        driver.lines(),
        ["#2 clientbound first kick passed", "clientbound 070104646f776e00", "clientbound finish"]
    );
    assert_eq!(driver.packets().last().unwrap().origin, Origin::Midwire);
    assert!(!driver.session.wants_bytes(Clientbound));
    driver.feed(Clientbound, &say("late"));
    driver.feed(Serverbound, &say("still there"));
    driver.end(Serverbound);
    assert_eq!(
        driver.lines(),
        [
            "#3 serverbound first say passed",
            &format!("serverbound {}", support::hex(&say("still there"))),
            "serverbound finish",
            "closed 1/14 1/4",
        ]
    );
}

#[test]
fn the_words_are_compressed_as_their_receiver_reads() {
    let mut driver = Driver::unwatched(&toy());
    let squeeze = frame(&[7, 5]);
    driver.feed(Clientbound, &squeeze);
    disconnect(&mut driver, "down").unwrap();
    let kick = squeezed(5, &hex!("01 04 64 6f 77 6e 00"));
    assert_eq!(driver.sent(Clientbound), [squeeze, kick].concat());
}

#[test]
fn what_is_held_is_lost_but_only_if_the_words_are_said() {
    let mut driver = Driver::judged(&toy(), on(1, Verdict::Delay(Duration::from_secs(5))));
    driver.feed(Clientbound, &say("held"));
    let long = "x".repeat(3_000_000);
    assert!(matches!(
        disconnect(&mut driver, &long),
        Err(DisconnectError::Inject(InjectError::Frame(_)))
    ));
    driver.wait(5_000);
    assert_eq!(driver.sent(Clientbound), say("held"));

    let mut driver = Driver::judged(&toy(), on(1, Verdict::Intercept));
    driver.feed(Clientbound, &say("held"));
    disconnect(&mut driver, "").unwrap();
    assert_eq!(driver.sent(Clientbound), hex!("03 01 00 00"));
}

#[test]
fn nothing_is_said_where_there_are_no_words_or_nobody_could_read_them() {
    let undefined = |state: &str| {
        Err(DisconnectError::Undefined { direction: Clientbound, state: state.to_owned() })
    };
    let mut driver = Driver::new(TOY);
    assert_eq!(disconnect(&mut driver, "down"), undefined("first"));

    let mut driver = Driver::new(&toy());
    driver.feed(Clientbound, &frame(&[6]));
    assert_eq!(disconnect(&mut driver, "down"), undefined("second"));

    let mut driver = Driver::new(&toy());
    driver.feed(Clientbound, &frame(&[8]));
    let opaque = Err(InjectError::Opaque { direction: Clientbound }.into());
    assert_eq!(disconnect(&mut driver, "down"), opaque);
    assert_eq!(driver.sent(Clientbound), frame(&[8]));

    let mut driver = Driver::new(&toy());
    driver.end(Clientbound);
    let ended = Err(InjectError::Ended { direction: Clientbound }.into());
    assert_eq!(disconnect(&mut driver, "down"), ended);
}

#[test]
fn without_frames_nothing_is_said_within_a_packet() {
    let text = "
protocol bare { stack { frame none, id: u8 } }
packet kick = 1 clientbound { why: str[u8] }
group disconnect { text: str, clientbound kick { text = why } }
";
    let mut driver = Driver::new(text);
    driver.feed(Clientbound, &hex!("01 02 61"));
    let partial = Err(DisconnectError::Partial { direction: Clientbound });
    assert_eq!(disconnect(&mut driver, "no"), partial);
    driver.feed(Clientbound, &hex!("62"));
    disconnect(&mut driver, "no").unwrap();
    assert_eq!(driver.sent(Clientbound), hex!("01 02 61 62 01 02 6e 6f"));
}

#[test]
fn minecrafts_words_fit_the_state_and_the_version() {
    let login = |reason: &str| frame(&[&[0, reason.len() as u8], reason.as_bytes()].concat());
    for version in [hex!("04 00"), hex!("2f 00"), hex!("fd 05"), hex!("81 06"), hex!("ff 7f")] {
        let version = if version[1] == 0 { [version[0] | 0x80, 0] } else { version };
        let mut driver = Driver::with(support::minecraft(), Options::default());
        driver.feed(Serverbound, &handshake(version, 2));
        disconnect(&mut driver, "it is \"down\"").unwrap();
        assert_eq!(driver.sent(Clientbound), login(r#"{"text":"it is \"down\""}"#));
    }

    // 1.20.4 in configuration, and in play: text becomes NBT.
    let mut driver = Driver::with(support::minecraft(), Options::default());
    driver.feed(Serverbound, &handshake(hex!("fd 05"), 2));
    driver.feed(Clientbound, &frame(&[&[2][..], &[7; 16], &[1, b'A', 0]].concat()));
    driver.feed(Serverbound, &frame(&[3]));
    let before = driver.sent(Clientbound).len();
    disconnect(&mut driver, "down").unwrap();
    let nbt = hex!("0a 08 0004 74657874 0004 646f776e 00");
    assert_eq!(driver.sent(Clientbound)[before..], frame(&[&[1], &nbt[..]].concat()));

    // 1.8 in play, compressed from 64 bytes on: JSON.
    let mut driver = Driver::with(support::minecraft(), Options::default());
    driver.feed(Serverbound, &handshake([0xaf, 0], 2));
    driver.feed(Clientbound, &frame(&[3, 64]));
    let uuid = [b'0'; 36];
    driver.feed(Clientbound, &squeezed(64, &[&[2, 36], &uuid[..], &[1, b'A']].concat()));
    let before = driver.sent(Clientbound).len();
    disconnect(&mut driver, "down").unwrap();
    let kick = [&[0x40, 15], &br#"{"text":"down"}"#[..]].concat();
    assert_eq!(driver.sent(Clientbound)[before..], squeezed(64, &kick));
}

#[test]
fn terrarias_words_are_its_kick() {
    let terraria = builtin("terraria").unwrap();
    let mut driver = Driver::with(terraria, Options::default());
    driver.feed(Serverbound, b"\x0f\0\x01\x0bTerraria319");
    disconnect(&mut driver, "down").unwrap();
    assert_eq!(driver.sent(Clientbound), b"\x09\0\x02\0\x04down");
}

#[test]
fn a_legacy_ping_is_answered_in_its_own_form() {
    let mut driver = Driver::with(support::minecraft(), Options::default());
    driver.feed(Serverbound, &hex!("fe"));
    driver.wait(100);
    disconnect(&mut driver, "no").unwrap();
    assert_eq!(driver.sent(Clientbound), hex!("ff 0006 006e 006f 00a7 0030 00a7 0030"));
    // What the server has begun to answer is not answered again.
    let mut driver = Driver::with(support::minecraft(), Options::default());
    driver.feed(Serverbound, &hex!("fe 01"));
    driver.wait(100);
    driver.feed(Clientbound, &hex!("ff 00"));
    assert!(disconnect(&mut driver, "no").is_err());
}

#[test]
fn an_end_without_the_words_is_missing_them_where_they_are_always_said() {
    for watch in [Watch::Nothing, Watch::Packets] {
        for compressed in [false, true] {
            let as_frame = |payload: &[u8]| match compressed {
                true => squeezed(2, payload),
                false => frame(payload),
            };
            let mut driver = Driver::new(&toy());
            driver.session.set_watch(watch);
            assert_eq!(parting(&mut driver), Parting::Unknown);
            if compressed {
                driver.feed(Clientbound, &frame(&[7, 2]));
            }
            driver.feed(Clientbound, &as_frame(&[3, 1, b'a']));
            assert_eq!(parting(&mut driver), Parting::Unknown);
            driver.feed(Clientbound, &as_frame(&[1, 1, b'a', 0]));
            assert_eq!(parting(&mut driver), Parting::Said);

            driver.feed(Clientbound, &as_frame(&[6]));
            let large = as_frame(&[&[0x13, 200][..], &[b'a'; 200]].concat());
            driver.feed(Clientbound, &[large, as_frame(&[0x13, 1, b'a'])].concat());
            assert_eq!(parting(&mut driver), Parting::Missing);
            // part of a frame says nothing
            driver.feed(Clientbound, &as_frame(&[0x11, 5])[..2]);
            assert_eq!(parting(&mut driver), Parting::Missing, "{watch:?} {compressed}");
            driver.feed(Clientbound, &as_frame(&[0x11, 5])[2..]);
            assert_eq!(parting(&mut driver), Parting::Said);
            driver.feed(Clientbound, &as_frame(&[0x12]));
            assert_eq!(parting(&mut driver), Parting::Said);
        }
    }
}

#[test]
fn a_large_packet_behind_which_nothing_comes_is_no_word_of_an_end() {
    let mut driver = Driver::new(&toy());
    driver.session.set_watch(Watch::Nothing);
    driver.feed(Clientbound, &[frame(&[7, 64]), squeezed(64, &[6])].concat());
    // So varied that what is kept of it does not reach its first byte.
    let varied: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(n) >> 5) as u8).collect();
    let large = squeezed(64, &[&[0x13][..], &varied].concat());
    driver.feed(Clientbound, &large);
    assert_eq!(parting(&mut driver), Parting::Missing);
}

#[test]
fn of_an_encrypted_end_nothing_is_known() {
    let mut driver = Driver::new(&toy());
    driver.feed(Clientbound, &[frame(&[6]), frame(&[0x13, 0])].concat());
    assert_eq!(parting(&mut driver), Parting::Missing);
    let text = format!("{}\non second clientbound say {{ cipher.on() }}\n", toy());
    let mut driver = Driver::with(protocol(&text), Options::default());
    driver.feed(Clientbound, &[frame(&[6]), frame(&[0x13, 0])].concat());
    assert_eq!(parting(&mut driver), Parting::Unknown);
}
