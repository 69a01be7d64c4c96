//! How far reading is, on a terminal, while nothing else is shown there.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The shortest time between two pictures.
const FRAME: Duration = Duration::from_millis(200);
/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// Characters of the bar.
const WIDTH: u64 = 24;

/// A line on stderr that tells how far reading is.
pub(super) struct Progress {
    is_wanted: bool,
    begun: Instant,
    drawn: Option<Instant>,
    taken: Rc<Cell<u64>>,
    len: Option<u64>,
}

impl Progress {
    /// `is_quiet`: standard output, if it is a terminal as well, shows nothing until the end.
    pub(super) fn new(taken: Rc<Cell<u64>>, len: Option<u64>, is_quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_free = is_quiet || !std::io::stdout().is_terminal();
        let is_wanted = std::io::stderr().is_terminal() && !dumb && is_free;
        Self { is_wanted, begun: Instant::now(), drawn: None, taken, len }
    }

    /// So many packets were read so far.
    pub(super) fn packets(&mut self, packets: u64) {
        if !self.is_wanted {
            return;
        }
        let elapsed = self.begun.elapsed();
        if elapsed < PATIENCE || self.drawn.is_some_and(|drawn| drawn.elapsed() < FRAME) {
            return;
        }
        self.drawn = Some(Instant::now());
        let line = line(self.taken.get(), self.len, packets, elapsed);
        let _ = write!(std::io::stderr().lock(), "\r\x1b[2K{line}");
    }

    /// Takes the line away, so that something else can be said.
    pub(super) fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(taken: u64, len: Option<u64>, packets: u64, elapsed: Duration) -> String {
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let rate = mega(taken) / elapsed.as_secs_f64().max(0.001);
    let Some(len) = len.filter(|len| *len > 0) else {
        return format!("{:.1} MB, {packets} packets, {rate:.0} MB/s", mega(taken));
    };
    let taken = taken.min(len);
    let part = taken as f64 / len as f64;
    let full = (part * WIDTH as f64) as u64;
    let bar: String = (0..WIDTH).map(|at| if at < full { '█' } else { '░' }).collect();
    let left = elapsed.as_secs_f64() * (1.0 - part) / part.max(0.001);
    format!("{bar} {:3.0} %  {packets} packets, {rate:.0} MB/s, {left:.0} s left", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_much_is_left() {
        let shown = line(25_000_000, Some(100_000_000), 7, Duration::from_secs(1));
        assert_eq!(shown, "██████░░░░░░░░░░░░░░░░░░  25 %  7 packets, 25 MB/s, 3 s left");
        assert_eq!(line(9, None, 7, Duration::ZERO), "0.0 MB, 7 packets, 0 MB/s");
    }
}
