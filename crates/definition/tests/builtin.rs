//! The built-in definitions are right at every version.

use midwire_definition::sources::Loader;
use midwire_definition::syntax::{ast::Item, parse};
use midwire_definition::{Builtin, BuiltinUntested, Protocol, builtins, check, render};

#[test]
fn every_builtin_definition_is_right_at_every_version_and_passes_its_tests() {
    assert!(builtins().count() > 0);
    for name in builtins() {
        let report = check(&format!("{name}.wire"), &Builtin);
        let text = render(&report.diagnostics, &report.sources, false);
        assert!(
            report.diagnostics.is_empty(),
            "{text}\n{name}: {} of {} tests failed",
            report.failures.len(),
            report.tests
        );
        // AMP has one packet, and each of the 19 packets of Minecraft Classic one shape.
        let least = match name {
            "amp" => 4,
            "minecraft_classic" => 19,
            "rfb" => 50,
            _ => 100,
        };
        assert!(report.tests >= least, "{name}: only {} tests", report.tests);
    }
}

#[test]
fn every_file_beside_the_definitions_is_built_in() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("protocols");
    let mut folders = vec![root.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "wire" || e == "txt") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                assert_eq!(Builtin.load(&name).unwrap(), std::fs::read_to_string(&path).unwrap());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn what_is_opaque_or_untested_is_what_is_allowed() {
    for name in builtins() {
        let path = format!("{name}.wire");
        let protocol = Protocol::load_checked(&path, &Builtin).unwrap();
        let found = midwire_definition::coverage(&protocol).summary();
        let path = format!("{}/protocols/{name}.coverage", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("MIDWIRE_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let allowed = std::fs::read_to_string(&path).unwrap_or_default();
        let news: Vec<_> =
            found.lines().filter(|line| !allowed.lines().any(|l| l == *line)).collect();
        let gone: Vec<_> =
            allowed.lines().filter(|line| !found.lines().any(|l| l == *line)).collect();
        assert!(
            news.is_empty() && gone.is_empty(),
            "{path} differs; MIDWIRE_WRITE_GOLDEN=1 writes it anew\nnow:\n{}\nallowed:\n{}",
            news.join("\n"),
            gone.join("\n"),
        );
    }
}

/// What stands in these files is left out where the definitions are used.
#[test]
fn files_of_tests_hold_nothing_but_tests() {
    for name in builtins() {
        let path = format!("{name}/tests.wire");
        let Ok(text) = Builtin.load(&path) else { continue };
        let (file, faults) = parse(0, &text);
        assert_eq!(faults, [], "{path}");
        assert!(file.items.iter().all(|item| matches!(item, Item::Test(_))), "{path}");
        assert_eq!(BuiltinUntested.load(&path).unwrap(), "");
    }
}
