//! Minecraft's bytes, as its clients and servers write them before anything is compressed.

/// A number below 16,384, as short as can be.
pub fn varint(number: usize) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(byte) if byte < 0x80 => vec![byte],
        _ => vec![(number & 0x7f) as u8 | 0x80, (number >> 7) as u8],
    }
}

pub fn frame(payload: &[u8]) -> Vec<u8> {
    [varint(payload.len()), payload.to_vec()].concat()
}

/// A text with its length in front.
pub fn text(text: &str) -> Vec<u8> {
    [varint(text.len()), text.as_bytes().to_vec()].concat()
}

/// A client's first packet; `next` is 1 for the server list, 2 for logging in.
pub fn handshake(version: usize, host: &str, port: u16, next: u8) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    frame(&[&[0], &varint(version)[..], &text(host), &[high, low, next]].concat())
}
