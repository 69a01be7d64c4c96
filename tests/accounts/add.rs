//! Logging in.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::world::World;
use crate::support::ends::free_address;
use crate::support::services::{Fault, PLAYER, Person, Services, Step};

const ON_THE_WAY: [Step; 6] =
    [Step::DeviceCode, Step::Poll, Step::Xbl, Step::Xsts, Step::Login, Step::Profile];

fn says(status: u16, text: &str) -> Fault {
    Fault::Says(status, text.to_owned())
}

#[test]
fn a_person_who_enters_the_code_has_an_account() {
    let world = World::new();
    world.services.person(Person::Enters(2));
    let ended = world.ended(world.add(&[]), 0);
    assert_eq!(
        ended.output,
        "open  https://www.example.org/link\nenter ABCD-EFGH\nwithin 15 minutes; ctrl-c gives up\n\
         added Alva (01234567-89ab-cdef-0123-456789abcdef): midwire proxy minecraft --account Alva --to ..\n"
    );
    assert!(ended.diagnostics.contains("logged in with Microsoft"), "{}", ended.diagnostics);
    for step in ON_THE_WAY {
        let times = if step == Step::Poll { 3 } else { 1 };
        assert_eq!(world.services.asked(step).len(), times, "{step:?}");
    }
    assert_eq!(world.names(), [PLAYER.1]);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(world.file()), mode(world.folder().join("midwire"))), (0o600, 0o700));
    // What was planted is where it belongs.
    let kept = std::fs::read_to_string(world.file()).unwrap();
    assert!(kept.contains("planted-Refresh") && kept.contains("planted-Profile"), "{kept}");
}

