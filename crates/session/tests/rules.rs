//! What rules do to a session: every action, and what happens to it around switches, holds and reloads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use midwire_session::{Options, Origin, Peers, RuleCount, Verdict};
use support::{
    Clientbound, Driver, Serverbound, TOY, deciding, frame, protocol, said, say, saying, squeezed,
};

/// The toy with a version, so that rules may act; with a group for what hides and what ends.
fn toy() -> String {
    format!(
        "{TOY}\
         packet first clientbound kick = 12 {{ why: str[varint] }}\n\
         packet first both pair = 13 {{ a: u8, b: u8, if a > 9 {{ c: u8 }} }}\n\
         group disconnect {{\n  text: str\n  first clientbound kick {{ text = why }}\n}}\n\
         group chat {{\n  text: str\n  hide drop\n  first both say {{ text = text }}\n\
           second both say {{ text = text }}\n}}\n"
    )
}

fn three() -> Vec<u8> {
    [say("a"), say("b"), say("c")].concat()
}

/// What `three` becomes.
fn made(rules: &str) -> Vec<u8> {
    let mut driver = Driver::ruled(&toy(), rules);
    driver.feed(Serverbound, &three()).wait(1000);
    driver.sent(Serverbound).to_vec()
}

#[test]
fn each_action_does_what_it_says() {
    let with = |parts: &[&str]| parts.iter().map(|text| say(text)).collect::<Vec<_>>().concat();
    for (rules, expected) in [
        ("drop serverbound say where text == \"b\"", with(&["a", "c"])),
        ("hide serverbound group:chat where text == \"b\"", with(&["a", "c"])),
        ("pass serverbound say where text == \"b\"\ndrop serverbound say", with(&["b"])),
        ("set serverbound say where text == \"b\": text = \"new\"", with(&["a", "new", "c"])),
        ("replace serverbound say text \"b\" with \"bb\"", with(&["a", "bb", "c"])),
        ("delay 20ms serverbound say where text == \"b\"", with(&["a", "b", "c"])),
        ("delay 20ms unordered serverbound say where text == \"b\"", with(&["a", "c", "b"])),
        ("log serverbound say where text == \"b\"", with(&["a", "b", "c"])),
        ("mark red serverbound say", with(&["a", "b", "c"])),
        ("count says serverbound say", with(&["a", "b", "c"])),
        ("duplicate serverbound say where text == \"b\"", with(&["a", "b", "b", "c"])),
        (
            "send serverbound say { text: \"x\" } before serverbound say where text == \"b\"",
            with(&["a", "x", "b", "c"]),
        ),
        (
            "send serverbound say { text: \"y\" } after serverbound say where text == \"b\"",
            with(&["a", "b", "y", "c"]),
        ),
    ] {
        assert_eq!(made(rules), expected, "{rules}");
    }
}

#[test]
fn a_rule_that_intercepts_holds_the_packet_as_the_rules_changed_it() {
    let rules = "intercept serverbound say where text == \"b\"\n\
                 set serverbound say where text == \"b\": text = \"new\"";
    let mut driver = Driver::ruled(&toy(), rules);
    driver.feed(Serverbound, &three());
    assert_eq!(driver.sent(Serverbound), say("a"));
    driver.resume(2, Verdict::Pass);
    assert_eq!(driver.sent(Serverbound), [say("a"), say("new"), say("c")].concat());
}

#[test]
fn a_rule_that_disconnects_ends_the_session() {
    let mut driver =
        Driver::ruled(&toy(), "disconnect \"bye\" serverbound say where text == \"b\"");
    driver.feed(Serverbound, &three());
    assert_eq!(driver.sent(Serverbound), say("a"));
    assert_eq!(driver.sent(Clientbound), frame(b"\x0c\x03bye"));
    assert!(driver.lines().last().unwrap().starts_with("closed"));
}

#[test]
fn packets_that_a_rule_sends_the_other_way_have_the_form_of_the_moment() {
    let rules = "send clientbound say { text: \"told\" } after serverbound say";
    let mut driver = Driver::ruled(&toy(), rules);
    driver.feed(Clientbound, &frame(&[7, 64]));
    driver.feed(Serverbound, &say("old form")).feed(Serverbound, &squeezed(64, &said(3, "new")));
    let told = squeezed(64, &said(3, "told"));
    assert_eq!(driver.sent(Clientbound), [frame(&[7, 64]), told.clone(), told].concat());
}

