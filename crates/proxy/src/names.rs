//! SRV records: where the players of a name are to go. The system's own lookup knows addresses only.
//!
//! The name servers are those of the system, or one that was set. Each is asked once, over UDP, and over
//! TCP where the answer is too long for that.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The longest answer over UDP.
const UDP_MAX: usize = 4096;
/// The most records of a name that are looked at.
const RECORDS_MAX: usize = 16;
/// The port of name servers.
const PORT: u16 = 53;

/// Who is asked, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    servers: Arc<[SocketAddr]>,
    limit: Duration,
}

/// Where a service of a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Without a final dot.
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

/// Why it is not known where a service is.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The system names no name servers.
    NoServers,
    /// None of them answered in time.
    Timeout,
    /// The last one that was asked could not be.
    Failed(io::Error),
    /// What the last one answered makes no sense, or it could not tell.
    Unclear,
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoServers => f.write_str("the system names no name server"),
            Self::Timeout => f.write_str("no name server answered in time (dns_timeout)"),
            Self::Failed(error) => write!(f, "the name server cannot be asked: {error}"),
            Self::Unclear => f.write_str("the name server could not tell"),
        }
    }
}

impl Names {
    /// Asks this server, or else those of the system; all of them together for at most `limit`.
    pub(crate) fn new(server: Option<SocketAddr>, limit: Duration) -> Self {
        let servers = server.map_or_else(of_the_system, |server| vec![server]);
        Self { servers: servers.into(), limit }
    }

    /// Where a service such as `_minecraft._tcp` of a name is, the best place first: by priority, then by
    /// weight. Nowhere where the name has no such records, or says that it has no such service.
    pub(crate) async fn places(&self, service: &str, name: &str) -> Result<Vec<Place>, NoAnswer> {
        let name = format!("{service}.{}", name.trim_end_matches('.'));
        // The end of the name itself is no error of a server: there is nothing to be found.
        let Some(query) = query(&name) else { return Ok(Vec::new()) };
        let ask_all = async {
            let mut last = NoAnswer::NoServers;
            let each = self.limit / u32::try_from(self.servers.len().max(1)).unwrap_or(u32::MAX);
            for server in self.servers.iter() {
                let asked = tokio::time::timeout(each, ask(*server, &query)).await;
                match asked {
                    Ok(Ok(places)) => return Ok(places),
                    Ok(Err(error)) => last = error,
                    Err(_) => last = NoAnswer::Timeout,
                }
            }
            Err(last)
        };
        tokio::time::timeout(self.limit, ask_all).await.unwrap_or(Err(NoAnswer::Timeout))
    }
}

/// The question for the SRV records of a name; `None`: no name server knows such a name.
fn query(name: &str) -> Option<Vec<u8>> {
    // The port that the answer comes to is as hard to guess; both together have to be.
    let id = RandomState::new().hash_one(name) as u16;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).ok()?;
    packet.questions.push(Question::new(name, TYPE::SRV.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().ok()
}

async fn ask(server: SocketAddr, query: &[u8]) -> Result<Vec<Place>, NoAnswer> {
    let any = match server.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(NoAnswer::Failed)?;
    socket.connect(server).await.map_err(NoAnswer::Failed)?;
    socket.send(query).await.map_err(NoAnswer::Failed)?;
    let mut answer = vec![0; UDP_MAX];
    loop {
        let len = socket.recv(&mut answer).await.map_err(NoAnswer::Failed)?;
        match read(&answer[..len], query) {
            Answer::Foreign => {}
            Answer::Cut => break,
            Answer::Places(places) => return Ok(places),
            Answer::Unclear => return Err(NoAnswer::Unclear),
        }
    }
    let answer = ask_at_length(server, query).await.map_err(NoAnswer::Failed)?;
    match read(&answer, query) {
        Answer::Places(places) => Ok(places),
        Answer::Foreign | Answer::Cut | Answer::Unclear => Err(NoAnswer::Unclear),
    }
}

/// Asks over TCP: both ways, a length of two bytes stands in front.
async fn ask_at_length(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    // It is some fifty bytes long.
    let length = (query.len() as u16).to_be_bytes();
    stream.write_all(&[&length, query].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It answers another question.
    Foreign,
    /// There is more of it.
    Cut,
    Unclear,
    Places(Vec<Place>),
}

fn read(answer: &[u8], query: &[u8]) -> Answer {
    if answer.get(..2) != query.get(..2) {
        return Answer::Foreign;
    }
    let Ok(packet) = Packet::parse(answer) else { return Answer::Unclear };
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return Answer::Foreign;
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Answer::Cut;
    }
    if !matches!(packet.rcode(), RCODE::NoError | RCODE::NameError) {
        return Answer::Unclear;
    }
    let mut records: Vec<_> = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::SRV(srv) => Some((srv.priority, u16::MAX - srv.weight, srv)),
            _ => None,
        })
        .collect();
    records.sort_by_key(|(priority, weight, _)| (*priority, *weight));
    let place = |srv: &simple_dns::rdata::SRV<'_>| {
        let host = srv.target.to_string();
        let host = host.trim_end_matches('.');
        // The root as a target says that there is no such service.
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_usable = !host.is_empty() && host.chars().all(is_host) && srv.port != 0;
        is_usable.then(|| Place { host: host.into(), port: srv.port })
    };
    let places = records.iter().filter_map(|(_, _, srv)| place(srv));
    Answer::Places(places.take(RECORDS_MAX).collect())
}

