//! Packets that rules send.

use midwire_codec::Direction;
use midwire_definition::syntax::ast::Name;
use midwire_definition::{Diagnostic, Given, Workspace};

use super::Compiler;
use super::targets::target_in;
use crate::lower::Owner;
use crate::rule::act::SendCode;
use crate::rule::ast::{Filling, Send, Way};
use crate::rule::decision::Position;
use crate::rule::fill::Fill;
use crate::syntax::ast::Segment;

impl Compiler<'_> {
    pub(super) fn send(&mut self, send: &Send) -> Option<SendCode> {
        let direction = match send.direction {
            Way::Serverbound => Direction::Serverbound,
            Way::Clientbound | Way::Both => Direction::Clientbound,
        };
        let lexicon = self.lexicon;
        let mut found: Vec<_> =
            lexicon.named_at(self.versions.0, direction, &send.packet.text).collect();
        // The packet of the state that the session is in comes first.
        found.sort_by_key(|packet| packet.state != self.state);
        let Some(packet) = found.first() else {
            self.findings.unsendable.extend([self.versions.0, self.versions.1]);
            return None;
        };
        self.findings.sendable = true;
        self.subject = Some((*packet).clone());
        let protocol = &self.lexicon.protocol;
        if self.checks && !self.rule.forced && protocol.has_events(self.versions.0, packet) {
            let span = send.packet.span;
            let message = format!("`{}` changes the session's state", packet.name);
            let report = Diagnostic::error("R020", span, message)
                .label("the game would be in another state than midwire knows")
                .help("say `force` if it is meant");
            self.findings.report(report);
        }
        let Some(plan) = protocol.plan_of(self.versions.0, packet) else {
            let message = format!("the fields of `{}` are not known", packet.name);
            let report = Diagnostic::error("R019", send.packet.span, message);
            self.findings.report(report.label("so it cannot be made"));
            return None;
        };
        let mut fields = Vec::new();
        for (name, filling) in &send.fields {
            let segments = [Segment::Name(name.clone(), false)];
            let Some(target) = target_in(&plan, &segments) else {
                let names = plan.fields_of(0).iter().map(|field| field.name.clone()).collect();
                let (text, version) = (&name.text, self.versions);
                let owner = Owner::of(packet);
                self.findings.sent.missing(name.span, text, owner, version, Some(names));
                continue;
            };
            self.findings.sent.found_in(name.span, Some(Owner::of(packet)));
            let takes = target.takes(&plan);
            let fill = self.filled(&plan, &target, &takes, filling, &name.text)?;
            fields.push((name.text.as_str().into(), fill));
        }
        let fields = Fill::Fields(fields);
        let mut wrong = None;
        if self.checks
            && let Some(given @ Given::Object(_)) = fields.constant()
        {
            let conn = protocol.initial_conn();
            let mut ws = Workspace::default();
            if let Err(error) = plan.encode(&given, &conn, &mut ws, &mut Vec::new()) {
                // The first words in back-ticks are the field's path.
                let message = error.to_string();
                let path = message.split('`').nth(1).unwrap_or_default();
                let first = path.split(['.', '[']).next().unwrap_or_default();
                let is_named = |field: &&(Name, Filling)| field.0.is(first);
                wrong = send.fields.iter().find(is_named).map(|(_, filling)| filling.span());
                self.misfit(&error, send.packet.span, wrong.unwrap_or(send.packet.span));
            }
        }
        for (_, filling) in &send.fields {
            if Some(filling.span()) != wrong {
                self.findings.is_right(filling.span());
            }
        }
        let position = if send.after { Position::After } else { Position::Before };
        let (packet, forced) = (packet.name.clone(), self.rule.forced);
        Some(SendCode { direction, position, packet, fields, forced })
    }
}
