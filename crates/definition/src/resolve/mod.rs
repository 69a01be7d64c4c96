//! From syntax trees to a protocol: names, gates, ids, and plans per version.
//!
//! Reading gathers what is declared; nothing is compiled before a version asks for it. A plan is kept with
//! the interval of versions in which every gate it asked has the same answer, so that versions share it.

mod compiler;
mod data;
mod gates;
mod ids;
mod lint;
mod lists;
mod load;
mod overlaps;
mod primitives;
mod reading;
mod recursion;
mod scope;
mod stack;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use midwire_codec::{ByteOrder, Direction};

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::escape::escape;
use crate::plan::{EnumEntries, Ex, IntRepr, Plan};
use crate::protocol::{Dialect, EffectCode, Event, PacketDefinition, Protocol, Stack, StateId};
use crate::syntax::ast::{
    Action, Directions, Expr, ExprKind, Gate, GroupItem, IdsItem, Label, Labels, Name, OnItem,
    PacketItem, Span, TableEntry, TableItem, TestItem, Type, TypeItem, same_name,
};
use crate::table::Table;
use crate::version::{VersionId, Versions};
use compiler::{Compiler, Doubt, EntryOf, Fit, Reported};
pub(crate) use gates::{Interval, admits as gates_admit};
use reading::Layer;
use scope::ScopeId;

pub(crate) use lint::lint;
pub(crate) use lists::NameList;
pub(crate) use load::{Checked, load};

/// Index of a declared type.
pub(crate) type TypeId = usize;

/// Everything that was declared, before a version is chosen.
#[derive(Debug)]
pub(crate) struct Declarations {
    pub(crate) versions: Versions,
    pub(crate) order: ByteOrder,
    pub(crate) stack: Stack,
    pub(crate) states: Vec<Arc<str>>,
    /// Where each of them is listed; none where there are no states.
    pub(crate) states_at: Vec<Span>,
    pub(crate) conn: Vec<(Arc<str>, i64)>,
    /// Where each of them is declared.
    pub(crate) conn_at: Vec<Span>,
    /// Their types.
    pub(crate) conn_types: Vec<Type>,
    /// Which stages the stack has, by name and kind.
    pub(crate) stages: Vec<(Arc<str>, Arc<str>)>,
    /// The layer of each source. Declarations of higher layers stand in front of those of lower ones.
    pub(crate) layers: Box<[Layer]>,
    pub(crate) types: Vec<TypeItem>,
    pub(crate) types_by_name: HashMap<String, Vec<TypeId>>,
    pub(crate) tables: Vec<TableItem>,
    /// What is in each table, of its file where it has one.
    pub(crate) table_entries: Vec<TableEntries>,
    pub(crate) packets: Vec<PacketItem>,
    pub(crate) packets_by_name: HashMap<String, Vec<usize>>,
    pub(crate) ids: Vec<IdsItem>,
    pub(crate) events: Vec<OnItem>,
    /// Kept for the rules that name them.
    pub(crate) groups: Vec<GroupItem>,
    pub(crate) tests: Vec<TestItem>,
    plans: Mutex<HashMap<(usize, Direction), Vec<Made>>>,
    /// What every version says of each packet.
    labels: OnceLock<Box<[PacketLabel]>>,
    /// Enums as they are at some versions, by where they are written: plans share them.
    enums: Mutex<HashMap<Span, Vec<MadeEnum>>>,
    /// Names of fields: plans share them.
    names: Mutex<HashSet<Arc<str>>>,
    /// Those of the types that contain themselves.
    pub(crate) recursive: HashSet<TypeId>,
}

/// What a packet's declaration says at every version.
#[derive(Debug)]
struct PacketLabel {
    name: Arc<str>,
    title: Option<Arc<str>>,
    aliases: Arc<[Arc<str>]>,
    doc: Arc<str>,
}

