//! What the doctor finds, a line each.

use midwire_definition::escape::escape;
use midwire_definition::json::write_string;

use crate::error::{OutputError, write};
use crate::print::put;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    Note,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Finding {
    about: &'static str,
    state: State,
    text: String,
    facts: Vec<(&'static str, Fact)>,
}

/// A detail, for scripts.
#[derive(Debug)]
pub(super) enum Fact {
    Text(String),
    Number(i128),
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i128> for Fact {
    fn from(number: i128) -> Self {
        Self::Number(number)
    }
}

impl Finding {
    /// It is as it should be.
    pub(super) fn good(about: &'static str, text: impl Into<String>) -> Self {
        Self { about, state: State::Good, text: text.into(), facts: Vec::new() }
    }

    /// It is no hindrance, and good to know.
    pub(super) fn note(about: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(about, text) }
    }

    /// The game cannot be played like this.
    pub(super) fn bad(about: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Bad, ..Self::good(about, text) }
    }

    pub(super) fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.facts.push((name, fact.into()));
        self
    }
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "wrong",
        }
    }
}

/// Says findings as they come.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    is_well: bool,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, is_well: true }
    }

    pub(super) fn tell(&mut self, finding: Finding) -> Result<(), OutputError> {
        let Finding { about, state, text, facts } = finding;
        self.is_well &= state != State::Bad;
        let mut line = String::new();
        if !self.json {
            put(&mut line, format_args!("{:<5}  {about:<11}  {}\n", state.as_str(), escape(&text)));
            return write(line.as_bytes());
        }
        let state = state.as_str();
        put(
            &mut line,
            format_args!(
                "{{\"type\":\"check\",\"about\":\"{about}\",\"state\":\"{state}\",\"text\":"
            ),
        );
        write_string(&text, &mut line);
        for (name, fact) in facts {
            put(&mut line, format_args!(",\"{name}\":"));
            match fact {
                Fact::Text(text) => write_string(&text, &mut line),
                Fact::Number(number) => put(&mut line, format_args!("{number}")),
            }
        }
        line.push_str("}\n");
        write(line.as_bytes())
    }

    /// Whether nothing was wrong.
    pub(super) fn end(self) -> Result<bool, OutputError> {
        let is_well = self.is_well;
        let line = match (self.json, is_well) {
            (true, _) => format!("{{\"type\":\"doctor\",\"ok\":{is_well}}}\n"),
            (false, true) => "all is well\n".to_owned(),
            (false, false) => "something is wrong, see above\n".to_owned(),
        };
        write(line.as_bytes())?;
        Ok(is_well)
    }
}
