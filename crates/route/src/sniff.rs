//! Which route a connection takes, by its first bytes.
//!
//! Routes are asked in order. The first that is met wins once every one in front of it has said no; one
//! that may still be met is waited for, within `sniff_max` bytes and as long as who drives this likes.

use std::net::SocketAddr;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::Protocol;
use thiserror::Error;

use crate::proxy_header::{HeaderError, ProxyHeader, Read, read_header};
use crate::tls::{Hello, TlsCondition, read_client_hello};
use crate::{Answer, Pattern};

/// What first bytes may be asked for.
#[derive(Clone, Debug)]
pub enum Condition {
    /// A pattern stands so many bytes from the start.
    Pattern {
        /// Which.
        pattern: Pattern,
        /// Bytes in front of it.
        at: usize,
    },
    /// They are of this protocol, as far as its definition's `detect` lines tell.
    Detect(Arc<Protocol>),
    /// They are of a TLS client.
    Tls(TlsCondition),
}

/// What is done with a PROXY header in front of everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderUse {
    /// None is expected: its bytes are bytes like others.
    #[default]
    No,
    /// There must be one; it is taken off, and its source is the client.
    Take,
    /// There must be one; it goes on to the server as it came.
    Pass,
}

/// A route, as far as it is chosen by first bytes.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// What is done with a PROXY header. Conditions are about what follows it.
    pub header: HeaderUse,
    /// Alternatives, each of conditions that must all be met. None: every connection may take this route.
    pub any: Vec<Vec<Condition>>,
}

impl Candidate {
    /// A route that takes what meets all of these.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = Condition>) -> Self {
        Self { header: HeaderUse::No, any: vec![all.into_iter().collect()] }
    }
}

/// The routes of one listener, in their order.
#[derive(Clone, Debug)]
pub struct Table {
    candidates: Vec<Candidate>,
    sniff_max: usize,
}

impl Table {
    /// Routes, and how many bytes are looked at at most.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>, sniff_max: usize) -> Self {
        Self { candidates, sniff_max }
    }

    /// How many bytes are looked at at most.
    #[must_use]
    pub fn sniff_max(&self) -> usize {
        self.sniff_max
    }
}

/// What is known so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the route.
    Chosen(Choice),
    /// More bytes have to be seen.
    NeedsMore,
    /// No route takes the connection.
    Refused(Refusal),
}

/// A route that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the [`Table`].
    pub route: usize,
    /// Bytes at the start that are not for the server: a PROXY header that was taken.
    pub skip: usize,
    /// Whom a PROXY header named as the client and as its destination, if there was one that did.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
}

/// Why no route takes a connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A PROXY header must come first, and is wrong.
    #[error("a PROXY header that is wrong: {0}")]
    Header(HeaderError),
    /// A PROXY header must come first, and there is none.
    #[error("no PROXY header in front, which this route must have")]
    NoHeader,
    /// A PROXY header must come first, and did not come whole.
    #[error("a PROXY header that did not come whole")]
    HalfHeader,
    /// There is no route for such bytes.
    #[error("no route is for what it sent")]
    NoRoute,
}

/// Looks at the first bytes of one connection.
#[derive(Debug)]
pub struct Sniffer {
    table: Arc<Table>,
    /// Routes that said no.
    out: Vec<bool>,
    /// The header, once it was found to be right, wrong or absent.
    header: Option<Read>,
    /// Reading a ClientHello before there are so many bytes, from its first on, gives nothing new.
    hello_wanted: usize,
    hello: Option<Hello>,
    hello_at: usize,
}

