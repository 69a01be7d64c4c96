#![no_main]

use bytes::BytesMut;
use midwire_rfb::{
    Access, ClientHandshake, ClientOutput, Limits, Password, ServerHandshake, ServerOutput,
};

const CHALLENGE: [u8; 16] = [7; 16];

/// What a client's handshake sent and how it ended, and what it left.
fn client(is_open: bool, answers: u8, bytes: &[u8], piece: usize) -> (Vec<u8>, String, Vec<u8>) {
    let access = match is_open {
        true => Access::Open,
        false => Access::Passwords(vec![Password::new(b"one"), Password::new(b"two")]),
    };
    let mut handshake = ClientHandshake::new(access, CHALLENGE);
    if answers & 4 != 0 {
        handshake.refuse("no");
    }
    let (mut sent, mut end, mut left) = (Vec::new(), String::new(), BytesMut::new());
    let mut fed = 0;
    for piece in bytes.chunks(piece) {
        left.extend_from_slice(piece);
        fed += piece.len();
        loop {
            let handled = handshake.handle_bytes(&mut left);
            let mut asked = false;
            while let Some(output) = handshake.poll_output() {
                match output {
                    ClientOutput::Send(bytes) => sent.extend_from_slice(&bytes),
                    ClientOutput::Admitted { password } => {
                        end = format!("{password:?}");
                        asked = true;
                        match answers & 1 {
                            0 => handshake.accept(),
                            _ => handshake.refuse("down"),
                        }
                    }
                    ClientOutput::Joined => {
                        left.extend_from_slice(&bytes[fed..]);
                        return (sent, end + " joined", left.to_vec());
                    }
                    ClientOutput::Close => return (sent, end + " closed", Vec::new()),
                }
            }
            assert!(handled.is_ok(), "an error closes");
            if !asked {
                break;
            }
        }
        assert!(!handshake.wants_bytes() || left.len() < 16, "it takes what is its own");
    }
    (sent, end, left.to_vec())
}

/// The same of a server's.
fn server(password: Option<&[u8]>, bytes: &[u8], piece: usize) -> (Vec<u8>, String, Vec<u8>) {
    let limits = Limits { reason_length_max: 40 };
    let mut handshake = ServerHandshake::new(password.map(Password::new), limits);
    let (mut sent, mut left) = (Vec::new(), BytesMut::new());
    let mut logged_in = false;
    for piece in bytes.chunks(piece) {
        left.extend_from_slice(piece);
        let handled = handshake.handle_bytes(&mut left);
        while let Some(output) = handshake.poll_output() {
            match output {
                ServerOutput::Send(bytes) => sent.extend_from_slice(&bytes),
                ServerOutput::LoggedIn => logged_in = true,
            }
        }
        if let Err(error) = handled {
            assert!(!logged_in);
            return (sent, error.to_string(), Vec::new());
        }
        assert!(logged_in || left.len() <= 256, "what it keeps is bounded");
    }
    (sent, format!("logged in: {logged_in}"), left.to_vec())
}

libfuzzer_sys::fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, piece, rest) = input;
    // Most of what begins otherwise is refused at once.
    let version: &[u8] =
        [b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n", &b""[..]][usize::from(kind % 4)];
    let bytes = [version, rest].concat();
    let piece = usize::from(piece).max(1);
    if kind & 0x80 == 0 {
        let is_open = kind & 0x40 != 0;
        let whole = client(is_open, kind >> 3, &bytes, usize::MAX);
        assert_eq!(client(is_open, kind >> 3, &bytes, piece), whole);
    } else {
        let password = (kind & 0x40 != 0).then_some(&b"one"[..]);
        // One that has logged in is asked no more.
        let whole = server(password, &bytes, usize::MAX);
        assert_eq!(server(password, &bytes, piece), whole);
    }
});
