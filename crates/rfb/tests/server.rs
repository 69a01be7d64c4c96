//! The handshake towards servers of every version.

mod support;

use bytes::BytesMut;
use midwire_rfb::{Limits, Password, ServerHandshake, Version};
use support::{Seen, at_every_split, server};

const CHALLENGE: &[u8; 16] = b"sixteen bytes...";

fn make(password: Option<&str>) -> ServerHandshake {
    let password = password.map(|text| Password::new(text.as_bytes()));
    ServerHandshake::new(password, Limits { reason_length_max: 30 })
}

fn run(password: Option<&str>, parts: &[&[u8]]) -> Seen {
    let bytes = parts.concat();
    at_every_split(&bytes, |cuts| server(make(password), &bytes, cuts))
}

fn answer() -> String {
    let answer = Password::new(b"secret").answer(CHALLENGE);
    answer.escape_ascii().to_string()
}

#[test]
fn a_server_of_3_8_lets_in_and_what_it_says_next_is_left() {
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[2, 1, 2], CHALLENGE, &[0; 4], b"init"];
    let (seen, left) = run(Some("secret"), parts);
    let sent = format!(r"send RFB 003.008\n\x02{}", answer());
    assert_eq!(seen, [&sent, "logged in"]);
    assert_eq!(left, b"init");
}

#[test]
fn a_server_of_3_7_or_3_3_lets_in() {
    let parts: &[&[u8]] = &[b"RFB 003.007\n", &[1, 2], CHALLENGE, &[0; 4], b"i"];
    let (seen, left) = run(Some("secret"), parts);
    assert_eq!(seen, [&format!(r"send RFB 003.007\n\x02{}", answer()), "logged in"]);
    assert_eq!(left, b"i");

    for version in [b"RFB 003.003\n", b"RFB 003.005\n", b"RFB 003.006\n"] {
        let parts: &[&[u8]] = &[version, &[0, 0, 0, 2], CHALLENGE, &[0; 4], b"i"];
        let (seen, left) = run(Some("secret"), parts);
        assert_eq!(seen, [&format!(r"send RFB 003.003\n{}", answer()), "logged in"]);
        assert_eq!(left, b"i");
    }
}

#[test]
fn newer_versions_are_answered_with_the_newest_that_is_known() {
    for version in [b"RFB 003.889\n", b"RFB 003.009\n", b"RFB 004.001\n", b"RFB 005.000\n"] {
        let (seen, _) = run(None, &[version, &[1, 1], &[0; 4]]);
        assert_eq!(seen, [r"send RFB 003.008\n\x01", "logged in"]);
    }
}

#[test]
fn a_version_before_3_3_is_told() {
    for (version, said) in [(b"RFB 003.002\n", "3.2"), (b"RFB 002.009\n", "2.9")] {
        let (seen, _) = run(None, &[version]);
        let told = format!("the server speaks RFB {said}; 3.3 is the oldest that midwire speaks");
        assert_eq!(seen, [told]);
    }
}

#[test]
fn type_none_has_a_result_in_3_8_only() {
    let (seen, left) = run(None, &[b"RFB 003.008\n", &[1, 1], &[0; 4], b"i"]);
    assert_eq!((seen.len(), left), (2, b"i".to_vec()));
    let (seen, left) = run(None, &[b"RFB 003.007\n", &[1, 1], b"init"]);
    assert_eq!(seen, [r"send RFB 003.007\n\x01", "logged in"]);
    assert_eq!(left, b"init");
    let (seen, left) = run(None, &[b"RFB 003.003\n", &[0, 0, 0, 1], b"init"]);
    assert_eq!(seen, [r"send RFB 003.003\n", "logged in"]);
    assert_eq!(left, b"init");
}

#[test]
fn none_is_chosen_where_the_server_wants_no_password_although_there_is_one() {
    let (seen, _) = run(Some("secret"), &[b"RFB 003.007\n", &[2, 19, 1]]);
    assert_eq!(seen, [r"send RFB 003.007\n\x01", "logged in"]);
}

