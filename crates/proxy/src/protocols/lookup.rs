//! Which files a definition consists of: one that defines it, and those that extend it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use etcetera::BaseStrategy as _;
use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::{Item, lookup_key};
use midwire_definition::{
    Builtin, BuiltinUntested, Diagnostics, LoadError, Loader, Problems, Protocol, Report, Root,
    Severity, Sources, builtin, check, check_extended, render,
};

use super::{Folder, names};
use crate::error::{say_styled, usage};

/// Bytes without any meaning: nothing but the relay.
const RAW: &str = "protocol raw \"Raw bytes\" { frame none }\n";

/// One text that is not in a file.
struct Text(&'static str);

impl Loader for Text {
    fn load(&self, _path: &str) -> Result<String, LoadError> {
        Ok(self.0.to_owned())
    }
}

/// The folders that definitions are looked up in: those given, then the user's own. Of two files that
/// define the same, that of the earlier folder counts.
pub(crate) fn folders(given: &[PathBuf]) -> Vec<PathBuf> {
    let own = etcetera::choose_base_strategy().ok();
    let own = own.map(|base| base.config_dir().join("midwire").join("defs"));
    given.iter().cloned().chain(own.filter(|folder| folder.is_dir())).collect()
}

/// The .wire files of a folder, in order of name.
pub(super) fn wire_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "wire"))
        .collect();
    files.sort_unstable();
    files
}

/// What a .wire file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Declares {
    Protocol,
    /// It extends the protocol of this name.
    Extension(String),
    /// A part of another file, or no definition at all.
    Neither,
}

/// What a file is, by the first declaration that tells; faults elsewhere in it do not matter.
pub(super) fn declares(file: &Path) -> Declares {
    let Some(path) = file.to_str() else { return Declares::Neither };
    let Ok(text) = Folder::of(file).load(path) else { return Declares::Neither };
    let (parsed, _) = midwire_definition::syntax::parse(0, &text);
    let told = parsed.items.into_iter().find_map(|item| match item {
        Item::Protocol(_) => Some(Declares::Protocol),
        Item::Extend(extension) => Some(Declares::Extension(extension.name.text)),
        _ => None,
    });
    told.unwrap_or(Declares::Neither)
}

/// What defines a protocol.
#[derive(Debug, PartialEq, Eq)]
enum Base {
    File(PathBuf),
    Builtin(&'static str),
    Raw,
}

/// Whether all folders of `--defs` are there.
pub(crate) fn check_folders(given: &[PathBuf]) -> anyhow::Result<()> {
    match given.iter().find(|folder| !folder.is_dir()) {
        Some(missing) => {
            Err(usage(format!("--defs {}: there is no such folder", missing.display())))
        }
        None => Ok(()),
    }
}

/// The files of a definition, which may change while the program runs.
#[derive(Debug)]
pub(crate) struct Lookup {
    base: Base,
    /// Those that count more stand behind.
    extensions: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// What was named is itself an extension.
    named: Option<PathBuf>,
}

impl Lookup {
    /// Looks up a name in these folders and then among what is built in, or takes a .wire file.
    pub(crate) fn new(name: &str, given: &[PathBuf]) -> anyhow::Result<Self> {
        check_folders(given)?;
        let folders = folders(given);
        let is_file = name.ends_with(".wire") || name.contains(['/', '\\']);
        let mut named = None;
        let base = if is_file {
            let file = PathBuf::from(name);
            if !file.exists() {
                return Err(usage(format!("there is no file {name}")));
            }
            match declares(&file) {
                Declares::Extension(extended) => {
                    named = Some(file);
                    base(&extended, &folders)?
                }
                Declares::Protocol | Declares::Neither => Base::File(file),
            }
        } else {
            base(name, &folders)?
        };
        let mut lookup = Self { base, extensions: Vec::new(), folders, named };
        lookup.find_extensions();
        Ok(lookup)
    }

    /// A .wire file alone; one that extends is read with what it extends, which is looked up in its own
    /// folder and among what is built in.
    pub(crate) fn of_file(file: &Path) -> anyhow::Result<Self> {
        let alone = |base, named: Option<PathBuf>| Self {
            base,
            extensions: named.iter().cloned().collect(),
            folders: Vec::new(),
            named,
        };
        match declares(file) {
            Declares::Extension(extended) => {
                let folder = file.parent().map(Path::to_path_buf);
                let base = base(&extended, &folder.into_iter().collect::<Vec<_>>())?;
                Ok(alone(base, Some(file.to_path_buf())))
            }
            Declares::Protocol | Declares::Neither => {
                Ok(alone(Base::File(file.to_path_buf()), None))
            }
        }
    }

    /// The files that extend the protocol, by what they say now.
    fn find_extensions(&mut self) {
        let name = match &self.base {
            Base::Builtin(name) => (*name).to_owned(),
            Base::File(file) => {
                file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into())
            }
            Base::Raw => "raw".to_owned(),
        };
        let extends = |file: &PathBuf| match declares(file) {
            Declares::Extension(extended) => lookup_key(&extended) == lookup_key(&name),
            Declares::Protocol | Declares::Neither => false,
        };
        let found = self.folders.iter().rev().flat_map(|folder| wire_files(folder));
        let found = found.filter(|file| Some(file) != self.named.as_ref()).filter(extends);
        self.extensions = found.chain(self.named.clone()).collect();
    }

