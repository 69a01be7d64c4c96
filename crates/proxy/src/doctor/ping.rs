//! Asking a server what it is, as its game would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use midwire_definition::{Given, Protocol, Workspace, chat, given, json};
use midwire_session::Direction;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Wanted;
use super::report::Finding;
use crate::encode;
use crate::relay::Target;
use crate::wire_id;

/// The most that a server's answer may be: with an icon it is some 30 KiB.
const ANSWER_MAX: usize = 1 << 20;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Game {
    Minecraft,
    Terraria,
    Rfb,
    /// Nothing is known that could be asked.
    Other,
}

/// What a server answered.
pub(super) enum Answer {
    /// It is the game.
    Game(Finding),
    /// It is not, or did not answer.
    None,
    /// There is nothing to ask.
    NotAsked,
}

/// Asks the server at an address.
pub(super) async fn ping(wanted: &Wanted, target: &Target, at: SocketAddr) -> Answer {
    let found = match wanted.game {
        Game::Minecraft => minecraft(&wanted.protocol, target, at).await,
        Game::Terraria => terraria(&wanted.protocol, at).await,
        Game::Rfb => rfb(at).await,
        Game::Other => return Answer::NotAsked,
    };
    found.map_or(Answer::None, Answer::Game)
}

/// A connection that speaks in packets, as the newest version has them.
struct Talk<'a> {
    stream: TcpStream,
    protocol: &'a Protocol,
    state: &'static str,
    bytes: Vec<u8>,
}

impl<'a> Talk<'a> {
    async fn open(protocol: &'a Protocol, state: &'static str, at: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(at).await.ok()?;
        let _ = stream.set_nodelay(true);
        Some(Self { stream, protocol, state, bytes: Vec::new() })
    }

    async fn send(&mut self, name: &str, fields: Vec<(&str, Given)>) -> Option<()> {
        let protocol = self.protocol;
        let state = protocol.state_named(self.state).unwrap_or(protocol.start);
        let dialect = protocol.dialect(protocol.versions.newest());
        let packet = dialect.packet_named(state, Direction::Serverbound, name)?;
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let frame = encode::frame(protocol, packet, Given::Object(fields)).ok()?;
        self.stream.write_all(&frame).await.ok()
    }

    /// The next packet's name and fields.
    async fn receive(&mut self) -> Option<(String, Given)> {
        let protocol = self.protocol;
        let framing = protocol.stack.framing?;
        loop {
            if let Some(frame) = framing.next(&self.bytes).ok()? {
                let payload: Vec<u8> = self.bytes.get(frame.payload.clone())?.to_vec();
                self.bytes.drain(..frame.len);
                return self.read(&payload);
            }
            if self.bytes.len() > ANSWER_MAX {
                return None;
            }
            let mut chunk = [0; 4096];
            let len = self.stream.read(&mut chunk).await.ok().filter(|len| *len > 0)?;
            self.bytes.extend_from_slice(&chunk[..len]);
        }
    }

    fn read(&self, payload: &[u8]) -> Option<(String, Given)> {
        let protocol = self.protocol;
        let state = protocol.state_named(self.state).unwrap_or(protocol.start);
        let (id, body) = wire_id::read(&protocol.stack, state, payload)?;
        let dialect = protocol.dialect(protocol.versions.newest());
        let definition = dialect.packet(state, Direction::Clientbound, id)?;
        let (conn, mut workspace) = (protocol.initial_conn(), Workspace::default());
        let body = u32::try_from(body).ok()?;
        let mut packet = definition.plan.as_ref()?.decode(payload, body, &conn, &mut workspace);
        let mut fields = String::new();
        json::write_fields(&mut packet, &mut fields);
        Some((definition.name.to_string(), given::parse(&fields).ok()?))
    }
}

/// How long an answer to a ping is waited for, once the server has said what it is.
const PONG_WAIT: Duration = Duration::from_secs(1);

