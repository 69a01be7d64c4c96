//! Addresses as people write them.

use std::net::{Ipv4Addr, SocketAddr};

use midwire_definition::escape::is_unsafe;

use crate::relay::{Target, service};

/// A server: `HOST`, `HOST:PORT`, `ADDRESS`, `[V6]`, `[V6]:PORT`. The error is what is wrong with it.
pub(crate) fn target(text: &str, usual: Option<u16>, protocol: &str) -> Result<Target, String> {
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("`]` is missing")?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':').ok_or("after `]` comes `:PORT`")?),
            };
            (host, port)
        }
        // Two colons and no brackets: an IPv6 address alone.
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || is_unsafe(c)) {
        return Err("that is no host name or address; write HOST or HOST:PORT".to_owned());
    }
    let is_name = host.parse::<std::net::IpAddr>().is_err() && host.contains('.');
    let service = service(protocol).filter(|_| is_name && port.is_none());
    let port = match (port, usual) {
        (Some(port), _) => match port.parse() {
            Ok(0) | Err(_) => return Err(format!("{port} is no port (1 to 65535)")),
            Ok(port) => port,
        },
        (None, Some(port)) => port,
        (None, None) => return Err(format!("{protocol} has no usual port; write HOST:PORT")),
    };
    Ok(Target { host: host.into(), port, service })
}

/// Where to listen: `ADDRESS:PORT`, or a port alone, which is one of this machine only.
pub(crate) fn listen_address(text: &str) -> Option<SocketAddr> {
    let port_alone = || text.trim_start_matches(':').parse().ok();
    text.parse()
        .ok()
        .or_else(|| port_alone().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_name_or_an_address_with_a_port() {
        let target = |text| target(text, None, "raw").map(|t| (t.host.to_string(), t.port));
        assert_eq!(target("play.example.org:7").unwrap(), ("play.example.org".into(), 7));
        assert_eq!(target("[::1]:7").unwrap(), ("::1".into(), 7));
        for wrong in ["", ":7", "a b:7", "host:0", "host:70000", "host:x", "[::1", "[::1]7", "::1"]
        {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_port_alone_listens_on_loopback() {
        let listen = |text| listen_address(text).map(|a| a.to_string());
        assert_eq!(listen("4000").as_deref(), Some("127.0.0.1:4000"));
        assert_eq!(listen(":4000").as_deref(), Some("127.0.0.1:4000"));
        assert_eq!(listen("0.0.0.0:1").as_deref(), Some("0.0.0.0:1"));
        assert_eq!(listen("nowhere"), None);
    }
}
