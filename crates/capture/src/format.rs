//! Numbers of pcapng (draft-ietf-opsawg-pcapng), and the link types that are read
//! (<https://www.tcpdump.org/linktypes.html>).

pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE: u32 = 1;
pub(crate) const STATISTICS: u32 = 5;
pub(crate) const PACKET: u32 = 6;

pub(crate) const BYTE_ORDER: u32 = 0x1a2b_3c4d;

pub(crate) const OPTION_END: u16 = 0;
pub(crate) const OPTION_COMMENT: u16 = 1;
/// Of a section header.
pub(crate) const USER_APPLICATION: u16 = 4;
/// Of an interface.
pub(crate) const NAME: u16 = 2;
pub(crate) const DESCRIPTION: u16 = 3;
pub(crate) const TIME_RESOLUTION: u16 = 9;
/// Of statistics.
pub(crate) const START_TIME: u16 = 2;
pub(crate) const END_TIME: u16 = 3;
pub(crate) const RECEIVED: u16 = 4;
pub(crate) const DROPPED: u16 = 5;

/// What is in front of a packet's IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// A four-byte address family in the byte order of the machine that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// IP without anything in front of it; what midwire writes.
    pub const RAW: Self = Self(101);
    /// A four-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux's "any" interface.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without anything in front of it.
    pub const IPV4: Self = Self(228);
    /// IPv6 without anything in front of it.
    pub const IPV6: Self = Self(229);
    /// Linux's "any" interface, second form.
    pub const LINUX_SLL2: Self = Self(276);
}

/// TCP's flags.
pub(crate) mod flags {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
}
