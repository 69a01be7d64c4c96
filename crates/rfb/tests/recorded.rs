//! Sessions of a real client (vncdotool, and raw bytes) with a real server (Xtigervnc).

mod support;

use midwire_rfb::{Access, ClientHandshake, Limits, Password, ServerHandshake};
use support::{RECORDED_PASSWORD, Recorded, Reply, client, recorded, server};

/// The challenge in what a server of 3.3 or later sent, and where it ends.
fn challenge(recorded: &Recorded) -> ([u8; 16], usize) {
    let of_3_3 = recorded.serverbound.starts_with(b"RFB 003.003\n");
    let from = 12 + if of_3_3 { 4 } else { 2 };
    let challenge = recorded.clientbound[from..].first_chunk().expect("it has a challenge");
    (*challenge, from + 16)
}

fn with_challenge() -> Vec<Recorded> {
    let mut all = recorded();
    all.retain(|recorded| recorded.clientbound.len() >= 32);
    assert_eq!(all.len(), 19);
    all
}

#[test]
fn recorded_clients_are_judged_as_their_server_did() {
    for recorded in with_challenge() {
        let (challenge, end) = challenge(&recorded);
        let access = Access::Passwords(vec![Password::new(RECORDED_PASSWORD)]);
        let handshake = ClientHandshake::new(access, challenge);
        let bytes = &recorded.serverbound;
        let each: Vec<usize> = (0..bytes.len()).collect();
        let (seen, left) = client(handshake, bytes, &each, Reply::Accept);
        let was_let_in = recorded.clientbound[end..end + 4] == [0; 4];
        assert_eq!(seen.iter().any(|line| line == "joined"), was_let_in, "{seen:?}");
        // vncdotool asks for a shared session.
        assert!(!was_let_in || left.is_empty() || left[0] == 1);
    }
}

#[test]
fn recorded_servers_are_answered_as_their_clients_did() {
    let (mut let_in, mut refused) = (0, 0);
    for recorded in with_challenge() {
        // The recorded server spoke 3.8 to whom speaks 3.8; the others are checked by the other test.
        if !recorded.serverbound.starts_with(b"RFB 003.008\n") {
            continue;
        }
        let password = Password::new(RECORDED_PASSWORD);
        let handshake = ServerHandshake::new(Some(password), Limits::default());
        let (seen, left) = server(handshake, &recorded.clientbound, &[]);
        let wanted = recorded.serverbound[..29].escape_ascii().to_string();
        let (_, end) = challenge(&recorded);
        if recorded.clientbound[end..end + 4] == [0; 4] {
            assert_eq!(seen, [format!("send {wanted}"), "logged in".into()]);
            assert_eq!(left, &recorded.clientbound[end + 4..]);
            let_in += 1;
        } else {
            let told = "the server refuses midwire's password: Authentication failure";
            assert_eq!(seen[1], told);
            refused += 1;
        }
    }
    assert_eq!((let_in, refused), (15, 2));
}
