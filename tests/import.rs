//! `midwire defs import`: definitions made of minecraft-data, seen from a shell.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::program::{Ended, Program};

/// Some packets of 1.20.2 to 1.20.4, as minecraft-data has them.
fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../import/tests/minecraft-data")
}

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("midwire-import-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the data with this in place of that in 1.20.3's protocol.json.
fn changed(folder: &Path, from: &str, to: &str) -> PathBuf {
    let data_here = folder.join("data");
    copy(&data(), &data_here);
    let file = data_here.join("pc/1.20.3/protocol.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
    data_here
}

fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).wait()
}

fn import(data: &Path, output: &Path, more: &[&str]) -> Ended {
    let (data, output) = (data.to_str().unwrap(), output.to_str().unwrap());
    run(&[&["defs", "import", "protodef", data, "-o", output], more].concat())
}

/// What was made is a definition, in the usual form.
fn is_good(file: &Path) {
    let file = file.to_str().unwrap();
    for arguments in [vec!["check", file], vec!["fmt", "--check", file]] {
        let ended = run(&arguments);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", ended.diagnostics);
    }
}

#[test]
fn an_imported_definition_is_checked_and_laid_out_as_others_are() {
    let folder = folder("good");
    let file = folder.join("made.wire");
    let ended = import(&data(), &file, &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("lines from 2 protocol.json"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("all of them carried whole"), "{}", ended.diagnostics);
    is_good(&file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("protocol made "), "{text}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_differs_from_what_is_built_in_is_printed_and_laid_over_it() {
    let folder = folder("over");
    let file = folder.join("more.wire");
    let more = ["--over", "minecraft", "--versions", "1.20.3"];
    let ended = import(&data(), &file, &more);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("extend minecraft"), "{text}");
    is_good(&file);
    // The data here is a part: what it does not have is said, and stays.
    let removed = ended.output.lines().find(|line| line.contains("keep_alive"));
    assert!(removed.is_some_and(|line| line.contains("(not in the overlay): removed")));
    assert!(ended.diagnostics.contains("compared with minecraft"), "{}", ended.diagnostics);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_minecraft_data_is_told_with_what_is_missing() {
    let folder = folder("wrong");
    let file = folder.join("x.wire");
    let empty = folder.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let absent = folder.join("absent");
    let bedrock = ["--edition", "bedrock"];
    let cases: [(&Path, &[&str], &str); 6] = [
        (&absent, &[], "there is no folder"),
        (&empty, &[], "there is no dataPaths.json"),
        (&data(), &bedrock, "lists no protocol.json of the edition bedrock"),
        (&data(), &["--edition", "pi"], "it is pc or bedrock"),
        (&data(), &["--versions", "9.9"], "no version 9.9 in pc; there are 1.20.2 to 1.20.3"),
        (&data(), &["--over", "nosuch"], "nosuch"),
    ];
    for (data, more, why) in cases {
        let ended = import(data, &file, more);
        assert_eq!(ended.status.code(), Some(2), "{why}: {}", ended.diagnostics);
        assert!(ended.diagnostics.contains(why), "{why}: {}", ended.diagnostics);
        assert!(!file.exists(), "{why}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_cannot_be_carried_is_named_and_the_rest_can_be_used() {
    // The packet's fields begin so in the file.
    let start = |packet: &str| format!("\"packet_{packet}\": [\n     \"container\",\n     [\n");
    let with = |packet: &str, ty: &str| {
        let from = start(packet);
        let to = format!("{from}{{\"name\": \"wrong\", \"type\": {ty}}},\n");
        (from, to)
    };
    let switch = r#"["switch", {"compareTo": "nowhere", "fields": {"1": "u8"}}]"#;
    let array = r#"["array", {"count": "nowhere", "type": "u8"}]"#;
    let types = "{\n \"types\": {".to_owned();
    let cycle = format!("{types}\"round\": \"about\", \"about\": \"round\",");
    let cases = [
        ("unknown", vec![with("set_slot", "\"nosuchtype\"")], "set_slot", "nosuchtype"),
        ("reference", vec![with("set_slot", switch)], "set_slot", "nowhere"),
        ("count", vec![with("teams", array)], "teams", "nowhere"),
        ("cycle", vec![with("set_slot", "\"round\""), (types, cycle)], "set_slot", "itself"),
    ];
    for (name, changes, packet, why) in cases {
        let folder = folder(name);
        let (from, to) = &changes[0];
        let data = changed(&folder, from, to);
        for (from, to) in &changes[1..] {
            let file = data.join("pc/1.20.3/protocol.json");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.replacen(from.as_str(), to, 1)).unwrap();
        }
        let output = folder.join("made.wire");
        let ended = import(&data, &output, &[]);
        assert_eq!(ended.status.code(), Some(0), "{name}: {}", ended.diagnostics);
        let line = ended.diagnostics.lines().find(|line| line.starts_with("opaque: "));
        let line = line.unwrap_or_else(|| panic!("{name}: {}", ended.diagnostics));
        for part in [&format!("play clientbound {packet}"), "1.20.3", " at wrong: ", why] {
            assert!(line.contains(part), "{name}: {part}: {line}");
        }
        assert!(ended.diagnostics.contains("1 of them opaque in part"), "{}", ended.diagnostics);
        is_good(&output);
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_file_that_is_no_json_is_named_with_its_place() {
    let folder = folder("json");
    let data = changed(&folder, "\"u8\": \"native\",", "\"u8\": native,");
    let output = folder.join("made.wire");
    let ended = import(&data, &output, &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("pc/1.20.3/protocol.json:"), "{}", ended.diagnostics);
    assert!(ended.diagnostics.contains("lines from 1 protocol.json"), "{}", ended.diagnostics);
    is_good(&output);
    fs::remove_dir_all(folder).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_with_3_and_leaves_the_device() {
    use std::os::unix::fs::FileTypeExt;
    let full = Path::new("/dev/full");
    for more in [&[][..], &["--over", "minecraft"]] {
        let ended = import(&data(), full, more);
        assert_eq!(ended.status.code(), Some(3), "{}", ended.diagnostics);
        assert!(ended.diagnostics.contains("cannot write /dev/full"), "{}", ended.diagnostics);
        assert!(fs::metadata(full).unwrap().file_type().is_char_device());
    }
}

#[test]
fn an_import_goes_to_standard_output_where_that_is_wanted() {
    let ended = import(&data(), Path::new("-"), &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.diagnostics);
    let text = ended.output;
    assert!(text.starts_with("// Made by `midwire defs import protodef`"), "{text}");
}
