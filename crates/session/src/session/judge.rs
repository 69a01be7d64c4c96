//! Asking what is to become of a packet, and making the payload that is to go in its place.

use std::sync::Arc;

use bytes::Bytes;
use midwire_codec::{Direction, Origin};
use midwire_definition::{Edits, Packet, PacketDefinition, Workspace};

use super::Session;
use crate::decision::{Beside, Content, Decision, Delay, Disconnect, Log, Place, Tags};
use crate::encryption::RequestId;
use crate::event::{Notice, PacketNumber};
use crate::form::Form;
use crate::host;
use crate::id;
use crate::judged::{Need, Wanted};
use crate::order::Held;
use crate::rules::{Peers, Ruled};
use crate::verdict::{PacketInfo, Verdict};

/// What was decided about a packet, and the payload that it makes.
#[derive(Debug, Default)]
pub(super) struct Ruling {
    pub(super) dropped: bool,
    pub(super) held: bool,
    pub(super) delay: Option<Delay>,
    /// What goes on in place of the payload that came, unless the packet is dropped.
    pub(super) new: Option<Bytes>,
    pub(super) changed_by: Option<Origin>,
    /// Copies that go behind it, and who wants them.
    pub(super) copies: u32,
    pub(super) copied_by: Option<Origin>,
    pub(super) beside: Vec<(Origin, Beside)>,
    pub(super) disconnect: Option<Disconnect>,
    pub(super) tags: Tags,
    /// It is midwire itself that ends the session.
    pub(super) is_refused: bool,
    /// It waits for an answer from outside.
    pub(super) asked: Option<RequestId>,
    /// Who wanted an edit that could not be made, and why.
    pub(super) refused: Vec<(Option<Arc<str>>, String)>,
}

/// The fields of this packet are not known, so they cannot be changed.
const NOT_KNOWN: &str = "its fields are not known";

impl Session {
    /// Asks all who decide about a packet.
    pub(super) fn judge(
        &mut self,
        info: &PacketInfo<'_>,
        form: &Form,
        workspace: &mut Workspace,
    ) -> Ruling {
        let mut ruling = Ruling::default();
        let mut only_watched = false;
        if let Some(judged) = self.judged.as_mut() {
            let wants = |wanted: &Wanted| wanted.need(info.state, info.direction, info.id);
            if let Some(rules) = &mut judged.rules
                && wants(rules.wanted()) > Need::Nothing
            {
                let trusted = !self.assumed || self.setup.options.trust_version;
                only_watched = ruling.ask_rules(rules, info, form, self.peers, trusted, workspace);
            }
            if let Some(asked) = &mut judged.judge
                && wants(&asked.wanted) > Need::Nothing
                && !ruling.dropped
            {
                let new = ruling.new.clone();
                let mut info = *info;
                if let Some(new) = &new {
                    // It sees what the rules have made of the packet.
                    let found = id::read(&self.setup.protocol.stack, form.state, new);
                    let (id, body) = found.unwrap_or_default();
                    let definition = self.tables.definition(info.state, info.direction, id);
                    (info.id, info.body) = (id, body as u32);
                    info.definition = definition.map(Arc::as_ref);
                    info.payload = new;
                    info.length = u32::try_from(new.len()).unwrap_or(u32::MAX);
                }
                let plan = info.definition.and_then(|definition| definition.plan.as_ref());
                let mut fields = plan
                    .filter(|_| wants(&asked.wanted) == Need::Fields)
                    .map(|plan| plan.decode(info.payload, info.body, &form.conn, workspace));
                let mut decision = Decision::default();
                asked.judge.decide(&info, fields.as_mut(), &mut decision);
                ruling.add(decision, fields.as_mut(), asked.judge.origin());
            }
        }
        if only_watched && !std::mem::replace(&mut self.told_watching, true) {
            self.notice(Notice::OnlyWatching);
        }
        self.address(info.definition, info.payload, form, workspace, &mut ruling);
        ruling
    }

    /// Counts packets that the rules were asked about on the way, and do nothing about.
    pub(super) fn note_quiet(&mut self, packets: u64) {
        if let Some(rules) = self.judged.as_mut().and_then(|judged| judged.rules.as_mut()) {
            rules.note_quiet(packets);
        }
    }

