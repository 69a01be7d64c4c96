#![no_main]

use midwire_definition::{Builtin, LoadError, Loader, Protocol, StateId, Workspace};

/// The text, and the built-in files for those that it includes.
struct Text<'a>(&'a str);

impl Loader for Text<'_> {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        if path == "fuzz.wire" { Ok(self.0.to_owned()) } else { Builtin.load(path) }
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Protocol::load("fuzz.wire", &Text(text)) {
        Ok(protocol) => {
            let dialect = protocol.dialect(protocol.versions.newest());
            let conn = protocol.initial_conn();
            let mut workspace = Workspace::default();
            for packet in dialect.packets().filter(|packet| packet.state == StateId(0)) {
                if let Some(plan) = &packet.plan {
                    let read = plan.decode(text.as_bytes(), 0, &conn, &mut workspace);
                    assert!(read.end() as usize <= text.len());
                }
            }
        }
        Err(problems) => assert!(problems.to_string().contains("error")),
    }
});
