//! What goes wrong in a handshake, by whose fault it is.

use std::fmt;

use thiserror::Error;

use crate::security::{SecurityType, listed};
use crate::version::Said;

/// The client does not speak RFB as it should, or was not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// Its first bytes are no version of RFB.
    #[error("the client does not speak RFB: it begins with {}", Shown(found))]
    NotRfb {
        /// The bytes up to the first that is wrong.
        found: Vec<u8>,
    },
    /// It chose a security type that it was not offered.
    #[error("the client chose the security type {chosen}, and was offered {}", listed(offered))]
    NotOffered {
        /// What it chose.
        chosen: SecurityType,
        /// What it was offered.
        offered: Vec<SecurityType>,
    },
    /// Its answer fits none of the passwords.
    #[error("the client's password is wrong")]
    WrongPassword,
    /// It left before the handshake was over.
    #[error("the client left during the handshake, {awaited}")]
    Left {
        /// What it would have had to send.
        awaited: Awaited,
    },
}

/// The server does not speak RFB as it should, or does not let midwire in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ServerError {
    /// Its first bytes are no version of RFB.
    #[error("the server does not speak RFB: it begins with {}", Shown(found))]
    NotRfb {
        /// The bytes up to the first that is wrong.
        found: Vec<u8>,
    },
    /// Its version is older than all that midwire speaks.
    #[error("the server speaks RFB {said}; 3.3 is the oldest that midwire speaks")]
    TooOld {
        /// What it said.
        said: Said,
    },
    /// It refuses before anybody has said who they are.
    #[error("the server refuses: {reason}")]
    Refused {
        /// Its reason.
        reason: Reason,
    },
    /// It offers nothing that midwire can do.
    #[error(
        "the server wants {}, of which midwire speaks none; it speaks None (1) and VNC \
         authentication (2)",
        listed(offered)
    )]
    UnknownTypes {
        /// What it offers.
        offered: Vec<SecurityType>,
    },
    /// It wants a password, and midwire has none for it.
    #[error("the server wants a password, and midwire was given none for it")]
    PasswordWanted,
    /// It does not take the password, or has had too many attempts.
    #[error("the server refuses midwire's {}{}", with(*password), because(reason.as_ref()))]
    LoginFailed {
        /// Whether it was about a password.
        password: bool,
        /// The number of its result; 1 if there is nothing special about it.
        result: u32,
        /// Its reason, which versions before 3.8 do not have.
        reason: Option<Reason>,
    },
    /// It closed the connection before the handshake was over.
    #[error("the server closed the connection during the handshake, {awaited}")]
    Left {
        /// What it would have had to send.
        awaited: Awaited,
    },
}

fn with(password: bool) -> &'static str {
    if password { "password" } else { "login" }
}

fn because(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// A text in which a server says why it refuses. It is foreign text: nothing in it is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// As much of it as there is, and as `reason_length_max` allows.
    pub text: String,
    /// Whether more was announced.
    pub cut: bool,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.text[..], self.cut) {
            ("", _) => f.write_str("it gives no reason"),
            (text, false) => f.write_str(text),
            (text, true) => write!(f, "{text}..."),
        }
    }
}

/// What a handshake waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The peer's version.
    Version,
    /// Security types, or the choice of one.
    SecurityType,
    /// A challenge.
    Challenge,
    /// The answer to a challenge.
    Answer,
    /// The result of the login.
    Result,
    /// Nothing of this peer: it is the other side's turn.
    OtherSide,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Awaited::Version => "before it had said its version",
            Awaited::SecurityType => "where the security type is agreed on",
            Awaited::Challenge => "where it should have sent a challenge",
            Awaited::Answer => "where it should have answered the challenge",
            Awaited::Result => "where it should have said whether it lets in",
            Awaited::OtherSide => "while the other side was at its login",
        })
    }
}

/// A few foreign bytes.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
