//! Bodies on trial: whether what was put into them leaves what they mean.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_definition::plan::Plan;
use midwire_definition::syntax::parse;

use super::sources::Files;
use super::work::Work;
use super::{Declaration, Items, Maker, PROBES, What};
use crate::compare::Matched;

/// The most text that is tried at once.
const TRIED_MAX: usize = 1 << 20;

/// Where bodies are tried.
pub(super) struct Bench<'m> {
    pub(super) maker: &'m Maker<'m>,
    pub(super) items: &'m Items,
    /// As the data has them.
    pub(super) declarations: &'m [Declaration],
    pub(super) matched: &'m [Matched],
}

impl Bench<'_> {
    /// Whether each of these bodies means what its declaration means, in all versions of that.
    pub(super) fn try_all(&self, bodies: &[(usize, String)]) -> Result<Vec<bool>, String> {
        let mut out = Vec::new();
        let mut rest = bodies;
        while !rest.is_empty() {
            let mut len = 0;
            let fit = rest.iter().take_while(|(_, body)| {
                len += body.len();
                len <= TRIED_MAX
            });
            let (now, later) = rest.split_at(fit.count().max(1));
            out.extend(self.try_some(now)?);
            rest = later;
        }
        Ok(out)
    }

    fn try_some(&self, bodies: &[(usize, String)]) -> Result<Vec<bool>, String> {
        let whole = |at: usize| {
            let text = &self.declarations[at].text;
            Work::new(text.clone(), Vec::new()).edited_body(&[])
        };
        let mut text = self.maker.text_of(self.items, self.declarations);
        let count = self.declarations.len();
        for at in 0..count {
            text.push_str(&self.probe(at, at, &whole(at)));
        }
        let mut fits = Vec::new();
        for (place, (at, body)) in bodies.iter().enumerate() {
            let probe = self.probe(count + place, *at, body);
            let reads = parse(0, &probe).1.is_empty();
            fits.push(reads);
            if reads {
                text.push_str(&probe);
            }
        }
        let (main, files) = self.maker.files(self.items, &text);
        let tried = Files { files }.load_all(&main)?;
        let mut known: HashMap<(*const Plan, *const Plan), bool> = HashMap::new();
        // Plans are told apart by their addresses, so they must live until the end.
        let mut kept = Vec::new();
        for (version, matched) in self.matched.iter().enumerate() {
            let concerned = |at: usize| self.declarations[at].set.has(version);
            if !(0..count).any(concerned) {
                continue;
            }
            let dialect = tried.dialect(matched.base);
            let mut plans: HashMap<usize, Arc<Plan>> = HashMap::new();
            for packet in dialect.packets().filter(|packet| packet.id >= PROBES) {
                if let (Ok(at), Some(plan)) = (usize::try_from(packet.id - PROBES), &packet.plan) {
                    plans.insert(at, plan.clone());
                }
            }
            for (place, (at, _)) in bodies.iter().enumerate().filter(|(_, (at, _))| concerned(*at))
            {
                fits[place] &= match (plans.get(at), plans.get(&(count + place))) {
                    (Some(is), Some(tried)) => *known
                        .entry((Arc::as_ptr(is), Arc::as_ptr(tried)))
                        .or_insert_with(|| means(is, tried)),
                    _ => false,
                };
            }
            kept.push(dialect);
        }
        Ok(fits)
    }

    /// A packet or a type under a name of its own.
    fn probe(&self, number: usize, at: usize, body: &str) -> String {
        let id = PROBES + number as i64;
        match &self.declarations[at].what {
            What::Packet(place, _) => format!("\npacket {place} probe_{number} = {id} {body}\n"),
            What::Type(_) => {
                let state = self.maker.new.states.first().map_or("", |state| state);
                format!(
                    "\ntype Probe_{number} = {body}\n\
                     packet {state} clientbound probe_{number} = {id} {{ value: Probe_{number} }}\n"
                )
            }
        }
    }
}

/// Whether the definition's plan does for the data's: it has every name that the data has.
fn means(data: &Plan, definition: &Plan) -> bool {
    let found = data.compare(definition);
    found.layout.is_none() && found.entries.iter().all(|entry| entry.this.is_none())
}
