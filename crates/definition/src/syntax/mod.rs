//! Definition text to syntax tree.
//!
//! The text is cut into words (`lexical`), the words are parsed with nom (`Cursor` is its
//! input), and lists in braces go on after a mistake (`recovery`). The grammar is
//! `docs/wire.ebnf`; nom's types do not leave this module.

#[expect(missing_docs, reason = "what a variant holds is said in the line above it")]
pub mod ast;

mod arms;
mod count;
mod cursor;
mod declarations;
mod escapes;
mod events;
mod expression;
mod fault;
mod fields;
mod format;
mod gates;
mod ids;
mod lexical;
mod packets;
mod protocol;
mod recovery;
mod token;
mod types;
mod value;

pub use count::is_count_prefix;
pub use escapes::unescaped;
pub use format::format;
pub(crate) use gates::OPEN;

use nom::Err;

use crate::diagnostics::Diagnostic;
use crate::sources::MAX_SOURCE_LEN;
use ast::{File, Span};
use cursor::{Context, Cursor};
use recovery::{Style, resume, separators};
use token::Kind;

/// Parses one text. `file` is its number in the [`Sources`](crate::Sources), for the spans.
///
/// What can be understood is returned even where there are errors; after twenty of them the rest of
/// the text is not looked at.
pub fn parse(file: u16, text: &str) -> (File, Vec<Diagnostic>) {
    if text.len() > MAX_SOURCE_LEN {
        let message = format!("this text has {} bytes, the limit is {MAX_SOURCE_LEN}", text.len());
        let span = Span { file, start: 0, end: 0 };
        return (File::default(), vec![Diagnostic::error("W014", span, message)]);
    }
    let cx = Context::new(file, text, lexical::lex(text));
    let items = items(Cursor::new(&cx));
    (File { items }, cx.into_reports())
}

fn items(mut i: Cursor<'_>) -> Vec<ast::Item> {
    let mut items = Vec::new();
    let mut failed = false;
    loop {
        i = separators(i);
        if i.token().kind == Kind::End {
            return items;
        }
        if failed && !declarations::resembles_item(i) {
            // Still what was in the braces of the declaration that failed.
            let next = resume(i, i.at(), Style::Lines);
            i = if next.is_symbol("}") { next.skip() } else { next };
            continue;
        }
        i.begin_item();
        let fault = match declarations::item(i) {
            Ok((rest, item)) => {
                items.push(item);
                failed = false;
                if matches!(rest.token().kind, Kind::Newline | Kind::End | Kind::Symbol(",")) {
                    i = rest;
                    continue;
                }
                if recovery::begins_item(rest, Style::Fields) {
                    i = rest;
                    continue;
                }
                i = rest;
                declarations::trailing(rest)
            }
            Err(Err::Error(fault) | Err::Failure(fault)) => fault,
            Err(Err::Incomplete(_)) => return items,
        };
        failed = true;
        let at = fault.at();
        let Some(message) = fault.into_diagnostic(i) else { return items };
        if i.report(message).is_err() {
            return items;
        }
        let next = resume(i, at, Style::Lines);
        // A brace that closes nothing ends no block here.
        i = if next.is_symbol("}") { next.skip() } else { next };
    }
}