/// An enum's numbers, and for which versions they hold.
#[derive(Debug, Clone)]
pub(crate) struct MadeEnum {
    pub(crate) interval: Interval,
    pub(crate) repr: IntRepr,
    pub(crate) entries: Arc<EnumEntries>,
    /// The names at any version.
    pub(crate) all: Arc<[String]>,
}

/// What is in a table.
#[derive(Debug)]
pub(crate) enum TableEntries {
    /// One by one, each in the versions that its gates admit.
    Each(Vec<(Vec<Gate>, TableEntry)>),
    /// A list of names.
    List(lists::ListTables),
}

/// A packet's plan and events, and for which versions they hold.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    interval: Interval,
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) events: Arc<[Event]>,
    /// What was wrong; then there is no plan.
    problems: Arc<[Diagnostic]>,
    /// Which numbers in it fit.
    fits: Arc<[Fit]>,
    warnings: Arc<[Diagnostic]>,
    /// How much had to be gone through.
    steps: usize,
    /// What may not be what was meant.
    doubts: Arc<[Doubt]>,
}

/// The other names that a packet's declaration gives it.
fn aliases(item: &PacketItem, out: &mut Vec<Diagnostic>) -> Arc<[Arc<str>]> {
    let mut aliases: Vec<Arc<str>> = Vec::new();
    for attribute in &item.attributes {
        if attribute.name.text != "alias" {
            let message = format!("no attribute of a packet is called `@{}`", attribute.name.text);
            let error = Diagnostic::error("W045", attribute.name.span, message);
            out.push(error.help("there is: @alias OtherName"));
            continue;
        }
        let named = aliases.len();
        aliases.extend(attribute.args.iter().filter_map(|e| match &e.kind {
            ExprKind::Path(path) if path.len() == 1 => Some(path[0].text.as_str().into()),
            ExprKind::Str(text) => Some(escape(text).into()),
            _ => None,
        }));
        if aliases.len() - named != attribute.args.len().max(1) {
            out.push(Diagnostic::error("W044", attribute.name.span, "@alias needs a name"));
        }
    }
    aliases.into()
}

/// A packet that a version has: state, direction, id, name, and its declaration if it has one.
pub(crate) type Listed = (StateId, Direction, i64, Arc<str>, Option<usize>);

impl PacketLabel {
    fn of(item: &PacketItem) -> PacketLabel {
        PacketLabel {
            name: item.name.text.as_str().into(),
            title: item.title.as_ref().map(|title| escape(&title.node).into()),
            aliases: aliases(item, &mut Vec::new()),
            doc: item.doc.as_str().into(),
        }
    }
}

impl Made {
    pub(crate) fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// What is right, but should be known.
    pub(crate) fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The first version for which it does not hold any more.
    pub(crate) fn next_version(&self) -> u32 {
        self.interval.last.0.saturating_add(1)
    }
}

impl Declarations {
    /// Nothing but its own fields says where a packet ends.
    pub(crate) fn is_frameless(&self) -> bool {
        self.stack.framing.is_none()
    }

    /// The protocol at one version.
    pub(crate) fn dialect(&self, protocol: &Protocol, version: VersionId) -> Dialect {
        self.dialect_with(protocol, version, true, &mut Interval::ALL.clone())
    }

    /// The same with or without plans and events.
    pub(crate) fn dialect_with(
        &self,
        protocol: &Protocol,
        version: VersionId,
        compiled: bool,
        interval: &mut Interval,
    ) -> Dialect {
        let mut by_id = HashMap::new();
        let labels = self.labels.get_or_init(|| self.packets.iter().map(PacketLabel::of).collect());
        for (state, direction, id, name, item) in
            self.packets_at(version, interval, &mut Vec::new())
        {
            let label = item.map(|item| &labels[item]);
            let says_version = protocol.version_from.as_ref().is_some_and(|from| {
                from.state == state && from.direction == direction && same_name(&from.packet, &name)
            });
            let mut definition = PacketDefinition {
                name: label.map_or(name, |label| label.name.clone()),
                title: label.and_then(|label| label.title.clone()),
                aliases: label.map_or(Arc::from([]), |label| label.aliases.clone()),
                doc: label.map_or("".into(), |label| label.doc.clone()),
                id,
                state,
                direction,
                plan: None,
                events: Arc::from([]),
                says_version,
                item,
            };
            if let Some(item) = item
                && compiled
            {
                let made = self.made(item, direction, version);
                (definition.plan, definition.events) = (made.plan.clone(), made.events);
            }
            by_id.entry((state, direction, id)).or_insert_with(|| Arc::new(definition));
        }
        Dialect { version, by_id }
    }

