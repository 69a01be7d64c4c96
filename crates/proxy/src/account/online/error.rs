//! Why an account cannot be used, in words for whoever waits for it: at the command line and in the game.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::service::Service;
use super::xerr::Xerr;

/// Why an account cannot be used. Texts of services in it are cut, and hold no secret; who prints it escapes
/// them.
#[derive(Debug)]
pub(crate) enum AccountError {
    /// No application to log in for was named.
    NoClientId,
    /// No account is called so; those that there are.
    Unknown(String, Vec<String>),
    /// A service cannot be reached: where it is, and why.
    Unreachable(Service, String, String),
    /// A service did not answer in time.
    Timeout(Service, Duration),
    /// Logging in took too long, whichever service that lay at.
    TooLong(Duration),
    /// A service is not well or does not like what it was asked: the status, and what it says.
    Status(Service, u16, Option<String>),
    /// A service wants to be asked less often.
    TooOften(Service),
    /// What a service answers makes no sense: what is wrong with it.
    Nonsense(Service, String),
    /// The application is not one that may log in: what is said of it.
    BadClient(Option<String>),
    /// The person said no.
    Declined,
    /// The code was not entered in time.
    Expired,
    /// The login was taken back or has run out: whose, and what is said of it.
    LoginGone(String, Option<String>),
    /// Xbox Live does not let this account in.
    Xbox(Xerr),
    /// The account has no Minecraft profile.
    NoProfile,
    /// The account may not play with others: what is said of it.
    MayNotPlay(String, Option<String>),
    /// The client has not told the session service that it joins: its name.
    NotJoined(String),
    /// The client is somebody else than the account: its name, the account's profile.
    OtherProfile(String, String),
    /// The file of accounts.
    Store(StoreError),
    /// Nobody waits for it any more.
    Cancelled,
}

/// Why the file of accounts cannot be used.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The system does not tell where users keep their data.
    NoFolder,
    Io(&'static str, PathBuf, std::io::Error),
    /// Where it is, and what is wrong with it.
    Damaged(PathBuf, String),
    /// Another midwire has it.
    Busy(PathBuf),
}

impl AccountError {
    /// Whether that is a no to what was asked, rather than a failure on the way.
    pub(super) fn is_no(&self) -> bool {
        matches!(
            self,
            Self::BadClient(_)
                | Self::Declined
                | Self::Expired
                | Self::LoginGone(..)
                | Self::Xbox(_)
                | Self::NoProfile
                | Self::MayNotPlay(..)
                | Self::NotJoined(_)
                | Self::OtherProfile(..)
                | Self::Cancelled
        )
    }
}

/// What a service says, in quotes behind a colon, if it says anything.
fn said(text: &Option<String>) -> String {
    text.as_ref().map_or(String::new(), |text| format!(": \"{text}\""))
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClientId => f.write_str(
                "no application to log in for: --set account_client_id=ID; docs/accounts.md says how to \
                 get one",
            ),
            Self::Unknown(name, known) => {
                write!(f, "there is no account {name}; ")?;
                match midwire_definition::diagnostics::suggest(name, known.iter().map(|n| &**n)) {
                    Some(near) => write!(f, "did you mean {near}?"),
                    None if known.is_empty() => f.write_str("add it: midwire account add"),
                    None => write!(f, "there are: {}", known.join(", ")),
                }
            }
            Self::Unreachable(service, place, why) => {
                write!(f, "{service} ({place}) cannot be reached: {why}")
            }
            Self::Timeout(service, limit) => {
                write!(f, "{service} did not answer within {} s (account_timeout)", limit.as_secs_f32())
            }
            Self::TooLong(limit) => write!(
                f,
                "logging in took longer than {} s (account_login_timeout); try again",
                limit.as_secs_f32()
            ),
            Self::Status(service, status, text) if *status >= 500 => {
                write!(f, "{service} is not well now (status {status}){}", said(text))
            }
            Self::Status(service, status, text) => {
                write!(f, "{service} refuses (status {status}){}", said(text))
            }
            Self::TooOften(service) => {
                write!(f, "{service} was asked too often; wait a minute and try again")
            }
            Self::Nonsense(service, what) => write!(f, "{service} answers nonsense: {what}"),
            Self::BadClient(text) => write!(
                f,
                "Microsoft's login refuses the application (account_client_id){}; docs/accounts.md says \
                 what it has to allow",
                said(text)
            ),
            Self::Declined => f.write_str("the login was declined"),
            Self::Expired => f.write_str("the code was not entered in time"),
            Self::LoginGone(name, text) => write!(
                f,
                "the login of {name} does not count any more{}; log in again: midwire account add {name}",
                said(text)
            ),
            Self::Xbox(xerr) => xerr.fmt(f),
            Self::NoProfile => f.write_str(
                "the account has no Minecraft profile: it does not own the game, or has no name in it yet \
                 (minecraft.net)",
            ),
            Self::MayNotPlay(name, text) => {
                write!(f, "{name} may not play on servers{}", said(text))
            }
            Self::NotJoined(name) => write!(
                f,
                "Minecraft's session service does not know that {name} is joining: log the game in, or see \
                 client_check in docs/accounts.md"
            ),
            Self::OtherProfile(name, profile) => write!(
                f,
                "this midwire plays as {profile}, and {name} is somebody else; see client_check in \
                 docs/accounts.md"
            ),
            Self::Store(error) => error.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder => f.write_str("the system does not tell where your data is kept"),
            Self::Io(what, file, error) => write!(f, "cannot {what} {}: {error}", file.display()),
            Self::Damaged(file, what) => write!(
                f,
                "{} is no file of accounts ({what}); move it away and add the accounts again",
                file.display()
            ),
            Self::Busy(file) => {
                write!(f, "another midwire has locked {} for long; try again", file.display())
            }
        }
    }
}

impl std::error::Error for AccountError {}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
