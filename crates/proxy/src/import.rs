//! `midwire defs import`: definitions made of other tools' data.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use midwire_definition::escape::escape;
use midwire_definition::sources::MAX_SOURCE_LEN;
use midwire_definition::{LoadError, Loader};
use midwire_import::{Change, Compared, Document, Edition, ImportError, Note, Options};

use crate::args;
use crate::error::{print, say, usage};
use crate::print::put;
use crate::protocols;

/// Runs `midwire defs import protodef`.
pub(crate) fn protodef(args: &args::Protodef) -> anyhow::Result<ExitCode> {
    let data = data_folder(&args.folder)?;
    let edition = match args.edition.to_lowercase().as_str() {
        "pc" | "java" => Edition::Pc,
        "bedrock" => Edition::Bedrock,
        other => return Err(usage(format!("--edition {other}: it is pc or bedrock"))),
    };
    let versions = args.versions.as_deref().map(range).transpose()?;
    let options = Options { edition, versions, name: name_of(&args.output) };
    let progress = Progress::start();
    let files = Data { root: data, progress: &progress };
    match &args.over {
        None => {
            let made = midwire_import::import(&files, &options).map_err(|e| fails(args, e))?;
            progress.done();
            for (at, document) in made.documents.iter().enumerate() {
                write(&beside(&args.output, document, at), &document.text)?;
            }
            say(&noted(&made.notes));
            say(&summary(args, &made.documents, made.packets));
            Ok(ExitCode::SUCCESS)
        }
        Some(over) => {
            let base = protocols::find(over, &args.definitions.defs)?;
            let made =
                midwire_import::compare(&files, &options, &base).map_err(|e| fails(args, e))?;
            progress.done();
            write(&args.output, &made.overlay)?;
            say(&noted(&made.notes));
            let code = print(&changes(&made));
            let (packets, files) = made.packets;
            say(&format!(
                "{packets} packets of {files} protocol.json compared with {over}: {} changes; {}",
                made.changes.len(),
                args.output.display()
            ));
            Ok(code)
        }
    }
}

/// The folder with dataPaths.json: this one, or the one in it.
fn data_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    if !folder.is_dir() {
        return Err(usage(format!("there is no folder {}", folder.display())));
    }
    let inside =
        ["", "data", "minecraft-data/data", "node_modules/minecraft-data/minecraft-data/data"];
    let found = inside.iter().map(|inside| folder.join(inside));
    let found = found.into_iter().find(|folder| folder.join("dataPaths.json").is_file());
    found.ok_or_else(|| {
        usage(format!(
            "{} is not minecraft-data: there is no dataPaths.json in it, in data or in \
             minecraft-data/data\n  get it by `npm pack minecraft-data` or from \
             github.com/PrismarineJS/minecraft-data",
            folder.display()
        ))
    })
}

/// `A..B`, each of which may be left out; `A` alone is one version.
fn range(text: &str) -> anyhow::Result<(Option<String>, Option<String>)> {
    let end = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    if end(from).is_none() && end(to).is_none() {
        return Err(usage("--versions needs a version, as in 1.20.4..26.1"));
    }
    Ok((end(from), end(to)))
}

/// A protocol's name from the file that it is written to.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = stem.chars().map(letter).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("imported{name}")
    }
}

fn fails(args: &args::Protodef, error: ImportError) -> anyhow::Error {
    match error {
        ImportError::NoVersion { .. } | ImportError::NoEdition(_) | ImportError::TooMany { .. } => {
            usage(error.to_string())
        }
        error => anyhow::Error::new(error).context(args.folder.display().to_string()),
    }
}

/// Where a definition goes: the first where it was wanted, others beside it by their names.
fn beside(output: &Path, document: &Document, at: usize) -> PathBuf {
    if at == 0 || output == Path::new("-") {
        return output.to_path_buf();
    }
    output.with_file_name(format!("{}.wire", document.name))
}

/// Writes beside the file and puts it in its place, so that half of one is never there. What is no file,
/// such as a device or a pipe, is written to.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if file == Path::new("-") {
        return Ok(crate::error::write(text.as_bytes())?);
    }
    let in_place = file.metadata().is_ok_and(|found| !found.is_file());
    let written = if in_place {
        std::fs::write(file, text)
    } else {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("definition");
        let temporary = file.with_file_name(format!(".{name}.{}", std::process::id()));
        let written =
            std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, file));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    };
    written.with_context(|| format!("cannot write {}", file.display()))
}

fn summary(
    args: &args::Protodef,
    documents: &[Document],
    (packets, opaque): (usize, usize),
) -> String {
    let mut out = String::new();
    for (at, document) in documents.iter().enumerate() {
        let file = beside(&args.output, document, at);
        let lines = document.text.lines().count();
        put(
            &mut out,
            format_args!(
                "{}: {lines} lines from {} protocol.json\n",
                file.display(),
                document.files
            ),
        );
    }
    let whole = if opaque == 0 {
        "all of them carried whole".to_owned()
    } else {
        format!("{opaque} of them opaque in part or whole, listed above")
    };
    put(&mut out, format_args!("{packets} packets over all versions, {whole}\n"));
    out
}

