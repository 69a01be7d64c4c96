//! A TCP connection that never was: the headers around recorded bytes, such that other tools follow
//! them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use midwire_codec::Direction::{self, Clientbound, Serverbound};

use super::options::{begin_block, end_block, end_options, pad, push_option};
use crate::checksum::Sum;
use crate::format::flags::{ACK, FIN, PSH, RST, SYN};
use crate::format::{OPTION_COMMENT, PACKET};
use crate::provenance::Leg;
use crate::timestamp::Timestamp;

/// The most bytes of payload in one segment: what an IPv4 packet holds beside its headers.
pub const SEGMENT_LEN_MAX: usize = 65_495;

/// A receiver acknowledges after so many bytes at the latest; its window is sixteen times as wide.
const ACK_EVERY: u64 = 64 << 20;

/// Maximum segment size, and windows counted in units of 2^14 bytes.
const SYN_OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];

/// The two ends of one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The end towards the client.
    pub client: SocketAddr,
    /// The end towards the server.
    pub server: SocketAddr,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment<'a> {
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
    pub(super) blank: &'a [Range<usize>],
    pub(super) note: &'a str,
}

/// One leg's connection. Sequence numbers count what is stored, so that nothing seems to be missing
/// on the leg that has differences only.
#[derive(Debug)]
pub(super) struct Connection {
    leg: Leg,
    /// The headers' sources and destinations, as they are written, by direction.
    addresses: [Addresses; 2],
    sequence: [u32; 2],
    /// How much of a direction its receiver has not acknowledged.
    unacknowledged: [u64; 2],
    /// What the segments of a direction say about their sender's window.
    window: [u16; 2],
    ended: [bool; 2],
}

/// Where a direction's segments come from and go to.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    /// Source and destination, 4 bytes each, or 16.
    bytes: [u8; 32],
    len: usize,
    source_port: u16,
    destination_port: u16,
}

impl Addresses {
    fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        let mut bytes = [0; 32];
        let len = match (source.ip().to_canonical(), destination.ip().to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                bytes[..4].copy_from_slice(&source.octets());
                bytes[4..8].copy_from_slice(&destination.octets());
                8
            }
            (source, destination) => {
                bytes[..16].copy_from_slice(&mapped(source).octets());
                bytes[16..].copy_from_slice(&mapped(destination).octets());
                32
            }
        };
        Self { bytes, len, source_port: source.port(), destination_port: destination.port() }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

impl Connection {
    /// `seed` tells connections between the same ends apart: another one starts at other numbers.
    pub(super) fn new(leg: Leg, ends: Ends, seed: u64) -> Self {
        let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ leg.index() as u64;
        Self {
            leg,
            addresses: [
                Addresses::new(ends.client, ends.server),
                Addresses::new(ends.server, ends.client),
            ],
            sequence: [mixed as u32, (mixed >> 32) as u32],
            unacknowledged: [0; 2],
            window: [u16::MAX; 2],
            ended: [false; 2],
        }
    }

    /// The handshake. The note is on its first segment.
    pub(super) fn open(&mut self, out: &mut Vec<u8>, at: Timestamp, note: &str) -> u64 {
        let syn = Segment { flags: SYN, note, ..Segment::default() };
        self.push(out, Serverbound, at, syn);
        self.push(out, Clientbound, at, Segment { flags: SYN | ACK, ..Segment::default() });
        self.push(out, Serverbound, at, Segment { flags: ACK, ..Segment::default() });
        3
    }

    /// These directions came to their end in an earlier file.
    pub(super) const fn with_ended(self, ended: [bool; 2]) -> Self {
        Self { ended, ..self }
    }

    /// The handshake, and the ends of those directions that have come to theirs.
    pub(super) fn go_on(&mut self, out: &mut Vec<u8>, at: Timestamp, note: &str) -> u64 {
        let ended = std::mem::take(&mut self.ended);
        let mut packets = self.open(out, at, note);
        for direction in Direction::BOTH {
            if ended[direction.index()] {
                packets += self.end(out, direction, at);
            }
        }
        packets
    }

    pub(super) fn has_ended(&self, direction: Direction) -> bool {
        self.ended[direction.index()]
    }

