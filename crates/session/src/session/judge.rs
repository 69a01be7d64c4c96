//! Asking what is to become of a packet, and making the payload that is to go in its place.

use bytes::Bytes;
use midwire_definition::{PacketDefinition, Workspace};

use super::Session;
use crate::event::Origin;
use crate::form::Form;
use crate::host;
use crate::id;
use crate::order::Held;
use crate::verdict::{PacketInfo, Verdict};

/// A verdict, and the payload that it makes.
#[derive(Debug, Default)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    /// What goes on in place of the payload that came, unless the packet is dropped.
    pub(super) new: Option<Bytes>,
    pub(super) changed_by: Option<Origin>,
    /// Why an edit could not be made.
    pub(super) refused: Option<String>,
}

impl Session {
    /// Asks the judge about a packet.
    pub(super) fn judge(
        &mut self,
        info: &PacketInfo<'_>,
        form: &Form,
        workspace: &mut Workspace,
    ) -> Ruling {
        let mut ruling = Ruling::default();
        let wants = |judged: &&mut Box<crate::interest::Judged>| {
            judged.wants(&self.tables, info.state, info.direction, info.id)
        };
        if let Some(judged) = self.judged.as_mut().filter(wants) {
            let judge = &mut judged.judge;
            match info.definition.and_then(|definition| definition.plan.as_ref()) {
                Some(plan) => {
                    let mut packet = plan.decode(info.payload, info.body, &form.conn, workspace);
                    ruling.verdict = judge.judge(info, Some(&mut packet));
                    if let Verdict::Edit(edits) = &ruling.verdict {
                        let mut new = Vec::new();
                        match packet.splice(edits, &mut new) {
                            Ok(()) => ruling.new = Some(new.into()),
                            Err(error) => ruling.refused = Some(error.to_string()),
                        }
                    }
                }
                None => {
                    ruling.verdict = judge.judge(info, None);
                    ruling.refuse_edits();
                }
            }
            if let Verdict::Replace(new) = &ruling.verdict {
                ruling.new = Some(new.clone());
            }
            ruling.changed_by = ruling.new.as_ref().map(|_| judge.origin());
        }
        let payload = ruling.new.as_deref().unwrap_or(info.payload);
        match self.addressed(info.definition, payload, form, workspace) {
            Ok(None) => {}
            Ok(Some(new)) => {
                ruling.new = Some(new);
                ruling.changed_by.get_or_insert(Origin::Midwire);
            }
            Err(reason) => ruling.refused = Some(reason),
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
        let mut ruling = Ruling { verdict, ..Ruling::default() };
        let form = &held.form;
        let id = id::read(&self.setup.protocol.stack, form.state, &held.payload).map(|(id, _)| id);
        let definition =
            id.and_then(|id| self.tables.definition(form.state, held.direction, id)).cloned();
        match &ruling.verdict {
            Verdict::Pass | Verdict::Delay(_) => ruling.new = held.new.clone(),
            Verdict::Replace(new) => ruling.new = Some(new.clone()),
            Verdict::Edit(edits) => match definition.as_ref().and_then(|d| d.plan.as_ref()) {
                Some(plan) => {
                    let mut new = Vec::new();
                    let mut packet = plan.decode(&held.payload, held.body, &form.conn, workspace);
                    match packet.splice(edits, &mut new) {
                        Ok(()) => ruling.new = Some(new.into()),
                        Err(error) => ruling.refused = Some(error.to_string()),
                    }
                }
                None => ruling.refuse_edits(),
            },
            Verdict::Drop | Verdict::Intercept => {}
        }
        if let Some(new) = &ruling.new {
            match self.addressed(definition.as_deref(), new, form, workspace) {
                Ok(None) => {}
                Ok(Some(new)) => ruling.new = Some(new),
                Err(reason) => ruling.refused = Some(reason),
            }
        }
        ruling
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
        let Some((_, body)) = id::read(&self.setup.protocol.stack, form.state, payload) else {
            return Ok(None);
        };
        let mut packet = plan.decode(payload, body as u32, &form.conn, workspace);
        let edits = host::edits(&mut packet, to);
        if edits.is_empty() {
            return Ok(None);
        }
        let mut new = Vec::new();
        packet.splice(&edits, &mut new).map_err(|error| error.to_string())?;
        Ok(Some(new.into()))
    }
}

impl Ruling {
    /// Of an opaque or unknown packet no field can be changed.
    fn refuse_edits(&mut self) {
        if matches!(self.verdict, Verdict::Edit(_)) {
            self.refused = Some("its fields are not known".to_owned());
        }
    }
}
