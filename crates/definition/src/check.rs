//! Checking a definition: its text, the tests in it, and what it leaves opaque or untested.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use midwire_codec::Direction;

use crate::diagnostics::{Diagnostic, Diagnostics, suggest};
use crate::plan::{Kind, Packet, Plan, Workspace};
use crate::protocol::{PacketDefinition, Protocol, StateId};
use crate::sources::{Loader, Sources};
use crate::syntax::ast::{
    Directions, Literal, Spanned, TestExpectation, TestItem, VersionRef, lookup_key,
};
use crate::value::Value;
use crate::version::VersionId;

/// What checking found.
#[derive(Debug)]
pub struct Report {
    /// The protocol, if its text is right.
    pub protocol: Option<Arc<Protocol>>,
    /// Errors, warnings and tests that failed.
    pub diagnostics: Diagnostics,
    /// The texts they point into.
    pub sources: Sources,
    /// Tests that were run.
    pub tests: usize,
    /// Tests that did not give what they expect.
    pub failures: Vec<TestFailure>,
}

/// A test that did not give what it expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// The packet's name.
    pub packet: Arc<str>,
    /// What was wrong, one line each.
    pub messages: Vec<String>,
}

/// What a definition leaves opaque or untested, per version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// In order of what is missing.
    pub entries: Vec<CoverageEntry>,
}

/// Something opaque or untested, and the versions in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageEntry {
    /// `play clientbound map_chunk: opaque`, `.. body.arm 3: untested`
    pub what: String,
    /// The first and the last version's key.
    pub versions: (Arc<str>, Arc<str>),
}

/// Reads a definition, checks every packet at every version at which it differs, and runs its tests.
pub fn check(path: &str, loader: &dyn Loader) -> Report {
    let protocol = match Protocol::load(path, loader) {
        Ok(protocol) => protocol,
        Err(problems) => {
            let (diagnostics, sources) = (problems.diagnostics, problems.sources);
            return Report { protocol: None, diagnostics, sources, tests: 0, failures: Vec::new() };
        }
    };
    let mut diagnostics = protocol.warnings.clone();
    let mut failures = Vec::new();
    let mut ws = Workspace::default();
    for test in &protocol.declarations.tests {
        let problems = run(&protocol, test, &mut ws);
        if !problems.is_empty() {
            let messages = problems.iter().map(|d| d.message.clone()).collect();
            failures.push(TestFailure { packet: test.packet.text.as_str().into(), messages });
            diagnostics.extend(problems);
        }
    }
    let tests = protocol.declarations.tests.len();
    let sources = protocol.sources.clone();
    Report { protocol: Some(protocol), diagnostics, sources, tests, failures }
}

/// The packet that a test is about, at its version.
pub(crate) fn tested(
    protocol: &Protocol,
    test: &TestItem,
) -> Result<(Arc<PacketDefinition>, VersionId), Box<Diagnostic>> {
    let version = match &test.version {
        None => Some(protocol.versions.newest()),
        Some(version) => match &version.node {
            VersionRef::Key(key) => protocol.versions.by_text(key),
            VersionRef::Number(n) => match protocol.versions.by_number(*n) {
                (id, false) => Some(id),
                (_, true) => None,
            },
        },
    };
    let Some(version) = version else {
        let span = test.version.as_ref().map_or(test.span, |v| v.span);
        return Err(Box::new(Diagnostic::error("W080", span, "no such version is listed")));
    };
    let state = match protocol.declarations.state(test.state.as_ref()) {
        Some(state) => state,
        None => {
            let error = Diagnostic::error("W080", test.span, "no such state");
            return Err(Box::new(error));
        }
    };
    let dialect = protocol.dialect(version);
    let wanted = match test.direction {
        Some(Directions::Clientbound) => vec![Direction::Clientbound],
        Some(Directions::Serverbound) => vec![Direction::Serverbound],
        _ => Direction::BOTH.to_vec(),
    };
    let found = wanted.iter().find_map(|d| dialect.packet_named(state, *d, &test.packet.text));
    match found {
        Some(definition) => Ok((definition.clone(), version)),
        None => {
            let key = &protocol.versions.get(version).key;
            let message = format!("version {key} has no packet `{}` there", test.packet.text);
            let near = suggest(
                &test.packet.text,
                dialect.packets().map(|p| &*p.name).collect::<Vec<_>>().into_iter(),
            )
            .map(|near| format!("did you mean `{near}`?"));
            let error = Diagnostic::error("W080", test.packet.span, message);
            Err(Box::new(near.map_or_else(|| error.clone(), |near| error.clone().label(near))))
        }
    }
}

