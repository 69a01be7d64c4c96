//! The accounts that there are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::world::World;
use crate::support::services::{Person, Step};

#[test]
fn without_accounts_there_is_nothing_to_list() {
    let world = World::new();
    let ended = world.ended(world.start(&["account", "list"]), 0);
    assert_eq!(ended.output, "");
    assert!(ended.diagnostics.contains("midwire account add"), "{}", ended.diagnostics);
    assert!(!world.folder().exists(), "looking writes nothing");
}

#[test]
fn accounts_are_listed_replaced_and_removed() {
    let world = World::new();
    world.services.token_expires(0);
    world.ended(world.add(&["main"]), 0);
    world.services.token_expires(86_400);
    world.services.player(&"9".repeat(32), "Second");
    world.ended(world.add(&[]), 0);
    let ended = world.ended(world.start(&["account", "list"]), 0);
    assert_eq!(
        ended.output,
        "main                 Alva             01234567-89ab-cdef-0123-456789abcdef  renewed when it is used\n\
         Second               Second           99999999-9999-9999-9999-999999999999  ready\n"
    );
    // Another login under the same name takes its place.
    let ended = world.ended(world.add(&["MAIN"]), 0);
    assert!(ended.output.contains("added MAIN, who plays as Second ("), "{}", ended.output);
    assert_eq!(world.names(), ["Second", "MAIN"]);
    let ended = world.ended(world.start(&["account", "remove", "main"]), 0);
    assert!(ended.output.starts_with("removed MAIN; "), "{}", ended.output);
    assert_eq!(world.names(), ["Second"]);
    let kept = fs::read_to_string(world.file()).unwrap();
    assert!(!kept.contains("MAIN"), "{kept}");
    let ended = world.ended(world.start(&["account", "remove", "Secnod"]), 2);
    assert!(ended.diagnostics.contains("did you mean Second?"), "{}", ended.diagnostics);
    world.ended(world.start(&["account", "remove", "second"]), 0);
    let ended = world.ended(world.start(&["account", "remove", "second"]), 2);
    assert!(ended.diagnostics.contains("midwire account add"), "{}", ended.diagnostics);
}

#[test]
fn two_logins_at_once_are_both_kept() {
    let world = World::new();
    world.services.person(Person::DoesNothing);
    let programs: Vec<_> = ["one", "two", "three"].map(|name| world.add(&[name])).into();
    for program in &programs {
        program.wait_for_output("enter ABCD-EFGH");
    }
    world.services.person(Person::Enters(0));
    for program in programs {
        world.ended(program, 0);
    }
    let mut names = world.names();
    names.sort_unstable();
    assert_eq!(names, ["one", "three", "two"]);
}

#[test]
fn a_file_that_is_damaged_is_told_and_left_alone() {
    let world = World::new();
    world.ended(world.add(&[]), 0);
    let kept = fs::read_to_string(world.file()).unwrap();
    let damaged = &kept[..kept.len() / 2];
    fs::write(world.file(), damaged).unwrap();
    for arguments in [&["account", "list"][..], &["account", "remove", "Alva"]] {
        let ended = world.ended(world.start(arguments), 3);
        assert!(ended.diagnostics.contains("is no file of accounts"), "{}", ended.diagnostics);
    }
    // Before anybody logs in for nothing.
    let asked = world.services.asked(Step::DeviceCode).len();
    world.ended(world.add(&[]), 3);
    assert_eq!(world.services.asked(Step::DeviceCode).len(), asked);
    assert_eq!(fs::read_to_string(world.file()).unwrap(), damaged);
}

#[test]
fn a_file_that_others_can_read_is_told() {
    let world = World::new();
    world.ended(world.add(&[]), 0);
    fs::set_permissions(world.file(), fs::Permissions::from_mode(0o640)).unwrap();
    let ended = world.ended(world.start(&["account", "list"]), 0);
    assert!(ended.diagnostics.contains("chmod 600"), "{}", ended.diagnostics);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let world = World::new();
    // A file where the folder would be.
    fs::create_dir_all(world.folder()).unwrap();
    fs::write(world.folder().join("midwire"), "").unwrap();
    let ended = world.ended(world.add(&[]), 3);
    assert!(ended.diagnostics.contains("error: cannot "), "{}", ended.diagnostics);
}

#[test]
fn names_that_cannot_be_seen_are_refused() {
    let world = World::new();
    for name in ["", "a\u{202e}b", "\u{1b}[31m", &"x".repeat(65)] {
        let ended = world.ended(world.add(&[name]), 2);
        assert!(ended.diagnostics.contains("characters that can be seen"), "{}", ended.diagnostics);
    }
}
