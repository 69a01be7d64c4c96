//! Asking the rules about a packet.

use std::sync::Arc;

use midwire_definition::plan::{NbtForm, Packet, anchor};
use midwire_definition::syntax::ast::same_name;
use midwire_definition::value::Value as Held;
use midwire_definition::{Edits, Given, Workspace};

use super::act::{Act, EditCode, SendCode, Words};
use super::decision::{Decision, Delay, Disconnect, LogLine, Mark, Outcome, Refused, RuleId, Sent};
use super::fill::Fill;
use super::guard::Answers;
use super::replace::{self, Pair};
use super::set::RuleSet;
use super::state::RuleState;
use super::tables::{Program, Step, VersionRules};
use crate::envelope::Envelope;
use crate::evaluate::{Evaluator, SLOTS_MAX};
use crate::value::Value;

/// A change that a rule wants.
struct Wish {
    rule: RuleId,
    path: String,
    change: Change,
}

enum Change {
    Set(Given),
    /// The field, or the element, is left out.
    Absent,
}

/// Texts to replace in one field, of all rules that ask for it.
struct Replacing {
    rules: Vec<RuleId>,
    path: String,
    /// The rest of the path, where it goes on inside NBT.
    inside: Arc<[anchor::Step]>,
    form: Words,
    pairs: Vec<Pair>,
}

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

/// Paths that go on inside NBT, with every element of the lists that they go through there.
///
/// # Errors
/// They go to several elements, and the value, of which there is one, lies in NBT itself.
fn opened(
    packet: &mut Packet<'_>,
    paths: Vec<String>,
    inside: &[anchor::Step],
    reads_inside: bool,
) -> Result<Vec<String>, String> {
    if inside.is_empty() {
        return Ok(paths);
    }
    let mut out = Vec::new();
    for path in paths {
        let found = packet.find(&path);
        let (bytes, form) = match found.and_then(|found| packet.value_of(&found)) {
            Some(Held::Nbt(bytes, form)) => (bytes, form),
            // What is not there has no lists; whether it can be set all the same, the edit says.
            _ => (&[][..], NbtForm { named: false, optional: false }),
        };
        let all = replace::paths_in_nbt(bytes, form, inside);
        if all.len() > 1 && reads_inside {
            let reason = "has several elements, which would all get the value of the first";
            return Err(format!("a list in `{path}` {reason}"));
        }
        out.extend(all.into_iter().map(|inside| format!("{path}{inside}")));
    }
    Ok(out)
}

/// What replacing texts in a field makes of it, or of what rules set it to; whether anything was found.
fn replaced(
    packet: &mut Packet<'_>,
    replacing: &Replacing,
    wishes: &mut Vec<Wish>,
) -> Result<bool, String> {
    let Replacing { rules, path, inside, form, pairs } = replacing;
    let Some(rule) = rules.last().copied() else { return Ok(false) };
    let before = wishes.len();
    if *form == Words::Nbt || !inside.is_empty() {
        if let Some(set) = wish_at(wishes, path)? {
            let Some(text) = text_of(set).filter(|_| inside.is_empty()) else {
                return Err(format!("`{path}` is set as a whole by another rule"));
            };
            let Some(new) = replace::in_text(text, pairs)? else { return Ok(false) };
            let change = Change::Set(replace::nbt_component(&new));
            wishes.push(Wish { rule, path: path.clone(), change });
            return Ok(true);
        }
        let found = packet.find(path);
        let Some(Held::Nbt(bytes, nbt)) = found.and_then(|found| packet.value_of(&found)) else {
            return Ok(false);
        };
        let changes = match inside.is_empty() {
            true => replace::in_nbt(bytes, nbt, pairs)?,
            false => {
                let mut changes = Vec::new();
                for mut text in replace::texts_in_nbt(bytes, nbt, inside) {
                    let set = wish_at(wishes, &format!("{path}{}", text.path))?;
                    let old = match set {
                        None => &text.text,
                        Some(Change::Set(Given::Text(set))) => set,
                        Some(_) => return Err(format!("`{path}` is set by another rule")),
                    };
                    if let Some(new) = replace::in_text(old, pairs)? {
                        text.text = new;
                        changes.push(text);
                    }
                }
                changes
            }
        };
        for change in changes {
            let given = match change.path.is_empty() {
                // A text that is the whole of it.
                true => replace::nbt_component(&change.text),
                false => Given::Text(change.text),
            };
            let path = format!("{path}{}", change.path);
            if inside.is_empty() && wish_at(wishes, &path)?.is_some() {
                return Err(format!("`{path}` is set by another rule"));
            }
            wishes.push(Wish { rule, path, change: Change::Set(given) });
        }
        return Ok(wishes.len() > before);
    }
    let text = match wish_at(wishes, path)? {
        Some(Change::Set(Given::Text(set))) => Some(set.clone()),
        Some(_) => return Err(format!("`{path}` is left out by another rule")),
        None => packet.text(path),
    };
    let Some(text) = text else { return Ok(false) };
    let new = match form {
        Words::Json => replace::in_json(&text, pairs)?,
        _ => replace::in_text(&text, pairs)?,
    };
    if let Some(new) = new {
        wishes.push(Wish { rule, path: path.clone(), change: Change::Set(Given::Text(new)) });
    }
    Ok(wishes.len() > before)
}

/// What rules want to make of the field at a path; the last of them counts.
///
/// # Errors
/// They want to make something else of what it lies in.
fn wish_at<'w>(wishes: &'w [Wish], path: &str) -> Result<Option<&'w Change>, String> {
    let plain = |path: &str| path.replace('`', "");
    let wanted = plain(path);
    for wish in wishes.iter().rev() {
        let known = plain(&wish.path);
        if same_name(&known, &wanted) {
            return Ok(Some(&wish.change));
        }
        let rest = wanted.get(known.len()..).unwrap_or_default();
        if rest.starts_with(['.', '[']) && wanted.starts_with(&known) {
            return Err(format!("`{}` is set as a whole by another rule", wish.path));
        }
    }
    Ok(None)
}

/// The text of a component in typed JSON that is nothing but a text.
fn text_of(change: &Change) -> Option<&str> {
    let Change::Set(given) = change else { return None };
    match (given.get("type"), given.get("value")) {
        (Some(Given::Text(kind)), Some(Given::Text(text))) if kind == "string" => Some(text),
        _ => None,
    }
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
