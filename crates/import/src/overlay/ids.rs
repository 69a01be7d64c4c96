//! Lines that are laid over the definition's id tables.

use std::collections::BTreeMap;

use midwire_definition::Protocol;
use midwire_definition::syntax::ast::lookup_key;

use super::{Items, Maker};
use crate::compare::Matched;
use crate::gates::Timeline;
use crate::ids;
use crate::protodef::Place;

impl Maker<'_> {
    /// The lines that bring the id tables of the newest versions to those of the data; gives from which
    /// imported version on. Lines lie over all versions behind theirs, so that older tables stay.
    pub(super) fn id_lines(
        &self,
        base: &Protocol,
        matched: &[Matched],
        times: &Timeline,
        items: &mut Items,
    ) -> BTreeMap<Place, usize> {
        let mut starts = BTreeMap::new();
        for (place, tables) in &self.merged.ids {
            let Some(direction) = place.direction else { continue };
            let Some(state) = base.state_named(&place.state) else { continue };
            let old = |version: usize| -> ids::Ids {
                let dialect = base.dialect(matched[version].base);
                let here =
                    dialect.packets().filter(|p| p.state == state && p.direction == direction);
                let mut ids: ids::Ids = here.map(|p| (p.id, p.name.to_string())).collect();
                ids.sort();
                ids
            };
            // Where the definition goes on behind the data, its lines would be laid over another table.
            let last = |v: usize| v + 1 == matched.len() && times.is_newest(v);
            let Some((newest, _)) = tables.last().filter(|(v, _)| last(*v)) else {
                continue;
            };
            let differs = tables.iter().rev().take_while(|(version, table)| {
                if !self.written.has(*version) {
                    return false;
                }
                let old = old(*version);
                let key = |ids: &ids::Ids| -> Vec<(i64, String)> {
                    ids.iter().map(|(id, name)| (*id, lookup_key(name))).collect()
                };
                key(&old) != key(table)
            });
            let count = differs.count();
            let Some((start, _)) = tables.get(tables.len() - count).filter(|_| count > 0) else {
                continue;
            };
            // The data says nothing new of it: the definition counts.
            let known = self.before(*start).filter(|_| self.is_unknown(*start));
            let known = known.and_then(|known| tables.iter().find(|(at, _)| *at == known));
            if known.is_some_and(|(_, known)| {
                tables[tables.len() - count..].iter().all(|(_, table)| table == known)
            }) {
                continue;
            }
            let before = old(*start);
            let row = tables[tables.len() - count..].iter().cloned();
            let steady = (*start..=*newest).all(|version| old(version) == before);
            let row: Vec<(usize, ids::Ids)> = row.collect();
            let lines = if steady {
                ids::lines_after(&before, &row, times)
            } else {
                row.iter()
                    .flat_map(|entry| ids::lines(std::slice::from_ref(entry), times))
                    .collect()
            };
            items.ids.insert(place.clone(), lines.concat());
            starts.insert(place.clone(), *start);
        }
        starts
    }
}
