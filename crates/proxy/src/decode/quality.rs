//! How good guesses are, measured with recorded packets of which the truth is known.

use std::io::Read as _;

use midwire_definition::Workspace;

use super::candidate::Candidate;
use super::guess::candidates;
use super::guess::tests::wanted;
use super::reading::{Fixed, Form, read};
use crate::hex_text;
use crate::protocols;

/// Lines of JSON of a file below `captures`.
fn captured(name: &str) -> Vec<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name);
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How often the right name was the first, and one of the first three.
#[derive(Debug, Default)]
struct Score {
    first: usize,
    three: usize,
    all: usize,
}

impl Score {
    fn add(&mut self, found: &[Candidate], name: &str) {
        let mut names: Vec<&str> = Vec::new();
        for candidate in found {
            let name = candidate.names.first().map_or("", |name| &**name);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        self.all += 1;
        self.first += usize::from(names.first() == Some(&name));
        self.three += usize::from(names.iter().take(3).any(|known| *known == name));
        if std::env::var_os("MIDWIRE_SHOW_GUESSES").is_some() && names.first() != Some(&name) {
            println!("{name}: {:?}", names.iter().take(4).collect::<Vec<_>>());
        }
    }

    fn share(part: usize, all: usize) -> f64 {
        100.0 * part as f64 / all.max(1) as f64
    }

    #[track_caller]
    fn expect(&self, what: &str, first: f64, three: f64) {
        let (a, b) = (Self::share(self.first, self.all), Self::share(self.three, self.all));
        println!("{what}: of {} packets {a:.1} % first, {b:.1} % in the first three", self.all);
        assert!(a >= first && b >= three, "{what}: {self:?}");
    }
}

fn framed(protocol: &str, payload: &[u8]) -> Vec<u8> {
    let protocol = protocols::find(protocol, &[]).unwrap();
    let mut frame = Vec::new();
    protocol.stack.framing.unwrap().write_frame(payload, &mut frame).unwrap();
    frame
}

/// One packet each of every name and version that vanilla servers send.
fn corpus(every: usize) -> Vec<(String, String, Vec<u8>)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let lines = captured("minecraft/corpus.jsonl").into_iter().step_by(every);
    lines
        .map(|line| {
            let payload = hex::decode(text(&line["payload"])).unwrap();
            (text(&line["version"]), text(&line["name"]), payload)
        })
        .collect()
}

#[test]
fn the_right_packet_is_found_of_what_vanilla_servers_send() {
    let mut workspace = Workspace::default();
    let (mut nothing, mut bare, mut version) =
        (Score::default(), Score::default(), Score::default());
    let all = wanted(&[]);
    for (key, name, payload) in corpus(13) {
        let frame = framed("minecraft", &payload);
        nothing.add(&candidates(&all, &[&frame], &mut workspace), &name);
        bare.add(&candidates(&all, &[&payload], &mut workspace), &name);
        let told = wanted(&["--protocol", "minecraft", "--protocol-version", &key]);
        version.add(&candidates(&told, &[&frame], &mut workspace), &name);
    }
    nothing.expect("a frame, nothing told", 85.0, 94.0);
    bare.expect("a payload, nothing told", 85.0, 94.0);
    version.expect("a frame, the version told", 97.0, 99.0);
}

#[test]
fn the_right_packet_is_found_of_terraria() {
    let mut workspace = Workspace::default();
    let all = wanted(&[]);
    let mut score = Score::default();
    for line in captured("terraria/sample.jsonl").into_iter().step_by(3) {
        let name = line["message"].as_str().unwrap();
        let mut payload = vec![line["id"].as_u64().unwrap() as u8];
        payload.extend(hex::decode(line["hex"].as_str().unwrap()).unwrap());
        score.add(&candidates(&all, &[&framed("terraria", &payload)], &mut workspace), name);
    }
    score.expect("Terraria, a frame, nothing told", 90.0, 97.0);
}

/// What a side of a recorded session sent, and where its packets begin, with their names.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// The last one has no name: it is the end.
    packets: Vec<(usize, String)>,
}

