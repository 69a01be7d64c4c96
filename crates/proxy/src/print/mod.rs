//! Showing what sessions report: one thread takes it off the queue, and a view turns it into text.

mod filtered;
mod json;
mod listing;
mod live;
mod marked;
mod notices;
mod row;
pub(crate) mod screen;
mod sink;
pub(crate) mod style;
mod tags;
pub(crate) mod time;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use midwire_definition::{Limits, Packet};
use midwire_session::PacketEvent;
use tokio::sync::watch;

pub(crate) use self::filtered::Filtered;
pub(crate) use self::json::{PacketJson, write_rest};
pub(crate) use self::listing::Detail;
pub(crate) use self::row::{Columns, RowWriter, put, write_line};
pub(crate) use self::sink::{Output, Sink};

pub(crate) use self::style::{Paint, Style};
use crate::args;
use crate::error::OutputError;
use crate::metrics::MALFORMED;
use crate::queue::{Message, Receiver};
use crate::record::Recordings;

/// Turns messages into text.
pub(crate) trait View: Send {
    /// Appends what a message is shown as.
    fn message(&mut self, message: &Message, out: &mut dyn Sink);

    /// A packet that is not to be listed has passed.
    fn unlisted(&mut self, _packet: &PacketEvent) {}

    /// Nothing more is there for now: appends what was put off. So many packets were lost since the
    /// last time.
    fn idle(&mut self, _lost: u64, _out: &mut dyn Sink) {}

    /// Nothing more comes.
    fn end(&mut self, _out: &mut dyn Sink) {}
}

/// The view that was asked for.
pub(crate) fn view(
    args: &args::View,
    style: Style,
    limits: Limits,
    recordings: Recordings,
) -> Box<dyn View> {
    if args.quiet {
        Box::new(notices::Notices::new(limits))
    } else if args.json {
        json(limits)
    } else if style.is_terminal && !args.all && !args.hex && !args.tree {
        Box::new(live::Live::new(limits, style, recordings))
    } else {
        listing(limits, style, Detail { hex: args.hex, tree: args.tree })
    }
}

/// A line of JSON for everything.
pub(crate) fn json(limits: Limits) -> Box<dyn View> {
    Box::new(json::Json::new(limits))
}

/// A line for everything, with this below it.
pub(crate) fn listing(limits: Limits, style: Style, detail: Detail) -> Box<dyn View> {
    Box::new(listing::Listing::new(limits, style, detail))
}

/// How often a view may put right what it put off.
const TICK: Duration = Duration::from_millis(100);
/// Definitions may nest deeply.
pub(crate) const STACK: usize = 16 << 20;

/// Starts the thread that shows everything. When its output is closed it asks for the end of the program.
pub(crate) fn spawn(
    view: Box<dyn View>,
    queue: Receiver,
    stop: Arc<watch::Sender<bool>>,
) -> io::Result<JoinHandle<Result<(), OutputError>>> {
    let show = move || {
        let shown = show(view, &queue);
        if shown.is_err() {
            stop.send_replace(true);
            // Sessions that wait for room must get it, or they could not end.
            while queue.next(Duration::from_secs(3600)).is_ok() {}
        }
        shown
    };
    std::thread::Builder::new().name("printer".into()).stack_size(STACK).spawn(show)
}

fn show(mut view: Box<dyn View>, queue: &Receiver) -> Result<(), OutputError> {
    let mut out = Output::default();
    loop {
        let next = queue.next(TICK);
        match &next {
            Ok(message) => view.message(message, &mut out),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                view.idle(queue.take_lost(), &mut out);
                view.end(&mut out);
                return out.finish();
            }
        }
        while let Some(message) = queue.next_now() {
            view.message(&message, &mut out);
            if out.has_failed() {
                break;
            }
        }
        view.idle(queue.take_lost(), &mut out);
        out.finish()?;
    }
}

/// Counts a packet with fields that could not be read: nobody but the views looks at fields.
fn count_malformed(packet: &Packet<'_>) {
    if packet.error().is_some() {
        MALFORMED.fetch_add(1, Ordering::Relaxed);
    }
}
