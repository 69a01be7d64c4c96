//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::NotTcp;
use crate::checksum::Sum;
use crate::read::Order;

pub(super) const TCP: u8 = 6;

/// Extension headers that are passed over at most.
const EXTENSIONS_MAX: usize = 16;

/// What IP carries.
#[derive(Debug)]
pub(super) struct Transport<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// What was captured of it.
    pub(super) payload: &'a [u8],
    /// How much more was sent.
    pub(super) missing: u32,
    pub(super) fragment: Option<Fragment>,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) id: u32,
    /// In the datagram, in bytes.
    pub(super) start: usize,
    pub(super) is_last: bool,
}

/// `cut`: how many bytes behind `bytes` were not captured.
pub(super) fn transport(bytes: &[u8], cut: usize) -> Result<Transport<'_>, NotTcp> {
    match bytes.first() {
        Some(first) if first >> 4 == 4 => v4(bytes, cut),
        Some(first) if first >> 4 == 6 => v6(bytes, cut),
        Some(_) => Err(NotTcp::NotIp),
        None => Err(NotTcp::Cut),
    }
}

/// Whether a segment's checksum is right.
pub(super) fn is_intact(ip: &Transport<'_>, segment: &[u8]) -> bool {
    let sum = match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Sum::default().add(&source.octets()).add(&destination.octets())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Sum::default().add(&source.octets()).add(&destination.octets())
        }
        _ => return false,
    };
    let len = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    sum.add_number(u32::from(TCP)).add_number(len).add(segment).finish() == 0
}

/// Whether the checksum of an IPv4 header is right; IPv6 has none.
pub(super) fn has_intact_header(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first().filter(|first| **first >> 4 == 4) else { return true };
    let header = bytes.get(..usize::from(first & 15) * 4);
    header.is_some_and(|header| Sum::default().add(header).finish() == 0)
}

fn v4(bytes: &[u8], cut: usize) -> Result<Transport<'_>, NotTcp> {
    let Some(header) = bytes.first_chunk::<20>() else { return Err(NotTcp::Cut) };
    let header_len = usize::from(header[0] & 15) * 4;
    let total = usize::from(Order::Big.u16(header, 2));
    if header_len < 20 || total != 0 && total < header_len {
        return Err(NotTcp::Header);
    }
    let (payload, missing) = split(bytes, header_len, total, cut)?;
    let field = Order::Big.u16(header, 6);
    let (start, more) = (usize::from(field & 0x1fff) * 8, field & 0x2000 != 0);
    let fragment = (start > 0 || more).then(|| Fragment {
        id: u32::from(Order::Big.u16(header, 4)),
        start,
        is_last: !more,
    });
    let [.., a, b, c, d, e, f, g, h] = *header;
    Ok(Transport {
        source: Ipv4Addr::new(a, b, c, d).into(),
        destination: Ipv4Addr::new(e, f, g, h).into(),
        protocol: header[9],
        payload,
        missing,
        fragment,
    })
}

fn v6(bytes: &[u8], cut: usize) -> Result<Transport<'_>, NotTcp> {
    let Some(header) = bytes.first_chunk::<40>() else { return Err(NotTcp::Cut) };
    let address = |at: usize| {
        let bytes = header.get(at..).and_then(|rest| rest.first_chunk::<16>());
        Ipv6Addr::from(bytes.copied().unwrap_or_default()).into()
    };
    let total = match Order::Big.u16(header, 4) {
        0 => 0,
        payload_len => 40 + usize::from(payload_len),
    };
    let (mut payload, missing) = split(bytes, 40, total, cut)?;
    let (mut protocol, mut fragment) = (header[6], None);
    for _ in 0..EXTENSIONS_MAX {
        let units = |unit: usize, more: usize| match payload.get(1) {
            Some(len) => Ok((usize::from(*len) + more) * unit),
            None => Err(NotTcp::Cut),
        };
        let len = match protocol {
            // Hop by hop, routing, destination, mobility.
            0 | 43 | 60 | 135 => units(8, 1)?,
            // Authentication.
            51 => units(4, 2)?,
            44 => 8,
            _ => break,
        };
        if protocol == 44 {
            let field = Order::Big.u16(payload, 2);
            let (start, more) = (usize::from(field & !7), field & 1 != 0);
            if start > 0 || more {
                let id = Order::Big.u32(payload, 4);
                fragment = Some(Fragment { id, start, is_last: !more });
            }
        }
        protocol = *payload.first().ok_or(NotTcp::Cut)?;
        payload = payload.get(len..).ok_or(NotTcp::Cut)?;
        // Behind the header of a later fragment is no other header, but the datagram's middle.
        if fragment.is_some_and(|fragment| fragment.start > 0) {
            break;
        }
    }
    Ok(Transport {
        source: address(8),
        destination: address(24),
        protocol,
        payload,
        missing,
        fragment,
    })
}

/// What of a packet is behind its header, and how much of that was not captured. A total length of 0
/// stands in packets that were to be cut up by the network card.
fn split(
    bytes: &[u8],
    header_len: usize,
    total: usize,
    cut: usize,
) -> Result<(&[u8], u32), NotTcp> {
    let end = if total == 0 { bytes.len() } else { total.min(bytes.len()) };
    let payload = bytes.get(header_len..end).ok_or(NotTcp::Cut)?;
    let missing = if total == 0 { cut } else { total - end };
    Ok((payload, u32::try_from(missing).unwrap_or(u32::MAX)))
}