    /// Bytes that travel in a direction, as one segment or several. The note is on the first, and
    /// only the last one says that something is whole (`PSH`).
    pub(super) fn data(
        &mut self,
        out: &mut Vec<u8>,
        direction: Direction,
        at: Timestamp,
        bytes: &[u8],
        blank: &[Range<usize>],
        note: &str,
    ) -> u64 {
        let (mut packets, mut note, mut start) = (0, note, 0);
        loop {
            if self.unacknowledged[direction.index()] >= ACK_EVERY {
                let ack = Segment { flags: ACK, ..Segment::default() };
                self.push(out, direction.opposite(), at, ack);
                packets += 1;
            }
            let end = bytes.len().min(start + SEGMENT_LEN_MAX);
            let payload = &bytes[start..end];
            let flags = if end == bytes.len() { ACK | PSH } else { ACK };
            if start == 0 && end == bytes.len() {
                self.push(out, direction, at, Segment { flags, payload, blank, note });
            } else {
                let blank = within(blank, start, end);
                self.push(out, direction, at, Segment { flags, payload, blank: &blank, note });
            }
            packets += 1;
            note = "";
            start = end;
            if start == bytes.len() {
                return packets;
            }
        }
    }

    /// A segment for a note alone.
    pub(super) fn remark(&mut self, out: &mut Vec<u8>, at: Timestamp, note: &str) -> u64 {
        let direction = Direction::BOTH
            .into_iter()
            .find(|direction| self.unacknowledged[direction.index()] > 0)
            .map_or(Clientbound, Direction::opposite);
        self.push(out, direction, at, Segment { flags: ACK, note, ..Segment::default() });
        1
    }

    /// Ends a direction, unless it has ended.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, direction: Direction, at: Timestamp) -> u64 {
        if self.has_ended(direction) {
            return 0;
        }
        self.push(out, direction, at, Segment { flags: FIN | ACK, ..Segment::default() });
        self.ended[direction.index()] = true;
        self.push(out, direction.opposite(), at, Segment { flags: ACK, ..Segment::default() });
        2
    }

    /// The sender of a direction breaks the connection off, unless both have ended.
    pub(super) fn reset(&mut self, out: &mut Vec<u8>, direction: Direction, at: Timestamp) -> u64 {
        if self.ended == [true; 2] {
            return 0;
        }
        self.push(out, direction, at, Segment { flags: RST | ACK, ..Segment::default() });
        self.ended = [true; 2];
        1
    }

    /// One packet block.
    fn push(
        &mut self,
        out: &mut Vec<u8>,
        direction: Direction,
        at: Timestamp,
        segment: Segment<'_>,
    ) {
        let is_bare = segment.payload.is_empty() && segment.flags & (SYN | FIN | RST) == 0;
        if is_bare && self.unacknowledged[direction.opposite().index()] == 0 {
            // A segment that only repeats what was said before reads as a sign of loss; one with
            // another window does not.
            self.window[direction.index()] ^= 1;
        }
        let options: &[u8] = if segment.flags & SYN == 0 { &[] } else { &SYN_OPTIONS };
        let addresses = &self.addresses[direction.index()];
        let tcp_len = 20 + options.len() + segment.payload.len();
        let ip_len = if addresses.len == 8 { 20 } else { 40 };

        let mut head = Head::default();
        head.push(&(self.leg.index() as u32).to_le_bytes());
        head.push(&((at.0 >> 32) as u32).to_le_bytes());
        head.push(&(at.0 as u32).to_le_bytes());
        head.push(&((ip_len + tcp_len) as u32).to_le_bytes());
        head.push(&((ip_len + tcp_len) as u32).to_le_bytes());
        head.push_ip(addresses, tcp_len);
        let tcp = head.len;
        head.push(&addresses.source_port.to_be_bytes());
        head.push(&addresses.destination_port.to_be_bytes());
        head.push(&self.sequence[direction.index()].to_be_bytes());
        let acknowledged = match segment.flags & ACK {
            0 => 0,
            _ => self.sequence[direction.opposite().index()],
        };
        head.push(&acknowledged.to_be_bytes());
        head.push(&[((20 + options.len()) as u8 / 4) << 4, segment.flags]);
        head.push(&self.window[direction.index()].to_be_bytes());
        head.push(&[0; 4]);
        head.push(options);

        out.reserve(tcp_len + 256);
        let block = begin_block(out, PACKET);
        let packet = out.len();
        out.extend_from_slice(head.as_slice());
        let payload = out.len();
        out.extend_from_slice(segment.payload);
        blank_out(&mut out[payload..], segment.blank);
        let checksum = Sum::default()
            .add(addresses.as_bytes())
            .add_number(6 + tcp_len as u32)
            .add(&out[packet + tcp..]);
        let place = packet + tcp + 16;
        out[place..place + 2].copy_from_slice(&checksum.finish().to_be_bytes());

        pad(out, ip_len + tcp_len);
        if !segment.note.is_empty() {
            push_option(out, OPTION_COMMENT, segment.note.as_bytes());
            end_options(out);
        }
        end_block(out, block);

        let counts = segment.payload.len() as u32 + u32::from(segment.flags & (SYN | FIN) != 0);
        let sequence = &mut self.sequence[direction.index()];
        *sequence = sequence.wrapping_add(counts);
        self.unacknowledged[direction.index()] += u64::from(counts);
        if segment.flags & ACK != 0 {
            self.unacknowledged[direction.opposite().index()] = 0;
        }
    }
}

