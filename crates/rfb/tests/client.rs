//! The handshake towards clients of every version.

mod support;

use bytes::BytesMut;
use hex_literal::hex;
use midwire_rfb::{Access, ClientHandshake, ClientOutput, Password, Version};
use support::{Reply, Seen, at_every_split, client};

const CHALLENGE: [u8; 16] = *b"sixteen bytes...";

fn with(passwords: &[&str]) -> ClientHandshake {
    let passwords = passwords.iter().map(|text| Password::new(text.as_bytes())).collect();
    ClientHandshake::new(Access::Passwords(passwords), CHALLENGE)
}

fn open() -> ClientHandshake {
    ClientHandshake::new(Access::Open, CHALLENGE)
}

fn answer(password: &str) -> [u8; 16] {
    Password::new(password.as_bytes()).answer(&CHALLENGE)
}

fn run(make: impl Fn() -> ClientHandshake, parts: &[&[u8]], reply: Reply) -> Seen {
    let bytes = parts.concat();
    at_every_split(&bytes, |cuts| client(make(), &bytes, cuts, reply))
}

#[test]
fn a_client_of_3_8_with_the_right_password_is_joined_and_its_rest_is_left() {
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[2], &answer("secret"), b"\x01rest"];
    let (seen, left) = run(|| with(&["secret"]), parts, Reply::Accept);
    assert_eq!(
        seen,
        [
            r"send RFB 003.008\n\x01\x02sixteen bytes...",
            "admitted Some(0)",
            r"send \x00\x00\x00\x00",
            "joined"
        ]
    );
    assert_eq!(left, b"\x01rest");
}

#[test]
fn a_client_of_3_7_is_asked_like_one_of_3_8() {
    let parts: &[&[u8]] = &[b"RFB 003.007\n", &[2], &answer("secret"), &[0]];
    let (seen, left) = run(|| with(&["secret"]), parts, Reply::Accept);
    assert_eq!(seen[2..], [r"send \x00\x00\x00\x00", "joined"]);
    assert_eq!(left, [0]);
}

#[test]
fn a_client_of_3_3_is_told_the_type_and_does_not_choose() {
    for version in [b"RFB 003.003\n", b"RFB 003.005\n", b"RFB 003.889\n", b"RFB 004.000\n"] {
        let parts: &[&[u8]] = &[version, &answer("secret"), &[1]];
        let (seen, left) = run(|| with(&["secret"]), parts, Reply::Accept);
        assert_eq!(
            seen,
            [
                r"send RFB 003.008\n\x00\x00\x00\x02sixteen bytes...",
                "admitted Some(0)",
                r"send \x00\x00\x00\x00",
                "joined"
            ]
        );
        assert_eq!(left, [1]);
    }
}

#[test]
fn the_password_tells_which_server_is_meant() {
    let passwords = ["one", "two", "three", "two"];
    for (typed, place) in [("one", 0), ("two", 1), ("three", 2)] {
        let parts: &[&[u8]] = &[b"RFB 003.008\n", &[2], &answer(typed)];
        let (seen, _) = run(|| with(&passwords), parts, Reply::Accept);
        assert_eq!(seen[1], format!("admitted Some({place})"));
    }
}

#[test]
fn a_wrong_password_gets_a_reason_where_the_version_has_one() {
    let wrong = answer("Secret");
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[2], &wrong, &[1]];
    let (seen, _) = run(|| with(&["secret", "other"]), parts, Reply::Accept);
    assert_eq!(
        seen[0],
        r"send RFB 003.008\n\x01\x02sixteen bytes...\x00\x00\x00\x01\x00\x00\x00\x15the password is wrong"
    );
    assert_eq!(seen[1..], ["close", "the client's password is wrong"]);

    for parts in [&[b"RFB 003.007\n\x02", &wrong[..]][..], &[b"RFB 003.003\n", &wrong]] {
        let (seen, _) = run(|| with(&["secret"]), parts, Reply::Accept);
        assert!(seen[0].ends_with(r"sixteen bytes...\x00\x00\x00\x01"), "{}", seen[0]);
        assert_eq!(seen[1..], ["close", "the client's password is wrong"]);
    }
}

#[test]
fn no_password_lets_nobody_in() {
    let parts: &[&[u8]] = &[b"RFB 003.003\n", &answer("")];
    let (seen, _) = run(|| with(&[]), parts, Reply::Accept);
    assert_eq!(seen[1..], ["close", "the client's password is wrong"]);
}

#[test]
fn an_open_proxy_offers_none_and_has_a_result_in_3_8_only() {
    for (parts, told) in [
        (&[&b"RFB 003.008\n"[..], &[1], &[7]][..], r"send \x01\x01\x00\x00\x00\x00"),
        (&[b"RFB 003.007\n", &[1], &[7]], r"send \x01\x01"),
        (&[b"RFB 003.003\n", &[7]], r"send \x00\x00\x00\x01"),
    ] {
        let (seen, left) = run(open, parts, Reply::Accept);
        assert_eq!(seen, [r"send RFB 003.008\n", "admitted None", told, "joined"]);
        assert_eq!(left, [7]);
    }
}

#[test]
fn a_server_that_is_down_is_told_in_every_version_if_no_password_was_asked_for() {
    let down = Reply::Refuse("the server is down");
    let reason = r"\x00\x00\x00\x12the server is down";
    for (version, none) in [
        (b"RFB 003.008\n", r"\x00"),
        (b"RFB 003.007\n", r"\x00"),
        (b"RFB 003.003\n", r"\x00\x00\x00\x00"),
    ] {
        let (seen, _) = run(open, &[version], down);
        let told = format!("send {none}{reason}");
        assert_eq!(seen, [r"send RFB 003.008\n", "admitted None", &told, "close"]);
    }
}

