//! Which route first bytes choose, wherever they are cut.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use hex_literal::hex;
use midwire_route::Condition::{Detect, Pattern as At, Tls};
use midwire_route::{
    Candidate, Choice, Condition, HeaderUse, NamePattern, Pattern, Refusal, Sniffer, Table,
    TlsCondition, Verdict,
};
use proptest::prelude::*;
use support::{ClientHello, records};

fn text(text: &str) -> Condition {
    At { pattern: Pattern::text(text).unwrap(), at: 0 }
}

fn protocol(name: &str) -> Condition {
    Detect(midwire_definition::builtin(name).unwrap())
}

fn tls(names: &[&str], alpn: &[&str]) -> Condition {
    Tls(TlsCondition {
        server_names: names.iter().map(|name| NamePattern::new(name).unwrap()).collect(),
        alpn: alpn.iter().map(|name| name.as_bytes().to_vec()).collect(),
    })
}

fn for_all() -> Candidate {
    Candidate::default()
}

fn sniffer(candidates: Vec<Candidate>) -> Sniffer {
    Sniffer::new(Arc::new(Table::new(candidates, 4096)))
}

fn chosen(route: usize) -> Verdict {
    Verdict::Chosen(Choice { route, skip: 0, addresses: None })
}

/// Gives the bytes one by one; the first verdict, and after how many bytes. Given in one piece they must
/// come to the same.
fn byte_by_byte(candidates: &[Candidate], bytes: &[u8]) -> (Verdict, usize) {
    let mut one = sniffer(candidates.to_vec());
    for len in 0..=bytes.len() {
        let verdict = one.look(&bytes[..len]);
        if verdict != Verdict::NeedsMore {
            let at_once = sniffer(candidates.to_vec()).look(&bytes[..len]);
            assert_eq!(at_once, verdict, "at once");
            assert_eq!(
                sniffer(candidates.to_vec()).look(bytes),
                verdict,
                "what follows changes nothing"
            );
            return (verdict, len);
        }
    }
    (one.settle(bytes), bytes.len())
}

#[test]
fn the_earlier_route_wins_and_is_waited_for_while_it_may() {
    let routes = [Candidate::of([text("GET /long")]), Candidate::of([text("GET")]), for_all()];
    assert_eq!(byte_by_byte(&routes, b"GET /long HTTP"), (chosen(0), 9));
    assert_eq!(byte_by_byte(&routes, b"GET /lose"), (chosen(1), 8));
    assert_eq!(byte_by_byte(&routes, b"GO"), (chosen(2), 2));
    assert_eq!(byte_by_byte(&routes, b"GET /l"), (chosen(1), 6), "time is up");
    assert_eq!(byte_by_byte(&routes, b"G"), (chosen(2), 1), "time is up");
    assert_eq!(byte_by_byte(&routes, b""), (chosen(2), 0), "where the server speaks first");
}

#[test]
fn a_route_for_all_is_taken_before_the_first_byte() {
    assert_eq!(byte_by_byte(&[for_all()], b"x"), (chosen(0), 0));
}

#[test]
fn a_pattern_may_stand_further_in_and_have_any_bytes() {
    let pattern = |hex: &str, at| At { pattern: Pattern::hex(hex).unwrap(), at };
    let routes = [Candidate::of([pattern("01 ?? 03", 2)]), for_all()];
    assert_eq!(byte_by_byte(&routes, &[9, 9, 1, 7, 3]), (chosen(0), 5));
    assert_eq!(byte_by_byte(&routes, &[9, 9, 1, 7, 4]), (chosen(1), 5));
    assert_eq!(byte_by_byte(&routes, &[9, 9, 2]), (chosen(1), 3));
}

#[test]
fn all_of_one_match_and_any_of_several() {
    let both = Candidate::of([text("ab"), At { pattern: Pattern::text("z").unwrap(), at: 3 }]);
    let either = Candidate { any: vec![vec![text("xy")], vec![text("q")]], ..for_all() };
    let routes = [both, either];
    assert_eq!(byte_by_byte(&routes, b"ab-z"), (chosen(0), 4));
    assert_eq!(byte_by_byte(&routes, b"xy"), (chosen(1), 2));
    assert_eq!(byte_by_byte(&routes, b"q"), (chosen(1), 1));
    assert_eq!(byte_by_byte(&routes, b"ab-y"), (Verdict::Refused(Refusal::NoRoute), 4));
}

