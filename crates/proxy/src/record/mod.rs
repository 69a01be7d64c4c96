//! Recording: sessions tell one thread all that passes, and it writes that into a capture.
//!
//! ```text
//!  driver ── Tape ──▶ Queue ──▶ writer thread ──▶ capture::Writer ──▶ file
//!                     bounded: a session that finds no room waits
//! ```

mod all;
mod entry;
mod file;
mod options;
mod put;
mod queue;
mod recount;
mod spares;
mod sync;
mod tape;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use midwire_session::Recording;

pub(crate) use self::all::{RecordTo, Recordings, Stopped};
pub(crate) use self::entry::{Opened as Begun, Told};
use self::file::{Files, Opened};
pub(crate) use self::options::Sync;
use self::options::{Options, in_data_folder};
use self::queue::Queue;
use self::spares::Spares;
pub(crate) use self::tape::Tape;
use self::writer::Report;
use crate::filter::Filters;
use crate::queue::Sender;

/// What every file of midwire's says about who wrote it, with a version behind.
const APPLICATION: &str = "midwire";

/// Once a session has waited so long for room, that is told.
const LONG_WAIT: Duration = Duration::from_millis(250);

/// What was recorded so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sessions: AtomicU64,
    pub(crate) frames: AtomicU64,
    /// Bytes of frames and streams.
    pub(crate) payload: AtomicU64,
    /// What could not be recorded though the file would have taken it.
    pub(crate) unrecorded: AtomicU64,
    pub(crate) failed: AtomicBool,
}

impl Counts {
    /// Frames, and bytes of frames and streams.
    fn written(&self) -> (u64, u64) {
        (self.frames.load(Ordering::Relaxed), self.payload.load(Ordering::Relaxed))
    }
}

/// A recording, as sessions see it.
#[derive(Debug)]
pub(crate) struct Recorder {
    queue: Arc<Queue>,
    spares: Arc<Spares>,
    counts: Arc<Counts>,
    recording: Recording,
    /// Packets are told, so that some can be kept.
    keeps_some: bool,
    /// The file that was made for it.
    made: Option<PathBuf>,
    begins: Mutex<Option<Begins>>,
    thread: Mutex<Option<JoinHandle<Report>>>,
    /// That sessions wait was told, and counts for the time since.
    told_waits: AtomicU64,
}

/// What the thread begins with.
#[derive(Debug)]
struct Begins {
    opened: Opened,
    files: Files,
    options: Options,
    keep: Option<Filters>,
}

impl Recorder {
    /// Opens the file. Gives what is to be said about that as well.
    ///
    /// # Errors
    /// It cannot be recorded to.
    pub(crate) fn open(
        options: Options,
        keep: Option<Filters>,
    ) -> anyhow::Result<(Arc<Self>, String)> {
        let mut files = Files::new(options.path.clone(), options.rotation, options.compresses);
        let opened = files.next(SystemTime::now())?;
        let said = said(&opened);
        let recorder = Self {
            queue: Queue::new(options.room),
            spares: Arc::new(Spares::new(options.room)),
            counts: Arc::default(),
            recording: options.recording,
            keeps_some: keep.is_some(),
            made: opened.is_new.then(|| opened.path.clone()),
            begins: Mutex::new(Some(Begins { opened, files, options, keep })),
            thread: Mutex::new(None),
            told_waits: AtomicU64::new(0),
        };
        Ok((Arc::new(recorder), said))
    }

    /// Starts to write. What is wrong is told in notices.
    pub(crate) fn start(&self, events: Sender) -> std::io::Result<()> {
        let begins = self.begins.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Begins { opened, files, options, keep }) = begins else { return Ok(()) };
        let (queue, spares, counts) =
            (self.queue.clone(), self.spares.clone(), self.counts.clone());
        let recorder = writer::Recorder { queue, spares, counts, files, options, keep, events };
        let run = move || recorder.run(opened);
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(run)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    pub(crate) fn recording(&self) -> Recording {
        self.recording
    }

    pub(crate) fn keeps_some(&self) -> bool {
        self.keeps_some
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How often sessions have waited for room.
    pub(crate) fn waits(&self) -> u64 {
        self.queue.waits.load(Ordering::Relaxed)
    }

    /// Removes the file that was made for it, once it is over and if nothing is in it.
    fn discard(&self) {
        if let Some(made) = &self.made
            && self.counts.sessions.load(Ordering::Relaxed) == 0
        {
            // That it stays does no harm.
            let _ = std::fs::remove_file(made);
        }
    }

    /// Writes all that was told, for a program that ends now; waits for that no longer than this.
    pub(crate) fn finish_within(&self, wait: Duration) {
        self.queue.close();
        self.queue.wait_for_end(wait);
    }

    /// Writes all that was told, and says what there is. `false`: something is missing.
    pub(crate) fn finish(&self) -> (String, bool) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let report = match thread.map(JoinHandle::join) {
            Some(Ok(report)) => report,
            Some(Err(_)) => return ("the recorder has failed".to_owned(), false),
            None => return (String::new(), true),
        };
        (self.summary(&report), report.error.is_none() && !self.is_incomplete())
    }

    fn is_incomplete(&self) -> bool {
        self.counts.unrecorded.load(Ordering::Relaxed) > 0
    }

    fn summary(&self, report: &Report) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let plural = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let Counts { sessions, frames, payload, unrecorded, .. } = &*self.counts;
        let place = match report.files {
            0 | 1 => report.path.display().to_string(),
            files => format!("{files} files, the last one {}", report.path.display()),
        };
        let mut text = format!(
            "recorded {}, {} bytes of {} in {place}",
            plural(count(frames), "frame"),
            count(payload),
            plural(count(sessions), "session"),
        );
        if let Some(error) = &report.error {
            text.push_str(&format!("\nthe recording is not complete: {error}"));
            let lost = count(&self.queue.told).saturating_sub(count(payload));
            if lost > 0 && !self.keeps_some {
                text.push_str(&format!("\n{lost} bytes of frames and streams are not in it"));
            }
        } else if count(unrecorded) > 0 {
            text.push_str(&format!(
                "\nthe recording is not complete: {} could not be recorded",
                plural(count(unrecorded), "thing")
            ));
        }
        text
    }

    /// A session has waited for room.
    fn waited(&self, wait: Duration, session: u64, events: &Sender) {
        if wait < LONG_WAIT {
            return;
        }
        let times = self.told_waits.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            events.notice(
                Some(session),
                format!(
                    "the recording cannot keep up: the session has waited {} ms for it ({times} such \
                     waits so far); nothing is lost",
                    wait.as_millis()
                ),
            );
        }
    }
}

/// What people are told of a file that was opened.
fn said(opened: &Opened) -> String {
    let mut text = format!("recording to {}\n", opened.path.display());
    if let Some(cut) = &opened.cut {
        text.push_str(&format!(
            "it had ended within a record: {} bytes at its end, from offset {} on, were removed\n",
            cut.len, cut.offset
        ));
    } else if opened.start > 0 {
        text.push_str(&format!("it goes on behind the {} bytes that are there\n", opened.start));
    }
    if opened.damaged > 0 {
        text.push_str(&format!(
            "{} places in it are damaged: midwire reads on behind them, many other programs do not\n",
            opened.damaged
        ));
    }
    text
}

/// Whether two names are of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
