//! What opens an account: never printed, not by accident either.

use std::fmt;

/// A token of a login. Its text is only had by [`Token::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Box<str>);

impl Token {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text, for a request or for the file of accounts; nowhere else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_in_what_is_printed_of_it() {
        let token = Token::new("planted");
        assert_eq!(format!("{token:?} {token:#?}"), "Token(..) Token(..)");
        assert_eq!(token.reveal(), "planted");
    }
}
