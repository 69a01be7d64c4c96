//! What is said of configurations that are wrong.
//!
//! `errors.txt` has cases: a name behind `===`, the text, `---`, and what is said. With
//! MIDWIRE_WRITE_GOLDEN set it is written anew.

use std::net::TcpListener;
use std::path::Path;

use crate::support::program::Program;
use crate::world::Folder;

fn said_of(text: &str) -> String {
    let folder = Folder::new();
    let file = folder.file("midwire.toml", text);
    let ended = Program::start(&["proxy", "--config", &file]).wait();
    assert_eq!(ended.status.code(), Some(2), "{text}\n{}", ended.diagnostics);
    ended.diagnostics.replace(&format!("{}/", folder.0.display()), "")
}

#[test]
fn every_mistake_is_shown_where_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/routes/errors.txt");
    let golden = std::fs::read_to_string(&path).unwrap();
    let mut written = String::new();
    let mut cases = 0;
    for case in golden.split("=== ").filter(|case| !case.trim().is_empty()) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("---\n").unwrap_or((rest, ""));
        let said = said_of(text);
        assert!(said.contains("midwire.toml:"), "{name}: no place\n{said}");
        written += &format!("=== {name}\n{text}---\n{}\n", said.trim_end());
        cases += 1;
    }
    if std::env::var_os("MIDWIRE_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    assert!(cases >= 12);
    for (is, wanted) in written.split("=== ").zip(golden.split("=== ")) {
        assert!(is.trim() == wanted.trim(), "is:\n{is}\nshould be:\n{wanted}");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_said_to_be() {
    let ended = Program::start(&["proxy", "--config", "no-such.toml"]).wait();
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        ended.diagnostics.contains("--config no-such.toml: there is no such file"),
        "{}",
        ended.diagnostics
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_no_mistake_of_what_was_typed() {
    let folder = Folder::new();
    let ended = Program::start(&["proxy", "--config", folder.0.to_str().unwrap()]).wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
}

#[test]
fn a_port_that_cannot_be_listened_on_is_shown_where_the_file_says_it() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let folder = Folder::new();
    let text = format!("[[route]]\nprotocol = \"raw\"\nto = \"127.0.0.1:9\"\nlisten = {port}\n");
    let file = folder.file("midwire.toml", &text);
    let ended = Program::start(&["proxy", "--config", &file, "--set", "probe=off"]).wait();
    let said = ended.diagnostics;
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("error[C011]"), "{said}");
    assert!(said.contains("midwire.toml:4:10"), "{said}");
    assert!(said.contains("take another port with listen = \"127.0.0.1:PORT\""), "{said}");
    assert!(!said.contains("--listen"), "{said}");

    drop(other);
    let text =
        format!("[[route]]\nprotocol = \"raw\"\nto = \"127.0.0.1:{port}\"\nlisten = {port}\n");
    let file = folder.file("midwire.toml", &text);
    let ended = Program::start(&["proxy", "--config", &file]).wait();
    let said = ended.diagnostics;
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("midwire.toml:4:10"), "{said}");
    assert!(said.contains("is midwire itself"), "{said}");
}

#[test]
fn what_is_said_in_the_file_is_not_typed_as_well() {
    for more in [&["raw"][..], &["--to", "a:1"], &["--listen", "1"], &["--keep-host"]] {
        let ended = Program::start(&[&["proxy", "--config", "x.toml"], more].concat()).wait();
        assert_eq!(ended.status.code(), Some(2));
        assert!(
            ended.diagnostics.contains("with --config that is said in the file"),
            "{more:?} {}",
            ended.diagnostics
        );
    }
}

#[test]
fn settings_of_the_command_line_count_more_than_those_of_the_file() {
    let folder = Folder::new();
    let text = "[settings]\nsessions_max = 5\n[[route]]\nlisten = \"0\"\nprotocol = \"raw\"\nto = \"a.invalid:1\"\n";
    let file = folder.file("midwire.toml", text);
    let program = Program::start(&["proxy", "--config", &file, "--set", "sessions_max=0"]);
    let told = program.wait_for_diagnostics("ctrl-c ends");
    let (_, after) = told.split_once("listening on ").unwrap();
    let address = after.split(": ").next().unwrap().parse().unwrap();
    if let Some(mut client) = crate::support::ends::End::connect_unless_reset(address) {
        client.read();
        client.expect_any_ending();
    }
    assert!(program.interrupt().output.contains("a client was turned away"));
}