#[test]
fn definitions_tell_their_first_packets() {
    let routes: Vec<_> = ["minecraft", "terraria", "amp"]
        .map(|n| Candidate::of([protocol(n)]))
        .into_iter()
        .chain([for_all()])
        .collect();
    let handshake = hex!("10 00 8106 09 6c6f63616c686f7374 63dd 02");
    assert_eq!(byte_by_byte(&routes, &handshake), (chosen(0), 17));
    assert_eq!(byte_by_byte(&routes, &hex!("0f00 01 0b 5465727261726961 333236")), (chosen(1), 15));
    assert_eq!(byte_by_byte(&routes, &hex!("0004 5f61736b 0001 31")), (chosen(2), 6));
    for other in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", b"RFB 003.008\n"] {
        let (verdict, len) = byte_by_byte(&routes, other);
        assert_eq!(verdict, chosen(3));
        assert!(len <= 3, "{len}");
    }
}

#[test]
fn an_old_ping_is_told_when_nothing_follows() {
    let routes = [Candidate::of([protocol("minecraft")]), for_all()];
    let mut one = sniffer(routes.to_vec());
    assert_eq!(one.look(&hex!("fe")), Verdict::NeedsMore);
    assert_eq!(one.look(&hex!("fe 01")), Verdict::NeedsMore);
    assert_eq!(one.settle(&hex!("fe 01")), chosen(0));
    let mut small = Sniffer::new(Arc::new(Table::new(routes.to_vec(), 2)));
    assert_eq!(small.look(&hex!("fe 01 07")), chosen(1), "more has come than is looked at");
}

#[test]
fn no_more_than_the_limit_is_looked_at() {
    let table = Arc::new(Table::new(vec![Candidate::of([text("0123456789")]), for_all()], 10));
    assert_eq!(Sniffer::new(table).look(b"0123456789"), chosen(0));
    let table = Arc::new(Table::new(vec![Candidate::of([text("0123456789")]), for_all()], 9));
    assert_eq!(Sniffer::new(table).look(b""), chosen(1), "it could never be seen");
    let table = Arc::new(Table::new(vec![Candidate::of([protocol("minecraft")]), for_all()], 16));
    let mut sniffer = Sniffer::new(table);
    assert_eq!(sniffer.look(&hex!("10 00 8106 09")), chosen(1), "a handshake of 17 bytes");
}

#[test]
fn a_tls_client_is_told_by_its_name_and_its_protocols() {
    let hello = ClientHello { name: Some("Play.Example.ORG"), alpn: &["h2", "http/1.1"] }.message();
    let bytes = records(&hello, &[16_384]);
    let of = |condition: Condition| byte_by_byte(&[Candidate::of([condition]), for_all()], &bytes);
    assert_eq!(of(tls(&[], &[])), (chosen(0), 11));
    for (names, alpn) in [
        (&["play.example.org"][..], &[][..]),
        (&["other", "PLAY.example.org."], &["h2"]),
        (&["*.example.org"], &["x", "http/1.1"]),
        (&["*.org"], &[]),
    ] {
        assert_eq!(of(tls(names, alpn)), (chosen(0), bytes.len()), "{names:?} {alpn:?}");
    }
    for (names, alpn) in [
        (&["example.org"][..], &[][..]),
        (&["*.play.example.org"], &[]),
        (&["*.xample.org"], &[]),
        (&[], &["http/1.0"]),
        (&["play.example.org"], &["h3"]),
    ] {
        assert_eq!(of(tls(names, alpn)), (chosen(1), bytes.len()), "{names:?} {alpn:?}");
    }
}

#[test]
fn a_client_hello_may_be_cut_over_records() {
    let hello = ClientHello { name: Some("a.b"), alpn: &["x"] }.message();
    for sizes in [&[1][..], &[2, 3, 50], &[7], &[hello.len() - 1, 1]] {
        let bytes = records(&hello, sizes);
        let routes = [Candidate::of([tls(&["a.b"], &["x"])]), for_all()];
        assert_eq!(byte_by_byte(&routes, &bytes), (chosen(0), bytes.len()), "{sizes:?}");
    }
}

#[test]
fn a_client_hello_without_a_name_has_none() {
    let bytes = records(&ClientHello { name: None, alpn: &[] }.message(), &[16_384]);
    let routes = [Candidate::of([tls(&["*.org"], &[])]), Candidate::of([tls(&[], &[])])];
    assert_eq!(byte_by_byte(&routes, &bytes), (chosen(1), bytes.len()));
}

