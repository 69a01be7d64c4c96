//! Telling the system to put a file on the disk itself, while the writer goes on: that may take longer than
//! records may wait.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A thread that does nothing else.
#[derive(Debug)]
pub(super) struct Syncer {
    files: Option<SyncSender<File>>,
    thread: Option<JoinHandle<()>>,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl Syncer {
    pub(super) fn start() -> io::Result<Self> {
        // One that is being put there, and one that waits.
        let (files, asked) = sync_channel::<File>(1);
        let error = Arc::<Mutex<Option<io::Error>>>::default();
        let told = error.clone();
        let run = move || {
            for file in asked {
                if let Err(error) = file.sync_data() {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        };
        let thread = std::thread::Builder::new().name("sync".into()).spawn(run)?;
        Ok(Self { files: Some(files), thread: Some(thread), error })
    }

    /// Asks for a file. `false`: those before take their time.
    ///
    /// # Errors
    /// One before could not be put there.
    pub(super) fn ask(&self, file: &File) -> io::Result<bool> {
        if let Some(error) = self.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let Some(files) = &self.files else { return Ok(false) };
        match files.try_send(file.try_clone()?) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.files.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, nothing hangs on it.
            let _ = thread.join();
        }
    }
}
