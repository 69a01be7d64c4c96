//! Asking the rules about a packet.

use midwire_definition::plan::Packet;
use midwire_definition::{Edits, Workspace};

use super::act::{Act, EditCode, SendCode};
use super::decision::{Decision, Delay, Disconnect, LogLine, Mark, Outcome, Refused, RuleId, Sent};
use super::fill::Fill;
use super::guard::Answers;
use super::replace::Pair;
use super::set::RuleSet;
use super::state::RuleState;
use super::tables::{Program, Step, VersionRules};
use super::wish::{Change, Replacing, Wish, opened, replaced};
use crate::envelope::Envelope;
use crate::evaluate::{Evaluator, SLOTS_MAX};
use crate::value::Value;

impl RuleSet {
    /// Asks the rules about a packet. `decision` is cleared first, and says afterwards what is to be done.
    ///
    /// `rules` are those [`at`](RuleSet::at) the envelope's version. `trusted` is false in a session whose
    /// version is only assumed: then rules watch, mark, write and count, and do nothing else. Time is the
    /// envelope's.
    pub fn judge(
        &self,
        rules: &VersionRules,
        state: &mut RuleState,
        envelope: &Envelope<'_>,
        trusted: bool,
        ws: &mut Workspace,
        decision: &mut Decision,
    ) {
        decision.clear();
        let found = rules.program(envelope.state, envelope.direction, envelope.definition);
        let Some(program) = found.filter(|program| !program.steps.is_empty()) else { return };
        state.looks.judged += 1;
        let mut acting = std::mem::take(&mut state.acting);
        acting.clear();
        self.matching(program, state, envelope, ws, &mut acting);
        if !acting.is_empty() {
            act(self, program, &acting, state, envelope, trusted, ws, decision);
        }
        state.acting = acting;
    }

    /// Which steps act, in order.
    fn matching(
        &self,
        program: &Program,
        state: &mut RuleState,
        envelope: &Envelope<'_>,
        ws: &mut Workspace,
        acting: &mut Vec<u32>,
    ) {
        let mut slots = [None; SLOTS_MAX];
        let mut evaluator = Evaluator::new(envelope, &mut slots);
        let mut packet: Option<Packet<'_>> = None;
        let Envelope { payload, body, conn, .. } = *envelope;
        let mut ws = Some(ws);
        let mut answers = Answers::default();
        for (at, step) in program.steps.iter().enumerate() {
            if envelope.injected && !self.asks_for_injected(step.rule) {
                continue;
            }
            if let Some(gate) = &step.gate
                && !evaluator.pred(gate, None)
            {
                continue;
            }
            if let Some(pred) = &step.pred {
                if let (None, Some(plan)) = (&packet, &program.plan)
                    && let Some(ws) = ws.take()
                {
                    state.looks.decoded += 1;
                    packet = Some(match &program.cut {
                        Some(cut) => plan.decode_cut(cut, payload, body, conn, ws),
                        None => plan.decode(payload, body, conn, ws),
                    });
                }
                if let Some(guard) = step.guard
                    && !answers.may_match(
                        guard,
                        &program.guards,
                        &program.steps,
                        &mut evaluator,
                        packet.as_mut(),
                    )
                {
                    continue;
                }
                if !evaluator.pred(pred, packet.as_mut()) {
                    continue;
                }
            }
            let Some(rule) = self.rules.get(step.rule.0 as usize) else { continue };
            let Some(slot) = state.slots.get_mut(step.rule.0 as usize) else { continue };
            if !slot.admits(&rule.modifiers, envelope.time) {
                continue;
            }
            acting.push(u32::try_from(at).unwrap_or(u32::MAX));
            if step.ends {
                break;
            }
        }
    }
}