    /// The first version after this one that may differ from it in any packet.
    pub(crate) fn next_change(&self, version: VersionId) -> VersionId {
        let mut interval = Interval::ALL;
        let packets = self.packets_at(version, &mut interval, &mut Vec::new());
        let made = packets
            .into_iter()
            .filter_map(|(_, direction, _, _, item)| Some(self.made(item?, direction, version)));
        let last = made.map(|made| made.interval.last).fold(interval.last, VersionId::min);
        VersionId(last.0.saturating_add(1).max(version.0 + 1))
    }

    /// Every packet of a version: state, direction, id, name, and its declaration if it has one.
    /// Ids given twice and names that are no packets go to `out`.
    pub(crate) fn packets_at(
        &self,
        version: VersionId,
        interval: &mut Interval,
        out: &mut Vec<Diagnostic>,
    ) -> Vec<Listed> {
        let mut list = Vec::new();
        let mut from_tables: HashSet<(StateId, Direction, String)> = HashSet::new();
        for table in &self.ids {
            let Some(state) = self.state(table.state.as_ref()) else { continue };
            for direction in directions(table.direction) {
                for (id, name) in ids::at(table, self, version, interval, out) {
                    out.extend(self.misfit_id(state, id, name.span));
                    let item = self.packet_item(state, direction, &name.key(), version, interval);
                    from_tables.insert((state, direction, name.key()));
                    list.push((state, direction, id, name.text.as_str().into(), item, name.span));
                }
            }
        }
        let mut from_packets: HashSet<(StateId, Direction, String)> = HashSet::new();
        for item in &self.packets {
            let Some(state) = self.state(item.state.as_ref()) else { continue };
            if item.ids.is_empty() {
                continue;
            }
            for direction in directions(item.directions) {
                let mut gated = |gates: &[Gate]| {
                    gates::admits(gates, &self.versions, version, Some(direction), interval)
                };
                if !gated(&item.gates) {
                    continue;
                }
                let id = item.ids.iter().find(|(_, gates)| gated(gates));
                let key = (state, direction, item.name.key());
                if let Some((id, _)) = id
                    && !from_tables.contains(&key)
                    && from_packets.insert(key)
                {
                    out.extend(self.misfit_id(state, id.node, id.span));
                    let index =
                        self.packet_item(state, direction, &item.name.key(), version, interval);
                    let (name, span) = (item.name.text.as_str().into(), item.name.span);
                    list.push((state, direction, id.node, name, index, span));
                }
            }
        }
        let mut seen: HashMap<(StateId, Direction, i64), crate::syntax::ast::Span> = HashMap::new();
        for (state, direction, id, name, _, span) in &list {
            if let Some(first) = seen.insert((*state, *direction, *id), *span) {
                let key = &self.versions.get(version).key;
                let message = format!(
                    "`{name}` has id {id}, as another {direction} packet of version {key} has"
                );
                out.push(Diagnostic::error("W060", *span, message).secondary(first, "the other"));
            }
        }
        list.into_iter().map(|(s, d, id, name, item, _)| (s, d, id, name, item)).collect()
    }

