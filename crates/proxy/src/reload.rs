//! Reading definitions again when somebody saves one while the proxy runs.
//!
//! Files are looked at twice a second rather than watched: that finds files that an editor replaces,
//! and works on every file system. They are read once they have stopped changing. What is wrong leaves
//! the definitions as they were.

use std::sync::Arc;
use std::time::Duration;

use midwire_session::{Options, Setup};
use tokio::sync::watch;

use crate::protocols::{self, Lookup, Stamps};
use crate::queue::Sender;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Follows the files of a definition until nobody listens.
pub(crate) async fn follow(
    lookup: Lookup,
    version: Option<String>,
    setups: watch::Sender<Arc<Setup>>,
    events: Sender,
) {
    let mut followed =
        Followed { read: lookup.stamps(setups.borrow().protocol()), lookup, version };
    let mut seen = None;
    while !setups.is_closed() {
        tokio::time::sleep(PERIOD).await;
        let before = setups.borrow().clone();
        // Files may be slow to look at, and definitions take a moment to check.
        let looked = tokio::task::spawn_blocking(move || {
            let found = followed.look(&before, &mut seen);
            (followed, seen, found)
        });
        let Ok((back, back_seen, found)) = looked.await else { return };
        (followed, seen) = (back, back_seen);
        match found {
            None => {}
            Some(Ok(setup)) => {
                setups.send_replace(setup);
                events.notice(None, "the definitions were read again; they count from here on");
            }
            Some(Err(error)) => {
                events.notice(None, format!("{error:#}; the definitions of before stay"));
            }
        }
    }
}

/// The files of a definition, and how they were when they were read.
struct Followed {
    lookup: Lookup,
    version: Option<String>,
    read: Stamps,
}

impl Followed {
    /// Reads the files again if they have changed, and did not change any more since the last look.
    fn look(
        &mut self,
        before: &Arc<Setup>,
        seen: &mut Option<Stamps>,
    ) -> Option<anyhow::Result<Arc<Setup>>> {
        let now = self.lookup.stamps(before.protocol());
        if now == self.read {
            *seen = None;
            return None;
        }
        if seen.as_ref() != Some(&now) {
            *seen = Some(now);
            return None;
        }
        self.read = now;
        let setup = self.setup(before);
        if let Ok(setup) = &setup {
            // The new text may name other files.
            self.read = self.lookup.stamps(setup.protocol());
        }
        Some(setup)
    }

    fn setup(&mut self, before: &Setup) -> anyhow::Result<Arc<Setup>> {
        let protocol = self.lookup.read_again()?;
        let version = self.version.as_deref();
        let version = version.map(|text| protocols::version(&protocol, text)).transpose()?;
        let setup = Setup::new(protocol, Options { version, ..before.options().clone() });
        if !setup.is_interchangeable_with(before) {
            anyhow::bail!(
                "the states, the framing or the connection's variables are others: that needs a new start"
            );
        }
        Ok(setup)
    }
}
