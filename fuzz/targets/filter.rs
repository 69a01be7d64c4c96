#![no_main]

use std::sync::{Arc, OnceLock};

use midwire_definition::Workspace;
use midwire_rules::{Envelope, Filter, Interest, Lexicon, Scope, syntax};

/// A filter's text, and a packet that it is asked about.
fn lexicon() -> &'static Arc<Lexicon> {
    static LEXICON: OnceLock<Arc<Lexicon>> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let terraria = midwire_definition::builtin("terraria").expect("it is built in");
        Arc::new(Lexicon::new(&terraria))
    })
}

libfuzzer_sys::fuzz_target!(|input: (&str, u8, bool, &[u8])| {
    let (source, id, is_serverbound, payload) = input;
    let Ok(expr) = syntax::parse(0, source) else { return };
    let lexicon = lexicon();
    let protocol = lexicon.protocol();
    let version = protocol.versions.newest();
    let Ok((filter, _)) = Filter::check(expr, lexicon, Scope::of_version(version)) else { return };
    let compiled = filter.compile(version);
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
        body: 0,
    };
    let mut ws = Workspace::default();
    let is = compiled.matches_payload(&envelope, &mut ws);
    let plan = definition.and_then(|definition| definition.plan.as_ref());
    let mut fields = plan.map(|plan| plan.decode(payload, 0, &conn, &mut ws));
    assert_eq!(is, compiled.matches(&envelope, fields.as_mut()), "{source}");
    if compiled.interest(protocol.start, direction, definition) == Interest::Never {
        assert!(!is, "{source}");
    }
});