/// What stands in front of a segment's payload: put together here, so that it is one copy.
struct Head {
    bytes: [u8; HEAD_LEN_MAX],
    len: usize,
}

/// Five numbers of a block, IPv6, TCP and its options.
const HEAD_LEN_MAX: usize = 20 + 40 + 20 + SYN_OPTIONS.len();

impl Default for Head {
    fn default() -> Self {
        Self { bytes: [0; HEAD_LEN_MAX], len: 0 }
    }
}

impl Head {
    #[inline(always)] // each part has a length of its own that is known here
    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push_ip(&mut self, addresses: &Addresses, tcp_len: usize) {
        let start = self.len;
        if addresses.len == 8 {
            self.push(&[0x45, 0]);
            self.push(&((20 + tcp_len) as u16).to_be_bytes());
            // No identification, not to be cut, 64 hops, TCP, checksum.
            self.push(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
            self.push(addresses.as_bytes());
            let checksum = Sum::default().add(&self.bytes[start..self.len]).finish();
            self.bytes[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
        } else {
            self.push(&[0x60, 0, 0, 0]);
            self.push(&(tcp_len as u16).to_be_bytes());
            self.push(&[6, 64]);
            self.push(addresses.as_bytes());
        }
    }
}

/// The parts of ranges that lie between two positions, counted from the first.
fn within(ranges: &[Range<usize>], start: usize, end: usize) -> Vec<Range<usize>> {
    ranges
        .iter()
        .map(|range| range.start.clamp(start, end) - start..range.end.clamp(start, end) - start)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Puts stars over secrets. What of a range lies outside is passed over.
fn blank_out(bytes: &mut [u8], ranges: &[Range<usize>]) {
    for range in ranges {
        let end = range.end.min(bytes.len());
        if let Some(secret) = bytes.get_mut(range.start..end) {
            secret.fill(b'*');
        }
    }
}

#[cfg(test)]
mod tests {
    use midwire_codec::Direction::{Clientbound, Serverbound};

    use super::{Connection, Ends, SEGMENT_LEN_MAX};
    use crate::provenance::Leg;
    use crate::timestamp::Timestamp;
    use crate::{Decoded, Decoder, Item, Reader, StreamEvent, Streams, Writer};

    #[test]
    fn sequence_numbers_wrap_and_checksums_are_right_at_any_length() {
        for host in ["10.0.0.1", "[2001:db8::1]"] {
            let end = |port| format!("{host}:{port}").parse().unwrap();
            let ends = Ends { client: end(5), server: end(6) };
            let mut connection = Connection::new(Leg::Client, ends, 0);
            connection.sequence = [u32::MAX - 3, u32::MAX - 400_000];
            let mut file = Writer::new(Vec::new(), "test").into_inner().unwrap();
            let at = Timestamp(1);
            connection.open(&mut file, at, "");
            let mut expected = [Vec::new(), Vec::new()];
            let lens = [0, 1, 2, 3, 4, 5, 255, SEGMENT_LEN_MAX, SEGMENT_LEN_MAX + 1, 333_333];
            for len in lens {
                for direction in [Serverbound, Clientbound] {
                    let bytes: Vec<u8> = (0..len).map(|n| (n * 7 % 255) as u8).collect();
                    connection.data(&mut file, direction, at, &bytes, &[], "");
                    expected[direction.index()].extend(bytes);
                }
            }
            connection.end(&mut file, Clientbound, at);
            connection.end(&mut file, Serverbound, at);

            let mut decoder = Decoder::default().with_checksums();
            let (mut streams, mut seen) = (Streams::default(), [Vec::new(), Vec::new()]);
            let mut reader = Reader::new(&file[..]);
            while let Some(item) = reader.next().unwrap() {
                let Item::Packet(packet) = item else { continue };
                assert_eq!(packet.data.len(), packet.original_len as usize);
                assert!(packet.data.len() <= 65_535 + 40);
                let Decoded::Tcp(segment) = decoder.packet(&packet) else { panic!("{packet:?}") };
                streams.push(&segment, packet.at, |event| match event {
                    StreamEvent::Bytes { direction, bytes, .. } => {
                        seen[direction.index()].extend_from_slice(bytes);
                    }
                    StreamEvent::Gap { .. } => panic!("{event:?}"),
                    _ => {}
                });
            }
            assert!(seen == expected);
        }
    }
}
