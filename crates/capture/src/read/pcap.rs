//! Records of pcap (draft-ietf-opsawg-pcap), and of its form with longer headers.

use std::io::{self, Read};

use super::context::{Context, InterfaceContext, Kind, Resolution};
use super::item::{Damage, Problem};
use super::order::Order;
use super::{Found, FoundPacket, ReadError, Reader, Step};
use crate::format::LinkType;
use crate::timestamp::Timestamp;

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
/// Alexey Kuznetzov's patches: 8 bytes more a header.
const MODIFIED: u32 = 0xa1b2_cd34;

/// What tools keep of a packet at most, whatever the file says.
const PACKET_LEN_MAX: u32 = 262_144;

/// Packets further apart than a day are looked at twice.
const NEAR_SECONDS: u32 = 86_400;

impl<R: Read> Reader<R> {
    pub(super) fn pcap_header(&mut self, magic: [u8; 4]) -> Result<Step, ReadError> {
        let known = |number| matches!(number, MICROS | NANOS | MODIFIED);
        let (order, number) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (number, _) if known(number) => (Order::Little, number),
            (_, number) if known(number) => (Order::Big, number),
            _ => return Err(ReadError::NotACapture(magic)),
        };
        if !self.window.fill(24)? {
            let len = self.window.offset() + self.window.bytes().len() as u64;
            return if self.growing { Ok(Step::End) } else { Err(ReadError::TooShort(len)) };
        }
        let bytes = self.window.bytes();
        // The upper half has the length of checksums behind frames.
        let link = LinkType(order.u32(bytes, 20) & 0xffff);
        let resolution = if number == NANOS { Resolution::NANOS } else { Resolution::MICROS };
        self.context = Some(Context {
            kind: Kind::Pcap { header_len: if number == MODIFIED { 24 } else { 16 } },
            order,
            section: 0,
            interfaces: vec![InterfaceContext {
                link,
                snap_len: order.u32(bytes, 16),
                resolution,
                offset: 0,
            }],
        });
        self.context_number += 1;
        self.taken = 24;
        Ok(Step::Found(Found::Section { options: 0..0 }))
    }

    /// The record that starts here.
    pub(super) fn record(&mut self, header_len: usize) -> Result<Step, ReadError> {
        let there = self.window.fill(header_len)?;
        let bytes = self.window.bytes();
        if bytes.is_empty() || !there && self.growing {
            return Ok(Step::End);
        }
        let found = bytes.len() as u64;
        if !there {
            return Ok(self.lose(Problem::Cut { wanted: header_len as u64, found }));
        }
        let Some((header, interface)) = self.header(bytes) else { return Ok(Step::End) };
        if !header.is_possible(&interface, self.block_len_max) {
            return Ok(self.lose(Problem::PacketHeader));
        }
        let end = header_len + header.len as usize;
        let there = self.window.fill(end)?;
        if !there {
            if self.growing {
                return Ok(Step::End);
            }
            let found = self.window.bytes().len() as u64;
            return Ok(self.lose(Problem::Cut { wanted: end as u64, found }));
        }
        self.taken = end;
        // It says that more was kept than there was: if the next record stands where the packet ended, this
        // length would swallow it.
        let whole = header_len.saturating_add(header.original_len as usize);
        let swallows =
            header.len > header.original_len && self.leads_on(whole, header_len, header.seconds)?;
        if swallows || !self.record_follows(end, header_len, header.seconds)? {
            // The packet is taken as it stands; the next one may start within it.
            let offset = self.window.offset() + end as u64;
            self.lost = Some(Damage { offset, len: 0, problem: Problem::PacketLength(header.len) });
            self.taken = header_len;
        }
        Ok(Step::Found(Found::Packet(FoundPacket {
            interface: 0,
            link: interface.link,
            at: Some(header.time(&interface)),
            data: header_len..end,
            original_len: header.original_len,
            options: 0..0,
        })))
    }

    fn header(&self, bytes: &[u8]) -> Option<(Header, InterfaceContext)> {
        let context = self.context.as_ref()?;
        let order = context.order;
        let header = Header {
            seconds: order.u32(bytes, 0),
            fraction: order.u32(bytes, 4),
            len: order.u32(bytes, 8),
            original_len: order.u32(bytes, 12),
        };
        Some((header, *context.interfaces.first()?))
    }

    /// Whether a record may start `at` bytes further, or the file ends before one could. A record that is
    /// much later than the one in front of it has to lead to another one.
    fn record_follows(&mut self, at: usize, header_len: usize, seconds: u32) -> io::Result<bool> {
        if !self.window.fill(at + header_len)? {
            return Ok(true);
        }
        let Some(next) = self.possible_header(at) else { return Ok(false) };
        if next.is_near(seconds) {
            self.last_second = Some(seconds);
            return Ok(true);
        }
        if !next.is_usual() {
            return Ok(false);
        }
        let behind = at + header_len + next.len as usize;
        if !self.window.fill(behind + header_len)? {
            return Ok(self.window.bytes().len() >= behind);
        }
        Ok(self.possible_header(behind).is_some_and(|last| last.is_near(next.seconds)))
    }

    /// Whether `at` bytes further is a record such as programs write them, of about that time.
    fn leads_on(&mut self, at: usize, header_len: usize, seconds: u32) -> io::Result<bool> {
        let there = self.window.fill(at.saturating_add(header_len))?;
        let next = self.possible_header(at).filter(|_| there);
        Ok(next.is_some_and(|next| next.is_usual() && next.is_near(seconds)))
    }

    /// The header `at` bytes further, if it can be one.
    fn possible_header(&self, at: usize) -> Option<Header> {
        let (header, interface) = self.header(self.window.bytes().get(at..)?)?;
        header.is_possible(&interface, self.block_len_max).then_some(header)
    }

    pub(super) fn may_be_record(&self, bytes: &[u8]) -> bool {
        self.header(bytes).is_some_and(|(header, interface)| {
            header.is_possible(&interface, self.block_len_max)
                && header.len > 0
                && header.is_usual()
                && self.last_second.is_none_or(|last| header.is_near(last))
        })
    }

    /// Whether what may be a record is followed by another, or by the end of the file.
    pub(super) fn is_record(&mut self, header_len: usize) -> io::Result<bool> {
        let Some((header, _)) = self.header(self.window.bytes()) else { return Ok(false) };
        let end = header_len + header.len as usize;
        if self.window.fill(end + header_len)? {
            let next = self.possible_header(end);
            return Ok(next.is_some_and(|next| next.is_near(header.seconds)));
        }
        Ok(self.window.bytes().len() >= end)
    }
}

struct Header {
    seconds: u32,
    fraction: u32,
    len: u32,
    original_len: u32,
}

impl Header {
    fn is_possible(&self, interface: &InterfaceContext, block_len_max: u32) -> bool {
        let len_max = interface.snap_len.max(PACKET_LEN_MAX).min(block_len_max);
        self.len <= len_max && self.fraction < per_second(interface)
    }

    /// Whether its lengths are such as programs write them.
    const fn is_usual(&self) -> bool {
        self.len <= self.original_len && self.original_len <= PACKET_LEN_MAX
    }

    /// Whether it is of a time that one would expect in front of or behind another packet.
    fn is_near(&self, seconds: u32) -> bool {
        self.seconds.abs_diff(seconds) <= NEAR_SECONDS
    }

    fn time(&self, interface: &InterfaceContext) -> Timestamp {
        let nanos = u64::from(self.fraction) * u64::from(1_000_000_000 / per_second(interface));
        Timestamp(u64::from(self.seconds) * 1_000_000_000 + nanos)
    }
}

fn per_second(interface: &InterfaceContext) -> u32 {
    if interface.resolution == Resolution::NANOS { 1_000_000_000 } else { 1_000_000 }
}