#[test]
fn what_cannot_be_done_is_told_with_the_rules_name_and_counted() {
    let rules = "set serverbound pair where a == 1: b = b + 250\n\
                 nice: set serverbound pair where a == 1: a = 2\n\
                 send serverbound count { n: 1 } after serverbound go force";
    let mut driver = Driver::ruled(&toy(), rules);
    driver.lines();
    driver.feed(Serverbound, &frame(&[13, 1, 10]));
    assert_eq!(driver.sent(Serverbound), frame(&[13, 2, 10]));
    driver.feed(Serverbound, &frame(&[5]));
    let lines = driver.lines();
    assert!(
        lines[0].starts_with("notice: test.rules:1: packet 1 went on without that"),
        "{lines:?}"
    );
    let refused = "notice: test.rules:3: nothing was sent beside packet 2: ";
    assert!(lines.iter().any(|line| line.starts_with(refused)), "{lines:?}");
    drop(driver.session);
    let counts = driver.rules.unwrap().counts();
    let count = |name: &str, hits, refused| RuleCount { name: name.into(), hits, refused };
    assert_eq!(
        counts,
        [count("test.rules:1", 1, 1), count("nice", 1, 0), count("test.rules:3", 1, 1)]
    );
}

#[test]
fn new_rules_count_from_the_next_packet_on_and_what_is_held_keeps_what_it_met() {
    let mut driver = Driver::ruled(
        &toy(),
        "set serverbound say: text = \"old\"\nintercept serverbound say where text == \"a\"",
    );
    driver.feed(Serverbound, &say("a")).feed(Serverbound, &say("b"));
    driver.set_rules("set serverbound say: text = \"new\"");
    driver.feed(Serverbound, &say("c"));
    assert_eq!(driver.sent(Serverbound), b"");
    driver.resume(1, Verdict::Pass);
    assert_eq!(driver.sent(Serverbound), [say("old"), say("old"), say("new")].concat());
}

#[test]
fn rules_may_change_within_a_frame_that_has_come_in_part() {
    let all = say("text");
    for cut in 1..all.len() {
        let mut driver = Driver::ruled(&toy(), "drop serverbound say");
        driver.feed(Serverbound, &all[..cut]);
        driver.set_rules("set serverbound say: text = \"new\"");
        driver.feed(Serverbound, &all[cut..]);
        assert_eq!(driver.sent(Serverbound), say("new"));
    }
}

#[test]
fn a_delay_and_the_packets_behind_it_outlive_the_rules() {
    let mut driver = Driver::ruled(
        &toy(),
        "delay 50ms serverbound say where text == \"a\"\n\
         send serverbound say { text: \"y\" } after serverbound say where text == \"a\"",
    );
    driver.feed(Serverbound, &say("a"));
    driver.set_rules("drop serverbound say");
    driver.feed(Serverbound, &[say("b"), frame(&[5])].concat());
    assert_eq!(driver.sent(Serverbound), b"");
    driver.wait(50);
    assert_eq!(driver.sent(Serverbound), [say("a"), say("y"), frame(&[5])].concat());
}

#[test]
fn a_rule_that_stays_remembers_and_counts_on() {
    let once = "hello: send clientbound say { text: \"hello\" } after serverbound say once\n";
    let mut driver = Driver::ruled(&toy(), once);
    driver.feed(Serverbound, &say("a"));
    driver.set_rules(&format!("{once}mark red serverbound say"));
    driver.feed(Serverbound, &say("b"));
    assert_eq!(driver.sent(Clientbound), say("hello"));
    driver.set_rules("hello: send clientbound say { text: \"bye\" } after serverbound say once");
    driver.feed(Serverbound, &say("c"));
    assert_eq!(driver.sent(Clientbound), [say("hello"), say("bye")].concat());
    // another session
    let rules = driver.rules.clone().unwrap();
    drop(driver.session);
    let mut other = Driver::new(&toy());
    assert!(other.session.set_rules(Some(rules.clone())).is_err(), "another protocol");
    other = Driver::with(rules.set().protocol().clone(), Options::default());
    other.session.set_rules(Some(rules.clone())).unwrap();
    other.feed(Serverbound, &say("d"));
    assert_eq!(rules.counts()[0].hits, 1);
    drop(other.session);
    assert_eq!(rules.counts()[0].hits, 2);
}

