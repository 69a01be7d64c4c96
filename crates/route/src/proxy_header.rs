//! The PROXY protocol: who a client is, told by what stands in front of midwire (haproxy's
//! `proxy-protocol.txt`, versions 1 and 2).
//!
//! ```text
//!   v1  PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n
//!   v2  0D0A0D0A000D0A515549540A │ 21 │ 11 │ len16 │ source, destination, ports │ more of len16
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, BytesMut};
use thiserror::Error;

/// The longest header of version 1, with its CR LF.
pub const HEADER_V1_LEN_MAX: usize = 107;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const V2_FIXED: usize = 16;

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its bytes.
    pub len: usize,
    /// Source and destination of the connection that it tells of; `None` where it tells of none: a check
    /// of the proxy's own (LOCAL), or one of another kind (UNKNOWN, UDP, a socket of the file system).
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// What some first bytes are, as a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// No header begins so.
    Absent,
    /// It may be one.
    NeedsMore,
    /// It is one, and all there.
    Header(ProxyHeader),
    /// It begins as one, and is wrong.
    Wrong(HeaderError),
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// A header of version 1 without an end.
    #[error("no CR LF within {HEADER_V1_LEN_MAX} bytes")]
    Endless,
    /// Words of version 1 that are not as they should be.
    #[error("{0}")]
    Word(&'static str),
    /// A version that is not 2.
    #[error("version {0} in a binary header")]
    Version(u8),
    /// A command that is not LOCAL or PROXY.
    #[error("unknown command {0}")]
    Command(u8),
    /// A family or transport that there is not.
    #[error("unknown address family 0x{0:02x}")]
    Family(u8),
    /// Less than the addresses take.
    #[error("{len} bytes do not hold its addresses, which take {needed}")]
    Short {
        /// What the header says.
        len: usize,
        /// What its addresses take.
        needed: usize,
    },
    /// More than is read to find a route.
    #[error("a header of {len} bytes is longer than {max} (sniff_max)")]
    TooLong {
        /// The header's bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
}

/// Reads the header at the start of some bytes; one longer than `len_max` is wrong.
#[must_use]
pub fn read_header(bytes: &[u8], len_max: usize) -> Read {
    let begins = |signature: &[u8]| {
        let both = bytes.len().min(signature.len());
        bytes.get(..both) == signature.get(..both)
    };
    match (begins(V1), begins(V2)) {
        (true, _) if bytes.len() >= V1.len() => version_1(bytes),
        (_, true) if bytes.len() >= V2.len() => version_2(bytes, len_max),
        (false, false) => Read::Absent,
        _ => Read::NeedsMore,
    }
}

fn version_1(bytes: &[u8]) -> Read {
    let window = bytes.get(..bytes.len().min(HEADER_V1_LEN_MAX)).unwrap_or(bytes);
    let end = window.windows(2).position(|pair| pair == b"\r\n");
    // Nothing in a header is not ASCII, and nothing else ends a line; what is settled before the
    // line's end is not settled otherwise at it.
    let so_far = window.get(..end.unwrap_or(window.len())).unwrap_or(window);
    let so_far = if end.is_none() { so_far.strip_suffix(b"\r").unwrap_or(so_far) } else { so_far };
    if !so_far.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return Read::Wrong(HeaderError::Word("a control character in the line"));
    }
    let Some(end) = end else {
        return match bytes.len() < HEADER_V1_LEN_MAX {
            true => Read::NeedsMore,
            false => Read::Wrong(HeaderError::Endless),
        };
    };
    let line = window.get(V1.len()..end).unwrap_or(&[]);
    let len = end + 2;
    match addresses(line) {
        Ok(addresses) => Read::Header(ProxyHeader { len, addresses }),
        Err(what) => Read::Wrong(HeaderError::Word(what)),
    }
}