    /// Asks the rules about a packet that neither peer sent. Only those that say so are about such.
    pub(super) fn judge_injected(
        &mut self,
        info: &PacketInfo<'_>,
        form: &Form,
        workspace: &mut Workspace,
    ) -> Ruling {
        let mut ruling = Ruling::default();
        let trusted = !self.assumed || self.setup.options.trust_version;
        if let Some(rules) = self.judged.as_mut().and_then(|judged| judged.rules.as_mut())
            && rules.are_for_injected()
            && rules.wanted().need(info.state, info.direction, info.id) > Need::Nothing
        {
            ruling.ask_rules(rules, info, form, self.peers, trusted, workspace);
        }
        ruling
    }

    /// What somebody decided about an intercepted packet.
    pub(super) fn rule_on(
        &self,
        held: &Held,
        verdict: Verdict,
        workspace: &mut Workspace,
    ) -> Ruling {
        let form = &held.form;
        let id = id::read(&self.setup.protocol.stack, form.state, &held.payload).map(|(id, _)| id);
        let definition =
            id.and_then(|id| self.tables.definition(form.state, held.direction, id)).cloned();
        let mut ruling = Ruling::default();
        if matches!(verdict, Verdict::Pass | Verdict::Delay(_)) {
            ruling.new = held.new.clone();
        }
        let plan = definition.as_ref().and_then(|definition| definition.plan.as_ref());
        let mut fields =
            plan.map(|plan| plan.decode(&held.payload, held.body, &form.conn, workspace));
        ruling.add(verdict.into(), fields.as_mut(), Origin::User);
        self.address(definition.as_deref(), &held.payload, form, workspace, &mut ruling);
        self.shake_hands_again(held, workspace, &mut ruling);
        ruling
    }

    /// Puts the server's address into the packet that is to have it.
    fn address(
        &self,
        definition: Option<&PacketDefinition>,
        payload: &[u8],
        form: &Form,
        workspace: &mut Workspace,
        ruling: &mut Ruling,
    ) {
        if ruling.dropped {
            return;
        }
        let payload = ruling.new.as_deref().unwrap_or(payload);
        match self.addressed(definition, payload, form, workspace) {
            Ok(None) => {}
            Ok(Some(new)) => {
                ruling.new = Some(new);
                ruling.changed_by.get_or_insert(Origin::Midwire);
            }
            Err(reason) => ruling.refused.push((None, reason)),
        }
    }

    /// The payload with the server's address in it, if this packet is to have that and does not.
    fn addressed(
        &self,
        definition: Option<&PacketDefinition>,
        payload: &[u8],
        form: &Form,
        workspace: &mut Workspace,
    ) -> Result<Option<Bytes>, String> {
        let options = &self.setup.options;
        let to = definition.and_then(|definition| match definition.direction {
            Direction::Serverbound if definition.says_version => options.rewrite_host.as_ref(),
            Direction::Clientbound => options.transfer_to.as_ref(),
            Direction::Serverbound => None,
        });
        let plan = definition.and_then(|definition| definition.plan.as_ref());
        let (Some(to), Some(plan)) = (to, plan.filter(|plan| plan.has_host())) else {
            return Ok(None);
        };
        let Some((_, body)) = id::read(&self.setup.protocol.stack, form.state, payload) else {
            return Ok(None);
        };
        let mut packet = plan.decode(payload, body as u32, &form.conn, workspace);
        let edits = host::edits(&mut packet, to);
        if edits.is_empty() {
            return Ok(None);
        }
        spliced(&mut packet, &edits).map(Some)
    }

    /// Tells what was wanted of a packet and could not be done.
    pub(super) fn tell_refused(&mut self, number: PacketNumber, ruling: &mut Ruling) {
        for (by, reason) in std::mem::take(&mut ruling.refused) {
            self.notice(Notice::EditRefused { number, by, reason });
        }
    }
}

impl Ruling {
    /// Whether it goes on at once.
    pub(super) fn is_prompt(&self) -> bool {
        !self.held && self.delay.is_none()
    }

    /// Asks the rules about a packet. Gives whether they would have done something, but only watch.
    fn ask_rules(
        &mut self,
        rules: &mut Ruled,
        info: &PacketInfo<'_>,
        form: &Form,
        peers: Peers,
        trusted: bool,
        workspace: &mut Workspace,
    ) -> bool {
        let envelope = info.envelope(peers, &form.conn);
        let mut decision = midwire_rules::rule::Decision::default();
        rules.judge(&envelope, trusted, workspace, &mut decision);
        let only_watched = decision.only_watched;
        if !decision.is_nothing() {
            self.add_rules(decision, rules);
        }
        only_watched
    }

