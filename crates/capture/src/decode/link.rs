//! What stands in front of IP, by link type.

use super::NotTcp;
use crate::format::LinkType;
use crate::read::Order;

/// The packet from its IP header on.
pub(super) fn network(link: LinkType, bytes: &[u8]) -> Result<&[u8], NotTcp> {
    match link {
        LinkType::ETHERNET => behind_type(bytes, 12, 14),
        LinkType::LINUX_SLL => behind_type(bytes, 14, 16),
        LinkType::LINUX_SLL2 => behind_type(bytes, 0, 20),
        LinkType::NULL | LinkType::LOOP => behind_family(bytes),
        // 12 and 14 are what systems call it that wrote their own number into files.
        LinkType::RAW | LinkType(12 | 14) | LinkType::IPV4 | LinkType::IPV6 => Ok(bytes),
        _ => Err(NotTcp::Link(link)),
    }
}

/// Behind a header of `len` bytes with an Ethernet type in it, and the VLAN tags that may follow.
fn behind_type(bytes: &[u8], mut at: usize, mut len: usize) -> Result<&[u8], NotTcp> {
    loop {
        if bytes.len() < len {
            return Err(NotTcp::Cut);
        }
        match Order::Big.u16(bytes, at) {
            0x0800 | 0x86dd => return Ok(&bytes[len..]),
            // A tag's own two bytes are in front of the type of what follows.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                at = len + 2;
                len += 4;
            }
            _ => return Err(NotTcp::NotIp),
        }
    }
}

/// Behind an address family. Files do not say in whose byte order, nor by which system's numbers.
fn behind_family(bytes: &[u8]) -> Result<&[u8], NotTcp> {
    let (Some(head), Some(rest)) = (bytes.get(..4), bytes.get(4..)) else {
        return Err(NotTcp::Cut);
    };
    let is_ip = |family: u32| matches!(family, 2 | 10 | 23 | 24 | 28 | 30);
    if is_ip(Order::Little.u32(head, 0)) || is_ip(Order::Big.u32(head, 0)) {
        Ok(rest)
    } else {
        Err(NotTcp::NotIp)
    }
}
