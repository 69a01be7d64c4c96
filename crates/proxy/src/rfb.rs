//! What `midwire proxy rfb` takes: servers, displays and passwords.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

use midwire_rfb::{Limits, PASSWORD_LEN, Password};

use crate::args;
use crate::error::{say, usage};
use crate::relay::{Attempts, RfbServer, RfbService, Route, Service, Waits};
use crate::secret::Secret;
use crate::settings::RelayLimits;

/// What the protocol is called.
pub(crate) const NAME: &str = "rfb";
/// What most people call it.
const OTHER_NAME: &str = "vnc";
/// The state of its definition that sessions begin in once both sides are authenticated.
pub(crate) const START: &str = "init";

/// Where displays begin: display 1 is port 5901.
const DISPLAYS: u16 = 5900;
/// Numbers from here on are ports, as viewers take them.
const PORTS: u16 = 100;

/// The variable with the password that clients have to give.
const CLIENT_VARIABLE: &str = "MIDWIRE_CLIENT_PASSWORD";
/// The variable with the password that the server wants.
const SERVER_VARIABLE: &str = "MIDWIRE_SERVER_PASSWORD";

/// The name of a protocol, which may be another for RFB.
pub(crate) fn canonical(name: &str) -> &str {
    if name.eq_ignore_ascii_case(OTHER_NAME) { NAME } else { name }
}

/// Refuses displays where what was typed is to hold ports.
pub(crate) fn check_displays(to: Option<&str>, listen: Option<&str>) -> anyhow::Result<()> {
    for (flag, text) in [("--to", to), ("--listen", listen)] {
        let Some(text) = text else { continue };
        check_display(text, flag == "--listen")
            .map_err(|what| usage(format!("{flag} {text}: {what}")))?;
    }
    Ok(())
}

/// Refuses a display where a port belongs, and a port as viewers write it. The error is what is wrong.
pub(crate) fn check_display(address: &str, to_listen: bool) -> Result<(), String> {
    let address = address.trim();
    let is_v6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    if is_v6(address) {
        return Ok(());
    }
    if let Some((host, port)) = address.split_once("::")
        && !address.starts_with('[')
    {
        return Err(format!("did you mean port {port}, {host}:{port}?"));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (format!("{host}:"), port),
        None => (String::new(), address),
    };
    let Ok(port) = port.parse::<u16>() else { return Ok(()) };
    // Port 0 to listen on is any free one.
    if port >= PORTS || port == 0 && to_listen {
        return Ok(());
    }
    let display = DISPLAYS + port;
    Err(format!("did you mean display {port}, port {display}? write {host}{display}"))
}

/// An address as it is typed into a viewer.
pub(crate) fn display(address: &str, port: u16) -> String {
    let Some(host) = address.strip_suffix(&format!(":{port}")) else {
        return address.to_owned();
    };
    match port.checked_sub(DISPLAYS) {
        Some(display @ 0..PORTS) => format!("{host}:{display}"),
        _ => format!("{host}::{port}"),
    }
}

/// The passwords of a server that was typed.
#[derive(Debug)]
pub(crate) struct Passwords {
    client: Option<Password>,
    server: Option<Password>,
}

impl Passwords {
    /// Those that were given by files and in the environment; none where the protocol has none.
    pub(crate) fn given(args: &args::Proxy, is_rfb: bool) -> anyhow::Result<Option<Self>> {
        let files = [&args.client_password_file, &args.server_password_file];
        if !is_rfb {
            return match files.iter().any(|file| file.is_some()) {
                true => Err(usage("passwords are for protocol rfb")),
                false => Ok(None),
            };
        }
        let one = |file: &Option<std::path::PathBuf>, variable: &str| {
            let secret = match (file, std::env::var_os(variable)) {
                (Some(file), _) => Secret::from_file(file)?,
                (None, Some(value)) => Secret::from_variable(variable, &value)?,
                (None, None) => return Ok(None),
            };
            for warning in &secret.warnings {
                say(&format!("warning: {warning}"));
            }
            anyhow::Ok(Some(secret.password))
        };
        let [client, server] = files;
        let (client, server) = (one(client, CLIENT_VARIABLE)?, one(server, SERVER_VARIABLE)?);
        Ok(Some(Self { client, server }))
    }

    /// What is done with clients of an address.
    pub(crate) fn service(
        self,
        route: Arc<Route>,
        listen: SocketAddr,
        limits: &RelayLimits,
    ) -> anyhow::Result<Service> {
        let Self { client, server } = self;
        let server = RfbServer { route, client_password: client, server_password: server };
        service(vec![server], listen, limits).map_err(|wrong| {
            usage(format!(
                "{wrong}: give the password that clients need with --client-password-file or in \
                 {CLIENT_VARIABLE}, or listen on 127.0.0.1"
            ))
        })
    }
}

/// Why servers cannot be offered to clients: somebody could come in who should not, or could not get to one.
/// Servers are named by their places.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("of several servers the client's password says which is meant, and {to} has none")]
    NoPassword { server: usize, to: String },
    #[error("whoever reaches {listen} could use {to}")]
    Open { listen: SocketAddr, to: String },
    #[error(
        "{to} has the client's password of {first}, as far as VNC looks at it: its first {PASSWORD_LEN} \
         bytes say which server is meant"
    )]
    Same { server: usize, first: String, to: String },
}

/// What is done with clients of an address that lead to one of these servers.
pub(crate) fn service(
    servers: Vec<RfbServer>,
    listen: SocketAddr,
    limits: &RelayLimits,
) -> Result<Service, Unfit> {
    for (place, server) in servers.iter().enumerate() {
        let to = || server.route.to.to_string();
        let Some(password) = &server.client_password else {
            if servers.len() > 1 {
                return Err(Unfit::NoPassword { server: place, to: to() });
            }
            if !listen.ip().is_loopback() {
                return Err(Unfit::Open { listen, to: to() });
            }
            continue;
        };
        let same = |other: &&RfbServer| {
            other.client_password.as_ref().is_some_and(|other| other.answers_like(password))
        };
        if let Some(first) = servers.iter().take(place).find(same) {
            let first = first.route.to.to_string();
            return Err(Unfit::Same { server: place, first, to: to() });
        }
    }
    Ok(Service::Rfb(Box::new(RfbService {
        servers,
        attempts: Attempts::new(limits.auth_attempts_max, limits.auth_window),
        waits: Waits { handshake: limits.handshake_timeout, password: limits.password_timeout },
        limits: Limits { reason_length_max: limits.reason_length_max },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str) -> String {
        check_display(address, false).err().unwrap_or_default()
    }

    #[test]
    fn a_display_is_no_port() {
        assert_eq!(told("studio:1"), "did you mean display 1, port 5901? write studio:5901");
        assert_eq!(told("[::1]:99"), "did you mean display 99, port 5999? write [::1]:5999");
        assert!(told("studio:0").contains("display 0, port 5900"));
        assert_eq!(told("studio::5901"), "did you mean port 5901, studio:5901?");
        for right in ["studio", "studio:100", "studio:5901", "::1", "[::1]", "[::1]:5901", "a:b"] {
            assert_eq!(told(right), "", "{right}");
        }
        assert!(check_display("127.0.0.1:0", true).is_ok());
        assert!(check_display("1", true).is_err());
    }

    #[test]
    fn viewers_are_told_displays() {
        assert_eq!(display("127.0.0.1", 5900), "127.0.0.1");
        assert_eq!(display("127.0.0.1:5901", 5901), "127.0.0.1:1");
        assert_eq!(display("[::1]:7000", 7000), "[::1]::7000");
    }
}
