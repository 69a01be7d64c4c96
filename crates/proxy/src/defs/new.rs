//! `midwire defs new`: a definition to begin with.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use midwire_definition::builtins;
use midwire_definition::escape::escape;

use crate::error::{print, usage};

/// What it says; its protocol is called `toy`.
const STARTING: &str = include_str!("starting.wire");

/// Writes the file, which must not be there yet.
pub(super) fn run(name: &str) -> anyhow::Result<ExitCode> {
    let path = match name.strip_suffix(".wire") {
        Some(_) => PathBuf::from(name),
        None => PathBuf::from(format!("{name}.wire")),
    };
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_name = stem.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        let message = "a protocol's name is of the letters a to z, digits and `_`";
        return Err(usage(format!("{message}, and does not begin with a digit: not {stem:?}")));
    }
    if builtins().any(|known| known == stem) {
        let message = format!("{stem} is built in; a file that adds to it begins with");
        return Err(usage(format!("{message} `extend {stem}`, and any name will do for it")));
    }
    let text =
        STARTING.replacen("protocol toy \"Toy game\"", &format!("protocol {stem} \"{stem}\""), 1);
    write(&path, &text)?;
    let shown = escape(&path.display().to_string()).into_owned();
    Ok(print(&format!("{shown} is written; `midwire check {shown}` tells what is wrong with it\n")))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    // Whatever is there stays, also if it has come since.
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).with_context(shown)?;
    file.write_all(text.as_bytes()).with_context(shown)
}
