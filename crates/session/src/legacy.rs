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
    fn a_handshake_of_254_bytes_is_none() {
        assert_eq!(start(&[0xfe, 0x01, 0x00, 0x04]), Start::Other);
        assert_eq!(start(&[0xfe, 0x02]), Start::Other);
        assert_eq!(start(&[0x10, 0x00]), Start::Other);
    }
}
