//! How many sessions each client's address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// The sessions that are open, by address.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    max: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A session's place among those of its client. Dropping it makes room.
#[derive(Debug)]
pub(super) struct Seat {
    ip: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Seats {
    /// At most so many for each address; zero: no limit.
    pub(super) fn new(max: usize) -> Self {
        Self { max, taken: Arc::default() }
    }

    /// A place for a client, if it has fewer than it may have. Without a limit nothing is counted.
    pub(super) fn take(&self, ip: IpAddr) -> Result<Option<Seat>, Full> {
        if self.max == 0 {
            return Ok(None);
        }
        let ip = ip.to_canonical();
        let mut taken = locked(&self.taken);
        let count = taken.entry(ip).or_default();
        if *count >= self.max {
            return Err(Full);
        }
        *count += 1;
        Ok(Some(Seat { ip, taken: self.taken.clone() }))
    }
}

/// A client has as many sessions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        if let Some(count) = taken.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.ip);
            }
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let seats = Seats::new(2);
        let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        let first = seats.take(one).unwrap();
        let _second = seats.take("::ffff:127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!(seats.take(one).unwrap_err(), Full);
        assert!(seats.take(other).is_ok());
        drop(first);
        assert!(seats.take(one).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_clients_that_are_gone() {
        let seats = Seats::new(1);
        drop(seats.take(IpAddr::from([127, 0, 0, 1])).unwrap());
        assert!(locked(&seats.taken).is_empty());
    }
}
