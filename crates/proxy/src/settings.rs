//! Limits and choices by name: `--set NAME=VALUE`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use midwire_definition::diagnostics::suggest;
use midwire_session::OnLostFraming;

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
    /// `sessions_per_client_max`: sessions at once from one address; zero: as many as there may be at all.
    pub(crate) sessions_per_client_max: usize,
    /// `handshake_timeout`: how long it may take until a client of a protocol with packets has begun to
    /// talk; zero: for ever.
    pub(crate) handshake_timeout: Duration,
    /// `idle_timeout`: how long nothing may come from either side; zero: for ever.
    pub(crate) idle_timeout: Duration,
    /// `dns`: the name server that is asked for SRV records, instead of those of the system.
    pub(crate) dns: Option<SocketAddr>,
    /// `dns_timeout`: how long the name servers may take to say an SRV record.
    pub(crate) dns_timeout: Duration,
    /// `close_wait`: how long what is left may take to be written when the program ends.
    pub(crate) close_wait: Duration,
    /// `events_max`: bytes of packets that wait to be shown.
    pub(crate) events_max: usize,
    /// `join`: whether the connections of a session are joined when nothing needs its frames any more.
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
            sessions_per_client_max: 0,
            handshake_timeout: Duration::from_secs(30),
            idle_timeout: Duration::ZERO,
            close_wait: Duration::from_secs(3),
            events_max: 32 << 20,
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
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) relay: RelayLimits,
    pub(crate) session: midwire_session::Limits,
    pub(crate) definition: midwire_definition::Limits,
    pub(crate) on_lost_framing: OnLostFraming,
}

/// Each name, and what it is for.
const NAMES: &[(&str, &str)] = &[
    ("sessions_max", "sessions at once"),
    ("write_max", "bytes that wait to be written to one side"),
    ("connect_timeout", "milliseconds that the server may take to answer"),
    ("sessions_per_client_max", "sessions at once from one address; 0: no limit of their own"),
    ("handshake_timeout", "milliseconds until a client must have begun to talk; 0: for ever"),
    ("idle_timeout", "milliseconds in which nothing may come from either side; 0: for ever"),
    ("close_wait", "milliseconds that sessions may take to end on ctrl-c"),
    ("events_max", "bytes of packets that wait to be shown"),
    (
        "join",
        "auto or never: pass on what nothing needs to look at without cutting it into packets",
    ),
    ("dns", "ADDRESS or ADDRESS:PORT of the name server that is asked for SRV records"),
    ("dns_timeout", "milliseconds that name servers may take to say an SRV record"),
    ("probe", "on or off: look at the start whether the server is there"),
    ("farewell", "on or off: tell a client why it cannot be served, in its game's own words"),
    ("farewell_wait", "milliseconds that a client may take to be told so, and to go"),
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

impl Settings {
    /// The defaults with what was typed on top.
    pub(crate) fn from_args(args: &[String]) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        for arg in args {
            let Some((name, value)) = arg.split_once('=') else {
                return Err(usage(format!("--set {arg}: write it as NAME=VALUE")));
            };
            settings.set(name.trim(), value.trim())?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        let number = || -> anyhow::Result<u32> {
            let digits: String = value.chars().filter(|c| *c != '_').collect();
            digits.parse().map_err(|_| {
                usage(format!("--set {name}={value}: it takes a number from 0 to {}", u32::MAX))
            })
        };
        let millis = || number().map(|n| Duration::from_millis(n.into()));
        let bytes = || number().map(|n| n as usize);
        let switch = || match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(usage(format!("--set {name}={value}: it takes on or off"))),
        };
        match name {
            "sessions_max" => self.relay.sessions_max = bytes()?,
            "write_max" => self.relay.write_max = bytes()?.max(1),
            "connect_timeout" => self.relay.connect_timeout = millis()?,
            "sessions_per_client_max" => self.relay.sessions_per_client_max = bytes()?,
            "handshake_timeout" => self.relay.handshake_timeout = millis()?,
            "idle_timeout" => self.relay.idle_timeout = millis()?,
            "close_wait" => self.relay.close_wait = millis()?,
            "events_max" => self.relay.events_max = bytes()?.max(1),
            "join" => {
                self.relay.joins = match value {
                    "auto" => true,
                    "never" => false,
                    _ => {
                        return Err(usage(format!("--set {name}={value}: it takes auto or never")));
                    }
                };
            }
            "dns" => {
                let address = value.parse().ok();
                let alone = || value.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53));
                let address = address.or_else(alone).ok_or_else(|| {
                    usage(format!("--set {name}={value}: it takes ADDRESS or ADDRESS:PORT"))
                })?;
                self.relay.dns = Some(address);
            }
            "dns_timeout" => self.relay.dns_timeout = millis()?,
            "probe" => self.relay.probe = switch()?,
            "farewell" => self.relay.farewell = switch()?,
            "farewell_wait" => self.relay.farewell_wait = millis()?,
            "on_lost_framing" => {
                self.on_lost_framing = match value {
                    "relay" => OnLostFraming::Relay,
                    "close" => OnLostFraming::Close,
                    _ => {
                        return Err(usage(format!(
                            "--set {name}={value}: it takes relay or close"
                        )));
                    }
                };
            }
            "buffer_max" => self.session.buffer_max = bytes()?.max(1),
            "frame_length_max" => self.session.frame_length_max = Some(bytes()?),
            "in_flight_max" => self.session.in_flight_max = number()?,
            "packet_length_max" => self.session.packet_length_max = bytes()?,
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
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn unknown(name: &str) -> anyhow::Error {
    let hint = suggest(name, NAMES.iter().map(|(known, _)| *known))
        .map_or(String::new(), |near| format!("; did you mean {near}?"));
    let list: String = NAMES.iter().map(|(name, what)| format!("\n  {name:<23} {what}")).collect();
    usage(format!("there is no setting {name}{hint}{list}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(args: &[&str]) -> anyhow::Result<Settings> {
        Settings::from_args(&args.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_listed_name_can_be_set() {
        for (name, _) in NAMES {
            let value = match *name {
                "on_lost_framing" => "close",
                "join" => "never",
                "farewell" | "probe" => "off",
                "dns" => "127.0.0.1:5353",
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
