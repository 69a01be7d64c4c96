//! Checking rules for every version that they can meet.

use std::collections::HashMap;
use std::sync::Arc;

use midwire_codec::Direction;
use midwire_definition::diagnostics::suggest;
use midwire_definition::plan::Plan;
use midwire_definition::syntax::ast::{Name, Span, lookup_key};
use midwire_definition::{Diagnostic, PacketDefinition, Severity, StateId, VersionId};

use super::ast::{Action, Assigned, Filling, Way, What};
use super::compile::{Compiler, Findings, Rule};
use super::decision::Color;
use super::doubled::Doubled;
use crate::check::check_names;
use crate::filter::did_you_mean;
use crate::lexicon::Lexicon;
use crate::predicate::Pred;
use crate::scope::ScopePackets;
use crate::syntax::ast::{Expr, ExprKind};

/// Where packets of a name are, at any version.
type Places = HashMap<String, Vec<(StateId, Direction)>>;
/// A packet, apart from its version; without a name: packets of unknown ids.
type Place = (StateId, Direction, Option<Arc<str>>);

/// The versions in which a rule ends a packet, first and last, and the rule.
type Ended = ((VersionId, VersionId), Span);

/// Checks rules one after the other.
pub(super) struct Checker<'l> {
    lexicon: &'l Lexicon,
    places: Places,
    /// Packets that a rule in front ends, all of them, in these versions.
    ended: HashMap<Place, Vec<Ended>>,
    doubled: Doubled,
    pub(super) reports: Vec<Diagnostic>,
}

impl<'l> Checker<'l> {
    pub(super) fn new(lexicon: &'l Lexicon) -> Self {
        let mut places = Places::new();
        let first = |rows: &'l [crate::lexicon::Row]| rows.first().map(|row| &row.definition);
        for packet in lexicon.entries().filter_map(first) {
            let place = (packet.state, packet.direction);
            for name in std::iter::once(&packet.name).chain(packet.aliases.iter()) {
                let all = places.entry(lookup_key(name)).or_default();
                if !all.contains(&place) {
                    all.push(place);
                }
            }
        }
        Checker { lexicon, places, ended: HashMap::new(), doubled: Doubled::default(), reports: Vec::new() }
    }

    /// Checks a rule.
    pub(super) fn rule(&mut self, rule: &Rule) {
        let before = self.reports.len();
        if !self.scope(rule) || !self.parts(rule) {
            return;
        }
        let mut findings = Findings::default();
        let covered = self.compile_everywhere(rule, &mut findings);
        self.tell(rule, &mut findings);
        let failed = self.reports[before..].iter().any(|r| r.severity == Severity::Error);
        if !failed {
            self.reach(rule, covered);
            self.reports.extend(self.doubled.note(rule));
        }
        let from = self.reports.len().min(before);
        self.reports[from..].sort_by_key(|report| report.span.start);
    }

    /// Whether the scope names what there is.
    fn scope(&mut self, rule: &Rule) -> bool {
        let scope = &rule.written.rule.scope;
        match &scope.what {
            What::Wrong => false,
            What::All => true,
            What::Group(name) => {
                let groups = &self.lexicon.known.groups;
                let is_known = groups.iter().any(|group| name.is(&group.name));
                if !is_known {
                    let message = format!("there is no group `{}`", name.text);
                    let report = Diagnostic::error("R004", name.span, message);
                    let all: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                    let report =
                        did_you_mean(report, &name.text, all.iter().copied(), "no such group");
                    self.reports.push(match all.is_empty() {
                        true => report.note("this protocol has no groups"),
                        false => report.note(format!("there are: {}", all.join(", "))),
                    });
                }
                is_known
            }
            What::Packets(list) => {
                let mut is_right = true;
                for (state, name) in list {
                    is_right &= self.packet(scope.way, state.as_ref(), name, scope.span);
                }
                is_right
            }
        }
    }

