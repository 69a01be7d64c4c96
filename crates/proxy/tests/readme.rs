//! What the README shows is what the program prints.

use std::path::Path;
use std::process::Command;

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).expect("a README").replace("\r\n", "\n")
}

/// The code blocks of a kind.
fn blocks<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let fence = format!("```{kind}\n");
    let parts = text.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default()).collect()
}

fn midwire(arguments: &[&str]) -> (String, bool) {
    let output = Command::new(env!("CARGO_BIN_EXE_midwire")).args(arguments).output();
    let output = output.expect("the built midwire starts");
    (String::from_utf8(output.stdout).expect("text"), output.status.success())
}

/// Without what differs from run to run: ports, and times in the first column.
fn without_ports_and_times(text: &str) -> String {
    let without_port = |part: &str| match part.strip_prefix(|c: char| c.is_ascii_digit()) {
        Some(rest) => format!("PORT{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => part.to_owned(),
    };
    let is_time = |text: &str| {
        text.split_once('.').is_some_and(|(seconds, millis)| {
            seconds.parse::<u32>().is_ok() && millis.len() == 3 && millis.parse::<u32>().is_ok()
        })
    };
    let line = |line: &str| {
        let mut parts = line.split("127.0.0.1:");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            out.push_str("127.0.0.1:");
            out.push_str(&without_port(part));
        }
        let first = out.split_whitespace().next().unwrap_or_default().to_owned();
        if is_time(&first) { out.replacen(&first, "TIME", 1) } else { out }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let readme = readme();
    let shown = blocks(&readme, "text")[0];
    let (printed, success) = midwire(&["demo"]);
    assert!(success);
    assert_eq!(without_ports_and_times(&printed), without_ports_and_times(shown));
}

#[test]
fn decode_explains_the_bytes_that_the_readme_gives() {
    let readme = readme();
    let line = readme.lines().find(|line| line.starts_with("midwire decode --hex")).unwrap();
    let hex = line.split('\'').nth(1).unwrap();
    let (printed, success) = midwire(&["decode", "--hex", hex]);
    assert!(success);
    let shown = blocks(&readme, "text")[2].trim_end();
    assert_eq!(printed.lines().next(), Some(shown));
}

#[test]
fn the_game_that_the_readme_describes_is_checked_as_it_says() {
    let readme = readme();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("toy.wire"), blocks(&readme, "wire")[0]).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_midwire"))
        .args(["check", "toy.wire"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), blocks(&readme, "text")[3]);
}
