//! Limits and choices by name: `--set NAME=VALUE`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use midwire_definition::diagnostics::suggest;
use midwire_session::{Encryption, HostRewrite, OnLostFraming};

use crate::encryption::Reads;
use crate::error::usage;

/// Limits of the relay itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelayLimits {
    /// `sessions_max`: sessions at once; further clients are turned away.
    pub(crate) sessions_max: usize,
    /// `write_max`: bytes that wait to be written to one side; while there are more, what feeds it is
    /// not read.
    pub(crate) write_max: usize,
    /// `connect_timeout`: how long the server may take to answer.
    pub(crate) connect_timeout: Duration,
    /// `handshake_timeout`: how long a client may take to begin to talk, a game's server to answer for
    /// the first time, and a peer for its part of a handshake; zero: for ever.
    pub(crate) handshake_timeout: Duration,
    /// `password_timeout`: how long a VNC client may take for its password, which people type; zero: for
    /// ever.
    pub(crate) password_timeout: Duration,
    /// `sessions_per_client_max`: sessions at once from one address; zero: as many as there may be at all.
    pub(crate) sessions_per_client_max: usize,
    /// `idle_timeout`: how long nothing may come from either side; zero: for ever.
    pub(crate) idle_timeout: Duration,
    /// `dns`: the name server that is asked for SRV records, instead of those of the system.
    pub(crate) dns: Option<SocketAddr>,
    /// `dns_timeout`: how long the name servers may take to say an SRV record.
    pub(crate) dns_timeout: Duration,
    /// `auth_attempts_max`: wrong passwords of one client address within `auth_window`.
    pub(crate) auth_attempts_max: usize,
    /// `auth_window`: how long a wrong password counts.
    pub(crate) auth_window: Duration,
    /// `reason_length_max`: bytes of a server's reason for a refusal that are read.
    pub(crate) reason_length_max: usize,
    /// `close_wait`: how long what is left may take to be written when the program ends.
    pub(crate) close_wait: Duration,
    /// `events_max`: bytes of packets that wait to be shown.
    pub(crate) events_max: usize,
    /// `record_max`: bytes of packets that wait to be recorded.
    pub(crate) record_max: usize,
    /// `sniff_max`: bytes of a client that are looked at to choose its route.
    pub(crate) sniff_max: usize,
    /// `sniff_wait`: how long a client's route is waited for; then the route for all others is taken.
    pub(crate) sniff_wait: Duration,
    /// `partial_wait`: how long the beginning of a hand-over's pattern is held back.
    pub(crate) partial_wait: Duration,
    /// `drain_wait`: how long the server before a hand-over may take to end.
    pub(crate) drain_wait: Duration,
    /// `join`: whether the connections of a session are joined when nothing needs its frames any more: no
    /// view, no rule, no state that may still change, no farewell that may have to go between them.
    pub(crate) joins: bool,
    /// `probe`: whether servers are looked for when midwire starts.
    pub(crate) probe: bool,
    /// `farewell`: whether a client is told why it cannot be served, in its game's own words.
    pub(crate) farewell: bool,
    /// `farewell_wait`: how long a client that is told so may take to listen and go.
    pub(crate) farewell_wait: Duration,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            sessions_max: 4096,
            write_max: 256 << 10,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(30),
            password_timeout: Duration::from_secs(120),
            sessions_per_client_max: 0,
            idle_timeout: Duration::ZERO,
            auth_attempts_max: 10,
            auth_window: Duration::from_secs(60),
            reason_length_max: 1024,
            close_wait: Duration::from_secs(3),
            events_max: 32 << 20,
            record_max: 64 << 20,
            sniff_max: 16 << 10,
            sniff_wait: Duration::from_secs(1),
            partial_wait: Duration::from_millis(20),
            drain_wait: Duration::from_secs(2),
            joins: true,
            dns: None,
            dns_timeout: Duration::from_secs(2),
            probe: true,
            farewell: true,
            farewell_wait: Duration::from_secs(5),
        }
    }
}

