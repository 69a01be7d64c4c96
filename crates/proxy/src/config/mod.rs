//! The configuration file: listeners with routes, and settings, in TOML.
//!
//! ```toml
//! [settings]
//! sniff_wait = 500
//!
//! [[route]]
//! name = "game"
//! listen = "127.0.0.1:25565"
//! match = { detect = "minecraft" }
//! protocol = "minecraft"
//! to = "play.example.org"
//! ```

mod address;
mod auto;
mod build;
mod pattern;
mod places;
mod reader;
mod route;
mod vnc;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use midwire_definition::Sources;
use midwire_definition::diagnostics::{Diagnostic, suggest};
use midwire_definition::syntax::ast::Span;
use toml::de::{DeTable, DeValue};

pub(crate) use self::address::{listen_address, target};
pub(crate) use self::auto::auto;
pub(crate) use self::build::{Built, Followed};
pub(crate) use self::places::Places;
use self::reader::{Problems, Table, as_tables, codes, span_of, wrong_kind};
use self::route::WrittenRoute;
use crate::error::{say_styled, usage};
use crate::settings::{NotSet, Settings};

/// The longest configuration that is read, in bytes.
const LEN_MAX: u64 = 1 << 20;

/// A configuration whose text is right.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    routes: Vec<WrittenRoute>,
    /// The folder that paths in it count from.
    folder: PathBuf,
    sources: Sources,
}

/// Reads a configuration; what is wrong with it is said, with its places.
pub(crate) fn read(path: &Path) -> anyhow::Result<Config> {
    let shown = path.display().to_string();
    let text = read_text(path).with_context(|| format!("--config {shown}"))?;
    let mut sources = Sources::new();
    sources.add(shown.as_str(), text.as_str());
    let mut problems = Problems::default();
    let (settings, routes) = parse(&text, &mut problems);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_path_buf();
    let config = Config { settings, routes, folder, sources };
    config.say(problems)?;
    Ok(config)
}

impl Config {
    /// Where it says what is listened on.
    pub(crate) fn into_places(self) -> Places {
        let listen = self.routes.into_iter().flat_map(|route| route.listen);
        Places::new(self.sources, listen.collect())
    }

    /// Says what is wrong; an error if anything is.
    fn say(&self, mut problems: Problems) -> anyhow::Result<()> {
        problems.sort();
        if !problems.is_empty() {
            let color = crate::print::style::stderr_is_colored();
            say_styled(&problems.render(&self.sources, color));
        }
        if problems.has_errors() {
            let name = self.sources.get(0).map_or("", |file| file.name.as_str());
            return Err(usage(format!("{name} cannot be used")));
        }
        Ok(())
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => usage("there is no such file"),
        _ => error.into(),
    })?;
    let mut bytes = Vec::new();
    file.take(LEN_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LEN_MAX {
        return Err(usage(format!("it is longer than {LEN_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| usage("it is not UTF-8 text"))
}

/// What a text says.
fn parse(text: &str, out: &mut Problems) -> (Settings, Vec<WrittenRoute>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let span = Span { file: 0, start: place(range.start), end: place(range.end) };
        out.error(codes::SYNTAX, span, format!("this is not TOML: {}", error.message()));
    }
    let mut settings = Settings::default();
    if !errors.is_empty() {
        // What else seems wrong may only follow from that.
        return (settings, Vec::new());
    }
    let mut file = Table::new(document.get_ref(), span_of(&document));
    if let Some(value) = file.get("settings") {
        match value.get_ref() {
            DeValue::Table(table) => {
                set_all(&Table::new(table, span_of(value)), &mut settings, out);
            }
            other => wrong_kind(span_of(value), "`settings`", "a table, [settings],", other, out),
        }
    }
    let routes = match file.get("route") {
        None => {
            let start = Span { file: 0, start: 0, end: 0 };
            let problem = Diagnostic::error(codes::MISSING, start, "there is no route");
            out.push(problem.help(
                "write one as: [[route]] with listen = \"127.0.0.1:4000\", protocol = \"raw\" and \
                 to = \"HOST:PORT\" on lines of their own",
            ));
            Vec::new()
        }
        Some(value) => match value.get_ref() {
            DeValue::Array(list) => as_tables(list, "`route`", out)
                .into_iter()
                .map(|table| route::read(table, out))
                .collect(),
            DeValue::Table(_) => {
                let problem =
                    Diagnostic::error(codes::KIND, span_of(value), "`route` is a single table");
                out.push(problem.help("there may be several: write [[route]] in two brackets"));
                Vec::new()
            }
            other => {
                wrong_kind(span_of(value), "`route`", "a list of tables, [[route]],", other, out);
                Vec::new()
            }
        },
    };
    file.end("a configuration", out);
    route::check_all(&routes, out);
    (settings, routes)
}

fn set_all(table: &Table<'_, '_>, settings: &mut Settings, out: &mut Problems) {
    for (name, at, value) in table.all() {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            other => {
                let what = format!("setting `{name}`");
                wrong_kind(span_of(value), &what, "a whole number, or a text,", other, out);
                continue;
            }
        };
        match settings.set(name, &text) {
            Ok(()) => {}
            Err(NotSet::Takes(what)) => {
                let problem = Diagnostic::error(
                    codes::VALUE,
                    span_of(value),
                    format!("setting `{name}` takes {what}"),
                );
                out.push(problem);
            }
            Err(NotSet::Unknown) => {
                let message = format!("there is no setting `{name}`");
                let problem = Diagnostic::error(codes::NAME, at, message);
                out.push(match suggest(name, Settings::names()) {
                    Some(near) => problem.label(format!("did you mean `{near}`?")),
                    None => problem.help(format!(
                        "there are: {}",
                        Settings::names().collect::<Vec<_>>().join(", ")
                    )),
                });
            }
        }
    }
}