    /// What is wrong with an id that cannot be written.
    fn misfit_id(
        &self,
        state: StateId,
        id: i64,
        span: crate::syntax::ast::Span,
    ) -> Option<Diagnostic> {
        let repr = self.stack.id_in(state);
        let (least, most) = repr.range();
        if (least..=most).contains(&id.into()) {
            return None;
        }
        let error =
            |why: String| Diagnostic::error("W066", span, format!("no `id` can be {id}: {why}"));
        Some(match repr.fixed_size() {
            Some(0) => error("there is no `id` on the wire, and that counts as 0".to_owned())
                .help("say how it is written: `frame { length: u16, id: u8 }`, or without frames `stack { frame none, id: u8 }`"),
            _ => error(format!("it goes from {least} to {most}")),
        })
    }

    /// The declaration of a packet at a version.
    fn packet_item(
        &self,
        state: StateId,
        direction: Direction,
        key: &str,
        version: VersionId,
        interval: &mut Interval,
    ) -> Option<usize> {
        self.packets_by_name.get(key)?.iter().copied().find(|index| {
            let item = &self.packets[*index];
            self.state(item.state.as_ref()) == Some(state)
                && gates::goes(item.directions, direction)
                && gates::admits(&item.gates, &self.versions, version, Some(direction), interval)
        })
    }

    /// The layer of what stands there.
    pub(crate) fn layer(&self, span: Span) -> Layer {
        self.layers.get(usize::from(span.file)).copied().unwrap_or(0)
    }

    /// The state of a name; the only one where the protocol has none.
    pub(crate) fn state(&self, name: Option<&Name>) -> Option<StateId> {
        match name {
            None => Some(StateId(0)),
            Some(name) => self.states.iter().position(|s| name.is(s)).map(|i| StateId(i as u8)),
        }
    }

    /// The name of a field, as other plans have it.
    pub(crate) fn shared_name(&self, name: Arc<str>) -> Arc<str> {
        let mut names = self.names.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(known) = names.get(&name) {
            return known.clone();
        }
        names.insert(name.clone());
        name
    }

    /// An enum as it was made for another plan, at this version.
    pub(crate) fn known_enum(
        &self,
        at: Span,
        repr: IntRepr,
        version: VersionId,
    ) -> Option<MadeEnum> {
        let enums = self.enums.lock().unwrap_or_else(|e| e.into_inner());
        let mut known = enums.get(&at)?.iter();
        known.find(|made| made.repr == repr && made.interval.contains(version)).cloned()
    }

    /// Keeps an enum for other plans.
    pub(crate) fn keep_enum(&self, at: Span, made: MadeEnum) {
        // One that differs by direction would be found in the other, too.
        if !made.interval.by_direction {
            let mut enums = self.enums.lock().unwrap_or_else(|e| e.into_inner());
            enums.entry(at).or_default().push(made);
        }
    }

    /// Forgets plans that nobody else has.
    pub(crate) fn forget_unused(&self) {
        let mut plans = self.plans.lock().unwrap_or_else(|e| e.into_inner());
        let mut kept: HashMap<*const Plan, usize> = HashMap::new();
        for plan in plans.values().flatten().filter_map(|made| made.plan.as_ref()) {
            *kept.entry(Arc::as_ptr(plan)).or_default() += 1;
        }
        let is_used = |made: &Made| {
            let plan = made.plan.as_ref();
            plan.is_none_or(|plan| Some(&Arc::strong_count(plan)) > kept.get(&Arc::as_ptr(plan)))
        };
        plans.retain(|_, made| {
            made.retain(is_used);
            made.shrink_to_fit();
            !made.is_empty()
        });
    }

    /// A packet's plan and events at a version; made on first use.
    pub(crate) fn made(&self, packet: usize, direction: Direction, version: VersionId) -> Made {
        let mut plans = self.plans.lock().unwrap_or_else(|e| e.into_inner());
        let known = plans.get(&(packet, direction)).into_iter().flatten();
        if let Some(made) = known.into_iter().find(|made| made.interval.contains(version)) {
            return made.clone();
        }
        // What is the same in both directions is kept once.
        let mut other = plans.get(&(packet, direction.opposite())).into_iter().flatten();
        let is_same = |made: &&Made| !made.interval.by_direction && made.interval.contains(version);
        let made = match other.find(is_same) {
            Some(made) => made.clone(),
            None => self.make(packet, direction, version),
        };
        plans.entry((packet, direction)).or_default().push(made.clone());
        made
    }

