#![no_main]

#[allow(dead_code)]
#[path = "../../crates/proxy/src/hex_text.rs"]
mod hex_text;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let found = hex_text::parse(text);
    let lines = text.lines().count();
    assert!(found.ignored.iter().all(|(line, _)| (1..=lines).contains(line)), "{found:?}");
    // A `*` in a dump may stand for megabytes, which take longer to write than to read.
    if found.bytes.len() > 1 << 16 {
        return;
    }
    let again: String = found.bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
    assert_eq!(hex_text::parse(&again).bytes, found.bytes);
});
