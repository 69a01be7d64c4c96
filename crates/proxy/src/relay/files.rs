//! How many files the program may have open: a session takes two, and a pipe two more.

/// Files besides those of sessions: standard streams, listeners, definitions that are read.
#[cfg(unix)]
const OTHERS: u64 = 256;

/// Allows the program as many files as `sessions` take, as far as the system lets it: what is usual, 1,024,
/// is enough for 500.
#[cfg(unix)]
pub(super) fn make_room_for(sessions: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = (sessions as u64).saturating_mul(2).saturating_add(OTHERS);
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return };
    let allowed = maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if allowed > current {
        // Where that is refused there are fewer sessions, and those in excess are told of.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    }
}

#[cfg(not(unix))]
pub(super) fn make_room_for(_sessions: usize) {}
