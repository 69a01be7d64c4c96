//! Packets into TCP segments: what stands in front of IP, IPv4 and IPv6 with their extension headers
//! and fragments, TCP.

mod fragments;
mod ip;
mod link;

use std::net::SocketAddr;

use self::fragments::Fragments;
pub use self::fragments::{FRAGMENT_WAIT, FRAGMENTED_MAX, FRAGMENTS_MAX};
use crate::format::{LinkType, flags};
use crate::read::{Order, Packet};
use crate::timestamp::Timestamp;

/// A TCP segment. Borrows the packet it came in, or the decoder that put its fragments together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// The number of the first byte of the payload, or of the SYN.
    pub sequence: u32,
    /// The number of the byte that its sender expects next, if `flags` has an ACK.
    pub acknowledgment: u32,
    /// FIN, SYN, RST, PSH, ACK and others, as in the header.
    pub flags: u8,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How much of the payload was sent but not captured.
    pub missing: u32,
}

impl Segment<'_> {
    /// Whether it opens a direction.
    #[must_use]
    pub const fn is_syn(&self) -> bool {
        self.flags & flags::SYN != 0
    }

    /// Whether it ends a direction.
    #[must_use]
    pub const fn is_fin(&self) -> bool {
        self.flags & flags::FIN != 0
    }

    /// Whether it breaks the connection off.
    #[must_use]
    pub const fn is_rst(&self) -> bool {
        self.flags & flags::RST != 0
    }

    /// Whether it says what its sender expects next.
    #[must_use]
    pub const fn is_ack(&self) -> bool {
        self.flags & flags::ACK != 0
    }

    /// Whether its sender had nothing more to send just then. In midwire's captures: a frame, or
    /// what stands for one, ends here.
    #[must_use]
    pub const fn is_push(&self) -> bool {
        self.flags & flags::PSH != 0
    }
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A segment.
    Tcp(Segment<'a>),
    /// A fragment, of a datagram that is not whole yet.
    Fragment,
    /// Something that is not looked into.
    Other(NotTcp),
}

/// Why a packet is no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTcp {
    /// What the link's packets start with is not known.
    Link(LinkType),
    /// It holds another protocol than IP.
    NotIp,
    /// It holds another protocol than TCP, of this number.
    Protocol(u8),
    /// It ends within a header.
    Cut,
    /// A header contradicts itself.
    Header,
    /// The segment is damaged: its checksum is not that of its bytes.
    Checksum,
}

/// Takes packets apart. Keeps fragments until their datagrams are whole, within limits.
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: Fragments,
    checksums: bool,
}

impl Decoder {
    /// Refuses segments whose checksum is wrong, as far as they were captured whole. For captures that
    /// midwire wrote: in those of others, checksums are often left to the network card.
    #[must_use]
    pub fn with_checksums(self) -> Self {
        Self { checksums: true, ..self }
    }

    /// Takes a packet apart.
    pub fn packet<'a>(&'a mut self, packet: &Packet<'a>) -> Decoded<'a> {
        self.bytes(packet.link, packet.data, packet.original_len, packet.at)
    }

    /// Takes a packet's bytes apart. `original_len` is how long it was when it was sent.
    pub fn bytes<'a>(
        &'a mut self,
        link: LinkType,
        bytes: &'a [u8],
        original_len: u32,
        at: Option<Timestamp>,
    ) -> Decoded<'a> {
        let network = match link::network(link, bytes) {
            Ok(network) => network,
            Err(reason) => return Decoded::Other(reason),
        };
        let cut = (original_len as usize).saturating_sub(bytes.len());
        let transport = match ip::transport(network, cut) {
            Ok(transport) => transport,
            Err(reason) => return Decoded::Other(reason),
        };
        let (payload, missing) = match transport.fragment {
            None => (transport.payload, transport.missing),
            // The protocol of a later fragment is its datagram's.
            Some(_) if transport.protocol != ip::TCP => {
                return Decoded::Other(NotTcp::Protocol(transport.protocol));
            }
            Some(fragment) => match self.fragments.add(&transport, fragment, at) {
                Some(datagram) => (datagram, 0),
                None => return Decoded::Fragment,
            },
        };
        if transport.protocol != ip::TCP {
            return Decoded::Other(NotTcp::Protocol(transport.protocol));
        }
        if self.checksums && missing == 0 && !ip::is_intact(&transport, payload) {
            return Decoded::Other(NotTcp::Checksum);
        }
        match segment(&transport, payload, missing) {
            Ok(segment) => Decoded::Tcp(segment),
            Err(reason) => Decoded::Other(reason),
        }
    }
}

/// Whether a packet of midwire's is as it was written, as its checksums say. One of which a tool has kept a part is
/// taken as it is.
pub(crate) fn is_intact(packet: &Packet<'_>) -> bool {
    if packet.original_len as usize != packet.data.len() {
        return true;
    }
    let Ok(network) = link::network(packet.link, packet.data) else { return false };
    let Ok(transport) = ip::transport(network, 0) else { return false };
    transport.missing == 0
        && ip::has_intact_header(network)
        && ip::is_intact(&transport, transport.payload)
}

fn segment<'a>(
    ip: &ip::Transport<'_>,
    bytes: &'a [u8],
    missing: u32,
) -> Result<Segment<'a>, NotTcp> {
    let Some(header) = bytes.first_chunk::<20>() else { return Err(NotTcp::Cut) };
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < 20 {
        return Err(NotTcp::Header);
    }
    let Some(payload) = bytes.get(header_len..) else {
        return Err(if missing > 0 { NotTcp::Cut } else { NotTcp::Header });
    };
    let big = Order::Big;
    Ok(Segment {
        source: SocketAddr::new(ip.source, big.u16(header, 0)),
        destination: SocketAddr::new(ip.destination, big.u16(header, 2)),
        sequence: big.u32(header, 4),
        acknowledgment: big.u32(header, 8),
        flags: header[13],
        payload,
        missing,
    })
}
