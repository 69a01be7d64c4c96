//! One line of chat, changed by a rule: before and after.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use bytes::BytesMut;
use midwire_definition::{Limits, LoadError, Loader, Root};
use midwire_rules::Lexicon;
use midwire_rules::rule::RuleSet;
use midwire_session::{
    Event, Fate, Options, Output, PacketEvent, Rules, Scratch, Session, Setup, Watch,
};

use super::recording::Step;
use super::{emit, title};
use crate::print::{Columns, RowWriter, Style, put, screen};

/// The rule, as it would stand in a file.
const RULE: &str =
    "replace clientbound group:chat text \"maintenance at noon\" with \"no maintenance today\"";

struct File;

impl Loader for File {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Ok(RULE.to_owned())
    }
}

/// Plays the recording through the rule, and prints the first packet that it changes.
pub(super) fn show(
    setup: &Arc<Setup>,
    steps: &[Step],
    number: &str,
    style: Style,
) -> anyhow::Result<()> {
    let root = Root { path: "demo.rules", loader: &File };
    let set = RuleSet::load(&[root], &Arc::new(Lexicon::new(setup.protocol())));
    let set = set.map_err(|problems| anyhow!("the rule is wrong: {problems}"))?;
    let rules = Some(Rules::new(set, None));
    let options = Options { rules, ..setup.options().clone() };
    let mut session = Session::new(setup.with_options(options));
    session.set_watch(Watch::Packets);
    let mut scratch = Scratch::new(&setup.options().limits);
    let mut rows = RowWriter::new(Limits::default());
    rows.set_width(Some(screen::size().map_or(100, |(width, _)| width)));
    let mut changed = None;
    for step in steps {
        let mut bytes = BytesMut::from(&step.frame[..]);
        session.handle_bytes(step.direction, &mut bytes, step.packet.at, &mut scratch);
        while let Some(output) = session.poll_output() {
            let Output::Event(event) = output else { continue };
            match event {
                Event::Packet(packet) if packet.fate == Fate::Changed && changed.is_none() => {
                    changed = Some(packet);
                }
                // Also those that are not shown tell what packets are read by.
                event => drop(rows.event(1, &event)),
            }
        }
    }
    let after = changed.context("the recording has no line that the rule changes")?;
    let before = PacketEvent {
        fate: Fate::Passed,
        sent: None,
        changed_by: None,
        tags: None,
        ..after.clone()
    };
    let mut out = title(style, number, "one line of chat changed by a rule, saved while you play");
    put(&mut out, format_args!("   {RULE}\n"));
    for packet in [before, after] {
        if let Some(row) = rows.event(1, &Event::Packet(packet)) {
            row.write(style, Columns::Short, &mut out);
            out.push('\n');
        }
    }
    emit(&out)
}