/// What could not be carried, what is alike for several packets as one.
fn noted(notes: &[Note]) -> String {
    let mut groups: BTreeMap<(bool, &str, &str, &[String]), Vec<&str>> = BTreeMap::new();
    for note in notes {
        let key = (!note.opaque, note.path.as_str(), note.why.as_str(), note.versions.as_slice());
        groups.entry(key).or_default().push(&note.packet);
    }
    let mut out = String::new();
    for ((whole, path, why, versions), packets) in groups {
        let mark = if whole { "note" } else { "opaque" };
        let versions = match versions {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [first, .., last] => format!(" ({first} to {last})"),
        };
        let at = if path.is_empty() { String::new() } else { format!(" at {path}") };
        let packets = packets.join(", ");
        put(
            &mut out,
            format_args!("{}\n", escape(&format!("{mark}: {packets}{versions}{at}: {why}"))),
        );
    }
    out
}

/// A line for each change; numbers that only moved are one line.
fn changes(made: &Compared) -> String {
    let mut out = String::new();
    let mut moved: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut values: BTreeMap<(&str, &str, String), Vec<Value<'_>>> = BTreeMap::new();
    for changed in &made.changes {
        let runs: Vec<String> = changed
            .versions
            .iter()
            .map(
                |(first, last)| {
                    if first == last { first.clone() } else { format!("{first} to {last}") }
                },
            )
            .collect();
        let written = if changed.written { "" } else { " (not in the overlay)" };
        let runs = format!("{}{written}", runs.join(", "));
        match &changed.change {
            Change::Moved { from, to } => {
                let (place, name) =
                    changed.packet.rsplit_once(' ').unwrap_or(("", &changed.packet));
                let by = format!("{place}: {runs}: moved id by {:+}", to - from);
                moved.entry(by).or_default().push(name);
            }
            Change::Entry { path, from, to, .. } => {
                let key = (changed.packet.as_str(), path.as_str(), runs);
                values.entry(key).or_default().push((from.as_deref(), to.as_deref()));
            }
            change => {
                let line = format!("{}: {runs}: {change}", changed.packet);
                put(&mut out, format_args!("{}\n", escape(&line)));
            }
        }
    }
    for (by, names) in moved {
        put(&mut out, format_args!("{}\n", escape(&format!("{by}: {}", names.join(", ")))));
    }
    for ((packet, path, runs), values) in values {
        let line = format!("{packet}: {runs}: values of {path}: {}", renamed(&values));
        put(&mut out, format_args!("{}\n", escape(&line)));
    }
    out
}

/// A number's name before and now.
type Value<'a> = (Option<&'a str>, Option<&'a str>);

/// What became of the names of an enum.
fn renamed(values: &[Value<'_>]) -> String {
    let before: Vec<&str> = values.iter().filter_map(|(from, _)| *from).collect();
    let now: Vec<&str> = values.iter().filter_map(|(_, to)| *to).collect();
    let list = |what: &str, names: Vec<&str>| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let added = now.iter().copied().filter(|name| !before.contains(name)).collect();
    let removed = before.iter().copied().filter(|name| !now.contains(name)).collect();
    let moved = now.iter().filter(|name| before.contains(name)).count();
    let moved = (moved > 0).then(|| format!("{moved} have another number"));
    let parts = [list("added", added), list("removed", removed), moved];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Reads files of the folder, and says on a terminal how far it is.
struct Data<'a> {
    root: PathBuf,
    progress: &'a Progress,
}

impl Loader for Data<'_> {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        let named = || path.to_owned();
        if path.split(['/', '\\']).any(|part| part == "..") || Path::new(path).is_absolute() {
            return Err(LoadError::Outside { path: named() });
        }
        self.progress.reads(path);
        let file = self.root.join(path);
        let unreadable = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound { path: named() },
            _ => LoadError::Unreadable { path: named(), reason: e.to_string() },
        };
        let len = std::fs::metadata(&file).map_err(unreadable)?.len();
        if len > MAX_SOURCE_LEN as u64 {
            return Err(LoadError::TooLong { path: named(), len });
        }
        let bytes = std::fs::read(&file).map_err(unreadable)?;
        String::from_utf8(bytes).map_err(|_| LoadError::NotText { path: named() })
    }
}

/// A line on a terminal that is overwritten.
struct Progress {
    shown: bool,
}

impl Progress {
    fn start() -> Progress {
        Progress { shown: std::io::stderr().is_terminal() }
    }

    fn reads(&self, path: &str) {
        if self.shown && path.ends_with("protocol.json") {
            let path: String = path.chars().filter(|c| !c.is_control()).take(60).collect();
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[Kreading {path}");
            let _ = stderr.flush();
        }
    }

    fn done(&self) {
        if self.shown {
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K");
            let _ = stderr.flush();
        }
    }
}