async fn minecraft(protocol: &Protocol, target: &Target, at: SocketAddr) -> Option<Finding> {
    let newest = protocol.versions.get(protocol.versions.newest()).number;
    let mut talk = Talk::open(protocol, "handshake", at).await?;
    let handshake = vec![
        ("protocol_version", Given::Int(newest.into())),
        ("server_host", Given::Text(target.host.to_string())),
        ("server_port", Given::Int(at.port().into())),
        ("next_state", Given::Int(1)),
    ];
    talk.send("set_protocol", handshake).await?;
    talk.state = "status";
    talk.send("ping_start", Vec::new()).await?;
    let (_, info) = talk.receive().await?;
    let Given::Text(response) = info.get("response")? else { return None };
    let response = given::parse(response).ok()?;
    let began = Instant::now();
    talk.send("ping", vec![("time", Given::Int(1))]).await?;
    // A server that closes here is one all the same.
    let answered = tokio::time::timeout(PONG_WAIT, talk.receive()).await;
    let latency = answered.ok().flatten().map(|_| began.elapsed());

    let text = |given: Option<&Given>| match given {
        Some(Given::Text(text)) => text.clone(),
        _ => "?".to_owned(),
    };
    let int = |given: Option<&Given>| match given {
        Some(Given::Int(n)) => Some(*n),
        _ => None,
    };
    let (version, players) = (response.get("version"), response.get("players"));
    let name = text(version.and_then(|version| version.get("name")));
    let number = int(version.and_then(|version| version.get("protocol")));
    let online = int(players.and_then(|players| players.get("online")));
    let max = int(players.and_then(|players| players.get("max")));
    let motd = response.get("description").map_or(String::new(), chat::from_component);
    let mut said = format!("Minecraft {name}");
    let finding = |said: String| {
        let mut finding = Finding::good("game", said).with("version", name.clone());
        for (name, number) in [("protocol", number), ("online", online), ("max", max)] {
            if let Some(number) = number {
                finding = finding.with(name, number);
            }
        }
        finding.with("motd", motd.clone())
    };
    if let Some(number) = number {
        said.push_str(&format!(" (protocol {number})"));
        let known = i64::try_from(number).is_ok_and(|n| !protocol.versions.by_number(n).1);
        if !known {
            said.push_str(", which midwire does not know and reads as the nearest below");
        }
    }
    if let (Some(online), Some(max)) = (online, max) {
        said.push_str(&format!(", {online} of {max} players"));
    }
    if !motd.is_empty() {
        said.push_str(&format!(", \"{motd}\""));
    }
    match latency {
        Some(latency) => {
            let millis = latency.as_secs_f64() * 1000.0;
            said.push_str(&format!(", ping {millis:.1} ms"));
            let micros = i128::try_from(latency.as_micros()).unwrap_or(i128::MAX);
            Some(finding(said).with("ping_us", micros))
        }
        None => Some(finding(said)),
    }
}

async fn terraria(protocol: &Protocol, at: SocketAddr) -> Option<Finding> {
    let newest = protocol.versions.get(protocol.versions.newest());
    let mut talk = Talk::open(protocol, "", at).await?;
    let version = Given::Text(format!("Terraria{}", newest.number));
    talk.send("Hello", vec![("version", version)]).await?;
    let (name, fields) = talk.receive().await?;
    let said = match &*name {
        "PlayerInfo" => format!("Terraria {}, which lets players in", newest.key),
        "RequestPassword" => format!("Terraria {}, which asks for a password", newest.key),
        "Kick" => {
            let text = fields.get("reason").and_then(|reason| reason.get("text"));
            match text {
                // The game's own words for a version that is not the server's.
                Some(Given::Text(text)) if text == "LegacyMultiplayer.4" => {
                    format!("Terraria, of another version than {}", newest.key)
                }
                Some(Given::Text(text)) => format!("Terraria, which says \"{text}\""),
                _ => "Terraria".to_owned(),
            }
        }
        _ => return None,
    };
    Some(Finding::good("game", said))
}

async fn rfb(at: SocketAddr) -> Option<Finding> {
    let mut stream = TcpStream::connect(at).await.ok()?;
    let mut banner = [0; 12];
    stream.read_exact(&mut banner).await.ok()?;
    let version = std::str::from_utf8(&banner).ok()?.strip_prefix("RFB ")?.trim_end().to_owned();
    // What a viewer may answer is one of three.
    let answer = match &*version {
        "003.008" => "003.008",
        "003.007" => "003.007",
        _ => "003.003",
    };
    stream.write_all(format!("RFB {answer}\n").as_bytes()).await.ok()?;
    let types = match answer {
        "003.003" => vec![stream.read_u32().await.ok()?],
        _ => {
            let count = stream.read_u8().await.ok()?;
            let mut types = vec![0; count.into()];
            stream.read_exact(&mut types).await.ok()?;
            types.into_iter().map(u32::from).collect()
        }
    };
    let name = |number: &u32| match number {
        0 => "refused".to_owned(),
        1 => "none".to_owned(),
        2 => "password".to_owned(),
        16 => "Tight".to_owned(),
        18 => "TLS".to_owned(),
        19 => "VeNCrypt".to_owned(),
        30 => "Apple".to_owned(),
        number => number.to_string(),
    };
    let names: Vec<String> = types.iter().map(name).collect();
    let said = format!("RFB {version}, security {}", names.join(", "));
    Some(Finding::good("game", said).with("version", version))
}