/// Runs one test; gives what is wrong.
fn run(protocol: &Protocol, test: &TestItem, ws: &mut Workspace) -> Vec<Diagnostic> {
    let definition = match tested(protocol, test) {
        Ok((definition, _)) => definition,
        Err(error) => return vec![*error],
    };
    let Some(plan) = &definition.plan else {
        let message = format!("`{}` is opaque at this version", definition.name);
        return vec![Diagnostic::error("W080", test.packet.span, message)];
    };
    let conn = protocol.initial_conn();
    let mut packet = plan.decode(&test.bytes.node, 0, &conn, ws);
    let mut out = Vec::new();
    match (&test.expect, packet.error().cloned()) {
        (TestExpectation::Error(_), None) => {
            out.push(Diagnostic::error(
                "W081",
                test.bytes.span,
                "these bytes were read without an error",
            ));
        }
        (TestExpectation::Error(Some(text)), Some(error)) => {
            let message = error.to_string();
            if !message.contains(&text.node) {
                out.push(Diagnostic::error("W081", text.span, format!("the error was: {message}")));
            }
        }
        (TestExpectation::Error(None), Some(_)) => {}
        (TestExpectation::Fields(_), Some(error)) => {
            out.push(Diagnostic::error(
                "W081",
                test.bytes.span,
                format!("{}: {error}", definition.name),
            ));
        }
        (TestExpectation::Fields(fields), None) => {
            let left = packet.rest().len();
            if left > 0 {
                out.push(Diagnostic::error(
                    "W081",
                    test.bytes.span,
                    format!("{left} byte(s) are left over"),
                ));
            }
            for expected in fields {
                if let Err(found) = compare(&mut packet, &expected.path.node, &expected.value) {
                    let message = format!("`{}` is {found}", expected.path.node);
                    out.push(Diagnostic::error("W082", expected.value.span, message));
                }
            }
        }
    }
    out
}

