//! Pings of clients from before the protocol had frames.
//!
//! ```text
//!   FE                                        Minecraft beta 1.8 to 1.3
//!   FE 01                                     1.4, 1.5
//!   FE 01 FA 00 0B "MC|PingHost" ...          1.6, in UTF-16BE
//! ```
//!
//! A handshake of 254 bytes starts with `FE 01` as well, so the first two are pings only if nothing
//! follows. Until that is known the bytes wait: once part of a handshake had gone out, its host
//! could not be rewritten any more.

use bytes::BytesMut;

use crate::event::Elapsed;

/// The start of the newest form.
const PING_HOST: [u8; 27] = *b"\xfe\x01\xfa\x00\x0b\0M\0C\0|\0P\0i\0n\0g\0H\0o\0s\0t";

/// What the first bytes of a session are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A ping.
    Ping,
    /// A ping, if nothing follows.
    Unclear,
    /// Something else.
    Other,
}

pub(crate) fn start(bytes: &[u8]) -> Start {
    if bytes.starts_with(&PING_HOST) {
        Start::Ping
    } else if PING_HOST.starts_with(bytes) {
        Start::Unclear
    } else {
        Start::Other
    }
}

/// What an old client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `FE`: the text and two numbers.
    Text,
    /// `FE 01`: the version as well; the newest form says which protocol number the client has.
    Version(u8),
}

/// The protocol number of a client that does not say its own: what servers since 1.7 answer.
const ANY_VERSION: u8 = 127;
/// The most UTF-16 units of the text that is answered: the oldest clients take 256 in all.
const TEXT_MAX: usize = 200;

impl Asked {
    /// By the bytes that came.
    pub(crate) fn by(request: &[u8]) -> Self {
        // Behind the channel's name stands the length of what follows, then the protocol number.
        match request.get(PING_HOST.len() + 2) {
            Some(version) if request.starts_with(&PING_HOST) => Self::Version(*version),
            _ if request.len() > 1 => Self::Version(ANY_VERSION),
            _ => Self::Text,
        }
    }

    /// The answer: `FF`, a number of UTF-16 units, the units. In the old form `§` separates the text
    /// from the numbers of players, in the newer one a zero character each part from the next.
    pub(crate) fn answer(self, text: &str) -> Vec<u8> {
        let mut units: Vec<u16> = match self {
            Self::Text => Vec::new(),
            Self::Version(number) => {
                format!("\u{a7}1\0{number}\0midwire\0").encode_utf16().collect()
            }
        };
        let plain = text.chars().filter(|c| *c != '\u{a7}' && !c.is_control());
        let mut len = 0;
        let fits = |c: &char| {
            len += c.len_utf16();
            len <= TEXT_MAX
        };
        for c in plain.take_while(fits) {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
        let players = if self == Self::Text { "\u{a7}0\u{a7}0" } else { "\x000\x000" };
        units.extend(players.encode_utf16());
        let mut answer = vec![0xff];
        // Some 240 at most.
        answer.extend_from_slice(&(units.len() as u16).to_be_bytes());
        answer.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
        answer
    }
}

/// Bytes that wait until it is known what they are.
#[derive(Debug)]
pub(crate) struct Unclear {
    /// At most as many as the newest form has.
    pub(crate) bytes: BytesMut,
    /// When they are a ping if nothing follows.
    pub(crate) until: Elapsed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_form_is_known_at_once() {
        assert_eq!(start(&PING_HOST), Start::Ping);
        let mut longer = PING_HOST.to_vec();
        longer.extend_from_slice(b"\0\x07\x4a");
        assert_eq!(start(&longer), Start::Ping);
        for cut in 1..PING_HOST.len() {
            assert_eq!(start(&PING_HOST[..cut]), Start::Unclear, "{cut} bytes");
        }
    }

    #[test]
    fn each_form_is_answered_in_its_own() {
        let text = |bytes: &[u8]| {
            assert_eq!(bytes[0], 0xff);
            let units: Vec<u16> =
                bytes[3..].chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
            assert_eq!(usize::from(u16::from_be_bytes([bytes[1], bytes[2]])), units.len());
            String::from_utf16(&units).unwrap()
        };
        let down = "a\u{a7}b\0c\u{1f600}";
        assert_eq!(text(&Asked::by(&[0xfe]).answer(down)), "abc\u{1f600}\u{a7}0\u{a7}0");
        let newer = "\u{a7}1\x00127\0midwire\0abc\u{1f600}\x000\x000";
        assert_eq!(text(&Asked::by(&[0xfe, 1]).answer(down)), newer);
        let mut request = PING_HOST.to_vec();
        request.extend_from_slice(&[0, 7, 74]);
        assert_eq!(text(&Asked::by(&request).answer(down)), newer.replace("127", "74"));
        let long = text(&Asked::Text.answer(&"\u{1f600}".repeat(1000)));
        assert_eq!(long.encode_utf16().count(), TEXT_MAX + 4);
    }

    #[test]
    fn a_handshake_of_254_bytes_is_none() {
        assert_eq!(start(&[0xfe, 0x01, 0x00, 0x04]), Start::Other);
        assert_eq!(start(&[0xfe, 0x02]), Start::Other);
        assert_eq!(start(&[0x10, 0x00]), Start::Other);
    }
}