#[test]
fn rules_of_the_setup_count_for_each_session_and_change_with_it() {
    let protocol = protocol(&toy());
    let with = |text: &str| Options {
        rules: Some(support::rules(&protocol, text, None)),
        ..Options::default()
    };
    let mut driver = Driver::with(protocol.clone(), with("drop serverbound say"));
    driver.feed(Serverbound, &say("a"));
    let setup = midwire_session::Setup::new(protocol.clone(), Options::default());
    let setup = setup.with_options(with("set serverbound say: text = \"new\""));
    driver.session.set_definitions(setup.clone()).unwrap();
    driver.feed(Serverbound, &say("b"));
    driver.session.set_definitions(setup.with_options(Options::default())).unwrap();
    driver.feed(Serverbound, &say("c"));
    assert_eq!(driver.sent(Serverbound), [say("new"), say("c")].concat());
}

#[test]
fn in_an_assumed_version_rules_only_watch_until_they_are_trusted() {
    let minecraft = support::minecraft();
    let rules = "drop serverbound set_protocol force\nmark red serverbound set_protocol";
    let rules = support::rules(&minecraft, rules, None);
    // version 9999 is newer than any that is known
    let handshake = frame(b"\x00\x8f\x4e\x09localhost\x63\xdd\x02");
    for (trust_version, expected) in [(false, &handshake[..]), (true, b"")] {
        let rules = Some(rules.clone());
        let options = Options { trust_version, rules, ..Options::default() };
        let mut driver = Driver::with(minecraft.clone(), options);
        driver.feed(Serverbound, &handshake).feed(Serverbound, &frame(b"\x00\x01a"));
        assert_eq!(driver.sent(Serverbound)[..expected.len()], *expected);
        let told = driver.lines().iter().filter(|line| line.contains("only watch")).count();
        assert_eq!(told, usize::from(!trust_version));
        let tags = driver.packets().next().unwrap().tags.clone().unwrap();
        assert_eq!(tags.rules.len(), 1, "a packet that would be dropped meets no more rules");
    }
    // said to be that version, it is not assumed
    let version = Some(minecraft.versions.newest());
    let options = Options { version, rules: Some(rules), ..Options::default() };
    let mut driver = Driver::with(minecraft, options);
    driver.feed(Serverbound, &handshake);
    assert_eq!(driver.sent(Serverbound), b"");
}

#[test]
fn a_judge_sees_what_the_rules_have_made_and_nothing_that_they_dropped() {
    let mut driver = Driver::ruled(
        &toy(),
        "drop serverbound say where text == \"a\"\nset serverbound say: text = \"ruled\"",
    );
    let decision = midwire_session::Decision {
        beside: vec![saying(midwire_session::Place::After, Serverbound, "judged")],
        ..Default::default()
    };
    let seen = std::sync::Arc::<std::sync::Mutex<Vec<(u64, Vec<u8>)>>>::default();
    let log = seen.clone();
    driver.session.set_judge(Some(Box::new(support::Deciding(
        move |info: &midwire_session::PacketInfo<'_>, to: &mut midwire_session::Decision| {
            log.lock().unwrap().push((info.number.0, info.payload.to_vec()));
            *to = decision.clone();
        },
    ))));
    driver.feed(Serverbound, &[say("a"), say("b")].concat());
    assert_eq!(driver.sent(Serverbound), [say("ruled"), say("judged")].concat());
    assert_eq!(*seen.lock().unwrap(), [(2, said(3, "ruled"))]);
    // rules set anew leave the judge
    driver.set_rules("set serverbound say: text = \"anew\"");
    driver.feed(Serverbound, &say("c"));
    assert!(driver.sent(Serverbound).ends_with(&[say("anew"), say("judged")].concat()));
    driver.session.set_judge(None);
    driver.feed(Serverbound, &say("d"));
    assert!(driver.sent(Serverbound).ends_with(&[say("judged"), say("anew")].concat()));
    driver.session.set_judge(Some(Box::new(deciding(99, Default::default()))));
    driver.session.set_rules(None).unwrap();
    driver.feed(Serverbound, &say("e"));
    assert!(driver.sent(Serverbound).ends_with(&say("e")));
}

#[test]
fn rules_may_ask_who_is_there() {
    let mut driver = Driver::ruled(
        &toy(),
        "set serverbound say where session.id == 7 and client.ip in 10.0.0.0/8: text = \"yes\"",
    );
    driver.feed(Serverbound, &say("a"));
    driver.session.set_peers(Peers {
        session: 7,
        client: Some([10, 1, 2, 3].into()),
        server: Some([127, 0, 0, 1].into()),
    });
    driver.feed(Serverbound, &say("b"));
    assert_eq!(driver.sent(Serverbound), [say("a"), say("yes")].concat());
}