    /// Whether there is a packet of a name, in a direction and state.
    fn packet(&mut self, way: Option<Way>, state: Option<&Name>, name: &Name, scope: Span) -> bool {
        let protocol = &self.lexicon.protocol;
        let wanted = match state {
            None => None,
            Some(state) => match protocol.state_named(&state.text) {
                Some(wanted) => Some(wanted),
                None => {
                    let message = format!("there is no state `{}`", state.text);
                    let report = Diagnostic::error("R003", state.span, message);
                    let all = protocol.states.iter().map(|state| &**state);
                    let help = "a state and a packet of it are written as `login.disconnect`";
                    let report = did_you_mean(report, &state.text, all, "no such state");
                    self.reports.push(report.help(help));
                    return false;
                }
            },
        };
        let Some(places) = self.places.get(&name.key()) else {
            let message = format!("there is no packet `{}`", name.text);
            let report = Diagnostic::error("R003", name.span, message);
            let known = &self.lexicon.known.packets;
            let goes = |key: &String| {
                let all = self.places.get(key);
                all.is_some_and(|all| all.iter().any(|(_, d)| way.is_none_or(|way| way.admits(*d))))
            };
            let near: Vec<&str> =
                known.iter().filter(|(key, _)| goes(key)).map(|(_, name)| &**name).collect();
            let is_way = ["serverbound", "clientbound", "both"];
            let meant = self.lexicon.meant_by(&name.text);
            let report = match (meant, way, suggest(&name.text, is_way.into_iter())) {
                (Some(packet), ..) => report.label(format!("here it is called `{packet}`")),
                (_, None, Some(word)) => report.label(format!("did you mean `{word}`?")),
                _ => did_you_mean(report, &name.text, sorted(near).into_iter(), "no such packet"),
            };
            self.reports.push(report.help("`midwire fields` lists the packets"));
            return false;
        };
        let Some(way) = way else {
            let mut ways: Vec<&str> = places.iter().map(|(_, d)| word(*d)).collect();
            ways.sort_unstable();
            ways.dedup();
            let message = "it is not said which way the packets go";
            let place = Span { end: scope.start, ..scope };
            let report = Diagnostic::error("R002", place, message);
            let ways = ways.join("` or `");
            self.reports.push(report.label(format!("write `{ways}` in front")));
            return false;
        };
        let there = |(state, direction): &&(StateId, Direction)| {
            way.admits(*direction) && wanted.is_none_or(|wanted| wanted == *state)
        };
        if places.iter().any(|place| there(&place)) {
            return true;
        }
        let mut all: Vec<String> = places
            .iter()
            .map(|(state, d)| {
                format!("{} {}", protocol.state_name(*state), word(*d)).trim().to_owned()
            })
            .collect();
        all.sort();
        all.dedup();
        let message = format!("`{}` is {}", name.text, all.join(", "));
        let report = Diagnostic::error("R003", name.span, message);
        self.reports.push(report.label("not in the direction and state written here"));
        false
    }

    /// Whether the parts of a rule are right that no packet is needed for.
    fn parts(&mut self, rule: &Rule) -> bool {
        let before = self.reports.len();
        let written = &rule.written.rule;
        match (&written.action, &written.assigned) {
            (Action::Set, Assigned::Nothing) => {
                let report = Diagnostic::error("R009", written.span, "nothing is set");
                let report = report.label("`:` and assignments are missing");
                self.reports.push(report.help("write, for example, `: health = 20`"));
            }
            (Action::Set, Assigned::Fields(fields)) => {
                let mut seen: HashMap<String, Span> = HashMap::new();
                for field in fields {
                    let key = lookup_key(&field.field.text());
                    if let Some(first) = seen.insert(key, field.span) {
                        let message = format!("`{}` is set twice", field.field.text());
                        let report = Diagnostic::error("R026", field.span, message).label("again");
                        self.reports.push(report.secondary(first, "here first"));
                    }
                }
            }
            (Action::Send(send), _) => {
                let mut seen: HashMap<String, Span> = HashMap::new();
                for (name, _) in &send.fields {
                    if let Some(first) = seen.insert(name.key(), name.span) {
                        let message = format!("`{}` is given twice", name.text);
                        let report = Diagnostic::error("R026", name.span, message).label("again");
                        self.reports.push(report.secondary(first, "here first"));
                    }
                }
            }
            (Action::Mark(name), _) if rule.color.is_none() => {
                let message = format!("there is no colour `{}`", name.text);
                let report = Diagnostic::error("R022", name.span, message);
                let all = Color::ALL.map(Color::as_str);
                let report = did_you_mean(report, &name.text, all.into_iter(), "no such colour");
                self.reports.push(report.note(format!("there are: {}", all.join(", "))));
            }
            _ => {}
        }
        let needs_fields = matches!(written.action, Action::Set | Action::Replace { .. });
        if needs_fields && matches!(written.scope.what, What::All) {
            let message = format!("`{}` names a field, and `*` has none", written.action.as_str());
            let report = Diagnostic::error("R027", written.scope.span, message);
            self.reports.push(report.label("name the packets, or a group"));
        }
        if matches!((&written.action, &written.scope.what), (Action::Hide, What::All)) {
            let report =
                Diagnostic::error("R016", written.scope.span, "not every packet can be hidden");
            self.reports.push(report.label("name the packets, or a group"));
        }
        self.reports.len() == before
    }

