//! A server that asks for encryption, and a client that answers, as bytes of 1.20.5 and newer.

use std::net::SocketAddr;

use midwire_codec::{Decryptor, Encryptor};
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::rand_core::OsRng;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey};

use crate::support::ends::{Ends, Server};
use crate::support::minecraft::{frame, handshake, text, varint};
use crate::support::recording::Direction;

pub const SECRET: [u8; 16] = *b"planted secret 7";
pub const TOKEN: [u8; 4] = *b"tokn";

/// A login up to the server's question.
pub struct Login {
    pub ends: Ends,
    pub server_key: RsaPrivateKey,
    /// What the client was given.
    pub given_key: RsaPublicKey,
    /// What each side got so far, by direction.
    pub got: [Vec<u8>; 2],
}

/// The server's question.
pub fn ask(key: &[u8], checks: bool) -> Vec<u8> {
    frame(&[&[1], &text("")[..], &bytes(key), &bytes(&TOKEN), &[u8::from(checks)]].concat())
}

/// The client's answer.
pub fn answer(secret: &[u8], token: &[u8]) -> Vec<u8> {
    frame(&[&[1], &bytes(secret)[..], &bytes(token)].concat())
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len()), bytes.to_vec()].concat()
}

pub fn hello(name: &str) -> Vec<u8> {
    [handshake(769, "localhost", 25_565, 2), frame(&[&[0], &text(name)[..], &[7; 16]].concat())]
        .concat()
}

pub fn der(key: &RsaPrivateKey) -> Vec<u8> {
    key.to_public_key().to_public_key_der().unwrap().into_vec()
}

pub fn seal(key: &RsaPublicKey, plain: &[u8]) -> Vec<u8> {
    key.encrypt(&mut OsRng, Pkcs1v15Encrypt, plain).unwrap()
}

/// A packet `system_chat` of 1.21.4.
pub fn chat(said: &str) -> Vec<u8> {
    let mut nbt = vec![8];
    nbt.extend((said.len() as u16).to_be_bytes());
    nbt.extend(said.as_bytes());
    frame(&[&[0x73], &nbt[..], &[0]].concat())
}

/// `success`, and what leads from there to play.
pub fn to_play() -> ([Vec<u8>; 2], [Vec<u8>; 2]) {
    let success = frame(&[&[2], &[7; 16][..], &text("Alva"), &[0]].concat());
    (
        [success, frame(&[3])],     // success; finish_configuration
        [frame(&[3]), frame(&[3])], // login_acknowledged; finish_configuration
    )
}

impl Login {
    pub fn begin(proxy: SocketAddr, server: &Server, bits: usize, checks: bool) -> Self {
        let server_key = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
        Self::begin_with(proxy, server, server_key, checks)
    }

    pub fn begin_with(
        proxy: SocketAddr,
        server: &Server,
        server_key: RsaPrivateKey,
        checks: bool,
    ) -> Self {
        let mut ends = Ends::open(proxy, server);
        ends.client.send(&hello("Alva"));
        ends.server.expect(&hello("Alva"));
        let asked = ask(&der(&server_key), checks);
        ends.server.send(&asked);
        let got = ends.client.wait(
            |arrived| whole_frame(&arrived.bytes),
            |arrived| arrived.bytes.clone(),
            |_| "the question".into(),
        );
        let given = question_key(&got);
        assert_eq!(got, ask(&given, checks), "nothing else is another");
        let given_key = RsaPublicKey::from_public_key_der(&given).unwrap();
        Self { ends, server_key, given_key, got: [hello("Alva"), got] }
    }

    /// The client answers, and the server reads it.
    pub fn answer(&mut self) {
        let sealed = answer(&seal(&self.given_key, &SECRET), &seal(&self.given_key, &TOKEN));
        self.ends.client.send(&sealed);
        let skip = self.got[0].len();
        let got = self.ends.server.wait(
            |arrived| whole_frame(&arrived.bytes[skip.min(arrived.bytes.len())..]),
            |arrived| arrived.bytes[skip..].to_vec(),
            |_| "the answer".into(),
        );
        let [secret, token] = parts(&got);
        let open = |sealed: &[u8]| self.server_key.decrypt(Pkcs1v15Encrypt, sealed).unwrap();
        assert_eq!((&open(&secret)[..], &open(&token)[..]), (&SECRET[..], &TOKEN[..]));
        self.got[0].extend(got);
    }

    /// What a side sends is encrypted by itself.
    pub fn peers(&self) -> [Peer; 2] {
        [Peer::new(), Peer::new()]
    }

    /// Sends ciphertext, and gives what the receiver got of as many bytes.
    pub fn pass(&mut self, direction: Direction, cipher: &[u8], wanted: usize) -> Vec<u8> {
        self.ends.sender(direction).send(cipher);
        let skip = self.got[direction as usize].len();
        let got = self.ends.receiver(direction).wait(
            |arrived| arrived.bytes.len() >= skip + wanted,
            |arrived| arrived.bytes[skip..].to_vec(),
            |arrived| format!("{wanted} bytes, not {}", arrived.bytes.len() - skip),
        );
        self.got[direction as usize].extend_from_slice(&got);
        got
    }
}

/// One end: what it writes and what it reads.
pub struct Peer {
    pub encryptor: Encryptor,
    pub decryptor: Decryptor,
}

impl Peer {
    pub fn new() -> Self {
        Self {
            encryptor: Encryptor::new(&SECRET.into(), &SECRET),
            decryptor: Decryptor::new(&SECRET.into(), &SECRET),
        }
    }

    pub fn write(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut bytes = plain.to_vec();
        self.encryptor.encrypt(&mut bytes);
        bytes
    }

    pub fn read(&mut self, cipher: &[u8]) -> Vec<u8> {
        let mut bytes = cipher.to_vec();
        self.decryptor.decrypt(&mut bytes);
        bytes
    }
}

/// A varint at the start of some bytes, and what is behind it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

pub fn whole_frame(bytes: &[u8]) -> bool {
    number(bytes).is_some_and(|(len, rest)| rest.len() >= len)
}

fn part(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (len, rest) = number(bytes).unwrap();
    rest.split_at(len)
}

fn question_key(frame: &[u8]) -> Vec<u8> {
    let (payload, _) = part(frame);
    let (_, rest) = part(&payload[1..]);
    part(rest).0.to_vec()
}

fn parts(frame: &[u8]) -> [Vec<u8>; 2] {
    let (payload, _) = part(frame);
    let (secret, rest) = part(&payload[1..]);
    [secret.to_vec(), part(rest).0.to_vec()]
}
