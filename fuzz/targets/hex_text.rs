#![no_main]

#[allow(dead_code, unused_imports)]
#[path = "../../crates/proxy/src/hex_text/mod.rs"]
mod hex_text;

use hex_text::{Form, parse};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let lines = text.lines().count().max(1);
    for found in parse(text, None) {
        assert!(found.ignored.iter().all(|(line, _)| (1..=lines).contains(line)), "{found:?}");
        // A `*` in a dump may stand for megabytes, which take longer to write than to read.
        if found.bytes.len() > 1 << 16 {
            continue;
        }
        let again: String = found.bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
        let again = parse(&again, Some(Form::Hex));
        assert!(again.iter().flat_map(|part| &part.bytes).eq(&found.bytes), "{found:?}");
    }
});
