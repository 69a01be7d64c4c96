#![no_main]

mod built_in;

use midwire_definition::line::{Line, write_summary};
use midwire_definition::tree::{TreeLimits, rows};
use midwire_definition::{Workspace, json};

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (selector, bytes) = input;
    let known = built_in::packet(selector);
    let plan = known.definition.plan.as_ref().expect("all have one");
    let mut workspace = Workspace::default();
    let mut packet = plan.decode(bytes, 0, &known.conn, &mut workspace);
    let len = bytes.len() as u32;
    assert!(packet.end() <= len);
    if let Some(error) = packet.error() {
        assert!(error.buffer > 0 || error.offset <= len, "{error}");
    }
    for row in rows(&mut packet, TreeLimits::default()) {
        let place = row.place;
        assert!(place.start <= place.end && (place.buffer > 0 || place.end <= len), "{row:?}");
        assert!(!row.value.chars().any(char::is_control), "{row:?}");
    }
    let mut text = String::from("{");
    json::write_fields(&mut packet, &mut text);
    assert!(!text.chars().any(char::is_control), "{text}");
    let mut line = Line::new();
    write_summary(&mut packet, 120, &mut line);
    assert!(!line.as_str().chars().any(char::is_control), "{}", line.as_str());
});
