//! `NAME.stream.jsonl`: what a recording forwarder saw, a JSON object a line. See captures/README.md.

use midwire_codec::Direction;
use midwire_definition::{Given, given};

/// A line of such a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Milliseconds since the recording began.
    pub(crate) millis: f64,
    /// Which connection, counted from 1.
    pub(crate) connection: u64,
    pub(crate) event: Event,
}

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// It was accepted. Datagrams are no stream.
    Open { is_stream: bool },
    /// A read of a socket gave these bytes.
    Data(Direction, Vec<u8>),
    /// A side has nothing more to send.
    Finish(Direction),
    /// It is over.
    Close,
}

/// Reads a line; `None`: it is none of those that are known, or damaged.
pub(crate) fn line(text: &str) -> Option<Line> {
    let line = given::parse(text).ok()?;
    let millis = match line.get("t") {
        Some(Given::Int(millis)) => *millis as f64,
        Some(Given::Float(millis)) => *millis,
        _ => return None,
    };
    let connection = match line.get("conn") {
        Some(Given::Int(number)) => u64::try_from(*number).ok()?,
        _ => return None,
    };
    let text = |key| match line.get(key) {
        Some(Given::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let direction = || match text("dir")? {
        "c2s" => Some(Direction::Serverbound),
        "s2c" => Some(Direction::Clientbound),
        _ => None,
    };
    let event = match text("ev")? {
        "open" => Event::Open { is_stream: line.get("udp") != Some(&Given::Bool(true)) },
        "data" => Event::Data(direction()?, base64(text("b64")?)?),
        "fin" => Event::Finish(direction()?),
        "close" | "error" => Event::Close,
        _ => return None,
    };
    Some(Line { millis, connection, event })
}

/// RFC 4648, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length_is_read() {
        assert_eq!(base64("").unwrap(), b"");
        assert_eq!(base64("Zg==").unwrap(), b"f");
        assert_eq!(base64("Zm9vYmFy").unwrap(), b"foobar");
        assert_eq!(base64("Zm9v YmFy"), None);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let read = line(r#"{"t":7.5,"conn":2,"ev":"data","dir":"s2c","b64":"Zg=="}"#).unwrap();
        assert_eq!(read.event, Event::Data(Direction::Clientbound, b"f".to_vec()));
        assert_eq!((read.millis, read.connection), (7.5, 2));
        for text in ["", "{}", "null", r#"{"t":7,"conn":2,"ev":"data","dir":"up","b64":""}"#] {
            assert_eq!(line(text), None, "{text}");
        }
    }
}