/// What stands behind `PROXY `.
fn addresses(line: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "bytes that are no text")?;
    let mut words = line.split(' ');
    let family = words.next().unwrap_or_default();
    let ip = |word: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            _ => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        }
    };
    let port = |word: &str| {
        let is_plain =
            word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
        word.parse::<u16>().ok().filter(|_| is_plain)
    };
    match family {
        "UNKNOWN" => return Ok(None),
        "TCP4" | "TCP6" => {}
        _ => return Err("neither TCP4, TCP6 nor UNKNOWN"),
    }
    let [Some(from), Some(to), Some(from_port), Some(to_port), None] =
        [(); 5].map(|()| words.next())
    else {
        return Err("not two addresses and two ports");
    };
    let from_ip = ip(from).ok_or("a source that is no address of its family")?;
    let to_ip = ip(to).ok_or("a destination that is no address of its family")?;
    let from_port = port(from_port).ok_or("a source port that is no port")?;
    let to_port = port(to_port).ok_or("a destination port that is no port")?;
    Ok(Some((SocketAddr::new(from_ip, from_port), SocketAddr::new(to_ip, to_port))))
}

fn version_2(bytes: &[u8], len_max: usize) -> Read {
    let fixed = |at: usize| bytes.get(V2.len() + at).copied();
    let Some(command) = fixed(0) else { return Read::NeedsMore };
    if command >> 4 != 2 {
        return Read::Wrong(HeaderError::Version(command >> 4));
    }
    if command & 0xf > 1 {
        return Read::Wrong(HeaderError::Command(command & 0xf));
    }
    let is_local = command & 0xf == 0;
    let Some(family) = fixed(1) else { return Read::NeedsMore };
    if family >> 4 > 3 || family & 0xf > 2 {
        return Read::Wrong(HeaderError::Family(family));
    }
    let (Some(high), Some(low)) = (fixed(2), fixed(3)) else { return Read::NeedsMore };
    let rest_len = usize::from(u16::from_be_bytes([high, low]));
    let len = V2_FIXED + rest_len;
    let needed = match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    };
    if !is_local && rest_len < needed {
        return Read::Wrong(HeaderError::Short { len: rest_len, needed });
    }
    if len > len_max {
        return Read::Wrong(HeaderError::TooLong { len, max: len_max });
    }
    let Some(rest) = bytes.get(V2_FIXED..len) else { return Read::NeedsMore };
    let addresses = if is_local || family & 0xf != 1 { None } else { binary(family >> 4, rest) };
    Read::Header(ProxyHeader { len, addresses })
}

fn binary(family: u8, rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let part = |at: usize, len: usize| rest.get(at..at + len);
    let port = |at: usize| Some(u16::from_be_bytes(part(at, 2)?.try_into().ok()?));
    let (from, to, from_port, to_port): (IpAddr, IpAddr, _, _) = match family {
        1 => {
            let ip = |at| Some(IpAddr::from(<[u8; 4]>::try_from(part(at, 4)?).ok()?));
            (ip(0)?, ip(4)?, port(8)?, port(10)?)
        }
        2 => {
            let ip = |at| Some(IpAddr::from(<[u8; 16]>::try_from(part(at, 16)?).ok()?));
            (ip(0)?, ip(16)?, port(32)?, port(34)?)
        }
        _ => return None,
    };
    Some((SocketAddr::new(from, from_port), SocketAddr::new(to, to_port)))
}

impl ProxyHeader {
    /// A header of version 1 or 2 for a connection, as a server behind midwire takes it. Addresses of
    /// two families are told as IPv6.
    #[must_use]
    pub fn write(is_binary: bool, from: SocketAddr, to: SocketAddr) -> BytesMut {
        let mut out = BytesMut::new();
        let pair = match (from.ip().to_canonical(), to.ip().to_canonical()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Ok((from, to)),
            (from, to) => Err((wide(from), wide(to))),
        };
        if !is_binary {
            let (family, from_ip, to_ip) = match pair {
                Ok((from, to)) => ("TCP4", from.to_string(), to.to_string()),
                Err((from, to)) => ("TCP6", from.to_string(), to.to_string()),
            };
            let (from, to) = (from.port(), to.port());
            out.put_slice(format!("PROXY {family} {from_ip} {to_ip} {from} {to}\r\n").as_bytes());
            return out;
        }
        out.put_slice(V2);
        out.put_u8(0x21);
        match pair {
            Ok((from, to)) => {
                out.put_slice(&[0x11, 0, 12]);
                out.put_slice(&from.octets());
                out.put_slice(&to.octets());
            }
            Err((from, to)) => {
                out.put_slice(&[0x21, 0, 36]);
                out.put_slice(&from.octets());
                out.put_slice(&to.octets());
            }
        }
        out.put_u16(from.port());
        out.put_u16(to.port());
        out
    }
}

fn wide(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
