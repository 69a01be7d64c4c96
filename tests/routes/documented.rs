//! The examples of docs/routes.md, and what stands below them.

use std::collections::HashMap;
use std::path::Path;

use crate::support::ends::{End, Ending};
use crate::support::program::Program;
use crate::world::{Folder, World};

/// Fenced blocks: what stands behind the fence, and the text.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let mut parts = document.split("```");
    parts.next();
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').unwrap());
    }
    blocks
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/routes.md");
    std::fs::read_to_string(path).unwrap()
}

/// The values of a key, each once, in order.
fn values<'t>(toml: &'t str, key: &str) -> Vec<&'t str> {
    let mut values = Vec::new();
    for part in toml.split(&format!("{key} = \"")).skip(1) {
        let value = part.split('"').next().unwrap();
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// The bytes of a text with `\n`, `\r` and `\x..`.
fn bytes(text: &str) -> Vec<u8> {
    let text = text.trim().strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            _ => match rest.next().unwrap() {
                b'n' => b'\n',
                b'r' => b'\r',
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("\\{other}"),
            },
        });
    }
    out
}

/// One end, and what it is to have got so far.
struct Talking {
    end: End,
    got: Vec<u8>,
}

impl Talking {
    fn gets(&mut self, bytes: &[u8]) {
        self.got.extend_from_slice(bytes);
        self.end.expect(&self.got);
    }
}

fn run(config: &str, transcript: &str) {
    let tos = values(config, "to");
    let listens = values(config, "listen");
    let mut text = config.to_owned();
    for (number, to) in tos.iter().enumerate() {
        text = text.replace(&format!("to = \"{to}\""), &format!("to = \"{{{number}}}\""));
    }
    // Addresses that are free now: several routes may share one.
    for listen in &listens {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        text = text.replace(&format!("listen = \"{listen}\""), &format!("listen = \"{free}\""));
    }
    let world = World::new(tos.len(), &text);
    let mut servers: HashMap<&str, Talking> = HashMap::new();
    let mut client: Option<Talking> = None;
    for line in transcript.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("client of ") {
            let (address, text) = rest.split_once(" sends ").unwrap();
            let listener = listens.iter().position(|listen| *listen == address).unwrap();
            let mut end = world.client_of(listener);
            end.send(&bytes(text));
            servers.clear();
            client = Some(Talking { end, got: Vec::new() });
            continue;
        }
        let (who, what) = line.split_once(' ').unwrap();
        let talking = if who == "client" {
            client.as_mut().unwrap()
        } else {
            let number = tos.iter().position(|to| *to == who).unwrap();
            servers
                .entry(who)
                .or_insert_with(|| Talking { end: world.server(number), got: Vec::new() })
        };
        match what.split_once(' ') {
            Some(("sends", text)) => talking.end.send(&bytes(text)),
            Some(("gets", text)) => talking.gets(&bytes(text)),
            Some(("is", "closed")) => {
                talking.end.expect_any_ending();
            }
            None if what == "ends" => {
                talking.end.expect_ending(Ending::Finished);
                talking.end.finish();
            }
            _ => panic!("what is `{line}`?"),
        }
    }
}

#[test]
fn every_example_does_what_stands_below_it() {
    let document = document();
    let blocks = blocks(&document);
    let mut examples = 0;
    for pair in blocks.windows(2) {
        if let [("toml", config), ("text", transcript)] = pair {
            run(config, transcript);
            examples += 1;
        }
    }
    assert_eq!(examples, blocks.iter().filter(|(kind, _)| *kind == "toml").count());
    assert!(examples >= 5);
}

#[test]
fn the_wrong_example_is_refused() {
    let document = document();
    let (_, text) = blocks(&document).into_iter().find(|(kind, _)| *kind == "toml wrong").unwrap();
    let folder = Folder::new();
    let file = folder.file("routes.toml", text);
    let ended = Program::start(&["proxy", "--config", &file]).wait();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.diagnostics.contains("did you mean `protocol`?"), "{}", ended.diagnostics);
}