    /// Compiles a rule for every kind of packet; tells which packets it acts on whatever is in them.
    fn compile_everywhere(&self, rule: &Rule, findings: &mut Findings) -> HashMap<Place, bool> {
        let lexicon = self.lexicon;
        let protocol = &lexicon.protocol;
        let mut covered: HashMap<Place, bool> = HashMap::new();
        let mut note = |place: Place, compiled: Option<&Pred>| {
            let is_all = matches!(compiled, Some(Pred::Const(true)));
            if compiled.is_some() {
                covered.entry(place).and_modify(|all| *all &= is_all).or_insert(is_all);
            }
        };
        let newest = VersionId(u32::try_from(protocol.versions.iter().len()).map_or(0, |n| n - 1));
        let (least, most) = (rule.written.versions.0, rule.written.versions.1.min(newest));
        let touches = rule.written.rule.action.touches();
        for entry in lexicon.entries() {
            let Some(packet) = entry.first().map(|row| &row.definition) else { continue };
            if !rule.names(lexicon, packet) {
                continue;
            }
            let wants_fields = match (&rule.scope.packets, &rule.written.rule.condition) {
                (ScopePackets::All, None) => false,
                (ScopePackets::All, Some(condition)) => {
                    lexicon.is_meant(&rule.scope, condition, packet)
                }
                _ => true,
            };
            let place = (packet.state, packet.direction, Some(packet.name.clone()));
            // Rows of versions in which nothing differs that the rule asks for.
            let mut rows: Vec<Row> = Vec::new();
            for known in entry {
                let (first, last) = (known.first.max(least), known.last.min(most));
                let packet = &known.definition;
                for version in (first.0..=last.0).map(VersionId) {
                    let plan = match wants_fields {
                        true => protocol.plan_of(version, packet),
                        false => None,
                    };
                    let sent = self.sent_plan(rule, version, packet);
                    let events = touches && protocol.has_events(version, packet);
                    let packet = packet.clone();
                    let row = Row { first: version, last: version, packet, plan, sent, events };
                    match rows.last_mut() {
                        Some(before) if before.is_like(&row) => before.last = version,
                        _ => rows.push(row),
                    }
                }
            }
            for row in rows {
                let definition = row.packet.with_plan(row.plan);
                let compiler = Compiler {
                    lexicon,
                    rule,
                    versions: (row.first, row.last),
                    state: packet.state,
                    direction: packet.direction,
                    definition: Some(&definition),
                    findings: &mut *findings,
                    anchors: Vec::new(),
                    found: None,
                    subject: None,
                    checks: true,
                };
                let compiled = compiler.compile();
                note(place.clone(), compiled.as_ref().map(|compiled| &compiled.pred));
            }
        }
        if let ScopePackets::All = rule.scope.packets {
            for state in 0..protocol.states.len().max(1) {
                let state = StateId(u8::try_from(state).unwrap_or(u8::MAX));
                for direction in Direction::BOTH {
                    let compiled = Compiler {
                        lexicon,
                        rule,
                        versions: (least, most),
                        state,
                        direction,
                        definition: None,
                        findings: &mut *findings,
                        anchors: Vec::new(),
                        found: None,
                        subject: None,
                        checks: true,
                    };
                    let compiled = compiled.compile();
                    note((state, direction, None), compiled.as_ref().map(|c| &c.pred));
                }
            }
        }
        covered
    }

    /// The plan of the packet that a rule sends.
    fn sent_plan(
        &self,
        rule: &Rule,
        version: VersionId,
        beside: &PacketDefinition,
    ) -> Option<Arc<Plan>> {
        let Action::Send(send) = &rule.written.rule.action else { return None };
        let direction = match send.direction {
            Way::Serverbound => Direction::Serverbound,
            Way::Clientbound | Way::Both => Direction::Clientbound,
        };
        let named = self.lexicon.named_at(version, direction, &send.packet.text);
        let packet = named.min_by_key(|packet| packet.state != beside.state)?;
        self.lexicon.protocol.plan_of(version, packet)
    }