    /// The file that defines the protocol, if it is not built in.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.base {
            Base::File(file) => Some(file),
            Base::Builtin(_) | Base::Raw => None,
        }
    }

    /// The files that extend the definition.
    pub(crate) fn extensions(&self) -> &[PathBuf] {
        &self.extensions
    }

    /// Reads and checks the definition; says its warnings.
    pub(crate) fn read(&self) -> anyhow::Result<Arc<Protocol>> {
        let color = crate::print::style::stderr_is_colored();
        let told = |problems: &Diagnostics, sources: &Sources| {
            if !problems.is_empty() {
                say_styled(&render(problems, sources, color));
            }
        };
        match self.read_quietly()? {
            Ok(protocol) => {
                told(&protocol.warnings, &protocol.sources);
                Ok(protocol)
            }
            Err(problems) => {
                told(&problems.diagnostics, &problems.sources);
                Err(usage(format!("{} cannot be used", self.shown())))
            }
        }
    }

    fn read_quietly(&self) -> anyhow::Result<Result<Arc<Protocol>, Box<Problems>>> {
        Ok(match (&self.base, self.extensions.is_empty()) {
            (Base::Builtin(name), true) => {
                Ok(builtin(name).ok_or_else(|| usage(format!("there is no protocol {name}")))?)
            }
            (Base::Raw, _) => Protocol::load("raw.wire", &Text(RAW)),
            (Base::File(_), true) => {
                self.with_roots(&BuiltinUntested, |base, _| Protocol::load(base.path, base.loader))?
            }
            (Base::File(_), false) => self.with_roots(&BuiltinUntested, Protocol::load_extended)?,
            (Base::Builtin(_), false) => {
                self.with_roots(&BuiltinUntested, Protocol::load_checked_extended)?
            }
        })
    }

    /// Reads and checks the definition, every packet at every version, and runs the tests in it.
    pub(crate) fn check(&self) -> anyhow::Result<Report> {
        self.with_roots(&Builtin, |base, extensions| match extensions {
            [] => check(base.path, base.loader),
            extensions => check_extended(base, extensions),
        })
    }

    fn with_roots<R>(
        &self,
        builtin: &dyn Loader,
        act: impl FnOnce(Root<'_>, &[Root<'_>]) -> R,
    ) -> anyhow::Result<R> {
        let path = |file: &PathBuf| match file.to_str() {
            Some(path) => Ok((path.to_owned(), Folder::of(file))),
            None => Err(usage(format!("{}: the path is not Unicode", file.display()))),
        };
        let files = self.extensions.iter().map(path).collect::<anyhow::Result<Vec<_>>>()?;
        let extensions: Vec<Root<'_>> =
            files.iter().map(|(path, loader)| Root { path, loader }).collect();
        match &self.base {
            Base::File(file) => {
                let (path, loader) = path(file)?;
                Ok(act(Root { path: &path, loader: &loader }, &extensions))
            }
            Base::Builtin(name) => {
                let path = format!("{name}.wire");
                Ok(act(Root { path: &path, loader: builtin }, &extensions))
            }
            Base::Raw => Ok(act(Root { path: "raw.wire", loader: &Text(RAW) }, &extensions)),
        }
    }

    /// The user's files, as people are told of them.
    fn shown(&self) -> String {
        let files = self.file().into_iter().chain(self.extensions.iter().map(PathBuf::as_path));
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        files.join(" with ")
    }
}

fn base(name: &str, folders: &[PathBuf]) -> anyhow::Result<Base> {
    for folder in folders {
        let file = folder.join(format!("{name}.wire"));
        if file.exists() && !matches!(declares(&file), Declares::Extension(_)) {
            return Ok(Base::File(file));
        }
    }
    if name == "raw" {
        return Ok(Base::Raw);
    }
    let mut known = midwire_definition::builtins();
    if let Some(name) = known.find(|known| *known == name) {
        return Ok(Base::Builtin(name));
    }
    let known = names(folders);
    let hint = suggest(name, known.iter().map(String::as_str))
        .map_or(String::new(), |near| format!("; did you mean {near}?"));
    Err(usage(format!(
        "there is no protocol {name}{hint}\n  known: {}, or the path of a .wire file",
        known.join(", ")
    )))
}

/// When files were last written, and how long they were: what changes when somebody saves one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Stamps {
    /// Of these files as they are now.
    pub(crate) fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut files: Vec<PathBuf> = files.into_iter().collect();
        files.sort_unstable();
        files.dedup();
        let stamp = |file: &PathBuf| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(files.into_iter().map(|file| (file.clone(), stamp(&file))).collect())
    }
}

impl Lookup {
    /// The stamps of the files that `protocol` was read from, and of those that may extend it.
    pub(crate) fn stamps(&self, protocol: &Protocol) -> Stamps {
        let read = protocol.sources.files().iter().map(|source| source.name.as_str());
        // What is built in is in no file, though one may be called so.
        let read = read.filter(|name| Builtin.load(name).is_err()).map(PathBuf::from);
        let mut files: Vec<PathBuf> =
            read.chain(self.folders.iter().flat_map(|folder| wire_files(folder))).collect();
        files.extend(self.named.clone());
        Stamps::of(files)
    }

    /// Reads the definition anew, with the files that extend it now. The error is one line, with the
    /// place of the first mistake.
    pub(crate) fn read_again(&mut self) -> anyhow::Result<Arc<Protocol>> {
        self.find_extensions();
        self.read_quietly()?.map_err(|problems| {
            let Problems { diagnostics, sources } = *problems;
            let first = diagnostics.0.iter().find(|problem| problem.severity == Severity::Error);
            let Some(first) = first else {
                return usage(format!("{} cannot be used", self.shown()));
            };
            let file = sources.get(first.span.file).map_or("", |file| file.name.as_str());
            let (line, column) = sources.line_col(first.span);
            usage(format!("{file}:{line}:{column} {}", first.message))
        })
    }
}
