//! `--guess`: what bytes may be, a line for each candidate.

use std::process::ExitCode;

use midwire_definition::Workspace;
use midwire_definition::escape::width;
use midwire_definition::json::write_string;

use super::candidate::Candidate;
use super::guess::{Wanted, candidates};
use crate::error::{NO, print_and_end};
use crate::hex_text::HexText;
use crate::print::{Paint, Style, put};

/// Lines of the table.
const LINES_MAX: usize = 24;
/// Packets of a stream that are named.
const NAMES_MAX: usize = 3;
const HEADER: [&str; 7] = ["score", "bytes", "protocol", "place", "shape", "packet", "why"];

/// Prints everything that the bytes may be, the best first.
pub(super) fn print(wanted: &Wanted, pieces: &[HexText], json: bool) -> anyhow::Result<ExitCode> {
    let pieces: Vec<&[u8]> =
        pieces.iter().map(|piece| &piece.bytes[..]).filter(|bytes| !bytes.is_empty()).collect();
    let found = candidates(wanted, &pieces, &mut Workspace::default());
    let mut out = String::new();
    if json {
        found.iter().for_each(|candidate| write_json(candidate, &mut out));
    } else {
        write(&found, Style::of_stdout(), &mut out);
    }
    let is_whole = found.first().is_some_and(|best| best.is_whole);
    let code = if is_whole { ExitCode::SUCCESS } else { ExitCode::from(NO) };
    Ok(print_and_end(&out, code))
}

fn write(found: &[Candidate], style: Style, out: &mut String) {
    if found.is_empty() {
        out.push_str("nothing fits: no packet of any known protocol begins like this\n");
        return;
    }
    let rows: Vec<[String; 7]> = found.iter().take(LINES_MAX).map(row).collect();
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(width(cell));
        }
    }
    let mut write = |cells: [&str; 7], paint: Option<Paint>| {
        let mut line = String::new();
        for (at, (cell, most)) in cells.iter().zip(widths).enumerate() {
            let gap = if at + 1 == cells.len() { 0 } else { most - width(cell) };
            // Numbers end below each other.
            match at {
                0 | 1 => put(&mut line, format_args!("{:gap$}{cell}  ", "")),
                _ => put(&mut line, format_args!("{cell}{:gap$}  ", "")),
            }
        }
        let line = line.trim_end();
        match paint {
            Some(paint) => put(out, format_args!("{}\n", style.paint(paint, line))),
            None => put(out, format_args!("{line}\n")),
        }
    };
    write(HEADER, Some(Paint::Dim));
    for (at, row) in rows.iter().enumerate() {
        let cells = [0, 1, 2, 3, 4, 5, 6].map(|at| row[at].as_str());
        write(cells, (at == 0).then_some(Paint::Name));
    }
    if found.len() > rows.len() {
        put(out, format_args!("… {} more; --json lists them all\n", found.len() - rows.len()));
    }
}

fn row(candidate: &Candidate) -> [String; 7] {
    let state = candidate.protocol.state_name(candidate.state);
    let state = if state.is_empty() { String::new() } else { format!("{state} ") };
    let direction = candidate.direction.map_or("both".to_owned(), |way| way.to_string());
    let shape = match (candidate.framed, candidate.compressed) {
        (true, true) => "compressed",
        (true, false) => "framed",
        _ => "unframed",
    };
    let mut names: Vec<&str> = candidate.names.iter().take(NAMES_MAX).map(|name| &**name).collect();
    let more = candidate.names.len().saturating_sub(NAMES_MAX);
    let more = format!("and {more} more");
    if candidate.names.len() > NAMES_MAX {
        names.push(&more);
    }
    let mut why = String::new();
    if candidate.lost > 0 {
        put(
            &mut why,
            format_args!("begins within a frame, {} bytes of it passed; ", candidate.lost),
        );
    }
    if candidate.version_said {
        why.push_str("the version is said; ");
    }
    why.push_str(&candidate.reasons);
    [
        format!("{}{:.0}", if candidate.is_whole { "" } else { "! " }, candidate.bits),
        format!("{}/{}", candidate.explained, candidate.len),
        format!("{} {}", candidate.protocol.name, candidate.versions_in_words()),
        format!("{state}{direction}"),
        shape.to_owned(),
        names.join(", "),
        why,
    ]
}

fn write_json(candidate: &Candidate, out: &mut String) {
    let Candidate { protocol, versions, .. } = candidate;
    put(out, format_args!("{{\"type\":\"candidate\",\"score\":{:.1}", candidate.bits));
    put(out, format_args!(",\"whole\":{}", candidate.is_whole));
    put(out, format_args!(",\"explained\":{},\"length\":{}", candidate.explained, candidate.len));
    out.push_str(",\"protocol\":");
    write_string(&protocol.name, out);
    let (oldest, newest) = (protocol.versions.get(versions.0), protocol.versions.get(versions.1));
    out.push_str(",\"versions\":[");
    write_string(&oldest.key, out);
    out.push(',');
    write_string(&newest.key, out);
    put(out, format_args!("],\"numbers\":[{},{}],\"state\":", oldest.number, newest.number));
    match protocol.state_name(candidate.state) {
        "" => out.push_str("null"),
        state => write_string(state, out),
    }
    match candidate.direction {
        Some(direction) => put(out, format_args!(",\"direction\":\"{direction}\"")),
        None => out.push_str(",\"direction\":null"),
    }
    put(
        out,
        format_args!(
            ",\"framed\":{},\"compressed\":{},\"lost\":{},\"names\":[",
            candidate.framed, candidate.compressed, candidate.lost
        ),
    );
    for (at, name) in candidate.names.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
    }
    out.push_str("],\"why\":");
    write_string(&candidate.reasons, out);
    out.push_str("}\n");
}
