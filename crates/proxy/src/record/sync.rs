//! Telling the system to put a file on the disk itself, while the writer goes on: that may take longer than
//! records may wait.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A thread that does nothing else.
#[derive(Debug)]
pub(super) struct Syncer {
    files: Option<Sender<File>>,
    /// Files that have been asked for and are not on the disk yet.
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl Syncer {
    pub(super) fn start() -> io::Result<Self> {
        let (files, asked) = channel::<File>();
        let error = Arc::<Mutex<Option<io::Error>>>::default();
        let waiting = Arc::<AtomicUsize>::default();
        let (told, done) = (error.clone(), waiting.clone());
        let run = move || {
            for file in asked {
                if let Err(error) = file.sync_data() {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                done.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name("sync".into()).spawn(run)?;
        Ok(Self { files: Some(files), waiting, thread: Some(thread), error })
    }

    /// Asks for a file. `false`: those before take their time.
    ///
    /// # Errors
    /// One before could not be put there.
    pub(super) fn ask(&self, file: &File) -> io::Result<bool> {
        // One is being put there, and one waits.
        if self.waiting.load(Ordering::Relaxed) > 1 {
            return self.failed().map(|()| false);
        }
        self.ask_for(file.try_clone()?).map(|()| true)
    }

    /// Asks for a file that nobody will ask for again.
    ///
    /// # Errors
    /// One before could not be put there.
    pub(super) fn ask_for(&self, file: File) -> io::Result<()> {
        self.failed()?;
        let Some(files) = &self.files else { return Ok(()) };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        files.send(file).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// What has failed since it was last asked.
    fn failed(&self) -> io::Result<()> {
        let failed = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)
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
