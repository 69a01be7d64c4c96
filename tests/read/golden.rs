//! The listing of each recording in `captures/` is as it was reviewed. `UPDATE_GOLDEN=1` writes them
//! anew; the difference is read like code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{read_well, recorded};

/// Each recording, and what has to be said to read it.
const RECORDINGS: [(&str, &[&str]); 15] = [
    ("amp", &[]),
    ("mc-1.12.2-encrypted", &[]),
    ("mc-1.12.2-offline", &[]),
    ("mc-1.12.2-terrain", &[]),
    ("mc-1.16.5-offline", &[]),
    ("mc-1.18.2-terrain", &[]),
    ("mc-1.20.4-encrypted", &[]),
    ("mc-1.20.4-offline", &[]),
    ("mc-1.21.11-offline", &[]),
    ("mc-1.21.4-offline", &[]),
    ("mc-1.8.8-offline", &[]),
    ("mc-26.1-offline", &[]),
    ("mc-pings", &[]),
    ("terraria", &["--protocol", "terraria"]),
    ("vnc-auth", &["--protocol", "rfb"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/read/golden")
}

fn compare(name: &str, shown: &str) {
    let file = folder().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&file, shown).unwrap();
    }
    let golden = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", file.display()));
    let differs = golden.lines().zip(shown.lines()).enumerate().find(|(_, (a, b))| a != b);
    if let Some((line, (golden, shown))) = differs {
        panic!("{name}, line {}:\n  was  {golden}\n  is   {shown}", line + 1);
    }
    assert_eq!(golden.len(), shown.len(), "{name}: one is longer than the other");
}

#[test]
fn every_recording_is_listed_as_it_was() {
    let files = fs::read_dir(folder()).map_or(0, |files| files.count());
    for (name, more) in RECORDINGS {
        let shown = read_well(&[&[recorded(name).as_str()], more].concat());
        compare(name, &shown.output);
    }
    assert!(std::env::var_os("UPDATE_GOLDEN").is_some() || files > RECORDINGS.len());
}

#[test]
fn every_recording_has_a_listing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".stream.jsonl.gz") {
                assert!(RECORDINGS.iter().any(|(known, _)| *known == name), "{name}");
            }
        }
    }
}

#[test]
fn counts_fields_trees_and_bytes_are_shown_as_they_were() {
    let file = recorded("mc-1.12.2-offline");
    let of = |more: &[&str]| read_well(&[&[file.as_str()], more].concat()).output;
    compare("stats", &of(&["--stats"]));
    compare("stats-json", &of(&["--stats", "--json"]));
    compare("tree", &of(&["-V", "-c", "12"]));
    compare("hex", &of(&["-x", "-c", "12"]));
    compare("packet", &of(&["--packet", "100"]));
    compare("csv", &of(&["--csv", "time,name,direction,length,x,y,z,message"]));
}
