//! The usual form of a definition text: where lines begin, and the blanks in them.
//!
//! Lines stay as their author broke them, and comments where they are, so a text says the same
//! afterwards: the words are the same, and so are the ends of lines between them.

use super::lexical::{Piece, pieces};
use super::token::Kind;

/// Blanks that a line begins with for each level.
const STEP: usize = 2;

/// The text with two blanks a level in front of each line, one blank between words where one belongs,
/// at most one empty line at a time, and LF at the end of each line.
///
/// Blanks in front of a comment behind words, and between the bytes of a `test`, are kept: they make
/// columns. A text that [`parse`](super::parse) finds fault with may be laid out oddly, but loses no word.
pub fn format(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut levels = Levels::default();
    let mut empty = 0;
    for line in lines(text) {
        if line.words.is_empty() && line.comment.is_none() {
            empty += 1;
            continue;
        }
        let closes = line.words.first().is_some_and(|word| word.text == "}");
        if empty > 0 && !out.is_empty() && !closes && !out.ends_with("{\n") {
            out.push('\n');
        }
        empty = 0;
        let begin = out.len();
        out.extend(std::iter::repeat_n(' ', levels.indent(&line)));
        write_words(&line.words, &levels, &mut out);
        if let Some(comment) = line.comment {
            if !line.words.is_empty() {
                out.extend(std::iter::repeat_n(' ', line.before_comment.max(1)));
            }
            out.push_str(comment.trim_end());
        }
        levels.pass(&line, out[begin..].bytes().take_while(|b| *b == b' ').count());
        out.push('\n');
    }
    out
}

/// A word of a line.
struct Word<'a> {
    kind: Kind,
    text: &'a str,
    /// Blanks in front of it.
    blanks: usize,
}

/// What stands on one line.
#[derive(Default)]
struct Line<'a> {
    words: Vec<Word<'a>>,
    comment: Option<&'a str>,
    /// Blanks in front of the comment.
    before_comment: usize,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = vec![Line::default()];
    let mut blanks = 0;
    for (piece, start, end) in pieces(text) {
        let text = &text[start..end];
        let line = lines.last_mut();
        match (piece, line) {
            (Piece::Blank, _) => blanks = text.len(),
            (Piece::Newline, _) => {
                lines.push(Line::default());
                blanks = 0;
            }
            (Piece::Comment | Piece::Doc(_), Some(line)) => {
                (line.comment, line.before_comment) = (Some(text), blanks);
            }
            (Piece::Word(kind), Some(line)) => {
                line.words.push(Word { kind, text, blanks });
                blanks = 0;
            }
            (_, None) => {}
        }
    }
    lines
}

/// A bracket that is open.
struct Open {
    bracket: &'static str,
    /// Blanks in front of the line it stands on.
    indent: usize,
    /// The keyword of the declaration that it opens, if it opens one.
    keyword: Option<Keyword>,
}

/// Declarations whose lines are laid out in their own way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    /// What does not begin with a version goes on with the line before.
    Ids,
    /// The bytes in front of `=>` keep their blanks.
    Test,
}

/// What is open, and whether the line before goes on.
#[derive(Default)]
struct Levels {
    open: Vec<Open>,
    goes_on: bool,
    /// The bytes of a test are over.
    past_bytes: bool,
    /// The `=>` of a test stands on a line of its bytes, at the end.
    is_behind_bytes: bool,
}

impl Levels {
    /// Blanks that a line begins with.
    fn indent(&self, line: &Line<'_>) -> usize {
        let closing = line.words.iter().take_while(|word| is_closing(word.text)).count();
        if closing > 0 {
            let at = self.open.len().saturating_sub(closing);
            return self.open.get(at).map_or(0, |open| open.indent);
        }
        let Some(open) = self.open.last() else { return if self.goes_on { STEP } else { 0 } };
        let goes_on = self.goes_on || self.is_rest_of_ids(line) || self.is_expected_of_test(line);
        open.indent + STEP + if goes_on { STEP } else { 0 }
    }

    /// In an `ids` block, a line that begins with no version.
    fn is_rest_of_ids(&self, line: &Line<'_>) -> bool {
        let in_ids = self.open.last().is_some_and(|open| open.keyword == Some(Keyword::Ids));
        let begins = matches!(&line.words[..], [first, second, ..]
            if matches!(first.kind, Kind::Integer | Kind::Text) && second.text == ":");
        in_ids && !line.words.is_empty() && !begins
    }

    /// In a `test` block, what is expected where `=>` stands behind the bytes.
    fn is_expected_of_test(&self, line: &Line<'_>) -> bool {
        let in_test = self.open.last().is_some_and(|open| open.keyword == Some(Keyword::Test));
        in_test && self.is_behind_bytes && !line.words.is_empty()
    }

