//! What is known of open sessions, as bytes: to go on reading from the middle of a file.

use std::net::{IpAddr, SocketAddr};

use super::{Connection, LEGS_MAX, Recordings};
use crate::numbers::{In, Out};
use crate::provenance::Leg;

/// Bytes that are no state of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of recordings")]
pub struct StateError;

impl Recordings {
    /// What is known of the sessions that are open, for [`Recordings::restore`]. `None` where frames are not whole
    /// yet, or records wait for others.
    #[must_use]
    pub fn save(&self) -> Option<Vec<u8>> {
        let is_within = |connection: &Connection| connection.parts.iter().any(Option::is_some);
        if !self.held.is_empty() || self.places.iter().flatten().any(is_within) {
            return None;
        }
        let mut out = Out(Vec::new());
        out.number(self.section.map_or(0, |section| u64::from(section) + 1));
        out.number(self.numbers.len() as u64);
        for (session, number) in &self.numbers {
            out.number(*session);
            out.number(*number);
        }
        out.number(self.legs.len() as u64);
        for ((client, server), place) in &self.legs {
            let Some(Some(connection)) = self.places.get(*place) else { continue };
            out.number(connection.session);
            out.number(u64::from(connection.interface));
            out.number(connection.leg.index() as u64);
            out.address(*client);
            out.address(*server);
            for next in connection.next {
                out.number(next.map_or(0, |next| u64::from(next) + 1));
            }
            connection.ended.iter().for_each(|ended| out.number(u64::from(*ended)));
        }
        Some(out.0)
    }

    /// As it was when it was saved.
    ///
    /// # Errors
    /// Where the bytes are something else.
    pub fn restore(state: &[u8]) -> Result<Self, StateError> {
        let mut input = In(state);
        let recordings = input.recordings().ok_or(StateError)?;
        if input.0.is_empty() { Ok(recordings) } else { Err(StateError) }
    }
}

impl Out {
    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => {
                self.number(4);
                self.0.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.number(6);
                self.0.extend_from_slice(&ip.octets());
            }
        }
        self.number(u64::from(address.port()));
    }
}

impl In<'_> {
    fn recordings(&mut self) -> Option<Recordings> {
        let mut recordings = Recordings {
            section: match self.number()? {
                0 => None,
                section => Some(u32::try_from(section - 1).ok()?),
            },
            ..Recordings::default()
        };
        for _ in 0..self.count(LEGS_MAX)? {
            recordings.numbers.insert(self.number()?, self.number()?);
        }
        for place in 0..self.count(LEGS_MAX)? {
            let (session, interface) = (self.number()?, self.number()?);
            let interface = u32::try_from(interface).ok()?;
            let leg = self.number()?;
            let leg = Leg::BOTH.into_iter().find(|known| known.index() as u64 == leg)?;
            let (client, server) = (self.address()?, self.address()?);
            let mut next = [None; 2];
            for next in &mut next {
                *next = match self.number()? {
                    0 => None,
                    number => Some(u32::try_from(number - 1).ok()?),
                };
            }
            let ended = [self.number()? != 0, self.number()? != 0];
            let parts = [None, None];
            let connection = Connection { session, interface, leg, client, next, ended, parts };
            recordings.places.push(Some(connection));
            if recordings.legs.insert((client, server), place).is_some() {
                return None;
            }
        }
        Some(recordings)
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.number()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, self.small()?))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}
