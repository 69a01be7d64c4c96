//! Rule files to items: one a line. After an error reading goes on with the next line.

use std::time::Duration;

use midwire_definition::Diagnostic;
use midwire_definition::diagnostics::suggest;
use midwire_definition::syntax::ast::{Name, Span};

use super::ast::{
    Action, Filling, For, Item, Let, LetValue, Replacement, Rule, Scope, Send, VersionRange, Way,
    What,
};
use crate::syntax::ast::{Expr, ExprKind, Path, Segment};
use crate::syntax::{Lines, NESTING_MAX, Parser, TokenKind};

/// Words that a rule goes on with, also on the next line.
const GO_ON: [&str; 9] =
    ["where", "with", "before", "after", "every", "rate", "over", "once", "force"];
/// Words of directions.
const WAYS: [&str; 3] = ["serverbound", "clientbound", "both"];

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
    pub(super) fn give_up(&mut self) {
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
    pub(super) fn go_on(&mut self) {
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
        let modifiers = self.modifiers(condition.is_some());
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

    pub(super) fn duration(&mut self, what: &str) -> Option<Duration> {
        match self.token().kind {
            TokenKind::Duration => {
                let span = self.span();
                match self.literal() {
                    Some(ExprKind::Duration(0)) => {
                        let report = Diagnostic::error("R009", span, "this is no time at all");
                        self.report(report.label("a time longer than 0 is needed"));
                        None
                    }
                    Some(ExprKind::Duration(nanos)) => Some(Duration::from_nanos(nanos)),
                    _ => None,
                }
            }
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
    pub(super) fn filling(&mut self) -> Filling {
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
    pub(super) fn field(&mut self) -> Option<Path> {
        let is_quoted = self.token().kind == TokenKind::Quoted;
        let name = self.name()?;
        let mut path = Path { segments: vec![Segment::Name(name, is_quoted)] };
        match self.steps(&mut path) {
            None => Some(path),
            Some(_) => None,
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
