//! Handshakes fed at every split point, and the recorded sessions.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses a part")]

use std::io::Read;
use std::path::Path;

use bytes::BytesMut;
use midwire_rfb::{ClientHandshake, ClientOutput, ServerHandshake, ServerOutput};

/// What a handshake did: each output a line, the error last; and what was left of the bytes.
pub type Seen = (Vec<String>, Vec<u8>);

/// What the server says of a client that was admitted.
#[derive(Clone, Copy)]
pub enum Reply {
    Accept,
    Refuse(&'static str),
}

/// Feeds a handshake in pieces that end at these places. Sent bytes are one line, however they came.
pub fn client(mut handshake: ClientHandshake, bytes: &[u8], cuts: &[usize], reply: Reply) -> Seen {
    let (mut seen, mut sent, mut buffer) = (Vec::new(), Vec::new(), BytesMut::new());
    for piece in pieces(bytes, cuts) {
        buffer.extend_from_slice(piece);
        let handled = handshake.handle_bytes(&mut buffer);
        let mut polled = true;
        while polled {
            polled = false;
            while let Some(output) = handshake.poll_output() {
                match output {
                    ClientOutput::Send(bytes) => sent.extend_from_slice(&bytes),
                    ClientOutput::Admitted { password } => {
                        flush(&mut sent, &mut seen);
                        seen.push(format!("admitted {password:?}"));
                        match reply {
                            Reply::Accept => handshake.accept(),
                            Reply::Refuse(reason) => handshake.refuse(reason),
                        }
                        // What it was told may make it take more of what it has.
                        handshake.handle_bytes(&mut buffer).unwrap();
                        polled = true;
                    }
                    other => {
                        flush(&mut sent, &mut seen);
                        seen.push(format!("{other:?}").to_lowercase());
                    }
                }
            }
        }
        if let Err(error) = handled {
            seen.push(error.to_string());
            break;
        }
    }
    flush(&mut sent, &mut seen);
    (seen, buffer.to_vec())
}

/// The same towards a server.
pub fn server(mut handshake: ServerHandshake, bytes: &[u8], cuts: &[usize]) -> Seen {
    let (mut seen, mut sent, mut buffer) = (Vec::new(), Vec::new(), BytesMut::new());
    for piece in pieces(bytes, cuts) {
        buffer.extend_from_slice(piece);
        let handled = handshake.handle_bytes(&mut buffer);
        while let Some(output) = handshake.poll_output() {
            match output {
                ServerOutput::Send(bytes) => sent.extend_from_slice(&bytes),
                ServerOutput::LoggedIn => {
                    flush(&mut sent, &mut seen);
                    seen.push("logged in".into());
                }
            }
        }
        if let Err(error) = handled {
            flush(&mut sent, &mut seen);
            seen.push(error.to_string());
            break;
        }
    }
    flush(&mut sent, &mut seen);
    (seen, buffer.to_vec())
}

fn flush(sent: &mut Vec<u8>, seen: &mut Vec<String>) {
    if !sent.is_empty() {
        seen.push(format!("send {}", std::mem::take(sent).escape_ascii()));
    }
}

fn pieces<'a>(bytes: &'a [u8], cuts: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let ends = cuts.iter().copied().chain([bytes.len()]);
    ends.scan(0, |from, to| {
        let piece = &bytes[*from..to];
        *from = to;
        Some(piece)
    })
}

/// Runs it with the bytes whole, cut at every place, and byte by byte; all must be the same.
pub fn at_every_split(bytes: &[u8], run: impl Fn(&[usize]) -> Seen) -> Seen {
    let whole = run(&[]);
    for cut in 0..=bytes.len() {
        assert_eq!(trimmed(run(&[cut])), trimmed(whole.clone()), "cut at {cut}");
    }
    let each: Vec<usize> = (0..=bytes.len()).collect();
    assert_eq!(trimmed(run(&each)), trimmed(whole.clone()), "byte by byte");
    whole
}

/// A run that ends with an error does not take what comes behind.
fn trimmed((seen, left): Seen) -> Seen {
    let over = seen.last().is_some_and(|line| line.starts_with("the "));
    (seen, if over { Vec::new() } else { left })
}

/// A recorded connection: what each side sent.
#[derive(Default)]
pub struct Recorded {
    pub serverbound: Vec<u8>,
    pub clientbound: Vec<u8>,
}

/// The sessions of a real client and a real server, as far as their handshakes go.
pub fn recorded() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures/vnc");
    let packed = std::fs::File::open(folder.join("vnc-auth.stream.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut all: Vec<Recorded> = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = line["conn"].as_u64().unwrap() as usize;
        all.resize_with(all.len().max(number), Recorded::default);
        let Some(bytes) = line["b64"].as_str() else { continue };
        let connection = &mut all[number - 1];
        let side = match line["dir"].as_str().unwrap() {
            "c2s" => &mut connection.serverbound,
            _ => &mut connection.clientbound,
        };
        if side.len() < 4096 {
            side.extend_from_slice(&base64(bytes));
        }
    }
    all
}

/// The password of the recorded server.
pub const RECORDED_PASSWORD: &[u8] = b"devpw123";

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = alphabet.iter().position(|known| *known == digit).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
