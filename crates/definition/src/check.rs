//! Checking a definition: its text, and the tests in it.

use std::sync::Arc;

use midwire_codec::Direction;

use crate::diagnostics::{Diagnostic, Diagnostics, suggest};
use crate::plan::{Packet, Workspace};
use crate::protocol::{PacketDefinition, Problems, Protocol};
use crate::resolve;
use crate::sources::{Loader, Root, Sources};
use crate::syntax::ast::{
    Directions, Literal, Spanned, TestExpectation, TestItem, VersionRef, lookup_key,
};
use crate::value::Value;

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

/// Reads a definition, checks every packet at every version at which it differs, and runs its tests.
pub fn check(path: &str, loader: &dyn Loader) -> Report {
    report(Protocol::load(path, loader))
}

/// The same of a definition with files that extend it.
pub fn check_extended(definition: Root<'_>, extensions: &[Root<'_>]) -> Report {
    report(Protocol::load_extended(definition, extensions))
}

fn report(read: Result<Arc<Protocol>, Box<Problems>>) -> Report {
    let protocol = match read {
        Ok(protocol) => protocol,
        Err(problems) => {
            let (diagnostics, sources) = (problems.diagnostics, problems.sources);
            return Report { protocol: None, diagnostics, sources, tests: 0, failures: Vec::new() };
        }
    };
    let mut diagnostics = protocol.warnings.clone();
    diagnostics.extend(resolve::lint(&protocol));
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

/// The packet that a test is about, at its version, in each direction that it is about. Never none.
pub(crate) fn tested(
    protocol: &Protocol,
    test: &TestItem,
) -> Result<Vec<Arc<PacketDefinition>>, Box<Diagnostic>> {
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
    let name = &test.packet.text;
    let found: Vec<_> =
        wanted.iter().filter_map(|d| dialect.packet_named(state, *d, name).cloned()).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let key = &protocol.versions.get(version).key;
    let error = Diagnostic::error(
        "W080",
        test.packet.span,
        format!("version {key} has no packet `{name}` there"),
    );
    let names: Vec<_> = dialect.packets().map(|p| &*p.name).collect();
    Err(Box::new(match suggest(name, names.into_iter()) {
        Some(near) => error.label(format!("did you mean `{near}`?")),
        None => error,
    }))
}

/// Runs one test; gives what is wrong.
fn run(protocol: &Protocol, test: &TestItem, ws: &mut Workspace) -> Vec<Diagnostic> {
    let definition = match tested(protocol, test) {
        Ok(found) => found[0].clone(),
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
