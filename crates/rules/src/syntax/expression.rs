//! Expressions, from the loosest operator to the tightest: `or`, `and`, `not`, comparisons, `+ -`,
//! `* / %`, a sign in front, names and literals.

use midwire_definition::Diagnostic;
use midwire_definition::syntax::ast::Span;

use super::ast::{Arithmetic, Comparison, Element, Expr, ExprKind, Path, Segment};
use super::parser::{NESTING_MAX, PARTS_MAX, Parser};
use super::token::TokenKind;

/// Words that end an expression, or stand between two, and so are no names.
pub(crate) const RESERVED: &[&str] =
    &["and", "or", "not", "in", "contains", "startswith", "endswith", "matches", "nocase", "where"];

impl Parser<'_> {
    /// An expression, as long as one goes on. What is wrong is reported; the result is there all the same.
    pub fn expression(&mut self) -> Expr {
        if self.depth == 0 {
            self.parts = 0;
        }
        self.chain("or", ExprKind::Or, |parser| {
            parser.chain("and", ExprKind::And, Parser::negation)
        })
    }

    fn chain(
        &mut self,
        word: &str,
        join: fn(Vec<Expr>) -> ExprKind,
        mut part: impl FnMut(&mut Self) -> Expr,
    ) -> Expr {
        let start = self.span();
        let mut parts = vec![part(self)];
        loop {
            self.go_on_behind_line(word);
            let foreign = if word == "and" { "&&" } else { "||" };
            if self.is_symbol(foreign) {
                let report = self.foreign_sign(self.span(), foreign);
                self.report(report);
                self.skip();
            } else if !self.take_word(word) {
                break;
            }
            self.skip_line_end();
            parts.push(part(self));
        }
        if parts.len() > 1 {
            return Expr { kind: join(parts), span: self.since(start) };
        }
        parts.pop().unwrap_or(Expr { kind: ExprKind::Wrong, span: start })
    }

    /// A line that begins with `and` or `or` goes on with the expression of the line before.
    fn go_on_behind_line(&mut self, word: &str) {
        if self.token().kind == TokenKind::Newline && self.word_ahead(1) == Some(word) {
            self.skip();
        }
    }

    /// Behind an operator the end of a line means nothing.
    pub(crate) fn skip_line_end(&mut self) {
        if self.token().kind == TokenKind::Newline {
            self.skip();
        }
    }

    /// Reads something that is nested one deeper, if it may be.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let start = self.span();
        if self.depth >= NESTING_MAX {
            self.too_deep(start);
            self.recover();
            return Expr { kind: ExprKind::Wrong, span: start };
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn too_deep(&mut self, span: Span) {
        let message = format!("expressions are nested deeper than {NESTING_MAX}");
        self.report(Diagnostic::error("F008", span, message).label("too deep"));
    }

    fn negation(&mut self) -> Expr {
        let start = self.span();
        if self.is_symbol("!") {
            let report = self.foreign_sign(start, "!");
            self.report(report);
        }
        if !self.take_word("not") && !self.take_symbol("!") {
            return self.comparison();
        }
        let inner = self.deeper(Parser::negation);
        Expr { kind: ExprKind::Not(Box::new(inner)), span: self.since(start) }
    }

    fn comparison(&mut self) -> Expr {
        let start = self.span();
        let left = self.sum();
        let Some(first) = self.compared(start, left) else {
            return Expr { kind: ExprKind::Wrong, span: self.since(start) };
        };
        if self.operator().is_some() || self.is_word("in") {
            let message = "comparisons do not stand in a row";
            let help = "join two comparisons with `and`, as in `a < b and b < c`";
            let report = Diagnostic::error("F007", self.span(), message).label("a second one");
            self.report(report.help(help));
            self.recover();
        }
        first
    }

    /// What is written behind the left side of a comparison, if it is one.
    fn compared(&mut self, start: Span, left: Expr) -> Option<Expr> {
        let left = if self.is_symbol("=") {
            let report = self.foreign_sign(self.span(), "=");
            self.report(report);
            left
        } else {
            left
        };
        let is_not_in = self.is_word("not") && self.word_ahead(1) == Some("in");
        if is_not_in {
            self.skip();
        }
        if self.take_word("in") {
            let set = self.set();
            let nocase = self.take_word("nocase");
            let kind = ExprKind::In { left: Box::new(left), set, nocase };
            let expr = Expr { kind, span: self.since(start) };
            return Some(match is_not_in {
                true => Expr { span: expr.span, kind: ExprKind::Not(Box::new(expr)) },
                false => expr,
            });
        }
        let Some(op) = self.operator() else { return Some(left) };
        if self.is_symbol("=~") {
            let report = self.foreign_sign(self.span(), "=~");
            self.report(report);
        }
        self.skip();
        self.skip_line_end();
        let at = self.span();
        let right = if op == Comparison::Matches {
            match self.regex() {
                Some(kind) => Expr { kind, span: self.since(at) },
                None => {
                    self.expected("a regular expression, as in `matches /re/`,");
                    self.recover();
                    return None;
                }
            }
        } else {
            self.sum()
        };
        let nocase = self.take_word("nocase");
        let kind = ExprKind::Compare { op, left: Box::new(left), right: Box::new(right), nocase };
        Some(Expr { kind, span: self.since(start) })
    }

    fn operator(&self) -> Option<Comparison> {
        Some(match self.token().kind {
            TokenKind::Symbol("==" | "=") => Comparison::Equal,
            TokenKind::Symbol("!=") => Comparison::NotEqual,
            TokenKind::Symbol("<") => Comparison::Less,
            TokenKind::Symbol("<=") => Comparison::LessEqual,
            TokenKind::Symbol(">") => Comparison::Greater,
            TokenKind::Symbol(">=") => Comparison::GreaterEqual,
            TokenKind::Symbol("=~") => Comparison::Matches,
            _ => match self.word()? {
                "contains" => Comparison::Contains,
                "startswith" => Comparison::StartsWith,
                "endswith" => Comparison::EndsWith,
                "matches" => Comparison::Matches,
                _ => return None,
            },
        })
    }

    /// `{1, 3..5}`, `3..5` or one value, which stands for itself.
    pub(crate) fn set(&mut self) -> Vec<Element> {
        let opened = self.span();
        if !self.take_symbol("{") {
            return vec![self.element()];
        }
        let mut set = Vec::new();
        while !self.is_symbol("}") && !self.is_at_end() {
            set.push(self.element());
            if !self.take_symbol(",") {
                break;
            }
        }
        self.close("}", opened);
        set
    }

    pub(crate) fn element(&mut self) -> Element {
        let first = self.sum();
        if self.take_symbol("..") { Element::Range(first, self.sum()) } else { Element::One(first) }
    }

    /// `a + b - c`
    pub fn sum(&mut self) -> Expr {
        let sign = |parser: &Self| match parser.token().kind {
            TokenKind::Symbol("+") => Some(Arithmetic::Add),
            TokenKind::Symbol("-") => Some(Arithmetic::Subtract),
            _ => None,
        };
        self.row(sign, Parser::product)
    }

    fn product(&mut self) -> Expr {
        let sign = |parser: &Self| match parser.token().kind {
            TokenKind::Symbol("*") => Some(Arithmetic::Multiply),
            TokenKind::Symbol("/") => Some(Arithmetic::Divide),
            TokenKind::Symbol("%") => Some(Arithmetic::Remainder),
            _ => None,
        };
        self.row(sign, Parser::signed)
    }

    /// Operands with signs between them, from the left.
    fn row(
        &mut self,
        sign: impl Fn(&Self) -> Option<Arithmetic>,
        mut operand: impl FnMut(&mut Self) -> Expr,
    ) -> Expr {
        let start = self.span();
        let mut left = operand(self);
        let mut length = 0;
        while let Some(op) = sign(self) {
            length += 1;
            if length > NESTING_MAX {
                self.too_deep(self.span());
                self.recover();
                break;
            }
            self.skip();
            let right = operand(self);
            let kind = ExprKind::Arithmetic(op, Box::new(left), Box::new(right));
            left = Expr { kind, span: self.since(start) };
        }
        left
    }

    fn signed(&mut self) -> Expr {
        let start = self.span();
        if !self.take_symbol("-") {
            return self.operand();
        }
        let inner = self.deeper(Parser::signed);
        let kind = match inner.kind {
            ExprKind::Int(n) => ExprKind::Int(-n),
            ExprKind::Float(n, text) => ExprKind::Float(-n, format!("-{text}").into()),
            _ => ExprKind::Negate(Box::new(inner)),
        };
        Expr { kind, span: self.since(start) }
    }

    fn operand(&mut self) -> Expr {
        let start = self.span();
        self.parts += 1;
        if self.parts == PARTS_MAX {
            let message = format!("this expression has more than {PARTS_MAX} parts");
            self.report(Diagnostic::error("F009", start, message).label("too long"));
        }
        if self.parts >= PARTS_MAX {
            self.recover();
            return Expr { kind: ExprKind::Wrong, span: start };
        }
        if self.take_symbol("(") {
            let inner = self.deeper(Parser::expression);
            self.close(")", start);
            return Expr { span: self.since(start), ..inner };
        }
        if let Some(kind) = self.literal() {
            return Expr { kind, span: self.since(start) };
        }
        if let Some(word) = self.word() {
            if word == "has" && matches!(self.ahead(1).kind, TokenKind::Ident | TokenKind::Quoted) {
                self.skip();
                let inner = self.named();
                return Expr { kind: ExprKind::Has(Box::new(inner)), span: self.since(start) };
            }
            if RESERVED.contains(&word) {
                self.expected("a value");
                self.recover();
                return Expr { kind: ExprKind::Wrong, span: start };
            }
        }
        match self.token().kind {
            TokenKind::Ident | TokenKind::Quoted => self.named(),
            _ => {
                self.expected("a value");
                self.recover();
                Expr { kind: ExprKind::Wrong, span: start }
            }
        }
    }

    /// A name and what belongs to it: a call, a group, a path, a slice.
    pub(crate) fn named(&mut self) -> Expr {
        let start = self.span();
        let is_quoted = self.token().kind == TokenKind::Quoted;
        let Some(name) = self.name() else {
            self.expected("a name");
            return Expr { kind: ExprKind::Wrong, span: start };
        };
        if !is_quoted && self.is_symbol("(") {
            let opened = self.span();
            self.skip();
            let mut args = Vec::new();
            while !self.is_symbol(")") && !self.is_at_end() {
                args.push(self.deeper(Parser::expression));
                if !self.take_symbol(",") {
                    break;
                }
            }
            self.close(")", opened);
            return Expr { kind: ExprKind::Call(name, args), span: self.since(start) };
        }
        let is_group = !is_quoted && name.text == "group" && self.is_symbol(":");
        if is_group {
            self.skip();
            let Some(group) = self.name() else {
                self.expected("the name of a group");
                return Expr { kind: ExprKind::Wrong, span: self.since(start) };
            };
            let mut path = Path::default();
            self.steps(&mut path);
            return Expr { kind: ExprKind::Group(group, path), span: self.since(start) };
        }
        let mut path = Path { segments: vec![Segment::Name(name, is_quoted)] };
        let slice = self.steps(&mut path);
        let kind = match slice {
            Some((from, to)) => ExprKind::Slice(path, from, to),
            None => ExprKind::Path(path),
        };
        Expr { kind, span: self.since(start) }
    }

    /// `.name`, `[2]`, and at the end `[0..4]`, which is given back.
    pub(crate) fn steps(&mut self, path: &mut Path) -> Option<(u32, Option<u32>)> {
        loop {
            if self.is_symbol(".") {
                self.skip();
                let is_quoted = self.token().kind == TokenKind::Quoted;
                match self.name() {
                    Some(name) => path.segments.push(Segment::Name(name, is_quoted)),
                    None => {
                        self.expected("a name");
                        return None;
                    }
                }
            } else if self.is_symbol("[") {
                let opened = self.span();
                self.skip();
                let from = if self.is_symbol("..") { Some(0) } else { self.place() };
                let is_slice = self.take_symbol("..");
                let to = if is_slice && !self.is_symbol("]") { self.place() } else { None };
                self.close("]", opened);
                match from {
                    Some(from) if is_slice => return Some((from, to)),
                    Some(index) => path.segments.push(Segment::Index(index, self.since(opened))),
                    None => return None,
                }
            } else {
                return None;
            }
        }
    }

    fn place(&mut self) -> Option<u32> {
        let span = self.span();
        match self.token().kind {
            TokenKind::Integer => match self.literal() {
                Some(ExprKind::Int(n)) => {
                    if u32::try_from(n).is_err() {
                        let message = format!("{n} is no place in a list");
                        self.report(Diagnostic::error("F004", span, message));
                    }
                    Some(u32::try_from(n).unwrap_or(0))
                }
                _ => None,
            },
            _ => {
                self.expected("a place in the list, counted from 0,");
                None
            }
        }
    }
}