/// Whether a field has a value; otherwise what it is.
fn compare(packet: &mut Packet<'_>, path: &str, expected: &Spanned<Literal>) -> Result<(), String> {
    if let Literal::List(items) = &expected.node {
        return compare_list(packet, path, items);
    }
    let number = packet.int(path);
    let Some(found) = packet.find(path) else {
        return if expected.node == Literal::Absent { Ok(()) } else { Err("absent".into()) };
    };
    let value = packet.value_of(&found);
    let fits = match (&expected.node, &value) {
        (Literal::Absent, _) => false,
        (Literal::Int(n), _) => {
            number == Some(*n)
                || matches!(&value, Some(Value::F32(f)) if *f as f64 == *n as f64)
                || matches!(&value, Some(Value::F64(f)) if *f == *n as f64)
        }
        (Literal::Bool(b), _) => number.is_some_and(|n| (n != 0) == *b),
        (Literal::Float(f), Some(Value::F32(v))) => *v == *f as f32,
        (Literal::Float(f), Some(Value::F64(v))) => v == f,
        (Literal::Str(text), Some(Value::Text(found, ..))) => text == found,
        (Literal::Str(text), Some(Value::Uuid(bytes))) => uuid_text(bytes) == text.to_lowercase(),
        (
            Literal::Bytes(bytes),
            Some(Value::Bytes(found) | Value::Nbt(found, _) | Value::Packed(found, ..)),
        ) => bytes == found,
        (Literal::Bytes(bytes), Some(Value::Uuid(found))) => bytes == found,
        (Literal::Name(name) | Literal::Str(name), Some(Value::Enum(_, found))) => {
            found.is_some_and(|found| lookup_key(found) == lookup_key(name))
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(match (number, value) {
        (Some(n), Some(Value::Enum(_, Some(name)))) => format!("{name} ({n})"),
        (Some(n), _) => n.to_string(),
        (None, Some(Value::Text(text, ..))) => format!("{text:?}"),
        (None, Some(value)) => format!("{value:?}"),
        (None, None) => "a struct or a list".into(),
    })
}

fn compare_list(
    packet: &mut Packet<'_>,
    path: &str,
    items: &[Spanned<Literal>],
) -> Result<(), String> {
    let found = packet.find(path).ok_or("absent")?;
    if let Some(Value::Flags(number, members)) = packet.value_of(&found) {
        let set: Vec<_> = members
            .iter()
            .filter(|m| number >> m.bit & 1 == 1)
            .map(|m| lookup_key(&m.name))
            .collect();
        let wanted: Vec<_> = items
            .iter()
            .filter_map(|item| match &item.node {
                Literal::Name(name) | Literal::Str(name) => Some(lookup_key(name)),
                _ => None,
            })
            .collect();
        return if set == wanted { Ok(()) } else { Err(set.join(" ")) };
    }
    let count = packet.count_at(path).ok_or("no list")?;
    if count as usize != items.len() {
        return Err(format!("a list of {count}"));
    }
    for (i, item) in items.iter().enumerate() {
        compare(packet, &format!("{path}[{i}]"), item)
            .map_err(|found| format!("{found} at {i}"))?;
    }
    Ok(())
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// What the definition leaves opaque, and which arms none of its tests takes, with the versions.
pub fn coverage(protocol: &Protocol) -> Coverage {
    let mut ws = Workspace::default();
    let conn = protocol.initial_conn();
    // Arms that tests took: by packet, version and the branch's number, which plans of one packet share
    // only at versions that share the plan.
    let mut taken: HashSet<(*const Plan, u32, u32)> = HashSet::new();
    let mut opaque_read: HashSet<*const Plan> = HashSet::new();
    for test in &protocol.declarations.tests {
        let Ok((definition, _)) = tested(protocol, test) else { continue };
        let Some(plan) = &definition.plan else { continue };
        let mut packet = plan.decode(&test.bytes.node, 0, &conn, &mut ws);
        packet.note_arms(&mut |branch, arm| {
            taken.insert((Arc::as_ptr(plan), branch, arm));
        });
        opaque_read.insert(Arc::as_ptr(plan));
    }
    let mut missing: BTreeMap<(StateId, &'static str, String), Vec<VersionId>> = BTreeMap::new();
    let mut plans: Vec<Arc<crate::protocol::Dialect>> = Vec::new();
    for (version, _) in protocol.versions.iter() {
        let dialect = protocol.dialect_uncached(version);
        for packet in dialect.packets() {
            let mut note = |what: String| {
                let key =
                    (packet.state, packet.direction.as_str(), format!("{}{what}", packet.name));
                missing.entry(key).or_default().push(version);
            };
            let Some(plan) = &packet.plan else {
                note(": opaque".into());
                continue;
            };
            for field in &plan.fields {
                if matches!(field.kind, Kind::Tail) {
                    note(format!("{}: opaque tail", dotted(plan, field.parent)));
                }
            }
            for (index, branch) in plan.branches.iter().enumerate() {
                for arm in 0..branch.arms.len() as u32 {
                    if !taken.contains(&(Arc::as_ptr(plan), index as u32, arm)) {
                        note(format!(" {}: untested", branch_text(plan, index, arm)));
                    }
                }
            }
        }
        // Plans are told apart by their address, so they must live until the end.
        plans.push(Arc::new(dialect));
    }
    let key = |id: VersionId| protocol.versions.get(id).key.clone();
    let mut entries = Vec::new();
    for ((state, direction, what), versions) in missing {
        let state = protocol.state_name(state);
        let gap = if state.is_empty() { "" } else { " " };
        let mut runs: Vec<(VersionId, VersionId)> = Vec::new();
        for version in versions {
            match runs.last_mut() {
                Some((_, last)) if last.0 == version.0 => {}
                Some((_, last)) if last.0 + 1 == version.0 => *last = version,
                _ => runs.push((version, version)),
            }
        }
        for (first, last) in runs {
            let what = format!("{state}{gap}{direction} {what}");
            entries.push(CoverageEntry { what, versions: (key(first), key(last)) });
        }
    }
    Coverage { entries }
}

/// The path of a struct field with a dot in front.
fn dotted(plan: &Plan, mut field: Option<u32>) -> String {
    let mut text = String::new();
    while let Some(id) = field {
        let parent = &plan.fields[id as usize];
        text = format!(".{}{text}", parent.name);
        field = parent.parent;
    }
    text
}

/// An arm as people find it: what it holds first.
fn branch_text(plan: &Plan, index: usize, arm: u32) -> String {
    let branch = &plan.branches[index];
    let holds = branch.arms[arm as usize].items.iter().find_map(|item| match item {
        crate::plan::Item::Field(id) => {
            let field = &plan.fields[*id as usize];
            (!field.name.is_empty())
                .then(|| format!("{}.{}", dotted(plan, field.parent), field.name))
        }
        crate::plan::Item::Branch(_) => None,
    });
    let layout = plan.layouts[branch.layout as usize].name.as_deref().unwrap_or("");
    let first = holds.unwrap_or_default();
    format!("{layout}{} (choice {index}, arm {arm})", first.replace("..", "."))
}