#[test]
fn what_rules_say_goes_with_the_packet() {
    let mut driver = Driver::ruled(
        &toy(),
        "mark red serverbound say where text == \"b\"\n\
         gold: log serverbound say where text == \"b\": \"saw\", text\n\
         greet: send serverbound say { text: \"x\" } after serverbound say where text == \"b\"",
    );
    driver.feed(Serverbound, &three());
    let tags: Vec<_> = driver
        .packets()
        .filter_map(|packet| {
            let tags = packet.tags.as_ref()?;
            let logs: Vec<_> = tags.logs.iter().filter_map(|log| log.text.clone()).collect();
            Some((packet.origin, tags.rules.join(" "), tags.marks.join(" "), logs.join("|")))
        })
        .collect();
    let text = str::to_owned;
    assert_eq!(
        tags,
        [
            (Origin::Client, text("test.rules:1 gold greet"), text("red"), text("saw,b")),
            (Origin::Rule, text("greet"), text(""), text("")),
        ]
    );
}

#[test]
fn hidden_chat_is_out_of_every_form_of_it() {
    let mut driver =
        Driver::ruled(&toy(), "hide both group:chat where text contains \"GOLD\" nocase");
    let all = [
        say("x"),
        say("buy gold"),
        frame(&[5]),
        frame(&said(0x13, "Gold!")),
        frame(&said(0x13, "y")),
    ];
    driver.feed(Serverbound, &all.concat());
    let expected = [say("x"), frame(&[5]), frame(&said(0x13, "y"))].concat();
    assert_eq!(driver.sent(Serverbound), expected);
}

#[test]
fn a_thousand_reloads_in_a_flood_lose_and_reorder_nothing() {
    let mut driver = Driver::new(&toy());
    let protocol = driver_protocol(&mut driver);
    let rules: Vec<_> = (0..4)
        .map(|n| {
            let text = format!(
                "mark red both say where text == \"{n}\"\nreplace both say text \"{n}\" with \"{n}\""
            );
            support::rules(&protocol, &text, None)
        })
        .collect();
    driver.session.set_watch(midwire_session::Watch::Ids);
    let mut fed: [Vec<u8>; 2] = Default::default();
    for n in 0..1000usize {
        driver.session.set_rules(Some(rules[n % rules.len()].clone())).unwrap();
        for direction in [Serverbound, Clientbound] {
            let bytes: Vec<u8> = (0..20).flat_map(|i| say(&format!("{n} {i}"))).collect();
            fed[direction.index()].extend_from_slice(&bytes);
            let cut = n * 7 % bytes.len();
            driver.feed(direction, &bytes[..cut]);
            driver.session.set_rules(Some(rules[(n + 1) % rules.len()].clone())).unwrap();
            driver.feed(direction, &bytes[cut..]);
        }
        driver.events.clear();
        driver.lines.clear();
    }
    for direction in [Serverbound, Clientbound] {
        assert_eq!(driver.sent(direction), fed[direction.index()]);
        assert_eq!(driver.session.counters(direction).frames, 20_000);
    }
}

fn driver_protocol(driver: &mut Driver) -> std::sync::Arc<midwire_definition::Protocol> {
    driver
        .events
        .iter()
        .find_map(|event| match event {
            midwire_session::Event::Opened { protocol } => Some(protocol.clone()),
            _ => None,
        })
        .unwrap()
}

#[test]
fn injected_packets_meet_only_the_rules_that_ask_for_them() {
    let rules = "greet: send serverbound say { text: \"x\" } after serverbound say where text == \"a\"\n\
                 set serverbound say: text = \"matched\"\n\
                 set serverbound say where injected and text == \"x\": text = \"asked\"\n\
                 drop serverbound say where injected and text == \"user\"\n\
                 echo: send serverbound say { text: \"again\" } after serverbound say where injected";
    let mut driver = Driver::ruled(&toy(), rules);
    driver.feed(Serverbound, &say("a"));
    // The echo answers itself until that has gone on long enough.
    let again = say("again").repeat(4);
    assert_eq!(driver.sent(Serverbound), [say("matched"), say("asked"), again].concat());
    let packet = midwire_session::NewPacket {
        payload: support::bytes(&said(3, "user")),
        origin: Origin::User,
        forced: false,
    };
    driver.sent = Default::default();
    driver.session.inject(Serverbound, packet, driver.now, &mut driver.scratch).unwrap();
    driver.drain();
    assert!(!driver.sent(Serverbound).starts_with(&say("user")));
    let fates: Vec<_> = driver.packets().map(|packet| packet.fate.as_str()).collect();
    assert_eq!(&fates[..3], ["changed", "changed", "passed"]);
    assert!(fates.contains(&"dropped"));
}
