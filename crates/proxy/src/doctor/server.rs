//! Whether the server can be reached, and what it is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::Wanted;
use super::ping::{Answer, ping};
use super::report::{Finding, Report};
use crate::error::usage;
use crate::names::Names;
use crate::relay::{Leads, Target, reason};

/// What was found of a server.
pub(super) struct Found {
    /// What it is, or is taken for.
    pub(super) wanted: Option<Wanted>,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Looks at the server as each of the choices, until it is one.
pub(super) async fn look(
    to: &str,
    choices: Vec<Wanted>,
    names: &Names,
    limit: Duration,
    report: &mut Report,
) -> anyhow::Result<Found> {
    let is_guess = choices.len() > 1;
    let mut seen: Vec<SocketAddr> = Vec::new();
    let mut reached = None;
    let mut failed = None;
    for wanted in choices {
        let target = wanted.target(to)?;
        let at = match reach(&target, names, limit, &mut seen, report).await {
            Ok(at) => at,
            Err(finding) => {
                failed.get_or_insert(finding);
                // The next guess may have another usual port.
                continue;
            }
        };
        let asked = tokio::time::timeout(limit, ping(&wanted, &target, at)).await;
        match asked.unwrap_or(Answer::None) {
            Answer::Game(finding) => {
                if is_guess {
                    let text = format!("it is {}", wanted.title);
                    report.tell(Finding::note("protocol", text))?;
                }
                report.tell(finding)?;
                return Ok(Found { wanted: Some(wanted), addresses: seen });
            }
            Answer::NotAsked => {
                let text = format!("what it is, nothing tells: {} has no ping", wanted.title);
                report.tell(Finding::note("game", text))?;
                return Ok(Found { wanted: Some(wanted), addresses: seen });
            }
            Answer::None if is_guess => {
                reached.get_or_insert(at);
            }
            Answer::None => {
                let text =
                    format!("{at} takes connections, but does not answer as {}", wanted.title);
                report.tell(Finding::bad("game", text))?;
                return Ok(Found { wanted: Some(wanted), addresses: seen });
            }
        }
    }
    match (reached, failed) {
        (Some(at), _) => {
            let text = format!(
                "{at} takes connections, but is no game that midwire knows: name a protocol, a .wire \
                 file, or raw"
            );
            report.tell(Finding::bad("game", text))?;
        }
        (None, Some(finding)) => report.tell(finding)?,
        (None, None) => return Err(usage("there is nothing to look for")),
    }
    Ok(Found { wanted: None, addresses: seen })
}

/// Finds the server's addresses, and the first of them that takes a connection. What is told once is not
/// told again.
async fn reach(
    target: &Target,
    names: &Names,
    limit: Duration,
    seen: &mut Vec<SocketAddr>,
    report: &mut Report,
) -> Result<SocketAddr, Finding> {
    let Leads { places, by_record, unknown } = target.leads(names).await;
    let mut told = Vec::new();
    if let Some(unknown) = unknown {
        told.push(Finding::note("name", format!("its SRV records are not known: {unknown}")));
    }
    let mut last = Finding::bad("server", format!("{target} cannot be reached"));
    for place in places {
        if by_record {
            told.push(Finding::good(
                "name",
                format!("{target} leads to {place} by its SRV record"),
            ));
        }
        let found = match tokio::time::timeout(limit, place.resolve()).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                last = Finding::bad("name", format!("{} is not known: {error}", place.host));
                continue;
            }
            Err(_) => {
                last = Finding::bad("name", format!("nothing says in time what {} is", place.host));
                continue;
            }
        };
        for address in found {
            if seen.contains(&address) {
                return connect(address, limit).await.map(|_| address);
            }
            seen.push(address);
            match connect(address, limit).await {
                Ok(took) => {
                    let took = took.as_secs_f64() * 1000.0;
                    let text = format!("{address} takes connections, after {took:.1} ms");
                    told.push(Finding::good("server", text).with("address", address.to_string()));
                    for finding in told {
                        // Whether there is anybody who reads shows at the end.
                        let _ = report.tell(finding);
                    }
                    return Ok(address);
                }
                Err(finding) => last = finding,
            }
        }
    }
    Err(last)
}

async fn connect(address: SocketAddr, limit: Duration) -> Result<Duration, Finding> {
    let began = Instant::now();
    let why = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(_)) => return Ok(began.elapsed()),
        Ok(Err(error)) => reason(&error),
        Err(_) => format!("no answer within {} ms (connect_timeout)", limit.as_millis()),
    };
    let text = format!("{address} cannot be reached: {why}");
    Err(Finding::bad("server", text).with("address", address.to_string()))
}
