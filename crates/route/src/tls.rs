//! The first message of a TLS client, for the names in it (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301, 3.1).
//!
//! ```text
//!   record 16 03 xx len │ part of the handshake message    (as many records as its sender likes)
//!   message 01 len24 │ version, random, session id, cipher suites, compression │ extensions
//! ```

use crate::Answer;

/// The longest record of plain text.
const RECORD_LEN_MAX: usize = 1 << 14;
/// Type, version and length of a record.
const RECORD_HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Extensions, by their numbers at IANA.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What some first bytes are, as TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// No ClientHello, whatever follows.
    No,
    /// At least so many bytes, from the first on, have to be seen.
    Needs {
        /// Bytes from the first on.
        len: usize,
        /// It is a ClientHello as far as can be told: the message has begun.
        begun: bool,
    },
    /// It is all there.
    Whole(ClientHello),
}

/// What a client says of itself and of whom it wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name, in lower case; what is no host name is none.
    pub server_name: Option<String>,
    /// Protocols that it would speak inside, best first.
    pub alpn: Vec<Vec<u8>>,
}

/// Reads the ClientHello at the start of some bytes, over as many records as it takes.
#[must_use]
pub fn read_client_hello(bytes: &[u8]) -> Hello {
    let mut message = Vec::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..).unwrap_or(&[]);
        let wrong = |byte: usize, fits: fn(u8) -> bool| header.get(byte).is_some_and(|b| !fits(*b));
        if wrong(0, |kind| kind == HANDSHAKE) || wrong(1, |major| major == 3) {
            return Hello::No;
        }
        let &[_, _, _, high, low, ref rest @ ..] = header else {
            let begun = message.len() >= 6;
            return Hello::Needs { len: at + RECORD_HEADER, begun };
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len == 0 || len > RECORD_LEN_MAX {
            return Hello::No;
        }
        message.extend_from_slice(rest.get(..len.min(rest.len())).unwrap_or(rest));
        at += RECORD_HEADER + len;
        match message[..] {
            [kind, ..] if kind != CLIENT_HELLO => return Hello::No,
            [_, _, _, _, major, ..] if major != 3 => return Hello::No,
            [_, a, b, c, ref body @ ..] => {
                let wanted = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                if let Some(body) = body.get(..wanted) {
                    return parse(body).map_or(Hello::No, Hello::Whole);
                }
                if rest.len() < len {
                    let begun = body.len() >= 2;
                    let until = if begun { wanted } else { 2 };
                    let missing = (until - body.len()).min(len - rest.len());
                    return Hello::Needs { len: bytes.len() + missing, begun };
                }
            }
            _ if rest.len() < len => {
                return Hello::Needs { len: bytes.len() + 1, begun: false };
            }
            _ => {}
        }
    }
}

/// Takes parts off the front of some bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<usize> {
        Some(usize::from(*self.take(1)?.first()?))
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A part with its length in one byte in front.
    fn part8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(len)
    }

    /// A part with its length in two bytes in front.
    fn part16(&mut self) -> Option<Reader<'a>> {
        let len = self.u16()?;
        self.take(len.into()).map(Reader)
    }
}

fn parse(body: &[u8]) -> Option<ClientHello> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.part8()?;
    body.part16()?;
    body.part8()?;
    let mut hello = ClientHello::default();
    if body.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = body.part16()?;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut content = extensions.part16()?;
        match kind {
            SERVER_NAME => {
                let mut names = content.part16()?;
                while !names.0.is_empty() {
                    let kind = names.u8()?;
                    let name = names.part16()?.0;
                    if kind == 0 && hello.server_name.is_none() {
                        hello.server_name = host_name(name);
                    }
                }
            }
            ALPN => {
                let mut protocols = content.part16()?;
                while !protocols.0.is_empty() {
                    hello.alpn.push(protocols.part8()?.to_vec());
                }
            }
            _ => {}
        }
    }
    Some(hello)
}

fn host_name(name: &[u8]) -> Option<String> {
    let is_part = |byte: &u8| byte.is_ascii_graphic();
    let name = name.strip_suffix(b".").unwrap_or(name);
    let text = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.iter().all(is_part)).then(|| text.to_ascii_lowercase())
}

/// A server's name, or `*.` and a name: all that end so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    name: String,
    is_suffix: bool,
}

impl NamePattern {
    /// From what a user wrote; `None` if that is no name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (name, is_suffix) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let name = host_name(name.as_bytes())?;
        let is_name = !name.contains(['*', '/', ':', '@']);
        is_name.then_some(Self { name, is_suffix })
    }

    fn fits(&self, name: &str) -> bool {
        if !self.is_suffix {
            return name == self.name;
        }
        name.strip_suffix(self.name.as_str())
            .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }
}

/// What is wanted of a TLS client; what is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsCondition {
    /// It asks for one of these servers.
    pub server_names: Vec<NamePattern>,
    /// It would speak one of these inside.
    pub alpn: Vec<Vec<u8>>,
}

impl TlsCondition {
    /// Whether first bytes are those of such a client.
    #[must_use]
    pub fn is_met(&self, hello: &Hello) -> Answer {
        let asks_nothing = self.server_names.is_empty() && self.alpn.is_empty();
        match hello {
            Hello::No => Answer::No,
            Hello::Needs { begun: true, .. } if asks_nothing => Answer::Yes,
            Hello::Needs { .. } => Answer::NeedsMore,
            Hello::Whole(hello) => {
                let name = hello.server_name.as_deref();
                let named = self.server_names.is_empty()
                    || name.is_some_and(|name| self.server_names.iter().any(|p| p.fits(name)));
                let spoken = self.alpn.is_empty()
                    || hello.alpn.iter().any(|offered| self.alpn.contains(offered));
                if named && spoken { Answer::Yes } else { Answer::No }
            }
        }
    }
}