    /// Whether the blanks between words are those of a test's bytes.
    fn in_bytes(&self, words: &[Word<'_>]) -> bool {
        let of_block = self.open.last().is_some_and(|open| open.keyword == Some(Keyword::Test));
        let of_line = words.first().is_some_and(|word| self.open.is_empty() && word.text == "test");
        (of_block && !self.past_bytes) || of_line
    }

    /// Goes behind a line that was written with so many blanks in front.
    fn pass(&mut self, line: &Line<'_>, indent: usize) {
        let keyword = match line.words.first().map(|word| word.text) {
            Some("ids") if self.open.is_empty() => Some(Keyword::Ids),
            Some("test") if self.open.is_empty() => Some(Keyword::Test),
            _ => None,
        };
        if keyword == Some(Keyword::Test) {
            (self.past_bytes, self.is_behind_bytes) = (false, false);
        }
        let mut first = keyword;
        for word in &line.words {
            match word.kind {
                Kind::Symbol(bracket @ ("{" | "(" | "[")) => {
                    self.open.push(Open { bracket, indent, keyword: first.take() });
                }
                Kind::Symbol("}") => {
                    while self.open.pop().is_some_and(|open| open.bracket != "{") {}
                }
                Kind::Symbol(")" | "]") if self.open.last().is_some_and(|o| o.bracket != "{") => {
                    self.open.pop();
                }
                Kind::Symbol("=>") => self.past_bytes = true,
                _ => {}
            }
        }
        if let Some(last) = line.words.last() {
            self.is_behind_bytes |= last.text == "=>" && line.words.len() > 1;
            let in_test = self.open.last().is_some_and(|o| o.keyword == Some(Keyword::Test));
            self.goes_on = goes_on(last) && !self.is_bracketed() && !in_test;
        }
    }

    /// Inside ( ) and [ ], where the ends of lines are blanks.
    fn is_bracketed(&self) -> bool {
        self.open.last().is_some_and(|open| open.bracket != "{")
    }
}

fn is_closing(text: &str) -> bool {
    matches!(text, "}" | ")" | "]")
}

/// Whether a line that ends so goes on with the next.
fn goes_on(last: &Word<'_>) -> bool {
    match last.kind {
        Kind::Symbol(symbol) => is_infix(symbol) || matches!(symbol, "=" | "=>" | ":" | "+" | "-"),
        Kind::Ident => matches!(last.text, "and" | "or" | "in" | "then" | "else"),
        _ => false,
    }
}

/// Operators that always have a blank on both sides.
fn is_infix(symbol: &str) -> bool {
    matches!(
        symbol,
        "==" | "!=" | "<=" | ">=" | "<" | ">" | "<<" | ">>" | "*" | "/" | "%" | "&" | "|" | "^"
    )
}

fn write_words(words: &[Word<'_>], levels: &Levels, out: &mut String) {
    let mut in_gate = false;
    let mut in_bytes = levels.in_bytes(words);
    // Of each brace that is open on this line, whether it is that of a set, which is tight.
    let mut sets: Vec<bool> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let of_set = match word.text {
            "{" => {
                sets.push(at > 0 && words[at - 1].text == "in");
                false
            }
            "}" => sets.pop() == Some(true),
            _ => at > 0 && words[at - 1].text == "{" && sets.last() == Some(&true),
        };
        if let Some(before) = at.checked_sub(1).map(|at| &words[at]) {
            let of_gate = in_gate && is_of_gate(before, word);
            let blanks = match (before.text, word.text) {
                _ if in_bytes && word.text != "=>" && before.text != "{" => word.blanks,
                _ if of_set => 0,
                (before, word) if in_gate => {
                    usize::from(!of_gate && before != "@" && !matches!(word, "," | ")"))
                }
                _ => usize::from(is_apart(before, word)),
            };
            out.extend(std::iter::repeat_n(' ', blanks));
            in_gate = of_gate;
        }
        if word.text == "@" {
            in_gate = words.get(at + 1).is_some_and(|next| is_of_gate(word, next));
        }
        in_bytes &= word.text != "=>";
        out.push_str(word.text);
    }
}

/// Whether a gate of versions goes on with a word. The last version touches the dots; what does not is
/// the label of an arm.
fn is_of_gate(before: &Word<'_>, word: &Word<'_>) -> bool {
    match word.kind {
        Kind::Symbol(".." | "|") => true,
        Kind::Integer | Kind::Text => match before.text {
            ".." => word.blanks == 0,
            before => matches!(before, "@" | "|"),
        },
        _ => false,
    }
}

/// Whether a blank stands between two words of a line.
fn is_apart(before: &Word<'_>, word: &Word<'_>) -> bool {
    let had = word.blanks > 0;
    match (before.text, word.text) {
        ("{", "}") => false,
        (_, "," | ":" | ")" | "]") => false,
        ("(" | "[" | "@", _) => false,
        ("{", _) | (_, "{" | "}") => true,
        ("," | ":" | "=" | "=>", _) => true,
        ("]" | "}", _) => had || !matches!(word.text, "." | "["),
        (_, "=" | "=>" | "@") => true,
        (".", _) | (_, ".") => false,
        (a, b) => {
            let symbol = |word: &Word<'_>| matches!(word.kind, Kind::Symbol(_));
            (symbol(before) && is_infix(a)) || (symbol(word) && is_infix(b)) || had
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexical::lex;
    use super::*;

    /// The words of a text, ends of lines among them.
    fn words(text: &str) -> Vec<(Kind, &str)> {
        let tokens = lex(text).tokens;
        tokens
            .iter()
            .map(|t| (t.kind, &text[t.start as usize..t.end as usize]))
            .map(|(kind, word)| (kind, if kind == Kind::Newline { "" } else { word }))
            .skip_while(|(kind, _)| *kind == Kind::Newline)
            .collect()
    }

    fn becomes(text: &str, wanted: &str) {
        let formatted = format(text);
        assert_eq!(formatted, wanted);
        assert_eq!(format(&formatted), formatted, "a second time changes nothing");
    }

    #[test]
    fn lines_begin_by_level_and_words_stand_one_blank_apart() {
        becomes(
            "protocol  x{\r\n\tendian   big\n\n\n\n  frame {length:u8,id :u8}\n\n}\n\n\npacket A=1 both{ \
             a : u8   @ref  item ,b:[ varint ]  u8 }",
            "protocol x {\n  endian big\n\n  frame { length: u8, id: u8 }\n}\n\npacket A = 1 both { \
             a: u8 @ref item, b: [varint] u8 }\n",
        );
    }

    #[test]
    fn gates_are_tight_and_operators_are_not() {
        becomes(
            "type A @..758 | 761.. {\n@ ..46 x: u8\n@\"1.8\".. y: [x-1] u8\nif x&4!=0 and x in { 1,2 } {}\nlet z = -1\n}\n",
            "type A @..758|761.. {\n  @..46 x: u8\n  @\"1.8\".. y: [x-1] u8\n  if x & 4 != 0 and x in {1, 2} {}\n  let z = -1\n}\n",
        );
    }

    #[test]
    fn what_goes_on_is_one_level_further_in() {
        becomes(
            "ids play clientbound {\n1: a b\nc d\n2: + e after a,\n- b\n}\nlet\ntype T = match x {\n1 =>\nu8\n}\n",
            "ids play clientbound {\n  1: a b\n    c d\n  2: + e after a,\n    - b\n}\nlet\ntype T = match x {\n  1 =>\n    u8\n}\n",
        );
        becomes("type T = x(\n1,\n2\n)\n", "type T = x(\n  1,\n  2\n)\n");
    }

    #[test]
    fn comments_and_the_bytes_of_tests_keep_their_columns() {
        becomes(
            "// top\ntype A {   // one\n/// doc\na: u8      // two\n}\ntest A {  00 05  0024 01=>a:1 }\ntest A {\n00  01=>\na: 0\nb: 1\n}\ntest A {\n0 1\n=>\na: 0\n}\n",
            "// top\ntype A {   // one\n  /// doc\n  a: u8      // two\n}\ntest A { 00 05  0024 01 => a: 1 }\ntest A {\n  00  01 =>\n    a: 0\n    b: 1\n}\ntest A {\n  0 1\n  =>\n  a: 0\n}\n",
        );
    }

    #[test]
    fn the_builtin_texts_say_the_same_afterwards() {
        use crate::sources::Loader;
        for (name, _) in crate::builtin::files() {
            let text = crate::Builtin.load(name).expect("it is built in");
            if name.ends_with(".wire") {
                let formatted = format(&text);
                let (before, after) = (words(&text), words(&formatted));
                let other = before.iter().zip(&after).position(|(a, b)| a != b);
                assert_eq!(other.map(|at| &before[at..][..9]), None, "{name} says something else");
                assert_eq!(before.len(), after.len());
                assert!(formatted == text, "{name} is not in the usual form: run midwire fmt");
            }
        }
    }

    #[test]
    fn no_word_of_a_broken_text_is_lost() {
        for text in
            ["} ) ] {", "@ @ .. |", "\"open\n`x", "a ;; b\n\u{1b}[0m", "((((\n}}}}", "\u{feff}a"]
        {
            let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(kept(&format(text)), kept(text.trim_start_matches('\u{feff}')), "{text:?}");
        }
    }
}
