//! Rule files as they are written.

use std::time::Duration;

use midwire_definition::syntax::ast::{Name, Span};

use crate::syntax::ast::{Element, Expr, Path};

/// What stands in a rule file.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `for minecraft 1.19..`
    For(For),
    /// `include "other.rules"`
    Include {
        /// As it is written.
        path: String,
        /// Where.
        span: Span,
    },
    /// `let staff = {"anna", "bob"}`
    Let(Let),
    /// A rule.
    Rule(Box<Rule>),
}

/// Which protocol, and which versions of it, the rules of a file are for.
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// The protocol's name.
    pub protocol: Name,
    /// The versions; all where absent.
    pub versions: Option<VersionRange>,
    /// All of it.
    pub span: Span,
}

/// `1.19..1.20.4`, both included.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRange {
    /// The oldest; the first there is where absent.
    pub from: Option<(String, Span)>,
    /// The newest; the last there is where absent.
    pub to: Option<(String, Span)>,
    /// All of it.
    pub span: Span,
}

/// A named value, or a named list.
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub value: LetValue,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum LetValue {
    /// One value.
    One(Expr),
    /// `{"anna", 3..5}`, for `in`.
    List(Vec<Element>),
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, if it has one.
    pub name: Option<Name>,
    /// What it does.
    pub action: Action,
    /// The action's word.
    pub action_span: Span,
    /// Which packets it is about.
    pub scope: Scope,
    /// `where ..`
    pub condition: Option<Expr>,
    /// `every 5s` and the like.
    pub modifiers: Vec<Modifier>,
    /// What stands behind the colon.
    pub assigned: Assigned,
    /// From the name, or the action, to the end.
    pub span: Span,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The packet does not go on.
    Drop,
    /// Nobody is to see it.
    Hide,
    /// It goes on, and no later rule is asked.
    Pass,
    /// Fields get other values.
    Set,
    /// Texts in a field are replaced.
    Replace {
        /// The field.
        field: Path,
        /// What is replaced, and by what.
        pairs: Vec<Replacement>,
    },
    /// It goes on later.
    Delay {
        /// So much later.
        by: Duration,
        /// What follows does not wait.
        unordered: bool,
    },
    /// It waits for a person.
    Intercept,
    /// A line is written.
    Log,
    /// It is shown in a colour.
    Mark(Name),
    /// It is counted under a name.
    Count(Name),
    /// It goes on twice.
    Duplicate,
    /// The session is ended, and the client told why.
    Disconnect(Expr),
    /// Another packet is sent.
    Send(Box<Send>),
    /// Something that was reported already.
    Wrong,
}

/// A packet that a rule sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// Which way.
    pub direction: Way,
    /// The packet.
    pub packet: Name,
    /// Its fields.
    pub fields: Vec<(Name, Filling)>,
    /// Behind the packet that the rule is about, not in front of it.
    pub after: bool,
}

/// A value for a field of a packet that is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Filling {
    /// One value.
    One(Expr),
    /// `{ name: value }`
    Fields(Vec<(Name, Filling)>, Span),
    /// `[value, value]`
    List(Vec<Filling>, Span),
}

impl Filling {
    /// Where it is written.
    pub fn span(&self) -> Span {
        match self {
            Filling::One(expr) => expr.span,
            Filling::Fields(_, span) | Filling::List(_, span) => *span,
        }
    }
}

/// What is replaced by what.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    /// What is looked for.
    pub from: Expr,
    /// What stands in its place.
    pub to: (String, Span),
    /// Case does not matter.
    pub nocase: bool,
}

/// Which packets a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// Which way; absent: not written.
    pub way: Option<Way>,
    /// Which.
    pub what: What,
    /// All of it.
    pub span: Span,
}

/// Serverbound, clientbound, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the server.
    Serverbound,
    /// To the client.
    Clientbound,
    /// Either.
    Both,
}

