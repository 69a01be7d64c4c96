//! Text to words. Blanks and comments (`//` and `#` up to the end of the line) go.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{anychar, char, satisfy};
use nom::combinator::{map, not, opt, recognize, value, verify};
use nom::multi::many0_count;
use nom::sequence::{pair, preceded, terminated};
use nom::{IResult, Parser};

use super::token::{Bad, SYMBOLS, Token, TokenKind};

type Scan<'a, T> = IResult<&'a str, T>;

/// What the ends of lines mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// They are blanks.
    Blank,
    /// They end what is written, except inside brackets.
    End,
}

/// Splits a text into words; the last is always [`TokenKind::End`].
pub(super) fn lex(text: &str, lines: Lines) -> Vec<Token> {
    let mut lexer = Lexer { tokens: Vec::new(), open: 0, lines };
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let start = text.len() - rest.len();
        let (after, piece) = match piece(rest, lexer.wants_regex(text)) {
            Ok(done) => done,
            // `piece` takes any character, so this is never reached; if it were, the text ends here.
            Err(_) => ("", Piece::Word(TokenKind::Bad(Bad::Character))),
        };
        rest = after;
        lexer.add(piece, start, text.len() - after.len());
    }
    lexer.push(TokenKind::End, text.len(), text.len());
    lexer.tokens
}

#[derive(Clone, Copy)]
enum Piece {
    Blank,
    Newline,
    Word(TokenKind),
}

fn piece(i: &str, wants_regex: bool) -> Scan<'_, Piece> {
    if wants_regex && i.starts_with('/') && !i.starts_with("//") {
        return map(regex, Piece::Word).parse(i);
    }
    alt((
        value(Piece::Blank, take_while1(|c| matches!(c, ' ' | '\t' | '\r'))),
        value(Piece::Newline, tag("\n")),
        value(Piece::Blank, pair(alt((tag("//"), tag("#"))), take_while(|c| c != '\n'))),
        map(alt((word, number, text, back_ticks, symbol)), Piece::Word),
        value(Piece::Word(TokenKind::Bad(Bad::Character)), stray),
    ))
    .parse(i)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) || c.is_alphanumeric()
}

fn word(i: &str) -> Scan<'_, TokenKind> {
    let start = satisfy(|c| c.is_ascii_alphabetic() || c == '_');
    let (rest, _) = pair(start, take_while(is_word)).parse(i)?;
    let (rest, foreign) = take_while(is_letter)(rest)?;
    let kind = if foreign.is_empty() { TokenKind::Ident } else { TokenKind::Bad(Bad::Character) };
    Ok((rest, kind))
}

fn digits(i: &str) -> Scan<'_, &str> {
    take_while1(|c: char| c.is_ascii_digit()).parse(i)
}

/// A word that begins with a digit.
fn number(i: &str) -> Scan<'_, TokenKind> {
    let ends = || not(satisfy(is_letter));
    let octet = || take_while_m_n(1, 3, |c: char| c.is_ascii_digit());
    let dotted = (octet(), char('.'), octet(), char('.'), octet(), char('.'), octet());
    let prefix = opt(pair(char('/'), take_while_m_n(1, 2, |c: char| c.is_ascii_digit())));
    let address = value(TokenKind::Address, (dotted, prefix, ends()));
    let no_more = not(pair(char('.'), satisfy(|c| c.is_ascii_digit())));
    let version = (digits, char('.'), digits, char('.'), digits, no_more, ends());
    alt((address, value(TokenKind::Version, version), plain_number)).parse(i)
}

fn plain_number(i: &str) -> Scan<'_, TokenKind> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (rest, whole) =
        recognize(pair(satisfy(is_digit), take_while(|c: char| is_digit(c) || c == '_')))
            .parse(i)?;
    if whole == "0" {
        let ends = not(satisfy(is_letter));
        if let Ok((rest, _)) = terminated(alt((hex, binary)), ends).parse(rest) {
            return Ok((rest, TokenKind::Integer));
        }
    }
    let fraction =
        preceded(char('.'), pair(satisfy(is_digit), take_while(|c| is_digit(c) || c == '_')));
    let (rest, fraction) = opt(recognize(fraction)).parse(rest)?;
    let exponent =
        (satisfy(|c| matches!(c, 'e' | 'E')), opt(satisfy(|c| matches!(c, '+' | '-'))), digits);
    let (rest, exponent) = opt(recognize(exponent)).parse(rest)?;
    let (rest, behind) = take_while(is_letter)(rest)?;
    let kind = match behind {
        "" if fraction.is_some() || exponent.is_some() => TokenKind::Float,
        "" => TokenKind::Integer,
        "ms" | "s" | "m" | "h" if exponent.is_none() => TokenKind::Duration,
        _ => TokenKind::Bad(Bad::Number),
    };
    Ok((rest, kind))
}

