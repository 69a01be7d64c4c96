//! Rule files: which there are, what they say, and what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midwire_definition::escape::escape;
use midwire_definition::{
    Diagnostic, Diagnostics, Loader as _, Problems, Protocol, Root, Severity, Sources, render,
};
use midwire_rules::Lexicon;
use midwire_rules::rule::{RuleInfo, RuleSet};
use midwire_session::Rules;

use crate::error::usage;
use crate::protocols::{Folder, Stamps};

/// The files and folders that were named.
#[derive(Clone, Debug)]
pub(crate) struct RuleFiles {
    named: Vec<PathBuf>,
}

/// Rules that can be used.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) rules: Arc<Rules>,
    /// Warnings, for a terminal.
    pub(crate) warnings: String,
    /// So many.
    pub(crate) warned: usize,
    /// The files that they were read from.
    pub(crate) files: Vec<PathBuf>,
}

/// What is wrong with rules.
#[derive(Debug)]
pub(crate) struct Broken {
    /// With carets, for a terminal.
    pub(crate) shown: String,
    /// The first mistake on one line: `mute.rules:3 there is no field ..`.
    pub(crate) first: String,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) errors: usize,
    /// Of those, names that the protocol does not know.
    pub(crate) unknown: usize,
    pub(crate) warnings: usize,
}

/// The files of a folder whose names end so, in order of name.
pub(crate) fn files_of(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_rules = |file: &PathBuf| file.extension().is_some_and(|end| end == ending);
    let is_shown = |file: &PathBuf| {
        // Editors keep half-written copies under names that begin with a dot.
        !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let files = entries.map(|entry| entry.path()).filter(is_rules).filter(is_shown);
    let mut files: Vec<PathBuf> = files.filter(|file| !file.is_dir()).collect();
    files.sort_unstable();
    files
}

impl RuleFiles {
    /// The rules that were named; `None`: none were.
    pub(crate) fn new(named: &[PathBuf]) -> anyhow::Result<Option<Self>> {
        if let Some(missing) = named.iter().find(|path| !path.exists()) {
            let missing = missing.display();
            return Err(usage(format!("--rules {missing}: there is no such file or folder")));
        }
        Ok((!named.is_empty()).then(|| Self { named: named.to_vec() }))
    }

    /// The files that there are now, in the order in which their rules count.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = self.named.iter().flat_map(|path| match path.is_dir() {
            true => files_of(path, "rules"),
            false => vec![path.clone()],
        });
        let mut seen = std::collections::HashSet::new();
        files.filter(|file| seen.insert(file.clone())).collect()
    }

    /// How the files are now, with those that were read for them.
    pub(crate) fn stamps(&self, read: &[PathBuf]) -> Stamps {
        Stamps::of(self.files().into_iter().chain(read.iter().cloned()))
    }

    /// Reads all rules, for a protocol.
    pub(crate) fn read(
        &self,
        protocol: &Arc<Protocol>,
        before: Option<&Rules>,
        color: bool,
    ) -> Result<Read, Broken> {
        read(&self.files(), protocol, before, color)
    }
}

/// Reads the rules of some files together.
pub(crate) fn read(
    files: &[PathBuf],
    protocol: &Arc<Protocol>,
    before: Option<&Rules>,
    color: bool,
) -> Result<Read, Broken> {
    let path = |file: &PathBuf| file.to_str().map(|path| (path.to_owned(), Folder::of(file)));
    let Some(named) = files.iter().map(path).collect::<Option<Vec<_>>>() else {
        let first = "the path of a rule file is not Unicode".to_owned();
        let shown = format!("error: {first}\n");
        return Err(Broken {
            shown,
            first,
            files: files.to_vec(),
            errors: 1,
            unknown: 0,
            warnings: 0,
        });
    };
    let roots: Vec<Root<'_>> = named.iter().map(|(path, loader)| Root { path, loader }).collect();
    let lexicon = Arc::new(Lexicon::new(protocol));
    let read_from =
        |sources: &Sources| sources.files().iter().map(|file| PathBuf::from(&file.name)).collect();
    match RuleSet::load(&roots, &lexicon) {
        Ok(set) => {
            let mut warnings = shown(set.warnings(), set.sources(), color);
            let undecided = undecided(&set);
            let warned = set.warnings().len() + undecided.len();
            warnings.extend(undecided);
            let files = read_from(set.sources());
            Ok(Read { rules: Rules::new(set, before), warnings, warned, files })
        }
        Err(problems) => {
            let Problems { diagnostics, sources } = *problems;
            let of = |severity| diagnostics.iter().filter(|r| r.severity == severity).count();
            let first = diagnostics.errors().next();
            Err(Broken {
                shown: shown(&diagnostics, &sources, color),
                first: first.map_or_else(String::new, |first| one_line(first, &sources)),
                files: read_from(&sources),
                errors: of(Severity::Error),
                unknown: diagnostics.errors().filter(|r| UNKNOWN.contains(&r.code)).count(),
                warnings: of(Severity::Warning),
            })
        }
    }
}

/// Codes of mistakes that are names which the protocol does not know.
const UNKNOWN: [&str; 7] = ["F020", "F021", "F023", "R003", "R004", "R010", "R019"];

/// What `intercept` comes to where nobody can be asked, as in this program; a warning for each.
fn undecided(set: &RuleSet) -> Vec<String> {
    let holds = set.rules().iter().filter(|rule| rule.action == "intercept");
    let warning = |rule: &RuleInfo| {
        format!(
            "warning: {}:{}: `intercept` waits for somebody to decide, and here nobody can: the packet and all \
             behind it never go on\n  = help: write `delay 5s` to hold packets, `drop` to keep them\n",
            escape(&rule.file),
            rule.line
        )
    };
    holds.map(warning).collect()
}

fn shown(diagnostics: &Diagnostics, sources: &Sources, color: bool) -> String {
    if diagnostics.is_empty() { String::new() } else { render(diagnostics, sources, color) }
}

/// What a file of rules says that it is for: `for minecraft`.
pub(crate) fn protocol_of(file: &Path) -> Option<String> {
    use midwire_rules::rule::{ast::Item, parse};
    let text = Folder::of(file).load(file.to_str()?).ok()?;
    let (items, _) = parse(0, &text);
    items.into_iter().find_map(|item| match item {
        Item::For(header) => Some(header.protocol.text),
        _ => None,
    })
}

/// `mute.rules:3 there is no field ..`
fn one_line(report: &Diagnostic, sources: &Sources) -> String {
    let file = sources.get(report.span.file).map_or("", |file| file.name.as_str());
    let base = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    let (line, _) = sources.line_col(report.span);
    format!("{}:{line} {}", base.unwrap_or_default(), report.message)
}

/// What rules did, for the end of the program: a line for each, zero included.
pub(crate) fn summary(rules: &Rules) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("rules, and how often each acted:\n");
    for count in rules.counts() {
        let _ = write!(text, "{:>9}  {}", count.hits, count.name);
        if count.refused > 0 {
            let _ = write!(text, "  ({} times it could not)", count.refused);
        }
        text.push('\n');
    }
    for (name, count) in rules.named_counts() {
        let _ = writeln!(text, "{count:>9}  counted as {name}");
    }
    text
}