    /// Tells what was found.
    fn tell(&mut self, rule: &Rule, findings: &mut Findings) {
        let lexicon = self.lexicon;
        let written = &rule.written.rule;
        if !findings.in_scope {
            let report = Diagnostic::error(
                "R003",
                written.scope.span,
                "no version in range has these packets",
            );
            self.reports.push(report.label("not in the versions that `for` says"));
            return;
        }
        let exprs = expressions(rule);
        for expr in &exprs {
            let found = check_names(lexicon, &rule.scope, expr, &findings.facts);
            found.into_iter().for_each(|report| findings.report(report));
        }
        let before = self.reports.len();
        for mut report in std::mem::take(&mut findings.reports) {
            let is_right = findings.right.contains(&(report.span.start, report.span.end));
            let depends = matches!(report.code, "R012" | "R013" | "R014");
            if is_right && depends && report.severity == Severity::Error {
                report.severity = Severity::Warning;
                report = report
                    .note("it is right in other packets or versions; nothing is changed here");
            }
            self.reports.push(report);
        }
        let facts = std::mem::take(&mut findings.facts);
        self.reports.extend(facts.into_reports(&lexicon.protocol));
        for (facts, label) in [
            (std::mem::take(&mut findings.fields), "nothing is changed there"),
            (std::mem::take(&mut findings.sent), "it is left out there"),
        ] {
            self.reports.extend(facts.into_reports(&lexicon.protocol).into_iter().map(
                |mut report| {
                    match report.code {
                        "F021" => report.code = "R010",
                        "F022" => (report.code, report.label) = ("R011", label.to_owned()),
                        _ => {}
                    }
                    report
                },
            ));
        }
        self.tell_harm(rule, findings);
        let failed = self.reports[before..].iter().any(|r| r.severity == Severity::Error);
        if findings.kinds.is_empty() && !failed {
            let span = written.condition.as_ref().map_or(written.scope.span, |expr| expr.span);
            let report =
                Diagnostic::warning("R028", span, "no packet in scope meets this condition");
            self.reports.push(report.label("the rule never acts"));
        }
    }

    fn tell_harm(&mut self, rule: &Rule, findings: &Findings) {
        let written = &rule.written.rule;
        let action = written.action.as_str();
        let names = |all: &std::collections::BTreeSet<Arc<str>>| {
            let mut names: Vec<String> =
                all.iter().take(6).map(|name| format!("`{name}`")).collect();
            if all.len() > names.len() {
                names.push(format!("{} more", all.len() - names.len()));
            }
            names.join(", ")
        };
        if !findings.events.is_empty() && !rule.forced {
            let message = format!("the session's state depends on {}", names(&findings.events));
            let report = Diagnostic::error("R018", written.scope.span, message)
                .label(format!("`{action}` would put midwire and the game out of step"))
                .help("say `force` behind the condition if it is meant");
            self.reports.push(report);
        }
        if !findings.signed.is_empty() && !rule.forced {
            let message = format!("players sign {}", names(&findings.signed));
            let what = match written.action {
                Action::Drop | Action::Duplicate => "the numbers they are counted by",
                Action::Delay { .. } | Action::Intercept => "their order in time",
                _ => "what is signed",
            };
            let report = Diagnostic::warning("R017", written.scope.span, message)
                .label(format!("`{action}` changes {what}: client or server may disconnect"));
            self.reports.push(match written.action {
                Action::Drop => report.help(
                    "`hide` hides them by the game's own means; say `force` if this is meant",
                ),
                _ => report.help("say `force` if this is meant"),
            });
        }
        if !findings.unhidden.is_empty() {
            let message = format!("nothing hides {}", names(&findings.unhidden));
            let report = match findings.hidden.is_empty() {
                true => Diagnostic::error("R016", written.scope.span, message)
                    .label("the game has no means to hide them"),
                false => Diagnostic::warning("R016", written.scope.span, message)
                    .label("these are not hidden"),
            };
            self.reports
                .push(report.help("`drop` leaves packets out whatever the game says to that"));
        }
        if let Action::Send(send) = &written.action
            && !findings.unsendable.is_empty()
        {
            let name = &send.packet;
            if !findings.sendable {
                let way = send.direction.as_str();
                let message = format!("there is no {way} packet `{}`", name.text);
                let report = Diagnostic::error("R019", name.span, message);
                let goes = |key: &String| {
                    let all = self.places.get(key);
                    all.is_some_and(|all| all.iter().any(|(_, d)| send.direction.admits(*d)))
                };
                let known = &self.lexicon.known.packets;
                let near: Vec<&str> =
                    known.iter().filter(|(key, _)| goes(key)).map(|(_, name)| &**name).collect();
                let near = sorted(near).into_iter();
                self.reports.push(did_you_mean(report, &name.text, near, "no such packet"));
            } else if let (Some(first), Some(last)) =
                (findings.unsendable.first(), findings.unsendable.last())
            {
                let versions = &self.lexicon.protocol.versions;
                let (first, last) = (&versions.get(*first).key, &versions.get(*last).key);
                let message = match first == last {
                    true => format!("there is no packet `{}` at {first}", name.text),
                    false => format!(
                        "some versions from {first} to {last} have no packet `{}`",
                        name.text
                    ),
                };
                let report = Diagnostic::warning("R011", name.span, message);
                self.reports.push(report.label("nothing is sent there"));
            }
        }
    }