/// Does what the steps say.
#[allow(clippy::too_many_arguments, reason = "one call, from one place")]
fn act(
    set: &RuleSet,
    program: &Program,
    acting: &[u32],
    state: &mut RuleState,
    envelope: &Envelope<'_>,
    trusted: bool,
    ws: &mut Workspace,
    out: &mut Decision,
) {
    let steps = || acting.iter().filter_map(|at| program.steps.get(*at as usize));
    let Envelope { payload, body, conn, .. } = *envelope;
    let asks = steps().any(|step| step.act.asks());
    let mut packet = match &program.plan {
        Some(plan) if asks => Some(plan.decode(payload, body, conn, ws)),
        _ => None,
    };
    let mut slots = [None; SLOTS_MAX];
    let mut evaluator = Evaluator::new(envelope, &mut slots);
    let (mut wishes, mut replacing): (Vec<Wish>, Vec<Replacing>) = (Vec::new(), Vec::new());
    for step in steps() {
        if let Some(slot) = state.slots.get_mut(step.rule.0 as usize) {
            slot.counter.hits += 1;
        }
        out.hits.push(step.rule);
        if !trusted && !step.watches {
            out.only_watched = true;
            continue;
        }
        let done =
            do_one(step, &mut evaluator, &mut packet, state, out, &mut wishes, &mut replacing);
        if let Err(reason) = done {
            out.refused.push(Refused { rule: step.rule, reason });
        }
    }
    if let Some(packet) = &mut packet {
        let (mut did, mut did_not): (Vec<RuleId>, Vec<RuleId>) = (Vec::new(), Vec::new());
        // Whether there is anything to replace could not be asked before of what has format codes.
        let mut unasked: Vec<RuleId> = Vec::new();
        for replacing in replacing {
            let before = wishes.len();
            match replaced(packet, &replacing, &mut wishes) {
                Ok(true) => did.extend(replacing.rules),
                Ok(false) => {
                    if replacing.pairs.iter().any(Pair::has_codes) {
                        unasked.extend(&replacing.rules);
                    }
                    did_not.extend(replacing.rules);
                }
                Err(reason) => {
                    wishes.truncate(before);
                    let refused = |rule: &RuleId| Refused { rule: *rule, reason: reason.clone() };
                    out.refused.extend(replacing.rules.iter().map(refused));
                    did.extend(replacing.rules);
                }
            }
        }
        did_not.retain(|rule| !did.contains(rule));
        did_not.sort();
        did_not.dedup();
        for rule in did_not {
            if unasked.contains(&rule) {
                out.hits.retain(|hit| *hit != rule);
                if let Some(slot) = state.slots.get_mut(rule.0 as usize) {
                    slot.counter.hits = slot.counter.hits.saturating_sub(1);
                }
                continue;
            }
            let reason = "no text that can be replaced was found in the field".to_owned();
            out.refused.push(Refused { rule, reason });
        }
        if !wishes.is_empty() && !matches!(out.outcome, Outcome::Drop(_)) {
            splice(packet, &wishes, out);
        }
    }
    for refused in &out.refused {
        state.note_refused(refused.rule);
    }
    debug_assert!(out.hits.iter().all(|rule| set.rule(*rule).is_some()));
}

fn do_one<'a>(
    step: &Step,
    evaluator: &mut Evaluator<'_, 'a>,
    packet: &mut Option<Packet<'a>>,
    state: &mut RuleState,
    out: &mut Decision,
    wishes: &mut Vec<Wish>,
    replacing: &mut Vec<Replacing>,
) -> Result<(), String> {
    let rule = step.rule;
    match &step.act {
        Act::Pass => {}
        Act::Drop => out.outcome = Outcome::Drop(rule),
        Act::Intercept => {
            if out.outcome == Outcome::Pass {
                out.outcome = Outcome::Intercept(rule);
            }
        }
        Act::Duplicate => out.duplicates = out.duplicates.saturating_add(1),
        Act::Delay { by, unordered } => {
            if out.delay.is_none_or(|delay| delay.by < *by) {
                out.delay = Some(Delay { rule, by: *by, unordered: *unordered });
            }
        }
        Act::Mark(color) => out.marks.push(Mark { rule, color: *color }),
        Act::Count(at) => {
            if let Some(count) = state.counts.get_mut(*at as usize) {
                *count += 1;
            }
        }
        Act::Log(values) => {
            let mut texts = Vec::with_capacity(values.len());
            for value in values {
                // What is not there is an empty place in the line.
                let value = value.as_ref();
                let value = value.and_then(|value| value.value(evaluator, packet.as_mut()));
                texts.push(value.map_or_else(String::new, shown));
            }
            let text = match texts.as_slice() {
                [] => None,
                [one] => Some(one.clone()),
                all => Some(all.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",")),
            };
            out.logs.push(LogLine { rule, text });
        }
        Act::Disconnect(why) => {
            let why = why.value(evaluator, packet.as_mut()).map_or_else(String::new, shown);
            out.disconnect = Some(Disconnect { rule, why });
        }
        Act::Edit(codes) => {
            let before = wishes.len();
            for code in codes {
                if let Err(reason) = edit(rule, code, evaluator, packet, wishes, replacing) {
                    wishes.truncate(before);
                    return Err(reason);
                }
            }
        }
        Act::Send(send) => {
            let SendCode { direction, position, packet: name, fields, forced } = send;
            out.sends.push(Sent {
                rule,
                direction: *direction,
                position: *position,
                packet: name.clone(),
                fields: fields.given(evaluator, packet)?,
                forced: *forced,
            });
        }
    }
    Ok(())
}

