//! Text to words: comments and blanks go, doc comments are kept aside.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{anychar, char, satisfy};
use nom::combinator::{map, opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use super::token::{Bad, Kind, SYMBOLS, Token};
use crate::escape::escape;

/// The declarations' keywords.
pub(super) const ITEM_KEYWORDS: &[&str] =
    &["protocol", "extend", "include", "type", "table", "packet", "ids", "on", "group", "test"];

/// The words of a text, and the doc comments by the index of the word they stand before.
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) docs: Vec<(usize, String)>,
}

type Scan<'a, T> = IResult<&'a str, T>;

/// Splits a text into words; the last is always [`Kind::End`].
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer::default();
    for (piece, start, end) in pieces(text) {
        lexer.add(piece, start, end, text);
    }
    lexer.finish(text)
}

/// All that stands in a text behind its byte order mark, without gaps: what it is, first byte, and one
/// past the last.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (Piece<'_>, usize, usize)> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = text.len() - rest.len();
        let (after, piece) = match piece(rest) {
            Ok(done) => done,
            // `piece` takes any character, so this is never reached; if it were, the text ends here.
            Err(_) => ("", Piece::Word(Kind::Bad(Bad::Character))),
        };
        rest = after;
        Some((piece, start, text.len() - after.len()))
    })
}

/// What stands at one place of the text.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    Blank,
    Newline,
    Comment,
    Doc(&'a str),
    Word(Kind),
}

fn piece(i: &str) -> Scan<'_, Piece<'_>> {
    alt((
        value(Piece::Blank, take_while1(|c| c == ' ' || c == '\t')),
        value(Piece::Newline, alt((tag("\n"), tag("\r\n")))),
        comment,
        map(alt((word, number, text, back_ticks, symbol)), Piece::Word),
        value(Piece::Word(Kind::Bad(Bad::Character)), stray),
    ))
    .parse(i)
}

fn comment(i: &str) -> Scan<'_, Piece<'_>> {
    let (rest, body) = preceded(tag("//"), rest_of_line).parse(i)?;
    let piece = match body.strip_prefix('/') {
        Some(doc) if !doc.starts_with('/') => Piece::Doc(doc),
        _ => Piece::Comment,
    };
    Ok((rest, piece))
}

/// Up to the end of the line; a CR in the middle of a line does not end it.
fn rest_of_line(i: &str) -> Scan<'_, &str> {
    let (rest, line) = take_while(|c| c != '\n')(i)?;
    match line.strip_suffix('\r') {
        Some(shorter) if rest.starts_with('\n') => Ok((&i[shorter.len()..], shorter)),
        _ => Ok((rest, line)),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word(i: &str) -> Scan<'_, Kind> {
    let start = satisfy(|c| c.is_ascii_alphabetic() || c == '_');
    let (rest, _) = pair(start, take_while(is_word)).parse(i)?;
    let (rest, foreign) = take_while(is_letter)(rest)?;
    Ok((rest, if foreign.is_empty() { Kind::Ident } else { Kind::Bad(Bad::Character) }))
}

/// A letter or digit of any script, or what may stand in a name.
fn is_letter(c: char) -> bool {
    is_word(c) || c.is_alphanumeric()
}

fn digit(i: &str) -> Scan<'_, char> {
    satisfy(|c| c.is_ascii_digit()).parse(i)
}

/// A word that begins with a digit: a number, or letters that make none (the bytes of a test).
fn number(i: &str) -> Scan<'_, Kind> {
    let (rest, whole) = recognize(pair(digit, take_while(is_word))).parse(i)?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if digits(whole) {
        let fraction = preceded(char('.'), recognize(pair(digit, take_while(is_word))));
        let (rest, fraction) = opt(fraction).parse(rest)?;
        return Ok(match fraction {
            None => (rest, Kind::Integer),
            Some(fraction) if digits(fraction) => (rest, Kind::Float),
            Some(_) => (rest, Kind::Bad(Bad::Number)),
        });
    }
    let of = |digits: &str, is: fn(u8) -> bool| {
        digits.bytes().all(|b| is(b) || b == b'_') && digits.bytes().any(is)
    };
    let good = match whole.get(..2) {
        Some("0x") => of(&whole[2..], |b| b.is_ascii_hexdigit()),
        Some("0b") => of(&whole[2..], |b| matches!(b, b'0' | b'1')),
        _ => false,
    };
    Ok((rest, if good { Kind::Integer } else { Kind::Bad(Bad::Number) }))
}

fn text(i: &str) -> Scan<'_, Kind> {
    alt((quoted('"', &['"', '\\', '\n']), quoted('\'', &['\'', '\\', '\n']))).parse(i)
}