#[cfg(unix)]
fn of_the_system() -> Vec<SocketAddr> {
    let text = std::fs::read("/etc/resolv.conf").unwrap_or_default();
    let (config, _) = resolv_conf::Config::parse_with_errors(&text);
    config
        .nameservers
        .into_iter()
        .map(|server| SocketAddr::new(IpAddr::from(server), PORT))
        .collect()
}

#[cfg(windows)]
fn of_the_system() -> Vec<SocketAddr> {
    let adapters = ipconfig::get_adapters().unwrap_or_default();
    let up = adapters.iter().filter(|a| a.oper_status() == ipconfig::OperStatus::IfOperStatusUp);
    let servers = up.flat_map(|adapter| adapter.dns_servers()).map(|ip| SocketAddr::new(*ip, PORT));
    let mut seen = std::collections::HashSet::new();
    servers.filter(|server| seen.insert(*server)).collect()
}

#[cfg(test)]
mod tests {
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::SRV;

    use super::*;

    fn answer(query: &[u8], records: &[(u16, u16, u16, &str)]) -> Vec<u8> {
        let mut packet = Packet::parse(query).unwrap().into_reply();
        let name = packet.questions[0].qname.clone();
        for (priority, weight, port, target) in records.iter().copied() {
            let target = Name::new(target).unwrap();
            let srv = RData::SRV(SRV { priority, weight, port, target });
            packet.answers.push(ResourceRecord::new(name.clone(), CLASS::IN, 60, srv));
        }
        packet.build_bytes_vec_compressed().unwrap()
    }

    fn places(found: &[(&str, u16)]) -> Answer {
        let place = |(host, port): &(&str, u16)| Place { host: (*host).into(), port: *port };
        Answer::Places(found.iter().map(place).collect())
    }

    #[test]
    fn the_best_place_comes_first() {
        let query = query("_minecraft._tcp.play.example.org").unwrap();
        let records = [
            (20, 0, 1, "c.example.org"),
            (10, 5, 2, "b.example.org"),
            (10, 60, 3, "a.example.org"),
        ];
        let found = [("a.example.org", 3), ("b.example.org", 2), ("c.example.org", 1)];
        assert_eq!(read(&answer(&query, &records), &query), places(&found));
    }

    #[test]
    fn a_name_without_the_service_has_no_places() {
        let query = query("_minecraft._tcp.play.example.org").unwrap();
        assert_eq!(read(&answer(&query, &[]), &query), places(&[]));
        assert_eq!(read(&answer(&query, &[(0, 0, 0, "."), (0, 0, 7, "")]), &query), places(&[]));
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let query = query("_minecraft._tcp.play.example.org").unwrap();
        let mut other = answer(&query, &[]);
        other[0] ^= 1;
        assert_eq!(read(&other, &query), Answer::Foreign);
        assert_eq!(read(&query, &query), Answer::Foreign, "the question itself");
    }

    #[test]
    fn no_answer_can_do_harm() {
        let query = query("_minecraft._tcp.play.example.org").unwrap();
        let good = answer(&query, &[(1, 2, 3, "a.example.org"), (1, 2, 3, "b.example.org")]);
        let mut seed = 1u32;
        for cut in 0..=good.len() {
            read(&good[..cut], &query);
            for _ in 0..200 {
                let mut bad = good[..cut].to_vec();
                for _ in 0..3 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let at = seed as usize >> 8;
                    if let Some(byte) = bad.get_mut(2.max(at % (cut + 1))) {
                        *byte = (seed >> 3) as u8;
                    }
                }
                read(&bad, &query);
            }
        }
    }

    #[test]
    fn a_name_that_cannot_be_asked_for_is_nowhere() {
        assert_eq!(query(&format!("_minecraft._tcp.{}", "a".repeat(64))), None);
    }
}