fn edit<'a>(
    rule: RuleId,
    code: &EditCode,
    evaluator: &mut Evaluator<'_, 'a>,
    packet: &mut Option<Packet<'a>>,
    wishes: &mut Vec<Wish>,
    replacing: &mut Vec<Replacing>,
) -> Result<(), String> {
    match code {
        EditCode::Given(path, given) => {
            let change = Change::Set(given.clone());
            wishes.push(Wish { rule, path: path.to_string(), change });
        }
        EditCode::Set { spot, inside, fill, reads_inside } => {
            let change = match fill {
                Fill::Absent => None,
                fill => Some(fill.given(evaluator, packet)?),
            };
            let Some(packet) = packet else { return Ok(()) };
            let paths = spot.paths(packet)?;
            for path in opened(packet, paths, inside, *reads_inside)? {
                let change = change.clone().map_or(Change::Absent, Change::Set);
                wishes.push(Wish { rule, path, change });
            }
        }
        EditCode::Replace { spot, inside, form, pairs } => {
            let Some(packet) = packet else { return Ok(()) };
            for path in spot.paths(packet)? {
                let same = |known: &&mut Replacing| {
                    known.path == path && known.form == *form && known.inside == *inside
                };
                match replacing.iter_mut().find(same) {
                    Some(known) => {
                        known.rules.push(rule);
                        known.pairs.extend(pairs.iter().cloned());
                    }
                    None => replacing.push(Replacing {
                        rules: vec![rule],
                        path,
                        inside: inside.clone(),
                        form: *form,
                        pairs: pairs.to_vec(),
                    }),
                }
            }
        }
    }
    Ok(())
}

/// Makes all changes at once; if they do not go together, those that do, in the order of the rules.
fn splice(packet: &mut Packet<'_>, wishes: &[Wish], out: &mut Decision) {
    let mut rules: Vec<RuleId> = wishes.iter().map(|wish| wish.rule).collect();
    rules.sort();
    rules.dedup();
    let mut payload = Vec::new();
    if packet.splice(&edits(wishes, &rules), &mut payload).is_ok() {
        out.changed_by.extend(rules);
        out.payload = Some(payload);
        return;
    }
    let mut good: Vec<RuleId> = Vec::new();
    for rule in rules {
        good.push(rule);
        let mut made = Vec::new();
        match packet.splice(&edits(wishes, &good), &mut made) {
            Ok(()) => out.payload = Some(made),
            Err(error) => {
                good.pop();
                out.refused.push(Refused { rule, reason: error.to_string() });
            }
        }
    }
    out.changed_by.extend(good);
}

fn edits(wishes: &[Wish], rules: &[RuleId]) -> Edits {
    let mut edits = Edits::new();
    for wish in wishes.iter().filter(|wish| rules.contains(&wish.rule)) {
        match &wish.change {
            Change::Set(given) => edits.set(&wish.path, given.clone()),
            Change::Absent if wish.path.ends_with(']') => edits.remove(&wish.path),
            Change::Absent => edits.delete(&wish.path),
        };
    }
    edits
}

/// A value as a line shows it.
fn shown(value: Value) -> String {
    match value {
        Value::Bool(is) => is.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => n.to_string(),
        Value::Text(text) => text,
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// A value as a cell of CSV.
fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