fn quoted<'a>(
    quote: char,
    special: &'static [char],
) -> impl Parser<&'a str, Output = Kind, Error = nom::error::Error<&'a str>> {
    let plain = take_while1(move |c| !special.contains(&c));
    let escape = recognize(pair(char('\\'), satisfy(|c| c != '\n')));
    let body = many0_count(alt((plain, escape)));
    let closed = map(opt(char(quote)), |end| match end {
        Some(_) => Kind::Text,
        None => Kind::Bad(Bad::Text),
    });
    // A backslash is left over only at the end of a line, so the text is not closed.
    map((char(quote), body, opt(char('\\')), closed), |found| found.3)
}

fn back_ticks(i: &str) -> Scan<'_, Kind> {
    let inside = take_while(|c| c != '`' && c != '\n');
    let (rest, (_, body, end)) = (char('`'), inside, opt(char('`'))).parse(i)?;
    let good = end.is_some() && !body.is_empty();
    Ok((rest, if good { Kind::Quoted } else { Kind::Bad(Bad::Name) }))
}

fn symbol(i: &str) -> Scan<'_, Kind> {
    match SYMBOLS.iter().find(|symbol| i.starts_with(**symbol)) {
        Some(symbol) => Ok((&i[symbol.len()..], Kind::Symbol(symbol))),
        None => satisfy(|_| false).map(|_| Kind::End).parse(i),
    }
}

/// Letters of other scripts as one piece, anything else alone.
fn stray(i: &str) -> Scan<'_, &str> {
    alt((take_while1(is_letter), recognize(anychar))).parse(i)
}

/// Collects words and decides which ends of lines count.
#[derive(Default)]
struct Lexer {
    tokens: Vec<Token>,
    docs: Vec<(usize, String)>,
    /// Doc lines that wait for the word they belong to.
    pending: Option<String>,
    /// What is open: inside ( ) and [ ] the end of a line is a blank.
    open: Vec<u8>,
    in_line: bool,
}

impl Lexer {
    fn add(&mut self, piece: Piece<'_>, start: usize, end: usize, text: &str) {
        match piece {
            Piece::Blank | Piece::Comment => {}
            Piece::Newline => self.newline(start, end),
            Piece::Doc(line) if !self.in_line => {
                // Shown everywhere, as names are.
                let line = escape(line.strip_prefix(' ').unwrap_or(line).trim_end_matches('\r'));
                match &mut self.pending {
                    Some(doc) => {
                        doc.push('\n');
                        doc.push_str(&line);
                    }
                    None => self.pending = Some(line.into_owned()),
                }
            }
            Piece::Doc(_) => {}
            Piece::Word(kind) => {
                if let Some(doc) = self.pending.take() {
                    self.docs.push((self.tokens.len(), doc));
                }
                self.nesting(kind, start, text);
                self.push(kind, start, end);
                self.in_line = true;
            }
        }
    }

    fn newline(&mut self, start: usize, end: usize) {
        self.in_line = false;
        let is_blank = matches!(self.open.last(), Some(b'(' | b'['));
        let again = self.tokens.last().is_none_or(|token| token.kind == Kind::Newline);
        if !is_blank && !again {
            self.push(Kind::Newline, start, end);
        }
    }

    fn nesting(&mut self, kind: Kind, start: usize, text: &str) {
        match kind {
            Kind::Symbol("{") => self.open.push(b'{'),
            Kind::Symbol("(") => self.open.push(b'('),
            Kind::Symbol("[") => self.open.push(b'['),
            Kind::Symbol(")") => self.close(b'('),
            Kind::Symbol("]") => self.close(b'['),
            Kind::Symbol("}") => while self.open.pop().is_some_and(|open| open != b'{') {},
            // A bracket that was never closed must not swallow the lines of the next declaration.
            Kind::Ident if !self.in_line && at_margin(text, start) => {
                let is_item = ITEM_KEYWORDS.iter().any(|word| {
                    text[start..].strip_prefix(word).is_some_and(|rest| rest.starts_with(' '))
                });
                if is_item && matches!(self.open.last(), Some(b'(' | b'[')) {
                    self.open.clear();
                    self.push(Kind::Newline, start, start);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, open: u8) {
        if self.open.last() == Some(&open) {
            self.open.pop();
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        // Texts are shorter than 4 GiB: `parse` refuses longer ones before they come here.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let first_of_line = !self.in_line;
        self.tokens.push(Token { kind, start: place(start), end: place(end), first_of_line });
    }

    fn finish(mut self, text: &str) -> Lexed {
        self.push(Kind::End, text.len(), text.len());
        Lexed { tokens: self.tokens, docs: self.docs }
    }
}

/// Whether a line begins here, without any blank.
pub(super) fn at_margin(text: &str, start: usize) -> bool {
    start == 0 || text[..start].ends_with(['\n', '\u{feff}'])
}
