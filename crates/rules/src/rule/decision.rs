//! What rules say about a packet.

use std::sync::Arc;
use std::time::Duration;

use midwire_codec::Direction;
use midwire_definition::Given;

/// A rule, by its place in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on, with [`Decision::payload`] if there is one.
    #[default]
    Pass,
    /// It does not go on.
    Drop(RuleId),
    /// It waits for a person.
    Intercept(RuleId),
}

/// What all rules together say about a packet.
///
/// Kept by who asks, and filled anew for each packet: nothing is allocated when no rule matches.
#[derive(Debug, Default)]
pub struct Decision {
    /// What becomes of it.
    pub outcome: Outcome,
    /// What goes on in its place: id and fields, plain.
    pub payload: Option<Vec<u8>>,
    /// It goes on later: the longest of what the rules say.
    pub delay: Option<Delay>,
    /// So many more of it go on, behind it.
    pub duplicates: u32,
    /// Other packets that are to be sent, in order.
    pub sends: Vec<Sent>,
    /// The session is to be ended.
    pub disconnect: Option<Disconnect>,
    /// The colours it is shown in.
    pub marks: Vec<Mark>,
    /// Lines to be written.
    pub logs: Vec<LogLine>,
    /// The rules that acted, in order.
    pub hits: Vec<RuleId>,
    /// The rules that changed the payload.
    pub changed_by: Vec<RuleId>,
    /// What could not be done, and why. The rest was.
    pub refused: Vec<Refused>,
    /// Rules acted that would have done something, but only watched, as the session's version is assumed.
    pub only_watched: bool,
}

/// A packet goes on later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The rule that said so.
    pub rule: RuleId,
    /// So much later.
    pub by: Duration,
    /// What follows does not wait behind it.
    pub unordered: bool,
}

/// Before or behind the packet that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Directly in front of it.
    Before,
    /// Directly behind it.
    After,
}

/// A packet that a rule sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The rule.
    pub rule: RuleId,
    /// Which way.
    pub direction: Direction,
    /// Where.
    pub position: Position,
    /// The packet's name.
    pub packet: Arc<str>,
    /// Its fields; what is not given takes its default.
    pub fields: Given,
    /// Although the receiver's state may not have it, or changes by it.
    pub forced: bool,
}

/// A session is ended by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The rule.
    pub rule: RuleId,
    /// What the client is told.
    pub why: String,
}

/// A packet is shown in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The rule.
    pub rule: RuleId,
    /// The colour.
    pub color: Color,
}

/// The colours of `mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    /// `red`
    Red,
    /// `green`
    Green,
    /// `yellow`
    Yellow,
    /// `blue`
    Blue,
    /// `magenta`
    Magenta,
    /// `cyan`
    Cyan,
    /// `white`
    White,
}

/// A line that a rule writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The rule.
    pub rule: RuleId,
    /// Its values; several are parted by commas, as CSV has it. May have characters that must not reach a
    /// screen. `None`: the packet itself is to be shown.
    pub text: Option<String>,
}

/// Something that a rule could not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The rule.
    pub rule: RuleId,
    /// Why.
    pub reason: String,
}

impl Color {
    /// All of them.
    pub const ALL: [Color; 7] = [
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::White,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Color::Red => "red",
            Color::Green => "green",
            Color::Yellow => "yellow",
            Color::Blue => "blue",
            Color::Magenta => "magenta",
            Color::Cyan => "cyan",
            Color::White => "white",
        }
    }

    /// The colour of a name.
    pub fn named(name: &str) -> Option<Color> {
        Color::ALL.into_iter().find(|color| color.as_str().eq_ignore_ascii_case(name))
    }
}

impl Decision {
    /// Nothing is said; what was allocated stays.
    pub fn clear(&mut self) {
        let Decision {
            outcome,
            payload,
            delay,
            duplicates,
            sends,
            disconnect,
            marks,
            logs,
            hits,
            changed_by,
            refused,
            only_watched,
        } = self;
        *outcome = Outcome::Pass;
        *payload = None;
        *delay = None;
        *duplicates = 0;
        *disconnect = None;
        *only_watched = false;
        sends.clear();
        marks.clear();
        logs.clear();
        hits.clear();
        changed_by.clear();
        refused.clear();
    }

    /// Whether no rule acted.
    pub fn is_nothing(&self) -> bool {
        self.hits.is_empty() && self.refused.is_empty()
    }
}
