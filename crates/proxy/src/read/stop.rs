//! Whether somebody wants the end.

use std::sync::Arc;

use tokio::sync::watch;

/// Ctrl-c, heard of in every thread.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Begins to listen. The first ctrl-c is told here, the second ends the program.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        crate::proxy::end_on_signals(Arc::new(sender), || {})?;
        Ok(Self(receiver))
    }

    pub(super) fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }
}