#[test]
fn a_server_that_is_down_is_told_in_the_result_of_3_8_behind_a_password() {
    let down = Reply::Refuse("down");
    let right = answer("secret");
    for (parts, told) in [
        (&[b"RFB 003.008\n\x02", &right[..]][..], r"send \x00\x00\x00\x01\x00\x00\x00\x04down"),
        (&[b"RFB 003.007\n\x02", &right], r"send \x00\x00\x00\x01"),
        (&[b"RFB 003.003\n", &right], r"send \x00\x00\x00\x01"),
    ] {
        let (seen, _) = run(|| with(&["secret"]), parts, down);
        assert_eq!(seen[1..], ["admitted Some(0)", told, "close"]);
    }
}

#[test]
fn too_many_attempts_are_refused_before_a_password_is_asked_for() {
    let refused = || {
        let mut handshake = with(&["secret"]);
        handshake.refuse("too many attempts");
        handshake
    };
    let reason = r"\x00\x00\x00\x11too many attempts";
    for (version, none) in [(b"RFB 003.008\n", r"\x00"), (b"RFB 003.003\n", r"\x00\x00\x00\x00")] {
        let (seen, _) = run(refused, &[version], Reply::Accept);
        assert_eq!(seen, [format!(r"send RFB 003.008\n{none}{reason}"), "close".into()]);
    }
}

#[test]
fn a_refusal_while_the_answer_is_awaited_has_a_reason_in_3_8() {
    let mut handshake = with(&["secret"]);
    let mut bytes = BytesMut::from(&b"RFB 003.008\n\x02"[..]);
    handshake.handle_bytes(&mut bytes).unwrap();
    assert_eq!(handshake.version(), Some(Version::V3_8));
    handshake.refuse("too slow");
    let sent = handshake.poll_output().unwrap();
    let ClientOutput::Send(sent) = sent else { panic!("{sent:?}") };
    assert!(sent.ends_with(b"\0\0\0\x01\0\0\0\x08too slow"));
    assert_eq!(handshake.poll_output(), Some(ClientOutput::Close));
}

#[test]
fn a_type_that_was_not_offered_is_refused() {
    let (seen, _) = run(|| with(&["secret"]), &[b"RFB 003.008\n", &[1]], Reply::Accept);
    assert_eq!(
        seen[1..],
        [
            "close",
            "the client chose the security type None (1), and was offered VNC authentication (2)"
        ]
    );
    assert!(
        seen[0].ends_with(r#"\x00\x00\x00\x01\x00\x00\x00\"this security type was not offered"#)
    );

    let parts: &[&[u8]] = &[b"RFB 003.007\n", &[19]];
    let (seen, _) = run(|| with(&["secret"]), parts, Reply::Accept);
    assert!(seen[2].contains("VeNCrypt (19)"), "{}", seen[2]);
}

#[test]
fn what_is_no_version_is_refused_at_its_first_wrong_byte() {
    for (bytes, shown) in [
        (&b"GET / HTTP/1.1\r\n"[..], r#"begins with "G""#),
        (b"RFB 003.08\n\n", r#"begins with "RFB 003.08\n""#),
        (&hex!("16 03 01"), r#"begins with "\x16""#),
    ] {
        let (seen, _) = run(open, &[bytes], Reply::Accept);
        assert_eq!(seen[..2], [r"send RFB 003.008\n", "close"]);
        assert!(seen[2].ends_with(shown), "{}", seen[2]);
    }
}

#[test]
fn a_client_that_leaves_is_said_to_have_left_where_it_was() {
    let mut handshake = with(&["secret"]);
    let mut bytes = BytesMut::from(&b"RFB 003.008\n\x02\x01\x02"[..]);
    handshake.handle_bytes(&mut bytes).unwrap();
    assert!(handshake.wants_bytes());
    let error = handshake.handle_end().to_string();
    assert_eq!(
        error,
        "the client left during the handshake, where it should have answered the challenge"
    );
    assert!(!handshake.wants_bytes());
}

#[test]
fn nothing_is_taken_off_the_bytes_while_the_server_is_asked() {
    let mut handshake = open();
    let mut bytes = BytesMut::from(&b"RFB 003.008\n\x01\x01"[..]);
    handshake.handle_bytes(&mut bytes).unwrap();
    assert!(!handshake.wants_bytes());
    assert_eq!(bytes, b"\x01\x01"[..]);
    handshake.accept();
    assert!(handshake.wants_bytes());
    handshake.handle_bytes(&mut bytes).unwrap();
    assert_eq!(bytes, b"\x01"[..]);
    handshake.accept();
    handshake.handle_bytes(&mut bytes).unwrap();
    assert_eq!(bytes, b"\x01"[..]);
}

#[test]
fn a_long_reason_is_cut_between_two_characters() {
    let mut handshake = open();
    handshake.refuse(&"ä".repeat(2000).replacen('ä', "a", 1));
    handshake.handle_bytes(&mut BytesMut::from(&b"RFB 003.008\n"[..])).unwrap();
    let Some(ClientOutput::Send(sent)) = handshake.poll_output() else { panic!() };
    let reason = &sent[12 + 1 + 4..];
    assert_eq!((reason.len(), std::str::from_utf8(reason).is_ok()), (1023, true));
    assert_eq!(sent[13..17], 1023u32.to_be_bytes());
}
