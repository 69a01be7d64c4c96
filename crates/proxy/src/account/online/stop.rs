//! Work on a thread of its own that may take long, and is not wanted any more when nobody waits for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Told to whoever works that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    fn set(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether nobody waits any more.
    pub(super) fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until nobody waits any more; whether that is so.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let (stopped, changed) = &*self.0;
        let until = Instant::now() + time;
        let mut is_stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            is_stopped =
                changed.wait_timeout(is_stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_stopped
    }
}

/// Sets a [`Stop`] when it goes.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Runs what blocks where it disturbs nobody. When the future is dropped the work is told to stop, which it
/// does after the request it is in. `None`: the runtime is ending.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> T + Send + 'static,
) -> Option<T> {
    let stop = Stop::default();
    let _told = StopOnDrop(stop.clone());
    tokio::task::spawn_blocking(move || work(&stop)).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told() {
        let (tell, told) = mpsc::channel();
        let (start, mut started) = tokio::sync::mpsc::unbounded_channel();
        let work = on_a_thread(move |stop| {
            start.send(()).unwrap();
            tell.send(stop.sleep(Duration::from_secs(600))).unwrap();
        });
        tokio::select! {
            _ = work => panic!("it waits"),
            _ = started.recv() => {}
        }
        assert!(told.recv_timeout(Duration::from_secs(60)).unwrap());
    }

    #[test]
    fn nobody_who_waits_is_disturbed() {
        let stop = Stop::default();
        assert!(!stop.sleep(Duration::from_millis(1)) && !stop.is_set());
        stop.set();
        assert!(stop.sleep(Duration::from_secs(600)) && stop.is_set());
    }
}