fn hex(i: &str) -> Scan<'_, &str> {
    let digits = take_while1(|c: char| c.is_ascii_hexdigit() || c == '_');
    preceded(tag("x"), verify(digits, |d: &str| d.contains(|c: char| c != '_'))).parse(i)
}

fn binary(i: &str) -> Scan<'_, &str> {
    let digits = take_while1(|c: char| matches!(c, '0' | '1' | '_'));
    preceded(tag("b"), verify(digits, |d: &str| d.contains(|c: char| c != '_'))).parse(i)
}

fn text(i: &str) -> Scan<'_, TokenKind> {
    alt((
        quoted('"', &['"', '\\', '\n'], TokenKind::Text, Bad::Text),
        quoted('\'', &['\'', '\\', '\n'], TokenKind::Text, Bad::Text),
    ))
    .parse(i)
}

/// A regular expression and its letters.
fn regex(i: &str) -> Scan<'_, TokenKind> {
    let body = quoted('/', &['/', '\\', '\n'], TokenKind::Regex, Bad::Regex);
    map(pair(body, take_while(is_word)), |(kind, _)| kind).parse(i)
}

fn quoted<'a>(
    quote: char,
    special: &'static [char],
    kind: TokenKind,
    bad: Bad,
) -> impl Parser<&'a str, Output = TokenKind, Error = nom::error::Error<&'a str>> {
    let plain = take_while1(move |c| !special.contains(&c));
    let escape = recognize(pair(char('\\'), satisfy(|c| c != '\n')));
    let body = many0_count(alt((plain, escape)));
    let closed = map(opt(char(quote)), move |end| match end {
        Some(_) => kind,
        None => TokenKind::Bad(bad),
    });
    // A backslash is left over only at the end of a line, so the text is not closed.
    map((char(quote), body, opt(char('\\')), closed), |found| found.3)
}

fn back_ticks(i: &str) -> Scan<'_, TokenKind> {
    let inside = take_while(|c| c != '`' && c != '\n');
    let (rest, (_, body, end)) = (char('`'), inside, opt(char('`'))).parse(i)?;
    let is_good = end.is_some() && !body.is_empty();
    Ok((rest, if is_good { TokenKind::Quoted } else { TokenKind::Bad(Bad::Name) }))
}

fn symbol(i: &str) -> Scan<'_, TokenKind> {
    match SYMBOLS.iter().find(|symbol| i.starts_with(**symbol)) {
        Some(symbol) => Ok((&i[symbol.len()..], TokenKind::Symbol(symbol))),
        None => satisfy(|_| false).map(|_| TokenKind::End).parse(i),
    }
}

/// Letters of other scripts as one piece, anything else alone.
fn stray(i: &str) -> Scan<'_, &str> {
    alt((take_while1(is_letter), recognize(anychar))).parse(i)
}

/// Collects words and decides which ends of lines count.
struct Lexer {
    tokens: Vec<Token>,
    /// How many brackets are open.
    open: u32,
    lines: Lines,
}

impl Lexer {
    fn wants_regex(&self, text: &str) -> bool {
        self.tokens.last().is_some_and(|last| match last.kind {
            TokenKind::Ident => text.get(last.start as usize..last.end as usize) == Some("matches"),
            TokenKind::Symbol(symbol) => symbol == "=~",
            _ => false,
        })
    }

    fn add(&mut self, piece: Piece, start: usize, end: usize) {
        match piece {
            Piece::Blank => {}
            Piece::Newline => {
                let again = self.tokens.last().is_none_or(|t| t.kind == TokenKind::Newline);
                if self.lines == Lines::End && self.open == 0 && !again {
                    self.push(TokenKind::Newline, start, end);
                }
            }
            Piece::Word(kind) => {
                match kind {
                    TokenKind::Symbol("(" | "[" | "{") => self.open += 1,
                    TokenKind::Symbol(")" | "]" | "}") => self.open = self.open.saturating_sub(1),
                    _ => {}
                }
                self.push(kind, start, end);
            }
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        // Texts are shorter than 4 GiB: longer ones are refused before they come here.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.tokens.push(Token { kind, start: place(start), end: place(end) });
    }
}