    /// Compiles a packet's plan and events for a version.
    fn make(&self, packet: usize, direction: Direction, version: VersionId) -> Made {
        let item = &self.packets[packet];
        let mut compiler = Compiler::new(self, version, direction);
        aliases(item, &mut compiler.problems);
        let compiled = self.compile(item, direction, &mut compiler);
        let mut interval = compiler.interval;
        // The declaration itself may hold for fewer versions.
        gates::admits(&item.gates, &self.versions, version, Some(direction), &mut interval);
        let steps = compiler.steps();
        let fits = std::mem::take(&mut compiler.fits).into();
        let warnings = compiler.warnings.into();
        let doubts = compiler.doubts.into();
        match compiled {
            Ok(events) if compiler.problems.is_empty() => {
                let wanted = item.body.is_some() || !events.is_empty();
                compiler.plan.shrink();
                let plan = wanted.then(|| Arc::new(compiler.plan));
                Made {
                    interval,
                    plan,
                    events: events.into(),
                    problems: Arc::from([]),
                    fits,
                    warnings,
                    steps,
                    doubts,
                }
            }
            _ => {
                let problems = compiler.problems.into();
                Made {
                    interval,
                    plan: None,
                    events: Arc::from([]),
                    problems,
                    fits,
                    warnings,
                    steps,
                    doubts,
                }
            }
        }
    }