    /// Tells whether rules in front leave any packet to this one, and notes what it leaves.
    fn reach(&mut self, rule: &Rule, covered: HashMap<Place, bool>) {
        let (first, last) = rule.written.versions;
        let ended_by = |place: &Place| {
            let all = self.ended.get(place)?;
            let by = all.iter().find(|((from, to), _)| *from <= first && *to >= last)?;
            Some(by.1)
        };
        let ends: Vec<Option<Span>> = covered.keys().map(ended_by).collect();
        if let Some(Some(by)) = ends.first()
            && ends.iter().all(Option::is_some)
        {
            let written = &rule.written.rule;
            let report = Diagnostic::warning("R015", written.span, "no packet reaches this rule")
                .label("it never acts")
                .secondary(*by, "this rule ends all of its packets")
                .help("rules run in the order of the file: put this one in front");
            self.reports.push(report);
        }
        if rule.written.rule.action.ends() && rule.is_unconditional() {
            for (place, is_all) in covered {
                if is_all {
                    let span = rule.written.rule.span;
                    self.ended.entry(place).or_default().push(((first, last), span));
                }
            }
        }
    }
}

/// Versions in which a packet is the same to a rule.
struct Row {
    first: VersionId,
    last: VersionId,
    packet: Arc<PacketDefinition>,
    plan: Option<Arc<Plan>>,
    /// How a packet is made that the rule sends.
    sent: Option<Arc<Plan>>,
    events: bool,
}

impl Row {
    fn is_like(&self, other: &Row) -> bool {
        same(&self.plan, &other.plan)
            && same(&self.sent, &other.sent)
            && self.events == other.events
    }
}

fn same(a: &Option<Arc<Plan>>, b: &Option<Arc<Plan>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Serverbound => "serverbound",
        Direction::Clientbound => "clientbound",
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

/// All expressions of a rule.
fn expressions(rule: &Rule) -> Vec<&Expr> {
    let written = &rule.written.rule;
    let mut all: Vec<&Expr> = written.condition.iter().collect();
    match &written.assigned {
        Assigned::Nothing => {}
        Assigned::Fields(fields) => {
            fields.iter().for_each(|field| in_filling(&field.value, &mut all));
        }
        Assigned::Values(values) => all.extend(values),
    }
    match &written.action {
        Action::Disconnect(why) => all.push(why),
        Action::Send(send) => {
            send.fields.iter().for_each(|(_, filling)| in_filling(filling, &mut all));
        }
        _ => {}
    }
    all
}

fn in_filling<'f>(filling: &'f Filling, out: &mut Vec<&'f Expr>) {
    match filling {
        // Reported already.
        Filling::One(Expr { kind: ExprKind::Wrong, .. }) => {}
        Filling::One(expr) => out.push(expr),
        Filling::Fields(fields, _) => fields.iter().for_each(|(_, f)| in_filling(f, out)),
        Filling::List(list, _) => list.iter().for_each(|filling| in_filling(filling, out)),
    }
}