/// Both sides of a session's first connection, read in the order in which they were sent.
fn session(name: &str, version: &str) -> [Side; 2] {
    let protocol = protocols::find("minecraft", &[]).unwrap();
    let framing = protocol.stack.framing.unwrap();
    let mut form = Form {
        version: protocols::version(&protocol, version).unwrap(),
        version_known: true,
        states: [Some(protocol.start); 2],
        direction: None,
        framed: true,
        compressed: false,
        sure: true,
        conn: protocol.initial_conn(),
        protocol,
    };
    let mut sides = [Side::default(), Side::default()];
    let mut workspace = Workspace::default();
    for line in captured(&format!("minecraft/{name}.stream.jsonl.gz")) {
        let (1, Some(text)) = (line["conn"].as_u64().unwrap(), line["b64"].as_str()) else {
            continue;
        };
        let is_clientbound = line["dir"] == "s2c";
        let way = if is_clientbound { "clientbound" } else { "serverbound" };
        let way = protocols::direction(way).unwrap();
        let side = &mut sides[usize::from(is_clientbound)];
        let bytes = &hex_text::parse(text, Some(hex_text::Form::Base64))[0].bytes;
        side.bytes.extend_from_slice(bytes);
        let mut at = side.packets.pop().map_or(0, |(at, _)| at);
        while let Ok(Some(frame)) = framing.next(&side.bytes[at..]) {
            let fixed = Fixed { direction: Some(way), ..Fixed::default() };
            let bytes = &side.bytes[at..at + frame.len];
            let reading = read(form, fixed, bytes, 1 << 24, &mut workspace);
            let packet = &reading.packets[0];
            let packet = packet.definition.as_ref().map_or("?", |definition| &*definition.name);
            side.packets.push((at, packet.to_owned()));
            at += frame.len;
            form = reading.form;
        }
        side.packets.push((at, String::new()));
    }
    sides
}

#[test]
fn pieces_of_recorded_streams_are_found_and_their_version() {
    let mut workspace = Workspace::default();
    let all = wanted(&[]);
    let (mut one, mut four, mut middle) = (Score::default(), Score::default(), Score::default());
    let (mut right_version, mut versions) = (0, 0);
    for (name, version) in [
        ("mc-1.8.8-offline", "1.8.8"),
        ("mc-1.16.5-offline", "1.16.5"),
        ("mc-1.20.4-offline", "1.20.4"),
        ("mc-1.21.4-offline", "1.21.4"),
        ("mc-26.1-offline", "26.1"),
    ] {
        for Side { bytes, packets: frames } in session(name, version) {
            let few = frames.len().saturating_sub(12);
            // All would take minutes.
            let step = (few / 8).max(1);
            for at in (0..few).step_by(step) {
                let piece = |from: usize, count: usize| {
                    let end = frames[at + count].0;
                    bytes.get(from..end.min(from + 60_000)).unwrap_or_default()
                };
                let (start, name) = &frames[at];
                one.add(&candidates(&all, &[piece(*start, 1)], &mut workspace), name);
                let found = candidates(&all, &[piece(*start, 4)], &mut workspace);
                four.add(&found, name);
                versions += 1;
                right_version += usize::from(found.first().is_some_and(|best| {
                    let wanted = protocols::version(&best.protocol, version);
                    wanted.is_ok_and(|wanted| (best.versions.0..=best.versions.1).contains(&wanted))
                }));
                let (next, next_name) = &frames[at + 1];
                if next - start > 3 {
                    let from = start + (next - start) / 2;
                    middle.add(&candidates(&all, &[piece(from, 9)], &mut workspace), next_name);
                }
            }
        }
    }
    let share = Score::share(right_version, versions);
    println!("the version is right in {share:.1} % of {versions} pieces of four frames");
    one.expect("one frame of a stream, nothing told", 80.0, 95.0);
    four.expect("four frames, nothing told", 92.0, 97.0);
    middle.expect("eight frames behind half a one", 80.0, 80.0);
    assert!(share >= 65.0);
}
