//! `midwire check`: errors in definitions, the tests in them, and what they leave open.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use midwire_definition::escape::escape;
use midwire_definition::{Severity, builtin, builtins, coverage, render};

use crate::args;
use crate::error::{NO, print_and_end, say_styled, usage};
use crate::print::{put, style};
use crate::protocols::Lookup;
use crate::rules;

/// Runs `midwire check`.
pub(crate) fn run(args: &args::Check) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    let mut all_good = true;
    for file in &args.files {
        all_good &= check(file, args, &mut out)?;
    }
    Ok(print_and_end(&out, if all_good { ExitCode::SUCCESS } else { ExitCode::from(NO) }))
}

/// Checks one file; gives whether it is good.
fn check(file: &Path, args: &args::Check, out: &mut String) -> anyhow::Result<bool> {
    let Some(path) = file.to_str() else {
        return Err(usage(format!("{}: the path is not Unicode", file.display())));
    };
    if file.is_dir() {
        return check_folder(file, args, out);
    }
    if !file.exists() {
        return Err(anyhow::anyhow!("{path}: there is no such file or folder"));
    }
    if path.ends_with(".rules") {
        return check_rules(file, &[file.to_path_buf()], args, out);
    }
    let report = Lookup::of_file(file)?.check()?;
    if !report.diagnostics.is_empty() {
        let shown = render(&report.diagnostics, &report.sources, style::stderr_is_colored());
        say_styled(&shown);
    }
    let count = |severity: Severity| {
        report.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let path = escape(path);
    let Some(protocol) = &report.protocol else {
        let (errors, warnings) = (plural(errors, "error"), plural(warnings, "warning"));
        put(out, format_args!("{path}: not ok: {errors}, {warnings}\n"));
        return Ok(false);
    };
    let failed = report.failures.len();
    let passed = report.tests.saturating_sub(failed);
    let versions = protocol.versions.iter().count();
    let dialect = protocol.dialect(protocol.versions.newest());
    let verdict = if errors == 0 && failed == 0 { "ok" } else { "not ok" };
    put(
        out,
        format_args!(
            "{path}: {verdict}: {}, {} in the newest; {passed} of {} tests pass; {}\n",
            plural(versions, "version"),
            plural(dialect.packets().count(), "packet"),
            report.tests,
            plural(warnings, "warning"),
        ),
    );
    if args.coverage {
        let coverage = coverage(protocol);
        for entry in &coverage.entries {
            let (first, last) = &entry.versions;
            put(out, format_args!("  {}: {}  {first}", entry.packet, entry.gap));
            if first != last {
                put(out, format_args!("..{last}"));
            }
            out.push('\n');
        }
        put(out, format_args!("  {} places are opaque or untested\n", coverage.entries.len()));
    }
    Ok(errors == 0 && failed == 0)
}

/// Checks a folder: each definition in it, and the rules together, as `--rules` takes them.
fn check_folder(folder: &Path, args: &args::Check, out: &mut String) -> anyhow::Result<bool> {
    let definitions = rules::files_of(folder, "wire");
    let rules = rules::files_of(folder, "rules");
    if definitions.is_empty() && rules.is_empty() {
        let folder = folder.display();
        return Err(anyhow::anyhow!("{folder}: no .rules and no .wire file is in this folder"));
    }
    let mut all_good = true;
    for file in definitions {
        all_good &= check(&file, args, out)?;
    }
    if !rules.is_empty() {
        all_good &= check_rules(folder, &rules, args, out)?;
    }
    Ok(all_good)
}

/// Checks rules that belong together, of one file or of a folder; gives whether they are good.
fn check_rules(
    file: &Path,
    files: &[PathBuf],
    args: &args::Check,
    out: &mut String,
) -> anyhow::Result<bool> {
    let color = style::stderr_is_colored();
    let said = || files.iter().find_map(|file| rules::protocol_of(file));
    let protocol = args.protocol.clone().or_else(said);
    let protocols = match &protocol {
        Some(name) => vec![Lookup::new(name, &args.definitions.defs)?.read()?],
        // Nothing says what they are for: they are good if they are for any. Minecraft goes first, as what
        // names nothing is most often meant for it.
        None => {
            let mut names: Vec<&str> = builtins().collect();
            names.sort_by_key(|name| *name != "minecraft");
            names.into_iter().filter_map(builtin).collect()
        }
    };
    let mut broken: Option<(rules::Broken, Arc<str>)> = None;
    for protocol in protocols {
        match rules::read(files, &protocol, None, color) {
            Ok(read) => {
                if !read.warnings.is_empty() {
                    say_styled(&read.warnings);
                }
                let count = read.rules.set().rules().len();
                let path = escape(file.to_str().unwrap_or_default());
                put(
                    out,
                    format_args!(
                        "{path}: ok for {}: {}, {}\n",
                        protocol.name,
                        plural(count, "rule"),
                        plural(read.warned, "warning")
                    ),
                );
                return Ok(true);
            }
            Err(other) => {
                // What they are for knows most of their names.
                let rank = |broken: &rules::Broken| (broken.unknown, broken.errors);
                if broken.as_ref().is_none_or(|(best, _)| rank(&other) < rank(best)) {
                    broken = Some((other, protocol.name.clone()));
                }
            }
        }
    }
    let Some((broken, name)) = broken else { return Ok(false) };
    say_styled(&broken.shown);
    let path = escape(file.to_str().unwrap_or_default());
    let (errors, warnings) = (plural(broken.errors, "error"), plural(broken.warnings, "warning"));
    let guessed = match protocol {
        Some(_) => String::new(),
        None => {
            format!("; taken for {name}, as no line such as `for {name}` says what they are for")
        }
    };
    put(out, format_args!("{path}: not ok: {errors}, {warnings}{guessed}\n"));
    Ok(false)
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