#[test]
fn a_wrong_password_has_the_servers_reason() {
    let refused = [0, 0, 0, 1, 0, 0, 0, 22];
    let reason = b"Authentication failure";
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[1, 2], CHALLENGE, &refused, reason];
    let (seen, _) = run(Some("secret"), parts);
    assert_eq!(seen[1], "the server refuses midwire's password: Authentication failure");

    let parts: &[&[u8]] = &[b"RFB 003.003\n", &[0, 0, 0, 2], CHALLENGE, &[0, 0, 0, 1]];
    let (seen, _) = run(Some("secret"), parts);
    assert_eq!(seen[1], "the server refuses midwire's password");
}

#[test]
fn a_result_that_nobody_knows_is_a_refusal() {
    let parts: &[&[u8]] = &[b"RFB 003.007\n", &[1, 2], CHALLENGE, &[0xff; 4]];
    let (seen, _) = run(Some("secret"), parts);
    assert_eq!(seen[1], "the server refuses midwire's password");
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[1, 1], &[0, 0, 0, 2, 0, 0, 0, 0]];
    let (seen, _) = run(None, parts);
    assert_eq!(seen[1], "the server refuses midwire's login: it gives no reason");
}

#[test]
fn a_reason_of_four_gigabytes_is_cut_at_the_limit() {
    let text = [b'x'; 30];
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[0], &[0xff; 4], &text];
    let (seen, _) = run(None, parts);
    assert_eq!(seen[1], format!("the server refuses: {}...", "x".repeat(30)));
}

#[test]
fn a_server_that_refuses_at_once_is_quoted() {
    let reason = b"\0\0\0\x03why";
    for parts in [&[&b"RFB 003.008\n"[..], &[0], reason][..], &[b"RFB 003.003\n", &[0; 4], reason]]
    {
        let (seen, _) = run(Some("secret"), parts);
        assert_eq!(seen[1], "the server refuses: why");
    }
}

#[test]
fn types_that_midwire_does_not_speak_are_named() {
    let (seen, _) = run(Some("secret"), &[b"RFB 003.008\n", &[3, 18, 19, 200]]);
    assert_eq!(
        seen[1],
        "the server wants TLS (18), VeNCrypt (19), type 200, of which midwire speaks none; it \
         speaks None (1) and VNC authentication (2)"
    );
    let (seen, _) = run(Some("secret"), &[b"RFB 003.003\n", &[0, 0, 1, 2]]);
    assert!(seen[1].contains("the server wants type 258,"), "{}", seen[1]);
}

#[test]
fn a_server_that_wants_a_password_says_so_when_there_is_none() {
    for parts in [&[&b"RFB 003.008\n"[..], &[2, 2, 19]][..], &[b"RFB 003.003\n", &[0, 0, 0, 2]]] {
        let (seen, _) = run(None, parts);
        assert_eq!(seen[1], "the server wants a password, and midwire was given none for it");
    }
}

#[test]
fn what_is_no_version_is_shown() {
    let (seen, _) = run(None, &[b"SSH-2.0-OpenSSH_9.6\r\n"]);
    assert_eq!(seen, [r#"the server does not speak RFB: it begins with "S""#]);
}

#[test]
fn a_server_that_closes_says_as_much_of_the_reason_as_it_sent() {
    let end_after = |parts: &[&[u8]]| {
        let mut handshake = make(Some("secret"));
        let mut bytes = BytesMut::from(&parts.concat()[..]);
        handshake.handle_bytes(&mut bytes).unwrap();
        handshake.handle_end(&bytes).to_string()
    };
    assert_eq!(
        end_after(&[b"RFB"]),
        "the server closed the connection during the handshake, before it had said its version"
    );
    assert_eq!(
        end_after(&[b"RFB 003.008\n", &[0], b"\0\0\0\x09too m"]),
        "the server refuses: too m..."
    );
    let parts: &[&[u8]] = &[b"RFB 003.008\n", &[1, 2], CHALLENGE, &[0, 0, 0, 1]];
    assert_eq!(end_after(parts), "the server refuses midwire's password");
    let parts: &[&[u8]] = &[b"RFB 003.007\n", &[1, 2], CHALLENGE];
    assert_eq!(
        end_after(parts),
        "the server closed the connection during the handshake, where it should have said \
         whether it lets in"
    );
}

#[test]
fn the_version_is_known_once_the_server_has_said_it() {
    let mut handshake = make(None);
    assert_eq!(handshake.version(), None);
    handshake.handle_bytes(&mut BytesMut::from(&b"RFB 003.006\n"[..])).unwrap();
    assert_eq!(handshake.version(), Some(Version::V3_3));
}
