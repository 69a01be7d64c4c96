#![no_main]

use std::sync::{Arc, OnceLock};

use midwire_definition::builtin;
use midwire_route::{
    Candidate, Condition, HeaderUse, NamePattern, Pattern, Sniffer, Table, TlsCondition, Verdict,
};

fn table() -> Arc<Table> {
    static TABLE: OnceLock<Arc<Table>> = OnceLock::new();
    let make = || {
        let detect = |name: &str| Condition::Detect(builtin(name).unwrap());
        let name = NamePattern::new("*.example.org").unwrap();
        let tls = Condition::Tls(TlsCondition { server_names: vec![name], alpn: vec![] });
        let text = Condition::Pattern { pattern: Pattern::text("GET ").unwrap(), at: 2 };
        let mut candidates: Vec<Candidate> =
            [detect("minecraft"), tls.clone(), detect("terraria"), text, detect("amp")]
                .into_iter()
                .map(|condition| Candidate::of([condition]))
                .collect();
        candidates.push(Candidate { header: HeaderUse::Take, ..Candidate::of([tls]) });
        candidates.push(Candidate { header: HeaderUse::Pass, any: vec![] });
        candidates.push(Candidate::default());
        Arc::new(Table::new(candidates, 2048))
    };
    TABLE.get_or_init(make).clone()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut one_by_one = Sniffer::new(table());
    for len in 0..=bytes.len().min(4096) {
        let verdict = one_by_one.look(&bytes[..len]);
        if verdict == Verdict::NeedsMore {
            continue;
        }
        if let Verdict::Chosen(choice) = &verdict {
            assert!(choice.skip.max(choice.pass) <= len);
        }
        assert_eq!(Sniffer::new(table()).look(&bytes[..len]), verdict);
        return;
    }
    assert_ne!(one_by_one.settle(bytes), Verdict::NeedsMore);
});
