//! Rule files to items: one a line. After an error reading goes on with the next line.

use std::time::Duration;

use midwire_definition::Diagnostic;
use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::{Name, Span};

use super::ast::{
    Action, Assigned, Assignment, Filling, For, Item, Let, LetValue, Modifier, ModifierKind,
    Replacement, Rule, Scope, Send, VersionRange, Way, What,
};
use crate::syntax::ast::{Expr, ExprKind, Path, Segment};
use crate::syntax::{Lines, NESTING_MAX, Parser, TokenKind};

/// The most times in a `rate` or `over`: each is kept.
pub(super) const RATE_MAX: u32 = 10_000;

/// Words that a rule goes on with, also on the next line.
const GO_ON: [&str; 9] =
    ["where", "with", "before", "after", "every", "rate", "over", "once", "force"];
/// Words of directions.
const WAYS: [&str; 3] = ["serverbound", "clientbound", "both"];
/// Words of operators in conditions, for suggestions.
const OPERATORS: [&str; 8] =
    ["and", "or", "in", "contains", "startswith", "endswith", "matches", "nocase"];
/// Words of modifiers.
const MODIFIERS: [&str; 6] = ["every", "rate", "over", "once", "after", "force"];

/// Reads a rule file, which is file `file` of the caller's sources: what could be read of it, and what is
/// wrong.
pub fn parse(file: u16, text: &str) -> (Vec<Item>, Vec<Diagnostic>) {
    let mut parser = Parser::new(file, text, Lines::End);
    let mut items = Vec::new();
    loop {
        while parser.token().kind == TokenKind::Newline {
            parser.skip();
        }
        if parser.token().kind == TokenKind::End {
            break;
        }
        items.extend(parser.item());
        parser.end_of_line();
    }
    (items, parser.into_reports())
}

