//! `midwire check`: errors in definitions, the tests in them, and what they leave open.

use std::path::Path;
use std::process::ExitCode;

use midwire_definition::escape::escape;
use midwire_definition::{Severity, coverage, render};

use crate::args;
use crate::error::{NO, print_and_end, say_styled, usage};
use crate::print::{put, style};
use crate::protocols::Lookup;

/// Runs `midwire check`.
pub(crate) fn run(args: &args::Check) -> anyhow::Result<ExitCode> {
    let mut out = String::new();
    let mut all_good = true;
    for file in &args.files {
        all_good &= check(file, args.coverage, &mut out)?;
    }
    Ok(print_and_end(&out, if all_good { ExitCode::SUCCESS } else { ExitCode::from(NO) }))
}

/// Checks one file; gives whether it is good.
fn check(file: &Path, with_coverage: bool, out: &mut String) -> anyhow::Result<bool> {
    let Some(path) = file.to_str() else {
        return Err(usage(format!("{}: the path is not Unicode", file.display())));
    };
    if path.ends_with(".rules") {
        return Err(usage(format!("{path}: rules are not there yet; .wire files can be checked")));
    }
    if !file.is_file() {
        return Err(anyhow::anyhow!("{path}: there is no such file"));
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
    if with_coverage {
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

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