#[test]
fn what_is_no_client_hello_is_no_tls() {
    let routes = [Candidate::of([tls(&[], &[])]), for_all()];
    for bytes in [
        &hex!("15 03 01 0002 0228")[..],
        &hex!("16 02 01 0002 01"),
        &hex!("16 03 01 0000"),
        &hex!("16 03 01 4001"),
        &hex!("16 03 01 0004 02"),
        &hex!("16 03 01 0006 01000002 02"),
        &hex!("16 03 01 0006 01000002 0303"),
        b"GET",
    ] {
        assert_eq!(byte_by_byte(&routes, bytes).0, chosen(1), "{bytes:02x?}");
    }
}

fn with(header: HeaderUse, all: impl IntoIterator<Item = Condition>) -> Candidate {
    Candidate { header, ..Candidate::of(all) }
}

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n";

#[test]
fn a_header_is_taken_off_or_passed_and_names_the_client() {
    let both = Some(("192.0.2.1:51000".parse().unwrap(), "192.0.2.2:443".parse().unwrap()));
    let bytes = [V1, b"GET /"].concat();
    let routes = [
        with(HeaderUse::Take, [text("SSH")]),
        with(HeaderUse::Take, [text("GET")]),
        Candidate::of([text("GET")]),
    ];
    let wanted = Verdict::Chosen(Choice { route: 1, skip: V1.len(), addresses: both });
    assert_eq!(byte_by_byte(&routes, &bytes), (wanted, V1.len() + 3));
    let routes = [with(HeaderUse::Pass, [text("GET")])];
    let wanted = Verdict::Chosen(Choice { route: 0, skip: 0, addresses: both });
    assert_eq!(byte_by_byte(&routes, &bytes), (wanted, V1.len() + 3));
    let v2 = hex!("0d0a0d0a000d0a515549540a 21 11 000f c0000201 c0000202 c738 01bb 04 0000");
    let routes = [Candidate { header: HeaderUse::Take, ..for_all() }];
    let wanted = Verdict::Chosen(Choice { route: 0, skip: v2.len(), addresses: both });
    assert_eq!(byte_by_byte(&routes, &v2), (wanted, v2.len()));
}

#[test]
fn a_client_that_must_send_a_header_and_does_not_is_refused() {
    let routes = [Candidate { header: HeaderUse::Take, ..for_all() }];
    let refused = |bytes: &[u8]| match byte_by_byte(&routes, bytes) {
        (Verdict::Refused(refusal), len) => (refusal.to_string(), len),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(b"GET /"), (Refusal::NoHeader.to_string(), 1));
    assert_eq!(refused(b"PROXY"), (Refusal::HalfHeader.to_string(), 5));
    assert_eq!(refused(b""), (Refusal::HalfHeader.to_string(), 0));
    let (text, len) = refused(b"PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n");
    assert!(text.contains("a source that is no address of its family"), "{text}");
    assert_eq!(len, 30);
    assert!(refused(&hex!("0d0a0d0a000d0a515549540a 31")).0.contains("version 3"));
}

#[test]
fn a_wrong_header_may_be_for_a_route_that_wants_none() {
    let routes = [Candidate { header: HeaderUse::Take, ..for_all() }, for_all()];
    assert_eq!(byte_by_byte(&routes, b"PROXY of mine\r\n").0, chosen(1));
    assert_eq!(byte_by_byte(&routes, b"PRX").0, chosen(1));
}

#[test]
fn a_tls_client_behind_a_header_is_told() {
    let hello = records(&ClientHello { name: Some("a.b"), alpn: &[] }.message(), &[20]);
    let bytes = [V1, &hello].concat();
    let routes =
        [with(HeaderUse::No, [tls(&["a.b"], &[])]), with(HeaderUse::Take, [tls(&["a.b"], &[])])];
    let (verdict, len) = byte_by_byte(&routes, &bytes);
    let Verdict::Chosen(choice) = verdict else { panic!("{verdict:?}") };
    assert_eq!((choice.route, choice.skip, len), (1, V1.len(), bytes.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_bytes_in_any_pieces_come_to_one_verdict(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        begin in 0usize..6,
    ) {
        let hello = records(&ClientHello { name: Some("a.b"), alpn: &["x"] }.message(), &[30]);
        let v2 = hex!("0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 c738 01bb");
        let begins: [&[u8]; 6] = [&[], V1, &v2, &hello, &V1[..20], &hello[..40]];
        let bytes = [begins[begin], &bytes].concat();
        let routes = [
            with(HeaderUse::Take, [tls(&["a.b"], &[])]),
            Candidate::of([protocol("terraria")]),
            with(HeaderUse::Pass, [text("x")]),
            Candidate::of([tls(&[], &["x"])]),
            Candidate::of([protocol("amp")]),
            for_all(),
        ];
        byte_by_byte(&routes, &bytes);
    }
}
