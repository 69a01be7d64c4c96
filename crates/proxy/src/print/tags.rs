//! What rules say about a packet, in the listing.

use std::sync::Arc;

use midwire_definition::line::{Line, Role};
use midwire_session::{Fate, Log, Origin, PacketEvent, Tags};

use super::style::Paint;

/// Names of rules that a line shows.
const NAMES_MAX: usize = 3;
/// Columns that one of them may take.
const NAME_MAX: usize = 40;

/// Appends who did something to a packet, how it is marked, and what its log lines say.
pub(super) fn write(packet: &PacketEvent, line: &mut Line) {
    if let Some(by) = by(packet) {
        line.push(Role::Dim, &format!("  by {by}"));
    }
    let Some(tags) = &packet.tags else { return };
    for mark in &tags.marks {
        line.push(Role::Dim, &format!("  [{mark}]"));
    }
    for text in texts(tags) {
        line.push(Role::Plain, "  · ");
        line.push(Role::Text, text);
    }
}

/// How many columns [`write()`] takes, about.
pub(super) fn width(packet: &PacketEvent) -> usize {
    let mut line = Line::new();
    write(packet, &mut line);
    line.width()
}

/// The texts of log lines.
pub(super) fn texts(tags: &Tags) -> impl Iterator<Item = &str> {
    tags.logs.iter().filter_map(|Log { text, .. }| text.as_deref())
}

/// Who did something to a packet: the rules that did, or the kind of who did.
fn by(packet: &PacketEvent) -> Option<String> {
    let sender = Origin::sender(packet.direction);
    let by = packet.changed_by.or_else(|| (packet.origin != sender).then_some(packet.origin));
    let acted = by.is_some() || matches!(packet.fate, Fate::Dropped | Fate::Delayed(_));
    if !acted {
        return None;
    }
    let names = packet.tags.as_ref().map_or(&[][..], |tags| &tags.rules);
    // What somebody else changed does not become the rules' for their having seen it.
    if names.is_empty() || by.is_some_and(|by| by != Origin::Rule) {
        return by.map(|by| by.as_str().to_owned());
    }
    Some(joined(names))
}

fn joined(names: &[Arc<str>]) -> String {
    let shorten = |name: &Arc<str>| match name.char_indices().nth(NAME_MAX) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_string(),
    };
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(shorten).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The colour of the last mark that is one.
pub(super) fn paint(packet: &PacketEvent) -> Option<Paint> {
    let marks = &packet.tags.as_ref()?.marks;
    marks.iter().rev().find_map(|mark| Paint::named(mark))
}
