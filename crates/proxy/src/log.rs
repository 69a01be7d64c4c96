//! What goes on inside, on stderr, for whoever looks for a fault: off unless `--log` or the variable
//! MIDWIRE_LOG says otherwise.

use midwire_definition::escape::escape;
use midwire_session::{Event, Notice};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::error::usage;
use crate::print::style::stderr_is_colored;

/// The variable that says what is logged where `--log` does not.
const VARIABLE: &str = "MIDWIRE_LOG";

/// Begins to log what the filter lets through: a level, or `target=level` and commas.
pub(crate) fn begin(filter: Option<&str>) -> anyhow::Result<()> {
    let from_variable = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let (text, origin) = match (filter, from_variable) {
        (Some(text), _) => (text.to_owned(), "--log "),
        (None, Some(text)) => (text, "MIDWIRE_LOG="),
        (None, None) => return Ok(()),
    };
    let wrong = || {
        let levels = "error, warn, info, debug, trace or off";
        usage(format!("{origin}{text}: it takes {levels}, or midwire=LEVEL"))
    };
    // A word alone could be a target; but whoever writes one means a level.
    let is_level = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if !text.split(',').all(is_level) {
        return Err(wrong());
    }
    let targets: Targets = text.parse().map_err(|_| wrong())?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(stderr_is_colored())
        .with_target(false);
    // A second call can only be a test's.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
    Ok(())
}

/// Logs what a session reports besides packets.
pub(crate) fn events(events: &[Event]) {
    if !tracing::enabled!(tracing::Level::WARN) {
        return;
    }
    for event in events {
        match event {
            Event::Version { version, number, assumed, .. } => {
                let number = number.unwrap_or(version.number);
                tracing::Span::current().record("version", number);
                tracing::info!(version = &*version.key, number, assumed, "version");
            }
            Event::State { direction, state, .. } => {
                tracing::debug!(%direction, state = state.0, "state");
            }
            Event::LostFraming { direction, error, closed, .. } => {
                let error = error.to_string();
                tracing::warn!(%direction, closed, "framing lost: {}", escape(&error));
            }
            Event::Notice { notice: Notice::NoFrames, .. } => {}
            Event::Notice { notice, .. } => {
                let notice = notice.to_string();
                tracing::warn!("{}", escape(&notice));
            }
            Event::Closed { counters: [serverbound, clientbound], .. } => {
                tracing::info!(
                    serverbound = serverbound.bytes,
                    clientbound = clientbound.bytes,
                    "closed"
                );
            }
            Event::Opened { .. }
            | Event::Packet(_)
            | Event::Resumed { .. }
            | Event::Key { .. }
            | Event::Opaque { .. } => {}
        }
    }
}