impl Sniffer {
    /// Begins with a connection that has sent nothing.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        let out = vec![false; table.candidates.len()];
        Self { table, out, header: None, hello_wanted: 0, hello: None, hello_at: usize::MAX }
    }

    /// What all bytes that came so far tell. They are to begin with those that were given before.
    pub fn look(&mut self, bytes: &[u8]) -> Verdict {
        if bytes.len() >= self.table.sniff_max {
            return self.settle(bytes);
        }
        for route in 0..self.out.len() {
            match self.ask(route, bytes) {
                Answer::No => {}
                Answer::Yes => return self.choose(route),
                Answer::NeedsMore | Answer::IfNothingFollows => return Verdict::NeedsMore,
            }
        }
        self.refuse(bytes)
    }

    /// What these bytes tell when no more are waited for: time is up, or the client has ended.
    pub fn settle(&mut self, bytes: &[u8]) -> Verdict {
        let seen = bytes.get(..self.table.sniff_max).unwrap_or(bytes);
        let is_cut = seen.len() < bytes.len();
        for route in 0..self.out.len() {
            match self.ask(route, seen) {
                Answer::Yes => return self.choose(route),
                Answer::IfNothingFollows if !is_cut => return self.choose(route),
                _ => {}
            }
        }
        self.refuse(seen)
    }

    fn choose(&self, route: usize) -> Verdict {
        let used = self.table.candidates.get(route).map_or(HeaderUse::No, |c| c.header);
        let (mut skip, mut addresses) = (0, None);
        if let (Some(Read::Header(header)), HeaderUse::Take | HeaderUse::Pass) = (self.header, used)
        {
            addresses = header.addresses;
            if used == HeaderUse::Take {
                skip = header.len;
            }
        }
        Verdict::Chosen(Choice { route, skip, addresses })
    }

    fn refuse(&mut self, bytes: &[u8]) -> Verdict {
        let wants_header = self.table.candidates.iter().any(|c| c.header != HeaderUse::No);
        let all_want = self.table.candidates.iter().all(|c| c.header != HeaderUse::No);
        Verdict::Refused(match self.header(bytes) {
            Read::Wrong(error) if wants_header => Refusal::Header(error),
            Read::NeedsMore if all_want && wants_header => Refusal::HalfHeader,
            Read::Absent if all_want && wants_header => Refusal::NoHeader,
            _ => Refusal::NoRoute,
        })
    }

    fn ask(&mut self, route: usize, bytes: &[u8]) -> Answer {
        let table = self.table.clone();
        let Some(candidate) = table.candidates.get(route) else { return Answer::No };
        if self.out.get(route).copied().unwrap_or(true) {
            return Answer::No;
        }
        let answer = self.answer(candidate, bytes);
        if answer == Answer::No
            && let Some(out) = self.out.get_mut(route)
        {
            *out = true;
        }
        answer
    }

    fn answer(&mut self, candidate: &Candidate, bytes: &[u8]) -> Answer {
        let start = match candidate.header {
            HeaderUse::No => 0,
            HeaderUse::Take | HeaderUse::Pass => match self.header(bytes) {
                Read::Header(ProxyHeader { len, .. }) => len,
                Read::NeedsMore => return Answer::NeedsMore,
                Read::Absent | Read::Wrong(_) => return Answer::No,
            },
        };
        if candidate.any.is_empty() {
            return Answer::Yes;
        }
        let body = bytes.get(start..).unwrap_or(&[]);
        let mut best = Answer::No;
        for all in &candidate.any {
            let mut worst = Answer::Yes;
            for condition in all {
                worst = worst.and(self.is_met(condition, start, body));
                if worst == Answer::No {
                    break;
                }
            }
            best = best.or(worst);
            if best == Answer::Yes {
                break;
            }
        }
        best
    }

    fn is_met(&mut self, condition: &Condition, start: usize, body: &[u8]) -> Answer {
        match condition {
            Condition::Pattern { pattern, at } => {
                match at.saturating_add(pattern.len()) > self.table.sniff_max {
                    true => Answer::No,
                    false => pattern.stands_at(*at, body),
                }
            }
            Condition::Detect(protocol) => {
                protocol.detect(Direction::Serverbound, body, self.table.sniff_max).into()
            }
            Condition::Tls(tls) => tls.is_met(self.hello(start, body)),
        }
    }

    fn header(&mut self, bytes: &[u8]) -> Read {
        if let Some(header) = self.header {
            return header;
        }
        let header = read_header(bytes, self.table.sniff_max);
        if header != Read::NeedsMore {
            self.header = Some(header);
        }
        header
    }

    fn hello(&mut self, start: usize, body: &[u8]) -> &Hello {
        let is_old = self.hello_at != start || body.len() >= self.hello_wanted;
        if is_old || self.hello.is_none() {
            let mut hello = read_client_hello(body);
            self.hello_wanted = usize::MAX;
            if let Hello::Needs { len, .. } = hello {
                self.hello_wanted = len;
                if len > self.table.sniff_max.saturating_sub(start) {
                    hello = Hello::No;
                }
            }
            self.hello_at = start;
            self.hello = Some(hello);
        }
        self.hello.as_ref().unwrap_or(&Hello::No)
    }
}