/// All that `--set` can set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) relay: RelayLimits,
    #[cfg(feature = "online-auth")]
    pub(crate) account: crate::account::AccountSettings,
    pub(crate) session: midwire_session::Limits,
    pub(crate) definition: midwire_definition::Limits,
    pub(crate) on_lost_framing: OnLostFraming,
    /// `transfer`: where a server that sends its client elsewhere sends it.
    pub(crate) transfer: Option<HostRewrite>,
    /// `encryption`: which encrypted sessions are read.
    pub(crate) encryption: Reads,
    /// An account joins for midwire where a server asks who the client is.
    pub(crate) has_account: bool,
}

/// Each name, and what it is for.
const NAMES: &[(&str, &str)] = &[
    ("sessions_max", "sessions at once"),
    ("write_max", "bytes that wait to be written to one side"),
    ("connect_timeout", "milliseconds that the server may take to answer"),
    (
        "handshake_timeout",
        "milliseconds for a client to begin to talk, its server to answer, and a handshake; 0: for ever",
    ),
    ("password_timeout", "milliseconds that a VNC client may take for its password; 0: for ever"),
    ("sessions_per_client_max", "sessions at once from one address; 0: no limit of their own"),
    ("idle_timeout", "milliseconds in which nothing may come from either side; 0: for ever"),
    ("auth_attempts_max", "wrong passwords of a client's address within auth_window"),
    ("auth_window", "milliseconds that a wrong password counts"),
    ("reason_length_max", "bytes of a server's reason for a refusal"),
    ("close_wait", "milliseconds that sessions may take to end on ctrl-c"),
    ("events_max", "bytes of packets that wait to be shown"),
    ("record_max", "bytes of packets that wait to be recorded"),
    ("sniff_max", "bytes of a client that are looked at to choose its route"),
    ("sniff_wait", "milliseconds to wait for them; a server that speaks first is connected then"),
    ("partial_wait", "milliseconds that the beginning of a hand-over's pattern is held back"),
    ("drain_wait", "milliseconds that the server before a hand-over may take to end"),
    (
        "join",
        "auto or never: pass on without looking what nothing needs cut into packets, no farewell either",
    ),
    ("dns", "ADDRESS or ADDRESS:PORT of the name server that is asked for SRV records"),
    ("dns_timeout", "milliseconds that name servers may take to say an SRV record"),
    ("probe", "on or off: look at the start whether the server is there"),
    ("farewell", "on or off: tell a client why it cannot be served, in its game's own words"),
    ("farewell_wait", "milliseconds that a client may take to be told so, and to go"),
    (
        "transfer",
        "HOST:PORT that clients go to where the server sends them elsewhere; keep: where it says",
    ),
    (
        "encryption",
        "auto, pass or read: which encrypted sessions are read; --encryption says the same",
    ),
    ("on_lost_framing", "relay or close: what to do when nothing says where the next frame starts"),
    ("buffer_max", "bytes of one direction that are held back"),
    ("frame_length_max", "the most that a frame's length may say"),
    ("in_flight_max", "frames that are tried in the old and in the new form"),
    ("packet_length_max", "bytes of one packet of a protocol without frames"),
    ("packet_wait", "milliseconds to wait for the rest of a packet that a rule may change"),
    ("legacy_wait", "milliseconds to wait before bytes are taken for a legacy ping"),
    ("inflate_max", "bytes that one compressed payload or block may become"),
    ("depth_max", "layouts inside each other"),
    ("elements_max", "elements of one array"),
    ("nbt_depth_max", "NBT lists and compounds inside each other"),
];

/// The names about accounts, if they are built in.
fn account_names() -> impl Iterator<Item = (&'static str, &'static str)> + Clone {
    #[cfg(feature = "online-auth")]
    return crate::account::settings::NAMES.into_iter();
    #[cfg(not(feature = "online-auth"))]
    std::iter::empty()
}

/// Why something was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSet {
    /// No setting is called so.
    Unknown,
    /// It takes this, and nothing else.
    Takes(&'static str),
}

impl Settings {
    /// The defaults with what was typed on top.
    pub(crate) fn from_args(args: &[String]) -> anyhow::Result<Self> {
        Self::default().with_args(args)
    }

