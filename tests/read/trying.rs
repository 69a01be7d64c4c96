//! `midwire rules try`: what rules would have done to a recording.

use crate::files::{Folder, recorded};
use crate::support::program::{Ended, Program};

fn try_rules(name: &str, rules: &str, arguments: &[&str]) -> Ended {
    let folder = Folder::new(name);
    let rules = folder.write("test.rules", rules.as_bytes());
    Program::start(&[&["rules", "try", rules.as_str(), "--on"], arguments].concat()).wait()
}

#[test]
fn hits_samples_and_differences_are_shown() {
    let rules = "for minecraft\n\
                 cheer: set clientbound update_health: health = 5\n\
                 quiet: drop clientbound group:chat where text contains \"Alva\"\n\
                 swap: replace clientbound group:chat text \"Bo\" with \"Robert\"\n\
                 never: log serverbound chat_message where message contains \"no such words\"\n";
    let ended = try_rules("hits", rules, &[&recorded("mc-1.21.4-offline"), "--samples", "1"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let shown = &ended.output;
    for wanted in [
        "2  cheer",
        "health: 20 → 5",
        "10 → 10 bytes; from byte 1 on: 41 → 40",
        "  x system_chat",
        "  ~ system_chat",
        "Robert",
        "… and 1 more",
        "        0  never\n",
        "of 329 packets",
    ] {
        let words = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = shown.lines().map(|line| {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{line}\n")
        });
        assert!(text.collect::<String>().contains(&words), "{wanted:?} is not in\n{shown}");
    }
}

#[test]
fn differences_are_told_as_json() {
    let rules = "cheer: set clientbound update_health: health = 5\n";
    let ended = try_rules("json", rules, &[&recorded("mc-1.12.2-offline"), "--json"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let lines = ended.json();
    assert_eq!(lines[0]["type"], "rule");
    assert_eq!(lines[0]["name"], "cheer");
    let hits = lines[0]["hits"].as_u64().unwrap();
    assert!(hits > 0);
    let samples: Vec<_> = lines.iter().filter(|line| line["type"] == "sample").collect();
    assert_eq!(samples.len() as u64, hits.min(3));
    assert_eq!(samples[0]["changes"][0]["field"], "health");
    assert_eq!(samples[0]["changes"][0]["after"], 5);
    assert_eq!(samples[0]["fate"], "changed");
}

#[test]
fn files_that_are_not_there_are_told_as_such() {
    let capture = recorded("mc-1.21.4-offline");
    let folder = Folder::new("not-there");
    let rules = folder.write("it.rules", b"for minecraft\nlog both *\n");
    for (rules, capture, missing) in [
        ("missing.rules", capture.as_str(), "missing.rules"),
        (rules.as_str(), "missing.pcapng", "missing.pcapng"),
    ] {
        let ended = Program::start(&["rules", "try", rules, "--on", capture]).wait();
        assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
        let said = format!("cannot read {missing}");
        assert!(ended.diagnostics.contains(&said), "{}", ended.diagnostics);
        assert_eq!(ended.output, "");
    }
}

#[test]
fn what_rules_make_of_a_password_is_not_shown() {
    let rules = "for terraria\nset serverbound SendPassword: password = \"AAAA\"\n";
    for view in [&[][..], &["--json"]] {
        let recorded = recorded("terraria");
        let arguments = [&[recorded.as_str()], view].concat();
        let ended = try_rules("secret", rules, &arguments);
        assert!(ended.output.contains("SendPassword"), "{}", ended.output);
        for hex in ["73 65 73 61", "73657361", "41 41 41", "414141"] {
            assert!(!ended.output.contains(hex), "{hex}: {}", ended.output);
        }
    }
}

#[test]
fn rules_with_errors_are_told_with_their_place() {
    let ended =
        try_rules("wrong", "drop clientbound system_chatt\n", &[&recorded("mc-1.21.4-offline")]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.diagnostics.contains("test.rules:1"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("system_chat"), "{}", ended.diagnostics);
}