/// Which packets of a direction.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Those of these names, each with a state in front if one is written.
    Packets(Vec<(Option<Name>, Name)>),
    /// Those of a group.
    Group(Name),
    /// All, by what is known without their fields.
    All,
    /// Something that was reported already.
    Wrong,
}

/// When a rule acts, of the packets that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifier {
    /// What it says.
    pub kind: ModifierKind,
    /// Where.
    pub span: Span,
}

/// What a modifier says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModifierKind {
    /// `every 10`: on the tenth, the twentieth, ..
    EveryNth(u32),
    /// `every 5s`: at most once in that time.
    EveryTime(Duration),
    /// `rate 3/10s`: at most three times in ten seconds.
    Rate(u32, Duration),
    /// `over 3/10s`: on what comes beyond three in ten seconds.
    Over(u32, Duration),
    /// `once`: the first time only.
    Once,
    /// `after 5s`: not in the session's first five seconds.
    After(Duration),
    /// `force`: although the session's state depends on the packet.
    Force,
}

impl ModifierKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            ModifierKind::EveryNth(_) | ModifierKind::EveryTime(_) => "every",
            ModifierKind::Rate(..) => "rate",
            ModifierKind::Over(..) => "over",
            ModifierKind::Once => "once",
            ModifierKind::After(_) => "after",
            ModifierKind::Force => "force",
        }
    }
}

/// What stands behind a rule's colon.
#[derive(Debug, Clone, PartialEq)]
pub enum Assigned {
    /// There is no colon.
    Nothing,
    /// `health = 20, food = 20`
    Fields(Vec<Assignment>),
    /// Values, of a `log`.
    Values(Vec<Expr>),
}

/// `health = 20`
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The field.
    pub field: Path,
    /// What it gets.
    pub value: Filling,
    /// All of it.
    pub span: Span,
}

impl Action {
    /// The actions' words.
    pub const WORDS: [&'static str; 13] = [
        "drop",
        "hide",
        "pass",
        "set",
        "replace",
        "delay",
        "intercept",
        "log",
        "mark",
        "count",
        "duplicate",
        "disconnect",
        "send",
    ];

    /// Its word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Action::Drop => "drop",
            Action::Hide => "hide",
            Action::Pass => "pass",
            Action::Set => "set",
            Action::Replace { .. } => "replace",
            Action::Delay { .. } => "delay",
            Action::Intercept => "intercept",
            Action::Log => "log",
            Action::Mark(_) => "mark",
            Action::Count(_) => "count",
            Action::Duplicate => "duplicate",
            Action::Disconnect(_) => "disconnect",
            Action::Send(_) => "send",
            Action::Wrong => "",
        }
    }

    /// No later rule is asked about the packet.
    pub fn ends(&self) -> bool {
        matches!(self, Action::Drop | Action::Pass | Action::Disconnect(_))
    }

    /// It only looks: the game cannot tell that the rule is there.
    pub fn only_watches(&self) -> bool {
        matches!(self, Action::Log | Action::Mark(_) | Action::Count(_) | Action::Wrong)
    }

    /// The packet itself does not go on as it came, when it came.
    pub fn touches(&self) -> bool {
        use Action::{Delay, Disconnect, Drop, Duplicate, Hide, Intercept, Replace, Set};
        matches!(
            self,
            Drop | Hide
                | Set
                | Replace { .. }
                | Delay { .. }
                | Intercept
                | Duplicate
                | Disconnect(_)
        )
    }
}

impl Way {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Serverbound => "serverbound",
            Way::Clientbound => "clientbound",
            Way::Both => "both",
        }
    }

    /// Whether packets of a direction are meant.
    pub fn admits(self, direction: midwire_codec::Direction) -> bool {
        match self {
            Way::Both => true,
            Way::Serverbound => direction == midwire_codec::Direction::Serverbound,
            Way::Clientbound => direction == midwire_codec::Direction::Clientbound,
        }
    }
}
