//! `midwire account`, as whoever logs in sees it: with services that are well, that are not, and that say no.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[cfg(feature = "online-auth")]
#[path = "accounts/mod.rs"]
mod accounts;

#[cfg(not(feature = "online-auth"))]
#[test]
fn a_midwire_without_accounts_says_how_to_build_one_with_them() {
    use support::program::Program;
    for arguments in [
        &["account", "add"][..],
        &["account", "add", "Alva", "--set", "account_client_id=1"],
        &["account", "list", "--json"],
        &["account", "remove", "Alva"],
        &["proxy", "minecraft", "--to", "127.0.0.1:1", "--set", "account_timeout=1"],
        &["proxy", "minecraft", "--to", "127.0.0.1:1", "--set", "client_check=none"],
    ] {
        let ended = Program::start(arguments).wait();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(ended.diagnostics.contains("--features online-auth"), "{}", ended.diagnostics);
        assert_eq!(ended.output, "");
    }
}
