//! Sessions that somebody ends because of a packet.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use midwire_session::{Decision, Disconnect, Place, Verdict};
use support::{Clientbound, Driver, Serverbound, TOY, deciding, frame, say, saying, squeezed};

/// The toy with a packet that ends connections, in its first state.
fn toy() -> String {
    format!(
        "{TOY}packet first clientbound kick = 12 {{ code: u8, why: str[varint] }}\n\
         group disconnect {{\n  text: str\n  first clientbound kick {{ text = why }}\n}}\n"
    )
}

fn disconnects(why: &str) -> Decision {
    let by = Some("bed.rules:1".into());
    Decision { disconnect: Some(Disconnect { why: why.into(), by }), ..Decision::default() }
}

const KICK: &[u8] = &[12, 0, 3, b'b', b'y', b'e'];

#[test]
fn the_client_is_told_why_and_both_connections_end() {
    for direction in [Serverbound, Clientbound] {
        let mut driver = Driver::judged(&toy(), deciding(2, disconnects("bye")));
        driver.lines();
        driver.feed(direction, &[say("a"), say("b"), say("c")].concat());
        let kicked = [if direction == Clientbound { say("a") } else { vec![] }, frame(KICK)];
        assert_eq!(driver.sent(Clientbound), kicked.concat());
        let gone_on = if direction == Serverbound { say("a") } else { vec![] };
        assert_eq!(driver.sent(Serverbound), gone_on);
        let lines = driver.lines();
        assert!(lines.contains(&format!("#2 {direction} first say dropped")), "{lines:?}");
        let ends = ["serverbound finish", "clientbound finish"];
        assert!(ends.iter().all(|end| lines.iter().any(|line| line == end)), "{lines:?}");
        assert!(lines.last().unwrap().starts_with("closed "), "{lines:?}");
        driver.feed(Serverbound, &say("d")).feed(Clientbound, &say("e"));
        driver.end(Serverbound).end(Clientbound);
        assert_eq!(driver.lines(), Vec::<String>::new());
    }
}

#[test]
fn what_is_held_is_lost_and_what_was_sent_beside_goes_first() {
    let decision =
        Decision { beside: vec![saying(Place::Before, Clientbound, "x")], ..disconnects("bye") };
    let mut driver = Driver::judged(
        &toy(),
        support::Deciding(move |info: &midwire_session::PacketInfo<'_>, to: &mut Decision| {
            match info.number.0 {
                1 => to.intercept = true,
                2 => *to = decision.clone(),
                _ => {}
            }
        }),
    );
    driver.feed(Serverbound, &say("held")).feed(Serverbound, &say("b"));
    assert_eq!(driver.sent(Serverbound), b"");
    let ended = driver.lines().iter().any(|line| line.starts_with("closed "));
    assert!(ended);
    let number = midwire_session::PacketNumber(1);
    assert!(driver.session.resume(number, Verdict::Pass, driver.now, &mut driver.scratch).is_err());
}

#[test]
fn the_client_is_told_in_the_form_that_it_reads() {
    let why = "because ".repeat(10);
    let mut driver = Driver::judged(&toy(), deciding(2, disconnects(&why)));
    let squeeze = frame(&[7, 64]);
    driver.feed(Clientbound, &squeeze).feed(Serverbound, &squeezed(64, &support::said(3, "b")));
    let kick = [&[12, 0, why.len() as u8], why.as_bytes()].concat();
    assert_eq!(driver.sent(Clientbound), [squeeze, squeezed(64, &kick)].concat());
}

#[test]
fn where_the_client_cannot_be_told_the_session_ends_all_the_same() {
    let mut driver = Driver::judged(&toy(), deciding(2, disconnects("bye")));
    // In its second state the toy has no packet for it.
    driver.feed(Serverbound, &frame(&[5])).feed(Serverbound, &frame(&support::said(0x13, "b")));
    let lines = driver.lines();
    let told = lines.iter().find(|line| line.contains("was not told why")).unwrap();
    assert_eq!(
        told,
        "notice: bed.rules:1: the session ends, and the client was not told why: second has no \
         clientbound packet that ends a connection"
    );
    assert!(lines.last().unwrap().starts_with("closed "), "{lines:?}");
    assert_eq!(driver.sent(Serverbound), frame(&[5]));
    assert_eq!(driver.sent(Clientbound), b"");
}
