//! What a predicate costs, from a payload to the answer: median nanoseconds of many rounds on this machine.
//! Fails when one is over its target.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midwire_definition::{LoadError, Loader, Protocol, Workspace};
use midwire_rules::{Compiled, Envelope, Filter, Interest, Scope};

const TEXT: &str = r#"
protocol bench "Bench" {
  endian big
  frame { length: varint, id: u8 }
}
packet Place = 1 both { x: f64, y: f64, z: f64, slot: i16, keys: flags u8 { up down } }
packet Said = 2 both { who: varint, to: varint, text: str[varint], more: [varint] varint }
packet Other = 3 both { data: bytes[..] }
"#;

struct One;

impl Loader for One {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(TEXT.to_owned())
    }
}

const ROUNDS: usize = 401;
const TIMES: u32 = 2_000;

fn nanoseconds(mut act: impl FnMut() -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..TIMES {
                black_box(act());
            }
            begun.elapsed().as_nanos() as f64 / f64::from(TIMES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn compiled(protocol: &Arc<Protocol>, source: &str) -> Compiled {
    let filter = Filter::parse(source, protocol, Scope::default());
    filter.expect("it is right").0.compile(protocol.versions.newest())
}

fn main() {
    let protocol = Protocol::load("bench.wire", &One).expect("it is right");
    let version = protocol.versions.newest();
    let dialect = protocol.dialect(version);
    let state = protocol.start;
    let direction = midwire_codec::Direction::Clientbound;
    let place: Vec<u8> = [&[1u8][..], &[0x40; 24], &[0, 36, 1]].concat();
    let said: Vec<u8> =
        [&[2u8, 0x85, 0x02, 7, 26][..], b"would you like to buy gold", &[3, 1, 2, 3]].concat();
    let mut is_good = true;
    let mut ws = Workspace::default();
    let mut row = |name: &str, source: &str, payload: &[u8], max: Option<f64>, expected: bool| {
        let filter = compiled(&protocol, source);
        let definition = dialect.packet(state, direction, payload[0].into());
        let envelope = Envelope {
            version,
            state,
            direction,
            id: Some(payload[0].into()),
            definition: definition.map(|d| &**d),
            length: payload.len() as u32,
            time: Duration::ZERO,
            session: 1,
            client: None,
            server: None,
            malformed: false,
            injected: false,
            changed: false,
            conn: &[],
            payload,
            body: 1,
        };
        assert_eq!(filter.matches_payload(&envelope, &mut ws), expected, "{source}");
        let ns = nanoseconds(|| filter.matches_payload(black_box(&envelope), &mut ws));
        let target = max.map_or(String::new(), |max| format!("(below {max} ns)"));
        println!("{name:<44} {ns:7.1} ns {target}");
        is_good &= max.is_none_or(|max| ns < max);
    };
    row("a number at a constant offset", "Place.slot == 36", &place, Some(10.0), true);
    row("a float at a constant offset", "Place.y > 33.5", &place, None, false);
    row("a flag", "Place.keys.up", &place, None, true);
    row(
        "a text behind two varints",
        "Said.text == \"would you like to buy gold\"",
        &said,
        Some(40.0),
        true,
    );
    row("contains, behind two varints", "Said.text contains \"buy gold\"", &said, Some(40.0), true);
    row(
        "contains nocase, behind two varints",
        "Said.text contains \"BUY GOLD\" nocase",
        &said,
        None,
        true,
    );
    row("matches, behind two varints", "Said.text matches /buy +gold/", &said, None, true);
    row("a list behind that", "Said.more == 3", &said, None, true);
    row(
        "five conditions",
        "serverbound or Said.who == 261 and Said.to < 9 and Said.text startswith \"would\"",
        &said,
        None,
        true,
    );
    row("a packet of another kind", "Said.text contains \"x\"", &place, None, false);
    let filter = compiled(&protocol, "Said.text contains \"x\"");
    let other = dialect.packet(state, direction, 3).map(|d| &**d);
    assert_eq!(filter.interest(state, direction, other), Interest::Never);
    println!("{}", if is_good { "ok" } else { "not ok: slower than wanted" });
    std::process::exit(i32::from(!is_good));
}
