//! Reading definitions and rules again when somebody saves one while the proxy runs.
//!
//! Files are looked at many times a second rather than watched: that finds files that an editor replaces,
//! and works on every file system. They are read once they have stopped changing, or have gone on changing
//! for a second. What is wrong leaves everything as it was, and is said until it is right.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use midwire_definition::Protocol;
use midwire_session::{Options, Rules, Setup};
use tokio::sync::watch;

use crate::print::style::stderr_is_colored;
use crate::protocols::{self, Lookup, Stamps};
use crate::queue::Sender;
use crate::rules::{self, RuleFiles};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(125);
/// So long files may go on changing before they are read as they are.
const RESTLESS_MAX: Duration = Duration::from_secs(1);

/// What the files are followed for.
pub(crate) struct Follow {
    pub(crate) lookup: Lookup,
    /// The version that was typed.
    pub(crate) version: Option<String>,
    /// The rules that were named, and the files that they were read from.
    pub(crate) rules: Option<(RuleFiles, Vec<PathBuf>)>,
    /// Where those that read by the files get what is new.
    pub(crate) setups: watch::Sender<Arc<Setup>>,
    pub(crate) events: Sender,
    /// Players are told as well.
    pub(crate) say: bool,
}

impl Follow {
    /// Follows the files until nobody listens.
    pub(crate) async fn run(self) {
        let Self { lookup, version, rules, setups, events, say } = self;
        let protocol = setups.borrow().protocol().clone();
        let mut followed = Followed::new(lookup, version, rules, &protocol);
        while !setups.is_closed() {
            tokio::time::sleep(PERIOD).await;
            let before = setups.borrow().clone();
            // Files may be slow to look at, and definitions take a moment to check.
            let looked = tokio::task::spawn_blocking(move || {
                let found = followed.look(&before);
                (followed, found)
            });
            let Ok((back, found)) = looked.await else { return };
            followed = back;
            for news in found {
                let announcement = news.said.filter(|_| say).map(Into::into);
                if news.setup.is_some() || announcement.is_some() {
                    let setup = news.setup.unwrap_or_else(|| setups.borrow().clone());
                    let options = Options { announcement, ..setup.options().clone() };
                    setups.send_replace(setup.with_options(options));
                }
                match news.report {
                    Some(report) => events.report(report, news.text),
                    None => events.notice(None, news.text),
                }
            }
        }
    }
}

/// Something about files that were read again.
struct News {
    /// What counts from here on, if that is another.
    setup: Option<Arc<Setup>>,
    /// In one line.
    text: String,
    /// What is shown with it.
    report: Option<Report>,
    /// What players are told.
    said: Option<String>,
}

/// What is wrong with rules, or that nothing is any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The mistakes with carets, and warnings. Nothing foreign in it is unescaped.
    pub(crate) shown: String,
    /// What the status line says from here on; `None`: nothing.
    pub(crate) status: Option<String>,
}

/// The files of a definition and of rules, and how they were when they were read.
struct Followed {
    lookup: Lookup,
    version: Option<String>,
    read: Stamps,
    /// How they were at the last look, if that was not as they were read.
    seen: Option<(Stamps, Stamps)>,
    /// When they were first seen changed.
    restless: Option<Instant>,
    /// A definition that could not be used with the rules as they were.
    waiting: Option<Arc<Protocol>>,
    rules: Option<FollowedRules>,
}

struct FollowedRules {
    files: RuleFiles,
    /// The files that were read last.
    sources: Vec<PathBuf>,
    read: Stamps,
    /// When those that count were read.
    since: SystemTime,
    is_bad: bool,
}

impl Followed {
    fn new(
        lookup: Lookup,
        version: Option<String>,
        rules: Option<(RuleFiles, Vec<PathBuf>)>,
        protocol: &Protocol,
    ) -> Self {
        let read = lookup.stamps(protocol);
        let rules = rules.map(|(files, sources)| FollowedRules {
            read: files.stamps(&sources),
            files,
            sources,
            since: SystemTime::now(),
            is_bad: false,
        });
        Self { lookup, version, read, seen: None, restless: None, waiting: None, rules }
    }

