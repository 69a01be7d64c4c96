//! Reading a definition: the file, what it includes, and what both declare.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use midwire_codec::{ByteOrder, Direction};

use super::reading::Reading;
use super::{Declarations, TableEntries, data, gates, ids, lists, overlaps, recursion, stack};
use crate::diagnostics::{Diagnostic, Diagnostics, suggest};
use crate::escape::escape;
use crate::protocol::{Problems, Protocol, StateId, VersionFrom};
use crate::sources::{Root, Sources};
use crate::syntax;
use crate::syntax::ast::{
    Directions, ExprKind, ExtendItem, Field, FieldKind, File, Item, Name, ProtocolEntry,
    ProtocolItem, Span, Spanned, Stage, Struct, TableSource, Type, TypeKind,
    VersionFrom as WrittenVersionFrom,
};
use crate::version::{Version, VersionId, Versions};

/// Which packets are compiled while reading, at every version at which they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// None: they were checked before.
    None,
    /// Those that the extensions declare, and all if they declare types.
    Extensions,
    /// All.
    All,
}

/// Reads a definition, the first of the roots, and what extends it.
pub(crate) fn load(roots: &[Root<'_>], checked: Checked) -> Result<Arc<Protocol>, Box<Problems>> {
    let mut reading = Reading::new(roots);
    let mut problems = Diagnostics::new();
    let files = reading.files(&mut problems);
    let protocol = gather(files, &mut reading, checked, &mut problems);
    let (sources, layers) = reading.into_layers();
    let protocol = protocol.filter(|_| !problems.has_errors()).and_then(|mut protocol| {
        protocol.declarations.layers = layers;
        let least = match checked {
            Checked::None => None,
            Checked::Extensions
                if protocol
                    .declarations
                    .types
                    .iter()
                    .any(|t| protocol.declarations.layer(t.span) > 0) =>
            {
                Some(0)
            }
            Checked::Extensions => Some(1),
            Checked::All => Some(0),
        };
        if let Some(least) = least {
            super::check_all(&protocol.declarations, least, &mut problems);
            if !problems.has_errors() {
                problems.extend(crate::detect::check(&protocol));
            }
            check_ids(&protocol, &mut problems);
        }
        protocol.warnings = problems.clone();
        (!problems.has_errors()).then_some(protocol)
    });
    match protocol {
        Some(mut protocol) => {
            protocol.sources = sources;
            Ok(Arc::new(protocol))
        }
        None => Err(Box::new(Problems { diagnostics: problems, sources })),
    }
}

fn gather(
    files: Vec<File>,
    reading: &mut Reading<'_>,
    checked: Checked,
    problems: &mut Diagnostics,
) -> Option<Protocol> {
    let mut out = Vec::new();
    let mut protocols = Vec::new();
    let mut extensions = Vec::new();
    let mut rest = Vec::new();
    for item in files.into_iter().flat_map(|file| file.items) {
        match item {
            Item::Protocol(item) => protocols.push(item),
            Item::Extend(item) => extensions.push(item),
            Item::Include(_) => {}
            item => rest.push(item),
        }
    }
    let protocol = match protocols.as_slice() {
        [one] => one,
        [] => {
            if !problems.has_errors() {
                let span = Span::default();
                out.push(
                    Diagnostic::error("W071", span, "there is no `protocol` in this file")
                        .help("it begins with: protocol name { endian little, frame { length: u16, id: u8 } }"),
                );
            }
            problems.extend(out);
            return None;
        }
        [first, again, ..] => {
            out.push(
                Diagnostic::error("W071", again.name.span, "a second protocol in one definition")
                    .secondary(first.name.span, "the first"),
            );
            problems.extend(out);
            return None;
        }
    };
    check_extensions(protocol, &extensions, reading, &mut out);
    let entries = extensions.iter().flat_map(|extension| &extension.entries);
    let mut head = head(protocol, entries, reading, &mut out);
    // What comes later takes the place of what came before, so it is looked at first.
    rest.sort_by_key(|item| std::cmp::Reverse(reading.layer(item.span())));
    let mut extended_ids = Vec::new();
    for item in rest {
        let d = &mut head.declarations;
        match item {
            Item::Type(item) => d.types.push(item),
            Item::Table(item) => d.tables.push(item),
            Item::Packet(item) => d.packets.push(item),
            Item::Ids(item) if reading.layer(item.span) > 0 => extended_ids.push(item),
            Item::Ids(item) => d.ids.push(item),
            Item::On(item) => d.events.push(item),
            Item::Group(item) => d.groups.push(item),
            Item::Test(item) => d.tests.push(item),
            Item::Protocol(_) | Item::Extend(_) | Item::Include(_) => {}
        }
    }
    let d = &mut head.declarations;
    // Their lines go on those of the layers below, the lowest first.
    for item in extended_ids.into_iter().rev() {
        ids::extend(d, item);
    }
    for (index, item) in d.types.iter().enumerate() {
        d.types_by_name.entry(item.name.key()).or_default().push(index);
    }
    d.recursive = recursion::recursive(&d.types, &d.types_by_name);
    for (index, item) in d.packets.iter().enumerate() {
        d.packets_by_name.entry(item.name.key()).or_default().push(index);
    }
    let mut entries = Vec::new();
    for table in &d.tables {
        entries.push(match &table.source {
            TableSource::Inline(list) => {
                TableEntries::Each(list.iter().map(|e| (Vec::new(), e.clone())).collect())
            }
            TableSource::File(file) => match reading.named(file) {
                Ok(number) => {
                    let (sources, checked) = (&reading.sources, checked != Checked::None);
                    if sources.get(number).is_some_and(|source| lists::is_list(&source.text)) {
                        let list = lists::read(sources, number, &d.versions, checked, &mut out);
                        TableEntries::List(list)
                    } else {
                        TableEntries::Each(data::table(sources, number, &mut out))
                    }
                }
                Err(e) => {
                    out.push(Diagnostic::error("W070", file.span, e.to_string()));
                    TableEntries::Each(Vec::new())
                }
            },
        });
    }
    d.table_entries = entries;
    if let Some(written) = protocol.entries.iter().find_map(|e| match e {
        ProtocolEntry::VersionFrom(from) => Some(from),
        _ => None,
    }) {
        head.version_from = version_from(written, &head.declarations, &mut out);
    }
    head.detects = protocol
        .entries
        .iter()
        .filter_map(|entry| match entry {
            ProtocolEntry::Detect(written) => Some(written.clone()),
            _ => None,
        })
        .collect();
    if checked != Checked::None {
        check_names(&head.declarations, reading, &mut out);
    }
    problems.extend(out);
    Some(head)
}

/// What the `protocol` block says, and what extensions add to it.
fn head<'i>(
    item: &'i ProtocolItem,
    added: impl Iterator<Item = &'i ProtocolEntry>,
    reading: &mut Reading<'_>,
    out: &mut Vec<Diagnostic>,
) -> Protocol {
    let mut order = ByteOrder::Big;
    let mut versions: Vec<Version> = Vec::new();
    let mut port = None;
    let mut states: Vec<Arc<str>> = Vec::new();
    let mut states_at = Vec::new();
    let mut start: Option<&Name> = None;
    let mut conn = Vec::new();
    let (mut conn_at, mut conn_types) = (Vec::new(), Vec::new());
    let mut stages = Vec::new();
    for entry in item.entries.iter().chain(added) {
        match entry {
            ProtocolEntry::Endian { little, .. } => {
                order = if *little { ByteOrder::Little } else { ByteOrder::Big }
            }
            ProtocolEntry::VersionsFrom(file) => match reading.named(file) {
                Ok(number) => versions = data::versions(&reading.sources, number, out),
                Err(e) => out.push(Diagnostic::error("W070", file.span, e.to_string())),
            },
            ProtocolEntry::Versions(list) => {
                for (number, release) in list {
                    add_version(&mut versions, number, release.as_ref(), reading, out);
                }
            }
            ProtocolEntry::Port(n) => match u16::try_from(n.node) {
                Ok(n) if n > 0 => port = Some(n),
                _ => out.push(Diagnostic::error(
                    "W072",
                    n.span,
                    "a port is a number from 1 to 65535",
                )),
            },
            ProtocolEntry::States(names) => {
                states = names.iter().map(|n| n.text.as_str().into()).collect();
                states_at = names.iter().map(|n| n.span).collect();
            }
            ProtocolEntry::Start(name) => start = Some(name),
            ProtocolEntry::Conn(list) => {
                for variable in list {
                    let initial = variable.initial.as_ref().map(|e| constant(&e.kind));
                    if initial == Some(None) {
                        out.push(Diagnostic::error(
                            "W073",
                            variable.name.span,
                            "a variable begins with a number",
                        ));
                    }
                    conn_at.push(variable.name.span);
                    conn_types.push(variable.ty.clone());
                    conn.push((variable.name.text.as_str().into(), initial.flatten().unwrap_or(0)));
                }
            }
            ProtocolEntry::Frame(..)
            | ProtocolEntry::Stack(..)
            | ProtocolEntry::VersionFrom(_)
            | ProtocolEntry::Detect(_) => {}
        }
    }
    let mut whole = stack::empty();
    for entry in &item.entries {
        match entry {
            ProtocolEntry::Frame(shape, span) => stack::frame(&mut whole, shape, *span, order, out),
            ProtocolEntry::Stack(list, _) => {
                stack::stages(&mut whole, list, order, &states, out);
                stack::check(&whole, list, out);
                stages.extend(list.iter().filter_map(|stage| match stage {
                    Stage::Named { name, kind, .. } => {
                        Some((name.text.as_str().into(), kind.text.as_str().into()))
                    }
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    if states.is_empty() {
        states.push("".into());
    }
    if states.len() > 250 {
        out.push(Diagnostic::error("W074", item.name.span, "more than 250 states"));
        states.truncate(250);
    }
    let versions = Versions::new(versions);
    let declarations = Declarations {
        versions: versions.clone(),
        order,
        stack: whole.clone(),
        states: states.clone(),
        states_at,
        conn: conn.clone(),
        conn_at,
        conn_types,
        stages,
        layers: Box::default(),
        types: Vec::new(),
        types_by_name: HashMap::new(),
        tables: Vec::new(),
        table_entries: Vec::new(),
        packets: Vec::new(),
        packets_by_name: HashMap::new(),
        ids: Vec::new(),
        events: Vec::new(),
        groups: Vec::new(),
        tests: Vec::new(),
        plans: Mutex::default(),
        labels: OnceLock::new(),
        enums: Mutex::default(),
        names: Mutex::default(),
        recursive: HashSet::new(),
    };
    let begin = start.map_or(Some(StateId(0)), |name| declarations.state(Some(name)));
    if let (None, Some(name)) = (begin, start) {
        out.push(unknown_state(name, &states));
    }
    Protocol {
        name: item.name.text.as_str().into(),
        title: escape(item.title.as_ref().map_or(&item.name.text, |t| &t.node)).into(),
        doc: item.doc.as_str().into(),
        port,
        versions,
        states,
        start: begin.unwrap_or(StateId(0)),
        stack: whole,
        version_from: None,
        detects: Vec::new(),
        conn,
        declarations,
        dialects: Mutex::default(),
        warnings: Diagnostics::new(),
        sources: Sources::new(),
    }
}

/// Adds a version behind all others.
fn add_version(
    versions: &mut Vec<Version>,
    number: &Spanned<i64>,
    release: Option<&Spanned<String>>,
    reading: &Reading<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let text = release.map_or_else(|| number.node.to_string(), |r| escape(&r.node).into_owned());
    let is_extension = reading.layer(number.span) > 0;
    if is_extension && versions.iter().any(|v| v.number == number.node && *v.key == *text) {
        let message = format!("version {text} is listed already");
        let help = "the definition that this extends knows it by now: leave this line out";
        out.push(Diagnostic::warning("W085", number.span, message).help(help));
        return;
    }
    let ordinal = versions.iter().map(|v| v.ordinal.saturating_add(1)).max().unwrap_or(0);
    let key = text.as_str().into();
    versions.push(Version { key, number: number.node, ordinal, release: text.into() });
}

/// Extensions extend this protocol, and only its lists.
fn check_extensions(
    protocol: &ProtocolItem,
    extensions: &[ExtendItem],
    reading: &Reading<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for extension in extensions {
        let span = extension.name.span;
        if reading.layer(span) == 0 {
            let message = "a definition does not extend another";
            let help = "leave this line out, or put what extends into a file of its own";
            out.push(Diagnostic::error("W085", span, message).help(help));
        } else if extension.name.key() != protocol.name.key() {
            let message = format!(
                "this extends `{}`, and is read with `{}`",
                extension.name.text, protocol.name.text
            );
            out.push(Diagnostic::error("W085", span, message));
        }
        for entry in &extension.entries {
            if !matches!(entry, ProtocolEntry::Versions(_) | ProtocolEntry::Conn(_)) {
                let message = "an extension adds `versions { .. }` and `conn { .. }`, nothing else";
                out.push(Diagnostic::error("W085", extension.span, message));
            }
        }
    }
}

fn constant(kind: &ExprKind) -> Option<i64> {
    match kind {
        ExprKind::Int(n) => i64::try_from(*n).ok(),
        ExprKind::Negate(e) => constant(&e.kind).map(i64::wrapping_neg),
        ExprKind::Bool(b) => Some((*b).into()),
        _ => None,
    }
}

fn unknown_state(name: &Name, states: &[Arc<str>]) -> Diagnostic {
    let error = Diagnostic::error("W062", name.span, format!("no state is called `{}`", name.text));
    match suggest(&name.text, states.iter().map(|s| &**s)) {
        Some(near) => error.label(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn version_from(
    from: &WrittenVersionFrom,
    declarations: &Declarations,
    out: &mut Vec<Diagnostic>,
) -> Option<VersionFrom> {
    let Some(state) = declarations.state(from.state.as_ref()) else {
        out.extend(from.state.as_ref().map(|name| unknown_state(name, &declarations.states)));
        return None;
    };
    if !declarations.packets_by_name.contains_key(&from.packet.key()) {
        let message = format!("no packet is called `{}`", from.packet.text);
        let near =
            suggest(&from.packet.text, declarations.packets.iter().map(|p| p.name.text.as_str()));
        let error = Diagnostic::error("W075", from.packet.span, message);
        out.push(match near {
            Some(near) => error.label(format!("did you mean `{near}`?")),
            None => error,
        });
        return None;
    }
    let matching = match &from.matching {
        None => None,
        Some(text) => match text.node.split_once("{n}") {
            Some((before, behind)) => Some((before.into(), behind.into())),
            None => {
                out.push(Diagnostic::error("W076", text.span, "`{n}` for the number is missing"));
                return None;
            }
        },
    };
    let field = from.field.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join(".");
    let direction = match from.direction {
        Directions::Clientbound => Direction::Clientbound,
        _ => Direction::Serverbound,
    };
    Some(VersionFrom {
        state,
        direction,
        packet: from.packet.text.as_str().into(),
        field: field.into(),
        matching,
    })
}

/// States, gates and names of packets that declarations refer to.
fn check_names(declarations: &Declarations, reading: &Reading<'_>, out: &mut Vec<Diagnostic>) {
    let states = |name: &Option<Name>, out: &mut Vec<Diagnostic>| {
        if let Some(name) = name
            && declarations.state(Some(name)).is_none()
        {
            out.push(unknown_state(name, &declarations.states));
        }
    };
    for packet in &declarations.packets {
        states(&packet.state, out);
        gates::check(&packet.gates, declarations, out);
        for (_, written) in &packet.ids {
            gates::check(written, declarations, out);
        }
        check_struct(packet.body.as_ref(), declarations, out);
    }
    for ty in &declarations.types {
        gates::check(&ty.gates, declarations, out);
        check_type(&ty.body, declarations, out);
    }
    for table in &declarations.tables {
        gates::check(&table.gates, declarations, out);
    }
    for table in &declarations.ids {
        states(&table.state, out);
        for line in &table.lines {
            out.extend(gates::check_reference(&line.version, &declarations.versions));
        }
    }
    for on in &declarations.events {
        states(&on.state, out);
        gates::check(&on.gates, declarations, out);
        let state = declarations.state(on.state.as_ref());
        let named = declarations.packets_by_name.get(&on.packet.key());
        let known = named
            .into_iter()
            .flatten()
            .any(|index| declarations.state(declarations.packets[*index].state.as_ref()) == state);
        if !known {
            let message = format!("no packet is called `{}` in this state", on.packet.text);
            let near =
                suggest(&on.packet.text, declarations.packets.iter().map(|p| p.name.text.as_str()));
            let error = Diagnostic::error("W075", on.packet.span, message);
            out.push(match near {
                Some(near) if near != on.packet.text => {
                    error.label(format!("did you mean `{near}`?"))
                }
                _ => error,
            });
        }
    }
    overlaps::check(declarations, reading, out);
}

fn check_struct(body: Option<&Struct>, declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    for field in body.iter().flat_map(|body| &body.fields) {
        check_field(field, declarations, out);
    }
}

fn check_field(field: &Field, declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    gates::check(&field.gates, declarations, out);
    match &field.kind {
        FieldKind::Named { ty, attributes, .. } => {
            check_type(ty, declarations, out);
            let opened = attributes.iter().filter_map(|attribute| attribute.ty.as_ref());
            opened.for_each(|ty| check_type(ty, declarations, out));
        }
        FieldKind::Flat(ty) => check_type(ty, declarations, out),
        FieldKind::If { then, otherwise, .. } => {
            check_struct(Some(then), declarations, out);
            check_struct(otherwise.as_ref(), declarations, out);
        }
        FieldKind::Match { arms, .. } => {
            for arm in arms {
                gates::check(&arm.gates, declarations, out);
                check_struct(Some(&arm.body), declarations, out);
            }
        }
        FieldKind::Let { .. } | FieldKind::Pad(_) | FieldKind::Tail => {}
    }
}

fn check_type(ty: &Type, declarations: &Declarations, out: &mut Vec<Diagnostic>) {
    match &ty.kind {
        TypeKind::Array { element: inner, .. }
        | TypeKind::Opt(inner)
        | TypeKind::Block { inner, .. } => {
            check_type(inner, declarations, out);
        }
        TypeKind::Enum { entries, .. } | TypeKind::Flags { entries, .. } => {
            for entry in entries {
                gates::check(&entry.gates, declarations, out);
            }
        }
        TypeKind::Bits { members, .. } => {
            for member in members {
                gates::check(&member.gates, declarations, out);
            }
        }
        TypeKind::Match { arms, .. } => {
            for arm in arms {
                gates::check(&arm.gates, declarations, out);
                check_type(&arm.ty, declarations, out);
            }
        }
        TypeKind::If { then, otherwise, .. } => {
            check_type(then, declarations, out);
            check_type(otherwise, declarations, out);
        }
        TypeKind::Struct(body) => check_struct(Some(body), declarations, out),
        TypeKind::Name { .. }
        | TypeKind::Str { .. }
        | TypeKind::Bytes(_)
        | TypeKind::Packed { .. }
        | TypeKind::Native(_)
        | TypeKind::Nothing => {}
    }
}

/// Names in tables of ids that are looked at to check all versions.
const IDS_STEPS_MAX: usize = 50_000_000;
/// So many things wrong with ids are enough to report.
const IDS_PROBLEMS_MAX: usize = 1_000;

/// Ids at every version at which a table or a packet's gate may change them.
fn check_ids(protocol: &Protocol, problems: &mut Diagnostics) {
    let declarations = &protocol.declarations;
    let mut out = Vec::new();
    let mut steps = 0usize;
    let names = declarations.packets.len();
    let edits: usize = declarations.ids.iter().map(ids::cost).sum();
    let mut named: HashSet<String> = HashSet::new();
    let mut version = 0;
    while (version as usize) < protocol.versions.iter().count() {
        let mut interval = gates::Interval::ALL;
        steps = steps.saturating_add(names).saturating_add(edits);
        if steps > IDS_STEPS_MAX || out.len() > IDS_PROBLEMS_MAX {
            if steps > IDS_STEPS_MAX {
                let span = declarations.ids.first().map_or(Span::default(), |table| table.span);
                let message = "the ids change too often to be checked at every version";
                out.push(Diagnostic::error("W079", span, message));
            }
            break;
        }
        let packets = declarations.packets_at(VersionId(version), &mut interval, &mut out);
        named.extend(packets.into_iter().map(|(_, _, _, name, _)| syntax::ast::lookup_key(&name)));
        version = interval.last.0.saturating_add(1).max(version + 1);
    }
    // Packets without an id anywhere can never be met.
    for packet in &declarations.packets {
        if packet.ids.is_empty()
            && !named.contains(&packet.name.key())
            && declarations
                .state(packet.state.as_ref())
                .is_none_or(|state| protocol.stack.id_in(state).fixed_size() != Some(0))
        {
            let message = format!("`{}` has no id at any version", packet.name.text);
            out.push(Diagnostic::warning("W078", packet.name.span, message).help(
                "give it one, as in `packet Name = 5 clientbound`, or name it in an `ids` table",
            ));
        }
    }
    let mut seen = HashSet::new();
    out.retain(|d| seen.insert((d.code, d.span)));
    problems.extend(out);
}