    /// These with what was typed on top.
    pub(crate) fn with_args(mut self, args: &[String]) -> anyhow::Result<Self> {
        for arg in args {
            let Some((name, value)) = arg.split_once('=') else {
                return Err(usage(format!("--set {arg}: write it as NAME=VALUE")));
            };
            let (name, value) = (name.trim(), value.trim());
            self.set(name, value).map_err(|not_set| match not_set {
                NotSet::Unknown => unknown(name),
                NotSet::Takes(what) => usage(format!("--set {name}={value}: it takes {what}")),
            })?;
        }
        Ok(self)
    }

    /// How sessions treat logins that ask for encryption.
    pub(crate) fn encryption(&self) -> Option<Encryption> {
        self.encryption.options(self.has_account)
    }

    /// The names that there are.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().copied().chain(account_names()).map(|(name, _)| name)
    }

    /// Sets one by its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), NotSet> {
        let number = || -> Result<u32, NotSet> {
            let digits: String = value.chars().filter(|c| *c != '_').collect();
            digits.parse().map_err(|_| NotSet::Takes("a number from 0 to 4294967295"))
        };
        let millis = || number().map(|n| Duration::from_millis(n.into()));
        let bytes = || number().map(|n| n as usize);
        let switch = || match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(NotSet::Takes("on or off")),
        };
        match name {
            "sessions_max" => self.relay.sessions_max = bytes()?,
            "write_max" => self.relay.write_max = bytes()?.max(1),
            "connect_timeout" => self.relay.connect_timeout = millis()?,
            "sessions_per_client_max" => self.relay.sessions_per_client_max = bytes()?,
            "handshake_timeout" => self.relay.handshake_timeout = millis()?,
            "idle_timeout" => self.relay.idle_timeout = millis()?,
            "password_timeout" => self.relay.password_timeout = millis()?,
            "auth_attempts_max" => self.relay.auth_attempts_max = bytes()?,
            "auth_window" => self.relay.auth_window = millis()?,
            "reason_length_max" => self.relay.reason_length_max = bytes()?,
            "close_wait" => self.relay.close_wait = millis()?,
            "events_max" => self.relay.events_max = bytes()?.max(1),
            "record_max" => self.relay.record_max = bytes()?.max(1),
            "join" => {
                self.relay.joins = match value {
                    "auto" => true,
                    "never" => false,
                    _ => return Err(NotSet::Takes("auto or never")),
                };
            }
            "dns" => {
                let address = value.parse().ok();
                let alone = || value.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53));
                let address =
                    address.or_else(alone).ok_or(NotSet::Takes("ADDRESS or ADDRESS:PORT"))?;
                self.relay.dns = Some(address);
            }
            "dns_timeout" => self.relay.dns_timeout = millis()?,
            "probe" => self.relay.probe = switch()?,
            "farewell" => self.relay.farewell = switch()?,
            "farewell_wait" => self.relay.farewell_wait = millis()?,
            "transfer" => {
                self.transfer = match value {
                    "keep" => None,
                    address => Some(transfer(address)?),
                };
            }
            "encryption" => {
                self.encryption = Reads::named(value).ok_or(NotSet::Takes("auto, pass or read"))?;
            }
            "on_lost_framing" => {
                self.on_lost_framing = match value {
                    "relay" => OnLostFraming::Relay,
                    "close" => OnLostFraming::Close,
                    _ => return Err(NotSet::Takes("relay or close")),
                };
            }
            "buffer_max" => self.session.buffer_max = bytes()?.max(1),
            "frame_length_max" => self.session.frame_length_max = Some(bytes()?),
            "in_flight_max" => self.session.in_flight_max = number()?,
            "packet_length_max" => self.session.packet_length_max = Some(bytes()?),
            "packet_wait" => self.session.packet_wait = millis()?,
            "legacy_wait" => self.session.legacy_wait = millis()?,
            "inflate_max" => {
                self.session.inflate_max = bytes()?;
                self.definition.inflate_max = number()?;
            }
            // Deeper than this the stack would decide.
            "depth_max" => self.definition.depth_max = number()?.min(1_000),
            "elements_max" => self.definition.elements_max = number()?,
            "nbt_depth_max" => self.definition.nbt_depth_max = number()?.min(4_000),
            "sniff_max" => self.relay.sniff_max = bytes()?,
            "sniff_wait" => self.relay.sniff_wait = millis()?,
            "partial_wait" => self.relay.partial_wait = millis()?,
            "drain_wait" => self.relay.drain_wait = millis()?,
            #[cfg(feature = "online-auth")]
            _ => self.account.set(name, value)?,
            #[cfg(not(feature = "online-auth"))]
            _ => return Err(NotSet::Unknown),
        }
        Ok(())
    }
}