    fn compile<'d>(
        &'d self,
        item: &'d PacketItem,
        direction: Direction,
        compiler: &mut Compiler<'d>,
    ) -> Result<Vec<Event>, Reported> {
        let scope = compiler.body(item.body.as_ref())?;
        compiler.check_end(item)?;
        let mut events = Vec::new();
        let state = self.state(item.state.as_ref());
        let mut layer = None;
        for on in &self.events {
            let mine = on.packet.is(&item.name.text) && self.state(on.state.as_ref()) == state;
            compiler.interval.by_direction |= mine && on.direction != Directions::Both;
            if mine && gates::goes(on.direction, direction) && compiler.admitted(&on.gates) {
                if *layer.get_or_insert(self.layer(on.span)) != self.layer(on.span) {
                    break;
                }
                events.push(self.event(on, scope, compiler)?);
            }
        }
        Ok(events)
    }

    /// Whether an `on` is for a packet at a version.
    pub(crate) fn has_events(
        &self,
        protocol: &Protocol,
        version: VersionId,
        packet: &PacketDefinition,
    ) -> bool {
        self.events.iter().any(|on| {
            on.packet.is(&packet.name)
                && self.state(on.state.as_ref()) == Some(packet.state)
                && gates::goes(on.direction, packet.direction)
                && gates::admits(
                    &on.gates,
                    &protocol.versions,
                    version,
                    Some(packet.direction),
                    &mut Interval::ALL.clone(),
                )
        })
    }

    fn event<'d>(
        &'d self,
        on: &'d OnItem,
        scope: ScopeId,
        compiler: &mut Compiler<'d>,
    ) -> Result<Event, Reported> {
        // The body's layout is closed: its fields are those of the block that events are read in.
        let condition = match &on.condition {
            Some(e) => Some(compiler.lower_at_body(e, scope)?),
            None => None,
        };
        let mut effects = Vec::new();
        for action in &on.actions {
            effects.push(match action {
                Action::State { direction, value, .. } => {
                    let direction = match direction {
                        Some(Directions::Serverbound) => Some(Direction::Serverbound),
                        Some(Directions::Clientbound) => Some(Direction::Clientbound),
                        _ => None,
                    };
                    EffectCode::State { direction, value: self.state_value(value, scope, compiler)? }
                }
                Action::Assign { variable, value } => {
                    let Some(index) = self.conn.iter().position(|(name, _)| variable.is(name)) else {
                        let message = format!("`conn` has no variable `{}`", variable.text);
                        return Err(compiler.problem(
                            Diagnostic::error("W050", variable.span, message)
                                .help("declare it in the protocol: `conn { name: i32 }`"),
                        ));
                    };
                    EffectCode::Assign { variable: index as u32, value: compiler.lower_at_body(value, scope)? }
                }
                Action::Call { stage, method, args, span } => {
                    let kind = self.stages.iter().find(|(name, _)| stage.is(name));
                    let kind = kind.map_or("", |(_, kind)| kind);
                    match (kind, method.text.as_str(), args.as_slice()) {
                        ("zlib_threshold", "on", [e]) => EffectCode::CompressionOn(compiler.lower_at_body(e, scope)?),
                        ("zlib_threshold", "off", []) => EffectCode::CompressionOff,
                        // The key is not in the packet's fields; what is behind it is ciphertext.
                        (kind, "on", _) if kind.starts_with("aes128") => EffectCode::CipherOn,
                        ("", ..) => {
                            let message = format!("the stack has no stage `{}`", stage.text);
                            return Err(compiler.problem(Diagnostic::error("W061", stage.span, message)));
                        }
                        _ => {
                            let message = format!("`{}` cannot do this", stage.text);
                            return Err(compiler.problem(
                                Diagnostic::error("W061", *span, message)
                                    .help("there are: compression.on(threshold), compression.off(), cipher.on()"),
                            ));
                        }
                    }
                }
            });
        }
        Ok(Event { condition, effects })
    }

    /// An expression that gives a state: names of states, chosen by fields.
    fn state_value<'d>(
        &'d self,
        value: &'d Expr,
        scope: ScopeId,
        compiler: &mut Compiler<'d>,
    ) -> Result<Ex, Reported> {
        match &value.kind {
            ExprKind::Path(path) if path.len() == 1 => match self.state(Some(&path[0])) {
                Some(state) => Ok(Ex::Int(state.0.into())),
                None => {
                    let message = format!("no state is called `{}`", path[0].text);
                    Err(compiler.problem(Diagnostic::error("W062", value.span, message)))
                }
            },
            ExprKind::Match(subject, arms) => {
                let names = compiler.names_at_body(subject, scope);
                let on = compiler.lower_at_body(subject, scope)?;
                let mut list = Vec::new();
                for (labels, e) in arms {
                    let value = self.state_value(e, scope, compiler)?;
                    let Labels::Any(labels) = labels else {
                        list.push((Vec::new(), value));
                        continue;
                    };
                    let mut numbers = Vec::new();
                    for label in labels {
                        match &label.node {
                            Label::Int(n) => numbers.push(Ex::Int(*n)),
                            Label::Name(name) | Label::Str(name) => {
                                let entry = match &names {
                                    Some(names) => compiler.entry_of(names, name, label.span)?,
                                    None => EntryOf::Unknown,
                                };
                                match entry {
                                    EntryOf::Number(n) => numbers.push(Ex::Int(n)),
                                    EntryOf::OtherVersion => {}
                                    EntryOf::Unknown => {
                                        let message =
                                            format!("`{name}` is no entry of what is matched");
                                        let error = Diagnostic::error("W029", label.span, message);
                                        return Err(compiler.problem(error));
                                    }
                                }
                            }
                            Label::Bool(b) => numbers.push(Ex::Int((*b).into())),
                            _ => {
                                let error = Diagnostic::error(
                                    "W062",
                                    label.span,
                                    "a number or a name is needed here",
                                );
                                return Err(compiler.problem(error));
                            }
                        }
                    }
                    if !numbers.is_empty() {
                        list.push((numbers, value));
                    }
                }
                // Where no arm fits, the state stays: no state has this number.
                list.push((Vec::new(), Ex::Int(-1)));
                Ok(Ex::Match(Box::new(on), list))
            }
            _ => Err(compiler.problem(Diagnostic::error(
                "W062",
                value.span,
                "a state's name is needed here",
            ))),
        }
    }

    /// A table as it is at a version. A list is the whole table, whatever else has its name.
    pub(crate) fn table(
        &self,
        name: &str,
        version: VersionId,
        direction: Option<Direction>,
        interval: &mut Interval,
    ) -> Option<Arc<Table>> {
        let mut entries = Vec::new();
        let mut found = None;
        let mut layer = None;
        for (item, all) in self.tables.iter().zip(&self.table_entries) {
            if !item.name.is(name) {
                continue;
            }
            found = Some(item.name.text.as_str());
            if !gates::admits(&item.gates, &self.versions, version, direction, interval) {
                continue;
            }
            if *layer.get_or_insert(self.layer(item.span)) != self.layer(item.span) {
                break;
            }
            let all = match all {
                TableEntries::Each(all) => all,
                TableEntries::List(list) => match list.at(&item.name.text, version, interval) {
                    Some(table) => return Some(table),
                    None => continue,
                },
            };
            for (gates, entry) in all {
                if gates::admits(gates, &self.versions, version, direction, interval) {
                    let name = entry.name.as_deref().map(data::shared);
                    entries.push((entry.first.into(), entry.last.into(), name));
                }
            }
        }
        found.map(|name| Arc::new(Table::new(name.into(), entries)))
    }
}

