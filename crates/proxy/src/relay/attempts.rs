//! How often a client may give a wrong password.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Addresses that are remembered; the one that failed longest ago makes room.
const ADDRESSES_MAX: usize = 4096;

/// Wrong passwords of the last while, by client address.
///
/// What counts is when a password is given, not when a connection begins: many connections at once get no
/// more attempts than one after the other.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// `auth_attempts_max`: wrong passwords of one address within the window.
    max: usize,
    /// `auth_window`: how long a wrong password counts.
    window: Duration,
    failed: Mutex<HashMap<IpAddr, VecDeque<Instant>>>,
}

impl Attempts {
    pub(crate) fn new(max: usize, window: Duration) -> Self {
        Self { max, window, failed: Mutex::default() }
    }

    /// Whether an address may not try any more for now.
    pub(crate) fn are_used_up(&self, client: IpAddr, now: Instant) -> bool {
        let mut failed = self.failed();
        let Some(times) = failed.get_mut(&network(client)) else { return self.max == 0 };
        forget(times, self.window, now);
        times.len() >= self.max
    }

    /// A wrong password was given. Gives how many of them count.
    pub(crate) fn fail(&self, client: IpAddr, now: Instant) -> usize {
        let mut failed = self.failed();
        let client = network(client);
        if failed.len() >= ADDRESSES_MAX && !failed.contains_key(&client) {
            failed.retain(|_, times| {
                forget(times, self.window, now);
                !times.is_empty()
            });
            if failed.len() >= ADDRESSES_MAX
                && let Some(oldest) =
                    failed.iter().min_by_key(|(_, times)| times.back()).map(|(client, _)| *client)
            {
                failed.remove(&oldest);
            }
        }
        let times = failed.entry(client).or_default();
        forget(times, self.window, now);
        if times.len() > self.max {
            times.pop_front();
        }
        times.push_back(now);
        times.len()
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<IpAddr, VecDeque<Instant>>> {
        self.failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn forget(times: &mut VecDeque<Instant>, window: Duration, now: Instant) {
    while times.front().is_some_and(|time| now.saturating_duration_since(*time) >= window) {
        times.pop_front();
    }
}

/// Whom an address belongs to: with IPv6, one customer has as many as a network of 64 bits holds.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_failed_too_often_waits_until_the_window_has_passed() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        let (start, one, other) = (Instant::now(), client("192.0.2.1"), client("192.0.2.2"));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!attempts.are_used_up(one, at(0)));
        assert_eq!(attempts.fail(one, at(0)), 1);
        assert!(!attempts.are_used_up(one, at(1)));
        assert_eq!(attempts.fail(one, at(30)), 2);
        assert!(attempts.are_used_up(one, at(59)));
        assert!(!attempts.are_used_up(other, at(59)));
        assert!(!attempts.are_used_up(one, at(60)));
        assert_eq!(attempts.fail(one, at(61)), 2);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let attempts = Attempts::new(1, Duration::from_secs(60));
        let now = Instant::now();
        attempts.fail(client("2001:db8::1"), now);
        assert!(attempts.are_used_up(client("2001:db8::2"), now));
        assert!(!attempts.are_used_up(client("2001:db8:0:1::1"), now));
        attempts.fail(client("::ffff:192.0.2.1"), now);
        assert!(attempts.are_used_up(client("192.0.2.1"), now));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::new(1, Duration::from_secs(60));
        let start = Instant::now();
        for n in 0..ADDRESSES_MAX as u64 + 10 {
            let client = IpAddr::from((n as u32).to_be_bytes());
            attempts.fail(client, start + Duration::from_millis(n));
        }
        assert_eq!(attempts.failed().len(), ADDRESSES_MAX);
        let (first, last) = (client("0.0.0.0"), client("0.0.16.9"));
        let now = start + Duration::from_secs(5);
        assert!(!attempts.are_used_up(first, now) && attempts.are_used_up(last, now));
        for _ in 0..100 {
            attempts.fail(last, now);
        }
        assert!(attempts.failed()[&last].len() <= 2);
    }

    #[test]
    fn none_at_all_may_be_allowed() {
        let attempts = Attempts::new(0, Duration::from_secs(60));
        assert!(attempts.are_used_up(client("192.0.2.1"), Instant::now()));
    }
}