/// An address that a client is told.
fn transfer(address: &str) -> Result<HostRewrite, NotSet> {
    let takes = || NotSet::Takes("HOST:PORT, or keep; an IPv6 address stands in brackets");
    let (host, port) = address.rsplit_once(':').ok_or_else(takes)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(takes)?;
    let within = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match within {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok() || is_name(host),
    };
    if !is_host {
        return Err(takes());
    }
    Ok(HostRewrite { host: within.unwrap_or(host).into(), port })
}

/// Whether it is a name as the domain name system has them, and no number.
fn is_name(host: &str) -> bool {
    const NAME_MAX: usize = 253;
    const LABEL_MAX: usize = 63;
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_number =
        name.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    name.len() <= NAME_MAX && !is_number && name.split('.').all(is_label)
}

fn unknown(name: &str) -> anyhow::Error {
    #[cfg(not(feature = "online-auth"))]
    if name.starts_with("account_") || name == "client_check" {
        return usage(format!("--set {name}: {}", crate::account::NOT_BUILT));
    }
    let hint = suggest(name, Settings::names())
        .map_or(String::new(), |near| format!("; did you mean {near}?"));
    let names = NAMES.iter().copied().chain(account_names());
    let list: String = names.map(|(name, what)| format!("\n  {name:<23} {what}")).collect();
    usage(format!("there is no setting {name}{hint}{list}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(args: &[&str]) -> anyhow::Result<Settings> {
        Settings::from_args(&args.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_transfer_goes_to_an_address_with_a_port() {
        let host = |text: &str| {
            let settings = set(&[&format!("transfer={text}")]).ok()?;
            settings.transfer.map(|to| format!("{} {}", to.host, to.port))
        };
        for (text, wanted) in [
            ("localhost:25566", "localhost 25566"),
            ("play.example.org.:1", "play.example.org. 1"),
            ("10.0.0.1:2", "10.0.0.1 2"),
            ("[::1]:3", "::1 3"),
        ] {
            assert_eq!(host(text).as_deref(), Some(wanted));
        }
        for text in [
            "",
            ":1",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:x",
            "a b:1",
            "http://host:1",
            "-x:1",
            "a..b:1",
            "::1:3",
            "[::1:3",
            "::1]:3",
            "[host]:3",
            "[]:3",
            "300.1.1.1:4",
            "12:4",
            "!:1",
            "me@host:1",
            &format!("{}:1", "a".repeat(64)),
            &format!("{}:1", "abc.".repeat(64)),
        ] {
            assert_eq!(host(text), None, "{text}");
        }
        let refused = set(&["transfer=nowhere"]).unwrap_err().to_string();
        assert!(refused.contains("HOST:PORT, or keep"), "{refused}");
    }

    #[test]
    fn every_listed_name_can_be_set() {
        for name in Settings::names() {
            let value = match name {
                "on_lost_framing" => "close",
                "join" => "never",
                "transfer" => "localhost:25566",
                "encryption" => "read",
                "farewell" | "probe" => "off",
                "dns" => "127.0.0.1:5353",
                "client_check" => "none",
                _ if name.starts_with("account_url_") => "https://example.org/",
                _ => "77",
            };
            set(&[&format!("{name}={value}")]).unwrap();
        }
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest_and_lists_all() {
        let error = set(&["session_max=3"]).unwrap_err().to_string();
        assert!(error.contains("did you mean sessions_max?"), "{error}");
        assert!(error.contains("connect_timeout"), "{error}");
    }

    #[test]
    fn a_value_that_is_no_number_is_refused() {
        assert!(set(&["write_max=many"]).is_err());
        assert!(set(&["on_lost_framing=perhaps"]).is_err());
        assert!(set(&["write_max"]).is_err());
        assert_eq!(set(&["write_max=1_000"]).unwrap().relay.write_max, 1000);
    }
}