/// The directions that a declaration is for.
pub(crate) fn directions(written: Directions) -> impl Iterator<Item = Direction> {
    [Direction::Serverbound, Direction::Clientbound]
        .into_iter()
        .filter(move |d| gates::goes(written, *d))
}

/// Entries of packets that are gone through to check a definition at all its versions.
const CHECK_STEPS_MAX: usize = 3_000_000;
/// So many things wrong are enough to report.
const CHECK_PROBLEMS_MAX: usize = 1_000;

/// Checks every packet of layers from `least` on, at every version at which it differs.
pub(crate) fn check_all(declarations: &Declarations, least: Layer, out: &mut Diagnostics) {
    let mut all = Vec::new();
    let mut fits = Vec::new();
    let mut steps = 0usize;
    let count = declarations.versions.iter().count() as u32;
    'packets: for (index, item) in declarations.packets.iter().enumerate() {
        let Some(state) = declarations.state(item.state.as_ref()) else { continue };
        if declarations.layer(item.span) < least {
            continue;
        }
        let key = item.name.key();
        let mut by_direction = false;
        for (number, direction) in directions(item.directions).enumerate() {
            // What does not depend on the direction was checked in the first.
            if number > 0 && !by_direction {
                break;
            }
            let mut version = 0;
            while version < count {
                let mut interval = Interval::ALL;
                let id = VersionId(version);
                let here = declarations.packet_item(state, direction, &key, id, &mut interval);
                let mut next = interval.last.0.saturating_add(1);
                steps = steps.saturating_add(1);
                // Where another takes its place it is not read, and need not be right.
                if here == Some(index) {
                    // Not kept: of many versions hardly one is used.
                    let made = declarations.make(index, direction, id);
                    by_direction |= made.interval.by_direction;
                    all.extend(made.problems().iter().chain(made.warnings()).cloned());
                    fits.extend(made.fits.iter().cloned());
                    steps = steps.saturating_add(made.steps);
                    next = next.min(made.next_version());
                } else {
                    // In the other direction it may be the one that is read.
                    by_direction |= here.is_some();
                }
                if steps > CHECK_STEPS_MAX {
                    let message = format!(
                        "checking this takes more than {CHECK_STEPS_MAX} steps: fields, at each \
                         version at which a packet differs"
                    );
                    all.push(Diagnostic::error("W079", item.name.span, message));
                    break 'packets;
                }
                if all.len() > CHECK_PROBLEMS_MAX {
                    break 'packets;
                }
                version = next.max(version + 1);
            }
        }
    }
    all.extend(Fit::nowhere(&fits));
    let mut seen = HashSet::new();
    all.retain(|d| seen.insert((d.code, d.span, d.message.clone())));
    out.extend(all);
}