    /// Reads the files again if they have changed, and did not change any more since the last look.
    fn look(&mut self, before: &Arc<Setup>) -> Vec<News> {
        let definitions = self.lookup.stamps(before.protocol());
        let rules = self.rules.as_ref().map(|rules| rules.files.stamps(&rules.sources));
        let now = (definitions, rules.unwrap_or_default());
        let other_definitions = now.0 != self.read;
        let other_rules = self.rules.as_ref().is_some_and(|rules| now.1 != rules.read);
        if !other_definitions && !other_rules {
            (self.seen, self.restless) = (None, None);
            return Vec::new();
        }
        let restless = self.restless.get_or_insert_with(Instant::now).elapsed();
        if self.seen.as_ref() != Some(&now) && restless < RESTLESS_MAX {
            self.seen = Some(now);
            return Vec::new();
        }
        self.restless = None;
        self.read = now.0;
        if let Some(rules) = &mut self.rules {
            rules.read = now.1;
        }
        let mut news = Vec::new();
        if other_definitions {
            match self.definitions(before) {
                Ok(protocol) => self.waiting = Some(protocol),
                Err(error) => news.push(News {
                    setup: None,
                    text: format!("{error:#}; the definitions of before stay"),
                    report: None,
                    said: None,
                }),
            }
        }
        if self.waiting.is_some() || other_rules {
            news.push(self.apply(before));
        }
        news
    }

    /// The definition as it is now.
    fn definitions(&mut self, before: &Setup) -> anyhow::Result<Arc<Protocol>> {
        let protocol = self.lookup.read_again()?;
        // The new text may name other files.
        self.read = self.lookup.stamps(&protocol);
        let setup = self.setup(&protocol, None, before)?;
        if !setup.is_interchangeable_with(before) {
            anyhow::bail!(
                "the states, the framing or the connection's variables are others: that needs a new start"
            );
        }
        Ok(protocol)
    }

    fn setup(
        &self,
        protocol: &Arc<Protocol>,
        rules: Option<Arc<Rules>>,
        before: &Setup,
    ) -> anyhow::Result<Arc<Setup>> {
        let version = self.version.as_deref();
        let version = version.map(|text| protocols::version(protocol, text)).transpose()?;
        let options = Options { version, rules, announcement: None, ..before.options().clone() };
        Ok(Setup::new(protocol.clone(), options))
    }

    /// Takes the definition that waits, and the rules as they are now.
    fn apply(&mut self, before: &Arc<Setup>) -> News {
        let protocol = self.waiting.as_ref().unwrap_or(before.protocol()).clone();
        let old = before.options().rules.as_deref();
        let read = self.rules.as_mut().map(|rules| {
            let read = rules.files.read(&protocol, old, stderr_is_colored());
            let (Ok(rules::Read { files, .. }) | Err(rules::Broken { files, .. })) = &read;
            rules.sources.clone_from(files);
            // What was read may have been written to meanwhile; that is seen at the next look.
            rules.read = rules.files.stamps(files);
            read
        });
        let (rules, warnings) = match read {
            None => (None, String::new()),
            Some(Ok(read)) => (Some(read.rules), read.warnings),
            Some(Err(broken)) => return self.broken(broken),
        };
        let setup = match self.waiting.is_some() {
            false => {
                let options = Options { rules: rules.clone(), ..before.options().clone() };
                Ok(before.with_options(options))
            }
            true => self.setup(&protocol, rules.clone(), before),
        };
        let setup = match setup {
            Ok(setup) => setup,
            Err(error) => {
                let text = format!("{error:#}; the definitions of before stay");
                return News { setup: None, text, report: None, said: None };
            }
        };
        let of_definitions = self.waiting.take().is_some();
        let mut text = String::from(match (of_definitions, rules.is_some()) {
            (true, false) => "the definitions were read again; they count from here on",
            (true, true) => "definitions and rules were read again; they count from here on",
            (false, _) => "the rules were read again; they count from here on",
        });
        let mut said = None;
        if let Some(rules) = &mut self.rules {
            rules.since = SystemTime::now();
            if std::mem::take(&mut rules.is_bad) {
                text.push_str(": nothing is wrong with them any more");
                said = Some("midwire: the rules are right again".to_owned());
            }
        }
        let report = rules.map(|_| Report { shown: warnings, status: None });
        News { setup: Some(setup), text, report, said }
    }

    fn broken(&mut self, broken: rules::Broken) -> News {
        let rules::Broken { shown, first, .. } = broken;
        let since = self.rules.as_mut().map(|rules| {
            rules.is_bad = true;
            rules.since
        });
        let since = since.map_or_else(String::new, hour_and_minute);
        let text = format!("{first}; the rules of {since} are active");
        let said = Some(format!("midwire: {text}"));
        let report = Some(Report { shown, status: Some(text.clone()) });
        News { setup: None, text, report, said }
    }
}

/// `14:02 UTC`: what the machine's own time is, nothing here knows.
fn hour_and_minute(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let minutes = since / 60 % (24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_hour_and_a_minute() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 3 + 14 * 3600 + 2 * 60 + 59);
        assert_eq!(hour_and_minute(at), "14:02 UTC");
    }
}
