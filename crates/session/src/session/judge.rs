//! Asking what is to become of a packet, and making the payload that is to go in its place.

use std::sync::Arc;

use bytes::Bytes;
use midwire_definition::{Edits, Packet, PacketDefinition, Workspace};

use super::Session;
use crate::decision::{Beside, Decision, Delay, Tags};
use crate::event::{Notice, Origin, PacketNumber};
use crate::form::Form;
use crate::host;
use crate::id;
use crate::judged::Need;
use crate::order::Held;
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
    pub(super) disconnect: Option<Arc<str>>,
    pub(super) tags: Tags,
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
        let only_watch = self.assumed && !self.setup.options.trust_version;
        let mut tell = false;
        if let Some(judged) = self.judged.as_mut() {
            let slots = [(&mut judged.rules, true), (&mut judged.judge, false)];
            for (asked, are_rules) in slots {
                let Some(asked) = asked else { continue };
                let need = asked.wanted.need(info.state, info.direction, info.id);
                if need == Need::Nothing || ruling.dropped {
                    continue;
                }
                // The second sees what the first has made of it.
                let new = ruling.new.clone();
                let mut info = *info;
                if let Some(new) = &new {
                    let found = id::read(&self.setup.protocol.stack, new);
                    let (id, body) = found.unwrap_or_default();
                    let definition = self.tables.definition(info.state, info.direction, id);
                    (info.id, info.body) = (id, body as u32);
                    info.definition = definition.map(Arc::as_ref);
                    (info.payload, info.length) =
                        (new, u32::try_from(new.len()).unwrap_or(u32::MAX));
                }
                let plan = info.definition.and_then(|definition| definition.plan.as_ref());
                let mut fields = plan
                    .filter(|_| need == Need::Fields)
                    .map(|plan| plan.decode(info.payload, info.body, &form.conn, workspace));
                let mut decision = Decision::default();
                asked.judge.decide(&info, fields.as_mut(), &mut decision);
                if are_rules && only_watch {
                    tell |= decision.acts();
                    decision.only_watch();
                }
                ruling.add(decision, fields.as_mut(), asked.judge.origin());
            }
        }
        if tell && !std::mem::replace(&mut self.told_watching, true) {
            self.notice(Notice::OnlyWatching);
        }
        self.address(info.definition, info.payload, form, workspace, &mut ruling);
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
        let id = id::read(&self.setup.protocol.stack, &held.payload).map(|(id, _)| id);
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
        let Some(to) = &self.setup.options.rewrite_host else { return Ok(None) };
        let Some(plan) = definition.filter(|d| d.says_version).and_then(|d| d.plan.as_ref()) else {
            return Ok(None);
        };
        let Some((_, body)) = id::read(&self.setup.protocol.stack, payload) else {
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

fn spliced(packet: &mut Packet<'_>, edits: &Edits) -> Result<Bytes, String> {
    let mut new = Vec::new();
    packet.splice(edits, &mut new).map_err(|error| error.to_string())?;
    Ok(new.into())
}
