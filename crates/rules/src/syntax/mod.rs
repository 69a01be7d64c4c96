//! Text to expressions. nom's types do not leave this module.

pub mod ast;
mod expression;
mod lexical;
mod literal;
mod parser;
mod token;

pub use ast::{Expr, ExprKind};
pub(crate) use expression::RESERVED;
pub use lexical::Lines;
pub(crate) use parser::shortened;
pub use parser::{ERRORS_MAX, NESTING_MAX, PARTS_MAX, Parser, TEXT_MAX};
pub use token::{Bad, Token, TokenKind};

use midwire_definition::Diagnostic;

/// Reads a text that is one expression.
///
/// # Errors
/// What is wrong with it, by place.
pub fn parse(file: u16, text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let mut parser = Parser::new(file, text, Lines::Blank);
    let expr = parser.expression();
    if !parser.is_at_end() {
        let token = parser.token();
        let text = parser.text_of(token);
        if let TokenKind::Symbol(symbol @ (")" | "]" | "}")) = token.kind {
            let message = format!("this `{symbol}` closes nothing");
            parser
                .report(Diagnostic::error("F005", parser.span(), message).label("nothing is open"));
        } else if matches!(token.kind, TokenKind::Ident | TokenKind::Quoted | TokenKind::Text) {
            let message = format!("an operator is expected, not `{}`", parser::shortened(text));
            let help = "join two conditions with `and` or `or`";
            let report = Diagnostic::error("F001", parser.span(), message).label("expected here");
            parser.report(report.help(help));
        } else {
            parser.expected("an operator");
        }
    }
    if parser.has_failed() { Err(parser.into_reports()) } else { Ok(expr) }
}
