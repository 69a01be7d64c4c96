#![no_main]

use std::sync::{Arc, OnceLock};

use midwire_definition::{LoadError, Loader, Root, Workspace, render};
use midwire_rules::rule::{Decision, RuleSet};
use midwire_rules::{Envelope, Interest, Lexicon};

fn lexicon() -> &'static Arc<Lexicon> {
    static LEXICON: OnceLock<Arc<Lexicon>> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let terraria = midwire_definition::builtin("terraria").expect("it is built in");
        Arc::new(Lexicon::new(&terraria))
    })
}

/// One text, under whatever name it is asked for: so it can include itself.
struct One<'t>(&'t str);

impl Loader for One<'_> {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

// A rule file, and a packet that its rules are asked about.
libfuzzer_sys::fuzz_target!(|input: (&str, u8, bool, &[u8])| {
    let (text, id, is_serverbound, payload) = input;
    let loader = One(text);
    let set = match RuleSet::load(&[Root { path: "fuzz.rules", loader: &loader }], lexicon()) {
        Ok(set) => set,
        Err(problems) => {
            assert!(problems.diagnostics.has_errors());
            render(&problems.diagnostics, &problems.sources, true);
            return;
        }
    };
    let protocol = set.protocol();
    let version = protocol.versions.newest();
    let direction = match is_serverbound {
        true => midwire_codec::Direction::Serverbound,
        false => midwire_codec::Direction::Clientbound,
    };
    let dialect = protocol.dialect(version);
    let definition = dialect.packet(protocol.start, direction, id.into()).map(|d| &**d);
    let conn = protocol.initial_conn();
    let envelope = Envelope {
        version,
        state: protocol.start,
        direction,
        id: Some(id.into()),
        definition,
        length: payload.len() as u32,
        time: std::time::Duration::ZERO,
        session: 1,
        client: None,
        server: None,
        malformed: false,
        injected: false,
        changed: false,
        conn: &conn,
        payload,
        body: payload.len().min(1) as u32,
    };
    let (mut decision, mut ws) = (Decision::default(), Workspace::default());
    let (rules, mut state) = (set.at(version), set.begin());
    set.judge(&rules, &mut state, &envelope, true, &mut ws, &mut decision);
    if rules.interest(protocol.start, direction, definition) == Interest::Never {
        assert!(decision.is_nothing(), "{text}");
    }
});