impl Parser<'_> {
    fn item(&mut self) -> Option<Item> {
        let start = self.span();
        self.parts = 0;
        let is_named = self.is_symbol_ahead(1, ":");
        match self.word() {
            Some("let") if !is_named => self.constant().map(Item::Let),
            Some("include") if !is_named => {
                self.skip();
                let path = self.quoted("the name of a file in quotes")?;
                Some(Item::Include { path: path.0, span: path.1 })
            }
            Some("for") if !is_named => self.header(start).map(Item::For),
            _ => self.rule(start).map(|rule| Item::Rule(Box::new(rule))),
        }
    }

    /// Nothing more may come on this line; what does is reported and passed.
    fn end_of_line(&mut self) {
        if !self.is_at_end() {
            self.expected("the end of the line");
        }
        while !self.is_at_end() {
            self.skip();
        }
    }

    /// Gives up on what is read: the rest of the line is passed.
    fn give_up(&mut self) {
        while !self.is_at_end() {
            self.skip();
        }
    }

    fn quoted(&mut self, what: &str) -> Option<(String, Span)> {
        let token = self.token();
        if token.kind != TokenKind::Text {
            self.expected(what);
            self.give_up();
            return None;
        }
        let span = self.span_of(token);
        let text = self.text_value(self.text_of(token), span);
        self.skip();
        Some((text, span))
    }

    /// A line that begins with a word that a rule goes on with belongs to the line before.
    fn go_on(&mut self) {
        if self.token().kind != TokenKind::Newline {
            return;
        }
        let goes_on = match self.word_ahead(1) {
            Some(word) => GO_ON.contains(&word) && !self.is_symbol_ahead(2, ":"),
            None => self.is_symbol_ahead(1, ":"),
        };
        if goes_on {
            self.skip();
        }
    }

    fn constant(&mut self) -> Option<Let> {
        self.skip();
        let Some(name) = self.name() else {
            self.expected("a name");
            self.give_up();
            return None;
        };
        if !self.take_symbol("=") {
            self.expected("`=`");
            self.give_up();
            return None;
        }
        self.skip_line_end();
        let value = match self.is_symbol("{") {
            true => LetValue::List(self.set()),
            false => LetValue::One(self.expression()),
        };
        Some(Let { name, value })
    }

    fn header(&mut self, start: Span) -> Option<For> {
        self.skip();
        let Some(protocol) = self.name() else {
            self.expected("the name of a protocol");
            self.give_up();
            return None;
        };
        let at = self.span();
        let from = self.version();
        let is_range = self.take_symbol("..");
        let to = if is_range { self.version() } else { from.clone() };
        let versions =
            (from.is_some() || is_range).then(|| VersionRange { from, to, span: self.since(at) });
        Some(For { protocol, versions, span: self.since(start) })
    }

    fn version(&mut self) -> Option<(String, Span)> {
        let token = self.token();
        let (text, span) = (self.text_of(token), self.span_of(token));
        let text = match token.kind {
            TokenKind::Integer | TokenKind::Float | TokenKind::Version => text.to_owned(),
            TokenKind::Text => self.text_value(text, span),
            _ => return None,
        };
        self.skip();
        Some((text, span))
    }

    fn rule(&mut self, start: Span) -> Option<Rule> {
        let name = match self.is_symbol_ahead(1, ":") {
            true => self.name(),
            false => None,
        };
        if name.is_some() {
            self.skip();
            self.skip_line_end();
        }
        let action_span = self.span();
        let action = self.action()?;
        let sends = matches!(action, Action::Send(_));
        let scope = self.scope(sends)?;
        let action = match action {
            Action::Replace { .. } => self.replacements()?,
            other => other,
        };
        self.go_on();
        let condition = self.take_word("where").then(|| self.expression());
        let modifiers = self.modifiers();
        let assigned = self.assigned(&action);
        let span = self.since(start);
        Some(Rule { name, action, action_span, scope, condition, modifiers, assigned, span })
    }

    fn action(&mut self) -> Option<Action> {
        let span = self.span();
        let Some(word) = self.word() else {
            self.expected("an action, such as `drop`,");
            self.give_up();
            return None;
        };
        self.skip();
        Some(match word {
            "drop" => Action::Drop,
            "hide" => Action::Hide,
            "pass" => Action::Pass,
            "set" => Action::Set,
            "replace" => Action::Replace { field: Path::default(), pairs: Vec::new() },
            "intercept" => Action::Intercept,
            "log" => Action::Log,
            "duplicate" => Action::Duplicate,
            "delay" => {
                let by = self.duration("how long, as in `delay 150ms`,")?;
                Action::Delay { by, unordered: self.take_word("unordered") }
            }
            "mark" => Action::Mark(self.word_of_action("a colour, as in `mark red`,")?),
            "count" => Action::Count(self.word_of_action("a name, as in `count jumps`,")?),
            "disconnect" if self.word().is_some_and(|word| way(word).is_some()) => {
                self.expected("what the client is told, as in `disconnect \"go away\"`,");
                self.give_up();
                return None;
            }
            "disconnect" => Action::Disconnect(self.sum()),
            "send" => Action::Send(Box::new(self.sent()?)),
            other => {
                let other = crate::syntax::shortened(other);
                let report =
                    Diagnostic::error("R001", span, format!("no action is called `{other}`"));
                let words = Action::WORDS.into_iter().chain(["let", "include", "for"]);
                let report = match (suggest(&other, words), instead(&other)) {
                    (_, Some(word)) => report.label(format!("write `{word}`")),
                    (Some(near), None) => report.label(format!("did you mean `{near}`?")),
                    _ => report.label("an action is expected here"),
                };
                let all = Action::WORDS.join(", ");
                self.report(report.help(format!("the actions are {all}")));
                self.give_up();
                return None;
            }
        })
    }

    /// The name that an action takes, if what comes next is not already the scope.
    fn word_of_action(&mut self, what: &str) -> Option<Name> {
        if self.word().is_some_and(|word| way(word).is_some()) {
            self.expected(what);
            self.give_up();
            return None;
        }
        let name = self.name();
        if name.is_none() {
            self.expected(what);
            self.give_up();
        }
        name
    }

    fn duration(&mut self, what: &str) -> Option<Duration> {
        match self.token().kind {
            TokenKind::Duration => match self.literal() {
                Some(ExprKind::Duration(nanos)) => Some(Duration::from_nanos(nanos)),
                _ => None,
            },
            _ => {
                self.expected(what);
                self.give_up();
                None
            }
        }
    }

    /// `clientbound system_chat { content: "hi" } after`
    fn sent(&mut self) -> Option<Send> {
        let direction = self.word().and_then(way);
        let Some(direction) = direction.filter(|way| *way != Way::Both) else {
            self.expected("where to, `serverbound` or `clientbound`,");
            self.give_up();
            return None;
        };
        self.skip();
        let Some(packet) = self.name() else {
            self.expected("the name of a packet");
            self.give_up();
            return None;
        };
        let opened = self.span();
        if !self.is_symbol("{") {
            self.expected("the packet's fields, as in `{ content: \"hi\" }`,");
            self.give_up();
            return None;
        }
        let fields = match self.filling() {
            Filling::Fields(fields, _) => fields,
            _ => Vec::new(),
        };
        self.go_on();
        let after = match self.word() {
            Some("after") => true,
            Some("before") => false,
            _ => {
                let report = Diagnostic::error(
                    "R002",
                    self.span(),
                    "it is not said when the packet is sent",
                );
                let report = report.label("`before` or `after`, and which packet");
                let help = "write, for example, `after clientbound login`";
                self.report(report.secondary(opened, "this packet").help(help));
                self.give_up();
                return None;
            }
        };
        self.skip();
        Some(Send { direction, packet, fields, after })
    }

    /// A value, named values or a list.
    fn filling(&mut self) -> Filling {
        let start = self.span();
        let close = match self.token().kind {
            TokenKind::Symbol("{") => "}",
            TokenKind::Symbol("[") => "]",
            _ => return Filling::One(self.expression()),
        };
        if self.depth >= NESTING_MAX {
            self.report(
                Diagnostic::error(
                    "F008",
                    start,
                    format!("values are nested deeper than {NESTING_MAX}"),
                )
                .label("too deep"),
            );
            self.give_up();
            return Filling::List(Vec::new(), start);
        }
        self.depth += 1;
        self.skip();
        let (mut fields, mut list) = (Vec::new(), Vec::new());
        while !self.is_symbol(close) && !self.is_at_end() {
            if close == "]" {
                list.push(self.filling());
            } else {
                let Some(name) = self.field_name() else {
                    self.expected("the name of a field");
                    self.recover();
                    break;
                };
                if !self.take_symbol(":") && !self.take_symbol("=") {
                    self.expected("`:` and a value");
                    self.recover();
                    break;
                }
                fields.push((name, self.filling()));
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.close(close, start);
        self.depth -= 1;
        match close {
            "}" => Filling::Fields(fields, self.since(start)),
            _ => Filling::List(list, self.since(start)),
        }
    }

    fn field_name(&mut self) -> Option<Name> {
        let token = self.token();
        if token.kind == TokenKind::Text {
            let span = self.span_of(token);
            let text = self.text_value(self.text_of(token), span);
            self.skip();
            return Some(Name { text, span });
        }
        self.name()
    }

    /// Which packets. Behind `send`, they may not be all.
    fn scope(&mut self, sends: bool) -> Option<Scope> {
        let start = self.span();
        let mut way = self.word().and_then(way);
        if way.is_none()
            && let Some(word) = self.word()
            && let Some(next) = self.word_ahead(1)
            && !GO_ON.contains(&next)
            && let Some(near) = suggest(word, WAYS.into_iter())
        {
            let message = format!("`{word}` is no direction");
            let report = Diagnostic::error("R002", start, message);
            self.report(report.label(format!("did you mean `{near}`?")));
            way = Some(Way::Both);
        }
        if way.is_some() {
            self.skip();
        }
        let what = if self.take_symbol("*") {
            What::All
        } else if self.is_word("group") && self.is_symbol_ahead(1, ":") {
            self.skip();
            self.skip();
            match self.name() {
                Some(name) => What::Group(name),
                None => {
                    self.expected("the name of a group");
                    self.give_up();
                    return None;
                }
            }
        } else {
            self.packets(way.is_none(), sends)?
        };
        Some(Scope { way, what, span: self.since(start) })
    }

    fn packets(&mut self, is_first: bool, sends: bool) -> Option<What> {
        let mut packets = Vec::new();
        loop {
            let is_name = match self.token().kind {
                TokenKind::Ident => {
                    !self.word().is_some_and(|word| crate::syntax::RESERVED.contains(&word))
                }
                TokenKind::Quoted => true,
                _ => false,
            };
            let name = if is_name { self.name() } else { None };
            let Some(name) = name else {
                let what = match (is_first && packets.is_empty(), sends) {
                    (true, false) => "a direction and the packets, as in `clientbound chat`,",
                    (true, true) => "the packet that it goes with, as in `clientbound login`,",
                    _ => "the name of a packet, `group:name` or `*`",
                };
                self.expected(what);
                self.give_up();
                return None;
            };
            let mut packet = (None, name);
            if self.take_symbol(".") {
                match self.name() {
                    Some(name) => packet = (Some(packet.1), name),
                    None => {
                        self.expected("the name of a packet behind its state");
                        self.give_up();
                        return None;
                    }
                }
            }
            packets.push(packet);
            if !self.take_symbol(",") {
                return Some(What::Packets(packets));
            }
            self.skip_line_end();
        }
    }

    /// `text "a" with "b", "c" with "d"`
    fn replacements(&mut self) -> Option<Action> {
        if !matches!(self.token().kind, TokenKind::Ident | TokenKind::Quoted) {
            self.expected("the field in which texts are replaced");
            self.give_up();
            return None;
        }
        let at = self.span();
        let field = match self.field() {
            Some(field) => field,
            None => {
                let report = Diagnostic::error("R023", self.since(at), "this is no field");
                self.report(report.label("a field is expected here"));
                self.give_up();
                return None;
            }
        };
        let mut pairs = Vec::new();
        loop {
            let at = self.span();
            let kind = if self.take_word("matches") {
                self.regex()
            } else if self.token().kind == TokenKind::Text {
                self.literal()
            } else {
                None
            };
            let Some(kind) = kind else {
                self.expected("a text, or `matches` and a regular expression,");
                self.give_up();
                return None;
            };
            let from = Expr { kind, span: self.since(at) };
            let nocase = self.take_word("nocase");
            self.go_on();
            if !self.take_word("with") {
                self.expected("`with` and what stands in its place");
                self.give_up();
                return None;
            }
            let to = self.quoted("a text")?;
            pairs.push(Replacement { from, to, nocase });
            if !self.take_symbol(",") {
                return Some(Action::Replace { field, pairs });
            }
            self.skip_line_end();
        }
    }

    /// A name and the steps behind it.
    fn field(&mut self) -> Option<Path> {
        let is_quoted = self.token().kind == TokenKind::Quoted;
        let name = self.name()?;
        let mut path = Path { segments: vec![Segment::Name(name, is_quoted)] };
        match self.steps(&mut path) {
            None => Some(path),
            Some(_) => None,
        }
    }

    fn modifiers(&mut self) -> Vec<Modifier> {
        let mut modifiers: Vec<Modifier> = Vec::new();
        loop {
            self.go_on();
            let start = self.span();
            let Some(word) = self.word() else { return modifiers };
            if !MODIFIERS.contains(&word) {
                let word = crate::syntax::shortened(word);
                let report =
                    Diagnostic::error("R006", start, format!("`{word}` means nothing here"));
                let words = MODIFIERS.into_iter().chain(["where", "with"]).chain(OPERATORS);
                self.report(match suggest(&word, words) {
                    Some(near) => report.label(format!("did you mean `{near}`?")),
                    None => report
                        .label(
                            "neither `where` nor `every`, `rate`, `over`, `once`, `after`, `force`",
                        )
                        .help("a rule's condition begins with `where`"),
                });
                self.give_up();
                return modifiers;
            }
            self.skip();
            let Some(kind) = self.modifier(word) else { return modifiers };
            let modifier = Modifier { kind, span: self.since(start) };
            if let Some(known) = modifiers.iter().find(|m| m.kind.as_str() == word) {
                let message = format!("`{word}` is said twice");
                let report = Diagnostic::error("R006", modifier.span, message);
                self.report(report.label("again").secondary(known.span, "here first"));
            } else {
                modifiers.push(modifier);
            }
        }
    }

    fn modifier(&mut self, word: &str) -> Option<ModifierKind> {
        Some(match word {
            "once" => ModifierKind::Once,
            "force" => ModifierKind::Force,
            "after" => ModifierKind::After(self.duration("how long, as in `after 5s`,")?),
            "every" if self.token().kind == TokenKind::Duration => {
                ModifierKind::EveryTime(self.duration("")?)
            }
            "every" => {
                let n = self.times("a number or a time, as in `every 10` or `every 5s`,")?;
                ModifierKind::EveryNth(n)
            }
            _ => {
                let example = format!("how often in which time, as in `{word} 3/10s`,");
                let n = self.times(&example)?;
                if !self.take_symbol("/") {
                    self.expected("`/` and a time, as in `3/10s`,");
                    self.give_up();
                    return None;
                }
                let unit = match self.word() {
                    Some("s") => Some(1),
                    Some("m") => Some(60),
                    Some("h") => Some(3600),
                    _ => None,
                };
                let time = match unit {
                    Some(seconds) => {
                        self.skip();
                        Duration::from_secs(seconds)
                    }
                    None => self.duration("a time, as in `3/10s`,")?,
                };
                match word {
                    "rate" => ModifierKind::Rate(n, time),
                    _ => ModifierKind::Over(n, time),
                }
            }
        })
    }

    /// A number of times, from 1.
    fn times(&mut self, what: &str) -> Option<u32> {
        let span = self.span();
        if self.token().kind != TokenKind::Integer {
            self.expected(what);
            self.give_up();
            return None;
        }
        let Some(ExprKind::Int(n)) = self.literal() else { return None };
        match u32::try_from(n).ok().filter(|n| (1..=RATE_MAX).contains(n)) {
            Some(n) => Some(n),
            None => {
                let message = format!("{n} is no number of times");
                let report = Diagnostic::error("R006", span, message);
                self.report(report.label(format!("from 1 to {RATE_MAX}")));
                Some(1)
            }
        }
    }

    /// What stands behind the colon, if there is one.
    fn assigned(&mut self, action: &Action) -> Assigned {
        self.go_on();
        let colon = self.span();
        if !self.take_symbol(":") {
            return Assigned::Nothing;
        }
        self.skip_line_end();
        match action {
            Action::Set => Assigned::Fields(self.assignments()),
            Action::Log => {
                let mut values = Vec::new();
                loop {
                    values.push(self.expression());
                    if !self.take_symbol(",") {
                        return Assigned::Values(values);
                    }
                    self.skip_line_end();
                }
            }
            other => {
                let message = format!("`{}` takes no values", other.as_str());
                let report =
                    Diagnostic::error("R009", colon, message).label("nothing may follow here");
                let help = "only `set` has assignments, and `log` values; write two rules";
                self.report(report.help(help));
                self.give_up();
                Assigned::Nothing
            }
        }
    }

    fn assignments(&mut self) -> Vec<Assignment> {
        let mut all = Vec::new();
        loop {
            let start = self.span();
            let is_name = matches!(self.token().kind, TokenKind::Ident | TokenKind::Quoted);
            let field = if is_name { self.field() } else { None };
            let Some(field) = field else {
                self.expected("a field and its value, as in `health = 20`,");
                self.give_up();
                return all;
            };
            if self.is_symbol("==") {
                let report = Diagnostic::error("F006", self.span(), "`==` compares");
                self.report(report.label("write `=` to give a field a value"));
            }
            if !self.take_symbol("=") && !self.take_symbol("==") {
                self.expected("`=` and a value");
                self.give_up();
                return all;
            }
            self.skip_line_end();
            let value = self.filling();
            all.push(Assignment { field, value, span: self.since(start) });
            if !self.take_symbol(",") {
                return all;
            }
            self.skip_line_end();
        }
    }
}

/// A direction's word.
fn way(word: &str) -> Option<Way> {
    Some(match word {
        "serverbound" | "c2s" => Way::Serverbound,
        "clientbound" | "s2c" => Way::Clientbound,
        "both" => Way::Both,
        _ => return None,
    })
}

/// What other languages call an action.
fn instead(word: &str) -> Option<&'static str> {
    Some(match word {
        "block" | "deny" | "reject" | "cancel" | "filter" => "drop",
        "accept" | "allow" | "stop" | "continue" => "pass",
        "hold" | "break" | "breakpoint" | "pause" => "intercept",
        "kick" => "disconnect",
        "inject" => "send",
        "print" | "echo" => "log",
        "modify" | "edit" | "change" => "set",
        "color" | "colour" | "highlight" => "mark",
        "repeat" => "duplicate",
        "slow" | "wait" => "delay",
        "substitute" | "sub" => "replace",
        _ => return None,
    })
}
