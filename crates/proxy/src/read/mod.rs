//! `midwire read`: recorded sessions, shown as they would have been while they passed.
//!
//! ```text
//!  files ──▶ capture: packets, segments ──▶ recordings: frames     ──▶ replay ──▶ out ──▶ views
//!                                      └──▶ streams: bytes, gaps ──▶ stream ──┘
//! ```

mod choose;
mod cipher;
mod columns;
mod counts;
mod followed;
mod guess;
mod index;
mod input;
mod lost;
mod nonsense;
mod numbering;
mod numbers;
mod out;
mod pick;
mod player;
mod progress;
mod provenance;
mod replay;
mod said;
mod sessions;
mod sound;
mod stats;
mod stop;
mod stream;
mod sync;
mod times;
mod tools;
mod torn;
mod trial;
mod waiting;
mod walk;

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use midwire_definition::{Limits, Workspace};
use midwire_session::Scratch;

use self::choose::Choice;
use self::columns::{Columns, Separator};
use self::counts::{Counts, lock};
use self::out::{Out, Wanted};
use self::sessions::Sessions;
use self::stats::Stats;
use self::stop::Stop;
use self::times::Moment;
use self::tools::{Tools, Viewed};
use self::walk::Walk;
use crate::args;
use crate::error::{NO, USAGE, say, usage};
use crate::filter::Filters;
use crate::print::{self, Detail, STACK, Style, View};
use crate::settings::Settings;

/// Runs `midwire read`.
pub(crate) fn run(args: args::Read) -> anyhow::Result<ExitCode> {
    // Definitions may nest deeply.
    let read = move || read(&args);
    let thread = std::thread::Builder::new().name("reader".into()).stack_size(STACK).spawn(read);
    let read = thread.context("cannot start reading")?.join();
    read.map_err(|_| anyhow::anyhow!("reading has failed"))?
}

/// Runs `midwire rules try`.
pub(crate) fn try_rules(args: args::RulesTry) -> anyhow::Result<ExitCode> {
    let thread = std::thread::Builder::new().name("reader".into()).stack_size(STACK);
    let tried = thread.spawn(move || trial::run(&args)).context("cannot start reading")?.join();
    tried.map_err(|_| anyhow::anyhow!("reading has failed"))?
}

fn read(args: &args::Read) -> anyhow::Result<ExitCode> {
    let settings = Settings::from_args(&args.set)?;
    let files = files(args)?;
    let choice = Choice::new(&args.with, settings.clone())?;
    let filters = match &args.filter {
        None => None,
        Some(source) => {
            match Filters::new("-Y", source, choice.candidates(), settings.definition) {
                Ok(filters) => Some(filters),
                Err(wrong) => {
                    say(&wrong);
                    return Ok(ExitCode::from(USAGE));
                }
            }
        }
    };
    let moment = |option, text: &Option<String>| {
        text.as_deref().map(|text| Moment::parse(option, text)).transpose()
    };
    let (from, to) = (moment("--from", &args.from)?, moment("--to", &args.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from.is_behind(to)
    {
        return Err(turned_round(args));
    }
    let wanted = Wanted { filters, from, to, count: args.count, packet: args.packet };
    let counts = Arc::new(Mutex::new(Counts::default()));
    let is_counted = args.stats && wanted.is_all();
    let viewed = match &args.filter {
        _ if is_counted => Viewed::Counts(counts.clone()),
        Some(source) if wanted.is_by_filter() && !args.stats => {
            Viewed::Matches(source.clone(), Vec::new())
        }
        _ => Viewed::Packets,
    };
    let out =
        Rc::new(RefCell::new(Out::new(view(args, settings.definition, counts.clone())?, wanted)));
    let stop = Stop::listen()?;
    let tools = Tools {
        choice,
        scratch: Scratch::new(&settings.session),
        workspace: Workspace::new(settings.definition),
        inflate_max: settings.session.inflate_max,
        view: viewed,
        is_trial: false,
        has_tried: false,
    };
    // What other settings make of a capture is in no index.
    let may_index = !args.no_index && args.set.is_empty() && tools.choice.admits_all();
    let (tools, place) = match (&files[..], args.packet) {
        ([file], Some(packet)) if may_index => index::place(file, packet, tools, &stop),
        ([file], None) if may_index && is_counted && !args.follow => {
            let (tools, known) = index::counts(file, tools, &stop);
            if let Some(known) = known {
                *lock(&counts) = known;
                out.borrow_mut().finish()?;
                return Ok(ExitCode::SUCCESS);
            }
            (tools, None)
        }
        _ => (tools, None),
    };
    let quiet = (args.follow, args.stats);
    let mut walk = Walk::new(Sessions::new(tools, out.clone()), out.clone(), stop, quiet);
    match place {
        Some(place) => walk.from(place, &files[0].display().to_string())?,
        None => {
            for file in &files {
                walk.file(file)?;
                if walk.is_done() {
                    break;
                }
            }
        }
    }
    walk.finish();
    out.borrow_mut().finish()?;
    let out = out.borrow();
    if out.is_turned_round {
        return Err(turned_round(args));
    }
    if let Some(number) = args.packet.filter(|number| out.packets < *number) {
        say(&format!("there is no packet {number}: {} were read", out.packets));
        return Ok(ExitCode::from(NO));
    }
    if let (Some(number), Some(why)) = (args.packet, out.denied) {
        say(&format!("packet {number} {why}; without that it is shown"));
        return Ok(ExitCode::from(NO));
    }
    walk.tell(&out);
    Ok(if walk.is_damaged() { ExitCode::from(NO) } else { ExitCode::SUCCESS })
}

/// Nothing lies between these times.
fn turned_round(args: &args::Read) -> anyhow::Error {
    let [from, to] = [&args.from, &args.to].map(|time| time.as_deref().unwrap_or_default());
    usage(format!(
        "--to {to} is earlier than --from {from}: no packet is between them; write the earlier one behind --from"
    ))
}

/// What is to be read.
fn files(args: &args::Read) -> anyhow::Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = args.read.iter().chain(&args.files).cloned().collect();
    let is_input = |file: &PathBuf| file == Path::new("-");
    match files.as_slice() {
        [] if std::io::stdin().is_terminal() => {
            Err(usage("which file? midwire read FILE, or - for standard input"))
        }
        [] => Ok(vec![PathBuf::from("-")]),
        _ if files.iter().filter(|file| is_input(file)).count() > 1 => {
            Err(usage("standard input can be read once"))
        }
        [_, _, ..] if args.follow => Err(usage("--follow: one file can be followed")),
        _ => Ok(files),
    }
}

fn view(
    args: &args::Read,
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
) -> anyhow::Result<Box<dyn View>> {
    let style = Style::of_stdout();
    if args.stats {
        return Ok(Box::new(Stats::new(args.json, style, limits, counts)));
    }
    for (fields, separator) in [(&args.csv, Separator::Comma), (&args.tsv, Separator::Tab)] {
        if let Some(fields) = fields {
            return Ok(Box::new(Columns::new(print::json(limits), separator, fields)?));
        }
    }
    if args.json {
        return Ok(print::json(limits));
    }
    let is_one = args.packet.is_some();
    let detail = Detail { hex: args.hex || is_one, tree: args.tree || is_one };
    Ok(print::listing(limits, style, detail))
}
