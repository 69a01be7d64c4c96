//! Where a parser stands in the words of a text, and what it reports.

use midwire_definition::Diagnostic;
use midwire_definition::syntax::ast::{Name, Span};

use super::lexical::{Lines, lex};
use super::token::{Bad, Token, TokenKind};

/// How deep expressions may nest.
pub const NESTING_MAX: u32 = 64;
/// The longest text that is read, in bytes.
pub const TEXT_MAX: usize = 256 * 1024;
/// The most names and literals that one expression may have.
pub const PARTS_MAX: u32 = 10_000;
/// The most errors that are looked for in one text.
pub const ERRORS_MAX: usize = 20;

/// Reads words one after the other. What is wrong is kept, and reading goes on.
#[derive(Debug)]
pub struct Parser<'a> {
    file: u16,
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    pub(crate) depth: u32,
    /// Names and literals of the expression at hand.
    pub(crate) parts: u32,
    reports: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    /// A parser in front of the first word of a text, which is file `file` of the caller's sources.
    pub fn new(file: u16, text: &'a str, lines: Lines) -> Self {
        let mut parser = Parser {
            file,
            text,
            tokens: Vec::new(),
            at: 0,
            depth: 0,
            parts: 0,
            reports: Vec::new(),
        };
        if text.len() > TEXT_MAX {
            let span = Span { file, start: 0, end: 1 };
            let message = format!("the text has {} bytes, at most {TEXT_MAX} are read", text.len());
            parser.report(Diagnostic::error("F009", span, message));
            parser.text = "";
        }
        parser.tokens = lex(parser.text, lines);
        parser
    }

    /// What was wrong so far, by place.
    pub fn into_reports(mut self) -> Vec<Diagnostic> {
        self.reports.sort_by_key(|report| report.span.start);
        self.reports
    }

    /// Whether anything was wrong so far.
    pub fn has_failed(&self) -> bool {
        !self.reports.is_empty()
    }

    /// Keeps a message. Of several about one place the first is kept.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        let is_known = self.reports.iter().any(|known| known.span.start == diagnostic.span.start);
        if !is_known && self.reports.len() < ERRORS_MAX {
            self.reports.push(diagnostic);
        }
    }

    /// The next word.
    pub fn token(&self) -> Token {
        self.ahead(0)
    }

    /// The word behind so many others.
    pub fn ahead(&self, n: usize) -> Token {
        let length = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let end = Token { kind: TokenKind::End, start: length, end: length };
        self.tokens.get(self.at + n).copied().unwrap_or(end)
    }

    /// How many words were passed.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Goes back, or forward, to a position.
    pub fn set_position(&mut self, at: usize) {
        self.at = at.min(self.tokens.len().saturating_sub(1));
    }

    /// Passes the next word, but never the end.
    pub fn skip(&mut self) {
        if self.token().kind != TokenKind::End {
            self.at += 1;
        }
    }

    /// The text of a word.
    pub fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    /// The place of a word.
    pub fn span_of(&self, token: Token) -> Span {
        Span { file: self.file, start: token.start, end: token.end }
    }

    /// The place of the next word.
    pub fn span(&self) -> Span {
        self.span_of(self.token())
    }

    /// From a place to the end of the last word that was passed.
    pub fn since(&self, start: Span) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        Span { end: last.map_or(start.end, |last| last.end.max(start.start)), ..start }
    }

    /// The next word, if it is a name without back-ticks.
    pub fn word(&self) -> Option<&'a str> {
        self.word_ahead(0)
    }

    /// The same for the word behind so many others.
    pub fn word_ahead(&self, n: usize) -> Option<&'a str> {
        let token = self.ahead(n);
        (token.kind == TokenKind::Ident).then(|| self.text_of(token))
    }

    /// Whether the next word is this one.
    pub fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// Whether this punctuation comes next.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_ahead(0, symbol)
    }

    /// The same behind so many words.
    pub fn is_symbol_ahead(&self, n: usize, symbol: &str) -> bool {
        matches!(self.ahead(n).kind, TokenKind::Symbol(found) if found == symbol)
    }

    /// Passes a word if it comes next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(word);
        if is_next {
            self.skip();
        }
        is_next
    }

    /// Passes punctuation if it comes next.
    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.is_symbol(symbol);
        if is_next {
            self.skip();
        }
        is_next
    }

    /// Whether nothing more comes, on this line if lines count.
    pub fn is_at_end(&self) -> bool {
        matches!(self.token().kind, TokenKind::End | TokenKind::Newline)
    }

    /// Whether the next word touches the one before.
    pub fn is_adjacent(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|before| before.end == self.token().start)
    }

    /// A name, with or without back-ticks.
    pub fn name(&mut self) -> Option<Name> {
        let token = self.token();
        let text = self.text_of(token);
        let text = match token.kind {
            TokenKind::Ident => text,
            TokenKind::Quoted => text.trim_matches('`'),
            _ => return None,
        };
        let name = Name { text: text.to_owned(), span: self.span_of(token) };
        self.skip();
        Some(name)
    }

    /// Reports that something else was expected in front of the next word.
    pub fn expected(&mut self, what: &str) {
        let token = self.token();
        let span = self.span_of(token);
        let text = shortened(self.text_of(token));
        let report = match token.kind {
            TokenKind::Bad(bad) => bad_word(bad, span, &text),
            TokenKind::End => {
                Diagnostic::error("F001", span, format!("{what} is expected, but the text ends"))
                    .label("it ends here")
            }
            TokenKind::Newline => {
                Diagnostic::error("F001", span, format!("{what} is expected, but the line ends"))
                    .label("it ends here")
            }
            TokenKind::Symbol(symbol) if foreign(symbol).is_some() => {
                self.foreign_sign(span, symbol)
            }
            _ => Diagnostic::error("F001", span, format!("{what} is expected, not `{text}`"))
                .label("expected here"),
        };
        self.report(report);
    }

    /// A sign that other languages have for a word of this one.
    pub(super) fn foreign_sign(&self, span: Span, symbol: &str) -> Diagnostic {
        let report = Diagnostic::error("F006", span, format!("`{symbol}` means nothing here"));
        match foreign(symbol) {
            Some(word) => report.label(format!("write `{word}`")),
            None => report.label("not part of the language"),
        }
    }

    /// Passes a closing bracket, or reports that it is missing.
    pub fn close(&mut self, symbol: &'static str, opened: Span) {
        if self.take_symbol(symbol) {
            return;
        }
        let open = match symbol {
            ")" => "(",
            "]" => "[",
            _ => "{",
        };
        let is_open = self.is_at_end() || self.is_open_over_lines(opened);
        if is_open {
            let message = format!("this `{open}` is never closed");
            self.report(
                Diagnostic::error("F005", opened, message).help(format!("write `{symbol}`")),
            );
            while !self.is_at_end() {
                self.skip();
            }
        } else {
            self.expected(&format!("`{symbol}` or an operator"));
            self.recover();
            self.take_symbol(symbol);
        }
    }

    /// Whether a bracket was opened on a line before, and nothing from here on closes it: what comes next is
    /// no part of what it encloses.
    fn is_open_over_lines(&self, opened: Span) -> bool {
        let between = self.text.get(opened.start as usize..self.token().start as usize);
        if !between.is_some_and(|between| between.contains('\n')) {
            return false;
        }
        let mut open = 0u32;
        for token in self.tokens.get(self.at..).unwrap_or_default() {
            match token.kind {
                TokenKind::Symbol("(" | "[" | "{") => open += 1,
                TokenKind::Symbol(")" | "]" | "}") if open == 0 => return false,
                TokenKind::Symbol(")" | "]" | "}") => open -= 1,
                _ => {}
            }
        }
        true
    }

    /// Passes words up to one that something may go on behind: `and`, `or`, a closing bracket, a comma, the
    /// end.
    pub fn recover(&mut self) {
        let mut open = 0u32;
        loop {
            match self.token().kind {
                TokenKind::End => return,
                TokenKind::Newline if open == 0 => return,
                TokenKind::Ident if open == 0 && (self.is_word("and") || self.is_word("or")) => {
                    return;
                }
                TokenKind::Symbol(")" | "]" | "}" | "," | ":") if open == 0 => return,
                TokenKind::Symbol("(" | "[" | "{") => open += 1,
                TokenKind::Symbol(")" | "]" | "}") => open -= 1,
                _ => {}
            }
            self.skip();
        }
    }
}

/// What to write for a sign of another language.
fn foreign(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "&&" | "&" => "and",
        "||" | "|" => "or",
        "!" => "not",
        "=" => "==",
        "=~" | "~" => "matches",
        _ => return None,
    })
}

fn bad_word(bad: Bad, span: Span, text: &str) -> Diagnostic {
    match bad {
        Bad::Character => {
            Diagnostic::error("F002", span, format!("`{text}` is not part of the language"))
                .label("unknown character")
                .help("names of other letters stand in back-ticks, texts in quotes")
        }
        Bad::Number => Diagnostic::error("F004", span, format!("`{text}` is no number"))
            .label("malformed number")
            .help("numbers are 12, 0xff, 0b101 or 1.5; a name that begins with a digit stands in quotes"),
        Bad::Text => Diagnostic::error("F003", span, "this text does not end")
            .label("its quote is not closed on this line"),
        Bad::Name => Diagnostic::error("F003", span, "this name does not end, or is empty")
            .label("its back-tick is not closed on this line"),
        Bad::Regex => Diagnostic::error("F003", span, "this regular expression does not end")
            .label("its `/` is not closed on this line"),
    }
}

/// The beginning of a word, for messages.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
