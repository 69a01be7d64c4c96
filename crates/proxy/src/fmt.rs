//! `midwire fmt`: definitions in the usual form.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use midwire_definition::sources::MAX_SOURCE_LEN;
use midwire_definition::{Diagnostics, Sources, render, syntax};

use crate::args;
use crate::error::{NO, print_and_end, say, say_styled, usage};
use crate::print::style;

/// Runs `midwire fmt`.
pub(crate) fn run(args: &args::Fmt) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    let mut all_good = true;
    for file in &args.files {
        all_good &= format(file, args.check, &mut out)?;
    }
    Ok(print_and_end(&out, if all_good { ExitCode::SUCCESS } else { ExitCode::from(NO) }))
}

/// Formats one file; gives whether it can be read and, where that is only checked, is in the usual form.
fn format(file: &Path, only_check: bool, out: &mut String) -> anyhow::Result<bool> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".into() } else { file.display().to_string() };
    let text = read(file, is_stdin, &name)?;
    let (_, problems) = syntax::parse(0, &text);
    let problems = Diagnostics(problems);
    if problems.has_errors() {
        let mut sources = Sources::new();
        sources.add(name.as_str(), text);
        say_styled(&render(&problems, &sources, style::stderr_is_colored()));
        say(&format!("{name} is left as it is"));
        return Ok(false);
    }
    let formatted = syntax::format(&text);
    if only_check {
        if formatted != text {
            out.push_str(&format!("{name}\n"));
        }
        return Ok(formatted == text);
    }
    if is_stdin {
        out.push_str(&formatted);
    } else if formatted != text {
        replace(file, &formatted).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(true)
}

fn read(file: &Path, is_stdin: bool, name: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let limit = MAX_SOURCE_LEN as u64 + 1;
    if is_stdin {
        std::io::stdin()
            .take(limit)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("cannot open {name}"))?;
        opened
            .take(limit)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {name}"))?;
    }
    if bytes.len() > MAX_SOURCE_LEN {
        return Err(usage(format!("{name} is longer than {MAX_SOURCE_LEN} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| usage(format!("{name} is not UTF-8 text")))
}

/// Puts a text in the place of a file: whole, or not at all.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // What a link leads to is replaced, not the link.
    let file = file.canonicalize()?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create(&new).and_then(|mut opened| {
        opened.write_all(text.as_bytes())?;
        opened.set_permissions(std::fs::metadata(&file)?.permissions())?;
        opened.sync_all()?;
        std::fs::rename(&new, &file)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}
