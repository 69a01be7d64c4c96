//! All recordings of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Options, Recorder, in_data_folder, is_same};
use crate::args;
use crate::error::usage;
use crate::filter::Filters;
use crate::queue::Sender;
use crate::relay::Route;

/// Where a route's sessions are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordTo {
    /// In this file.
    File(PathBuf),
    /// In one of their own in the data folder.
    Data,
}

/// The recordings of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recordings(Vec<(PathBuf, Arc<Recorder>)>);

impl Recordings {
    /// Opens what routes are recorded to: as they say, or else as was typed. Gives what is to be said as well.
    ///
    /// # Errors
    /// What was typed makes no sense, or a file cannot be recorded to.
    pub(crate) fn open<'r>(
        args: &args::Record,
        protocol: &str,
        room: usize,
        routes: impl Iterator<Item = &'r Arc<Route>>,
        filters: impl Fn(&str) -> anyhow::Result<Filters>,
    ) -> anyhow::Result<(Self, String)> {
        let typed = match (&args.write, args.record) {
            (Some(file), _) if file.as_os_str() == "-" => {
                return Err(usage(
                    "-w -: standard output has the listing; record to a file or a pipe",
                ));
            }
            (Some(file), _) => Some(RecordTo::File(file.clone())),
            (None, true) => Some(RecordTo::Data),
            (None, false) => None,
        };
        let now = SystemTime::now();
        let (mut all, mut said) = (Self::default(), String::new());
        let mut in_data: Option<PathBuf> = None;
        for route in routes {
            let Some(to) = route.record_to.as_ref().or(typed.as_ref()) else { continue };
            let path = match to {
                RecordTo::File(path) => path.clone(),
                RecordTo::Data if route.record_to.is_some() => {
                    let setup = route.setup.borrow().clone();
                    in_data_folder(&setup.protocol().name, now)?
                }
                RecordTo::Data => match &in_data {
                    Some(path) => path.clone(),
                    None => in_data.insert(in_data_folder(protocol, now)?).clone(),
                },
            };
            let known = all.0.iter().find(|(known, _)| is_same(known, &path));
            let recorder = match known {
                Some((_, recorder)) => recorder.clone(),
                None => {
                    let options = Options::new(args, path.clone(), room)?;
                    let keep = options.keep.as_deref().map(&filters).transpose()?;
                    let (recorder, opened) = Recorder::open(options, keep)?;
                    said.push_str(&opened);
                    all.0.push((path, recorder.clone()));
                    recorder
                }
            };
            // Each route is here once.
            let _ = route.recorder.set(recorder);
        }
        if all.0.is_empty() && args.says_how() {
            return Err(usage(
                "-b, --keep, --sync, --compress and --record-secrets say how to record; say where as well: \
                 -w FILE or --record",
            ));
        }
        Ok((all, said))
    }

    /// Starts to write.
    pub(crate) fn start(&self, events: &Sender) -> std::io::Result<()> {
        self.each().try_for_each(|recorder| recorder.start(events.clone()))
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Arc<Recorder>> {
        self.0.iter().map(|(_, recorder)| recorder)
    }

    /// Writes all that was told, for a program that ends now, and waits for that no longer than this.
    pub(crate) fn finish_within(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        for recorder in self.each() {
            recorder.finish_within(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Writes all that was told. Gives what there is, for people, and whether it is all.
    pub(crate) fn finish(&self) -> (String, bool) {
        let (mut text, mut is_all) = (String::new(), true);
        for recorder in self.each() {
            let (said, is_whole) = recorder.finish();
            if !said.is_empty() {
                text.push_str(&said);
                text.push('\n');
            }
            is_all &= is_whole;
        }
        (text, is_all)
    }
}