    /// Takes what the rules say.
    fn add_rules(&mut self, decision: midwire_rules::rule::Decision, rules: &Ruled) {
        use midwire_rules::rule::{Outcome, Position};
        let name = |rule| rules.name(rule);
        let color = |mark: midwire_rules::rule::Mark| Arc::from(mark.color.as_str());
        self.tags.rules.extend(decision.hits.into_iter().map(name));
        self.tags.marks.extend(decision.marks.into_iter().map(color));
        self.tags.logs.extend(
            decision
                .logs
                .into_iter()
                .map(|line| Log { by: Some(name(line.rule)), text: line.text.map(Into::into) }),
        );
        let refused = decision.refused.into_iter();
        self.refused.extend(refused.map(|refused| (Some(name(refused.rule)), refused.reason)));
        let beside = decision.sends.into_iter().map(|sent| Beside {
            place: match sent.position {
                Position::Before => Place::Before,
                Position::After => Place::After,
            },
            direction: sent.direction,
            packet: Content::Fields { name: sent.packet, fields: sent.fields },
            forced: sent.forced,
            by: Some(name(sent.rule)),
        });
        self.beside.extend(beside.map(|beside| (Origin::Rule, beside)));
        self.disconnect = decision.disconnect.map(|disconnect| Disconnect {
            why: disconnect.why.into(),
            by: Some(name(disconnect.rule)),
        });
        self.dropped = matches!(decision.outcome, Outcome::Drop(_)) || self.disconnect.is_some();
        if self.dropped {
            return;
        }
        self.held = matches!(decision.outcome, Outcome::Intercept(_));
        self.delay = decision.delay.map(|delay| Delay { wait: delay.by, loose: delay.unordered });
        self.copies = decision.duplicates;
        self.copied_by = (self.copies > 0).then_some(Origin::Rule);
        self.new = decision.payload.map(Into::into);
        self.changed_by = self.new.as_ref().map(|_| Origin::Rule);
    }

    /// Takes a decision, and makes the edits that it wants of a packet.
    fn add(&mut self, mut decision: Decision, fields: Option<&mut Packet<'_>>, origin: Origin) {
        self.tags.append(std::mem::take(&mut decision.tags));
        self.refused.append(&mut decision.refused);
        self.beside.extend(decision.beside.into_iter().map(|beside| (origin, beside)));
        self.disconnect = self.disconnect.take().or(decision.disconnect);
        self.dropped |= decision.drop || self.disconnect.is_some();
        if self.dropped {
            return;
        }
        self.held |= decision.intercept;
        self.delay = decision.delay.or(self.delay);
        if decision.copies > 0 {
            self.copies = self.copies.saturating_add(decision.copies);
            self.copied_by = Some(origin);
        }
        let new = match decision.replace {
            Some(new) => Some(new),
            None => self.edited(&decision.edits, fields),
        };
        if let Some(new) = new {
            self.new = Some(new);
            self.changed_by = Some(origin);
        }
    }

    /// The payload with all edits that can be made.
    fn edited(
        &mut self,
        edits: &[(Option<Arc<str>>, Edits)],
        fields: Option<&mut Packet<'_>>,
    ) -> Option<Bytes> {
        if edits.is_empty() {
            return None;
        }
        let Some(packet) = fields else {
            let refused = edits.iter().map(|(by, _)| (by.clone(), NOT_KNOWN.to_owned()));
            self.refused.extend(refused);
            return None;
        };
        if let [(by, edits)] = edits {
            return match spliced(packet, edits) {
                Ok(new) => Some(new),
                Err(reason) => {
                    self.refused.push((by.clone(), reason));
                    None
                }
            };
        }
        let mut all = Edits::new();
        edits.iter().for_each(|(_, edits)| all.append(edits));
        if let Ok(new) = spliced(packet, &all) {
            return Some(new);
        }
        // One by one, to find those that do not fit; what fits alone may not fit together.
        let (mut made, mut new) = (Edits::new(), None);
        for (by, edits) in edits {
            let mut with = made.clone();
            with.append(edits);
            match spliced(packet, &with) {
                Ok(payload) => (made, new) = (with, Some(payload)),
                Err(reason) => self.refused.push((by.clone(), reason)),
            }
        }
        new
    }
}

pub(super) fn spliced(packet: &mut Packet<'_>, edits: &Edits) -> Result<Bytes, String> {
    let mut new = Vec::new();
    packet.splice(edits, &mut new).map_err(|error| error.to_string())?;
    Ok(new.into())
}