#[test]
fn who_asks_too_often_is_told_to_wait_and_does() {
    let world = World::new();
    world.services.fault_times(Step::Poll, says(400, r#"{"error":"slow_down"}"#), 1);
    let since = Instant::now();
    world.ended(world.add(&[]), 0);
    assert!(since.elapsed() >= Duration::from_secs(5), "RFC 8628 says five seconds");
    // The service says how often it wants to be asked.
    world.services.interval(2);
    let since = Instant::now();
    world.ended(world.add(&[]), 0);
    assert!(since.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_person_can_say_no_or_be_too_late() {
    for (person, told) in [
        (Person::Declines, "error: the login was declined\n"),
        (Person::LetsItExpire, "error: the code was not entered in time\n"),
    ] {
        let world = World::new();
        world.services.person(person);
        let ended = world.ended(world.add(&[]), 1);
        assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
        assert!(world.names().is_empty());
    }
    // The service forgets to say so.
    let world = World::new();
    world.services.person(Person::DoesNothing);
    world.services.code_expires(1);
    let ended = world.ended(world.add(&[]), 1);
    assert!(ended.output.contains("within 1 minute;"), "{}", ended.output);
    assert!(ended.diagnostics.contains("was not entered in time"), "{}", ended.diagnostics);
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    // While the person looks for the glasses, and while a service says nothing.
    for silent in [None, Some(Step::Poll), Some(Step::DeviceCode)] {
        let world = World::new();
        world.services.person(Person::DoesNothing);
        if let Some(step) = silent {
            world.services.fault(step, Fault::Silent);
        }
        let program = world.add(&[]);
        world.services.wait_for(silent.unwrap_or(Step::Poll));
        program.signal("INT");
        let ended = world.ended(program, 1);
        assert!(ended.diagnostics.contains("error: cancelled\n"), "{}", ended.diagnostics);
        let asked = world.services.asked(Step::Poll).len();
        assert!(!world.file().exists());
        // The person finds them: nobody asks any more.
        world.services.heal();
        world.services.person(Person::Enters(0));
        assert_eq!(world.services.asked(Step::Poll).len(), asked);
        assert!(world.names().is_empty());
    }
}

#[test]
fn a_network_that_is_away_for_a_moment_ends_no_login() {
    let world = World::new();
    world.services.fault_times(Step::Poll, Fault::Breaks, 2);
    world.ended(world.add(&[]), 0);
    world.services.fault_times(Step::Poll, says(503, "busy"), 2);
    world.ended(world.add(&[]), 0);
    world.services.fault(Step::Poll, Fault::Breaks);
    let ended = world.ended(world.add(&["second"]), 3);
    assert!(ended.diagnostics.contains("Microsoft's login (127.0.0.1:"), "{}", ended.diagnostics);
    assert_eq!(world.names(), [PLAYER.1]);
}

#[test]
fn each_service_that_is_not_well_is_named() {
    let world = World::new();
    let elsewhere = Services::start();
    let away = format!("{}/token", elsewhere.session_host());
    for (fault, told) in [
        (Fault::Breaks, "cannot be reached: "),
        (says(503, "<html>planted</html>"), "is not well now (status 503)"),
        (says(429, ""), "was asked too often"),
        (says(200, "<html>planted</html>"), "answers nonsense: that is not JSON"),
        (says(200, "{}"), "answers nonsense: no "),
        (says(200, r#"["planted"]"#), "answers nonsense: no "),
        (says(400, r#"{"error":"x","errorMessage":"\u001b]0;\u202e\u0007"}"#), r"\x1b]0;\u{202e}"),
        (says(200, &"[".repeat(100_000)), "answers nonsense: that is not JSON"),
        (Fault::Endless, "answers nonsense: more than 262144 bytes"),
        (Fault::Redirect(away), "answers nonsense: it leads elsewhere"),
        (Fault::Echo, "refuses (status 400)"),
        (Fault::Bytes(b"220 planted ESMTP\r\n".to_vec()), "error: "),
        (Fault::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()), "error: "),
    ] {
        for step in ON_THE_WAY {
            world.services.fault(step, fault.clone());
            let ended = world.ended(world.add(&[]), 3);
            let said = &ended.diagnostics;
            let line = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
            let service = match step {
                Step::DeviceCode | Step::Poll => "Microsoft's login",
                Step::Xbl => "Xbox Live",
                Step::Xsts => "Xbox Live's token service",
                Step::Login => "Minecraft's login",
                _ => "Minecraft's profile service",
            };
            assert!(line.contains(told) && line.contains(service), "{step:?} {fault:?}: {said}");
            assert!(line.len() < 400, "{line}");
            world.services.heal();
        }
    }
    assert!(Step::ALL.into_iter().all(|step| elsewhere.asked(step).is_empty()));
    assert!(!world.file().exists());
}

#[test]
fn services_that_are_slow_are_not_waited_for() {
    let world = World::new();
    let soon = ["--set", "account_timeout=300"];
    for fault in [Fault::Silent, Fault::Drips] {
        for step in ON_THE_WAY {
            world.services.fault(step, fault.clone());
            let ended = world.ended(world.add(&soon), 3);
            let told = "did not answer within 0.3 s (account_timeout)";
            assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
            world.services.heal();
        }
    }
}

#[test]
fn a_service_that_is_down_is_told_with_its_place() {
    let world = World::new();
    let down = free_address();
    let url = format!("account_url_xsts=http://{down}/x");
    let ended = world.ended(world.add(&["--set", &url]), 3);
    let told = format!("Xbox Live's token service ({down}) cannot be reached: connection refused");
    assert!(ended.diagnostics.contains(&told), "{}", ended.diagnostics);
}

#[test]
fn what_xbox_live_does_not_allow_is_told_in_words() {
    for (number, told) in [
        (2_148_916_233_u64, "the account has no Xbox profile yet"),
        (2_148_916_235, "is not there in the account's country"),
        (2_148_916_238, "has to be in a family group"),
        (4_711, "Xbox Live does not let this account in (XErr 4711)"),
    ] {
        let world = World::new();
        let text = format!(r#"{{"Identity":"0","XErr":{number},"Message":"","Redirect":"x"}}"#);
        world.services.fault(Step::Xsts, says(401, &text));
        let ended = world.ended(world.add(&[]), 1);
        assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
        assert!(ended.diagnostics.contains(&format!("(XErr {number})")), "{}", ended.diagnostics);
    }
}

#[test]
fn an_account_without_the_game_is_told() {
    let world = World::new();
    world.services.fault(Step::Profile, says(404, r#"{"error":"NOT_FOUND"}"#));
    let ended = world.ended(world.add(&[]), 1);
    assert!(ended.diagnostics.contains("has no Minecraft profile"), "{}", ended.diagnostics);
}

#[test]
fn an_application_is_needed_and_has_to_be_a_good_one() {
    let world = World::new();
    let ended = world.ended(world.start(&["account", "add"]), 2);
    assert!(ended.diagnostics.contains("account_client_id=ID"), "{}", ended.diagnostics);
    let ended = world.ended(world.add(&["--set", "account_client_id=other"]), 1);
    let told = "refuses the application (account_client_id): \"AADSTS700016: Application was not found in \
                the directory.\"; docs/accounts.md";
    assert!(ended.diagnostics.contains(told), "{}", ended.diagnostics);
    let text = r#"{"error":"FORBIDDEN","errorMessage":"Invalid app registration, see .."}"#;
    world.services.fault(Step::Login, says(403, text));
    let ended = world.ended(world.add(&[]), 1);
    assert!(
        ended.diagnostics.contains("\"Invalid app registration, see ..\""),
        "{}",
        ended.diagnostics
    );
}

#[test]
fn what_services_say_steers_no_terminal() {
    let world = World::new();
    let text = r#"{"device_code":"c","user_code":"\u001b[2J\u202eA","verification_uri":"\u0007u","interval":0}"#;
    world.services.fault(Step::DeviceCode, says(200, text));
    let ended = world.ended(world.add(&[]), 1);
    assert!(ended.output.contains("open  \\x07u\nenter \\x1b[2J\\u{202e}A\n"), "{}", ended.output);
    world.services.heal();
    world.services.player(PLAYER.0, "\u{1b}[31mEve\n");
    let ended = world.ended(world.add(&[]), 0);
    assert!(ended.output.contains("added \\x1b[31mEve\\n ("), "{}", ended.output);
    let ended = world.ended(world.start(&["account", "list"]), 0);
    assert!(ended.output.starts_with("\\x1b[31mEve\\n "), "{}", ended.output);
}

#[test]
fn secrets_are_sent_to_no_place_where_others_read_along() {
    let world = World::new();
    for url in ["http://example.org/x", "http://127.0.0.1@example.org/x", "ftp://127.0.0.1/x"] {
        let ended = world.ended(world.add(&["--set", &format!("account_url_token={url}")]), 2);
        assert!(ended.diagnostics.contains("http:// only to loopback"), "{}", ended.diagnostics);
    }
}
